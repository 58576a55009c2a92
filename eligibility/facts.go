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
	policy    *Policy
	directory *Directory
	signals   Signals
	meeting   calendar.Meeting

	copies []calendar.Copy // those that count, the lead copy first
	lead   calendar.Event  // of the lead copy; zero when no copy counts
	mailed bool            // some copy that counts is the coordinator's

	people []participant // in the order of their addresses
	host   participant
	owner  *Member
	// behalf are the recordable members, best first: the host, then by answer, then by address.
	behalf []*Member

	links    []linkparse.Link // of the copies that count, the meeting's first
	opaque   []linkparse.Opaque
	link     *linkparse.Link // the meeting's; nil if there is none of a recordable provider
	provider string          // behind the link; "" if there is no link or it does not say
	consent  *consentLink    // nil if there is none
	profile  ConsentProfile  // of the owner
	owns     string          // the address of the provider's user that owns the meeting, where known
	methods  methods
	word     *Signal // the newest skip or record
}

// A participant is a person or a group, under all addresses that the copies have for them.
type participant struct {
	addresses []string // in lower case
	name      string
	member    *Member // nil if not in the directory
	response  string
}

// String is how a detail names the participant.
func (p participant) String() string {
	switch {
	case p.member != nil:
		return p.member.Email
	case len(p.addresses) > 0:
		return p.addresses[0]
	}
	return cmp.Or(p.name, "somebody without an address")
}

func (p participant) declined() bool { return p.response == calendar.ResponseDeclined }

func newFacts(m calendar.Meeting, p *Policy, d *Directory, s Signals) *facts {
	f := &facts{policy: p, directory: d, signals: s, meeting: m}
	f.findCopies()
	f.findPeople()
	f.findOwner()
	f.findLinks()
	f.findConsent()
	f.findMethods()
	f.findWord()
	return f
}

