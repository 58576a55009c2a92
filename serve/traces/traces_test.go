package traces_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/traces"
	"example.com/syncd/store"
)

// receiver is an OTLP collector.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	text  strings.Builder // all that came, as JSON
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &in)
		}
		if err != nil || req.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", req.URL.Path, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		said := proto.Clone(&in).(*collector.ExportTraceServiceRequest)
		for i, rs := range in.ResourceSpans {
			for j, ss := range rs.ScopeSpans {
				r.spans = append(r.spans, ss.Spans...)
				for _, s := range said.ResourceSpans[i].ScopeSpans[j].Spans { // random ids may look like anything
					s.TraceId, s.SpanId, s.ParentSpanId = nil, nil, nil
				}
			}
		}
		r.text.WriteString(protojson.Format(said))
	}))
	t.Cleanup(r.Close)
	return r
}

// told are the spans as "NAME attribute=value …", without those of HTTP itself.
func (r *receiver) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, s := range r.spans {
		line := []string{s.Name}
		for _, a := range s.Attributes {
			line = append(line, a.Key+"="+a.Value.GetStringValue())
		}
		slices.Sort(line[1:])
		if s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
			line = append(line, "error")
		}
		all = append(all, strings.Join(line, " "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// open makes traces that go to a receiver.
func open(t *testing.T) (*traces.Traces, *receiver) {
	t.Helper()
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	tr, err := traces.New(t.Context(), "v1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tr, r
}

// tenant has a calendar that is read in two pages, and one that may not be read.
type tenant struct{}

func (tenant) Sources(context.Context, []string) ([]calendar.Source, error) {
	ana, bo := calendar.NewSource("google", "acme.com", "ana@acme.com"), calendar.NewSource("google", "acme.com", "bo@acme.com")
	ana.Primary = true
	return []calendar.Source{ana, bo}, nil
}

var began = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func (tenant) Pull(_ context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	if src.Calendar == "bo@acme.com" {
		return connectors.Page{}, errors.Join(errors.New("bo@acme.com says no"), connectors.ErrAccess)
	}
	if cur == "" {
		return connectors.Page{First: true, Full: true, More: true, Next: "half"}, nil
	}
	start := began.Add(time.Hour)
	return connectors.Page{Full: true, Last: true, Listed: w, Next: "all", Events: []calendar.Event{{
		Ref: "u1", UID: "u1", Title: "Secret talks", Status: calendar.StatusConfirmed, Start: calendar.At(start), End: calendar.At(start.Add(time.Hour)),
		Organizer: calendar.Person{Email: "ana@acme.com"}, Location: "https://zoom.us/j/91234567890?pwd=passc0de",
		Attendees: []calendar.Attendee{{Email: "ana@acme.com", Response: calendar.ResponseAccepted}, {Email: "joe@globex.com"}},
	}}}, nil
}

type sink struct{ err error }

func (s sink) Deliver(context.Context, schedule.Delivery) (schedule.Receipt, error) {
	return schedule.Receipt{}, s.err
}

func TestSpans(t *testing.T) {
	tr, got := open(t)
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "syncd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	p := eligibility.NewPolicy()
	p.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com"}}
	p.Import = map[string]eligibility.Import{"google": {Enabled: true}}
	p.Providers = map[string]eligibility.Provider{"zoom": {Enabled: true}}
	p.Directory.Members = []eligibility.Member{{Email: "ana@acme.com", Seat: true, Record: eligibility.RecordOn}}
	e, err := engine.New(engine.Config{
		Store: st, Connections: []engine.Connection{{Driver: "google", Account: "acme.com", Connector: tenant{}}},
		Rules:   engine.Rules{Policy: p, Directory: eligibility.NewDirectory(p.Directory.Members)},
		Targets: []schedule.Target{{Name: "recorder", Sink: sink{}}, {Name: "down", Sink: sink{errors.New("Secret talks: no")}}},
		Past:    24 * time.Hour, Future: 24 * time.Hour, Poll: time.Minute, Parallel: 1, Now: func() time.Time { return began },
		Log: slog.New(slog.DiscardHandler), Observer: tr,
	})
	if err == nil {
		err = e.Start(t.Context())
	}
	if err == nil {
		err = e.Pass(t.Context())
	}
	if err == nil {
		err = tr.Close(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"decide syncd.outcome=ok",
		"deliver syncd.outcome=delivered syncd.target=recorder",
		"deliver syncd.outcome=retry syncd.target=down error",
		"page syncd.driver=google syncd.outcome=ok",
		"page syncd.driver=google syncd.outcome=refused error",
		"pull syncd.driver=google syncd.outcome=ok",
		"pull syncd.driver=google syncd.outcome=refused error",
	}
	if diff := cmp.Diff(want, got.told()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	pulls := map[string]int{} // pages, by the pull that they are part of
	for _, s := range got.spans {
		if s.Name == "page" {
			pulls[string(s.ParentSpanId)]++
		}
	}
	for _, s := range got.spans {
		if n := pulls[string(s.SpanId)]; s.Name == "pull" && n != 2 && s.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR {
			t.Errorf("a pull of %d pages", n)
		}
	}
	for _, private := range []string{"@", "ana", "bo@", "Secret", "zoom.us", "passc0de", "rec_", "u1\""} {
		if strings.Contains(got.text.String(), private) {
			t.Errorf("%q is in what was sent", private)
		}
	}
	for _, about := range []string{"service.name", "syncd", "v1", "deployment.environment"} {
		if !strings.Contains(got.text.String(), about) {
			t.Errorf("%q is not in what was sent", about)
		}
	}
}

func TestRequests(t *testing.T) {
	tr, got := open(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "joe@") {
			w.WriteHeader(http.StatusNotFound)
		}
		if err := http.NewResponseController(w).Flush(); err != nil { // streams go on being streams
			t.Error(err)
		}
	})
	mux.HandleFunc("/push/{driver}/{connection}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	h := tr.Handler(mux)
	for _, r := range []struct{ method, path string }{
		{"GET", "/api/v1/calendars/ana@acme.com"}, {"GET", "/api/v1/joe@globex.com"}, {"POST", "/push/google/acme.com"}, {"GET", "/readyz"},
		{"BREW", "/ana@acme.com"}, {"GET", "/meetings?q=secret"},
	} {
		req := httptest.NewRequest(r.method, r.path, nil)
		req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		req.Header.Set("User-Agent", "secret")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET / http.request.method=GET http.response.status_code= http.route=/",
		"GET /api/ http.request.method=GET http.response.status_code= http.route=/api/",
		"GET /api/v1/calendars http.request.method=GET http.response.status_code= http.route=/api/v1/calendars",
		"POST /push/{driver}/{connection} http.request.method=POST http.response.status_code= http.route=/push/{driver}/{connection} error",
		"_OTHER / http.request.method=_OTHER http.response.status_code= http.route=/",
	}
	if diff := cmp.Diff(want, got.told()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	for _, s := range got.spans {
		if len(s.TraceId) != 16 || s.TraceId[0] != 0x0a || s.TraceId[1] != 0xf7 {
			t.Errorf("the span %s is no part of the caller's trace", s.Name)
		}
	}
	for _, private := range []string{"@", "ana", "secret", "192.0.2.1"} {
		if strings.Contains(got.text.String(), private) {
			t.Errorf("%q is in what was sent", private)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, false},
	} {
		if got := traces.Wanted(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}
