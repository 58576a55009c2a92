package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// provider answers by counting, and hands out what must not be written down.
func provider() http.Handler {
	n := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", fmt.Sprintf("Mon, 23 Nov 2026 10:%02d:00 GMT", n))
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("X-Request-Id", fmt.Sprint("run-", n))
		w.Header().Set("Etag", `"1"`)
		switch r.URL.Path {
		case "/token":
			io.WriteString(w, `{"access_token":"ya29.the-access-token-itself"}`)
		case "/secret":
			io.WriteString(w, `{"organizer":{"email":"ana@acme.com"},"summary":"Plan","clientState":"open-sesame-123456","header":"Bearer abcdefghijklmnopqrstuvwxyz"}`)
		case "/busy":
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"error":{"code":"TooManyRequests","innerError":{"date":"2026-11-23T10:00:00","request-id":"0f0e0d0c-1111-4222-8333-444455556666"}}}`)
		case "/odd":
			io.WriteString(w, "{\"description\":\"caf\u00e9 \U0001f389 \u2028 \ufeff\"}")
		case "/moved":
			w.Header().Set("Location", "https://api.example/b")
			w.WriteHeader(http.StatusFound)
		default:
			fmt.Fprintf(w, `{"n":%d}`, n)
		}
	})
}

// served answers in the process, so that no port differs from run to run.
type served struct{ http.Handler }

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func request(ctx context.Context, method, url string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer the-very-secret-token-of-ana")
	r.Header.Set("X-Goog-Api-Client", "gl-go/1.26")
	r.Header.Set("Prefer", `outlook.timezone="UTC"`)
	return r
}

func send(t *testing.T, rt http.RoundTripper, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := rt.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, strings.Join(strings.Fields(string(b)), "")
}

func get(t *testing.T, rt http.RoundTripper, url string) string {
	t.Helper()
	_, body := send(t, rt, request(t.Context(), "GET", url))
	return body
}

// asked is what record asks for. Nothing in it is anybody's, but the tape says so only by the address in /secret.
var asked = []string{"/a?x=1&y=2", "/b", "/a?x=1&y=2", "/secret", "/token", "/busy", "/odd", "/a?x=1&y=2", "/moved"}

func record(t *testing.T) (file string, content []byte) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "tape.yaml")
	rec := NewRecorder(file, served{provider()})
	for _, path := range asked {
		get(t, rec, "https://api.example"+path)
	}
	r := request(t.Context(), "POST", "https://login.example/oauth")
	r.Body = io.NopCloser(strings.NewReader("grant_type=client_credentials&client_secret=hidden-in-the-body"))
	send(t, rec, r)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, content
}

func open(t *testing.T, file string) *Tape {
	t.Helper()
	tape, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return tape
}

func TestReplayOrder(t *testing.T) {
	file, _ := record(t)
	tape := open(t, file)
	var got []string
	for _, u := range []string{
		"https://other.example/a?y=2&x=1", "https://api.example/a?x=1&y=2", "https://api.example/b", "http://127.0.0.1:1/a?x=1&y=2",
		"https://api.example/a?x=1&y=2", "https://api.example/b", "https://api.example/b?quotaUser=u-1",
	} {
		got = append(got, get(t, tape, u))
	}
	if diff := cmp.Diff([]string{`{"n":1}`, `{"n":3}`, `{"n":2}`, `{"n":8}`, `{"n":8}`, `{"n":2}`, `{"n":2}`}, got); diff != "" {
		t.Errorf("answers in order, the last one for ever (-want +got):\n%s", diff)
	}
	// Each opened tape begins at the beginning.
	if got := get(t, open(t, file), "https://api.example/a?x=1&y=2"); got != `{"n":1}` {
		t.Errorf("a fresh tape answers %s", got)
	}
}

// TestReplayIsWhole: status and headers come back, and belong to whoever asked.
func TestReplayIsWhole(t *testing.T) {
	file, _ := record(t)
	tape := open(t, file)
	for range 2 {
		resp, _ := send(t, tape, request(t.Context(), "GET", "https://api.example/busy"))
		if resp.StatusCode != 429 || resp.Status != "429 Too Many Requests" || resp.Header.Get("Retry-After") != "30" || resp.Header.Get("Etag") != `"1"` || resp.Request == nil {
			t.Errorf("got %s %v", resp.Status, resp.Header)
		}
		resp.Header.Set("Retry-After", "changed by its receiver")
	}
	resp, _ := send(t, tape, request(t.Context(), "GET", "https://api.example/moved"))
	if resp.Header.Get("Location") != "https://api.example/b" {
		t.Errorf("got the headers %v", resp.Header)
	}
	_, body := send(t, tape, request(t.Context(), "GET", "https://api.example/odd"))
	var odd struct{ Description string }
	if err := json.Unmarshal([]byte(body), &odd); err != nil || odd.Description != "caf\u00e9\U0001f389\u2028\ufeff" {
		t.Errorf("got %s, %v", body, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tape.RoundTrip(request(ctx, "GET", "https://api.example/b")); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
}

func TestMissing(t *testing.T) {
	file, _ := record(t)
	tape := open(t, file)
	token := strings.Repeat("CPDAlvWDx70C", 10)
	for _, c := range []struct{ method, url, says string }{
		{"POST", "https://api.example/b", "POST /b;"},
		{"GET", "https://api.example/b?z=1", "GET /b?z=1;"},
		{"GET", "https://api.example/a?x=1&y=2&y=2", "GET /a?x=1&y=2&y=2;"},
		{"GET", "https://api.example/b?a=1;b=2", "GET /b?a=1;b=2;"},
		{"GET", "https://api.example/token", "GET /token;"},
		{"POST", "https://login.example/oauth", "POST /oauth;"},
		{"GET", "https://api.example/b?syncToken=" + token, "GET /b?syncToken=CPDAlvWD…;"},
	} {
		_, err := tape.RoundTrip(request(t.Context(), c.method, c.url))
		var missing *MissingError
		want := "tape " + file + " has no answer for " + c.says + " it was recorded for other requests, or for another day"
		if !errors.As(err, &missing) || !missing.Permanent() || err.Error() != want {
			t.Errorf("%s %s: got %v, want %s", c.method, c.url, err, want)
		}
	}
}

func TestConcurrentReplay(t *testing.T) {
	file, _ := record(t)
	tape := open(t, file)
	var wg sync.WaitGroup
	got := make([]string, 30)
	for i := range got {
		wg.Go(func() {
			resp, err := tape.RoundTrip(request(t.Context(), "GET", "https://api.example/a?x=1&y=2"))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			resp.Header.Set("X", "mine")
			b, _ := io.ReadAll(resp.Body)
			got[i] = strings.Join(strings.Fields(string(b)), "")
		})
	}
	wg.Wait()
	slices.Sort(got)
	count := func(s string) (n int) {
		for _, g := range got {
			if g == s {
				n++
			}
		}
		return n
	}
	if a, b, c := count(`{"n":1}`), count(`{"n":3}`), count(`{"n":8}`); a != 1 || b != 1 || c != 28 {
		t.Errorf("got %v", got)
	}
}

// TestRecordReplay goes over a real connection, with compression.
func TestRecordReplay(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"organizer":{"email":"jane.roe@contoso-corp.com"},"summary":"Merger"}`)
		z.Close()
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "tape.yml") // any name
	rec := NewRecorder(file, srv.Client().Transport)
	for _, accept := range []string{"", "gzip"} { // whoever asks for it gets it as it is
		r := request(t.Context(), "GET", srv.URL+"/events?q=jane.roe@contoso-corp.com&accept="+accept)
		if accept != "" {
			r.Header.Set("Accept-Encoding", accept)
		}
		resp, err := rec.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || bytes.HasPrefix(b, []byte("\x1f\x8b")) != (accept == "gzip") {
			t.Errorf("the body was changed on its way: %q, %v", b, err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || bytes.Contains(b, []byte("contoso")) || bytes.Contains(b, []byte("binary")) {
		t.Fatalf("the tape: %v\n%s", err, b)
	}
	want := `{"organizer":{"email":"user1@company1.example"},"summary":"Title1"}`
	tape := open(t, file)
	for _, in := range []string{"", "gzip"} {
		resp, body := send(t, tape, request(t.Context(), "GET", "https://elsewhere.example/events?q="+query1(t, tape)+"&accept="+in))
		if body != want || resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("got %s %v, want %s", body, resp.Header, want)
		}
	}
}

// query1 is the pseudonym of the search on the tape.
func query1(t *testing.T, tape *Tape) string {
	t.Helper()
	for _, all := range tape.answers {
		u, err := url.Parse(all[0].Request.URL)
		if err != nil {
			t.Fatal(err)
		}
		return url.QueryEscape(u.Query().Get("q"))
	}
	return ""
}

func TestRecordedIsReadable(t *testing.T) {
	_, content := record(t)
	for _, secret := range []string{
		"ya29", "the-very-secret", "session=1", "open-sesame", "abcdefghijkl", "Authorization", "hidden-in", "run-", "Date", "gl-go", "0f0e0d0c",
	} {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%q is on the tape", secret)
		}
	}
	for _, there := range []string{"Retry-After", "Etag", "Prefer", "summary\": \"Plan"} {
		if !bytes.Contains(content, []byte(there)) {
			t.Errorf("%q is not on the tape", there)
		}
	}
	if blocks, bodies := bytes.Count(content, []byte("body: |")), len(asked)-2; blocks != bodies {
		t.Errorf("%d of %d bodies are blocks that a reviewer can read:\n%s", blocks, bodies, content)
	}
	if _, again := record(t); !bytes.Equal(content, again) {
		t.Errorf("the same traffic gives another tape:\n%s", cmp.Diff(string(content), string(again)))
	}
}

