package tnef

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// A zone is a time zone as Windows has it: offsets, and when in a year they change. A nil zone is an
// unknown one.
type zone struct {
	name               string
	standard, daylight int // minutes east of UTC
	toStandard         switching
	toDaylight         switching
	saves              bool // has daylight at all
	rules              bool // the offsets are known; else the name alone
}

// A switching is when clocks change: on the n-th weekday of a month, where 5 is the last ([MS-OXOCAL]
// section 2.2.1.39), or once, on a day.
type switching struct {
	year, month, day int // year 0: each year, and day is n
	weekday          time.Weekday
	clock            time.Duration // what the clock shows before, since midnight
}

// on is the time on the wall at which clocks change in the year y.
func (s switching) on(y int) time.Time {
	if s.year != 0 {
		return time.Date(s.year, time.Month(s.month), s.day, 0, 0, 0, 0, time.UTC).Add(s.clock)
	}
	first := time.Date(y, time.Month(s.month), 1, 0, 0, 0, 0, time.UTC)
	d := first.AddDate(0, 0, (int(s.weekday-first.Weekday())+7)%7+7*(s.day-1))
	if d.Month() != first.Month() {
		d = d.AddDate(0, 0, -7)
	}
	return d.Add(s.clock)
}

// offset is how many minutes z is east of UTC at t.
func (z *zone) offset(t time.Time) int {
	if !z.saves {
		return z.standard
	}
	// What began last holds. The year on the wall may be another than in UTC.
	began, minutes := time.Time{}, z.standard
	for y := t.Year() - 1; y <= t.Year()+1; y++ {
		for _, o := range z.observances() {
			at := o.begin.on(y).Add(-time.Duration(o.from) * time.Minute)
			if !at.After(t) && (began.IsZero() || at.After(began)) {
				began, minutes = at, o.to
			}
		}
	}
	return minutes
}

// wall is what a clock in z shows at t, as if in UTC.
func (z *zone) wall(t time.Time) time.Time { return t.Add(time.Duration(z.offset(t)) * time.Minute) }

// utc is the instant at which a clock in z shows wall (RFC 5545 section 3.3.5): of two the first; of a
// time that is left out, what it would be by the offset before.
func (z *zone) utc(wall time.Time) time.Time {
	before, after := z.offset(wall.AddDate(0, 0, -1)), z.offset(wall.AddDate(0, 0, 1))
	first := wall.Add(-time.Duration(before) * time.Minute)
	if second := wall.Add(-time.Duration(after) * time.Minute); z.offset(first) != before && z.offset(second) == after {
		return second
	}
	return first
}

// id is what z is called in the calendar; "" if it is unknown.
func (z *zone) id() string {
	if z == nil {
		return ""
	}
	return z.name
}

// known reports whether times can be converted to and from z.
func (z *zone) known() bool { return z != nil && z.rules }

// An observance is one of the two times of a zone.
type observance struct {
	name     string
	from, to int
	begin    switching
}

func (z *zone) observances() [2]observance {
	return [2]observance{
		{"STANDARD", z.daylight, z.standard, z.toStandard},
		{"DAYLIGHT", z.standard, z.daylight, z.toDaylight},
	}
}

// zone writes z as a VTIMEZONE (RFC 5545 section 3.6.5), if its rules are known. Without them the name,
// which is Windows', has to do.
func (w *writer) zone(z *zone) {
	if !z.known() {
		return
	}
	w.line("BEGIN:VTIMEZONE")
	w.line("TZID:" + z.name)
	if !z.saves {
		w.line("BEGIN:STANDARD")
		w.line("DTSTART:16010101T000000")
		w.line("TZOFFSETFROM:" + offset(z.standard))
		w.line("TZOFFSETTO:" + offset(z.standard))
		w.line("END:STANDARD")
	} else {
		for _, o := range z.observances() {
			w.observance(o)
		}
	}
	w.line("END:VTIMEZONE")
}

func (w *writer) observance(o observance) {
	w.line("BEGIN:" + o.name)
	w.line("DTSTART:" + moment{at: o.begin.on(1601), wall: true}.String())
	if o.begin.year == 0 {
		n := o.begin.day
		if n == 5 {
			n = -1
		}
		w.line(fmt.Sprintf("RRULE:FREQ=YEARLY;BYDAY=%d%s;BYMONTH=%d", n, weekdays[o.begin.weekday], o.begin.month))
	}
	w.line("TZOFFSETFROM:" + offset(o.from))
	w.line("TZOFFSETTO:" + offset(o.to))
	w.line("END:" + o.name)
}

