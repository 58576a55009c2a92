package tnef

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A class is what a message class means.
type class struct {
	name     string // in lower case; further parts may follow
	method   string
	response string // PARTSTAT
}

// classes are the messages that are about a meeting ([MS-OXOCAL] section 2.2), also by the old names that
// TNEF has for them ([MS-OXTNEF] section 2.1.3.3, attMessageClass).
var classes = []class{
	{"ipm.schedule.meeting.request", "REQUEST", ""},
	{"ipm.microsoft schedule.mtgreq", "REQUEST", ""},
	{"ipm.schedule.meeting.canceled", "CANCEL", ""},
	{"ipm.microsoft schedule.mtgcncl", "CANCEL", ""},
	{"ipm.schedule.meeting.resp.pos", "REPLY", "ACCEPTED"},
	{"ipm.microsoft schedule.mtgrespp", "REPLY", "ACCEPTED"},
	{"ipm.schedule.meeting.resp.tent", "REPLY", "TENTATIVE"},
	{"ipm.microsoft schedule.mtgrespa", "REPLY", "TENTATIVE"},
	{"ipm.schedule.meeting.resp.neg", "REPLY", "DECLINED"},
	{"ipm.microsoft schedule.mtgrespn", "REPLY", "DECLINED"},
	{"ipm.appointment", "PUBLISH", ""},
}

func classOf(name string) (class, bool) {
	name = strings.ToLower(name)
	for _, c := range classes {
		if rest, ok := strings.CutPrefix(name, c.name); ok && (rest == "" || rest[0] == '.') {
			return c, true
		}
	}
	return class{}, false
}

// A meeting is a message about one.
type meeting struct {
	*message
	class
	uid                  string
	zone                 *zone
	start, end, original moment // zero if there is none
	series               *series
	organizer, by        person
	attendees            []attendee
	text, html           string
}

