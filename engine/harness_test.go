package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/internal/postgrestest"
	"example.com/syncd/linkparse"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

var began = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// tenant is a provider with two calendars in memory: a change log for each, pages, and faults.
type tenant struct {
	calendars map[calendar.SourceID]*log
	// fault, when set, is asked before each pull what it fails with.
	fault func() error
}

type log struct {
	source  calendar.Source
	events  map[calendar.Ref]calendar.Event
	changes []calendar.Ref
	oldest  int // changes before this are forgotten
}

func newTenant(users ...string) *tenant {
	tn := &tenant{calendars: map[calendar.SourceID]*log{}}
	for _, u := range users {
		id := calendar.NewSourceID("google", "acme.com", u)
		tn.calendars[id] = &log{
			source: calendar.Source{ID: id, Driver: "google", Account: "acme.com", Calendar: u, Primary: true},
			events: map[calendar.Ref]calendar.Event{},
		}
	}
	return tn
}

func (tn *tenant) log(user string) *log {
	return tn.calendars[calendar.NewSourceID("google", "acme.com", user)]
}

func (l *log) put(e calendar.Event) {
	l.events[e.Ref] = e
	l.changes = append(l.changes, e.Ref)
}

func (l *log) drop(ref calendar.Ref) {
	delete(l.events, ref)
	l.changes = append(l.changes, ref)
}

func (tn *tenant) Sources(context.Context, []string) ([]calendar.Source, error) {
	var all []calendar.Source
	for _, l := range tn.calendars {
		all = append(all, l.source)
	}
	return all, nil
}

// Pull lists two events a page, then follows the log three changes a page.
func (tn *tenant) Pull(_ context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	if tn.fault != nil {
		if err := tn.fault(); err != nil {
			return connectors.Page{}, err
		}
	}
	l := tn.calendars[src.ID]
	var pos, day int
	var after string
	if n, _ := fmt.Sscanf(string(cur), "delta %d %d", &pos, &day); n == 2 && day == int(w.Start.Unix()) {
		if pos < l.oldest {
			return connectors.Page{}, connectors.ErrCursor
		}
		end := min(pos+3, len(l.changes))
		p := connectors.Page{Next: connectors.Cursor(fmt.Sprintf("delta %d %d", end, day)), More: end < len(l.changes)}
		for _, ref := range l.changes[pos:end] {
			if e, ok := l.events[ref]; ok && w.Holds(e) {
				p.Events = append(p.Events, e)
			} else {
				p.Gone = append(p.Gone, ref)
			}
		}
		return p, nil
	}
	pos = len(l.changes)
	if n, _ := fmt.Sscanf(string(cur), "list %d %d %q", &pos, &day, &after); n == 3 && day != int(w.Start.Unix()) {
		pos, after = len(l.changes), "" // the horizon has moved on
	} else if n == 3 && pos < l.oldest {
		return connectors.Page{}, connectors.ErrCursor
	}
	p := connectors.Page{First: after == "", Full: true, More: true}
	var refs []string
	for ref, e := range l.events {
		if string(ref) > after && w.Holds(e) {
			refs = append(refs, string(ref))
		}
	}
	slices.Sort(refs)
	for _, ref := range refs[:min(2, len(refs))] {
		p.Events = append(p.Events, l.events[calendar.Ref(ref)])
	}
	if len(refs) > 2 {
		p.Next = connectors.Cursor(fmt.Sprintf("list %d %d %q", pos, w.Start.Unix(), refs[1]))
		return p, nil
	}
	p.Last, p.Listed = true, w
	p.Next = connectors.Cursor(fmt.Sprintf("delta %d %d", pos, w.Start.Unix()))
	return p, nil
}

func policy() *eligibility.Policy {
	p := eligibility.NewPolicy()
	p.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com"}}
	p.Import = map[string]eligibility.Import{"google": {Enabled: true}}
	p.Providers = map[string]eligibility.Provider{"zoom": {Enabled: true}}
	p.Exclude.Domains = []string{"lawfirm.example"}
	p.Directory.Members = []eligibility.Member{
		{Email: "ana@acme.com", Seat: true, Record: eligibility.RecordOn},
		{Email: "bo@acme.com", Seat: true, Record: eligibility.RecordOn},
	}
	return p
}