// weekdays are in the order of time.Weekday, and of the bits of a recurrence.
var weekdays = [7]string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// zone is the zone of m's times: what recurs has two descriptions of one, and where they differ the older
// one holds ([MS-OXOCAL] section 2.2.1.41); else it is the one that the start was chosen in.
func (m *message) zone() *zone {
	name := cmp.Or(m.props.line(zoneDescription, m.codepage), "Local")
	old := readZone(m.props.bytes(zoneStruct), name)
	for _, f := range []field{zoneRecur, zoneStart} {
		if z := readDefinition(m.props.bytes(f), name); z != nil && (old == nil || z.same(old)) {
			return z
		}
	}
	return old
}

// same reports whether z and o have the same rules.
func (z *zone) same(o *zone) bool {
	a, b := *z, *o
	a.name = b.name
	return a == b
}

// readZone reads a PidLidTimeZoneStruct ([MS-OXOCAL] section 2.2.1.39); nil if it makes no sense.
func readZone(b []byte, name string) *zone {
	r := &reader{b: b}
	bias, standardBias, daylightBias := r.u32(), r.u32(), r.u32()
	r.u16() // the year, which the time has too
	standard := r.take(16)
	r.u16()
	return newZone(name, [3]uint32{bias, standardBias, daylightBias}, standard, r.take(16))
}

// readDefinition reads a time zone definition ([MS-OXOCAL] section 2.2.1.41); nil if it makes no sense.
// Of its rules for several years the one counts that it says is in effect, as for Outlook.
func readDefinition(b []byte, name string) *zone {
	r := &reader{b: b}
	r.u16() // version
	header := &reader{b: r.take(int(r.u16()))}
	flags := header.u16()
	if flags&1 != 0 {
		header.take(16)
	}
	key := ""
	if flags&2 != 0 {
		key = line(decodeUTF16(header.take(2 * int(header.u16()))))
	}
	n := header.u16()
	if !header.ok() {
		return nil
	}
	z := (*zone)(nil)
	if key != "" {
		name = key
		z = &zone{name: zoneName(name)}
	}
	for ; n > 0 && r.ok(); n-- {
		r.u16() // version
		rule := &reader{b: r.take(int(r.u16()))}
		inEffect := rule.u16()&2 != 0
		rule.take(2 + 14) // the year it begins in, and what is not used
		bias := [3]uint32{rule.u32(), rule.u32(), rule.u32()}
		standard := rule.take(16)
		if of := newZone(name, bias, standard, rule.take(16)); of != nil {
			if z = of; inEffect {
				break
			}
		}
	}
	return z
}

// newZone is a zone by its biases, in minutes west of UTC, and two SYSTEMTIMEs ([MS-DTYP] section
// 2.3.13); nil if they make no sense.
func newZone(name string, bias [3]uint32, standard, daylight []byte) *zone {
	if daylight == nil {
		return nil
	}
	z := &zone{name: zoneName(name), rules: true}
	var bad1, bad2 bool
	z.toStandard, bad1 = readSwitching(standard)
	z.toDaylight, bad2 = readSwitching(daylight)
	z.standard = -int(int32(bias[0])) - int(int32(bias[1]))
	z.daylight = -int(int32(bias[0])) - int(int32(bias[2]))
	z.saves = z.toStandard.month != 0 && z.toDaylight.month != 0
	if bad1 || bad2 || !isOffset(z.standard) || z.saves && !isOffset(z.daylight) {
		return nil
	}
	return z
}

// zoneName is a name that needs no escapes, neither as a text nor in a parameter.
func zoneName(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\"^\\;,", r) {
			return ' '
		}
		return r
	}, s)
}

func isOffset(minutes int) bool { return minutes > -24*60 && minutes < 24*60 }

// readSwitching reads a SYSTEMTIME; month 0 says that there is none.
func readSwitching(b []byte) (s switching, bad bool) {
	r := &reader{b: b}
	s.year, s.month, s.weekday, s.day = int(r.u16()), int(r.u16()), time.Weekday(r.u16()), int(r.u16())
	hour, minute, second := int(r.u16()), int(r.u16()), int(r.u16())
	s.clock = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	if s.month == 0 {
		return switching{}, false
	}
	last := 5
	if s.year != 0 {
		last = 31
	}
	return s, s.month > 12 || s.day < 1 || s.day > last || s.weekday > 6 || hour > 23 || minute > 59 || second > 59 || s.year > 4500
}
