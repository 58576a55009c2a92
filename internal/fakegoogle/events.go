package fakegoogle

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldUpdates is how far back updatedMin may lie, before it is refused as too long ago.
const oldUpdates = 28 * 24 * time.Hour

var eventTypes = []string{"birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"}

// filter is which events a list is asked for.
type filter struct {
	from, to, updatedMin time.Time // zero: not said
	single, deleted      bool
	types                []string
	uid, words           string
	extended             []string // "private.name=value"
	orderBy              string
}

func parseFilter(q url.Values) (filter, *answer) {
	bad := func(reason, message string) (filter, *answer) {
		a := refuse(http.StatusBadRequest, reason, message)
		return filter{}, &a
	}
	f := filter{single: q.Get("singleEvents") == "true", deleted: q.Get("showDeleted") == "true", types: q["eventTypes"], uid: q.Get("iCalUID"), words: q.Get("q"), orderBy: q.Get("orderBy")}
	for _, p := range []struct {
		name string
		to   *time.Time
	}{{"timeMin", &f.from}, {"timeMax", &f.to}, {"updatedMin", &f.updatedMin}} {
		if !q.Has(p.name) {
			continue
		}
		at, err := time.Parse(time.RFC3339, q.Get(p.name))
		if err != nil { // the offset is mandatory
			return bad("badRequest", "Bad Request")
		}
		*p.to = at
	}
	for _, side := range []string{"private", "shared"} {
		for _, p := range q[side+"ExtendedProperty"] {
			f.extended = append(f.extended, side+"."+p)
		}
	}
	for _, kind := range f.types {
		if !slices.Contains(eventTypes, kind) {
			return bad("invalid", "Invalid value for eventTypes")
		}
	}
	switch {
	case !f.from.IsZero() && !f.to.IsZero() && !f.from.Before(f.to):
		return bad("timeRangeEmpty", "The specified time range is empty.")
	case f.orderBy == "startTime" && !f.single:
		return bad("badRequest", "The requested ordering is not available for the particular query.")
	case f.orderBy != "" && f.orderBy != "startTime" && f.orderBy != "updated":
		return bad("badRequest", "Invalid value for orderBy")
	}
	return f, nil
}

// holds: the end is behind timeMin and the start before timeMax, both exclusive.
func (f filter) holds(from, to time.Time) bool {
	return (f.from.IsZero() || to.After(f.from)) && (f.to.IsZero() || from.Before(f.to))
}

// wants is the filter but for the times.
func (f filter) wants(w map[string]any) bool {
	if kind, _ := w["eventType"].(string); len(f.types) > 0 && !slices.Contains(f.types, kind) {
		return false
	}
	if f.uid != "" && w["iCalUID"] != f.uid {
		return false
	}
	if f.words != "" {
		var text strings.Builder
		for _, name := range []string{"summary", "description", "location"} {
			s, _ := w[name].(string)
			text.WriteString(s + "\n")
		}
		if !strings.Contains(strings.ToLower(text.String()), strings.ToLower(f.words)) {
			return false
		}
	}
	for _, p := range f.extended {
		side, rest, _ := strings.Cut(p, ".")
		name, value, _ := strings.Cut(rest, "=")
		properties, _ := w["extendedProperties"].(map[string]any)
		of, _ := properties[side].(map[string]any)
		if of[name] != value {
			return false
		}
	}
	return true
}

// viewOf is how the one who asks sees events.
func viewOf(cal *calendar, c call, role string) (view, *answer) {
	v := view{viewer: c.user(), role: role, zone: cal.zone}
	if name := c.query.Get("timeZone"); name != "" {
		var err error
		if v.zone, err = time.LoadLocation(name); err != nil {
			a := refuse(http.StatusBadRequest, "invalid", "Invalid time zone definition")
			return v, &a
		}
	}
	if s := c.query.Get("maxAttendees"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			a := refuse(http.StatusBadRequest, "invalid", "Invalid value for maxAttendees")
			return v, &a
		}
		v.maxAttendees = n
	}
	return v, nil
}

