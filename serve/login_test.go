package serve_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/syncd/internal/nodetest"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
)

// browser is a person's, at a syncd that is reached by TLS.
type browser struct {
	*http.Client
	t    *testing.T
	home string
}

// visit opens an address, which may be one of ours, and follows where it leads.
func (b browser) visit(target string) (status int, body string, at *url.URL) {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.home + target
	}
	resp, err := b.Get(target)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Request.URL
}

// step opens an address without going on where it leads.
func (b browser) step(target string) (status int, location string) {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.home + target
	}
	once := *b.Client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := once.Get(target)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

// post sends what a page of ours would.
func (b browser) post(path string, headers ...string) (int, http.Header) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), "POST", b.home+path, strings.NewReader("{}"))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// cookie is the value of one of our cookies.
func (b browser) cookie(name string) string {
	u, err := url.Parse(b.home)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b browser) setCookie(name, value string) {
	u, err := url.Parse(b.home)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

// loginWorld is a world that is reached by TLS, and where people log in.
func loginWorld(t *testing.T, login func(home string) access.Login, change ...func(*access.Config)) (*world, func() browser) {
	t.Helper()
	var w *world
	srv := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.ServeHTTP(rw, r) }))
	t.Cleanup(srv.Close)
	l := login(srv.URL)
	w = newWorld(t, func(d *access.Config, _ *api.Config) {
		d.PublicURL, d.Login = srv.URL, &l
		for _, f := range change {
			f(d)
		}
	})
	return w, func() browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return browser{&http.Client{Transport: srv.Client().Transport, Jar: jar}, t, srv.URL}
	}
}

// acme's people.
func acme(issuer string) access.Login {
	return access.Login{Issuer: issuer, ClientID: "syncd", ClientSecret: "secret", Admins: []string{"ANA@acme.com"}, Viewers: []string{"recorders"}, Domains: []string{"acme.co.uk"}}
}

func identity(t *testing.T, body string) access.Identity {
	t.Helper()
	var who access.Identity
	if err := json.Unmarshal([]byte(body), &who); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return who
}

