package serve_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
	"example.com/syncd/serve/tokens"
)

// TestSignIn: where nobody logs in by OpenID Connect, people who have a token do with it what it opens, for as long as
// it does.
func TestSignIn(t *testing.T) {
	secret := "demo-only"
	var w *world
	srv := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.ServeHTTP(rw, r) }))
	defer srv.Close()
	w = newWorld(t, func(d *access.Config, _ *api.Config) {
		d.PublicURL, d.Secret = srv.URL, secret
		d.SignIn = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "who are you?") })
	})
	w.fill(t, 3)
	open := func() browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return browser{&http.Client{Transport: srv.Client().Transport, Jar: jar}, t, srv.URL}
	}
	signIn := func(b browser, token, to string, headers ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", b.home+"/auth/token", strings.NewReader(url.Values{"token": {token}, "return_to": {to}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		once := *b.Client
		once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := once.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Location")
	}
	b := open()
	if status, body, at := b.visit("/meetings"); status != 200 || body != "who are you?" || at.Path != "/meetings" {
		t.Errorf("a stranger sees %d %s at %s", status, body, at)
	}
	if status, _, _ := b.visit("/api/v1/me"); status != 401 {
		t.Errorf("a stranger asks the API: %d", status)
	}
	for _, bad := range []string{"", "made-up", w.tokens["read"] + "A", "syncd_file_" + strings.Repeat("A", 43)} {
		if status, _ := signIn(b, bad, "/"); status != 401 || b.cookie("__Host-syncd") != "" {
			t.Errorf("signed in with %q: %d", bad, status)
		}
	}
	if status, _ := signIn(b, w.tokens["read"], "/", "Origin: https://evil.example"); status != 403 || b.cookie("__Host-syncd") != "" {
		t.Errorf("signed in by another site: %d", status)
	}

	mine := w.token(t, tokens.Token{Name: "mine", Scopes: tokens.Scopes{tokens.Deliveries}, Email: "ana@acme.com", Until: now.Add(time.Hour)})
	if status, to := signIn(b, mine, "/meetings?a=b"); status != http.StatusSeeOther || to != "/meetings?a=b" {
		t.Errorf("signed in: %d %s", status, to)
	}
	if _, to := signIn(open(), mine, "//evil.example"); to != "/" {
		t.Errorf("it leads to %s", to)
	}
	status, body, _ := b.visit("/meetings")
	if who := identity(t, body); status != 200 || !who.Person || who.Name != "mine" || who.Email != "ana@acme.com" || who.Scopes.String() != "deliveries" {
		t.Errorf("signed in: %d %+v", status, who)
	}
	for about, c := range map[string]struct {
		header string
		want   int
	}{"our page": {"Origin: " + b.home, 200}, "another's": {"Origin: https://evil.example", 403}, "who knows whose": {"X: y", 403}} {
		if got, _ := b.post("/api/v1/deliveries/2/retry", c.header); got != c.want {
			t.Errorf("%s: %d", about, got)
		}
	}
	if status, _, _ := b.visit("/api/v1/schedules"); status != 403 {
		t.Errorf("what the token does not open: %d", status)
	}

	// The token ends, and the session with it.
	w.pass(time.Hour)
	if status, _, _ := b.visit("/api/v1/me"); status != 401 {
		t.Errorf("behind its end: %d", status)
	}
	other := open()
	signIn(other, w.tokens["admin"], "/")
	if status, _, _ := other.visit("/api/v1/schedules"); status != 200 {
		t.Errorf("an admin: %d", status)
	}
	id, _ := tokens.ID(w.tokens["admin"])
	if ok, err := w.store.Tokens().Revoke(t.Context(), id, now); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if status, _, _ := other.visit("/api/v1/schedules"); status != 401 {
		t.Errorf("revoked: %d", status)
	}

	// The token of the file, until there is another.
	file := open()
	signIn(file, secret, "/")
	if status, body, _ := file.visit("/"); status != 200 || identity(t, body).Scopes.String() != "admin" {
		t.Errorf("the file's: %d %s", status, body)
	}
	doors, err := access.New(access.Config{Secret: "another", Tokens: w.store.Tokens(), Sessions: w.store.Sessions(w.Now), PublicURL: srv.URL, Listen: "127.0.0.1:1", Now: w.Now, Log: w.doors.Log})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", srv.URL+"/api/v1/me", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-syncd", Value: file.cookie("__Host-syncd")})
	rec := httptest.NewRecorder()
	doors.API(w.api).ServeHTTP(rec, r)
	if rec.Code != 401 {
		t.Errorf("the file has another token now: %d %s", rec.Code, rec.Body)
	}
	if status, _ := file.post("/auth/logout", "Origin: "+file.home); status != 200 {
		t.Errorf("logged out: %d", status)
	}
	if status, _, _ := file.visit("/api/v1/me"); status != 401 {
		t.Errorf("logged out, and in: %d", status)
	}
}
