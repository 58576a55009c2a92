package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/syncd/engine"
)

// Source is where what there is comes from.
type Source struct {
	// Figures counts what the store holds.
	Figures func(ctx context.Context, now time.Time) (engine.Figures, error)
	Health  func(context.Context) engine.Health
	// Connections are those that are configured, as DRIVER:ACCOUNT, with the driver of each.
	Connections map[string]string
	// Now is the daemon's clock, Clock the real one; nil: time.Now.
	Now, Clock func() time.Time
}

// Watch has what s tells answered besides. It may be called once.
func (m *Metrics) Watch(s Source) {
	if s.Clock == nil {
		s.Clock = time.Now
	}
	m.registry.MustRegister(&state{Source: s, metrics: m})
}

// How long figures are kept: Prometheus asks every 15 or 30 seconds, and each replica is asked. Counting takes no more
// than a part of the time.
const (
	keeps  = 10 * time.Second
	share  = 20
	counts = 15 * time.Second // at most
)

// state is a collector of what there is.
type state struct {
	Source
	metrics *Metrics

	mu      sync.Mutex
	figures engine.Figures
	until   time.Time // zero: there are none
	took    time.Duration
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// What there is. All but the first four are the store's: each replica tells the same.
var (
	lastRound   = desc("syncd_last_round_timestamp_seconds", "When this process looked last for what is due; 0: not yet.")
	outdated    = desc("syncd_rules_outdated", "1 if the newest rules can't be used, and older ones are in force.")
	storeUp     = desc("syncd_store_up", "1 if what the store holds could be counted.")
	storeTook   = desc("syncd_store_count_duration_seconds", "How long counting what the store holds took last.")
	connections = desc("syncd_connections", "Configured connections, by whether their calendars could be listed.", "driver", "state")
	calendars   = desc("syncd_calendars", "Calendars of the configured connections, by how reading them goes.", "driver", "state")
	ages        = desc("syncd_calendar_reading_age_seconds", "How long ago calendars were read that may be read: a histogram of what is, not of what was.", "driver")
	oldest      = desc("syncd_calendar_reading_age_max_seconds", "How long ago the calendar was read that may be read and was not for longest.", "driver")
	undecided   = desc("syncd_undecided_meetings", "Meetings that are to be decided; failing are those that could not be, and are tried again.", "state")
	undecidedAt = desc("syncd_undecided_oldest_seconds", "How long the meeting waits to be decided that waits longest.")
	jobs        = desc("syncd_jobs", "Jobs in the queue.", "kind", "state")
	schedules   = desc("syncd_schedules", "Recordings that are scheduled, and have not begun or not ended.", "state")
	meetings    = desc("syncd_meetings", "Meetings to come, by what is decided; held are recorded only because a calendar can't be read any more.", "outcome")
	failing     = desc("syncd_meetings_failing", "Meetings to come that a rule is against.", "rule")
	deliveries  = desc("syncd_deliveries", "Deliveries that are not made; early ones wait for their time, those given up for a person.", "target", "state")
	deliveredAt = desc("syncd_delivery_oldest_seconds", "How long the delivery waits that waits longest, early ones aside.", "target")
	mails       = desc("syncd_mails_held", "Mails to coordinators of which nobody knows whether to believe them.")
)

// Describe tells all of it.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lastRound, outdated, storeUp, storeTook, connections, calendars, ages, oldest, undecided, undecidedAt, jobs, schedules, meetings, failing,
		deliveries, deliveredAt, mails,
	} {
		to <- d
	}
}

// A teller sends values.
type teller chan<- prometheus.Metric

func (to teller) tell(d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// Collect counts, or tells what was counted a moment ago. Prometheus hands in no context.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), counts)
	defer cancel()
	to := teller(ch)
	s.tellHealth(to, s.Health(ctx))
	f, took, err := s.count(ctx)
	to.tell(storeTook, took.Seconds())
	if err != nil { // what was once is not told for what is
		s.metrics.log.Error("what the store holds can't be counted for the metrics", "error", err)
		to.tell(storeUp, 0)
		return
	}
	to.tell(storeUp, 1)
	s.tellCalendars(to, f)
	s.tellWork(to, f)
	s.tellDecided(to, f)
}

// count is what the store holds, or held a moment ago.
func (s *state) count(ctx context.Context) (engine.Figures, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	began := s.Clock()
	if began.Before(s.until) {
		return s.figures, s.took, nil
	}
	f, err := s.Figures(ctx, s.Now())
	end := s.Clock()
	s.took = end.Sub(began)
	if err != nil {
		s.until = time.Time{}
		return f, s.took, err
	}
	s.figures, s.until = f, end.Add(max(keeps, share*s.took))
	return f, s.took, nil
}

