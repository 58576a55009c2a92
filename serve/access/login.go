package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

// Login says by whom people are known, and what they may do.
type Login struct {
	Issuer       string // https://…, where /.well-known/openid-configuration is below
	ClientID     string
	ClientSecret string // "": a public client
	// Admins may do everything; Viewers may see what there is, and say of meetings what they want. An entry with an @
	// is an address, any other a group. Whoever has an address of one of the Domains is a viewer.
	Admins, Viewers, Domains []string
	// GroupsClaim is the claim that lists a person's groups (groups), Scopes what is asked for besides openid, email
	// and profile.
	GroupsClaim string
	Scopes      []string
	// TrustAddresses has addresses believed that the issuer does not say it has verified.
	TrustAddresses bool
}

// scopes is what p may do; none: they may not come in.
func (l Login) scopes(p person) tokens.Scopes {
	named := func(list []string) bool {
		return slices.ContainsFunc(list, func(entry string) bool {
			if strings.Contains(entry, "@") {
				return p.Email != "" && strings.EqualFold(entry, p.Email)
			}
			return slices.Contains(p.Groups, entry)
		})
	}
	_, domain, _ := strings.Cut(p.Email, "@")
	switch {
	case named(l.Admins):
		return tokens.Scopes{tokens.Admin}
	case named(l.Viewers), domain != "" && slices.ContainsFunc(l.Domains, func(d string) bool { return strings.EqualFold(d, domain) }):
		return tokens.Scopes{tokens.Read, tokens.Signals}
	}
	return nil
}

// login is a Login at work.
type login struct {
	Login
	doors   *Doors
	client  *http.Client
	secrets sealer

	mu       sync.Mutex
	provider *oidc.Provider // nil: it was not asked yet
}

func newLogin(d *Doors, l Login) (*login, error) {
	secrets, err := newSealer(d.Key)
	if err != nil {
		return nil, err
	}
	l.GroupsClaim = cmp.Or(l.GroupsClaim, "groups")
	client := &http.Client{Transport: d.Network, Timeout: 15 * time.Second}
	return &login{Login: l, doors: d, client: client, secrets: secrets}, nil
}

// discover asks the issuer how it is used, once it is needed.
func (l *login) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.provider == nil {
		// The provider goes on using the context to renew the issuer's keys.
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), l.client), l.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("ask the issuer how it is used: %w", err)
		}
		l.provider = p
	}
	return l.provider, &oauth2.Config{
		ClientID: l.ClientID, ClientSecret: l.ClientSecret, Endpoint: l.provider.Endpoint(),
		RedirectURL: l.doors.public.Scheme + "://" + l.doors.public.Host + "/auth/callback",
		Scopes:      append([]string{oidc.ScopeOpenID, "email", "profile"}, l.Scopes...),
	}, nil
}

// attempt is a log-in under way, sealed in a cookie of the browser that began it.
type attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	ReturnTo string `json:"return_to"`
	Until    int64  `json:"until"`
}

const (
	attemptCookie = "__Host-syncd-login"
	attemptLasts  = 10 * time.Minute
)

// begin sends the browser to the issuer.
func (l *login) begin(w http.ResponseWriter, r *http.Request) {
	a := attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		ReturnTo: returnTo(r.URL.Query().Get("return_to")), Until: l.doors.Now().Add(attemptLasts).Unix(),
	}
	_, client, err := l.discover(r.Context())
	if err != nil {
		l.failed(w, "the log-in's issuer can't be reached", err)
		return
	}
	sealed, err := l.secrets.seal(a)
	if err != nil {
		l.failed(w, "the log-in could not begin", err)
		return
	}
	http.SetCookie(w, hostCookie(attemptCookie, sealed, attemptLasts))
	http.Redirect(w, r, client.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), http.StatusSeeOther)
}

// returnTo is a path of ours, "/" in place of anything else: nobody is to be led elsewhere by a log-in.
func returnTo(path string) string {
	u, err := url.Parse(path)
	bad := err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(path) > 2000 ||
		!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/auth/") ||
		strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == '\\' || c == 0x7f })
	if bad {
		return "/"
	}
	return path
}

// end lets the person in whom the issuer has sent back.
func (l *login) end(w http.ResponseWriter, r *http.Request) {
	a, ok := l.attempt(r)
	http.SetCookie(w, hostCookie(attemptCookie, "", -1)) // it is good for one answer
	q := r.URL.Query()
	switch {
	case !ok:
		problem.Write(w, http.StatusBadRequest, "no log-in is under way in this browser, or it took too long: begin again at /auth/login")
		return
	case subtle.ConstantTimeCompare([]byte(a.State), []byte(q.Get("state"))) != 1:
		problem.Write(w, http.StatusBadRequest, "this answer belongs to another log-in: begin again at /auth/login")
		return
	case q.Has("iss") && q.Get("iss") != l.Issuer: // RFC 9207
		problem.Write(w, http.StatusBadRequest, "this answer is another issuer's: begin again at /auth/login")
		return
	case q.Get("code") == "":
		l.doors.Log.Info("a log-in was refused by the issuer", "reason", word(q.Get("error")))
		problem.Write(w, http.StatusForbidden, "the issuer did not let you in: begin again at /auth/login")
		return
	}
	p, err := l.redeem(r.Context(), a, q.Get("code"))
	if err != nil {
		l.doors.Log.Warn("a log-in failed", "error", err)
		problem.Write(w, http.StatusForbidden, "what the issuer says can't be believed: begin again at /auth/login; the daemon's log says more")
		return
	}
	scopes := l.scopes(p)
	if scopes == nil {
		l.doors.Log.Info("somebody logged in who is not among those that may", "who", l.id(p))
		problem.Write(w, http.StatusForbidden, "you are known, but not among those who may come in: ask for an entry in serve.login")
		return
	}
	p.SeenUnix = l.doors.Now().Unix()
	if err := l.doors.sessions.begin(w, r, p, l.doors.Now()); err != nil {
		l.failed(w, "the log-in could not be kept", err)
		return
	}
	l.doors.Log.Info("logged in", "who", l.id(p), "scopes", scopes.String())
	http.Redirect(w, r, a.ReturnTo, http.StatusSeeOther)
}

