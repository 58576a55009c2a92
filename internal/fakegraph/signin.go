package fakegraph

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"time"
)

// code is an authorization code on its way ("Microsoft identity platform and OAuth 2.0 authorization code
// flow").
type code struct {
	app, user, redirect, challenge, nonce string
	scopes                                []string
	until                                 time.Time
	used                                  bool
}

// refresh is a refresh token.
type refresh struct {
	app, user string
	scopes    []string
	last      time.Time // of its making, or its use
	dead      time.Time // zero: it was not used yet
	withdrawn int       // the code by which it is refused
}

const (
	codeLife    = 10 * time.Minute
	refreshLife = 90 * 24 * time.Hour // without use
)

// SignIn makes the user say yes at the authorization page from now on; "": nobody is signed in, and the
// page asks who.
func (t *Tenant) SignIn(user string) { t.set(func() { t.issued.signIn = user }) }

// FailRefresh makes refreshing the user's tokens fail with a code, such as 50076; 0: not any more.
func (t *Tenant) FailRefresh(user string, code int) {
	t.set(func() { t.issued.fails[t.mustUser(user).ID] = code })
}

// ResetPassword takes the user's refresh tokens back (AADSTS50173).
func (t *Tenant) ResetPassword(user string) { t.withdraw(user, 50173) }

// WithdrawConsent takes the user's consent back (AADSTS65001).
func (t *Tenant) WithdrawConsent(user string) { t.withdraw(user, 65001) }

func (t *Tenant) withdraw(user string, code int) {
	t.set(func() {
		u := t.mustUser(user)
		for _, r := range t.issued.refresh {
			if r.user == u.ID {
				r.withdrawn = code
			}
		}
	})
}

// authorize is the page that asks the user. Whom it asks is SignIn's user, or whoever is clicked.
func (c *call) authorize() answer {
	q := c.values
	app := c.t.apps[q.Get("client_id")]
	page := func(code int, why string) answer {
		return answer{status: 400, body: fmt.Sprintf("<html><body><h1>Sign in</h1><p>AADSTS%d: %s</p></body></html>", code, html.EscapeString(why))}
	}
	switch {
	case app == nil:
		return page(700016, "Application with identifier '"+q.Get("client_id")+"' was not found.")
	case !slices.Contains(app.Redirects, q.Get("redirect_uri")):
		return page(50011, "The redirect URI '"+q.Get("redirect_uri")+"' specified in the request does not match the redirect URIs configured for the application.")
	case q.Get("response_type") != "code":
		return page(900144, "The request must contain the following parameter: 'response_type'.")
	}
	back := func(set ...string) answer {
		u, err := url.Parse(q.Get("redirect_uri"))
		if err != nil {
			return page(50011, "The redirect URI is malformed.")
		}
		out := u.Query()
		for i := 0; i < len(set); i += 2 {
			out.Set(set[i], set[i+1])
		}
		if q.Get("state") != "" {
			out.Set("state", q.Get("state"))
		}
		u.RawQuery = out.Encode()
		return answer{status: 302}.with("Location", u.String())
	}
	if q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256" {
		return back("error", "invalid_request", "error_description", "AADSTS501491: Invalid size or method of Code_Challenge parameter.")
	}
	name := or(q.Get("approve"), c.t.issued.signIn)
	switch {
	case name == "nobody":
		return back("error", "access_denied", "error_description", "AADSTS65004: User declined to consent to access the app.")
	case name == "":
		return c.whoAreYou()
	}
	u := c.t.user(name)
	if u == nil || u.Disabled {
		return page(50057, "The user account is disabled.")
	}
	scopes := strings.Fields(q.Get("scope"))
	n := c.t.next()
	k := fmt.Sprintf("0.AX-%d-%016x", n, sum("code", n))
	c.t.issued.codes[k] = &code{
		app: app.ID, user: u.ID, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
		nonce: q.Get("nonce"), scopes: scopes, until: c.t.Now().Add(codeLife),
	}
	return back("code", k, "session_state", guid("session", n))
}

// whoAreYou lets a person at a browser be anybody.
func (c *call) whoAreYou() answer {
	var b strings.Builder
	b.WriteString("<html><body><h1>Simulated sign-in</h1><p>Permissions requested: " + html.EscapeString(c.query("scope")) + "</p><ul>")
	for _, u := range c.t.users {
		if u.Disabled {
			continue
		}
		q := c.r.URL.Query()
		q.Set("approve", u.UPN)
		fmt.Fprintf(&b, `<li><a href="?%s">%s</a></li>`, html.EscapeString(q.Encode()), html.EscapeString(u.Name+" <"+u.UPN+">"))
	}
	q := c.r.URL.Query()
	q.Set("approve", "nobody")
	fmt.Fprintf(&b, `<li><a href="?%s">Cancel</a></li></ul></body></html>`, html.EscapeString(q.Encode()))
	return answer{status: 200, body: b.String()}
}

