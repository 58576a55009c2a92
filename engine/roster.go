package engine

import (
	"context"
	"fmt"
	"time"
)

// rosterEvery is how often a connection is asked which calendars there are, and rosterPatience how long it may
// take to say so: a company's calendars may have to be asked for user by user.
const (
	rosterEvery    = 10 * time.Minute
	rosterPatience = 10 * time.Minute
)

// list asks a connection for its calendars.
func (e *Engine) list(ctx context.Context, name string) (time.Time, error) {
	c, ok := e.connections[name]
	if !ok { // another process has it
		return e.Now().Add(looksEvery), nil
	}
	limited, cancel := context.WithTimeout(ctx, rosterPatience)
	defer cancel()
	sources, err := c.Connector.Sources(limited, e.inUse().members)
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err()
	}
	if err != nil {
		e.Log.Warn("listing calendars failed; those known are read on", "connection", name, "error", err)
		return e.Now().Add(min(e.Poll, rosterEvery)), err
	}
	if err := e.Store.PutSources(ctx, sources, e.Now()); err != nil {
		return time.Time{}, &storeError{fmt.Errorf("store the calendars of %s: %w", name, err)}
	}
	return e.Now().Add(rosterEvery), nil
}

// manyUndecided are so many that nothing is added to them by a mere change of what can be read.
const manyUndecided = 2000

// recheck decides everything anew once which calendars can be read has changed: whether a member is recordable hangs
// on it, in any meeting.
func (e *Engine) recheck(ctx context.Context, _ string) (time.Time, error) {
	now := e.Now()
	changed, rechecked, err := e.Store.Access(ctx)
	if err != nil {
		return time.Time{}, &storeError{fmt.Errorf("read what can be read: %w", err)}
	}
	if changed == rechecked {
		return now.Add(rechecksEvery), nil
	}
	p, err := e.Store.Progress(ctx, now)
	if err != nil {
		return time.Time{}, &storeError{fmt.Errorf("count the undecided meetings: %w", err)}
	}
	if p.Undecided > manyUndecided {
		return now.Add(looksEvery), nil
	}
	if err := e.Store.Recheck(ctx, changed, now); err != nil {
		return time.Time{}, &storeError{fmt.Errorf("mark meetings as undecided: %w", err)}
	}
	return now.Add(rechecksEvery), nil
}

// rechecksEvery is how long it takes at most until it is noticed that something is to be rechecked.
const rechecksEvery = time.Hour
