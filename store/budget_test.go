package store

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestBudget: however many processes spend a budget, it is never more than what came in; where it is empty it says when
// there will be something, and a clock that was set back does not stop it for long.
func TestBudget(t *testing.T) {
	if openKind(t, sqlite).Budget(time.Now) != nil {
		t.Error("one process shares its budget with nobody")
	}
	s := openKind(t, postgres)
	const perMinute, burst = 600, 50
	at := now
	spend := func(n int) time.Duration {
		wait, err := s.Budget(func() time.Time { return at }).Spend(t.Context(), "google", n, perMinute, burst)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	var g errgroup.Group
	var mu sync.Mutex
	granted := 0
	for range 8 {
		g.Go(func() error {
			for range 20 {
				wait, err := s.Budget(func() time.Time { return now }).Spend(t.Context(), "google", 1, perMinute, burst)
				if err != nil {
					return err
				}
				if wait == 0 {
					mu.Lock()
					granted++
					mu.Unlock()
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if granted != burst {
		t.Errorf("%d of %d were granted at once", granted, burst)
	}
	if wait := spend(10); wait != time.Second {
		t.Errorf("ten of them are there in %s", wait)
	}
	at = at.Add(time.Second)
	if wait := spend(10); wait != 0 {
		t.Errorf("a second later: %s", wait)
	}
	at = at.Add(-48 * time.Hour)
	if wait := spend(10); wait != 0 {
		t.Errorf("the clock was set back: %s", wait)
	}
}
