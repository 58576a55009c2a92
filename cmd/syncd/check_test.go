package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/internal/fakerecorder"
)

// patients are what a check looks at; each may be well or not.
type patients struct {
	clock    time.Duration // how far the provider's is ahead
	refuses  bool          // the provider
	key      string        // the recorder's
	store    string
	listen   string
	issuer   bool // it is there
	metrics  string
	imported string
}

func well() patients {
	return patients{key: fakerecorder.Key, store: "var/syncd.db", listen: "127.0.0.1:0", issuer: true, metrics: "off", imported: "true"}
}

// checked is what syncd check says of them.
func checked(t *testing.T, p patients) (code int, says string) {
	t.Helper()
	tenant := fakegoogle.New(time.Now, fakegoogle.User{Email: "admin@acme.com", NoMailbox: true, Admin: true}, fakegoogle.User{Email: demoAna})
	if p.refuses {
		tenant.Fault = func(r *http.Request) *fakegoogle.Fault {
			if !strings.Contains(r.URL.Path, "/calendar") {
				return nil
			}
			return &fakegoogle.Fault{Status: 500, Body: "out of order"}
		}
	}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(p.clock).UTC().Format(http.TimeFormat))
		tenant.ServeHTTP(w, r)
	}))
	defer provider.Close()
	recorder := fakerecorder.NewRecall(time.Now)
	defer recorder.Close()
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(p.clock).UTC().Format(http.TimeFormat))
		if !p.issuer || r.URL.Path != "/.well-known/openid-configuration" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"issuer": issuer.URL, "authorization_endpoint": issuer.URL + "/a", "token_endpoint": issuer.URL + "/t", "jwks_uri": issuer.URL + "/k"})
	}))
	defer issuer.Close()
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"key.json": tenant.KeyFile(), "recorder.key": []byte(p.key), "file": nil,
		"policy.yaml": []byte(strings.Replace(livelyPolicy, "google: {enabled: true}", "google: {enabled: "+p.imported+"}", 1)),
		"syncd.yaml": fmt.Appendf(nil, `store: %s
deliver:
  - {name: recorder, recall: {url: %q, key_file: recorder.key}}
  - {name: lines, file: {path: out/lines.jsonl}}
serve: {listen: %q, public_url: "http://localhost:1", metrics: {listen: %q}, login: {issuer: %q, client_id: syncd, domains: [acme.com]}}
connections:
  - {name: acme.com, google: {domain: acme.com, admin: admin@acme.com, service_account_file: key.json, endpoint: %q}}
`, p.store, recorder.URL, p.listen, p.metrics, issuer.URL, provider.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := files(t, dir)
	var out strings.Builder
	code = run(t.Context(), []string{"check", "--config", filepath.Join(dir, "syncd.yaml")}, streams{nil, &out, &out})
	if after := files(t, dir); after != before {
		t.Errorf("the check has left %s, there were %s", after, before)
	}
	if n := len(recorder.Live()); n > 0 {
		t.Errorf("the check has made %d bots", n)
	}
	return code, strings.ReplaceAll(out.String(), dir, "DIR")
}

func files(t *testing.T, dir string) (all string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all += e.Name() + " "
	}
	return all
}

// todos are the lines of what to do.
func todos(says string) []string {
	_, list, _ := strings.Cut(says, "\nTo do, the most urgent first:\n")
	return strings.Split(strings.TrimSuffix(list, "\n"), "\n")
}

