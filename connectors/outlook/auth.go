package outlook

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/grants"
)

// asUser is the context's key of the user whose consent a request needs.
type asUser struct{}

// as names the reader of what the request is about. It matters where users consent one by one.
func as(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, asUser{}, strings.ToLower(user))
}

// signed puts a token on requests. One that is held and not accepted any more was taken back before its hour was
// over (continuous access evaluation): a new one is asked for, once.
type signed struct{ c *connector }

func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.c.env.Replayed {
		return s.c.transport.RoundTrip(r)
	}
	user := ""
	if s.c.cfg.delegated() {
		user, _ = r.Context().Value(asUser{}).(string)
	}
	for {
		t, fresh, err := s.c.token(r.Context(), user)
		if err != nil {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, err
		}
		bearing := r.Clone(r.Context())
		t.SetAuthHeader(bearing)
		resp, err := s.c.transport.RoundTrip(bearing)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			return resp, err
		}
		s.c.grants.Drop(user, t)
		if fresh || r.Body != nil {
			return resp, nil
		}
		resp.Body.Close()
	}
}

// token is the one that is held while it lasts, else a new one. The user is "" for the application itself.
func (c *connector) token(ctx context.Context, user string) (t *oauth2.Token, fresh bool, err error) {
	defer c.grants.Lock(user)()
	var g grants.Grant // of a user; another process may have replaced or dropped it
	if c.cfg.delegated() {
		if g, err = c.grants.Kept(ctx, user); err != nil {
			return nil, false, err
		}
	}
	if t := c.grants.Token(user); t.Valid() && t.RefreshToken == g.RefreshToken {
		return t, false, nil
	}
	if c.cfg.delegated() {
		t, err = c.oauth("").TokenSource(c.tokenContext(ctx), &oauth2.Token{RefreshToken: g.RefreshToken}).Token()
	} else {
		t, err = (&clientcredentials.Config{
			ClientID: c.cfg.ClientID, AuthStyle: oauth2.AuthStyleInParams, TokenURL: c.loginURL("oauth2/v2.0/token"), Scopes: []string{c.cloud.graph + "/.default"},
		}).Token(c.tokenContext(ctx))
	}
	if err != nil {
		return nil, false, c.explainToken(err, user)
	}
	if t.RefreshToken != g.RefreshToken { // the old one may be good for nothing from now on
		if err := c.grants.Keep(ctx, user, grants.Grant{RefreshToken: t.RefreshToken, Scope: g.Scope}); err != nil {
			return nil, false, err
		}
	}
	c.grants.Hold(user, t)
	return t, true, nil
}

// loginURL is an address of the tenant's at the token service.
func (c *connector) loginURL(path string) string {
	return c.cloud.login + "/" + url.PathEscape(c.cfg.Tenant) + "/" + path
}

// tokenContext makes x/oauth2 send its requests as ours: with our proof, our retries, our redirects, and our end.
func (c *connector) tokenContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: proving{ctx, c}, CheckRedirect: noRedirect})
}

// proving adds the application's proof to requests for tokens. x/oauth2 has a place for a secret; for an assertion,
// which is made anew each time, it has none where a token is refreshed.
type proving struct {
	ctx context.Context
	c   *connector
}

func (p proving) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, err
	}
	proof, err := p.c.proof()
	if err != nil {
		return nil, err
	}
	for key, value := range proof {
		form.Set(key, value)
	}
	body := []byte(form.Encode())
	out := r.Clone(p.ctx)
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return p.c.transport.RoundTrip(out)
}

// assertionType is RFC 7523's, section 2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proof is what shows that we are the application. A public client, which users' devices may be, has none.
func (c *connector) proof() (map[string]string, error) {
	read := func(key, name string) ([]byte, error) {
		b, err := c.env.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s can't be read: %w: %w", key, err, connectors.ErrAccess)
		}
		return bytes.TrimSpace(b), nil
	}
	switch {
	case c.cfg.ClientSecretFile != "":
		secret, err := read("client_secret_file", c.cfg.ClientSecretFile)
		return map[string]string{"client_secret": string(secret)}, err
	case c.cfg.FederatedTokenFile != "":
		token, err := read("federated_token_file", c.cfg.FederatedTokenFile)
		return map[string]string{"client_assertion_type": assertionType, "client_assertion": string(token)}, err
	case c.cfg.CertificateFile != "":
		b, err := read("certificate_file", c.cfg.CertificateFile)
		if err != nil {
			return nil, err
		}
		assertion, err := c.assertion(b)
		return map[string]string{"client_assertion_type": assertionType, "client_assertion": assertion}, err
	}
	return nil, nil
}

// assertionLife is how long an assertion is good. Microsoft recommends minutes.
const assertionLife = 5 * time.Minute

// assertion is signed by the certificate's key ("Microsoft identity platform application authentication certificate
// credentials"). Errors say nothing of what is in the file.
func (c *connector) assertion(pem []byte) (string, error) {
	unusable := fmt.Errorf("certificate_file %s must have a certificate and its RSA private key, not encrypted, both as PEM: %w", c.cfg.CertificateFile, connectors.ErrAccess)
	pair, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return "", unusable
	}
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return "", unusable
	}
	thumbprint := sha256.Sum256(pair.Certificate[0])
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(thumbprint[:])))
	if err != nil {
		return "", unusable
	}
	now := c.env.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: c.cfg.ClientID, Subject: c.cfg.ClientID, Audience: jwt.Audience{c.loginURL("oauth2/v2.0/token")}, ID: rand.Text(),
		NotBefore: jwt.NewNumericDate(now), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLife)),
	}).Serialize()
}
