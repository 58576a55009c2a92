package store

import (
	"slices"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
)

// TestAChoreUnderWay: it is not admitted again while it goes on, however long it may take, and once more when whoever
// does it has gone.
func TestAChoreUnderWay(t *testing.T) {
	both(t, func(t *testing.T, open func(t *testing.T) *Store) {
		s := open(t)
		const name = "roster google:acme.com"
		if err := s.MakeChoreDue(t.Context(), name, now); err != nil {
			t.Fatal(err)
		}
		admitted := func(at time.Time) (jobs []engine.Job) {
			t.Helper()
			before, err := s.Jobs(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			a := engine.Admission{By: "one", Now: at, Lease: 15 * time.Minute, Chores: map[string]bool{name: true}}
			if _, err := s.Dispatch(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			after, err := s.Jobs(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			return after[len(before):]
		}
		jobs := admitted(now)
		if len(jobs) != 1 || jobs[0].Kind != engine.Roster {
			t.Fatalf("admitted %+v, want the roster", jobs)
		}
		if err := s.BeginChore(t.Context(), name, jobs[0].Fence, now.Add(15*time.Minute)); err != nil {
			t.Fatal(err)
		}
		for _, after := range []time.Duration{time.Second, 4 * time.Minute, 14 * time.Minute} {
			if again := admitted(now.Add(after)); len(again) > 0 {
				t.Errorf("admitted %+v after %s, while it goes on", again, after)
			}
		}
		if again := admitted(now.Add(16 * time.Minute)); len(again) != 1 {
			t.Errorf("admitted %+v behind the end of the lease", again)
		}
	})
}

// TestMoreThanMayBe: Dispatch admits what waits longest, each connection's in turn, and says when that is not all.
func TestMoreThanMayBe(t *testing.T) {
	both(t, func(t *testing.T, open func(t *testing.T) *Store) {
		s := open(t)
		var sources []calendar.Source
		for _, c := range []string{"big.com a", "big.com b", "big.com c", "big.com d", "small.com a"} {
			account, user := c[:len(c)-2], c[len(c)-1:]
			src := calendar.NewSource("google", account, user+"@"+account)
			src.Primary = true
			sources = append(sources, src)
		}
		if err := s.PutSources(t.Context(), sources, now); err != nil {
			t.Fatal(err)
		}
		a := engine.Admission{By: "one", Now: now, Lease: time.Minute, Pulls: 3, Each: 2, Connections: map[string]bool{"google:big.com": true, "google:small.com": true}}
		for n, want := range []struct {
			pulls []string
			more  bool
		}{
			{[]string{"google:big.com/a@big.com", "google:small.com/a@small.com", "google:big.com/b@big.com"}, true},
			{nil, true}, // as many as may be are under way
		} {
			before, err := s.Jobs(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			done, err := s.Dispatch(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			after, err := s.Jobs(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			var pulls []string
			for _, j := range after[len(before):] {
				pulls = append(pulls, j.Subject)
			}
			if !slices.Equal(pulls, want.pulls) || done.More != want.more {
				t.Errorf("round %d admits %v, more: %t; want %v, %t", n, pulls, done.More, want.pulls, want.more)
			}
		}
		a.Pulls, a.Each = 10, 10
		if done, err := s.Dispatch(t.Context(), a); err != nil || done.More || done.Jobs != 2 {
			t.Errorf("got %+v, %v, want the last two and no more", done, err)
		}
	})
}
