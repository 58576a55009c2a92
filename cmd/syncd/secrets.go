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
	"example.com/syncd/internal/seal/kms"
	"example.com/syncd/store"
)

// keysetVariable is the environment's variable that may hold the keys themselves, where files are hard to
// come by.
const keysetVariable = "SYNCD_KEYSET"

// loadKeys are the keys that seal secrets; nil where none are configured.
func loadKeys(ctx context.Context, cfg *config.Config, log *slog.Logger) (*seal.Keys, error) {
	text := os.Getenv(keysetVariable)
	var keys *seal.Keys
	switch {
	case text != "" && cfg.KeysetFile != "":
		return nil, fmt.Errorf("keyset_file and the environment variable %s are both set: name the keys in one way", keysetVariable)
	case text != "":
		keys = seal.Text(text, keysetVariable)
	case cfg.KeysetFile != "":
		keys = seal.File(cfg.KeysetFile)
	case cfg.KeysetKMS != "":
		return nil, fmt.Errorf("keyset_kms: there are no keys that it could have wrapped: name their file in keyset_file, or make one by syncd keys new --kms %s FILE", cfg.KeysetKMS)
	default:
		return nil, nil
	}
	if cfg.KeysetKMS != "" {
		by, err := kms.New(cfg.KeysetKMS)
		if err != nil {
			return nil, fmt.Errorf("keyset_kms: %w", err)
		}
		keys = keys.Wrapped(by, time.Now, log) // not clock(cfg): the service is no part of a recording
	}
	err := keys.Check(ctx)
	var asked *kms.Error
	if errors.As(err, &asked) {
		return nil, fmt.Errorf("keyset_kms: %w", err)
	}
	if err != nil {
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
	Wrap   wrapKeysCommand   `cmd:"" help:"Have a key of a key management service wrap a file of keys."`
}

// A kmsFlag names the KMS key that wraps a file of keys.
type kmsFlag struct {
	KMS string `placeholder:"URI" help:"The key that wraps the file, as in keyset_kms: gcp-kms://…, aws-kms://… or hcvault://…. None does if it is left out."`
}

// wrapper is that key, nil if none is named.
func wrapper(flag, uri string) (seal.Wrapper, error) {
	if uri == "" {
		return nil, nil
	}
	k, err := kms.New(uri)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	return k, nil
}

type newKeysCommand struct {
	kmsFlag
	File string `arg:"" help:"The file to make."`
}

// Run makes the file.
func (c *newKeysCommand) Run(ctx context.Context, s streams) error {
	by, err := wrapper("--kms", c.KMS)
	if err != nil {
		return err
	}
	if err := seal.New(ctx, c.File, by); err != nil {
		return err
	}
	and := ""
	if by != nil {
		and = ", and " + c.KMS + " in keyset_kms"
	}
	_, err = fmt.Fprintf(s.out, "made %s; name it in keyset_file%s, and keep a copy in a safe place: without it, every user has to consent again\n", c.File, and)
	return err
}

type rotateKeysCommand struct {
	kmsFlag
	File string `arg:"" help:"The file that keyset_file names."`
}

// Run adds a key.
func (c *rotateKeysCommand) Run(ctx context.Context, s streams) error {
	by, err := wrapper("--kms", c.KMS)
	if err != nil {
		return err
	}
	if err := seal.Rotate(ctx, c.File, by); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s has a new key, in use at once; keep a new copy of it\n", c.File)
	return err
}

type wrapKeysCommand struct {
	KMS  string `required:"" placeholder:"URI" help:"The key that is to wrap the file, as in keyset_kms: gcp-kms://…, aws-kms://… or hcvault://…."`
	From string `placeholder:"URI" help:"The key that wraps the file now, if one does."`
	File string `arg:"" help:"The file that keyset_file names."`
}

// Run wraps the file.
func (c *wrapKeysCommand) Run(ctx context.Context, s streams) error {
	by, err := wrapper("--kms", c.KMS)
	if err != nil {
		return err
	}
	from, err := wrapper("--from", c.From)
	if err != nil {
		return err
	}
	if err := seal.Wrap(ctx, c.File, from, by); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s is wrapped: name %s in keyset_kms, start syncd again, and keep a new copy of the file\n", c.File, c.KMS)
	if err == nil && from == nil {
		_, err = fmt.Fprintln(s.out, "old copies of it still open what is sealed: destroy them")
	}
	return err
}

// openVault opens the store's secrets for a command that runs beside the daemon; nil without keys. With make,
// it makes the store if there is none.
func openVault(ctx context.Context, cfg *config.Config, make bool) (*store.Vault, error) {
	keys, err := loadKeys(ctx, cfg, slog.New(slog.DiscardHandler))
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
