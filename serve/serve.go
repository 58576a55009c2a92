// Package serve is the daemon's HTTP side: health, what is scheduled, and the providers' pushes.
package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/schedule"
)

// Config is what a Server works with.
type Config struct {
	Reader engine.Reader
	Health func() engine.Health
	// Token is the bearer token that opens everything but health; empty: nothing but health is open.
	Token string
	// Push answers a push that came for a connection, whoever sent it, without waiting for anything. It answers
	// nothing, and reports false, where no such connection takes pushes. Nil: pushes are not configured.
	Push func(w http.ResponseWriter, r *http.Request, driver, connection string) bool
	// Mail takes a mail that was posted for a connection, once it has shown its credential. It answers nothing, and
	// reports false, where no such connection takes mail.
	Mail func(w http.ResponseWriter, r *http.Request, driver, connection string) bool
	// Late is how long ago the daemon may have looked for what is due before it is not ready.
	Late time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Handler serves:
//
//	GET /livez               200 while the process answers
//	GET /readyz              200 while the daemon does what is due in time, else 503
//	GET /api/v1/schedules    schedules that have not ended, cancelled ones included, by start
//	GET /api/v1/meetings     decisions with their traces, by start
//	GET /api/v1/sources      calendars: when each was read last, and what is wrong
//	POST /push/{driver}/{connection}   a provider tells of changes; only if Push is set
//	POST /mail/{driver}/{connection}   a service hands over a mail; only if Mail is set
//
// Pushes come without a token, of at most 1 MiB: each is believed by the secret in it, and only that a
// calendar is worth a look. The API wants "Authorization: Bearer TOKEN". Errors are problem+json (RFC 9457).
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", c.ready)
	for path, list := range map[string]func(context.Context) (any, error){
		"schedules": c.schedules, "meetings": c.meetings, "sources": c.sources,
	} {
		mux.HandleFunc("GET /api/v1/"+path, c.authorized(listing(path, list, c.Log)))
	}
	if c.Push != nil {
		mux.HandleFunc("/push/{driver}/{connection}", c.pushed)
	}
	if c.Mail != nil {
		mux.HandleFunc("POST /mail/{driver}/{connection}", c.mailed)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "there is nothing here; see /api/v1/schedules, /api/v1/meetings, /api/v1/sources, /livez and /readyz")
	})
	return bounded(secure(mux))
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

// secure sets what keeps a browser from doing harm with the answers.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// authorized lets nobody in without the token.
func (c Config) authorized(next http.HandlerFunc) http.HandlerFunc {
	want := sha256.Sum256([]byte(c.Token))
	return func(w http.ResponseWriter, r *http.Request) {
		if c.Token == "" {
			problem(w, http.StatusForbidden, "the API is closed: set serve.token_file in the configuration to open it")
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="syncd"`)
			problem(w, http.StatusUnauthorized, "send the header \"Authorization: Bearer TOKEN\" with the token in the file that serve.token_file names")
			return
		}
		next(w, r)
	}
}

// pushed hands a push on.
func (c Config) pushed(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, "providers send their pushes here, by POST")
		return
	}
	if !c.Push(w, r, r.PathValue("driver"), r.PathValue("connection")) {
		problem(w, http.StatusNotFound, "no connection of this name takes pushes")
	}
}

// mailed hands a mail on.
func (c Config) mailed(w http.ResponseWriter, r *http.Request) {
	if !c.Mail(w, r, r.PathValue("driver"), r.PathValue("connection")) {
		problem(w, http.StatusNotFound, "no connection of this name takes mail")
	}
}

func (c Config) ready(w http.ResponseWriter, _ *http.Request) {
	h := c.Health()
	switch {
	case h.RoundAt.IsZero():
		problem(w, http.StatusServiceUnavailable, "the daemon has not looked yet for what is due")
	case h.Failing:
		problem(w, http.StatusServiceUnavailable, "the store can't be used, and is tried again; the daemon's log says why")
	case c.Now().Sub(h.RoundAt) > c.Late:
		problem(w, http.StatusServiceUnavailable, "the daemon looked last for what is due at "+h.RoundAt.UTC().Format(time.RFC3339)+"; its log says why")
	default:
		fmt.Fprintln(w, "ok")
	}
}

func (c Config) schedules(ctx context.Context) (any, error) {
	s, err := c.Reader.Schedules(ctx, c.Now())
	return struct {
		Schedules []schedule.Schedule `json:"schedules"`
	}{s}, err
}

// A meeting is a decision as the API gives it out.
type meeting struct {
	Title     string          `json:"title,omitempty"`
	DecidedAt time.Time       `json:"decided_at"`
	Decision  json.RawMessage `json:"decision"`
}

func (c Config) meetings(ctx context.Context) (any, error) {
	decisions, err := c.Reader.Decisions(ctx)
	if err != nil {
		return nil, err
	}
	meetings := make([]meeting, len(decisions))
	for i, d := range decisions {
		b, err := json.Marshal(d.Decision)
		if err != nil {
			return nil, err
		}
		meetings[i] = meeting{d.Title, d.DecidedAt, b}
	}
	return struct {
		Meetings []meeting `json:"meetings"`
	}{meetings}, nil
}

// A source is a calendar as the API gives it out. Cursors are the connectors' own.
type source struct {
	ID       string    `json:"id"`
	Calendar string    `json:"calendar"`
	ReadAt   time.Time `json:"read_at,omitzero"`
	NextAt   time.Time `json:"next_at,omitzero"`
	Refused  bool      `json:"refused,omitempty"`
	Held     bool      `json:"held,omitempty"`
	Failures int       `json:"failures,omitempty"`
	Error    string    `json:"error,omitempty"`
}

func (c Config) sources(ctx context.Context) (any, error) {
	states, err := c.Reader.Sources(ctx)
	if err != nil {
		return nil, err
	}
	chores, err := c.Reader.Chores(ctx)
	if err != nil {
		return nil, err
	}
	connections := map[string]string{}
	for _, ch := range chores {
		if kind, name := engine.ChoreJob(ch.Name); kind == engine.Roster {
			connections[name] = ch.Error
		}
	}
	health := c.Health()
	sources := make([]source, len(states))
	for i, s := range states {
		sources[i] = source{string(s.ID), s.Calendar, s.PulledAt, s.NextAt, s.Refused, s.Held, s.Failures, s.Error}
	}
	return struct {
		Connections map[string]string `json:"connections"`
		Rules       string            `json:"rules,omitempty"` // why the newest rules are not in force
		Sources     []source          `json:"sources"`
	}{connections, health.Rules, sources}, nil
}

func listing(what string, list func(context.Context) (any, error), log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := list(r.Context())
		if err != nil {
			log.Error("the store could not be read", "what", what, "error", err)
			problem(w, http.StatusInternalServerError, "the store could not be read; the daemon's log says why")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			log.Warn("an answer was not read to its end", "what", what, "error", err)
		}
	}
}

// problem answers with problem details (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}

// Serve answers on l until ctx ends, then lets requests under way finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := srv.Shutdown(grace)
	if e := <-done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
