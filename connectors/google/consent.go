package google

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/grants"
	"example.com/syncd/internal/retry"
)

// consentScopes are what users are asked for: who they are, and what the connection reads.
func (c *connector) consentScopes() []string {
	return append([]string{"openid", "email"}, c.scopes()...)
}

// issuers are how Google calls itself in id tokens (OpenID Connect, "Validating an ID token").
var issuers = []string{"https://accounts.google.com", "accounts.google.com"}

// clientRemedies say what is to be done about the OAuth client, by the token endpoint's error.
var clientRemedies = map[string]string{
	"invalid_client":        "the client or its secret is not accepted: download its JSON anew (Cloud console, Google Auth platform, Clients)",
	"deleted_client":        "the client was deleted: make another one (Cloud console, Google Auth platform, Clients), and let the users consent anew",
	"disabled_client":       "the client was disabled: see the Cloud console, Google Auth platform",
	"unauthorized_client":   "the client may not do this: it must be one for a desktop app or a web application",
	"redirect_uri_mismatch": "a web application's client needs each address registered to which browsers come back; give the same one to syncd connect --listen, or use a desktop app's client",
	"admin_policy_enforced": "the domain's administrators do not trust the client: they do so in the Admin console, Security, API controls",
	"access_denied":         "the user, or the domain's administrators, do not allow it",
	"invalid_scope":         "the client's project does not know what is asked for: enable the Calendar API in it",
	"org_internal":          "the client is for the users of its own organization alone",
}

// consenter is a connector whose users consent one by one.
type consenter struct{ *connector }

var _ connectors.Consenter = consenter{}

// perUser reports whether users consent one by one.
func (c *Config) perUser() bool { return c.OAuthClientFile != "" }

// validatePerUser names every setting that makes no sense where users consent one by one.
func (c *Config) validatePerUser() []error {
	var errs []error
	for _, s := range []struct {
		key string
		set bool
	}{
		{"domain", c.Domain != ""}, {"service_account_file", c.ServiceAccountFile != ""}, {"service_account", c.ServiceAccount != ""},
		{"credentials_file", c.CredentialsFile != ""}, {"admin", c.Admin != ""}, {"group", c.Group != ""}, {"users", len(c.Users) > 0},
	} {
		if s.set {
			errs = append(errs, fmt.Errorf("%s and oauth_client_file: with the latter, those who consented are read (syncd connect); leave %[1]s out, or make two connections", s.key))
		}
	}
	return errs
}

// name is the connection as a person names it.
func (c *connector) name() string { return Driver.Name + ":" + c.env.Account }

// client reads the OAuth client. Errors say nothing of what is in the file.
func (c *connector) client() (*oauth2.Config, error) {
	b, err := c.env.ReadFile(c.cfg.OAuthClientFile)
	if err != nil {
		return nil, fmt.Errorf("oauth_client_file can't be read; name the JSON of an OAuth client: %w: %w", err, connectors.ErrAccess)
	}
	cfg, err := google.ConfigFromJSON(b, c.consentScopes()...)
	if err != nil || cfg.ClientID == "" || cfg.Endpoint.AuthURL == "" || cfg.Endpoint.TokenURL == "" {
		return nil, fmt.Errorf("oauth_client_file %s is no OAuth client: make one for a desktop app, or one for a web application with an address to come back to, in the Cloud console, and download its JSON: %w", c.cfg.OAuthClientFile, connectors.ErrAccess)
	}
	// Google takes the secret among the parameters. To find that out by trying would spend the code.
	cfg.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	return cfg, nil
}

// ConsentURL is where the user's browser goes to be asked. Google gives a refresh token only with
// access_type=offline, and to somebody who has consented before only with prompt=consent.
func (c consenter) ConsentURL(consent connectors.Consent) (string, error) {
	cfg, err := c.client()
	if err != nil {
		return "", err
	}
	cfg.RedirectURL = consent.Redirect
	options := []oauth2.AuthCodeOption{
		oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"), oauth2.S256ChallengeOption(consent.Verifier),
	}
	if consent.User != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", consent.User))
	}
	return cfg.AuthCodeURL(consent.State, options...), nil
}

