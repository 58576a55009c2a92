package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// An Overview is what pages for people ask a store for: in pages, with filters, and counted.
type Overview struct {
	q       *db.Queries
	windows int // that one page may take, at most
}

// Overview is good for as long as the store is open.
func (s *Store) Overview() *Overview { return &Overview{s.Catalog().q, mostWindows} }

// An OverviewFilter means some meetings or schedules. What is zero does not matter.
type OverviewFilter struct {
	// Text is in what Words has of a meeting, in whatever case.
	Text string
	// From and To are a stretch in which it takes place, at least in part. What has no time is in all.
	From, To time.Time
	Provider string
	// Recorded: the meeting is recorded, or is not; the schedule is not cancelled, or is.
	Recorded *bool
	Rule     string // of meetings: which fails
}

// How many rows one query looks through, how many queries one page may take, for people and for programs, and of how many
// meetings at most failing rules are counted. A page that looked through so many rows may be short, and goes on: people
// would have to ask for the next one, programs do so by themselves.
const (
	window      = 5000
	mostWindows = 8
	fewWindows  = 1
	mostCounted = 50_000
)

// longDay is what lasts longer than what has an index of its own (migrations/00030_console.sql).
const longDay = 24 * time.Hour

// A stretch is a part of a list by start and id.
type stretch struct {
	after  engine.Place
	before int64
}

// stretches are those of a list in which something may be that takes place behind from, or has no time: what has none,
// then what begins from a time on that nothing earlier reaches over from.
func (f OverviewFilter) stretches(ctx context.Context, after engine.Place, first func(context.Context, int64) (int64, error)) ([]stretch, error) {
	whole := stretch{after, before(f.To)}
	if f.From.IsZero() {
		return []stretch{whole}, nil
	}
	begins := ms(f.From.Add(-longDay))
	long, err := first(ctx, ms(f.From))
	if err != nil {
		return nil, fmt.Errorf("look for what lasts long: %w", err)
	}
	if long > 0 {
		begins = min(begins, long)
	}
	if whole.before <= 1 { // nothing but what has no time
		return []stretch{whole}, nil
	}
	later := stretch{engine.Place{Start: fromMS(begins)}, whole.before}
	switch {
	case ms(after.Start) >= begins:
		return []stretch{whole}, nil
	case ms(after.Start) > 0:
		return []stretch{later}, nil
	}
	return []stretch{{after, 1}, later}, nil
}

// list goes through stretches window by window until there is one item more than n, which says that the list goes on. page reads a window; end says where one ends,
// and fails with sql.ErrNoRows at the end of the stretch.
func list[T any](ctx context.Context, all []stretch, n int, windows int, page func(s stretch, most int32) ([]T, error), place func(T) engine.Place, end func(stretch) (engine.Place, error)) ([]T, *engine.Place, error) {
	var found []T
	for _, s := range all {
		for {
			rows, err := page(s, int32(n+1-len(found)))
			if err != nil {
				return nil, nil, err
			}
			if found = append(found, rows...); len(found) > n {
				last := place(found[n-1])
				return found[:n], &last, nil
			}
			next, err := end(s)
			if errors.Is(err, sql.ErrNoRows) {
				break
			}
			if err != nil {
				return nil, nil, fmt.Errorf("find where a list goes on: %w", err)
			}
			if windows--; windows == 0 {
				return found, &next, nil
			}
			s.after = next
		}
	}
	return found, nil, nil
}

func (f OverviewFilter) pattern() string {
	if f.Text == "" {
		return ""
	}
	return containing(f.Text)
}

// containing is a pattern for LIKE that finds text in what is in lower case.
func containing(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(text)) + "%"
}

// recorded is the filter's as queries have it.
func (f OverviewFilter) recorded() (either int64, recorded bool) {
	return number(f.Recorded == nil), f.Recorded != nil && *f.Recorded
}

