package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// The settings that processes have in common.
const (
	settingRules     = "rules"
	settingAccess    = "access"
	settingRechecked = "rechecked"
)

func setting(ctx context.Context, q *db.Queries, name string) (string, error) {
	v, err := q.Setting(ctx, name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the setting %s: %w", name, err)
	}
	return v, nil
}

func count(ctx context.Context, q *db.Queries, name string) (int64, error) {
	v, err := setting(ctx, q, name)
	if err != nil || v == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the setting %s: %w", name, err)
	}
	return n, nil
}

// accessChanged counts that other calendars can be read than before, and has what hangs on it decided anew.
func accessChanged(ctx context.Context, q *txn, now time.Time) error {
	if err := q.Lock(ctx, "access"); err != nil {
		return fmt.Errorf("count a change of access: %w", err)
	}
	n, err := count(ctx, q.Queries, settingAccess)
	if err != nil {
		return err
	}
	if err := q.PutSetting(ctx, db.PutSettingParams{Name: settingAccess, Value: strconv.FormatInt(n+1, 10)}); err != nil {
		return fmt.Errorf("count a change of access: %w", err)
	}
	return q.MakeChoreDue(ctx, db.MakeChoreDueParams{Name: engine.Recheck.Chore(""), NextAt: ms(now)})
}

// Access counts changes of what can be read.
func (s *Store) Access(ctx context.Context) (changed, rechecked int64, err error) {
	q := s.reading()
	if rechecked, err = count(ctx, q, settingRechecked); err != nil {
		return 0, 0, err
	}
	changed, err = count(ctx, q, settingAccess)
	return changed, rechecked, err
}

// Recheck marks everything as undecided.
func (s *Store) Recheck(ctx context.Context, access int64, now time.Time) error {
	return s.within(ctx, func(q *txn) error {
		if err := q.PutSetting(ctx, db.PutSettingParams{Name: settingRechecked, Value: strconv.FormatInt(access, 10)}); err != nil {
			return fmt.Errorf("note the recheck: %w", err)
		}
		return markAll(ctx, q, now)
	})
}

// times are those that a look for what is due goes by.
type times struct{ now, skewed, latest int64 }

// skew is how far in the future something may have happened before the clock must have been set back.
const skew = time.Minute

func timesOf(now time.Time, lease time.Duration) times {
	return times{ms(now), ms(now.Add(skew)), ms(now.Add(lease + skew))}
}

// Dispatch admits what is due.
func (s *Store) Dispatch(ctx context.Context, a engine.Admission) (engine.Admitted, error) {
	var done engine.Admitted
	err := s.within(ctx, func(q *txn) error {
		done = engine.Admitted{}
		if alone, err := s.alone(ctx, q); err != nil || !alone {
			done.Next = a.Now.Add(behindAnother)
			return err
		}
		c := timesOf(a.Now, a.Lease)
		var err error
		if done.More, err = admitSources(ctx, q, a, c); err != nil {
			return err
		}
		for _, admit := range []func(context.Context, *txn, engine.Admission, times) error{admitChores, admitSteps, admitRest} {
			if err := admit(ctx, q, a, c); err != nil {
				return err
			}
		}
		done.Jobs = len(q.jobs)
		done.Next, err = nextDue(ctx, q, a.Now)
		return err
	})
	return done, err
}

// behindAnother is how long a process waits that has met another one dispatching. That one admits what is due to itself
// alone, of the sources to pull.
const behindAnother = 30 * time.Millisecond

// alone reports whether no other process is dispatching right now.
func (s *Store) alone(ctx context.Context, q *txn) (alone bool, err error) {
	if s.pool == nil {
		return true, nil
	}
	err = q.sql.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", dispatchLock).Scan(&alone)
	return alone, err
}

const dispatchLock = migrationLock + 1

// longestPark is longer than any provider is waited for.
const longestPark = longestWait

