package outlook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

const (
	redirect = "http://127.0.0.1:4711"
	finn     = "finn@acme.co.uk"
)

var (
	delegatedPublic = Config{Permissions: permissionsDelegated, Tenant: "acme.co.uk"}
	delegatedSecret = Config{Permissions: permissionsDelegated, Tenant: "acme.co.uk", ClientSecretFile: "f"}
)

// asking is a tenant whose users may consent, and all that was sent to it.
type asking struct {
	*fakegraph.Tenant
	mu        sync.Mutex
	seen      bytes.Buffer // URLs and headers
	refreshes int
	spoil     func(answer []byte) []byte // of the token endpoint
}

func newAsking(public bool) *asking {
	tn := tenant()
	app := fakegraph.App{ID: fakegraph.ClientID, Secret: fakegraph.ClientSecret, Redirects: []string{redirect}, RefreshGrace: time.Hour}
	if public {
		app.Secret = ""
	}
	tn.SetApp(app)
	tn.SignIn(eve)
	return &asking{Tenant: tn}
}

func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	token := strings.HasSuffix(r.URL.Path, "/token")
	a.mu.Lock()
	fmt.Fprintln(&a.seen, r.URL, r.Header)
	a.mu.Unlock()
	if token {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(b), "grant_type=refresh_token") {
			a.mu.Lock()
			a.refreshes++
			a.mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	resp, err := a.Tenant.RoundTrip(r)
	if err != nil || !token || a.spoil == nil {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(a.spoil(b))), -1
	return resp, nil
}

// consents is the browser: it goes where it is sent, agrees, and comes back with a code.
func (a *asking) consents(t *testing.T, to string) (code, state string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.Tenant.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("%d %s", resp.StatusCode, b)
	}
	return back.Query().Get("code"), back.Query().Get("state")
}

// connect has whoever sits at the browser consent.
func (a *asking) connect(t *testing.T, c connectors.Connector, user string) (string, error) {
	t.Helper()
	consent := connectors.Consent{Redirect: redirect, State: "state", Verifier: oauth2.GenerateVerifier(), User: user}
	to, err := c.(connectors.Consenter).ConsentURL(consent)
	if err != nil {
		return "", err
	}
	code, state := a.consents(t, to)
	if state != consent.State {
		t.Errorf("state %q", state)
	}
	return c.(connectors.Consenter).Grant(t.Context(), consent, code)
}

var secretFile = files{"f": []byte(fakegraph.ClientSecret)}

func pullOne(t *testing.T, c connectors.Connector, user string) error {
	t.Helper()
	_, err := c.Pull(t.Context(), source(user), "", conntest.Horizon)
	return err
}

// TestConsent: a user lets us in, is read, by another process too, and lets us in no more; with a secret or as a public
// client.
func TestConsent(t *testing.T) {
	for _, cfg := range []Config{delegatedSecret, delegatedPublic} {
		a, kept := newAsking(cfg.ClientSecretFile == ""), conntest.NewSecrets()
		c := with(t, cfg, a, secretFile, kept)
		if got, err := c.Sources(t.Context(), nil); err != nil || len(got) != 0 {
			t.Errorf("at first: %v, %v", got, err)
		}
		if user, err := a.connect(t, c, ""); err != nil || user != eve {
			t.Fatalf("%q, %v", user, err)
		}
		a.SignIn(finn)
		if user, err := a.connect(t, c, "FINN@acme.co.uk"); err != nil || user != finn {
			t.Fatalf("%q, %v", user, err)
		}
		if got, err := c.Sources(t.Context(), nil); err != nil || len(got) != 2 || got[0].Calendar != eve {
			t.Errorf("calendars: %v, %v", got, err)
		}
		other := with(t, cfg, a, secretFile, kept)
		for range 2 {
			for _, c := range []connectors.Connector{c, other} {
				if err := pullOne(t, c, eve); err != nil {
					t.Error(err)
				}
			}
		}
		if err := pullOne(t, other, finn); err != nil {
			t.Error(err)
		}
		if err := pullOne(t, other, "room1@acme.co.uk"); !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "room1@acme.co.uk has not consented: syncd connect outlook:people room1@acme.co.uk") {
			t.Errorf("who has not consented: %v", err)
		}
		if err := other.(connectors.Consenter).Revoke(t.Context(), "EVE@acme.co.uk"); err != nil {
			t.Fatal(err)
		}
		if err := pullOne(t, c, eve); !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "syncd connect outlook:people eve@acme.co.uk") {
			t.Errorf("what another process revoked: %v", err)
		}
		if got, err := c.(connectors.Consenter).Granted(t.Context()); err != nil || !slices.Equal(got, []string{finn}) {
			t.Errorf("left: %v, %v", got, err)
		}
		for _, secret := range []string{fakegraph.ClientSecret, "refresh-", "0.AX-"} {
			if strings.Contains(a.seen.String(), secret) {
				t.Errorf("%s is in a URL or a header:\n%s", secret, &a.seen)
			}
		}
	}
}

