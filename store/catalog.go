package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// A Catalog is an engine.Catalog of a store.
type Catalog struct {
	q     *db.Queries
	store *Store
}

var _ engine.Catalog = (*Catalog)(nil)

// readers is how many connections stay open to read with: opening one costs more than most queries.
const readers = 8

// Catalog is what the API looks up. It is good for as long as the store is open.
func (s *Store) Catalog() *Catalog {
	if s.pool == nil {
		s.read.SetMaxOpenConns(readers)
		s.read.SetMaxIdleConns(readers)
	}
	return &Catalog{s.reads.outside(s.read), s}
}

// before is the end of a list in time; without one, nothing is too late.
func before(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return ms(t)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// FindMeetings takes the index that leaves the fewest meetings to look at.
func (c *Catalog) FindMeetings(ctx context.Context, f engine.MeetingFilter, after engine.Place, n int) ([]engine.MeetingRow, *engine.Place, error) {
	if f.Text != "" || f.Provider != "" {
		return c.searchMeetings(ctx, f, after, n)
	}
	start, end, most := ms(after.Start), before(f.Before), int32(n)
	recorded := f.Recorded != nil && *f.Recorded
	var rows []db.MeetingIndex
	var err error
	switch {
	case f.Rule != "":
		rows, err = c.q.ListMeetingsFailing(ctx, db.ListMeetingsFailingParams{
			Rule: f.Rule, AfterStart: start, AfterID: after.ID, Before: end, Either: number(f.Recorded == nil), Recorded: recorded, Most: most,
		})
	case f.Recorded != nil:
		rows, err = c.q.ListMeetingsRecorded(ctx, db.ListMeetingsRecordedParams{Recorded: recorded, AfterStart: start, AfterID: after.ID, Before: end, Most: most})
	default:
		rows, err = c.q.ListMeetings(ctx, db.ListMeetingsParams{AfterStart: start, AfterID: after.ID, Before: end, Most: most})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find meetings: %w", err)
	}
	found := make([]engine.MeetingRow, len(rows))
	for i, r := range rows {
		found[i] = toMeetingRow(r)
	}
	if len(rows) < n || n == 0 {
		return found, nil, nil
	}
	last := rows[n-1]
	return found, &engine.Place{Start: fromMS(last.StartAt), ID: last.Meeting}, nil
}

// searchMeetings looks through meetings as the pages do.
func (c *Catalog) searchMeetings(ctx context.Context, f engine.MeetingFilter, after engine.Place, n int) ([]engine.MeetingRow, *engine.Place, error) {
	o := Overview{c.q, fewWindows}
	decisions, next, err := o.Meetings(ctx, OverviewFilter{Text: f.Text, To: f.Before, Provider: f.Provider, Recorded: f.Recorded, Rule: f.Rule}, after, n)
	if err != nil {
		return nil, nil, err
	}
	found := make([]engine.MeetingRow, len(decisions))
	for i, d := range decisions {
		found[i] = rowOf(d)
	}
	return found, next, nil
}

func toMeetingRow(r db.MeetingIndex) engine.MeetingRow {
	row := engine.MeetingRow{
		Meeting: calendar.Key(r.Meeting), Title: r.Title, Start: fromMS(r.StartAt), End: fromMS(r.EndAt), DecidedAt: fromMS(r.DecidedAt),
		Recorded: r.Recorded, Held: r.Held, Provider: r.Provider, Owner: r.Owner,
	}
	if r.Failing != "" {
		row.Failing = strings.Split(r.Failing, ",")
	}
	return row
}

// Trace is all that is known of a meeting.
func (c *Catalog) Trace(ctx context.Context, k calendar.Key) (engine.Trace, error) {
	d, err := c.q.MeetingDecision(ctx, string(k))
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Trace{}, engine.ErrUnknown
	}
	if err != nil {
		return engine.Trace{}, fmt.Errorf("read the decision: %w", err)
	}
	t := engine.Trace{Title: d.Title, DecidedAt: fromMS(d.DecidedAt), Decision: json.RawMessage(d.Data)}
	if d.Held != "" {
		t.Held = json.RawMessage(d.Held)
	}
	sources, err := c.q.MeetingSources(ctx, string(k))
	if err != nil {
		return t, fmt.Errorf("read the calendars of a meeting: %w", err)
	}
	for _, s := range sources {
		t.Sources = append(t.Sources, toState(s))
	}
	schedules, err := c.q.MeetingSchedules(ctx, string(k))
	if err != nil {
		return t, fmt.Errorf("read the schedules of a meeting: %w", err)
	}
	for _, s := range schedules {
		t.Schedules = append(t.Schedules, json.RawMessage(s))
	}
	return t, nil
}

