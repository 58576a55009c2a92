package fakegraph

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ClientID and ClientSecret are the credentials of the application that every tenant has.
const (
	ClientID     = "00000000-1111-2222-3333-444444444444"
	ClientSecret = "made-up-secret"
)

// An App is a registered application.
type App struct {
	ID            string
	Secret        string // "": none
	SecretExpired bool
	Certificates  []Certificate
	Federated     []Federated
	Redirects     []string // exact addresses that authorization codes are sent to
	// Roles are the application permissions that an administrator has consented to. Without any, tokens are
	// given out all the same, and calls are refused.
	Roles []string
	// RefreshGrace is how long a refresh token works on after it was used. Microsoft does not revoke one by
	// its use ("Refresh tokens in the Microsoft identity platform").
	RefreshGrace time.Duration
}

// SetApp registers an application, or replaces it. Tokens that were given out keep their roles.
func (t *Tenant) SetApp(a App) { t.set(func() { t.apps[a.ID] = &a }) }

// grant is what an access token stands for.
type grant struct {
	app, user string // user: "" for the application itself
	roles     []string
	until     time.Time
	withdrawn bool
}

func (g *grant) has(any ...string) bool {
	return slices.ContainsFunc(any, func(r string) bool { return slices.Contains(g.roles, r) })
}

// basic: all that the token has is ReadBasic.
func (g *grant) basic() bool {
	return !g.has("Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared")
}

// issued is all that the token endpoint has given out.
type issued struct {
	access  map[string]*grant
	codes   map[string]*code
	refresh map[string]*refresh
	fails   map[string]int // by user: the code that refreshing fails with
	signIn  string         // who says yes at the authorization page
}

func newIssued() issued {
	return issued{map[string]*grant{}, map[string]*code{}, map[string]*refresh{}, map[string]int{}, ""}
}

// RevokeTokens ends the life of all access tokens before their hour is over. With challenge, the refusal
// tells the client which claims to ask for ("How to use Continuous Access Evaluation enabled APIs").
func (t *Tenant) RevokeTokens(challenge bool) {
	t.set(func() {
		t.challenge = challenge
		for _, g := range t.issued.access {
			g.withdrawn = true
		}
	})
}

