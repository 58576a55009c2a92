package google

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

const (
	clientID     = "1000-syncd.apps.googleusercontent.com"
	clientSecret = "GOCSPX-secret"
	redirect     = "http://127.0.0.1:4711"
	bo           = "bo@acme.com"
)

var byConsent = Config{OAuthClientFile: "client.json"}

// A screen is Google's side of consents: it asks, redeems codes once, renews and revokes, and lists calendars
// for whoever has a token.
type screen struct {
	t  *testing.T
	mu sync.Mutex

	user     string         // who sits at the browser
	unticked string         // a scope that they take away
	rotates  bool           // each refresh replaces the refresh token
	bare     bool           // no refresh token is given
	claims   map[string]any // of the id token, in place of the right ones
	refuses  string         // what the token endpoint refuses everything with
	denies   string         // the reason of a 403 with which every calendar is refused
	onEvents func()         // runs when a token is used

	codes     map[string]url.Values // what was asked for, until the code is redeemed
	refresh   map[string]string     // refresh tokens' users
	access    map[string]string     // access tokens' users
	n         int
	refreshes int
	seen      bytes.Buffer // all that was sent to Google, for what must not be in it
}

func newScreen(t *testing.T) *screen {
	return &screen{t: t, user: "Ana@acme.com", codes: map[string]url.Values{}, refresh: map[string]string{}, access: map[string]string{}}
}

func (s *screen) next(kind string) string {
	s.n++
	return fmt.Sprintf("%s-%d", kind, s.n)
}

// consents is the browser: it goes where it is sent, agrees, and comes back with a code.
func (s *screen) consents(to string) (code, state string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := url.Parse(to)
	if err != nil || u.Host != "accounts.google.com" || u.Path != "/o/oauth2/auth" {
		s.t.Fatalf("the browser is sent to %s, %v", to, err)
	}
	q := u.Query()
	for key, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": redirect, "access_type": "offline", "prompt": "consent",
		"code_challenge_method": "S256", "scope": "openid email " + gcal.CalendarEventsReadonlyScope,
	} {
		if q.Get(key) != want {
			s.t.Errorf("%s is %q, want %q", key, q.Get(key), want)
		}
	}
	code = s.next("code")
	s.codes[code] = q
	return code, q.Get("state")
}

func (s *screen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	form := url.Values{}
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if form, err = url.ParseQuery(string(b)); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(&s.seen, r.URL, r.Header)
	switch {
	case r.URL.String() == "https://oauth2.googleapis.com/token":
		return s.token(r, form), nil
	case r.URL.String() == "https://oauth2.googleapis.com/revoke":
		user, ok := s.refresh[form.Get("token")]
		if !ok {
			return say(r, 400, nil, `{"error":"invalid_token","error_description":"Token expired or revoked"}`), nil
		}
		if s.refuses != "" {
			return say(r, 503, nil, `{}`), nil
		}
		s.end(user)
		return say(r, 200, nil, `{}`), nil
	case strings.HasSuffix(r.URL.Path, "/events"):
		user := s.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if user == "" || !strings.Contains(r.URL.Path, "/calendars/"+strings.ToLower(user)+"/") {
			return say(r, 401, nil, refusal(401, "authError")), nil
		}
		if s.denies != "" {
			return say(r, 403, nil, refusal(403, s.denies)), nil
		}
		if s.onEvents != nil {
			s.onEvents()
		}
		return say(r, 200, nil, `{"items":[{"id":"e","iCalUID":"e@google.com","status":"confirmed"}],"nextSyncToken":"s"}`), nil
	}
	return say(r, 404, nil, `{}`), nil
}

// end is a user's grant being over: all of its tokens go.
func (s *screen) end(user string) {
	for _, tokens := range []map[string]string{s.refresh, s.access} {
		maps.DeleteFunc(tokens, func(_, u string) bool { return u == user })
	}
}