// Known reports whether there was ever a decision on that meeting, or on one of that series.
func (c *Catalog) Known(ctx context.Context, k calendar.Key) (bool, error) {
	n, err := c.q.MeetingKnown(ctx, db.MeetingKnownParams{Meeting: string(k), Series: string(k)})
	if err != nil {
		return false, fmt.Errorf("look for a meeting: %w", err)
	}
	return n > 0, nil
}

// FindSchedules takes the index that leaves the fewest schedules to look at.
func (c *Catalog) FindSchedules(ctx context.Context, f engine.ScheduleFilter, after engine.Place, n int) ([]json.RawMessage, *engine.Place, error) {
	rows, err := c.listSchedules(ctx, f, after, n)
	if err != nil {
		return nil, nil, fmt.Errorf("find schedules: %w", err)
	}
	found := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		found[i] = json.RawMessage(r.Data)
	}
	if len(rows) < n || n == 0 {
		return found, nil, nil
	}
	last := rows[n-1]
	return found, &engine.Place{Start: fromMS(last.StartAt), ID: last.Schedule}, nil
}

func (c *Catalog) listSchedules(ctx context.Context, f engine.ScheduleFilter, after engine.Place, n int) ([]db.ListSchedulesRow, error) {
	start, end, most := ms(after.Start), before(f.Before), int32(n)
	switch {
	case f.Member != "":
		rows, err := c.q.ListSchedulesOfMember(ctx, db.ListSchedulesOfMemberParams{
			Member: strings.ToLower(f.Member), State: f.State, Provider: f.Provider, AfterStart: start, AfterID: after.ID, Before: end, Most: most,
		})
		return same(rows, err, func(r db.ListSchedulesOfMemberRow) db.ListSchedulesRow { return db.ListSchedulesRow(r) })
	case f.Provider != "":
		rows, err := c.q.ListSchedulesOfProvider(ctx, db.ListSchedulesOfProviderParams{
			Provider: f.Provider, State: f.State, AfterStart: start, AfterID: after.ID, Before: end, Most: most,
		})
		return same(rows, err, func(r db.ListSchedulesOfProviderRow) db.ListSchedulesRow { return db.ListSchedulesRow(r) })
	case f.State != "":
		rows, err := c.q.ListSchedulesOfState(ctx, db.ListSchedulesOfStateParams{State: f.State, AfterStart: start, AfterID: after.ID, Before: end, Most: most})
		return same(rows, err, func(r db.ListSchedulesOfStateRow) db.ListSchedulesRow { return db.ListSchedulesRow(r) })
	}
	return c.q.ListSchedules(ctx, db.ListSchedulesParams{AfterStart: start, AfterID: after.ID, Before: end, Most: most})
}

// same makes rows of one query those of another that has the same columns.
func same[A, B any](rows []A, err error, as func(A) B) ([]B, error) {
	all := make([]B, len(rows))
	for i, r := range rows {
		all[i] = as(r)
	}
	return all, err
}

// History is a schedule, and all of its revisions.
func (c *Catalog) History(ctx context.Context, id string) (json.RawMessage, []engine.Change, error) {
	data, err := c.q.ScheduleData(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, engine.ErrUnknown
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read a schedule: %w", err)
	}
	rows, err := c.q.RevisionsOf(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("read the revisions of a schedule: %w", err)
	}
	changes := make([]engine.Change, len(rows))
	for i, r := range rows {
		changes[i] = toChange(r)
	}
	return json.RawMessage(data), changes, nil
}

