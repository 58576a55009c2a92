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

// SetRules says which rules are in force.
func (s *Store) SetRules(ctx context.Context, fingerprint string, now time.Time) error {
	return s.within(ctx, func(q *txn) error {
		if err := lockDeciding(ctx, q); err != nil {
			return err
		}
		before, err := setting(ctx, q.Queries, settingRules)
		if err != nil || before == fingerprint {
			return err
		}
		if err := q.PutSetting(ctx, db.PutSettingParams{Name: settingRules, Value: fingerprint}); err != nil {
			return fmt.Errorf("put the rules in force: %w", err)
		}
		return markAll(ctx, q, now)
	})
}

// MarkUndecided marks meetings.
func (s *Store) MarkUndecided(ctx context.Context, now time.Time, meetings ...calendar.Key) error {
	return s.within(ctx, func(q *txn) error {
		q.need(engine.Job{Kind: engine.Decide})
		for _, k := range meetings {
			if err := q.MarkUndecided(ctx, db.MarkUndecidedParams{Meeting: string(k), Since: ms(now)}); err != nil {
				return fmt.Errorf("mark %s as undecided: %w", k, err)
			}
		}
		return nil
	})
}

func markAll(ctx context.Context, q *txn, now time.Time) error {
	q.need(engine.Job{Kind: engine.Decide})
	return q.MarkAllUndecided(ctx, db.MarkAllUndecidedParams{Since: ms(now), EndingAfter: ms(now)})
}

// lockDeciding makes deciding one transaction behind the other, whichever process does it: what a step has read of a
// meeting's neighbours holds until it is done.
func lockDeciding(ctx context.Context, q *txn) error {
	if err := q.Lock(ctx, "decisions"); err != nil {
		return fmt.Errorf("wait for others that decide: %w", err)
	}
	return nil
}

// Decide decides meetings.
func (s *Store) Decide(ctx context.Context, by engine.Basis, n int, now time.Time, step func(engine.Tx) error) (more bool, err error) {
	err = s.within(ctx, func(q *txn) error {
		if err := lockDeciding(ctx, q); err != nil {
			return err
		}
		if inForce, err := setting(ctx, q.Queries, settingRules); err != nil {
			return err
		} else if inForce != by.Rules {
			return engine.ErrRules
		}
		if access, err := count(ctx, q.Queries, settingAccess); err != nil {
			return err
		} else if access != by.Access {
			return engine.ErrAccess
		}
		rows, err := undecided(ctx, q, n, now)
		if err != nil {
			return err
		}
		more = len(rows) == n
		for _, r := range rows {
			t := &tx{txn: q, key: calendar.Key(r.Meeting)}
			if err := step(t); err != nil {
				return err
			}
			if err := t.reword(); err != nil {
				return err
			}
			if err := q.ClearUndecided(ctx, db.ClearUndecidedParams{Meeting: r.Meeting, Mark: r.Mark}); err != nil {
				return fmt.Errorf("take %s off the undecided ones: %w", r.Meeting, err)
			}
		}
		return nil
	})
	return more, err
}

func undecided(ctx context.Context, q *txn, n int, now time.Time) ([]db.UndecidedRow, error) {
	rows, err := q.Undecided(ctx, db.UndecidedParams{Now: ms(now), Skewed: ms(now.Add(skew)), PutOff: ms(now.Add(longestWait)), Most: int32(n)})
	if err != nil {
		return nil, fmt.Errorf("read the undecided meetings: %w", err)
	}
	return rows, nil
}

// How long a meeting that can't be decided rests: at first, and at most.
const (
	firstPostponement = time.Minute
	longestWait       = 7 * time.Hour // longer than anything waits on purpose
	mostDoublings     = 6
)

// Postpone marks the first undecided meeting as one that can't be decided now.
func (s *Store) Postpone(ctx context.Context, now time.Time, why string) error {
	return s.within(ctx, func(q *txn) error {
		if err := lockDeciding(ctx, q); err != nil {
			return err
		}
		rows, err := undecided(ctx, q, 1, now)
		if err != nil || len(rows) == 0 {
			return err
		}
		until := now.Add(firstPostponement << min(rows[0].Tries, mostDoublings))
		return q.PostponeUndecided(ctx, db.PostponeUndecidedParams{Meeting: rows[0].Meeting, Mark: rows[0].Mark, Since: ms(until), Error: why})
	})
}

// tx is an engine.Tx.
type tx struct {
	*txn
	key  calendar.Key
	plan int64 // the first revision that this step wrote; 0: none yet

	// What Meeting and Decision have returned, and whether the decision was replaced; nil: they were not asked for.
	read    *calendar.Meeting
	known   *engine.Decision
	indexed bool
}

func (t *tx) Key() calendar.Key { return t.key }

