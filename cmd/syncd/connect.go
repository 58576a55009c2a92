package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
)

// connectCommand lets a user consent, in a browser on this machine (RFC 8252).
type connectCommand struct {
	configFlag
	Connection string        `arg:"" help:"The connection: its name, or DRIVER:NAME."`
	User       string        `arg:"" optional:"" help:"Whose calendars, by their address. Without it, those of whoever logs in."`
	NoBrowser  bool          `help:"Only print the address to open in a browser."`
	Listen     string        `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where the browser comes back, on this machine (${default}: any free port)."`
	Timeout    time.Duration `default:"10m" help:"How long to wait for the user (${default})."`
}

// Run asks the user, and keeps what they grant.
func (c *connectCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return withConsenter(ctx, cfg, c.Connection, func(conn engine.Connection, by connectors.Consenter, _ connectors.Secrets) error {
		return c.ask(ctx, s, conn, by)
	})
}

// ask shows the user the way, waits for the browser to come back, and redeems what it brings.
func (c *connectCommand) ask(ctx context.Context, s streams, conn engine.Connection, by connectors.Consenter) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("nobody came back from the browser within %s", c.Timeout))
	defer cancel()
	l, host, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	consent := connectors.Consent{
		Redirect: "http://" + host, State: rand.Text(), Verifier: oauth2.GenerateVerifier(), User: strings.ToLower(c.User),
	}
	to, err := by.ConsentURL(consent)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "Open this address in a browser on this machine, and let %s read the calendars:\n\n  %s\n\n", conn, to); err != nil {
		return err
	}
	if !c.NoBrowser {
		openBrowser(to)
	}
	user, err := awaitBrowser(ctx, l, host, consent.State, func(code string) (string, error) { return by.Grant(ctx, consent, code) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "connected: %s reads the calendars of %s; a running daemon begins within seconds\n", conn, user)
	return err
}

// listen listens at an address of this machine that nobody outside reaches. host is what the browser calls it.
func listen(ctx context.Context, address string) (l net.Listener, host string, err error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", usageError{fmt.Errorf("--listen must be HOST:PORT, such as 127.0.0.1:0, not %q", address)}
	}
	if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
		return nil, "", fmt.Errorf("--listen %s: %w; choose another port, or 0 for any free one", address, err)
	}
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		return nil, "", errors.Join(usageError{fmt.Errorf("--listen %s: others reach that address; take 127.0.0.1, and for a browser on another machine forward the port (ssh -L)", address)}, l.Close())
	}
	_, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	return l, net.JoinHostPort(name, port), nil
}

// openBrowser tries to show the address. It has been printed, so a failure is none.
func openBrowser(to string) {
	var command []string
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open", to}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", to}
	default:
		// Without a screen, xdg-open would take over the terminal with a browser of text.
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return
		}
		command = []string{"xdg-open", to}
	}
	cmd := exec.Command(command[0], command[1:]...) // which may be the browser, and outlives us
	if cmd.Start() == nil {
		go cmd.Wait() // its outcome is the browser's business
	}
}

// awaitBrowser serves l until the browser comes back with the state, and returns what redeem makes of the
// code that it brings. The browser is told the same.
func awaitBrowser(ctx context.Context, l net.Listener, host, state string, redeem func(code string) (user string, err error)) (string, error) {
	back := &homecoming{host: host, state: state, redeem: redeem, done: make(chan arrival, 1)}
	srv := &http.Server{Handler: back, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	var came arrival
	select {
	case came = <-back.done:
	case err := <-failed:
		return "", fmt.Errorf("wait for the browser: %w", err)
	case <-ctx.Done():
		came.err = context.Cause(ctx)
	}
	// The answer is still on its way to the browser.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if srv.Shutdown(ending) != nil {
		srv.Close() // what it says matters to nobody any more
	}
	return came.user, came.err
}

// disconnectCommand ends a user's grant.
type disconnectCommand struct {
	configFlag
	Connection string `arg:"" help:"The connection: its name, or DRIVER:NAME."`
	User       string `arg:"" help:"Whose calendars are to be read no more, by their address."`
	Forget     bool   `help:"Only forget what is kept here, without a word to the provider: for when the key is lost."`
}

// Run ends the grant at the provider, and forgets it.
func (c *disconnectCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	user := strings.ToLower(c.User)
	if c.Forget {
		return c.forget(ctx, s, cfg, user)
	}
	return withConsenter(ctx, cfg, c.Connection, func(conn engine.Connection, by connectors.Consenter, _ connectors.Secrets) error {
		if err := by.Revoke(ctx, user); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "disconnected: %s reads the calendars of %s no more\n", conn, user)
		return err
	})
}

func (c *disconnectCommand) forget(ctx context.Context, s streams, cfg *config.Config, user string) error {
	return withConsenter(ctx, cfg, c.Connection, func(conn engine.Connection, by connectors.Consenter, kept connectors.Secrets) error {
		granted, err := by.Granted(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(granted, user) {
			return fmt.Errorf("%s has not consented to %s", user, conn)
		}
		if err := kept.Forget(ctx, user); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "forgotten: %s reads the calendars of %s no more; the user ends the grant itself, among the apps of their account\n", conn, user)
		return err
	})
}

// withConsenter opens the one connection that is named, beside a daemon that may be running.
func withConsenter(ctx context.Context, cfg *config.Config, name string, f func(engine.Connection, connectors.Consenter, connectors.Secrets) error) error {
	found, err := findConnection(cfg, name)
	if err != nil {
		return usageError{err}
	}
	vault, err := openVault(ctx, cfg, true)
	if err != nil {
		return usageError{err}
	}
	secrets := secretsOf(vault, found.Driver.Name, found.Name)
	conn, err := openConnection(cfg, found, secrets, nil, nil, slog.New(slog.DiscardHandler), clock(cfg))
	if err != nil {
		return closeVault(vault, usageError{err})
	}
	by, ok := conn.Connector.(connectors.Consenter)
	if !ok {
		err = usageError{fmt.Errorf("the connection %s asks no users: what it reads is settled by its configuration (docs/google.md has connections that ask, under \"User by user\")", conn)}
		return closeVault(vault, err)
	}
	return closeVault(vault, f(conn, by, secrets))
}

// findConnection finds a connection by its name, or by its driver and name.
func findConnection(cfg *config.Config, name string) (config.Connection, error) {
	var found []config.Connection
	var all []string
	for _, c := range cfg.Connections {
		full := c.Driver.Name + ":" + c.Name
		all = append(all, full)
		if name == full {
			return c, nil
		}
		if name == c.Name {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return config.Connection{}, fmt.Errorf("%s has no connection %q; it has %s", cfg.Path, name, strings.Join(all, ", "))
	}
	return config.Connection{}, fmt.Errorf("%s has %d connections %q: name the driver too, as %s:%s", cfg.Path, len(found), name, found[0].Driver.Name, name)
}