// TestConsentURL: what users are asked for, and no more; nobody is asked again who need not be.
func TestConsentURL(t *testing.T) {
	c := with(t, delegatedSecret, newAsking(false), secretFile, conntest.NewSecrets()).(connectors.Consenter)
	for user, want := range map[string]map[string]string{"": {"prompt": "select_account", "login_hint": ""}, eve: {"prompt": "", "login_hint": eve}} {
		to, err := c.ConsentURL(connectors.Consent{Redirect: redirect, State: "s", Verifier: oauth2.GenerateVerifier(), User: user})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(to)
		if err != nil || u.Host != "login.microsoftonline.com" || u.Path != "/acme.co.uk/oauth2/v2.0/authorize" {
			t.Fatalf("%s, %v", to, err)
		}
		q := u.Query()
		for key, value := range map[string]string{
			"response_type": "code", "client_id": fakegraph.ClientID, "redirect_uri": redirect, "code_challenge_method": "S256",
			"scope": "openid profile email offline_access https://graph.microsoft.com/Calendars.Read",
		} {
			want[key] = value
		}
		for key, value := range want {
			if q.Get(key) != value {
				t.Errorf("%s is %q, want %q", key, q.Get(key), value)
			}
		}
	}
}

// TestConsentRefused: what can go wrong with a consent. Nothing is kept, nothing secret is said.
func TestConsentRefused(t *testing.T) {
	replace := func(old, by string) func(*asking) {
		return func(a *asking) {
			a.spoil = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(by)) }
		}
	}
	claim := func(key string, value any) func(*asking) {
		return func(a *asking) { a.spoil = func(b []byte) []byte { return reclaim(t, b, key, value) } }
	}
	theirs, byID := delegatedSecret, delegatedSecret
	theirs.Tenant, byID.Tenant = "organizations", guid
	for _, test := range []struct {
		about string
		cfg   Config
		set   func(*asking)
		user  string
		want  string
	}{
		{"less allowed", delegatedSecret, replace(`"scope":"Calendars.Read"`, `"scope":"User.Read"`), "", "did not allow Calendars.Read"},
		{"somebody else", delegatedSecret, func(*asking) {}, finn, "it was eve@acme.co.uk who consented"},
		{"no refresh token", delegatedSecret, replace(`"refresh_token"`, `"other"`), "", "no refresh token"},
		{"no id token", delegatedSecret, replace(`"id_token"`, `"other"`), "", "no id token"},
		{"another issuer", delegatedSecret, claim("iss", "https://evil.example/v2.0"), "", "not from https://login.microsoftonline.com"},
		{"another client's", delegatedSecret, claim("aud", "other"), "", "another client"},
		{"expired", delegatedSecret, claim("exp", conntest.Now.Unix()), "", "expired"},
		{"another tenant", byID, func(*asking) {}, "", "not of " + guid},
		{"no address", delegatedSecret, claim("email", "eve"), "", "names no address"},
		{"an address of their own making", theirs, claim("email", "ceo@victim.example"), "ceo@victim.example", "it was eve@acme.co.uk who consented"},
		{"the secret is wrong", delegatedSecret, func(a *asking) {
			a.SetApp(fakegraph.App{ID: fakegraph.ClientID, Secret: "new", Redirects: []string{redirect}})
		}, "", "client_secret_file has another value"},
	} {
		a, kept := newAsking(false), conntest.NewSecrets()
		c := with(t, test.cfg, a, secretFile, kept)
		test.set(a)
		_, err := a.connect(t, c, test.user)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.about, err, test.want)
			continue
		}
		if len(kept.Kept) != 0 {
			t.Errorf("%s: kept %v", test.about, kept.Kept)
		}
		for _, secret := range []string{fakegraph.ClientSecret, "refresh-", "0.AX-", "access-"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error has %s: %v", test.about, secret, err)
			}
		}
	}
}

