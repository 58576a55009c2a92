package fakegoogle

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// defaultDelegation is what New's domain has authorized for the service account.
var defaultDelegation = []string{
	scopePrefix + "calendar.events.readonly", scopePrefix + "calendar.calendarlist.readonly", scopePrefix + "admin.directory.user.readonly",
	scopePrefix + "admin.directory.group.member.readonly", scopePrefix + "directory.readonly",
}

const (
	cloudScope   = scopePrefix + "cloud-platform"
	runner       = "runner"
	runnersToken = "runner-refresh-token"
	tokenLife    = time.Hour
	codeLife     = 10 * time.Minute
	testingLife  = 7 * 24 * time.Hour // of refresh tokens, while the consent screen is in testing
)

// grant is what an access token allows.
type grant struct {
	user      string
	scopes    []string
	until     time.Time
	delegated bool   // to the service account
	refresh   string // the token that it came of; "": none
}

// refreshGrant is what a user agreed to.
type refreshGrant struct {
	client, user string
	scopes       []string
	until        time.Time // zero: for good
}

// code is what the consent screen hands out; it is redeemed once.
type code struct {
	refreshGrant
	redirect, challenge string
	offline             bool
	until               time.Time
}

// A Client is an OAuth client that asks users one by one.
type Client struct {
	ID, Secret string
	Redirects  []string // exact, but for the port of a loopback address (RFC 8252 section 7.3)
	Testing    bool     // the consent screen is in testing: refresh tokens live for a week
}

// AddClient registers an OAuth client.
func (t *Tenant) AddClient(c Client) { t.do(func() { t.clients[c.ID] = c }) }

// ClientFile is a desktop client's file, as Google's console hands it out.
func (t *Tenant) ClientFile(c Client) []byte {
	b, err := json.Marshal(map[string]any{"installed": map[string]any{
		"client_id": c.ID, "client_secret": c.Secret, "auth_uri": "https://accounts.google.com/o/oauth2/auth",
		"token_uri": "https://oauth2.googleapis.com/token", "redirect_uris": []string{"http://localhost"},
	}})
	if err != nil {
		panic(err) // strings
	}
	return b
}

// KeyFile is the service account's key, as Google's console hands it out. It opens nothing but this tenant.
func (t *Tenant) KeyFile() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(t.key)
	if err != nil {
		panic(err) // a key that was just made
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": ServiceAccount, "client_id": "100000000000000000001", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		panic(err)
	}
	return b
}

// CredentialsFile are credentials that may sign for the service account, as gcloud writes them.
func (t *Tenant) CredentialsFile() []byte {
	return []byte(`{"type":"authorized_user","client_id":"` + runner + `","client_secret":"x","refresh_token":"` + runnersToken + `"}`)
}

func refuseOAuth(status int, code, description string) answer {
	return answer{status: status, body: map[string]any{"error": code, "error_description": description}}
}

// token is the token endpoint.
func (t *Tenant) token(r *http.Request, body []byte) answer {
	form, err := url.ParseQuery(string(body))
	grants := map[string]func(*http.Request, url.Values) answer{
		"urn:ietf:params:oauth:grant-type:jwt-bearer": t.assertion, "refresh_token": t.refreshed, "authorization_code": t.redeem,
	}
	if f := grants[form.Get("grant_type")]; err == nil && r.Method == http.MethodPost && f != nil {
		return f(r, form)
	}
	return refuseOAuth(http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+form.Get("grant_type"))
}

func (t *Tenant) issue(g grant, more map[string]any) answer {
	g.until = t.Now().Add(tokenLife)
	access := fmt.Sprintf("ya29.access-%d", t.next())
	t.tokens[access] = g
	body := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife/time.Second) - 1}
	for name, v := range more {
		body[name] = v
	}
	return ok(body)
}

// assertion is a signed one in place of a user's consent (RFC 7523; guide "Using OAuth 2.0 for server to
// server applications").
func (t *Tenant) assertion(_ *http.Request, form url.Values) answer {
	claims, err := t.verify(form.Get("assertion"))
	u, known := t.user(claims.Sub)
	scopes := strings.Fields(claims.Scope)
	switch {
	case err != nil:
		return refuseOAuth(http.StatusBadRequest, "invalid_grant", err.Error())
	case t.revoked || len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(t.delegated, s) }):
		return refuseOAuth(http.StatusUnauthorized, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.")
	case !known || u.Suspended:
		return refuseOAuth(http.StatusBadRequest, "invalid_grant", "Invalid email or User ID")
	}
	return t.issue(grant{user: u.Email, scopes: scopes, delegated: true}, nil)
}

