package fakegraph

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // x5t is a SHA-1 thumbprint (RFC 7515 section 4.1.7)
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// A Certificate is a registered public key of an application: the certificate in DER, and its key.
type Certificate struct {
	DER []byte
	Key *rsa.PublicKey
}

// Federated is a federated identity credential: tokens of another issuer that stand for the application
// ("Workload identity federation").
type Federated struct {
	Issuer, Subject, Audience string
	Key                       *rsa.PublicKey // the issuer's
}

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// prove checks the application's credentials; 0: they are right.
func (t *Tenant) prove(app *App, tenant, secret string, form url.Values) (code int, why string) {
	assertion := form.Get("client_assertion")
	switch {
	case assertion == "" && secret == "":
		return 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
	case assertion == "" && (app.Secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(app.Secret)) != 1):
		return 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + app.ID + "'."
	case assertion == "" && app.SecretExpired:
		return 7000222, "The provided client secret keys for app '" + app.ID + "' are expired."
	case assertion == "":
		return 0, ""
	case form.Get("client_assertion_type") != jwtBearer:
		return 900144, "The request body must contain the following parameter: 'client_assertion_type'."
	}
	j, err := parseJWT(assertion)
	if err != nil {
		return 700027, "The client assertion is malformed."
	}
	now := t.Now()
	if j.claims.Expires == 0 || !now.Before(time.Unix(j.claims.Expires, 0).Add(5*time.Minute)) || now.Before(time.Unix(j.claims.NotBefore, 0).Add(-5*time.Minute)) {
		return 700024, "Client assertion is not within its valid time range."
	}
	if j.claims.Issuer != app.ID {
		return federated(app, j)
	}
	for _, cert := range app.Certificates {
		s1, s256 := sha1.Sum(cert.DER), sha256.Sum256(cert.DER)
		named := j.header.X5t == base64.RawURLEncoding.EncodeToString(s1[:]) || j.header.X5tS256 == base64.RawURLEncoding.EncodeToString(s256[:])
		if !named {
			continue
		}
		if !j.signedBy(cert.Key) || j.claims.Subject != app.ID || !strings.HasSuffix(j.claims.Audience, "/"+tenant+"/oauth2/v2.0/token") {
			return 700027, "Client assertion failed signature validation, or its claims are not the application's."
		}
		return 0, ""
	}
	return 700027, "The certificate with identifier used to sign the client assertion is not registered on application."
}

func federated(app *App, j jwt) (code int, why string) {
	code, why = 700211, "No matching federated identity record found for presented assertion issuer '"+j.claims.Issuer+"'."
	for _, f := range app.Federated {
		switch {
		case f.Issuer != j.claims.Issuer:
		case f.Subject != j.claims.Subject || or(f.Audience, "api://AzureADTokenExchange") != j.claims.Audience:
			code, why = 700213, "No matching federated identity record found for presented assertion subject '"+j.claims.Subject+"'."
		case !j.signedBy(f.Key):
			return 700027, "Client assertion failed signature validation."
		default:
			return 0, ""
		}
	}
	return code, why
}

// jwt is a signed token (RFC 7519), read and not yet believed.
type jwt struct {
	header struct {
		Alg     string `json:"alg"`
		X5t     string `json:"x5t"`
		X5tS256 string `json:"x5t#S256"`
	}
	claims struct {
		Issuer    string `json:"iss"`
		Subject   string `json:"sub"`
		Audience  string `json:"aud"`
		Expires   int64  `json:"exp"`
		NotBefore int64  `json:"nbf"`
	}
	signed    string
	signature []byte
}

func parseJWT(s string) (j jwt, err error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return j, base64.CorruptInputError(0)
	}
	for i, into := range []any{&j.header, &j.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return j, err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return j, err
		}
	}
	j.signed = parts[0] + "." + parts[1]
	j.signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	return j, err
}

func (j jwt) signedBy(key *rsa.PublicKey) bool {
	digest := sha256.Sum256([]byte(j.signed))
	switch j.header.Alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], j.signature) == nil
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, digest[:], j.signature, nil) == nil
	}
	return false
}
