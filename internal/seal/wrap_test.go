package seal

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A service is a Wrapper in memory.
type service struct {
	tink.AEAD
	down  error
	asked int
}

func newService(t *testing.T) *service {
	t.Helper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	p, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	return &service{AEAD: p}
}

func (s *service) String() string { return "hcvault://vault.acme.com/transit/keys/syncd" }

func (s *service) EncryptWithContext(ctx context.Context, plain, of []byte) ([]byte, error) {
	s.asked++
	if err := errors.Join(s.down, ctx.Err()); err != nil {
		return nil, err
	}
	return s.Encrypt(plain, of)
}

func (s *service) DecryptWithContext(ctx context.Context, b, of []byte) ([]byte, error) {
	s.asked++
	if err := errors.Join(s.down, ctx.Err()); err != nil {
		return nil, err
	}
	return s.Decrypt(b, of)
}

var errDown = errors.New("nobody is there")

// A desk is a wrapped file of keys, who wraps it, and keys that are in use.
type desk struct {
	file string
	by   *service
	now  time.Time
	log  bytes.Buffer
	keys *Keys
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{file: filepath.Join(t.TempDir(), "keys.json"), by: newService(t), now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	if err := New(t.Context(), d.file, d.by); err != nil {
		t.Fatal(err)
	}
	d.keys = File(d.file).Wrapped(d.by, func() time.Time { return d.now }, slog.New(slog.NewTextHandler(&d.log, nil)))
	return d
}

func (d *desk) read(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func opens(t *testing.T, about string, k *Keys, b []byte, of ...string) {
	t.Helper()
	if plain, err := k.Open(t.Context(), b, of...); err != nil || string(plain) != "a token" {
		t.Errorf("%s: %q, %v", about, plain, err)
	}
}

// TestWrapped: the file has no key in it, the service is asked once, and again when the file has changed.
func TestWrapped(t *testing.T) {
	d := newDesk(t)
	if b := d.read(t); bytes.Contains(b, []byte("keyData")) || !bytes.Contains(b, []byte("encryptedKeyset")) {
		t.Errorf("the file: %s", b)
	}
	if info, err := os.Stat(d.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	d.by.asked = 0
	old := sealed(t, d.keys, "a token", "x")
	for range 3 {
		opens(t, "as it was", d.keys, old, "x")
	}
	if d.by.asked != 1 {
		t.Errorf("asked %d times", d.by.asked)
	}
	if _, err := d.keys.Open(t.Context(), old, "y"); !errors.Is(err, ErrKey) {
		t.Errorf("for another place: %v", err)
	}
	if err := Rotate(t.Context(), d.file, d.by); err != nil {
		t.Fatal(err)
	}
	d.by.asked = 0
	opens(t, "behind a rotation", d.keys, old, "x")
	fresh := sealed(t, d.keys, "a token", "x")
	opens(t, "behind a rotation", d.keys, fresh, "x")
	if d.by.asked != 1 || bytes.Equal(fresh[:5], old[:5]) {
		t.Errorf("asked %d times; sealed with key %x, and with %x before", d.by.asked, fresh[1:5], old[1:5])
	}
	if d.log.Len() > 0 {
		t.Errorf("the log has %s", &d.log)
	}
	// Its text is as good as the file.
	text := Text(string(d.read(t)), "SYNCD_KEYSET").Wrapped(d.by, nil, nil)
	opens(t, "as text", text, fresh, "x")
	// It may lie where others may read it, but not where they may write it.
	if err := os.Chmod(d.file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := File(d.file).Wrapped(d.by, nil, nil).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(d.file, 0o664); err != nil {
		t.Fatal(err)
	}
	if err := File(d.file).Wrapped(d.by, nil, nil).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("others may write it: %v", err)
	}
}

// TestServiceDown: at the start it is an error, later a warning, once in a while; the keys go on, and the new ones
// come when the service does.
func TestServiceDown(t *testing.T) {
	d := newDesk(t)
	d.by.down = errDown
	if err := d.keys.Check(t.Context()); !errors.Is(err, errDown) || !strings.Contains(err.Error(), d.file) {
		t.Errorf("at the start: %v", err)
	}
	d.by.down = nil
	old := sealed(t, d.keys, "a token", "x")
	d.by.down, d.by.asked = errDown, 0
	opens(t, "the file as it was", d.keys, old, "x")
	if d.by.asked != 0 || d.log.Len() > 0 {
		t.Errorf("asked %d times; the log has %s", d.by.asked, &d.log)
	}

	before := d.read(t)
	d.by.down = nil
	if err := Rotate(t.Context(), d.file, d.by); err != nil {
		t.Fatal(err)
	}
	fresh := sealed(t, File(d.file).Wrapped(d.by, nil, nil), "a token", "x")
	d.by.down, d.by.asked = errDown, 0
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.keys.Open(gone, old, "x"); err != nil || d.log.Len() > 0 {
		t.Errorf("a caller that gave up: %v; the log has %s", err, &d.log)
	}
	d.by.asked = 0
	for range 3 {
		opens(t, "a new file, that can't be unwrapped", d.keys, old, "x")
		sealed(t, d.keys, "a token", "x")
	}
	if got := d.log.String(); d.by.asked != 1 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") || !strings.Contains(got, "nobody is there") || !strings.Contains(got, d.file) {
		t.Errorf("asked %d times; the log has %s", d.by.asked, got)
	}
	if _, err := d.keys.Open(t.Context(), fresh, "x"); errors.Is(err, ErrKey) || !errors.Is(err, errDown) {
		t.Errorf("sealed with the key that is not there yet: %v", err)
	}
	d.now = d.now.Add(again)
	opens(t, "a minute later", d.keys, old, "x")
	if d.by.asked != 2 || strings.Count(d.log.String(), "\n") != 2 {
		t.Errorf("asked %d times; the log has %s", d.by.asked, &d.log)
	}
	d.by.down, d.now = nil, d.now.Add(again)
	opens(t, "the service is back", d.keys, fresh, "x")
	opens(t, "the service is back", d.keys, old, "x")

	// What else can happen to the file.
	for about, do := range map[string]func() error{
		"gone":            func() error { return os.Remove(d.file) },
		"cut off":         func() error { return os.WriteFile(d.file, before[:len(before)/2], 0o600) },
		"another service": func() error { os.Remove(d.file); return New(t.Context(), d.file, newService(t)) },
		"in the clear":    func() error { os.Remove(d.file); return New(t.Context(), d.file, nil) },
	} {
		d.now = d.now.Add(again)
		d.log.Reset()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		opens(t, about, d.keys, fresh, "x")
		if got := d.log.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "keyData") {
			t.Errorf("%s: the log has %s", about, got)
		}
	}
	d.log.Reset()
	if err := os.WriteFile(d.file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(again)
	if _, err := d.keys.Open(t.Context(), fresh, "x"); !errors.Is(err, ErrKey) {
		t.Errorf("the file from before the rotation: %v", err)
	}
	opens(t, "the file from before the rotation", d.keys, old, "x")
}

// TestWrap: a file in the clear is wrapped, one that is wrapped is handed on, and the keys stay.
func TestWrap(t *testing.T) {
	ctx, file, a, b := t.Context(), keyFile(t), newService(t), newService(t)
	old := sealed(t, File(file), "a token", "x")
	if err := Wrap(ctx, file, nil, a); err != nil {
		t.Fatal(err)
	}
	opens(t, "wrapped", File(file).Wrapped(a, nil, nil), old, "x")
	if err := Wrap(ctx, file, a, b); err != nil {
		t.Fatal(err)
	}
	opens(t, "handed on", File(file).Wrapped(b, nil, nil), old, "x")
	is, err := os.ReadFile(file)
	if err != nil || bytes.Contains(is, []byte("keyData")) {
		t.Errorf("%s, %v", is, err)
	}
	open := keyFile(t)
	for _, c := range []struct {
		about string
		do    func() error
		want  string
	}{
		{"used without a KMS key", func() error { return File(file).Check(ctx) }, "name the KMS key that has done so, in keyset_kms"},
		{"text, used without a KMS key", func() error { return Text(string(is), "SYNCD_KEYSET").Check(ctx) }, "SYNCD_KEYSET is wrapped"},
		{"in the clear, used with one", func() error { return File(open).Wrapped(a, nil, nil).Check(ctx) }, "run syncd keys wrap --kms hcvault://vault.acme.com/transit/keys/syncd"},
		{"no keyset, used with one", func() error { return Text("{}", "SYNCD_KEYSET").Wrapped(a, nil, nil).Check(ctx) }, "SYNCD_KEYSET holds no keyset"},
		{"rotated without a KMS key", func() error { return Rotate(ctx, file, nil) }, "by --kms"},
		{"rotated with another one", func() error { return Rotate(ctx, file, a) }, file},
		{"in the clear, rotated with one", func() error { return Rotate(ctx, open, a) }, "is not wrapped"},
		{"wrapped once more", func() error { return Wrap(ctx, file, nil, a) }, "name the one that has by --from"},
		{"handed on by another", func() error { return Wrap(ctx, file, a, a) }, file},
		{"the service is down", func() error { a.down = errDown; defer func() { a.down = nil }(); return Wrap(ctx, open, nil, a) }, errDown.Error()},
		{"made while it is down", func() error {
			a.down = errDown
			defer func() { a.down = nil }()
			return New(ctx, filepath.Join(filepath.Dir(open), "new"), a)
		}, errDown.Error()},
	} {
		if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "keyData") {
			t.Errorf("%s: %v", c.about, err)
		}
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, is) {
		t.Errorf("what failed has changed the file: %v", err)
	}
	opens(t, "after all that", File(file).Wrapped(b, nil, nil), old, "x")
	if err := File(open).Check(ctx); err != nil {
		t.Errorf("the other one: %v", err)
	}
	for _, left := range []string{file + ".new", open + ".new", filepath.Join(filepath.Dir(open), "new")} {
		if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left over: %v", left, err)
		}
	}
}

// TestFor: what the KMS key has encrypted for something else is no keyset of ours.
func TestFor(t *testing.T) {
	by := newService(t)
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	for of, fits := range map[string]bool{"": false, "backup": false, wrappedFor: true} {
		var b bytes.Buffer
		if err := h.WriteWithContext(t.Context(), keyset.NewJSONWriter(&b), by, []byte(of)); err != nil {
			t.Fatal(err)
		}
		if err := Text(b.String(), "SYNCD_KEYSET").Wrapped(by, nil, nil).Check(t.Context()); (err == nil) != fits {
			t.Errorf("wrapped for %q: %v", of, err)
		}
	}
}
