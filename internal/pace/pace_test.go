package pace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func byPath(r *http.Request) (string, bool) { return r.URL.Path, true }

type sent struct{ n map[string]int }

func (s sent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.n[r.URL.Query().Get("user")]++
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

func byUser(r *http.Request) (string, bool) { u := r.URL.Query().Get("user"); return u, u != "" }

func ask(t *testing.T, ctx context.Context, rt http.RoundTripper, user string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://provider.example/?user="+user, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.RoundTrip(r)
	return err
}

// TestQuota: over ten minutes nobody gets more than their quota and a tenth, all together not more than
// theirs; what would wait for long is told to come back, and gets through then.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sent{map[string]int{}}
		p := New(Quota{PerMinute: 600, PerUserMinute: 60, User: byUser}, s)
		begin, n := time.Now(), 0
		for time.Since(begin) < 10*time.Minute {
			longest := time.Duration(0)
			for u := range 20 {
				user := fmt.Sprint("u", u)
				err := ask(t, t.Context(), p, user)
				var e *Exceeded
				switch {
				case errors.As(err, &e):
					longest = max(longest, e.After)
				case err != nil:
					t.Fatal(err)
				default:
					n++
				}
			}
			time.Sleep(longest)
		}
		minutes := time.Since(begin).Minutes()
		if most := int(600*minutes) + 60; n > most || n < most*8/10 {
			t.Errorf("%d requests in %.1f minutes, at most %d are allowed", n, minutes, most)
		}
		for user, n := range s.n {
			if most := int(60*minutes) + 6; n > most {
				t.Errorf("%s sent %d, at most %d are allowed", user, n, most)
			}
		}
	})
}

func TestWhoseQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sent{map[string]int{}}
		one := New(Quota{PerMinute: 6000, PerUserMinute: 10, User: byUser}, s)
		if err := ask(t, t.Context(), one, "ana"); err != nil {
			t.Fatal(err)
		}
		var e *Exceeded
		if err := ask(t, t.Context(), one, "ana"); !errors.As(err, &e) || e.Whole || e.After != 6*time.Second {
			t.Errorf("her second request: %v", err)
		}
		if err := ask(t, t.Context(), one, "bo"); err != nil {
			t.Errorf("somebody else's: %v", err)
		}
		for range 20 {
			if err := ask(t, t.Context(), one, ""); err != nil {
				t.Fatalf("what counts to no quota: %v", err)
			}
		}
		all := New(Quota{PerMinute: 10, PerUserMinute: 6000, User: byUser}, s)
		ask(t, t.Context(), all, "ana")
		if err := ask(t, t.Context(), all, "bo"); !errors.As(err, &e) || !e.Whole {
			t.Errorf("the quota of all: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		soon := New(Quota{PerMinute: 60, PerUserMinute: 60, User: byUser}, s)
		for range 6 {
			ask(t, ctx, soon, "ana")
		}
		go cancel()
		if err := ask(t, ctx, soon, "ana"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while it waits: %v", err)
		}
	})
}

// TestRefused: three users refused within ten seconds mean that everybody is meant.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Quota{PerMinute: 1, PerUserMinute: 1, User: byUser}, nil)
		for _, c := range []struct {
			user  string
			after time.Duration
			want  bool
		}{{"ana", 0, false}, {"ana", time.Second, false}, {"bo", time.Second, false}, {"cy", time.Second, true}, {"ana", time.Minute, false}, {"bo", 0, false}} {
			time.Sleep(c.after)
			if got := p.Refused(c.user); got != c.want {
				t.Errorf("%s: got %v", c.user, got)
			}
		}
		var none *Transport
		if none.Refused("ana") {
			t.Error("nothing is known of others")
		}
	})
}

// TestAtOnce: a user's requests wait for each other's answers to be read, and nobody else's.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := map[string]int{}
		most := 0
		var mu sync.Mutex
		tr := New(Quota{PerMinute: 60000, PerUserMinute: 6000, AtOnce: 2, User: byPath}, answers(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			under[r.URL.Path]++
			most = max(most, under[r.URL.Path])
			mu.Unlock()
			if r.URL.RawQuery == "fail" {
				mu.Lock()
				under[r.URL.Path]--
				mu.Unlock()
				return nil, errors.New("refused")
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}))
		var wg sync.WaitGroup
		for _, path := range []string{"/a", "/a?fail", "/a", "/a", "/b", "/a?fail", "/a", "/b", "/b"} {
			wg.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
				resp, err := tr.RoundTrip(r)
				if err != nil {
					return
				}
				time.Sleep(time.Second)
				mu.Lock()
				under[r.URL.Path]--
				mu.Unlock()
				resp.Body.Close()
				resp.Body.Close()
			})
		}
		wg.Wait()
		if most != 2 {
			t.Errorf("%d at a time", most)
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			if _, err := tr.RoundTrip(httptest.NewRequestWithContext(ctx, "GET", "/c", nil)); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if _, err := tr.RoundTrip(httptest.NewRequestWithContext(ctx, "GET", "/c", nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("who has given up waits on: %v", err)
		}
	})
}

// TestShare: requests are taken out of what all processes share, some at a time; when there are none left, the engine
// waits, and a store that fails stops nothing.
func TestShare(t *testing.T) {
	var taken []int
	answer, failure := time.Duration(0), error(nil)
	n := 0
	tr := New(Quota{
		PerMinute: 6000, PerUserMinute: 6000, User: func(*http.Request) (string, bool) { return "ana", true },
		Share: func(_ context.Context, n, perMinute, burst int) (time.Duration, error) {
			taken = append(taken, n)
			if perMinute != 6000 || burst != 600 {
				t.Errorf("a budget of %d, at most %d", perMinute, burst)
			}
			return answer, failure
		},
	}, answers(func(r *http.Request) (*http.Response, error) {
		n++
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}))
	do := func() error {
		_, err := tr.RoundTrip(httptest.NewRequest("GET", "https://x.example/", nil))
		return err
	}
	for range 11 {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if len(taken) != 2 || taken[0] != 10 || n != 11 {
		t.Errorf("taken %v for %d requests", taken, n)
	}
	for range 9 {
		do()
	}
	answer = time.Minute
	var exceeded *Exceeded
	if err := do(); !errors.As(err, &exceeded) || exceeded.After != time.Minute || !exceeded.Whole || n != 20 {
		t.Errorf("nothing left: %v, %d sent", err, n)
	}
	answer, failure = 0, errors.New("the store is away")
	if err := do(); err != nil || n != 21 {
		t.Errorf("a store that fails: %v", err)
	}
}
