package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/metrics"
	"example.com/syncd/store"
)

// goVersion is a label.
var goVersion = runtime.Version()

var began = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// hostile is in everything that people write, and that others answer.
const hostile = "zz\"} evil{x=\"\n\\é"

// tenant is a provider with calendars whose names nobody would choose. What pulling one comes to hangs on its number.
type tenant struct{ calendars int }

func (tn tenant) source(i int) calendar.Source {
	address := "ana@acme.com" // the one that has a seat
	if i > 0 {
		address = fmt.Sprintf("%d%s@acme.com", i, hostile)
	}
	s := calendar.NewSource("google", "acme.com", address)
	s.Primary = true
	return s
}

func (tn tenant) Sources(context.Context, []string) ([]calendar.Source, error) {
	var all []calendar.Source
	for i := range tn.calendars {
		all = append(all, tn.source(i))
	}
	return all, nil
}

func (tn tenant) Pull(_ context.Context, src calendar.Source, _ connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	var i int
	fmt.Sscanf(src.Calendar, "%d", &i)
	switch i % 5 {
	case 1:
		return connectors.Page{}, fmt.Errorf("%s: %w", hostile, connectors.ErrAccess)
	case 2:
		return connectors.Page{}, errors.New(hostile)
	case 3:
		return connectors.Page{}, &connectors.ThrottledError{After: time.Minute, Err: errors.New(hostile)}
	}
	p := connectors.Page{First: true, Full: true, Last: true, Listed: w, Next: "x"}
	for n, title := range []string{"Call " + hostile, "secret " + hostile} {
		uid := fmt.Sprint(hostile, i, ".", n)
		start := began.Add(time.Duration(24+i) * time.Hour)
		p.Events = append(p.Events, calendar.Event{
			Ref: calendar.Ref(uid), UID: uid, Title: title, Status: calendar.StatusConfirmed,
			Start: calendar.At(start), End: calendar.At(start.Add(time.Hour)), Organizer: calendar.Person{Email: "ana@acme.com", Name: hostile},
			Location:  fmt.Sprint("https://zoom.us/j/9123456", 1000+2*i+n),
			Attendees: []calendar.Attendee{{Email: "ana@acme.com", Response: calendar.ResponseAccepted}, {Email: "joe@globex.com", Name: hostile}},
		})
	}
	return p, nil
}

// sink takes what it takes.
type sink func() error

func (s sink) Deliver(context.Context, schedule.Delivery) (schedule.Receipt, error) {
	return schedule.Receipt{Note: hostile}, s()
}

type program func(eligibility.CustomMeeting) (bool, error)

func (p program) Eval(m eligibility.CustomMeeting) (bool, error) { return p(m) }

func policy() *eligibility.Policy {
	p := eligibility.NewPolicy()
	p.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com"}}
	p.Import = map[string]eligibility.Import{"google": {Enabled: true}}
	p.Providers = map[string]eligibility.Provider{"zoom": {Enabled: true}}
	p.Exclude.Custom = []eligibility.Custom{{Name: "zz-evil-ana", Expression: hostile, Program: program(func(m eligibility.CustomMeeting) (bool, error) {
		return strings.HasPrefix(m.Title, "secret"), nil
	})}}
	p.Directory.Members = []eligibility.Member{{Email: "ana@acme.com", Seat: true, Record: eligibility.RecordOn}}
	return p
}

// daemon runs an engine with metrics on a company of so many calendars, and returns them.
func daemon(t *testing.T, calendars int) (*metrics.Metrics, *store.Store) {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "syncd.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	log := slog.New(slog.DiscardHandler)
	m := metrics.New(metrics.Config{Version: "test", Drivers: []string{"google"}, Targets: []string{"recorder", "lame", "down"}, Log: log})
	now := began
	p := policy()
	e, err := engine.New(engine.Config{
		Store: st, Connections: []engine.Connection{{Driver: "google", Account: "acme.com", Connector: tenant{calendars}}},
		Rules: engine.Rules{Policy: p, Directory: eligibility.NewDirectory(p.Directory.Members)},
		Targets: []schedule.Target{
			{Name: "recorder", Sink: sink(func() error { return nil })},
			{Name: "lame", Sink: sink(func() error { return fmt.Errorf("%s: %w", hostile, schedule.ErrRejected) })},
			{Name: "down", Sink: sink(func() error { return errors.New(hostile) })},
		},
		Past: 24 * time.Hour, Future: 10 * 24 * time.Hour, Poll: time.Minute, Fresh: 5 * time.Minute, Parallel: 1,
		Now: func() time.Time { return now }, Log: log, Observer: engine.Observers(m),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(61 * time.Minute)
	}
	// A calendar 0 starts its recordings while nobody looks, and in time.
	now = began.Add(24 * time.Hour)
	if err := e.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Watch(metrics.Source{
		Figures: st.Figures, Health: e.Health, Connections: map[string]string{"google:acme.com": "google"}, Now: func() time.Time { return now },
	})
	answers := m.Transport("google", roundTrip(func(r *http.Request) (*http.Response, error) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &status); err != nil {
			return nil, errors.New(hostile)
		}
		return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": r.Header["Wait"]}, Body: io.NopCloser(strings.NewReader(""))}, nil
	}))
	for _, path := range []string{"/200", "/204", "/404", "/403", "/403?wait", "/429", "/503", "/503?wait", "/999", "/" + "none"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://provider.example"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.URL.RawQuery == "wait" {
			r.Header.Set("Wait", "7")
		}
		if resp, err := answers.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
	}
	return m, st
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// scrape asks as Prometheus does.
func scrape(t *testing.T, m *metrics.Metrics) (text string, families map[string]*dto.MetricFamily) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	text = w.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, families
}