// TestCodeOnce: a code is good once, with its verifier and its redirect alone.
func TestCodeOnce(t *testing.T) {
	a, kept := newAsking(false), conntest.NewSecrets()
	c := with(t, delegatedSecret, a, secretFile, kept).(connectors.Consenter)
	right := connectors.Consent{Redirect: redirect, State: "state", Verifier: oauth2.GenerateVerifier()}
	code := func() string {
		to, err := c.ConsentURL(right)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := a.consents(t, to)
		return code
	}
	other, elsewhere := right, right
	other.Verifier, elsewhere.Redirect = oauth2.GenerateVerifier(), redirect+"/x"
	for about, spoilt := range map[string]connectors.Consent{"another verifier": other, "another redirect": elsewhere} {
		if _, err := c.Grant(t.Context(), spoilt, code()); !errors.Is(err, connectors.ErrAccess) || len(kept.Kept) != 0 {
			t.Errorf("%s: %v", about, err)
		}
	}
	once := code()
	if _, err := c.Grant(t.Context(), right, once); err != nil {
		t.Error(err)
	}
	if _, err := c.Grant(t.Context(), right, once); !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "begin anew by syncd connect outlook:people") {
		t.Errorf("the second time: %v", err)
	}
}

// TestGrantEnds: a grant that is over, by each of Microsoft's reasons, costs a sentence with what to do; nothing is
// forgotten, and nobody else is concerned.
func TestGrantEnds(t *testing.T) {
	again := "syncd connect outlook:people eve@acme.co.uk"
	for _, test := range []struct {
		about string
		set   func(*asking)
		want  string
	}{
		{"password", func(a *asking) { a.ResetPassword(eve) }, "the password was changed: " + again},
		{"consent", func(a *asking) { a.WithdrawConsent(eve) }, "nobody has consented: " + again},
		{"second factor", func(a *asking) { a.FailRefresh(eve, 50076) }, "second factor: " + again},
		{"not used", func(a *asking) { a.FailRefresh(eve, 700082) }, "90 days: " + again},
		{"disabled", func(a *asking) { a.SetUser(fakegraph.User{Email: eve, Disabled: true}) }, "the account is disabled"},
		{"a number that came up later", func(a *asking) { a.FailRefresh(eve, 70000) }, "the grant is over: " + again},
		{"the secret", func(a *asking) {
			a.SetApp(fakegraph.App{ID: fakegraph.ClientID, Secret: fakegraph.ClientSecret, SecretExpired: true})
		}, "the secret has expired"},
	} {
		a, kept := newAsking(false), conntest.NewSecrets()
		c := with(t, delegatedSecret, a, secretFile, kept)
		if _, err := a.connect(t, c, eve); err != nil {
			t.Fatal(err)
		}
		test.set(a)
		err := pullOne(t, c, eve)
		if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "refresh-") {
			t.Errorf("%s: got %v, want %q", test.about, err, test.want)
		}
		if kept.Kept[eve] == "" {
			t.Errorf("%s: the grant was forgotten", test.about)
		}
	}
	a, kept := newAsking(false), conntest.NewSecrets()
	c := with(t, delegatedSecret, a, secretFile, kept)
	if _, err := a.connect(t, c, eve); err != nil {
		t.Fatal(err)
	}
	a.FailRefresh(eve, 90033)
	var throttled *connectors.ThrottledError
	if err := pullOne(t, c, eve); !errors.As(err, &throttled) || errors.Is(err, connectors.ErrAccess) {
		t.Errorf("a service that is busy is no reason to call a person: %v", err)
	}
}

// TestRotation: a refresh token that is replaced is kept before its access token is used, and calendars that are read at
// once do not use one up twice.
func TestRotation(t *testing.T) {
	a, kept := newAsking(false), conntest.NewSecrets()
	a.SetApp(fakegraph.App{ID: fakegraph.ClientID, Secret: fakegraph.ClientSecret, Redirects: []string{redirect}}) // an old token is dead at once
	first := ""
	rt := through(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/delta") {
			if g, err := kept.Secret(t.Context(), eve); err != nil || g == first {
				t.Errorf("used before the new one was kept: %s, %v", g, err)
			}
		}
		return a.RoundTrip(r)
	})
	c := with(t, delegatedSecret, rt, secretFile, kept)
	if _, err := a.connect(t, c, eve); err != nil {
		t.Fatal(err)
	}
	first = kept.Kept[eve]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := pullOne(t, c, eve); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if a.refreshes != 1 {
		t.Errorf("%d refreshes", a.refreshes)
	}
	if err := pullOne(t, with(t, delegatedSecret, a, secretFile, kept), eve); err != nil {
		t.Errorf("another process: %v", err)
	}
}

// reclaim changes a claim of the id token in an answer.
func reclaim(t *testing.T, answer []byte, key string, value any) []byte {
	t.Helper()
	var all map[string]any
	if json.Unmarshal(answer, &all) != nil || all["id_token"] == nil {
		return answer
	}
	parts := strings.Split(all["id_token"].(string), ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		t.Fatalf("no claims: %s", answer)
	}
	claims[key] = value
	raw, err = json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	all["id_token"] = parts[0] + "." + base64.RawURLEncoding.EncodeToString(raw) + "." + parts[2]
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
