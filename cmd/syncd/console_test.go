package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/browsertest"
)

// daemon runs a daemon until the test ends, and says where it is. It ends within a moment, whoever follows its pages.
func daemon(t *testing.T, file string, out *buffer) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	log := &buffer{more: make(chan struct{}, 1)}
	if out == nil {
		out = &buffer{more: make(chan struct{}, 1)}
	}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"run", "--config", file}, streams{strings.NewReader(""), out, log})
	}()
	t.Cleanup(func() {
		stop()
		began := time.Now()
		if code := <-done; code != exitOK {
			t.Errorf("exit status %d", code)
		}
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("it took %s to end", took)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", log.all.String())
		}
	})
	return log.until(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
}

// demoDaemon runs the demo in a folder of its own until the test ends, and says where it is and where its configuration.
func demoDaemon(t *testing.T) (address, file string) {
	t.Helper()
	return demoDaemonWith(t, func(text string) string { return text }, func(string) {})
}

// demoDaemonWith is demoDaemon with another configuration, and with something in its folder.
func demoDaemonWith(t *testing.T, change func(string) string, prepare func(dir string)) (address, file string) {
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
	text := strings.NewReplacer("127.0.0.1:8787\n", "127.0.0.1:0\n", "poll: 5s", "poll: 1s").Replace(string(b))
	if err := os.WriteFile(file, []byte(change(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	prepare(dir)
	out := &buffer{more: make(chan struct{}, 1)}
	address = daemon(t, file, out)
	out.until(t, `updated +\S+ 24 \S+ \S+ +Acme x Globex: kick-off`) // the tenants' story is over
	return address, file
}

// TestConsole: the pages of a daemon, in a browser.
func TestConsole(t *testing.T) {
	address, _ := demoDaemon(t)
	browsertest.Run(t, "testdata/console.mjs", map[string]any{"base": address, "token": "demo-only"})
}