// value is that of one series; -1: there is none. A histogram's is how many it has counted.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		var have []string
		for _, l := range m.Label {
			have = append(have, l.GetName()+"="+l.GetValue())
		}
		slices.Sort(labels)
		if slices.Equal(have, labels) {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return -1
}

func TestValues(t *testing.T) {
	m, st := daemon(t, 10)
	_, got := scrape(t, m)
	for _, want := range []struct {
		series string // NAME LABEL=VALUE …
		value  float64
	}{
		{"syncd_calendars driver=google state=ok", 4},
		{"syncd_calendars driver=google state=refused", 2},
		{"syncd_calendars driver=google state=failing", 4}, // the throttled ones among them
		{"syncd_calendars driver=google state=unread", 0},
		{"syncd_calendar_reading_age_seconds driver=google", 4},
		{"syncd_pulls_total driver=google outcome=refused", 6},
		{"syncd_pulls_total driver=google outcome=held", 0},
		{"syncd_decisions_total outcome=recorded", 4},
		{"syncd_decisions_total outcome=not_recorded", 4},
		{"syncd_decision_failures_total rule=custom", 4},
		{"syncd_decision_failures_total rule=private", 0},
		{"syncd_meetings_failing rule=custom", 3}, // one has begun
		{"syncd_meetings outcome=recorded", 3},
		{"syncd_meetings outcome=held", 0},
		{"syncd_schedules state=upcoming", 3},
		{"syncd_schedules state=running", 1},
		{"syncd_delivery_attempts_total outcome=delivered target=recorder", 4},
		{"syncd_delivery_attempts_total outcome=gave_up target=lame", 5}, // whoever was told nothing is told again at the start
		{"syncd_delivery_duration_seconds target=lame", 5},
		{"syncd_deliveries state=given_up target=lame", 5},
		{"syncd_deliveries state=waiting target=down", 4},
		{"syncd_deliveries state=waiting target=recorder", 0},
		{"syncd_undecided_meetings state=waiting", 0},
		{"syncd_jobs kind=pull state=available", 0},
		{"syncd_connections driver=google state=ok", 1},
		{"syncd_connections driver=google state=failing", 0},
		{"syncd_store_up", 1},
		{"syncd_rules_outdated", 0},
		{"syncd_mails_held", 0},
		{"syncd_build_info goversion=" + goVersion + " version=test", 1},
		{"syncd_provider_requests_total code=2xx driver=google", 2},
		{"syncd_provider_requests_total code=4xx driver=google", 4},
		{"syncd_provider_requests_total code=5xx driver=google", 2},
		{"syncd_provider_requests_total code=error driver=google", 2},
		{"syncd_provider_throttles_total driver=google", 3},
		{"syncd_provider_request_duration_seconds driver=google", 10},
	} {
		f := strings.Fields(want.series)
		if got := value(got, f[0], f[1:]...); got != want.value {
			t.Errorf("%s is %v, want %v", want.series, got, want.value)
		}
	}
	for _, series := range []string{
		"syncd_pulls_total driver=google outcome=ok", "syncd_pulls_total driver=google outcome=failed", "syncd_pulls_total driver=google outcome=throttled",
		"syncd_pull_pages_total driver=google outcome=ok", "syncd_pull_duration_seconds driver=google", "syncd_decide_batch_duration_seconds",
		"syncd_decide_batches_total outcome=ok", "syncd_delivery_attempts_total outcome=retry target=down", "syncd_delivery_oldest_seconds target=down",
		"syncd_last_round_timestamp_seconds", "syncd_store_count_duration_seconds", "go_goroutines", "process_cpu_seconds_total",
	} {
		f := strings.Fields(series)
		if got := value(got, f[0], f[1:]...); got <= 0 {
			t.Errorf("%s is %v", series, got)
		}
	}
	if sum := value(got, "syncd_freshness_promises_total", "driver=google", "outcome=kept") + value(got, "syncd_freshness_promises_total", "driver=google", "outcome=broken"); sum != 1 {
		t.Errorf("%v promises of one calendar whose recording has begun", sum)
	}
	at := value(got, "syncd_last_round_timestamp_seconds")
	if off := time.Since(time.UnixMilli(int64(at * 1000))); off.Abs() > time.Hour {
		t.Errorf("the last round was %s ago by the real clock", off)
	}

	// What can't be counted is not told.
	st.Close()
	again := metrics.New(metrics.Config{Drivers: []string{"google"}, Log: slog.New(slog.DiscardHandler)})
	again.Watch(metrics.Source{
		Figures: st.Figures, Health: func(context.Context) engine.Health { return engine.Health{Rules: hostile} },
		Connections: map[string]string{"google:acme.com": "google"}, Now: time.Now,
	})
	_, got = scrape(t, again)
	if up := value(got, "syncd_store_up"); up != 0 {
		t.Errorf("a store that is closed is up: %v", up)
	}
	if n := value(got, "syncd_calendars", "driver=google", "state=ok"); n != -1 {
		t.Errorf("%v calendars of a store that is closed", n)
	}
	if v := value(got, "syncd_rules_outdated"); v != 1 {
		t.Errorf("rules that can't be used: %v", v)
	}
}