func (s *screen) token(r *http.Request, form url.Values) *http.Response {
	no := func(code string) *http.Response {
		return say(r, map[bool]int{true: 401, false: 400}[code == "invalid_client"], nil, fmt.Sprintf(`{"error":%q,"error_description":"Bad Request"}`, code))
	}
	switch {
	case s.refuses != "":
		return no(s.refuses)
	case form.Get("client_id") != clientID || form.Get("client_secret") != clientSecret || r.Header.Get("Authorization") != "":
		return no("invalid_client")
	}
	answer := map[string]any{"token_type": "Bearer", "expires_in": 3599}
	var user string
	switch form.Get("grant_type") {
	case "authorization_code":
		asked, ok := s.codes[form.Get("code")]
		delete(s.codes, form.Get("code"))
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if !ok || asked.Get("redirect_uri") != form.Get("redirect_uri") || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			return no("invalid_grant")
		}
		user = s.user
		var scopes []string
		for _, scope := range strings.Fields(strings.Replace(asked.Get("scope"), " email ", " https://www.googleapis.com/auth/userinfo.email ", 1)) {
			if scope != s.unticked {
				scopes = append(scopes, scope)
			}
		}
		answer["scope"] = strings.Join(scopes, " ")
		claims := map[string]any{"iss": "https://accounts.google.com", "aud": clientID, "exp": conntest.Now.Add(time.Hour).Unix(), "email": user, "email_verified": true}
		maps.Copy(claims, s.claims)
		b, err := json.Marshal(claims)
		if err != nil {
			s.t.Fatal(err)
		}
		answer["id_token"] = "e30." + base64.RawURLEncoding.EncodeToString(b) + ".c2ln"
		if !s.bare {
			answer["refresh_token"] = s.next("refresh")
		}
	case "refresh_token":
		s.refreshes++
		if user = s.refresh[form.Get("refresh_token")]; user == "" {
			return no("invalid_grant")
		}
		if s.rotates {
			delete(s.refresh, form.Get("refresh_token"))
			answer["refresh_token"] = s.next("refresh")
		}
	default:
		return no("unsupported_grant_type")
	}
	if t, ok := answer["refresh_token"].(string); ok {
		s.refresh[t] = user
	}
	answer["access_token"] = s.next("access")
	s.access[answer["access_token"].(string)] = user
	b, err := json.Marshal(answer)
	if err != nil {
		s.t.Fatal(err)
	}
	return say(r, 200, nil, string(b))
}

func clientFile(kind string) []byte {
	return fmt.Appendf(nil, `{%q:{"client_id":%q,"project_id":"p","auth_uri":"https://accounts.google.com/o/oauth2/auth","token_uri":"https://oauth2.googleapis.com/token","client_secret":%q,"redirect_uris":["http://localhost"]}}`,
		kind, clientID, clientSecret)
}

