package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// checkCommand tries the set-up and names what to mend.
type checkCommand struct {
	configFlag
	Timeout time.Duration `default:"60s" help:"How long to wait for each connection (${default})."`
}

func (c *checkCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	rules, err := loadRules(cfg)
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintf(s.out, "ok    configuration %s, policy %s: %d members\n", cfg.Path, cfg.PolicyPath, len(cfg.Policy.Directory.Members))
	if cfg.Signals != "" {
		fmt.Fprintf(s.out, "ok    signals %s: %d\n", cfg.Signals, len(rules.Signals))
	}
	vault, err := openVault(ctx, cfg, false)
	if err != nil {
		return usageError{err}
	}
	return closeVault(vault, c.tryAll(ctx, s, cfg, vault))
}

// tryAll opens the connections and tries one after the other.
func (c *checkCommand) tryAll(ctx context.Context, s streams, cfg *config.Config, vault *store.Vault) error {
	now := clock(cfg)
	connections, err := openAll(cfg, vault, slog.New(slog.DiscardHandler), now)
	if err != nil {
		return usageError{err}
	}
	if _, err := readToken(cfg.Serve.TokenFile); err != nil {
		fmt.Fprintf(s.out, "FAIL  %v\n", err)
		return errPartly
	}
	bad := false
	for _, conn := range connections {
		says, ok := c.try(ctx, conn, engine.Horizon(now(), time.Duration(cfg.Horizon.Past), time.Duration(cfg.Horizon.Future)))
		mark := "ok    "
		if !ok {
			mark, bad = "FAIL  ", true
		}
		fmt.Fprintf(s.out, "%sconnection %s: %s\n", mark, conn, says)
		if imp, listed := cfg.Policy.Import[conn.Driver]; !listed || !imp.Enabled {
			fmt.Fprintf(s.out, "warn  connection %s: the policy does not import it, nothing of it counts (import.%s.enabled)\n", conn, conn.Driver)
		}
	}
	if bad {
		return errPartly
	}
	return nil
}

// try asks the connection for its calendars and pulls a page of each, and says in a sentence what came.
func (c *checkCommand) try(ctx context.Context, conn engine.Connection, horizon calendar.Window) (says string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	sources, err := conn.Connector.Sources(ctx, nil)
	if err != nil {
		return err.Error(), false
	}
	if _, ok := conn.Connector.(connectors.Consenter); ok && len(sources) == 0 {
		return "nobody has consented yet: syncd connect " + conn.String(), false
	}
	if len(sources) == 0 {
		return "it has no calendars; are its users named right?", false
	}
	var refused []string
	for _, src := range sources {
		_, err := conn.Connector.Pull(ctx, src, "", horizon)
		switch {
		case errors.Is(err, connectors.ErrAccess), errors.Is(err, connectors.ErrSource):
			refused = append(refused, fmt.Sprintf("%s (%v)", src.Calendar, err))
		case err != nil:
			return fmt.Sprintf("%s: %v", src.Calendar, err), false
		}
	}
	if len(refused) == len(sources) {
		return "no calendar may be read: " + strings.Join(refused, "; "), false
	}
	says = fmt.Sprintf("%d of %d calendars can be read", len(sources)-len(refused), len(sources))
	if len(refused) > 0 {
		says += "; not " + strings.Join(refused, "; ")
	}
	return says, true
}
