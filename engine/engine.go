// Package engine pulls calendars, stores what they hold, decides, schedules and delivers. It is the
// only owner of time, retries, pacing and wake-ups; connectors, rules and stores have none.
//
// All of its work is jobs in the store (Kinds). Rounds admit what is due by the clock, transactions insert what they make
// necessary, and Work does it; several processes may share one store.
package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/linkparse"
	"example.com/syncd/schedule"
)

// Config is all that an Engine works with. Every field is required but Name, Targets, Resolver, PushURL, Shared,
// Retention, Quiet, Fresh, Version, Random and Observer.
type Config struct {
	Store       Store
	Connections []Connection
	Rules       Rules             // those to begin with; see SetRules
	Targets     []schedule.Target // each schedule goes to all of them
	// Resolver follows the links that can't be decoded offline. Nil: they stay wrapped.
	Resolver linkparse.Resolver
	// Past and Future are how far from now an event matters.
	Past, Future time.Duration
	// Spread makes each calendar's horizon move on at an hour of its own. Recordings want all at midnight.
	Spread bool
	// Poll is how long a calendar rests at least between two pulls, and Quiet how long one that does not change (Poll
	// if it is less). Fresh is how long before a recorder is told to join, at the latest, a calendar is read again in
	// any case.
	Poll, Quiet, Fresh time.Duration
	// Parallel is how many calendars are pulled at a time.
	Parallel int
	// PushURL is where providers reach us, "https://HOST", to tell of changes. "": they are not asked to.
	PushURL string
	// Retention is how long what has ended is kept. 0: for ever.
	Retention time.Duration
	// Name names this process among those that share the store; "": one is made up. Shared says that there may be
	// others.
	Name   string
	Shared bool
	// Version is the program's: another one may decide otherwise.
	Version string
	Now     func() time.Time
	// Random is a number from 0 to below n. Nil: any.
	Random func(n int64) int64
	// Observer is told what is done. Nil: nobody is.
	Observer Observer
	Log      *slog.Logger
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
}

// An Engine runs the pipeline.
type Engine struct {
	Config
	wake        chan struct{} // ends the rest between two rounds
	kinds       map[Kind]func(context.Context, Job) error
	connections map[string]Connection // by name
	inbox       inbox
	watching    watching
	judges      judges
	held        held
	appetite    appetite

	mu      sync.Mutex
	using   *rules
	next    *Rules                     // for the next round; nil: the same
	broken  string                     // why newer rules are not in force
	granted map[string]map[string]bool // by connection: users to look at anew
	roundAt time.Time
	triedAt time.Time
	failing bool // the last round failed
}

// rules are Rules in use. They never change.
type rules struct {
	Rules
	decider     *eligibility.Decider
	members     []string // the directory's addresses
	reading     calendar.Reading
	fingerprint string // of how events are read
	rules       string // the fingerprint of all that decides
}

// New makes an engine. It does nothing by itself.
func New(c Config) (*Engine, error) {
	if c.Name == "" {
		c.Name = rand.Text()[:10]
	}
	c.Quiet = max(c.Quiet, c.Poll)
	if c.Observer == nil {
		c.Observer = unseen{}
	}
	e := &Engine{
		Config: c, wake: make(chan struct{}, 1), connections: map[string]Connection{},
		granted: map[string]map[string]bool{}, inbox: inbox{more: make(chan struct{}, 1)},
	}
	for _, conn := range c.Connections {
		e.connections[conn.String()] = conn
	}
	e.kinds = e.work()
	return e, e.use(c.Rules)
}

// use makes everything read and decided by r from now on.
func (e *Engine) use(r Rules) error {
	x := &rules{Rules: r, decider: eligibility.NewDecider(r.Policy, r.Directory, nil), reading: r.Policy.Reading()}
	for _, m := range r.Policy.Directory.Members {
		x.members = append(x.members, m.Email)
	}
	var names []string
	for _, c := range e.Connections {
		names = append(names, c.String())
	}
	slices.Sort(names)
	var err error
	x.fingerprint, err = fingerprint(struct {
		Reading  calendar.Reading
		Links    int
		Followed bool
	}{x.reading, linkparse.Version, e.Resolver != nil})
	if err != nil {
		return fmt.Errorf("fingerprint of the reading: %w", err)
	}
	x.rules, err = fingerprint(struct {
		Version     string
		Links       int
		Policy      *eligibility.Policy
		Connections []string
	}{e.Version, linkparse.Version, r.Policy, names})
	if err != nil {
		return fmt.Errorf("fingerprint of the rules: %w", err)
	}
	e.mu.Lock()
	e.using = x
	e.mu.Unlock()
	return nil
}

func fingerprint(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

// inUse are the rules that this process has now.
func (e *Engine) inUse() *rules {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.using
}

// SetRules replaces the rules. Everything is decided by them soon; a decision that is under way goes by the old ones,
// and is made again.
func (e *Engine) SetRules(r Rules) {
	e.mu.Lock()
	e.next, e.broken = &r, ""
	e.mu.Unlock()
	e.Wake()
}

// RulesFailed notes why newer rules are not in force, for whoever asks for the engine's health.
func (e *Engine) RulesFailed(err error) {
	e.mu.Lock()
	e.broken = err.Error()
	e.mu.Unlock()
}

// Wake begins the next round as soon as the one under way, if any, ends.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// adopt takes up rules that were set since the last round.
func (e *Engine) adopt(ctx context.Context) error {
	e.mu.Lock()
	next := e.next
	e.mu.Unlock()
	if next == nil {
		return nil
	}
	before := e.inUse()
	if err := e.use(*next); err != nil {
		return err
	}
	if !slices.Equal(before.members, e.inUse().members) { // new members may have calendars to read
		for _, c := range e.Connections {
			if err := e.Store.MakeChoreDue(ctx, Roster.Chore(c.String()), e.Now()); err != nil {
				return fmt.Errorf("have the calendars of %s listed: %w", c, err)
			}
		}
	}
	if err := e.enforce(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	if e.next == next {
		e.next = nil
	}
	e.mu.Unlock()
	return nil
}

// Health says whether the process does its work.
type Health struct {
	RoundAt time.Time // when it looked last for what is due; zero: not yet
	Failing bool      // the last look failed, because the store can't be used; the log says why
	Rules   string    // why the newest rules are not in force, "" if they are
	// Connections are the configured ones, each with what listing its calendars failed with last, "" if it did not.
	Connections map[string]string
}

// Health reports how the process and its connections do; the state of each calendar is in the store.
func (e *Engine) Health(ctx context.Context) Health {
	e.mu.Lock()
	h := Health{RoundAt: e.roundAt, Failing: e.failing, Rules: e.broken, Connections: map[string]string{}}
	e.mu.Unlock()
	for _, c := range e.Connections {
		h.Connections[c.String()] = ""
	}
	chores, err := e.Store.Chores(ctx)
	if err != nil {
		h.Failing = true
		return h
	}
	for _, c := range chores {
		kind, name := ChoreJob(c.Name)
		if _, ours := h.Connections[name]; kind == Roster && ours {
			h.Connections[name] = c.Error
		}
	}
	return h
}

// TriedAt is when the process came last to the end of a look for what is due, even one that failed; zero: not yet. It does
// not ask the store. Who does not come to an end any more is stuck.
func (e *Engine) TriedAt() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.triedAt
}

// connected reports whether the source's connection is still configured. What an operator has taken
// out does not count any more; its copies stay, for the case that it comes back.
func (e *Engine) connected(s calendar.Source) bool {
	_, ok := e.connections[s.Driver+":"+s.Account]
	return ok
}
