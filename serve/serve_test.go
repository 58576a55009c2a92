package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// failed is when a look was that failed.
var failed = now.Add(-2 * time.Second)

// shelf is a store's read side.
type shelf struct {
	engine.Reader
	err error
}

func (s shelf) Schedules(context.Context, time.Time) ([]schedule.Schedule, error) {
	return []schedule.Schedule{{ID: "rec_1", Revision: 2, State: schedule.Updated, JoinURL: "https://zoom.us/j/1?pwd=a&b=c"}}, s.err
}
func (s shelf) Decisions(context.Context) ([]engine.Decision, error) {
	return []engine.Decision{{Decision: eligibility.Decision{Meeting: "u1", Title: "Globex"}, DecidedAt: now}}, s.err
}
func (s shelf) Sources(context.Context) ([]engine.SourceState, error) {
	return []engine.SourceState{{
		Source: calendar.Source{ID: "google:acme.com/ana@acme.com", Calendar: "ana@acme.com"}, Cursor: "secret-cursor",
		PullReport: engine.PullReport{PulledAt: now, Error: "refused", Refused: true},
	}}, s.err
}

func (s shelf) Chores(context.Context) ([]engine.Chore, error) {
	return []engine.Chore{{Name: engine.Roster.Chore("google:acme.com")}}, s.err
}

func handler(s shelf, token string, passed time.Time) http.Handler {
	return Handler(Config{
		Reader: s, Token: token, Late: time.Minute, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Health: func() engine.Health { return engine.Health{RoundAt: passed, Failing: passed.Equal(failed)} },
	})
}

func get(h http.Handler, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		name, path, authorization string
		token                     string
		shelf                     shelf
		passed                    time.Time
		status                    int
		has                       string
	}{
		{"alive", "/livez", "", "", shelf{}, time.Time{}, 200, "ok"},
		{"before the first pass", "/readyz", "", "", shelf{}, time.Time{}, 503, "not looked yet"},
		{"ready", "/readyz", "", "", shelf{}, now.Add(-time.Second), 200, "ok"},
		{"no store", "/readyz", "", "", shelf{}, failed, 503, "the store can't be used"},
		{"stuck", "/readyz", "", "", shelf{}, now.Add(-time.Hour), 503, "2026-11-23T07:00:00Z"},
		{"without a token", "/api/v1/schedules", "", "t", shelf{}, now, 401, "Bearer TOKEN"},
		{"with another token", "/api/v1/schedules", "Bearer x", "t", shelf{}, now, 401, "Bearer TOKEN"},
		{"with the token as a password", "/api/v1/schedules", "Basic t", "t", shelf{}, now, 401, "Bearer TOKEN"},
		{"no token is set", "/api/v1/schedules", "Bearer ", "", shelf{}, now, 403, "serve.token_file"},
		{"schedules", "/api/v1/schedules", "Bearer t", "t", shelf{}, now, 200, `"id":"rec_1","revision":2`},
		{"in lower case", "/api/v1/schedules", "bearer t", "t", shelf{}, now, 200, `"id":"rec_1"`},
		{"meetings", "/api/v1/meetings", "Bearer t", "t", shelf{}, now, 200, `"title":"Globex"`},
		{"sources", "/api/v1/sources", "Bearer t", "t", shelf{}, now, 200, `"refused":true`},
		{"the store fails", "/api/v1/meetings", "Bearer t", "t", shelf{err: errors.New("disk of acme")}, now, 500, "could not be read"},
		{"elsewhere", "/admin", "Bearer t", "t", shelf{}, now, 404, "/api/v1/schedules"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := get(handler(c.shelf, c.token, c.passed), c.path, c.authorization)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) {
				t.Errorf("got %d %s, want %d with %q", w.Code, w.Body, c.status, c.has)
			}
			for _, secret := range []string{"secret-cursor", "disk of acme"} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%q goes out: %s", secret, w.Body)
				}
			}
			if c.status >= 400 {
				if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
					t.Errorf("an error is of type %s", got)
				}
			} else if strings.HasPrefix(c.path, "/api/") && !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

// TestPush: pushes come in without a token, to the connections that take them, and only if there are pushes.
func TestPush(t *testing.T) {
	var got []string
	config := Config{
		Reader: shelf{}, Token: "t", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Health: func() engine.Health { return engine.Health{} },
		Push: func(w http.ResponseWriter, r *http.Request, driver, connection string) bool {
			if driver != "google" || connection != "ana@acme.com" {
				return false
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return true
			}
			got = append(got, string(b))
			w.WriteHeader(http.StatusAccepted)
			return true
		},
	}
	for _, c := range []struct {
		about, method, path, body string
		status                    int
	}{
		{"a push", "POST", "/push/google/ana@acme.com", "hello", 202},
		{"escaped", "POST", "/push/google/ana%40acme.com", "hello", 202},
		{"another connection", "POST", "/push/google/globex.com", "hello", 404},
		{"another driver", "POST", "/push/demo/ana@acme.com", "hello", 404},
		{"a browser", "GET", "/push/google/ana@acme.com", "", 405},
		{"somewhere else", "POST", "/push/google", "", 404},
		{"a long one", "POST", "/push/google/ana@acme.com", strings.Repeat("x", 1<<20+1), 413},
	} {
		for _, off := range []bool{false, true} {
			config := config
			if off {
				config.Push, c.status = nil, 404
			}
			w := httptest.NewRecorder()
			Handler(config).ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
			if w.Code != c.status {
				t.Errorf("%s, pushes off %v: got %d %s, want %d", c.about, off, w.Code, w.Body, c.status)
			}
			if kind := w.Header().Get("Content-Type"); (c.status == 404 || c.status == 405) && kind != "application/problem+json" {
				t.Errorf("%s: an error is of type %q", c.about, kind)
			}
			if (c.status == 405) != (w.Header().Get("Allow") == "POST") {
				t.Errorf("%s: Allow is %q", c.about, w.Header().Get("Allow"))
			}
		}
	}
	if strings.Join(got, " ") != "hello hello" {
		t.Errorf("came through: %q", got)
	}
}

func TestServeStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, handler(shelf{}, "", now)) }()
	resp, err := http.Get("http://" + l.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); string(b) != "ok\n" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	resp.Body.Close()
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}
