package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// demoCommand is what there is to try without a company.
type demoCommand struct {
	Serve demoServeCommand `cmd:"" help:"Serve a simulated tenant on this machine, and write a configuration that reads it."`
}

type demoServeCommand struct {
	Provider string        `arg:"" enum:"google,outlook" help:"Whose tenant: ${enum}."`
	Listen   string        `default:"127.0.0.1:4014" placeholder:"ADDRESS" help:"Where to listen. The tenant's key is good for nothing else, but nobody else is to reach it. (${default})"`
	Folder   string        `default:"syncd-demo" type:"path" placeholder:"FOLDER" help:"Where the configuration, the policy and the key go. (${default})"`
	Lively   time.Duration `default:"0" placeholder:"DURATION" help:"Change a meeting now and then, this long apart. (never)"`
}

// Run serves until it is interrupted.
func (c *demoServeCommand) Run(ctx context.Context, s streams) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return usageError{fmt.Errorf("syncd: listen on %s: %w; name another address with --listen", c.Listen, err)}
	}
	sim := simulations[c.Provider](time.Now)
	base := "http://" + l.Addr().String()
	if err := c.write(sim, base); err != nil {
		l.Close()
		return err
	}
	fmt.Fprintf(s.out, "The simulated %s acme.com answers at %s until you interrupt it.\nIn another terminal:\n\n  syncd check --config %[3]s\n  syncd run --config %[3]s\n\n", sim.name, base, filepath.Join(c.Folder, "syncd.yaml"))
	server := &http.Server{Handler: logged(sim, s.out), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var tick <-chan time.Time
	if c.Lively > 0 {
		ticker := time.NewTicker(c.Lively)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			fmt.Fprintln(s.out, "changed:", sim.stir(rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))))
		case err := <-ended:
			return fmt.Errorf("serve the simulated tenant: %w", err)
		case <-ctx.Done():
			if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		}
	}
}

// logged prints each request as it is answered.
func logged(sim simulation, out io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sim.ServeHTTP(w, r)
		for _, line := range sim.journal() {
			fmt.Fprintln(out, line)
		}
	})
}

// write writes what "syncd run" needs to read the tenant. It replaces what a former demo wrote.
func (c *demoServeCommand) write(sim simulation, base string) error {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return fmt.Errorf("make the demo's folder: %w; name another one with --folder", err)
	}
	for name, text := range map[string][]byte{sim.keyFile: sim.key, "policy.yaml": []byte(demoPolicy), "syncd.yaml": fmt.Appendf(nil, demoConfig+sim.connection, base)} {
		if err := os.WriteFile(filepath.Join(c.Folder, name), text, 0o600); err != nil {
			return fmt.Errorf("write the demo's configuration: %w; name another folder with --folder", err)
		}
	}
	return nil
}

const demoConfig = `# Written by "syncd demo serve". The key opens the simulated tenant alone.
store: demo.db
policy: policy.yaml
poll: 5s
horizon: {past: 24h, future: 14d}
deliver: [{name: file, file: {path: schedules.jsonl}}]
connections:
  - name: acme.com
`

const demoPolicy = `company: {name: acme, internal_domains: [acme.com]}
import:
  google: {enabled: true, primary_only: false}
  outlook: {enabled: true, primary_only: false}
recording: {meetings: anyone}
providers:
  zoom: {enabled: true, capture: [bot]}
  teams: {enabled: true, capture: [bot]}
  meet: {enabled: true, capture: [bot]}
exclude: {title_keywords: [interview]}
directory:
  members:
    - {email: ana@acme.com, name: Ana Perez, seat: true, record: on}
    - {email: bo@acme.com, name: Bo Lind, seat: true, record: on}
    - {email: cara@acme.com, name: Cara Diaz, seat: true, record: never}
`
