package tnef

import (
	"cmp"
	"strings"
)

// A person is somebody, by what is known of them.
type person struct {
	name, email string
}

// fieldsOf are where a person's properties are.
type fieldsOf struct{ name, kind, address, smtp, key field }

var (
	inFrom      = fieldsOf{fromName, fromKind, fromAddress, fromSMTP, fromKey}
	inSender    = fieldsOf{senderName, senderKind, senderAddress, senderSMTP, senderKey}
	inRecipient = fieldsOf{recipientName, recipientKind, recipientAddress, recipientSMTP, recipientKey}
)

// person is who p says. An address of another kind than SMTP, as within Exchange, is none.
func (p props) person(f fieldsOf, codepage uint32) person {
	who := person{name: p.line(f.name, codepage), email: mail(p.line(f.smtp, codepage))}
	if kind := p.line(f.kind, codepage); who.email == "" && (kind == "" || strings.EqualFold(kind, "SMTP")) {
		who.email = mail(p.line(f.address, codepage))
	}
	// A search key is the kind and the address, in upper case.
	if key := decode(p.bytes(f.key), codepage); who.email == "" && strings.HasPrefix(strings.ToUpper(key), "SMTP:") {
		who.email = strings.ToLower(mail(key))
	}
	return who
}

// mail is s without "SMTP:", if it is a mail address, or "".
func mail(s string) string {
	s = strings.Trim(strings.TrimSpace(s), "<>'\x00")
	if len(s) >= 5 && strings.EqualFold(s[:5], "SMTP:") {
		s = s[5:]
	}
	local, domain, _ := strings.Cut(s, "@")
	if local == "" || domain == "" || len(s) > 320 || strings.ContainsAny(s, ":;,<>\"\\ \t\r\n") || strings.Contains(domain, "@") || line(s) != s {
		return ""
	}
	return s
}

// readPair reads attOwner and attSentFor ([MS-OXTNEF] section 2.1.3.3.16): a name and an address, each
// behind its length.
func readPair(b []byte, codepage uint32) person {
	r := &reader{b: b}
	name := r.take(int(r.u16()))
	return person{line(decode(name, codepage)), mail(decode(r.take(int(r.u16())), codepage))}
}

// readTriple reads attFrom ([MS-OXTNEF] section 2.1.3.3.3): a kind, a length, those of a name and of an
// address, then both.
func readTriple(b []byte, codepage uint32) person {
	r := &reader{b: b}
	r.take(4)
	name, address := int(r.u16()), int(r.u16())
	who := person{name: line(decode(r.take(name), codepage))}
	who.email = mail(decode(r.take(address), codepage))
	return who
}

// sender is who m is from, and who sent it for them, or nobody.
func (m *message) sender() (from, by person) {
	from, by = m.props.person(inFrom, m.codepage), m.props.person(inSender, m.codepage)
	if from == (person{}) {
		from = cmp.Or(readPair(m.sentFor, m.codepage), by, readTriple(m.from, m.codepage))
	}
	// Of one person, the name may be in one place and the address in the other.
	if from.email == "" && (from.name == "" || by.name == "" || from.name == by.name) {
		from.email = by.email
	}
	if strings.EqualFold(by.email, from.email) {
		by = person{}
	}
	return from, by
}

// An attendee is a person who is invited.
type attendee struct {
	person
	role, kind, response string
}

var (
	// roles are ROLE by PidTagRecipientType ([MS-OXCICAL] section 2.1.3.1.1.20.2); 3 is a resource.
	roles = map[int]string{1: "REQ-PARTICIPANT", 2: "OPT-PARTICIPANT", 3: "NON-PARTICIPANT"}
	// kinds are CUTYPE by PidTagDisplayType and by the lowest byte of PidTagDisplayTypeEx.
	kinds = map[int]string{1: "GROUP", 5: "GROUP", 7: "ROOM", 8: "RESOURCE", 9: "GROUP"}
	// responses are PARTSTAT by PidTagRecipientTrackStatus ([MS-OXOCAL] section 2.2.4.10.2).
	responses = map[int]string{2: "TENTATIVE", 3: "ACCEPTED", 4: "DECLINED"}
)

// Flags of a recipient (PidTagRecipientFlags, [MS-OXOCAL] section 2.2.4.10.1).
const (
	isOrganizer = 0x02
	isDeleted   = 0x20 // from this occurrence
)

// attendees are the recipients of m, but the organizer; who is it if one says so.
func (m *message) attendees(organizer person) []attendee {
	var all []attendee
	for _, p := range m.recipients {
		a := attendee{person: p.person(inRecipient, m.codepage)}
		flags := p.int(recipientFlags)
		a.role = roles[p.int(recipientType)&0xf]
		if a.role == "" || a.person == (person{}) || flags&(isOrganizer|isDeleted) != 0 ||
			a.email != "" && strings.EqualFold(a.email, organizer.email) {
			continue
		}
		a.kind = cmp.Or(kinds[p.int(displayTypeEx)&0xff], kinds[p.int(displayType)])
		if a.kind == "" && a.role == "NON-PARTICIPANT" {
			a.kind = "RESOURCE"
		}
		a.response = cmp.Or(responses[p.int(recipientResponse)], "NEEDS-ACTION")
		all = append(all, a)
	}
	return all
}

// recipient is who a reply of m goes to.
func (m *message) recipient() person {
	for _, p := range m.recipients {
		if who := p.person(inRecipient, m.codepage); who != (person{}) && p.int(recipientType)&0xf == 1 {
			return who
		}
	}
	return readPair(m.owner, m.codepage)
}

// person writes a property that is somebody; params begin with a semicolon.
func (w *writer) person(name, params string, p person) {
	if p == (person{}) {
		return
	}
	if p.name != "" {
		params += ";CN=" + quoted(p.name)
	}
	address := "invalid:nomail" // as Exchange has it ([MS-OXCICAL] section 2.1.3.1.1.20.16)
	if p.email != "" {
		address = "mailto:" + p.email
	}
	w.line(name + params + ":" + address)
}

func (w *writer) attendee(a attendee, rsvp bool) {
	params := ";ROLE=" + a.role + ";PARTSTAT=" + a.response
	if a.kind != "" {
		params += ";CUTYPE=" + a.kind
	}
	if rsvp {
		params += ";RSVP=TRUE"
	}
	w.person("ATTENDEE", params, a.person)
}
