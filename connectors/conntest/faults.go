package conntest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// Faults is a network and a provider that fail at random: before a request arrives, behind it, or in the
// middle of an answer. Off, it is its base.
type Faults struct {
	Base http.RoundTripper
	// Throttled is the body with which the provider says "too many requests", under which status.
	Throttled Answer

	mu sync.Mutex
	r  *rand.Rand // nil: off
}

// Set makes about a third of all requests fail from now on, as r says; nil ends that.
func (f *Faults) Set(r *rand.Rand) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.r = r
}

func (f *Faults) roll() (fault int, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.r == nil || f.r.IntN(3) > 0 {
		return 0, false
	}
	return f.r.IntN(len(faults)), true
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// faults are what may go wrong with a request.
var faults = []func(f *Faults, r *http.Request) (*http.Response, error){
	func(*Faults, *http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
	func(*Faults, *http.Request) (*http.Response, error) { return nil, timeout{} },
	func(f *Faults, r *http.Request) (*http.Response, error) { // it arrived, and the answer is lost
		resp, err := f.Base.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		return nil, timeout{}
	},
	func(f *Faults, r *http.Request) (*http.Response, error) { return f.torn(r, io.ErrUnexpectedEOF) }, // a truncated gzip, too
	func(f *Faults, r *http.Request) (*http.Response, error) {
		return f.torn(r, errors.New("connection reset by peer"))
	},
	func(f *Faults, r *http.Request) (*http.Response, error) { return f.torn(r, io.EOF) },
	says(Answer{Status: http.StatusInternalServerError, Body: `{}`}),
	says(Answer{Status: http.StatusBadGateway, Body: "<html><title>502 Bad Gateway</title></html>"}),
	says(Answer{Status: http.StatusServiceUnavailable, Body: "<html>The service is unavailable.</html>", RetryAfter: "30"}),
	says(Answer{Status: http.StatusServiceUnavailable}),
	says(Answer{Status: http.StatusGatewayTimeout, Body: "upstream request timeout"}),
	says(Answer{Status: http.StatusOK, Body: "<html>Welcome to the hotel's WiFi</html>"}),
	says(Answer{Status: http.StatusOK, Body: `{}`}),
	says(Answer{Status: http.StatusOK, Body: `[]`}),
	says(Answer{Status: http.StatusOK}),
	func(f *Faults, r *http.Request) (*http.Response, error) { return f.Throttled.RoundTrip(r) },
	func(_ *Faults, r *http.Request) (*http.Response, error) { // without an end
		resp, err := Answer{Status: http.StatusOK}.RoundTrip(r)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"value":[],"items":["`), endless{}))
		return resp, err
	},
}

func says(a Answer) func(*Faults, *http.Request) (*http.Response, error) {
	return func(_ *Faults, r *http.Request) (*http.Response, error) { return a.RoundTrip(r) }
}

// torn is the provider's answer, in the middle of which the connection ends.
func (f *Faults) torn(r *http.Request, err error) (*http.Response, error) {
	resp, failed := f.Base.RoundTrip(r)
	if failed != nil {
		return nil, failed
	}
	whole, failed := io.ReadAll(resp.Body)
	resp.Body.Close()
	if failed != nil {
		return nil, failed
	}
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(whole[:len(whole)/2])), ending{err}))
	resp.ContentLength = -1
	return resp, nil
}

type ending struct{ err error }

func (e ending) Read([]byte) (int, error) { return 0, e.err }

// endless is a text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// RoundTrip sends r on, or does something else with it.
func (f *Faults) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	fault, on := f.roll()
	if !on {
		return f.Base.RoundTrip(r)
	}
	resp, err := faults[fault](f, r)
	if err != nil {
		return nil, fmt.Errorf("fault %d: %w", fault, err)
	}
	return resp, nil
}
