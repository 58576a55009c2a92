package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// slow is a tenant that takes its time.
type slow struct {
	*tenant
	takes        time.Duration
	lists, pulls atomic.Int64
	cut          atomic.Int64 // pulls that were ended from outside
}

func (s *slow) Sources(ctx context.Context, users []string) ([]calendar.Source, error) {
	s.lists.Add(1)
	s.take(ctx)
	return s.tenant.Sources(ctx, users)
}

func (s *slow) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	s.pulls.Add(1)
	if s.take(ctx); ctx.Err() != nil {
		s.cut.Add(1)
		return connectors.Page{}, ctx.Err()
	}
	return s.tenant.Pull(ctx, src, cur, w)
}

func (s *slow) take(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(s.takes):
	}
}

// working has an engine work on the tenant, in the time of a bubble, while f looks on.
func working(t *testing.T, s *slow, f func(t *testing.T, st *store.Store)) {
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
			Past:  24 * time.Hour, Future: 10 * 24 * time.Hour, Poll: time.Hour, Parallel: 2, Now: time.Now, Log: slog.New(slog.DiscardHandler),
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
		time.Sleep(6 * time.Minute)
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
		n, _, err := st.Dispatch(t.Context(), engine.Admission{
			By: "another", Now: time.Now().Add(time.Minute), Lease: 30 * time.Second, Connections: map[string]bool{"google:acme.com": true}, Pulls: 1, Each: 1,
		})
		if err != nil || n != 1 {
			t.Fatalf("%d jobs are admitted anew: %v", n, err)
		}
		time.Sleep(15 * time.Second)
		if s.cut.Load() != 1 || s.pulls.Load() != 2 {
			t.Errorf("%d pulls have begun, %d were ended", s.pulls.Load(), s.cut.Load())
		}
	})
}
