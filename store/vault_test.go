package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/seal"
)

const connection = "google:acme.com"

func clock() time.Time { return now }

func newKeys(t *testing.T) *seal.Keys {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := seal.New(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	return seal.File(file)
}

func keep(t *testing.T, s connectors.Secrets, name, value string) {
	t.Helper()
	if err := s.Keep(t.Context(), name, value); err != nil {
		t.Fatal(err)
	}
}

// kept is everything that is kept, by name.
func kept(t *testing.T, s connectors.Secrets) map[string]string {
	t.Helper()
	names, err := s.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		if all[name], err = s.Secret(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestSecrets(t *testing.T) { both(t, testSecrets) }

func testSecrets(t *testing.T, open func(*testing.T) *Store) {
	v := open(t).Vault(newKeys(t), clock)
	s, other := v.Secrets(connection), v.Secrets("google:other")
	if got := kept(t, s); len(got) != 0 {
		t.Errorf("at first: %v", got)
	}
	if got, err := s.Secret(t.Context(), "nobody"); got != "" || err != nil {
		t.Errorf("a name that is not there: %q, %v", got, err)
	}
	keep(t, s, "bo@acme.com", "one")
	keep(t, s, "ana@acme.com", "two")
	keep(t, s, "bo@acme.com", "three")
	keep(t, other, "bo@acme.com", "four")
	if diff := cmp.Diff(map[string]string{"ana@acme.com": "two", "bo@acme.com": "three"}, kept(t, s)); diff != "" {
		t.Error(diff)
	}
	if names, err := s.Names(t.Context()); err != nil || !cmp.Equal(names, []string{"ana@acme.com", "bo@acme.com"}) {
		t.Errorf("names out of order: %v, %v", names, err)
	}
	for range 2 { // the second time there is nothing to forget
		if err := s.Forget(t.Context(), "bo@acme.com"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]string{"ana@acme.com": "two"}, kept(t, s)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"bo@acme.com": "four"}, kept(t, other)); diff != "" {
		t.Errorf("another connection's: %s", diff)
	}
	got, err := v.Changes(t.Context())
	if want := (map[SecretID]time.Time{{connection, "ana@acme.com"}: now, {"google:other", "bo@acme.com"}: now}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("changes: %v, %v", got, err)
	}
}

// TestSecretsAtRest: nothing on the disk, in whatever file, has a secret in it.
func TestSecretsAtRest(t *testing.T) {
	const token = "1//0gRefreshTokenOfAna"
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "syncd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	vault := s.Vault(newKeys(t), clock).Secrets(connection)
	keep(t, vault, "ana@acme.com", token)
	keep(t, vault, "ana@acme.com", token+"2")
	look := func(when string) {
		read, named := 0, false
		err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(filepath.Join(dir, name))
			read++
			named = named || bytes.Contains(b, []byte("ana@acme.com"))
			if bytes.Contains(b, []byte(token)) {
				t.Errorf("%s: the token is in %s", when, name)
			}
			return err
		})
		if err != nil || read < 2 || !named {
			t.Errorf("%s: looked into %d files, row found: %v, %v", when, read, named, err)
		}
	}
	look("in the write-ahead log")
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	look("in the database")
}

// TestSwappedRows: who can write to the file can't make one user's token another's.
func TestSwappedRows(t *testing.T) { both(t, testSwappedRows) }

