package linkparse

import (
	"slices"
	"strings"
)

const (
	maxDepth = 8  // gateways around one link; five were seen in one
	maxLinks = 64 // of one event
)

// A finder gathers what the fields of one event hold.
type finder struct {
	consent []string
	links   []candidate
	pairs   [][2]string // keys of a Teams meeting's short and long link
	opaque  []Opaque
	wrapped []wrapped // the links that opaque is of
	hints   []hint
	steps   int // URLs cut so far: what the work amounts to
}

// A candidate is a meeting that may become a link.
type candidate struct {
	meeting
	at int // where in the text it stands
}

func find(o Options, fields ...Field) *finder {
	f := gather(o, fields)
	f.recover()
	return f
}

// gather reads the fields.
func gather(o Options, fields []Field) *finder {
	f := &finder{}
	for _, host := range o.ConsentHosts {
		f.consent = append(f.consent, strings.ToLower(host))
	}
	for _, field := range fields {
		if field.Kind == URL {
			f.field(field.Where, f.single(field.Text))
		} else {
			f.field(field.Where, read(field))
		}
	}
	return f
}

// single takes a text that is one URL for a link without text. What does not begin with a URL is none:
// tel:, sip:, conf:sip:.
func (f *finder) single(text string) document {
	text = strings.TrimLeft(strings.TrimSpace(tidy(text)), "<\"'")
	sc := scanner{s: text, hosts: f.consent}
	if url, from, ok := sc.next(); ok && from == 0 {
		return document{anchors: []anchor{{href: url}}}
	}
	return document{}
}

// field takes what a document holds, in the order of its text, with anchors before the text that
// shows them.
func (f *finder) field(where string, d document) {
	var (
		found    []candidate
		invite   invitation
		current  result // of the anchor that was reached last
		until    int    // where its text ends
		anchors  = d.anchors
		unsolved = len(f.opaque)
	)
	take := func(r result, at int, id, words string) {
		if r.kind == isMeeting {
			r.meeting.link.Where = where
			found = append(found, candidate{r.meeting, at})
		}
		if pair, ok := invite.next(r, id, words); ok {
			f.pairs = append(f.pairs, pair)
		}
	}
	toAnchor := func(at int) {
		for len(anchors) > 0 && anchors[0].from <= at {
			a := anchors[0]
			anchors = anchors[1:]
			f.report(where, current)
			current, until = f.resolve(f.webURL(a.href)), a.to
			take(current, a.from, a.id, d.text[a.from:a.to])
		}
	}
	sc := scanner{s: d.text, hosts: f.consent}
	for {
		url, at, ok := sc.next()
		if !ok {
			break
		}
		toAnchor(at)
		shown := at < until
		if shown && (current.kind == isMeeting || current.kind == isForeign) {
			continue // where the link leads is what counts; a text that says otherwise is phish
		}
		r := f.resolve(url)
		if shown && current.kind == isOpaque && r.kind == isMeeting {
			current = result{} // the text is the original of what can't be decoded
		}
		f.report(where, r)
		take(r, at, "", d.text[:at])
	}
	toAnchor(len(d.text))
	f.report(where, current)
	for _, c := range d.quotedLast(found) {
		f.add(c)
	}
	f.hint(where, d.text, f.opaque[unsolved:])
}

// add lists a candidate, or, if its meeting is listed, lets the better variant stand in its place.
func (f *finder) add(c candidate) {
	i := slices.IndexFunc(f.links, func(l candidate) bool { return l.key == c.key })
	if i < 0 {
		if len(f.links) < maxLinks {
			f.links = append(f.links, c)
		}
	} else if c.secret && !f.links[i].secret {
		c.link.Where = f.links[i].link.Where
		f.links[i] = c
	}
}

// report lists an opaque link once.
func (f *finder) report(where string, r result) {
	if r.kind != isOpaque {
		return
	}
	if len(f.wrapped) < maxLinks {
		f.wrapped = append(f.wrapped, wrapped{where, r})
	}
	if len(f.opaque) < maxLinks && !slices.Contains(f.opaque, r.opaque) {
		f.opaque = append(f.opaque, r.opaque)
	}
}

// found makes one link of a Teams meeting's two.
func (f *finder) found() Found {
	for _, p := range f.pairs {
		short := slices.IndexFunc(f.links, func(c candidate) bool { return c.key == p[0] })
		long := slices.IndexFunc(f.links, func(c candidate) bool { return c.key == p[1] })
		if short < 0 || long < 0 {
			continue
		}
		first, second := min(short, long), max(short, long)
		l := &f.links[first].link
		l.Keys = append(l.Keys, f.links[second].link.MeetingID)
		l.TenantID, l.OrganizerID = f.links[long].link.TenantID, f.links[long].link.OrganizerID
		f.links = slices.Delete(f.links, second, second+1)
	}
	found := Found{Opaque: f.opaque}
	for _, c := range f.links {
		found.Links = append(found.Links, c.link)
	}
	return found
}

// An invitation follows the links of a Teams invitation of 2026, which has a short link and a long one
// for the same meeting. It pairs nothing on suspicion: a thread may hold an old invitation below a new.
type invitation struct {
	short string // the key of the short link, if it was the last meeting
	named bool   // its anchor said so
}

const (
	inviteID        = "meet_invite_block.action.join_link" // Outlook may put "x_" before it
	systemReference = "System reference"                   // what the long link is called where anchors have no ids
)

// next takes the next link, its anchor's id and the words that show it or stand before it. It gives
// the keys of the short and the long link if the latter belongs to the former.
func (i *invitation) next(r result, id, words string) (pair [2]string, ok bool) {
	if r.kind != isMeeting {
		return pair, false
	}
	last := *i
	*i = invitation{}
	switch {
	case r.meeting.link.Provider != Teams:
	case !r.meeting.long:
		*i = invitation{r.meeting.key, strings.HasSuffix(id, inviteID)}
	case last.short != "":
		ok = last.named && strings.HasSuffix(id, inviteID+"_compatibility") ||
			strings.HasSuffix(strings.TrimRight(words, "<( :\t\r\n\u00a0"), systemReference)
		pair = [2]string{last.short, r.meeting.key}
	}
	return pair, ok
}