// findCopies takes the copies whose source is imported, the lead copy first: the organizer's own, else
// the newest by sequence, then updated.
func (f *facts) findCopies() {
	for _, c := range f.meeting.Copies {
		if f.policy.Import[c.Source.Driver].Enabled {
			f.copies = append(f.copies, c)
			f.mailed = f.mailed || c.Source.Driver == coordinator
		}
	}
	slices.SortStableFunc(f.copies, func(a, b calendar.Copy) int {
		return cmp.Or(
			-compareBool(f.organizersOwn(a), f.organizersOwn(b)),
			-cmp.Compare(a.Sequence, b.Sequence),
			-a.Updated.Compare(b.Updated),
			cmp.Compare(a.Source.Driver, b.Source.Driver),
			cmp.Compare(a.Source.Calendar, b.Source.Calendar),
			cmp.Compare(a.Ref, b.Ref),
			cmp.Compare(a.Source.ID, b.Source.ID))
	})
	if len(f.copies) > 0 {
		f.lead = f.copies[0].Event
	}
}

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
func (f *facts) organizersOwn(c calendar.Copy) bool {
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

// noPerson are the domains of Google's secondary, room and imported calendars: organizers there are no
// people, and the event's creator is the host.
var noPerson = []string{"group.calendar.google.com", "resource.calendar.google.com", "import.calendar.google.com"}

func hostOf(e calendar.Event) calendar.Person {
	if _, calendarOnly := within(domainOf(e.Organizer.Email), noPerson); calendarOnly || e.Organizer.Email == "" {
		return e.Creator
	}
	return e.Organizer
}

// findPeople unites the guest lists: a guest may see a shorter one. A person's answer is the one on
// their own copy, else on the lead copy, else on the newest copy that lists them.
func (f *facts) findPeople() {
	byKey, own := map[string]*participant{}, map[string]bool{}
	meet := func(email, name string) (string, *participant) {
		key := fold(email)
		member := f.directory.find(email)
		if member != nil {
			key = fold(member.Email)
		}
		if key == "" {
			key = "\x00" + name // somebody is there, and that is all that is known
		}
		p, known := byKey[key]
		if !known {
			p = &participant{member: member, name: name}
			byKey[key] = p
		}
		if a := fold(email); a != "" && !slices.Contains(p.addresses, a) {
			p.addresses = append(p.addresses, a)
		}
		return key, p
	}
	for _, c := range f.copies {
		for _, a := range c.Attendees {
			if a.Kind == calendar.AttendeeResource || a.Email == "" && a.Name == "" {
				continue
			}
			key, p := meet(a.Email, a.Name)
			isOwn := a.Email != "" && f.same(a.Email, c.Source.Calendar)
			if p.response == "" || isOwn && !own[key] {
				p.response = cmp.Or(a.Response, calendar.ResponseNone)
				own[key] = own[key] || isOwn
			}
		}
		if h := hostOf(c.Event); h.Email != "" {
			meet(h.Email, h.Name)
		}
	}
	if h := hostOf(f.lead); h.Email != "" {
		key, _ := meet(h.Email, h.Name)
		f.host = *byKey[key]
	}
	for _, p := range byKey {
		slices.Sort(p.addresses)
		f.people = append(f.people, *p)
	}
	slices.SortFunc(f.people, func(a, b participant) int {
		return cmp.Or(slices.Compare(a.addresses, b.addresses), cmp.Compare(a.name, b.name))
	})
	slices.Sort(f.host.addresses)
}

// readable reports whether the member's calendar access is given.
func (f *facts) readable(m *Member) bool {
	if f.mailed {
		return true
	}
	addresses := m.addresses()
	if f.directory.access != nil {
		return f.directory.access(addresses)
	}
	for _, c := range f.copies {
		if c.Source.NoAccess {
			continue
		}
		for _, a := range addresses {
			if fold(c.Source.Calendar) == a || c.Source.Account != "" && fold(c.Source.Account) == domainOf(a) {
				return true
			}
		}
	}
	return false
}

// missing says what a member lacks to be recordable; nothing if they are.
func (f *facts) missing(m *Member) []string {
	var lacks []string
	if !m.Seat {
		lacks = append(lacks, "seat")
	}
	if m.Record != RecordOn {
		lacks = append(lacks, "record: on")
	}
	if !f.readable(m) {
		lacks = append(lacks, "calendar access")
	}
	return lacks
}

// recordable reports whether p is a recordable member who has not declined.
func (f *facts) recordable(p participant) bool {
	return p.member != nil && !p.declined() && len(f.missing(p.member)) == 0
}

// answers orders responses: who said yes first.
var answers = map[string]int{calendar.ResponseAccepted: 0, calendar.ResponseTentative: 1, calendar.ResponseNone: 2, "": 2}

// findOwner takes the recordable members in order; the first one owns the recording.
func (f *facts) findOwner() {
	if f.recordable(f.host) {
		f.behalf = append(f.behalf, f.host.member)
	}
	guests := slices.Clone(f.people)
	slices.SortStableFunc(guests, func(a, b participant) int {
		return cmp.Or(cmp.Compare(answers[a.response], answers[b.response]), cmp.Compare(a.String(), b.String()))
	})
	for _, p := range guests {
		if f.recordable(p) && !slices.Contains(f.behalf, p.member) {
			f.behalf = append(f.behalf, p.member)
		}
	}
	if len(f.behalf) > 0 {
		f.owner = f.behalf[0]
	}
}

// places are the fields of an event in the order in which their links count.
var places = []string{"conference", "location", "description"}

// findLinks puts the links of all copies in order: by place, and within one the lead copy's first.
func (f *facts) findLinks() {
	found := make([]linkparse.Found, len(f.copies))
	for i, c := range f.copies {
		found[i] = c.Found(f.policy.linkOptions())
		f.opaque = append(f.opaque, found[i].Opaque...)
	}
	for _, place := range places {
		for i := range found {
			for _, l := range found[i].Links {
				if l.Where == place {
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
	}
}

// recordableProvider is the provider behind l, and whether l can be recorded at all.
func (f *facts) recordableProvider(l linkparse.Link) (string, bool) {
	if l.Provider == linkparse.Consent {
		c, ok := f.parseConsent(l)
		return c.provider, ok
	}
	_, ok := captureMethods[l.Provider]
	return l.Provider, ok
}

// callOwner is the user that owns the call: from the invite's structured data, or the member whose
// personal room it is.
func (f *facts) callOwner() string {
	for _, c := range f.copies {
		for _, conf := range c.Conference {
			if conf.Owner == "" {
				continue
			}
			found := linkparse.Find(f.policy.linkOptions(), linkparse.Field{Where: "conference", Kind: linkparse.URL, Text: conf.URL})
			if len(found.Links) > 0 && found.Links[0].Provider == f.link.Provider && found.Links[0].MeetingID == f.link.MeetingID {
				return conf.Owner
			}
		}
	}
	if f.link.Provider == linkparse.Zoom {
		if m := f.directory.byRoom[fold(f.link.MeetingID)]; m != nil {
			return m.Email
		}
	}
	return ""
}

// concerns reports whether a signal is about this meeting or its series.
func (f *facts) concerns(s Signal) bool {
	about := calendar.Key(strings.TrimSpace(string(s.Meeting)))
	return about == f.meeting.Key || string(about) == f.meeting.Key.Series() ||
		calendar.CanonicalUID(string(about)) == f.meeting.Key.Series()
}

// findWord takes the newest wish to skip or record. Of two at one instant, the one to skip counts,
// which is also the later in the alphabet.
func (f *facts) findWord() {
	for i, s := range f.signals {
		if !f.concerns(s) || s.Signal != SignalSkip && s.Signal != SignalRecord {
			continue
		}
		if f.word == nil || cmp.Or(s.At.Compare(f.word.At), cmp.Compare(s.Signal, f.word.Signal), -cmp.Compare(fold(s.Email), fold(f.word.Email))) > 0 {
			f.word = &f.signals[i]
		}
	}
}

// at is a time in a detail.
func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