func TestCheck(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(taken, http.NotFoundHandler())
	defer taken.Close()
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, map[string]string{"/livez": "ok\n", "/metrics": "# HELP x\n"}[r.URL.Path])
	}))
	defer daemon.Close()
	for _, c := range []struct {
		name string
		ill  func(*patients)
		code int
		says []string // lines, as regular expressions
		todo []string
	}{
		{"all is well", func(*patients) {}, exitOK, []string{
			`ok    configuration DIR/syncd.yaml, policy DIR/policy.yaml: 3 members`, `ok    store DIR/var/syncd.db: it can be made`,
			`ok    connection google:acme.com: 1 of 1 calendars can be read`, `ok    target recorder: Recall.ai takes the key`,
			`ok    target lines: it can be made`, `ok    serve.listen: 127.0.0.1:0 is free`, `ok    serve.metrics.listen: off`,
			`ok    serve.public_url: not tried: .*`, `ok    serve.login: the issuer http://\S+ answers`, `ok    clock: it is that of \d+ who answered`,
		}, nil},
		{"the clock is behind", func(p *patients) { p.clock = 10 * time.Minute }, exitFailed,
			[]string{`FAIL  clock: it is (9m59|10m0|9m58)s behind that of 127.0.0.1:\d+`}, []string{`clock: .* behind .*: have it set by NTP; .*`}},
		{"the clock is ahead", func(p *patients) { p.clock = -20 * time.Second }, exitOK,
			[]string{`warn  clock: it is (19|20|18)s ahead of that of 127.0.0.1:\d+: have it set by NTP`}, []string{`clock: .* ahead of .*`}},
		{"no import", func(p *patients) { p.imported = "false" }, exitOK,
			[]string{`warn  connection google:acme.com: the policy does not import it.*`}, []string{`connection google:acme.com: the policy does not import it.*`}},
		{"a daemon runs", func(p *patients) { p.listen = daemon.Listener.Addr().String(); p.metrics = "off" }, exitOK,
			[]string{`ok    serve.listen: \S+ is a daemon's, which runs`, `warn  serve.public_url: http://localhost:1/livez does not lead to the daemon from here .*`}, []string{`serve.public_url: .*`}},
		{"the metrics' address is a daemon's", func(p *patients) { p.metrics = daemon.Listener.Addr().String() }, exitOK,
			[]string{`ok    serve.metrics.listen: \S+ is a daemon's, which runs`}, nil},
		{"everything", func(p *patients) {
			*p = patients{clock: -time.Hour, refuses: true, key: "wr0ng", store: "file/syncd.db", listen: taken.Addr().String(), metrics: "off", imported: "false"}
		}, exitFailed, []string{
			`FAIL  store: .*not a directory.*`, `FAIL  connection google:acme.com: .*`, `FAIL  target recorder: .*does not take the key in key_file recorder.key`,
			`FAIL  serve.listen: \S+ can't be listened at .*`, `FAIL  serve.login: the issuer \S+ does not say how it is used: .*`, `ok    target lines: it can be made`,
		}, []string{
			`store: .*`, `clock: .*`, `connection google:acme.com: .*`, `target recorder: .*`, `serve.listen: choose another address, or end what has this one`,
			`serve.login: .*`, `connection google:acme.com: the policy does not import it.*`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := well()
			c.ill(&p)
			code, says := checked(t, p)
			if code != c.code {
				t.Errorf("exit status %d, want %d", code, c.code)
			}
			for _, line := range c.says {
				if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(says) {
					t.Errorf("no line %s", line)
				}
			}
			for i, line := range todos(says) {
				want := ""
				if i < len(c.todo) {
					want = fmt.Sprintf("%3d. %s", i+1, c.todo[i])
				}
				if !regexp.MustCompile(`^` + want + `$`).MatchString(line) {
					t.Errorf("to do: %s, want %s", line, want)
				}
			}
			if n := len(todos(says)); len(c.todo) > 0 && n != len(c.todo) {
				t.Errorf("%d things to do, want %d", n, len(c.todo))
			}
			if strings.Contains(says, "wr0ng") {
				t.Error("a key is told")
			}
			if t.Failed() {
				t.Log(says)
			}
		})
	}
}

// TestClocks: a Date has whole seconds, and is of some moment of the request; the least difference counts.
func TestClocks(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 500e6, time.UTC)
	date := func(d time.Duration) http.Header {
		return http.Header{"Date": {at.Add(d).Format(http.TimeFormat)}}
	}
	for _, c := range []struct {
		header http.Header
		want   time.Duration
	}{
		{date(0), 0}, {date(2 * time.Second), 0}, {date(-500 * time.Millisecond), 0}, {date(-2 * time.Second), -1500 * time.Millisecond}, {date(10 * time.Second), 7500 * time.Millisecond},
	} {
		var seen clocks
		seen.note("a", c.header, at, at.Add(2*time.Second))
		if off, of, n := seen.least(); off != c.want || of != "a" || n != 1 {
			t.Errorf("%v: %s of %q, %d", c.header, off, of, n)
		}
	}
	var seen clocks
	cached := date(-time.Hour)
	cached.Set("Age", "3600")
	for _, h := range []http.Header{cached, {}, {"Date": {"now"}}} {
		seen.note("a", h, at, at)
	}
	if _, _, n := seen.least(); n != 0 {
		t.Error("a cache, or nobody, has told the time")
	}
	seen.note("b", date(-time.Hour), at, at)
	seen.note("c", date(time.Minute), at, at)
	seen.note("c", date(2*time.Minute), at, at)
	if off, of, n := seen.least(); of != "c" || n != 2 || off.Round(time.Second) != time.Minute && off.Round(time.Second) != 59*time.Second && off != 59500*time.Millisecond {
		t.Errorf("%s of %s, %d", off, of, n)
	}
}
