package fakegoogle

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// An Event is a meeting in one calendar; with Repeat, a series.
type Event struct {
	ID     string
	Fields map[string]any // as the API has them, but for the id and the times
	Start  time.Time      // midnight UTC for an all-day entry
	Length time.Duration
	AllDay bool
	Zone   string // whose clock a series goes by; "": Europe/Berlin
	Repeat Rule
	// Exceptions, by the original start.
	Exceptions map[time.Time]Exception

	// A short form of Repeat and Exceptions: so many occurrences, weekly; those that are moved or cancelled
	// by their numbers, from 0.
	Weekly  int
	Moved   map[int]time.Duration
	Dropped map[int]bool
}

func (e *Event) location() *time.Location {
	if e.Zone == "" {
		return zone(defaultZone)
	}
	return zone(e.Zone)
}

func (e *Event) uid() string {
	if uid, ok := e.Fields["iCalUID"].(string); ok {
		return uid
	}
	return e.ID + "@google.com"
}

// record is an event in a calendar, and what is this copy's alone.
type record struct {
	event            *Event         // never changed, but replaced
	own              map[string]any // over the event's fields
	response         string         // of a meeting too big to have them propagated; "": as the event has it
	gone             bool
	version          int // of all the tenant's changes
	created, updated time.Time
}

// live is the event with this id; nil when there is none.
func (c *calendar) live(id string) *record {
	if r := c.records[id]; r != nil && !r.gone {
		return r
	}
	return nil
}

// A Guest is somebody who is invited.
type Guest struct {
	Email, Name        string
	Response           string // "": needsAction
	Optional, Resource bool
}

// Put creates or replaces an event in one calendar.
func (t *Tenant) Put(calendarID string, e Event) {
	t.do(func() { t.put(t.calendar(calendarID), e.normal()) })
}

// Delete removes an event from one calendar: the organizer's other guests keep theirs.
func (t *Tenant) Delete(calendarID, id string) {
	t.do(func() { t.remove(t.calendar(calendarID), id) })
}

// Invite creates or replaces a meeting in the organizer's calendar and in the primary ones of all guests
// that the tenant has, with the same id and UID; and removes it from those of former guests.
func (t *Tenant) Invite(organizer string, e Event, guests ...Guest) {
	t.do(func() {
		n := e.normal()
		n.Fields["organizer"], n.Fields["creator"] = map[string]any{"email": organizer}, map[string]any{"email": organizer}
		people := []any{}
		if !slices.ContainsFunc(guests, func(g Guest) bool { return g.Email == organizer }) {
			people = append(people, map[string]any{"email": organizer, "responseStatus": "accepted"})
		}
		for _, g := range guests {
			people = append(people, g.fields())
		}
		if len(guests) > 0 {
			n.Fields["attendees"] = people
		}
		for _, id := range t.order {
			c := t.calendars[id]
			invited := c.primary && !c.deleted && (id == organizer || slices.ContainsFunc(guests, func(g Guest) bool { return strings.EqualFold(g.Email, id) }))
			had := c.live(n.ID)
			switch {
			case invited:
				t.put(c, n)
			case had != nil && had.event.uid() == n.uid():
				t.remove(c, n.ID)
			}
		}
	})
}

func (g Guest) fields() map[string]any {
	f := map[string]any{"email": g.Email, "responseStatus": "needsAction"}
	if g.Name != "" {
		f["displayName"] = g.Name
	}
	if g.Response != "" {
		f["responseStatus"] = g.Response
	}
	if g.Optional {
		f["optional"] = true
	}
	if g.Resource {
		f["resource"] = true
	}
	return f
}

// copies calls f with each copy of a meeting: what has the same id and UID.
func (t *Tenant) copies(calendarID, id string, f func(*calendar, *record)) {
	r := t.calendar(calendarID).live(id)
	if r == nil {
		return
	}
	uid := r.event.uid()
	for _, other := range t.order {
		c := t.calendars[other]
		if r := c.live(id); r != nil && !c.deleted && r.event.uid() == uid {
			f(c, r)
		}
	}
}

// Change edits a meeting in all calendars that have it. What f gets is a copy that it may do with as it
// likes.
func (t *Tenant) Change(calendarID, id string, f func(*Event)) {
	t.do(func() {
		t.copies(calendarID, id, func(c *calendar, r *record) {
			e := *r.event.normal()
			f(&e)
			e.ID = id
			t.put(c, e.normal())
		})
	})
}

