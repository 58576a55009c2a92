package console

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/connectors/google"
	"example.com/syncd/internal/browsertest"
	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/serve/connect"
)

// A consentStage is a console whose users consent at a simulated provider.
type consentStage struct {
	console, provider *httptest.Server
	secrets           *conntest.Secrets
	changed           []string
}

func newConsentStage(t *testing.T, w *world) *consentStage {
	t.Helper()
	s := &consentStage{console: httptest.NewUnstartedServer(nil), secrets: conntest.NewSecrets()}
	now := func() time.Time { return w.now }
	tenant := fakegoogle.New(now, fakegoogle.User{Email: "ana@acme.com"}, fakegoogle.User{Email: "bo@acme.com"}, fakegoogle.User{Email: "gus@acme.com", Suspended: true})
	s.provider = httptest.NewServer(tenant)
	t.Cleanup(s.provider.Close)
	public := "http://" + s.console.Listener.Addr().String()
	client := fakegoogle.Client{ID: "web-client", Secret: "web-secret", Redirects: []string{public + connect.CallbackPath}}
	tenant.AddClient(client)
	files := map[string][]byte{
		"client.json": bytes.ReplaceAll(tenant.ClientFile(client), []byte("https://accounts.google.com/"), []byte(s.provider.URL+"/")),
		"key.json":    tenant.KeyFile(),
	}
	open := func(c google.Config, name string) connectors.Connector {
		conn, err := c.Open(connectors.Env{
			Account: name, HTTP: tenant, Now: now, Log: slog.New(slog.DiscardHandler), Secrets: s.secrets,
			ReadFile: func(name string) ([]byte, error) { return files[name], nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	people := open(google.Config{OAuthClientFile: "client.json"}, "people")
	company := open(google.Config{Domain: "acme.com", Admin: "admin@acme.com", ServiceAccountFile: "key.json"}, "acme.com")
	flow, err := connect.New(connect.Config{
		PublicURL: public, Connections: []connect.Connection{{Driver: "google", Name: "people", By: people.(connectors.Consenter)}}, Now: now,
		Changed: func(_, _, user string) { s.changed = append(s.changed, user) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.console.Config.Handler = newConsole(t, w, func(c *Config) {
		c.Connect = flow
		c.Guides = func(context.Context) []Guide {
			return []Guide{{"google:acme.com", company.(connectors.Guided).Guide()}, {"google:people", people.(connectors.Guided).Guide()}}
		}
	})
	s.console.Start()
	t.Cleanup(s.console.Close)
	return s
}

// TestConnect: a user lets their calendar be read, in a browser, and takes it back.
func TestConnect(t *testing.T) {
	s := newConsentStage(t, newWorld(t))
	browsertest.Run(t, "testdata/connect.mjs", map[string]any{"base": s.console.URL})
	if !slices.Equal(s.changed, []string{"ana@acme.com", "ana@acme.com", "bo@acme.com"}) {
		t.Errorf("the engine was told of %q", s.changed)
	}
	if names, err := s.secrets.Names(t.Context()); err != nil || !slices.Equal(names, []string{"bo@acme.com"}) {
		t.Errorf("grants are kept of %q, %v", names, err)
	}
}

// TestConnectIsNotForLookers: who may only look connects nobody.
func TestConnectIsNotForLookers(t *testing.T) {
	w := newWorld(t)
	s := newConsentStage(t, w)
	flow, err := connect.New(connect.Config{PublicURL: s.console.URL, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	h := newConsole(t, w, func(c *Config) {
		c.Connect = flow
		c.User = func(context.Context) (string, bool) { return "looker@acme.com", false }
	})
	for _, path := range []string{"/console/connect/begin", "/console/connect/disconnect"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(url.Values{"connection": {"google:people"}, "user": {"ana@acme.com"}, "sure": {"1"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
	if status, _ := get(t, h, connect.CallbackPath+"?code=x&state=y"); status != http.StatusForbidden {
		t.Errorf("the way back: %d", status)
	}
}
