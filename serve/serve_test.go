package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// failed is when a look was that failed.
var failed = now.Add(-2 * time.Second)

// handler is one behind whose doors is a word for who came in.
func handler(t *testing.T, secret string, passed time.Time) http.Handler {
	t.Helper()
	clock := func() time.Time { return now }
	doors, err := access.New(access.Config{Secret: secret, Listen: "127.0.0.1:8787", Now: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	behind := func(what string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who, _ := access.From(r.Context())
			fmt.Fprintf(w, "%s for %s", what, who.ID)
			if r.URL.Path == "/api/panic" {
				panic("over")
			}
		})
	}
	return Handler(Config{
		Doors: doors, API: behind("the API"), Pages: behind("a page"), Late: time.Minute, Now: clock, Log: slog.New(slog.DiscardHandler),
		Health: func(context.Context) engine.Health {
			return engine.Health{RoundAt: passed, Failing: passed.Equal(failed)}
		},
	})
}

func ask(h http.Handler, method, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8787"+path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestEnding: a process that has been told to end is not ready, answers all the same, and lets connections go.
func TestEnding(t *testing.T) {
	told := make(chan struct{})
	h := Handler(Config{
		Ending: told, Late: time.Minute, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Health: func(context.Context) engine.Health { return engine.Health{RoundAt: now} },
	})
	for _, c := range []struct {
		path, has  string
		status     int
		connection string
	}{
		{"/readyz", "ok", 200, ""},
		{"", "", 0, ""}, // it is told
		{"/readyz", "told to end", 503, "close"},
		{"/livez", "ok", 200, "close"},
	} {
		if c.path == "" {
			close(told)
			continue
		}
		w := ask(h, "GET", c.path, "")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) || w.Header().Get("Connection") != c.connection {
			t.Errorf("%s: %d %s, Connection: %q", c.path, w.Code, w.Body, w.Header().Get("Connection"))
		}
	}
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		name, method, path, authorization string
		passed                            time.Time
		status                            int
		has                               string
	}{
		{"alive", "GET", "/livez", "", time.Time{}, 200, "ok"},
		{"before the first pass", "GET", "/readyz", "", time.Time{}, 503, "not looked yet"},
		{"ready", "GET", "/readyz", "", now.Add(-time.Second), 200, "ok"},
		{"ready, by its older name", "GET", "/healthz", "", now.Add(-time.Second), 200, "ok"},
		{"no store", "GET", "/readyz", "", failed, 503, "the store can't be used"},
		{"stuck", "GET", "/readyz", "", now.Add(-time.Hour), 503, "2026-11-23T07:00:00Z"},
		{"a post to health", "POST", "/livez", "", now, 405, "GET"},
		{"without a token", "GET", "/api/v1/schedules", "", now, 401, "Bearer TOKEN"},
		{"with another token", "GET", "/api/v1/schedules", "Bearer x", now, 401, "Bearer TOKEN"},
		{"with the token", "GET", "/api/v1/schedules", "Bearer t", now, 200, "the API for token_file"},
		{"a page", "GET", "/meetings", "Bearer t", now, 200, "a page for token_file"},
		{"a page for nobody", "GET", "/meetings", "", now, 401, "log in"},
		{"log-in that is not set up", "GET", "/auth/login", "", now, 404, "serve.login"},
		{"pushes that are not set up", "POST", "/push/google/acme.com", "", now, 404, "nothing here"},
		{"mail that is not set up", "GET", "/mail/coordinator/notes", "", now, 404, "nothing here"},
		{"a fault", "GET", "/api/panic", "Bearer t", now, 200, "a fault in syncd"}, // it had begun to answer
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(handler(t, "t", c.passed), c.method, c.path, c.authorization)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) {
				t.Errorf("got %d %s, want %d with %q", w.Code, w.Body, c.status, c.has)
			}
			if got := w.Header().Get("Content-Type"); c.status >= 400 && got != "application/problem+json" {
				t.Errorf("an error is of type %s", got)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

// TestPush: pushes come in without a token, to the connections that take them, and only if there are pushes.
func TestPush(t *testing.T) {
	var got []string
	config := Config{
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Health: func(context.Context) engine.Health { return engine.Health{} },
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
	go func() { done <- Serve(ctx, l, handler(t, "", now), Usual()) }()
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

// TestServeStopsAnyway: who has no answer when the time for it is over does not keep the daemon, and is no fault of it.
func TestServeStopsAnyway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan error, 1)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	})
	limits := Usual()
	limits.Grace = time.Millisecond
	done := make(chan error)
	go func() { done <- Serve(ctx, l, slow, limits) }()
	go func() {
		_, err := http.Get("http://" + l.Addr().String())
		ended <- err
	}()
	<-begun
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("who waits for an answer got one")
	}
}