// Grant redeems the code, and keeps the refresh token under the user's address.
func (c consenter) Grant(ctx context.Context, consent connectors.Consent, code string) (string, error) {
	cfg, err := c.client()
	if err != nil {
		return "", err
	}
	cfg.RedirectURL = consent.Redirect
	t, err := cfg.Exchange(c.tokenContext(ctx), code, oauth2.VerifierOption(consent.Verifier))
	if err != nil {
		const again = "the code was not accepted: begin anew by syncd connect"
		return "", c.explain(ctx, c.explainGrant(err, again), "redeem a consent", consent.User, gcal.CalendarEventsReadonlyScope)
	}
	user, err := c.userOf(t, cfg.ClientID)
	if err != nil {
		return "", fmt.Errorf("google: %w; nothing is kept", err)
	}
	// RFC 6749 section 5.1: no scope in the answer means those that were asked for.
	scope := strings.Join(c.consentScopes(), " ")
	if granted, ok := t.Extra("scope").(string); ok && granted != "" {
		scope = granted
	}
	switch missing := c.missingScopes(scope); {
	case consent.User != "" && !strings.EqualFold(consent.User, user):
		return "", fmt.Errorf("google: it was %s who consented, and %s who was asked; nothing is kept: log in as the latter, or run syncd connect %s %s: %w", user, consent.User, c.name(), user, connectors.ErrAccess)
	case len(missing) > 0:
		return "", fmt.Errorf("google: %s did not allow %s; nothing is kept: consent again and leave each box ticked: %w", user, strings.Join(missing, " and "), connectors.ErrAccess)
	case t.RefreshToken == "":
		return "", fmt.Errorf("google: no refresh token came for %s; nothing is kept: take syncd out of the account's third-party apps (myaccount.google.com/connections), and consent again: %w", user, connectors.ErrAccess)
	}
	if err := c.grants.Keep(ctx, user, grants.Grant{RefreshToken: t.RefreshToken, Scope: scope}); err != nil {
		return "", fmt.Errorf("google: %w", err)
	}
	return user, nil
}

