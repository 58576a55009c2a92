package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/engine"
	"example.com/syncd/serve"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/metrics"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/serve/traces"
	"example.com/syncd/store"
)

// watchers are told what the daemon does. Either may be nil.
type watchers struct {
	metrics *metrics.Metrics
	traces  *traces.Traces
}

// newWatchers makes those that the configuration, and the environment, want.
func newWatchers(ctx context.Context, cfg *config.Config, log *slog.Logger) (w watchers, err error) {
	if l := cfg.Serve.Metrics.Listen; l != config.Off && (l != "" || cfg.Serve.Listen != config.Off) {
		c := metrics.Config{Version: version(), Log: log}
		for _, conn := range cfg.Connections {
			c.Drivers = append(c.Drivers, conn.Driver.Name)
		}
		for _, t := range cfg.Deliver {
			c.Targets = append(c.Targets, t.Name)
		}
		w.metrics = metrics.New(c)
	}
	if traces.Wanted(os.Getenv) {
		if w.traces, err = traces.New(ctx, version(), log); err != nil {
			return w, err
		}
		log.Info("traces are sent by OTLP, as the environment says")
	}
	return w, nil
}

// observer is who the engine tells; nil: nobody.
func (w watchers) observer() engine.Observer {
	var all []engine.Observer
	if w.metrics != nil {
		all = append(all, w.metrics)
	}
	if w.traces != nil {
		all = append(all, w.traces)
	}
	if len(all) == 0 {
		return nil
	}
	return engine.Observers(all...)
}

// transport counts a driver's requests.
func (w watchers) transport(driver string, next http.RoundTripper) http.RoundTripper {
	if w.metrics == nil {
		return next
	}
	return w.metrics.Transport(driver, next)
}

// watch has the metrics tell what the store holds.
func (w watchers) watch(cfg *config.Config, e *engine.Engine, st *store.Store) {
	if w.metrics == nil {
		return
	}
	connections := map[string]string{}
	for _, c := range cfg.Connections {
		connections[engine.Connection{Driver: c.Driver.Name, Account: c.Name}.String()] = c.Driver.Name
	}
	w.metrics.Watch(metrics.Source{Figures: st.Figures, Health: e.Health, Connections: connections, Now: e.Now})
}

// guarded answers Prometheus behind the doors; nil where the metrics have an address of their own, or are not there.
func (w watchers) guarded(cfg *config.Config, doors *access.Doors) http.Handler {
	if w.metrics == nil || cfg.Serve.Metrics.Listen != "" {
		return nil
	}
	return doors.API(access.Require(tokens.Read)(w.metrics.Handler()))
}

// listen opens the metrics' own address; nil: they have none.
func (w watchers) listen(cfg *config.Config, log *slog.Logger) (net.Listener, error) {
	if w.metrics == nil || cfg.Serve.Metrics.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.Serve.Metrics.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve.metrics.listen %s: %w; choose another address, or leave it out", cfg.Serve.Metrics.Listen, err)
	}
	log.Info("metrics", "address", "http://"+l.Addr().String()+"/metrics")
	return l, nil
}

// serve answers at the metrics' own address.
func (w watchers) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", w.metrics.Handler())
	return serve.Serve(ctx, l, mux, serve.Usual())
}

// traced makes a span of each request.
func (w watchers) traced(h http.Handler) http.Handler {
	if w.traces == nil {
		return h
	}
	return w.traces.Handler(h)
}

// tracesEnd is how long the last traces may take to be sent.
const tracesEnd = 5 * time.Second

// close sends what is left to send.
func (w watchers) close(ctx context.Context, log *slog.Logger) {
	if w.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tracesEnd)
	defer cancel()
	if err := w.traces.Close(ctx); err != nil {
		log.Warn("the last traces could not be sent", "error", err)
	}
}
