package google

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegoogle"
)

type rt func(*http.Request) (*http.Response, error)

func (f rt) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func say(r *http.Request, status int, h http.Header, s string) *http.Response {
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(s)), Request: r}
}

var anaSource = primary("google", "acme.com", ana)

func primary(driver, account, user string) calendar.Source {
	s := calendar.NewSource(driver, account, user)
	s.Primary = true
	return s
}

var company = Config{Domain: "acme.com", Admin: "admin@acme.com"}

// A kept token that Google no longer accepts.
func TestStaleToken(t *testing.T) {
	tn := tenant()
	c := open(t, company, tn, tn.KeyFile())
	if _, err := c.Pull(t.Context(), anaSource, "", conntest.Horizon); err != nil {
		t.Fatal(err)
	}
	tn.Revoke() // drops the access tokens
	tn.Restore()
	if _, err := c.Pull(t.Context(), anaSource, "", conntest.Horizon); err != nil {
		t.Errorf("same connector, access restored: %v", err)
	}
}

// A redirect must not carry the bearer elsewhere.
func TestRedirect(t *testing.T) {
	tn := tenant()
	var leaked string
	c := open(t, company, rt(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "evil.example" {
			leaked = r.Header.Get("Authorization")
			return say(r, 200, nil, `{}`), nil
		}
		if strings.HasSuffix(r.URL.Path, "/events") {
			return say(r, 302, http.Header{"Location": {"https://evil.example/x"}}, ``), nil
		}
		return tn.RoundTrip(r)
	}), tn.KeyFile())
	_, err := c.Pull(t.Context(), anaSource, "", conntest.Horizon)
	if leaked != "" {
		t.Errorf("the bearer went to evil.example (err %v)", err)
	}
}

// The token request must end with its context.
func TestTokenCancel(t *testing.T) {
	tn := tenant()
	ctx, cancel := context.WithCancel(t.Context())
	c := open(t, company, rt(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/token" {
			cancel()
			<-r.Context().Done() // for ever, if it is another context
			return nil, r.Context().Err()
		}
		return tn.RoundTrip(r)
	}), tn.KeyFile())
	if _, err := c.Pull(ctx, anaSource, "", conntest.Horizon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A 429 of the token endpoint.
func TestTokenThrottled(t *testing.T) {
	tn := tenant()
	c := open(t, company, rt(func(r *http.Request) (*http.Response, error) {
		return say(r, 429, http.Header{"Retry-After": {"90"}}, `{"error":"rate_limit_exceeded"}`), nil
	}), tn.KeyFile())
	_, err := c.Pull(t.Context(), anaSource, "", conntest.Horizon)
	var th *connectors.ThrottledError
	if !errors.As(err, &th) || th.After != 90*time.Second {
		t.Errorf("got %v", err)
	}
}

// The remedy names the client id.
func TestClientID(t *testing.T) {
	tn := tenant()
	tn.Revoke()
	_, err := open(t, company, tn, tn.KeyFile()).Pull(t.Context(), anaSource, "", conntest.Horizon)
	if err == nil || !strings.Contains(err.Error(), "100000000000000000001") {
		t.Errorf("the client id to authorise is not named: %v", err)
	}
}

// URLs in errors hold addresses and sync tokens.
func TestURLInError(t *testing.T) {
	tn := tenant()
	c := open(t, company, rt(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			return nil, errors.New("connection refused")
		}
		return tn.RoundTrip(r)
	}), tn.KeyFile())
	_, err := c.Pull(t.Context(), anaSource, "", conntest.Horizon)
	if err == nil || strings.Contains(err.Error(), "quotaUser=") {
		t.Errorf("the request's URL is in the error: %v", err)
	}
}

// With the directory as roster, its members of the domain are read, and nobody is asked.
func TestRosterDirectory(t *testing.T) {
	c := open(t, Config{Domain: "acme.com", Roster: rosterDirectory}, rt(func(r *http.Request) (*http.Response, error) {
		t.Errorf("asked %s", r.URL.Path)
		return nil, io.EOF
	}), tenant().KeyFile())
	got, err := c.Sources(t.Context(), []string{"Ana@acme.com", "ana@acme.com", "eve@acme.co.uk"})
	if diff := cmp.Diff([]calendar.Source{anaSource}, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestKeyless: a service account without a key, for which Google signs.
func TestKeyless(t *testing.T) {
	tn := tenant()
	tn.Put(ana, event(conntest.Meeting{UID: "e@example.com", Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour}))
	cfg := Config{Domain: "acme.com", Admin: "admin@acme.com", ServiceAccount: fakegoogle.ServiceAccount, CredentialsFile: "adc.json"}
	connect := func(cfg Config, credentials []byte) connectors.Connector {
		t.Helper()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		c, err := cfg.Open(connectors.Env{
			Account: "acme.com", HTTP: tn, Now: now, Log: slog.New(slog.DiscardHandler),
			ReadFile: func(string) ([]byte, error) { return credentials, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connect(cfg, tn.CredentialsFile())
	p, err := c.Pull(t.Context(), anaSource, "", conntest.Horizon)
	if err != nil || len(p.Events) != 1 {
		t.Fatalf("%d events, %v", len(p.Events), err)
	}
	if sources, err := c.Sources(t.Context(), nil); err != nil || len(sources) != 3 {
		t.Errorf("%d calendars, %v", len(sources), err)
	}
	other := cfg
	other.ServiceAccount = "other@demo-project.iam.gserviceaccount.com"
	for _, bad := range []struct {
		about string
		c     connectors.Connector
		want  string
	}{
		{"no right to sign", connect(other, tn.CredentialsFile()), "the role Service Account Token Creator"},
		{"no credentials", connect(cfg, []byte(`{}`)), "credentials_file adc.json has no credentials that may sign"},
		{"refused credentials", connect(cfg, []byte(`{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"gone"}`)), "no token"},
	} {
		if _, err := bad.c.Pull(t.Context(), anaSource, "", conntest.Horizon); err == nil || !strings.Contains(err.Error(), bad.want) || strings.Contains(err.Error(), "gone") {
			t.Errorf("%s: %v", bad.about, err)
		}
	}
	tn.Revoke()
	if _, err := connect(cfg, tn.CredentialsFile()).Pull(t.Context(), anaSource, "", conntest.Horizon); !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "client id (unique id) of "+fakegoogle.ServiceAccount) {
		t.Errorf("no delegation: %v", err)
	}
	for _, cfg := range []Config{
		{Domain: "acme.com", Users: []string{ana}, ServiceAccount: "syncd@p.iam.gserviceaccount.com"},
		{Domain: "acme.com", Users: []string{ana}, CredentialsFile: "adc.json"},
		{Domain: "acme.com", Users: []string{ana}, CredentialsFile: "adc.json", ServiceAccount: "syncd"},
		{Domain: "acme.com", Users: []string{ana}, CredentialsFile: "adc.json", ServiceAccount: "syncd@p.iam.gserviceaccount.com", ServiceAccountFile: "key.json"},
	} {
		if cfg.Validate() == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
