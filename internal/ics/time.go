package ics

import (
	"strings"
	"time"
)

// A Time is a DATE, or a DATE-TIME in UTC, in a zone, or in none (RFC 5545 sections 3.3.4 and 3.3.5).
type Time struct {
	wall time.Time // what the clock on the wall shows, as if in UTC; of a date its midnight
	utc  time.Time // zero unless fixed
	kind kind
	zone *Zone // of a fixed time that is written in one
}

type kind int

const (
	none     kind = iota // not there, or no time at all
	date                 // a day
	fixed                // an instant
	floating             // a time on the wall, of no zone or of one that is not known
)

// Day is the day "2026-11-24" as a Time; none if it is no day.
func Day(s string) Time {
	if t := parseTime(s); t.kind == date {
		return t
	}
	return Time{}
}

// IsZero reports whether t is not there or is no time at all.
func (t Time) IsZero() bool { return t.kind == none }

// IsDate reports whether t is a day.
func (t Time) IsDate() bool { return t.kind == date }

// IsFloating reports whether t is of no zone, or of one that is not known.
func (t Time) IsFloating() bool { return t.kind == floating }

// UTC is the instant t. It is false for a day and for a time of no known zone.
func (t Time) UTC() (time.Time, bool) { return t.utc, t.kind == fixed }

// Day is what the calendar on the wall shows at t: "2026-11-24".
func (t Time) Day() string {
	if t.kind == none {
		return ""
	}
	return t.wall.Format(time.DateOnly)
}

// ZoneName is the IANA name of the zone that t is written in, or "".
func (t Time) ZoneName() string {
	if t.zone == nil {
		return ""
	}
	return t.zone.name
}

// String is RFC 3339 in UTC; of a day the day alone; of a floating time the time without a zone, behind
// an F; or "".
func (t Time) String() string {
	switch t.kind {
	case date:
		return t.wall.Format(time.DateOnly)
	case fixed:
		return t.utc.Format(time.RFC3339)
	case floating:
		return t.wall.Format("F2006-01-02T15:04:05")
	}
	return ""
}

// instant is what t is ordered by: a day by its midnight in UTC.
func (t Time) instant() time.Time {
	if t.kind == fixed {
		return t.utc
	}
	return t.wall
}

// Before reports whether t is before s. A day begins at midnight UTC.
func (t Time) Before(s Time) bool { return t.instant().Before(s.instant()) }

// In is t with the zone and the kind of start, to compare t with the occurrences of a series that begins
// at start: a floating time is read in start's zone, a day among instants is that day at start's time of
// day, an instant among days is its day.
func (t Time) In(start Time) Time {
	switch {
	case t.kind == none || start.kind == none || start.kind == floating || t.kind == start.kind:
		return t
	case start.kind == date:
		return Time{kind: date, wall: midnight(t.wall)}
	case t.kind == date:
		return start.at(t.wall.Add(start.wall.Sub(midnight(start.wall))))
	}
	return start.at(t.wall)
}

// at is the time that the wall shows, of t's kind and in t's zone.
func (t Time) at(wall time.Time) Time {
	t.wall = wall
	switch {
	case t.kind != fixed:
	case t.zone == nil:
		t.utc = wall
	default:
		t.utc = t.zone.utc(wall)
	}
	return t
}

// Add is t later by d. Of a day, d counts in whole days.
func (t Time) Add(d time.Duration) Time {
	switch t.kind {
	case fixed:
		z := t.zone
		t = Time{kind: fixed, utc: t.utc.Add(d)}
		t.wall, t.zone = t.wallIn(z), z
	case date:
		t.wall = t.wall.Add(d.Truncate(day))
	case floating:
		t.wall = t.wall.Add(d)
	}
	return t
}

// Sub is the time from s to t: on the wall, unless both are instants.
func (t Time) Sub(s Time) time.Duration {
	if t.kind == fixed && s.kind == fixed {
		return t.utc.Sub(s.utc)
	}
	return t.wall.Sub(s.wall)
}

const day = 24 * time.Hour

func midnight(t time.Time) time.Time { return t.Truncate(day) }

// parseTime reads a DATE or DATE-TIME, also with dashes, colons or without seconds. What it returns is a
// date, or fixed when it ends in Z, else floating.
func parseTime(s string) Time {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) > 40 {
		return Time{}
	}
	if strings.ContainsAny(s, "-:") {
		s = strings.NewReplacer("-", "", ":", "").Replace(s)
	}
	s, utc := strings.CutSuffix(s, "Z")
	t := Time{kind: floating}
	layout := "20060102T150405"
	switch len(s) {
	case 8:
		layout, t.kind = "20060102", date
	case 13:
		layout = "20060102T1504"
	case 15:
		if strings.HasSuffix(s, "60") { // a leap second
			s = s[:13] + "59"
		}
	}
	wall, err := time.Parse(layout, s)
	if err != nil {
		return Time{}
	}
	t.wall = wall
	if utc && t.kind == floating {
		t.kind, t.utc = fixed, wall
	}
	return t
}

// A span is a DURATION (RFC 5545 section 3.3.6). Its days and weeks are days on the wall, which a change
// of the clock makes longer or shorter.
type span struct {
	days  int
	exact time.Duration
}

// maxSpan bounds a duration; an event that is longer has a wrong end.
const maxSpan = 100 * 366 * day

// parseSpan reads a DURATION. It reports false for what is none and for what is longer than a century.
func parseSpan(s string) (span, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	s, negative := strings.CutPrefix(strings.TrimPrefix(s, "+"), "-")
	s, ok := strings.CutPrefix(s, "P")
	if !ok || s == "" || len(s) > 40 {
		return span{}, false
	}
	var d span
	n, digits, inTime := 0, false, false
	for _, c := range s {
		if c >= '0' && c <= '9' {
			if n = n*10 + int(c-'0'); n > 1e10 {
				return span{}, false
			}
			digits = true
			continue
		}
		switch {
		case c == 'T' && !digits:
			inTime = true
			continue
		case !digits:
			return span{}, false
		case c == 'W':
			d.days += 7 * n
		case c == 'D':
			d.days += n
		case c == 'H' && n < 1e6:
			d.exact += time.Duration(n) * time.Hour
		case c == 'M' && inTime && n < 1e8:
			d.exact += time.Duration(n) * time.Minute
		case c == 'S' && n < 1e9:
			d.exact += time.Duration(n) * time.Second
		default:
			return span{}, false
		}
		n, digits = 0, false
	}
	if digits || d.days > int(maxSpan/day) || d.exact > maxSpan {
		return span{}, false
	}
	if negative {
		d.days, d.exact = -d.days, -d.exact
	}
	return d, true
}

// plus is t later by d: first by days on the wall, then by time that passes.
func (t Time) plus(d span) Time {
	if d.days != 0 {
		t = t.at(t.wall.AddDate(0, 0, d.days))
	}
	return t.Add(d.exact)
}
