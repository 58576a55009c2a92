package fakegoogle

import (
	"slices"
	"time"
)

// A Sight is an occurrence that a calendar holds.
type Sight struct {
	ID           string
	Series       string    // its series' id; "": a single event
	UID          string    // iCalUID
	Original     time.Time // the start by the rule; of a series alone
	Start, End   time.Time // of an all-day entry, midnights as if they were UTC
	AllDay       bool
	Zone         string
	Fields       map[string]any // as they were put, with what is the occurrence's own; not to be changed
	Created      time.Time
	Updated      time.Time
	Role         string // what the one who looks may do
	CalendarZone *time.Location
}

// Truth is what the calendar has between two times for a user, in the order of ids; readable is false if
// the user may not read it. It goes through the days of the window, and not along the log as the API does.
func (t *Tenant) Truth(user, calendarID string, from, to time.Time) (all []Sight, readable bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calendars[calendarID]
	u, known := t.user(user)
	if c == nil || c.deleted || !known || u.Suspended || u.NoCalendar || c.roleOf(user) == None {
		return nil, false
	}
	for _, r := range c.records {
		if r.gone {
			continue
		}
		e := r.event
		for _, at := range e.candidates(from, to) {
			s := Sight{ID: e.ID, UID: e.uid(), Start: at, End: at.Add(e.Length), AllDay: e.AllDay, Zone: e.location().String(), Fields: overlay(e.Fields, r.own),
				Created: r.created, Updated: r.updated, Role: c.roleOf(user), CalendarZone: c.zone}
			if e.recurs() {
				x, excepted := e.Exceptions[at]
				if x.Cancelled {
					continue
				}
				s.ID, s.Series, s.Original = e.instanceID(at), e.ID, at
				if excepted {
					length := e.Length
					if x.Length != 0 {
						length = x.Length
					}
					if !x.Start.IsZero() {
						s.Start = x.Start
					}
					s.End = s.Start.Add(length)
					s.Fields = overlay(overlay(e.Fields, x.Fields), r.own)
				}
			}
			if begin, end := c.span(e, s.Start, s.End.Sub(s.Start)); end.After(from) && begin.Before(to) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b Sight) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all, true
}

// candidates are the original starts of occurrences that may lie in the window: each day's, if the rule has one
// on it, and those that were moved.
func (e *Event) candidates(from, to time.Time) []time.Time {
	if !e.recurs() {
		return []time.Time{e.Start}
	}
	var all []time.Time
	first := from.Add(-e.Length).AddDate(0, 0, -2)
	for day := first; day.Before(to.AddDate(0, 0, 2)); day = day.AddDate(0, 0, 1) {
		if at, has := e.on(day); has {
			all = append(all, at)
		}
	}
	for at := range e.Exceptions {
		if has, on := e.on(at); on && has.Equal(at) && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// on is the occurrence on the day that t lies on by the series' clock, if its rule has one.
func (e *Event) on(t time.Time) (time.Time, bool) {
	zone := e.location()
	if e.AllDay {
		zone = time.UTC
	}
	begin, day := e.Start.In(zone), t.In(zone)
	at := time.Date(day.Year(), day.Month(), day.Day(), begin.Hour(), begin.Minute(), begin.Second(), 0, zone).UTC()
	days := int(midnight(day).Sub(midnight(begin)).Hours()) / 24
	n, off := days/e.Repeat.days(), days%e.Repeat.days()
	return at, days >= 0 && off == 0 && (e.Repeat.Count == 0 || n < e.Repeat.Count) && (e.Repeat.Until.IsZero() || !at.After(e.Repeat.Until))
}

// midnight is the day alone, in a zone whose days all have 24 hours.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
