package tnef

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A series is how a meeting recurs. Its times are on the wall of the meeting's zone.
type series struct {
	start, end time.Time // of the first occurrence
	rule       string    // the RRULE up to its end
	count      int       // how many there are, also those that are deleted; 0: not limited by that
	until      time.Time // when the last one starts; zero: not limited by that
	deleted    []time.Time
	changed    []change
}

// A change is what an occurrence of a series has of its own.
type change struct {
	original, start, end time.Time
	flags                uint16
	subject, location    string
	busy                 int
	allDay               bool
}

// Flags of a change ([MS-OXOCAL] section 2.2.1.44.2).
const (
	newSubject  = 0x0001
	newState    = 0x0002
	newReminder = 0x0004
	newIsRemind = 0x0008
	newLocation = 0x0010
	newBusy     = 0x0020
	newAttached = 0x0040
	newAllDay   = 0x0080
	newColor    = 0x0100
)

var errRecurrence = errors.New("its recurrence makes no sense")

// The ends of a series ([MS-OXOCAL] section 2.2.1.44.1, EndType); the others are none.
const (
	endsOn    = 0x2021
	endsAfter = 0x2022
)

const (
	yearlyFrequency = 0x200d // RecurFrequency
	fifth           = 5      // N of PatternType MonthNth: the last
)

// An order is how a PatternType makes its part of an RRULE, from the two numbers that are its own, of
// which it has n. The Hijri ones have the patterns of those without (Hj), in another calendar.
type order struct {
	n       int
	monthly bool
	rule    func(a, b uint32) (string, bool)
}

// orders are the kinds of patterns ([MS-OXOCAL] section 2.2.1.44.1, PatternType).
var orders = map[uint16]order{
	0x0000: {0, false, func(_, _ uint32) (string, bool) { return "", true }},              // Day
	0x0001: {1, false, onWeekdays},                                                        // Week
	0x0002: {1, true, onMonthDay},                                                         // Month
	0x0003: {2, true, onNth},                                                              // MonthNth
	0x0004: {1, true, func(_, _ uint32) (string, bool) { return ";BYMONTHDAY=-1", true }}, // MonthEnd
	0x000a: {1, true, onMonthDay},                                                         // HjMonth
	0x000b: {2, true, onNth},                                                              // HjMonthNth
	0x000c: {1, true, func(_, _ uint32) (string, bool) { return ";BYMONTHDAY=-1", true }}, // HjMonthEnd
}

// calendars are the calendars that are not Gregorian, by their name for RSCALE (RFC 7529; [MS-OXOCAL]
// section 2.2.1.44.1, CalendarType).
var calendars = map[uint16]string{
	0x0006: "ISLAMIC-CIVIL", 0x0008: "HEBREW", 0x000e: "CHINESE", 0x000f: "CHINESE", 0x0011: "CHINESE",
	0x0012: "DANGI", 0x0013: "CHINESE", 0x0014: "DANGI", 0x0010: "INDIAN", 0x0017: "ISLAMIC-UMALQURA",
}

// days are the weekdays of a mask, of which bit 0 is Sunday.
func days(mask uint32) []string {
	var all []string
	for i, d := range weekdays {
		if mask&(1<<i) != 0 {
			all = append(all, d)
		}
	}
	return all
}

func onWeekdays(mask, _ uint32) (string, bool) {
	return ";BYDAY=" + strings.Join(days(mask), ","), mask&0x7f != 0
}

// onMonthDay: a month that is too short has it on its last day ([MS-OXOCAL] section 2.2.1.44.1), so 30
// is the last one of 28, 29 and 30.
func onMonthDay(day, _ uint32) (string, bool) {
	switch {
	case day == 31:
		return ";BYMONTHDAY=-1", true
	case day == 30:
		return ";BYMONTHDAY=28,29,30;BYSETPOS=-1", true
	case day == 29:
		return ";BYMONTHDAY=28,29;BYSETPOS=-1", true
	}
	return fmt.Sprintf(";BYMONTHDAY=%d", day), day >= 1 && day <= 28
}

