package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// troubled is a store in which looking for what is due works, fails or hangs.
type troubled struct {
	*store.Store
	trouble *atomic.Int32
}

const (
	fails = 1 + iota
	hangs
)

func (s troubled) Dispatch(ctx context.Context, a engine.Admission) (engine.Admitted, error) {
	switch s.trouble.Load() {
	case fails:
		return engine.Admitted{}, errors.New("the database restarts")
	case hangs:
		<-ctx.Done()
		return engine.Admitted{}, ctx.Err()
	}
	return s.Store.Dispatch(ctx, a)
}

// TestTriedAt: a process whose store fails is not stuck, although it gets no round done; one that comes to no end is.
func TestTriedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pushDaemon(t, "ana@acme.com")
		d.try(func(e *engine.Engine, st *store.Store) {
			var trouble atomic.Int32
			e.Now, e.Store = time.Now, troubled{st, &trouble}
			e, err := engine.New(e.Config)
			if err != nil {
				t.Fatal(err)
			}
			if at := e.TriedAt(); !at.IsZero() {
				t.Errorf("before it runs: %s", at)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- e.Run(ctx, func(context.Context) error { return nil }) }()
			for _, c := range []struct {
				trouble                int32
				roundIsNew, triedIsNew bool
			}{{0, true, true}, {fails, false, true}, {hangs, false, false}, {0, false, false}} {
				trouble.Store(c.trouble) // what hangs already hangs on
				time.Sleep(time.Minute)
				round, tried := time.Since(e.Health(ctx).RoundAt) < 10*time.Second, time.Since(e.TriedAt()) < 10*time.Second
				if round != c.roundIsNew || tried != c.triedIsNew {
					t.Errorf("trouble %d: the last round is new: %v, the last try: %v", c.trouble, round, tried)
				}
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	})
}