func testSwappedRows(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	v := s.Vault(newKeys(t), clock)
	keep(t, v.Secrets(connection), "ana@acme.com", "ana's")
	keep(t, v.Secrets(connection), "bo@acme.com", "bo's")
	keep(t, v.Secrets("google:other"), "ana@acme.com", "another's")
	for _, swap := range []string{
		"UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'bo@acme.com') WHERE name = 'ana@acme.com' AND connection = 'google:acme.com'",
		"UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE connection = 'google:other') WHERE name = 'bo@acme.com'",
	} {
		if _, err := s.write.ExecContext(t.Context(), swap); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ana@acme.com", "bo@acme.com"} {
		if got, err := v.Secrets(connection).Secret(t.Context(), name); got != "" || err == nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestWrongKey: it is said with what to do, and nothing is lost by it.
func TestWrongKey(t *testing.T) { both(t, testWrongKey) }

func testWrongKey(t *testing.T, open func(*testing.T) *Store) {
	s, right := open(t), newKeys(t)
	keep(t, s.Vault(right, clock).Secrets(connection), "ana@acme.com", "token")
	for about, keys := range map[string]*seal.Keys{
		"another key": newKeys(t), "no file": seal.File(filepath.Join(t.TempDir(), "gone.json")), "no keys": seal.Text("{}", "SYNCD_KEYSET"),
	} {
		wrong := s.Vault(keys, clock).Secrets(connection)
		got, err := wrong.Secret(t.Context(), "ana@acme.com")
		if got != "" || !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "keyset_file") || strings.Contains(err.Error(), "token") {
			t.Errorf("%s: %q, %v", about, got, err)
		}
		if names, err := wrong.Names(t.Context()); err != nil || len(names) != 1 {
			t.Errorf("%s: %v, %v", about, names, err)
		}
	}
	if diff := cmp.Diff(map[string]string{"ana@acme.com": "token"}, kept(t, s.Vault(right, clock).Secrets(connection))); diff != "" {
		t.Error(diff)
	}
}

// TestRotatedKey: what the old key sealed opens, and is sealed by the new one when it is kept anew.
func TestRotatedKey(t *testing.T) { both(t, testRotatedKey) }

func testRotatedKey(t *testing.T, open func(*testing.T) *Store) {
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := seal.New(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	store := open(t)
	s := store.Vault(seal.File(file), clock).Secrets(connection)
	before := store.Vault(seal.Text(string(old), "the old key"), clock).Secrets(connection)
	keep(t, s, "ana@acme.com", "a")
	keep(t, s, "bo@acme.com", "b")
	if err := seal.Rotate(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	keep(t, s, "bo@acme.com", "b")
	if diff := cmp.Diff(map[string]string{"ana@acme.com": "a", "bo@acme.com": "b"}, kept(t, s)); diff != "" {
		t.Error(diff)
	}
	if got, err := before.Secret(t.Context(), "ana@acme.com"); err != nil || got != "a" {
		t.Errorf("not kept anew: %q, %v", got, err)
	}
	if _, err := before.Secret(t.Context(), "bo@acme.com"); err == nil {
		t.Error("kept anew, and sealed with the old key")
	}
}

// TestVaultBesideDaemon: another process reads and keeps secrets while a daemon has the file.
func TestVaultBesideDaemon(t *testing.T) {
	file, keys := filepath.Join(t.TempDir(), "var", "syncd.db"), newKeys(t)
	empty, err := OpenVault(t.Context(), file, keys, clock)
	if err != nil {
		t.Fatal(err)
	}
	if got := kept(t, empty.Secrets(connection)); len(got) != 0 {
		t.Errorf("without a file: %v", got)
	}
	if err := empty.Secrets(connection).Keep(t.Context(), "ana@acme.com", "x"); err == nil || !strings.Contains(err.Error(), "no store at "+file) {
		t.Errorf("without a file: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(file)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made something: %v", err)
	}

	first, err := MakeVault(t.Context(), file, keys, clock)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, first.Secrets(connection), "ana@acme.com", "before the daemon")
	s, err := Open(t.Context(), file) // the vault has no lock
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	daemon := s.Vault(keys, clock).Secrets(connection)
	second, err := MakeVault(t.Context(), file, keys, clock)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, second.Secrets(connection), "bo@acme.com", "beside the daemon")
	keep(t, daemon, "ana@acme.com", "by the daemon")
	want := map[string]string{"ana@acme.com": "by the daemon", "bo@acme.com": "beside the daemon"}
	for about, secrets := range map[string]connectors.Secrets{"the daemon": daemon, "who came first": first.Secrets(connection), "who came second": second.Secrets(connection)} {
		if diff := cmp.Diff(want, kept(t, secrets)); diff != "" {
			t.Errorf("%s: %s", about, diff)
		}
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	keep(t, daemon, "cara@acme.com", "the store is open still")
}

// TestVaultOfOtherVersions: tables that are older are the daemon's business, those that are newer too.
func TestVaultOfOtherVersions(t *testing.T) {
	file, keys := filepath.Join(t.TempDir(), "syncd.db"), newKeys(t)
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	exec := func(query string) {
		t.Helper()
		if _, err := s.write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("ALTER TABLE secrets RENAME TO later")
	v, err := OpenVault(t.Context(), file, keys, clock)
	if err != nil || len(kept(t, v.Secrets(connection))) != 0 {
		t.Errorf("tables without secrets, to look: %v", err)
	}
	if _, err := MakeVault(t.Context(), file, keys, clock); err == nil || !strings.Contains(err.Error(), "one of an older version, is working on it") {
		t.Errorf("tables without secrets, to keep: %v", err)
	}
	exec("ALTER TABLE later RENAME TO secrets")
	exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
	if _, err := OpenVault(t.Context(), file, keys, clock); err == nil || !strings.Contains(err.Error(), "newer syncd") {
		t.Errorf("newer tables: %v", err)
	}
}
