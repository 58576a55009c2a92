package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"example.com/syncd/schedule"
)

// File is a sink that appends each revision to a file, one JSON object a line. A reader that has seen
// an (id, revision) skips it: after a crash the last line may come twice.
type File struct {
	name string
	mu   sync.Mutex
}

var _ schedule.Sink = (*File)(nil)

// NewFile makes a sink for the file of that name. It is created at the first delivery, and may be
// moved away at any time.
func NewFile(name string) *File { return &File{name: name} }

// Deliver appends s and waits until it is on the disk.
func (f *File) Deliver(_ context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	line, err := json.Marshal(d.Schedule)
	if err != nil {
		return schedule.Receipt{}, fmt.Errorf("deliver to %s: %w", f.name, err)
	}
	return schedule.Receipt{}, f.write(line)
}

func (f *File) write(line []byte) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(f.name), 0o700); err != nil {
		return fmt.Errorf("deliver: make the folder of %s: %w", f.name, err)
	}
	// Join links with their passcodes are nobody else's business.
	out, err := os.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	defer func() {
		if e := out.Close(); err == nil && e != nil {
			err = fmt.Errorf("deliver: %w", e)
		}
	}()
	torn, err := endsTorn(out)
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", f.name, err)
	}
	if torn { // by a crash in the middle of a line: that revision is delivered again
		line = append([]byte{'\n'}, line...)
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	return nil
}

// endsTorn reports whether the file's last line has no end.
func endsTorn(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}
