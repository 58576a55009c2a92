//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A manager is what stands in for the service manager: a socket, and what was said to it.
type manager struct {
	*net.UnixConn
	socket string
}

func newManager(t *testing.T) manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // names of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return manager{conn, socket}
}

// hears waits for what is said next.
func (m manager) hears(t *testing.T) string {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := m.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// TestNewSupervisor: who waits for word, by the environment.
func TestNewSupervisor(t *testing.T) {
	for _, c := range []struct {
		env    map[string]string
		socket string
		within time.Duration
	}{
		{nil, "", 0},
		{map[string]string{"WATCHDOG_USEC": "1000000"}, "", 0}, // nobody would hear
		{map[string]string{"NOTIFY_SOCKET": "/run/systemd/notify"}, "/run/systemd/notify", 0},
		{map[string]string{"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "180000000"}, "@abstract", 3 * time.Minute},
		{map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "42"}, "/s", time.Second},
		{map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "41"}, "/s", 0}, // of the process that has started this one
		{map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "soon"}, "/s", 0},
		{map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "-1"}, "/s", 0},
	} {
		s := newSupervisor(func(name string) string { return c.env[name] }, 42, slog.New(slog.DiscardHandler))
		if s.socket != c.socket || s.within != c.within {
			t.Errorf("%v: %q, %s", c.env, s.socket, s.within)
		}
	}
}

// TestNobodyToTell: without a socket nothing is said, and one that is gone is no reason to end.
func TestNobodyToTell(t *testing.T) {
	var log strings.Builder
	supervisor{log: slog.New(slog.NewTextHandler(&log, nil))}.tell(stateReady)
	if log.Len() > 0 {
		t.Errorf("without a socket: %s", &log)
	}
	supervisor{socket: filepath.Join(t.TempDir(), "gone"), log: slog.New(slog.NewTextHandler(&log, nil))}.tell(stateReady)
	if !strings.Contains(log.String(), "could not be told") {
		t.Errorf("with a socket that is gone: %s", &log)
	}
}

// TestSigns: a sign of life is given for each tick before which there was a look, and none while there is no new one.
func TestSigns(t *testing.T) {
	m := newManager(t)
	ctx, stop := context.WithCancel(t.Context())
	var looked atomic.Int64
	ticks, asked := make(chan time.Time), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- supervisor{socket: m.socket, log: slog.New(slog.DiscardHandler)}.signs(ctx, ticks, func() time.Time {
			defer func() { asked <- struct{}{} }()
			if n := looked.Load(); n > 0 {
				return time.Unix(n, 0)
			}
			return time.Time{}
		})
	}()
	tick := func(at int64) {
		looked.Store(at)
		ticks <- time.Time{}
		<-asked
	}
	for _, at := range []int64{0, 1, 1, 1, 2} { // not yet, a look, stuck, stuck, going on
		tick(at)
	}
	tick(2) // so that what was to be said has been
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if said := m.hears(t); said != stateAlive {
			t.Errorf("it said %q", said)
		}
	}
	m.SetReadDeadline(time.Now()) // what was sent is there already
	if n, err := m.Read(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes more (%v)", n, err)
	}
}

// A held tenant answers nothing from a moment on, until it is let go.
type heldTenant struct {
	next http.Handler
	on   atomic.Bool
	held chan struct{} // has something when a request is held
	free chan struct{} // closed to let them go
	cut  atomic.Bool   // who asked did not wait
}

func (h *heldTenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.on.Load() {
		b, err := io.ReadAll(r.Body) // behind the end of which a server sees that who asks goes away
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		select {
		case h.held <- struct{}{}:
		default:
		}
		select {
		case <-h.free:
		case <-r.Context().Done():
			h.cut.Store(true)
			return
		}
	}
	h.next.ServeHTTP(w, r)
}

