package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/syncd/engine"
	"example.com/syncd/serve"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
)

// follow reads the feed to its end, and returns what came and where to go on.
func follow(t *testing.T, w *world, after string, limit int) (items []api.ChangeItem, next string) {
	t.Helper()
	for {
		var p api.ChangePage
		w.get(t, fmt.Sprintf("/api/v1/changes?limit=%d&after=%s", limit, after), &p)
		items, after = append(items, p.Changes...), p.Next
		if !p.More {
			return items, p.Next
		}
		if len(p.Changes) != limit {
			t.Fatalf("%d on a page that has more", len(p.Changes))
		}
	}
}

// TestChanges: a reader who keeps the cursor sees every revision once, in order, however pages are cut.
func TestChanges(t *testing.T) {
	w := newWorld(t)
	items, begin := follow(t, w, "", 50)
	if len(items) != 0 || begin == "" {
		t.Fatalf("nothing has %d changes, and goes on at %q", len(items), begin)
	}
	w.fill(t, 100)
	whole, end := follow(t, w, begin, 200)
	if len(whole) < 66 {
		t.Fatalf("only %d changes", len(whole))
	}
	seen := map[string]int{}
	for _, c := range whole {
		if seen[c.Schedule.ID]++; seen[c.Schedule.ID] != c.Schedule.Revision || len(c.Schedule.Reasons) != 1 {
			t.Errorf("%s: revision %d comes as the %d.", c.Schedule.ID, c.Schedule.Revision, seen[c.Schedule.ID])
		}
	}
	for _, limit := range []int{1, 7, len(whole) - 1, len(whole)} {
		again, at := follow(t, w, "", min(limit, 200))
		if fmt.Sprint(again) != fmt.Sprint(whole) || at != end {
			t.Errorf("by %d: %d changes, not %d", limit, len(again), len(whole))
		}
	}
	if rest, _ := follow(t, w, whole[40].Cursor, 50); len(rest) != len(whole)-41 || rest[0].Cursor != whole[41].Cursor {
		t.Errorf("behind one: %d changes", len(rest))
	}
	if rest, at := follow(t, w, "latest", 50); len(rest) != 0 || at != end {
		t.Errorf("behind the latest: %d changes", len(rest))
	}
	w.decide(t, meeting(1001), 1)
	if rest, _ := follow(t, w, end, 50); len(rest) != 1 || rest[0].Schedule.Revision != 1 {
		t.Errorf("what came later: %+v", rest)
	}
}

// stream is a reader of events.
type stream struct {
	*bufio.Reader
	close func()
}

type event struct{ name, id, data string }

// open begins to read events, behind the one of that id.
func open(t *testing.T, url, token, last string) (stream, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	return stream{bufio.NewReader(resp.Body), func() { cancel(); resp.Body.Close() }}, resp
}

// next is the next event, or a comment as an event without a name.
func (s stream) next(t *testing.T) event {
	t.Helper()
	var e event
	for {
		line, err := s.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		}
		if line == "\n" {
			return e
		}
	}
}

// revision is the next event that is no comment.
func (s stream) revision(t *testing.T) (event, api.ChangeItem) {
	t.Helper()
	for {
		e := s.next(t)
		if e.name == "" {
			continue
		}
		var c api.ChangeItem
		if err := json.Unmarshal([]byte(e.data), &c); err != nil {
			t.Fatalf("%v: %s", err, e.data)
		}
		return e, c
	}
}

// listen serves w by limits that no stream would outlive.
func listen(t *testing.T, w *world) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	short := serve.Limits{Header: 100 * time.Millisecond, Read: 100 * time.Millisecond, Write: 100 * time.Millisecond, Idle: time.Second, Grace: 5 * time.Second}
	go func() { done <- serve.Serve(ctx, l, w, short) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), stop
}

