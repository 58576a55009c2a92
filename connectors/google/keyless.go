package google

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"

	"example.com/syncd/connectors"
)

const (
	tokenURL   = "https://oauth2.googleapis.com/token"
	signURL    = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/%s:signJwt"
	signScope  = "https://www.googleapis.com/auth/cloud-platform"
	jwtBearer  = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523
	maxAnswer  = 1 << 20
	assertions = time.Hour // how long one is good for, at most
)

// credentialTypes are the kinds of credentials that may be in CredentialsFile. Those that run programs are not
// among them.
var credentialTypes = []google.CredentialsType{google.ExternalAccount, google.AuthorizedUser, google.ServiceAccount, google.ImpersonatedServiceAccount}

// keyless is a token for a user, by an assertion that Google signs for the service account: IAM's
// generateAccessToken can't name a user to act for (google-github-actions/auth#63), so signJwt it is.
func (c *connector) keyless(ctx context.Context, hc *http.Client, user, scope string) (*oauth2.Token, error) {
	own, err := c.ownToken(ctx)
	if err != nil {
		return nil, err
	}
	assertion, err := c.sign(ctx, hc, own, user, scope)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, body, err := send(hc, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &oauth2.RetrieveError{Response: resp, Body: body}
	}
	var t struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &t); err != nil || t.AccessToken == "" {
		return nil, fmt.Errorf("the token endpoint's answer has no token")
	}
	return &oauth2.Token{AccessToken: t.AccessToken, TokenType: "Bearer", Expiry: c.env.Now().Add(time.Duration(t.ExpiresIn) * time.Second)}, nil
}

// ownToken is one of the credentials that may sign.
func (c *connector) ownToken(ctx context.Context) (*oauth2.Token, error) {
	b, err := c.env.ReadFile(c.cfg.CredentialsFile)
	if err != nil {
		return nil, fmt.Errorf("credentials_file can't be read; name a JSON file of application default credentials: %w: %w", err, connectors.ErrAccess)
	}
	var file struct{ Type google.CredentialsType }
	if json.Unmarshal(b, &file) != nil || !slices.Contains(credentialTypes, file.Type) {
		return nil, fmt.Errorf("credentials_file %s has no credentials that may sign; it must be of one of the types %v: %w", c.cfg.CredentialsFile, credentialTypes, connectors.ErrAccess)
	}
	creds, err := google.CredentialsFromJSONWithType(ctx, b, file.Type, signScope)
	if err != nil {
		return nil, fmt.Errorf("credentials_file %s has no credentials that Google's libraries know: %w", c.cfg.CredentialsFile, connectors.ErrAccess)
	}
	return creds.TokenSource.Token()
}

// sign has IAM sign an assertion that the service account acts for the user.
func (c *connector) sign(ctx context.Context, hc *http.Client, own *oauth2.Token, user, scope string) (string, error) {
	now := c.env.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": c.cfg.ServiceAccount, "sub": user, "scope": scope, "aud": tokenURL, "iat": now.Unix(), "exp": now.Add(assertions).Unix(),
	})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"payload": string(claims)})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf(signURL, url.PathEscape(c.cfg.ServiceAccount)), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	own.SetAuthHeader(req)
	resp, answer, err := send(hc, req)
	if err != nil {
		return "", err
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusNotFound:
		return "", fmt.Errorf("no signature for %s: grant the credentials in credentials_file the role Service Account Token Creator on it, and enable the IAM Service Account Credentials API: %w", c.cfg.ServiceAccount, connectors.ErrAccess)
	default:
		return "", &googleapi.Error{Code: resp.StatusCode, Body: string(answer), Header: resp.Header, Message: "no signature for " + c.cfg.ServiceAccount}
	}
	var signed struct {
		SignedJWT string `json:"signedJwt"`
	}
	if err := json.Unmarshal(answer, &signed); err != nil || signed.SignedJWT == "" {
		return "", fmt.Errorf("the answer of signJwt has no signature")
	}
	return signed.SignedJWT, nil
}

// send sends a request and reads all of the answer.
func send(hc *http.Client, req *http.Request) (*http.Response, []byte, error) {
	resp, err := hc.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp, body, err
}
