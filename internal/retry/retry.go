// Package retry is the one place below the providers' SDKs where requests are sent again.
package retry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Policy says when to send again. What takes longer than a request may wait is left to the engine:
// the last response is handed up as it is, with its Retry-After.
type Policy struct {
	Max     int           // further attempts after the first
	Wait    time.Duration // the longest pause between two attempts
	MinWait time.Duration // the first pause, doubled each time, with jitter
	// Throttled reports whether a response that is no 429 or 503 means "too many requests" all the
	// same, given the first 64 KiB of its body. Nil: never.
	Throttled func(resp *http.Response, body []byte) bool
}

// Default waits at most a few seconds in all.
var Default = Policy{Max: 2, Wait: 2 * time.Second, MinWait: 200 * time.Millisecond}

// Transport sends requests through base, again where p says so.
func Transport(base http.RoundTripper, p Policy) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.Logger = nil // it logs URLs, and those hold addresses
	c.HTTPClient = &http.Client{Transport: bounded{base}, CheckRedirect: noRedirect}
	c.RetryMax = p.Max
	c.CheckRetry = p.check
	c.Backoff = p.backoff
	// Else the last response is drained, and its status and body are lost.
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return &retryablehttp.RoundTripper{Client: c}
}

type once struct{}

// Once has the requests of ctx sent a single time: those that make something new each time they are heard. An
// answer that was lost does not say that the request was.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, once{}, true) }

// MaxAnswer is the longest answer that is read, in bytes: more than any page of a provider's.
const MaxAnswer = 64 << 20

// ErrTooLong is how reading an answer ends that is longer.
var ErrTooLong = errors.New("the answer is longer than 64 MiB")

// bounded ends answers that are too long: the SDKs read whatever comes.
type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, MaxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// noRedirect: an API that redirects would make us send a bearer token to a host we did not choose.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (p Policy) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if ctx.Value(once{}) != nil {
		return false, nil
	}
	if err != nil {
		var final interface{ Permanent() bool }
		if errors.As(err, &final) && final.Permanent() {
			return false, nil
		}
		return true, nil
	}
	again := false
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	case http.StatusForbidden, http.StatusInternalServerError, 509:
		if p.Throttled != nil {
			again = p.Throttled(resp, peek(resp))
		}
	}
	// A long pause is the engine's: it parks the calendar and goes on with the others.
	if after, ok := After(resp, time.Now()); again && ok && after > p.Wait {
		return false, nil
	}
	if deadline, ok := ctx.Deadline(); again && ok && time.Until(deadline) < p.Wait {
		return false, nil
	}
	return again, nil
}

func (p Policy) backoff(_, _ time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if after, ok := After(resp, time.Now()); ok {
			return min(after, p.Wait)
		}
	}
	d := min(p.MinWait<<min(attempt, 16), p.Wait)
	return d/2 + rand.N(d/2+1)
}

// After is the response's Retry-After (RFC 9110 section 10.2.3), in seconds or as a date.
func After(resp *http.Response, now time.Time) (time.Duration, bool) {
	v := resp.Header.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second)), true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now)), true
	}
	return 0, false
}

// peek reads the beginning of the body and puts it back.
func peek(resp *http.Response) []byte {
	head, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	rest := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), errReader{err}, rest), rest}
	return head
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return 0, io.EOF
}
