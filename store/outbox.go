package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// What became of a message.
const (
	delivered = 1
	gaveUp    = 2
	overtaken = 3 // by a later one, before it was to be told
)

// Told is what a target has been told of a schedule last.
func (t *tx) Told(target, id string) (schedule.Schedule, bool, error) {
	m, err := t.LastMessage(t.ctx, db.LastMessageParams{Schedule: id, Target: target})
	if errors.Is(err, sql.ErrNoRows) {
		return schedule.Schedule{}, false, nil
	}
	if err != nil {
		return schedule.Schedule{}, false, err
	}
	s, err := toSchedule(m.Data)
	return s, err == nil, err
}

// Tell puts a message into the outbox, and has it delivered.
func (t *tx) Tell(target string, s schedule.Schedule, now time.Time) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	id, err := t.Next(t.ctx, "messages")
	if err != nil {
		return fmt.Errorf("count the message: %w", err)
	}
	if t.plan == 0 { // the step tells of revisions that others wrote: they are a plan of their own
		if t.plan, err = t.Next(t.ctx, "revisions"); err != nil {
			return fmt.Errorf("count the plan: %w", err)
		}
	}
	if err := t.ReplaceEarlier(t.ctx, db.ReplaceEarlierParams{Schedule: s.ID, Target: target, ID: id, DoneAt: ms(now)}); err != nil {
		return fmt.Errorf("take out what is overtaken: %w", err)
	}
	if err := t.HurryEarlier(t.ctx, db.HurryEarlierParams{Schedule: s.ID, Target: target, Now: ms(now)}); err != nil {
		return fmt.Errorf("have what failed tried again: %w", err)
	}
	t.need(engine.Job{Kind: engine.Deliver, Subject: target})
	return t.PutMessage(t.ctx, db.PutMessageParams{
		ID: id, Target: target, Plan: t.plan, Schedule: s.ID, Revision: int64(s.Revision), State: string(s.State), Data: string(data),
		WrittenAt: ms(now), StartsAt: ms(s.Start), DueAt: ms(now),
	})
}

// Take leases messages that may be delivered.
func (s *Store) Take(ctx context.Context, target string, n int, now, until time.Time) ([]engine.Message, error) {
	var messages []engine.Message
	err := s.within(ctx, func(q *txn) error {
		messages = nil
		if err := q.Lock(ctx, "taking"); err != nil {
			return fmt.Errorf("wait for others that deliver: %w", err)
		}
		c := timesOf(now, until.Sub(now))
		rows, err := q.DueMessages(ctx, db.DueMessagesParams{Target: target, Now: c.now, Skewed: c.skewed, Latest: c.latest, Most: int32(n)})
		if err != nil {
			return err
		}
		for _, r := range rows {
			m, err := take(ctx, q, r, until)
			if err != nil {
				return fmt.Errorf("lease message %d: %w", r.ID, err)
			}
			messages = append(messages, m)
		}
		return nil
	})
	return messages, err
}

func take(ctx context.Context, q *txn, r db.Message, until time.Time) (engine.Message, error) {
	lease, err := q.LeaseMessage(ctx, db.LeaseMessageParams{ID: r.ID, LeasedUntil: ms(until)})
	if err != nil {
		return engine.Message{}, err
	}
	note, err := q.Note(ctx, db.NoteParams{Target: r.Target, Schedule: r.Schedule})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return engine.Message{}, err
	}
	s, err := toSchedule(r.Data)
	return engine.Message{
		ID: r.ID, Target: r.Target, State: schedule.State(r.State), Schedule: s, Keys: int(r.Keys), Attempts: int(lease.Attempts),
		Written: fromMS(r.WrittenAt), Note: note, Fence: lease.Fence,
	}, err
}

