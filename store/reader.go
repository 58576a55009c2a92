package store

import (
	"context"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// Schedules are those that end after t, by start.
func (s *Store) Schedules(ctx context.Context, t time.Time) ([]schedule.Schedule, error) {
	rows, err := s.reading().Schedules(ctx, ms(t))
	return toSchedules(rows, err)
}

// SchedulesOf are those that name the meeting, or once did.
func (s *Store) SchedulesOf(ctx context.Context, k calendar.Key) ([]schedule.Schedule, error) {
	rows, err := s.reading().SchedulesOfMeeting(ctx, string(k))
	return toSchedules(rows, err)
}

func toSchedules(rows []db.Schedule, err error) ([]schedule.Schedule, error) {
	if err != nil {
		return nil, err
	}
	schedules := make([]schedule.Schedule, len(rows))
	for i, r := range rows {
		if schedules[i], err = toSchedule(r.Data); err != nil {
			return nil, err
		}
	}
	return schedules, nil
}

// DecisionsAfter are at most n decisions written after seq.
func (s *Store) DecisionsAfter(ctx context.Context, seq int64, n int) ([]engine.Decision, error) {
	rows, err := s.reading().DecisionsAfter(ctx, db.DecisionsAfterParams{After: seq, Most: int32(n)})
	return toDecisions(rows, err)
}

// Decisions are all decisions, by start.
func (s *Store) Decisions(ctx context.Context) ([]engine.Decision, error) {
	rows, err := s.reading().Decisions(ctx)
	return toDecisions(rows, err)
}

func toDecisions(rows []db.Decision, err error) ([]engine.Decision, error) {
	if err != nil {
		return nil, err
	}
	decisions := make([]engine.Decision, len(rows))
	for i, r := range rows {
		if decisions[i], err = toDecision(r); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// Meeting has all copies of the meeting.
func (s *Store) Meeting(ctx context.Context, k calendar.Key) (calendar.Meeting, error) {
	return meeting(ctx, s.reading(), k)
}
