// Package engine pulls calendars, stores what they hold, decides, schedules and delivers. It is the
// only owner of time, retries, pacing and wake-ups; connectors, rules and stores have none.
package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/linkparse"
	"example.com/syncd/schedule"
)

// Config is all that an Engine works with. Every field is required but Sinks, Resolver and PushURL.
type Config struct {
	Store       Store
	Connections []Connection
	Rules       Rules           // those to begin with; see SetRules
	Sinks       []schedule.Sink // each schedule goes to all of them
	// Resolver follows the links that can't be decoded offline. Nil: they stay wrapped.
	Resolver linkparse.Resolver
	// Past and Future are how far from now an event matters.
	Past, Future time.Duration
	// Spread makes each calendar's horizon move on at an hour of its own. Recordings want all at midnight.
	Spread bool
	// Poll is how long a calendar rests between two pulls, Parallel how many are pulled at a time.
	Poll     time.Duration
	Parallel int
	// PushURL is where providers reach us, "https://HOST", to tell of changes. "": they are not asked to.
	PushURL string
	Now     func() time.Time
	Log     *slog.Logger
}

// A Connection is one opened connector, by the names that its sources carry.
type Connection struct {
	Driver    string
	Account   string
	Connector connectors.Connector
}

func (c Connection) String() string { return c.Driver + ":" + c.Account }

// Rules are what decides.
type Rules struct {
	Policy    *eligibility.Policy
	Directory *eligibility.Directory
	Signals   []eligibility.Signal
}

// Decider decides by these rules.
func (r Rules) Decider() *eligibility.Decider {
	return eligibility.NewDecider(r.Policy, r.Directory, r.Signals)
}

// rosterEvery is how often a connection is asked which calendars there are, and rosterPatience how long it may
// take to say so: a company's calendars may have to be asked for user by user.
const (
	rosterEvery    = 10 * time.Minute
	rosterPatience = 10 * time.Minute
)

// An Engine runs the pipeline.
type Engine struct {
	Config
	wake    chan struct{} // ends the rest between two passes
	decider *eligibility.Decider
	members []string // the directory's addresses
	// reading is written by passes under mu, and read by whoever keeps letters.
	reading     calendar.Reading
	fingerprint string // of reading
	// decidedWith are the calendars that were readable when everything was decided last.
	decidedWith map[string]bool
	connections map[string]Connection      // by name
	pulled      map[calendar.SourceID]bool // by this process
	parked      parking
	inbox       inbox
	watching    watching

	mu        sync.Mutex
	rosterAt  map[string]time.Time // by connection: when its sources were listed last
	rosterErr map[string]string
	passedAt  time.Time
	next      *Rules // for the next pass; nil: the same
	rulesErr  string
	granted   map[string]map[string]bool // by connection: users to look at anew
}

// New makes an engine. It does nothing by itself.
func New(c Config) (*Engine, error) {
	e := &Engine{
		Config: c, wake: make(chan struct{}, 1), connections: map[string]Connection{},
		pulled: map[calendar.SourceID]bool{}, rosterAt: map[string]time.Time{}, rosterErr: map[string]string{},
		granted: map[string]map[string]bool{}, inbox: inbox{more: make(chan struct{}, 1)},
	}
	for _, conn := range c.Connections {
		e.connections[conn.String()] = conn
	}
	return e, e.use(c.Rules)
}

// use makes everything read and decided by r from now on.
func (e *Engine) use(r Rules) error {
	reading := r.Policy.Reading()
	b, err := json.Marshal(struct {
		Reading  calendar.Reading
		Links    int
		Followed bool
	}{reading, linkparse.Version, e.Resolver != nil})
	if err != nil {
		return fmt.Errorf("fingerprint of the reading: %w", err)
	}
	sum := sha256.Sum256(b)
	e.mu.Lock()
	e.decider, e.reading, e.fingerprint = r.Decider(), reading, hex.EncodeToString(sum[:8])
	e.mu.Unlock()
	e.members = nil
	for _, m := range r.Policy.Directory.Members {
		e.members = append(e.members, m.Email)
	}
	return nil
}

// SetRules replaces the rules. The next pass, which begins at once, decides everything by them; the one
// that is under way goes on by the old ones.
func (e *Engine) SetRules(r Rules) {
	e.mu.Lock()
	e.next, e.rulesErr = &r, ""
	e.mu.Unlock()
	e.Wake()
}

// RulesFailed notes why newer rules are not in force, for whoever asks for the engine's health.
func (e *Engine) RulesFailed(err error) {
	e.mu.Lock()
	e.rulesErr = err.Error()
	e.mu.Unlock()
}

// Wake begins the next pass as soon as the one under way, if any, ends.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// adopt takes up rules that were set since the last pass.
func (e *Engine) adopt(ctx context.Context) error {
	e.mu.Lock()
	next := e.next
	e.next = nil
	e.mu.Unlock()
	if next == nil {
		return nil
	}
	before := e.members
	if err := e.use(*next); err != nil {
		return err
	}
	if !slices.Equal(before, e.members) { // new members may have calendars to read
		e.mu.Lock()
		clear(e.rosterAt)
		e.mu.Unlock()
	}
	return e.Start(ctx)
}

// Start makes everything decided again: the rules may have changed while the daemon was down.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.Store.MarkUndecided(ctx, e.Now()); err != nil {
		return fmt.Errorf("mark meetings as undecided: %w", err)
	}
	return nil
}

