package retry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script answers requests one after the other.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	bodies  []string // of the requests
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	s.bodies = append(s.bodies, body)
	if len(s.bodies) > len(s.answers) {
		return nil, errors.New("more requests than answers")
	}
	return s.answers[len(s.bodies)-1](r)
}

func answer(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

type permanent struct{ error }

func (permanent) Permanent() bool { return true }

func TestTransport(t *testing.T) {
	throttled := func(_ *http.Response, body []byte) bool { return strings.Contains(string(body), "rateLimitExceeded") }
	for _, c := range []struct {
		name     string
		answers  []func(*http.Request) (*http.Response, error)
		requests int
		status   int // 0: an error
		body     string
		least    time.Duration // of waiting
		most     time.Duration
	}{
		{"good", list(answer(200, "ok")), 1, 200, "ok", 0, 0},
		{"once reset", list(fails(errors.New("reset")), answer(200, "ok")), 2, 200, "ok", 1, time.Second},
		{"busy, then good", list(answer(503, "busy"), answer(200, "ok")), 2, 200, "ok", 1, time.Second},
		{"Retry-After in seconds", list(answer(429, "", "Retry-After", "1"), answer(200, "ok")), 2, 200, "ok", time.Second, time.Second},
		{"Retry-After of 504 too", list(answer(504, "", "Retry-After", "1"), answer(200, "ok")), 2, 200, "ok", time.Second, time.Second},
		{"a long Retry-After is the engine's", list(answer(429, "slow down", "Retry-After", "3600")), 1, 429, "slow down", 0, 0},
		{"busy to the end: the last answer is whole", list(answer(503, "a"), answer(503, "b"), answer(503, "c")), 3, 503, "c", 1, 4 * time.Second},
		{"reset to the end", list(fails(errors.New("1")), fails(errors.New("2")), fails(errors.New("3"))), 3, 0, "3", 1, 4 * time.Second},
		{"not found", list(answer(404, "no")), 1, 404, "no", 0, 0},
		{"gone", list(answer(410, "gone")), 1, 410, "gone", 0, 0},
		{"a 403 that means too many", list(answer(403, "rateLimitExceeded"), answer(200, "ok")), 2, 200, "ok", 1, time.Second},
		{"a 403 that means no, body intact", list(answer(403, "forbidden "+strings.Repeat("x", 100_000))), 1, 403, "forbidden " + strings.Repeat("x", 100_000), 0, 0},
		{"redirects are not followed", list(answer(302, "", "Location", "https://elsewhere.example/")), 1, 302, "", 0, 0},
		{"what will never do", list(fails(permanent{errors.New("not on the tape")})), 1, 0, "not on the tape", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: c.answers}
				p := Default
				p.Throttled = throttled
				req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://api.example/x", strings.NewReader("the body"))
				began := time.Now()
				resp, err := Transport(s, p).RoundTrip(req)
				if waited := time.Since(began); waited < c.least || waited > c.most {
					t.Errorf("waited %s, want %s to %s", waited, c.least, c.most)
				}
				if len(s.bodies) != c.requests {
					t.Errorf("%d requests, want %d", len(s.bodies), c.requests)
				}
				for _, b := range s.bodies {
					if b != "the body" {
						t.Errorf("a request went out with the body %q", b)
					}
				}
				if c.status == 0 {
					if err == nil || !strings.Contains(err.Error(), c.body) {
						t.Errorf("got %v, want the last error", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(resp.Body); resp.StatusCode != c.status || string(b) != c.body || err != nil {
					t.Errorf("got %d with %d bytes (%v), want %d with %d", resp.StatusCode, len(b), err, c.status, len(c.body))
				}
			})
		})
	}
}

func list(answers ...func(*http.Request) (*http.Response, error)) []func(*http.Request) (*http.Response, error) {
	return answers
}

func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		s := &script{answers: list(answer(503, ""), answer(503, ""), answer(200, ""))}
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://api.example/x", nil)
		resp, err := Transport(s, Default).RoundTrip(req)
		// With no time left for another attempt, the answer there is goes up.
		if err == nil && resp.StatusCode != 503 || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", resp, err)
		}
		if len(s.bodies) == 3 {
			t.Error("it went on behind the deadline")
		}
	})
}

func TestAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": -1, "12": 12 * time.Second, "1.5": 1500 * time.Millisecond, "-1": -1, "soon": -1, "1e99": -1,
		"Mon, 23 Nov 2026 08:01:00 GMT": time.Minute, "Mon, 23 Nov 2026 07:00:00 GMT": 0,
	} {
		got, ok := After(&http.Response{Header: http.Header{"Retry-After": {v}}}, now)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", v, got, want)
		}
	}
}

// TestOnce: what must not be repeated is not, and its outcome comes up as it is.
func TestOnce(t *testing.T) {
	for _, first := range []func(*http.Request) (*http.Response, error){
		fails(errors.New("reset")), answer(503, "busy"), answer(429, "", "Retry-After", "1"),
	} {
		s := &script{answers: list(first, answer(200, "ok"))}
		r, err := http.NewRequestWithContext(Once(t.Context()), "POST", "https://api.example/watch", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := Transport(s, Default).RoundTrip(r)
		if len(s.bodies) != 1 || (err == nil) != (resp != nil) || err == nil && resp.StatusCode == 200 {
			t.Errorf("%d requests, %v, %v", len(s.bodies), resp, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }
func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: e, Request: r}, nil
}

// TestEndless: an answer without an end is cut off.
func TestEndless(t *testing.T) {
	rt := Transport(endless{}, Default)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://provider.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != MaxAnswer || !errors.Is(err, ErrTooLong) {
		t.Errorf("read %d bytes, then %v", n, err)
	}
}
