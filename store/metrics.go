package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/syncd/engine"
)

// Figures counts what there is. It reads whole tables, and keeps nobody from working meanwhile: whoever asks often keeps
// the answer for a while.
func (r *Reader) Figures(ctx context.Context, now time.Time) (f engine.Figures, err error) {
	for _, part := range []struct {
		what  string
		count func(context.Context, *engine.Figures, time.Time) error
	}{
		{"calendars", r.countCalendars}, {"undecided meetings", r.countUndecided}, {"jobs", r.countJobs}, {"deliveries", r.countMessages},
		{"recordings", r.countSchedules}, {"meetings", r.countMeetings}, {"held mails", r.countLetters},
	} {
		if err := part.count(ctx, &f, now); err != nil {
			return f, fmt.Errorf("count the %s: %w", part.what, err)
		}
	}
	return f, nil
}

func (r *Reader) countCalendars(ctx context.Context, f *engine.Figures, now time.Time) error {
	rows, err := r.reading().CountCalendars(ctx, ms(now))
	bounds := engine.AgeBounds()
	for _, row := range rows {
		i := slices.IndexFunc(f.Calendars, func(c engine.CalendarFigures) bool {
			return c.Driver == row.Driver && c.Account == row.Account && c.State == engine.CalendarState(row.State)
		})
		if i < 0 {
			i = len(f.Calendars)
			f.Calendars = append(f.Calendars, engine.CalendarFigures{
				Driver: row.Driver, Account: row.Account, State: engine.CalendarState(row.State), Ages: make([]int64, len(bounds)+1),
			})
		}
		c := &f.Calendars[i]
		c.Calendars += row.Calendars
		if !row.WasRead {
			continue
		}
		at := slices.Index(bounds, time.Duration(row.UpTo)*time.Second)
		if at < 0 {
			at = len(bounds)
		}
		c.Ages[at] += row.Calendars
		c.Sum += max(0, time.Duration(row.Ages)*time.Millisecond)
		c.Oldest = max(c.Oldest, now.Sub(fromMS(row.Oldest)))
	}
	return err
}

func (r *Reader) countUndecided(ctx context.Context, f *engine.Figures, now time.Time) error {
	row, err := r.reading().CountUndecided(ctx)
	f.Undecided = engine.UndecidedFigures{Waiting: row.Waiting, Failing: row.Failing, Oldest: since(row.Oldest, now)}
	return err
}

// since is how long ago a stored time is; 0 if it is unknown or to come.
func since(at int64, now time.Time) time.Duration {
	if at == 0 {
		return 0
	}
	return max(0, now.Sub(fromMS(at)))
}

// waitingJobs counts River's jobs. The table is River's own, so that sqlc does not know it.
const waitingJobs = `SELECT queue, CAST(state AS TEXT), count(*) FROM river_job
WHERE state IN ('available', 'running', 'retryable', 'scheduled') GROUP BY queue, state`

func (r *Reader) countJobs(ctx context.Context, f *engine.Figures, _ time.Time) (err error) {
	rows, err := r.db.read.QueryContext(ctx, waitingJobs)
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for rows.Next() {
		var j engine.JobFigures
		if err := rows.Scan(&j.Kind, &j.State, &j.Jobs); err != nil {
			return err
		}
		f.Jobs = append(f.Jobs, j)
	}
	return rows.Err()
}

func (r *Reader) countMessages(ctx context.Context, f *engine.Figures, now time.Time) error {
	target := func(name string) *engine.TargetFigures {
		i := slices.IndexFunc(f.Targets, func(t engine.TargetFigures) bool { return t.Target == name })
		if i < 0 {
			i = len(f.Targets)
			f.Targets = append(f.Targets, engine.TargetFigures{Target: name})
		}
		return &f.Targets[i]
	}
	waiting, err := r.reading().CountWaiting(ctx)
	if err != nil {
		return err
	}
	for _, row := range waiting {
		if t := target(row.Target); row.Early {
			t.Early = row.Messages
		} else {
			t.Waiting, t.Oldest = row.Messages, since(row.Oldest, now)
		}
	}
	givenUp, err := r.reading().CountGivenUp(ctx)
	for _, row := range givenUp {
		target(row.Target).GivenUp = row.Messages
	}
	return err
}

func (r *Reader) countSchedules(ctx context.Context, f *engine.Figures, now time.Time) error {
	rows, err := r.reading().CountSchedules(ctx, ms(now))
	for _, row := range rows {
		if row.Upcoming {
			f.Upcoming = row.Schedules
		} else {
			f.Running = row.Schedules
		}
	}
	return err
}

func (r *Reader) countMeetings(ctx context.Context, f *engine.Figures, now time.Time) error {
	meetings, err := r.reading().CountMeetings(ctx, ms(now))
	if err != nil {
		return err
	}
	for _, row := range meetings {
		if row.Recorded {
			f.Meetings.Recorded = row.Meetings
		} else {
			f.Meetings.Skipped = row.Meetings
		}
	}
	if f.Meetings.Held, err = r.reading().CountHeld(ctx, ms(now)); err != nil {
		return err
	}
	failing, err := r.reading().CountFailures(ctx, ms(now))
	f.Failing = map[string]int64{}
	for _, row := range failing {
		f.Failing[row.Rule] = row.Meetings
	}
	return err
}

func (r *Reader) countLetters(ctx context.Context, f *engine.Figures, _ time.Time) (err error) {
	f.HeldLetters, err = r.reading().CountHeldLetters(ctx)
	return err
}
