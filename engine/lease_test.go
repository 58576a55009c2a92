package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

// slow is a tenant that takes its time.
type slow struct {
	*tenant
	mu           sync.Mutex // of the tenant and the recorder
	sink         *recorder
	skew         atomic.Int64 // how far the clock is off, in nanoseconds
	takes        time.Duration
	lists, pulls atomic.Int64
	cut          atomic.Int64 // pulls that were ended from outside
}

func (s *slow) Sources(ctx context.Context, users []string) ([]calendar.Source, error) {
	s.lists.Add(1)
	s.take(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenant.Sources(ctx, users)
}

func (s *slow) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	s.pulls.Add(1)
	if s.take(ctx); ctx.Err() != nil {
		s.cut.Add(1)
		return connectors.Page{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenant.Pull(ctx, src, cur, w)
}

func (s *slow) Deliver(ctx context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sink.Deliver(ctx, d)
}

func (s *slow) now() time.Time { return time.Now().Add(time.Duration(s.skew.Load())) }

func (s *slow) take(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(s.takes):
	}
}

// working has an engine work on the tenant, in the time of a bubble, while f looks on.
func working(t *testing.T, s *slow, f func(t *testing.T, st *store.Store)) {
	t.Helper()
	s.sink = &recorder{t: t, has: map[string]schedule.Schedule{}}
	file := filepath.Join(t.TempDir(), "syncd.db")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		st, err := store.Open(ctx, file)
		if err != nil {
			t.Fatal(err)
		}
		p := policy()
		e, err := engine.New(engine.Config{
			Store: st, Connections: []engine.Connection{{Driver: "google", Account: "acme.com", Connector: s}},
			Rules: engine.Rules{Policy: p, Directory: eligibility.NewDirectory(p.Directory.Members)},
			Past:  24 * time.Hour, Future: 10 * 24 * time.Hour, Poll: 10 * time.Second, Parallel: 2, Now: s.now,
			Targets: []schedule.Target{{Name: "recorder", Sink: s}}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(ctx); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- e.Run(ctx, func(context.Context) error { return nil }) }()
		f(t, st)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLongWork: what takes longer than a lease is done once all the same, as long as who does it lives.
func TestLongWork(t *testing.T) {
	s := &slow{tenant: newTenant("ana@acme.com"), takes: 100 * time.Second}
	working(t, s, func(t *testing.T, _ *store.Store) {
		time.Sleep(5*time.Minute + 5*time.Second)
		if lists, pulls := s.lists.Load(), s.pulls.Load(); lists != 1 || pulls != 2 || s.cut.Load() != 0 {
			t.Errorf("the calendars were listed %d times, and %d pages read, %d of them not to the end", lists, pulls, s.cut.Load())
		}
	})
}

// TestLostLease: who has been given up for dead ends its work when it hears of it.
func TestLostLease(t *testing.T) {
	s := &slow{tenant: newTenant("ana@acme.com"), takes: 40 * time.Second}
	working(t, s, func(t *testing.T, st *store.Store) {
		time.Sleep(45 * time.Second)
		if s.pulls.Load() != 1 {
			t.Fatalf("%d pulls are under way", s.pulls.Load())
		}
		// Another process, for which a minute more has gone by.
		n, err := st.Dispatch(t.Context(), engine.Admission{
			By: "another", Now: time.Now().Add(time.Minute), Lease: 30 * time.Second, Connections: map[string]bool{"google:acme.com": true}, Pulls: 1, Each: 1,
		})
		if err != nil || n.Jobs != 1 {
			t.Fatalf("%d jobs are admitted anew: %v", n.Jobs, err)
		}
		time.Sleep(15 * time.Second)
		if s.cut.Load() != 1 || s.pulls.Load() != 2 {
			t.Errorf("%d pulls have begun, %d were ended", s.pulls.Load(), s.cut.Load())
		}
	})
}

// TestClockJumps: wherever the clock goes, everything is done within some polls: what comes up behind it, what was under
// way, and what waited.
func TestClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	for _, jumps := range [][]time.Duration{{-time.Hour}, {-10 * time.Minute}, {day, -day}, {-day, day}} {
		for _, waits := range []string{"nothing", "a delivery", "a decision", "a pull", "a roster"} {
			t.Run(fmt.Sprint(waits, " waits ", jumps), func(t *testing.T) {
				s := &slow{tenant: newTenant("ana@acme.com"), takes: 2 * time.Second}
				working(t, s, func(t *testing.T, st *store.Store) {
					for i, by := range jumps {
						jump(t, s, st, i, by, waits)
					}
				})
			})
		}
	}
}

// jump lets the clock jump while something waits, and demands that what changed meanwhile reaches the recorder.
func jump(t *testing.T, s *slow, st *store.Store, i int, by time.Duration, waits string) {
	t.Helper()
	put := func(name string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		e := call(fmt.Sprint(name, i), fmt.Sprint("9123456789", len(name), i), 0, "joe@globex.com")
		e.Start, e.End = calendar.At(s.now().Add(100*time.Hour)), calendar.At(s.now().Add(101*time.Hour))
		s.log("ana@acme.com").put(e)
	}
	if waits != "a roster" || i > 0 {
		time.Sleep(20 * time.Second)
	}
	put("before")
	switch waits {
	case "a delivery":
		s.mu.Lock()
		s.sink.fails = func() bool { return true }
		s.mu.Unlock()
		time.Sleep(20 * time.Second)
	case "a pull":
		for n := s.pulls.Load(); s.pulls.Load() == n; {
			time.Sleep(time.Second)
		}
	case "a decision": // its job has found nothing to do, since the clock had gone back
		time.Sleep(20 * time.Second)
		if err := st.Recheck(t.Context(), 0, s.now().Add(max(0, -by))); err != nil {
			t.Fatal(err)
		}
	case "a roster":
		time.Sleep(time.Second)
	}
	s.skew.Add(int64(by))
	put("behind")
	s.mu.Lock()
	s.sink.fails = nil
	s.mu.Unlock()
	time.Sleep(time.Minute)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.sink.live(s.now().Add(-4 * 24 * time.Hour))); n < 2*(i+1) {
		t.Errorf("jump %d, by %s: the recorder has %d of %d", i, by, n, 2*(i+1))
	}
	p, err := st.Progress(t.Context(), s.now().Add(10*24*time.Hour))
	if err != nil || p.Undecided > 0 || p.Unread > 0 {
		t.Errorf("jump %d, by %s: %+v, %v", i, by, p, err)
	}
	sources, err := st.Sources(t.Context())
	if err != nil || s.now().Sub(sources[0].TriedAt).Abs() > 2*time.Minute {
		t.Errorf("jump %d, by %s: at %s it was read last at %s: %v", i, by, s.now(), sources[0].TriedAt, err)
	}
}
