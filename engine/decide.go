package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	live, liveOnce := e.live(sources, false), e.live(sources, true)
	if !maps.Equal(live, e.decidedWith) {
		// Whether a member is recordable hangs on it, in any meeting.
		if err := e.Store.MarkUndecided(ctx, e.Now()); err != nil {
			return fmt.Errorf("mark meetings as undecided: %w", err)
		}
		e.decidedWith = live
	}
	deciders := deciders{now: e.decider.WithAccess(reads(live)), whole: e.decider.WithAccess(reads(liveOnce))}
	for {
		keys, err := e.Store.Undecided(ctx, batch)
		if err != nil {
			return fmt.Errorf("read the undecided meetings: %w", err)
		}
		for _, k := range keys {
			err := e.Store.Decide(ctx, k, func(tx Tx) error { return e.decide(tx, k, deciders, e.Now()) })
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

// deciders decide with what can be read now, and with what could be read if no access had been lost.
type deciders struct{ now, whole *eligibility.Decider }

// live are the calendars, by address, that a connection has read and may still read; with the lost
// ones, those too that it may not read any more.
func (e *Engine) live(sources []SourceState, withLost bool) map[string]bool {
	live := map[string]bool{}
	for _, s := range sources {
		if e.connected(s.Source) && (withLost || !s.Refused) && !s.PulledAt.IsZero() {
			live[strings.ToLower(s.Calendar)] = true
		}
	}
	return live
}

func reads(live map[string]bool) eligibility.Access {
	return func(addresses []string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return live[strings.ToLower(a)] })
	}
}

// decide is one step: decision, schedules and outbox change together or not at all.
func (e *Engine) decide(tx Tx, k calendar.Key, d deciders, now time.Time) error {
	m, err := tx.Meeting()
	if err != nil {
		return err
	}
	m.Key = k
	for i, c := range m.Copies {
		m.Copies[i].Source.NoAccess = c.Source.NoAccess || !e.connected(c.Source)
	}
	prev, known, err := tx.Decision()
	if err != nil {
		return err
	}
	next := Decision{Decision: d.now.Decide(m), DecidedAt: now}
	if !next.Record {
		next.Held = e.held(m, d.whole)
	}
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

// held is the decision to record m that would stand if no access had been lost, or nil. What a lost
// access hides may be as it was, so nothing is cancelled because of it.
func (e *Engine) held(m calendar.Meeting, whole *eligibility.Decider) *eligibility.Decision {
	m.Copies = slices.Clone(m.Copies)
	for i := range m.Copies {
		m.Copies[i].Source.NoAccess = !e.connected(m.Copies[i].Source)
	}
	if d := whole.Decide(m); d.Record {
		return &d
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