// call is a meeting of ana's in the Zoom meeting room, hours from the beginning.
func call(uid, room string, hours float64, guests ...string) calendar.Event {
	start := began.Add(time.Duration(hours * float64(time.Hour)))
	e := calendar.Event{
		Ref: calendar.Ref(uid), UID: uid, Title: "Call " + uid, Status: calendar.StatusConfirmed,
		Start: calendar.At(start), End: calendar.At(start.Add(time.Hour)), Organizer: calendar.Person{Email: "ana@acme.com"},
		Location: "https://zoom.us/j/" + room, Description: "the secret agenda",
	}
	for _, g := range append(guests, "ana@acme.com") {
		e.Attendees = append(e.Attendees, calendar.Attendee{Email: g, Response: calendar.ResponseAccepted})
	}
	return e
}

// recorder is a sink that demands what it is promised: revisions of a schedule in order, none left
// out, a revision that comes again unchanged.
type recorder struct {
	t     *testing.T
	has   map[string]schedule.Schedule
	fails func() bool
}

func (r *recorder) Deliver(_ context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	s := d.Schedule
	if r.fails != nil && r.fails() {
		return schedule.Receipt{}, errors.New("the recorder is down")
	}
	prev := r.has[s.ID]
	if s.Revision != prev.Revision+1 && s.Revision != prev.Revision {
		r.t.Errorf("%s: revision %d comes behind %d", s.ID, s.Revision, prev.Revision)
	}
	r.has[s.ID] = s
	return schedule.Receipt{}, nil
}

// live are the recorder's recordings to come, by meeting.
func (r *recorder) live(now time.Time) map[calendar.Key]string {
	live := map[calendar.Key]string{}
	for _, s := range r.has {
		if s.State == schedule.Cancelled || !s.End.After(now) {
			continue
		}
		for _, k := range s.Meetings {
			over := slices.ContainsFunc(s.Reasons, func(d eligibility.Decision) bool { return d.Meeting == k && !d.End.After(now) })
			if over { // others of the same call go on
				continue
			}
			if _, twice := live[k]; twice {
				r.t.Errorf("%s is recorded twice", k)
			}
			live[k] = s.MeetingID
		}
	}
	return live
}

// daemon is an engine that can be killed and started again on the same file.
type daemon struct {
	t      *testing.T
	file   string
	tn     *tenant
	sink   *recorder
	policy *eligibility.Policy
	now    time.Time
	crash  func() bool
	logs   bytes.Buffer
	gone   bool // the connection is not configured any more
	follow linkparse.Resolver
	// connector, when set, reads in place of the tenant itself.
	connector connectors.Connector
	push      *switchboard      // nil: the provider does not push
	targets   []schedule.Target // nil: sink alone
	quiet     time.Duration     // how long a calendar rests that does not change; 0: a minute
	fresh     time.Duration
	random    func(int64) int64 // nil: any
}

