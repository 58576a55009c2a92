package conntest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/replay"
)

// Golden compares got with the file, or writes the file anew.
func Golden(t *testing.T, file string, got []byte, renew bool) {
	t.Helper()
	if renew {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not what comes out now; if that is right, renew it (-want +got):\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

// Tape runs f against a simulated provider with a recorder between them. What is recorded is the golden
// file.
func Tape(t *testing.T, file string, renew bool, provider http.RoundTripper, f func(http.RoundTripper)) {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh.yaml")
	rec := replay.NewRecorder(fresh, provider)
	f(rec)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	Golden(t, file, got, renew)
}

// CatchUp pulls a source to its end and returns its events.
func CatchUp(t *testing.T, c connectors.Connector, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Cursor, []calendar.Event) {
	t.Helper()
	var events []calendar.Event
	for p, err := range connectors.Pages(t.Context(), c, src, cur, w) {
		if err != nil {
			t.Fatal(err)
		}
		events, cur = append(events, p.Events...), p.Next
	}
	return cur, events
}

// An Answer is a provider that says one thing, whatever it is asked.
type Answer struct {
	Status     int
	Body       string
	RetryAfter string
}

// RoundTrip answers r.
func (a Answer) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	if strings.HasPrefix(a.Body, "<") {
		h.Set("Content-Type", "text/html")
	}
	if a.RetryAfter != "" {
		h.Set("Retry-After", a.RetryAfter)
	}
	return &http.Response{StatusCode: a.Status, Header: h, Body: io.NopCloser(strings.NewReader(a.Body)), Request: r}, nil
}

// A Refusal is what a provider answers, and what the engine must hear.
type Refusal struct {
	Name  string
	Says  Answer
	Want  error         // ErrCursor, ErrAccess or ErrSource; nil: neither, so to be tried again
	After time.Duration // of a ThrottledError; 0: none
	Has   string        // what the message must have in it
	Cur   connectors.Cursor
}

// Refusals pulls src behind each refusal, with a connector that open makes.
func Refusals(t *testing.T, src calendar.Source, all []Refusal, open func(*testing.T, http.RoundTripper) connectors.Connector) {
	for _, r := range all {
		t.Run(r.Name, func(t *testing.T) {
			p, err := open(t, r.Says).Pull(t.Context(), src, r.Cur, Horizon)
			if err == nil {
				t.Fatalf("no error, but the page %+v", p)
			}
			if !strings.Contains(err.Error(), r.Has) {
				t.Errorf("%v does not say %q", err, r.Has)
			}
			for _, kind := range []error{connectors.ErrCursor, connectors.ErrAccess, connectors.ErrSource} {
				if errors.Is(err, kind) != (kind == r.Want) {
					t.Errorf("%v: is %v: %v", err, kind, errors.Is(err, kind))
				}
			}
			var throttled *connectors.ThrottledError
			if errors.As(err, &throttled) != (r.After > 0) || throttled != nil && throttled.After != r.After {
				t.Errorf("%v: throttled %+v, want %s", err, throttled, r.After)
			}
		})
	}
}