// TestEvents: a stream says what comes, outlives the server's limits, goes on where another ended, and ends with the daemon.
func TestEvents(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
	stopping := make(chan struct{})
	w := newWorld(t, func(_ *access.Config, c *api.Config) {
		c.Stopping, c.Streams = stopping, api.Streams{Most: 3, PerOne: 2, Look: time.Hour, Beat: 20 * time.Millisecond}
	})
	w.fill(t, 4)
	url, stop := listen(t, w)
	url += "/api/v1/events"
	s, resp := open(t, url, w.tokens["read"], "")
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header)
	}
	ready, _ := s.revision(t)
	if ready.name != "ready" || ready.id == "" {
		t.Fatalf("it begins with %+v", ready)
	}
	for range 20 { // for four times as long as the server's limits
		if e := s.next(t); e != (event{}) {
			t.Fatalf("what was there before comes: %+v", e)
		}
	}
	w.decide(t, meeting(1001), 1)
	w.api.Notify()
	first, c := s.revision(t)
	if first.name != "revision" || first.id != c.Cursor || c.Schedule.Title != meeting(1001).Title || len(c.Schedule.Reasons) != 1 {
		t.Errorf("came %+v", first)
	}
	s.close()
	w.decide(t, meeting(1003), 1)
	w.decide(t, meeting(1004), 1, 2)
	s, _ = open(t, url, w.tokens["read"], first.id)
	if e, _ := s.revision(t); e.name != "ready" || e.id != first.id {
		t.Errorf("it goes on with %+v", e)
	}
	var missed []string
	for range 3 {
		_, c := s.revision(t)
		missed = append(missed, fmt.Sprint(c.Schedule.Meetings[0], " ", c.Schedule.Revision))
	}
	if got, want := fmt.Sprint(missed), fmt.Sprint([]string{string(meeting(1003).Meeting) + " 1", string(meeting(1004).Meeting) + " 1", string(meeting(1004).Meeting) + " 2"}); got != want {
		t.Errorf("missed were %s, want %s", got, want)
	}
	if rest, _ := follow(t, w, first.id, 50); len(rest) != 3 {
		t.Errorf("the feed goes on behind the event with %d", len(rest))
	}

	// Two of one token, three of all.
	second, resp := open(t, url, w.tokens["read"], "")
	if resp.StatusCode != 200 {
		t.Errorf("a second one: %d", resp.StatusCode)
	}
	if _, resp := open(t, url, w.tokens["read"], ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a third one: %d", resp.StatusCode)
	}
	if _, resp := open(t, url, w.tokens["admin"], ""); resp.StatusCode != 200 {
		t.Errorf("of another token: %d", resp.StatusCode)
	}
	if _, resp := open(t, url, "demo-only", ""); resp.StatusCode != 503 {
		t.Errorf("a fourth of all: %d", resp.StatusCode)
	}
	if _, resp := open(t, url, "demo-only", "made-up"); resp.StatusCode != 400 {
		t.Errorf("behind an event that never was: %d", resp.StatusCode)
	}

	close(stopping)
	stop() // which waits for streams
	for _, s := range []stream{s, second} {
		for {
			if _, err := s.ReadString('\n'); err != nil {
				break
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestStreamEnds: whoever reads has to come in again after a while, so that a revoked token ends; and a revision that
// another process has written is found.
func TestStreamEnds(t *testing.T) {
	w := newWorld(t, func(_ *access.Config, c *api.Config) {
		c.Streams = api.Streams{Look: 5 * time.Millisecond, Beat: time.Hour, Lasts: 400 * time.Millisecond}
	})
	url, _ := listen(t, w)
	s, _ := open(t, url+"/api/v1/events", w.tokens["read"], "")
	s.revision(t)
	w.decide(t, meeting(1), 1) // without Notify
	if e, _ := s.revision(t); e.name != "revision" {
		t.Errorf("came %+v", e)
	}
	if _, err := s.ReadString('\n'); err == nil {
		t.Error("it goes on")
	}
}

// flood is a store whose feed never ends.
type flood struct{ engine.Catalog }

func (flood) NewestChange(context.Context) (int64, error) { return 0, nil }

func (flood) Changes(_ context.Context, after int64, _ int) ([]engine.Change, error) {
	return []engine.Change{{Seq: after + 1, Data: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}}, nil
}

// TestStall: who opens a stream and takes nothing is given up, and makes room for others.
func TestStall(t *testing.T) {
	w := newWorld(t, func(_ *access.Config, c *api.Config) {
		c.Catalog, c.Streams = flood{c.Catalog}, api.Streams{PerOne: 1, Stall: 50 * time.Millisecond, Look: time.Millisecond}
	})
	url, _ := listen(t, w)
	if _, resp := open(t, url+"/api/v1/events", w.tokens["read"], ""); resp.StatusCode != 200 { // and reads no further
		t.Fatal(resp.StatusCode)
	}
	tries := 0
	for ; ; tries++ {
		s, resp := open(t, url+"/api/v1/events", w.tokens["read"], "")
		s.close()
		if resp.StatusCode == 200 {
			break
		}
		if resp.StatusCode != 503 {
			t.Fatal(resp.StatusCode)
		}
	}
	if tries == 0 {
		t.Error("there was room for two")
	}
	if rec := w.do("HEAD", "/api/v1/events", w.tokens["admin"], ""); rec.Code != 200 || rec.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", rec.Code, rec.Body.Len())
	}
}
