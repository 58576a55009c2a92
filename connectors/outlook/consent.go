package outlook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/grants"
)

// calendarsRead is the permission that lets us read events, whether it is delegated or the application's own.
const calendarsRead = "Calendars.Read"

// consenter is a connector whose users consent one by one.
type consenter struct{ *connector }

var _ connectors.Consenter = consenter{}

// oauth is the application as users see it.
func (c *connector) oauth(redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.cfg.ClientID, RedirectURL: redirect, Scopes: c.askedScopes(),
		Endpoint: oauth2.Endpoint{AuthURL: c.loginURL("oauth2/v2.0/authorize"), TokenURL: c.loginURL("oauth2/v2.0/token"), AuthStyle: oauth2.AuthStyleInParams},
	}
}

// ConsentURL is where the user's browser goes to be asked. It is not told to ask again those who have consented
// (prompt=consent): where an administrator consents for everybody, Microsoft would then ask for the administrator
// (learn.microsoft.com/answers 5847660). A refresh token comes for offline_access all the same.
func (c consenter) ConsentURL(consent connectors.Consent) (string, error) {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(consent.Verifier)}
	if consent.User != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", consent.User))
	} else {
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	return c.oauth(consent.Redirect).AuthCodeURL(consent.State, options...), nil
}

// Grant redeems the code, and keeps the refresh token under the user's address.
func (c consenter) Grant(ctx context.Context, consent connectors.Consent, code string) (string, error) {
	t, err := c.oauth(consent.Redirect).Exchange(c.tokenContext(ctx), code, oauth2.VerifierOption(consent.Verifier))
	if err != nil {
		return "", c.explainTransport(c.explainToken(err, ""), "redeem a consent", "")
	}
	user, err := c.userOf(t)
	if err != nil {
		return "", fmt.Errorf("outlook: %w; nothing is kept", err)
	}
	// RFC 6749 section 5.1: no scope in the answer means those that were asked for.
	scope := calendarsRead
	if granted, ok := t.Extra("scope").(string); ok && granted != "" {
		scope = granted
	}
	// Scopes come back with their resource or without, in any case.
	allowed := slices.ContainsFunc(strings.Fields(scope), func(s string) bool {
		return strings.EqualFold(s[strings.LastIndex(s, "/")+1:], calendarsRead)
	})
	switch {
	case consent.User != "" && !strings.EqualFold(consent.User, user):
		return "", fmt.Errorf("outlook: it was %s who consented, and %s who was asked; nothing is kept: log in as the latter, or run syncd connect %s:%s %s: %w", user, consent.User, Driver.Name, c.env.Account, user, connectors.ErrAccess)
	case !allowed:
		return "", fmt.Errorf("outlook: %s did not allow %s; nothing is kept: give the application this delegated permission in its app registration, and consent again: %w", user, calendarsRead, connectors.ErrAccess)
	case t.RefreshToken == "":
		return "", fmt.Errorf("outlook: no refresh token came for %s; nothing is kept: consent again, and allow access at any time (offline_access): %w", user, connectors.ErrAccess)
	}
	if err := c.grants.Keep(ctx, user, grants.Grant{RefreshToken: t.RefreshToken, Scope: scope}); err != nil {
		return "", fmt.Errorf("outlook: %w", err)
	}
	return user, nil
}

// shared are the names under which Microsoft has no tenant in particular.
var shared = []string{"common", "organizations", "consumers"}

// userOf is the address of who consented. Where anybody's tenant will do, the address in the token is whatever that
// tenant's administrators wrote into it; the sign-in name's domain at least is theirs ("Secure applications and APIs by
// validating claims").
func (c *connector) userOf(t *oauth2.Token) (string, error) {
	claims, err := grants.Identity(t, c.cfg.ClientID, c.env.Now())
	if err != nil {
		return "", err
	}
	user := claims.UserName
	if claims.Email != "" && !slices.Contains(shared, strings.ToLower(c.cfg.Tenant)) {
		user = claims.Email
	}
	switch {
	case !strings.HasPrefix(claims.Issuer, c.cloud.login+"/"):
		return "", fmt.Errorf("the id token is from %q, not from %s", claims.Issuer, c.cloud.login)
	case objectID.MatchString(c.cfg.Tenant) && !strings.EqualFold(claims.Tenant, c.cfg.Tenant):
		return "", fmt.Errorf("the user is of the tenant %q, not of %s", claims.Tenant, c.cfg.Tenant)
	case !strings.Contains(user, "@"):
		return "", errors.New("the id token names no address")
	}
	return strings.ToLower(user), nil
}

// Granted are those who have consented.
func (c consenter) Granted(ctx context.Context) ([]string, error) { return c.grants.Users(ctx) }

// Revoke forgets the user's grant. Microsoft has no request that ends one: the token dies 90 days after its last
// use, or when the user removes the application.
func (c consenter) Revoke(ctx context.Context, user string) error {
	user = strings.ToLower(user)
	defer c.grants.Lock(user)()
	if _, err := c.grants.Kept(ctx, user); err != nil {
		return fmt.Errorf("outlook: %w", err)
	}
	if err := c.grants.Forget(ctx, user); err != nil {
		return fmt.Errorf("outlook: %w", err)
	}
	c.env.Log.Info("forgotten here; at Microsoft the user takes the permission back at https://myapps.microsoft.com, or an administrator in the application's permissions", "user", user)
	return nil
}
