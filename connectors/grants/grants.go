// Package grants is what connectors have in common whose users consent one by one: what a user granted is kept,
// sealed, and access tokens are held while they last.
package grants

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
)

// A Grant is what is kept of a user's consent, as JSON.
type Grant struct {
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"` // what was granted, with blanks between
}

// A Store keeps a connection's grants and tokens. Users are named by their addresses, in lower case.
type Store struct {
	secrets    connectors.Secrets
	connection string

	mu     sync.Mutex
	tokens map[string]*oauth2.Token
	locks  map[string]*sync.Mutex
}

// New keeps grants in the secrets, which are nil where nobody can consent. The connection is as a person names it:
// "google:people".
func New(secrets connectors.Secrets, connection string) *Store {
	return &Store{secrets: secrets, connection: connection, tokens: map[string]*oauth2.Token{}, locks: map[string]*sync.Mutex{}}
}

// Token is the access token that is held under the key; nil if none is.
func (s *Store) Token(key string) *oauth2.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[key]
}

// Hold holds an access token; nil drops it.
func (s *Store) Hold(key string, t *oauth2.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[key] = t
}

// Drop drops the token that is held under the key, if it is still this one.
func (s *Store) Drop(key string, t *oauth2.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[key] == t {
		s.tokens[key] = nil
	}
}

// Lock waits until nobody else asks for the key's token: a refresh token may be good for one request.
func (s *Store) Lock(key string) (unlock func()) {
	s.mu.Lock()
	own := s.locks[key]
	if own == nil {
		own = &sync.Mutex{}
		s.locks[key] = own
	}
	s.mu.Unlock()
	own.Lock()
	return own.Unlock
}

// Users are those who have consented, in order.
func (s *Store) Users(ctx context.Context) ([]string, error) {
	if s.secrets == nil {
		return nil, nil
	}
	return s.secrets.Names(ctx)
}

// Keep replaces what the user granted.
func (s *Store) Keep(ctx context.Context, user string, g Grant) error {
	b, err := json.Marshal(g)
	if err != nil {
		return err
	}
	// Whoever gave up waiting meanwhile: the provider may accept no other token any more.
	return s.secrets.Keep(context.WithoutCancel(ctx), user, string(b))
}

// Forget drops what the user granted.
func (s *Store) Forget(ctx context.Context, user string) error {
	s.Hold(user, nil)
	return s.secrets.Forget(ctx, user)
}

// Kept is what the user granted. An error that is ErrAccess says how to consent.
func (s *Store) Kept(ctx context.Context, user string) (Grant, error) {
	var g Grant
	if s.secrets == nil {
		return g, errors.New("there is nothing to keep grants in: set keyset_file")
	}
	kept, err := s.secrets.Secret(ctx, user)
	if err != nil {
		return g, err
	}
	if kept == "" {
		return g, fmt.Errorf("%s has not consented: syncd connect %s %[1]s: %[3]w", user, s.connection, connectors.ErrAccess)
	}
	if json.Unmarshal([]byte(kept), &g) != nil || g.RefreshToken == "" {
		return g, fmt.Errorf("what is kept for %s can't be read: syncd connect %s %[1]s: %[3]w", user, s.connection, connectors.ErrAccess)
	}
	return g, nil
}

// Claims are what an id token says of who signed in, as far as anybody asks.
type Claims struct {
	Issuer   string  `json:"iss"`
	Audience string  `json:"aud"`
	Expires  float64 `json:"exp"`
	Email    string  `json:"email"`
	Verified any     `json:"email_verified"`     // a truth value, or one as text
	UserName string  `json:"preferred_username"` // Microsoft's sign-in name
	Tenant   string  `json:"tid"`                // Microsoft's, of the user
}

// Identity reads the id token that came along with t. The token comes from the token endpoint itself, over TLS: then
// its signature need not be checked (OpenID Connect Core 1.0 section 3.1.3.7, point 6). Who issued it is for the
// caller to check.
func Identity(t *oauth2.Token, clientID string, now time.Time) (Claims, error) {
	raw, _ := t.Extra("id_token").(string)
	parts := strings.Split(raw, ".")
	var claims Claims
	if len(parts) != 3 {
		return claims, errors.New("the answer has no id token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return claims, errors.New("the id token can't be read")
	}
	switch {
	case claims.Audience != clientID:
		return claims, errors.New("the id token is for another client")
	case !time.Unix(int64(claims.Expires), 0).After(now):
		return claims, errors.New("the id token has expired; is this machine's clock right?")
	}
	return claims, nil
}
