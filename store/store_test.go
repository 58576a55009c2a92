package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/internal/postgrestest"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

var now = conntest.Now

var ana = calendar.Source{
	ID: calendar.NewSourceID("google", "acme.com", "ana@acme.com"), Driver: "google", Account: "acme.com",
	Calendar: "ana@acme.com", Primary: true,
}

// kind is the database that a test runs on.
type kind string

const (
	sqlite   kind = "sqlite"
	postgres kind = "postgres"
)

// both runs a test on both databases.
func both(t *testing.T, test func(t *testing.T, open func(t *testing.T) *Store)) {
	for _, k := range []kind{sqlite, postgres} {
		t.Run(string(k), func(t *testing.T) {
			test(t, func(t *testing.T) *Store { return openKind(t, k) })
		})
	}
}

// place is where an empty store of the kind may be.
func place(t *testing.T, k kind) string {
	if k == postgres {
		return postgrestest.Shared(t).Database(t)
	}
	return filepath.Join(t.TempDir(), "syncd.db")
}

func openKind(t *testing.T, k kind) *Store {
	t.Helper()
	s, err := Open(t.Context(), place(t, k))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.PutSources(t.Context(), []calendar.Source{ana}, now); err != nil {
		t.Fatal(err)
	}
	return s
}

func event(ref string, hours int) calendar.Event {
	return calendar.Event{
		Ref: calendar.Ref(ref), UID: "u" + ref, Title: "Meeting " + ref, Status: calendar.StatusConfirmed,
		Start: calendar.At(now.Add(time.Duration(hours) * time.Hour)), End: calendar.At(now.Add(time.Duration(hours+1) * time.Hour)),
	}.Distil(calendar.Reading{})
}

// copies are ana's copies as the store has them.
func copies(t *testing.T, s *Store) map[calendar.Ref]calendar.Event {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), "SELECT DISTINCT meeting FROM copies WHERE source = $1", string(ana.ID))
	if err != nil {
		t.Fatal(err)
	}
	var keys []calendar.Key
	for rows.Next() {
		var k calendar.Key
		if err := rows.Scan(&k); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	all := map[calendar.Ref]calendar.Event{}
	for _, k := range keys {
		m, err := s.Meeting(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range m.Copies {
			all[c.Ref] = c.Event
		}
	}
	return all
}

func cursor(t *testing.T, s *Store) connectors.Cursor {
	t.Helper()
	sources, err := s.Sources(t.Context())
	if err != nil || len(sources) != 1 {
		t.Fatal(len(sources), err)
	}
	return sources[0].Cursor
}

// TestApplyIsTheLedger applies random pages to the store and to the reference, and compares.
func TestApplyIsTheLedger(t *testing.T) { both(t, testApplyIsTheLedger) }

func testApplyIsTheLedger(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		src := ana
		src.Calendar = fmt.Sprintf("user%d@acme.com", seed)
		src.ID = calendar.NewSourceID("google", "acme.com", src.Calendar)
		if err := s.PutSources(t.Context(), []calendar.Source{src}, now); err != nil {
			t.Fatal(err)
		}
		l := conntest.NewLedger()
		listing := false
		for step := range 30 {
			p := connectors.Page{Next: connectors.Cursor(fmt.Sprint("c", step))}
			if listing || r.IntN(3) == 0 {
				p.Full, p.First = true, !listing || r.IntN(5) == 0
				p.Last = r.IntN(2) == 0
				listing = !p.Last
				p.Listed = calendar.Window{Start: now, End: now.Add(time.Duration(5+r.IntN(30)) * time.Hour)}
			}
			if p.Full { // else the listing may end empty, and be held
				p.Events = append(p.Events, event("0", 1))
			}
			for range 1 + r.IntN(4) {
				p.Events = append(p.Events, event(fmt.Sprint(1+r.IntN(9)), r.IntN(40)-5))
			}
			if !p.Full && r.IntN(2) == 0 {
				p.Gone = append(p.Gone, calendar.Ref(fmt.Sprint(1+r.IntN(9))))
			}
			done, err := s.Apply(t.Context(), src.ID, l.Cursor, "r", p, now)
			if err != nil || done.Held || done.Repaired != 0 {
				t.Fatalf("seed %d step %d: %+v, %v", seed, step, done, err)
			}
			l.Apply(p)
			got := map[calendar.Ref]calendar.Event{}
			for ref := range 10 {
				m, err := s.Meeting(t.Context(), calendar.Key("u"+fmt.Sprint(ref)))
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range m.Copies {
					if c.Source.ID == src.ID {
						got[c.Ref] = c.Event
					}
				}
			}
			if diff := cmp.Diff(l.Copies, got); diff != "" {
				t.Fatalf("seed %d step %d, page %+v (-reference +store):\n%s", seed, step, p, diff)
			}
		}
	}
}

