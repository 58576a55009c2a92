package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// New makes a file with one key, for its owner alone. A file that is there is left as it is: what was sealed
// with its keys would be lost.
func New(file string) error {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	f, err := create(file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and what is sealed with its keys needs them; to add a key, run syncd keys rotate %s", file, file)
	}
	if err != nil {
		return err
	}
	if err := write(f, h); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return sync(filepath.Dir(file))
}

// Rotate adds a key to the file, with which everything is sealed from now on. The others stay, and open what
// they sealed. The file is replaced at once, and keeps its owner.
func Rotate(file string) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	b, err := readPrivate(file)
	if err != nil {
		return err
	}
	// Two rotations at a time would lose one's key: the name is taken until the first one is done.
	next := file + ".new"
	f, err := create(next)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another rotation is under way, or one was broken off; in that case remove it", next)
	}
	if err != nil {
		return err
	}
	h, err := rotated(b, file)
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(next))
	}
	err = write(f, h)
	if err == nil {
		err = sameOwner(next, file)
	}
	if err == nil {
		err = os.Rename(next, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return sync(filepath.Dir(file))
}

// rotated is the keyset in b with a new primary.
func rotated(b []byte, file string) (*keyset.Handle, error) {
	h, err := parse(b, file)
	if err != nil {
		return nil, err
	}
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("seal with the new key: %w", err)
	}
	return m.Handle()
}

func create(file string) (*os.File, error) {
	return os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// write writes the keyset to the disk, and closes the file.
func write(f *os.File, h *keyset.Handle) error {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return errors.Join(err, f.Close())
	}
	b.WriteByte('\n')
	if _, err := f.Write(b.Bytes()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// sync makes a new name in the folder survive a power loss. Windows sees to that by itself, and refuses.
func sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