// TestLabels: there are no labels but those of the list, and no values but words; many calendars make no series.
func TestLabels(t *testing.T) {
	few, _ := daemon(t, 6)
	many, _ := daemon(t, 30)
	text, families := scrape(t, many)
	for _, fragment := range []string{"zz", "evil", "@", "acme", "globex", "ana", "Call", "secret", "zoom.us", "rec_", "9123456"} {
		for line := range strings.Lines(text) {
			if strings.Contains(line, fragment) && !strings.HasPrefix(line, "#") {
				t.Errorf("%q is in %s", fragment, line)
			}
		}
	}
	words := map[string][]string{
		"driver": {"google"}, "target": {"recorder", "lame", "down"}, "kind": {"pull", "decide", "step", "deliver", "roster", "recheck", "tidying"},
		"rule": {"custom", "other"},
		"code": {"1xx", "2xx", "3xx", "4xx", "5xx", "error"}, "version": {"test"}, "goversion": {goVersion},
		"state": {
			"ok", "refused", "held", "failing", "unread", "waiting", "early", "given_up", "upcoming", "running", "available", "retryable", "scheduled",
		},
		"outcome": {
			"ok", "held", "throttled", "refused", "failed", "abandoned", "delivered", "early", "retry", "gave_up", "recorded", "not_recorded", "kept", "broken",
		},
	}
	for _, r := range eligibility.Rules() {
		words["rule"] = append(words["rule"], r.ID)
	}
	for name, f := range families {
		if !strings.HasPrefix(name, "syncd_") {
			continue
		}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if !slices.Contains(words[l.GetName()], l.GetValue()) {
					t.Errorf("%s has %s=%q", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
	series := func(families map[string]*dto.MetricFamily) (n int) {
		for name, f := range families {
			if strings.HasPrefix(name, "syncd_") {
				n += len(f.Metric)
			}
		}
		return n
	}
	if _, f := scrape(t, few); series(f) != series(families) {
		t.Errorf("%d series of a few calendars, %d of many", series(f), series(families))
	}
}

// TestHabits: names and helps are as Prometheus' own linter wants them.
func TestHabits(t *testing.T) {
	m, _ := daemon(t, 1)
	text, families := scrape(t, m)
	var ours strings.Builder
	keep := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# HELP") {
			keep = strings.HasPrefix(line, "# HELP syncd_")
		}
		if keep {
			ours.WriteString(line)
		}
	}
	problems, err := promlint.New(strings.NewReader(ours.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	sentence := regexp.MustCompile(`^[A-Z0-9].*\.$`)
	for name, f := range families {
		if strings.HasPrefix(name, "syncd_") && !sentence.MatchString(f.GetHelp()) {
			t.Errorf("%s: %q is no sentence", name, f.GetHelp())
		}
	}
}

// TestKept: figures are counted again no sooner than they must, and at most a part of the time.
func TestKept(t *testing.T) {
	clock := began
	counted, takes := 0, time.Duration(0)
	var failure error
	m := metrics.New(metrics.Config{Log: slog.New(slog.DiscardHandler)})
	m.Watch(metrics.Source{
		Figures: func(context.Context, time.Time) (engine.Figures, error) {
			counted++
			clock = clock.Add(takes)
			return engine.Figures{Upcoming: int64(counted)}, failure
		},
		Health: func(context.Context) engine.Health { return engine.Health{} }, Now: func() time.Time { return clock }, Clock: func() time.Time { return clock },
	})
	for i, step := range []struct {
		passes, takes time.Duration
		fails         error
		counted       int
	}{
		{0, 0, nil, 1}, {9 * time.Second, 0, nil, 1}, {2 * time.Second, 3 * time.Second, nil, 2}, {50 * time.Second, 0, nil, 2}, {20 * time.Second, 0, nil, 3},
		{time.Minute, 0, errors.New("down"), 4}, {0, 0, errors.New("down"), 5}, {0, 0, nil, 6}, {0, 0, nil, 6},
	} {
		clock, takes, failure = clock.Add(step.passes), step.takes, step.fails
		_, families := scrape(t, m)
		if counted != step.counted {
			t.Errorf("step %d: counted %d times, want %d", i, counted, step.counted)
		}
		if up := value(families, "syncd_store_up"); up == 1 != (step.fails == nil) {
			t.Errorf("step %d: up is %v", i, up)
		}
	}
}

func TestMethod(t *testing.T) {
	m := metrics.New(metrics.Config{Log: slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d", w.Code)
	}
}
