package fakegraph

import (
	"strings"
	"time"

	"example.com/syncd/internal/zones"
)

// location is the zone in which the event repeats.
func (e Event) location() *time.Location {
	if e.AllDay {
		return time.UTC
	}
	if loc, ok := zones.Windows(e.Zone); ok {
		return loc
	}
	if loc, ok := zones.IANA(e.Zone); ok {
		return loc
	}
	return time.UTC
}

// An instance is one time that an event takes place. Single events have one, numbered -1.
type instance struct {
	n               int
	original, start time.Time
	length          time.Duration
	exception       bool
}

func (i instance) end() time.Time { return i.start.Add(i.length) }

// in reports whether the instance overlaps the window.
func (i instance) in(from, to time.Time) bool {
	return i.end().After(from) && i.start.Before(to)
}

// instances are e's that overlap the window, by number: the pattern is walked from its beginning.
func (e Event) instances(from, to time.Time) []instance {
	r := e.pattern()
	if r == nil {
		if one := (instance{-1, e.Start, e.Start, e.Length, false}); one.in(from, to) {
			return []instance{one}
		}
		return nil
	}
	last := -1 // an exception may come from behind the window
	for n := range e.Moved {
		last = max(last, n)
	}
	var all []instance
	e.walk(r, func(n int, original time.Time) bool {
		if !original.Before(to) && n > last {
			return false
		}
		if i := e.instance(n, original); !e.Dropped[n] && i.in(from, to) {
			all = append(all, i)
		}
		return true
	})
	return all
}

// instance is the n-th one, with what was changed about it.
func (e Event) instance(n int, original time.Time) instance {
	i := instance{n: n, original: original, start: original.Add(e.Moved[n]), length: e.Length}
	if l, ok := e.Lengths[n]; ok {
		i.length = l
	}
	i.exception = e.Moved[n] != 0 || i.length != e.Length || e.Changed[n] != nil
	return i
}

// nth is the instance with the number n, if the pattern has it and nobody has deleted it.
func (e Event) nth(n int) (i instance, ok bool) {
	r := e.pattern()
	if r == nil || n < 0 || e.Dropped[n] {
		return instance{}, false
	}
	e.walk(r, func(m int, original time.Time) bool {
		if m == n {
			i, ok = e.instance(n, original), true
		}
		return m < n && m < 100_000
	})
	return i, ok
}

// walk calls f for each time that the pattern has, until f says no.
func (e Event) walk(r *Repeat, f func(n int, original time.Time) bool) {
	loc := e.location()
	first := e.Start.In(loc)
	y, m, d := first.Date()
	sunday := d - int(first.Weekday()) // weeks begin on Sundays unless a pattern says otherwise
	for day, n := d, 0; ; day++ {
		date := time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
		if !r.Until.IsZero() && date.Format(time.DateOnly) > r.Until.Format(time.DateOnly) || r.Count > 0 && n >= r.Count {
			return
		}
		hit := (day-d)%r.Every == 0
		if !r.Daily {
			hit = false
			for _, w := range r.Days {
				hit = hit || date.Weekday() == w && (day-sunday)/7%r.Every == 0
			}
		}
		if !hit {
			continue
		}
		// time.Date keeps the wall clock: nine o'clock stays nine o'clock.
		if !f(n, time.Date(y, m, day, first.Hour(), first.Minute(), first.Second(), 0, loc).UTC()) {
			return
		}
		n++
	}
}

// recurrence is the pattern in Graph's words (patternedRecurrence).
func (e Event) recurrence() any {
	r := e.pattern()
	if r == nil {
		return nil
	}
	pattern := map[string]any{"type": "daily", "interval": r.Every, "month": 0, "dayOfMonth": 0, "firstDayOfWeek": "sunday", "index": "first"}
	if !r.Daily {
		days := []any{}
		for _, d := range r.Days {
			days = append(days, strings.ToLower(d.String()))
		}
		pattern["type"], pattern["daysOfWeek"] = "weekly", days
	}
	span := map[string]any{
		"type": "noEnd", "startDate": e.Start.In(e.location()).Format(time.DateOnly), "endDate": "0001-01-01",
		"recurrenceTimeZone": or(e.Zone, "UTC"), "numberOfOccurrences": 0,
	}
	switch {
	case r.Count > 0:
		span["type"], span["numberOfOccurrences"] = "numbered", r.Count
	case !r.Until.IsZero():
		span["type"], span["endDate"] = "endDate", r.Until.Format(time.DateOnly)
	}
	return map[string]any{"pattern": pattern, "range": span}
}
