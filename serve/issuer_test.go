package serve_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuer is an OpenID provider that can be told to lie.
type issuer struct {
	*httptest.Server
	key, wrongKey *rsa.PrivateKey

	mu     sync.Mutex
	codes  map[string]url.Values // what each was asked for with
	claims map[string]any        // said of whoever comes
	info   map[string]any        // said at the userinfo endpoint
	lie    func(claims map[string]any, token *string)
	grants int
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{codes: map[string]url.Values{}}
	for _, k := range []**rsa.PrivateKey{&i.key, &i.wrongKey} {
		var err error
		if *k, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"userinfo_endpoint": i.URL + "/me", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		code := rand.Text()
		i.codes[code] = r.URL.Query()
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {r.URL.Query().Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		asked, ok := i.codes[r.FormValue("code")]
		delete(i.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || asked.Get("code_challenge_method") != "S256" || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") ||
			r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		i.grants++
		claims := map[string]any{
			"iss": i.URL, "aud": asked.Get("client_id"), "sub": "1", "nonce": asked.Get("nonce"),
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		for name, v := range i.claims {
			claims[name] = v
		}
		token := ""
		if i.lie != nil {
			i.lie(claims, &token)
		}
		if token == "" {
			token = i.sign(t, i.key, claims)
		}
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token})
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.info == nil {
			http.NotFound(w, nil)
			return
		}
		answer(w, i.info)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) sign(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	return sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, claims)
}

func sign(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	s, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
		return ""
	}
	signed, err := s.Sign(b)
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return token
}