// openByConsent makes a connector whose users consent at s.
func openByConsent(t *testing.T, s http.RoundTripper, kept *conntest.Secrets, client []byte) consenter {
	t.Helper()
	if err := byConsent.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg := byConsent
	c, err := cfg.Open(connectors.Env{
		Account: "people", HTTP: s, Now: now, Log: slog.New(slog.DiscardHandler), Secrets: kept,
		ReadFile: func(name string) ([]byte, error) {
			if name != "client.json" || client == nil {
				return nil, fs.ErrNotExist
			}
			return client, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.(consenter)
}

// connect has the user of s consent.
func connect(t *testing.T, c consenter, s *screen, user string) (string, error) {
	t.Helper()
	consent := connectors.Consent{Redirect: redirect, State: "state", Verifier: oauth2.GenerateVerifier(), User: user}
	to, err := c.ConsentURL(consent)
	if err != nil {
		return "", err
	}
	code, state := s.consents(to)
	if state != consent.State {
		t.Errorf("state %q", state)
	}
	return c.Grant(t.Context(), consent, code)
}

var anaByConsent = primary("google", "people", ana)

func pullOne(t *testing.T, c consenter, src calendar.Source) error {
	t.Helper()
	p, err := c.Pull(t.Context(), src, "", conntest.Horizon)
	if err == nil && len(p.Events) != 1 {
		t.Errorf("%d events", len(p.Events))
	}
	return err
}

// TestConsent: a user lets us in, is read, by another process too, and lets us in no more.
func TestConsent(t *testing.T) {
	for _, kind := range []string{"installed", "web"} {
		s, kept := newScreen(t), conntest.NewSecrets()
		c := openByConsent(t, s, kept, clientFile(kind))
		if got, err := c.Sources(t.Context(), nil); err != nil || len(got) != 0 {
			t.Errorf("at first: %v, %v", got, err)
		}
		user, err := connect(t, c, s, "")
		if err != nil || user != ana {
			t.Fatalf("%s: %q, %v", kind, user, err)
		}
		s.user = bo
		if user, err := connect(t, c, s, "BO@acme.com"); err != nil || user != bo {
			t.Fatalf("%q, %v", user, err)
		}
		if got := kept.Kept[ana]; !strings.Contains(got, `"refresh_token":"refresh-2"`) || !strings.Contains(got, gcal.CalendarEventsReadonlyScope) {
			t.Errorf("kept: %s", got)
		}
		got, err := c.Sources(t.Context(), nil)
		if err != nil || len(got) != 2 || got[0] != anaByConsent {
			t.Errorf("calendars: %v, %v", got, err)
		}
		other := openByConsent(t, s, kept, clientFile(kind))
		for range 2 {
			for _, c := range []consenter{c, other} {
				if err := pullOne(t, c, anaByConsent); err != nil {
					t.Error(err)
				}
			}
		}
		if s.refreshes != 2 {
			t.Errorf("%d refreshes by two processes in two pulls each", s.refreshes)
		}
		if err := other.Revoke(t.Context(), "ANA@acme.com"); err != nil {
			t.Fatal(err)
		}
		if err := pullOne(t, c, anaByConsent); !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "syncd connect google:people ana@acme.com") {
			t.Errorf("what another process revoked: %v", err)
		}
		if err := c.Revoke(t.Context(), ana); err == nil || !strings.Contains(err.Error(), "has not consented") {
			t.Errorf("revoked twice: %v", err)
		}
		if got, err := c.Granted(t.Context()); err != nil || !slices.Equal(got, []string{bo}) {
			t.Errorf("left: %v, %v", got, err)
		}
		for _, secret := range []string{clientSecret, "refresh-", "code-"} {
			if strings.Contains(s.seen.String(), secret) {
				t.Errorf("%s is in a URL or a header:\n%s", secret, &s.seen)
			}
		}
	}
}

// TestConsentRefused: what can go wrong with a consent. Nothing is kept, nothing secret is said.
func TestConsentRefused(t *testing.T) {
	for _, test := range []struct {
		about string
		set   func(*screen)
		user  string
		want  string
	}{
		{"unticked", func(s *screen) { s.unticked = gcal.CalendarEventsReadonlyScope }, "", "did not allow " + gcal.CalendarEventsReadonlyScope},
		{"somebody else", func(s *screen) {}, bo, "it was ana@acme.com who consented"},
		{"no refresh token", func(s *screen) { s.bare = true }, "", "no refresh token"},
		{"the client is gone", func(s *screen) { s.refuses = "deleted_client" }, "", "oauth_client_file client.json: the client was deleted"},
		{"the code is old", func(s *screen) { s.refuses = "invalid_grant" }, "", "begin anew by syncd connect"},
		{"another issuer", func(s *screen) { s.claims = map[string]any{"iss": "https://evil.example"} }, "", "not from Google"},
		{"another client's", func(s *screen) { s.claims = map[string]any{"aud": "other"} }, "", "another client"},
		{"expired", func(s *screen) { s.claims = map[string]any{"exp": conntest.Now.Unix()} }, "", "expired"},
		{"no address", func(s *screen) { s.claims = map[string]any{"email": ""} }, "", "no address"},
		{"not verified", func(s *screen) { s.claims = map[string]any{"email_verified": "false"} }, "", "never verified"},
		{"garbled", func(s *screen) { s.claims = map[string]any{"exp": "soon"} }, "", "can't be read"},
	} {
		s, kept := newScreen(t), conntest.NewSecrets()
		c := openByConsent(t, s, kept, clientFile("installed"))
		test.set(s)
		_, err := connect(t, c, s, test.user)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.about, err, test.want)
			continue
		}
		if len(kept.Kept) != 0 {
			t.Errorf("%s: kept %v", test.about, kept.Kept)
		}
		for _, secret := range []string{clientSecret, "refresh-", "code-", "access-"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error has %s: %v", test.about, secret, err)
			}
		}
	}
}

