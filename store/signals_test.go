package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// known decides meetings of those keys, the ends in hours from now.
func known(t *testing.T, s *Store, ends map[calendar.Key]int) {
	t.Helper()
	for k, hours := range ends {
		d := decision(string(k), strings.NewReplacer("/", "", ":", "").Replace(string(k)))
		d.End = now.Add(time.Duration(hours) * time.Hour)
		d.Start = d.End.Add(-time.Hour)
		if err := decide(t, s, k, func(tx engine.Tx) error { return tx.PutDecision(d) }); err != nil {
			t.Fatal(err)
		}
	}
}

func skip(k calendar.Key, by string, at time.Time) eligibility.Signal {
	return eligibility.Signal{Meeting: k, Email: by, Signal: eligibility.SignalSkip, At: at}
}

const weekly = calendar.Key("a/weekly@acme.com")

func on(day int) calendar.Key {
	return weekly + calendar.Key(fmt.Sprintf("/2026-11-%02dT10:00:00Z", day))
}

// TestSignals: what is said has decided anew, before all that waits, what it is about and has not ended, and that alone.
func TestSignals(t *testing.T) { both(t, testSignals) }

func testSignals(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	said := s.Signals()
	known(t, s, map[calendar.Key]int{"one": 5, "ended": -1, "waits": 5, on(22): -1, on(29): 5, on(30): 6, weekly + "s": 5})
	for _, step := range []struct {
		about     string
		do        func() error
		undecided []calendar.Key
	}{
		{"a meeting", func() error { return said.Say(t.Context(), skip("one", "Ana@acme.com", now)) }, []calendar.Key{"one"}},
		{"one that has ended", func() error { return said.Say(t.Context(), skip("ended", "ana@acme.com", now)) }, nil},
		{"an occurrence", func() error { return said.Say(t.Context(), skip(on(29), "bo@acme.com", now)) }, []calendar.Key{on(29)}},
		{"the series", func() error { return said.Say(t.Context(), skip(weekly, "ana@acme.com", now)) }, []calendar.Key{on(29), on(30)}},
		{"one of many that wait", func() error {
			if err := s.MarkUndecided(t.Context(), now.Add(-time.Minute), "waits", "one", on(30)); err != nil {
				return err
			}
			return said.Say(t.Context(), skip("one", "ana@acme.com", now))
		}, []calendar.Key{"one", on(30), "waits"}},
		{"nobody's", func() error { return said.Say(t.Context(), skip("none", "ana@acme.com", now)) }, nil},
		{"taken back of what it was not said of", func() error { return takeBack(t, said, on(29), "ana@acme.com", 0) }, []calendar.Key{on(29)}},
		{"taken back", func() error { return takeBack(t, said, "one", "aNA@acme.com", 2) }, []calendar.Key{"one"}},
		{"of the series", func() error { return takeBack(t, said, weekly, "ana@acme.com", 1) }, []calendar.Key{on(29), on(30)}},
	} {
		decideAll(t, s)
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.undecided, undecidedOf(t, s)); diff != "" {
			t.Errorf("%s: what is to be decided (-want +got):\n%s", step.about, diff)
		}
		jobs, err := s.Jobs(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(jobs, func(j engine.Job) bool { return j.Kind == engine.Decide }) {
			t.Errorf("%s: there is no job for it", step.about)
		}
	}
	var left []string
	for after := int64(0); ; {
		page, err := said.All(t.Context(), "", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page {
			left, after = append(left, fmt.Sprint(g.Meeting, " ", g.Email, " ", g.Signal.Signal, " ", g.At.Equal(now))), g.Seq
		}
		if len(page) < 2 {
			break
		}
	}
	if diff := cmp.Diff([]string{"ended ana@acme.com skip true", string(on(29)) + " bo@acme.com skip true", "none ana@acme.com skip true"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func takeBack(t *testing.T, said *Signals, k calendar.Key, by string, want int) error {
	t.Helper()
	n, err := said.TakeBack(t.Context(), k, by, now)
	if n != want {
		t.Errorf("%d were taken back of %s, want %d", n, k, want)
	}
	return err
}

// TestSaidMeanwhile: what is said while a meeting is decided for the first time is heard by the next decision, which there is.
func TestSaidMeanwhile(t *testing.T) { both(t, testSaidMeanwhile) }

func testSaidMeanwhile(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	done := make(chan error, 1)
	err := decide(t, s, "one", func(tx engine.Tx) error {
		if said, err := tx.Signals(); err != nil || len(said) > 0 {
			return fmt.Errorf("said before: %v, %v", said, err)
		}
		go func() { done <- s.Signals().Say(t.Context(), skip("one", "ana@acme.com", now)) }()
		for s.pool != nil && len(done) == 0 { // of SQLite there is one connection that writes
			var waits bool
			if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waits); err != nil {
				return err
			}
			if waits {
				break
			}
		}
		return tx.PutDecision(decision("one", "1"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	heard := 0
	if _, err := s.Decide(t.Context(), basis(t, s), 9, now, func(tx engine.Tx) error {
		said, err := tx.Signals()
		heard += len(said)
		return err
	}); err != nil || heard != 1 {
		t.Errorf("%d signals were heard: %v", heard, err)
	}
}

// TestSaidBeside: a command says something of a store that a daemon has open.
func TestSaidBeside(t *testing.T) {
	for _, k := range []kind{sqlite, postgres} {
		t.Run(string(k), func(t *testing.T) {
			name := place(t, k)
			s, err := Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			known(t, s, map[calendar.Key]int{"one": 5})
			beside, err := OpenSignals(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			defer beside.Close()
			if err := beside.Say(t.Context(), skip("one", "ana@acme.com", now)); err != nil {
				t.Fatal(err)
			}
			if about, err := s.SignalsAbout(t.Context(), "one"); err != nil || len(about) != 1 || about[0] != skip("one", "ana@acme.com", now) {
				t.Errorf("the daemon knows of %v, %v", about, err)
			}
			if diff := cmp.Diff([]calendar.Key{"one"}, undecidedOf(t, s)); diff != "" {
				t.Error(diff)
			}
			admitted, err := s.Dispatch(t.Context(), engine.Admission{By: "x", Now: now, Lease: time.Minute})
			if err != nil || admitted.Jobs != 1 {
				t.Errorf("the daemon's next look: %+v, %v", admitted, err)
			}
		})
	}
}

// TestSignalsLeave: what was said leaves with the meeting; what was said of a series stays while there is some of it; and
// whoever is forgotten has said nothing but of what is to come.
func TestSignalsLeave(t *testing.T) { both(t, testSignalsLeave) }

func testSignalsLeave(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	known(t, s, map[calendar.Key]int{"old": -50, "new": 5, on(1): -50, on(29): 5, weekly: -50, "lone": -50})
	for _, k := range []calendar.Key{"old", "new", on(1), on(29), weekly, "other/series@acme.com", "lone"} {
		for _, by := range []string{"Ga_by@acme.com", "ana@acme.com"} {
			if err := s.Signals().Say(t.Context(), skip(k, by, now)); err != nil {
				t.Fatal(err)
			}
		}
	}
	decideAll(t, s)
	left := func(by string) (keys []calendar.Key) {
		t.Helper()
		all, err := s.Signals().All(t.Context(), "", 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range all {
			if strings.EqualFold(g.Email, by) {
				keys = append(keys, g.Meeting)
			}
		}
		return keys
	}
	if _, err := s.Tidy(t.Context(), now.Add(-24*time.Hour), 100); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]calendar.Key{"new", on(29), weekly, "other/series@acme.com"}, left("ana@acme.com")); diff != "" {
		t.Errorf("when the old ones have left (-want +got):\n%s", diff)
	}
	var f Forgotten
	if err := s.within(t.Context(), func(q *txn) error { return forget(t.Context(), q.Queries, "ga_by@acme.com", now, &f) }); err != nil {
		t.Fatal(err)
	}
	if f.Signals != 1 || f.Said != 3 {
		t.Errorf("forgotten: %+v", f)
	}
	if diff := cmp.Diff([]calendar.Key{"new", on(29), weekly}, left("ga_by@acme.com")); diff != "" {
		t.Errorf("of a person who was forgotten (-want +got):\n%s", diff)
	}
	if len(left("ana@acme.com")) != 4 {
		t.Error("what somebody else said has left")
	}
	if _, err := db.New(s.write).ForgetSignals(t.Context(), db.ForgetSignalsParams{Email: "ga_by@acme.com", Now: ms(now.Add(99 * time.Hour))}); err != nil || len(left("ga_by@acme.com")) != 0 {
		t.Errorf("when all has ended: %v, %v", left("ga_by@acme.com"), err)
	}
}
