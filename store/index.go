package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// indexDecision keeps what lists of meetings show and are filtered by, in the transaction that stores the decision. copies
// are those of the meeting.
func indexDecision(ctx context.Context, q *db.Queries, d engine.Decision, copies []calendar.Copy) error {
	row, key := rowOf(d), string(d.Meeting)
	err := q.PutMeetingIndex(ctx, db.PutMeetingIndexParams{
		Meeting: key, Series: d.Meeting.Series(), StartAt: ms(row.Start), EndAt: ms(row.End), DecidedAt: ms(row.DecidedAt),
		Recorded: row.Recorded, Held: row.Held, Title: row.Title, Provider: row.Provider, Owner: row.Owner, Failing: strings.Join(row.Failing, ","),
	})
	if err != nil {
		return fmt.Errorf("index the decision: %w", err)
	}
	if err := q.PutMeetingWords(ctx, db.PutMeetingWordsParams{Meeting: key, Words: words(d, copies)}); err != nil {
		return fmt.Errorf("index the words of the meeting: %w", err)
	}
	if err := q.DropMeetingFailures(ctx, key); err != nil {
		return fmt.Errorf("index its failing rules: %w", err)
	}
	for _, rule := range row.Failing {
		if err := q.PutMeetingFailure(ctx, db.PutMeetingFailureParams{Rule: rule, StartAt: ms(row.Start), Meeting: key}); err != nil {
			return fmt.Errorf("index its failing rules: %w", err)
		}
	}
	return nil
}

// rowOf is what lists show of a decision.
func rowOf(d engine.Decision) engine.MeetingRow {
	planned := d.Planned()
	row := engine.MeetingRow{
		Meeting: d.Meeting, Title: d.Title, Start: d.Start, End: d.End, DecidedAt: d.DecidedAt,
		Recorded: planned.Record, Held: d.Held != nil, Provider: planned.Provider, Owner: planned.Owner,
	}
	for _, c := range d.Checks {
		if c.Status == eligibility.Fail {
			row.Failing = append(row.Failing, c.Rule)
		}
	}
	return row
}

// isPrivate reports whether of the meeting nothing but the times may be told.
func isPrivate(d engine.Decision) bool {
	return slices.ContainsFunc(d.Checks, func(c eligibility.Check) bool { return c.Rule == "private" && c.Status == eligibility.Fail })
}

// words are what people look for a meeting by: none of a private one.
func words(d engine.Decision, copies []calendar.Copy) string {
	if isPrivate(d) {
		return ""
	}
	seen, all := map[string]bool{"": true}, []string(nil)
	add := func(values ...string) {
		for _, v := range values {
			if v = strings.ToLower(v); !seen[v] {
				seen[v] = true
				all = append(all, v)
			}
		}
	}
	add(d.Title, d.JoinURL, d.MeetingID, d.Owner)
	for _, c := range copies {
		if c.Private() {
			continue
		}
		add(c.Title, c.Organizer.Email)
		for _, a := range c.Attendees {
			add(a.Email)
		}
		if c.Links == nil {
			continue
		}
		for _, l := range c.Links.Links {
			add(l.URL, l.MeetingID)
		}
	}
	return strings.Join(all, "\t")
}

// indexSchedule is indexDecision for a schedule.
func indexSchedule(ctx context.Context, q *db.Queries, s schedule.Schedule) error {
	members := map[string]bool{}
	for _, m := range append([]string{s.Owner}, s.OnBehalfOf...) {
		if m != "" {
			members[strings.ToLower(m)] = true
		}
	}
	s.Reasons = nil
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	err = q.PutScheduleIndex(ctx, db.PutScheduleIndexParams{
		Schedule: s.ID, StartAt: ms(s.Start), State: string(s.State), Provider: s.Provider, Data: string(data),
	})
	if err != nil {
		return fmt.Errorf("index schedule %s: %w", s.ID, err)
	}
	if err := q.DropScheduleMembers(ctx, s.ID); err != nil {
		return fmt.Errorf("index the members of schedule %s: %w", s.ID, err)
	}
	for m := range members {
		if err := q.PutScheduleMember(ctx, db.PutScheduleMemberParams{Member: m, StartAt: ms(s.Start), Schedule: s.ID}); err != nil {
			return fmt.Errorf("index the members of schedule %s: %w", s.ID, err)
		}
	}
	return nil
}

// indexBatch is how many rows are indexed in one transaction.
const indexBatch = 500

// reindex indexes what was written before there were indexes.
func (s *Store) reindex(ctx context.Context) error {
	for more := true; more; {
		err := s.within(ctx, func(q *txn) error {
			rows, err := q.UnwordedDecisions(ctx, indexBatch)
			if err != nil {
				return fmt.Errorf("find decisions to index: %w", err)
			}
			more = len(rows) == indexBatch
			for _, r := range rows {
				d, err := toDecision(r)
				if err != nil {
					return err
				}
				m, err := meeting(ctx, q.Queries, d.Meeting)
				if err != nil {
					return err
				}
				if err := indexDecision(ctx, q.Queries, d, m.Copies); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for more := true; more; {
		err := s.within(ctx, func(q *txn) error {
			rows, err := q.UnindexedSchedules(ctx, indexBatch)
			if err != nil {
				return fmt.Errorf("find schedules to index: %w", err)
			}
			more = len(rows) == indexBatch
			for _, data := range rows {
				sch, err := toSchedule(data)
				if err != nil {
					return err
				}
				if err := indexSchedule(ctx, q.Queries, sch); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
