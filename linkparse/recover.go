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
	if text != "" {
		f.hints = append(f.hints, hint{where, text, slices.Clone(opaque)})
	}
}

// recover builds a Zoom link from the number that an invitation prints, if no field has a meeting's
// link. Two things are enough to know that it is Zoom's number: that a gateway names a Zoom host as what
// is behind its opaque link (Mimecast does), or that the event has no URL at all and the text speaks of
// Zoom and of no other service. Such a link never has the token for guests.
func (f *finder) recover() {
	if len(f.links) > 0 {
		return
	}
	for _, h := range f.hints {
		host, labels := h.zoom()
		if host == "" && f.steps == 0 && onlyZoom(h.text) {
			host = "zoom.us"
		}
		if host == "" {
			continue
		}
		if id := printedID(h.text[:quoteStart(h.text)]); id != "" {
			f.addZoom(host, id, h.where, labels)
			return
		}
	}
}

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

// otherServices print numbers as meetings' ids that are as long as Zoom's.
var otherServices = []string{"zoomgov", "teams", "webex", "google meet", "bluejeans", "blue jeans", "ringcentral", "goto", "skype", "chime", "lifesize", "8x8"}

// onlyZoom reports whether a text names Zoom and neither another service nor Zoom's cloud for
// governments, whose numbers are others.
func onlyZoom(text string) bool {
	if !strings.Contains(text, "zoom") && !strings.Contains(text, "Zoom") && !strings.Contains(text, "ZOOM") {
		return false
	}
	text = strings.ToLower(text)
	return strings.Contains(text, "zoom") && !slices.ContainsFunc(otherServices, func(s string) bool { return strings.Contains(text, s) })
}

// idLabels are what invitations print before a meeting's number.
var idLabels = []string{"meeting id", "meeting-id", "id de réunion", "id de la réunion", "id de reunión", "id da reunião", "id riunione", "møte-id", "mötes-id", "会议号", "ミーティングid"}

// printedID is the one number that a text prints as a meeting's, as Zoom groups it: 9 to 11 digits.
// Teams' numbers are longer. "" if there is none or more than one.
func printedID(text string) string {
	text = strings.ToLower(text)
	only := ""
	for _, label := range idLabels {
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, label)
			if !ok {
				break
			}
			rest = after
			id := spacedDigits(strings.TrimLeft(after, " \t\u00a0:\uff1a"))
			if len(id) < 9 || len(id) > 11 || id == only {
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
	for i := 0; i < len(s) && len(digits) < 20; i++ {
		if isDigit(s[i]) {
			digits = append(digits, s[i])
		} else if s[i] != ' ' && s[i] != '-' {
			break
		}
	}
	return string(digits)
}