// place is where a test's store is: a file, or a database of PostgreSQL for the tests below TestPostgres.
func place(t *testing.T) string {
	if strings.HasPrefix(t.Name(), "TestPostgres/") {
		return postgrestest.Shared(t).Database(t)
	}
	file := filepath.Join(t.TempDir(), "syncd.db")
	empty, err := emptyStore()
	if err == nil {
		err = os.WriteFile(file, empty, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// emptyStore is the file of a store that nobody has used yet. Making one takes longer than most tests.
var emptyStore = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "syncd")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "syncd.db")
	st, err := store.Open(context.Background(), file)
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

func newDaemon(t *testing.T, users ...string) *daemon {
	return &daemon{
		t: t, file: place(t), tn: newTenant(users...), policy: policy(), now: began,
		sink: &recorder{t: t, has: map[string]schedule.Schedule{}},
	}
}

var errCrash = errors.New("killed")

// crashing is a store whose process may die before or behind each commit.
type crashing struct {
	*store.Store
	crash func() bool
}

func around(crash func() bool, f func() error) error {
	if crash() {
		return errCrash
	}
	if err := f(); err != nil {
		return err
	}
	if crash() {
		return errCrash
	}
	return nil
}

func (c crashing) Apply(ctx context.Context, src calendar.SourceID, from connectors.Cursor, reading string, p connectors.Page, now time.Time) (done engine.Applied, err error) {
	err = around(c.crash, func() (err error) {
		done, err = c.Store.Apply(ctx, src, from, reading, p, now)
		return err
	})
	return done, err
}

func (c crashing) PutSubscription(ctx context.Context, s engine.Subscription, replaced ...string) error {
	return around(c.crash, func() error { return c.Store.PutSubscription(ctx, s, replaced...) })
}

func (c crashing) MakeDue(ctx context.Context, src calendar.SourceID, at time.Time) error {
	return around(c.crash, func() error { return c.Store.MakeDue(ctx, src, at) })
}

func (c crashing) Decide(ctx context.Context, by engine.Basis, n int, now time.Time, step func(engine.Tx) error) (more bool, err error) {
	err = around(c.crash, func() (err error) {
		more, err = c.Store.Decide(ctx, by, n, now, step)
		return err
	})
	return more, err
}

func (c crashing) Report(ctx context.Context, src calendar.SourceID, fence int64, r engine.PullReport) error {
	return around(c.crash, func() error { return c.Store.Report(ctx, src, fence, r) })
}

func (c crashing) Postpone(context.Context, time.Time, string) error { return errCrash }

func (c crashing) Delivered(ctx context.Context, m engine.Message, r engine.DeliveryReport) error {
	return around(c.crash, func() error { return c.Store.Delivered(ctx, m, r) })
}

func (c crashing) Step(ctx context.Context, id string, fence int64, step func(engine.Tx, schedule.Schedule) error) error {
	return around(c.crash, func() error { return c.Store.Step(ctx, id, fence, step) })
}

func (c crashing) Take(ctx context.Context, target string, n int, now, until time.Time) (messages []engine.Message, err error) {
	err = around(c.crash, func() (err error) {
		messages, err = c.Store.Take(ctx, target, n, now, until)
		return err
	})
	return messages, err
}

// session runs f with a new process on the file.
func (d *daemon) session(f func(*engine.Engine, *store.Store) error) error {
	d.t.Helper()
	st, err := store.Open(d.t.Context(), d.file)
	if err != nil {
		d.t.Fatal(err)
	}
	defer st.Close()
	var s engine.Store = st
	if d.crash != nil {
		s = crashing{st, d.crash}
	}
	connections := []engine.Connection{{Driver: "google", Account: "acme.com", Connector: d.tn}}
	if d.connector != nil {
		connections[0].Connector = d.connector
	}
	if d.gone {
		connections[0].Account = "other.example"
	}
	url := ""
	if d.push != nil {
		connections[0].Connector, url = pushing{d.tn, d.push}, d.push.url
	}
	targets := d.targets
	if targets == nil {
		targets = []schedule.Target{{Name: "recorder", Sink: d.sink}}
	}
	e, err := engine.New(engine.Config{
		Store: s, Connections: connections, PushURL: url,
		Rules:   engine.Rules{Policy: d.policy, Directory: eligibility.NewDirectory(d.policy.Directory.Members)},
		Targets: targets, Past: 24 * time.Hour, Future: 10 * 24 * time.Hour, Resolver: d.follow,
		Poll: time.Minute, Quiet: d.quiet, Fresh: d.fresh, Random: d.random,
		Parallel: 1, // one at a time, so that a seed is a history
		Now:      func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	if err := e.Start(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	return f(e, st)
}

// passes lets a new process pass n times, an hour and a bit apart so that everything is due.
func (d *daemon) passes(n int) error {
	d.t.Helper()
	return d.session(func(e *engine.Engine, _ *store.Store) error {
		for range n {
			if err := e.Pass(d.t.Context()); err != nil {
				return err
			}
			d.now = d.now.Add(61 * time.Minute)
		}
		return nil
	})
}

// merged are the meetings that the tenant holds.
func (d *daemon) merged() []calendar.Meeting {
	var copies []calendar.Copy
	for _, l := range d.tn.calendars {
		for _, e := range l.events {
			if engine.Horizon(d.now, 24*time.Hour, 10*24*time.Hour, 0).Holds(e) {
				copies = append(copies, calendar.Copy{Source: l.source, Event: e})
			}
		}
	}
	return calendar.Merge(copies)
}

// truth is what must be recorded: Decide and Plan over what the tenant holds.
func (d *daemon) truth() map[calendar.Key]string {
	want := map[calendar.Key]string{}
	for _, m := range d.merged() {
		dec := eligibility.Decide(m, d.policy, eligibility.NewDirectory(d.policy.Directory.Members), nil)
		if dec.Record && dec.End.After(d.now) {
			want[m.Key] = dec.MeetingID
		}
	}
	return want
}

func (d *daemon) check(about string) {
	d.t.Helper()
	if diff := cmp.Diff(d.truth(), d.sink.live(d.now)); diff != "" {
		d.t.Errorf("%s: what the recorder has is not what should be recorded (-want +got):\n%s", about, diff)
	}
}