// Meetings are at most n decisions behind a place, by start and meeting; those without a time come first. A page may be
// shorter and go on.
func (o *Overview) Meetings(ctx context.Context, f OverviewFilter, after engine.Place, n int) ([]engine.Decision, *engine.Place, error) {
	all, err := f.stretches(ctx, after, o.q.LongMeetings)
	if err != nil {
		return nil, nil, err
	}
	either, recorded := f.recorded()
	page := func(s stretch, most int32) ([]engine.Decision, error) {
		p := db.PageOfMeetingsParams{
			AfterStart: ms(s.after.Start), AfterID: s.after.ID, Before: s.before, Scan: window, FromAt: ms(f.From), Provider: f.Provider,
			Either: either, Recorded: recorded, Pattern: f.pattern(), Most: most,
		}
		if f.Rule == "" {
			return toDecisions(o.q.PageOfMeetings(ctx, p))
		}
		return toDecisions(o.q.PageOfFailing(ctx, db.PageOfFailingParams{
			Rule: f.Rule, AfterStart: p.AfterStart, AfterID: p.AfterID, Before: p.Before, Scan: p.Scan, FromAt: p.FromAt, Provider: p.Provider,
			Either: either, Recorded: recorded, Pattern: p.Pattern, Most: most,
		}))
	}
	end := func(s stretch) (engine.Place, error) {
		p := db.PlaceOfMeetingParams{AfterStart: ms(s.after.Start), AfterID: s.after.ID, Before: s.before, Skip: window - 1}
		if f.Rule == "" {
			r, err := o.q.PlaceOfMeeting(ctx, p)
			return engine.Place{Start: fromMS(r.StartAt), ID: r.Meeting}, err
		}
		r, err := o.q.PlaceOfFailing(ctx, db.PlaceOfFailingParams{Rule: f.Rule, AfterStart: p.AfterStart, AfterID: p.AfterID, Before: p.Before, Skip: p.Skip})
		return engine.Place{Start: fromMS(r.StartAt), ID: r.Meeting}, err
	}
	found, next, err := list(ctx, all, n, o.windows, page, func(d engine.Decision) engine.Place { return engine.Place{Start: d.Start, ID: string(d.Meeting)} }, end)
	if err != nil {
		return nil, nil, fmt.Errorf("list meetings: %w", err)
	}
	return found, next, nil
}

// Failing counts by rule the meetings of f that it fails, of the first 50,000. f.Rule does not count.
func (o *Overview) Failing(ctx context.Context, f OverviewFilter) (map[string]int, error) {
	all, err := f.stretches(ctx, engine.Place{}, o.q.LongMeetings)
	if err != nil {
		return nil, err
	}
	either, recorded := f.recorded()
	counts := map[string]int{}
	for _, s := range all {
		rows, err := o.q.CountFailing(ctx, db.CountFailingParams{
			AfterStart: ms(s.after.Start), AfterID: s.after.ID, Before: s.before, Scan: mostCounted, FromAt: ms(f.From), Provider: f.Provider,
			Either: either, Recorded: recorded, Pattern: f.pattern(),
		})
		if err != nil {
			return nil, fmt.Errorf("count failing rules: %w", err)
		}
		for _, r := range rows {
			counts[r.Rule] += int(r.Meetings)
		}
	}
	return counts, nil
}

// A ScheduleRow is a schedule in a list.
type ScheduleRow struct {
	schedule.Schedule      // the newest revision, without its reasons
	Private           bool // one of its meetings is
	Progress          Progress
}

