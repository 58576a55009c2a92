package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"example.com/syncd/connectors/conntest"
)

// lockedBuffer is what a daemon that runs says.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// invitation is a mail about a meeting of tomorrow's.
func invitation(method, uid, title string, more ...string) []byte {
	start := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Hour)
	return []byte("From: ana@acme.com\r\nTo: notes@acme.com\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n" +
		strings.ReplaceAll(fmt.Sprintf("BEGIN:VCALENDAR\nMETHOD:%s\nBEGIN:VEVENT\nUID:%s\nSUMMARY:%s\nORGANIZER:mailto:ana@acme.com\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@acme.com\nATTENDEE:mailto:joe@globex.com\n"+
			"LOCATION:https://acme.zoom.us/j/9371122334%d?pwd=a1b2c3.1\nDTSTART:%s\nDTEND:%s\n%s\nEND:VEVENT\nEND:VCALENDAR\n",
			method, uid, title, len(uid), start.Format("20060102T150405Z"), start.Add(time.Hour).Format("20060102T150405Z"), strings.Join(more, "\n")), "\n", "\r\n"))
}

// TestMailDelivered: a mail that is handed over by LMTP, or posted, becomes a schedule within seconds, and its cancellation
// ends it; what was answered by 250 is there after a restart.
func TestMailDelivered(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "lmtp.sock")
	port := fmt.Sprint("127.0.0.1:", conntest.FreePort(t))
	for name, text := range map[string]string{
		"token": "long random word\n",
		"policy.yaml": "import: {coordinator: {enabled: true}}\nproviders: {zoom: {enabled: true, capture: [bot]}}\n" +
			"directory: {members: [{email: ana@acme.com, seat: true, record: on}]}\n",
		"syncd.yaml": "store: syncd.db\npolicy: policy.yaml\ndeliver: [{name: file, file: {path: out.jsonl}}]\nserve: {listen: \"" + port + "\"}\nconnections:\n" +
			"  - name: notes\n    coordinator: {address: notes@acme.com, authenticate: false, lmtp: {listen: \"unix:" + socket + "\"}, http: {token_file: token}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "syncd.yaml")
	var says lockedBuffer
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			done <- run(ctx, []string{"run", "--config", config, "--json"}, streams{strings.NewReader(""), io.Discard, &says})
		}()
		waitFor(t, &says, func() bool {
			c, err := net.Dial("unix", socket)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		return func() {
			cancel()
			if code := <-done; code != exitOK {
				t.Errorf("exit %d:\n%s", code, says.String())
			}
		}
	}
	out := func() string {
		b, _ := os.ReadFile(filepath.Join(dir, "out.jsonl"))
		return string(b)
	}
	stop := start()
	if err := handOver(socket, invitation("REQUEST", "one", "By LMTP")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, &says, func() bool { return strings.Contains(out(), "By LMTP") })
	post := func(token string, mail []byte) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+port+"/mail/coordinator/notes", bytes.NewReader(mail))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "message/rfc822")
		r.SetBasicAuth("any", token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	if code := post("wrong", invitation("REQUEST", "second", "By HTTP")); code != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", code)
	}
	if code := post("long random word", invitation("REQUEST", "second", "By HTTP")); code != http.StatusOK {
		t.Errorf("posted: %d", code)
	}
	waitFor(t, &says, func() bool { return strings.Contains(out(), "By HTTP") })
	stop()
	stop = start()
	if err := handOver(socket, invitation("CANCEL", "one", "By LMTP", "SEQUENCE:1", "STATUS:CANCELLED")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, &says, func() bool { return strings.Contains(out(), `"cancelled"`) })
	stop()
	if all := says.String(); strings.Contains(all, "a1b2c3") {
		t.Errorf("a passcode is logged:\n%s", all)
	}
}

func handOver(socket string, mail []byte) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	if err := c.Mail("", nil); err != nil {
		return err
	}
	if err := c.Rcpt("notes@acme.com", nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(mail); err != nil {
		return err
	}
	return w.Close()
}

// waitFor waits until it is so, and fails with what was said after half a minute.
func waitFor(t *testing.T, says *lockedBuffer, so func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !so() {
		select {
		case <-deadline:
			t.Fatalf("it does not come to that:\n%s", says.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