// supervised is a daemon that a service manager has started, in a tenant that can be held.
func supervised(t *testing.T, args ...string) (*replica, *heldTenant, manager) {
	t.Helper()
	l := newLivelyTenant(rand.New(rand.NewPCG(1, 5)))
	r, m := newReplica(t, "syncd", "syncd.db", l.Tenant), newManager(t)
	h := &heldTenant{next: r.endpoint.Config.Handler, held: make(chan struct{}, 1), free: make(chan struct{})}
	r.endpoint.Config.Handler = h
	b, err := os.ReadFile(r.file("syncd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	b = []byte(strings.Replace(string(b), `"127.0.0.1:0"`, `"127.0.0.1:0", token_file: token`, 1))
	for name, text := range map[string][]byte{"syncd.yaml": b, "token": []byte("open-sesame\n")} {
		if err := os.WriteFile(r.file(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.env = []string{"NOTIFY_SOCKET=" + m.socket, "WATCHDOG_USEC=2000000"}
	r.args = args
	r.start()
	if said := m.hears(t); said != stateReady {
		t.Fatalf("it said %q first", said)
	}
	if r.serving() == "" {
		t.Fatal("it said that it is ready before it listens")
	}
	return r, h, m
}

// health asks as service managers do.
func health(t *testing.T, url string) (string, int) {
	t.Helper()
	var out strings.Builder
	code := run(t.Context(), []string{"health", "--url", url}, streams{nil, &out, &out})
	return out.String(), code
}

// TestEnd: a daemon that is told to end says so first, goes on for as long as --drain says, ends its streams, finishes what
// is under way while it still answers, and ends.
func TestEnd(t *testing.T) {
	const drain = time.Second
	t.Parallel()
	r, h, m := supervised(t, "--drain", drain.String())
	url := r.serving()
	if !until(time.Minute, func() bool { _, code := health(t, url); return code == exitOK }) {
		t.Fatal("it does not get ready")
	}
	for range 2 {
		if said := m.hears(t); said != stateAlive {
			t.Errorf("it said %q", said)
		}
	}
	ended := stream(t, url)
	h.on.Store(true)
	<-h.held

	told := time.Now()
	r.signal(syscall.SIGTERM)
	for m.hears(t) != stateStopping {
	}
	if said, code := health(t, url); code != exitFailed || !strings.Contains(said, "told to end") {
		t.Errorf("behind SIGTERM: %d %s", code, said)
	}
	if at := <-ended; at.Sub(told) < drain {
		t.Errorf("the stream ended %s behind SIGTERM", at.Sub(told))
	}
	if got := fetch(t, url+"/livez", ""); got != "200 ok\n" {
		t.Errorf("while a job is under way: %s", got)
	}
	select {
	case <-r.ended:
		t.Error("it has ended although a job is under way")
	default:
	}
	close(h.free)
	<-r.ended
	if how := r.cmd.ProcessState; !how.Success() {
		t.Errorf("it ended with %s", how)
	}
	if h.cut.Load() {
		t.Error("what was under way has been cut off")
	}
	if _, code := health(t, url); code != exitFailed {
		t.Errorf("nobody is there, and the exit status is %d", code)
	}
}

// TestEndOfHanging: what does not end by itself is cut off, in the time that service managers are told to wait.
func TestEndOfHanging(t *testing.T) {
	if *kills <= round {
		t.Skip("takes half a minute: it is a part of make killsoak")
	}
	t.Parallel()
	r, h, _ := supervised(t)
	h.on.Store(true)
	<-h.held
	told := time.Now()
	r.stop()
	took := time.Since(told).Round(time.Second)
	if cut := until(time.Minute, h.cut.Load); !cut || took > time.Minute {
		t.Errorf("it ended after %s, what was under way was cut off: %v", took, cut)
	}
	t.Logf("it ended after %s", took)
}

// stream opens a stream of events, and says when it has ended.
func stream(t *testing.T, url string) <-chan time.Time {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer open-sesame")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("a stream: %s %q %v", resp.Status, line, err)
	}
	ended := make(chan time.Time, 1)
	go func() {
		_, err := io.Copy(io.Discard, lines)
		if err == nil {
			ended <- time.Now()
		}
		close(ended)
	}()
	return ended
}

// TestHere: how a machine reaches itself, by what it listens at.
func TestHere(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8787": "127.0.0.1:8787", ":8787": "127.0.0.1:8787", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "[::1]:80", "10.1.2.3:80": "10.1.2.3:80", "syncd:80": "syncd:80",
	} {
		if got := here(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

// TestListensAt: a configuration that somebody has broken meanwhile still says where the daemon is.
func TestListensAt(t *testing.T) {
	for text, want := range map[string]string{
		"serve: {listen: ':9'}": ":9", "store: x": "127.0.0.1:8787", "serve: {listen: ':9'}\nunknown: 1\npolicy: gone.yaml": ":9",
		"serve: {listen: off}": "serve.listen is off", "serve: [": "--url",
	} {
		file := filepath.Join(t.TempDir(), "syncd.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := listensAt(file)
		if err != nil {
			got = fmt.Sprint(err)
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
