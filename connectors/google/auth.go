package google

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/retry"
)

// tokenSource is the service account acting as the user. Tokens last an hour and are kept.
func (c *connector) tokenSource(ctx context.Context, user, scope string) (oauth2.TokenSource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := user + " " + scope
	if ts, ok := c.tokens[key]; ok {
		return ts, nil
	}
	b, err := c.env.ReadFile(c.cfg.ServiceAccountFile)
	if err != nil {
		return nil, fmt.Errorf("google: service_account_file: %w: %w", err, connectors.ErrAccess)
	}
	cfg, err := google.JWTConfigFromJSON(b, scope)
	if err != nil {
		return nil, fmt.Errorf("google: service_account_file %s is no key of a service account: create one in the Cloud console, as JSON: %w", c.cfg.ServiceAccountFile, connectors.ErrAccess)
	}
	cfg.Subject = user
	// The source outlives the request that made it.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: retry.Transport(c.env.HTTP, retry.Default)})
	ts := cfg.TokenSource(ctx)
	c.tokens[key] = ts
	return ts, nil
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
