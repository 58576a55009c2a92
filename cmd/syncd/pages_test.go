package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/syncd/internal/seal"
	"example.com/syncd/serve/api"
)

// A guest is somebody's browser, without scripts.
type guest struct {
	t             *testing.T
	address, host string // host: as the browser knows it; "": as the address says
	cookies       map[string]string
}

// ask sends a request, and a form if there is one, and follows nothing.
func (g *guest) ask(path string, form url.Values) *http.Response {
	g.t.Helper()
	resp := g.send(g.t.Context(), path, form)
	g.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (g *guest) send(ctx context.Context, path string, form url.Values) *http.Response {
	g.t.Helper()
	method, body := "GET", io.Reader(nil)
	if form != nil {
		method, body = "POST", strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, g.address+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Host = g.host
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range g.cookies { // browsers keep them by TLS, or on localhost
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		g.cookies[c.Name] = c.Value
	}
	return resp
}

// see is a page's status and text.
func (g *guest) see(path string, form url.Values) string {
	g.t.Helper()
	resp := g.ask(path, form)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", html.UnescapeString(string(b)))
}

// signIn is a guest with a token.
func signIn(t *testing.T, address, host, token string) *guest {
	t.Helper()
	g := &guest{t, address, host, map[string]string{}}
	if resp := g.ask("/auth/token", url.Values{"token": {token}, "return_to": {"/console/"}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("signing in: %s", resp.Status)
	}
	return g
}

// TestPages: who sees what of a daemon's pages, and may do what; and whoever follows is let go when it ends.
func TestPages(t *testing.T) {
	var follower *http.Response
	t.Cleanup(func() { // the daemon has ended
		if follower == nil {
			return
		}
		if _, err := io.Copy(io.Discard, follower.Body); err != nil {
			t.Errorf("the end of what a page follows: %v", err)
		}
		follower.Body.Close()
	})
	address, file := demoDaemon(t)
	made := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "--config", file), streams{nil, &out, &errs}); code != exitOK {
			t.Fatalf("%q: %d %s", args, code, &errs)
		}
		return strings.TrimSpace(out.String())
	}
	admin := signIn(t, address, "", "demo-only")
	viewer := signIn(t, address, "", made("token", "new", "--scopes", "read,signals", "--for", "bo@acme.com", "viewer"))
	program := signIn(t, address, "", made("token", "new", "--scopes", "deliveries", "program"))
	stranger := &guest{t, address, "", map[string]string{}}
	for _, path := range []string{"/console/", "/console/meetings", "/console/calendars", "/console/providers", "/console/policy", "/console/deliveries", "/console/quarantine", "/console/connect"} {
		if got := admin.see(path, nil); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `aria-current="page"`) || strings.Contains(got, "not known") {
			t.Errorf("%s: %.300s", path, got)
		}
		if got := stranger.see(path, nil); !strings.HasPrefix(got, "401 ") || !strings.Contains(got, "<h1>Sign in</h1>") || strings.Contains(got, "Globex") {
			t.Errorf("a stranger sees %s: %.300s", path, got)
		}
		if got := program.see(path, nil); !strings.HasPrefix(got, "403 ") {
			t.Errorf("who may not read sees %s: %.300s", path, got)
		}
		for _, after := range []string{"?after=made-up", "?after=" + url.QueryEscape("eyJzIjoxLCJpIjoiXHUwMDAwIn0"), "?q=%00%ff&rule=%00&connection=%00"} {
			if got := admin.see(path+after, nil); !strings.HasPrefix(got, "200 ") {
				t.Errorf("%s%s: %.300s", path, after, got)
			}
		}
	}
	for who, text := range map[*guest]bool{admin: true, viewer: false} {
		if got := who.see("/console/policy", nil); strings.Contains(got, "internal_domains: [acme.com") != text || !strings.Contains(got, "lawfirm.example") {
			t.Errorf("of the policy's text %s sees %v", who.see("/api/v1/me", nil), !text)
		}
	}
	for path, form := range map[string]url.Values{
		"/console/deliveries/retry": {"id": {"1"}}, "/console/policy": {"policy": {"{}"}}, "/console/quarantine/release": {"id": {"x"}},
		"/console/connect/begin": {"connection": {"google:acme.com"}},
	} {
		if got := viewer.see(path, form); !strings.HasPrefix(got, "403 ") {
			t.Errorf("a viewer, %s: %.200s", path, got)
		}
	}
	if got := admin.see("/console/deliveries/retry", url.Values{"id": {"1"}}); !strings.HasPrefix(got, "409 ") || !strings.Contains(got, "It has been delivered.") {
		t.Errorf("what has arrived is tried again: %.300s", got)
	}
	key := regexp.MustCompile(`/console/meeting\?key=([^"]+)">QBR Globex`).FindStringSubmatch(viewer.see("/console/meetings", nil))
	if key == nil {
		t.Fatal("there is no QBR Globex")
	}
	meeting, err := url.QueryUnescape(key[1])
	if err != nil {
		t.Fatal(err)
	}
	if got := viewer.see("/console/meeting/say", url.Values{"key": {meeting}, "signal": {"skip"}}); !strings.HasPrefix(got, "303 ") {
		t.Errorf("a viewer skips a meeting: %.300s", got)
	}
	var said api.SignalPage
	if got := admin.see("/api/v1/signals", nil); json.Unmarshal([]byte(strings.TrimPrefix(got, "200 ")), &said) != nil || len(said.Signals) != 1 ||
		said.Signals[0].Email != "bo@acme.com" || said.Signals[0].Signal != "skip" || string(said.Signals[0].Meeting) != meeting {
		t.Errorf("said: %s", got)
	}
	follower = admin.send(context.Background(), "/console/live", nil)
	lines := bufio.NewScanner(follower.Body)
	if lines.Scan(); follower.StatusCode != http.StatusOK || lines.Text() != "id: 1" {
		t.Errorf("following: %s %q", follower.Status, lines.Text())
	}
	for lines.Scan() && lines.Text() != "event: changed" { // the meeting is decided anew
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
	page := "/console/meeting?" + url.Values{"key": {meeting}}.Encode()
	if got := admin.see(page, nil); !strings.Contains(got, ">bo@acme.com, ") || strings.Contains(got, "Take back") {
		t.Errorf("what somebody else said: %.3000s", got)
	}
	if got := viewer.see(page, nil); !strings.Contains(got, "Take back") {
		t.Errorf("what the viewer said: %.3000s", got)
	}
	back := url.Values{"key": {meeting}, "about": {meeting}}
	if got := admin.see("/console/meeting/take-back", back); !strings.HasPrefix(got, "409 ") {
		t.Errorf("somebody else takes it back: %.300s", got)
	}
	if got := viewer.see("/console/meeting/take-back", back); !strings.HasPrefix(got, "303 ") {
		t.Errorf("the viewer takes it back: %.300s", got)
	}
	if got := admin.see("/api/v1/signals", nil); got != "200 {\"signals\":[]}\n" {
		t.Errorf("left: %s", got)
	}
}