// onNth is on the n-th of the days of the mask, as on the second weekday of a month.
func onNth(mask, n uint32) (string, bool) {
	all, at := days(mask), int(n)
	if n == fifth {
		at = -1
	}
	ok := len(all) > 0 && n >= 1 && n <= fifth
	if len(all) == 1 {
		return fmt.Sprintf(";BYDAY=%d%s", at, all[0]), ok
	}
	return fmt.Sprintf(";BYDAY=%s;BYSETPOS=%d", strings.Join(all, ","), at), ok
}

// readSeries reads a PidLidAppointmentRecur ([MS-OXOCAL] section 2.2.1.44.5). The error is errRecurrence
// or ErrLimit.
func readSeries(b []byte, codepage uint32) (*series, error) {
	r := &reader{b: b}
	r.take(4) // versions
	frequency, kind, scale := r.u16(), r.u16(), r.u16()
	r.u32() // FirstDateTime: the start says it too
	period := r.u32()
	r.u32() // SlidingFlag: of tasks
	o, known := orders[kind]
	var own [2]uint32
	for i := range o.n {
		own[i] = r.u32()
	}
	end, count, firstDay := r.u32(), r.u32(), r.u32()
	deleted, err := r.minutes(r.u32(), maxDeleted+maxExceptions) // with the changed ones' days
	if err != nil {
		return nil, err
	}
	moved, err := r.minutes(r.u32(), maxExceptions)
	if err != nil {
		return nil, err
	}
	startDate, endDate := r.u32(), r.u32()
	r.u32() // a version
	version, startTime, endTime, changes := r.u32(), r.u32(), r.u32(), int(r.u16())
	part, ok := "", false
	if known {
		part, ok = o.rule(own[0], own[1])
	}
	if !ok || !r.ok() || startTime >= 24*60 || endTime > longest || changes != len(moved) {
		return nil, errRecurrence
	}
	s := &series{start: fromMinutes(startDate).Add(time.Duration(startTime) * time.Minute)}
	s.end = s.start.Add(time.Duration(max(startTime, endTime)-startTime) * time.Minute)
	s.rule = o.frequency(frequency, kind, period, s.start) + part
	if name := calendarOf(kind, scale); name != "" {
		s.rule = "RSCALE=" + name + ";" + o.frequency(frequency, kind, period, time.Time{}) + part
	}
	if firstDay < 7 {
		s.rule += ";WKST=" + weekdays[firstDay]
	}
	switch {
	case end == endsAfter && count > 0:
		s.count = int(count)
	case end == endsAfter, end == endsOn:
		s.until = fromMinutes(endDate).Add(time.Duration(startTime) * time.Minute)
	}
	for range changes {
		s.changed = append(s.changed, readChange(r, codepage))
	}
	if !r.ok() {
		return nil, errRecurrence // without what has changed, what is deleted is not known either
	}
	if s.delete(deleted, time.Duration(startTime)*time.Minute); len(s.deleted) > maxDeleted {
		return nil, fmt.Errorf("%w: %d deleted occurrences, over %d", ErrLimit, len(s.deleted), maxDeleted)
	}
	s.widen(r, version)
	return s, nil
}

const longest = 400 * 24 * 60 // minutes from the start of an occurrence's day to its end

// frequency is the first part of an RRULE. Period counts minutes of what is daily, and months of what is
// yearly; the month is the start's, and left to it where start is zero.
func (o order) frequency(frequency, kind uint16, period uint32, start time.Time) string {
	switch {
	case kind == 0:
		return fmt.Sprintf("FREQ=DAILY;INTERVAL=%d", max(1, period/(24*60)))
	case !o.monthly:
		return fmt.Sprintf("FREQ=WEEKLY;INTERVAL=%d", max(1, period))
	case frequency == yearlyFrequency && period%12 == 0 && start.IsZero():
		return fmt.Sprintf("FREQ=YEARLY;INTERVAL=%d", max(1, period/12))
	case frequency == yearlyFrequency && period%12 == 0:
		return fmt.Sprintf("FREQ=YEARLY;INTERVAL=%d;BYMONTH=%d", max(1, period/12), start.Month())
	}
	return fmt.Sprintf("FREQ=MONTHLY;INTERVAL=%d", max(1, period))
}

