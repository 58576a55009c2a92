package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/syncd/internal/browsertest"
)

// demoDaemon runs the demo in a folder of its own until the test ends, and says where it is and where its configuration.
func demoDaemon(t *testing.T) (address, file string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "configs"), os.DirFS("../../configs")); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "configs", "demo.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("127.0.0.1:8787\n"), []byte("127.0.0.1:0\n"))
	b = bytes.ReplaceAll(b, []byte("poll: 5s"), []byte("poll: 1s"))
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, log := &buffer{more: make(chan struct{}, 1)}, &buffer{more: make(chan struct{}, 1)}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"run", "--config", file}, streams{strings.NewReader(""), out, log})
	}()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != exitOK {
			t.Errorf("exit status %d", code)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", log.all.String())
		}
	})
	address = log.until(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	out.until(t, `updated +\S+ 24 \S+ \S+ +Acme x Globex: kick-off`) // the tenants' story is over
	return address, file
}

// TestConsole: the pages of a daemon, in a browser.
func TestConsole(t *testing.T) {
	address, _ := demoDaemon(t)
	browsertest.Run(t, "testdata/console.mjs", map[string]any{"base": address, "token": "demo-only"})
}
