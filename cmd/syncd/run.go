package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/replay"
	"example.com/syncd/engine"
	"example.com/syncd/internal/seal"
	"example.com/syncd/linkparse"
	"example.com/syncd/resolver"
	"example.com/syncd/serve"
	"example.com/syncd/store"
)

// parallel is how many calendars are pulled at a time.
const parallel = 16

// configFlag is shared by the commands that work with a daemon's configuration.
type configFlag struct {
	Config string `default:"syncd.yaml" help:"The configuration file (${default})." placeholder:"FILE"`
}

func (f configFlag) load() (*config.Config, error) {
	c, err := config.Load(f.Config, drivers, sinks)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// runCommand is the daemon.
type runCommand struct {
	configFlag
	Once bool `help:"End after the first full pass."`
	JSON bool `help:"Print JSON Lines instead of tables."`

	Quiet bool          `help:"Print neither: services need the log alone, and their output is kept where titles are nobody's business."`
	Drain time.Duration `default:"0s" help:"How long to go on as before behind SIGTERM while /readyz says no, so that load balancers notice (${default})." placeholder:"TIME"`
}

func (c *runCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := newLog(cfg.Log, s.err)
	rules := rulesOf(cfg)
	keys, err := loadKeys(ctx, cfg, log)
	if err != nil {
		return usageError{err}
	}
	st, err := store.Open(ctx, cfg.Store)
	if err == nil {
		err = errors.Join(c.runOn(ctx, s, cfg, rules, st, keys, log), st.Close())
	}
	if !c.Once && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it was told to end before it had begun
	}
	return err
}

// runOn makes an engine on the store, and has it work.
func (c *runCommand) runOn(ctx context.Context, s streams, cfg *config.Config, rules engine.Rules, st *store.Store, keys *seal.Keys, log *slog.Logger) error {
	now := clock(cfg)
	var vault *store.Vault
	if keys != nil {
		vault = st.Vault(keys, now)
	}
	watched, err := newWatchers(ctx, cfg, log)
	if err != nil {
		return usageError{err}
	}
	defer watched.close(ctx, log)
	connections, err := openAll(cfg, vault, st.Letters(), st.Budget(now), log, now, watched.transport)
	if err != nil {
		return usageError{err}
	}
	told, err := targets(cfg, s.out)
	if err != nil {
		return usageError{err}
	}
	var follow linkparse.Resolver
	if cfg.ResolveLinks {
		follow = resolver.New()
	}
	pushURL := cfg.Push.URL
	if c.Once {
		pushURL = "" // nobody would be there to be told
	}
	e, err := engine.New(engine.Config{
		PushURL: pushURL, Store: st, Connections: connections, Rules: rules, Targets: told, Resolver: follow,
		Past: time.Duration(cfg.Horizon.Past), Future: time.Duration(cfg.Horizon.Future), Poll: time.Duration(cfg.Poll),
		Quiet: time.Duration(cfg.PollQuiet), Fresh: time.Duration(cfg.Fresh), Retention: time.Duration(cfg.Retention),
		Spread:   cfg.Clock.IsZero(),
		Parallel: parallel, Shared: store.Shared(cfg.Store), Version: version(), Now: now, Log: log,
		Observer: watched.observer(),
	})
	if err != nil {
		return err
	}
	watched.watch(cfg, e, st)
	return c.work(ctx, s, cfg, e, st, vault, watched, log)
}

