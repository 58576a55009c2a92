package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// patientFor is the part of the time for which a calendar has not changed that it rests for: one that changed an hour
// ago is looked at some minutes later.
const patientFor = 8

// nextLook is when a source that was read well is to be pulled again: soon behind a change, seldom when it is quiet,
// and in any case once between Fresh before a recorder may be told to join and that moment.
func (e *Engine) nextLook(ctx context.Context, s SourceState, changed, now time.Time) (time.Time, error) {
	rest := e.Quiet
	if quiet := now.Sub(changed); !changed.IsZero() && quiet >= 0 {
		rest = min(max(quiet/patientFor, e.Poll), e.Quiet)
	}
	next := now.Add(e.jitter(rest))
	if e.Fresh == 0 {
		return next, nil
	}
	ahead := e.lead() + e.Fresh
	start, err := e.Store.NextStart(ctx, s.ID, now.Add(ahead))
	if err != nil {
		return next, &storeError{fmt.Errorf("read when the next entry of %s starts: %w", s.ID, err)}
	}
	if start.IsZero() {
		return next, nil
	}
	// Meetings start on the hour: the first half of the time is for spreading the looks.
	if at := start.Add(-ahead).Add(e.random(e.Fresh / 2)); at.Before(next) {
		next = at
	}
	return next, nil
}

// jitter is d, give or take a tenth, so that calendars do not come due together.
func (e *Engine) jitter(d time.Duration) time.Duration {
	return d - d/10 + e.random(d/5+1)
}

// random is a duration from 0 to below d.
func (e *Engine) random(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	if e.Random != nil {
		return time.Duration(e.Random(int64(d)))
	}
	return rand.N(d)
}
