package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

var errKilled = errors.New("the process was killed")

// A fiber is a job that a process does, or a round of it. One fiber at a time runs; between two store operations it
// waits until the history has it go on, if it ever does.
type fiber struct {
	job  engine.Job // the zero one is a round
	on   *replica
	goOn chan bool // false: its process is dead
	back chan error
	over bool
	err  error
	// begun says that it has taken up its job.
	begun atomic.Bool
	at    place // where it stands, if it is one of these
}

// A place is one between two store operations.
type place int

const (
	atApply  place = iota + 1 // before a page is stored
	atReport                  // before it is noted what a pull came to
)

// stand notes where the fiber is.
func stand(ctx context.Context, p place) {
	if f, ok := ctx.Value(fiberKey{}).(*fiber); ok {
		f.at = p
	}
}

var errPaused = errors.New("waits between two store operations")

// resume lets f run to its next store operation, or to its end.
func (f *fiber) resume() {
	f.goOn <- !f.on.dead
	if err := <-f.back; !errors.Is(err, errPaused) {
		f.over, f.err = true, err
	}
}

// start makes a fiber, which has not begun.
func (r *replica) start(j engine.Job, do func(context.Context) error) *fiber {
	f := &fiber{job: j, on: r, goOn: make(chan bool), back: make(chan error)}
	ctx := context.WithValue(r.ctx, fiberKey{}, f)
	go func() {
		if !<-f.goOn {
			f.back <- errKilled
			return
		}
		f.back <- do(ctx)
	}()
	return f
}

type fiberKey struct{}

// between is where a fiber stops: in front of a store operation, and behind it.
func between(ctx context.Context) error {
	f, ok := ctx.Value(fiberKey{}).(*fiber)
	if !ok {
		return nil // nobody plays with it
	}
	if !f.on.yields() {
		if f.on.dead {
			return errKilled
		}
		return nil
	}
	f.back <- errPaused
	if !<-f.goOn {
		return errKilled
	}
	return nil
}

// A replica is a process: an engine on the store that all of them share.
type replica struct {
	*engine.Engine
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	dead   bool
	yields func() bool
}

// gate is a store between whose operations a process may stop or die. flaw, if any, is what is wrong with this
// version of syncd.
type gate struct {
	*store.Store
	flaw *flaw
	rand *rand.Rand
	heard
}

func around[T any](ctx context.Context, f func() (T, error)) (T, error) {
	var none T
	if err := between(ctx); err != nil {
		return none, err
	}
	v, err := f()
	if err != nil {
		return v, err
	}
	return v, between(ctx)
}

