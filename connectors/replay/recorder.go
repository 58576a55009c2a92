package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// A Recorder is an http.RoundTripper that writes down what goes through it. It belongs innermost, below
// retries and credentials. What it writes is redacted, and depends on nothing but the traffic: two
// recordings of the same traffic are the same, byte for byte. Requests for tokens are let through and
// never written.
type Recorder struct {
	base http.RoundTripper

	mu       sync.Mutex
	cassette *cassette.Cassette
}

// NewRecorder records to the file, which Close writes.
func NewRecorder(file string, base http.RoundTripper) *Recorder {
	c := cassette.New(strings.TrimSuffix(file, ".yaml"))
	c.MarshalFunc = func(v any) ([]byte, error) { return yaml.Marshal(v) }
	return &Recorder{base: base, cassette: c}
}

// maxBody bounds what is read of one answer.
const maxBody = 64 << 20

// kept are the headers that a connector may look at.
var kept = struct{ request, response []string }{
	request:  []string{"Accept", "Content-Type", "Prefer", "Consistencylevel"},
	response: []string{"Content-Type", "Retry-After", "Location", "Preference-Applied", "Etag"},
}

// RoundTrip sends r on and writes down what came back.
func (rec *Recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, err
		}
		r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := rec.base.RoundTrip(r)
	if err != nil || asksForToken(r, sent) {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.cassette.AddInteraction(&cassette.Interaction{
		Request: cassette.Request{
			Method: r.Method, URL: r.URL.String(), Host: r.URL.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Headers: only(r.Header, kept.request), Body: pretty(sent),
		},
		Response: cassette.Response{
			Code: resp.StatusCode, Status: http.StatusText(resp.StatusCode), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Headers: only(resp.Header, kept.response), Body: pretty(body), ContentLength: -1, Uncompressed: true,
		},
	})
	return resp, nil
}

// asksForToken reports whether r is for an OAuth token endpoint (RFC 6749 section 3.2).
func asksForToken(r *http.Request, body []byte) bool {
	return strings.HasSuffix(r.URL.Path, "/token") || bytes.Contains(body, []byte("grant_type="))
}

func only(h http.Header, names []string) http.Header {
	few := http.Header{}
	for _, n := range names {
		if v := h.Values(n); len(v) > 0 {
			few[http.CanonicalHeaderKey(n)] = v
		}
	}
	return few
}

// pretty indents JSON, so that YAML has it as a block of lines.
func pretty(body []byte) string {
	var b bytes.Buffer
	if len(body) == 0 || json.Indent(&b, bytes.TrimSpace(body), "", "  ") != nil {
		return string(body)
	}
	return b.String() + "\n"
}

// Close redacts what was recorded and writes the file.
func (rec *Recorder) Close() error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	r := NewRedactor()
	texts := func(f func(*string)) {
		for _, in := range rec.cassette.Interactions {
			f(&in.Request.URL)
			f(&in.Request.Body)
			f(&in.Response.Body)
			for _, v := range in.Response.Headers {
				for i := range v {
					f(&v[i])
				}
			}
		}
	}
	texts(func(s *string) { r.Learn(*s) })
	texts(func(s *string) { *s = r.Redact(*s) })
	for i, in := range rec.cassette.Interactions {
		in.ID = i
	}
	rec.cassette.IsNew = true
	if err := rec.cassette.Save(); err != nil {
		return fmt.Errorf("write the tape: %w", err)
	}
	return nil
}
