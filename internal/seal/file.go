package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// New makes a file with one key, for its owner alone, wrapped by a KMS key unless by is nil. A file that is there is
// left as it is: what was sealed with its keys would be lost.
func New(ctx context.Context, file string, by Wrapper) error {
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
	b, err := encode(ctx, h, by)
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(file))
	}
	if err := write(f, b); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return settle(filepath.Dir(file))
}

// Rotate adds a key to the file, with which everything is sealed from now on. The others stay, and open what
// they sealed. by is the KMS key that has wrapped the file, nil if none has. The file is replaced at once, and keeps
// its owner.
func Rotate(ctx context.Context, file string, by Wrapper) error {
	return replace(file, func(b []byte, file string) ([]byte, error) {
		h, err := decode(ctx, b, file, by)
		if err != nil {
			return nil, err
		}
		if h, err = rotated(h); err != nil {
			return nil, err
		}
		return encode(ctx, h, by)
	})
}

// Wrap has by wrap the file's keys, which were in the clear, or were wrapped by another KMS key, from. The file is
// replaced at once, and keeps its owner; its keys stay the same.
func Wrap(ctx context.Context, file string, from, by Wrapper) error {
	return replace(file, func(b []byte, file string) ([]byte, error) {
		if from == nil && isWrapped(b) {
			return nil, fmt.Errorf("%s is wrapped already; to have another key wrap it, name the one that has by --from", file)
		}
		h, err := decode(ctx, b, file, from)
		if err != nil {
			return nil, err
		}
		return encode(ctx, h, by)
	})
}

// replace puts in the file what change makes of it.
func replace(file string, change func(b []byte, file string) ([]byte, error)) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	// Two changes at a time would lose one's key: the name is taken until the first one is done.
	next := file + ".new"
	f, err := create(next)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another rotation is under way, or one was broken off; in that case remove it", next)
	}
	if err != nil {
		return err
	}
	b, err := readChanged(file, change)
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(next))
	}
	err = write(f, b)
	if err == nil {
		err = sameOwner(next, file)
	}
	if err == nil {
		err = os.Rename(next, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return settle(filepath.Dir(file))
}

// readChanged reads the file, and changes what is in it. Others may read it if it is wrapped.
func readChanged(file string, change func(b []byte, file string) ([]byte, error)) ([]byte, error) {
	b, err := readFile(file, othersMayRead)
	if err == nil && !isWrapped(b) {
		b, err = readFile(file, othersMayNothing)
	}
	if err != nil {
		return nil, err
	}
	return change(b, file)
}

// rotated is the keyset with a new primary.
func rotated(h *keyset.Handle) (*keyset.Handle, error) {
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

// write writes a keyset to the disk, and closes the file.
func write(f *os.File, b []byte) error {
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// settle makes a new name in the folder survive a power loss. Windows sees to that by itself, and refuses.
func settle(dir string) error {
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
