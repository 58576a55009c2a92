package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/internal/seal"
	"example.com/syncd/store"
)

// TestHomecoming: who comes by at the address that waits for the browser, and what they are told.
func TestHomecoming(t *testing.T) {
	const host, good = "127.0.0.1:4711", "http://127.0.0.1:4711/?state=right&code=c"
	for _, test := range []struct {
		about  string
		method string
		url    string
		redeem error
		status int
		says   string
		done   string // what comes of it: a user, an error, or nothing yet
	}{
		{"the browser", "GET", good, nil, 200, "Connected: syncd reads the calendars of ana@acme.com now", "ana@acme.com"},
		{"a consent that is worth nothing", "GET", good, errors.New(`no <b>"scope"</b>`), 200, "It did not work: no &lt;b&gt;&#34;scope&#34;&lt;/b&gt;.", `no <b>"scope"</b>`},
		{"refused", "GET", "http://127.0.0.1:4711/?state=right&error=access_denied", nil, 200, "did not allow it (access_denied)", "did not allow it (access_denied)"},
		{"refused in words of its own", "GET", "http://127.0.0.1:4711/?state=right&error=%1b%5b2J", nil, 200, "the provider refuses", `\x1b[2J`},
		{"no code", "GET", "http://127.0.0.1:4711/?state=right", nil, 200, "without a code", "without a code"},
		{"another state", "GET", "http://127.0.0.1:4711/?state=wrong&code=c", nil, 400, "does not belong", ""},
		{"no state", "GET", "http://127.0.0.1:4711/?code=c", nil, 400, "does not belong", ""},
		{"a denial from somebody else", "GET", "http://127.0.0.1:4711/?error=access_denied", nil, 400, "does not belong", ""},
		{"another host", "GET", "http://evil.example:4711/?state=right&code=c", nil, 421, "not the address", ""},
		{"another port", "GET", "http://127.0.0.1:80/?state=right&code=c", nil, 421, "not the address", ""},
		{"another path", "GET", "http://127.0.0.1:4711/favicon.ico?state=right&code=c", nil, 404, "nothing here", ""},
		{"a form", "POST", good, nil, 405, "nothing to be sent", ""},
	} {
		h := &homecoming{host: host, state: "right", done: make(chan arrival, 1), redeem: func(code string) (string, error) {
			if code != "c" {
				t.Errorf("%s: code %q", test.about, code)
			}
			return "ana@acme.com", test.redeem
		}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(test.method, test.url, nil))
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s: %d %s", test.about, w.Code, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(w.Body.String(), "code=") {
			t.Errorf("%s: %v %s", test.about, w.Header(), w.Body)
		}
		select {
		case a := <-h.done:
			got := a.user
			if a.err != nil {
				got = a.err.Error()
			}
			if test.done == "" || !strings.Contains(got, test.done) {
				t.Errorf("%s: came to %q", test.about, got)
			}
		default:
			if test.done != "" {
				t.Errorf("%s: came to nothing", test.about)
			}
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", good, nil))
		if again := strings.Contains(w.Body.String(), "dealt with already"); again != (test.done != "") {
			t.Errorf("%s: the browser, behind it: %s", test.about, w.Body)
		}
	}
}

// TestListen: nobody but this machine reaches the address.
func TestListen(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:0": "127.0.0.1:", "localhost:0": "localhost:", "0.0.0.0:0": "others reach", ":0": "others reach", "127.0.0.1": "HOST:PORT"} {
		l, host, err := listen(t.Context(), address)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if _, port, _ := net.SplitHostPort(host); !strings.HasPrefix(host, want) || port == "0" {
			t.Errorf("%s: %s", address, host)
		}
		l.Close()
	}
}

func TestNobodyComesBack(t *testing.T) {
	l, host, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("nobody came"))
	if _, err := awaitBrowser(ctx, l, host, "state", nil); err == nil || err.Error() != "nobody came" {
		t.Errorf("got %v", err)
	}
}

