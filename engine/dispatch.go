package engine

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/connectors"
)

// How often a process looks for what is due. When it was told of something, it looks at once.
const (
	looksEvery = time.Second
	failsRest  = 5 * time.Second // behind a store that failed
)

// tidiesEvery is how often what has ended long ago is looked for.
const tidiesEvery = time.Hour

// admission is what this process can do now.
func (e *Engine) admission() Admission {
	a := Admission{
		By: e.Name, Now: e.Now(), Lease: lease, Connections: map[string]bool{},
		Pulls: 2 * e.Parallel, Each: max(1, 2*e.Parallel-len(e.Connections)+1), Chores: map[string]bool{},
	}
	for _, c := range e.Connections {
		a.Connections[c.String()] = true
		a.Chores[Roster.Chore(c.String())] = true
	}
	a.Chores[Recheck.Chore("")] = true
	a.Chores[Tidying.Chore("")] = e.Retention > 0
	for _, t := range e.Targets {
		a.Targets = append(a.Targets, t.Name)
	}
	return a
}

// Start makes the store ready for this configuration: it may have changed while no process was running.
func (e *Engine) Start(ctx context.Context) error {
	now := e.Now()
	for _, c := range e.Connections {
		// Configuration and credentials may have been mended.
		if err := e.Store.MakeChoreDue(ctx, Roster.Chore(c.String()), now); err != nil {
			return fmt.Errorf("have the calendars of %s listed: %w", c, err)
		}
	}
	for _, name := range []string{Recheck.Chore(""), Tidying.Chore("")} {
		if err := e.Store.PutChore(ctx, name, now); err != nil {
			return fmt.Errorf("note the chore %s: %w", name, err)
		}
	}
	if !e.Shared { // nobody has read them since the last process
		if err := e.Store.MakeAllDue(ctx, "", now); err != nil {
			return fmt.Errorf("have all calendars read: %w", err)
		}
	}
	if err := e.enforce(ctx); err != nil {
		return err
	}
	return e.tellAll(ctx)
}

// enforce puts this process's rules in force.
func (e *Engine) enforce(ctx context.Context) error {
	x := e.inUse()
	if err := e.Store.SetRules(ctx, x.rules, e.Now()); err != nil {
		return fmt.Errorf("mark meetings as undecided: %w", err)
	}
	if err := e.Store.MakeAllDue(ctx, x.fingerprint, e.Now()); err != nil {
		return fmt.Errorf("have calendars read anew: %w", err)
	}
	return nil
}

// Round admits what is due. It reports how many jobs there are because of it, and when to look again.
func (e *Engine) Round(ctx context.Context) (admitted int, next time.Time, err error) {
	if err := e.adopt(ctx); err != nil {
		return 0, next, err
	}
	if err := e.lookAnew(ctx); err != nil {
		return 0, next, err
	}
	if err := e.take(ctx); err != nil {
		return 0, next, err
	}
	e.appetite.begin()
	done, err := e.Store.Dispatch(ctx, e.admission())
	if err != nil {
		return 0, next, fmt.Errorf("admit what is due: %w", err)
	}
	e.appetite.admitted(done.More)
	e.mu.Lock()
	e.roundAt = e.Now()
	e.mu.Unlock()
	return done.Jobs, done.Next, nil
}

// Pass does all that is due, alone, and returns when nothing is left. An error means that the store failed.
func (e *Engine) Pass(ctx context.Context) error {
	for {
		admitted, _, err := e.Round(ctx)
		if err != nil {
			return err
		}
		done, err := e.workOff(ctx)
		if err != nil {
			return err
		}
		if admitted == 0 && done == 0 {
			break
		}
	}
	return e.subscribeAll(ctx)
}

// workOff does the jobs that wait, Parallel at a time, and reports how many there were.
func (e *Engine) workOff(ctx context.Context) (int, error) {
	jobs, err := e.Store.Jobs(ctx, batch)
	if err != nil {
		return 0, fmt.Errorf("read the jobs: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, e.Parallel))
	for _, j := range jobs {
		g.Go(func() error {
			if err := e.Work(ctx, j); err != nil {
				return err
			}
			return e.Store.Finished(ctx, j)
		})
	}
	return len(jobs), g.Wait()
}

// Run does what is due, and whatever comes up, until ctx ends. after is called from time to time when something may have
// changed. A store that fails is tried again.
func (e *Engine) Run(ctx context.Context, after func(context.Context) error) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return e.listen(running) })
	for _, c := range e.Connections {
		if l, ok := c.Connector.(connectors.Listener); ok {
			g.Go(func() error { return e.hear(running, c, l) })
		}
	}
	g.Go(func() error { return e.rounds(running) })
	g.Go(func() error { return e.watch(running) })
	g.Go(func() error { return e.reports(running, after) })
	g.Go(func() error { return e.unlessDone(running, e.Store.Work(running, e.workers(), e.Work)) })
	err := g.Wait()
	if err == nil && !e.Shared {
		e.unsubscribeAll(ctx)
	}
	return err
}

// workers are how many jobs of each kind this process does at a time. All of deciding is one transaction behind the
// other, so that more of it at a time would only wait.
func (e *Engine) workers() map[Kind]int {
	return map[Kind]int{
		Pull: e.Parallel, Decide: 1, Step: 4, Deliver: max(2, 2*len(e.Targets)), Roster: 4, Recheck: 1, Tidying: 1,
	}
}

// rounds looks for what is due, again and again.
func (e *Engine) rounds(ctx context.Context) error {
	for ctx.Err() == nil {
		_, next, err := e.Round(ctx)
		rest := looksEvery
		if err != nil && ctx.Err() == nil {
			rest = failsRest
			e.Log.Error("the store can't be used; it is tried again", "error", err)
		}
		if until := next.Sub(e.Now()); err == nil && !next.IsZero() && until < rest {
			rest = max(until, 10*time.Millisecond)
		}
		e.mu.Lock()
		e.failing, e.triedAt = err != nil && ctx.Err() == nil, e.Now()
		e.mu.Unlock()
		e.pause(ctx, e.jitter(rest), e.wake)
	}
	return nil
}

// watch asks providers for pushes of the calendars that this process has read.
func (e *Engine) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := e.subscribeAll(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("subscriptions can't be stored; it is tried again", "error", err)
		}
		e.pause(ctx, e.jitter(5*looksEvery), nil)
	}
	return nil
}

// tellsEvery is how often it is said how far long work has come.
const tellsEvery = 10 * time.Second

// reports calls after once a second when nothing is left to do, and says from time to time how far it is when there is.
func (e *Engine) reports(ctx context.Context, after func(context.Context) error) error {
	for told := e.Now(); ; {
		e.pause(ctx, looksEvery, nil)
		if ctx.Err() != nil {
			return nil
		}
		p, err := e.Store.Progress(ctx, e.Now())
		switch {
		case err != nil:
		case p.Undecided == 0 && p.Unread == 0:
			err = after(ctx)
		case e.Now().Sub(told) >= tellsEvery:
			told = e.Now()
			e.Log.Info("reading calendars and deciding", "calendars_unread", p.Unread, "calendars", p.Sources, "meetings_undecided", p.Undecided)
			err = after(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.Log.Error("what has changed can't be read; it is tried again", "error", err)
		}
	}
}

// pause waits until the time is up, something wakes it, or ctx ends.
func (e *Engine) pause(ctx context.Context, rest time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

// unlessDone is err, but nothing when it only says that ctx ended.
func (e *Engine) unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
