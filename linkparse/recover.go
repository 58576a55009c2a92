package linkparse

import (
	"slices"
	"strings"
)

// A hint is a text in which a meeting's number may be printed, and the opaque links beside it.
type hint struct {
	where, text string
	opaque      []Opaque
}

func (f *finder) hint(where, text string, opaque []Opaque) {
	if text != "" && len(f.links) == 0 {
		f.hints = append(f.hints, hint{where, text, slices.Clone(opaque)})
	}
}

// recover reads the number that an invitation prints, if no field has a meeting's link.
//
// Of Zoom's a link is built. Two things are enough to know that it is Zoom's number: that a gateway
// names a Zoom host as what is behind its opaque link (Mimecast does), or that the event has no URL at
// all and the text speaks of Zoom and of no other service. Such a link never has the token for guests.
//
// Of Teams' no link can be built: its URLs have another token than the passcode that is printed.
func (f *finder) recover() {
	if len(f.links) > 0 {
		return
	}
	for _, h := range f.hints {
		host, labels := h.zoom()
		if host == "" && f.steps == 0 && speaksOf(h.text, "zoom") {
			host = "zoom.us"
		}
		if host != "" {
			if id := printedID(h.own(), 9, 11); id != "" {
				f.addZoom(host, id, h.where, labels)
				return
			}
		}
		if f.steps == 0 && speaksOf(h.text, "teams") {
			if id := printedID(h.own(), 12, 16); id != "" {
				f.add(candidate{meeting: meeting{
					link: Link{Provider: Teams, MeetingID: id, Passcode: printedPasscode(h.own()), Where: h.where},
					key:  Teams + " " + id,
				}})
				return
			}
		}
	}
}

// own is the text without what is quoted below it.
func (h hint) own() string { return h.text[:quoteStart(h.text, nil)] }

// zoom is the Zoom host that a gateway names, and the gateway.
func (h hint) zoom() (host string, labels []string) {
	for _, o := range h.opaque {
		if _, _, cloud := zoomHost(o.Domain); cloud != o.Domain {
			return o.Domain, []string{o.Wrapper}
		}
	}
	return "", nil
}

func (f *finder) addZoom(host, id, where string, labels []string) {
	if m, ok := readMeeting(address{host, "/j/" + id}); ok {
		m.link.Where, m.link.WrappedBy = where, labels
		f.add(candidate{meeting: m})
	}
}

// services print numbers as their meetings' ids, some of them as long as another's. Zoom's cloud for
// governments numbers its own.
var services = []string{"zoom", "zoomgov", "teams", "webex", "google meet", "bluejeans", "blue jeans", "ringcentral", "goto", "skype", "chime", "lifesize", "8x8"}

// speaksOf reports whether a text names that one of the services and no other.
func speaksOf(text, service string) bool {
	upper := strings.ToUpper(service)
	if !strings.Contains(text, service) && !strings.Contains(text, upper[:1]+service[1:]) && !strings.Contains(text, upper) {
		return false
	}
	text = strings.ToLower(text)
	return !slices.ContainsFunc(services, func(s string) bool { return s != service && strings.Contains(text, s) })
}

// idLabels are what invitations print before a meeting's number, and passcodeLabels what stands before
// the word that guests type.
var (
	idLabels = []string{"meeting id", "meeting-id", "besprechungs-id", "id de réunion", "id de la réunion", "id de reunión", "id. de reunión",
		"id de la reunión", "id da reunião", "id riunione", "vergader-id", "vergadering-id", "møte-id", "møde-id", "mötes-id", "kokouksen tunnus",
		"identyfikator spotkania", "id schůzky", "идентификатор конференции", "toplantı kimliği",
		"webinar id", "webinar-id", "id spotkania", "id cuộc họp", "id rapat",
		"会议号", "会议 id", "會議 id", "会議 id", "ミーティングid", "ミーティング id", "회의 id", "모임 id"}
	passcodeLabels = []string{"passcode", "kenncode", "kennung", "code secret", "code d’accès", "code d'accès", "código de acceso", "código de acesso", "senha",
		"codice di accesso", "wachtwoordcode", "toegangscode", "adgangskode", "tilgangskode", "lösenord", "passord", "kod dostępu", "パスコード", "密码", "密碼", "암호"}
)

// printedPasscode is the word that a text prints as the passcode: Teams' are eight letters and digits.
func printedPasscode(text string) string {
	for _, label := range passcodeLabels {
		if i := indexFold(text, label); i >= 0 {
			rest := strings.TrimLeft(text[i+len(label):], " \t\u00a0:\uff1a")
			if word := run(rest, isAlnum); len(word) >= 4 && len(word) <= 16 {
				return word
			}
		}
	}
	return ""
}

// indexFold is strings.Index without regard to case. Bytes are counted in the text as it is: the lower
// case of some letters is longer.
func indexFold(s, lower string) int {
	for i := 0; i+len(lower) <= len(s); i++ {
		if s[i]|0x20 == lower[0]|0x20 && strings.EqualFold(s[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

// printedID is the one number of min to max digits that a text prints as a meeting's, in groups or not.
// "" if there is none or more than one.
func printedID(text string, min, max int) string {
	text = strings.ReplaceAll(strings.ToLower(text), "\u00a0", " ")
	only := ""
	for _, label := range idLabels {
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, label)
			if !ok {
				break
			}
			rest = after
			id := spacedDigits(strings.TrimLeft(after, " \t\r\n:\uff1a*"))
			if len(id) < min || len(id) > max || id == only {
				continue
			}
			if only != "" {
				return ""
			}
			only = id
		}
	}
	return only
}

// spacedDigits are the digits that s begins with, without the blanks between them.
func spacedDigits(s string) string {
	var digits []byte
	for _, c := range s {
		if c >= '0' && c <= '9' && len(digits) < 20 {
			digits = append(digits, byte(c))
		} else if c != ' ' && c != '-' && c != '\u00a0' && c != '\u202f' {
			break
		}
	}
	return string(digits)
}
