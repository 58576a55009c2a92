package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/syncd/config"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"syncd": main, "syncd-orphan": orphan, "xdg-open": browser, "open": browser})
}

// orphan is main for a process that is to be killed: it ends when its input does, so that it does not outlive a test that
// was killed itself.
func orphan() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
}

// TestScript runs the program as users do. Each script is a file in testdata/script.
func TestScript(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("CONFIGS", filepath.Join(e.WorkDir, "configs"))
			p := newProvider()
			e.Defer(p.Close)
			e.Setenv("DISPLAY", ":0") // there is a screen, and browser sits at it
			if err := os.WriteFile(filepath.Join(e.WorkDir, "client.json"), p.client(), 0o600); err != nil {
				return err
			}
			// The demo writes beside its configuration: into the test's own copy.
			return os.CopyFS(filepath.Join(e.WorkDir, "configs"), os.DirFS(filepath.Join(root, "configs")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"truncate": truncate, "count": count},
	})
}

// truncate FILE PERCENT cuts a file off.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE PERCENT")
	}
	b := []byte(ts.ReadFile(args[0]))
	percent, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b[:len(b)*percent/100], 0o600))
}

// count N STRING FILE demands that N lines of the file have the string.
func count(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: count N STRING FILE")
	}
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		if strings.Contains(line, args[1]) {
			n++
		}
	}
	if want := args[0]; want != strconv.Itoa(n) {
		ts.Fatalf("%d lines of %s have %q, want %s", n, args[2], args[1], want)
	}
}

// TestConfigs loads every configuration that is shipped.
func TestConfigs(t *testing.T) {
	dir := "../../configs"
	loaded := 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			continue
		}
		loaded++
		switch {
		case strings.Contains(entry.Name(), "cases"):
			_, err = config.LoadCases(name)
		case strings.Contains(entry.Name(), "policy"):
			_, err = config.LoadPolicy(name)
		default:
			_, err = config.Load(name, drivers, sinks)
		}
		if err != nil {
			t.Errorf("%s: %v", entry.Name(), err)
		}
	}
	if loaded < 3 {
		t.Errorf("only %d configurations in %s", loaded, dir)
	}
}

// TestDrivers: names are unique, and every driver says what it reads.
func TestDrivers(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range drivers {
		if seen[d.Name] || d.Name == "" || d.Doc == "" || d.Config == nil {
			t.Errorf("driver %+v", d)
		}
		seen[d.Name] = true
	}
}

// buffer is a stream that a test may read while the program writes.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder // since forget was called last
	all  strings.Builder
	more chan struct{} // has something after each write
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
	b.all.Write(p)
	return b.text.Write(p)
}

// forget lets until find only what is written from now on.
func (b *buffer) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// until waits for a match in what was written.
func (b *buffer) until(t *testing.T, pattern string) []string {
	t.Helper()
	for {
		b.mu.Lock()
		m := regexp.MustCompile(pattern).FindStringSubmatch(b.text.String())
		b.mu.Unlock()
		if m != nil {
			return m
		}
		select {
		case <-b.more:
		case <-t.Context().Done():
			t.Fatalf("no %q", pattern)
		}
	}
}

// TestDaemon runs the demo as a daemon, sees a tenant's change come out, asks its HTTP side, and ends it.
func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "configs"), os.DirFS("../../configs")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "configs", "demo.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("127.0.0.1:8787\n"), []byte("127.0.0.1:0\n"))
	b = bytes.ReplaceAll(b, []byte("poll: 5s"), []byte("poll: 1s"))
	b = append(b, "\npush: {url: https://syncd.acme.com}\n"...)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, log := &buffer{more: make(chan struct{}, 1)}, &buffer{more: make(chan struct{}, 1)}
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"run", "--config", file}, streams{strings.NewReader(""), out, log})
	}()
	address := log.until(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	out.until(t, `updated +\S+ 24 \S+ \S+ +Acme x Globex: kick-off`)
	for path, want := range map[string]string{
		"/livez": "200 ok", "/readyz": "200 ok", "/api/v1/schedules": `200 {"schedules":[{"id":"rec_`, "/api/v1/connections": `200 {"looked_at":`, "/api/v1/directory": `200 {"members":[{"email":`,
	} {
		if got := fetch(t, address+path, "demo-only"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %.200s, want %s", path, got, want)
		}
	}
	// What is printed is the newest state alone: a slow machine has not printed the first one.
	var states []string
	for _, m := range regexp.MustCompile(`"state":"(\w+)","meetings":\["7kq2v9h1c3d5e7f9g1h3j5k7m9@google.com"\]`).FindAllStringSubmatch(fetch(t, address+"/api/v1/changes?limit=200", "demo-only"), -1) {
		states = append(states, m[1])
	}
	if !slices.Equal(states, []string{"scheduled", "updated"}) {
		t.Errorf("the feed's revisions of a meeting that moved: %q", states)
	}
	if got := fetch(t, address+"/api/v1/schedules", ""); !strings.HasPrefix(got, "401 ") {
		t.Errorf("without the token: %.200s", got)
	}
	made := &buffer{more: make(chan struct{}, 1)}
	if code := run(ctx, []string{"token", "new", "--config", file, "beside"}, streams{strings.NewReader(""), made, &buffer{more: make(chan struct{}, 1)}}); code != exitOK {
		t.Errorf("making a token beside the daemon: exit status %d", code)
	}
	if got := fetch(t, address+"/api/v1/me", strings.TrimSpace(made.all.String())); !strings.HasPrefix(got, `200 {"id":"token:`) {
		t.Errorf("with a token made beside the daemon: %.200s", got)
	}
	for path, want := range map[string]int{"/push/google/acme.com": http.StatusOK, "/push/google/globex.com": http.StatusNotFound} {
		if got := push(t, address+path); got != want {
			t.Errorf("a push to %s: got %d, want %d", path, got, want)
		}
	}
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("exit status %d:\n%s", code, log.text.String())
	}
}

// push sends what Google would.
func push(t *testing.T, url string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"ID": "made-up", "Token": "made-up"} {
		r.Header.Set("X-Goog-Channel-"+name, value)
	}
	for name, value := range map[string]string{"ID": "made-up", "State": "exists"} {
		r.Header.Set("X-Goog-Resource-"+name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func fetch(t *testing.T, url, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, b)
}
