package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// maxPages bounds one catch-up: a provider whose pages never end is left for later.
const maxPages = 2000

// patience is how long one page may take. A provider that hangs must not hold up the others for ever.
const patience = 2 * time.Minute

// How long a source rests that could not be read.
const (
	maxBackoff   = time.Hour
	refusedRests = 15 * time.Minute
	maxThrottle  = 6 * time.Hour
)

// pull catches up with one source and notes what came of it. Only a failing store is an error.
func (e *Engine) pull(ctx context.Context, c Connection, s SourceState) error {
	if e.parked.until(s.Source).After(e.Now()) {
		return nil // another of the same user's calendars was told to wait, a moment ago
	}
	held, err := e.catchUp(ctx, c.Connector, s)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var broken *storeError
	if errors.As(err, &broken) {
		return err
	}
	r := e.report(s, held, err)
	if err != nil {
		e.Log.Warn("a calendar could not be read", "source", s.ID, "failures", r.Failures, "again_at", r.NextAt, "error", err)
	} else if held {
		e.Log.Warn("a calendar came back empty; what it held is kept until a second listing agrees", "source", s.ID)
	}
	if err := e.Store.Report(ctx, s.ID, r); err != nil {
		return fmt.Errorf("note the pull of %s: %w", s.ID, err)
	}
	if err == nil && !held {
		e.readWell(c, s.Source)
	}
	return nil
}

// storeError marks a failure of the store, to tell it from one of the provider.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// catchUp pulls s until there is nothing more.
func (e *Engine) catchUp(ctx context.Context, c connectors.Connector, s SourceState) (held bool, err error) {
	saved, cur, reading := s.Cursor, s.Cursor, s.Reading
	if reading != e.fingerprint {
		cur = "" // its copies were read in another way: list anew
		if saved != "" {
			if err := e.Store.Reread(ctx, s.ID, e.reading); err != nil {
				return false, &storeError{fmt.Errorf("have the mails of %s read again: %w", s.ID, err)}
			}
		}
	}
	restarted := false
	horizon := e.horizon(s.ID)
	for range maxPages {
		if cur == "" {
			reading = e.fingerprint
		}
		p, err := pullPage(ctx, c, s.Source, cur, horizon)
		if errors.Is(err, connectors.ErrCursor) && !restarted && cur != "" {
			cur, restarted = "", true
			continue
		}
		if err != nil {
			return false, err
		}
		e.read(ctx, e.reading, s.ID, p.Events)
		e.readLetters(ctx, e.reading, s.ID, p.Letters)
		done, err := e.Store.Apply(ctx, s.ID, saved, reading, p, e.Now())
		if done.Repaired > 0 {
			e.Log.Warn("a daily listing found what the provider had not told of; it is put right", "source", s.ID, "copies", done.Repaired)
		}
		switch {
		case errors.Is(err, ErrStale):
			return false, nil // another process reads this source; what it stored is as good
		case err != nil:
			return false, &storeError{fmt.Errorf("store a page of %s: %w", s.ID, err)}
		case done.Held || !p.More:
			return done.Held, nil
		}
		saved, cur = p.Next, p.Next
	}
	return false, fmt.Errorf("%d pages and no end; going on from there later", maxPages)
}

// following is how many events' links are followed at a time.
const following = 4

// read puts links in place of what people wrote.
func (e *Engine) read(ctx context.Context, reading calendar.Reading, source calendar.SourceID, events []calendar.Event) {
	if e.Resolver != nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var g errgroup.Group
		g.SetLimit(following)
		for i := range events {
			g.Go(func() error {
				var err error
				if events[i], err = events[i].Resolve(ctx, reading, e.Resolver); err != nil {
					e.Log.Warn("a wrapped link could not be followed", "source", source, "event", events[i].Ref, "error", err)
				}
				return nil
			})
		}
		g.Wait() // it has no errors
	}
	for i := range events {
		events[i] = events[i].Distil(reading)
	}
}

func pullPage(ctx context.Context, c connectors.Connector, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Pull(ctx, src, cur, horizon)
}

const day = 24 * time.Hour

// Horizon is the window that matters at now. It moves once a day, turn behind midnight UTC, so that a day's
// requests are alike.
func Horizon(now time.Time, past, future, turn time.Duration) calendar.Window {
	began := func(t time.Time) time.Time { return t.UTC().Add(-turn).Truncate(day).Add(turn) }
	return calendar.Window{Start: began(now.Add(-past)), End: began(now.Add(future)).Add(day)}
}

// horizon is the source's own. If all moved at midnight, all calendars would be listed at once.
func (e *Engine) horizon(src calendar.SourceID) calendar.Window {
	turn := time.Duration(0)
	if e.Spread {
		h := fnv.New32a()
		h.Write([]byte(src))
		turn = time.Duration(h.Sum32()%(24*60)) * time.Minute
	}
	return Horizon(e.Now(), e.Past, e.Future, turn)
}

// report turns the outcome of a pull into when to pull again. Each kind of error has one reaction.
func (e *Engine) report(s SourceState, held bool, err error) PullReport {
	now := e.Now()
	r := PullReport{PulledAt: now, NextAt: now.Add(jitter(e.Poll)), Pushes: s.Pushes}
	r.PushedAt = now.Add(min(pushRests, r.NextAt.Sub(now)))
	if err == nil {
		return r
	}
	r.PulledAt, r.Failures, r.Error, r.Refused = s.PulledAt, s.Failures+1, err.Error(), s.Refused
	var throttled *connectors.ThrottledError
	switch {
	case errors.As(err, &throttled):
		r.NextAt = now.Add(min(throttled.After, maxThrottle))
		e.parked.park(s.Source, throttled.Whole, r.NextAt)
	case errors.Is(err, connectors.ErrAccess), errors.Is(err, connectors.ErrSource):
		r.Refused = true
		r.NextAt = now.Add(jitter(max(refusedRests, e.Poll)))
	default:
		r.NextAt = now.Add(jitter(min(e.Poll<<min(s.Failures, 10), max(maxBackoff, e.Poll))))
	}
	return r
}

// jitter is d, give or take a tenth, so that calendars do not come due together.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
