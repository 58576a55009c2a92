// Package traces makes spans of what a daemon does, for OpenTelemetry. They have names of drivers and targets, outcomes, and
// the routes of requests: never an address, a calendar, a title, a path, or what went wrong in words.
package traces

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/syncd/engine"
)

// Wanted reports whether the environment names where traces go, by the variables that OpenTelemetry specifies.
func Wanted(getenv func(string) string) bool {
	return (getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "") &&
		!strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") && getenv("OTEL_TRACES_EXPORTER") != "none"
}

// Traces are a daemon's. They are an engine.Observer.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

var _ engine.Observer = (*Traces)(nil)

// New sends spans by OTLP over HTTP, to where the environment says. What can't be sent is dropped, and logged once a minute.
func New(ctx context.Context, version string, log *slog.Logger) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	// The environment has the last word on what the service is called.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "syncd"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: log}) // of the whole process: there is no other way to hear of them
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Traces{p, p.Tracer("syncd")}, nil
}

// Close sends what is left.
func (t *Traces) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// complaints are logged once a minute at most: a collector that is down is told of with every batch.
type complaints struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

// Handle logs err.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.last) >= time.Minute {
		c.last = now
		c.log.Warn("traces can't be sent", "error", err)
	}
}

// Begin begins a span.
func (t *Traces) Begin(ctx context.Context, a engine.Activity) (context.Context, func(engine.Outcome)) {
	kind, of := trace.SpanKindInternal, "syncd.driver"
	switch a.Name {
	case engine.Paging:
		kind = trace.SpanKindClient
	case engine.Delivering:
		kind, of = trace.SpanKindClient, "syncd.target"
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(kind)}
	if a.Of != "" {
		options = append(options, trace.WithAttributes(attribute.String(of, a.Of)))
	}
	ctx, span := t.tracer.Start(ctx, string(a.Name), options...)
	return ctx, func(came engine.Outcome) {
		span.SetAttributes(attribute.String("syncd.outcome", string(came)))
		switch came {
		case engine.Failed, engine.Refused, engine.Retried, engine.GivenUp:
			span.SetStatus(codes.Error, string(came))
		}
		span.End()
	}
}

// Decided is no span: the transaction is.
func (t *Traces) Decided(engine.Decision) {}

// Fresh is no span.
func (t *Traces) Fresh(string, bool) {}

// quiet are asked every few seconds, and say nothing.
var quiet = map[string]bool{"/livez": true, "/readyz": true, "/healthz": true, "/metrics": true}

// resourceOf is the part of an API's path that names what it is about.
var resourceOf = regexp.MustCompile(`^/api/v[0-9]+/[a-z_-]+`)

// Handler makes a span of each request, as a part of the caller's trace if there is one. The path is not in it: it names
// meetings and people. otelhttp has it in, with the caller's address.
func (t *Traces) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if quiet[r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, method(r), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method(r))))
		defer span.End()
		r = r.WithContext(ctx)
		status := http.StatusOK
		next.ServeHTTP(httpsnoop.Wrap(w, httpsnoop.Hooks{WriteHeader: func(write httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(code int) {
				if code >= 200 {
					status = code
				}
				write(code)
			}
		}}), r)
		route := route(r, status)
		span.SetName(method(r) + " " + route)
		span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if status >= 500 {
			span.SetStatus(codes.Error, strconv.Itoa(status))
		}
	})
}

// method is one of a few: anybody may send any.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "_OTHER"
}

// route is the pattern that r fits, and the resource where there is one.
func route(r *http.Request, status int) string {
	if resource := resourceOf.FindString(r.URL.Path); r.Pattern == "/api/" && resource != "" && status < 400 {
		return resource
	}
	return r.Pattern
}
