package eligibility

import "strings"

// A Directory finds members by any of their addresses. It is safe for concurrent use.
type Directory struct {
	byAddress map[string]*Member
	byRoom    map[string]*Member // by the Zoom personal room's number or name
	access    Access
}

// Access reports whether a live connection reads the calendar of the person with these addresses.
type Access func(addresses []string) bool

// NewDirectory indexes members by address and alias, without regard to case. Of an address that stands
// twice the first member has it; Policy.Validate says so.
func NewDirectory(members []Member) *Directory {
	d := &Directory{byAddress: make(map[string]*Member, 2*len(members)), byRoom: map[string]*Member{}}
	for i := range members {
		m := &members[i]
		for _, a := range m.addresses() {
			if _, taken := d.byAddress[a]; !taken {
				d.byAddress[a] = m
			}
		}
		if m.Zoom != nil {
			for _, room := range m.Zoom.PersonalRooms {
				if _, taken := d.byRoom[fold(room)]; !taken {
					d.byRoom[fold(room)] = m
				}
			}
		}
	}
	return d
}

// WithAccess is d with the connections' state. Without it, access is concluded from the copies of each
// meeting: from the account that a copy came through, and the calendar that it stands in.
func (d *Directory) WithAccess(a Access) *Directory {
	with := *d
	with.access = a
	return &with
}

// Find is the member with that address or alias.
func (d *Directory) Find(email string) (Member, bool) {
	m := d.find(email)
	if m == nil {
		return Member{}, false
	}
	return *m, true
}

func (d *Directory) find(email string) *Member { return d.byAddress[fold(email)] }

// addresses are the member's email and aliases, in lower case.
func (m *Member) addresses() []string {
	all := make([]string, 0, 1+len(m.Aliases))
	for _, a := range append([]string{m.Email}, m.Aliases...) {
		if a = fold(a); a != "" {
			all = append(all, a)
		}
	}
	return all
}

// fold brings an address or a host to the form in which it is compared.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// domainOf is the part of an address behind the "@", in lower case; "" if there is none.
func domainOf(email string) string {
	_, domain, ok := strings.Cut(fold(email), "@")
	if i := strings.LastIndexByte(domain, '@'); i >= 0 { // "a@b"@c.example
		domain = domain[i+1:]
	}
	if !ok {
		return ""
	}
	return strings.TrimSuffix(domain, ".")
}

// within reports whether domain is one of list or a subdomain of one, and of which.
func within(domain string, list []string) (string, bool) {
	for _, l := range list {
		d := strings.Trim(fold(l), ".@")
		if d != "" && (domain == d || strings.HasSuffix(domain, "."+d)) {
			return d, true
		}
	}
	return "", false
}
