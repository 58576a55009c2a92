package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/connectors/grants"
	"example.com/syncd/internal/nodetest"
)

// An emulator is npm's emulate, with the service of Google: a peer that somebody else has made. It knows OAuth,
// lists and windows, and neither series nor sync tokens.
type emulator struct {
	t   *testing.T
	url string
}

func startEmulator(t *testing.T) *emulator {
	nodetest.Dir(t)
	port := conntest.FreePort(t)
	seed, err := json.Marshal(map[string]any{
		"tokens": map[string]any{"hers": map[string]any{"login": ana, "scopes": []string{}}},
		"google": map[string]any{
			"users":         []any{map[string]any{"email": ana, "name": "Ana"}, map[string]any{"email": bo, "name": "Bo"}},
			"oauth_clients": []any{map[string]any{"client_id": clientID, "client_secret": clientSecret, "redirect_uris": []string{redirect}}},
			"calendars": []any{
				map[string]any{"id": ana, "user_email": ana, "summary": ana, "primary": true, "selected": true},
				map[string]any{"id": "c_1@group.calendar.google.com", "user_email": ana, "summary": "Pipeline"},
				map[string]any{"id": bo, "user_email": bo, "summary": bo, "primary": true, "selected": true},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &emulator{t: t}
	var started struct{ URL string }
	nodetest.Start(t, &started, "../testdata/emulator.mjs", "google", fmt.Sprint(port), string(seed))
	e.url = started.URL
	return e
}

// do sends a request as ana.
func (e *emulator) do(method, path string, body any) map[string]any {
	e.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		e.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.url+path, bytes.NewReader(b))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer hers")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got map[string]any
	if resp.StatusCode != http.StatusNoContent && (resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&got) != nil) {
		e.t.Fatalf("%s %s: %d", method, path, resp.StatusCode)
	}
	return got
}

// consents has the user press the button of the page that the URL leads to, and returns the code.
func (e *emulator) consents(to, user string) (code, state string) {
	e.t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		e.t.Fatal(err)
	}
	form := u.Query()
	form.Set("email", user)
	hc := &http.Client{CheckRedirect: noRedirect}
	resp, err := hc.PostForm(e.url+"/o/oauth2/v2/auth/callback", form)
	if err != nil {
		e.t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		e.t.Fatalf("%s: %v", resp.Status, err)
	}
	return back.Query().Get("code"), back.Query().Get("state")
}

func (e *emulator) open(cfg Config, kept *conntest.Secrets) consenter {
	e.t.Helper()
	client, err := json.Marshal(map[string]any{"installed": map[string]any{
		"client_id": clientID, "client_secret": clientSecret, "redirect_uris": []string{redirect},
		"auth_uri": e.url + "/o/oauth2/v2/auth", "token_uri": e.url + "/oauth2/token",
	}})
	if err != nil {
		e.t.Fatal(err)
	}
	cfg.OAuthClientFile, cfg.Endpoint = "client.json", e.url
	if err := cfg.Validate(); err != nil {
		e.t.Fatal(err)
	}
	c, err := cfg.Open(connectors.Env{
		Account: "people", HTTP: http.DefaultTransport, Now: time.Now, Log: slog.New(slog.DiscardHandler), Secrets: kept,
		ReadFile: func(name string) ([]byte, error) {
			if name != "client.json" {
				return nil, fs.ErrNotExist
			}
			return client, nil
		},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return c.(consenter)
}

// TestEmulator: a user consents, is read, page by page and as things change, and takes the consent back.
func TestEmulator(t *testing.T) {
	e := startEmulator(t)
	kept := conntest.NewSecrets()
	c := e.open(Config{Calendars: calendarsAll, pageSize: 2}, kept)

	consent := connectors.Consent{Redirect: redirect, State: "s-1", Verifier: oauth2.GenerateVerifier(), User: ana}
	to, err := c.ConsentURL(consent)
	if err != nil {
		t.Fatal(err)
	}
	code, state := e.consents(to, ana)
	if state != consent.State {
		t.Errorf("state %q", state)
	}
	wrong := consent
	wrong.Verifier = oauth2.GenerateVerifier()
	if _, err := c.Grant(t.Context(), wrong, code); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("another one's verifier: %v", err)
	}
	if code, _ := e.consents(to, bo); code != "" {
		if _, err := c.Grant(t.Context(), consent, code); err == nil || !strings.Contains(err.Error(), "it was bo@acme.com who consented") {
			t.Errorf("somebody else consented: %v", err)
		}
	}
	if user, err := c.Grant(t.Context(), consent, code); err != nil || user != ana {
		t.Fatalf("%q, %v", user, err)
	}
	if _, err := c.Grant(t.Context(), consent, code); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("the code once more: %v", err)
	}

	sources, err := c.Sources(t.Context(), nil)
	secondary := calendar.NewSource("google", "people", "c_1@group.calendar.google.com")
	secondary.User = ana
	if err != nil || !slices.Equal(sources, []calendar.Source{anaByConsent, secondary}) {
		t.Fatalf("calendars: %+v, %v", sources, err)
	}

	for i := range 5 {
		e.meet(fmt.Sprintf("Meeting %d", i), conntest.Now.Add(time.Duration(i)*time.Hour))
	}
	e.meet("Long past", conntest.Horizon.Start.Add(-48*time.Hour))
	e.meet("Far away", conntest.Horizon.End.Add(48*time.Hour))
	c = e.open(Config{Calendars: calendarsAll, pageSize: 2}, kept) // another process
	l := conntest.NewLedger()
	titles := func() (all []string) {
		for p, err := range connectors.Pages(t.Context(), c, anaByConsent, l.Cursor, conntest.Horizon) {
			if err != nil {
				t.Fatal(err)
			}
			l.Apply(p)
		}
		for _, e := range l.Copies {
			all = append(all, e.Title)
		}
		slices.Sort(all)
		return all
	}
	if got, want := titles(), []string{"Meeting 0", "Meeting 1", "Meeting 2", "Meeting 3", "Meeting 4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	late := e.meet("Late", conntest.Now.Add(24*time.Hour))
	if got := titles(); len(got) != 6 || !slices.Contains(got, "Late") {
		t.Errorf("one more: %q", got)
	}
	e.do(http.MethodDelete, "/calendar/v3/calendars/"+ana+"/events/"+late, nil)
	if got := titles(); len(got) != 5 || slices.Contains(got, "Late") {
		t.Errorf("one less: %q", got)
	}
	gone := calendar.NewSource("google", "people", "c_2@group.calendar.google.com")
	gone.User = ana
	if _, err := c.Pull(t.Context(), gone, "", conntest.Horizon); !errors.Is(err, connectors.ErrSource) {
		t.Errorf("a calendar that is not there: %v", err)
	}

	if err := c.Revoke(t.Context(), ana); err != nil {
		t.Fatal(err)
	}
	if users, err := c.Granted(t.Context()); err != nil || len(users) != 0 {
		t.Errorf("left: %v, %v", users, err)
	}
	if _, err := c.Pull(t.Context(), anaByConsent, "", conntest.Horizon); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("after that: %v", err)
	}
}

// meet puts a meeting into ana's calendar, and returns its id.
func (e *emulator) meet(title string, start time.Time) string {
	e.t.Helper()
	got := e.do(http.MethodPost, "/calendar/v3/calendars/"+ana+"/events", map[string]any{
		"summary": title, "location": "https://acme.zoom.us/j/91234567890",
		"start": map[string]string{"dateTime": start.Format(time.RFC3339)}, "end": map[string]string{"dateTime": start.Add(30 * time.Minute).Format(time.RFC3339)},
	})
	id, _ := got["id"].(string)
	if id == "" {
		e.t.Fatalf("no id: %v", got)
	}
	return id
}

// TestEmulatorGrantGone: what the user has taken back at the provider's own pages.
func TestEmulatorGrantGone(t *testing.T) {
	e := startEmulator(t)
	kept := conntest.NewSecrets()
	c := e.open(Config{}, kept)
	consent := connectors.Consent{Redirect: redirect, State: "s", Verifier: oauth2.GenerateVerifier()}
	to, err := c.ConsentURL(consent)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := e.consents(to, ana)
	if _, err := c.Grant(t.Context(), consent, code); err != nil {
		t.Fatal(err)
	}
	var g grants.Grant
	if err := json.Unmarshal([]byte(kept.Kept[ana]), &g); err != nil {
		t.Fatal(err)
	}
	resp, err := http.PostForm(e.url+"/oauth2/revoke", url.Values{"token": {g.RefreshToken}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_, err = c.Pull(t.Context(), anaByConsent, "", conntest.Horizon)
	if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "has to consent again: syncd connect google:people ana@acme.com") {
		t.Errorf("got %v", err)
	}
	if kept.Kept[ana] == "" {
		t.Error("a refusal has deleted what was kept")
	}
}