// admitSources leases sources to pull, each connection's in turn, so that one with many does not keep the others waiting.
// It reports whether there are more than the process may have under way.
func admitSources(ctx context.Context, q *txn, a engine.Admission, c times) (more bool, err error) {
	under, pulls, err := leased(ctx, q, a, c)
	if err != nil || pulls >= a.Pulls {
		return true, err
	}
	if err := q.ReadInFuture(ctx, db.ReadInFutureParams{Now: c.now, Skewed: c.skewed}); err != nil {
		return false, fmt.Errorf("find the sources that were read in the future: %w", err)
	}
	var due [][]db.DueSourcesRow // by connection
	for _, name := range slices.Sorted(maps.Keys(a.Connections)) {
		may := min(a.Each-under[name], a.Pulls-pulls)
		if may <= 0 {
			more = true
			continue
		}
		driver, account, _ := strings.Cut(name, ":")
		rows, err := q.DueSources(ctx, db.DueSourcesParams{
			Driver: driver, Account: account, Now: c.now, Latest: c.latest, Unparked: ms(a.Now.Add(longestPark)), Most: int32(may + 1),
		})
		if err != nil {
			return false, fmt.Errorf("read the sources of %s that are due: %w", name, err)
		}
		if len(rows) > may {
			more, rows = true, rows[:may]
		}
		due = append(due, rows)
	}
	for _, id := range inTurn(due) {
		if pulls >= a.Pulls {
			return true, nil
		}
		fence, err := q.LeaseSource(ctx, db.LeaseSourceParams{ID: id, LeasedUntil: ms(a.Now.Add(a.Lease)), LeasedBy: a.By})
		if err != nil {
			return false, fmt.Errorf("lease %s: %w", id, err)
		}
		pulls++
		q.need(engine.Job{Kind: engine.Pull, Subject: id, Fence: fence})
	}
	return more, nil
}

// leased is how many pulls are under way on behalf of this process: of each connection, and in all.
func leased(ctx context.Context, q *txn, a engine.Admission, c times) (under map[string]int, pulls int, err error) {
	rows, err := q.LeasesOf(ctx, db.LeasesOfParams{Now: c.now, Latest: c.latest, LeasedBy: a.By})
	if err != nil {
		return nil, 0, fmt.Errorf("read what is being pulled: %w", err)
	}
	under = map[string]int{}
	for _, r := range rows {
		under[r.Driver+":"+r.Account] = int(r.Pulls)
		pulls += int(r.Pulls)
	}
	return under, pulls, nil
}

// inTurn are the first of each, then the second ones, and so on; of those, who waits longest comes first.
func inTurn(due [][]db.DueSourcesRow) (ids []string) {
	for nth := 0; ; nth++ {
		var round []db.DueSourcesRow
		for _, rows := range due {
			if nth < len(rows) {
				round = append(round, rows[nth])
			}
		}
		if len(round) == 0 {
			return ids
		}
		slices.SortFunc(round, func(a, b db.DueSourcesRow) int {
			return cmp.Or(cmp.Compare(a.NextAt, b.NextAt), cmp.Compare(a.ID, b.ID))
		})
		for _, r := range round {
			ids = append(ids, r.ID)
		}
	}
}

func admitChores(ctx context.Context, q *txn, a engine.Admission, c times) error {
	rows, err := q.DueChores(ctx, db.DueChoresParams{Now: c.now, Skewed: c.skewed, Latest: c.latest})
	if err != nil {
		return fmt.Errorf("read the chores that are due: %w", err)
	}
	for _, r := range rows {
		if !a.Chores[r.Name] {
			continue
		}
		fence, err := q.LeaseChore(ctx, db.LeaseChoreParams{Name: r.Name, LeasedUntil: ms(a.Now.Add(a.Lease))})
		if err != nil {
			return fmt.Errorf("lease %s: %w", r.Name, err)
		}
		kind, subject := engine.ChoreJob(r.Name)
		q.need(engine.Job{Kind: kind, Subject: subject, Fence: fence})
	}
	return nil
}

// How many steps are admitted at a time, and how long one may take.
const (
	stepsAtOnce = 100
	stepLease   = 30 * time.Second
)

func admitSteps(ctx context.Context, q *txn, a engine.Admission, c times) error {
	ids, err := q.DueSteps(ctx, db.DueStepsParams{Now: c.now, Latest: c.latest, Most: stepsAtOnce})
	if err != nil {
		return fmt.Errorf("read the schedules whose next step is due: %w", err)
	}
	for _, id := range ids {
		fence, err := q.LeaseStep(ctx, db.LeaseStepParams{ID: id, LeasedUntil: ms(a.Now.Add(stepLease))})
		if err != nil {
			return fmt.Errorf("lease schedule %s: %w", id, err)
		}
		q.need(engine.Job{Kind: engine.Step, Subject: id, Fence: fence})
	}
	return nil
}

// forgotten is how long something undecided may wait before its job counts as lost.
const forgotten = 5 * time.Second

