package eligibility

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/linkparse"
)

// coordinator is the import key of invites that reached us by mail: their copies need no calendar
// access, are never secondary, and have a lead time.
const coordinator = "coordinator"

// facts are what the rules read. They are computed once for a meeting; no rule reads another's result.
type facts struct {
	*Decider
	about   []Signal // those about this meeting or its series
	meeting calendar.Key
	series  string

	all    []readCopy     // every copy
	copies []readCopy     // those that count: the lead copy, then the newest first
	lead   calendar.Event // of the lead copy; zero when no copy counts
	mailed bool           // some copy that counts is the coordinator's

	people []participant // in the order of their addresses
	host   participant
	owner  *entry
	// behalf are the recordable members, best first: the host, then by answer, then by address.
	behalf []*participant

	links       []linkparse.Link // of the copies that count, the meeting's first
	opaque      []linkparse.Opaque
	link        *linkparse.Link        // the meeting's; nil if there is none of a recordable provider
	provider    string                 // behind the link; "" if there is no link or it does not say
	consent     *linkparse.ConsentPage // nil if there is none
	consentLink linkparse.Link
	profile     ConsentProfile // of the owner
	owns        string         // the address of the provider's user that owns the meeting, where known
	methods     methods
	word        *Signal // the newest skip or record
}

// A readCopy is a copy and the links that stand in it: texts are read once.
type readCopy struct {
	calendar.Copy
	found linkparse.Found
}

// mailed reports whether the copy came by mail. Nothing else in the rules knows one source from another.
func (c readCopy) mailed() bool { return c.Source.Driver == coordinator }

func newFacts(x *Decider, m calendar.Meeting) *facts {
	f := &facts{Decider: x, meeting: m.Key, series: m.Key.Series()}
	f.findSignals()
	f.findCopies(m.Copies)
	f.findPeople()
	f.findOwner()
	f.findLinks()
	f.findConsent()
	f.findMethods()
	f.findWord()
	return f
}

// findCopies puts the copies in order, and takes those whose source is imported. The lead copy is the
// organizer's own, else the newest by sequence, then updated. Merge has them nearly so, but does not
// know the organizer's aliases.
func (f *facts) findCopies(copies []calendar.Copy) {
	f.all = make([]readCopy, len(copies))
	for i := range copies {
		f.all[i] = readCopy{copies[i], copies[i].Found(f.policy.linkOptions())}
	}
	slices.SortStableFunc(f.all, func(a, b readCopy) int {
		return cmp.Or(
			compareBool(a.Hidden, b.Hidden), // what shows times alone says least
			-cmp.Compare(a.Sequence, b.Sequence),
			-a.Updated.Compare(b.Updated),
			cmp.Compare(a.Source.Driver, b.Source.Driver),
			cmp.Compare(a.Source.Calendar, b.Source.Calendar),
			cmp.Compare(a.Ref, b.Ref),
			cmp.Compare(a.Source.ID, b.Source.ID))
	})
	f.copies = f.all
	if slices.ContainsFunc(f.all, f.disabled) {
		f.copies = slices.DeleteFunc(slices.Clone(f.all), f.disabled)
	}
	if lead := slices.IndexFunc(f.copies, func(c readCopy) bool { return f.organizersOwn(c) && !c.Hidden }); lead > 0 {
		c := f.copies[lead]
		copy(f.copies[1:], f.copies[:lead]) // what follows stays the newest first, the organizer's other calendars too
		f.copies[0] = c
	}
	f.mailed = slices.ContainsFunc(f.copies, readCopy.mailed)
	if len(f.copies) > 0 {
		f.lead = f.copies[0].Event
		for i := 1; i < len(f.copies) && f.lead.Title == ""; i++ { // a room, or a calendar of times alone, has none
			f.lead.Title = f.copies[i].Title
		}
	}
}

// disabled reports whether nothing is imported from the copy's source.
func (f *facts) disabled(c readCopy) bool { return !f.policy.Import[c.Source.Driver].Enabled }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// organizersOwn reports whether the copy stands in its organizer's calendar.
func (f *facts) organizersOwn(c readCopy) bool {
	return c.Organizer.Email != "" && f.same(c.Organizer.Email, c.Source.Calendar)
}

// same reports whether two addresses are one person's.
func (f *facts) same(a, b string) bool {
	if fold(a) == fold(b) {
		return true
	}
	m := f.directory.find(a)
	return m != nil && m == f.directory.find(b)
}

