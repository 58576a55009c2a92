package fakegraph

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Sight is what an ideal reader sees of one occurrence.
type Sight struct {
	ID          string // immutable
	Type        string // singleInstance, occurrence, exception
	Series      string // the master's immutable id; "" of a single event
	UID         string // iCalUId
	Original    time.Time
	Start, End  time.Time // UTC; of an all-day entry, its midnights as if they were UTC
	AllDay      bool
	Subject     string
	Organizer   string
	Guests      []string // "address type response"
	Sensitivity string
	ShowAs      string
	Response    string
	Cancelled   bool
	Draft       bool
	JoinURL     string
	Location    string
	Body        string // as it is stored
	Modified    time.Time
	Zone        string // as it was given; "": UTC
	HideGuests  bool   // from the mailbox's owner, too, who is not the organizer
}

// Truth is what the calendar ("": the default one) has in the window now, by start and id. It finds the
// occurrences of a series by calculation, day by day of the window, and not by walking the pattern as the
// API does.
func (t *Tenant) Truth(user, calendarID string, from, to time.Time) []Sight {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.box(user)
	if calendarID == m.calendars[0].ID {
		calendarID = ""
	}
	var all []Sight
	for _, it := range m.items {
		if it.Calendar != calendarID {
			continue
		}
		for n, original := range it.candidates(from, to) {
			start, length := original.Add(it.Moved[n]), it.Length
			if l, ok := it.Lengths[n]; ok {
				length = l
			}
			if it.Dropped[n] || !start.Before(to) || !start.Add(length).After(from) {
				continue
			}
			s := t.sight(m, it, it.Changed[n])
			s.ID, s.Type, s.UID = m.id(it, n, true), "singleInstance", it.iCalUID(it.Instance)
			s.Start, s.End, s.Modified, s.Zone = start.UTC(), start.Add(length).UTC(), it.modified, it.Zone
			if n >= 0 {
				s.Type, s.Series, s.Original, s.UID = "occurrence", m.id(it, -1, true), original.UTC(), it.iCalUID(original)
				if it.Moved[n] != 0 || length != it.Length || it.Changed[n] != nil {
					s.Type = "exception"
				}
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Sight) int {
		if d := a.Start.Compare(b.Start); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// candidates are the occurrences that may lie in the window, by number: those of the window's days, and
// those that were moved. A single event is number -1.
func (it *item) candidates(from, to time.Time) map[int]time.Time {
	r := it.pattern()
	if r == nil {
		return map[int]time.Time{-1: it.Start}
	}
	loc := it.location()
	longest := it.Length
	for _, l := range it.Lengths {
		longest = max(longest, l)
	}
	first := dayNumber(it.Start.In(loc))
	out := map[int]time.Time{}
	add := func(day int) {
		n, ok := r.number(first, day)
		if !ok || r.Count > 0 && n >= r.Count || !r.Until.IsZero() && day > dayNumber(r.Until) {
			return
		}
		clock := it.Start.In(loc)
		date := time.Unix(int64(day)*86400, 0).UTC()
		out[n] = time.Date(date.Year(), date.Month(), date.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, loc)
	}
	for day := max(first, dayNumber(from.Add(-longest))-1); day <= dayNumber(to)+1; day++ {
		add(day)
	}
	last := 0
	for n := range it.Moved {
		last = max(last, n)
	}
	for day := first; last > 0 && day <= first+(last+1)*7*r.Every; day++ {
		if n, ok := r.number(first, day); ok && it.Moved[n] != 0 {
			add(day)
		}
	}
	if it.Moved[0] != 0 {
		add(dayOf(r, first))
	}
	return out
}

// dayOf is the first day at or behind first that the pattern has.
func dayOf(r *Repeat, first int) int {
	for day := first; ; day++ {
		if n, ok := r.number(first, day); ok && n == 0 {
			return day
		}
	}
}

// dayNumber counts days since 1970 by the date alone.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// weekdayOf is the weekday of a day's number: the first of January 1970 was a Thursday.
func weekdayOf(day int) int { return ((day+4)%7 + 7) % 7 }

// number says which occurrence falls on the day, if one does, for a pattern that begins on the day first.
func (r *Repeat) number(first, day int) (int, bool) {
	if r.Daily {
		return (day - first) / r.Every, day >= first && (day-first)%r.Every == 0
	}
	sunday := first - weekdayOf(first)
	week := (day - sunday) / 7
	on := func(weekday int) bool { return slices.Contains(r.Days, time.Weekday(weekday)) }
	if day < first || week%r.Every != 0 || !on(weekdayOf(day)) {
		return 0, false
	}
	perWeek, skipped, before := 0, 0, 0
	for w := range 7 {
		if on(w) {
			perWeek++
			if w < weekdayOf(first) {
				skipped++
			}
			if w < weekdayOf(day) {
				before++
			}
		}
	}
	return week/r.Every*perWeek + before - skipped, true
}

// sight is the part of an occurrence that hangs on no time.
func (t *Tenant) sight(m *mailbox, it *item, changed map[string]any) Sight {
	fields := t.content(it.Event, m.owner)
	for key, value := range changed {
		fields[key] = value
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	s, err := see(raw)
	if err != nil {
		panic(err)
	}
	return s
}

// see reads the part of an event resource that hangs on no time.
func see(raw []byte) (Sight, error) {
	type address struct {
		EmailAddress struct{ Address string }
	}
	var e struct {
		Subject, Sensitivity, ShowAs   string
		IsAllDay, IsCancelled, IsDraft bool
		HideAttendees, IsOrganizer     bool
		Organizer                      address
		ResponseStatus                 struct{ Response string }
		Attendees                      []struct {
			address
			Type   string
			Status struct{ Response string }
		}
		OnlineMeeting struct{ JoinURL string }
		Location      struct{ DisplayName string }
		Body          struct{ Content string }
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return Sight{}, err
	}
	s := Sight{
		AllDay: e.IsAllDay, Subject: e.Subject, Organizer: e.Organizer.EmailAddress.Address, Sensitivity: e.Sensitivity, ShowAs: e.ShowAs,
		Response: e.ResponseStatus.Response, Cancelled: e.IsCancelled, Draft: e.IsDraft, JoinURL: e.OnlineMeeting.JoinURL,
		Location: e.Location.DisplayName, Body: e.Body.Content,
	}
	for _, g := range e.Attendees {
		s.Guests = append(s.Guests, fmt.Sprintf("%s %s %s", g.EmailAddress.Address, g.Type, g.Status.Response))
	}
	s.HideGuests = e.HideAttendees && !e.IsOrganizer
	return s, nil
}