// TestDeliverBeside: deliveries are seen and tried again by the API, and by commands beside a daemon.
func TestDeliverBeside(t *testing.T) {
	address, file := demoDaemonWith(t, func(text string) string {
		// A folder is no file: nothing can be delivered, until it is gone.
		return strings.Replace(text, "deliver:\n", "deliver:\n  - name: broken\n    file: {path: ../broken}\n", 1)
	}, func(dir string) {
		if err := os.Mkdir(filepath.Join(dir, "broken"), 0o700); err != nil {
			t.Fatal(err)
		}
	})
	out := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "--config", file), streams{nil, &out, &errs}); code != want {
			t.Errorf("%q: %d, want %d: %s", args, code, want, &errs)
		}
		return out.String() + errs.String()
	}
	listed := out(exitOK, "deliver", "list", "--target", "broken")
	first := regexp.MustCompile(`(?m)^(\d+) +broken +waiting +.* QBR Globex +1, scheduled +[1-9]\d* +.*broken`).FindStringSubmatch(listed)
	if first == nil {
		t.Fatalf("listed:\n%s", listed)
	}
	if got := fetch(t, address+"/api/v1/deliveries?target=broken&limit=1", "demo-only"); !strings.HasPrefix(got, `200 {"deliveries":[{"id":`) || !strings.Contains(got, `"state":"waiting"`) || !strings.Contains(got, `"next":`) {
		t.Errorf("the API has %s", got)
	}
	if got := fetch(t, address+"/api/v1/deliveries?state=delivered&limit=1", "demo-only"); !strings.Contains(got, `"target":"log"`) || !strings.Contains(got, `"delivered_at":`) {
		t.Errorf("the API has %s", got)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(file), "..", "broken")); err != nil {
		t.Fatal(err)
	}
	if got := out(exitFailed, "deliver", "retry", first[1], "999999"); !strings.Contains(got, "tried again: QBR Globex, to broken;") || !strings.Contains(got, "delivery 999999: there is none of this id") {
		t.Error(got)
	}
	for !strings.Contains(out(exitOK, "deliver", "list", "--state", "delivered", "--target", "broken", "--json"), `{"id":`+first[1]+`,`) {
		if t.Context().Err() != nil {
			t.Fatal("it is not delivered")
		}
	}
	if got := out(exitFailed, "deliver", "retry", first[1]); !strings.Contains(got, "it has been delivered") {
		t.Error(got)
	}
	if got := out(exitOK, "deliver", "retry", "--all-given-up"); !strings.Contains(got, "tried again: 0 that were given up") {
		t.Error(got)
	}
	if got := out(exitUsage, "deliver", "retry"); !strings.Contains(got, "--all-given-up") {
		t.Error(got)
	}
}

