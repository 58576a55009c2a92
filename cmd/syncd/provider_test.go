package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// provider lets whoever logs in consent: the user of the login hint, or ana. Those whose name begins with "no"
// refuse. It redeems a code once, and renews nothing: nobody is asked for a calendar.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	codes   map[string]url.Values // what was asked for
	refresh map[string]bool       // the tokens that are good
}

func newProvider() *provider {
	p := &provider{codes: map[string]url.Values{}, refresh: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth", p.auth)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /revoke", p.revoke)
	p.Server = httptest.NewServer(mux)
	return p
}

// client is the file that the provider's console gives.
func (p *provider) client() []byte {
	return fmt.Appendf(nil, `{"installed":{"client_id":"syncd","client_secret":"confidential","auth_uri":"%s/auth","token_uri":"%[1]s/token","redirect_uris":["http://localhost"]}}`, p.URL)
}

func (p *provider) auth(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	back := url.Values{"state": {q.Get("state")}, "iss": {"https://accounts.google.com"}}
	if strings.HasPrefix(q.Get("login_hint"), "no") {
		back.Set("error", "access_denied")
	} else {
		back.Set("code", fmt.Sprint("code-", len(p.codes)))
		p.codes[back.Get("code")] = q
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	asked := p.codes[r.PostFormValue("code")]
	p.codes[r.PostFormValue("code")] = nil
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if asked == nil || r.PostFormValue("client_secret") != "confidential" || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	user := asked.Get("login_hint")
	if user == "" {
		user = "ana@acme.com"
	}
	claims := fmt.Sprintf(`{"iss":"https://accounts.google.com","aud":"syncd","exp":%d,"email":%q,"email_verified":true}`, time.Now().Add(time.Hour).Unix(), user)
	refresh := fmt.Sprint("refresh-token-", len(p.codes))
	p.refresh[refresh] = true
	json.NewEncoder(w).Encode(map[string]any{ // to our own client
		"access_token": "access", "token_type": "Bearer", "expires_in": 3599, "refresh_token": refresh, "scope": asked.Get("scope"),
		"id_token": "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln",
	})
}

func (p *provider) revoke(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token := r.PostFormValue("token"); p.refresh[token] {
		delete(p.refresh, token)
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprint(w, `{"error":"invalid_token"}`)
}

// browser is a program that goes where it is told to, and on to where it is sent from there.
func browser() {
	resp, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	resp.Body.Close()
}