// authenticate finds the call's grant.
func (c *call) authenticate() (answer, bool) {
	bearer, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	g := c.t.issued.access[bearer]
	switch {
	case bearer == "":
		return refuse(401, "InvalidAuthenticationToken", "Access token is empty."), false
	case g == nil:
		return refuse(401, "InvalidAuthenticationToken", "IDX14100: JWT is not well formed, there are no dots (.)."), false
	case g.withdrawn && c.t.challenge:
		claims := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, c.t.Now().Unix()))
		return refuse(401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp").
			with("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="`+claims+`"`), false
	case g.withdrawn || !c.t.Now().Before(g.until):
		return refuse(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."), false
	}
	c.grant = g
	return answer{}, true
}

// needs refuses who has none of the permissions. The calendars' service and the directory's say it
// differently.
func (c *call) needs(any ...string) (answer, bool) {
	switch {
	case c.grant.has(any...):
		return answer{}, true
	case strings.HasPrefix(any[0], "Calendars"):
		return refuse(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."), false
	}
	return refuse(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."), false
}

// login is the part of login.microsoftonline.com.
func (c *call) login() answer {
	tenant, rest := c.path[0], strings.Join(c.path[1:], "/")
	known := len(c.t.Names) == 0 || slices.ContainsFunc(c.t.Names, func(n string) bool { return strings.EqualFold(n, tenant) })
	switch {
	case !known && (tenant != "organizations" && tenant != "common"):
		return c.deny(90002, "Tenant '"+tenant+"' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.")
	case rest == "oauth2/v2.0/token" && c.method == "POST":
		return c.token(tenant)
	case rest == "oauth2/v2.0/authorize" && c.method == "GET":
		return c.authorize()
	case rest == "v2.0/.well-known/openid-configuration":
		at := c.base + "/" + tenant
		return answer{status: 200, body: map[string]any{
			"issuer": at + "/v2.0", "token_endpoint": at + "/oauth2/v2.0/token", "authorization_endpoint": at + "/oauth2/v2.0/authorize",
			"response_types_supported": []any{"code"}, "token_endpoint_auth_methods_supported": []any{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		}}
	}
	return answer{status: 404, body: "<html><body>Not found</body></html>"}
}

// kinds are the protocol's errors by Microsoft's number ("Microsoft Entra authentication and
// authorization error codes"): what to act on, and the status. 400 if it is not said.
var kinds = map[int]struct {
	err, suberror string
	status        int
}{
	7000215: {err: "invalid_client", status: 401}, 7000222: {err: "invalid_client", status: 401},
	700027: {err: "invalid_client", status: 401}, 700024: {err: "invalid_client", status: 401},
	7000216: {err: "invalid_client", status: 401}, 700211: {err: "invalid_client", status: 401}, 700213: {err: "invalid_client", status: 401},
	700016: {err: "unauthorized_client"}, 90002: {err: "invalid_request"}, 70003: {err: "unsupported_grant_type"},
	70011: {err: "invalid_scope"}, 900144: {err: "invalid_request"}, 50011: {err: "invalid_request"},
	70008: {err: "invalid_grant", suberror: "bad_token"}, 700082: {err: "invalid_grant", suberror: "bad_token"},
	50173: {err: "invalid_grant", suberror: "bad_token"}, 54005: {err: "invalid_grant"}, 501481: {err: "invalid_grant"},
	65001: {err: "invalid_grant", suberror: "consent_required"}, 50057: {err: "invalid_grant"}, 50034: {err: "invalid_grant"},
	50076: {err: "interaction_required", suberror: "basic_action"}, 9002313: {err: "invalid_request"}, 70000: {err: "invalid_grant"},
	90033: {err: "temporarily_unavailable", status: 503},
}

// deny is an error of the token endpoint.
func (c *call) deny(code int, description string) answer {
	k := kinds[code]
	if k.status == 0 {
		k.status = 400
	}
	trace, now := guid("trace", c.t.next()), c.t.Now().UTC()
	body := map[string]any{
		"error": or(k.err, "invalid_grant"), "error_codes": []int{code}, "timestamp": now.Format("2006-01-02 15:04:05Z"),
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, description+"\r\n", trace, trace, now.Format("2006-01-02 15:04:05Z")),
		"trace_id":          trace, "correlation_id": trace, "error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", code),
	}
	if k.suberror != "" {
		body["suberror"] = k.suberror
	}
	return answer{status: k.status, body: body}
}

// token is the endpoint for all grants.
func (c *call) token(tenant string) answer {
	form, err := url.ParseQuery(string(c.body))
	if err != nil || form.Get("grant_type") == "" {
		return c.deny(900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, ok := c.r.BasicAuth(); ok {
		id, secret = user, pass
	}
	app := c.t.apps[id]
	if app == nil {
		return c.deny(700016, "Application with identifier '"+id+"' was not found in the directory '"+tenant+"'.")
	}
	public := secret == "" && form.Get("client_assertion") == "" && form.Get("grant_type") != "client_credentials"
	if code, why := c.t.prove(app, tenant, secret, form); code != 0 && (!public || app.Secret != "") {
		return c.deny(code, why)
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		if s := form.Get("scope"); !strings.HasSuffix(s, "/.default") {
			return c.deny(70011, "The provided value for the input parameter 'scope' is not valid. The scope "+s+" is not valid.")
		}
		return answer{status: 200, body: map[string]any{
			"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
			"access_token": c.t.access(grant{app: app.ID, roles: app.Roles}),
		}}
	case "authorization_code":
		return c.redeem(app, form)
	case "refresh_token":
		return c.renew(app, form)
	}
	return c.deny(70003, "The app requested an unsupported grant type '"+form.Get("grant_type")+"'.")
}

// access gives out a token that lasts an hour.
func (t *Tenant) access(g grant) string {
	now := t.Now()
	maps.DeleteFunc(t.issued.access, func(_ string, g *grant) bool { return now.After(g.until.Add(24 * time.Hour)) })
	g.until, g.roles = now.Add(time.Hour), slices.Clone(g.roles)
	n := t.next()
	name := fmt.Sprintf("access-%d-%016x", n, sum("access", n))
	t.issued.access[name] = &g
	return name
}
