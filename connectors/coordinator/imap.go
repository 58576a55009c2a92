package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/google"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/imapbox"
	"example.com/syncd/internal/retry"
)

// IMAP is a mailbox that is read where it is. Nothing in it is marked, moved or deleted.
type IMAP struct {
	Server   string `yaml:"server"`  // host and port, as "imap.acme.com:993"
	User     string `yaml:"user"`    // who logs in; "": the coordinator's address
	Mailbox  string `yaml:"mailbox"` // "": INBOX
	Security string `yaml:"security" jsonschema:"enum=,enum=tls,enum=starttls,enum=none"`
	// How to log in, one of these: a password; a token that the token endpoint gives the application (client
	// credentials); one that Google gives a service account which may act for the user.
	PasswordFile       string `yaml:"password_file"`
	TokenURL           string `yaml:"token_url" jsonschema:"pattern=^$|^https?://"`
	ClientID           string `yaml:"client_id"`
	ClientSecretFile   string `yaml:"client_secret_file"`
	Scope              string `yaml:"scope"`
	ServiceAccountFile string `yaml:"service_account_file"`
}

// mailScope is the only one with which Google lets a program use IMAP ("OAuth 2.0 Mechanism": IMAP, POP and SMTP).
const mailScope = "https://mail.google.com/"

func (c IMAP) validate(wrong func(format string, args ...any)) {
	if c == (IMAP{}) {
		return
	}
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		wrong("imap.server: %q is no host and port, as imap.acme.com:993", c.Server)
	}
	switch imapbox.Security(c.Security) {
	case "", imapbox.TLS, imapbox.StartTLS:
	case imapbox.None:
		if !loopback(host) {
			wrong("imap.security: none would show the password to everybody between here and %s: use tls or starttls", c.Server)
		}
	default:
		wrong("imap.security: %q is none of tls, starttls, none", c.Security)
	}
	ways := 0
	for _, set := range []bool{c.PasswordFile != "", c.TokenURL != "", c.ServiceAccountFile != ""} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		wrong("imap.password_file, imap.token_url and imap.service_account_file: log in by one of them")
	}
	if u, err := url.Parse(c.TokenURL); c.TokenURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname()))) {
		wrong("imap.token_url: %q is no address, as https://login.example/token", c.TokenURL)
	}
	if c.TokenURL != "" && (c.ClientID == "" || c.ClientSecretFile == "" || c.Scope == "") {
		wrong("imap.token_url goes with imap.client_id, imap.client_secret_file and imap.scope")
	}
	if c.TokenURL == "" && (c.ClientID != "" || c.ClientSecretFile != "" || c.Scope != "") {
		wrong("imap.client_id, imap.client_secret_file and imap.scope go with imap.token_url")
	}
}

// imapWay is a box behind IMAP.
type imapWay struct {
	*imapbox.Box
}

func (c *connector) imap() *imapWay {
	cfg := c.cfg.IMAP
	b := &imapbox.Box{
		Address: cfg.Server, Security: imapbox.Security(cfg.Security), User: cfg.User, Mailbox: cfg.Mailbox,
		Dial: c.env.Dial, MaxMail: maxMail, TLS: c.cfg.tls,
	}
	if b.User == "" {
		b.User = c.cfg.Address
	}
	if b.Mailbox == "" {
		b.Mailbox = "INBOX"
	}
	if cfg.PasswordFile != "" {
		b.Password = func(context.Context) (string, error) { return c.secret("imap.password_file", cfg.PasswordFile) }
	} else {
		t := &tokens{c: c, user: b.User}
		b.Token = t.token
	}
	return &imapWay{b}
}

// secret is what stands in a file.
func (c *connector) secret(key, file string) (string, error) {
	b, err := c.env.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s can't be read: %w: %w", key, err, connectors.ErrAccess)
	}
	return string(bytes.TrimSpace(b)), nil
}

// batchIMAP is how many mails are read at a time.
const batchIMAP = 50

// fetch reads mails that nobody has read. The position is imapbox's.
func (w *imapWay) fetch(ctx context.Context, pos string, known knower) ([]mail, string, error) {
	var from imapbox.Position
	if pos != "" {
		if err := json.Unmarshal([]byte(pos), &from); err != nil {
			return nil, pos, fmt.Errorf("coordinator: the position in the mailbox: %w", connectors.ErrCursor)
		}
	}
	found, next, err := w.Fetch(ctx, from, batchIMAP, imapbox.Known(known))
	if err != nil {
		return nil, pos, explainIMAP(err)
	}
	if next == from {
		return nil, pos, nil
	}
	mails := make([]mail, len(found))
	for i, f := range found {
		mails[i] = mail{origin: f.Origin(), name: f.Origin(), raw: f.Raw, at: f.Received}
		if f.Raw == nil {
			mails[i].problem = errTooLarge
		}
	}
	b, err := json.Marshal(next)
	return mails, string(b), err
}

// explainIMAP says what a person must do, if one must.
func explainIMAP(err error) error {
	var refused *oauth2.RetrieveError
	switch {
	case errors.Is(err, imapbox.ErrLogin):
		return fmt.Errorf("coordinator: %w; check imap.user and its credentials, and that IMAP is switched on for the mailbox: %w", err, connectors.ErrAccess)
	case errors.Is(err, imapbox.ErrMailbox):
		return fmt.Errorf("coordinator: %w; correct imap.mailbox: %w", err, connectors.ErrAccess)
	case errors.As(err, &refused):
		return fmt.Errorf("coordinator: imap: no token: %s %s; check imap.client_id, its secret and imap.scope, or the service account's delegation of %s: %w",
			refused.ErrorCode, firstLine(refused.ErrorDescription), mailScope, connectors.ErrAccess)
	}
	return fmt.Errorf("coordinator: %w", err)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

// listen tells of new mail until ctx ends.
func (w *imapWay) listen(ctx context.Context, changed func()) error {
	for next := uint32(0); ; {
		var err error
		if next, err = w.Wait(ctx, next); err != nil {
			return explainIMAP(err)
		}
		changed()
	}
}

// tokens are access tokens for a mailbox. One is held for as long as it lasts.
type tokens struct {
	c    *connector
	user string

	mu   sync.Mutex
	held *oauth2.Token
}

func (t *tokens) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.Valid() {
		return t.held.AccessToken, nil
	}
	c := t.c
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: retry.Transport(c.env.HTTP, retry.Default), Timeout: time.Minute})
	var source oauth2.TokenSource
	cfg := c.cfg.IMAP
	if cfg.ServiceAccountFile != "" {
		key, err := c.secret("imap.service_account_file", cfg.ServiceAccountFile)
		if err != nil {
			return "", err
		}
		jwt, err := google.JWTConfigFromJSON([]byte(key), mailScope)
		if err != nil {
			return "", fmt.Errorf("imap.service_account_file is no key of a service account: %w", connectors.ErrAccess)
		}
		jwt.Subject = t.user
		source = jwt.TokenSource(ctx)
	} else {
		secret, err := c.secret("imap.client_secret_file", cfg.ClientSecretFile)
		if err != nil {
			return "", err
		}
		source = (&clientcredentials.Config{ClientID: cfg.ClientID, ClientSecret: secret, TokenURL: cfg.TokenURL, Scopes: []string{cfg.Scope}, AuthStyle: oauth2.AuthStyleInParams}).TokenSource(ctx)
	}
	got, err := source.Token()
	if err != nil {
		return "", err
	}
	t.held = got
	return got.AccessToken, nil
}