type claims struct {
	Iss, Sub, Scope, Aud string
	Iat, Exp             int64
}

// verify checks the assertion's signature and what it claims.
func (t *Tenant) verify(assertion string) (claims, error) {
	var c claims
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return c, said("Invalid JWT: wrong number of segments")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&t.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return c, said("Invalid JWT Signature.")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return c, said("Invalid JWT: not JSON")
	}
	if c.Iss != ServiceAccount || !strings.HasSuffix(c.Aud, "/token") || c.Exp == 0 || c.Exp-c.Iat > int64(time.Hour/time.Second) {
		return c, said("Invalid JWT: iss, aud or exp")
	}
	if now := t.Now(); t.Skew > 0 && (time.Unix(c.Iat, 0).After(now.Add(t.Skew)) || time.Unix(c.Exp, 0).Before(now.Add(-t.Skew))) {
		return c, said("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	}
	return c, nil
}

// signJWT is IAM Service Account Credentials' signJwt.
func (t *Tenant) signJWT(r *http.Request, body []byte) answer {
	g, known := t.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known || !slices.Contains(g.scopes, cloudScope) || !strings.HasSuffix(r.URL.Path, "/serviceAccounts/"+ServiceAccount+":signJwt") {
		return refuse(http.StatusForbidden, "forbidden", "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).")
	}
	var in struct{ Payload string }
	if json.Unmarshal(body, &in) != nil || !json.Valid([]byte(in.Payload)) {
		return refuse(http.StatusBadRequest, "badRequest", "Invalid payload")
	}
	return ok(map[string]any{"keyId": "1", "signedJwt": t.sign(in.Payload)})
}

// sign makes a JWT of the payload.
func (t *Tenant) sign(payload string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, t.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key that was made for this
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// authorize is the consent screen. Nobody is asked: whom login_hint names agrees, or the first user who may.
func (t *Tenant) authorize(r *http.Request, _ []byte) answer {
	q := r.URL.Query()
	client, known := t.clients[q.Get("client_id")]
	if !known || !slices.ContainsFunc(client.Redirects, func(to string) bool { return sameRedirect(to, q.Get("redirect_uri")) }) {
		return refuseOAuth(http.StatusBadRequest, "redirect_uri_mismatch", "The redirect URI or the client is not registered")
	}
	who := q.Get("login_hint")
	if who == "" {
		i := slices.IndexFunc(t.users, func(u User) bool { return !u.Suspended && !u.NoMailbox })
		if i < 0 {
			return refuseOAuth(http.StatusForbidden, "access_denied", "Nobody may sign in")
		}
		who = t.users[i].Email
	}
	u, known := t.user(who)
	back := url.Values{"state": {q.Get("state")}}
	scopes := strings.Fields(q.Get("scope"))
	if !known || u.Suspended || q.Get("response_type") != "code" || len(scopes) == 0 || q.Has("code_challenge") && q.Get("code_challenge_method") != "S256" {
		back.Set("error", "access_denied")
	} else {
		c := fmt.Sprintf("4/code-%d", t.next())
		t.codes[c] = code{refreshGrant{client.ID, u.Email, scopes, time.Time{}}, q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("access_type") == "offline", t.Now().Add(codeLife)}
		// Only the first consent comes with a refresh token, unless it is asked for anew (guide "Using OAuth 2.0 for
		// Web Server Applications", prompt).
		if t.consented[client.ID+" "+u.Email] && !strings.Contains(q.Get("prompt"), "consent") {
			again := t.codes[c]
			again.offline = false
			t.codes[c] = again
		}
		t.consented[client.ID+" "+u.Email] = true
		back.Set("code", c)
		back.Set("scope", q.Get("scope"))
	}
	return answer{status: http.StatusFound, header: map[string]string{"Location": q.Get("redirect_uri") + "?" + back.Encode()}}
}

func sameRedirect(registered, asked string) bool {
	a, err1 := url.Parse(registered)
	b, err2 := url.Parse(asked)
	if err1 != nil || err2 != nil {
		return false
	}
	if host := a.Hostname(); host == "127.0.0.1" || host == "localhost" {
		a.Host, b.Host = host, b.Hostname()
	}
	return cmp.Or(a.String(), "-") == b.String()
}

func (t *Tenant) knows(form url.Values, r *http.Request) (Client, bool) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		id, secret = user, password
	}
	c, known := t.clients[id]
	return c, known && c.Secret == secret
}

