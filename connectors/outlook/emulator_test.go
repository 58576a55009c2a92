package outlook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
	"example.com/syncd/internal/nodetest"
)

// An emulator is npm's emulate, with the service of Microsoft: a peer that somebody else has made. It knows OAuth and
// who somebody is, and no calendars: behind it lies an empty one, for whoever has a token of its making.
type emulator struct {
	t    *testing.T
	url  string
	read []string // whose tokens the calendar was read with
}

func startEmulator(t *testing.T) *emulator {
	nodetest.Dir(t)
	seed, err := json.Marshal(map[string]any{"microsoft": map[string]any{
		"users": []any{map[string]any{"email": eve, "name": "Eve"}, map[string]any{"email": finn, "name": "Finn"}},
		"oauth_clients": []any{map[string]any{
			"client_id": fakegraph.ClientID, "client_secret": fakegraph.ClientSecret, "name": "syncd", "redirect_uris": []string{redirect},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var started struct{ URL string }
	nodetest.Start(t, &started, "../testdata/emulator.mjs", "microsoft", fmt.Sprint(conntest.FreePort(t)), string(seed))
	return &emulator{t: t, url: started.URL}
}

// RoundTrip sends what is for the token service to the emulator, which has no tenants in its paths.
func (e *emulator) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		return e.calendar(r)
	}
	there := r.Clone(r.Context())
	there.URL.Scheme, there.URL.Host, there.Host = "http", strings.TrimPrefix(e.url, "http://"), ""
	there.URL.Path = strings.TrimPrefix(r.URL.Path, "/acme.co.uk")
	return http.DefaultTransport.RoundTrip(there)
}

// calendar is an empty one. The emulator says whose token it is; an application's is nobody's.
func (e *emulator) calendar(r *http.Request) (*http.Response, error) {
	me, err := http.NewRequestWithContext(r.Context(), http.MethodGet, e.url+"/v1.0/me", nil)
	if err != nil {
		return nil, err
	}
	me.Header.Set("Authorization", r.Header.Get("Authorization"))
	resp, err := http.DefaultTransport.RoundTrip(me)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var who struct{ UserPrincipalName string }
	if err := json.NewDecoder(resp.Body).Decode(&who); err != nil || resp.StatusCode == http.StatusUnauthorized {
		return conntest.Answer{Status: 401, Body: refusal("InvalidAuthenticationToken")}.RoundTrip(r)
	}
	e.read = append(e.read, who.UserPrincipalName)
	body := `{"value":[]}`
	if strings.Contains(r.URL.Path, "/delta") {
		body = `{"value":[],"@odata.deltaLink":"` + e.url + `/v1.0/users/x/calendarView/delta?$deltatoken=1"}`
	}
	return conntest.Answer{Status: 200, Body: body}.RoundTrip(r)
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
	resp, err := hc.PostForm(e.url+"/oauth2/v2.0/authorize/callback", form)
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

// at makes the emulator all of Microsoft.
func (e *emulator) at(cfg Config) Config {
	cfg.Endpoint = e.url
	return cfg
}

// TestEmulator: a user consents, is read, by another process too, with tokens that are replaced at each use.
func TestEmulator(t *testing.T) {
	e := startEmulator(t)
	kept := conntest.NewSecrets()
	c := with(t, e.at(delegatedSecret), e, secretFile, kept)
	by := c.(connectors.Consenter)
	consent := connectors.Consent{Redirect: redirect, State: "s-1", Verifier: oauth2.GenerateVerifier(), User: eve}
	to, err := by.ConsentURL(consent)
	if err != nil {
		t.Fatal(err)
	}
	code, state := e.consents(to, eve)
	if state != consent.State {
		t.Errorf("state %q", state)
	}
	wrong := consent
	wrong.Verifier = oauth2.GenerateVerifier()
	if _, err := by.Grant(t.Context(), wrong, code); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("another one's verifier: %v", err)
	}
	if code, _ := e.consents(to, finn); code != "" {
		if _, err := by.Grant(t.Context(), consent, code); err == nil || !strings.Contains(err.Error(), "it was finn@acme.co.uk who consented") {
			t.Errorf("somebody else consented: %v", err)
		}
	}
	if code, _ = e.consents(to, eve); code == "" {
		t.Fatal("no code")
	}
	if user, err := by.Grant(t.Context(), consent, code); err != nil || user != eve {
		t.Fatalf("%q, %v", user, err)
	}
	if _, err := by.Grant(t.Context(), consent, code); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("the code once more: %v", err)
	}
	old := kept.Kept[eve]
	for _, c := range []connectors.Connector{c, c, with(t, e.at(delegatedSecret), e, secretFile, kept)} {
		if err := pullOne(t, c, eve); err != nil {
			t.Fatal(err)
		}
	}
	if kept.Kept[eve] == old {
		t.Error("the refresh token that was replaced is still kept")
	}
	if len(e.read) != 3 || e.read[0] != eve {
		t.Errorf("read as %v", e.read)
	}
	kept.Kept[eve] = old // a process that lost the new one
	err = pullOne(t, with(t, e.at(delegatedSecret), e, secretFile, kept), eve)
	if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "the grant is over: syncd connect outlook:people eve@acme.co.uk") {
		t.Errorf("a refresh token that was used before: %v", err)
	}
}

// TestEmulatorApplication: the application itself has a token by its secret, and none by another.
func TestEmulatorApplication(t *testing.T) {
	e := startEmulator(t)
	cfg := Config{ClientSecretFile: "f"}
	if err := pullOne(t, with(t, e.at(cfg), e, secretFile, nil), eve); err != nil || len(e.read) != 1 {
		t.Errorf("read as %v: %v", e.read, err)
	}
	err := pullOne(t, with(t, e.at(cfg), e, files{"f": []byte("another")}, nil), eve)
	if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "check client_id and client_secret_file") {
		t.Errorf("another secret: %v", err)
	}
}
