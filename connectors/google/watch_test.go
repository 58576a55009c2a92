package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegoogle"
)

// channels is Google's side of events.watch and channels.stop; tokens come from the tenant.
type channels struct {
	t        *testing.T
	tn       *fakegoogle.Tenant
	life     time.Duration // at most
	watch    func(*http.Request) *http.Response
	stop     func(*http.Request) *http.Response
	open     map[string]string // by id: the resource
	requests []string
	bodies   []map[string]any
	users    []string // whose quota
	bearers  []string
}

func (c *channels) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/token" {
		return c.tn.RoundTrip(r)
	}
	c.requests = append(c.requests, r.Method+" "+r.URL.Path)
	c.users = append(c.users, r.URL.Query().Get("quotaUser"))
	c.bearers = append(c.bearers, r.Header.Get("Authorization"))
	b, err := io.ReadAll(r.Body)
	var body map[string]any
	if err != nil || json.Unmarshal(b, &body) != nil {
		c.t.Errorf("%s %s: %q, %v", r.Method, r.URL.Path, b, err)
	}
	c.bodies = append(c.bodies, body)
	id, _ := body["id"].(string)
	switch {
	case strings.HasSuffix(r.URL.Path, "/events/watch") && c.watch != nil:
		if resp := c.watch(r); resp != nil {
			return resp, nil
		}
		return nil, errors.New("reset by peer")
	case strings.HasSuffix(r.URL.Path, "/events/watch"):
		if _, ok := c.open[id]; ok || id == "" || len(id) > 64 {
			return say(r, 400, nil, failure(400, "channelIdNotUnique")), nil
		}
		ttl, err := strconv.Atoi(body["params"].(map[string]any)["ttl"].(string))
		if err != nil {
			c.t.Error(err)
		}
		c.open[id] = "r-" + id
		until := now().Add(min(time.Duration(ttl)*time.Second, c.life)).UnixMilli()
		return say(r, 200, nil, fmt.Sprintf(`{"id":%q,"resourceId":%q,"expiration":"%d"}`, id, c.open[id], until)), nil
	case strings.HasSuffix(r.URL.Path, "/channels/stop") && c.stop != nil:
		return c.stop(r), nil
	case strings.HasSuffix(r.URL.Path, "/channels/stop"):
		if c.open[id] == "" || c.open[id] != body["resourceId"] {
			return say(r, 404, nil, failure(404, "channelUnknown")), nil
		}
		delete(c.open, id)
		return say(r, 204, nil, ""), nil
	}
	return say(r, 404, nil, failure(404, "notFound")), nil
}

func failure(status int, reason string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":"no","errors":[{"reason":%q}]}}`, status, reason)
}

