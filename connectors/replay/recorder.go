package replay

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// A Recorder is an http.RoundTripper that writes down what goes through it. It belongs innermost, below
// retries and credentials. What it writes is redacted, and depends on nothing but the traffic: two
// recordings of the same traffic are the same, byte for byte. Requests for tokens are let through and
// never written.
type Recorder struct {
	file string
	base http.RoundTripper

	mu       sync.Mutex
	cassette *cassette.Cassette
	closed   bool
}

// NewRecorder records to the file, which Close writes.
func NewRecorder(file string, base http.RoundTripper) *Recorder {
	return &Recorder{file: file, base: base, cassette: cassette.New(strings.TrimSuffix(file, ".yaml"))}
}

// maxBody bounds what is read of one request or answer.
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
		if sent, err = readAll(r.Body); err != nil {
			return nil, fmt.Errorf("record the request %s: %w", r.URL.Path, err)
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := rec.base.RoundTrip(r)
	if err != nil || asksForToken(r, inflated(r.Header, sent)) {
		return resp, err
	}
	body, err := readAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("record the answer to %s: %w", r.URL.Path, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.cassette.AddInteraction(&cassette.Interaction{
		Request: cassette.Request{
			Method: cmp.Or(r.Method, http.MethodGet), URL: r.URL.String(), Host: r.URL.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Headers: only(r.Header, kept.request), Body: pretty(inflated(r.Header, sent)),
		},
		Response: cassette.Response{
			Code: resp.StatusCode, Status: http.StatusText(resp.StatusCode), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Headers: only(resp.Header, kept.response), Body: pretty(inflated(resp.Header, body)), ContentLength: -1, Uncompressed: true,
		},
	})
	return resp, nil
}

// readAll reads and closes. What is too long is an error: half of it would be sent on, or recorded.
func readAll(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("it has more than %d bytes", maxBody)
	}
	return b, err
}

// inflated is a body as it was before compression. A client that asks for compression by itself gets
// the bytes as they are, and in those nothing could be redacted.
func inflated(h http.Header, body []byte) []byte {
	if !strings.EqualFold(h.Get("Content-Encoding"), "gzip") {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	if b, err := readAll(z); err == nil {
		return b
	}
	return body
}

// asksForToken reports whether r is for an OAuth endpoint that gives out tokens or takes them back (RFC
// 6749 section 3.2, RFC 7009).
func asksForToken(r *http.Request, body []byte) bool {
	for _, end := range []string{"/token", "/revoke", ":generateAccessToken", ":generateIdToken", ":signJwt", ":signBlob"} {
		if strings.HasSuffix(r.URL.Path, end) {
			return true
		}
	}
	return bytes.Contains(body, []byte("grant_type=")) || bytes.Contains(body, []byte(`"grant_type"`))
}

func only(h http.Header, names []string) http.Header {
	few := http.Header{}
	for _, n := range names {
		if v := h.Values(n); len(v) > 0 {
			few[http.CanonicalHeaderKey(n)] = slices.Clone(v)
		}
	}
	return few
}

// writable is JSON without the characters that YAML has no block of lines for. They stand in texts, as
// escapes.
func writable(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 0x10000: // most emoji
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case c >= 0x7f && c < 0xa0, c == 0x2028, c == 0x2029, c == 0xfeff, c >= 0xfffe:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// pretty indents JSON, so that YAML has it as a block of lines.
func pretty(body []byte) string {
	if !utf8.Valid(body) {
		return fmt.Sprintf("redacted: %d bytes that are no text\n", len(body)) // nobody can look through it
	}
	var b bytes.Buffer
	if len(body) == 0 || json.Indent(&b, bytes.TrimSpace(body), "", "  ") != nil {
		return string(body)
	}
	return writable(b.String()) + "\n"
}

// Close redacts what was recorded and writes the file. If anything that looks like a secret, or like
// somebody's, is left, it writes nothing and says what. Later calls do nothing.
func (rec *Recorder) Close() error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.closed {
		return nil
	}
	rec.closed = true
	if len(rec.cassette.Interactions) == 0 {
		return fmt.Errorf("tape %s is not written: no request was answered", rec.file)
	}
	r := NewRedactor()
	rec.texts(func(s *string) { r.Learn(*s) })
	rec.texts(func(s *string) { *s = r.Redact(*s) })
	for i, in := range rec.cassette.Interactions {
		in.ID = i
		if u, err := url.Parse(in.Request.URL); err == nil {
			in.Request.Host = u.Host
		}
	}
	b, err := yaml.Marshal(rec.cassette)
	if err != nil {
		return fmt.Errorf("tape %s is not written: %w", rec.file, err)
	}
	b = append([]byte("---\n"), b...)
	if leaks := Leaks(filepath.Base(rec.file), b); len(leaks) > 0 {
		return fmt.Errorf("tape %s is not written: redaction left %d things, the first is %s", rec.file, len(leaks), leaks[0])
	}
	return write(rec.file, b)
}

// texts are those that are redacted, in an order that depends on nothing.
func (rec *Recorder) texts(f func(*string)) {
	for _, in := range rec.cassette.Interactions {
		f(&in.Request.URL)
		f(&in.Request.Body)
		f(&in.Response.Body)
		for _, name := range slices.Sorted(maps.Keys(in.Response.Headers)) {
			if name != "Location" { // the others are words of the API's
				continue
			}
			for i := range in.Response.Headers[name] {
				f(&in.Response.Headers[name][i])
			}
		}
	}
}

// write replaces the file at once: whoever reads it meanwhile has the old one or the new one.
func write(file string, b []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tape-*")
	if err != nil {
		return fmt.Errorf("write the tape: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write the tape: %w", err)
	}
	return nil
}
