package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/schedule"
)

// How many meetings are decided in one transaction, and how many jobs are fetched at a time.
const (
	decidesAtOnce = 100
	batch         = 500
)

// judges keeps the judge in use: it has all calendars in it.
type judges struct {
	mu     sync.Mutex
	judge  Judge
	rules  *rules
	access int64
}

// judge decides by these rules, and by what can be read now.
func (e *Engine) judge(ctx context.Context, x *rules) (Judge, Basis, error) {
	access, _, err := e.Store.Access(ctx)
	if err != nil {
		return Judge{}, Basis{}, fmt.Errorf("read what can be read: %w", err)
	}
	j := &e.judges
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rules != x || j.access != access {
		sources, err := e.Store.Sources(ctx)
		if err != nil {
			return Judge{}, Basis{}, fmt.Errorf("read the sources: %w", err)
		}
		j.judge, j.rules, j.access = NewJudge(x.decider, sources, e.connected), x, access
	}
	return j.judge, Basis{x.rules, access}, nil
}

// decideAll decides what is undecided. A meeting that can't be decided is put aside, and costs itself alone.
func (e *Engine) decideAll(ctx context.Context, _ Job) error {
	for n := decidesAtOnce; ; {
		x := e.inUse()
		judge, by, err := e.judge(ctx, x)
		if err != nil {
			return err
		}
		now := e.Now()
		written := map[calendar.Key]Decision{} // a transaction that got in another one's way is run again
		batch, end := e.Observer.Begin(ctx, Activity{Name: Deciding})
		more, err := e.Store.Decide(batch, by, n, now, func(tx Tx) error {
			delete(written, tx.Key())
			d, changed, err := e.decide(tx, judge, now)
			if err != nil {
				return fmt.Errorf("decide %s: %w", tx.Key(), err)
			}
			if changed {
				written[tx.Key()] = d
			}
			return nil
		})
		end(decided(err))
		if err == nil {
			for _, d := range written {
				e.Observer.Decided(d)
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrRules):
			return err
		case errors.Is(err, ErrAccess): // what was just marked because of it must not be decided by what was before
		case err != nil && n > 1:
			n = 1 // to find out which one it is
		case err != nil:
			if e.Store.Postpone(ctx, now, err.Error()) != nil {
				return err // it is the store, not the meeting
			}
			e.Log.Error("a meeting can't be decided; it is tried again", "error", err)
		case !more:
			return nil
		default:
			n = decidesAtOnce
		}
	}
}

// decide is one step: decision, schedules and messages change together or not at all. It reports whether the decision is
// another one than before.
func (e *Engine) decide(tx Tx, judge Judge, now time.Time) (next Decision, changed bool, err error) {
	m, err := tx.Meeting()
	if err != nil {
		return next, false, err
	}
	m.Key = tx.Key()
	prev, known, err := tx.Decision()
	if err != nil {
		return next, false, err
	}
	said, err := tx.Signals()
	if err != nil {
		return next, false, err
	}
	next = judge.Decide(m, said)
	next.DecidedAt = now
	if len(m.Copies) == 0 {
		if !known {
			return next, false, nil
		}
		// No calendar shows it any more. What it was stays, for whoever asks why it is not recorded.
		next.Title, next.Start, next.End = prev.Title, prev.Start, prev.End
	}
	if known && sameDecision(prev.Decision, next.Decision) && sameHeld(prev.Held, next.Held) {
		return next, false, nil
	}
	if err := tx.PutDecision(next); err != nil {
		return next, false, err
	}
	if !next.Planned().Record && (!known || !prev.Planned().Record) {
		return next, true, nil // nothing was to be recorded, and nothing is
	}
	decisions, schedules, err := tx.Neighbours()
	if err != nil {
		return next, false, err
	}
	for _, s := range schedule.Plan(schedules, decisions, now) {
		if err := tx.PutSchedule(s, now); err != nil {
			return next, false, err
		}
		if err := e.tell(tx, s, now); err != nil {
			return next, false, err
		}
	}
	return next, true, nil
}

func sameHeld(a, b *eligibility.Decision) bool {
	return a == nil && b == nil || a != nil && b != nil && sameDecision(*a, *b)
}

// sameDecision compares what is stored of two decisions.
func sameDecision(a, b eligibility.Decision) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y) && a.Title == b.Title && a.MeetingID == b.MeetingID &&
		strings.Join(a.CallKeys, "\n") == strings.Join(b.CallKeys, "\n")
}
