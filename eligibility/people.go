package eligibility

import (
	"cmp"
	"slices"
	"strings"

	"example.com/syncd/calendar"
)

// A participant is a person or a group, under all addresses that the copies have for them.
type participant struct {
	addresses []string // in lower case, sorted
	name      string
	member    *entry // nil if not in the directory
	response  string
	own       bool // the response is from the participant's own copy

	id     identity
	copy   int    // the last one that lists them, from 1
	listed string // their answer there
}

// String is how a detail names the participant.
func (p *participant) String() string {
	switch {
	case p.member != nil:
		return p.member.Email
	case len(p.addresses) > 0:
		return p.addresses[0]
	}
	return cmp.Or(p.name, someone)
}

func (p *participant) declined() bool { return p.response == calendar.ResponseDeclined }

// noPerson are the domains of Google's secondary, room and imported calendars. Who stands there is no
// participant, and an event that one of them organizes is its creator's.
var noPerson = foldDomains([]string{"group.calendar.google.com", "resource.calendar.google.com", "import.calendar.google.com"})

// isCalendar reports whether the address is a calendar's and no person's.
func isCalendar(email string) bool {
	const all = "calendar.google.com"
	if len(email) < len(all) || !strings.EqualFold(email[len(email)-len(all):], all) { // as nearly always
		return false
	}
	_, ok := noPerson.hold(domainOf(email))
	return ok
}

// hostOf is the event's organizer, or its creator where the organizer is no person: a calendar, or what a
// guest list calls a group (a shared mailbox) or a resource.
func (f *facts) hostOf(e calendar.Event) calendar.Person {
	if isCalendar(e.Organizer.Email) || e.Organizer.Email == "" {
		return e.Creator
	}
	for i := range f.copies { // not every list has it
		for _, a := range f.copies[i].Attendees {
			noPerson := a.Kind == calendar.AttendeeResource || a.Kind == calendar.AttendeeGroup && e.Creator.Email != ""
			if noPerson && fold(a.Email) == fold(e.Organizer.Email) {
				return e.Creator
			}
		}
	}
	return e.Organizer
}

// An identity is one participant's key: the member's email, else the address, else the name.
type identity string

// identify says who an address, in lower case, and a name are.
func (f *facts) identify(address, name string) (identity, *entry) {
	member := f.directory.byAddress[address]
	switch {
	case member != nil:
		return identity(member.addresses[0]), member
	case address != "":
		return identity(address), nil
	}
	return identity("\x00" + name), nil // somebody is there, and that is all that is known
}

// A gathering is the people of a meeting while their guest lists are united.
type gathering struct {
	*facts
	places    map[identity]int // in people; nil while there are so few that looking through them is faster
	addresses []string         // room for everybody's first address
}

// few are so many people that a map does not pay.
const few = 24

// place is where in people somebody is, or -1.
func (g *gathering) place(id identity) int {
	if g.places != nil {
		if i, met := g.places[id]; met {
			return i
		}
		return -1
	}
	for i := range g.people {
		if g.people[i].id == id {
			return i
		}
	}
	return -1
}

// add lists somebody whom nobody has met.
func (g *gathering) add(p participant) int {
	i := len(g.people)
	g.people = append(g.people, p)
	switch {
	case g.places != nil:
		g.places[p.id] = i
	case len(g.people) > few:
		g.places = map[identity]int{}
		for i, p := range g.people {
			g.places[p.id] = i
		}
	}
	return i
}

// meet is the place in people of who has that address and name.
func (g *gathering) meet(email, name string) int {
	address := fold(email)
	id, member := g.identify(address, name)
	i := g.place(id)
	if i < 0 {
		i = g.add(participant{id: id, member: member})
		if address != "" {
			g.addresses = append(g.addresses, address)
			n := len(g.addresses)
			g.people[i].addresses = g.addresses[n-1 : n : n]
		}
	} else if p := &g.people[i]; address != "" && !slices.Contains(p.addresses, address) {
		p.addresses = append(p.addresses, address)
	}
	if p := &g.people[i]; p.name == "" || name != "" && name < p.name { // whatever the order of the list
		p.name = name
	}
	return i
}

