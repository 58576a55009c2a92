package conntest

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
)

// Secrets is a connectors.Secrets that forgets when the test ends. What is kept must not be lost because somebody gave
// up waiting, which it checks.
type Secrets struct {
	Kept   map[string]string
	Broken error // what reading fails with

	mu sync.Mutex
}

// NewSecrets keeps nothing yet.
func NewSecrets() *Secrets { return &Secrets{Kept: map[string]string{}} }

// Names are those under which something is kept.
func (s *Secrets) Names(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.Kept)), nil
}

// Secret is what is kept under the name.
func (s *Secrets) Secret(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Kept[name], s.Broken
}

// Keep replaces what is kept under the name.
func (s *Secrets) Keep(ctx context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Done() != nil {
		return errors.New("a token may get lost: this can be cancelled")
	}
	s.Kept[name] = value
	return nil
}

// Forget drops what is kept under the name.
func (s *Secrets) Forget(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.Kept, name)
	return nil
}

// FreePort is a port of this machine that nobody listens at.
func FreePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
