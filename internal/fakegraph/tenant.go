// Package fakegraph is a simulated Microsoft 365 tenant: the parts of Microsoft Graph and of the token
// endpoint that syncd uses, with their traps. It is for tests and for recording the demo. What it does
// and where that is written: "Get incremental changes to events in a calendar view", "List
// calendarView", and the threads that the traps are known from: occurrences without their fields,
// deletions without a tombstone, tombstones from outside the window, empty first pages.
package fakegraph

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Tenant is one organization. It is an http.RoundTripper for all of Microsoft's hosts, and
// deterministic.
type Tenant struct {
	// Now is the tenant's clock.
	Now func() time.Time
	// Steady gives an idle look the link back that it came with, so that a tape of it can be played on for ever.
	Steady bool

	mu        sync.Mutex
	users     []User
	mailboxes map[string]*mailbox // by address
	tokens    map[string]time.Time
	rounds    map[string]round // delta rounds, by the name in their links
	epoch     int              // delta tokens of earlier generations have expired
	throttle  time.Duration    // 0: not throttled
	revoked   bool
}

// A User is one line of the roster.
type User struct {
	Email     string
	Disabled  bool // not enabled: the roster's filter leaves it out
	NoMailbox bool // unlicensed: its calendar answers MailboxNotEnabledForRESTAPI
}

// ClientID and ClientSecret are the application's credentials in every tenant.
const (
	ClientID     = "00000000-1111-2222-3333-444444444444"
	ClientSecret = "made-up-secret"
)

// New is a tenant with these users.
func New(now func() time.Time, users ...User) *Tenant {
	t := &Tenant{Now: now, users: users, mailboxes: map[string]*mailbox{}, tokens: map[string]time.Time{}, rounds: map[string]round{}}
	for _, u := range users {
		if !u.NoMailbox {
			t.mailboxes[u.Email] = &mailbox{events: map[string]Event{}}
		}
	}
	return t
}

// An Event is a meeting in one calendar; with Weekly, a series of so many occurrences.
type Event struct {
	ID     string
	UID    string         // the iCalendar UID: Exchange's own, or a foreign one, which is given out wrapped
	Fields map[string]any // as Graph has them, but for ids and times
	Start  time.Time      // UTC; midnight for an all-day entry
	Length time.Duration
	AllDay bool
	Weekly int
	// Exceptions, by the occurrence's number from 0.
	Moved   map[int]time.Duration
	Dropped map[int]bool
}

// mailbox is one user's calendar, and the log of its changes.
type mailbox struct {
	events  map[string]Event
	changes []string // ids, in order
}

// Put creates or replaces an event in the user's calendar.
func (t *Tenant) Put(user string, e Event) {
	t.set(func() {
		m := t.mailboxes[user]
		m.events[e.ID] = e
		m.changes = append(m.changes, e.ID)
	})
}

// Delete removes an event from the user's calendar.
func (t *Tenant) Delete(user, id string) {
	t.set(func() {
		m := t.mailboxes[user]
		delete(m.events, id)
		m.changes = append(m.changes, id)
	})
}

// ExpireTokens begins a new generation of delta tokens.
func (t *Tenant) ExpireTokens() { t.set(func() { t.epoch++ }) }

// Throttle answers "too many requests" until Restore.
func (t *Tenant) Throttle(after time.Duration) { t.set(func() { t.throttle = after }) }

// Revoke takes the access to mailboxes back until Restore.
func (t *Tenant) Revoke() { t.set(func() { t.revoked = true }) }

// Restore ends Throttle and Revoke.
func (t *Tenant) Restore() { t.set(func() { t.throttle, t.revoked = 0, false }) }