func (s *state) tellHealth(to teller, h engine.Health) {
	at := 0.0
	if !h.RoundAt.IsZero() { // in the real time, whatever the daemon's clock says
		at = float64(s.Clock().Add(h.RoundAt.Sub(s.Now())).UnixMilli()) / 1000
	}
	to.tell(lastRound, at)
	to.tell(outdated, number(h.Rules != ""))
	states := map[string][2]int{}
	for name, driver := range s.Connections {
		n := states[driver]
		if h.Connections[name] == "" {
			n[0]++
		} else {
			n[1]++
		}
		states[driver] = n
	}
	for driver, n := range states {
		to.tell(connections, float64(n[0]), driver, "ok")
		to.tell(connections, float64(n[1]), driver, "failing")
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// tellCalendars leaves out what is of no configured connection: it is not read any more.
func (s *state) tellCalendars(to teller, f engine.Figures) {
	type reading struct {
		states map[engine.CalendarState]int64
		ages   []int64
		sum    time.Duration
		oldest time.Duration
	}
	bounds := engine.AgeBounds()
	drivers := map[string]*reading{}
	for _, driver := range s.Connections {
		drivers[driver] = &reading{states: map[engine.CalendarState]int64{}, ages: make([]int64, len(bounds)+1)}
	}
	for _, c := range f.Calendars {
		driver, ours := s.Connections[engine.Connection{Driver: c.Driver, Account: c.Account}.String()]
		if !ours {
			continue
		}
		r := drivers[driver]
		r.states[c.State] += c.Calendars
		if c.State == engine.CalendarRefused {
			continue
		}
		for i, n := range c.Ages {
			r.ages[i] += n
		}
		r.sum += c.Sum
		r.oldest = max(r.oldest, c.Oldest)
	}
	for driver, r := range drivers {
		for _, state := range engine.CalendarStates() {
			to.tell(calendars, float64(r.states[state]), driver, string(state))
		}
		buckets, all := map[float64]uint64{}, uint64(0)
		for i, n := range r.ages {
			all += uint64(n)
			if i < len(bounds) {
				buckets[bounds[i].Seconds()] = all
			}
		}
		to <- prometheus.MustNewConstHistogram(ages, all, r.sum.Seconds(), buckets, driver)
		to.tell(oldest, r.oldest.Seconds(), driver)
	}
}

// jobStates are River's for what waits or is done now.
var jobStates = [...]string{"available", "running", "retryable", "scheduled"}

func (s *state) tellWork(to teller, f engine.Figures) {
	to.tell(undecided, float64(f.Undecided.Waiting), "waiting")
	to.tell(undecided, float64(f.Undecided.Failing), "failing")
	to.tell(undecidedAt, f.Undecided.Oldest.Seconds())
	for _, kind := range engine.Kinds() {
		for _, state := range jobStates {
			n := int64(0)
			for _, j := range f.Jobs {
				if j.Kind == kind && j.State == state {
					n += j.Jobs
				}
			}
			to.tell(jobs, float64(n), string(kind), state)
		}
	}
	for _, name := range s.metrics.targets { // others are told nothing any more
		var t engine.TargetFigures
		if i := slices.IndexFunc(f.Targets, func(t engine.TargetFigures) bool { return t.Target == name }); i >= 0 {
			t = f.Targets[i]
		}
		to.tell(deliveries, float64(t.Waiting), name, "waiting")
		to.tell(deliveries, float64(t.Early), name, "early")
		to.tell(deliveries, float64(t.GivenUp), name, "given_up")
		to.tell(deliveredAt, t.Oldest.Seconds(), name)
	}
	to.tell(mails, float64(f.HeldLetters))
}

func (s *state) tellDecided(to teller, f engine.Figures) {
	to.tell(schedules, float64(f.Upcoming), "upcoming")
	to.tell(schedules, float64(f.Running), "running")
	to.tell(meetings, float64(f.Meetings.Recorded-f.Meetings.Held), recorded)
	to.tell(meetings, float64(f.Meetings.Held), held)
	to.tell(meetings, float64(f.Meetings.Skipped), notRecorded)
	by := map[string]int64{}
	for rule, n := range f.Failing {
		by[ruleLabel(rule)] += n
	}
	for _, id := range ruleIDs() {
		to.tell(failing, float64(by[id]), id)
	}
}