// TestRecorderRefuses: no half bodies, no empty tape, and no tape with a leak in it.
func TestRecorderRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tape.yaml")
	if err := os.WriteFile(file, []byte("the old tape"), 0o600); err != nil {
		t.Fatal(err)
	}
	down := NewRecorder(file, roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("network is down") }))
	if _, err := down.RoundTrip(request(t.Context(), "GET", "https://api.example/")); err == nil || err.Error() != "network is down" {
		t.Errorf("the base's error: %v", err)
	}
	if err := down.Close(); err == nil || !strings.Contains(err.Error(), "no request was answered") {
		t.Errorf("nothing was recorded: %v", err)
	}
	// The redactor has no idea of this one: a host in a header that it takes for the API's words.
	leaky := NewRecorder(file, roundTripper(func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Preference-Applied": {"see https://intranet.contoso-corp.com/"}}
		return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
	}))
	send(t, leaky, request(t.Context(), "GET", "https://api.example/"))
	if err := leaky.Close(); err == nil || !strings.Contains(err.Error(), "a link to intranet.contoso-corp.com") {
		t.Errorf("a leak: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "the old tape" {
		t.Errorf("the tape is now %q, %v", b, err)
	}
	endless := NewRecorder(file, roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(io.LimitReader(zeros{}, maxBody+1)), Request: r}, nil
	}))
	if _, err := endless.RoundTrip(request(t.Context(), "GET", "https://api.example/big")); err == nil || !strings.Contains(err.Error(), "/big: it has more than") {
		t.Errorf("a body without end: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTruncated cuts tapes off everywhere: each is refused, or what it answers is what the whole one
// answers. A cut between two interactions can't be seen; the later answers are then missing, or the
// last one before the cut is repeated.
func TestTruncated(t *testing.T) {
	small, content := record(t)
	truncate(t, small, content, 3)
	demo, err := os.ReadFile("../../configs/demo/google.yaml")
	if err != nil {
		t.Fatal(err)
	}
	truncate(t, filepath.Join(t.TempDir(), "demo.yaml"), demo, 997)
}

func truncate(t *testing.T, file string, content []byte, step int) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	whole := open(t, file)
	refused, opened := 0, 0
	for n := 0; n < len(content); n += step {
		if err := os.WriteFile(file, content[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		tape, err := Open(file)
		if err != nil {
			refused++
			if !strings.HasPrefix(err.Error(), "tape "+file+": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("cut at %d: the message is not one line with the file's name: %v", n, err)
			}
			continue
		}
		opened++
		for k, left := range tape.answers {
			for i, in := range left {
				if i >= len(whole.answers[k]) || !cmp.Equal(in, whole.answers[k][i], cmp.AllowUnexported(cassette.Interaction{})) {
					t.Fatalf("cut at %d: %q is answered with %+v", n, k, in)
				}
			}
		}
	}
	if refused < 9*opened {
		t.Errorf("%d of the torn tapes were refused, and %d were not", refused, opened)
	}
}

func TestOpenRefuses(t *testing.T) {
	_, content := record(t)
	whole := string(content)
	cut := func(from, to string) string {
		a, b := strings.Index(whole, from), strings.Index(whole, to)
		return whole[:a] + whole[b:]
	}
	for name, c := range map[string]struct{ content, says string }{
		"empty":      {"", "it is empty"},
		"other":      {"tape: 1\n", "no tape"},
		"text":       {"once upon a time\n", "no tape"},
		"old":        {strings.Replace(whole, "version: 2", "version: 1", 1), "version 1 of the format, and version 2 is needed"},
		"no version": {strings.Replace(whole, "version: 2\n", "", 1), "names no version"},
		"no list":    {"---\nversion: 2\ninteractions: []\n", "nothing is recorded"},
		"null":       {"---\nversion: 2\ninteractions:\n    -\n", "interaction 0 has no method"},
		"no method":  {strings.Replace(whole, "        method: GET\n", "", 1), "interaction 0 has no method"},
		"no url":     {cut("        url:", "        method:"), "interaction 0 has no method, URL"},
		"bad url":    {strings.Replace(whole, "url: https://api.example/b", "url: https://api.example/%zz", 1), "the URL of interaction 1 is torn"},
		"no status":  {strings.Replace(whole, "        code: 200\n", "", 1), "interaction 0 has no method, URL or status"},
		"torn line":  {strings.TrimSuffix(whole, "\n"), "in the middle of a line"},
		"torn code":  {strings.Replace(whole, "code: 200", "code: 20", 1), "interaction 0 has no"},
		"one gone":   {cut("    - id: 2", "    - id: 3"), "interaction 2 is missing"},
		"conflict":   {strings.Replace(whole, "    - id: 1\n", "<<<<<<< HEAD\n    - id: 1\n", 1), "torn"},
	} {
		file := filepath.Join(t.TempDir(), "tape.yaml")
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(file)
		if err == nil || !strings.HasPrefix(err.Error(), "tape "+file+": ") || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "anew") {
			t.Errorf("%s: got %v, want one line with the file's name, %q and what to do", name, err, c.says)
		}
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		if _, err := Open(file); err == nil || !strings.Contains(err.Error(), file+": ") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestRecordedAnew: the repository's tapes, played to a recorder, come out as they are, byte for byte.
func TestRecordedAnew(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../configs/demo/*.yaml", "../*/testdata/replay/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 3 {
		t.Errorf("only the tapes %v", files)
	}
	for _, file := range files {
		c, err := load(file)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		next := 0
		again := filepath.Join(t.TempDir(), "again.yaml")
		rec := NewRecorder(again, roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := c.Interactions[next].GetHTTPResponse()
			next++
			return resp, err
		}))
		for _, in := range c.Interactions {
			r, err := http.NewRequestWithContext(t.Context(), in.Request.Method, in.Request.URL, strings.NewReader(in.Request.Body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = in.Request.Headers.Clone()
			send(t, rec, r)
		}
		if err := rec.Close(); err != nil {
			t.Error(err)
			continue
		}
		if got, want := read(t, again), read(t, file); got != want {
			t.Errorf("%s changes when it is recorded anew:\n%s", file, cmp.Diff(want, got))
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
