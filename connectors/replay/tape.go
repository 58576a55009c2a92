// Package replay records the HTTP traffic of calendar providers and answers from the recording: for
// tests, for the demo, and for working offline. Recordings are go-vcr cassettes: YAML that a reviewer
// can read.
package replay

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// A Tape is an http.RoundTripper that answers from a recording. Requests are matched by method, path
// and query; host, headers and bodies do not count, since they change with versions and credentials.
// Requests that are alike are answered in the order in which they were recorded, and the last answer
// is given again from then on. It is safe for concurrent use, and answers at once, however long the
// provider took.
type Tape struct {
	name string

	mu      sync.Mutex
	answers map[string][]*cassette.Interaction // those still to come, by request; the last one stays
}

// Open reads a recording. The error names the file, what is wrong with it and what to do.
func Open(file string) (*Tape, error) {
	c, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("tape %s: %w", file, err)
	}
	t := &Tape{name: file, answers: map[string][]*cassette.Interaction{}}
	for _, in := range c.Interactions {
		u, err := url.Parse(in.Request.URL)
		if err != nil {
			return nil, fmt.Errorf("tape %s: the URL of interaction %d is torn; record it anew", file, in.ID)
		}
		k := key(in.Request.Method, u)
		t.answers[k] = append(t.answers[k], in)
	}
	return t, nil
}

// load reads the file and looks whether all of it is there. The library's own reading takes what is
// left of a torn file for all of it.
func load(file string) (*cassette.Cassette, error) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("no such file; record it, or correct the name")
	case err != nil:
		return nil, fmt.Errorf("it can't be read: %w", err)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("it is empty; fetch or record it anew")
	case data[len(data)-1] != '\n':
		return nil, errors.New("it ends in the middle of a line, so it is cut off; fetch or record it anew")
	}
	c := cassette.New(strings.TrimSuffix(file, ".yaml"))
	c.Version = 0
	if err := yaml.Unmarshal(data, c); err != nil {
		why, _, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", " ")), "  ")
		return nil, fmt.Errorf("it is no tape, or torn: %s; fetch or record it anew", why)
	}
	switch {
	case c.Version == 0:
		return nil, errors.New("it is no tape, or torn: it names no version; fetch or record it anew")
	case c.Version != cassette.CassetteFormatVersion:
		return nil, fmt.Errorf("it has version %d of the format, and version %d is needed; record it anew", c.Version, cassette.CassetteFormatVersion)
	case len(c.Interactions) == 0:
		return nil, errors.New("nothing is recorded on it; record it anew")
	}
	numbered := slices.ContainsFunc(c.Interactions, func(in *cassette.Interaction) bool { return in != nil && in.ID != 0 })
	for i, in := range c.Interactions {
		switch {
		case in == nil || in.Request.Method == "" || in.Request.URL == "" || in.Response.Code < 100 || in.Response.Code > 599:
			return nil, fmt.Errorf("interaction %d has no method, URL or status, so the tape is torn; fetch or record it anew", i)
		case numbered && in.ID != i:
			return nil, fmt.Errorf("interaction %d is missing, the next one is number %d; fetch or record it anew", i, in.ID)
		}
	}
	return c, nil
}

// unmatched are the parameters that say who asks instead of what for. A recording can't keep them: they
// are credentials, or made from an address.
var unmatched = []string{"quotaUser", "key", "access_token", "oauth_token"}

// query is the parameters of u that count, each "name=value", sorted.
func query(u *url.URL) []string {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil { // what was left out could be what tells two requests apart
		return []string{u.RawQuery}
	}
	var all []string
	for name, values := range q {
		for _, v := range values {
			if !slices.Contains(unmatched, name) {
				all = append(all, name+"="+v)
			}
		}
	}
	slices.Sort(all)
	return all
}

// key is what two requests that are alike have in common.
func key(method string, u *url.URL) string {
	return cmp.Or(method, http.MethodGet) + " " + u.Path + "\x00" + strings.Join(query(u), "\x00")
}

// A MissingError says that a request is not on the tape.
type MissingError struct {
	Tape, Method, Path string
	Query              string // its parameters; long values, such as tokens, are shortened
}

func (e *MissingError) Error() string {
	at := e.Path
	if e.Query != "" {
		at += "?" + e.Query
	}
	return fmt.Sprintf("tape %s has no answer for %s %s; it was recorded for other requests, or for another day", e.Tape, e.Method, at)
}

// Permanent reports that asking again is no use.
func (e *MissingError) Permanent() bool { return true }

func (t *Tape) missing(r *http.Request) error {
	params := query(r.URL)
	for i, p := range params {
		if name, value, _ := strings.Cut(p, "="); len(value) > 32 {
			params[i] = name + "=" + strings.ToValidUTF8(value[:8], "") + "…"
		}
	}
	return &MissingError{Tape: t.name, Method: cmp.Or(r.Method, http.MethodGet), Path: r.URL.Path, Query: strings.Join(params, "&")}
}

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
		return nil, t.missing(r)
	}
	resp, err := in.GetHTTPResponse()
	if err != nil {
		return nil, fmt.Errorf("tape %s: %w", t.name, err)
	}
	// An answer may be given many times at once, and its header is the caller's to change.
	if resp.Header = resp.Header.Clone(); resp.Header == nil {
		resp.Header = http.Header{}
	}
	resp.Status = fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
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
