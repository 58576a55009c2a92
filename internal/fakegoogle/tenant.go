// Package fakegoogle is a simulated Google Workspace tenant: the parts of the Calendar API, the Directory
// API, the People API and of OAuth that a reader of a company's calendars meets, with their traps. It is
// for tests, for recording the demo, and for "syncd demo serve google".
//
// Where what it does is written: the Calendar API's guides "Synchronize resources efficiently", "Handle API
// errors", "Recurring events", "Push notifications" and "Manage quotas", its reference, and the issues named
// beside the code. What Google does without saying so is taken from those issues.
package fakegoogle

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// A Tenant is one company. It is an http.RoundTripper for all of Google's hosts, and an http.Handler that
// stands for all of them: requests are told apart by their path alone. It is deterministic but for its key,
// and safe for concurrent use. Its exported fields are set before its first request.
type Tenant struct {
	// Now is the tenant's clock: nothing else tells it the time.
	Now func() time.Time

	// Fault is asked about every request, and says what goes wrong with it: nil, nothing. Faults of Script
	// come first.
	Fault func(*http.Request) *Fault
	// Notify sends a notification of a watched calendar. Nil: none are sent.
	Notify func(*http.Request)
	// Loses and Doubles say of how many notifications one is lost, or sent twice; 0: none. The first one of
	// a channel always arrives.
	Loses, Doubles int
	// Quota are the limits per minute; the zero value has none.
	Quota Quota
	// TokenLife is how long a sync token is good for; 0: until ExpireTokens.
	TokenLife time.Duration
	// Skew is how far the clock of who signs an assertion may be from the tenant's; 0: any, because x/oauth2
	// signs by the machine's clock.
	Skew time.Duration
	// ShortPages makes pages of lists shorter than asked for, and some empty, by this seed; 0: none.
	ShortPages uint64
	// DirectoryPage is the most that a page of the directory has, small so that clients must page.
	DirectoryPage int

	mu        sync.Mutex
	key       *rsa.PrivateKey
	users     []User
	groups    map[string][]string  // members, by address; a member may be a group
	calendars map[string]*calendar // by id; a primary calendar's is its owner's address
	lists     map[string]*calendarList
	order     []string // the calendars' ids, as they were made
	delegated []string // scopes
	off       map[string]bool
	tokens    map[string]grant // by access token
	refresh   map[string]refreshGrant
	clients   map[string]Client
	codes     map[string]code
	consented map[string]bool // by client and user
	snapshots map[string]*snapshot
	channels  map[string]*channel
	outbox    []*http.Request // notifications of the change under way
	script    []Fault
	journal   []Entry
	spent     map[string][]time.Time
	epoch     int // tokens of earlier epochs have expired
	changes   int // so far, in all calendars
	made      int // ids and tokens so far
	throttle  time.Duration
	revoked   bool
}

// ServiceAccount is the client that New's tenant has delegated its calendars to.
const ServiceAccount = "syncd@demo-project.iam.gserviceaccount.com"

// defaultZone is the calendars' time zone until SetZone.
const defaultZone = "Europe/Berlin"

// newKey makes one key for all tenants of a process: it takes longer than most tests. It is short, because it
// guards nothing, and histories sign with it a hundred thousand times.
var newKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return key
})

// New is a tenant with these users, each with a primary calendar.
func New(now func() time.Time, users ...User) *Tenant {
	t := &Tenant{
		Now: now, DirectoryPage: 4, key: newKey(), groups: map[string][]string{}, calendars: map[string]*calendar{},
		lists: map[string]*calendarList{}, delegated: defaultDelegation, off: map[string]bool{}, tokens: map[string]grant{},
		refresh: map[string]refreshGrant{}, clients: map[string]Client{}, codes: map[string]code{}, consented: map[string]bool{},
		snapshots: map[string]*snapshot{}, channels: map[string]*channel{}, spent: map[string][]time.Time{},
	}
	for _, u := range users {
		t.addUser(u)
	}
	return t
}

// do changes the tenant, and sends the notifications that come of it when it is unlocked again: who gets
// one may ask the tenant at once.
func (t *Tenant) do(f func()) {
	t.mu.Lock()
	f()
	send := t.outbox
	t.outbox = nil
	t.mu.Unlock()
	for _, r := range send {
		t.Notify(r)
	}
}

// next is a new number for ids and tokens.
func (t *Tenant) next() int {
	t.made++
	return t.made
}

// ExpireTokens makes every sync and page token invalid.
func (t *Tenant) ExpireTokens() { t.do(func() { t.epoch++ }) }

// Throttle answers "too many requests" until Restore.
func (t *Tenant) Throttle(after time.Duration) { t.do(func() { t.throttle = after }) }

// Revoke takes the delegation back until Restore.
func (t *Tenant) Revoke() { t.do(func() { t.revoked = true; clear(t.tokens) }) }

// Restore ends Throttle and Revoke.
func (t *Tenant) Restore() { t.do(func() { t.throttle, t.revoked = 0, false }) }

// Delegate says which scopes the domain has authorized for the service account, in place of the default:
// all that syncd could want to read.
func (t *Tenant) Delegate(scopes ...string) { t.do(func() { t.delegated = scopes }) }

// SwitchOff makes an API answer that the project has not enabled it, or enables it again: "calendar",
// "admin" or "people".
func (t *Tenant) SwitchOff(api string, off bool) { t.do(func() { t.off[api] = off }) }

// calendar is the calendar with this id; there must be one.
func (t *Tenant) calendar(id string) *calendar {
	c := t.calendars[id]
	if c == nil || c.deleted {
		panic(fmt.Sprintf("fakegoogle: no calendar %q", id))
	}
	return c
}
