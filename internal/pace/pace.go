// Package pace keeps requests below a provider's quotas: so many a minute in all, and so many for each user.
package pace

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Quota is what a provider allows.
type Quota struct {
	PerMinute     int // requests in all
	PerUserMinute int // requests for one user
	AtOnce        int // requests for one user at a time, until their answers' bodies are closed; 0: any number
	// User is whose quota a request counts to; ok is false for one that counts to none.
	User func(*http.Request) (name string, ok bool)
	// Share takes n requests out of what all processes together may send, or says how long to wait for them. Nil: there
	// is no other process. One that fails is no reason to send nothing: the provider has the last word.
	Share func(ctx context.Context, n, perMinute, burst int) (wait time.Duration, err error)
}

// A Transport sends requests within a quota. A short wait is waited; a longer one is the engine's, which
// reads other calendars meanwhile. It belongs below the retries, so that each attempt counts.
type Transport struct {
	base http.RoundTripper
	q    Quota
	all  *rate.Limiter

	mu       sync.Mutex
	shares   int // requests that were taken out of what all processes share, and are not sent yet
	users    map[string]*user
	refusals []refusal // the last ones
}

type user struct {
	limiter *rate.Limiter
	slots   chan struct{} // nil: as many at a time as there are
	last    time.Time
}

// A refusal is the provider's own "too many requests".
type refusal struct {
	user string
	at   time.Time
}

const (
	maxPause = 2 * time.Second  // what a request waits at most
	resting  = 2 * time.Minute  // a user who asked for nothing for so long is forgotten: the quota is full again
	several  = 3                // so many users refused within
	ofLate   = 10 * time.Second // so long mean that it is the quota of all
)

// New sends requests through base within the quota. Nothing is sent faster than a tenth of it at once.
func New(q Quota, base http.RoundTripper) *Transport {
	return &Transport{base: base, q: q, all: limiter(q.PerMinute), users: map[string]*user{}}
}

func limiter(perMinute int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(1, perMinute/10))
}

// Exceeded is the error of a request that was not sent: the quota would have made it wait for long.
type Exceeded struct {
	After time.Duration
	Whole bool // it is the quota of all, not the user's
}

func (e *Exceeded) Error() string {
	return fmt.Sprintf("as many requests were sent as the quota allows; the next in %s", e.After.Round(time.Second))
}

// Permanent keeps package retry from waiting for what the engine waits for.
func (*Exceeded) Permanent() bool { return true }

// RoundTrip sends r as soon as the quota allows it, if that is soon.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	name, counts := t.q.User(r)
	if !counts {
		return t.base.RoundTrip(r)
	}
	now := time.Now()
	u := t.user(name, now)
	own := u.limiter.ReserveN(now, 1)
	all := t.all.ReserveN(now, 1)
	wait := max(own.DelayFrom(now), all.DelayFrom(now))
	if wait > maxPause {
		whole := all.DelayFrom(now) > maxPause
		all.CancelAt(now)
		own.CancelAt(now)
		return nil, &Exceeded{wait, whole}
	}
	if after, err := t.share(r.Context()); err != nil {
		return nil, err
	} else if after > maxPause {
		all.CancelAt(now)
		own.CancelAt(now)
		return nil, &Exceeded{after, true}
	} else {
		wait = max(wait, after)
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-timer.C:
		}
	}
	return u.send(r, t.base)
}

// sharesAtOnce is the part of a minute's requests that are taken at once, so that not each one asks the store.
const sharesAtOnce = 600

// share takes one request out of what all processes share, or says how long to wait for it.
func (t *Transport) share(ctx context.Context) (time.Duration, error) {
	if t.q.Share == nil {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shares > 0 {
		t.shares--
		return 0, nil
	}
	n := max(1, t.q.PerMinute/sharesAtOnce)
	wait, err := t.q.Share(ctx, n, t.q.PerMinute, max(n, t.q.PerMinute/10))
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err == nil && wait == 0 {
		t.shares = n - 1
	}
	return wait, nil
}

// send waits for a slot, and keeps it until the answer has been read.
func (u *user) send(r *http.Request, base http.RoundTripper) (*http.Response, error) {
	if u.slots == nil {
		return base.RoundTrip(r)
	}
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case u.slots <- struct{}{}:
	}
	leave := sync.OnceFunc(func() { <-u.slots })
	resp, err := base.RoundTrip(r)
	if err != nil {
		leave()
		return nil, err
	}
	resp.Body = leaving{resp.Body, leave}
	return resp, nil
}

// leaving is a body that gives its request's slot back.
type leaving struct {
	io.ReadCloser
	leave func()
}

func (l leaving) Close() error {
	defer l.leave()
	return l.ReadCloser.Close()
}

func (t *Transport) user(name string, now time.Time) *user {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[name]
	if u == nil {
		if len(t.users)%1024 == 1023 {
			t.forget(now)
		}
		u = &user{limiter: limiter(t.q.PerUserMinute)}
		if t.q.AtOnce > 0 {
			u.slots = make(chan struct{}, t.q.AtOnce)
		}
		t.users[name] = u
	}
	u.last = now
	return u
}

func (t *Transport) forget(now time.Time) {
	for name, u := range t.users {
		if now.Sub(u.last) > resting && len(u.slots) == 0 {
			delete(t.users, name)
		}
	}
}

// Refused notes that the provider has told the user to wait, and reports whether it means everybody:
// the reasons that it gives do not tell reliably. A nil Transport knows nothing of others.
func (t *Transport) Refused(name string) (whole bool) {
	if t == nil {
		return false
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	users := map[string]bool{name: true}
	kept := t.refusals[:0]
	for _, r := range t.refusals {
		if now.Sub(r.at) <= ofLate && r.user != name {
			kept = append(kept, r)
			users[r.user] = true
		}
	}
	t.refusals = append(kept, refusal{name, now})
	return len(users) >= several
}
