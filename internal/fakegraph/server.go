package fakegraph

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what the service says.
type answer struct {
	status int
	header http.Header
	body   any // text as it is, anything else as JSON; nil: none
}

// refuse is an error in Graph's shape.
func refuse(status int, code, message string) answer {
	return answer{status: status, body: map[string]any{"error": map[string]any{"code": code, "message": message}}}
}

// with adds a header.
func (a answer) with(key, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(key, value)
	return a
}

// after adds Retry-After, in seconds; 0: it is not said.
func (a answer) after(d time.Duration) answer {
	if d <= 0 {
		return a
	}
	return a.with("Retry-After", strconv.Itoa(int(d/time.Second)))
}

// encode is the body with its type.
func (a answer) encode() ([]byte, string) {
	switch b := a.body.(type) {
	case nil:
		return nil, ""
	case string:
		return []byte(b), "text/html"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			panic(err) // a field of the test's that is no JSON
		}
		return raw, "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
	}
}

// An Entry is one answered request of the journal. Parts of a $batch have entries of their own.
type Entry struct {
	Method, Path, Query string
	Status              int
	Bytes               int
	Batch               bool // a part of a $batch
}

// Journal is what has been asked since the last call of Journal.
func (t *Tenant) Journal() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.journal
	t.journal = nil
	return j
}

// RoundTrip answers every request, whatever its host.
func (t *Tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	w, err := t.exchange(r, body, r.URL.Scheme+"://"+r.URL.Host)
	if err != nil {
		return nil, err
	}
	resp := &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, ContentLength: int64(len(w.body)), Request: r,
	}
	whole := io.Reader(bytes.NewReader(w.body))
	if w.cut < len(w.body) {
		whole = io.MultiReader(bytes.NewReader(w.body[:w.cut]), broken{w.broken})
	}
	resp.Body = &leaving{Reader: whole, leave: w.leave}
	return resp, nil
}

// broken is a connection that ends before its time.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// leaving is a body; the request is under way until it is closed.
type leaving struct {
	io.Reader
	leave func()
}

func (l *leaving) Close() error {
	l.leave()
	return nil
}

// ServeHTTP answers as RoundTrip does; links lead to the host that was asked.
func (t *Tenant) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, 4<<20))
	if err != nil {
		http.Error(out, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	w, err := t.exchange(r, body, scheme+"://"+r.Host)
	if err != nil {
		panic(http.ErrAbortHandler) // the connection breaks without an answer
	}
	defer w.leave()
	for key, values := range w.header {
		out.Header()[key] = values
	}
	out.Header().Set("Content-Length", strconv.Itoa(len(w.body)))
	out.WriteHeader(w.status)
	_, _ = out.Write(w.body[:w.cut])
	if w.cut < len(w.body) {
		_ = http.NewResponseController(out).Flush()
		panic(http.ErrAbortHandler)
	}
}

// wire is an answer as it goes over the wire.
type wire struct {
	status int
	header http.Header
	body   []byte
	cut    int // where it breaks off
	broken error
	leave  func()
}

// exchange is one request from the tenant's fault hook to the journal.
func (t *Tenant) exchange(r *http.Request, body []byte, base string) (wire, error) {
	var f Fault
	if t.Fault != nil {
		f = t.Fault(r)
	}
	if f.Err != nil {
		t.record(r, 0, 0, false)
		return wire{}, f.Err
	}
	c := &call{t: t, r: r, body: body, base: base, method: r.Method, path: segments(r.URL.Path), values: r.URL.Query()}
	var a answer
	leave := func() {}
	if f.Status != 0 {
		a = f.answer()
	} else if a, leave = t.enter(c); a.status == 0 {
		t.mu.Lock()
		a = c.answer()
		t.mu.Unlock()
	}
	raw, kind := a.encode()
	if f.ContentType != "" {
		kind = f.ContentType
	}
	if f.Rewrite != nil {
		raw = f.Rewrite(raw)
	}
	h := http.Header{}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	for key, values := range a.header {
		h[key] = values
	}
	t.mu.Lock()
	h.Set("Request-Id", guid("request", t.next()))
	t.mu.Unlock()
	h.Set("Date", t.Now().UTC().Format(http.TimeFormat))
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(raw) > 0 {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(raw)
		_ = z.Close()
		raw = b.Bytes()
		h.Set("Content-Encoding", "gzip")
	}
	w := wire{status: a.status, header: h, body: raw, cut: len(raw), leave: leave}
	if f.Cut && len(raw) > 1 {
		w.cut, w.broken = len(raw)/2, f.Broken
		if w.broken == nil {
			w.broken = io.ErrUnexpectedEOF
		}
	}
	t.record(r, a.status, len(raw), false)
	return w, nil
}

func (t *Tenant) record(r *http.Request, status, n int, batch bool) {
	t.set(func() {
		t.journal = append(t.journal, Entry{r.Method, r.URL.Path, r.URL.RawQuery, status, n, batch})
	})
}

func segments(path string) []string {
	return strings.Split(strings.Trim(path, "/"), "/")
}

// call is one request to the API, or one part of a batch.
type call struct {
	t      *Tenant
	r      *http.Request
	method string
	path   []string
	values url.Values
	body   []byte
	base   string
	inner  bool // a part of a batch
	grant  *grant
}

// query is a parameter; Graph takes their names in any case, and the dollar is optional.
func (c *call) query(name string) string {
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		if strings.EqualFold(strings.TrimPrefix(key, "$"), strings.TrimPrefix(name, "$")) {
			return c.values.Get(key)
		}
	}
	return ""
}