// findPeople unites the guest lists: a guest may see a shorter one. A person's answer is the one on
// their own copy, else on the lead copy, else on the newest copy that lists them.
func (f *facts) findPeople() {
	most := 1
	for _, c := range f.copies {
		most = max(most, 1+len(c.Attendees))
	}
	g := gathering{facts: f, addresses: make([]string, 0, most)}
	f.people = make([]participant, 0, most)
	for n, c := range f.copies {
		for _, a := range c.Attendees {
			if a.Kind == calendar.AttendeeResource || isCalendar(a.Email) || a.Email == "" && a.Name == "" {
				continue
			}
			p := &f.people[g.meet(a.Email, a.Name)]
			if p.copy != n+1 {
				p.copy, p.listed = n+1, ""
			}
			p.listed = joint(p.listed, cmp.Or(a.Response, calendar.ResponseNone))
		}
		owner, address := f.directory.find(c.Source.Calendar), fold(c.Source.Calendar)
		for i := range f.people {
			p := &f.people[i]
			if p.copy != n+1 {
				continue
			}
			own := owner != nil && p.member == owner || p.member == nil && len(p.addresses) > 0 && p.addresses[0] == address
			if p.response == "" || own && !p.own {
				p.response, p.own = p.listed, p.own || own
			}
		}
		if h := f.hostOf(c.Event); h.Email != "" {
			g.meet(h.Email, h.Name)
		}
	}
	host := -1
	for i := range f.copies { // the lead copy's, unless it names none
		if h := f.hostOf(f.copies[i].Event); h.Email != "" {
			host = g.meet(h.Email, h.Name)
			break
		}
	}
	for i := range f.people {
		slices.Sort(f.people[i].addresses)
		if i == host {
			f.host = f.people[i]
		}
	}
	slices.SortFunc(f.people, func(a, b participant) int {
		return cmp.Or(slices.Compare(a.addresses, b.addresses), cmp.Compare(a.name, b.name))
	})
}

// joint is the answer of a person whom one copy lists twice, under two addresses: whoever declined
// once is not to be recorded, and an answer says more than none.
func joint(a, b string) string {
	for _, r := range []string{calendar.ResponseDeclined, calendar.ResponseAccepted, calendar.ResponseTentative} {
		if a == r || b == r {
			return r
		}
	}
	return calendar.ResponseNone
}

// readable reports whether the member's calendar access is given: by a company-wide connection, whose
// account is a domain, by their own, whose account is their address, or by a copy in their calendar.
func (f *facts) readable(m *entry) bool {
	if f.mailed {
		return true
	}
	if f.directory.access != nil {
		return f.directory.access(m.addresses)
	}
	for _, c := range f.copies {
		if c.Source.NoAccess || c.Hidden {
			continue
		}
		for _, a := range m.addresses {
			if account := fold(c.Source.Account); fold(c.Source.Reader()) == a || fold(c.Source.Calendar) == a || account == a || account != "" && account == domainOf(a) {
				return true
			}
		}
	}
	return false
}

// missing says what a member lacks to be recordable; nothing if they are.
func (f *facts) missing(m *entry) []string {
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
func (f *facts) recordable(p *participant) bool {
	return p.member != nil && !p.declined() && p.member.Seat && p.member.Record == RecordOn && f.readable(p.member)
}

// answers orders responses: who said yes first.
var answers = map[string]int{calendar.ResponseAccepted: 0, calendar.ResponseTentative: 1, calendar.ResponseNone: 2, "": 2}

// findOwner takes the recordable members in order, the host first; the first one owns the recording.
func (f *facts) findOwner() {
	for i := range f.people {
		if p := &f.people[i]; f.recordable(p) {
			f.behalf = append(f.behalf, p)
		}
	}
	slices.SortFunc(f.behalf, func(a, b *participant) int {
		return cmp.Or(
			-compareBool(a.member == f.host.member, b.member == f.host.member),
			cmp.Compare(answers[a.response], answers[b.response]),
			cmp.Compare(a.member.addresses[0], b.member.addresses[0])) // in lower case
	})
	if len(f.behalf) > 0 {
		f.owner = f.behalf[0].member
	}
}
