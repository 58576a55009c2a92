package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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
func (e *Engine) pull(ctx context.Context, j Job) error {
	defer func() {
		if e.appetite.pulled(e.Parallel) {
			e.Wake()
		}
	}()
	s, err := e.Store.Begin(ctx, calendar.SourceID(j.Subject), j.Fence, e.Now().Add(lease))
	if err != nil {
		return fmt.Errorf("begin to pull %s: %w", j.Subject, err)
	}
	c, connected := e.connections[s.Driver+":"+s.Account]
	if !connected {
		return nil // another process has it; it is admitted anew when the lease ends
	}
	parked, err := e.Store.ParkedUntil(ctx, s.Source)
	if err != nil {
		return fmt.Errorf("read whether %s is to wait: %w", s.ID, err)
	}
	if parked.After(e.Now()) { // another of the same user's calendars was told to wait, a moment ago
		return e.Store.Report(ctx, s.ID, j.Fence, s.PullReport)
	}
	x := e.inUse()
	seen, end := e.Observer.Begin(ctx, Activity{Pulling, s.Driver})
	held, release := e.hold(seen, func() error {
		_, err := e.Store.Begin(ctx, s.ID, j.Fence, e.Now().Add(lease))
		return err
	})
	got, err := e.catchUp(held, c.Connector, x, s)
	lost := release()
	if lost != nil {
		end(Abandoned)
		return lost
	}
	end(pulled(got.held, err))
	var broken *storeError
	if errors.As(err, &broken) || errors.Is(err, ErrStale) {
		return err
	}
	r, parkErr := e.report(ctx, s, got, err)
	if parkErr != nil {
		return parkErr
	}
	if err != nil {
		e.Log.Warn("a calendar could not be read", "source", s.ID, "failures", r.Failures, "again_at", r.NextAt, "error", err)
	} else if got.held {
		e.Log.Warn("a calendar came back empty; what it held is kept until a second listing agrees", "source", s.ID)
	}
	if err := e.Store.Report(ctx, s.ID, j.Fence, r); err != nil {
		return fmt.Errorf("note the pull of %s: %w", s.ID, err)
	}
	if err == nil && !got.held {
		e.readWell(c, s.Source)
	}
	return nil
}

// A catch is what came of catching up.
type catch struct {
	held    bool
	changed bool
}

// storeError marks a failure of the store, to tell it from one of the provider.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// catchUp pulls s until there is nothing more.
func (e *Engine) catchUp(ctx context.Context, c connectors.Connector, x *rules, s SourceState) (got catch, err error) {
	saved, cur, reading := s.Cursor, s.Cursor, s.Reading
	if reading != x.fingerprint {
		cur = "" // its copies were read in another way: list anew
		if saved != "" {
			if err := e.Store.Reread(ctx, s.ID, x.reading); err != nil {
				return got, &storeError{fmt.Errorf("have the mails of %s read again: %w", s.ID, err)}
			}
		}
	}
	restarted := false
	horizon := e.horizon(s.ID)
	for range maxPages {
		if cur == "" {
			reading = x.fingerprint
		}
		p, err := e.pullPage(ctx, c, s.Source, cur, horizon)
		if errors.Is(err, connectors.ErrCursor) && !restarted && cur != "" {
			cur, restarted = "", true
			continue
		}
		if err != nil {
			return got, err
		}
		e.read(ctx, x.reading, s.ID, p.Events)
		e.readLetters(ctx, x.reading, s.ID, p.Letters)
		done, err := e.Store.Apply(ctx, s.ID, saved, reading, p, e.Now())
		if err != nil {
			return got, &storeError{fmt.Errorf("store a page of %s: %w", s.ID, err)}
		}
		if done.Repaired > 0 {
			e.Log.Warn("a daily listing found what the provider had not told of; it is put right", "source", s.ID, "copies", done.Repaired)
		}
		got.held, got.changed = done.Held, got.changed || done.Changed
		if done.Held || !p.More {
			return got, nil
		}
		saved, cur = p.Next, p.Next
	}
	return got, fmt.Errorf("%d pages and no end; going on from there later", maxPages)
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

func (e *Engine) pullPage(ctx context.Context, c connectors.Connector, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, end := e.Observer.Begin(ctx, Activity{Paging, src.Driver})
	p, err := c.Pull(ctx, src, cur, horizon)
	end(pulled(false, err))
	return p, err
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
func (e *Engine) report(ctx context.Context, s SourceState, got catch, err error) (PullReport, error) {
	now := e.Now()
	r := PullReport{PulledAt: now, TriedAt: now, Pushes: s.Pushes}
	if err == nil {
		changed := s.ChangedAt
		if got.changed || got.held {
			changed = now
		}
		next, err := e.nextLook(ctx, s, changed, now)
		r.NextAt, r.PushedAt = next, now.Add(min(pushRests, next.Sub(now)))
		return r, err
	}
	r.PulledAt, r.Failures, r.Error, r.Refused = s.PulledAt, s.Failures+1, err.Error(), s.Refused
	var throttled *connectors.ThrottledError
	switch {
	case errors.As(err, &throttled):
		r.NextAt = now.Add(min(throttled.After, maxThrottle))
		who, user := principals(s.Source)
		if !throttled.Whole {
			who = user
		}
		if err := e.Store.Park(ctx, who, r.NextAt); err != nil {
			return r, fmt.Errorf("have %s wait: %w", who, err)
		}
	case errors.Is(err, connectors.ErrAccess), errors.Is(err, connectors.ErrSource):
		r.Refused = true
		r.NextAt = now.Add(e.jitter(max(refusedRests, e.Poll)))
	default:
		r.NextAt = now.Add(e.jitter(min(e.Poll<<min(s.Failures, 10), max(maxBackoff, e.Poll))))
	}
	return r, nil
}
