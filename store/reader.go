package store

import (
	"context"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// Sources are all sources, by id.
func (r *Reader) Sources(ctx context.Context) ([]engine.SourceState, error) {
	rows, err := r.reading().Sources(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]engine.SourceState, len(rows))
	for i, row := range rows {
		states[i] = toState(row)
	}
	return states, nil
}

func toState(row db.Source) engine.SourceState {
	return engine.SourceState{
		Source: toSource(row), Cursor: connectors.Cursor(row.Cursor), Reading: row.Reading, Held: row.Held,
		ChangedAt: fromMS(row.ChangedAt), Fresh: row.Fresh, Stale: row.Stale,
		PullReport: engine.PullReport{
			PulledAt: fromMS(row.PulledAt), TriedAt: fromMS(row.TriedAt), NextAt: fromMS(row.NextAt), Failures: int(row.Failures),
			Error: row.Error, Refused: row.NoAccess, Pushes: row.Pushes,
		},
	}
}

// Progress says how far reading and deciding have come.
func (r *Reader) Progress(ctx context.Context, now time.Time) (engine.Progress, error) {
	row, err := r.reading().Progress(ctx, ms(now))
	return engine.Progress{Sources: int(row.Sources), Unread: int(row.Unread), Undecided: int(row.Undecided)}, err
}

// Schedules are those that end after t, by start.
func (r *Reader) Schedules(ctx context.Context, t time.Time) ([]schedule.Schedule, error) {
	rows, err := r.reading().Schedules(ctx, ms(t))
	return toSchedules(rows, err)
}

// SchedulesOf are those that name the meeting, or once did.
func (r *Reader) SchedulesOf(ctx context.Context, k calendar.Key) ([]schedule.Schedule, error) {
	rows, err := r.reading().SchedulesOfMeeting(ctx, string(k))
	return toSchedules(rows, err)
}

func toSchedules(rows []db.Schedule, err error) ([]schedule.Schedule, error) {
	if err != nil {
		return nil, err
	}
	schedules := make([]schedule.Schedule, len(rows))
	for i, row := range rows {
		if schedules[i], err = toSchedule(row.Data); err != nil {
			return nil, err
		}
	}
	return schedules, nil
}

// DecisionsAfter are at most n decisions written after seq.
func (r *Reader) DecisionsAfter(ctx context.Context, seq int64, n int) ([]engine.Decision, error) {
	rows, err := r.reading().DecisionsAfter(ctx, db.DecisionsAfterParams{After: seq, Most: int32(n)})
	return toDecisions(rows, err)
}

// Decisions are all decisions, by start.
func (r *Reader) Decisions(ctx context.Context) ([]engine.Decision, error) {
	rows, err := r.reading().Decisions(ctx)
	return toDecisions(rows, err)
}

func toDecisions(rows []db.Decision, err error) ([]engine.Decision, error) {
	if err != nil {
		return nil, err
	}
	decisions := make([]engine.Decision, len(rows))
	for i, row := range rows {
		if decisions[i], err = toDecision(row); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// Meeting has all copies of the meeting.
func (r *Reader) Meeting(ctx context.Context, k calendar.Key) (calendar.Meeting, error) {
	return meeting(ctx, r.reading(), k)
}

// Revisions are at most n revisions behind seq.
func (r *Reader) Revisions(ctx context.Context, after int64, n int) ([]engine.Revision, error) {
	rows, err := r.reading().RevisionsAfter(ctx, db.RevisionsAfterParams{After: after, Most: int32(n)})
	if err != nil {
		return nil, err
	}
	revisions := make([]engine.Revision, len(rows))
	for i, row := range rows {
		s, err := toSchedule(row.Data)
		if err != nil {
			return nil, err
		}
		revisions[i] = engine.Revision{Seq: row.Seq, WrittenAt: fromMS(row.WrittenAt), Schedule: s}
	}
	return revisions, nil
}

// Chores are the work that comes round.
func (r *Reader) Chores(ctx context.Context) ([]engine.Chore, error) {
	rows, err := r.reading().Chores(ctx)
	if err != nil {
		return nil, err
	}
	chores := make([]engine.Chore, len(rows))
	for i, row := range rows {
		chores[i] = engine.Chore{Name: row.Name, NextAt: fromMS(row.NextAt), ChoreReport: engine.ChoreReport{DoneAt: fromMS(row.DoneAt), Error: row.Error}}
	}
	return chores, nil
}
