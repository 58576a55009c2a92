package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/seal"
	"example.com/syncd/store/db"
)

// A Vault keeps secrets in a store, each sealed for its connection and name. Other processes may use
// the same file, a daemon among them: writes wait for their turn, reads do not wait.
type Vault struct {
	name string    // the store's
	db   *database // nil: there is no such table yet
	own  bool      // it is the vault's, not a store's
	keys *seal.Keys
	now  func() time.Time
}

// Vault are the secrets in the store's file.
func (s *Store) Vault(keys *seal.Keys, now func() time.Time) *Vault {
	return &Vault{db: s.database, keys: keys, now: now}
}

// MakeVault opens the secrets in a store, which is made if there is none, without keeping a daemon from it.
func MakeVault(ctx context.Context, name string, keys *seal.Keys, now func() time.Time) (*Vault, error) {
	v, err := OpenVault(ctx, name, keys, now)
	if err != nil || v.db != nil {
		return v, err
	}
	s, err := Open(ctx, name) // which makes the tables
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("store %s: a syncd that is just starting, or one of an older version, is working on it; wait a moment, or start it again with this version", name)
	}
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return OpenVault(ctx, name, keys, now)
}

// OpenVault opens the secrets in a store. It makes nothing: without such a store the vault is empty, and
// can't keep anything.
func OpenVault(ctx context.Context, name string, keys *seal.Keys, now func() time.Time) (*Vault, error) {
	v := &Vault{name: name, own: true, keys: keys, now: now}
	d, err := openDatabase(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	ready, err := d.hasSecrets(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", d.name, err), d.close())
	}
	if !ready {
		return v, d.close()
	}
	v.db = d
	return v, nil
}

// hasSecrets reports whether the store has the table. What databases and goose keep of tables is in no migration, so
// these queries are here.
func (d *database) hasSecrets(ctx context.Context) (bool, error) {
	tables, query := 0, "SELECT count(*) FROM sqlite_master WHERE name IN ('secrets', 'goose_db_version')"
	if d.pool != nil {
		query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename IN ('secrets', 'goose_db_version')"
	}
	if err := d.read.QueryRowContext(ctx, query).Scan(&tables); err != nil {
		return false, err
	}
	if tables < 2 {
		return false, nil
	}
	var version int64
	if err := d.read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return false, fmt.Errorf("read its version: %w", err)
	}
	newest, err := newestMigration()
	if err == nil && version > newest {
		err = d.readable(ctx, version, newest)
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
	if !v.own || v.db == nil {
		return nil
	}
	return v.db.close()
}

// Secrets are those of one connection, DRIVER:ACCOUNT.
func (v *Vault) Secrets(connection string) connectors.Secrets { return secrets{v, connection} }

// A SecretID names a secret.
type SecretID struct{ Connection, Name string }

// Changes says of each secret when it was kept last.
func (v *Vault) Changes(ctx context.Context) (map[SecretID]time.Time, error) {
	if v.db == nil {
		return nil, nil
	}
	rows, err := db.New(v.db.read).SecretsChanged(ctx)
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
	if s.v.db == nil {
		return nil, nil
	}
	names, err := db.New(s.v.db.read).SecretNames(ctx, s.connection)
	if err != nil {
		return nil, fmt.Errorf("read the names of what %s keeps: %w", s.connection, err)
	}
	return names, nil
}

// place is what a secret is sealed as: this table's, and of this row alone.
func (s secrets) place(name string) []string { return []string{"secrets", s.connection, name} }

// Secret is what is kept under name.
func (s secrets) Secret(ctx context.Context, name string) (string, error) {
	if s.v.db == nil {
		return "", nil
	}
	sealed, err := db.New(s.v.db.read).Secret(ctx, db.SecretParams{Connection: s.connection, Name: name})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what %s keeps for %s: %w", s.connection, name, err)
	}
	plain, err := s.v.keys.Open(ctx, sealed, s.place(name)...)
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
	if s.v.db == nil {
		return fmt.Errorf("keep what %s has for %s: there is no store at %s yet; let syncd run make it first", s.connection, name, s.v.name)
	}
	sealed, err := s.v.keys.Seal(ctx, []byte(value), s.place(name)...)
	if err != nil {
		return fmt.Errorf("seal what %s keeps for %s: keyset_file: %w", s.connection, name, err)
	}
	err = db.New(s.v.db.write).PutSecret(ctx, db.PutSecretParams{Connection: s.connection, Name: name, Sealed: sealed, ChangedAt: ms(s.v.now())})
	if err != nil {
		return fmt.Errorf("store what %s keeps for %s: %w", s.connection, name, err)
	}
	return nil
}

// Forget drops what is kept under name.
func (s secrets) Forget(ctx context.Context, name string) error {
	if s.v.db == nil {
		return nil
	}
	if err := db.New(s.v.db.write).DropSecret(ctx, db.DropSecretParams{Connection: s.connection, Name: name}); err != nil {
		return fmt.Errorf("drop what %s keeps for %s: %w", s.connection, name, err)
	}
	return nil
}
