package eligibility

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// A Directory finds members by any of their addresses. It is safe for concurrent use.
type Directory struct {
	byAddress map[string]*entry
	byRoom    map[string]*entry // by the Zoom personal room's number or name
	access    Access
}

// An entry is a member with the addresses in lower case, the email first.
type entry struct {
	*Member
	addresses []string
}

// Access reports whether a live connection reads the calendar of the person with these addresses.
type Access func(addresses []string) bool

// NewDirectory indexes members by address and alias, without regard to case. Of an address that stands
// twice the first member has it; Policy.Validate says so.
func NewDirectory(members []Member) *Directory {
	d := &Directory{byAddress: make(map[string]*entry, 2*len(members)), byRoom: map[string]*entry{}}
	entries := make([]entry, len(members))
	for i := range members {
		e := &entries[i]
		*e = entry{&members[i], members[i].addresses()}
		for _, a := range e.addresses {
			if _, taken := d.byAddress[a]; !taken {
				d.byAddress[a] = e
			}
		}
		if e.Zoom != nil {
			for _, room := range e.Zoom.PersonalRooms {
				if _, taken := d.byRoom[foldRoom(room)]; !taken {
					d.byRoom[foldRoom(room)] = e
				}
			}
		}
	}
	return d
}

func (d *Directory) withAccess(a Access) *Directory {
	with := *d
	with.access = a
	return &with
}

// Find is the member with that address or alias.
func (d *Directory) Find(email string) (Member, bool) {
	e := d.find(email)
	if e == nil {
		return Member{}, false
	}
	return *e.Member, true
}

func (d *Directory) find(email string) *entry { return d.byAddress[fold(email)] }

// addresses are the member's email and aliases, in lower case.
func (m *Member) addresses() []string {
	all := make([]string, 0, 1+len(m.Aliases))
	for i := range 1 + len(m.Aliases) {
		a := m.Email
		if i > 0 {
			a = m.Aliases[i-1]
		}
		if a = fold(a); a != "" {
			all = append(all, a)
		}
	}
	return all
}

// fold brings an address, a domain or a host to the form in which it is compared: lower case, and an
// international domain in its ASCII form, since one calendar writes it so and another does not.
func fold(s string) string {
	if isFolded(s) { // as calendars mostly have it
		return s
	}
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

// foldRoom brings a personal room's number or name to the form in which links have it. Zoom shows numbers
// as "555 123 4567", and people copy them so.
func foldRoom(s string) string {
	s = fold(s)
	number := strings.NewReplacer(" ", "", "-", "").Replace(s)
	if strings.Trim(number, "0123456789") == "" {
		return number
	}
	return s
}

func isFolded(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
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

// domains are domains in the form in which they are compared.
type domains map[string]bool

func foldDomains(list []string) domains {
	ds := make(domains, len(list))
	for _, d := range list {
		if d = strings.Trim(fold(d), ".@"); d != "" {
			ds[d] = true
		}
	}
	return ds
}

// hold reports whether domain is one of ds or a subdomain of one, and of which: the nearest.
func (ds domains) hold(domain string) (string, bool) {
	for domain != "" && len(ds) > 0 {
		if ds[domain] {
			return domain, true
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return "", false
}