func TestApplyStale(t *testing.T) { both(t, testApplyStale) }

func testApplyStale(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	page := connectors.Page{Events: []calendar.Event{event("1", 1)}, Next: "a"}
	if _, err := s.Apply(t.Context(), ana.ID, "", "r", page, now); err != nil {
		t.Fatal(err)
	}
	page.Events, page.Next = []calendar.Event{event("2", 1)}, "b"
	if _, err := s.Apply(t.Context(), ana.ID, "", "r", page, now); !errors.Is(err, engine.ErrStale) {
		t.Errorf("a page behind a cursor that was moved on: got %v, want ErrStale", err)
	}
	if got := copies(t, s); len(got) != 1 || cursor(t, s) != "a" {
		t.Errorf("the stale page left its traces: %d copies, cursor %q", len(got), cursor(t, s))
	}
}

func TestApplyIsOneTransaction(t *testing.T) { both(t, testApplyIsOneTransaction) }

func testApplyIsOneTransaction(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	whole := event("1", 1)
	body := event("2", 1)
	body.Description = "the agenda"
	_, err := s.Apply(t.Context(), ana.ID, "", "r", connectors.Page{Events: []calendar.Event{whole, body}, Next: "a"}, now)
	if err == nil || !strings.Contains(err.Error(), "bodies are never stored") {
		t.Errorf("an event with its body: got %v, want it refused", err)
	}
	if got := copies(t, s); len(got) != 0 || cursor(t, s) != "" {
		t.Errorf("half a page was stored: %d copies, cursor %q", len(got), cursor(t, s))
	}
	if keys := undecidedOf(t, s); len(keys) != 0 {
		t.Errorf("half a page marked %v", keys)
	}
}

func TestEmptyListingIsHeld(t *testing.T) { both(t, testEmptyListingIsHeld) }

func testEmptyListingIsHeld(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	window := calendar.Window{Start: now, End: now.Add(48 * time.Hour)}
	full := func(next connectors.Cursor, events ...calendar.Event) connectors.Page {
		return connectors.Page{Events: events, Next: next, First: true, Full: true, Last: true, Listed: window}
	}
	for i, step := range []struct {
		about  string
		page   connectors.Page
		held   bool
		copies int
	}{
		{"a calendar with three", full("a", event("1", 1), event("2", 2), event("3", 3)), false, 3},
		{"suddenly empty", full("b"), true, 3},
		{"no, it was not", full("c", event("1", 1), event("2", 2), event("3", 3)), false, 3},
		{"empty again", full("d"), true, 3},
		{"and a second listing agrees", full("e"), false, 0},
		{"two events are no reason to doubt", full("f", event("1", 1), event("2", 2)), false, 2},
		{"they were cancelled", full("g"), false, 0},
	} {
		done, err := s.Apply(t.Context(), ana.ID, cursor(t, s), "r", step.page, now)
		if err != nil {
			t.Fatal(err)
		}
		held := done.Held
		if got := len(copies(t, s)); held != step.held || got != step.copies {
			t.Errorf("step %d, %s: held %v with %d copies, want %v with %d", i, step.about, held, got, step.held, step.copies)
		}
		if held && cursor(t, s) != "" {
			t.Errorf("step %d: a held source goes on from %q, not with a new listing", i, cursor(t, s))
		}
	}
}

func TestUnchangedIsNotDecidedAgain(t *testing.T) { both(t, testUnchangedIsNotDecidedAgain) }

func testUnchangedIsNotDecidedAgain(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	page := connectors.Page{Events: []calendar.Event{event("1", 1), event("2", 2)}, Next: "a"}
	if _, err := s.Apply(t.Context(), ana.ID, "", "r", page, now); err != nil {
		t.Fatal(err)
	}
	decideAll(t, s)
	page.Events[1].Title, page.Next = "renamed", "b"
	if _, err := s.Apply(t.Context(), ana.ID, "a", "r", page, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]calendar.Key{"u2"}, undecidedOf(t, s)); diff != "" {
		t.Errorf("one of two changed (-want +got):\n%s", diff)
	}
	for range 2 {
		if err := s.Recheck(t.Context(), 1, now); err != nil {
			t.Fatal(err)
		}
		if keys := undecidedOf(t, s); len(keys) != 2 {
			t.Errorf("all meetings are to be decided: got %v", keys)
		}
	}
}

