// Package fakegraph is a simulated Microsoft 365 tenant: the parts of Microsoft Graph and of the token
// endpoint that syncd uses, with their traps. It is for tests, for recording the demo, and for trying
// syncd without a tenant ("syncd demo serve outlook").
//
// It is a model, and an API over it. The model ([Event], [User], [Group]) is edited by methods of
// [Tenant]; the API answers as Graph does. What an ideal reader would see is told by [Tenant.Truth], which
// shares no code with the API's lists, so that a connector, and the API itself, can be judged by it.
//
// Where the behaviour is written: "Get incremental changes to events in a calendar view" (delta),
// "List calendarView", "List instances", "Use delta query", "Microsoft Graph throttling limits",
// "Combine multiple requests in one HTTP call using JSON batching", "Microsoft identity platform and the
// OAuth 2.0 client credentials flow" and "… authorization code flow", "Change notifications". The traps
// are known from issues of microsoftgraph/microsoft-graph-docs, which are named where they are simulated.
//
// The simulation goes no further than this: it knows daily and weekly series only, writes come from Go
// and not by the API (but for subscriptions), and properties that Graph computes for display are plain.
package fakegraph

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"
)

// A Tenant is one organization. It is an http.RoundTripper for all of Microsoft's hosts, which it tells
// apart by path, and an http.Handler. It is deterministic, and safe for concurrent use; its exported
// fields are set before the first request.
type Tenant struct {
	// Now is the tenant's clock, and the only one.
	Now func() time.Time
	// Names are the tenant's domains and ids that the token endpoint knows; none: any.
	Names []string
	// Steady gives an idle look the link back that it came with, so that a tape of it can be played on for ever.
	Steady bool
	// RosterPage bounds the pages of users, groups and members. 0: as many as asked for.
	RosterPage int
	Quirks     Quirks
	Limits     Limits
	// Fault, if set, is asked of every request what goes wrong with it.
	Fault func(*http.Request) Fault
	// Send delivers change notifications; nil: nothing can be subscribed to.
	Send func(*http.Request) (*http.Response, error)
	// Loss, if set, says how often the n-th notification arrives: 0 is lost, 2 is a duplicate.
	Loss func(n int) int

	mu           sync.Mutex
	users        []*User
	mailboxes    map[string]*mailbox // by the owner's id
	groups       []*Group
	groupLog     []string               // ids of groups, as they changed
	memberTokens map[string]memberToken // rounds of groups/delta
	apps         map[string]*App
	issued       issued
	rounds       map[string]*round // delta rounds, by the name in their links
	recent       map[place][]string
	high         map[place]int   // the newest generation of delta tokens
	epoch        int             // delta tokens of earlier epochs have expired
	wedged       map[string]bool // by the owner's id: delta never ends
	throttle     time.Duration   // 0: not throttled
	revoked      bool
	challenge    bool // a refused token is answered with a claims challenge
	gauge        gauge
	journal      []Entry
	push         push
	counter      int
}

// Quirks are what Graph does now and then, by choice of the test.
type Quirks struct {
	// Seed decides where a quirk strikes.
	Seed uint64
	// EmptyFirst begins delta rounds of more than three rows with an empty page (docs#2839).
	EmptyFirst bool
	// Repeat gives the rows of a round out in any order, series split over pages, some of them several
	// times, and changed events also as they were before: the later lastModifiedDateTime counts ("Use
	// delta query": replays).
	Repeat bool
	// SparseExceptions leaves fields out of a delta's exceptions that are as their master's
	// (docs-contrib#8060).
	SparseExceptions bool
	// Strangers adds tombstones of events outside the window to a first round.
	Strangers bool
	// Generations is how many rounds of a calendar a delta token lives for. 0: for ever.
	Generations int
	// Misses makes deltas leave changes out, about one of so many (docs#3196). 0: none.
	Misses int
	// Cousins varies how a dead token is refused: not only by 410 SyncStateNotFound (docs#2350).
	Cousins bool
}

// New is a tenant with these users, and with one application ([ClientID]) that has a secret and an
// administrator's consent to read users, groups and calendars.
func New(now func() time.Time, users ...User) *Tenant {
	t := &Tenant{
		Now: now, mailboxes: map[string]*mailbox{}, apps: map[string]*App{}, rounds: map[string]*round{},
		memberTokens: map[string]memberToken{}, recent: map[place][]string{}, high: map[place]int{},
		wedged: map[string]bool{}, issued: newIssued(), gauge: newGauge(), push: newPush(),
	}
	t.apps[ClientID] = &App{
		ID: ClientID, Secret: ClientSecret, RefreshGrace: time.Hour,
		Roles: []string{"Calendars.Read", "User.Read.All", "GroupMember.Read.All"},
	}
	for _, u := range users {
		t.addUser(u)
	}
	return t
}

// ExpireTokens ends the life of every delta token and of every link to a next page of delta.
func (t *Tenant) ExpireTokens() { t.set(func() { t.epoch++ }) }

// Throttle answers "too many requests" until Restore.
func (t *Tenant) Throttle(after time.Duration) { t.set(func() { t.throttle = after }) }

// Revoke takes the access to mailboxes back until Restore, as an application access policy would.
func (t *Tenant) Revoke() { t.set(func() { t.revoked = true }) }

// Restore ends Throttle and Revoke.
func (t *Tenant) Restore() { t.set(func() { t.throttle, t.revoked = 0, false }) }

// Wedge makes the deltas of the user's calendars lead on for ever over the same ids, or ends that
// (learn.microsoft.com/answers 12762375).
func (t *Tenant) Wedge(user string, on bool) {
	t.set(func() { t.wedged[t.mustUser(user).ID] = on })
}

func (t *Tenant) set(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// next numbers whatever needs a name of its own.
func (t *Tenant) next() int {
	t.counter++
	return t.counter
}

// sum is a number that depends on what is said and nothing else.
func sum(parts ...any) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		fmt.Fprintf(h, "%v\x00", p)
	}
	// FNV leaves the high bits of short inputs alike; one multiplication spreads them.
	x := h.Sum64()
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// guid is an object id made of what is said.
func guid(parts ...any) string {
	a, b := sum(append([]any{"a"}, parts...)...), sum(append([]any{"b"}, parts...)...)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(a), uint16(a>>32), uint16(a>>48)&0xfff, uint16(b)&0xfff, b>>16)
}
