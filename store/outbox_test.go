package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
)

func TestOutbox(t *testing.T) { both(t, testOutbox) }

func testOutbox(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	ctx := t.Context()
	moved := decision("a", "1")
	moved.End = moved.End.Add(time.Hour)
	for _, d := range []engine.Decision{decision("a", "1"), moved, decision("b", "2")} {
		if err := decide(t, s, d.Meeting, step(d)); err != nil {
			t.Fatal(err)
		}
	}
	keys := func(messages []engine.Message) (keys []string) {
		for _, m := range messages {
			keys = append(keys, fmt.Sprint(m.Schedule.Meetings[0], m.Schedule.Revision, " ", m.State, " attempt ", m.Attempts))
		}
		return keys
	}
	first := taken(t, s, 10, now)
	if diff := cmp.Diff([]string{"a1 scheduled attempt 1", "b1 scheduled attempt 1"}, keys(first)); diff != "" {
		t.Fatalf("the outbox (-want +got):\n%s", diff)
	}
	if again := taken(t, s, 10, now); len(again) != 0 {
		t.Errorf("taken twice: %v", keys(again))
	}
	fail := engine.DeliveryReport{At: now, Error: "the recorder is down", Note: "kept", Again: now.Add(time.Minute), NewKey: true}
	if err := s.Delivered(ctx, first[0], fail); err != nil {
		t.Fatal(err)
	}
	if early := taken(t, s, 10, now.Add(time.Second)); len(early) != 0 {
		t.Errorf("behind a failed one comes %v", keys(early))
	}
	later := now.Add(5 * time.Minute)
	second := taken(t, s, 10, later)
	slices.SortFunc(second, func(a, b engine.Message) int { return int(a.ID - b.ID) })
	if diff := cmp.Diff([]string{"a1 scheduled attempt 2", "b1 scheduled attempt 2"}, keys(second)); diff != "" {
		t.Errorf("when it is due, and the other's lease is over (-want +got):\n%s", diff)
	}
	if second[0].Note != "kept" || second[0].Key() == first[0].Key() || second[1].Key() != first[1].Key() {
		t.Errorf("note %q, keys %s and %s", second[0].Note, first[0].Key(), second[0].Key())
	}
	done := engine.DeliveryReport{At: later}
	if err := s.Delivered(ctx, first[1], done); !errors.Is(err, engine.ErrStale) {
		t.Errorf("somebody who comes behind the lease: %v", err)
	}
	for _, m := range second {
		if err := s.Delivered(ctx, m, done); err != nil {
			t.Fatal(err)
		}
	}
	third := taken(t, s, 10, later)
	if diff := cmp.Diff([]string{"a2 updated attempt 1"}, keys(third)); diff != "" {
		t.Errorf("the rest (-want +got):\n%s", diff)
	}
	if err := s.Delivered(ctx, third[0], engine.DeliveryReport{At: later, Error: "never", GaveUp: true}); err != nil {
		t.Fatal(err)
	}
	if rest := taken(t, s, 10, later.Add(time.Hour)); len(rest) != 0 {
		t.Errorf("given up, and still there: %v", keys(rest))
	}
	// Another process that planned from revision 1 must not write revision 2 over revision 2.
	err := decide(t, s, "a", func(tx engine.Tx) error { return tx.PutSchedule(third[0].Schedule, now) })
	if !errors.Is(err, engine.ErrStale) {
		t.Errorf("a revision that exists: got %v, want ErrStale", err)
	}
}

// TestUrgent: of very many messages, what starts first is told first.
func TestUrgent(t *testing.T) { both(t, testUrgent) }

func testUrgent(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	for i, hours := range []int{40, 3, 20} {
		d := decision(fmt.Sprint("m", i), fmt.Sprint(i))
		d.Start = now.Add(time.Duration(hours) * time.Hour)
		d.End = d.Start.Add(time.Hour)
		if err := decide(t, s, d.Meeting, step(d)); err != nil {
			t.Fatal(err)
		}
	}
	var order []calendar.Key
	for range 3 {
		order = append(order, taken(t, s, 1, now)[0].Schedule.Meetings...)
	}
	if diff := cmp.Diff([]calendar.Key{"m1", "m2", "m0"}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHurry: what failed and waits for long is tried at once when there is something newer to say.
func TestHurry(t *testing.T) { both(t, testHurry) }

func testHurry(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	moved := decision("a", "1")
	moved.End = moved.End.Add(time.Hour)
	if err := decide(t, s, "a", step(decision("a", "1"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Delivered(t.Context(), taken(t, s, 9, now)[0], engine.DeliveryReport{At: now, Error: "down", Again: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if early := taken(t, s, 9, now.Add(time.Minute)); len(early) != 0 {
		t.Fatalf("tried again before its time: %+v", early)
	}
	if err := decide(t, s, "a", step(moved)); err != nil {
		t.Fatal(err)
	}
	if again := taken(t, s, 9, now); len(again) != 1 || again[0].Schedule.Revision != 1 {
		t.Errorf("the first revision is tried, and the second waits for it: %+v", again)
	}
}

// TestEarly: what a recorder is not to be told yet holds nothing up, and is never told once there is something newer.
func TestEarly(t *testing.T) { both(t, testEarly) }

func testEarly(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	moved := decision("a", "1")
	moved.End = moved.End.Add(time.Hour)
	tell := func(d engine.Decision) {
		t.Helper()
		if err := decide(t, s, d.Meeting, step(d)); err != nil {
			t.Fatal(err)
		}
	}
	early := func(m engine.Message, again time.Time) {
		t.Helper()
		if err := s.Delivered(t.Context(), m, engine.DeliveryReport{At: now, Error: "not yet", Early: true, Again: again}); err != nil {
			t.Fatal(err)
		}
	}
	tell(decision("a", "1"))
	early(taken(t, s, 9, now)[0], now.Add(time.Hour))
	tell(moved) // overtakes the first
	second := taken(t, s, 9, now)
	if len(second) != 1 || second[0].Schedule.Revision != 2 {
		t.Fatalf("behind one that is early comes %+v", second)
	}
	tell(decision("a", "1")) // while the second is being told
	early(second[0], now.Add(time.Minute))
	last := taken(t, s, 9, now.Add(2*time.Hour))
	if len(last) != 1 || last[0].Schedule.Revision != 3 {
		t.Errorf("of three the last alone is told: %+v", last)
	}
}
