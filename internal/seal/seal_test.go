package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func keyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := New(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	return file
}

func sealed(t *testing.T, k *Keys, plain string, of ...string) []byte {
	t.Helper()
	b, err := k.Seal(t.Context(), []byte(plain), of...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPlace: what is sealed opens in its place alone, with its key alone, and unchanged alone.
func TestPlace(t *testing.T) {
	keys := File(keyFile(t))
	b := sealed(t, keys, "a refresh token", "google:acme", "ana@acme.com")
	if bytes.Contains(b, []byte("refresh")) {
		t.Errorf("it can be read: %q", b)
	}
	if bytes.Equal(b, sealed(t, keys, "a refresh token", "google:acme", "ana@acme.com")) {
		t.Error("sealed twice, the same bytes: who compares them learns that the secrets are alike")
	}
	changed := bytes.Clone(b)
	changed[len(changed)-1] ^= 1
	for _, c := range []struct {
		about string
		keys  *Keys
		b     []byte
		of    []string
		fits  bool
	}{
		{"as it was", keys, b, []string{"google:acme", "ana@acme.com"}, true},
		{"another user's row", keys, b, []string{"google:acme", "bo@acme.com"}, false},
		{"another connection's", keys, b, []string{"google:other", "ana@acme.com"}, false},
		{"words cut elsewhere", keys, b, []string{"google:acmea", "na@acme.com"}, false},
		{"no place", keys, b, nil, false},
		{"changed", keys, changed, []string{"google:acme", "ana@acme.com"}, false},
		{"cut off", keys, b[:len(b)-1], []string{"google:acme", "ana@acme.com"}, false},
		{"nothing", keys, nil, []string{"google:acme", "ana@acme.com"}, false},
		{"another key", File(keyFile(t)), b, []string{"google:acme", "ana@acme.com"}, false},
	} {
		plain, err := c.keys.Open(t.Context(), c.b, c.of...)
		switch {
		case c.fits && (err != nil || string(plain) != "a refresh token"):
			t.Errorf("%s: %q, %v", c.about, plain, err)
		case !c.fits && !errors.Is(err, ErrKey):
			t.Errorf("%s: %q, %v", c.about, plain, err)
		}
	}
}

// TestRotate: the new key seals, the old ones open, and keys that were opened before the rotation do both.
func TestRotate(t *testing.T) {
	file := keyFile(t)
	keys := File(file)
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := sealed(t, keys, "old", "x")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := Rotate(t.Context(), link, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := keys.Open(t.Context(), old, "x"); err != nil || string(b) != "old" {
		t.Errorf("what the old key sealed: %q, %v", b, err)
	}
	fresh := sealed(t, keys, "new", "x")
	if _, err := Text(string(first), "the old keyset").Open(t.Context(), fresh, "x"); !errors.Is(err, ErrKey) {
		t.Errorf("behind a rotation the old key seals on: %v", err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Lstat(file + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left over: %v", err)
	}
	if to, err := os.Readlink(link); err != nil || to != file {
		t.Errorf("the link was replaced: %q, %v", to, err)
	}
	var set struct {
		Key []json.RawMessage `json:"key"`
	}
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(b, &set) != nil || len(set.Key) != 2 {
		t.Errorf("%d keys, %v", len(set.Key), err)
	}
}

// TestFiles: what can be wrong with a file of keys is said with what to do, and never with what is in it.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string, mode fs.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good, err := os.ReadFile(keyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	cut := string(good[:len(good)*2/3])
	for _, c := range []struct {
		about string
		do    func(context.Context) error
		want  string
	}{
		{"right", File(put("right", string(good), 0o600)).Check, ""},
		{"read only", File(put("readonly", string(good), 0o400)).Check, ""},
		{"in the environment", Text(string(good), "SYNCD_KEYSET").Check, ""},
		{"readable by the group", File(put("group", string(good), 0o640)).Check, "chmod 600 " + filepath.Join(dir, "group")},
		{"readable by all", File(put("all", string(good), 0o644)).Check, "chmod 600"},
		{"missing", File(filepath.Join(dir, "none")).Check, "syncd keys new " + filepath.Join(dir, "none")},
		{"cut off", File(put("cut", cut, 0o600)).Check, "holds no keyset"},
		{"no JSON", Text("AIzaSecret", "SYNCD_KEYSET").Check, "SYNCD_KEYSET holds no keyset"},
		{"no keys", Text("{}", "SYNCD_KEYSET").Check, "SYNCD_KEYSET holds no keyset"},
		{"made over another", func(ctx context.Context) error { return New(ctx, put("there", "x", 0o600), nil) }, "is there already"},
		{"made in no folder", func(ctx context.Context) error { return New(ctx, filepath.Join(dir, "no", "keys"), nil) }, "no such file"},
		{"rotated, readable by all", func(ctx context.Context) error { return Rotate(ctx, put("open", string(good), 0o644), nil) }, "chmod 600"},
		{"rotated, no keys", func(ctx context.Context) error { return Rotate(ctx, put("empty", "{}", 0o600), nil) }, "holds no keyset"},
		{"rotated twice at a time", func(ctx context.Context) error {
			put("busy.new", "", 0o600)
			return Rotate(ctx, put("busy", string(good), 0o600), nil)
		}, "another rotation is under way"},
	} {
		err := c.do(t.Context())
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.about, err, c.want)
		case err != nil && (strings.Contains(err.Error(), "AIza") || strings.Contains(err.Error(), "keyData")):
			t.Errorf("%s: the error repeats the file: %v", c.about, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "there")); err != nil || string(b) != "x" {
		t.Errorf("a file that was there was changed: %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "empty.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed rotation leaves something: %v", err)
	}
}

// TestOthers: whom a file of keys may let in, by where it is.
func TestOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such bits")
	}
	for _, c := range []struct {
		name  string
		mode  fs.FileMode
		right bool
	}{
		{"/etc/syncd/keys.json", 0o400, true},
		{"/etc/syncd/keys.json", 0o440, false},
		{"/run/credentials/syncd.service/secret_keys.json", 0o440, true}, // as systemd writes it
		{"/run/credentials/syncd.service/secret_keys.json", 0o444, false},
		{"/run/credentials/syncd.service/secret_keys.json", 0o460, false},
		{"/run/credentials/../../etc/syncd/keys.json", 0o440, false},
		{"/etc/run/credentials/keys.json", 0o440, false},
	} {
		if right := c.mode&others(c.name) == 0; right != c.right {
			t.Errorf("%s of mode %04o: %v", c.name, c.mode, right)
		}
	}
}