// Pass does all that is due: it lists and pulls calendars, decides what changed and delivers. What a
// provider or a sink refuses is noted and tried again later; an error means that the store failed, and
// that nothing more can be done.
//
// Pass is the one place that says what is due; a job system takes its place when replicas share the
// work.
func (e *Engine) Pass(ctx context.Context) error {
	now := e.Now()
	e.parked.release(now)
	if err := e.adopt(ctx); err != nil {
		return err
	}
	for _, c := range e.Connections {
		if err := e.list(ctx, c, now); err != nil {
			return err
		}
	}
	if err := e.lookAnew(ctx); err != nil {
		return err
	}
	if err := e.take(ctx); err != nil {
		return err
	}
	if err := e.pullDue(ctx, now); err != nil {
		return err
	}
	if err := e.decideAll(ctx); err != nil {
		return err
	}
	if err := e.deliverAll(ctx); err != nil {
		return err
	}
	if err := e.subscribeAll(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	e.passedAt = e.Now()
	e.mu.Unlock()
	return nil
}

// Run passes again whenever something is due, until ctx ends. After each pass it calls after. In the end it
// asks the providers to push no more.
func (e *Engine) Run(ctx context.Context, after func(context.Context) error) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return e.listen(running) })
	for _, c := range e.Connections {
		if l, ok := c.Connector.(connectors.Listener); ok {
			g.Go(func() error { return e.hear(running, c, l) })
		}
	}
	g.Go(func() error { return e.passes(running, after) })
	err := g.Wait()
	if err == nil {
		e.unsubscribeAll(ctx)
	}
	return err
}

// passes is Run without pushes.
func (e *Engine) passes(ctx context.Context, after func(context.Context) error) error {
	for {
		if err := e.Pass(ctx); err != nil {
			return e.unlessDone(ctx, err)
		}
		if err := after(ctx); err != nil {
			return e.unlessDone(ctx, err)
		}
		rest, err := e.rest(ctx)
		if err != nil {
			return e.unlessDone(ctx, err)
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-e.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// unlessDone is err, but nothing when it only says that ctx ended.
func (e *Engine) unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// rest is how long there is nothing to do, at most Poll.
func (e *Engine) rest(ctx context.Context) (time.Duration, error) {
	sources, err := e.Store.Sources(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the sources: %w", err)
	}
	next, now := e.Now().Add(e.Poll), e.Now()
	for _, s := range sources {
		if at := later(s.NextAt, e.parked.until(s.Source)); e.connected(s.Source) && at.Before(next) {
			next = at
		}
	}
	return max(next.Sub(now), 10*time.Millisecond), nil
}

// Health says whether the daemon does its work.
type Health struct {
	PassedAt    time.Time         // the end of the last pass; zero: none yet
	Connections map[string]string // by connection: what listing its calendars failed with, "" if it did not
	Rules       string            // why the newest rules are not in force, "" if they are
}

// Health reports the engine's own part; the state of each calendar is in the store.
func (e *Engine) Health() Health {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := Health{PassedAt: e.passedAt, Connections: map[string]string{}, Rules: e.rulesErr}
	for _, c := range e.Connections {
		h.Connections[c.String()] = e.rosterErr[c.String()]
	}
	return h
}

// list asks c for its calendars when it is time to.
func (e *Engine) list(ctx context.Context, c Connection, now time.Time) error {
	e.mu.Lock()
	last, listed := e.rosterAt[c.String()]
	failed := e.rosterErr[c.String()] != ""
	e.mu.Unlock()
	if listed && now.Sub(last) < rosterEvery && (!failed || now.Sub(last) < e.Poll) {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, rosterPatience)
	defer cancel()
	sources, err := c.Connector.Sources(limited, e.members)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	failure := ""
	if err != nil {
		failure = err.Error()
		e.Log.Warn("listing calendars failed; those known are read on", "connection", c.String(), "error", err)
	} else if err := e.Store.PutSources(ctx, sources); err != nil {
		return fmt.Errorf("store the calendars of %s: %w", c, err)
	}
	e.mu.Lock()
	e.rosterAt[c.String()], e.rosterErr[c.String()] = now, failure
	e.mu.Unlock()
	return nil
}

// due reports whether s is to be pulled. A process that has just started looks at everything once, since
// configuration and credentials may have been mended, but does not cut a provider's wait short.
func (e *Engine) due(s SourceState, now time.Time) bool {
	if e.parked.until(s.Source).After(now) {
		return false
	}
	waits := s.Failures > 0 && !s.Refused
	return !s.NextAt.After(now) || !e.pulled[s.ID] && !waits
}

// pullDue pulls every source that is due, several at a time.
func (e *Engine) pullDue(ctx context.Context, now time.Time) error {
	sources, err := e.Store.Sources(ctx)
	if err != nil {
		return fmt.Errorf("read the sources: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for _, s := range sources {
		c, connected := e.connections[s.Driver+":"+s.Account]
		if !connected || !e.due(s, now) {
			continue
		}
		e.pulled[s.ID] = true
		g.Go(func() error { return e.pull(ctx, c, s) })
	}
	return g.Wait()
}

// connected reports whether the source's connection is still configured. What an operator has taken
// out does not count any more; its copies stay, for the case that it comes back.
func (e *Engine) connected(s calendar.Source) bool {
	_, ok := e.connections[s.Driver+":"+s.Account]
	return ok
}
