// Package seal encrypts what is kept at rest, with keys that are kept elsewhere: a keyset of Tink's, as
// JSON. It seals with the newest key and opens with any.
package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrKey says that none of the keys opens what was to be opened, or that it belongs elsewhere.
var ErrKey = errors.New("none of the keys fits")

// maxKeyset is far more than a keyset with a hundred keys has.
const maxKeyset = 1 << 20

// Keys seal and open. They are read anew at each use: a rotation is in force at once, in every process.
type Keys struct {
	from string // where they come from, for people
	read func() ([]byte, error)
}

// File are the keys in a file, which must be the owner's alone. It is not read yet.
func File(name string) *Keys {
	return &Keys{name, func() ([]byte, error) { return readPrivate(name) }}
}

// Text are keys that were handed over as JSON; from says by what.
func Text(json, from string) *Keys {
	return &Keys{from, func() ([]byte, error) { return []byte(json), nil }}
}

// String says where the keys come from, and nothing of them.
func (k *Keys) String() string { return k.from }

// Check reports whether the keys can be read and used.
func (k *Keys) Check() error {
	_, err := k.primitive()
	return err
}

// Seal encrypts plain so that it opens with these keys alone, and as what it is a part of alone: of is its
// place, such as a table, a connection and a name.
func (k *Keys) Seal(plain []byte, of ...string) ([]byte, error) {
	p, err := k.primitive()
	if err != nil {
		return nil, err
	}
	return p.Encrypt(plain, place(of))
}

// Open is what was sealed for the same place. ErrKey: it was sealed with another key, for another place, or
// was changed.
func (k *Keys) Open(sealed []byte, of ...string) ([]byte, error) {
	p, err := k.primitive()
	if err != nil {
		return nil, err
	}
	plain, err := p.Decrypt(sealed, place(of))
	if err != nil {
		return nil, ErrKey // the library's error says no more
	}
	return plain, nil
}

// place is one text for each list of words: lengths keep "a","bc" and "ab","c" apart.
func place(of []string) []byte {
	var b []byte
	for _, s := range of {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func (k *Keys) primitive() (tink.AEAD, error) {
	b, err := k.read()
	if err != nil {
		return nil, err
	}
	h, err := parse(b, k.from)
	if err != nil {
		return nil, err
	}
	p, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("%s: its keys are of another kind; make a file of keys by syncd keys new FILE", k.from)
	}
	return p, nil
}

// parse reads a keyset. The library's errors are left out: they might repeat what is in it.
func parse(b []byte, from string) (*keyset.Handle, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("%s holds no keyset; put the right file back, or make one by syncd keys new FILE", from)
	}
	return h, nil
}

// readPrivate reads a file that nobody but its owner may read.
func readPrivate(name string) ([]byte, error) {
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
	// Windows has no such bits.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read or written by others (mode %04o): chmod 600 %s", name, mode, name)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyset))
}