// Changes are revisions of all schedules, in the order of writing.
func (c *Catalog) Changes(ctx context.Context, after int64, n int) ([]engine.Change, error) {
	rows, err := c.q.RevisionsAfter(ctx, db.RevisionsAfterParams{After: after, Most: int32(n)})
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	changes := make([]engine.Change, len(rows))
	for i, r := range rows {
		changes[i] = toChange(r)
	}
	return changes, nil
}

func toChange(r db.Revision) engine.Change {
	return engine.Change{Seq: r.Seq, Schedule: r.Schedule, Revision: int(r.Revision), WrittenAt: fromMS(r.WrittenAt), Data: json.RawMessage(r.Data)}
}

// NewestChange is the number of the last revision.
func (c *Catalog) NewestChange(ctx context.Context) (int64, error) {
	n, err := c.q.NewestRevision(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the number of the last revision: %w", err)
	}
	return n, nil
}

// Calendars are sources, by id.
func (c *Catalog) Calendars(ctx context.Context, after calendar.SourceID, n int) ([]engine.SourceState, error) {
	return toStates(c.q.ListSources(ctx, db.ListSourcesParams{After: string(after), Most: int32(n)}))
}

// CalendarsOf are the sources of one address.
func (c *Catalog) CalendarsOf(ctx context.Context, address string) ([]engine.SourceState, error) {
	return toStates(c.q.SourcesOfCalendar(ctx, strings.ToLower(address)))
}

func toStates(rows []db.Source, err error) ([]engine.SourceState, error) {
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	states := make([]engine.SourceState, len(rows))
	for i, r := range rows {
		states[i] = toState(r)
	}
	return states, nil
}

// Connections are those that have calendars.
func (c *Catalog) Connections(ctx context.Context) ([]engine.ConnectionCount, error) {
	rows, err := c.q.CountSources(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the sources: %w", err)
	}
	counts := make([]engine.ConnectionCount, len(rows))
	for i, r := range rows {
		counts[i] = engine.ConnectionCount{
			Driver: r.Driver, Account: r.Account, Calendars: int(r.Calendars), Refused: int(r.Refused), Held: int(r.Held),
			Failing: int(r.Failing), ReadAt: fromMS(r.ReadAt),
		}
	}
	return counts, nil
}

// HeldLetters are mails that are held, the newest first.
func (c *Catalog) HeldLetters(ctx context.Context, behind engine.HeldLetter, n int) ([]engine.HeldLetter, error) {
	p := db.ListLettersParams{
		State: string(connectors.LetterHeld), BeforeReceived: ms(behind.Received), BeforeSource: string(behind.Source), BeforeID: behind.ID, Most: int32(n),
	}
	if behind.ID == "" {
		p.BeforeReceived = math.MaxInt64
	}
	kept, err := toKept(c.q.ListLetters(ctx, p))
	return toHeld(kept), err
}

func toHeld(kept []KeptLetter) []engine.HeldLetter {
	held := make([]engine.HeldLetter, len(kept))
	for i, l := range kept {
		held[i] = engine.HeldLetter{ID: l.ID, Source: l.Source, Received: l.Received, Sender: l.Sender, Reason: l.Reason}
		for _, n := range l.News {
			if held[i].Title == "" {
				held[i].Title = n.Event.Title
			}
			held[i].Meetings = append(held[i].Meetings, n.Meeting)
		}
	}
	return held
}

// ReleaseLetter has mails believed. The same mail may be held for several calendars: it is the same in all of them.
func (c *Catalog) ReleaseLetter(ctx context.Context, id string) ([]engine.HeldLetter, error) {
	var released []KeptLetter
	err := c.store.within(ctx, func(q *txn) error {
		var err error
		if released, err = toKept(q.LettersOfID(ctx, db.LettersOfIDParams{State: string(connectors.LetterHeld), ID: id})); err != nil {
			return err
		}
		for i := range released {
			if err := releaseLetter(ctx, q.Queries, &released[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(released) == 0 {
		err = engine.ErrUnknown
	}
	return toHeld(released), err
}
