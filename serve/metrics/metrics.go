// Package metrics has what Prometheus asks a daemon for: what is done, counted as it is done, and what the store holds,
// counted when somebody asks.
//
// Labels are names of drivers, targets and rules, and words from lists that are in the code: never an address, a
// calendar, a title or an error. So the series are as many as the configuration has parts, however many calendars there
// are and whatever people write into them.
package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// Config is what Metrics work with.
type Config struct {
	Version string
	Drivers []string // of the connections that are configured
	Targets []string // the names of those that are
	Log     *slog.Logger
}

// Metrics are a daemon's. They are an engine.Observer.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger
	targets  []string

	pulls, pages, decisions, failures, batches, attempts, promises, requests, throttles *prometheus.CounterVec
	pulling, delivering, requesting                                                     *prometheus.HistogramVec
	deciding                                                                            prometheus.Histogram
}

var _ engine.Observer = (*Metrics)(nil)

// The words that labels may have besides the names of the configuration and of the rules.
const (
	recorded    = "recorded"
	held        = "held"
	notRecorded = "not_recorded"
	kept        = "kept"
	broken      = "broken"
)

// The durations, in seconds, that requests, deliveries and decisions are sorted by; pulls may take longer.
var (
	short = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 60}
	long  = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
)

// New makes metrics, all of them 0: what begins with its first event has no rate at it.
func New(c Config) *Metrics {
	m := &Metrics{registry: prometheus.NewPedanticRegistry(), log: c.Log, targets: slices.Clone(c.Targets)}
	drivers := slices.Compact(slices.Sorted(slices.Values(c.Drivers)))
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.pulls = counter("syncd_pulls_total", "Pulls of calendars that ended, by what came of them.", "driver", "outcome")
	m.pages = counter("syncd_pull_pages_total", "Pages that pulls asked connectors for, by what came of them.", "driver", "outcome")
	m.pulling = histogram("syncd_pull_duration_seconds", "How long pulls took.", long, "driver")
	m.decisions = counter("syncd_decisions_total", "Decisions that were new or changed.", "outcome")
	m.failures = counter("syncd_decision_failures_total", "Rules that decisions, new or changed, say no because of.", "rule")
	m.batches = counter("syncd_decide_batches_total", "Transactions that decided some meetings, by what came of them.", "outcome")
	m.attempts = counter("syncd_delivery_attempts_total", "Attempts to tell a target of a schedule, by what came of them.", "target", "outcome")
	m.delivering = histogram("syncd_delivery_duration_seconds", "How long attempts to deliver took.", short, "target")
	m.promises = counter("syncd_freshness_promises_total", "Calendars of recordings that started, by whether they had been read as late as promised.", "driver", "outcome")
	m.requests = counter("syncd_provider_requests_total", "Requests to providers, retries included, by the class of the answer's status.", "driver", "code")
	m.throttles = counter("syncd_provider_throttles_total", "Answers of providers that said to come again later.", "driver")
	m.requesting = histogram("syncd_provider_request_duration_seconds", "How long providers took to begin to answer.", short, "driver")
	m.deciding = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "syncd_decide_batch_duration_seconds", Help: "How long transactions took that decided some meetings.", Buckets: short,
	})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_build_info", Help: "1, with the version of this process."}, []string{"version", "goversion"})
	build.WithLabelValues(c.Version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.deciding, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	pullOutcomes := []engine.Outcome{engine.Done, engine.HeldBack, engine.Throttled, engine.Refused, engine.Failed, engine.Abandoned}
	for _, d := range drivers {
		for _, o := range pullOutcomes {
			m.pulls.WithLabelValues(d, string(o))
			if o != engine.HeldBack {
				m.pages.WithLabelValues(d, string(o))
			}
		}
		for _, o := range []string{kept, broken} {
			m.promises.WithLabelValues(d, o)
		}
		for _, code := range append(slices.Clone(classes[:]), failed) {
			m.requests.WithLabelValues(d, code)
		}
		m.throttles.WithLabelValues(d)
		m.pulling.WithLabelValues(d)
		m.requesting.WithLabelValues(d)
	}
	for _, o := range []string{recorded, held, notRecorded} {
		m.decisions.WithLabelValues(o)
	}
	for _, id := range ruleIDs() {
		m.failures.WithLabelValues(id)
	}
	for _, o := range []engine.Outcome{engine.Done, engine.Failed, engine.Abandoned} {
		m.batches.WithLabelValues(string(o))
	}
	for _, t := range c.Targets {
		for _, o := range []engine.Outcome{engine.Delivered, engine.Early, engine.Retried, engine.GivenUp, engine.Abandoned} {
			m.attempts.WithLabelValues(t, string(o))
		}
		m.delivering.WithLabelValues(t)
	}
	return m
}

// custom stands for all rules of the company's own: their names are the company's, and may be anybody's. other stands
// for rules of another version.
const (
	custom = "custom"
	other  = "other"
)

// ruleIDs are the values of the label rule.
func ruleIDs() []string {
	ids := []string{other}
	for _, r := range eligibility.Rules() {
		ids = append(ids, ruleLabel(r.ID))
	}
	return ids
}

// ruleLabel is what stands for a rule.
func ruleLabel(id string) string {
	if name, _, own := strings.Cut(id, ":"); own && name == custom {
		return custom
	}
	if slices.ContainsFunc(eligibility.Rules(), func(r eligibility.Rule) bool { return r.ID == id }) {
		return id
	}
	return other
}

// Begin counts and times what is done.
func (m *Metrics) Begin(ctx context.Context, a engine.Activity) (context.Context, func(engine.Outcome)) {
	began := time.Now()
	return ctx, func(came engine.Outcome) {
		took := time.Since(began).Seconds()
		switch a.Name {
		case engine.Pulling:
			m.pulls.WithLabelValues(a.Of, string(came)).Inc()
			m.pulling.WithLabelValues(a.Of).Observe(took)
		case engine.Paging:
			m.pages.WithLabelValues(a.Of, string(came)).Inc()
		case engine.Deciding:
			m.batches.WithLabelValues(string(came)).Inc()
			m.deciding.Observe(took)
		case engine.Delivering:
			m.attempts.WithLabelValues(a.Of, string(came)).Inc()
			m.delivering.WithLabelValues(a.Of).Observe(took)
		}
	}
}

// Decided counts a decision, and the rules that it says no because of.
func (m *Metrics) Decided(d engine.Decision) {
	outcome := notRecorded
	switch {
	case d.Held != nil:
		outcome = held
	case d.Record:
		outcome = recorded
	}
	m.decisions.WithLabelValues(outcome).Inc()
	for _, c := range d.Checks {
		if c.Status == eligibility.Fail {
			m.failures.WithLabelValues(ruleLabel(c.Rule)).Inc()
		}
	}
}

// Fresh counts a promise.
func (m *Metrics) Fresh(driver string, wasKept bool) {
	outcome := broken
	if wasKept {
		outcome = kept
	}
	m.promises.WithLabelValues(driver, outcome).Inc()
}

// scrapeLasts is how long answering may take.
const scrapeLasts = 20 * time.Second

// Handler answers Prometheus. It guards nothing.
func (m *Metrics) Handler() http.Handler {
	answer := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: complaints{m.log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: scrapeLasts, EnableOpenMetrics: true,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this takes GET", http.StatusMethodNotAllowed)
			return
		}
		answer.ServeHTTP(w, r)
	})
}

// complaints are what promhttp has to say.
type complaints struct{ log *slog.Logger }

func (c complaints) Println(v ...any) {
	c.log.Error("metrics could not be told", "error", fmt.Sprint(v...))
}