func (l *login) attempt(r *http.Request) (attempt, bool) {
	var a attempt
	c, err := r.Cookie(attemptCookie)
	if err != nil || !l.secrets.open(c.Value, &a) {
		return a, false
	}
	return a, a.State != "" && l.doors.Now().Unix() < a.Until
}

// redeem is whom the issuer says the code stands for.
func (l *login) redeem(ctx context.Context, a attempt, code string) (person, error) {
	provider, client, err := l.discover(ctx)
	if err != nil {
		return person{}, err
	}
	ctx = oidc.ClientContext(ctx, l.client)
	granted, err := client.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		var said *oauth2.RetrieveError
		if errors.As(err, &said) { // whose text has the whole answer in it
			return person{}, fmt.Errorf("redeem the code: %d %s", said.Response.StatusCode, word(said.ErrorCode))
		}
		return person{}, fmt.Errorf("redeem the code: %w", err)
	}
	raw, ok := granted.Extra("id_token").(string)
	if !ok {
		return person{}, errors.New("the issuer gave no id_token")
	}
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: l.ClientID, Now: l.doors.Now}).Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("the id_token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1 {
		return person{}, errors.New("the id_token: its nonce is another log-in's")
	}
	var said claims
	if err := said.read(token.Claims); err != nil {
		return person{}, fmt.Errorf("the id_token: %w", err)
	}
	if said.email == "" && provider.UserInfoEndpoint() != "" {
		// Some issuers tell there what others have in the token.
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(granted))
		switch {
		case err != nil:
			return person{}, fmt.Errorf("ask for the person's claims: %w", err)
		case info.Subject != token.Subject:
			return person{}, errors.New("the issuer tells of another person than the id_token")
		}
		if err := said.read(info.Claims); err != nil {
			return person{}, fmt.Errorf("the person: %w", err)
		}
	}
	return l.believe(token.Subject, said)
}

// claims are what is said of a person.
type claims struct {
	email    string
	verified *bool // nil: nobody says
	name     string
	all      map[string]json.RawMessage
}

func (c *claims) read(from func(any) error) error {
	var said struct {
		Email    string `json:"email"`
		Verified *bool  `json:"email_verified"`
		Name     string `json:"name"`
	}
	var all map[string]json.RawMessage
	if err := errors.Join(from(&said), from(&all)); err != nil {
		return fmt.Errorf("claims that can't be read: %w", err)
	}
	c.email, c.verified, c.name = said.Email, said.Verified, cmp.Or(said.Name, c.name)
	if c.all == nil {
		c.all = map[string]json.RawMessage{}
	}
	maps.Copy(c.all, all)
	return nil
}

// believe is the person of whom that is said. An address is believed that the issuer has verified.
func (l *login) believe(subject string, said claims) (person, error) {
	p := person{Subject: subject, Name: said.name}
	if said.verified != nil && *said.verified || said.verified == nil && l.TrustAddresses {
		p.Email = strings.ToLower(said.email)
	}
	if raw := said.all[l.GroupsClaim]; raw != nil {
		if err := json.Unmarshal(raw, &p.Groups); err != nil {
			return person{}, fmt.Errorf("the claim %s is no list of words", l.GroupsClaim)
		}
	}
	return p, nil
}

// identity is p as somebody who asks.
func (l *login) identity(p person) (Identity, bool, *refusal) {
	scopes := l.scopes(p)
	if scopes == nil {
		return Identity{}, false, &refusal{http.StatusForbidden, "you are known, but not any more among those who may come in: ask for an entry in serve.login"}
	}
	return Identity{ID: l.id(p), Person: true, Name: cmp.Or(p.Name, p.Email), Email: p.Email, Scopes: scopes}, true, nil
}

// id tells people apart in logs without naming them.
func (l *login) id(p person) string {
	sum := sha256.Sum256([]byte(l.Issuer + "\x00" + p.Subject))
	return "person:" + hex.EncodeToString(sum[:6])
}

func (l *login) failed(w http.ResponseWriter, what string, err error) { l.doors.failed(w, what, err) }

// word is what another program calls an error, if it is a word.
func word(s string) string {
	if len(s) > 60 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "(no word)"
	}
	return s
}
