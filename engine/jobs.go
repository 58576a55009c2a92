package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Job is a piece of work that waits in the store for a process to do it. It may be done twice, by two processes at a
// time even: what it does to the store is guarded by fences and compare-and-swaps.
type Job struct {
	ID      int64 // the store's
	Kind    Kind
	Subject string // what it is about, by kind
	Fence   int64  // under which its subject was admitted; 0 where it was not
}

// A Kind of job.
type Kind string

// The kinds of jobs.
const (
	Pull    Kind = "pull"    // a source, by its id
	Decide  Kind = "decide"  // whatever is undecided
	Step    Kind = "step"    // a schedule, by its id, whose next step is due
	Deliver Kind = "deliver" // whatever a target, by its name, can be told now
	Roster  Kind = "roster"  // a connection's calendars are listed, by its name
	Recheck Kind = "recheck" // what hangs on which calendars can be read is decided anew
	Tidying Kind = "tidying" // what has ended long ago leaves
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Pull, Decide, Step, Deliver, Roster, Recheck, Tidying} }

// Chore is the name of the chore that a job of this kind is, and ChoreJob what a chore of this name is. Other kinds
// are no chores.
func (k Kind) Chore(subject string) string { return strings.TrimSpace(string(k) + " " + subject) }

// ChoreJob is the kind and the subject of the chore.
func ChoreJob(name string) (Kind, string) {
	kind, subject, _ := strings.Cut(name, " ")
	return Kind(kind), subject
}

// work says what doing a job of each kind is.
func (e *Engine) work() map[Kind]func(context.Context, Job) error {
	return map[Kind]func(context.Context, Job) error{
		Pull:    e.pull,
		Decide:  e.decideAll,
		Step:    e.step,
		Deliver: e.deliverAll,
		Roster:  e.chore(e.list),
		Recheck: e.chore(e.recheck),
		Tidying: e.chore(e.tidy),
	}
}

// Work does one job. What a provider or a sink refuses is noted and tried again later; an error means that the store
// failed, and that the job is to be done again. What somebody else does now is no error.
func (e *Engine) Work(ctx context.Context, j Job) error {
	do, known := e.kinds[j.Kind]
	if !known {
		return fmt.Errorf("a job of the unknown kind %q: was it made by a newer syncd?", j.Kind)
	}
	err := do(ctx, j)
	if errors.Is(err, ErrStale) || errors.Is(err, ErrRules) {
		return nil
	}
	return err
}

// chore does work that comes round: f says when it is due again. What it fails with is noted, unless the store failed.
func (e *Engine) chore(f func(ctx context.Context, subject string) (next time.Time, err error)) func(context.Context, Job) error {
	return func(ctx context.Context, j Job) error {
		name := j.Kind.Chore(j.Subject)
		extend := func() error { return e.Store.BeginChore(ctx, name, j.Fence, e.Now().Add(lease)) }
		if err := extend(); err != nil {
			return err
		}
		held, release := e.hold(ctx, extend)
		next, err := f(held, j.Subject)
		if lost := release(); lost != nil {
			return lost
		}
		r := ChoreReport{DoneAt: e.Now(), Next: next}
		if err != nil {
			var broken *storeError
			if errors.As(err, &broken) {
				return err
			}
			r.Error = err.Error()
		}
		return e.Store.DoneChore(ctx, name, j.Fence, r)
	}
}
