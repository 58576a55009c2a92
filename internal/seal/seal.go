// Package seal encrypts what is kept at rest, with keys that are kept elsewhere: a keyset of Tink's, as
// JSON, which a key management service may have wrapped. It seals with the newest key and opens with any.
package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrKey says that none of the keys opens what was to be opened, or that it belongs elsewhere.
var ErrKey = errors.New("none of the keys fits")

// maxKeyset is far more than a keyset with a hundred keys has.
const maxKeyset = 1 << 20

// What others may do with a file of keys: nothing, unless it is wrapped.
const (
	othersMayNothing = fs.FileMode(0)
	othersMayRead    = fs.FileMode(0o044)
)

// Keys seal and open. They are read anew at each use: a rotation is in force at once, in every process.
type Keys struct {
	from    string // where they come from, for people
	read    func(othersMay fs.FileMode) ([]byte, error)
	wrapped *wrapped // nil: they are in the clear
}

// File are the keys in a file, which must be the owner's alone. It is not read yet.
func File(name string) *Keys {
	return &Keys{from: name, read: func(othersMay fs.FileMode) ([]byte, error) { return readFile(name, othersMay) }}
}

// Text are keys that were handed over as JSON; from says by what.
func Text(json, from string) *Keys {
	return &Keys{from: from, read: func(fs.FileMode) ([]byte, error) { return []byte(json), nil }}
}

// String says where the keys come from, and nothing of them.
func (k *Keys) String() string { return k.from }

// Check reports whether the keys can be read and used.
func (k *Keys) Check(ctx context.Context) error {
	_, err := k.primitive(ctx)
	return err
}

// Seal encrypts plain so that it opens with these keys alone, and as what it is a part of alone: of is its
// place, such as a table, a connection and a name. ctx is for keys that have to be unwrapped.
func (k *Keys) Seal(ctx context.Context, plain []byte, of ...string) ([]byte, error) {
	p, err := k.primitive(ctx)
	if err != nil {
		return nil, err
	}
	return p.Encrypt(plain, place(of))
}

// Open is what was sealed for the same place. ErrKey: it was sealed with another key, for another place, or
// was changed. ctx is for keys that have to be unwrapped.
func (k *Keys) Open(ctx context.Context, sealed []byte, of ...string) ([]byte, error) {
	p, err := k.primitive(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := p.Decrypt(sealed, place(of))
	if err == nil {
		return plain, nil
	}
	if err := k.wrapped.stale(); err != nil {
		return nil, fmt.Errorf("the key may be in a keyset that is newer than the one in use: %w", err)
	}
	return nil, ErrKey // the library's error says no more
}

// place is one text for each list of words: lengths keep "a","bc" and "ab","c" apart.
func place(of []string) []byte {
	var b []byte
	for _, s := range of {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func (k *Keys) primitive(ctx context.Context) (tink.AEAD, error) {
	if k.wrapped != nil {
		return k.wrapped.primitive(ctx, k)
	}
	b, err := k.read(othersMayNothing)
	if err != nil {
		return nil, err
	}
	return primitive(ctx, b, k.from, nil)
}

// primitive are the keys of the keyset in b, which by has wrapped if it is not nil.
func primitive(ctx context.Context, b []byte, from string, by Wrapper) (tink.AEAD, error) {
	h, err := decode(ctx, b, from, by)
	if err != nil {
		return nil, err
	}
	p, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("%s: its keys are of another kind; make a file of keys by syncd keys new FILE", from)
	}
	return p, nil
}

// decode reads a keyset, which by has wrapped if it is not nil.
func decode(ctx context.Context, b []byte, from string, by Wrapper) (*keyset.Handle, error) {
	switch {
	case by != nil:
		return unwrap(ctx, b, from, by)
	case isWrapped(b):
		return nil, fmt.Errorf("%s is wrapped: name the KMS key that has done so, in keyset_kms, or by --kms for syncd keys", from)
	}
	return parse(b, from)
}

// parse reads a keyset in the clear. The library's errors are left out: they might repeat what is in it.
func parse(b []byte, from string) (*keyset.Handle, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("%s holds no keyset; put the right file back, or make one by syncd keys new FILE", from)
	}
	return h, nil
}

// credentials is where systemd keeps what a unit's LoadCredential= names, in a folder for each unit that none but its user
// may enter. The files say that their group may read them, where an access control list lets that user in.
const credentials = "/run/credentials/"

// others are the bits of a file's mode that let in who should not be.
func others(name string) fs.FileMode {
	switch {
	case runtime.GOOS == "windows": // has no such bits
		return 0
	case strings.HasPrefix(filepath.Clean(name), credentials):
		return 0o037
	}
	return 0o077
}

// readFile reads a file with which others may do no more than that.
func readFile(name string, othersMay fs.FileMode) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; put the file back, or make one by syncd keys new %s", err, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&others(name)&^othersMay != 0 {
		return nil, fmt.Errorf("%s may be read or written by others (mode %04o): chmod 600 %s", name, mode, name)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyset))
}