// Schedules are at most n schedules behind a place, by start and id. A page may be shorter and go on.
func (o *Overview) Schedules(ctx context.Context, f OverviewFilter, after engine.Place, n int) ([]ScheduleRow, *engine.Place, error) {
	all, err := f.stretches(ctx, after, o.q.LongSchedules)
	if err != nil {
		return nil, nil, err
	}
	either, recorded := f.recorded()
	page := func(s stretch, most int32) ([]db.PageOfSchedulesRow, error) {
		return o.q.PageOfSchedules(ctx, db.PageOfSchedulesParams{
			AfterStart: ms(s.after.Start), AfterID: s.after.ID, Before: s.before, Scan: window, FromAt: ms(f.From), Provider: f.Provider,
			Either: either, Cancelled: !recorded, Pattern: f.pattern(), Most: most,
		})
	}
	end := func(s stretch) (engine.Place, error) {
		r, err := o.q.PlaceOfSchedule(ctx, db.PlaceOfScheduleParams{AfterStart: ms(s.after.Start), AfterID: s.after.ID, Before: s.before, Skip: window - 1})
		return engine.Place{Start: fromMS(r.StartAt), ID: r.Schedule}, err
	}
	place := func(r db.PageOfSchedulesRow) engine.Place {
		return engine.Place{Start: fromMS(r.StartAt), ID: r.Schedule}
	}
	found, next, err := list(ctx, all, n, o.windows, page, place, end)
	if err != nil {
		return nil, nil, fmt.Errorf("list schedules: %w", err)
	}
	rows := make([]ScheduleRow, len(found))
	for i, r := range found {
		rows[i] = ScheduleRow{Private: r.Private, Progress: Progress(r.Progress)}
		if rows[i].Schedule, err = toSchedule(r.Data); err != nil {
			return nil, nil, err
		}
	}
	return rows, next, nil
}

// Hours counts the schedules of f that are not cancelled by the hour, from f.From on, in which they begin.
func (o *Overview) Hours(ctx context.Context, f OverviewFilter) (map[time.Time]int, error) {
	rows, err := o.q.CountHours(ctx, db.CountHoursParams{FromAt: ms(f.From), Before: before(f.To), Provider: f.Provider, Pattern: f.pattern()})
	if err != nil {
		return nil, fmt.Errorf("count schedules: %w", err)
	}
	counts := map[time.Time]int{}
	for _, r := range rows {
		counts[f.From.Add(time.Duration(r.Hour)*time.Hour)] = int(r.Recordings)
	}
	return counts, nil
}

// Decision is the one on a meeting. The error is engine.ErrUnknown if there is none.
func (o *Overview) Decision(ctx context.Context, k calendar.Key) (engine.Decision, error) {
	row, err := o.q.Decision(ctx, string(k))
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Decision{}, engine.ErrUnknown
	}
	if err != nil {
		return engine.Decision{}, fmt.Errorf("read the decision: %w", err)
	}
	return toDecision(row)
}

// SourcesOf are those that hold a copy of the meeting.
func (o *Overview) SourcesOf(ctx context.Context, k calendar.Key) ([]engine.SourceState, error) {
	return toStates(o.q.MeetingSources(ctx, string(k)))
}

// A RevisionRow is a revision of a schedule.
type RevisionRow struct {
	schedule.Schedule
	WrittenAt time.Time
}

