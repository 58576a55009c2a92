package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
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
}

// newServer listens, and opens what is configured. It is not ready any more once ending is closed; streams end when ctx does.
func newServer(ctx context.Context, ending <-chan struct{}, cfg *config.Config, e *engine.Engine, st *store.Store, members func() []eligibility.Member, watched watchers, log *slog.Logger) (*server, error) {
	doors, err := newDoors(ctx, cfg, st, log)
	if err != nil {
		return nil, err
	}
	key, err := st.ServeKey(ctx, "cursors")
	if err != nil {
		return nil, err
	}
	ac := api.Config{
		Catalog: st.Catalog(), Health: e.Health, Directory: members, Key: key, Version: version(), Now: e.Now, Log: log, Stopping: ctx.Done(),
	}
	if cfg.Signals != "" {
		ac.Signals = &signalFile{name: cfg.Signals}
	}
	s := &server{doors: doors, api: api.New(ac)}
	sc := serve.Config{
		Doors: doors, API: s.api, Metrics: watched.guarded(cfg, doors), Health: e.Health, Ending: ending, Late: late, Now: e.Now, Log: log,
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
	c := access.Config{
		Tokens: st.Tokens(), Secret: secret, Sessions: st.Sessions(time.Now), PublicURL: cfg.Serve.PublicURL, Listen: cfg.Serve.Listen,
		Proxies: cfg.Serve.Networks(), Rates: access.Rates{PerIdentity: float64(cfg.Serve.RequestsPerSecond)}, Network: network(), Now: time.Now, Log: log,
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

// following is an adopter that keeps whom the newest rules list.
type following struct {
	adopter
	members atomic.Pointer[[]eligibility.Member]
}

func follow(a adopter, r engine.Rules) *following {
	f := &following{adopter: a}
	f.members.Store(&r.Policy.Directory.Members)
	return f
}

// SetRules hands the rules on.
func (f *following) SetRules(r engine.Rules) {
	f.members.Store(&r.Policy.Directory.Members)
	f.adopter.SetRules(r)
}

// Members are those of the newest rules.
func (f *following) Members() []eligibility.Member { return *f.members.Load() }

// signalFile is the file of signals as the API uses it.
type signalFile struct {
	name string
	mu   sync.Mutex // one line at a time
}

// Signals are those in the file; none while there is no file.
func (f *signalFile) Signals() ([]eligibility.Signal, error) {
	if _, err := os.Stat(f.name); os.IsNotExist(err) {
		return nil, nil
	}
	return readSignals(f.name)
}

// Signal adds a line.
func (f *signalFile) Signal(s eligibility.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return appendSignal(f.name, s)
}
