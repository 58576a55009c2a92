package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/linkparse"
	"example.com/syncd/schedule"
	"example.com/syncd/serve"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/store"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// world is a daemon's HTTP side on a store of its own.
type world struct {
	http.Handler
	store      *store.Store
	api        *api.API
	doors      *access.Doors
	deliveries *mailbag
	tokens     map[string]string // by what they are for
	log        *strings.Builder

	mu    sync.Mutex
	clock time.Time
}

// Now is the world's time.
func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// lines is a writer that several may write to.
type lines struct {
	mu *sync.Mutex
	to io.Writer
}

func (l lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// newWorld makes one; change may change what the doors and the API are made with.
func newWorld(t testing.TB, change ...func(*access.Config, *api.Config)) *world {
	t.Helper()
	return openWorld(t, filepath.Join(t.TempDir(), "syncd.db"), change...)
}

// openWorld makes one on a file, which may be there already.
func openWorld(t testing.TB, file string, change ...func(*access.Config, *api.Config)) *world {
	t.Helper()
	st, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	w := &world{store: st, deliveries: &mailbag{}, tokens: map[string]string{}, log: &strings.Builder{}, clock: now}
	log := slog.New(slog.NewTextHandler(lines{&sync.Mutex{}, w.log}, nil))
	key, err := st.ServeKey(t.Context(), "cursors")
	if err != nil {
		t.Fatal(err)
	}
	dc := access.Config{
		Tokens: st.Tokens(), Secret: "demo-only", Sessions: st.Sessions(w.Now), Key: key, Listen: "127.0.0.1:8787", Now: w.Now, Log: log,
		Rates: access.Rates{PerIdentity: 1e6, PerAddress: 1e6},
	}
	ac := api.Config{
		Catalog: st.Catalog(), Signals: st.Signals(), Deliveries: w.deliveries, Key: key, Version: "test", Now: w.Now, Log: log,
		Health: func(context.Context) engine.Health {
			return engine.Health{RoundAt: now, Connections: map[string]string{"google:acme.com": "", "outlook:new": "no access"}, Rules: "policy.yaml:3: no"}
		},
		Directory: func() []eligibility.Member {
			return []eligibility.Member{
				{Email: "Bo@acme.com", Seat: true, Record: "on", Aliases: []string{"bo.b@acme.com"}, Zoom: &eligibility.ZoomUser{Email: "bo@acme.com"}},
				{Email: "ana@acme.com", Name: "Ana", ConsentProfile: "strict"}, {Email: "cy@acme.com"},
			}
		},
	}
	for _, f := range change {
		f(&dc, &ac)
	}
	if w.doors, err = access.New(dc); err != nil {
		t.Fatal(err)
	}
	w.api = api.New(ac)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := access.From(r.Context())
		json.NewEncoder(w).Encode(who)
	})
	w.Handler = serve.Handler(serve.Config{
		Doors: w.doors, API: w.api, Pages: page, Health: ac.Health, Late: time.Hour, Now: w.Now, Log: log,
		Push: func(http.ResponseWriter, *http.Request, string, string) bool { return false },
	})
	for name, scopes := range map[string]tokens.Scopes{
		"read": {tokens.Read}, "signals": {tokens.Signals}, "deliveries": {tokens.Deliveries}, "quarantine": {tokens.Quarantine}, "admin": {tokens.Admin},
	} {
		w.tokens[name] = w.token(t, tokens.Token{Name: name, Scopes: scopes, Email: map[string]string{"signals": "ana@acme.com"}[name]})
	}
	return w
}

// token makes a token like that one, and returns its text.
func (w *world) token(t testing.TB, like tokens.Token) string {
	t.Helper()
	id, text := tokens.Generate()
	like.ID, like.Hash, like.MadeAt = id, tokens.Hash(text), w.Now()
	if err := w.store.Tokens().Put(t.Context(), like); err != nil {
		t.Fatal(err)
	}
	return text
}

// do sends a request with a token, and headers as "Name: value".
func (w *world) do(method, target, token, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8787"+target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// get reads JSON, which must come with 200.
func (w *world) get(t testing.TB, target string, into any) http.Header {
	t.Helper()
	rec := w.do("GET", target, w.tokens["admin"], "")
	if rec.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v: %s", target, err, rec.Body)
	}
	return rec.Header()
}

