package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/schedule"
)

// batch is how many meetings or deliveries are fetched at a time.
const batch = 500

// decideAll decides every undecided meeting.
func (e *Engine) decideAll(ctx context.Context) error {
	sources, err := e.Store.Sources(ctx)
	if err != nil {
		return fmt.Errorf("read the sources: %w", err)
	}
	if live := live(sources, e.connected, false); !maps.Equal(live, e.decidedWith) {
		// Whether a member is recordable hangs on it, in any meeting.
		if err := e.Store.MarkUndecided(ctx, e.Now()); err != nil {
			return fmt.Errorf("mark meetings as undecided: %w", err)
		}
		e.decidedWith = live
	}
	judge := NewJudge(e.decider, sources, e.connected)
	for {
		keys, err := e.Store.Undecided(ctx, batch)
		if err != nil {
			return fmt.Errorf("read the undecided meetings: %w", err)
		}
		for _, k := range keys {
			err := e.Store.Decide(ctx, k, func(tx Tx) error { return e.decide(tx, k, judge, e.Now()) })
			if errors.Is(err, ErrStale) {
				continue // another process decides this call; the meeting is still marked
			}
			if err != nil {
				return fmt.Errorf("decide %s: %w", k, err)
			}
		}
		if len(keys) < batch {
			return nil
		}
	}
}

// decide is one step: decision, schedules and outbox change together or not at all.
func (e *Engine) decide(tx Tx, k calendar.Key, judge Judge, now time.Time) error {
	m, err := tx.Meeting()
	if err != nil {
		return err
	}
	m.Key = k
	prev, known, err := tx.Decision()
	if err != nil {
		return err
	}
	next := judge.Decide(m)
	next.DecidedAt = now
	if len(m.Copies) == 0 {
		if !known {
			return nil
		}
		// No calendar shows it any more. What it was stays, for whoever asks why it is not recorded.
		next.Title, next.Start, next.End = prev.Title, prev.Start, prev.End
	}
	if known && sameDecision(prev.Decision, next.Decision) && sameHeld(prev.Held, next.Held) {
		return nil
	}
	if err := tx.PutDecision(next); err != nil {
		return err
	}
	decisions, schedules, err := tx.Neighbours()
	if err != nil {
		return err
	}
	for _, s := range schedule.Plan(schedules, decisions, now) {
		if err := tx.PutSchedule(s, now); err != nil {
			return err
		}
	}
	return nil
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
