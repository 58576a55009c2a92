// Package serve is the daemon's HTTP side: health, the doors, the API and pages behind them, and the providers' pushes.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/problem"
)

// Config is what a Handler works with.
type Config struct {
	// Doors let in to API and Pages; nil: neither is served.
	Doors *access.Doors
	API   http.Handler
	Pages http.Handler // nil: there are none
	// Metrics are served at /metrics as they are, guarded or not. Nil: there are none.
	Metrics http.Handler
	Health  func(context.Context) engine.Health
	// Push answers a push that came for a connection, whoever sent it, without waiting for anything. It answers
	// nothing, and reports false, where no such connection takes pushes. Nil: pushes are not configured.
	Push func(w http.ResponseWriter, r *http.Request, driver, connection string) bool
	// Mail takes a mail that was posted for a connection, once it has shown its credential. It answers nothing, and
	// reports false, where no such connection takes mail.
	Mail func(w http.ResponseWriter, r *http.Request, driver, connection string) bool
	// Ending is closed when the process has been told to end: it is not ready any more, and has connections closed, but
	// goes on answering. Nil: it never is.
	Ending <-chan struct{}
	// Late is how long ago the daemon may have looked for what is due before it is not ready.
	Late time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Handler serves:
//
//	GET /livez               200 while the process answers
//	GET /readyz, /healthz    200 while passes complete in time and the process is not to end, else 503
//	/api/…                   the API, for whoever has a token or has logged in
//	/auth/…                  log-in and log-out
//	POST /push/{driver}/{connection}   a provider tells of changes; only if Push is set
//	POST /mail/{driver}/{connection}   a service hands over a mail; only if Mail is set
//	/…                       pages, for people who have logged in
//
// Pushes come without a token, of at most 1 MiB: each is believed by the secret in it, and only that a
// calendar is worth a look. Errors are problem+json (RFC 9457).
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", reading(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }))
	mux.HandleFunc("/readyz", reading(c.ready))
	mux.HandleFunc("/healthz", reading(c.ready))
	if c.Push != nil {
		mux.HandleFunc("/push/{driver}/{connection}", posting("providers send their pushes here, by POST", c.pushed))
	}
	if c.Mail != nil {
		mux.HandleFunc("/mail/{driver}/{connection}", posting("mail is handed over here by POST", c.mailed))
	}
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusNotFound, "there is nothing here; see /api/openapi.json, /livez and /readyz")
	})
	rest := http.Handler(nothing)
	if c.Doors != nil {
		mux.Handle("/api/", c.Doors.API(c.API))
		mux.Handle("/auth/", c.Doors.Auth())
		if c.Pages != nil {
			rest = c.Doors.Pages(c.Pages)
		}
	}
	mux.Handle("/", rest)
	mux.Handle("/push/", nothing)
	mux.Handle("/mail/", nothing)
	if c.Metrics != nil {
		mux.Handle("/metrics", c.Metrics)
	}
	return bounded(secure(c.parting(c.upright(mux))))
}

// reading answers GET and HEAD alone.
func reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem.Write(w, http.StatusMethodNotAllowed, "this takes GET")
			return
		}
		next(w, r)
	}
}

// posting answers POST alone.
func posting(what string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			problem.Write(w, http.StatusMethodNotAllowed, what)
			return
		}
		next(w, r)
	}
}

// The largest bodies that are read. What takes mail has bounds of its own.
const (
	maxBody = 1 << 20
	maxMail = 64 << 20
)

func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(maxBody)
		if strings.HasPrefix(r.URL.Path, "/mail/") {
			limit = maxMail
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

// secure sets what keeps a browser from doing harm with the answers. Pages set more, and allow themselves more.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// parting has connections closed behind their answers once the process is to end, so that who asks again asks another.
func (c Config) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.ending() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (c Config) ending() bool {
	select {
	case <-c.Ending:
		return true
	default:
		return false
	}
}

// upright answers where a handler fell over, and logs where.
func (c Config) upright(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch fallen := recover(); {
			case fallen == nil:
			case fallen == http.ErrAbortHandler, r.Context().Err() != nil: // who asked has gone away
				panic(http.ErrAbortHandler)
			default:
				c.Log.Error("a request could not be answered", "panic", fallen, "stack", string(debug.Stack()))
				problem.Write(w, http.StatusInternalServerError, "this is a fault in syncd; the daemon's log says more")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// pushed hands a push on.
func (c Config) pushed(w http.ResponseWriter, r *http.Request) {
	if !c.Push(w, r, r.PathValue("driver"), r.PathValue("connection")) {
		problem.Write(w, http.StatusNotFound, "no connection of this name takes pushes")
	}
}

// mailed hands a mail on.
func (c Config) mailed(w http.ResponseWriter, r *http.Request) {
	if !c.Mail(w, r, r.PathValue("driver"), r.PathValue("connection")) {
		problem.Write(w, http.StatusNotFound, "no connection of this name takes mail")
	}
}

func (c Config) ready(w http.ResponseWriter, r *http.Request) {
	if c.ending() {
		problem.Write(w, http.StatusServiceUnavailable, "the daemon has been told to end")
		return
	}
	h := c.Health(r.Context())
	switch {
	case h.Failing:
		problem.Write(w, http.StatusServiceUnavailable, "the store can't be used; the daemon's log says why")
	case h.RoundAt.IsZero():
		problem.Write(w, http.StatusServiceUnavailable, "the daemon has not looked yet for what is due")
	case c.Now().Sub(h.RoundAt) > c.Late:
		problem.Write(w, http.StatusServiceUnavailable, "the daemon looked last for what is due at "+h.RoundAt.UTC().Format(time.RFC3339)+"; its log says why")
	default:
		fmt.Fprintln(w, "ok")
	}
}

// Limits are how long requests may take. Streams of events set their own.
type Limits struct {
	Header, Read, Write, Idle, Grace time.Duration
}

// Usual are the limits of a daemon.
func Usual() Limits {
	return Limits{Header: 5 * time.Second, Read: 10 * time.Second, Write: time.Minute, Idle: 2 * time.Minute, Grace: 10 * time.Second}
}

// Serve answers on l until ctx ends, then lets requests under way finish, for as long as limits.Grace.
func Serve(ctx context.Context, l net.Listener, h http.Handler, limits Limits) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: limits.Header, ReadTimeout: limits.Read, WriteTimeout: limits.Write, IdleTimeout: limits.Idle,
		MaxHeaderBytes: 64 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), limits.Grace)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) { // whoever has no answer yet has had the time for it
		err = srv.Close()
	}
	if e := <-done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