// redeem is a code's grant: once, by the client that it was given to, to the same address and with the secret
// behind the challenge (RFC 7636).
func (t *Tenant) redeem(r *http.Request, form url.Values) answer {
	client, known := t.knows(form, r)
	if !known {
		return refuseOAuth(http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
	}
	c, given := t.codes[form.Get("code")]
	delete(t.codes, form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !given || c.client != client.ID || c.redirect != form.Get("redirect_uri") || !t.Now().Before(c.until) ||
		c.challenge != "" && c.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return refuseOAuth(http.StatusBadRequest, "invalid_grant", "Bad Request")
	}
	more := map[string]any{"scope": strings.Join(c.scopes, " ")}
	g := grant{user: c.user, scopes: c.scopes}
	if c.offline {
		g.refresh = fmt.Sprintf("1//refresh-%d", t.next())
		if client.Testing {
			c.refreshGrant.until = t.Now().Add(testingLife)
		}
		t.refresh[g.refresh] = c.refreshGrant
		more["refresh_token"] = g.refresh
	}
	if slices.Contains(c.scopes, "openid") {
		payload, err := json.Marshal(map[string]any{
			"iss": "https://accounts.google.com", "aud": client.ID, "azp": client.ID, "sub": numberOf(c.user), "email": c.user, "email_verified": true,
			"hd": domainOf(c.user), "iat": t.Now().Unix(), "exp": t.Now().Add(tokenLife).Unix(),
		})
		if err != nil {
			panic(err) // strings and numbers
		}
		more["id_token"] = t.sign(string(payload))
	}
	return t.issue(g, more)
}

// refreshed is a new access token for an old consent.
func (t *Tenant) refreshed(r *http.Request, form url.Values) answer {
	if token := form.Get("refresh_token"); token == runnersToken {
		return t.issue(grant{scopes: []string{cloudScope}}, nil)
	}
	client, known := t.knows(form, r)
	if !known {
		return refuseOAuth(http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
	}
	g, given := t.refresh[form.Get("refresh_token")]
	u, there := t.user(g.user)
	if !given || g.client != client.ID || !there || u.Suspended || !g.until.IsZero() && !t.Now().Before(g.until) {
		return refuseOAuth(http.StatusBadRequest, "invalid_grant", "Token has been expired or revoked.")
	}
	return t.issue(grant{user: g.user, scopes: g.scopes, refresh: form.Get("refresh_token")}, map[string]any{"scope": strings.Join(g.scopes, " ")})
}

// revoke takes a consent back, with all tokens that came of it (guide "Using OAuth 2.0 for Web Server
// Applications", "Revoking a token").
func (t *Tenant) revoke(_ *http.Request, body []byte) answer {
	form, err := url.ParseQuery(string(body))
	token := form.Get("token")
	g, isRefresh := t.refresh[token]
	if a, isAccess := t.tokens[token]; isAccess && !isRefresh {
		token = a.refresh
		g, isRefresh = t.refresh[token]
	}
	if err != nil || !isRefresh {
		return refuseOAuth(http.StatusBadRequest, "invalid_token", "Token expired or revoked")
	}
	t.withdraw(g.client, g.user)
	return ok(map[string]any{})
}

// withdraw ends all that a user has granted to a client.
func (t *Tenant) withdraw(client, user string) {
	for token, g := range t.refresh {
		if g.client != client || g.user != user {
			continue
		}
		delete(t.refresh, token)
		for access, a := range t.tokens {
			if a.refresh == token {
				delete(t.tokens, access)
			}
		}
	}
	delete(t.consented, client+" "+user)
}

// Withdraw is a user who removes the client's access in the Google account's settings.
func (t *Tenant) Withdraw(client, user string) { t.do(func() { t.withdraw(client, user) }) }