// said is how many signals there are.
func (w *world) said(t testing.TB) int {
	t.Helper()
	all, err := w.store.Signals().All(t.Context(), "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// mailbag are deliveries in memory, the oldest first.
type mailbag struct {
	mu  sync.Mutex
	all []api.Delivery
}

func (m *mailbag) Deliveries(_ context.Context, f api.DeliveryFilter, n int) ([]api.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []api.Delivery
	for i := len(m.all) - 1; i >= 0 && len(found) < n; i-- {
		d := m.all[i]
		if (f.State == "" || f.State == d.State) && (f.Target == "" || f.Target == d.Target) && (f.Schedule == "" || f.Schedule == d.Schedule) && (f.Before == 0 || d.ID < f.Before) {
			found = append(found, d)
		}
	}
	return found, nil
}

func (m *mailbag) Retry(_ context.Context, id int64) (api.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, d := range m.all {
		if d.ID != id {
			continue
		}
		if d.State == "delivered" {
			return d, api.ErrDone
		}
		m.all[i].State, m.all[i].DueAt = "waiting", now
		return m.all[i], nil
	}
	return api.Delivery{}, fmt.Errorf("retry: %w", engine.ErrUnknown)
}

var (
	titles    = []string{"Globex kick-off", "Weekly sync", "QBR Initech", "Hooli: Preisgespräch", "1:1 Ana / Bo", "Roadmap", "100% review", "Über_Plan"}
	rules     = []string{"confirmed", "timed", "lead_time", "calendar_access", "private", "excluded_title", "excluded_domain", "excluded_participant", "host", "internal", "conference_link", "consent", "seat", "opt_out", "capture"}
	people    = []string{"ana@acme.com", "bo@acme.com", "eve@acme.co.uk", "gus@acme.com"}
	providers = []string{"zoom", "teams", "meet"}
)

// meeting is the i-th made-up decision: every third is not recorded.
func meeting(i int) engine.Decision {
	k := calendar.Key(fmt.Sprintf("m%06d@acme.com", i))
	start := now.Add(-48 * time.Hour).Add(time.Duration(i/3) * 10 * time.Minute)
	if i%10 == 0 {
		k = calendar.Key(fmt.Sprintf("series/%d@acme.com/%s", i/100, start.Format(time.RFC3339)))
	}
	d := eligibility.Decision{Meeting: k, Record: i%3 != 0, Start: start, End: start.Add(30 * time.Minute), Title: titles[i%len(titles)]}
	for n, rule := range rules {
		c := eligibility.Check{Rule: rule, Status: eligibility.Pass}
		if !d.Record && (n+i/3)%len(rules) < 2 {
			c = eligibility.Check{Rule: rule, Status: eligibility.Fail, Detail: `it has "something" that ` + rule + " is against, <as> an example", Setting: "exclude." + rule}
		}
		d.Checks = append(d.Checks, c)
	}
	if d.Record {
		d.Owner, d.Provider = people[i%len(people)], providers[i%len(providers)]
		d.JoinURL = fmt.Sprintf("https://acme.zoom.us/j/%d?pwd=a&b=c", 1000000+i)
		d.Capture, d.OnBehalfOf = []string{"zoom_native", "bot"}, []string{people[i%len(people)], people[(i+1)%len(people)]}
		d.MeetingID = fmt.Sprint(1000000 + i)
	}
	return engine.Decision{Decision: d, DecidedAt: now.Add(-time.Hour)}
}

// scheduled is the schedule of a decision.
func scheduled(d engine.Decision, revision int) schedule.Schedule {
	state := schedule.Scheduled
	if revision > 1 {
		state = schedule.Updated
	}
	if revision > 2 {
		state = schedule.Cancelled
	}
	return schedule.Schedule{
		ID: schedule.ID(d.Meeting, 0), Revision: revision, State: state, Meetings: []calendar.Key{d.Meeting}, Title: d.Title, Start: d.Start, End: d.End,
		Provider: d.Provider, MeetingID: d.MeetingID, JoinURL: d.JoinURL, Capture: d.Capture, Owner: d.Owner, OnBehalfOf: d.OnBehalfOf,
		Reasons: []eligibility.Decision{d.Decision},
	}
}

// decideOne decides one meeting.
func decideOne(t testing.TB, st *store.Store, k calendar.Key, step func(engine.Tx) error) error {
	t.Helper()
	if err := st.MarkUndecided(t.Context(), now, k); err != nil {
		return err
	}
	access, _, err := st.Access(t.Context())
	if err != nil {
		return err
	}
	_, err = st.Decide(t.Context(), engine.Basis{Access: access}, 1, now, step)
	return err
}

// decide stores a decision, and revisions of its schedule up to that one.
func (w *world) decide(t testing.TB, d engine.Decision, revisions ...int) {
	t.Helper()
	for _, r := range append([]int{0}, revisions...) {
		err := decideOne(t, w.store, d.Meeting, func(tx engine.Tx) error {
			if r == 0 {
				return tx.PutDecision(d)
			}
			return tx.PutSchedule(scheduled(d, r), now)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fill stores n meetings, calendars that show the first of them, mails that are held, and deliveries.
func (w *world) fill(t testing.TB, n int) {
	t.Helper()
	var sources []calendar.Source
	for _, p := range people {
		sources = append(sources, calendar.NewSource("google", "acme.com", p))
	}
	sources = append(sources, calendar.NewSource("coordinator", "notes", "notes@acme.com"))
	if err := w.store.PutSources(t.Context(), sources, now); err != nil {
		t.Fatal(err)
	}
	report := engine.PullReport{PulledAt: now, NextAt: now.Add(time.Minute)}
	refused := engine.PullReport{PulledAt: now, NextAt: now.Add(time.Hour), Failures: 3, Error: "403 for ever", Refused: true}
	if err := errors.Join(w.store.Report(t.Context(), sources[0].ID, 0, report), w.store.Report(t.Context(), sources[1].ID, 0, refused)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		d := meeting(i)
		switch {
		case !d.Record:
			w.decide(t, d)
		case i%7 == 1:
			w.decide(t, d, 1, 2, 3)
		default:
			w.decide(t, d, 1)
		}
	}
	for i := range 5 {
		l := connectors.Letter{
			ID: fmt.Sprintf("%064x", i), Received: now.Add(-time.Duration(i) * time.Hour), Sender: "ana@acme.com", State: connectors.LetterHeld, Reason: "nobody signed it",
			News: []connectors.News{{Meeting: "m@acme.com", Event: calendar.Event{UID: "m@acme.com", Title: "Held", Links: &linkparse.Found{}}}},
		}
		if err := w.store.PutLetters(t.Context(), sources[4].ID, []connectors.Letter{l}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 7 {
		d := api.Delivery{ID: int64(i + 1), Target: "file", Schedule: "rec_1", Revision: i + 1, State: []string{"delivered", "waiting", "rejected"}[i%3], WrittenAt: now, Attempts: i}
		w.deliveries.all = append(w.deliveries.all, d)
	}
}