func (t *tx) Meeting() (calendar.Meeting, error) {
	m, err := meeting(t.ctx, t.Queries, t.key)
	if err == nil {
		t.read = &m
	}
	return m, err
}

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
	r, err := t.Queries.Decision(t.ctx, string(t.key))
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Decision{}, false, nil
	}
	if err != nil {
		return engine.Decision{}, false, fmt.Errorf("read the decision: %w", err)
	}
	d, err := toDecision(r)
	if err == nil {
		t.known = &d
	}
	return d, err == nil, err
}

func (t *tx) Signals() ([]eligibility.Signal, error) { return signalsAbout(t.ctx, t.Queries, t.key) }

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
	seq, err := t.Queries.Next(t.ctx, "decisions")
	if err != nil {
		return fmt.Errorf("count the decision: %w", err)
	}
	err = t.Queries.PutDecision(t.ctx, db.PutDecisionParams{
		Meeting: string(t.key), Seq: seq, Record: d.Record, Title: d.Title, StartAt: ms(d.Start), EndAt: ms(d.End),
		DecidedAt: ms(d.DecidedAt), MeetingID: d.MeetingID, CallKeys: strings.Join(d.CallKeys, "\n"), Data: string(data), Held: string(held),
	})
	if err != nil {
		return fmt.Errorf("store the decision: %w", err)
	}
	d.Meeting = t.key
	if err := t.index(d); err != nil {
		return err
	}
	if err := t.Queries.DropCalls(t.ctx, string(t.key)); err != nil {
		return fmt.Errorf("store its calls: %w", err)
	}
	for _, call := range schedule.CallKeys(d.Planned()) {
		if err := t.Queries.PutCall(t.ctx, db.PutCallParams{Call: call, Meeting: string(t.key)}); err != nil {
			return fmt.Errorf("store its calls: %w", err)
		}
	}
	return nil
}

// index makes the decision one that is found.
func (t *tx) index(d engine.Decision) error {
	if t.read == nil {
		if _, err := t.Meeting(); err != nil {
			return err
		}
	}
	t.indexed = true
	return indexDecision(t.ctx, t.Queries, d, t.read.Copies)
}

// reword has a meeting found by who takes part now, where the decision has stayed as it was.
func (t *tx) reword() error {
	if t.indexed || t.read == nil || t.known == nil {
		return nil
	}
	if err := t.RewordMeeting(t.ctx, db.RewordMeetingParams{Meeting: string(t.key), Words: words(*t.known, t.read.Copies)}); err != nil {
		return fmt.Errorf("index the words of the meeting: %w", err)
	}
	return nil
}

// Neighbours walks from the meeting over shared calls and schedules until nothing new comes up.
func (t *tx) Neighbours() ([]eligibility.Decision, []schedule.Schedule, error) {
	seen, schedules := map[string]bool{string(t.key): true}, map[string]schedule.Schedule{}
	var decisions []eligibility.Decision
	for queue := []string{string(t.key)}; len(queue) > 0; queue = queue[1:] {
		r, err := t.Queries.Decision(t.ctx, queue[0])
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
		next, err := t.Queries.SameCalls(t.ctx, queue[0])
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
	rows, err := t.Queries.SchedulesOfMeeting(t.ctx, meeting)
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
		named, err := t.Queries.MeetingsOfSchedule(t.ctx, r.ID)
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
	n, err := t.Queries.PutSchedule(t.ctx, db.PutScheduleParams{
		ID: s.ID, Revision: int64(s.Revision), State: string(s.State), StartAt: ms(s.Start), EndAt: ms(s.End), Data: string(data),
	})
	if err != nil {
		return fmt.Errorf("store schedule %s: %w", s.ID, err)
	}
	if n != 1 {
		return engine.ErrStale
	}
	if err := indexSchedule(t.ctx, t.Queries, s); err != nil {
		return err
	}
	for _, m := range s.Meetings {
		if err := t.Queries.PutScheduleMeeting(t.ctx, db.PutScheduleMeetingParams{Schedule: s.ID, Meeting: string(m)}); err != nil {
			return fmt.Errorf("store the meetings of schedule %s: %w", s.ID, err)
		}
	}
	seq, err := t.Queries.Next(t.ctx, "revisions")
	if err != nil {
		return fmt.Errorf("count the revision: %w", err)
	}
	t.plan = cmp.Or(t.plan, seq)
	err = t.Queries.PutRevision(t.ctx, db.PutRevisionParams{
		Seq: seq, Plan: t.plan, Schedule: s.ID, Revision: int64(s.Revision), Data: string(data), WrittenAt: ms(now),
	})
	if err != nil {
		return fmt.Errorf("store revision %d of %s: %w", s.Revision, s.ID, err)
	}
	return nil
}