// Except changes one occurrence of a series, by its original start, in all calendars that have it.
func (t *Tenant) Except(calendarID, id string, original time.Time, x Exception) {
	t.Change(calendarID, id, func(e *Event) { e.Exceptions[original.UTC()] = x })
}

// Cancel deletes a meeting in all calendars that have it.
func (t *Tenant) Cancel(calendarID, id string) {
	t.do(func() { t.copies(calendarID, id, func(c *calendar, _ *record) { t.remove(c, id) }) })
}

// Split changes "this and following" occurrences of a series: the old one ends before the one with this
// original start, a new one begins with it. It returns the new series' id. F may be nil.
func (t *Tenant) Split(calendarID, id string, original time.Time, f func(*Event)) (newID string) {
	t.do(func() {
		t.copies(calendarID, id, func(c *calendar, r *record) {
			before, after := r.event.normal().split(original.UTC())
			if f != nil {
				f(after)
			}
			newID = after.ID
			t.put(c, before.normal())
			t.put(c, after.normal())
		})
	})
	return newID
}

// EditCopy changes fields of one copy alone, as a guest does with a colour or a visibility; nil takes a
// field away.
func (t *Tenant) EditCopy(calendarID, id string, fields map[string]any) {
	t.do(func() {
		c := t.calendar(calendarID)
		r := c.live(id)
		if r == nil {
			return
		}
		own := copied(fields)
		for name, v := range r.own {
			if _, ok := own[name]; !ok {
				own[name] = v
			}
		}
		r.own = own
		t.put(c, r.event)
	})
}

// propagated is the most guests of whom everybody hears the answers (guide "Invite users to events").
const propagated = 200

// Respond sets a guest's answer: in all copies, or, in a meeting of more than 200 guests, in the guest's
// own alone.
func (t *Tenant) Respond(guest, id, response string) {
	t.do(func() {
		own := t.calendar(guest).live(id)
		if own == nil {
			return
		}
		if people, _ := own.event.Fields["attendees"].([]any); len(people) > propagated {
			own.response = response
			t.put(t.calendar(guest), own.event)
			return
		}
		t.copies(guest, id, func(c *calendar, r *record) {
			e := r.event.normal()
			answerIn(e.Fields, guest, response)
			for _, x := range e.Exceptions {
				answerIn(x.Fields, guest, response)
			}
			t.put(c, e)
		})
	})
}

// Haunt makes a long cancelled event come up in listings that do not ask for such
// (phw198/OutlookGoogleCalendarSync#2123).
func (t *Tenant) Haunt(calendarID, id string) {
	t.do(func() { c := t.calendar(calendarID); c.ghosts = append(c.ghosts, id) })
}

// put and remove are the only ways by which a calendar changes: they keep its log.
func (t *Tenant) put(c *calendar, e *Event) {
	now := t.Now()
	r, before := c.records[e.ID], (*Event)(nil)
	if r == nil || r.gone {
		r = &record{created: now}
		c.records[e.ID] = r
	} else {
		before = r.event
	}
	r.event = e
	t.changed(c, r, before)
}

func (t *Tenant) remove(c *calendar, id string) {
	if r := c.live(id); r != nil {
		r.gone = true
		t.changed(c, r, r.event)
	}
}

func (t *Tenant) changed(c *calendar, r *record, before *Event) {
	t.changes++
	r.version, r.updated, c.updated = t.changes, t.Now(), t.Now()
	c.log = append(c.log, change{r.event.ID, before})
	t.notify(c)
}

// copied is a deep copy with the types that JSON has.
func copied(fields map[string]any) map[string]any {
	out := map[string]any{}
	b, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic("fakegoogle: fields that are no JSON: " + err.Error())
	}
	if out == nil {
		out = map[string]any{}
	}
	return out
}

// overlay is fields with others over them; nil takes one away.
func overlay(fields, over map[string]any) map[string]any {
	out := maps.Clone(fields)
	for name, v := range over {
		if v == nil {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out
}

// answerIn sets a guest's answer in an event's fields.
func answerIn(fields map[string]any, guest, response string) {
	people, _ := fields["attendees"].([]any)
	for _, p := range people {
		if p := p.(map[string]any); strings.EqualFold(p["email"].(string), guest) {
			p["responseStatus"] = response
		}
	}
}
