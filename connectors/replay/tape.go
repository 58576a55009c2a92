// Package replay records the HTTP traffic of calendar providers and answers from the recording: for
// tests, for the demo, and for working offline. Recordings are go-vcr cassettes: YAML that a reviewer
// can read.
package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// A Tape is an http.RoundTripper that answers from a recording. Requests are matched by method, path
// and query; host, headers and bodies do not count, since they change with versions and credentials.
// Requests that are alike are answered in the order in which they were recorded, and the last answer
// is given again from then on. It is safe for concurrent use.
type Tape struct {
	name string

	mu      sync.Mutex
	answers map[string][]*cassette.Interaction // those still to come, by request; the last one stays
}

// Open reads a recording. The error names the file and what is wrong with it.
func Open(file string) (*Tape, error) {
	// The library adds the ending to the name.
	c, err := cassette.Load(strings.TrimSuffix(file, ".yaml"))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, cassette.ErrCassetteNotFound):
		return nil, fmt.Errorf("tape %s: no such file", file)
	case err != nil:
		return nil, fmt.Errorf("tape %s: it can't be read, perhaps it is cut off: %s", file, strings.ReplaceAll(err.Error(), "\n", " "))
	case len(c.Interactions) == 0:
		return nil, fmt.Errorf("tape %s: nothing is recorded on it", file)
	}
	t := &Tape{name: file, answers: map[string][]*cassette.Interaction{}}
	for i, in := range c.Interactions {
		if in == nil {
			return nil, fmt.Errorf("tape %s: interaction %d is empty; perhaps the tape is cut off", file, i)
		}
		u, err := url.Parse(in.Request.URL)
		if err != nil || in.Request.Method == "" || in.Request.URL == "" || in.Response.Code < 100 || in.Response.Code > 599 {
			return nil, fmt.Errorf("tape %s: interaction %d has no method, URL or status; perhaps the tape is cut off", file, i)
		}
		k := key(in.Request.Method, u)
		t.answers[k] = append(t.answers[k], in)
	}
	return t, nil
}

// key is what two requests that are alike have in common.
func key(method string, u *url.URL) string {
	// Encode sorts by name; the order of one name's values counts.
	return method + " " + u.Path + "?" + u.Query().Encode()
}

// A MissingError says that a request is not on the tape.
type MissingError struct {
	Tape, Method, Path string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("tape %s has no answer for %s %s: it was recorded for other requests, or for another day", e.Tape, e.Method, e.Path)
}

// Permanent reports that asking again is no use.
func (e *MissingError) Permanent() bool { return true }

// RoundTrip answers r.
func (t *Tape) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := t.next(key(r.Method, r.URL))
	if in == nil {
		return nil, &MissingError{t.name, r.Method, r.URL.Path}
	}
	resp, err := in.GetHTTPResponse()
	if err != nil {
		return nil, fmt.Errorf("tape %s: %w", t.name, err)
	}
	resp.Request = r
	return resp, nil
}

func (t *Tape) next(key string) *cassette.Interaction {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := t.answers[key]
	if len(left) == 0 {
		return nil
	}
	if len(left) > 1 {
		t.answers[key] = left[1:]
	}
	return left[0]
}