// work passes once, or for as long as ctx lasts, and serves meanwhile.
func (c *runCommand) work(ctx context.Context, s streams, cfg *config.Config, e *engine.Engine, st *store.Store, vault *store.Vault, watched watchers, log *slog.Logger) error {
	if err := e.Start(ctx); err != nil {
		return err
	}
	r := reporter{reader: st, out: s.out, json: c.JSON, now: e.Now, zone: time.Local, revisions: map[string]int{}}
	after := r.report
	if c.Quiet {
		after = func(context.Context) error { return nil }
	}
	if c.Once {
		if err := e.Pass(ctx); err != nil {
			return err
		}
		return after(ctx)
	}
	told := ctx
	ctx, cancel := drained(ctx, c.Drain)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	// What is under way is finished first, and whoever asks is answered until then.
	answering, finished := context.WithCancel(context.WithoutCancel(ctx))
	defer finished()
	rules := follow(e, e.Rules, cfg.PolicyPath, e.Now)
	if vault != nil {
		known, err := vault.Changes(ctx) // those who come later are not in the first pass
		if err != nil {
			return err
		}
		g.Go(func() error { return watchGrants(ctx, vault, known, e, log) })
	}
	if l, err := watched.listen(cfg, log); err != nil {
		return err
	} else if l != nil {
		g.Go(func() error { return watched.serve(answering, l) })
	}
	if cfg.Serve.Listen != "off" {
		h, err := newServer(ctx, told.Done(), cfg, e, st, rules, watched, log)
		if err != nil {
			return err
		}
		g.Go(func() error { return serve.Serve(answering, h.listener, watched.traced(h.handler), serve.Usual()) })
		g.Go(func() error { return h.doors.Run(answering) })
		report := after
		after = func(ctx context.Context) error {
			h.api.Notify()
			return errors.Join(h.changes.look(ctx), report(ctx))
		}
	}
	g.Go(func() error { return watchRules(ctx, cfg, rules, log) })
	g.Go(func() error {
		defer finished()
		return e.Run(ctx, after)
	})
	super := newSupervisor(os.Getenv, os.Getpid(), log)
	super.tell(stateReady)
	defer context.AfterFunc(told, func() { super.tell(stateStopping) })()
	g.Go(func() error { return super.attend(ctx, e.TriedAt) })
	return g.Wait()
}

// receive has a connection's connector answer a push, and the engine take note of what it says.
func receive(e *engine.Engine) func(w http.ResponseWriter, r *http.Request, driver, connection string) bool {
	return func(w http.ResponseWriter, r *http.Request, driver, connection string) bool {
		p, ok := e.Pusher(driver, connection)
		if ok {
			e.Pushed(driver, connection, p.Receive(w, r))
		}
		return ok
	}
}

// late is how long ago a daemon may have looked for what is due before it counts as stuck.
const late = time.Minute

// clock is the daemon's time: the real one, or one that starts when the recorded tenants were recorded.
func clock(cfg *config.Config) func() time.Time {
	if cfg.Clock.IsZero() {
		return time.Now
	}
	began := time.Now()
	return func() time.Time { return cfg.Clock.Add(time.Since(began)) }
}

// A transport has requests of a driver's connectors pass through it.
type transport func(driver string, next http.RoundTripper) http.RoundTripper

// openAll opens every connection of the configuration, each with its secrets in the vault, and the letters that are kept.
// Requests pass through what is around, the last one first. No provider is asked for anything yet.
func openAll(cfg *config.Config, vault *store.Vault, letters connectors.Letters, budget connectors.Budget, log *slog.Logger, now func() time.Time, around ...transport) ([]engine.Connection, error) {
	var connections []engine.Connection
	var errs []error
	for _, c := range cfg.Connections {
		conn, err := openConnection(cfg, c, secretsOf(vault, c.Driver.Name, c.Name), letters, budget, log, now, around...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		connections = append(connections, conn)
	}
	return connections, errors.Join(errs...)
}

func openConnection(cfg *config.Config, c config.Connection, secrets connectors.Secrets, letters connectors.Letters, budget connectors.Budget, log *slog.Logger, now func() time.Time, around ...transport) (engine.Connection, error) {
	env := connectors.Env{
		Account: c.Name, Now: now, HTTP: network(), Log: log.With("connection", c.Driver.Name+":"+c.Name), Secrets: secrets, Letters: letters, Budget: budget,
		Dial: (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext, Listen: (&net.ListenConfig{}).Listen,
		LookupTXT: net.DefaultResolver.LookupTXT,
		ReadFile:  func(name string) ([]byte, error) { return os.ReadFile(cfg.Resolve(name)) },
		OpenDir:   func(name string) fs.FS { return os.DirFS(cfg.Resolve(name)) },
	}
	if c.Tape != "" {
		tape, err := replay.Open(c.Tape)
		if err != nil {
			return engine.Connection{}, fmt.Errorf("%s:%d: tape: %w", filepath.Base(cfg.Path), c.Line, err)
		}
		env.HTTP, env.Replayed = tape, true
	}
	for _, t := range around {
		env.HTTP = t(c.Driver.Name, env.HTTP)
	}
	conn, err := c.Config.Open(env)
	if err != nil {
		return engine.Connection{}, fmt.Errorf("%s:%d: connection %s: %w", filepath.Base(cfg.Path), c.Line, c.Name, err)
	}
	return engine.Connection{Driver: c.Driver.Name, Account: c.Name, Connector: conn}, nil
}

// network is the innermost transport of a connection that is not replayed.
func network() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 60 * time.Second
	t.MaxIdleConnsPerHost = parallel
	return t
}