// Delivered notes what came of a message.
func (s *Store) Delivered(ctx context.Context, m engine.Message, r engine.DeliveryReport) error {
	return s.within(ctx, func(q *txn) error {
		end := db.EndMessageParams{ID: m.ID, Fence: m.Fence, DueAt: ms(r.At), DoneAt: ms(r.At), Error: r.Error}
		switch {
		case r.Error == "":
			end.Outcome = delivered
		case r.GaveUp:
			end.Outcome = gaveUp
			q.need(engine.Job{Kind: engine.Deliver, Subject: m.Target}) // what waited behind it
		default:
			end.DueAt, end.Early = ms(r.Again), r.Early
			if later, err := q.LaterMessages(ctx, db.LaterMessagesParams{Schedule: m.Schedule.ID, Target: m.Target, ID: m.ID}); err != nil {
				return fmt.Errorf("read later messages: %w", err)
			} else if r.Early && later > 0 {
				end.Outcome, end.DoneAt = overtaken, ms(r.At)
			}
			if r.NewKey {
				end.Keys = 1
			}
		}
		if err := fenced(q.EndMessage(ctx, end)); err != nil {
			return err
		}
		if err := countAttempt(ctx, q.Queries, m.Target, r); err != nil {
			return err
		}
		if r.Note == m.Note {
			return nil
		}
		return q.PutNote(ctx, db.PutNoteParams{Target: m.Target, Schedule: m.Schedule.ID, Note: r.Note})
	})
}

// countAttempt counts what came of an attempt. A recorder that is not to be told yet has not failed.
func countAttempt(ctx context.Context, q *db.Queries, target string, r engine.DeliveryReport) error {
	hour := db.CountHourOfDeliveryParams{Hour: ms(r.At.Truncate(time.Hour)), Target: target}
	switch {
	case r.Error == "":
		hour.Delivered = 1
	case r.Early:
		return nil
	default:
		hour.Failed = 1
	}
	if err := q.CountHourOfDelivery(ctx, hour); err != nil {
		return fmt.Errorf("count the attempt: %w", err)
	}
	return nil
}

// Step runs one step in a schedule's life.
func (s *Store) Step(ctx context.Context, id string, fence int64, step func(engine.Tx, schedule.Schedule) error) error {
	return s.within(ctx, func(q *txn) error {
		if err := lockDeciding(ctx, q); err != nil {
			return err
		}
		row, err := q.ScheduleRow(ctx, id)
		if err != nil {
			return fmt.Errorf("read it: %w", err)
		}
		if row.Fence != fence {
			return engine.ErrStale
		}
		sch, err := toSchedule(row.Data)
		if err != nil {
			return err
		}
		return step(&tx{txn: q}, sch)
	})
}

// Tell runs step for schedules of which a target was never told.
func (s *Store) Tell(ctx context.Context, target, after string, n int, now time.Time, step func(engine.Tx, schedule.Schedule) error) (last string, err error) {
	err = s.within(ctx, func(q *txn) error {
		last = ""
		if err := lockDeciding(ctx, q); err != nil {
			return err
		}
		rows, err := q.Untold(ctx, db.UntoldParams{Now: ms(now), After: after, Target: target, Most: int32(n)})
		if err != nil {
			return err
		}
		for _, r := range rows {
			sch, err := toSchedule(r.Data)
			if err != nil {
				return err
			}
			if err := step(&tx{txn: q}, sch); err != nil {
				return err
			}
			last = r.ID
		}
		return nil
	})
	return last, err
}

// SetStep says when a schedule's next step is due.
func (t *tx) SetStep(id string, at time.Time) error {
	return t.Queries.SetStep(t.ctx, db.SetStepParams{ID: id, StepAt: ms(at)})
}

// Reads are the sources that hold a copy of the schedule's meetings.
func (t *tx) Reads(id string) ([]engine.Read, error) {
	rows, err := t.ScheduleSources(t.ctx, id)
	if err != nil {
		return nil, err
	}
	reads := make([]engine.Read, len(rows))
	for i, r := range rows {
		reads[i] = engine.Read{
			Source: calendar.SourceID(r.ID), PulledAt: fromMS(r.PulledAt), TriedAt: fromMS(r.TriedAt), Refused: r.NoAccess,
			Connection: r.Driver + ":" + r.Account,
		}
	}
	return reads, nil
}

// Undecided reports whether a meeting of the schedule is to be decided.
func (t *tx) Undecided(id string) (bool, error) {
	n, err := t.ScheduleUndecided(t.ctx, id)
	return n > 0, err
}

// MakeDue has a source pulled.
func (t *tx) MakeDue(src calendar.SourceID, now time.Time) error {
	return t.HastenSource(t.ctx, db.HastenSourceParams{ID: string(src), At: ms(now)})
}

// CountFresh counts a start of a recording.
func (t *tx) CountFresh(src calendar.SourceID, fresh bool) error {
	p := db.CountFreshnessParams{ID: string(src), Stale: 1}
	if fresh {
		p.Fresh, p.Stale = 1, 0
	}
	return t.CountFreshness(t.ctx, p)
}
