package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syncd/internal/fakegoogle"
)

// busyConfig is a daemon whose provider and recorder fail often.
const busyConfig = `store: syncd.db
policy: policy.yaml
poll: 1s
poll_quiet: 1s
log: {format: %s, level: debug, addresses: %s}
deliver: [{name: recorder, recall: {url: %q, key_file: recorder.key}}]
serve: {listen: "127.0.0.1:0", token_file: token, metrics: {listen: "127.0.0.1:0"}}
connections:
  - name: acme.com
    google: {domain: acme.com, admin: admin@acme.com, service_account_file: key.json, endpoint: %q}
`

// What people write, and what opens something.
const (
	busyTitle   = "Unspeakable merger"
	busyBody    = "the secret agenda"
	busyRoom    = "https://acme.zoom.us/j/93711223344?pwd=passc0deXYZ"
	busyToken   = "tok3n-of-the-api"
	recorderKey = "k3y-of-the-recorder"
)

// A busy is a world in which much goes wrong.
type busy struct {
	tenant             *fakegoogle.Tenant
	provider, recorder *httptest.Server
	mu                 sync.Mutex
	n                  int
	secrets            map[string]bool // what was shown to the provider
}

func newBusy(t *testing.T) *busy {
	b := &busy{secrets: map[string]bool{}}
	users := []fakegoogle.User{{Email: "admin@acme.com", NoMailbox: true, Admin: true}}
	for _, u := range livelyStaff {
		users = append(users, fakegoogle.User{Email: u})
	}
	b.tenant = fakegoogle.New(time.Now, users...)
	b.tenant.Fault = func(r *http.Request) *fakegoogle.Fault {
		b.mu.Lock()
		defer b.mu.Unlock()
		if shown := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); shown != "" {
			b.secrets[shown] = true
		}
		b.n++
		if !strings.Contains(r.URL.Path, "/events") {
			return nil
		}
		switch b.n % 9 {
		case 1:
			return &fakegoogle.Fault{Status: 500, Body: "<html>" + busyTitle + " " + busyRoom, ContentType: "text/html"}
		case 3:
			return &fakegoogle.Fault{Cut: true}
		case 5:
			return &fakegoogle.Fault{Status: 404, Body: `{"error":{"code":404,"message":"Not Found","errors":[{"reason":"notFound"}]}}`, ContentType: "application/json"}
		case 7:
			return &fakegoogle.Fault{Status: 429, RetryAfter: time.Second, Body: `{"error":{"code":429,"message":"slow down"}}`, ContentType: "application/json"}
		}
		return nil
	}
	for i, host := range livelyStaff {
		b.tenant.Invite(host, fakegoogle.Event{
			ID: fmt.Sprint("busy", i), Start: time.Now().UTC().Truncate(time.Hour).Add(time.Duration(3+i) * time.Hour), Length: time.Hour,
			Fields: map[string]any{"summary": busyTitle, "location": busyRoom, "description": busyBody},
		}, fakegoogle.Guest{Email: "joe@globex.com", Response: "accepted"})
	}
	b.provider = httptest.NewServer(b.tenant)
	t.Cleanup(b.provider.Close)
	// A recorder that repeats what it does not like, as some do.
	b.recorder = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"detail": "Invalid: " + string(body) + " for " + busyRoom})
	}))
	t.Cleanup(b.recorder.Close)
	return b
}

