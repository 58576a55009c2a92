package store

import (
	"context"
	"fmt"
	"time"

	"example.com/syncd/store/db"
)

// Tidy takes out what ended before a time.
func (s *Store) Tidy(ctx context.Context, before time.Time, n int) (more bool, err error) {
	err = s.within(ctx, func(q *txn) error {
		more = false
		if err := lockDeciding(ctx, q); err != nil {
			return err
		}
		for _, t := range tidyings {
			left, err := t.tidy(ctx, q.Queries, ms(before), int32(n))
			if err != nil {
				return fmt.Errorf("take out old %s: %w", t.what, err)
			}
			more = more || left == n
		}
		if err := q.DropHoursOfDelivery(ctx, ms(before)); err != nil {
			return fmt.Errorf("take out old counts: %w", err)
		}
		return q.Unpark(ctx, db.UnparkParams{Now: ms(before), Unparked: ms(before.Add(10 * 365 * 24 * time.Hour))})
	})
	return more, err
}

// tidyings are what leaves, in an order in which nothing is taken out that something else refers to.
var tidyings = []struct {
	what string
	tidy func(ctx context.Context, q *db.Queries, before int64, n int32) (int, error)
}{
	{"copies", tidyCopies},
	{"schedules", tidySchedules},
	{"decisions", tidyDecisions},
	{"letters", tidyLetters},
}

func tidyCopies(ctx context.Context, q *db.Queries, before int64, n int32) (int, error) {
	rows, err := q.TidyCopies(ctx, db.TidyCopiesParams{Before: before, Most: n})
	for _, r := range rows {
		if err := q.DropCopy(ctx, db.DropCopyParams(r)); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}

func tidySchedules(ctx context.Context, q *db.Queries, before int64, n int32) (int, error) {
	ids, err := q.TidySchedules(ctx, db.TidySchedulesParams{Before: before, Most: n})
	for _, id := range ids {
		if err := dropSchedule(ctx, q, id); err != nil {
			return 0, err
		}
	}
	return len(ids), err
}

func dropSchedule(ctx context.Context, q *db.Queries, id string) error {
	for _, drop := range []func(context.Context, string) error{
		q.DropScheduleMeetings, q.DropScheduleMessages, q.DropScheduleRevisions, q.DropScheduleNotes, q.DropSchedule,
	} {
		if err := drop(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func tidyDecisions(ctx context.Context, q *db.Queries, before int64, n int32) (int, error) {
	meetings, err := q.TidyDecisions(ctx, db.TidyDecisionsParams{Before: before, Most: n})
	if err != nil {
		return 0, err
	}
	timeless, err := q.TidyTimeless(ctx, db.TidyTimelessParams{Before: before, Most: n})
	for _, m := range append(meetings, timeless...) {
		for _, drop := range []func(context.Context, string) error{q.DropCalls, q.DropDecision, q.DropUndecided, q.DropSignalsOfEnded} {
			if err := drop(ctx, m); err != nil {
				return 0, err
			}
		}
	}
	return max(len(meetings), len(timeless)), err
}

func tidyLetters(ctx context.Context, q *db.Queries, before int64, n int32) (int, error) {
	rows, err := q.TidyLetters(ctx, db.TidyLettersParams{Before: before, Most: n})
	for _, r := range rows {
		if err := dropLetter(ctx, q, r.Source, r.ID); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}

// dropLetter takes a letter out. Where it was read from stays known, so that it is not read again.
func dropLetter(ctx context.Context, q *db.Queries, source, id string) error {
	if err := q.DropLetterMeetings(ctx, db.DropLetterMeetingsParams{Source: source, Letter: id}); err != nil {
		return err
	}
	return q.DropLetter(ctx, db.DropLetterParams{Source: source, ID: id})
}