// places are the fields of an event in the order in which their links count; "" is any other.
var places = []string{"conference", "location", "description", ""}

// findLinks puts the links of all copies in order: by place, and within one the lead copy's first.
func (f *facts) findLinks() {
	for _, c := range f.copies {
		f.opaque = append(f.opaque, c.found.Opaque...)
	}
	for _, place := range places {
		for _, c := range f.copies {
			for _, l := range c.found.Links {
				if l.Where == place || place == "" && !slices.Contains(places, l.Where) {
					f.links = append(f.links, l)
				}
			}
		}
	}
	for i, l := range f.links {
		if provider, ok := f.recordableProvider(l); ok {
			f.link, f.provider = &f.links[i], provider
			break
		}
	}
	if f.link != nil {
		f.owns = f.callOwner()
		// A personal link does not show the number under which others join the same call.
		if number := f.structured(func(c calendar.Conference) string { return c.MeetingID }); number != "" && number != f.link.MeetingID {
			l := *f.link
			l.Keys = append(slices.Clone(l.Keys), number)
			f.link = &l
		}
	}
}

// recordableProvider is the provider behind l, and whether l can be recorded at all.
func (f *facts) recordableProvider(l linkparse.Link) (string, bool) {
	if page, ok := f.consentPage(l); ok {
		return page.Provider, true
	}
	_, ok := captureMethods[l.Provider]
	return l.Provider, ok && l.URL != ""
}

// callOwner is the user that owns the call: from the invite's structured data, or the member whose
// personal room it is.
func (f *facts) callOwner() string {
	if owner := f.structured(func(c calendar.Conference) string { return c.Owner }); owner != "" {
		return owner
	}
	if f.link.Provider == linkparse.Zoom {
		if m := f.directory.byRoom[foldRoom(f.link.MeetingID)]; m != nil {
			return m.Email
		}
	}
	return ""
}

// structured is what a copy's structured data says of the call, "" if none says it.
func (f *facts) structured(field func(calendar.Conference) string) string {
	for _, c := range f.copies {
		for _, conf := range c.Conference {
			value := field(conf)
			if value == "" {
				continue
			}
			found := linkparse.Find(f.policy.linkOptions(), linkparse.Field{Where: "conference", Kind: linkparse.URL, Text: conf.URL})
			if len(found.Links) > 0 && sameCall(found.Links[0], *f.link) {
				return value
			}
		}
	}
	return ""
}

// sameCall reports whether two links lead to one call. A consent link has no meeting id: its page stands
// for the call.
func sameCall(a, b linkparse.Link) bool {
	return a.Provider == b.Provider && a.MeetingID == b.MeetingID && (a.Page == nil || samePage(a, b))
}

// findSignals takes the signals about this meeting, of those about its series.
func (f *facts) findSignals() {
	for _, s := range f.signals[f.series] {
		if f.concerns(s) {
			f.about = append(f.about, s)
		}
	}
}

// concerns reports whether a signal is about this meeting or its series.
func (f *facts) concerns(s Signal) bool {
	about := calendar.Key(strings.TrimSpace(string(s.Meeting)))
	if about == f.meeting || string(about) == f.series {
		return true
	}
	// A person or another program may have the UID as Exchange gives it to one instance, or the time of
	// another zone.
	if calendar.CanonicalUID(string(about)) == f.series {
		return true
	}
	i := strings.LastIndexByte(string(about), '/')
	return i > 0 && calendar.CanonicalUID(string(about[:i])) == f.series &&
		sameInstant(string(about[i+1:]), strings.TrimPrefix(string(f.meeting), f.series+"/"))
}

func sameInstant(a, b string) bool {
	s, err := time.Parse(time.RFC3339, a)
	if err != nil {
		return false
	}
	t, err := time.Parse(time.RFC3339, b)
	return err == nil && s.Equal(t)
}

// findWord takes the newest wish to skip or record. Of two at one instant, the one to skip counts,
// which is also the later in the alphabet.
func (f *facts) findWord() {
	for i, s := range f.about {
		if s.Signal != SignalSkip && s.Signal != SignalRecord {
			continue
		}
		if f.word == nil || cmp.Or(s.At.Compare(f.word.At), cmp.Compare(s.Signal, f.word.Signal), -cmp.Compare(fold(s.Email), fold(f.word.Email))) > 0 {
			f.word = &f.about[i]
		}
	}
}

// at is a time in a detail.
func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