// TestCodeOnce: a code is good once, with its verifier and its redirect alone. The screen checks; here it is
// shown that it does, and that what was kept before stays.
func TestCodeOnce(t *testing.T) {
	s, kept := newScreen(t), &conntest.Secrets{Kept: map[string]string{ana: "before"}}
	c := openByConsent(t, s, kept, clientFile("installed"))
	right := connectors.Consent{Redirect: redirect, State: "state", Verifier: oauth2.GenerateVerifier()}
	for about, spoil := range map[string]func(connectors.Consent) connectors.Consent{
		"another verifier": func(c connectors.Consent) connectors.Consent { c.Verifier = oauth2.GenerateVerifier(); return c },
		"another redirect": func(c connectors.Consent) connectors.Consent { c.Redirect += "/x"; return c },
	} {
		to, err := c.ConsentURL(right)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := s.consents(to)
		if _, err := c.Grant(t.Context(), spoil(right), code); !errors.Is(err, connectors.ErrAccess) {
			t.Errorf("%s: %v", about, err)
		}
	}
	if kept.Kept[ana] != "before" {
		t.Errorf("kept: %v", kept.Kept)
	}
	to, err := c.ConsentURL(right)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := s.consents(to)
	if _, err := c.Grant(t.Context(), right, code); err != nil {
		t.Error(err)
	}
	if _, err := c.Grant(t.Context(), right, code); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("the second time: %v", err)
	}
}

// TestGrantEnds: a grant that is over, a client that is, and keys that are lost cost a sentence; nothing is forgotten.
func TestGrantEnds(t *testing.T) {
	for _, test := range []struct {
		about string
		set   func(*screen, *conntest.Secrets)
		want  string
	}{
		{"expired", func(s *screen, _ *conntest.Secrets) { s.end("Ana@acme.com") }, "ana@acme.com has to consent again: syncd connect google:people ana@acme.com (grants of a consent screen in Testing end after 7 days)"},
		{"client deleted", func(s *screen, _ *conntest.Secrets) { s.refuses = "deleted_client" }, "oauth_client_file client.json"},
		{"client's secret replaced", func(s *screen, _ *conntest.Secrets) { s.refuses = "invalid_client" }, "oauth_client_file client.json"},
		{"keys lost", func(_ *screen, m *conntest.Secrets) { m.Broken = fmt.Errorf("keyset_file: %w", connectors.ErrAccess) }, "keyset_file"},
		{"too little allowed", func(s *screen, _ *conntest.Secrets) { s.denies = "insufficientPermissions" }, "the user has to allow " + gcal.CalendarEventsReadonlyScope + ": syncd connect google:people"},
		{"API switched off", func(s *screen, _ *conntest.Secrets) { s.denies = "accessNotConfigured" }, "enable the API in the OAuth client's"},
		{"no Calendar", func(s *screen, _ *conntest.Secrets) { s.denies = "notACalendarUser" }, "the user has no Calendar"},
		{"a reason that came up later", func(s *screen, _ *conntest.Secrets) { s.denies = "newReason" }, "consent again: syncd connect google:people"},
		{"garbled", func(_ *screen, m *conntest.Secrets) { m.Kept[ana] = "{" }, "can't be read: syncd connect google:people ana@acme.com"},
	} {
		s, kept := newScreen(t), conntest.NewSecrets()
		c := openByConsent(t, s, kept, clientFile("installed"))
		if _, err := connect(t, c, s, ana); err != nil {
			t.Fatal(err)
		}
		test.set(s, kept)
		err := pullOne(t, c, anaByConsent)
		if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "refresh-") {
			t.Errorf("%s: got %v, want %q", test.about, err, test.want)
		}
		if len(kept.Kept) != 1 {
			t.Errorf("%s: kept %v", test.about, kept.Kept)
		}
	}
}