// TestLog: what a busy daemon says, at any level, has no titles, no texts, no links, and nothing that opens anything. Where it is
// asked to, it has no addresses either.
func TestLog(t *testing.T) {
	for _, c := range []struct{ format, addresses string }{{"text", "plain"}, {"json", "hashed"}} {
		t.Run(c.format, func(t *testing.T) {
			b := newBusy(t)
			dir := t.TempDir()
			for name, text := range map[string][]byte{
				"key.json": b.tenant.KeyFile(), "policy.yaml": []byte(livelyPolicy), "token": []byte(busyToken), "recorder.key": []byte(recorderKey),
				"syncd.yaml": fmt.Appendf(nil, busyConfig, c.format, c.addresses, b.recorder.URL, b.provider.URL),
			} {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			log := &buffer{more: make(chan struct{}, 1)}
			done := make(chan int)
			go func() {
				done <- run(ctx, []string{"run", "--config", filepath.Join(dir, "syncd.yaml")}, streams{strings.NewReader(""), io.Discard, log})
			}()
			own := log.until(t, `metrics.*(http://127\.0\.0\.1:\d+)/metrics`)[1]
			address := log.until(t, `serving.*(http://127\.0\.0\.1:\d+)`)[1]
			log.until(t, `a schedule could not be delivered`)
			for range 4 { // failures of several kinds
				log.until(t, `a calendar could not be read`)
				log.forget()
			}

			for url, want := range map[string]string{own + "/metrics": "200 ", address + "/metrics": "404 ", own + "/api/v1/schedules": "404 "} {
				if got := fetch(t, url, busyToken); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %.100s, want %s", url, got, want)
				}
			}
			if got := fetch(t, own+"/metrics", ""); !regexp.MustCompile(`(?m)^syncd_calendars\{driver="google",state="ok"\} \d`).MatchString(got) || strings.Contains(got, busyTitle) {
				t.Errorf("the metrics are %.2000s", got)
			}
			if got := fetch(t, address+"/api/v1/schedules", "wr0ng-"+busyToken); !strings.HasPrefix(got, "401 ") {
				t.Errorf("with a wrong token: %.100s", got)
			}
			stop()
			if code := <-done; code != exitOK {
				t.Errorf("exit status %d", code)
			}

			said := log.all.String()
			never := []string{"Unspeakable", "merger", "secret agenda", "passc0de", "93711223344", busyToken, recorderKey, "PRIVATE KEY"}
			b.mu.Lock()
			for s := range b.secrets {
				never = append(never, s)
			}
			b.mu.Unlock()
			if c.addresses == "hashed" {
				never = append(never, "@acme.com", "%40acme.com")
				if !strings.Contains(said, pseudonym("Ana@acme.com")) && !strings.Contains(said, pseudonym(demoBo)) && !strings.Contains(said, pseudonym(demoCara)) {
					t.Error("nobody can be found by their pseudonym")
				}
			}
			for _, secret := range never {
				for line := range strings.Lines(said) {
					if strings.Contains(line, secret) {
						t.Errorf("%q stands in %s", secret, line)
						break
					}
				}
			}
			for line := range strings.Lines(said) {
				var fields struct{ Level, Msg string }
				if c.format == "json" && (json.Unmarshal([]byte(line), &fields) != nil || fields.Level == "" || fields.Msg == "") {
					t.Errorf("no line of JSON: %s", line)
				}
			}
		})
	}
}

// TestMetricsGuarded: without an address of their own the metrics are served to who may read.
func TestMetricsGuarded(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"syncd.yaml":   "store: syncd.db\nserve: {listen: \"127.0.0.1:0\", token_file: token}\nconnections: [{name: a, demo: {file: events.jsonl}}]\n",
		"events.jsonl": "", "token": busyToken, "policy.yaml": livelyPolicy,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	log := &buffer{more: make(chan struct{}, 1)}
	done := make(chan int)
	file := filepath.Join(dir, "syncd.yaml")
	go func() {
		done <- run(ctx, []string{"run", "--config", file}, streams{strings.NewReader(""), io.Discard, log})
	}()
	address := log.until(t, `serving.*(http://127\.0\.0\.1:\d+)`)[1]
	token := func(scopes string) string {
		out, says := &buffer{more: make(chan struct{}, 1)}, &buffer{more: make(chan struct{}, 1)}
		if code := run(ctx, []string{"token", "new", "--config", file, "--scopes", scopes, "prometheus"}, streams{strings.NewReader(""), out, says}); code != exitOK {
			t.Fatalf("exit status %d: %s", code, says.all.String())
		}
		return strings.TrimSpace(out.all.String())
	}
	for _, c := range []struct{ token, want string }{{"", "401 "}, {token("signals"), "403 "}, {token("read"), "200 "}, {busyToken, "200 "}} {
		if got := fetch(t, address+"/metrics", c.token); !strings.HasPrefix(got, c.want) || c.want == "200 " && !strings.Contains(got, "syncd_build_info{") {
			t.Errorf("got %.100s, want %s", got, c.want)
		}
	}
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("exit status %d", code)
	}
}

func TestHashAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"google:acme.com/ana@acme.com":                              "google:acme.com/" + pseudonym("ana@acme.com"),
		"Get https://x.example/calendars/Ana%40acme.com/events?a=b": "Get https://x.example/calendars/" + pseudonym("ana@acme.com") + "/events?a=b",
		"bo.b+x@Acme.co.uk, <eve@münchen.example>: no":              pseudonym("bo.b+x@acme.co.uk") + ", <" + pseudonym("eve@münchen.example") + ">: no",
		"@ and a@": "@ and a@",
	} {
		if got := address.ReplaceAllStringFunc(text, pseudonym); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}
