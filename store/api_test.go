package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/tokens"
)

var today = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// TestTokens: a command beside the daemon makes and revokes tokens, of which the daemon knows at once.
func TestTokens(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "new", "syncd.db")
	first, err := MakeTokens(ctx, file) // before there ever was a daemon
	if err != nil {
		t.Fatal(err)
	}
	want := tokens.Token{ID: "one", Name: "CI", Hash: tokens.Hash("x"), Scopes: tokens.Scopes{tokens.Read, tokens.Signals}, Email: "ana@acme.com", MadeAt: today, Until: today.Add(time.Hour)}
	if err := first.Put(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := first.Put(ctx, want); err == nil {
		t.Error("two tokens have one id")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	daemon := s.Tokens()
	if got, ok, err := daemon.Token(ctx, "one"); !ok || err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	if _, ok, err := daemon.Token(ctx, "none"); ok || err != nil {
		t.Errorf("one that there is not: %v, %v", ok, err)
	}
	for _, at := range []time.Time{today.Add(time.Minute), today} { // what comes late does not count
		if err := daemon.Used(ctx, map[string]time.Time{"one": at, "none": at}); err != nil {
			t.Error(err)
		}
	}
	beside, err := MakeTokens(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	want.UsedAt = today.Add(time.Minute)
	if all, err := beside.All(ctx); err != nil || !cmp.Equal(all, []tokens.Token{want}) {
		t.Errorf("listed: %+v, %v", all, err)
	}
	for _, want := range []bool{true, false} {
		if ok, err := beside.Revoke(ctx, "one", today.Add(2*time.Minute)); ok != want || err != nil {
			t.Errorf("revoked: %v, %v", ok, err)
		}
	}
	if got, _, err := daemon.Token(ctx, "one"); err != nil || !got.RevokedAt.Equal(today.Add(2*time.Minute)) {
		t.Errorf("the daemon has %+v, %v", got, err)
	}
}

// TestTokensOfOld: a file of an older syncd gets its tables, unless that one is still working on it.
func TestTokensOfOld(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"DROP INDEX sources_calendar", "DROP TABLE tokens", "DROP TABLE sessions", "DROP TABLE serve_keys", "DROP TABLE meeting_failures", "DROP TABLE meeting_index",
		"DROP TABLE schedule_members", "DROP TABLE schedule_index", "DELETE FROM goose_db_version WHERE version_id = 20",
	} {
		if _, err := s.write.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := MakeTokens(ctx, file); err == nil {
		t.Error("tokens are made in a file of a daemon that knows none")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kept, err := MakeTokens(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Put(ctx, tokens.Token{ID: "x", Hash: tokens.Hash("x"), Scopes: tokens.All()}); err != nil {
		t.Error(err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
}

func TestSessions(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, filepath.Join(t.TempDir(), "syncd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := today
	kept := s.Sessions(func() time.Time { return at })
	find := func(want string) {
		t.Helper()
		if b, ok, err := kept.FindCtx(ctx, "a"); string(b) != want || ok != (want != "") || err != nil {
			t.Errorf("found %q, %v, %v, want %q", b, ok, err, want)
		}
	}
	find("")
	for _, v := range []string{"one", "two"} {
		if err := kept.CommitCtx(ctx, "a", []byte(v), today.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		find(v)
	}
	at = today.Add(time.Hour)
	find("") // it is over
	at = today
	if err := kept.Sweep(ctx); err != nil {
		t.Error(err)
	}
	find("two")
	at = today.Add(time.Hour)
	if err := kept.Sweep(ctx); err != nil {
		t.Error(err)
	}
	at = today
	find("")
	if err := kept.CommitCtx(ctx, "a", []byte("three"), today.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if err := kept.DeleteCtx(ctx, "a"); err != nil {
		t.Error(err)
	}
	find("")
}

func TestServeKey(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "syncd.db")
	keys := map[string][]byte{}
	for range 2 {
		s, err := Open(ctx, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b"} {
			key, err := s.ServeKey(ctx, name)
			if err != nil || len(key) != 32 || keys[name] != nil && !bytes.Equal(key, keys[name]) {
				t.Errorf("%s: %x, %v", name, key, err)
			}
			keys[name] = key
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(keys["a"], keys["b"]) {
		t.Error("two keys are one")
	}
}

// TestReindex: what was stored before there were indexes is in them once the file is opened again.
func TestReindex(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	const n = indexBatch + 7
	for i := range n {
		d := engine.Decision{DecidedAt: today, Decision: eligibility.Decision{
			Meeting: key(i), Title: fmt.Sprint("Title ", i), Start: today.Add(time.Duration(i) * time.Minute), Checks: []eligibility.Check{{Rule: "host", Status: eligibility.Fail}},
		}}
		err := decide(t, s, d.Meeting, func(tx engine.Tx) error {
			if err := tx.PutDecision(d); err != nil {
				return err
			}
			return tx.PutSchedule(schedule.Schedule{ID: schedule.ID(d.Meeting, 0), Revision: 1, State: schedule.Scheduled, Start: d.Start, Owner: "Ana@acme.com"}, today)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func(s *Store) (meetings []engine.MeetingRow, schedules int) {
		c := s.Catalog()
		after, at := engine.Place{}, engine.Place{}
		for {
			rows, next, err := c.FindMeetings(ctx, engine.MeetingFilter{Rule: "host", Text: "title"}, after, 100)
			if err != nil {
				t.Fatal(err)
			}
			meetings = append(meetings, rows...)
			if next == nil {
				break
			}
			after = *next
		}
		for {
			rows, next, err := c.FindSchedules(ctx, engine.ScheduleFilter{Member: "ana@acme.com", State: "scheduled"}, at, 100)
			if err != nil {
				t.Fatal(err)
			}
			schedules += len(rows)
			if next == nil {
				return meetings, schedules
			}
			at = *next
		}
	}
	before, _ := look(s)
	for _, table := range []string{"meeting_index", "meeting_failures", "schedule_index", "schedule_members"} {
		if _, err := s.write.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
	if gone, m := look(s); len(gone) != 0 || m != 0 {
		t.Fatalf("%d and %d are left", len(gone), m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, file); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	after, schedules := look(s)
	if len(after) != n || schedules != n {
		t.Errorf("%d meetings and %d schedules", len(after), schedules)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}

	// And what is deleted is in them no more.
	for _, q := range []string{"DELETE FROM schedule_meetings", "DELETE FROM schedules", "DELETE FROM decisions"} {
		if _, err := s.write.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"meeting_index", "meeting_failures", "schedule_index", "schedule_members"} {
		left := 0
		if err := s.write.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d rows of %s are left (%v)", left, table, err)
		}
	}
}

func key(i int) calendar.Key { return calendar.Key(fmt.Sprintf("m%06d@acme.com", i)) }