// undecidedOf are the undecided meetings.
func undecidedOf(t *testing.T, s *Store) (keys []calendar.Key) {
	t.Helper()
	rows, err := db.New(s.read).Undecided(t.Context(), db.UndecidedParams{Now: ms(now), Skewed: ms(now.Add(longestWait)), Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		keys = append(keys, calendar.Key(r.Meeting))
	}
	return keys
}

// basis is what decisions are based on now.
func basis(t *testing.T, s *Store) engine.Basis {
	t.Helper()
	access, _, err := s.Access(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return engine.Basis{Access: access}
}

// TestOldBasis: nothing is decided by rules that are not in force any more, or by what could be read before.
func TestOldBasis(t *testing.T) { both(t, testOldBasis) }

func testOldBasis(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	before := basis(t, s)
	if err := s.MarkUndecided(t.Context(), now, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Report(t.Context(), ana.ID, 0, engine.PullReport{TriedAt: now, Refused: true}); err != nil {
		t.Fatal(err)
	}
	refuse := func(by engine.Basis, want error) {
		t.Helper()
		_, err := s.Decide(t.Context(), by, 9, now, func(engine.Tx) error { t.Error("decided"); return nil })
		if !errors.Is(err, want) || len(undecidedOf(t, s)) != 1 {
			t.Errorf("%+v: %v, want %v", by, err, want)
		}
	}
	refuse(before, engine.ErrAccess)
	after := basis(t, s)
	if err := s.SetRules(t.Context(), "new", now); err != nil {
		t.Fatal(err)
	}
	refuse(after, engine.ErrRules)
	after.Rules = "new"
	if _, err := s.Decide(t.Context(), after, 9, now, func(engine.Tx) error { return nil }); err != nil || len(undecidedOf(t, s)) != 0 {
		t.Errorf("by what holds: %v", err)
	}
}

func decideAll(t *testing.T, s *Store) {
	t.Helper()
	if more, err := s.Decide(t.Context(), basis(t, s), 100, now, func(engine.Tx) error { return nil }); err != nil || more {
		t.Fatal(more, err)
	}
}

// decide marks one meeting as undecided, and runs step for it.
func decide(t *testing.T, s *Store, k calendar.Key, step func(engine.Tx) error) error {
	t.Helper()
	if err := db.New(s.write).MarkUndecided(t.Context(), db.MarkUndecidedParams{Meeting: string(k), Since: ms(now)}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Decide(t.Context(), basis(t, s), 1, now, step)
	return err
}

func decision(key, id string) engine.Decision {
	return engine.Decision{DecidedAt: now, Decision: eligibility.Decision{
		Meeting: calendar.Key(key), Record: true, Provider: "zoom", MeetingID: id, CallKeys: []string{"k" + id}, Title: "T " + key,
		Start: now.Add(time.Hour), End: now.Add(2 * time.Hour), Checks: []eligibility.Check{{Rule: "confirmed", Status: eligibility.Pass}},
	}}
}

// step decides and schedules as the engine does.
func step(d engine.Decision) func(engine.Tx) error {
	return func(tx engine.Tx) error {
		if err := tx.PutDecision(d); err != nil {
			return err
		}
		decisions, schedules, err := tx.Neighbours()
		if err != nil {
			return err
		}
		for _, s := range schedule.Plan(schedules, decisions, now) {
			if err := tx.PutSchedule(s, now); err != nil {
				return err
			}
			if err := tx.Tell("recorder", s, now); err != nil {
				return err
			}
		}
		return nil
	}
}

// taken are the messages that may be delivered at t.
func taken(t *testing.T, s *Store, n int, at time.Time) []engine.Message {
	t.Helper()
	messages, err := s.Take(t.Context(), "recorder", n, at, at.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func TestDecideIsOneTransaction(t *testing.T) { both(t, testDecideIsOneTransaction) }

func testDecideIsOneTransaction(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	broken := errors.New("the process dies here")
	err := decide(t, s, "a", func(tx engine.Tx) error {
		if err := step(decision("a", "1"))(tx); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	decisions, err1 := s.Decisions(t.Context())
	schedules, err2 := s.Schedules(t.Context(), time.Time{})
	outbox := taken(t, s, 10, now)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if len(decisions)+len(schedules)+len(outbox) != 0 {
		t.Errorf("a broken step left %d decisions, %d schedules, %d deliveries", len(decisions), len(schedules), len(outbox))
	}
}

func TestNeighbours(t *testing.T) { both(t, testNeighbours) }

func testNeighbours(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	for _, d := range []engine.Decision{decision("a", "1"), decision("b", "1"), decision("c", "2"), decision("far", "9")} {
		if err := decide(t, s, d.Meeting, step(d)); err != nil {
			t.Fatal(err)
		}
	}
	// c joins the call of a and b; its old schedule must come along.
	var keys []calendar.Key
	var ids int
	err := decide(t, s, "c", func(tx engine.Tx) error {
		if err := tx.PutDecision(decision("c", "1")); err != nil {
			return err
		}
		decisions, schedules, err := tx.Neighbours()
		for _, d := range decisions {
			keys = append(keys, d.Meeting)
		}
		ids = len(schedules)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]calendar.Key{"c", "a", "b"}, keys); diff != "" || ids != 2 {
		t.Errorf("neighbours: %d schedules, want 2; meetings (-want +got):\n%s", ids, diff)
	}
}

func TestReopen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "we ird?#%.db")
	for range 2 {
		s, err := Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutSources(t.Context(), []calendar.Source{ana}, now); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file is open to others: %v", info.Mode())
	}
}

func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "torn.db")
	s, err := Open(t.Context(), torn)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(torn)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, torn} {
		before, _ := os.ReadFile(file)
		if s, err := Open(context.Background(), file); err == nil {
			s.Close()
			t.Errorf("%s was opened", filepath.Base(file))
		} else if !strings.Contains(err.Error(), "is damaged") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: the message does not name the file and what to do: %v", filepath.Base(file), err)
		}
		if after, _ := os.ReadFile(file); string(after) != string(before) {
			t.Errorf("%s was changed", filepath.Base(file))
		}
	}
}

func TestOneDaemon(t *testing.T) {
	file := filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "another syncd") {
		t.Errorf("a second daemon on the file: got %v", err)
	}
	r, err := OpenReader(t.Context(), file)
	if err != nil {
		t.Fatalf("a reader beside the daemon: %v", err)
	}
	if _, err := r.Decisions(t.Context()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(r.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), file)
	if err != nil {
		t.Fatalf("after the first has stopped: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRepaired: what a listing finds different though nothing was told is counted; what was changed just now, what was
// unknown before because it lay outside, and what was told is not.
func TestRepaired(t *testing.T) { both(t, testRepaired) }

func testRepaired(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	listed := calendar.Window{Start: now, End: now.Add(48 * time.Hour)}
	old := func(e calendar.Event) calendar.Event { e.Updated = now.Add(-time.Hour); return e }
	listing := func(next connectors.Cursor, audited calendar.Window, events ...calendar.Event) connectors.Page {
		for i := range events {
			events[i] = old(events[i])
		}
		return connectors.Page{First: true, Full: true, Last: true, Listed: listed, Audited: audited, Events: events, Next: next}
	}
	audited := calendar.Window{Start: now, End: now.Add(24 * time.Hour)}
	changed := event("1", 1)
	changed.Title = "renamed"
	just := connectors.Page{First: true, Full: true, Last: true, Listed: listed, Audited: audited, Next: "g", Events: []calendar.Event{event("1", 1), old(event("3", 30))}}
	just.Events[0].Title, just.Events[0].Updated = "again", now
	for i, step := range []struct {
		page connectors.Page
		want int
	}{
		{listing("a", calendar.Window{}, event("1", 1), event("2", 2)), 0},
		{listing("b", audited, event("1", 1), event("2", 2)), 0},
		{listing("c", audited, changed, event("2", 2)), 1},
		{listing("d", audited, changed), 1},
		{listing("e", audited, changed, event("3", 30)), 0},
		{listing("f", calendar.Window{}, event("1", 1), event("3", 30)), 0},
		{just, 0},
		{listing("h", audited, event("1", 1), event("3", 30), event("4", 4)), 2},
	} {
		done, err := s.Apply(t.Context(), ana.ID, cursor(t, s), "r", step.page, now)
		if err != nil || done.Held || done.Repaired != step.want {
			t.Errorf("step %d: %+v, %v; want %d repaired", i, done, err, step.want)
		}
	}
}
