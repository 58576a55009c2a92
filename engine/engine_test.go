package engine_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
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
	if n, _ := fmt.Sscanf(string(cur), "list %d %q", &pos, &after); n == 2 && pos < l.oldest {
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
		p.Next = connectors.Cursor(fmt.Sprintf("list %d %q", pos, refs[1]))
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

func (r *recorder) Deliver(_ context.Context, s schedule.Schedule) error {
	if r.fails != nil && r.fails() {
		return errors.New("the recorder is down")
	}
	prev := r.has[s.ID]
	if s.Revision != prev.Revision+1 && s.Revision != prev.Revision {
		r.t.Errorf("%s: revision %d comes behind %d", s.ID, s.Revision, prev.Revision)
	}
	r.has[s.ID] = s
	return nil
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
}

func newDaemon(t *testing.T, users ...string) *daemon {
	return &daemon{
		t: t, file: filepath.Join(t.TempDir(), "syncd.db"), tn: newTenant(users...), policy: policy(), now: began,
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

func (c crashing) Apply(ctx context.Context, src calendar.SourceID, from connectors.Cursor, reading string, p connectors.Page, now time.Time) (held bool, err error) {
	err = around(c.crash, func() (err error) {
		held, err = c.Store.Apply(ctx, src, from, reading, p, now)
		return err
	})
	return held, err
}

func (c crashing) Decide(ctx context.Context, k calendar.Key, step func(engine.Tx) error) error {
	return around(c.crash, func() error { return c.Store.Decide(ctx, k, step) })
}

func (c crashing) Delivered(ctx context.Context, seq int64, failure string, now time.Time) error {
	return around(c.crash, func() error { return c.Store.Delivered(ctx, seq, failure, now) })
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
	if d.gone {
		connections[0].Account = "other.example"
	}
	e, err := engine.New(engine.Config{
		Store: s, Connections: connections,
		Rules: engine.Rules{Policy: d.policy, Directory: eligibility.NewDirectory(d.policy.Directory.Members)},
		Sinks: []schedule.Sink{d.sink}, Past: 24 * time.Hour, Future: 10 * 24 * time.Hour, Poll: time.Minute, Resolver: d.follow, Parallel: 1, // one at a time, so that a seed is a history
		Now: func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
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

// truth is what must be recorded: Decide and Plan over what the tenant holds.
func (d *daemon) truth() map[calendar.Key]string {
	var copies []calendar.Copy
	for _, l := range d.tn.calendars {
		for _, e := range l.events {
			if engine.Horizon(d.now, 24*time.Hour, 10*24*time.Hour).Holds(e) {
				copies = append(copies, calendar.Copy{Source: l.source, Event: e})
			}
		}
	}
	want := map[calendar.Key]string{}
	for _, m := range calendar.Merge(copies) {
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

func TestLifeOfACall(t *testing.T) {
	d := newDaemon(t, "ana@acme.com", "bo@acme.com")
	ana, bo := d.tn.log("ana@acme.com"), d.tn.log("bo@acme.com")
	for _, step := range []struct {
		about string
		do    func()
	}{
		{"a call with a guest", func() { ana.put(call("u1", "91234567890", 48, "joe@globex.com")) }},
		{"seen on a second calendar", func() { bo.put(call("u1", "91234567890", 48, "joe@globex.com")) }},
		{"re-sent with a new UID", func() { ana.put(call("u2", "91234567890", 48.5, "joe@globex.com")) }},
		{"the first one goes", func() { ana.drop("u1"); bo.drop("u1") }},
		{"moved, and another link", func() { ana.put(call("u2", "95550001111", 60, "joe@globex.com")) }},
		{"a lawyer joins", func() { ana.put(call("u2", "95550001111", 60, "kim@lawfirm.example")) }},
		{"and leaves", func() { ana.put(call("u2", "95550001111", 60, "joe@globex.com")) }},
		{"cancelled", func() { e := call("u2", "95550001111", 60); e.Status = calendar.StatusCancelled; ana.put(e) }},
	} {
		step.do()
		if err := d.passes(1); err != nil {
			t.Fatal(err)
		}
		d.check(step.about)
	}
	if len(d.sink.has) == 0 {
		t.Fatal("nothing was ever delivered")
	}
}

func TestRefusedDeletesNothing(t *testing.T) {
	for _, refusal := range []error{connectors.ErrAccess, connectors.ErrSource, &connectors.ThrottledError{After: time.Hour, Err: errors.New("429")}, errors.New("any")} {
		d := newDaemon(t, "ana@acme.com")
		d.tn.log("ana@acme.com").put(call("u1", "91234567890", 100, "joe@globex.com"))
		if err := d.passes(1); err != nil {
			t.Fatal(err)
		}
		d.tn.fault = func() error { return fmt.Errorf("provider: %w", refusal) }
		err := d.session(func(e *engine.Engine, st *store.Store) error {
			if err := e.Pass(t.Context()); err != nil {
				return err
			}
			m, err := st.Meeting(t.Context(), "u1")
			if len(m.Copies) != 1 {
				t.Errorf("%v: the copy is gone", refusal)
			}
			sources, _ := st.Sources(t.Context())
			if sources[0].Error == "" || sources[0].Failures != 1 || !sources[0].NextAt.After(d.now) {
				t.Errorf("%v: the source does not say so: %+v", refusal, sources[0].PullReport)
			}
			if live := d.sink.live(d.now); len(live) != 1 {
				t.Errorf("%v: the recording was taken back: %v", refusal, live)
			}
			all, _ := st.Decisions(t.Context())
			refused := errors.Is(refusal, connectors.ErrAccess) || errors.Is(refusal, connectors.ErrSource)
			if all[0].Record == refused {
				t.Errorf("%v: recorded: %v", refusal, all[0].Record)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		// A rule that protects somebody counts all the same.
		d.policy.Exclude.Domains = []string{"globex.com"}
		if err := d.passes(1); err != nil {
			t.Fatal(err)
		}
		if live := d.sink.live(d.now); len(live) != 0 {
			t.Errorf("%v: recorded in spite of an exclusion: %v", refusal, live)
		}
		d.policy.Exclude.Domains, d.tn.fault = nil, nil
		if err := d.passes(1); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(2 * time.Hour)
		if err := d.passes(1); err != nil {
			t.Fatal(err)
		}
		d.check(fmt.Sprintf("after %v", refusal))
	}
}

// TestConnectionTakenOut: what an operator takes out of the configuration is not recorded any more, and
// is again when it comes back.
func TestConnectionTakenOut(t *testing.T) {
	d := newDaemon(t, "ana@acme.com")
	d.tn.log("ana@acme.com").put(call("u1", "91234567890", 100, "joe@globex.com"))
	for _, step := range []struct {
		gone bool
		want int
	}{{false, 1}, {true, 0}, {false, 1}} {
		d.gone = step.gone
		if err := d.passes(1); err != nil {
			t.Fatal(err)
		}
		if live := d.sink.live(d.now); len(live) != step.want {
			t.Errorf("taken out %v: recorded %v", step.gone, live)
		}
		why := map[eligibility.Status]bool{}
		if err := d.session(func(_ *engine.Engine, st *store.Store) error {
			all, err := st.Decisions(t.Context())
			for _, c := range all[0].Checks {
				why[c.Status] = why[c.Status] || c.Rule == "calendar_access"
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if why[eligibility.Fail] != step.gone {
			t.Errorf("taken out %v: calendar_access is %v", step.gone, why)
		}
	}
}

func TestReadingChangeListsAnew(t *testing.T) {
	d := newDaemon(t, "ana@acme.com")
	e := call("u1", "91234567890", 48, "joe@globex.com")
	e.Location = "https://join.acme.example/acme/ana/1"
	d.tn.log("ana@acme.com").put(e)
	links := func() (found string) {
		err := d.session(func(e *engine.Engine, st *store.Store) error {
			d.now = d.now.Add(2 * time.Hour)
			if err := e.Pass(t.Context()); err != nil {
				return err
			}
			m, err := st.Meeting(t.Context(), "u1")
			for _, l := range m.Copies[0].Links.Links {
				found += l.Provider + " "
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := links(); got != "" {
		t.Fatalf("found %q before the host was known", got)
	}
	d.policy.Consent.LinkHosts = []string{"join.acme.example"}
	if got := links(); got != "consent " {
		t.Errorf("the company's consent host came later, and the calendar did not change: found %q", got)
	}
}

// TestNewRules: a running engine takes up new rules, and what people say of a meeting holds whatever becomes
// of its time, its title and its other copies.
func TestNewRules(t *testing.T) {
	d := newDaemon(t, "ana@acme.com", "bo@acme.com")
	d.tn.log("ana@acme.com").put(call("u1", "91234567890", 48, "joe@globex.com"))
	rules := func(exclude string, signals ...eligibility.Signal) engine.Rules {
		p := *d.policy
		if exclude != "" {
			p.Exclude.Domains = []string{exclude}
		}
		return engine.Rules{Policy: &p, Directory: eligibility.NewDirectory(p.Directory.Members), Signals: signals}
	}
	skip := eligibility.Signal{Meeting: "u1", Email: "ana@acme.com", Signal: eligibility.SignalSkip, At: began}
	wish := skip
	wish.Signal, wish.At = eligibility.SignalRecord, began.Add(time.Minute)
	err := d.session(func(e *engine.Engine, _ *store.Store) error {
		for _, step := range []struct {
			about string
			do    func()
			live  int
		}{
			{"the first rules", func() {}, 1},
			{"its guests are excluded", func() { e.SetRules(rules("globex.com")) }, 0},
			{"they are not any more", func() { e.SetRules(rules("")) }, 1},
			{"bad rules change nothing", func() { e.RulesFailed(errors.New("policy.yaml:3: no")) }, 1},
			{"good rules again", func() { e.SetRules(rules("")) }, 1},
			{"skipped", func() { e.SetRules(rules("", skip)) }, 0},
			{"moved, and still skipped", func() { d.tn.log("ana@acme.com").put(call("u1", "91234567890", 60, "joe@globex.com")) }, 0},
			{"on another calendar, and still skipped", func() { d.tn.log("bo@acme.com").put(call("u1", "91234567890", 60, "joe@globex.com")) }, 0},
			{"listed anew, and still skipped", func() { d.tn.log("ana@acme.com").oldest = len(d.tn.log("ana@acme.com").changes) + 1 }, 0},
			{"recorded after all", func() { e.SetRules(rules("", skip, wish)) }, 1},
			{"which does not lift what protects people", func() { e.SetRules(rules("globex.com", wish)) }, 0},
		} {
			step.do()
			if bad := step.about == "bad rules change nothing"; bad != (e.Health().Rules != "") {
				t.Errorf("%s: of the rules it says %q", step.about, e.Health().Rules)
			}
			if err := e.Pass(t.Context()); err != nil {
				return err
			}
			d.now = d.now.Add(2 * time.Minute)
			if got := len(d.sink.live(d.now)); got != step.live {
				t.Errorf("%s: %d are recorded", step.about, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// follower knows where one wrapped link leads, and fails for all others.
type follower struct{ link, target string }

func (f follower) Resolve(_ context.Context, link string) (string, error) {
	if link == f.link {
		return f.target, nil
	}
	return "", errors.New("refused")
}

// TestWrappedLinks: a link that only its gateway can undo is followed if that is allowed, and what can't be
// followed costs itself alone.
func TestWrappedLinks(t *testing.T) {
	d := newDaemon(t, "ana@acme.com")
	for i, token := range []string{"one", "two"} {
		e := call(fmt.Sprint("u", i), "91234567890", 48+float64(i), "joe@globex.com")
		e.Location, e.Conference, e.Description = "https://protect-eu.mimecast.com/s/"+token, nil, ""
		d.tn.log("ana@acme.com").put(e)
	}
	if err := d.passes(1); err != nil || len(d.sink.has) != 0 {
		t.Fatalf("%v, %v", err, d.sink.has)
	}
	d.follow = follower{"https://protect-eu.mimecast.com/s/one", "https://acme.zoom.us/j/95550001111?pwd=a"}
	if err := d.passes(1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[calendar.Key]string{"u0": "95550001111"}, d.sink.live(d.now)); diff != "" {
		t.Error(diff)
	}
	if log := d.logs.String(); !strings.Contains(log, "could not be followed") || strings.Contains(log, "/s/") {
		t.Error(log)
	}
}

var histories = flag.Int("histories", 30, "random histories to run")

// hanging is a provider that never answers.
type hanging struct{ connectors.Connector }

func (hanging) Pull(ctx context.Context, _ calendar.Source, _ connectors.Cursor, _ calendar.Window) (connectors.Page, error) {
	<-ctx.Done()
	return connectors.Page{}, ctx.Err()
}

// TestHangingProvider: one that never answers costs its own calendars a while, and the pass goes on.
func TestHangingProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "ana@acme.com")
		other := newTenant("ana@acme.com")
		other.log("ana@acme.com").source.ID = "google:slow/ana@acme.com"
		other.log("ana@acme.com").source.Account = "slow"
		d.tn.log("ana@acme.com").put(call("u1", "91234567890", 48, "joe@globex.com"))
		err := d.session(func(e *engine.Engine, st *store.Store) error {
			e.Connections = append(e.Connections, engine.Connection{Driver: "google", Account: "slow", Connector: hanging{other}})
			e, err := engine.New(e.Config)
			if err != nil {
				return err
			}
			if err := e.Pass(t.Context()); err != nil {
				return err
			}
			sources, err := st.Sources(t.Context())
			for _, s := range sources {
				if hangs := s.Account == "slow"; hangs != (s.Failures == 1) || s.Refused {
					t.Errorf("%s: %+v", s.ID, s.PullReport)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.check("beside a provider that hangs")
	})
}

// TestHistories runs random histories of edits, crashes, faults and a sink that fails, and demands
// that the recorder ends up with what Decide says of the truth, and that it never has a call twice.
func TestHistories(t *testing.T) {
	for seed := range uint64(*histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { history(t, seed) })
	}
}

func history(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	d := newDaemon(t, "ana@acme.com", "bo@acme.com")
	faults := []error{
		errors.New("reset by peer"), connectors.ErrCursor, connectors.ErrAccess,
		&connectors.ThrottledError{After: time.Minute, Err: errors.New("429")},
	}
	for range 25 {
		edit(r, d)
		d.crash = func() bool { return r.IntN(25) == 0 }
		d.tn.fault = func() error {
			if r.IntN(8) == 0 {
				return faults[r.IntN(len(faults))]
			}
			return nil
		}
		d.sink.fails = func() bool { return r.IntN(5) == 0 }
		if err := d.passes(1); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		d.sink.live(d.now)
	}
	d.crash, d.tn.fault, d.sink.fails = nil, nil, nil
	if err := d.passes(3); err != nil {
		t.Fatal(err)
	}
	d.check(fmt.Sprintf("seed %d", seed))
}

// edit changes something in the tenant.
func edit(r *rand.Rand, d *daemon) {
	user := []string{"ana@acme.com", "bo@acme.com"}[r.IntN(2)]
	l := d.tn.log(user)
	uid := fmt.Sprint("u", r.IntN(6))
	hours := d.now.Sub(began).Hours() + r.Float64()*60
	switch r.IntN(8) {
	case 0, 1, 2, 3:
		guests := []string{"joe@globex.com", "kim@lawfirm.example", "bo@acme.com"}
		l.put(call(uid, []string{"91234567890", "95550001111"}[r.IntN(2)], hours, guests[r.IntN(3)]))
	case 4, 5:
		if _, ok := l.events[calendar.Ref(uid)]; ok {
			l.drop(calendar.Ref(uid))
		}
	case 6:
		l.oldest = len(l.changes)
	case 7:
		d.policy.Exclude.Domains = [][]string{{"lawfirm.example"}, {"globex.com"}, nil}[r.IntN(3)]
	}
}

// TestNoBodies looks for the description in all that the daemon writes.
func TestNoBodies(t *testing.T) {
	d := newDaemon(t, "ana@acme.com")
	private := call("u2", "95550001111", 50, "joe@globex.com")
	private.Visibility, private.Title = calendar.VisibilityPrivate, "Doctor"
	d.tn.log("ana@acme.com").put(call("u1", "91234567890", 48, "joe@globex.com"))
	d.tn.log("ana@acme.com").put(private)
	if err := d.passes(2); err != nil {
		t.Fatal(err)
	}
	// Something to log: a provider and a recorder that fail, and a calendar that is suddenly empty.
	d.tn.fault, d.sink.fails = func() error { return errors.New("reset by peer") }, func() bool { return true }
	d.policy.Exclude.Domains = []string{"globex.com"}
	if err := d.passes(1); err != nil {
		t.Fatal(err)
	}
	if d.logs.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	for _, secret := range []string{"secret agenda", "Doctor", "Call u1", "91234567890", "joe@globex.com"} {
		if bytes.Contains(d.logs.Bytes(), []byte(secret)) {
			t.Errorf("%q is in the log:\n%s", secret, &d.logs)
		}
	}
	dump, err := os.ReadFile(d.file) // closed, so that the write-ahead log is in it
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(dump, []byte("Call u1")) {
		t.Fatal("the file does not even have the title of a meeting")
	}
	for _, secret := range []string{"secret agenda", "Doctor", "95550001111"} {
		if bytes.Contains(dump, []byte(secret)) {
			t.Errorf("%q is in the store", secret)
		}
	}
}
