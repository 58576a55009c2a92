package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/serve"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
	"example.com/syncd/store"
)

// server is the daemon's HTTP side.
type server struct {
	listener net.Listener
	handler  http.Handler
	doors    *access.Doors
	api      *api.API
	changes  *changes
}

// newServer listens, and opens what is configured. It is not ready any more once ending is closed; streams end when ctx does.
func newServer(ctx context.Context, ending <-chan struct{}, cfg *config.Config, e *engine.Engine, st *store.Store, rules *following, watched watchers, log *slog.Logger) (*server, error) {
	doors, err := newDoors(ctx, cfg, st, log)
	if err != nil {
		return nil, err
	}
	key, err := st.ServeKey(ctx, "cursors")
	if err != nil {
		return nil, err
	}
	ac := api.Config{
		Catalog: st.Catalog(), Health: e.Health, Directory: rules.Members, Key: key, Version: version(), Now: e.Now, Log: log, Stopping: ctx.Done(),
		Signals: st.Signals(), Deliveries: apiDeliveries{st.Deliveries(), e.Now},
	}
	s := &server{doors: doors, api: api.New(ac), changes: newChanges(ctx, e, st)}
	sc := serve.Config{
		Doors: doors, API: s.api, Metrics: watched.guarded(cfg, doors), Health: e.Health, Ending: ending, Late: late, Now: e.Now, Log: log,
	}
	if sc.Pages, err = newPages(cfg, e, st, rules, s.changes, log); err != nil {
		return nil, err
	}
	sc.Mail = func(w http.ResponseWriter, r *http.Request, driver, connection string) bool {
		m, ok := e.MailReceiver(driver, connection)
		if ok {
			m.ServeMail(w, r, e.Desk())
		}
		return ok
	}
	if cfg.Push.URL != "" {
		sc.Push = receive(e)
		log.Info("providers are asked to push", "to", cfg.Push.URL+"/push/")
	}
	s.handler = serve.Handler(sc)
	if s.listener, err = net.Listen("tcp", cfg.Serve.Listen); err != nil {
		return nil, fmt.Errorf("serve.listen %s: %w; choose another address, or \"off\"", cfg.Serve.Listen, err)
	}
	log.Info("serving", "address", "http://"+s.listener.Addr().String(), "log_in", cfg.Serve.Login != nil)
	return s, nil
}

// newDoors are the doors that the configuration describes. They go by the real time, whatever the daemon's clock says.
func newDoors(ctx context.Context, cfg *config.Config, st *store.Store, log *slog.Logger) (*access.Doors, error) {
	secret, err := readSecret("serve.token_file", cfg.Serve.TokenFile, "write a long random word into it")
	if err != nil {
		return nil, err
	}
	signIn, err := newSignIn(cfg, log)
	if err != nil {
		return nil, err
	}
	c := access.Config{
		Tokens: st.Tokens(), Secret: secret, Sessions: st.Sessions(time.Now), PublicURL: cfg.Serve.PublicURL, Listen: cfg.Serve.Listen,
		SignIn: signIn, Proxies: cfg.Serve.Networks(), Rates: access.Rates{PerIdentity: float64(cfg.Serve.RequestsPerSecond)}, Network: network(), Now: time.Now, Log: log,
	}
	if c.Key, err = st.ServeKey(ctx, "login"); err != nil {
		return nil, err
	}
	if l := cfg.Serve.Login; l != nil {
		own, err := readSecret("serve.login.client_secret_file", l.ClientSecretFile, "write the client's secret into it")
		if err != nil {
			return nil, err
		}
		c.Login = &access.Login{
			Issuer: l.Issuer, ClientID: l.ClientID, ClientSecret: own, Admins: l.Admins, Viewers: l.Viewers, Domains: l.Domains,
			GroupsClaim: l.GroupsClaim, Scopes: l.Scopes, TrustAddresses: l.TrustAddresses,
		}
	}
	return access.New(c)
}

// readSecret is the word in a setting's file; "" without one.
func readSecret(setting, file, remedy string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		return "", fmt.Errorf("%s: %s is empty; %s, or leave the setting out", setting, file, remedy)
	}
	return secret, nil
}

// following is an adopter that keeps the newest rules, and the policy's text.
type following struct {
	adopter
	file string // the policy's
	now  func() time.Time
	kept atomic.Pointer[standing]
}

// standing are rules that were handed on.
type standing struct {
	engine.Rules
	text  string    // of the policy, as it was written then; "" if it could not be read
	since time.Time // zero: since the daemon started
}

func follow(a adopter, r engine.Rules, file string, now func() time.Time) *following {
	f := &following{adopter: a, file: file, now: now}
	f.keep(r, time.Time{})
	return f
}

func (f *following) keep(r engine.Rules, since time.Time) {
	b, err := os.ReadFile(f.file)
	if err != nil {
		b = nil
	}
	f.kept.Store(&standing{r, string(b), since})
}

// SetRules hands the rules on. Where somebody has joined, the policy is the one that it was.
func (f *following) SetRules(r engine.Rules) {
	before := f.inForce()
	f.keep(r, f.now())
	if now := f.inForce(); now.text == before.text {
		f.kept.Store(&standing{now.Rules, now.text, before.since})
	}
	f.adopter.SetRules(r)
}

// inForce are the newest rules.
func (f *following) inForce() *standing { return f.kept.Load() }

// Members are those of the newest rules.
func (f *following) Members() []eligibility.Member { return f.inForce().Policy.Directory.Members }
