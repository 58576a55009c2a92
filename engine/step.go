package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/syncd/schedule"
)

// rereads is how long before a recorder is told to join the calendars of the meeting are read once more, and waits how
// long that may take from the moment on at which it is to be told, and how long it may take to decide: what can't be read
// is handed over as it is known.
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

// tell puts what every target is to be told of s now into the outbox, and says when the next step is due. A recorder is
// told to join by what the calendars say then, also where they were not read for long because no process was running.
func (e *Engine) tell(tx Tx, s schedule.Schedule, now time.Time) error {
	var next time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	held := false
	for _, t := range e.Targets {
		m, err := e.move(tx, t, s, now)
		if err != nil {
			return err
		}
		joins := s.Start.Add(-t.Lead)
		join := t.Lead > 0 && (m.Phase == schedule.Planned || m.Tell != nil && m.Tell.State == schedule.Scheduled)
		if join && !now.Before(joins.Add(-rereads)) {
			since := joins // it is to be told
			if m.Tell != nil {
				since = later(joins, e.held.since(s.ID, now))
			}
			unread, undecided, err := e.reread(tx, s, since.Add(-rereads), now)
			if err != nil {
				return err
			}
			if m.Tell != nil && (unread && now.Before(since.Add(waits)) || undecided && now.Before(since.Add(2*waits))) {
				held = true
				sooner(now.Add(looksEvery))
				continue
			}
			if m.Tell != nil && (unread || undecided) {
				e.Log.Warn("a recorder is told to join although a calendar of the meeting could not be read once more", "schedule", s.ID)
			}
		}
		if m.Tell != nil {
			if err := tx.Tell(t.Name, *m.Tell, now); err != nil {
				return fmt.Errorf("put a message to %s into the outbox: %w", t.Name, err)
			}
		}
		if m.Phase == schedule.Planned || m.Tell != nil && m.Tell.State == schedule.Cancelled && s.State != schedule.Cancelled {
			sooner(m.At.Add(-rereads)) // it is told later
			sooner(m.At)
		}
	}
	if !held {
		e.held.forget(s.ID)
	}
	if s.State != schedule.Cancelled {
		sooner(s.Start)
	}
	return tx.SetStep(s.ID, next)
}

// held is since when recorders wait to be told of a schedule, because its calendars are being read. It is not stored: a
// new process waits anew. The zero value is empty.
type held struct {
	mu    sync.Mutex
	times map[string]time.Time
}

// since is since when schedule id is held: now at the first time.
func (h *held) since(id string, now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since, ok := h.times[id]; ok && !since.After(now) {
		return since
	}
	if h.times == nil {
		h.times = map[string]time.Time{}
	}
	h.times[id] = now
	return now
}

func (h *held) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.times, id)
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
	var promises []promise
	err := e.Store.Step(ctx, j.Subject, j.Fence, func(tx Tx, s schedule.Schedule) (err error) {
		now := e.Now()
		promises = nil // a transaction that got in another one's way is run again
		if late := now.Sub(s.Start); late >= 0 && late < time.Minute && s.State != schedule.Cancelled {
			if promises, err = e.countFresh(tx, s); err != nil {
				return err
			}
		}
		return e.tell(tx, s, now)
	})
	if err != nil {
		return fmt.Errorf("the next step of schedule %s: %w", j.Subject, err)
	}
	for _, p := range promises {
		e.Observer.Fresh(p.driver, p.kept)
	}
	e.Wake()
	return nil
}

// reread has those of the schedule's calendars read once more that were not since then. It reports whether there are any,
// and whether something that was read is to be decided yet.
func (e *Engine) reread(tx Tx, s schedule.Schedule, then, now time.Time) (unread, undecided bool, err error) {
	reads, err := tx.Reads(s.ID)
	if err != nil {
		return false, false, fmt.Errorf("read its sources: %w", err)
	}
	for _, r := range reads {
		_, ours := e.connections[r.Connection]
		if r.Refused || !ours || !r.TriedAt.Before(then) {
			continue
		}
		unread = true
		if err := tx.MakeDue(r.Source, now); err != nil {
			return false, false, fmt.Errorf("have %s read: %w", r.Source, err)
		}
	}
	if tx.Key() == "" { // what is being decided right now counts as undecided still
		undecided, err = tx.Undecided(s.ID)
	}
	return unread, undecided, err
}

// A promise is that a calendar is read so late before a start.
type promise struct {
	driver string
	kept   bool
}

// countFresh counts, at the start, whether each calendar had been read as late as promised.
func (e *Engine) countFresh(tx Tx, s schedule.Schedule) (all []promise, err error) {
	reads, err := tx.Reads(s.ID)
	if err != nil {
		return nil, fmt.Errorf("read its sources: %w", err)
	}
	for _, r := range reads {
		c, ours := e.connections[r.Connection]
		if !ours || e.Fresh == 0 {
			continue
		}
		fresh := !r.PulledAt.Before(s.Start.Add(-e.lead() - e.Fresh))
		if !fresh {
			e.Log.Warn("a calendar was not read as late before the start of a recording as promised", "source", r.Source, "read_at", r.PulledAt, "start", s.Start)
		}
		if err := tx.CountFresh(r.Source, fresh); err != nil {
			return nil, err
		}
		all = append(all, promise{c.Driver, fresh})
	}
	return all, nil
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
