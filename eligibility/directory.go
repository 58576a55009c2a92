package eligibility

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

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

// fold brings an address, a domain or a host to the form in which it is compared: lower case, and an
// international domain in its ASCII form, since one calendar writes it so and another does not.
func fold(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if isASCII(s) {
		return s
	}
	local := s[:strings.LastIndexByte(s, '@')+1]
	domain, err := idna.Lookup.ToASCII(s[len(local):])
	if err != nil {
		return s
	}
	return local + domain
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// domainOf is the part of an address behind the "@", in lower case; "" if there is none.
func domainOf(email string) string {
	email = fold(email)
	i := strings.LastIndexByte(email, '@') // "a@b"@c.example has two
	if i < 0 {
		return ""
	}
	return strings.TrimSuffix(email[i+1:], ".")
}

// domains is a list of domains in the form in which they are compared.
type domains []string

func foldDomains(list []string) domains {
	ds := make(domains, 0, len(list))
	for _, d := range list {
		if d = strings.Trim(fold(d), ".@"); d != "" {
			ds = append(ds, d)
		}
	}
	return ds
}

// hold reports whether domain is one of ds or a subdomain of one, and of which.
func (ds domains) hold(domain string) (string, bool) {
	for _, d := range ds {
		if rest, ok := strings.CutSuffix(domain, d); ok && (rest == "" || strings.HasSuffix(rest, ".")) {
			return d, true
		}
	}
	return "", false
}
