package fakegoogle

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"
)

// view is who looks at an event, and how.
type view struct {
	viewer, role string
	zone         *time.Location // in which times are said
	maxAttendees int            // 0: not said
}

// bare are the fields that those see who may know no more than that the time is taken.
var bare = []string{
	"kind", "etag", "id", "status", "updated", "start", "end", "iCalUID", "sequence", "eventType",
	"recurringEventId", "originalStartTime", "recurrence", "transparency",
}

// seesDetails: private events are shown with their details hidden to readers and writers without private
// access; to those who see free and busy alone, all are (reference, Events: list, accessRole).
func seesDetails(role, visibility string) bool {
	switch role {
	case Writer, Owner:
		return true
	case Reader, WriterWithoutPrivateAccess:
		return visibility != "private" && visibility != "confidential"
	}
	return false
}

// instanceBody is a single event, or an occurrence of a series, as the API shows it.
func (c *calendar) instanceBody(r *record, i instance, v view) map[string]any {
	w := c.body(r, i, v)
	if r.event.recurs() {
		w["recurringEventId"], w["originalStartTime"] = r.event.ID, r.event.when(i.original, v.zone)
	}
	return c.hide(w, v)
}

// masterBody is the series itself, or a single event.
func (c *calendar) masterBody(r *record, v view) map[string]any {
	e := r.event
	w := c.body(r, instance{id: e.ID, original: e.Start, start: e.Start, length: e.Length}, v)
	if e.recurs() {
		w["recurrence"] = []any{e.Repeat.text(e.AllDay)}
	}
	return c.hide(w, v)
}

func (c *calendar) body(r *record, i instance, v view) map[string]any {
	e := r.event
	w := e.Fields
	if i.exception != nil {
		w = overlay(w, i.exception.Fields)
	}
	w = overlay(w, r.own)
	for name, usual := range map[string]any{
		"status": "confirmed", "eventType": "default", "iCalUID": e.ID + "@google.com", "sequence": 0,
		"created": stamp(r.created), "updated": stamp(r.updated), "reminders": map[string]any{"useDefault": true},
		"organizer": c.person(), "creator": map[string]any{"email": c.owner},
	} {
		if _, ok := w[name]; !ok {
			w[name] = usual
		}
	}
	w["kind"], w["id"], w["etag"] = "calendar#event", i.id, etag(i.id, r.version)
	w["htmlLink"] = "https://www.google.com/calendar/event?eid=" + base64.RawStdEncoding.EncodeToString([]byte(i.id+" "+c.id))
	w["start"], w["end"] = e.when(i.start, v.zone), e.when(i.start.Add(i.length), v.zone)
	w["organizer"], w["creator"] = c.self(w["organizer"]), c.self(w["creator"])
	if creator := w["creator"].(map[string]any); creator["email"] != v.viewer {
		delete(w, "source") // "visible only to the creator" (Events resource, source)
	}
	c.attendees(w, r, v)
	return w
}

// person is the calendar itself as an organizer: its owner, or what a secondary calendar's events have.
func (c *calendar) person() map[string]any {
	if c.primary {
		return map[string]any{"email": c.owner}
	}
	return map[string]any{"email": c.id, "displayName": c.summary}
}

// self marks a person whose calendar this is.
func (c *calendar) self(p any) map[string]any {
	person, _ := p.(map[string]any)
	person = maps.Clone(person)
	if email, _ := person["email"].(string); strings.EqualFold(email, c.id) {
		person["self"] = true
	}
	return person
}

// attendees are the guests as this copy shows them: all; or, when guests may not see each other, on theirs
// the organizer and themselves; or, when they are more than asked for, the participant alone, with
// attendeesOmitted (reference, Events: list, maxAttendees).
func (c *calendar) attendees(w map[string]any, r *record, v view) {
	people, _ := w["attendees"].([]any)
	if people == nil {
		return
	}
	organizer := w["organizer"].(map[string]any)
	var shown []any
	alone := v.maxAttendees > 0 && len(people) > v.maxAttendees
	hidden := w["guestsCanSeeOtherGuests"] == false && organizer["self"] != true
	for _, p := range people {
		person := c.self(p)
		if person["email"] == organizer["email"] {
			person["organizer"] = true
		}
		if r.response != "" && person["self"] == true {
			person["responseStatus"] = r.response
		}
		if alone && person["self"] != true || hidden && person["self"] != true && person["organizer"] != true {
			continue
		}
		shown = append(shown, person)
	}
	delete(w, "attendees")
	if len(shown) > 0 {
		w["attendees"] = shown
	}
	if alone {
		w["attendeesOmitted"] = true
	}
}

// hide leaves of w what v's role may see.
func (c *calendar) hide(w map[string]any, v view) map[string]any {
	visibility, _ := w["visibility"].(string)
	if seesDetails(v.role, visibility) {
		return w
	}
	maps.DeleteFunc(w, func(name string, _ any) bool { return !slices.Contains(bare, name) })
	w["visibility"] = "private"
	return w
}

// when is a time, by the clock of the zone; or a day, which has no zone.
func (e *Event) when(t time.Time, in *time.Location) map[string]any {
	if e.AllDay {
		return map[string]any{"date": t.UTC().Format(time.DateOnly)}
	}
	return map[string]any{"dateTime": t.In(in).Format(time.RFC3339), "timeZone": e.location().String()}
}

// tombstone is all that is left of a deleted event: "guaranteed to have the id field" (Events resource,
// status).
func tombstone(id string) map[string]any { return map[string]any{"id": id, "status": "cancelled"} }

// exceptionTombstone is a cancelled occurrence of a series: "only guaranteed to have values for the id,
// recurringEventId and originalStartTime" (Events resource, status).
func exceptionTombstone(e *Event, i instance, v view) map[string]any {
	return map[string]any{"id": i.id, "recurringEventId": e.ID, "originalStartTime": e.when(i.original, v.zone), "status": "cancelled"}
}

// span is when an occurrence is: days are those of the calendar's zone.
func (c *calendar) span(e *Event, start time.Time, length time.Duration) (from, to time.Time) {
	if !e.AllDay {
		return start, start.Add(length)
	}
	day := func(t time.Time) time.Time {
		t = t.UTC()
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, c.zone)
	}
	return day(start), day(start.Add(length))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// etag is a quoted tag of a thing's version.
func etag(of string, version int) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", of, version)
	return fmt.Sprintf("%q", fmt.Sprintf("%d", 3500000000000000+int64(h.Sum32())))
}

// numberOf is a made-up id, of digits as Google's are.
func numberOf(of string) string {
	h := fnv.New64a()
	h.Write([]byte(of))
	return fmt.Sprintf("1%020d", h.Sum64())
}

// hashed names a thing that a token is bound to.
func hashed(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return fmt.Sprintf("%016x", h.Sum64())
}

// seal makes a token that looks like nothing to a client; unseal is "" for one that is not ours.
func seal(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func unseal(s string) string {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}
