package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// What is asked for, and when again.
const (
	subscribedFor  = 7 * 24 * time.Hour // the most that providers allow
	renewedBefore  = 26 * time.Hour     // at the latest a third of its life before the end
	unwatchedRests = time.Hour          // behind a failure
	neverRests     = 24 * time.Hour     // behind ErrNoPush
	watchedRests   = time.Minute        // behind a success, for a provider that ends what it has just begun
)

// What subscribing may cost one pass, and the end of the process.
const (
	maxAttempts     = 64
	maxFailed       = 8 // a provider that does not answer is left alone until the next pass
	attemptLasts    = 10 * time.Second
	attemptsLast    = 30 * time.Second
	goodbyesLast    = 10 * time.Second
	goodbyesAtATime = 8
)

// watching is what of subscriptions is not stored: a new process tries anew. The zero value is empty.
type watching struct {
	parked parking // whom a provider has told to wait, when it was asked for pushes

	mu    sync.Mutex
	well  []calendar.Source // read well by this pass
	rests map[calendar.SourceID]time.Time
}

// readWell notes a calendar that may be worth pushes.
func (e *Engine) readWell(c Connection, s calendar.Source) {
	if _, ok := e.Pusher(c.Driver, c.Account); !ok {
		return
	}
	e.watching.mu.Lock()
	e.watching.well = append(e.watching.well, s)
	e.watching.mu.Unlock()
}

// rest leaves the source's subscription alone until then.
func (w *watching) rest(s calendar.SourceID, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rests == nil {
		w.rests = map[calendar.SourceID]time.Time{}
	}
	w.rests[s] = until
}

// ready takes out what was read well and does not rest.
func (w *watching) ready(now time.Time) []calendar.Source {
	w.parked.release(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.rests, func(_ calendar.SourceID, until time.Time) bool { return !until.After(now) })
	var ready []calendar.Source
	seen := map[calendar.SourceID]bool{}
	for _, s := range w.well {
		if !seen[s.ID] && !w.rests[s.ID].After(now) && !w.parked.until(s).After(now) {
			seen[s.ID] = true
			ready = append(ready, s)
		}
	}
	w.well = nil
	return ready
}

// later leaves sources for the next pass that this one had no time for.
func (w *watching) later(sources []calendar.Source) {
	w.mu.Lock()
	w.well = append(w.well, sources...)
	w.mu.Unlock()
}

// A wish is a calendar's need for a subscription.
type wish struct {
	pusher  connectors.Pusher
	source  calendar.Source
	address string
	old     *Subscription  // to be renewed; nil: there is none
	fresh   bool           // old lasts long enough
	stale   []Subscription // to another address, or beside old
}

// subscribeAll sees to the subscriptions of the calendars that this pass has read well. What comes of it is a
// line in the log: without pushes, calendars are polled all the same. Only a failing store is an error.
func (e *Engine) subscribeAll(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, attemptsLast)
	defer cancel()
	g, limited := errgroup.WithContext(limited)
	g.SetLimit(max(1, e.Parallel))
	attempts := 0
	var failed atomic.Int32
	ready := e.watching.ready(e.Now())
	for i, s := range ready {
		if failed.Load() >= maxFailed {
			break
		}
		if attempts == maxAttempts || limited.Err() != nil {
			e.watching.later(ready[i:])
			break
		}
		parked, err := e.Store.ParkedUntil(ctx, s)
		if err != nil {
			return errors.Join(fmt.Errorf("read whether %s is to wait: %w", s.ID, err), g.Wait())
		}
		if parked.After(e.Now()) {
			continue
		}
		w, err := e.wish(ctx, s)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if w.fresh && len(w.stale) == 0 {
			continue
		}
		attempts++
		g.Go(func() error {
			well, err := e.fulfil(limited, w)
			if !well {
				failed.Add(1)
			}
			return err
		})
	}
	return g.Wait()
}

// wish is what s lacks.
func (e *Engine) wish(ctx context.Context, s calendar.Source) (wish, error) {
	w := wish{source: s, address: e.PushURL + "/push/" + s.Driver + "/" + s.Account}
	w.pusher, _ = e.Pusher(s.Driver, s.Account)
	all, err := e.Store.SubscriptionsOf(ctx, s.ID)
	if err != nil {
		return w, fmt.Errorf("read the subscriptions of %s: %w", s.ID, err)
	}
	now := e.Now()
	for _, sub := range all {
		switch {
		case !sub.Until.After(now): // forgotten with the next one that is made
		case w.old == nil && sub.Address == w.address:
			w.old = &sub
			w.fresh = sub.Until.Sub(now) >= min(renewedBefore, sub.Until.Sub(sub.MadeAt)/3)
		default:
			w.stale = append(w.stale, sub)
		}
	}
	return w, nil
}

// fulfil makes or renews a subscription, and ends those in whose place it is. well is false where the provider
// failed.
func (e *Engine) fulfil(ctx context.Context, w wish) (well bool, err error) {
	if !w.fresh {
		if well, err := e.renew(ctx, w); !well || err != nil {
			return well, err
		}
	}
	for _, sub := range w.stale {
		if err := e.end(ctx, w.pusher, w.source, sub); err != nil {
			e.Log.Info("a subscription that is not needed any more could not be ended; it ends by itself", "source", w.source.ID, "at", sub.Until, "error", err)
		}
		if err := e.Store.DropSubscription(context.WithoutCancel(ctx), sub.ID); err != nil {
			return true, fmt.Errorf("drop a subscription of %s: %w", w.source.ID, err)
		}
	}
	return true, nil
}

