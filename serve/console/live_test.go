package console

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// stream opens the stream of changes.
func stream(t *testing.T, ctx context.Context, address string, header ...string) (*http.Response, *bufio.Reader) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/console/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

// next is the next event, with its lines.
func next(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	var event strings.Builder
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ends behind %q: %v", event.String(), err)
		}
		if line == "\n" {
			return event.String()
		}
		event.WriteString(line)
	}
}

// TestStream: it says hello, tells of changes, and ends with the daemon.
func TestStream(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	changes := make(chan struct{}, 1)
	srv := httptest.NewServer(newConsole(t, newWorld(t), func(c *Config) {
		c.Changes = func(context.Context) <-chan struct{} { return changes }
	}))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()
	resp, from := stream(t, t.Context(), srv.URL)
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("it is %s", got)
	}
	if got := next(t, from); got != "id: 1\n" {
		t.Errorf("it begins with %q", got)
	}
	changes <- struct{}{}
	if got := next(t, from); got != "id: 1\nevent: changed\ndata: \n" {
		t.Errorf("a change is %q", got)
	}
	_, again := stream(t, t.Context(), srv.URL, "Last-Event-ID", "1")
	if got := next(t, again); !strings.Contains(got, "event: changed") {
		t.Errorf("who comes again hears %q", got)
	}
	close(changes)
	for _, r := range []io.Reader{from, again} {
		if _, err := io.ReadAll(r); err != nil {
			t.Errorf("it ends with %v", err)
		}
	}
}

// TestStreams: there are not more than the daemon can bear, and who goes away makes room.
func TestStreams(t *testing.T) {
	h := &console{live: make(chan struct{}, 1)}
	h.Changes = func(context.Context) <-chan struct{} { return nil }
	h.Log = slog.New(slog.DiscardHandler)
	srv := httptest.NewServer(http.HandlerFunc(h.follow))
	defer srv.Close()
	ctx, leave := context.WithCancel(t.Context())
	_, from := stream(t, ctx, srv.URL)
	next(t, from)
	if resp, _ := stream(t, t.Context(), srv.URL); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a second one: %d", resp.StatusCode)
	}
	leave()
	select { // which waits for the room
	case h.live <- struct{}{}:
		<-h.live
	case <-time.After(10 * time.Second):
		t.Fatal("whoever goes away makes no room")
	}
	resp, _ := stream(t, t.Context(), srv.URL)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
	resp.Body.Close()
}
