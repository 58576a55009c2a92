package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/syncd/schedule"
)

// FailoverConfig is the settings of a Failover, but for its targets.
type FailoverConfig struct {
	// After is how long a recorder may fail before the next one takes over, 20s to 1h (5m)
	After time.Duration `yaml:"after"`
	// Before is how long before the start it may no longer: from then on the next one takes over within 20 seconds, up to 1h (3m)
	Before time.Duration `yaml:"before"`
	// TakeOverUnconfirmed has the next one take over even if nobody knows whether the one before it has a bot: there may be
	// two recordings then, where there might be none otherwise (false)
	TakeOverUnconfirmed bool `yaml:"take_over_unconfirmed"`

	targets []schedule.Target
}

// NewFailoverConfig has the defaults.
func NewFailoverConfig() *FailoverConfig {
	return &FailoverConfig{After: 5 * time.Minute, Before: 3 * time.Minute}
}

// hasty is the least time that a recorder gets: one request that fails is no outage.
const hasty = 20 * time.Second

// Validate checks the durations.
func (c *FailoverConfig) Validate() error {
	var errs []error
	if c.After < hasty || c.After > time.Hour {
		errs = append(errs, fmt.Errorf("after must be between %s and 1h, not %s", hasty, c.After))
	}
	if c.Before < 0 || c.Before > time.Hour {
		errs = append(errs, fmt.Errorf("before must be between 0s and 1h, not %s", c.Before))
	}
	return errors.Join(errs...)
}

// Nest sets the targets, the first of which is tried first.
func (c *FailoverConfig) Nest(targets []schedule.Target) { c.targets = targets }

// Open makes the sink. It is told of everything at once, unless all of its targets are told late.
func (c *FailoverConfig) Open(name string, _ Env) (schedule.Target, error) {
	if len(c.targets) < 2 {
		return schedule.Target{}, errors.New("targets must name at least two")
	}
	var lead time.Duration
	for i, t := range c.targets {
		if t.Lead == 0 {
			lead = 0
			break
		}
		if i == 0 || t.Lead > lead {
			lead = t.Lead
		}
	}
	return schedule.Target{Name: name, Lead: lead, Sink: &Failover{name: name, config: *c}}, nil
}

// Failover is a sink of several, in an order. A schedule goes to the first. If that one rejects it, or fails for too
// long, it is told to cancel what it may have, and when it has, the next one takes over, and keeps the schedule until it
// fails itself. The next schedule goes to the first again.
//
// Who has a schedule is in the note before anybody is told of it: a process that dies in between changes nothing. So a
// change of hands takes one delivery more.
type Failover struct {
	name   string
	config FailoverConfig
}

var (
	_ schedule.Sink = (*Failover)(nil)
	_ Nester        = (*FailoverConfig)(nil)
)

// A holder is a sink that can tell by its note whether its recorder may have something.
type holder interface{ Holds(note string) bool }

// A hand is what a Failover remembers of a schedule.
type hand struct {
	Version int    `json:"v"`
	On      string `json:"on,omitempty"`    // who has the schedule, or is asked to take it
	Since   int64  `json:"since,omitempty"` // since when that one fails, in Unix seconds; 0: it does not
	// Changes counts how often it has changed hands. It is a part of the keys: what was cancelled must be made anew.
	Changes  int      `json:"changes,omitempty"`
	Revision int      `json:"rev,omitempty"`     // the one that Refused, Try and Tries are about
	Try      int      `json:"try,omitempty"`     // the attempt that failed last
	Tries    int      `json:"tries,omitempty"`   // the attempts that On was told of, as it knows them
	Refused  []string `json:"refused,omitempty"` // who has rejected it
	Failed   []string `json:"failed,omitempty"`  // who has failed since somebody took it last
	Leaving  []string `json:"leaving,omitempty"` // who still has to be told to cancel
	// Told are those that have been told of the schedule, and can't tell whether they have something.
	Told  []string          `json:"told,omitempty"`
	Notes map[string]string `json:"notes,omitempty"` // each one's own
}

// readHand reads a note. Behind one that can't be read anybody may have the schedule: all but the first are told to give
// it up.
func (f *Failover) readHand(text string) hand {
	h := hand{Version: noteVersion}
	if text != "" {
		var read hand
		if json.Unmarshal([]byte(text), &read) == nil && read.Version == noteVersion {
			h = read
		} else {
			for _, t := range f.config.targets[1:] {
				h.Leaving = append(h.Leaving, t.Name)
			}
		}
	}
	if h.Notes == nil {
		h.Notes = map[string]string{}
	}
	return h
}

