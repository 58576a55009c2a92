package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// TestGoodbye: in the end every provider is asked to push no more, but waited for only so long.
func TestGoodbye(t *testing.T) {
	users := []string{"ana@acme.com", "bo@acme.com", "cy@acme.com"}
	synctest.Test(t, func(t *testing.T) {
		d := pushDaemon(t, users...)
		d.now = time.Now()
		d.running(func(*engine.Engine) { time.Sleep(time.Minute) })
		if diff := cmp.Diff("subscribe ana@acme.com, subscribe bo@acme.com, subscribe cy@acme.com, "+
			"unsubscribe ana@acme.com, unsubscribe bo@acme.com, unsubscribe cy@acme.com", d.push.called()); diff != "" {
			t.Error(diff)
		}
		began := time.Now()
		var stopped time.Time
		hang := hangingPusher{pushing{d.tn, d.push}}
		d.try(func(e *engine.Engine, st *store.Store) {
			e.Now, e.Connections[0].Connector = time.Now, hang
			e, err := engine.New(e.Config)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			if err := e.Run(ctx, func(ctx context.Context) error {
				if all, err := st.Subscriptions(ctx); err != nil || len(all) < len(users) {
					return err
				}
				stop()
				stopped = time.Now()
				return nil
			}); err != nil {
				t.Error(err)
			}
			if all, err := st.Subscriptions(t.Context()); err != nil || len(all) != 3 {
				t.Errorf("%d are left for the next process, %v", len(all), err)
			}
		})
		if took := time.Since(stopped); took > 10*time.Second || stopped.Before(began) {
			t.Errorf("it took %s", took)
		}
	})
}

// hangingPusher never answers an Unsubscribe.
type hangingPusher struct{ pushing }

func (hangingPusher) Unsubscribe(ctx context.Context, _ calendar.Source, _ connectors.Subscription) error {
	<-ctx.Done()
	return ctx.Err()
}

// failing is a store in which nothing can be looked up for a while.
type failing struct {
	*store.Store
	broken *bool
}

func (f failing) Subscription(ctx context.Context, id string) (engine.Subscription, engine.SourceState, bool, error) {
	if *f.broken {
		return engine.Subscription{}, engine.SourceState{}, false, errors.New("the database restarts")
	}
	return f.Store.Subscription(ctx, id)
}

// TestPushWhileTheStoreFails: it ends nothing, and the push is heard when the store can be used again.
func TestPushWhileTheStoreFails(t *testing.T) {
	d := pushDaemon(t, "ana@acme.com")
	broken := false
	d.try(func(e *engine.Engine, st *store.Store) {
		e.Store = failing{st, &broken}
		d.after(e, 0)
		d.now = d.now.Add(time.Minute)
		d.tn.log("ana@acme.com").put(call("u1", "91234567890", 48, "joe@globex.com"))
		e.Pushed("google", "acme.com", d.push.tell("ana@acme.com"))
		broken = true
		if err := e.Pass(t.Context()); err == nil {
			t.Error("the store fails, and nobody says so")
		}
		broken = false
		d.after(e, 5*time.Second)
		if len(d.sink.has) != 1 {
			t.Error("the push got lost")
		}
	})
}
