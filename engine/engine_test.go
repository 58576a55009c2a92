package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

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
	rules := func(exclude string) engine.Rules {
		p := *d.policy
		if exclude != "" {
			p.Exclude.Domains = []string{exclude}
		}
		return engine.Rules{Policy: &p, Directory: eligibility.NewDirectory(p.Directory.Members)}
	}
	skip := eligibility.Signal{Meeting: "u1", Email: "ana@acme.com", Signal: eligibility.SignalSkip, At: began}
	wish := skip
	wish.Signal, wish.At = eligibility.SignalRecord, began.Add(time.Minute)
	err := d.session(func(e *engine.Engine, st *store.Store) error {
		say := func(s eligibility.Signal) {
			if err := st.Signals().Say(t.Context(), s); err != nil {
				t.Error(err)
			}
		}
		takeBack := func() {
			if n, err := st.Signals().TakeBack(t.Context(), "u1", "Ana@acme.com", d.now); err != nil || n == 0 {
				t.Errorf("%d were taken back: %v", n, err)
			}
		}
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
			{"skipped", func() { say(skip) }, 0},
			{"moved, and still skipped", func() { d.tn.log("ana@acme.com").put(call("u1", "91234567890", 60, "joe@globex.com")) }, 0},
			{"on another calendar, and still skipped", func() { d.tn.log("bo@acme.com").put(call("u1", "91234567890", 60, "joe@globex.com")) }, 0},
			{"listed anew, and still skipped", func() { d.tn.log("ana@acme.com").oldest = len(d.tn.log("ana@acme.com").changes) + 1 }, 0},
			{"recorded after all", func() { say(wish) }, 1},
			{"which does not lift what protects people", func() { e.SetRules(rules("globex.com")) }, 0},
			{"and is still wished", func() { e.SetRules(rules("")) }, 1},
			{"all of it taken back, and skipped once more", func() { takeBack(); say(skip) }, 0},
			{"which is taken back, too", takeBack, 1},
		} {
			step.do()
			if bad := step.about == "bad rules change nothing"; bad != (e.Health(t.Context()).Rules != "") {
				t.Errorf("%s: of the rules it says %q", step.about, e.Health(t.Context()).Rules)
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
			if err := e.Start(t.Context()); err != nil {
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

// TestNoBodies looks for the description in all that the daemon writes.
func TestNoBodies(t *testing.T) {
	d := newDaemon(t, "ana@acme.com")
	private := call("u2", "95550001111", 50, "joe@globex.com")
	private.Visibility, private.Title = calendar.VisibilityPrivate, "Doctor"
	d.tn.log("ana@acme.com").put(call("u1", "91234567890?pwd=pAssC0de", 48, "joe@globex.com"))
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
	for _, secret := range []string{"secret agenda", "Doctor", "Call u1", "91234567890", "pAssC0de", "joe@globex.com"} {
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

// TestHorizon: it moves once a day, holds what it is to hold at any time of the day, and not every calendar's
// moves at the same hour.
func TestHorizon(t *testing.T) {
	turns := map[calendar.Window]bool{}
	for _, turn := range []time.Duration{0, 7*time.Hour + 13*time.Minute, 23*time.Hour + 59*time.Minute} {
		moved := 0
		var last calendar.Window
		for m := range 3 * 24 * 60 {
			now := began.Add(time.Duration(m) * time.Minute)
			w := engine.Horizon(now, 24*time.Hour, 10*24*time.Hour, turn)
			if w.Start.After(now.Add(-24*time.Hour)) || w.End.Before(now.Add(10*24*time.Hour)) || w.End.Sub(w.Start) > 12*24*time.Hour {
				t.Fatalf("at %s: %v", now, w)
			}
			if m > 0 && w != last {
				moved++
			}
			last = w
		}
		if moved != 3 {
			t.Errorf("turn %s: moved %d times in three days", turn, moved)
		}
		turns[last] = true
	}
	if len(turns) != 3 {
		t.Errorf("three turns make %d horizons", len(turns))
	}
}
