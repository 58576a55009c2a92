package tnef

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	// busy are the values of X-MICROSOFT-CDO-BUSYSTATUS by PidLidBusyStatus ([MS-OXCICAL] section
	// 2.1.3.1.1.20.31; 4 came later).
	busy = map[int]string{0: "FREE", 1: "TENTATIVE", 2: "BUSY", 3: "OOF", 4: "WORKINGELSEWHERE"}
	// secrecy is CLASS by PidTagSensitivity ([MS-OXCICAL] section 2.1.3.1.1.20.4).
	secrecy = map[int]string{0: "PUBLIC", 1: "X-PERSONAL", 2: "PRIVATE", 3: "CONFIDENTIAL"}
)

// links are the properties on how to join, by the name that Exchange gives them in iCalendar.
var links = []struct {
	name string
	field
}{
	{"X-MICROSOFT-SKYPETEAMSMEETINGURL", teamsURL},
	{"X-MICROSOFT-ONLINEMEETINGCONFLINK", confLink},
	{"X-MICROSOFT-ONLINEMEETINGEXTERNALLINK", externalLink},
	{"X-MICROSOFT-ONLINEMEETINGINTERNALLINK", internalLink},
	{"X-MICROSOFT-ONLINEMEETINGCONFERENCEID", conferenceID},
	{"X-MICROSOFT-ONLINEMEETINGTOLLNUMBER", tollNumber},
}

const canceled = 0x04 // of PidLidAppointmentStateFlags ([MS-OXOCAL] section 2.2.1.10)

// write is t as an iCalendar object. Whole: what changes in a series has all of the series' texts.
func (t *meeting) write(whole bool) []byte {
	w := &writer{}
	w.line("BEGIN:VCALENDAR")
	w.line("PRODID:-//syncd//winmail.dat//EN")
	w.line("VERSION:2.0")
	w.line("METHOD:" + t.method)
	if t.start.wall {
		w.zone(t.zone)
	}
	e := event{start: t.start, end: t.end, original: t.original, whole: true}
	e.summary = cmp.Or(t.props.line(subject, t.codepage), line(decode(t.message.subject, t.codepage)), t.props.line(normalizedSubject, t.codepage))
	e.location = t.props.line(location, t.codepage)
	e.busy = t.props.int(busyStatus)
	t.event(w, e, t.series)
	if t.series != nil && t.method != "CANCEL" {
		for _, c := range t.series.changed {
			if w.Len() > maxOutput {
				break // and is too long already
			}
			t.event(w, t.change(e, c, whole), nil)
		}
	}
	w.line("END:VCALENDAR")
	return []byte(w.String())
}

// An event is what the events of a meeting differ in.
type event struct {
	start, end, original moment
	summary, location    string
	busy                 int
	whole                bool
}

// change is the event of a changed occurrence of the series e.
func (t *meeting) change(e event, c change, whole bool) event {
	wholeDay := e.start.day
	e.original = t.local(c.original, wholeDay)
	if c.flags&newAllDay != 0 {
		wholeDay = c.allDay
	}
	e.start, e.end, e.whole = t.local(c.start, wholeDay), t.local(c.end, wholeDay), whole
	if c.flags&newSubject != 0 {
		e.summary = c.subject
	}
	if c.flags&newLocation != 0 {
		e.location = c.location
	}
	if c.flags&newBusy != 0 {
		e.busy = c.busy
	}
	return e
}

// event writes a VEVENT ([MS-OXCICAL] section 2.1.3.1.1.20); s is nil if it does not recur.
func (t *meeting) event(w *writer, e event, s *series) {
	w.line("BEGIN:VEVENT")
	w.text("UID", t.uid)
	if stamp := t.stamp(); !stamp.IsZero() {
		w.line("DTSTAMP:" + moment{at: stamp}.String())
	}
	w.line(fmt.Sprintf("SEQUENCE:%d", max(0, t.props.int(sequence))))
	t.when(w, e)
	if s != nil {
		t.recurrence(w, s)
	}
	w.text("SUMMARY", e.summary)
	w.text("LOCATION", e.location)
	w.line("STATUS:" + t.status())
	w.line("CLASS:" + cmp.Or(secrecy[t.props.int(sensitivity)], "PRIVATE"))
	t.availability(w, e)
	sentBy := ""
	if t.by.email != "" {
		sentBy = ";SENT-BY=" + quoted("mailto:"+t.by.email)
	}
	w.person("ORGANIZER", sentBy, t.organizer)
	if e.whole {
		for _, a := range t.attendees {
			w.attendee(a, t.method == "REQUEST" && t.props.int(replyRequested) != 0)
		}
		w.text("DESCRIPTION", t.text)
		if html := escape(t.html); html != "" {
			w.line("X-ALT-DESC;FMTTYPE=text/html:" + html)
		}
	}
	for _, l := range links {
		if s := t.props.text(l.field, t.codepage); len(s) <= maxLine { // an address that is cut leads nowhere
			w.text(l.name, line(s))
		}
	}
	w.line("END:VEVENT")
}