func (h hand) String() string {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // numbers and text
	}
	return string(b)
}

// Deliver has one of the targets take the revision.
func (f *Failover) Deliver(ctx context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	h := f.readHand(d.Note)
	if h.Revision != d.Schedule.Revision { // what was refused may have been mended
		h.Revision, h.Refused, h.Try, h.Tries = d.Schedule.Revision, nil, 0, 0
	}
	if d.Attempt > 1 && h.Try != d.Attempt-1 { // the process died over one of which nothing is known: On hears of a gap too
		h.Tries++
	}
	if _, known := f.target(h.On); !known { // the first time, or it has been taken out of the configuration
		h.On, h.Since = f.config.targets[0].Name, 0
	}
	var err error
	if d.Schedule.State == schedule.Cancelled {
		err = f.cancelAll(ctx, d, &h)
	} else {
		err = f.record(ctx, d, &h)
	}
	h.Try = 0
	if err != nil {
		h.Try = d.Attempt
		err = fmt.Errorf("%s: %w", f.name, err)
	}
	return schedule.Receipt{Note: h.String()}, err
}

func (f *Failover) target(name string) (schedule.Target, bool) {
	i := slices.IndexFunc(f.config.targets, func(t schedule.Target) bool { return t.Name == name })
	if i < 0 {
		return schedule.Target{}, false
	}
	return f.config.targets[i], true
}

// holds reports whether the target may have something of the schedule.
func (f *Failover) holds(t schedule.Target, h *hand) bool {
	if s, ok := t.Sink.(holder); ok {
		return s.Holds(h.Notes[t.Name])
	}
	return slices.Contains(h.Told, t.Name)
}

