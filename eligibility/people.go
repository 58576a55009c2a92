package eligibility

import (
	"cmp"
	"slices"

	"example.com/syncd/calendar"
)

// A participant is a person or a group, under all addresses that the copies have for them.
type participant struct {
	addresses []string // in lower case, sorted
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
	return cmp.Or(p.name, someone)
}

func (p participant) declined() bool { return p.response == calendar.ResponseDeclined }

// noPerson are the domains of Google's secondary, room and imported calendars. Who stands there is no
// participant, and an event that one of them organizes is its creator's.
var noPerson = foldDomains([]string{"group.calendar.google.com", "resource.calendar.google.com", "import.calendar.google.com"})

// isCalendar reports whether the address is a calendar's and no person's.
func isCalendar(email string) bool {
	_, ok := noPerson.hold(domainOf(email))
	return ok
}

// hostOf is the organizer, or the creator where the organizer is no person: a calendar, or what the
// guest list itself calls a group (a shared mailbox) or a resource.
func hostOf(e calendar.Event) calendar.Person {
	if isCalendar(e.Organizer.Email) || e.Organizer.Email == "" {
		return e.Creator
	}
	for _, a := range e.Attendees {
		if fold(a.Email) != fold(e.Organizer.Email) {
			continue
		}
		if a.Kind == calendar.AttendeeResource || a.Kind == calendar.AttendeeGroup && e.Creator.Email != "" {
			return e.Creator
		}
	}
	return e.Organizer
}

// An identity is one participant's key: the member's email, else the address, else the name.
type identity string

// identify says who an address and name are.
func (f *facts) identify(email, name string) (identity, *Member) {
	member := f.directory.find(email)
	switch {
	case member != nil:
		return identity(fold(member.Email)), member
	case fold(email) != "":
		return identity(fold(email)), nil
	}
	return identity("\x00" + name), nil // somebody is there, and that is all that is known
}

// findPeople unites the guest lists: a guest may see a shorter one. A person's answer is the one on
// their own copy, else on the lead copy, else on the newest copy that lists them.
func (f *facts) findPeople() {
	known, own := map[identity]*participant{}, map[identity]bool{}
	meet := func(email, name string) identity {
		id, member := f.identify(email, name)
		if known[id] == nil {
			known[id] = &participant{member: member}
			if member == nil && fold(email) == "" {
				known[id].name = name
			}
		}
		if a := fold(email); a != "" && !slices.Contains(known[id].addresses, a) {
			known[id].addresses = append(known[id].addresses, a)
		}
		return id
	}
	for _, c := range f.copies {
		listed, owner := map[identity]string{}, f.directory.find(c.Source.Calendar)
		for _, a := range c.Attendees {
			if a.Kind == calendar.AttendeeResource || isCalendar(a.Email) || a.Email == "" && a.Name == "" {
				continue
			}
			id := meet(a.Email, a.Name)
			listed[id] = joint(listed[id], cmp.Or(a.Response, calendar.ResponseNone))
		}
		for id, response := range listed { // each id once, so their order is nothing
			p := known[id]
			isOwn := owner != nil && p.member == owner || string(id) == fold(c.Source.Calendar)
			if p.response == "" || isOwn && !own[id] {
				p.response = response
				own[id] = own[id] || isOwn
			}
		}
		if h := hostOf(c.Event); h.Email != "" {
			meet(h.Email, h.Name)
		}
	}
	var host *participant
	if h := hostOf(f.lead); h.Email != "" {
		host = known[meet(h.Email, h.Name)]
	}
	for _, p := range known {
		slices.Sort(p.addresses)
		f.people = append(f.people, *p)
		if p == host {
			f.host = *p
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