func around0(ctx context.Context, f func() error) error {
	_, err := around(ctx, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (g gate) PutSources(ctx context.Context, s []calendar.Source, now time.Time) error {
	return around0(ctx, func() error { return g.Store.PutSources(ctx, s, now) })
}

func (g gate) Dispatch(ctx context.Context, a engine.Admission) (engine.Admitted, error) {
	if g.flaw.is(endlessLease) {
		a.Lease = 1000 * time.Hour
	}
	return around(ctx, func() (engine.Admitted, error) { return g.Store.Dispatch(ctx, a) })
}

// goesOn reports whether a job that has begun says that it goes on. It does so beside its work, and a process that stops
// does not get to it: here none ever does.
func (g gate) goesOn(ctx context.Context) bool {
	f, ok := ctx.Value(fiberKey{}).(*fiber)
	return ok && f.begun.Swap(true)
}

func (g gate) Begin(ctx context.Context, src calendar.SourceID, fence int64, until time.Time) (engine.SourceState, error) {
	if g.goesOn(ctx) {
		return engine.SourceState{}, nil
	}
	return around(ctx, func() (engine.SourceState, error) { return g.Store.Begin(ctx, src, fence, until) })
}

func (g gate) Apply(ctx context.Context, src calendar.SourceID, from connectors.Cursor, reading string, p connectors.Page, now time.Time) (engine.Applied, error) {
	stand(ctx, atApply)
	return around(ctx, func() (engine.Applied, error) {
		if g.flaw.is(noSweep) {
			p.Last = false
		}
		if g.flaw.is(cursorFirst) && len(p.Events)+len(p.Gone)+len(p.Letters) > 0 {
			empty := connectors.Page{Next: p.Next, More: p.More, Full: p.Full, First: p.First}
			if _, err := g.Store.Apply(ctx, src, from, reading, empty, now); err != nil {
				return engine.Applied{}, err
			}
			if err := between(ctx); err != nil {
				return engine.Applied{}, err
			}
			p.First, from = false, p.Next
		}
		done, err := g.Store.Apply(ctx, src, from, reading, p, now)
		if g.flaw.is(staleCursor) && errors.Is(err, engine.ErrStale) {
			return g.blindly(ctx, src, reading, p, now)
		}
		return done, err
	})
}

// blindly stores a page beside whatever cursor there is.
func (g gate) blindly(ctx context.Context, src calendar.SourceID, reading string, p connectors.Page, now time.Time) (engine.Applied, error) {
	all, err := g.Store.Sources(ctx)
	if err != nil {
		return engine.Applied{}, err
	}
	for _, s := range all {
		if s.ID == src {
			p.Next = s.Cursor
		}
	}
	return g.Store.Apply(ctx, src, p.Next, reading, p, now)
}

func (g gate) Report(ctx context.Context, src calendar.SourceID, fence int64, r engine.PullReport) error {
	stand(ctx, atReport)
	return around0(ctx, func() error {
		if g.flaw.is(lostWakeUp) {
			r.PushedAt = r.NextAt
		}
		if g.flaw.is(refusalDeletes) && r.Refused {
			if _, err := g.blindly(ctx, src, "", connectors.Page{First: true, Full: true, Last: true, Listed: calendar.Window{Start: r.TriedAt.Add(-99 * time.Hour), End: r.TriedAt.Add(999 * time.Hour)}}, r.TriedAt); err != nil {
				return err
			}
			if _, err := g.blindly(ctx, src, "", connectors.Page{First: true, Full: true, Last: true, Listed: calendar.Window{Start: r.TriedAt.Add(-99 * time.Hour), End: r.TriedAt.Add(999 * time.Hour)}}, r.TriedAt); err != nil {
				return err
			}
		}
		return g.Store.Report(ctx, src, fence, r)
	})
}

func (g gate) Park(ctx context.Context, who string, until time.Time) error {
	return around0(ctx, func() error { return g.Store.Park(ctx, who, until) })
}

func (g gate) Reread(ctx context.Context, src calendar.SourceID, reading calendar.Reading) error {
	return around0(ctx, func() error { return g.Store.Reread(ctx, src, reading) })
}

func (g gate) MakeDue(ctx context.Context, src calendar.SourceID, at time.Time) error {
	return around0(ctx, func() error {
		if g.flaw.is(pushesUnheard) {
			return nil
		}
		return g.Store.MakeDue(ctx, src, at)
	})
}

func (g gate) PutSubscription(ctx context.Context, s engine.Subscription, replaced ...string) error {
	return around0(ctx, func() error { return g.Store.PutSubscription(ctx, s, replaced...) })
}

func (g gate) DropSubscription(ctx context.Context, id string) error {
	return around0(ctx, func() error { return g.Store.DropSubscription(ctx, id) })
}

func (g gate) SetRules(ctx context.Context, fingerprint string, now time.Time) error {
	return around0(ctx, func() error { return g.Store.SetRules(ctx, fingerprint, now) })
}

func (g gate) Recheck(ctx context.Context, access int64, now time.Time) error {
	return around0(ctx, func() error {
		if g.flaw.is(rulesUnheeded) {
			return nil
		}
		return g.Store.Recheck(ctx, access, now)
	})
}

func (g gate) BeginChore(ctx context.Context, name string, fence int64, until time.Time) error {
	if g.goesOn(ctx) {
		return nil
	}
	return around0(ctx, func() error { return g.Store.BeginChore(ctx, name, fence, until) })
}

func (g gate) DoneChore(ctx context.Context, name string, fence int64, c engine.ChoreReport) error {
	return around0(ctx, func() error { return g.Store.DoneChore(ctx, name, fence, c) })
}

func (g gate) Decide(ctx context.Context, by engine.Basis, n int, now time.Time, step func(engine.Tx) error) (bool, error) {
	torn := g.flaw.is(outboxApart) && g.rand.IntN(6) == 0
	more, err := around(ctx, func() (bool, error) {
		return g.Store.Decide(ctx, by, n, now, func(tx engine.Tx) error { return step(flawedTx{tx, g.flaw, torn, g.heard}) })
	})
	if err == nil && torn { // it dies before the second of two transactions
		err = errKilled
	}
	return more, err
}

func (g gate) Postpone(ctx context.Context, _ time.Time, why string) error {
	return fmt.Errorf("a meeting is postponed: %s", why)
}

func (g gate) Step(ctx context.Context, id string, fence int64, step func(engine.Tx, schedule.Schedule) error) error {
	return around0(ctx, func() error {
		return g.Store.Step(ctx, id, fence, func(tx engine.Tx, s schedule.Schedule) error { return step(flawedTx{tx, g.flaw, false, g.heard}, s) })
	})
}

func (g gate) Take(ctx context.Context, target string, n int, now, until time.Time) ([]engine.Message, error) {
	return around(ctx, func() ([]engine.Message, error) {
		return g.Store.Take(ctx, target, n, now, until)
	})
}

func (g gate) Delivered(ctx context.Context, m engine.Message, r engine.DeliveryReport) error {
	return around0(ctx, func() error {
		if g.flaw.is(failureForgotten) && r.Error != "" {
			r.Error = ""
		}
		return g.Store.Delivered(ctx, m, r)
	})
}

func (g gate) Tidy(ctx context.Context, before time.Time, n int) (bool, error) {
	return around(ctx, func() (bool, error) { return g.Store.Tidy(ctx, before, n) })
}

// flawedTx is a step of a version of syncd with a flaw.
type flawedTx struct {
	engine.Tx
	flaw *flaw
	torn bool // what belongs together is not stored together
	heard
}

func (t flawedTx) PutSchedule(s schedule.Schedule, now time.Time) error {
	if t.torn {
		return nil
	}
	return t.Tx.PutSchedule(s, now)
}

func (t flawedTx) Tell(target string, s schedule.Schedule, now time.Time) error {
	if t.torn {
		return nil
	}
	if t.flaw.is(cancellationsUntold) && s.State == schedule.Cancelled {
		return nil
	}
	return t.Tx.Tell(target, s, now)
}

func (t flawedTx) SetStep(id string, at time.Time) error {
	if t.torn {
		return nil
	}
	if t.flaw.is(stepsForgotten) {
		at = time.Time{}
	}
	return t.Tx.SetStep(id, at)
}

func (t flawedTx) Neighbours() (decisions []eligibility.Decision, schedules []schedule.Schedule, err error) {
	decisions, schedules, err = t.Tx.Neighbours()
	if t.flaw.is(neighboursUnseen) && err == nil {
		for _, d := range decisions {
			if d.Meeting == t.Key() {
				return []eligibility.Decision{d}, schedules, nil
			}
		}
	}
	return decisions, schedules, err
}

// open starts a process.
func (h *history) open(name string) (*replica, error) {
	r := &replica{name: name, yields: func() bool { return h.r.IntN(3) > 0 }}
	r.ctx, r.cancel = context.WithCancel(h.t.Context())
	connections, err := h.company.connections(h.store.Letters(), false)
	if err != nil {
		return nil, err
	}
	// Its own chances, so that what a process draws does not hang on what another one does.
	own := rand.New(rand.NewPCG(h.r.Uint64(), 4))
	r.Engine, err = engine.New(engine.Config{
		Store: gate{h.store, h.flaw, own, heard{}}, Connections: connections, Rules: rulesOf(h.policy), Targets: []schedule.Target{
			{Name: "ahead", Sink: h.ahead}, {Name: "joiner", Sink: h.joiner, Lead: 2 * time.Minute},
		},
		Past: 24 * time.Hour, Future: 12 * 24 * time.Hour, Spread: true, Poll: 5 * time.Minute, Quiet: time.Hour, Fresh: 5 * time.Minute,
		Retention: 36 * time.Hour, Parallel: 4, PushURL: pushHost, Name: name, Shared: true, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Random: own.Int64N,
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func rulesOf(p *eligibility.Policy) engine.Rules {
	return engine.Rules{Policy: p, Directory: eligibility.NewDirectory(p.Directory.Members)}
}