// listEvents is Events: list.
func (t *Tenant) listEvents(c call) answer {
	cal, role, no := t.find(c)
	if no != nil {
		return *no
	}
	v, no := viewOf(cal, c, role)
	if no != nil {
		return *no
	}
	f, no := parseFilter(c.query)
	if no != nil {
		return *no
	}
	token := c.query.Get("syncToken")
	if token != "" {
		for _, p := range notWithToken {
			if c.query.Has(p) {
				return refuse(http.StatusBadRequest, "badRequest", "Sync token cannot be used with "+p+".")
			}
		}
		if c.query.Get("showDeleted") == "false" {
			return refuse(http.StatusBadRequest, "badRequest", "Sync token cannot be used with showDeleted=false.")
		}
	}
	if page := c.query.Get("pageToken"); page != "" {
		return t.laterPage(cal, c, role, page)
	}
	if token != "" {
		from, no := t.since(cal, c, token)
		if no != nil {
			return *no
		}
		return t.firstPage(cal, c, role, t.delta(cal, from, v, f.single, f.wants))
	}
	if !f.updatedMin.IsZero() && t.Now().Sub(f.updatedMin) > oldUpdates {
		return refuse(http.StatusGone, "updatedMinTooLongAgo", "The requested minimum modification time lies too far in the past.")
	}
	return t.firstPage(cal, c, role, t.listing(cal, f, v))
}

// listed is an event in a list, with what it may be ordered by.
type listedEvent struct {
	body           map[string]any
	start, updated time.Time
}

// listing is all that a list without a token has, by id and original start unless it is asked otherwise.
func (t *Tenant) listing(cal *calendar, f filter, v view) []map[string]any {
	// "Deleted events since updatedMin will always be included" (reference, Events: list, updatedMin).
	f.deleted = f.deleted || !f.updatedMin.IsZero()
	var all []listedEvent
	for _, id := range slices.Sorted(maps.Keys(cal.records)) {
		r := cal.records[id]
		if r.updated.Before(f.updatedMin) {
			continue
		}
		if f.single {
			all = append(all, t.listInstances(cal, r, f, v)...)
		} else {
			all = append(all, t.listMasters(cal, r, f, v)...)
		}
	}
	for _, id := range cal.ghosts {
		all = append(all, listedEvent{body: tombstone(id)})
	}
	switch f.orderBy {
	case "startTime":
		slices.SortStableFunc(all, func(a, b listedEvent) int { return a.start.Compare(b.start) })
	case "updated":
		slices.SortStableFunc(all, func(a, b listedEvent) int { return a.updated.Compare(b.updated) })
	}
	bodies := []map[string]any{}
	for _, e := range all {
		bodies = append(bodies, e.body)
	}
	return bodies
}

