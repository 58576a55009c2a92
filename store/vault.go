package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/seal"
	"example.com/syncd/store/db"
)

// A Vault keeps secrets in a store's file, each sealed for its connection and name. Other processes may use
// the same file, a daemon among them: writes wait for their turn, reads do not wait.
type Vault struct {
	file        string
	write, read *sql.DB // nil: there is no such table yet
	own         bool    // they are the vault's, not a store's
	keys        *seal.Keys
	now         func() time.Time
}

// Vault are the secrets in the store's file.
func (s *Store) Vault(keys *seal.Keys, now func() time.Time) *Vault {
	return &Vault{write: s.sql, read: s.read, keys: keys, now: now}
}

// MakeVault opens the secrets in a store's file, which is made if there is none, without keeping a daemon from it.
func MakeVault(ctx context.Context, file string, keys *seal.Keys, now func() time.Time) (*Vault, error) {
	v, err := OpenVault(ctx, file, keys, now)
	if err != nil || v.write != nil {
		return v, err
	}
	s, err := Open(ctx, file) // which makes the tables
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("store %s: a syncd that is just starting, or one of an older version, is working on it; wait a moment, or start it again with this version", file)
	}
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return OpenVault(ctx, file, keys, now)
}

// OpenVault opens the secrets in a store's file. It makes nothing: without such a file the vault is empty, and
// can't keep anything.
func OpenVault(ctx context.Context, file string, keys *seal.Keys, now func() time.Time) (*Vault, error) {
	v := &Vault{file: file, own: true, keys: keys, now: now}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return v, nil
	} else if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var err error
	if v.write, v.read, err = connect(file); err != nil {
		return nil, fmt.Errorf("store %s: %w", file, err)
	}
	ready, err := v.ready(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", file, err), v.Close())
	}
	if !ready {
		err = v.Close()
		v.write, v.read = nil, nil
	}
	return v, err
}

// ready reports whether the file has the table. What SQLite and goose keep of tables is in no migration, so
// these queries are here.
func (v *Vault) ready(ctx context.Context) (bool, error) {
	if err := sound(ctx, v.read); err != nil {
		return false, err
	}
	tables := 0
	if err := v.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name IN ('secrets', 'goose_db_version')").Scan(&tables); err != nil {
		return false, err
	}
	if tables < 2 {
		return false, nil
	}
	var version int64
	if err := v.read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return false, fmt.Errorf("read its version: %w", err)
	}
	newest, err := newestMigration()
	if err == nil && version > newest {
		err = fmt.Errorf("was written by a newer syncd (tables of version %d): run that one", version)
	}
	return true, err
}

func newestMigration() (int64, error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_")
	return strconv.ParseInt(number, 10, 64)
}

// Close closes what the vault has opened.
func (v *Vault) Close() error {
	if !v.own || v.write == nil {
		return nil
	}
	return errors.Join(v.read.Close(), v.write.Close())
}

// Secrets are those of one connection, DRIVER:ACCOUNT.
func (v *Vault) Secrets(connection string) connectors.Secrets { return secrets{v, connection} }

// A SecretID names a secret.
type SecretID struct{ Connection, Name string }

// Changes says of each secret when it was kept last.
func (v *Vault) Changes(ctx context.Context) (map[SecretID]time.Time, error) {
	if v.read == nil {
		return nil, nil
	}
	rows, err := db.New(v.read).SecretsChanged(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the secrets' names: %w", err)
	}
	changes := make(map[SecretID]time.Time, len(rows))
	for _, r := range rows {
		changes[SecretID{r.Connection, r.Name}] = fromMS(r.ChangedAt)
	}
	return changes, nil
}

// secrets are a connectors.Secrets.
type secrets struct {
	v          *Vault
	connection string
}

// Names are the names under which something is kept.
func (s secrets) Names(ctx context.Context) ([]string, error) {
	if s.v.read == nil {
		return nil, nil
	}
	names, err := db.New(s.v.read).SecretNames(ctx, s.connection)
	if err != nil {
		return nil, fmt.Errorf("read the names of what %s keeps: %w", s.connection, err)
	}
	return names, nil
}

// place is what a secret is sealed as: this table's, and of this row alone.
func (s secrets) place(name string) []string { return []string{"secrets", s.connection, name} }

// Secret is what is kept under name.
func (s secrets) Secret(ctx context.Context, name string) (string, error) {
	if s.v.read == nil {
		return "", nil
	}
	sealed, err := db.New(s.v.read).Secret(ctx, db.SecretParams{Connection: s.connection, Name: name})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what %s keeps for %s: %w", s.connection, name, err)
	}
	plain, err := s.v.keys.Open(sealed, s.place(name)...)
	if errors.Is(err, seal.ErrKey) {
		return "", fmt.Errorf("what %s keeps for %s was sealed with a key that is not in %s: name the right file in keyset_file, or put it back; if the key is lost, run syncd connect %s %s: %w",
			s.connection, name, s.v.keys, s.connection, name, connectors.ErrAccess)
	}
	if err != nil {
		return "", fmt.Errorf("open what %s keeps for %s: keyset_file: %w: %w", s.connection, name, err, connectors.ErrAccess)
	}
	return string(plain), nil
}

// Keep replaces what is kept under name. It is on the disk when Keep returns.
func (s secrets) Keep(ctx context.Context, name, value string) error {
	if s.v.write == nil {
		return fmt.Errorf("keep what %s has for %s: there is no store at %s yet; let syncd run make it first", s.connection, name, s.v.file)
	}
	sealed, err := s.v.keys.Seal([]byte(value), s.place(name)...)
	if err != nil {
		return fmt.Errorf("seal what %s keeps for %s: keyset_file: %w", s.connection, name, err)
	}
	err = db.New(s.v.write).PutSecret(ctx, db.PutSecretParams{Connection: s.connection, Name: name, Sealed: sealed, ChangedAt: ms(s.v.now())})
	if err != nil {
		return fmt.Errorf("store what %s keeps for %s: %w", s.connection, name, err)
	}
	return nil
}

// Forget drops what is kept under name.
func (s secrets) Forget(ctx context.Context, name string) error {
	if s.v.write == nil {
		return nil
	}
	if err := db.New(s.v.write).DropSecret(ctx, db.DropSecretParams{Connection: s.connection, Name: name}); err != nil {
		return fmt.Errorf("drop what %s keeps for %s: %w", s.connection, name, err)
	}
	return nil
}
