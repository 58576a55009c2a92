package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// MarkUndecided marks every meeting that has not ended.
func (s *Store) MarkUndecided(ctx context.Context, now time.Time) error {
	return db.New(s.sql).MarkAllUndecided(ctx, db.MarkAllUndecidedParams{Since: ms(now), EndingAfter: ms(now)})
}

// Undecided are meetings to decide.
func (s *Store) Undecided(ctx context.Context, n int) ([]calendar.Key, error) {
	rows, err := db.New(s.sql).Undecided(ctx, int32(n))
	if err != nil {
		return nil, err
	}
	keys := make([]calendar.Key, len(rows))
	for i, r := range rows {
		keys[i] = calendar.Key(r)
	}
	return keys, nil
}

// Decide runs one step in one transaction.
func (s *Store) Decide(ctx context.Context, k calendar.Key, step func(engine.Tx) error) error {
	return s.within(ctx, func(q *db.Queries) error {
		if err := step(&tx{ctx: ctx, q: q, key: k}); err != nil {
			return err
		}
		return q.ClearUndecided(ctx, string(k))
	})
}

// tx is an engine.Tx.
type tx struct {
	ctx  context.Context
	q    *db.Queries
	key  calendar.Key
	plan int64 // the first seq in the outbox that this step wrote; 0: none yet
}

func (t *tx) Meeting() (calendar.Meeting, error) { return meeting(t.ctx, t.q, t.key) }

func meeting(ctx context.Context, q *db.Queries, k calendar.Key) (calendar.Meeting, error) {
	rows, err := q.MeetingCopies(ctx, string(k))
	if err != nil {
		return calendar.Meeting{}, fmt.Errorf("read the copies: %w", err)
	}
	copies := make([]calendar.Copy, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal([]byte(r.Copy.Data), &copies[i]); err != nil {
			return calendar.Meeting{}, fmt.Errorf("copy %s of %s: %w", r.Copy.Ref, r.Copy.Source, err)
		}
		copies[i].Source = toSource(r.Source)
	}
	merged := calendar.Merge(copies)
	switch len(merged) {
	case 0:
		return calendar.Meeting{Key: k}, nil
	case 1:
		return merged[0], nil
	}
	return calendar.Meeting{}, fmt.Errorf("its copies are of %d meetings", len(merged))
}

func (t *tx) Decision() (engine.Decision, bool, error) {
	r, err := t.q.Decision(t.ctx, string(t.key))
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Decision{}, false, nil
	}
	if err != nil {
		return engine.Decision{}, false, fmt.Errorf("read the decision: %w", err)
	}
	d, err := toDecision(r)
	return d, err == nil, err
}

func toDecision(r db.Decision) (engine.Decision, error) {
	d := engine.Decision{DecidedAt: fromMS(r.DecidedAt), Seq: r.Seq}
	if err := json.Unmarshal([]byte(r.Data), &d.Decision); err != nil {
		return d, fmt.Errorf("decision of %s: %w", r.Meeting, err)
	}
	d.Title, d.MeetingID = r.Title, r.MeetingID
	if r.CallKeys != "" {
		d.CallKeys = strings.Split(r.CallKeys, "\n")
	}
	if r.Held != "" {
		d.Held = &eligibility.Decision{}
		if err := json.Unmarshal([]byte(r.Held), d.Held); err != nil {
			return d, fmt.Errorf("held decision of %s: %w", r.Meeting, err)
		}
		d.Held.Title, d.Held.MeetingID, d.Held.CallKeys = d.Title, d.MeetingID, d.CallKeys
	}
	return d, nil
}

func (t *tx) PutDecision(d engine.Decision) error {
	data, err := json.Marshal(d.Decision)
	if err != nil {
		return err
	}
	var held []byte
	if d.Held != nil {
		if held, err = json.Marshal(d.Held); err != nil {
			return err
		}
	}
	seq, err := t.q.Next(t.ctx, "decisions")
	if err != nil {
		return fmt.Errorf("count the decision: %w", err)
	}
	err = t.q.PutDecision(t.ctx, db.PutDecisionParams{
		Meeting: string(t.key), Seq: seq, Record: d.Record, Title: d.Title, StartAt: ms(d.Start), EndAt: ms(d.End),
		DecidedAt: ms(d.DecidedAt), MeetingID: d.MeetingID, CallKeys: strings.Join(d.CallKeys, "\n"), Data: string(data), Held: string(held),
	})
	if err != nil {
		return fmt.Errorf("store the decision: %w", err)
	}
	d.Meeting = t.key
	if err := indexDecision(t.ctx, t.q, d); err != nil {
		return err
	}
	if err := t.q.DropCalls(t.ctx, string(t.key)); err != nil {
		return fmt.Errorf("store its calls: %w", err)
	}
	for _, call := range schedule.CallKeys(d.Planned()) {
		if err := t.q.PutCall(t.ctx, db.PutCallParams{Call: call, Meeting: string(t.key)}); err != nil {
			return fmt.Errorf("store its calls: %w", err)
		}
	}
	return nil
}