// missingScopes are those that the connector can't do without and that users can untick.
func (c *connector) missingScopes(granted string) []string {
	has := strings.Fields(granted)
	var missing []string
	for _, s := range c.consentScopes() {
		if strings.HasPrefix(s, "https://") && !slices.Contains(has, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// userOf is the address in the id token.
func (c *connector) userOf(t *oauth2.Token, clientID string) (string, error) {
	claims, err := grants.Identity(t, clientID, c.env.Now())
	if err != nil {
		return "", err
	}
	switch {
	case !slices.Contains(issuers, claims.Issuer) && (c.cfg.Endpoint == "" || claims.Issuer != c.cfg.Endpoint):
		return "", fmt.Errorf("the id token is from %q, not from Google", claims.Issuer)
	case !strings.Contains(claims.Email, "@"):
		return "", errors.New("the id token names no address")
	case claims.Verified == false || claims.Verified == "false":
		return "", errors.New("the account's address was never verified")
	}
	return strings.ToLower(claims.Email), nil
}

// Granted are those who have consented.
func (c consenter) Granted(ctx context.Context) ([]string, error) { return c.grants.Users(ctx) }

// Revoke ends the user's grant at Google, and forgets it.
func (c consenter) Revoke(ctx context.Context, user string) error {
	cfg, err := c.client()
	if err != nil {
		return err
	}
	user = strings.ToLower(user)
	defer c.grants.Lock(user)()
	g, err := c.grants.Kept(ctx, user)
	if err != nil {
		return fmt.Errorf("google: %w", err)
	}
	if err := c.revoke(ctx, cfg, g.RefreshToken); err != nil {
		return c.explain(ctx, err, "revoke what "+user+" granted", user, gcal.CalendarEventsReadonlyScope)
	}
	return c.grants.Forget(ctx, user)
}

// revoke is RFC 7009. The endpoint lies beside the token endpoint, at Google and in its simulations.
func (c *connector) revoke(ctx context.Context, cfg *oauth2.Config, token string) error {
	base, ok := strings.CutSuffix(cfg.Endpoint.TokenURL, "/token")
	if !ok {
		return fmt.Errorf("oauth_client_file %s: its token_uri does not end in /token", c.cfg.OAuthClientFile)
	}
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, body, err := send(&http.Client{Transport: c.transport, CheckRedirect: noRedirect}, req)
	if err != nil {
		return err
	}
	var says tokenError
	if json.Unmarshal(body, &says) != nil {
		says = tokenError{}
	}
	switch {
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusBadRequest && says.Error == "invalid_token":
		return nil
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		after, _ := retry.After(resp, c.env.Now())
		return &connectors.ThrottledError{After: cmp.Or(after, time.Minute), Err: fmt.Errorf("%d", resp.StatusCode)}
	}
	return fmt.Errorf("%d %s %s", resp.StatusCode, says.Error, says.Description)
}

// tokenContext makes x/oauth2 send its requests as ours: with our retries, our redirects, and our end.
func (c *connector) tokenContext(ctx context.Context) context.Context {
	hc := &http.Client{Transport: within{ctx, c.transport}, CheckRedirect: noRedirect}
	return context.WithValue(ctx, oauth2.HTTPClient, hc)
}

// consented is a token of a user who has consented: the one in memory while it lasts, and while it is of the
// grant that is kept, which another process may have replaced or dropped.
func (s *tokenSource) consented() (*oauth2.Token, error) {
	defer s.c.grants.Lock(s.user)()
	g, err := s.c.grants.Kept(s.ctx, s.user)
	if err != nil {
		return nil, err
	}
	key := s.c.tokenKey(s.user, s.scope)
	if t := s.c.grants.Token(key); t.Valid() && t.RefreshToken == g.RefreshToken {
		return t, nil
	}
	cfg, err := s.c.client()
	if err != nil {
		return nil, err
	}
	t, err := cfg.TokenSource(s.c.tokenContext(s.ctx), &oauth2.Token{RefreshToken: g.RefreshToken}).Token()
	if err != nil {
		again := fmt.Sprintf("%s has to consent again: syncd connect %s %[1]s (grants of a consent screen in Testing end after 7 days)", s.user, s.c.name())
		return nil, s.c.explainGrant(err, again)
	}
	if t.RefreshToken != g.RefreshToken { // the old one may be good for nothing from now on
		if err := s.c.grants.Keep(s.ctx, s.user, grants.Grant{RefreshToken: t.RefreshToken, Scope: g.Scope}); err != nil {
			return nil, err
		}
	}
	s.asked = true
	s.c.grants.Hold(key, t)
	return t, nil
}

// explainGrant says what to do where the token endpoint refuses a code or a refresh token; invalid says it of
// one that is not good any more. Other errors are as they were.
func (c *connector) explainGrant(err error, invalid string) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return err
	}
	e := parseTokenError(refused)
	remedy := clientRemedies[e.Error]
	if remedy != "" {
		remedy = "oauth_client_file " + c.cfg.OAuthClientFile + ": " + remedy
	}
	if e.Error == "invalid_grant" {
		remedy = invalid
	}
	if remedy == "" {
		return err
	}
	return fmt.Errorf("no token: %s %s; %s: %w", e.Error, e.Description, remedy, connectors.ErrAccess)
}

// consentRemedies are those for a 401 or 403, where they differ from a service account's.
var consentRemedies = map[string]string{
	"insufficientPermissions": "the user has to allow SCOPE: syncd connect CONNECTION, and the user's address",
	"accessNotConfigured":     "enable the API in the OAuth client's Google Cloud project",
	"authError":               "the user has to consent again: syncd connect CONNECTION, and the user's address",
	"":                        "the user has to consent again: syncd connect CONNECTION, and the user's address",
}

func (c *connector) consentRemedy(reason string) string {
	return strings.ReplaceAll(cmp.Or(consentRemedies[reason], remedies[reason], consentRemedies[""]), "CONNECTION", c.name())
}