// cancelAll tells everybody who may have something, and whoever would have it if a note was lost.
func (f *Failover) cancelAll(ctx context.Context, d schedule.Delivery, h *hand) error {
	var errs []error
	for _, t := range f.config.targets {
		if t.Name == h.On || slices.Contains(h.Leaving, t.Name) || f.holds(t, h) {
			if err := f.cancel(ctx, d, h, t); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return soonest(errs)
	}
	*h = hand{Version: noteVersion, Changes: h.Changes + 1, Notes: h.Notes}
	return nil
}

// soonest is the errors as one that comes again as soon as any of them does.
func soonest(errs []error) error {
	best := 30 * time.Second
	newKey := false
	for _, err := range errs {
		var r *schedule.RetryError
		if errors.As(err, &r) {
			best, newKey = min(best, r.After), newKey || r.NewKey
		}
	}
	return &schedule.RetryError{After: best, NewKey: newKey, Err: errors.Join(errs...)}
}

// cancel tells one target to cancel. What it rejects it does not have.
func (f *Failover) cancel(ctx context.Context, d schedule.Delivery, h *hand, t schedule.Target) error {
	d.Schedule.State = schedule.Cancelled
	err := f.hand(ctx, d, h, t, "cancel")
	if err != nil && !errors.Is(err, schedule.ErrRejected) {
		return err
	}
	h.Leaving = without(h.Leaving, t.Name)
	h.Told = without(h.Told, t.Name)
	return nil
}

// hand delivers d to one target, and keeps its note.
func (f *Failover) hand(ctx context.Context, d schedule.Delivery, h *hand, t schedule.Target, what string) error {
	d.Key = fmt.Sprintf("%s.%s.%d", d.Key, what, h.Changes)
	d.Note = h.Notes[t.Name]
	receipt, err := t.Sink.Deliver(ctx, d)
	if receipt.Note == "" {
		delete(h.Notes, t.Name)
	} else {
		h.Notes[t.Name] = receipt.Note
	}
	return err
}

// record has whoever has the schedule take the revision.
func (f *Failover) record(ctx context.Context, d schedule.Delivery, h *hand) error {
	var unconfirmed error
	for _, name := range slices.Clone(h.Leaving) {
		t, known := f.target(name)
		if !known {
			h.Leaving = without(h.Leaving, name)
			continue
		}
		if err := f.cancel(ctx, d, h, t); err != nil {
			unconfirmed = soonest([]error{fmt.Errorf("%s is to give the call up, and can't be told: %w", name, err)})
			if !f.config.TakeOverUnconfirmed || name == h.On {
				return unconfirmed
			}
		}
	}
	t, _ := f.target(h.On)
	now, s := d.Now, d.Schedule
	over := !s.End.After(now)
	if t.Lead > 0 && !over && !f.holds(t, h) && now.Before(s.Start.Add(-t.Lead)) {
		return waits(t, s, now)
	}
	if !slices.Contains(h.Told, t.Name) {
		if _, tells := t.Sink.(holder); !tells {
			h.Told = append(h.Told, t.Name)
		}
	}
	h.Tries++
	d.Attempt = h.Tries
	err := f.hand(ctx, d, h, t, "record")
	switch {
	case err == nil:
		h.Since, h.Failed = 0, nil
		return unconfirmed // who has not been told yet is told until it hears
	case over, ctx.Err() != nil:
		return err
	case errors.Is(err, schedule.ErrRejected):
		h.Refused = append(without(h.Refused, t.Name), t.Name)
		if _, tells := t.Sink.(holder); !tells {
			h.Told = without(h.Told, t.Name)
		}
		return f.change(ctx, d, h, err)
	case t.Lead > 0 && !f.holds(t, h) && now.Before(s.Start.Add(-t.Lead)):
		return waits(t, s, now) // it has given up what it had for a time that is far off now
	}
	if h.Since == 0 {
		h.Since = max(now.Unix(), 1)
	}
	limit := f.limit(h, s)
	if !now.Before(limit) {
		return f.change(ctx, d, h, err)
	}
	return f.again(err, limit.Sub(now))
}

// waits is what comes of a schedule for which it is too early.
func waits(t schedule.Target, s schedule.Schedule, now time.Time) error {
	return &schedule.RetryError{After: s.Start.Add(-t.Lead).Sub(now), Early: true, Err: fmt.Errorf("%s is told %s before the start", t.Name, t.Lead)}
}

// again is a failure that comes again, at the latest when the next one takes over.
func (f *Failover) again(err error, limit time.Duration) error {
	next := schedule.RetryError{After: 30 * time.Second}
	var r *schedule.RetryError
	if errors.As(err, &r) {
		next = *r
	}
	next.After, next.Err = max(min(next.After, limit), time.Second), err
	return &next
}

// limit is when whoever fails is given up.
func (f *Failover) limit(h *hand, s schedule.Schedule) time.Time {
	since := time.Unix(h.Since, 0)
	limit, latest := since.Add(f.config.After), s.Start.Add(-f.config.Before)
	if latest.Before(limit) {
		limit = latest
	}
	if least := since.Add(hasty); limit.Before(least) {
		limit = least
	}
	return limit
}

// change gives the schedule to the next one, who is told when the note of it is kept.
func (f *Failover) change(ctx context.Context, d schedule.Delivery, h *hand, why error) error {
	from, _ := f.target(h.On)
	if f.holds(from, h) && !slices.Contains(h.Leaving, from.Name) {
		h.Leaving = append(h.Leaving, from.Name)
	}
	h.Since, h.Tries, h.Changes = 0, 0, h.Changes+1
	h.Failed = append(without(h.Failed, from.Name), from.Name)
	next, ok := f.next(h, from.Name)
	if !ok {
		return f.nobody(ctx, d, h, why)
	}
	h.On = next
	return &schedule.RetryError{After: time.Second, Err: fmt.Errorf("%s takes over from %s: %w", next, from.Name, plain{why})}
}

// plain is an error's text: what it says of coming again is somebody else's.
type plain struct{ err error }

func (p plain) Error() string { return p.err.Error() }

// next is who takes over from one: the next in the order who has neither failed nor refused, else who has not refused,
// beginning behind that one.
func (f *Failover) next(h *hand, from string) (string, bool) {
	i := slices.IndexFunc(f.config.targets, func(t schedule.Target) bool { return t.Name == from })
	ring := slices.Concat(f.config.targets[i+1:], f.config.targets[:i+1])
	for _, t := range f.config.targets {
		if !slices.Contains(h.Refused, t.Name) && !slices.Contains(h.Failed, t.Name) {
			return t.Name, true
		}
	}
	h.Failed = nil
	for _, t := range ring {
		if !slices.Contains(h.Refused, t.Name) {
			return t.Name, true
		}
	}
	return "", false
}

// nobody is what comes of a revision that all have refused: what they have of older ones is taken back first.
func (f *Failover) nobody(ctx context.Context, d schedule.Delivery, h *hand, why error) error {
	var errs []error
	for _, name := range slices.Clone(h.Leaving) {
		if t, known := f.target(name); known {
			if err := f.cancel(ctx, d, h, t); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return soonest(errs)
	}
	h.On, h.Failed = f.config.targets[0].Name, nil
	return fmt.Errorf("none of the targets takes it, the last says: %w", why)
}

// without is the names but one.
func without(names []string, name string) []string {
	var rest []string
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}
