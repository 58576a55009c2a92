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
	hints   []hint
	steps   int // URLs cut so far: what the work amounts to
}

// A candidate is a meeting that may become a link.
type candidate struct {
	meeting
	quoted bool
}

func find(o Options, fields ...Field) *finder {
	f := &finder{}
	for _, host := range o.ConsentHosts {
		f.consent = append(f.consent, strings.ToLower(host))
	}
	for _, field := range fields {
		if field.Kind == URL {
			f.field(field.Where, asDocument(field.Text))
		} else {
			f.field(field.Where, read(field))
		}
	}
	f.recover()
	return f
}

// asDocument takes a text that is one URL for a link without text. What does not begin with a URL is
// none: tel:, sip:, conf:sip:.
func asDocument(text string) document {
	text = strings.TrimPrefix(strings.TrimSpace(tidy(text)), "<")
	if url, from, ok := (&scanner{s: text}).next(); ok && from == 0 {
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
		quotes   *quotation
		current  result // of the anchor that was reached last
		until    int    // where its text ends
		anchors  = d.anchors
		unsolved = len(f.opaque)
	)
	take := func(r result, at int, id string) {
		if r.kind == isMeeting {
			if quotes == nil {
				quotes = d.quotation()
			}
			r.meeting.link.Where = where
			found = append(found, candidate{r.meeting, quotes.has(at)})
		}
		if pair, ok := invite.next(r, id); ok {
			f.pairs = append(f.pairs, pair)
		}
	}
	toAnchor := func(at int) {
		for len(anchors) > 0 && anchors[0].from <= at {
			a := anchors[0]
			anchors = anchors[1:]
			f.report(current)
			current, until = f.resolve(webURL(a.href)), a.to
			take(current, a.from, a.id)
		}
	}
	sc := scanner{s: d.text}
	for len(found) < 16*maxLinks { // the same few over and over
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
		f.report(r)
		take(r, at, "")
	}
	toAnchor(len(d.text))
	f.report(current)
	for _, quoted := range []bool{false, true} {
		for _, c := range found {
			if c.quoted == quoted {
				f.add(c)
			}
		}
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
		f.links[i] = c
	}
}

// report lists an opaque link once.
func (f *finder) report(r result) {
	if r.kind == isOpaque && len(f.opaque) < maxLinks && !slices.Contains(f.opaque, r.opaque) {
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

// An invitation follows the links of a Teams invitation: the short one, "Need help?", and the long one
// as "System reference". In HTML their anchors have ids as well.
type invitation struct {
	short, named string // keys of a short link: the last URL's, or before a help link; by its anchor's id
	helped       bool
}

const inviteID = "meet_invite_block.action.join_link" // Outlook may put "x_" before it

func (i *invitation) next(r result, id string) (pair [2]string, ok bool) {
	teams := r.kind == isMeeting && r.meeting.link.Provider == Teams
	switch {
	case teams && !r.meeting.long:
		i.short, i.helped = r.meeting.key, false
		if strings.HasSuffix(id, inviteID) {
			i.named = r.meeting.key
		}
	case teams && i.named != "" && strings.HasSuffix(id, inviteID+"_compatibility"):
		pair, ok = [2]string{i.named, r.meeting.key}, true
		*i = invitation{}
	case teams && i.short != "" && i.helped:
		pair, ok = [2]string{i.short, r.meeting.key}, true
		*i = invitation{}
	case r.help && i.short != "":
		i.helped = true
	default:
		i.short, i.helped = "", false
	}
	return pair, ok
}