// TestConnectPages: a user consents by way of the pages, and their calendar is one of those that are read.
func TestConnectPages(t *testing.T) {
	p := newProvider()
	defer p.Close()
	dir := t.TempDir()
	if err := seal.New(t.Context(), filepath.Join(dir, "keys.json"), nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"client.json": string(p.client()), "token": "word", "policy.yaml": "import: {google: {enabled: true}}\n",
		"syncd.yaml": "store: syncd.db\nkeyset_file: keys.json\nserve: {listen: 127.0.0.1:0, token_file: token, public_url: https://syncd.acme.com}\n" +
			"connections:\n  - name: people\n    google: {oauth_client_file: client.json, endpoint: " + p.URL + "}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := daemon(t, filepath.Join(dir, "syncd.yaml"), nil)
	g := signIn(t, address, "syncd.acme.com", "word")
	if got := g.see("/console/connect", nil); !strings.Contains(got, "https://syncd.acme.com/connect/callback") || !strings.Contains(got, "google:people") {
		t.Errorf("before: %s", got)
	}
	begun := g.ask("/console/connect/begin", url.Values{"connection": {"google:people"}, "user": {"Bo@acme.com"}})
	_, to, _ := strings.Cut(begun.Header.Get("Refresh"), "url=")
	resp, err := http.DefaultTransport.RoundTrip(going(t, to))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, ok := strings.CutPrefix(resp.Header.Get("Location"), "https://syncd.acme.com")
	if !ok {
		t.Fatalf("the provider sends the browser to %q", resp.Header.Get("Location"))
	}
	if got := g.see(back, nil); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "reads the calendar of bo@acme.com now") {
		t.Errorf("behind the provider: %s", got)
	}
	if got := g.see(back, nil); !strings.HasPrefix(got, "409 ") {
		t.Errorf("once more: %.200s", got)
	}
	for !strings.Contains(fetch(t, address+"/api/v1/calendars", "word"), "google:people/bo@acme.com") {
		if t.Context().Err() != nil {
			t.Fatal("the calendar is not read")
		}
	}
	if got := g.see("/console/connect/disconnect", url.Values{"connection": {"google:people"}, "user": {"bo@acme.com"}, "sure": {"1"}}); !strings.HasPrefix(got, "303 ") {
		t.Errorf("disconnected: %.200s", got)
	}
	if got := g.see("/console/connect", nil); strings.Contains(got, "bo@acme.com") {
		t.Errorf("behind it: %s", got)
	}
}

// going is a browser's request that leads elsewhere.
func going(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