// link leads to the same path with these parameters; those without a value are as in this request.
func (c *call) link(set url.Values) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		value := c.query(name)
		if set[name] != nil {
			value = set.Get(name)
		}
		if value != "" {
			parts = append(parts, name+"="+url.QueryEscape(value))
		}
	}
	at := url.URL{Path: "/" + strings.TrimSuffix(strings.Join(c.path, "/"), "()")}
	return c.base + at.EscapedPath() + "?" + strings.Join(parts, "&")
}

// answer finds who is to answer.
func (c *call) answer() answer {
	p := c.path
	if !c.inner && len(p) >= 2 && !isVersion(p[0]) {
		return c.login()
	}
	if len(p) < 2 || !isVersion(p[0]) {
		return answer{status: 404, body: "<html><body>Not found</body></html>"}
	}
	if refused, ok := c.authenticate(); !ok {
		return refused
	}
	if c.t.throttle > 0 {
		return refuse(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.").after(c.t.throttle)
	}
	switch rest := p[2:]; strings.ToLower(p[1]) {
	case "$batch":
		return c.batch()
	case "me":
		if c.grant.user == "" {
			return refuse(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
		}
		return c.ofUser(c.grant.user, rest)
	case "users":
		if len(rest) == 0 {
			if refused, ok := c.needs("User.Read.All", "Directory.Read.All"); !ok {
				return refused
			}
			return c.roster()
		}
		return c.ofUser(rest[0], rest[1:])
	case "groups":
		return c.ofGroups(rest)
	case "subscriptions":
		return c.subscriptions(rest)
	}
	return refuse(400, "BadRequest", "Resource not found for the segment '"+p[1]+"'.")
}

func isVersion(s string) bool { return s == "v1.0" || s == "beta" }

// shape is what the Prefer header asks of events.
func (c *call) shape() shape {
	s := shape{basic: c.grant.basic()}
	s.zone = c.prefer("outlook.timezone")
	s.text = c.prefer("outlook.body-content-type") == "text"
	s.immutable = strings.EqualFold(c.prefer("IdType"), "ImmutableId")
	return s
}

// prefer is one preference of the header (RFC 7240).
func (c *call) prefer(name string) string {
	for _, line := range c.r.Header.Values("Prefer") {
		for one := range strings.SplitSeq(line, ",") {
			key, value, _ := strings.Cut(one, "=")
			if strings.EqualFold(strings.TrimSpace(key), name) {
				return strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return ""
}

// applied says which preferences were taken up.
func (c *call) applied(a answer, more ...string) answer {
	if a.status != 200 {
		return a
	}
	for _, name := range []string{"outlook.timezone", "outlook.body-content-type", "odata.maxpagesize"} {
		if v := c.prefer(name); v != "" {
			more = append(more, fmt.Sprintf("%s=%q", name, v))
		}
	}
	if len(more) == 0 {
		return a
	}
	return a.with("Preference-Applied", strings.Join(more, ", "))
}