// Revisions are at most n revisions of a schedule, the newest first.
func (o *Overview) Revisions(ctx context.Context, id string, n int) ([]RevisionRow, error) {
	rows, err := o.q.LastRevisions(ctx, db.LastRevisionsParams{Schedule: id, Most: int32(n)})
	if err != nil {
		return nil, fmt.Errorf("read the revisions of a schedule: %w", err)
	}
	all := make([]RevisionRow, len(rows))
	for i, r := range rows {
		all[i].WrittenAt = fromMS(r.WrittenAt)
		if all[i].Schedule, err = toSchedule(r.Data); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// A SourceFilter means some sources. What is zero does not matter.
type SourceFilter struct {
	Text       string // in the calendar's address, in whatever case
	Connection string // DRIVER:ACCOUNT
	// Trouble: it is refused, failing or held, or was read before Late, well and last.
	Trouble bool
	Late    time.Time
}

// Sources are at most n sources with ids behind after, by id.
func (o *Overview) Sources(ctx context.Context, f SourceFilter, after calendar.SourceID, n int) ([]engine.SourceState, error) {
	p := db.PageOfSourcesParams{After: string(after), Connection: f.Connection, Trouble: number(f.Trouble), Late: ms(f.Late), Most: int32(n)}
	if f.Text != "" {
		p.Pattern = containing(f.Text)
	}
	return toStates(o.q.PageOfSources(ctx, p))
}

// A SourceCount says how the sources of one connection fare. Each counts once, for the worst that is wrong with it.
type SourceCount struct {
	Calendars, Refused, Failing, Held, Late int
	Pushes                                  int // whose provider tells of changes
}

// SourceCounts are those of all connections that have sources, by DRIVER:ACCOUNT. late is before when a source must have
// been read last to be late.
func (o *Overview) SourceCounts(ctx context.Context, now, late time.Time) (map[string]SourceCount, error) {
	rows, err := o.q.SourcesByConnection(ctx, ms(late))
	if err != nil {
		return nil, fmt.Errorf("count the sources: %w", err)
	}
	pushes, err := o.q.PushesByConnection(ctx, ms(now))
	if err != nil {
		return nil, fmt.Errorf("count the subscriptions: %w", err)
	}
	counts := map[string]SourceCount{}
	for _, r := range rows {
		counts[r.Driver+":"+r.Account] = SourceCount{Calendars: int(r.Calendars), Refused: int(r.Refused), Failing: int(r.Failing), Held: int(r.Held), Late: int(r.Late)}
	}
	for _, r := range pushes {
		c := counts[r.Driver+":"+r.Account]
		c.Pushes = int(r.Calendars)
		counts[r.Driver+":"+r.Account] = c
	}
	return counts, nil
}

// ReadSince counts by DRIVER:ACCOUNT the sources that were read well since then.
func (o *Overview) ReadSince(ctx context.Context, t time.Time) (map[string]int, error) {
	rows, err := o.q.SourcesReadSince(ctx, ms(t))
	if err != nil {
		return nil, fmt.Errorf("count the sources by age: %w", err)
	}
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.Driver+":"+r.Account] = int(r.Calendars)
	}
	return counts, nil
}

// HeldLetters are at most n letters that are held, the newest first, behind one of them; the zero one begins.
func (o *Overview) HeldLetters(ctx context.Context, behind KeptLetter, n int) ([]KeptLetter, error) {
	p := db.ListLettersParams{
		State: string(connectors.LetterHeld), BeforeReceived: ms(behind.Received), BeforeSource: string(behind.Source), BeforeID: behind.ID, Most: int32(n),
	}
	if behind.ID == "" {
		p.BeforeReceived = math.MaxInt64
	}
	return toKept(o.q.ListLetters(ctx, p))
}

// Held is how many letters are held.
func (o *Overview) Held(ctx context.Context) (int, error) {
	n, err := o.q.CountLetters(ctx, string(connectors.LetterHeld))
	if err != nil {
		return 0, fmt.Errorf("count the letters that are held: %w", err)
	}
	return int(n), nil
}

// A Version moves whenever something does that people see: two that are equal are of the same store, as far as
// decisions, schedules, letters and deliveries go, and calendars to a quarter of a minute.
type Version struct{ Written, Delivered, Dead, Tried int64 }

// readingsCount is how exactly a Version has when calendars were read.
const readingsCount = 15 * time.Second

// Version is the store's at a time.
func (o *Overview) Version(ctx context.Context, now time.Time) (Version, error) {
	r, err := o.q.WhatChanged(ctx, ms(now.Add(-2*time.Hour).Truncate(time.Hour)))
	if err != nil {
		return Version{}, fmt.Errorf("look whether something has changed: %w", err)
	}
	return Version{r.Written, r.Delivered, r.Dead, r.Tried / readingsCount.Milliseconds()}, nil
}