// Neighbours walks from the meeting over shared calls and schedules until nothing new comes up.
func (t *tx) Neighbours() ([]eligibility.Decision, []schedule.Schedule, error) {
	seen, schedules := map[string]bool{string(t.key): true}, map[string]schedule.Schedule{}
	var decisions []eligibility.Decision
	for queue := []string{string(t.key)}; len(queue) > 0; queue = queue[1:] {
		r, err := t.q.Decision(t.ctx, queue[0])
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, nil, fmt.Errorf("read a neighbour's decision: %w", err)
		default:
			d, err := toDecision(r)
			if err != nil {
				return nil, nil, err
			}
			decisions = append(decisions, d.Planned())
		}
		next, err := t.q.SameCalls(t.ctx, queue[0])
		if err != nil {
			return nil, nil, fmt.Errorf("read the meetings of a call: %w", err)
		}
		more, err := t.schedulesOf(queue[0], schedules)
		if err != nil {
			return nil, nil, err
		}
		for _, m := range append(next, more...) {
			if !seen[m] {
				seen[m] = true
				queue = append(queue, m)
			}
		}
	}
	all := make([]schedule.Schedule, 0, len(schedules))
	for _, s := range schedules {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b schedule.Schedule) int { return strings.Compare(a.ID, b.ID) })
	return decisions, all, nil
}

// schedulesOf adds the schedules that ever named the meeting to known, and returns the other meetings
// that they ever named.
func (t *tx) schedulesOf(meeting string, known map[string]schedule.Schedule) ([]string, error) {
	rows, err := t.q.SchedulesOfMeeting(t.ctx, meeting)
	if err != nil {
		return nil, fmt.Errorf("read the schedules of a meeting: %w", err)
	}
	var meetings []string
	for _, r := range rows {
		if _, ok := known[r.ID]; ok {
			continue
		}
		s, err := toSchedule(r.Data)
		if err != nil {
			return nil, err
		}
		known[r.ID] = s
		named, err := t.q.MeetingsOfSchedule(t.ctx, r.ID)
		if err != nil {
			return nil, fmt.Errorf("read the meetings of a schedule: %w", err)
		}
		meetings = append(meetings, named...)
	}
	return meetings, nil
}

func toSchedule(data string) (schedule.Schedule, error) {
	var s schedule.Schedule
	if err := json.Unmarshal([]byte(data), &s); err != nil {
		return s, fmt.Errorf("stored schedule: %w", err)
	}
	return s, nil
}

func (t *tx) PutSchedule(s schedule.Schedule, now time.Time) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	n, err := t.q.PutSchedule(t.ctx, db.PutScheduleParams{
		ID: s.ID, Revision: int64(s.Revision), State: string(s.State), StartAt: ms(s.Start), EndAt: ms(s.End), Data: string(data),
	})
	if err != nil {
		return fmt.Errorf("store schedule %s: %w", s.ID, err)
	}
	if n != 1 {
		return engine.ErrStale
	}
	if err := indexSchedule(t.ctx, t.q, s); err != nil {
		return err
	}
	for _, m := range s.Meetings {
		if err := t.q.PutScheduleMeeting(t.ctx, db.PutScheduleMeetingParams{Schedule: s.ID, Meeting: string(m)}); err != nil {
			return fmt.Errorf("store the meetings of schedule %s: %w", s.ID, err)
		}
	}
	seq, err := t.q.Next(t.ctx, "outbox")
	if err != nil {
		return fmt.Errorf("count the revision: %w", err)
	}
	t.plan = cmp.Or(t.plan, seq)
	err = t.q.PutOutbox(t.ctx, db.PutOutboxParams{
		Seq: seq, Plan: t.plan, Schedule: s.ID, Revision: int64(s.Revision), Data: string(data), WrittenAt: ms(now),
	})
	if err != nil {
		return fmt.Errorf("store revision %d of %s in the outbox: %w", s.Revision, s.ID, err)
	}
	return nil
}

// Outbox is what is still to be delivered.
func (s *Store) Outbox(ctx context.Context, n int) ([]engine.Delivery, error) {
	q := db.New(s.sql)
	rows, err := q.Outbox(ctx, int32(n))
	if err != nil {
		return nil, err
	}
	deliveries := make([]engine.Delivery, len(rows))
	for i, r := range rows {
		sch, err := toSchedule(r.Data)
		if err != nil {
			return nil, err
		}
		named, err := q.MeetingsOfSchedule(ctx, r.Schedule)
		if err != nil {
			return nil, fmt.Errorf("read the meetings of schedule %s: %w", r.Schedule, err)
		}
		deliveries[i] = engine.Delivery{Seq: r.Seq, Plan: r.Plan, Attempts: int(r.Attempts), Schedule: sch}
		for _, k := range named {
			deliveries[i].Meetings = append(deliveries[i].Meetings, calendar.Key(k))
		}
	}
	return deliveries, nil
}

// Delivered notes the outcome of one delivery.
func (s *Store) Delivered(ctx context.Context, seq int64, failure string, now time.Time) error {
	if failure != "" {
		return db.New(s.sql).MarkFailed(ctx, db.MarkFailedParams{Seq: seq, Error: failure})
	}
	return db.New(s.sql).MarkDelivered(ctx, db.MarkDeliveredParams{Seq: seq, DeliveredAt: ms(now)})
}