// renew makes w's old subscription last longer, or a new one.
func (e *Engine) renew(ctx context.Context, w wish) (well bool, err error) {
	if ctx.Err() != nil {
		return true, nil
	}
	now := e.Now()
	asked := connectors.Subscription{ID: rand.Text(), Secret: rand.Text(), Address: w.address, Until: now.Add(subscribedFor)}
	sub := Subscription{Source: w.source.ID, SecretHash: hashOf(asked.Secret), MadeAt: now}
	limited, cancel := context.WithTimeout(ctx, attemptLasts)
	defer cancel()
	if w.old == nil {
		sub.Subscription, err = w.pusher.Subscribe(limited, w.source, asked)
	} else {
		sub.Subscription, err = w.pusher.Renew(limited, w.source, w.old.Subscription, asked)
	}
	if ctx.Err() != nil && err != nil {
		return true, nil // the time of all attempts is up, or the process ends: nobody's failure
	}
	sub.ID, sub.Secret, sub.Address = cmp.Or(sub.ID, asked.ID), "", w.address
	if sub.Until.IsZero() || sub.Until.After(asked.Until) {
		sub.Until = asked.Until
	}
	if err == nil && !sub.Until.After(now) {
		err = fmt.Errorf("the subscription that the provider made was over at %s", sub.Until.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return e.unwatched(w.source, err), nil
	}
	var replaced []string
	if w.old != nil {
		if sub.ID == w.old.ID {
			sub.SecretHash = w.old.SecretHash
		}
		replaced = append(replaced, w.old.ID)
	}
	// The provider has it: who stops now must find it, to end it.
	if err := e.Store.PutSubscription(context.WithoutCancel(ctx), sub, replaced...); err != nil {
		return true, fmt.Errorf("store the subscription of %s: %w", w.source.ID, err)
	}
	e.watching.rest(w.source.ID, now.Add(watchedRests))
	e.Log.Debug("a provider tells of a calendar's changes", "source", w.source.ID, "until", sub.Until, "renewed", w.old != nil)
	return true, nil
}

// unwatched notes why there are no pushes of s, and reports whether that is only an answer, not a failure.
func (e *Engine) unwatched(s calendar.Source, err error) (well bool) {
	now := e.Now()
	again := now.Add(e.jitter(unwatchedRests))
	var throttled *connectors.ThrottledError
	switch {
	case errors.Is(err, connectors.ErrNoPush):
		well, again = true, now.Add(e.jitter(neverRests))
	case errors.As(err, &throttled):
		until := now.Add(min(throttled.After, maxThrottle))
		e.watching.parked.park(s, throttled.Whole, until)
		again = later(again, until)
	}
	e.watching.rest(s.ID, again)
	e.Log.Info("there are no pushes of a calendar; it is polled", "source", s.ID, "again_at", again, "error", err)
	return well
}

func (e *Engine) end(ctx context.Context, p connectors.Pusher, s calendar.Source, sub Subscription) error {
	ctx, cancel := context.WithTimeout(ctx, attemptLasts)
	defer cancel()
	return p.Unsubscribe(ctx, s, sub.Subscription)
}

// Unsubscribe ends the subscriptions of a calendar that is not to be read any more. They are forgotten even
// where the provider fails: then they end by themselves.
func (e *Engine) Unsubscribe(ctx context.Context, s calendar.Source) error {
	all, err := e.Store.SubscriptionsOf(ctx, s.ID)
	if err != nil {
		return fmt.Errorf("read the subscriptions of %s: %w", s.ID, err)
	}
	var errs []error
	for _, sub := range all {
		if p, ok := e.Pusher(s.Driver, s.Account); ok {
			if err := e.end(ctx, p, s, sub); err != nil {
				errs = append(errs, fmt.Errorf("end a subscription of %s: %w", s.ID, err))
			}
		}
		if err := e.Store.DropSubscription(context.WithoutCancel(ctx), sub.ID); err != nil {
			errs = append(errs, fmt.Errorf("drop a subscription of %s: %w", s.ID, err))
		}
	}
	return errors.Join(errs...)
}

// unsubscribeAll asks every provider to push no more, at the end of the process, and takes its time only so
// long. What is not ended stays in the store, for the next process to go on with.
func (e *Engine) unsubscribeAll(ctx context.Context) {
	if e.PushURL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyesLast)
	defer cancel()
	all, err := e.Store.Subscriptions(ctx)
	if err != nil {
		e.Log.Warn("subscriptions could not be ended; they end by themselves", "error", err)
		return
	}
	sources, err := e.Store.Sources(ctx)
	if err != nil {
		e.Log.Warn("subscriptions could not be ended; they end by themselves", "error", err)
		return
	}
	of := map[calendar.SourceID]calendar.Source{}
	for _, s := range sources {
		of[s.ID] = s.Source
	}
	var left atomic.Int32
	var g errgroup.Group
	g.SetLimit(goodbyesAtATime)
	for _, sub := range all {
		s := of[sub.Source]
		p, ok := e.Pusher(s.Driver, s.Account)
		if !ok || !sub.Until.After(e.Now()) {
			continue
		}
		g.Go(func() error {
			err := ctx.Err()
			if err == nil {
				err = e.end(ctx, p, s, sub)
			}
			if err == nil {
				err = e.Store.DropSubscription(context.WithoutCancel(ctx), sub.ID)
			}
			if err != nil {
				left.Add(1)
			}
			return nil
		})
	}
	g.Wait() // it has no errors
	if n := left.Load(); n > 0 {
		e.Log.Info("some subscriptions could not be ended in time; they end by themselves", "count", n)
	}
}