func watching(t *testing.T) (*channels, connectors.Pusher, *bytes.Buffer) {
	tn := tenant()
	c := &channels{t: t, tn: tn, life: 30 * 24 * time.Hour, open: map[string]string{}}
	log := &bytes.Buffer{}
	cfg := company
	cfg.ServiceAccountFile = "key.json"
	conn, err := cfg.Open(connectors.Env{
		Account: "acme.com", HTTP: c, Now: now, Log: slog.New(slog.NewTextHandler(log, nil)),
		ReadFile: func(string) ([]byte, error) { return tn.KeyFile(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, conn.(connectors.Pusher), log
}

func asked(id string) connectors.Subscription {
	return connectors.Subscription{
		ID: id, Secret: "s-" + id, Address: "https://syncd.acme.com/push/google/acme.com", Until: now().Add(7 * 24 * time.Hour),
	}
}

// TestWatch: a channel is opened, replaced and closed, each as the user as whom the calendar is read.
func TestWatch(t *testing.T) {
	c, p, log := watching(t)
	src := calendar.NewSource("google", "acme.com", "c_1@group.calendar.google.com")
	src.User = ana
	got, err := p.Subscribe(t.Context(), src, asked("one"))
	want := asked("one")
	want.Resource = "r-one"
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(map[string]any{
		"id": "one", "token": "s-one", "type": "web_hook", "address": "https://syncd.acme.com/push/google/acme.com",
		"params": map[string]any{"ttl": "604800"},
	}, c.bodies[0]); diff != "" {
		t.Error(diff)
	}
	c.life = time.Hour
	got.Secret = "" // the store has its hash alone
	next, err := p.Renew(t.Context(), src, got, asked("two"))
	if err != nil || next.ID != "two" || next.Resource != "r-two" || !next.Until.Equal(now().Add(time.Hour)) {
		t.Errorf("%+v, %v", next, err)
	}
	for range 2 { // a channel that Google does not know any more is no error
		if err := p.Unsubscribe(t.Context(), src, next); err != nil {
			t.Error(err)
		}
	}
	const watch, stop = "POST /calendar/v3/calendars/c_1@group.calendar.google.com/events/watch", "POST /calendar/v3/channels/stop"
	if diff := cmp.Diff([]string{watch, watch, stop, stop, stop}, c.requests); diff != "" {
		t.Error(diff)
	}
	for i, user := range c.users {
		q := url.Values{}
		_, value := quotaUser(ana).Get()
		q.Set("quotaUser", value)
		if user != q.Get("quotaUser") || c.bearers[i] != c.bearers[0] || c.bearers[i] == "" {
			t.Errorf("%s: as %s %q", c.requests[i], user, c.bearers[i])
		}
	}
	if len(c.open) != 0 || log.Len() != 0 {
		t.Errorf("open: %v; log: %s", c.open, log)
	}
}

// TestRenewStopFails: the old channel ends by itself; the new one counts.
func TestRenewStopFails(t *testing.T) {
	c, p, log := watching(t)
	old, err := p.Subscribe(t.Context(), anaSource, asked("one"))
	if err != nil {
		t.Fatal(err)
	}
	c.stop = func(r *http.Request) *http.Response { return say(r, 403, nil, failure(403, "forbidden")) }
	next, err := p.Renew(t.Context(), anaSource, old, asked("two"))
	if err != nil || next.ID != "two" || !strings.Contains(log.String(), "could not be closed") {
		t.Errorf("%+v, %v: %s", next, err, log)
	}
	c.watch = func(r *http.Request) *http.Response { return say(r, 500, nil, failure(500, "backendError")) }
	before := len(c.requests)
	if _, err := p.Renew(t.Context(), anaSource, next, asked("three")); err == nil || len(c.requests) != before+1 {
		t.Errorf("the old channel was touched although there is no new one: %v, %v", c.requests[before:], err)
	}
}

// TestWatchFails: a request that may have been heard is not sent again, and each refusal says what to do.
func TestWatchFails(t *testing.T) {
	for _, c := range []struct {
		about  string
		answer func(*http.Request) *http.Response
		is     error
		says   string
		asked  int
	}{
		{"reset", func(*http.Request) *http.Response { return nil }, nil, "reset by peer", 1},
		{"busy", func(r *http.Request) *http.Response { return say(r, 503, nil, "busy") }, nil, "throttled", 1},
		{"too many", func(r *http.Request) *http.Response {
			return say(r, 403, nil, failure(403, "rateLimitExceeded"))
		}, nil, "throttled", 1},
		{"holidays", func(r *http.Request) *http.Response { return say(r, 400, nil, failure(400, noPush)) }, connectors.ErrNoPush, noPush, 1},
		{"http", func(r *http.Request) *http.Response {
			return say(r, 400, nil, failure(400, "push.webhookUrlNotHttps"))
		}, nil, "push.url must begin with https", 1},
		{"not ours, with a token that might be old", func(r *http.Request) *http.Response {
			return say(r, 401, nil, failure(401, "push.webhookUrlUnauthorized"))
		}, nil, "verify that the domain is yours", 1},
		{"gone", func(r *http.Request) *http.Response { return say(r, 404, nil, failure(404, "notFound")) }, connectors.ErrSource, "404", 1},
		{"forbidden", func(r *http.Request) *http.Response { return say(r, 403, nil, failure(403, "forbidden")) }, connectors.ErrAccess, "may not read", 1},
	} {
		ch, p, _ := watching(t)
		ch.watch = c.answer
		_, err := p.Subscribe(t.Context(), anaSource, asked("one"))
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || len(ch.requests) != c.asked {
			t.Errorf("%s: %d requests, %v", c.about, len(ch.requests), err)
		}
		if err != nil && (strings.Contains(err.Error(), "s-one") || strings.Contains(err.Error(), "quotaUser")) {
			t.Errorf("%s: the error tells too much: %v", c.about, err)
		}
	}
}

// TestWatchTape: a tape tells of no changes.
func TestWatchTape(t *testing.T) {
	c, err := company.Open(connectors.Env{Account: "acme.com", Replayed: true, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.(connectors.Pusher).Subscribe(t.Context(), anaSource, asked("one")); !errors.Is(err, connectors.ErrNoPush) {
		t.Error(err)
	}
}

func TestReceive(t *testing.T) {
	_, p, _ := watching(t)
	push := []connectors.Push{{Subscription: "one", Secret: "s-one", Resource: "r-one"}}
	for _, c := range []struct {
		about, id, token, resource, state string
		status                            int
		want                              []connectors.Push
	}{
		{"the first message", "one", "s-one", "r-one", "sync", 200, nil},
		{"a change", "one", "s-one", "r-one", "exists", 200, push},
		{"a deletion", "one", "s-one", "r-one", "not_exists", 200, push},
		{"a state of tomorrow", "one", "s-one", "r-one", "moved", 200, push},
		{"no token", "one", "", "r-one", "exists", 200, []connectors.Push{{Subscription: "one", Resource: "r-one"}}},
		{"no channel", "", "s-one", "r-one", "exists", 400, nil},
		{"no state", "one", "s-one", "r-one", "", 400, nil},
		{"no resource", "one", "s-one", "", "exists", 400, nil},
	} {
		r := httptest.NewRequest("POST", "/push/google/acme.com", nil)
		for name, value := range map[string]string{
			"X-Goog-Channel-ID": c.id, "X-Goog-Channel-Token": c.token, "X-Goog-Resource-ID": c.resource, "X-Goog-Resource-State": c.state,
			"X-Goog-Message-Number": "7", "X-Goog-Channel-Expiration": "Mon, 30 Nov 2026 08:00:00 GMT",
		} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		got := p.Receive(w, r)
		if diff := cmp.Diff(c.want, got); diff != "" || w.Code != c.status {
			t.Errorf("%s: %d\n%s", c.about, w.Code, diff)
		}
	}
}

// TestWatchTenant: each change is told, though some pushes get lost and some come twice, and what is told is believed;
// when the channel is closed, nothing is.
func TestWatchTenant(t *testing.T) {
	tn := tenant()
	tn.Loses, tn.Doubles = 3, 2
	p := harness{tn}.Connector(t).(connectors.Pusher)
	var pushes []connectors.Push
	tn.Notify = func(r *http.Request) { pushes = append(pushes, p.Receive(httptest.NewRecorder(), r)...) }
	sub, err := p.Subscribe(t.Context(), anaSource, asked("one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Subscribe(t.Context(), anaSource, asked("one")); err == nil {
		t.Error("a channel's id was used twice")
	}
	pushes = nil
	for range 6 { // the second to seventh of the channel's notifications: the 3rd and 6th get lost, the 2nd and 4th come twice
		tn.Put(ana, event(conntest.Meeting{UID: "e@example.com", Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour}))
	}
	tn.Put("bo@acme.com", event(conntest.Meeting{UID: "f@example.com", Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour}))
	if len(pushes) != 6 {
		t.Errorf("%d pushes", len(pushes))
	}
	for _, push := range pushes {
		if push.Subscription != sub.ID || push.Secret != "s-one" || push.Resource != sub.Resource {
			t.Errorf("%+v", push)
		}
	}
	if err := p.Unsubscribe(t.Context(), anaSource, sub); err != nil || tn.Channels() != 0 {
		t.Errorf("%v; %d channels are left", err, tn.Channels())
	}
	pushes = nil
	if tn.Delete(ana, id("e@example.com")); len(pushes) != 0 {
		t.Errorf("a closed channel tells %v", pushes)
	}
	src := calendar.NewSource("google", "acme.com", tn.AddHolidays(ana))
	src.User = ana
	if _, err := p.Subscribe(t.Context(), src, asked("two")); !errors.Is(err, connectors.ErrNoPush) {
		t.Errorf("holidays tell of no changes: %v", err)
	}
}
