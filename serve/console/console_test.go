package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// newConsole is the console over a world, for Ana, who may act.
func newConsole(t testing.TB, w *world, set func(*Config)) http.Handler {
	t.Helper()
	c := Config{
		Data: w, Actions: w, User: func(context.Context) (string, bool) { return "ana@acme.com", true }, Changes: w.changes,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	}
	if set != nil {
		set(&c)
	}
	h, err := Handler(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get is the page at an address, as a browser without compression sees it.
func get(t testing.TB, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

func TestPages(t *testing.T) {
	h := newConsole(t, newWorld(t), nil)
	for path, want := range map[string]string{
		"/console/":                            "Acme x Globex: kick-off",
		"/console/meetings":                    "Which rule blocks most",
		"/console/calendars":                   "gus@acme.com",
		"/console/providers":                   "Its own cloud recording",
		"/console/policy":                      "In force",
		"/console/deliveries":                  "410 Gone",
		"/console/quarantine":                  "Pricing call",
		"/console/connect":                     "Users can't consent here yet",
		"/console/nothing":                     "Not found",
		"/console/meeting?key=m1%40google.com": "It will be recorded",
	} {
		status, body := get(t, h, path)
		if !strings.Contains(body, want) || !strings.Contains(body, "</html>") {
			t.Errorf("%s: %d without %q:\n%s", path, status, want, body)
		}
	}
}
