package fakegoogle

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant is what an access token allows.
type grant struct {
	user, scope string
	until       time.Time
}

// token is the endpoint's answer to a signed assertion (RFC 7523; Google's guide "Using OAuth 2.0 for
// server to server applications").
func (t *Tenant) token(r *http.Request, body []byte) answer {
	bad := func(code, description string) answer {
		return answer{Status: http.StatusBadRequest, Body: map[string]string{"error": code, "error_description": description}}
	}
	form, err := url.ParseQuery(string(body))
	if form.Get("grant_type") == "refresh_token" && form.Get("refresh_token") == refreshToken {
		access := fmt.Sprintf("access-%d", len(t.tokens)+1)
		t.tokens[access] = grant{"", cloudScope, t.Now().Add(time.Hour)}
		return answer{Status: http.StatusOK, Body: map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3599}}
	}
	if err != nil || r.Method != http.MethodPost || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return bad("unsupported_grant_type", "Invalid grant_type")
	}
	claims, err := t.verify(form.Get("assertion"))
	switch {
	case err != nil:
		return bad("invalid_grant", err.Error())
	case t.revoked || !slices.Contains(delegated, claims.Scope):
		a := bad("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.")
		a.Status = http.StatusUnauthorized
		return a
	case !t.active(claims.Sub):
		return bad("invalid_grant", "Invalid email or User ID")
	}
	access := fmt.Sprintf("access-%d", len(t.tokens)+1)
	t.tokens[access] = grant{claims.Sub, claims.Scope, t.Now().Add(time.Hour)}
	return answer{Status: http.StatusOK, Body: map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3599}}
}

const (
	cloudScope   = "https://www.googleapis.com/auth/cloud-platform"
	refreshToken = "runner-refresh-token"
)

// CredentialsFile are credentials that may sign for the service account, as gcloud writes them.
func (t *Tenant) CredentialsFile() []byte {
	return []byte(`{"type":"authorized_user","client_id":"runner","client_secret":"x","refresh_token":"` + refreshToken + `"}`)
}

// signJWT is IAM Service Account Credentials' signJwt.
func (t *Tenant) signJWT(r *http.Request, body []byte) answer {
	g, ok := t.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok || g.scope != cloudScope || !strings.HasSuffix(r.URL.Path, "/serviceAccounts/"+ServiceAccount+":signJwt") {
		return refuse(http.StatusForbidden, "forbidden", "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).")
	}
	var in struct{ Payload string }
	if json.Unmarshal(body, &in) != nil || !json.Valid([]byte(in.Payload)) {
		return refuse(http.StatusBadRequest, "badRequest", "Invalid payload")
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(in.Payload))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, t.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key that was made for this
	}
	return answer{Status: http.StatusOK, Body: map[string]string{"keyId": "1", "signedJwt": signed + "." + base64.RawURLEncoding.EncodeToString(signature)}}
}

func (t *Tenant) active(user string) bool {
	for _, u := range t.users {
		if u.Email == user {
			return !u.Suspended
		}
	}
	return false
}

type claims struct {
	Iss, Sub, Scope, Aud string
	Exp                  int64
}

// verify checks the assertion's signature and what it claims.
func (t *Tenant) verify(assertion string) (claims, error) {
	var c claims
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return c, errors.New("invalid JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return c, errors.New("invalid JWT signature")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&t.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return c, errors.New("invalid JWT signature")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return c, errors.New("invalid JWT")
	}
	if c.Iss != ServiceAccount || !strings.HasSuffix(c.Aud, "/token") || c.Exp == 0 {
		return c, errors.New("invalid JWT: iss, aud or exp")
	}
	return c, nil
}