func calendarOf(kind, calendar uint16) string {
	if kind >= 0x000a && calendar == 0 {
		calendar = 0x0006
	}
	return calendars[calendar]
}

// minutes reads n times.
func (r *reader) minutes(n uint32, most int) ([]time.Time, error) {
	if uint64(n) > uint64(len(r.b)/4) {
		r.fail()
		return nil, errRecurrence
	}
	if n > uint32(most) {
		return nil, fmt.Errorf("%w: %d changed or deleted occurrences, over %d", ErrLimit, n, most)
	}
	all := make([]time.Time, n)
	for i := range all {
		all[i] = fromMinutes(r.u32())
	}
	return all, nil
}

// fromMinutes is the time so many minutes after 1601.
func fromMinutes(n uint32) time.Time {
	return time.Unix(int64(n)*60-since1601, 0).UTC()
}

// delete sets which occurrences there are no more. The list has the days of those that are changed, too.
func (s *series) delete(days []time.Time, at time.Duration) {
	changed := map[string]bool{}
	for _, c := range s.changed {
		changed[c.original.Format(time.DateOnly)] = true
	}
	for _, d := range days {
		if !changed[d.Format(time.DateOnly)] {
			s.deleted = append(s.deleted, d.Add(at))
		}
	}
	slices.SortFunc(s.deleted, time.Time.Compare)
}

// widen reads the ExtendedExceptions ([MS-OXOCAL] section 2.2.1.44.4), which have the texts of the changes
// in Unicode. What can't be read is left as it is in the codepage.
func (s *series) widen(r *reader, version uint32) {
	r.take(int(r.u32())) // reserved
	for i := range s.changed {
		c := &s.changed[i]
		if version >= 0x3009 {
			r.take(int(r.u32())) // what to highlight
		}
		r.take(int(r.u32())) // reserved
		if c.flags&(newSubject|newLocation) == 0 {
			continue
		}
		r.take(12) // the times again
		for _, t := range []struct {
			flag uint16
			text *string
		}{{newSubject, &c.subject}, {newLocation, &c.location}} {
			if c.flags&t.flag == 0 {
				continue
			}
			if wide := r.take(2 * int(r.u16())); r.ok() {
				*t.text = line(decodeUTF16(wide))
			}
		}
		r.take(int(r.u32())) // reserved
	}
}

// readChange reads an ExceptionInfo ([MS-OXOCAL] section 2.2.1.44.2).
func readChange(r *reader, codepage uint32) change {
	c := change{start: fromMinutes(r.u32()), end: fromMinutes(r.u32()), original: fromMinutes(r.u32()), flags: r.u16()}
	text := func() string {
		r.u16() // the length and a byte
		return line(decode(r.take(int(r.u16())), codepage))
	}
	for _, f := range []struct {
		flag uint16
		read func()
	}{
		{newSubject, func() { c.subject = text() }},
		{newState, func() { r.u32() }},
		{newReminder, func() { r.u32() }},
		{newIsRemind, func() { r.u32() }},
		{newLocation, func() { c.location = text() }},
		{newBusy, func() { c.busy = int(r.u32()) }},
		{newAttached, func() { r.u32() }},
		{newAllDay, func() { c.allDay = r.u32() != 0 }},
		{newColor, func() { r.u32() }},
	} {
		if c.flags&f.flag != 0 {
			f.read()
		}
	}
	if c.end.Before(c.start) {
		c.end = c.start
	}
	return c
}
