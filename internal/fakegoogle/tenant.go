// Package fakegoogle is a simulated Google Workspace tenant: the parts of the Calendar API, the
// Directory API and the token endpoint that syncd uses, with their traps. It is for tests and for
// recording the demo. What it does and where that is written: the Calendar API's guides "Synchronize
// resources efficiently", "Handle API errors" and "Recurring events".
package fakegoogle

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Tenant is one company. It is an http.RoundTripper for all of Google's hosts, and deterministic but
// for its key.
type Tenant struct {
	// Now is the tenant's clock.
	Now func() time.Time

	mu        sync.Mutex
	key       *rsa.PrivateKey
	users     []User
	groups    map[string][]string  // members, by address; a member may be a group
	calendars map[string]*calendar // by address
	tokens    map[string]grant     // by access token
	epoch     int                  // tokens of earlier epochs have expired
	throttle  time.Duration        // 0: not throttled
	revoked   bool
}

// A User is one line of the roster.
type User struct {
	Email               string
	Suspended, Archived bool
	NoMailbox           bool
}

// PutGroup makes a group, or replaces its members.
func (t *Tenant) PutGroup(address string, members ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups == nil {
		t.groups = map[string][]string{}
	}
	t.groups[address] = members
}

// ServiceAccount is the client that New's tenant has delegated its calendars to.
const ServiceAccount = "syncd@demo-project.iam.gserviceaccount.com"

// newKey makes one key for all tenants of a process: it takes longer than most tests.
var newKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return key
})

// New is a tenant with these users.
func New(now func() time.Time, users ...User) *Tenant {
	t := &Tenant{Now: now, key: newKey(), users: users, calendars: map[string]*calendar{}, tokens: map[string]grant{}}
	for _, u := range users {
		t.calendars[u.Email] = &calendar{events: map[string]Event{}, snapshots: map[string][]map[string]any{}}
	}
	return t
}

// KeyFile is the service account's key, as Google's console hands it out. It opens nothing but this
// tenant.
func (t *Tenant) KeyFile() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(t.key)
	if err != nil {
		panic(err) // a key that was just made
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": ServiceAccount, "client_id": "100000000000000000001", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		panic(err)
	}
	return b
}

// An Event is a meeting in one calendar; with Weekly, a series of so many occurrences.
type Event struct {
	ID     string
	Fields map[string]any // as the API has them, but for the id and the times
	Start  time.Time      // UTC; midnight for an all-day entry
	Length time.Duration
	AllDay bool
	Weekly int
	// Exceptions, by the occurrence's number from 0.
	Moved   map[int]time.Duration
	Dropped map[int]bool
}

// calendar is one user's primary calendar, and the log of its changes.
type calendar struct {
	events    map[string]Event
	changes   []string // ids, in order
	snapshots map[string][]map[string]any
	made      int // snapshots
}

// Put creates or replaces an event in the user's calendar.
func (t *Tenant) Put(user string, e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calendars[user]
	c.events[e.ID] = e
	c.changes = append(c.changes, e.ID)
}

// Delete removes an event from the user's calendar.
func (t *Tenant) Delete(user, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calendars[user]
	delete(c.events, id)
	c.changes = append(c.changes, id)
}

// ExpireTokens makes every sync and page token invalid.
func (t *Tenant) ExpireTokens() { t.set(func() { t.epoch++ }) }

// Throttle answers "too many requests" until Restore.
func (t *Tenant) Throttle(after time.Duration) { t.set(func() { t.throttle = after }) }

// Revoke takes the delegation back until Restore.
func (t *Tenant) Revoke() { t.set(func() { t.revoked = true; t.tokens = map[string]grant{} }) }

// Restore ends Throttle and Revoke.
func (t *Tenant) Restore() { t.set(func() { t.throttle, t.revoked = 0, false }) }

func (t *Tenant) set(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// instances are the event as the API lists it with singleEvents=true: all occurrences, to the end.
func (e Event) instances() []map[string]any {
	if e.Weekly == 0 {
		return []map[string]any{e.instance(e.ID, e.Start)}
	}
	var all []map[string]any
	for n := range e.Weekly {
		if e.Dropped[n] {
			continue
		}
		original := e.Start.AddDate(0, 0, 7*n)
		layout := "20060102T150405Z"
		if e.AllDay {
			layout = "20060102"
		}
		i := e.instance(e.ID+"_"+original.Format(layout), original.Add(e.Moved[n]))
		i["recurringEventId"], i["originalStartTime"] = e.ID, e.when(original)
		all = append(all, i)
	}
	return all
}

func (e Event) instance(id string, start time.Time) map[string]any {
	i := maps.Clone(e.Fields)
	if i == nil {
		i = map[string]any{}
	}
	i["kind"], i["id"] = "calendar#event", id
	i["start"], i["end"] = e.when(start), e.when(start.Add(e.Length))
	if i["status"] == nil {
		i["status"] = "confirmed"
	}
	return i
}

func (e Event) when(t time.Time) map[string]any {
	if e.AllDay {
		return map[string]any{"date": t.Format(time.DateOnly)}
	}
	return map[string]any{"dateTime": t.Format(time.RFC3339), "timeZone": "Europe/Berlin"}
}

// within reports whether an instance overlaps the window: its end is behind timeMin, its start before
// timeMax, both exclusive (Events: list).
func within(i map[string]any, from, to time.Time) bool {
	return instant(i["end"]).After(from) && instant(i["start"]).Before(to)
}

func instant(w any) time.Time {
	m := w.(map[string]any)
	if s, ok := m["dateTime"].(string); ok {
		t, _ := time.Parse(time.RFC3339, s)
		return t
	}
	t, _ := time.Parse(time.DateOnly, m["date"].(string))
	return t
}

// listing is the window's instances, by start and id, as a page token freezes them.
func (c *calendar) listing(from, to time.Time) []map[string]any {
	var all []map[string]any
	for _, id := range slices.Sorted(maps.Keys(c.events)) {
		for _, i := range c.events[id].instances() {
			if within(i, from, to) {
				all = append(all, i)
			}
		}
	}
	return all
}

// delta is what changed behind position from: every instance of a touched series, to its end, whatever
// the window was; of what is gone, the id alone.
func (c *calendar) delta(from int) []map[string]any {
	var all []map[string]any
	ids := slices.Clone(c.changes[from:])
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if e, ok := c.events[id]; ok {
			all = append(all, e.instances()...)
		} else {
			all = append(all, map[string]any{"id": id, "status": "cancelled"})
		}
	}
	return all
}

// freeze keeps a list for its page tokens, and returns the list's name.
func (c *calendar) freeze(items []map[string]any) string {
	c.made++
	name := fmt.Sprint(c.made)
	c.snapshots[name] = items
	return name
}
