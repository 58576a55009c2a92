package store

import (
	"testing"
	"time"

	"example.com/syncd/engine"
)

// TestClockSetBack: what was noted by a clock that has been set back since, by less than anything may have to wait, is due
// at once, and once.
func TestClockSetBack(t *testing.T) { both(t, testClockSetBack) }

func testClockSetBack(t *testing.T, open func(*testing.T) *Store) {
	s, ctx := open(t), t.Context()
	before := now.Add(-time.Hour) // it is an hour earlier again
	chore := engine.Recheck.Chore("")
	admit := func(at time.Time) int {
		t.Helper()
		done, err := s.Dispatch(ctx, engine.Admission{By: "one", Now: at, Lease: time.Minute, Chores: map[string]bool{chore: true}})
		if err != nil {
			t.Fatal(err)
		}
		return done.Jobs
	}
	if err := s.PutChore(ctx, chore, now); err != nil {
		t.Fatal(err)
	}
	if n := admit(before); n != 1 {
		t.Errorf("a chore that was never done: %d jobs", n)
	}
	if n := admit(before.Add(time.Second)); n != 0 {
		t.Errorf("while it is being done: %d jobs", n)
	}
	if err := s.DoneChore(ctx, chore, 1, engine.ChoreReport{DoneAt: before, Next: before.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if n := admit(before.Add(time.Second)); n != 0 {
		t.Errorf("when it has been done: %d jobs", n)
	}

	if err := decide(t, s, "a", step(decision("a", "1"))); err != nil {
		t.Fatal(err)
	}
	written := taken(t, s, 1, before)
	if len(written) != 1 {
		t.Fatalf("what was written in the future: %d messages", len(written))
	}
	failed := func(m engine.Message, at time.Time) {
		t.Helper()
		if err := s.Delivered(ctx, m, engine.DeliveryReport{At: at, Again: at.Add(10 * time.Minute), Error: "the recorder is down"}); err != nil {
			t.Fatal(err)
		}
	}
	failed(written[0], now)
	tried := taken(t, s, 1, before)
	if len(tried) != 1 {
		t.Fatalf("what was tried in the future: %d messages", len(tried))
	}
	failed(tried[0], before)
	if again := taken(t, s, 1, before.Add(time.Second)); len(again) != 0 {
		t.Error("what has failed a moment ago is not put off")
	}
	if again := taken(t, s, 1, before.Add(10*time.Minute)); len(again) != 1 {
		t.Error("what was put off does not come")
	}
}