func (t *Tenant) set(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

const objectIDPrefix = "040000008200E00074C5B7101A82E008"

// iCalUID is the event's UID as Exchange gives it out: with the day of the occurrence in it, and a
// foreign UID wrapped (MS-OXOCAL section 2.2.1.27).
func (e Event) iCalUID(occurrence time.Time) string {
	date := "00000000"
	if !occurrence.IsZero() {
		y, m, d := occurrence.Date()
		date = fmt.Sprintf("%04X%02X%02X", y, int(m), d)
	}
	if rest, own := strings.CutPrefix(strings.ToUpper(e.UID), objectIDPrefix); own {
		return objectIDPrefix + date + rest[8:]
	}
	data := "vCal-Uid\x01\x00\x00\x00" + e.UID + "\x00"
	return objectIDPrefix + date + strings.Repeat("0", 32) + fmt.Sprintf("%02X000000", len(data)) + strings.ToUpper(hex.EncodeToString([]byte(data)))
}

// occurrences are the event's rows in a view that overlap the window, each whole.
func (e Event) occurrences(from, to time.Time) []map[string]any {
	if e.Weekly == 0 {
		if !overlaps(e.Start, e.Length, from, to) {
			return nil
		}
		row := e.row(e.ID, "singleInstance", e.Start)
		row["iCalUId"] = e.iCalUID(time.Time{})
		return []map[string]any{row}
	}
	var rows []map[string]any
	for n := range e.Weekly {
		original := e.Start.AddDate(0, 0, 7*n)
		start, kind := original.Add(e.Moved[n]), "occurrence"
		if e.Moved[n] != 0 {
			kind = "exception"
		}
		if e.Dropped[n] || !overlaps(start, e.Length, from, to) {
			continue
		}
		row := e.row(fmt.Sprintf("%s.%d", e.ID, n), kind, start)
		row["iCalUId"], row["seriesMasterId"], row["originalStart"] = e.iCalUID(original), e.ID, original.Format(time.RFC3339)
		rows = append(rows, row)
	}
	return rows
}

func overlaps(start time.Time, length time.Duration, from, to time.Time) bool {
	return start.Add(length).After(from) && start.Before(to)
}

func (e Event) row(id, kind string, start time.Time) map[string]any {
	row := maps.Clone(e.Fields)
	if row == nil {
		row = map[string]any{}
	}
	row["@odata.etag"] = `W/"` + id + `"`
	row["id"], row["type"], row["isAllDay"] = id, kind, e.AllDay
	row["start"], row["end"] = clock(start), clock(start.Add(e.Length))
	for key, value := range map[string]any{"sensitivity": "normal", "showAs": "busy", "isCancelled": false, "isDraft": false, "originalStartTimeZone": "W. Europe Standard Time"} {
		if _, said := row[key]; !said {
			row[key] = value
		}
	}
	return row
}

// clock is a time as Graph writes it when it is asked for UTC.
func clock(t time.Time) map[string]any {
	return map[string]any{"dateTime": t.UTC().Format("2006-01-02T15:04:05.0000000"), "timeZone": "UTC"}
}

// view is the window's rows, by start.
func (m *mailbox) view(from, to time.Time) []map[string]any {
	var rows []map[string]any
	for _, id := range slices.Sorted(maps.Keys(m.events)) {
		rows = append(rows, m.events[id].occurrences(from, to)...)
	}
	slices.SortStableFunc(rows, func(a, b map[string]any) int {
		return strings.Compare(a["start"].(map[string]any)["dateTime"].(string), b["start"].(map[string]any)["dateTime"].(string))
	})
	return rows
}

// delta is what a round of calendarView/delta says of the events with these ids: single ones whole; of
// series the master, whose times are those of its first occurrence, and occurrences that have lost all
// but their times; of what is gone, or outside the window, a tombstone.
func (m *mailbox) delta(ids []string, from, to time.Time) []map[string]any {
	var rows []map[string]any
	for _, id := range ids {
		e, ok := m.events[id]
		var in []map[string]any
		if ok {
			in = e.occurrences(from, to)
		}
		if len(in) == 0 {
			rows = append(rows, map[string]any{"id": id, "@removed": map[string]any{"reason": "deleted"}})
			continue
		}
		if e.Weekly == 0 {
			rows = append(rows, in...)
			continue
		}
		master := e.row(e.ID, "seriesMaster", e.Start)
		master["iCalUId"] = e.iCalUID(time.Time{})
		rows = append(rows, master)
		for _, row := range in {
			if row["type"] == "occurrence" {
				row = map[string]any{"id": row["id"], "type": "occurrence", "seriesMasterId": e.ID, "start": row["start"], "end": row["end"]}
			}
			rows = append(rows, row)
		}
	}
	return rows
}