// TestLogin: people log in at an issuer that somebody else has written, who tells of them apart from the token.
func TestLogin(t *testing.T) {
	var at struct{ Issuer string }
	w, open := loginWorld(t, func(home string) access.Login {
		nodetest.Start(t, &at, "testdata/issuer.mjs", "syncd", "secret", home+"/auth/callback")
		return acme(at.Issuer)
	}, func(d *access.Config) { d.Now = time.Now })
	as := func(account string) browser {
		b := open()
		u, err := url.Parse(at.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		b.Jar.SetCookies(u, []*http.Cookie{{Name: "account", Value: account, Path: "/"}})
		return b
	}
	ana := as("ana")
	status, body, where := ana.visit("/meetings?text=x")
	who := identity(t, body)
	if status != 200 || where.RequestURI() != "/meetings?text=x" || !who.Person || who.Email != "ana@acme.com" || who.Name != "Ana" || who.Scopes.String() != "admin" ||
		!strings.HasPrefix(who.ID, "person:") {
		t.Fatalf("%d at %s: %+v", status, where, who)
	}
	if status, body, _ := ana.visit("/api/v1/me"); status != 200 || !strings.Contains(body, `"person":true`) {
		t.Errorf("the API for her: %d %s", status, body)
	}
	bo := as("bo")
	if status, body, _ := bo.visit("/"); status != 200 || identity(t, body).Scopes.String() != "read,signals" {
		t.Errorf("a viewer by his group: %d %s", status, body)
	}
	if status, body, _ := bo.visit("/api/v1/quarantine"); status != 403 {
		t.Errorf("what a viewer may not see: %d %s", status, body)
	}
	mallory := as("mallory")
	if status, body, _ := mallory.visit("/"); status != 403 || mallory.cookie("__Host-syncd") != "" {
		t.Errorf("an address that nobody has verified, and a group that looks like one: %d %s", status, body)
	}
	if status, body, _ := as("").visit("/"); status != 403 || !strings.Contains(body, "did not let you in") {
		t.Errorf("who is refused by the issuer: %d %s", status, body)
	}
	for _, secret := range []string{"ana@acme.com", "Ana@acme.com", ana.cookie("__Host-syncd"), "secret"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// TestLies: nothing is believed that the issuer did not say, to us, now, of this log-in.
func TestLies(t *testing.T) {
	lies := newIssuer(t)
	w, open := loginWorld(t, func(string) access.Login { return acme(lies.URL) })
	honest := map[string]any{"email": "ana@acme.com", "email_verified": true}
	reset := func() {
		lies.mu.Lock()
		defer lies.mu.Unlock()
		lies.claims, lies.info, lies.lie = honest, nil, nil
	}
	reset()
	set := func(name string, value any) func(map[string]any, *string) {
		return func(c map[string]any, _ *string) {
			if value == nil {
				delete(c, name)
				return
			}
			c[name] = value
		}
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	for about, lie := range map[string]func(map[string]any, *string){
		"another nonce":     set("nonce", "another"),
		"no nonce":          set("nonce", nil),
		"for somebody else": set("aud", "another"),
		"for nobody":        set("aud", nil),
		"over":              set("exp", now.Add(-time.Minute).Unix()),
		"without an end":    set("exp", nil),
		"not yet":           set("nbf", now.Add(time.Hour).Unix()),
		"of another issuer": set("iss", "https://accounts.google.com"),
		"by another key":    func(c map[string]any, token *string) { *token = lies.sign(t, lies.wrongKey, c) },
		"by nobody": func(c map[string]any, token *string) {
			*token = part(map[string]string{"alg": "none"}) + "." + part(c) + "."
		},
		"no token":            func(_ map[string]any, token *string) { *token = "x" },
		"groups of nonsense":  set("groups", map[string]any{"recorders": true}),
		"an unverified one":   set("email_verified", false),
		"not said verified":   set("email_verified", nil),
		"an address as group": func(c map[string]any, _ *string) { c["email_verified"], c["groups"] = false, []string{"ANA@acme.com"} },
		"signed with what the client knows": func(c map[string]any, token *string) {
			*token = sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("secret", 6))}, c)
		},
		"another person's claims": func(c map[string]any, _ *string) {
			delete(c, "email")
			lies.info = map[string]any{"sub": "2", "email": "ana@acme.com", "email_verified": true}
		},
	} {
		reset()
		lies.mu.Lock()
		lies.lie = lie
		lies.mu.Unlock()
		b := open()
		if status, body, where := b.visit("/auth/login"); status != 403 || b.cookie("__Host-syncd") != "" || where.Path != "/auth/callback" {
			t.Errorf("%s: %d %s", about, status, body)
		}
		if status, _, _ := b.visit("/api/v1/me"); status != 401 {
			t.Errorf("%s: let in with %d", about, status)
		}
	}
	reset()
	lies.mu.Lock()
	lies.claims = map[string]any{"email": "gus@acme.co.uk", "email_verified": true}
	lies.mu.Unlock()
	b := open()
	if status, body, _ := b.visit("/auth/login?return_to=/x"); status != 200 || identity(t, body).Scopes.String() != "read,signals" {
		t.Errorf("somebody of the domain: %d %s", status, body)
	}
	if strings.Contains(w.log.String(), "gus@") {
		t.Error("the log has an address")
	}
}

// TestCallback: an answer is good once, in the browser that asked for it, soon.
func TestCallback(t *testing.T) {
	i := newIssuer(t)
	i.claims = map[string]any{"email": "ana@acme.com", "email_verified": true}
	w, open := loginWorld(t, func(string) access.Login { return acme(i.URL) })
	// begin goes as far as the issuer's answer, which is not opened yet.
	begin := func(b browser) (callback string) {
		status, to := b.step("/auth/login")
		if status != http.StatusSeeOther {
			t.Fatalf("begun with %d", status)
		}
		_, callback = b.step(to)
		return callback
	}
	change := func(callback, name, value string) string {
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	expect := func(about string, b browser, callback string, want int) {
		t.Helper()
		status, _ := b.step(callback)
		if status != want || (b.cookie("__Host-syncd") != "") != (want == http.StatusSeeOther) {
			t.Errorf("%s: %d, cookie %q", about, status, b.cookie("__Host-syncd"))
		}
	}
	b := open()
	expect("another state", b, change(begin(b), "state", "another"), 400)
	expect("no state", b, change(begin(b), "state", ""), 400)
	expect("another code", b, change(begin(b), "code", "another"), 403)
	expect("no code", b, change(begin(b), "code", ""), 403)
	expect("another issuer (RFC 9207)", b, change(begin(b), "iss", "https://evil.example"), 400)
	expect("in another browser", open(), begin(b), 400)
	callback := begin(b)
	w.pass(11 * time.Minute)
	expect("too late", b, callback, 400)
	callback = begin(b)
	cookie := b.cookie("__Host-syncd-login")
	b.setCookie("__Host-syncd-login", cookie[:len(cookie)-4]+"AAAA")
	expect("a cookie that was changed", b, callback, 400)

	b = open()
	callback = begin(b)
	attempt := b.cookie("__Host-syncd-login")
	expect("as it should be, by this issuer", b, change(callback, "iss", i.URL), http.StatusSeeOther)
	if b.cookie("__Host-syncd-login") != "" {
		t.Error("the attempt is still there")
	}
	thief := open()
	expect("again", thief, callback, 400)
	thief.setCookie("__Host-syncd-login", attempt)
	expect("again, with the cookie of then", thief, callback, 403) // the code was redeemed

	// Two log-ins do not mix.
	one, two := open(), open()
	first := begin(one)
	begin(two)
	expect("the answer to another's log-in", two, first, 400)
}

// TestReturn: nobody is led elsewhere by a log-in.
func TestReturn(t *testing.T) {
	i := newIssuer(t)
	i.claims = map[string]any{"email": "ana@acme.com", "email_verified": true}
	_, open := loginWorld(t, func(string) access.Login { return acme(i.URL) })
	for to, want := range map[string]string{
		"/meetings?text=a%20b": "/meetings?text=a%20b", "/a/b": "/a/b", "": "/", "/": "/",
		"https://evil.example": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "/\t/evil.example": "/",
		"/%2f/evil.example": "/", "/%2fevil.example": "/", "http:evil.example": "/", "javascript:alert(1)": "/", "evil.example": "/", "/a\r\nSet-Cookie: x=y": "/",
		"/auth/logout": "/", "/" + strings.Repeat("a", 3000): "/", "?x": "/", "/\x00": "/", "https:/evil.example": "/",
	} {
		b := open()
		_, at := b.step("/auth/login?return_to=" + url.QueryEscape(to))
		_, at = b.step(at)
		if status, got := b.step(at); status != http.StatusSeeOther || got != want {
			t.Errorf("%q leads to %q (%d), want %q", to, got, status, want)
		}
	}
}

// TestSession: a session is its own browser's, is not to be planted, ends, and changes nothing for other sites.
func TestSession(t *testing.T) {
	i := newIssuer(t)
	i.claims = map[string]any{"email": "ana@acme.com", "email_verified": true, "name": "Ana"}
	w, open := loginWorld(t, func(string) access.Login { return acme(i.URL) })
	w.fill(t, 6)
	b := open()

	b.setCookie("__Host-syncd", "planted") // by whoever waits for somebody to log in with it
	if status, _, _ := b.visit("/auth/login"); status != 200 {
		t.Fatal(status)
	}
	own := b.cookie("__Host-syncd")
	if own == "planted" || own == "" {
		t.Errorf("the session is %q", own)
	}
	planted := open()
	planted.setCookie("__Host-syncd", "planted")
	if status, _, _ := planted.visit("/api/v1/me"); status != 401 {
		t.Errorf("the planted session: %d", status)
	}
	// Again: who had the first session does not have the second.
	if status, _, _ := b.visit("/auth/login"); status != 200 || b.cookie("__Host-syncd") == own {
		t.Error("another log-in goes on with the same session")
	}
	old := open()
	old.setCookie("__Host-syncd", own)
	if status, _, _ := old.visit("/api/v1/me"); status != 401 {
		t.Errorf("the session before: %d", status)
	}

	retry := "/api/v1/deliveries/2/retry"
	for about, c := range map[string]struct {
		headers []string
		want    int
	}{
		"our page":                   {[]string{"Origin: " + b.home, "Sec-Fetch-Site: same-origin"}, 200},
		"another site's page":        {[]string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 403},
		"another site's, of old":     {[]string{"Origin: https://evil.example"}, 403},
		"a page that does not say":   {nil, 403},
		"a sister site's page":       {[]string{"Sec-Fetch-Site: same-site"}, 403},
		"a page with a token's word": {[]string{"Authorization: Bearer made-up", "Origin: " + b.home}, 401},
	} {
		if got, _ := b.post(retry, c.headers...); got != c.want {
			t.Errorf("%s: %d, want %d", about, got, c.want)
		}
	}

	// What the cookies are.
	_, to := b.step("/auth/login")
	_, to = b.step(to)
	r := *b.Client
	r.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := r.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(resp.Cookies()) != 2 {
		t.Errorf("cookies: %v", resp.Header.Values("Set-Cookie"))
	}
	for _, c := range resp.Cookies() {
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("the cookie %s is %s", c.Name, c.Raw)
		}
	}

	// Idle for too long, and used for too long.
	w.pass(90 * time.Minute)
	if status, _, _ := b.visit("/api/v1/me"); status != 200 {
		t.Errorf("after 90 minutes: %d", status)
	}
	w.pass(90 * time.Minute) // three hours since the log-in, but not since it was used
	if status, _, _ := b.visit("/api/v1/me"); status != 200 {
		t.Errorf("after 90 minutes more: %d", status)
	}
	w.pass(121 * time.Minute)
	if status, _, _ := b.visit("/api/v1/me"); status != 401 {
		t.Errorf("idle for two hours: %d", status)
	}
	login := func() {
		t.Helper()
		i.mu.Lock()
		i.lie = func(c map[string]any, _ *string) { c["exp"] = w.Now().Add(time.Hour).Unix() }
		i.mu.Unlock()
		if status, _, _ := b.visit("/auth/login"); status != 200 {
			t.Fatal(status)
		}
	}
	login()
	for range 11 {
		w.pass(time.Hour)
		if status, _, _ := b.visit("/api/v1/me"); status != 200 {
			t.Errorf("in use: %d", status)
		}
	}
	w.pass(61 * time.Minute)
	if status, _, _ := b.visit("/api/v1/me"); status != 401 {
		t.Errorf("for half a day: %d", status)
	}

	// Logged out.
	login()
	own = b.cookie("__Host-syncd")
	if status, _ := b.post("/auth/logout", "Origin: https://evil.example"); status != 403 {
		t.Errorf("logged out by another site: %d", status)
	}
	if status, _ := b.step("/auth/logout"); status != 405 {
		t.Errorf("logged out by a link: %d", status)
	}
	if status, _ := b.post("/auth/logout", "Origin: "+b.home); status != 200 || b.cookie("__Host-syncd") != "" {
		t.Errorf("logged out: %d", status)
	}
	old.setCookie("__Host-syncd", own)
	if status, _, _ := old.visit("/api/v1/me"); status != 401 {
		t.Errorf("the session that was ended: %d", status)
	}
}

// TestTaken: who is taken off the lists is out at once, whatever their session says.
func TestTaken(t *testing.T) {
	i := newIssuer(t)
	i.claims = map[string]any{"email": "ana@acme.com", "email_verified": true}
	var login *access.Login
	w, open := loginWorld(t, func(string) access.Login { return acme(i.URL) }, func(d *access.Config) { login = d.Login })
	b := open()
	if status, _, _ := b.visit("/auth/login"); status != 200 {
		t.Fatal(status)
	}
	cookie := b.cookie("__Host-syncd")
	// A daemon with another configuration, on the same store.
	other := *login
	other.Admins = nil
	doors, err := access.New(access.Config{
		Login: &other, Sessions: w.store.Sessions(w.Now), Key: make([]byte, 32), PublicURL: b.home, Listen: "127.0.0.1:1", Now: w.Now, Log: w.doors.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", b.home+"/api/v1/me", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-syncd", Value: cookie})
	rec := httptest.NewRecorder()
	doors.API(w.api).ServeHTTP(rec, r)
	if rec.Code != 403 {
		t.Errorf("let in with %d %s", rec.Code, rec.Body)
	}
}