// end is where to stop looking for occurrences.
func (f filter) end() time.Time {
	if f.to.IsZero() {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return f.to.AddDate(0, 0, 1) // a day ends later west of here
}

// listInstances: with singleEvents, showDeleted brings cancelled single instances, "but not the underlying
// recurring event" (reference, Events: list, showDeleted).
func (t *Tenant) listInstances(cal *calendar, r *record, f filter, v view) []listedEvent {
	var all []listedEvent
	e := r.event
	for _, i := range e.reaching(f.end(), t.Now()) {
		from, to := cal.span(e, i.start, i.length)
		if !f.holds(from, to) {
			continue
		}
		switch {
		case r.gone && !e.recurs():
			if f.deleted {
				all = append(all, listedEvent{tombstone(i.id), from, r.updated})
			}
		case r.gone || i.cancelled():
			if f.deleted && !r.gone {
				all = append(all, listedEvent{exceptionTombstone(e, i, v), from, r.updated})
			}
		default:
			if w := cal.instanceBody(r, i, v); f.wants(w) {
				all = append(all, listedEvent{w, from, r.updated})
			}
		}
	}
	return all
}

// listMasters: without singleEvents, a series is in the window when one of its occurrences is; and
// cancelled exceptions come whether deleted events are asked for or not (reference, Events: list,
// showDeleted).
func (t *Tenant) listMasters(cal *calendar, r *record, f filter, v view) []listedEvent {
	e := r.event
	reaches := false
	var all []listedEvent
	for _, i := range e.reaching(f.end(), t.Now()) {
		from, to := cal.span(e, i.start, i.length)
		if !f.holds(from, to) {
			continue
		}
		reaches = true
		switch {
		case i.exception == nil || r.gone:
		case i.cancelled():
			all = append(all, listedEvent{exceptionTombstone(e, i, v), from, r.updated})
		default:
			if w := cal.instanceBody(r, i, v); f.wants(w) {
				all = append(all, listedEvent{w, from, r.updated})
			}
		}
	}
	w := cal.masterBody(r, v)
	switch {
	case !reaches:
		return nil
	case r.gone && f.deleted:
		return []listedEvent{{tombstone(e.ID), e.Start, r.updated}}
	case r.gone || !f.wants(w):
		return all
	}
	return append([]listedEvent{{w, e.Start, r.updated}}, all...)
}

// named is what an event's id in a path means: a record, and which of its occurrences; nil: the event
// itself.
func (cal *calendar) named(id string) (*record, *instance) {
	if r := cal.records[id]; r != nil {
		return r, nil
	}
	cut := strings.LastIndex(id, "_")
	if cut < 0 {
		return nil, nil
	}
	r := cal.records[id[:cut]]
	if r == nil || !r.event.recurs() {
		return nil, nil
	}
	at, err := time.Parse("20060102T150405Z", id[cut+1:])
	if err != nil {
		if at, err = time.Parse("20060102", id[cut+1:]); err != nil {
			return nil, nil
		}
	}
	for _, i := range r.event.instances(at) {
		if i.id == id {
			return r, &i
		}
	}
	return nil, nil
}

// getEvent is Events: get, of an event, a series or an occurrence. What is deleted is still found, as
// cancelled.
func (t *Tenant) getEvent(c call) answer {
	cal, role, no := t.find(c)
	if no != nil {
		return *no
	}
	v, no := viewOf(cal, c, role)
	if no != nil {
		return *no
	}
	id := c.path["event"]
	r, i := cal.named(id)
	switch {
	case r == nil:
		return refuse(http.StatusNotFound, "notFound", "Not Found")
	case r.gone && i == nil:
		return ok(tombstone(id))
	case i == nil:
		return ok(cal.masterBody(r, v))
	case r.gone || i.cancelled():
		return ok(exceptionTombstone(r.event, *i, v))
	}
	return ok(cal.instanceBody(r, *i, v))
}

// listInstancesOf is Events: instances.
func (t *Tenant) listInstancesOf(c call) answer {
	cal, role, no := t.find(c)
	if no != nil {
		return *no
	}
	v, no := viewOf(cal, c, role)
	if no != nil {
		return *no
	}
	f, no := parseFilter(c.query)
	if no != nil {
		return *no
	}
	if page := c.query.Get("pageToken"); page != "" {
		return t.laterPage(cal, c, role, page)
	}
	r := cal.live(c.path["event"])
	if r == nil {
		return refuse(http.StatusNotFound, "notFound", "Not Found")
	}
	items := []map[string]any{}
	for _, e := range t.listInstances(cal, r, f, v) {
		start, _ := e.body["originalStartTime"].(map[string]any)
		if at := c.query.Get("originalStart"); at == "" || at == cmp.Or(text(start["dateTime"]), text(start["date"])) {
			items = append(items, e.body)
		}
	}
	return t.firstPage(cal, c, role, items)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// deleteEvent is Events: delete. What is deleted already is gone (guide "Handle API errors", 410 deleted).
func (t *Tenant) deleteEvent(c call) answer {
	cal, role, no := t.find(c)
	if no != nil {
		return *no
	}
	id := c.path["event"]
	r := cal.records[id]
	switch {
	case slices.Index(roles, role) < slices.Index(roles, WriterWithoutPrivateAccess):
		return refuse(http.StatusForbidden, "forbiddenForNonOrganizer", "Forbidden")
	case r == nil:
		return refuse(http.StatusNotFound, "notFound", "Not Found")
	case r.gone:
		return refuse(http.StatusGone, "deleted", "Resource has been deleted")
	}
	t.remove(cal, id)
	return answer{status: http.StatusNoContent}
}
