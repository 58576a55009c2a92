package engine

import (
	"context"
	"fmt"
	"time"

	"example.com/syncd/schedule"
)

// rereads is how long before a recorder is told to join the calendars of the meeting are read once more, and waits how
// long it may take: what can't be read then is handed over as it is known.
const (
	rereads = 15 * time.Second
	waits   = 20 * time.Second
)

// lead is the longest lead time of all targets.
func (e *Engine) lead() (most time.Duration) {
	for _, t := range e.Targets {
		most = max(most, t.Lead)
	}
	return most
}

// tell puts what every target is to be told of s now into the outbox, and says when the next step is due.
func (e *Engine) tell(tx Tx, s schedule.Schedule, now time.Time) error {
	var next time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, t := range e.Targets {
		m, err := e.move(tx, t, s, now)
		if err != nil {
			return err
		}
		if m.Tell != nil {
			if err := tx.Tell(t.Name, *m.Tell, now); err != nil {
				return fmt.Errorf("put a message to %s into the outbox: %w", t.Name, err)
			}
			if m.Tell.State == schedule.Cancelled && s.State != schedule.Cancelled { // it is told later
				sooner(m.At.Add(-rereads))
				sooner(m.At)
			}
		}
		if m.Phase == schedule.Planned {
			sooner(m.At.Add(-rereads))
			sooner(m.At)
		}
	}
	if s.State != schedule.Cancelled {
		sooner(s.Start)
	}
	return tx.SetStep(s.ID, next)
}

// move is what follows for one target.
func (e *Engine) move(tx Tx, t schedule.Target, s schedule.Schedule, now time.Time) (schedule.Move, error) {
	told, ok, err := tx.Told(t.Name, s.ID)
	if err != nil {
		return schedule.Move{}, fmt.Errorf("read what %s was told: %w", t.Name, err)
	}
	if !ok {
		return schedule.Next(nil, s, t.Lead, now), nil
	}
	return schedule.Next(&told, s, t.Lead, now), nil
}

// step does what is due in a schedule's life: its calendars are read once more, its recorders are told to join, and
// at the start it is counted whether it had been read as late as promised.
func (e *Engine) step(ctx context.Context, j Job) error {
	err := e.Store.Step(ctx, j.Subject, j.Fence, func(tx Tx, s schedule.Schedule) error {
		now := e.Now()
		reads, err := tx.Reads(s.ID)
		if err != nil {
			return fmt.Errorf("read its sources: %w", err)
		}
		if late := now.Sub(s.Start); late >= 0 && late < time.Minute && s.State != schedule.Cancelled {
			if err := e.countFresh(tx, s, reads); err != nil {
				return err
			}
		}
		joins, soon, err := e.joins(tx, s, now)
		if err != nil {
			return err
		}
		if soon {
			wait, err := e.rereadBefore(tx, s, reads, joins, now)
			if err != nil || wait {
				return err
			}
		}
		return e.tell(tx, s, now)
	})
	if err != nil {
		return fmt.Errorf("the next step of schedule %s: %w", j.Subject, err)
	}
	e.Wake()
	return nil
}

// joins is when the next recorder is to be told to join; soon says that its meeting's calendars are to be read now.
func (e *Engine) joins(tx Tx, s schedule.Schedule, now time.Time) (at time.Time, soon bool, err error) {
	for _, t := range e.Targets {
		m, err := e.move(tx, t, s, now)
		if err != nil {
			return at, false, err
		}
		joins := s.Start.Add(-t.Lead)
		if t.Lead == 0 || m.Phase != schedule.Planned && (m.Tell == nil || m.Tell.State != schedule.Scheduled) || joins.After(now.Add(rereads)) {
			continue
		}
		if !soon || joins.Before(at) {
			at, soon = joins, true
		}
	}
	return at, soon, nil
}

// rereadBefore has the schedule's calendars read once more, and reports whether to wait for it: not for long, since a
// recording by what is known is better than none.
func (e *Engine) rereadBefore(tx Tx, s schedule.Schedule, reads []Read, joins, now time.Time) (wait bool, err error) {
	missing := false
	for _, r := range reads {
		_, ours := e.connections[r.Connection]
		if r.Refused || !ours || !r.TriedAt.Before(joins.Add(-rereads)) {
			continue
		}
		missing = true
		if err := tx.MakeDue(r.Source, now); err != nil {
			return false, fmt.Errorf("have %s read: %w", r.Source, err)
		}
	}
	if !missing {
		if missing, err = tx.Undecided(s.ID); err != nil {
			return false, err
		}
	}
	// A meeting that came up late, or after a crash, has less time.
	if now.Before(joins) || missing && now.Before(joins.Add(waits)) {
		again := now.Add(looksEvery)
		if !missing && joins.After(again) {
			again = joins
		}
		return true, tx.SetStep(s.ID, again)
	}
	if missing {
		e.Log.Warn("a recorder is told to join although a calendar of the meeting could not be read once more", "schedule", s.ID)
	}
	return false, nil
}

// countFresh counts, at the start, whether each calendar had been read as late as promised.
func (e *Engine) countFresh(tx Tx, s schedule.Schedule, reads []Read) error {
	for _, r := range reads {
		_, ours := e.connections[r.Connection]
		if !ours || e.Fresh == 0 {
			continue
		}
		fresh := !r.PulledAt.Before(s.Start.Add(-e.lead() - e.Fresh))
		if !fresh {
			e.Log.Warn("a calendar was not read as late before the start of a recording as promised", "source", r.Source, "read_at", r.PulledAt, "start", s.Start)
		}
		if err := tx.CountFresh(r.Source, fresh); err != nil {
			return err
		}
	}
	return nil
}

// tellAll tells targets that are new of what is scheduled already.
func (e *Engine) tellAll(ctx context.Context) error {
	for _, t := range e.Targets {
		for after := ""; ; {
			now := e.Now()
			last, err := e.Store.Tell(ctx, t.Name, after, batch, now, func(tx Tx, s schedule.Schedule) error { return e.tell(tx, s, now) })
			if err != nil {
				return fmt.Errorf("tell %s what is scheduled: %w", t.Name, err)
			}
			if last == "" {
				break
			}
			after = last
		}
	}
	return nil
}