// when writes when e is. An end that is not after the start is left out.
func (t *meeting) when(w *writer, e event) {
	if !e.original.at.IsZero() {
		w.line(t.zone.property("RECURRENCE-ID", e.original))
	}
	if e.start.at.IsZero() {
		return
	}
	w.line(t.zone.property("DTSTART", e.start))
	if e.end.at.After(e.start.at) {
		w.line(t.zone.property("DTEND", e.end))
	}
}

// recurrence writes how t recurs. UNTIL is in UTC, where the zone is known (RFC 5545 section 3.3.10).
func (t *meeting) recurrence(w *writer, s *series) {
	rule := "RRULE:" + s.rule
	switch {
	case s.count > 0:
		rule += fmt.Sprintf(";COUNT=%d", s.count)
	case s.until.IsZero():
	case t.start.day || t.zone != nil && !t.zone.known():
		rule += ";UNTIL=" + moment{at: s.until, day: true}.String()
	case t.zone == nil:
		rule += ";UNTIL=" + moment{at: s.until, wall: true}.String()
	default:
		rule += ";UNTIL=" + moment{at: t.zone.utc(s.until)}.String()
	}
	w.line(rule)
	for days := range slices.Chunk(s.deleted, 100) {
		var all []moment
		for _, d := range days {
			all = append(all, t.local(d, t.start.day))
		}
		w.line(t.zone.property("EXDATE", all...))
	}
}

func (t *meeting) status() string {
	if t.method == "CANCEL" || t.props.int(stateFlags)&canceled != 0 {
		return "CANCELLED"
	}
	return "CONFIRMED"
}

// stamp is when t was last changed in a way that matters ([MS-OXCICAL] section 2.1.3.1.1.20.9), or sent;
// zero if that is not said.
func (t *meeting) stamp() time.Time {
	changed := t.props.time(ownerChange)
	if t.response != "" {
		changed = t.props.time(attendeeChange)
	}
	return firstTime(changed, t.props.time(submitTime), t.dateSent, t.dateModified)
}

// availability writes what the meeting makes of the time. What is not yet accepted is tentative, whatever
// it is meant to be.
func (t *meeting) availability(w *writer, e event) {
	meant := e.busy
	if t.props.has(intendedStatus) {
		meant = t.props.int(intendedStatus)
		w.text("X-MICROSOFT-CDO-INTENDEDSTATUS", busy[meant])
	}
	if t.props.has(busyStatus) {
		w.text("X-MICROSOFT-CDO-BUSYSTATUS", busy[e.busy])
	}
	transparency := "OPAQUE"
	if busy[meant] == "FREE" && (t.props.has(busyStatus) || t.props.has(intendedStatus)) {
		transparency = "TRANSPARENT"
	}
	w.line("TRANSP:" + transparency)
	if e.start.day {
		w.line("X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
	}
}

// content sets the text of the invitation, and the HTML if there is some.
func (t *meeting) content() {
	t.text = cmp.Or(t.props.text(body, t.codepage), limited(decode(t.message.body, t.codepage), maxText))
	t.html = t.bodyHTML()
	if strings.TrimSpace(t.text) == "" && t.html == "" {
		t.text, t.html = readRTF(t.props.bytes(bodyRTF))
	}
}

// bodyHTML is the body in HTML, or "". As bytes it is in the encoding of the mail.
func (t *meeting) bodyHTML() string {
	if b := t.props.bytes(bodyHTML); b != nil {
		codepage := t.codepage
		if t.props.has(bodyCodepage) {
			codepage = uint32(t.props.int(bodyCodepage))
		}
		return limited(decode(b, codepage), maxText)
	}
	return t.props.text(bodyHTML, t.codepage)
}