// calendar is m as an iCalendar object. The error is ErrNoMeeting or ErrLimit.
func (m *message) calendar() ([]byte, error) {
	name := cmp.Or(line(decode(m.class, m.codepage)), m.props.line(messageClass, m.codepage))
	c, ok := classOf(name)
	if !ok {
		return nil, fmt.Errorf("%w: it is of class %.60q", ErrNoMeeting, name)
	}
	t := &meeting{message: m, class: c, zone: m.zone()}
	if c.method == "REPLY" && m.props.int(counterProposal) != 0 {
		t.method = "COUNTER"
	}
	var err error
	if t.uid, err = m.uid(); err != nil {
		return nil, err
	}
	if err := t.times(); err != nil {
		return nil, err
	}
	if t.uid == "" && t.start.at.IsZero() {
		return nil, fmt.Errorf("%w: it has neither an id nor a start; %s", ErrNoMeeting, remedy)
	}
	t.people()
	t.content()
	// What has many changes may be too long with all its texts in each of them.
	for _, whole := range []bool{true, false} {
		if b := t.write(whole); len(b) <= maxOutput {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: a calendar of over %d bytes", ErrLimit, maxOutput)
}

// A global object id ([MS-OXOCAL] section 2.2.1.27): a class (16 bytes), the day of an occurrence (4), a
// time (8), nothing (8), the size of the data (4), and the data.
var (
	idClass = []byte{0x04, 0, 0, 0, 0x82, 0, 0xe0, 0, 0x74, 0xc5, 0xb7, 0x10, 0x1a, 0x82, 0xe0, 0x08}
	vCalUID = []byte("vCal-Uid\x01\x00\x00\x00") // the data is a UID that comes from elsewhere
)

// uid is m's UID, or "". The error is ErrLimit.
func (m *message) uid() (string, error) {
	id := m.props.bytes(cleanGlobalID)
	if len(id) == 0 {
		id = m.props.bytes(globalID)
	}
	if len(id) > maxUID {
		return "", fmt.Errorf("%w: a global object id of %d bytes, over %d", ErrLimit, len(id), maxUID)
	}
	id = bytes.Clone(id)
	if len(id) >= 40 && bytes.HasPrefix(id, idClass) {
		clear(id[16:20])
		if foreign, ok := bytes.CutPrefix(id[40:], vCalUID); ok {
			if uid := line(decode(foreign, utf8Codepage)); uid != "" {
				return uid, nil
			}
		}
	}
	return strings.ToUpper(hex.EncodeToString(id)), nil
}

// day is the day of an occurrence that m is about by its id; zero if it has none.
func (m *message) day() time.Time {
	id := m.props.bytes(globalID)
	if len(id) < 20 || !bytes.HasPrefix(id, idClass) {
		return time.Time{}
	}
	year, month, day := int(id[16])<<8|int(id[17]), time.Month(id[18]), int(id[19])
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if year < 1602 || year > 4500 || t.Month() != month || t.Day() != day {
		return time.Time{}
	}
	return t
}

// times sets when the meeting is. The error is ErrNoMeeting or ErrLimit.
func (t *meeting) times() error {
	start := firstTime(t.props.time(startWhole), t.dateStart, t.props.time(startDate))
	end := firstTime(t.props.time(endWhole), t.dateEnd, t.props.time(endDate))
	if t.method == "COUNTER" && t.props.has(proposedStart) {
		start, end = t.props.time(proposedStart), t.props.time(proposedEnd)
	}
	wholeDay := t.props.int(allDay) != 0
	t.start, t.end = t.moment(start, wholeDay), t.moment(end, wholeDay)
	if t.occurrence(wholeDay); !t.original.at.IsZero() {
		return nil
	}
	if t.props.int(isException) != 0 {
		return fmt.Errorf("%w: it is about one occurrence of a series, and does not say which; %s", ErrNoMeeting, remedy)
	}
	if !t.props.has(recurrence) && t.props.int(isSeries)+t.props.int(recurs) == 0 {
		return nil
	}
	s, err := readSeries(t.props.bytes(recurrence), t.codepage)
	switch {
	case errors.Is(err, ErrLimit):
		return err
	case err != nil && t.method != "REQUEST" && t.method != "PUBLISH":
		return nil // the id says enough
	case err != nil: // also a series that has only numbers of old for it ([MS-OXOCAL] section 2.2.5.6)
		return fmt.Errorf("%w: %w; %s", ErrNoMeeting, err, remedy)
	}
	t.series = s
	t.start, t.end = t.local(s.start, wholeDay), t.local(s.end, wholeDay)
	return nil
}

func firstTime(all ...time.Time) time.Time {
	for _, t := range all {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// moment is an instant as it is written. Whole days begin at midnight in the sender's zone; where that is
// unknown, at the midnight that is next to it in UTC.
func (t *meeting) moment(at time.Time, wholeDay bool) moment {
	if !wholeDay || at.IsZero() {
		return moment{at: at}
	}
	if t.zone.known() {
		at = t.zone.wall(at)
	}
	return moment{at: at.Add(12 * time.Hour).Truncate(24 * time.Hour), day: true}
}

// local is a time on the wall of a series as it is written.
func (t *meeting) local(wall time.Time, wholeDay bool) moment {
	if wholeDay {
		return moment{at: wall.Truncate(24 * time.Hour), day: true}
	}
	return moment{at: wall, wall: true}
}

// occurrence sets which occurrence of a series t is about, if it is one ([MS-OXCICAL] section
// 2.1.3.1.1.20.20): by the instant, or by the day in its id, with the series' time of day if that is
// known.
func (t *meeting) occurrence(wholeDay bool) {
	day, at := t.day(), t.props.time(replaceTime)
	switch {
	case day.IsZero() && t.props.int(isException) == 0:
	case day.IsZero(), !at.IsZero() && !wholeDay:
		t.original = t.moment(at, wholeDay)
	case !wholeDay && t.props.has(seriesTime) && t.zone.known():
		// The hour is in the bits from 12 on, the minute in those from 6 on ([MS-XWDCAL] section 2.2.7.67).
		n := t.props.int(seriesTime)
		clock := time.Duration(n>>12&0x1f)*time.Hour + time.Duration(n>>6&0x3f)*time.Minute + time.Duration(n&0x3f)*time.Second
		t.original = moment{at: t.zone.utc(day.Add(clock))}
	default:
		t.original = moment{at: day, day: true}
	}
}

// people sets who organizes the meeting and who is invited; of a reply, who it goes to and who it is from.
func (t *meeting) people() {
	from, by := t.sender()
	if t.response != "" {
		t.organizer = t.recipient()
		t.attendees = []attendee{{person: from, role: "REQ-PARTICIPANT", response: t.response}}
		return
	}
	t.organizer, t.by = cmp.Or(from, readPair(t.owner, t.codepage)), by
	t.attendees = t.message.attendees(t.organizer)
}
