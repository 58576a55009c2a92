package google

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
	"google.golang.org/api/googleapi"

	"example.com/syncd/connectors"
)

// tokenKey is what tokens are kept under. Those of users who consented are good for all that they allowed.
func (c *connector) tokenKey(user, scope string) string {
	if c.cfg.perUser() {
		return user
	}
	return user + " " + scope
}

// tokenSource is the service account acting as the user, for the requests of one call.
type tokenSource struct {
	ctx         context.Context
	c           *connector
	user, scope string
	asked       bool // the token is from this call
}

// Token is the kept one while it lasts, else a new one. x/oauth2 sends its request without a context, so
// the call's is put below it.
func (s *tokenSource) Token() (*oauth2.Token, error) {
	if s.c.cfg.perUser() {
		return s.consented()
	}
	key := s.c.tokenKey(s.user, s.scope)
	if t := s.c.grants.Token(key); t.Valid() {
		return t, nil
	}
	hc := &http.Client{Transport: within{s.ctx, s.c.transport}, CheckRedirect: noRedirect}
	ctx := context.WithValue(s.ctx, oauth2.HTTPClient, hc)
	t, err := s.grant(ctx, hc)
	if err != nil {
		return nil, err
	}
	s.asked = true
	s.c.grants.Hold(key, t)
	return t, nil
}

// grant asks for a token: by an assertion that the key signs, or that Google signs for an account without.
func (s *tokenSource) grant(ctx context.Context, hc *http.Client) (*oauth2.Token, error) {
	if s.c.cfg.ServiceAccount != "" {
		return s.c.keyless(ctx, hc, s.user, s.scope)
	}
	cfg, _, err := s.c.serviceAccount(s.scope)
	if err != nil {
		return nil, err
	}
	cfg.Subject = s.user
	return cfg.TokenSource(ctx).Token()
}

type within struct {
	ctx  context.Context
	base http.RoundTripper
}

func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	return w.base.RoundTrip(r.WithContext(w.ctx))
}

// noRedirect: following one would show a bearer token to a host that we did not choose.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// as calls f with a client that acts as the user. Where a kept token is no longer accepted, f is called
// once more with a new one: Google takes tokens back before their hour is over.
func (c *connector) as(ctx context.Context, user, scope string, f func(*http.Client) error) error {
	if c.env.Replayed {
		return f(&http.Client{Transport: c.transport, CheckRedirect: noRedirect})
	}
	source := &tokenSource{ctx: ctx, c: c, user: user, scope: scope}
	hc := &http.Client{Transport: &oauth2.Transport{Source: source, Base: c.transport}, CheckRedirect: noRedirect}
	err := f(hc)
	var api *googleapi.Error
	if errors.As(err, &api) && api.Code == http.StatusUnauthorized && !source.asked {
		c.grants.Hold(c.tokenKey(user, scope), nil)
		err = f(hc)
	}
	return err
}

// serviceAccount reads the key, and the client id that an administrator authorises.
func (c *connector) serviceAccount(scope string) (*jwt.Config, string, error) {
	b, err := c.env.ReadFile(c.cfg.ServiceAccountFile)
	if err != nil {
		return nil, "", fmt.Errorf("service_account_file can't be read; name the JSON key of a service account: %w: %w", err, connectors.ErrAccess)
	}
	cfg, err := google.JWTConfigFromJSON(b, scope)
	if err != nil {
		return nil, "", fmt.Errorf("service_account_file %s is no key of a service account: create one in the Cloud console, as JSON: %w", c.cfg.ServiceAccountFile, connectors.ErrAccess)
	}
	var id struct {
		ClientID string `json:"client_id"`
	}
	if json.Unmarshal(b, &id) != nil {
		id.ClientID = ""
	}
	return cfg, id.ClientID, nil
}

// tokenError is what Google's token endpoint answered. x/oauth2 leaves ErrorCode empty in this flow.
type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func parseTokenError(err *oauth2.RetrieveError) tokenError {
	e := tokenError{Error: err.ErrorCode, Description: err.ErrorDescription}
	if e.Error == "" {
		if json.Unmarshal(err.Body, &e) != nil {
			return tokenError{}
		}
	}
	return e
}