func TestChanged(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	id := func(user string) store.SecretID { return store.SecretID{Connection: "google:a", Name: user} }
	got := changed(map[store.SecretID]time.Time{id("same"): at(1), id("again"): at(1), id("gone"): at(1)},
		map[store.SecretID]time.Time{id("same"): at(1), id("again"): at(2), id("new"): at(1)})
	slices.Sort(got["google:a"])
	if diff := cmp.Diff(map[string][]string{"google:a": {"again", "gone", "new"}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestConnectBesideDaemon: a user is connected while the daemon runs, which looks at them within seconds; check
// and disconnect work beside it too, and no secret is printed or lies on the disk.
func TestConnectBesideDaemon(t *testing.T) {
	p, dir := newProvider(), t.TempDir()
	defer p.Close()
	keys := filepath.Join(dir, "keys.json")
	if err := seal.New(t.Context(), keys, nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"client.json": string(p.client()), "policy.yaml": "import: {google: {enabled: true}}\n",
		"syncd.yaml": "store: var/syncd.db\nkeyset_file: keys.json\npoll: 1h\nserve: {listen: 127.0.0.1:0}\nconnections:\n  - name: people\n    google: {oauth_client_file: client.json}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "syncd.yaml")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := &buffer{more: make(chan struct{}, 1)}
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"run", "--config", config}, streams{strings.NewReader(""), io.Discard, log})
	}()
	var printed bytes.Buffer
	command := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := run(t.Context(), append(args, "--config", config), streams{strings.NewReader(""), &out, &out}); code != want {
			t.Errorf("%v: exit status %d, want %d:\n%s", args, code, want, &out)
		}
		printed.Write(out.Bytes())
		return out.String()
	}
	log.until(t, "msg=serving") // it has the store, and watches
	if out := command(exitFailed, "check"); !strings.Contains(out, "nobody has consented yet: syncd connect google:people") {
		t.Errorf("check, at first:\n%s", out)
	}
	for range 2 { // the second time, the daemon has been refused already
		out, finished := &buffer{more: make(chan struct{}, 1)}, make(chan int)
		go func() {
			finished <- run(t.Context(), []string{"connect", "people", "--no-browser", "--config", config}, streams{strings.NewReader(""), out, out})
		}()
		to := out.until(t, `\n  (http://127\S+)\n`)[1]
		if u, err := url.Parse(to); err != nil || u.Query().Get("code_challenge_method") != "S256" || len(u.Query().Get("state")) < 20 {
			t.Errorf("%s: %v", to, err)
		}
		resp, err := http.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(page), "Connected: syncd reads the calendars of ana@acme.com") {
			t.Errorf("the browser has %s, %v", page, err)
		}
		if code := <-finished; code != exitOK {
			t.Errorf("exit status %d", code)
		}
		out.until(t, "connected: google:people reads the calendars of ana@acme.com")
		log.until(t, `a calendar could not be read.*ana@acme.com has to consent again`)
		log.forget()
		printed.WriteString(out.text.String())
	}
	if out := command(exitFailed, "check"); !strings.Contains(out, "ana@acme.com has to consent again: syncd connect google:people ana@acme.com") {
		t.Errorf("check:\n%s", out)
	}
	db, err := os.ReadFile(filepath.Join(dir, "var", "syncd.db-wal"))
	if err != nil || !bytes.Contains(db, []byte("ana@acme.com")) || bytes.Contains(db, []byte("refresh-token-")) {
		t.Errorf("the token is on the disk, or nothing is: %v", err)
	}

	// Another key, by mistake: said, and nothing lost.
	if err := errors.Join(os.Rename(keys, keys+".right"), seal.New(t.Context(), keys, nil)); err != nil {
		t.Fatal(err)
	}
	if out := command(exitFailed, "check"); !strings.Contains(out, "keyset_file") {
		t.Errorf("check with another key:\n%s", out)
	}
	if out := command(exitFailed, "disconnect", "people", "ana@acme.com"); !strings.Contains(out, "keyset_file") {
		t.Errorf("disconnect with another key:\n%s", out)
	}
	if err := os.Rename(keys+".right", keys); err != nil {
		t.Fatal(err)
	}
	if out := command(exitOK, "disconnect", "google:people", "Ana@acme.com"); !strings.Contains(out, "disconnected") || len(p.refresh) != 1 {
		t.Errorf("%d tokens are good at the provider:\n%s", len(p.refresh), out)
	}
	log.until(t, `a calendar could not be read.*ana@acme.com has not consented`)
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("exit status %d:\n%s", code, log.text.String())
	}
	for about, text := range map[string]string{"printed": printed.String(), "logged": log.all.String()} {
		for _, secret := range []string{"refresh-token-", "confidential", "code-0", "code-1"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is %s", secret, about)
			}
		}
	}
}