// admitRest has done what a transaction has had a job for, if that got lost, and what waited for a time.
func admitRest(ctx context.Context, q *txn, a engine.Admission, c times) error {
	for _, t := range a.Targets {
		due, err := q.DueMessages(ctx, db.DueMessagesParams{Target: t, Now: c.now, Skewed: c.skewed, Latest: c.latest, Most: 1})
		if err != nil {
			return fmt.Errorf("read what %s can be told: %w", t, err)
		}
		if len(due) > 0 {
			q.need(engine.Job{Kind: engine.Deliver, Subject: t})
		}
	}
	lost, err := q.UndecidedBefore(ctx, db.UndecidedBeforeParams{Before: ms(a.Now.Add(-forgotten)), Skewed: c.skewed, PutOff: ms(a.Now.Add(longestWait))})
	if err != nil {
		return fmt.Errorf("look for undecided meetings: %w", err)
	}
	if lost {
		q.need(engine.Job{Kind: engine.Decide})
	}
	return nil
}

// nextDue is when something is due that is not now; zero if nothing is.
func nextDue(ctx context.Context, q *txn, now time.Time) (next time.Time, err error) {
	r, err := q.NextDue(ctx, ms(now))
	if err != nil {
		return next, fmt.Errorf("read what is due next: %w", err)
	}
	for _, n := range []int64{r.Source, r.Step, r.Chore, r.Message} {
		if t := fromMS(n); n > 0 && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next, nil
}

// Begin takes up the pull of a source.
func (s *Store) Begin(ctx context.Context, src calendar.SourceID, fence int64, until time.Time) (engine.SourceState, error) {
	var state engine.SourceState
	err := s.within(ctx, func(q *txn) error {
		n, err := q.ExtendSource(ctx, db.ExtendSourceParams{ID: string(src), Fence: fence, LeasedUntil: ms(until)})
		if err != nil {
			return err
		}
		if n != 1 {
			return engine.ErrStale
		}
		row, err := q.Source(ctx, string(src))
		state = toState(row)
		return err
	})
	return state, err
}

// NextStart is when the next entry of a source starts.
func (s *Store) NextStart(ctx context.Context, src calendar.SourceID, t time.Time) (time.Time, error) {
	n, err := s.reading().NextStart(ctx, db.NextStartParams{Source: string(src), Behind: ms(t)})
	return fromMS(n), err
}

// Park leaves everything alone that is read as who.
func (s *Store) Park(ctx context.Context, who string, until time.Time) error {
	return s.writes.outside(s.write).Park(ctx, db.ParkParams{Who: who, UntilAt: ms(until)})
}

// ParkedUntil is until when a source is left alone.
func (s *Store) ParkedUntil(ctx context.Context, src calendar.Source) (time.Time, error) {
	connection := src.Driver + ":" + src.Account
	n, err := s.reading().ParkedUntil(ctx, db.ParkedUntilParams{Connection: connection, Reader: connection + "/" + src.Reader()})
	return fromMS(n), err
}

// MakeReaderDue makes a user's calendars due.
func (s *Store) MakeReaderDue(ctx context.Context, c engine.Connection, reader string, now time.Time) error {
	return s.writes.outside(s.write).MakeReaderDue(ctx, db.MakeReaderDueParams{Driver: c.Driver, Account: c.Account, Reader: reader, Now: ms(now)})
}

// MakeAllDue makes due what was refused or read in another way.
func (s *Store) MakeAllDue(ctx context.Context, reading string, now time.Time) error {
	return s.writes.outside(s.write).MakeAllDue(ctx, db.MakeAllDueParams{Reading: reading, Now: ms(now)})
}

// PutChore has work come round.
func (s *Store) PutChore(ctx context.Context, name string, at time.Time) error {
	return s.writes.outside(s.write).PutChore(ctx, db.PutChoreParams{Name: name, NextAt: ms(at)})
}

// MakeChoreDue has it done by then.
func (s *Store) MakeChoreDue(ctx context.Context, name string, at time.Time) error {
	return s.writes.outside(s.write).MakeChoreDue(ctx, db.MakeChoreDueParams{Name: name, NextAt: ms(at)})
}

// BeginChore takes it up.
func (s *Store) BeginChore(ctx context.Context, name string, fence int64, until time.Time) error {
	return fenced(s.writes.outside(s.write).ExtendChore(ctx, db.ExtendChoreParams{Name: name, Fence: fence, LeasedUntil: ms(until)}))
}

// DoneChore says when it is due again.
func (s *Store) DoneChore(ctx context.Context, name string, fence int64, r engine.ChoreReport) error {
	return fenced(s.writes.outside(s.write).DoneChore(ctx, db.DoneChoreParams{Name: name, Fence: fence, NextAt: ms(r.Next), DoneAt: ms(r.DoneAt), Error: r.Error}))
}

// fenced makes ErrStale of an update that found no row under its fence.
func fenced(rows int64, err error) error {
	if err == nil && rows != 1 {
		err = engine.ErrStale
	}
	return err
}