// TestConsentAgain: a new consent is in force at once, in a process that holds a token of the old one.
func TestConsentAgain(t *testing.T) {
	s, kept := newScreen(t), conntest.NewSecrets()
	c := openByConsent(t, s, kept, clientFile("installed"))
	for range 2 {
		if _, err := connect(t, openByConsent(t, s, kept, clientFile("installed")), s, ana); err != nil {
			t.Fatal(err)
		}
		if err := pullOne(t, c, anaByConsent); err != nil {
			t.Error(err)
		}
		s.end("Ana@acme.com") // the token in memory is none any more
	}
	if s.refreshes != 2 {
		t.Errorf("%d refreshes", s.refreshes)
	}
}

// TestRotation: a refresh token that is replaced is kept before its access token is used, and calendars that
// are read as one user do not use one up twice.
func TestRotation(t *testing.T) {
	s, kept := newScreen(t), conntest.NewSecrets()
	s.rotates = true
	c := openByConsent(t, s, kept, clientFile("installed"))
	if _, err := connect(t, c, s, ana); err != nil {
		t.Fatal(err)
	}
	s.onEvents = func() {
		for token := range s.refresh { // there is one at a time
			if g, err := kept.Secret(t.Context(), ana); err != nil || !strings.Contains(g, token) {
				t.Errorf("used before %s was kept: %s, %v", token, g, err)
			}
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := pullOne(t, c, anaByConsent); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.refreshes != 1 {
		t.Errorf("%d refreshes", s.refreshes)
	}
	if err := pullOne(t, openByConsent(t, s, kept, clientFile("installed")), anaByConsent); err != nil {
		t.Errorf("another process: %v", err)
	}
}

// TestRevokeFails: as long as Google has not ended a grant, it is not forgotten.
func TestRevokeFails(t *testing.T) {
	s, kept := newScreen(t), conntest.NewSecrets()
	c := openByConsent(t, s, kept, clientFile("installed"))
	if _, err := connect(t, c, s, ana); err != nil {
		t.Fatal(err)
	}
	s.refuses = "busy"
	var throttled *connectors.ThrottledError
	if err := c.Revoke(t.Context(), ana); !errors.As(err, &throttled) || len(kept.Kept) != 1 {
		t.Errorf("kept %v, %v", kept.Kept, err)
	}
	s.refuses = ""
	s.end("Ana@acme.com") // the user has ended it meanwhile
	if err := c.Revoke(t.Context(), ana); err != nil || len(kept.Kept) != 0 {
		t.Errorf("kept %v, %v", kept.Kept, err)
	}
}

func TestConsentConfig(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{OAuthClientFile: "c", Domain: "acme.com"}, "domain and oauth_client_file"},
		{Config{OAuthClientFile: "c", Admin: "a@acme.com"}, "admin and oauth_client_file"},
		{Config{OAuthClientFile: "c", Group: "a@acme.com"}, "group and oauth_client_file"},
		{Config{OAuthClientFile: "c", Users: []string{ana}}, "users and oauth_client_file"},
		{Config{OAuthClientFile: "c", ServiceAccountFile: "k"}, "service_account_file and oauth_client_file"},
		{Config{OAuthClientFile: "c", ServiceAccount: "a@b"}, "service_account and oauth_client_file"},
		{Config{OAuthClientFile: "c", CredentialsFile: "k"}, "credentials_file and oauth_client_file"},
	} {
		if err := test.cfg.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	if _, err := byConsent.Open(connectors.Env{}); err == nil || !strings.Contains(err.Error(), "keyset_file") {
		t.Errorf("without keys: %v", err)
	}
	for about, client := range map[string][]byte{"no file": nil, "no JSON": []byte("GOCSPX-x"), "a service account": []byte(`{"type":"service_account","client_id":"GOCSPX-x"}`)} {
		c := openByConsent(t, newScreen(t), conntest.NewSecrets(), client)
		if _, err := c.ConsentURL(connectors.Consent{}); err == nil || !strings.Contains(err.Error(), "oauth_client_file") || strings.Contains(err.Error(), "GOCSPX") {
			t.Errorf("%s: %v", about, err)
		}
	}
	if _, ok := open(t, company, tenant(), []byte("{}")).(connectors.Consenter); ok {
		t.Error("a service account's connection asks users for consent")
	}
}