// redeem gives tokens for a code, once.
func (c *call) redeem(app *App, form url.Values) answer {
	k := c.t.issued.codes[form.Get("code")]
	switch {
	case k == nil || k.app != app.ID:
		return c.deny(70000, "The provided value for the 'code' parameter is not valid.")
	case k.used:
		return c.deny(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	case !c.t.Now().Before(k.until):
		return c.deny(70008, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.")
	case k.redirect != form.Get("redirect_uri"):
		return c.deny(50011, "The redirect URI specified in the request does not match the one that the code was sent to.")
	case k.challenge != "" && k.challenge != challengeOf(form.Get("code_verifier")):
		return c.deny(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	k.used = true
	return c.grantUser(app, k.user, k.scopes, k.nonce)
}

func challengeOf(verifier string) string {
	s := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(s[:])
}

// renew gives tokens for a refresh token, a new one of its kind among them.
func (c *call) renew(app *App, form url.Values) answer {
	r, now := c.t.issued.refresh[form.Get("refresh_token")], c.t.Now()
	if r == nil || r.app != app.ID {
		return c.deny(9002313, "Invalid request. Request is malformed or invalid.")
	}
	u := c.t.user(r.user)
	switch {
	case u == nil:
		return c.deny(50034, "The user account does not exist in the directory.")
	case u.Disabled:
		return c.deny(50057, "The user account is disabled.")
	case c.t.issued.fails[u.ID] != 0:
		return c.deny(c.t.issued.fails[u.ID], "The grant cannot be renewed.")
	case r.withdrawn == 65001:
		return c.deny(65001, "The user or administrator has not consented to use the application with ID '"+app.ID+"'.")
	case r.withdrawn != 0:
		return c.deny(r.withdrawn, "The provided grant has expired due to it being revoked, a fresh auth token is needed.")
	case now.Sub(r.last) >= refreshLife:
		return c.deny(700082, "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.")
	case !r.dead.IsZero() && !now.Before(r.dead):
		return c.deny(70008, "The provided authorization code or refresh token has expired.")
	}
	if r.dead.IsZero() {
		r.dead = now.Add(app.RefreshGrace)
	}
	r.last = now
	return c.grantUser(app, r.user, r.scopes, "")
}

// grantUser gives a user's tokens out. Scopes come back short, and without those that are not Graph's.
func (c *call) grantUser(app *App, user string, scopes []string, nonce string) answer {
	var roles []string
	for _, s := range scopes {
		s = s[strings.LastIndex(s, "/")+1:]
		if s != "offline_access" && s != "openid" && s != "profile" && s != "email" {
			roles = append(roles, s)
		}
	}
	body := map[string]any{
		"token_type": "Bearer", "scope": strings.Join(roles, " "), "expires_in": 3599, "ext_expires_in": 3599,
		"access_token": c.t.access(grant{app: app.ID, user: user, roles: roles}),
	}
	if slices.Contains(scopes, "offline_access") {
		n := c.t.next()
		name := fmt.Sprintf("refresh-%d-%016x", n, sum("refresh", n))
		c.t.issued.refresh[name] = &refresh{app: app.ID, user: user, scopes: scopes, last: c.t.Now()}
		body["refresh_token"] = name
	}
	if slices.Contains(scopes, "openid") {
		body["id_token"] = c.idToken(app, user, nonce)
	}
	return answer{status: 200, body: body}
}

// idToken says who signed in. Its signature is made up: a client that has it from the token endpoint
// itself need not check it (OpenID Connect Core section 3.1.3.7).
func (c *call) idToken(app *App, user, nonce string) string {
	u, now := c.t.mustUser(user), c.t.Now()
	claims := map[string]any{
		"iss": c.base + "/" + c.path[0] + "/v2.0", "aud": app.ID, "sub": guid("sub", app.ID, u.ID), "oid": u.ID, "tid": guid("tenant", c.path[0]),
		"name": u.Name, "preferred_username": u.UPN, "email": u.Email, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "ver": "2.0",
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]any{"typ": "JWT", "alg": "RS256", "kid": "simulated"}) + "." + part(claims)
	s := sha256.Sum256([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(s[:])
}
