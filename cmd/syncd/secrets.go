package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/internal/seal"
	"example.com/syncd/store"
)

// keysetVariable is the environment's variable that may hold the keys themselves, where files are hard to
// come by.
const keysetVariable = "SYNCD_KEYSET"

// loadKeys are the keys that seal secrets; nil where none are configured.
func loadKeys(cfg *config.Config) (*seal.Keys, error) {
	text := os.Getenv(keysetVariable)
	var keys *seal.Keys
	switch {
	case text != "" && cfg.KeysetFile != "":
		return nil, fmt.Errorf("keyset_file and the environment variable %s are both set: name the keys in one way", keysetVariable)
	case text != "":
		keys = seal.Text(text, keysetVariable)
	case cfg.KeysetFile != "":
		keys = seal.File(cfg.KeysetFile)
	default:
		return nil, nil
	}
	if err := keys.Check(); err != nil {
		return nil, fmt.Errorf("keyset_file: %w", err)
	}
	return keys, nil
}

// secretsOf are a connection's secrets in the vault, if there is one.
func secretsOf(v *store.Vault, driver, account string) connectors.Secrets {
	if v == nil {
		return nil
	}
	return v.Secrets(engine.Connection{Driver: driver, Account: account}.String())
}

// A looker looks at users anew: the engine.
type looker interface {
	Look(connection string, users ...string)
}

// watchGrants tells the engine whose grants have changed: syncd connect, syncd disconnect and check are
// other processes, which keep what they are given in the same file. known are the changes so far.
func watchGrants(ctx context.Context, v *store.Vault, known map[store.SecretID]time.Time, e looker, log *slog.Logger) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		seen, err := v.Changes(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			log.Warn("whether users have consented can't be seen; it is tried again", "error", err)
			continue
		}
		for connection, users := range changed(known, seen) {
			log.Info("what users grant has changed", "connection", connection, "users", len(users))
			e.Look(connection, users...)
		}
		known = seen
	}
}

// changed are those, by connection, of whom something else is kept than before, or nothing any more.
func changed(before, now map[store.SecretID]time.Time) map[string][]string {
	users := map[string][]string{}
	ids := map[store.SecretID]bool{}
	for _, m := range []map[store.SecretID]time.Time{before, now} {
		for id := range m {
			ids[id] = true
		}
	}
	for _, id := range slices.Collect(maps.Keys(ids)) {
		was, had := before[id]
		is, has := now[id]
		if had != has || !was.Equal(is) {
			users[id.Connection] = append(users[id.Connection], id.Name)
		}
	}
	return users
}

// keysCommand makes and renews the keys that seal secrets.
type keysCommand struct {
	New    newKeysCommand    `cmd:"" help:"Make a file with a key, which nobody but its owner may read."`
	Rotate rotateKeysCommand `cmd:"" help:"Add a new key, to seal with from now on. The old ones stay, for what they have sealed."`
}

type newKeysCommand struct {
	File string `arg:"" help:"The file to make."`
}

// Run makes the file.
func (c *newKeysCommand) Run(s streams) error {
	if err := seal.New(c.File); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "made %s; name it in keyset_file, and keep a copy in a safe place: without it, every user has to consent again\n", c.File)
	return err
}

type rotateKeysCommand struct {
	File string `arg:"" help:"The file that keyset_file names."`
}

// Run adds a key.
func (c *rotateKeysCommand) Run(s streams) error {
	if err := seal.Rotate(c.File); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s has a new key, in use at once; keep a new copy of it\n", c.File)
	return err
}

// openVault opens the store's secrets for a command that runs beside the daemon; nil without keys. With make,
// it makes the store if there is none.
func openVault(ctx context.Context, cfg *config.Config, make bool) (*store.Vault, error) {
	keys, err := loadKeys(cfg)
	if err != nil || keys == nil {
		return nil, err
	}
	if make {
		return store.MakeVault(ctx, cfg.Store, keys, clock(cfg))
	}
	return store.OpenVault(ctx, cfg.Store, keys, clock(cfg))
}

// closeVault closes it, if there is one, and adds to err what that fails with.
func closeVault(v *store.Vault, err error) error {
	if v == nil {
		return err
	}
	return errors.Join(err, v.Close())
}
