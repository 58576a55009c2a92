package google

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegoogle"
)

var recordTapes = flag.Bool("record", false, "record the tapes anew from the simulated tenant")

const ana = "ana@acme.com"

func now() time.Time { return conntest.Now }

// open makes a connector to the tenant behind rt.
func open(t *testing.T, cfg Config, rt http.RoundTripper, key []byte) connectors.Connector {
	t.Helper()
	if key != nil {
		cfg.ServiceAccountFile = "key.json"
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := cfg.Open(connectors.Env{
		Account: "acme.com", HTTP: rt, Now: now, Log: slog.New(slog.DiscardHandler), Replayed: key == nil,
		ReadFile: func(name string) ([]byte, error) {
			if name != "key.json" {
				return nil, fs.ErrNotExist
			}
			return key, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// harness is ana's calendar in a simulated tenant.
type harness struct{ tenant *fakegoogle.Tenant }

func (h harness) Connector(t *testing.T) connectors.Connector {
	return open(t, Config{Domain: "acme.com", Admin: "admin@acme.com", pageSize: 4}, h.tenant, h.tenant.KeyFile())
}
func (h harness) Source() calendar.Source      { return anaSource }
func (h harness) Put(m conntest.Meeting)       { h.tenant.Put(ana, event(m)) }
func (h harness) Delete(uid string)            { h.tenant.Delete(ana, id(uid)) }
func (h harness) ExpireCursors()               { h.tenant.ExpireTokens() }
func (h harness) Throttle(after time.Duration) { h.tenant.Throttle(after) }
func (h harness) Revoke()                      { h.tenant.Revoke() }
func (h harness) Restore()                     { h.tenant.Restore() }

func id(uid string) string {
	return strings.ReplaceAll(strings.TrimSuffix(uid, "@example.com"), "@", "")
}

func event(m conntest.Meeting) fakegoogle.Event {
	e := fakegoogle.Event{
		ID: id(m.UID), Start: m.Start.Instant(), Length: m.Length, AllDay: m.Start.Day != "",
		Weekly: m.Weekly, Moved: m.Moved, Dropped: m.Dropped,
		Fields: map[string]any{"iCalUID": m.UID, "summary": m.Title, "organizer": map[string]any{"email": ana}},
	}
	var guests []any
	for _, g := range m.Guests {
		guests = append(guests, map[string]any{"email": g, "responseStatus": "accepted"})
	}
	if guests != nil {
		e.Fields["attendees"] = guests
	}
	return e
}

func tenant() *fakegoogle.Tenant {
	return fakegoogle.New(now,
		fakegoogle.User{Email: "admin@acme.com", NoMailbox: true, Admin: true}, fakegoogle.User{Email: ana}, fakegoogle.User{Email: "bo@acme.com"},
		fakegoogle.User{Email: "gone@acme.com", Suspended: true}, fakegoogle.User{Email: "old@acme.com", Archived: true}, fakegoogle.User{Email: "cara@acme.com"})
}

func TestConformance(t *testing.T) {
	conntest.Run(t, conntest.Options{}, func(*testing.T) conntest.Harness { return harness{tenant()} })
}

func TestRoster(t *testing.T) {
	h := harness{tenant()}
	sources, err := h.Connector(t).Sources(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		if !s.Primary {
			t.Errorf("%s is not primary", s.ID)
		}
		got = append(got, s.Calendar)
	}
	if want := "ana@acme.com bo@acme.com cara@acme.com"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s: nobody suspended, archived or without a mailbox", got, want)
	}
}

// TestGroup: of the roster, the group's members alone, with those of groups in it.
func TestGroup(t *testing.T) {
	tn := tenant()
	tn.PutGroup("pilot@acme.com", "Bo@acme.com", "team@acme.com", "gone@acme.com", "guest@globex.com", "x1@acme.com", "x2@acme.com")
	tn.PutGroup("team@acme.com", "cara@acme.com")
	conn := open(t, Config{Domain: "acme.com", Admin: "admin@acme.com", Group: "pilot@acme.com"}, tn, tn.KeyFile())
	sources, err := conn.Sources(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		got = append(got, s.Calendar)
	}
	if want := "bo@acme.com cara@acme.com"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	none := open(t, Config{Domain: "acme.com", Admin: "admin@acme.com", Group: "nobody@acme.com"}, tn, tn.KeyFile())
	if _, err := none.Sources(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "list the members of nobody@acme.com as admin@acme.com: 404") {
		t.Errorf("a group that is not there: %v", err)
	}
}

// garbling puts a number where one event's title should be, and a text where another has its start.
type garbling struct{ http.RoundTripper }

func (g garbling) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.RoundTripper.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/events") {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	b = bytes.Replace(b, []byte(`"summary":"Bad title"`), []byte(`"summary":17`), 1)
	b = regexp.MustCompile(`"start":\{[^}]*\},"status":"confirmed","summary":"Bad start"`).ReplaceAll(b, []byte(`"start":"soon","status":"confirmed","summary":"Bad start"`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), -1
	return resp, nil
}

// TestWrongTypes: an event in which a value is of another type than documented costs itself alone.
func TestWrongTypes(t *testing.T) {
	tn := tenant()
	var log bytes.Buffer
	conn, err := (&Config{Domain: "acme.com", Admin: "admin@acme.com", ServiceAccountFile: "key.json"}).Open(connectors.Env{
		Account: "acme.com", HTTP: garbling{tn}, Now: now, Log: slog.New(slog.NewTextHandler(&log, nil)),
		ReadFile: func(string) ([]byte, error) { return tn.KeyFile(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"Good", "Bad title", "Bad start"} {
		uid := strings.ToLower(strings.ReplaceAll(title, " ", "")) + "@example.com"
		tn.Put(ana, event(conntest.Meeting{UID: uid, Title: title, Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour}))
	}
	p, err := conn.Pull(t.Context(), anaSource, "", conntest.Horizon)
	if err != nil {
		t.Fatal(err)
	}
	times := map[calendar.Ref]bool{}
	for _, e := range p.Events {
		times[e.Ref] = !e.Start.IsZero()
	}
	if want := map[calendar.Ref]bool{"good": true, "badtitle": false, "badstart": false}; !maps.Equal(times, want) {
		t.Errorf("got %v, want %v", times, want)
	}
	if n := strings.Count(log.String(), "can't be read"); n != 2 || strings.Contains(log.String(), "soon") {
		t.Errorf("logged %d times:\n%s", n, &log)
	}
}

// counting counts requests for events.
type counting struct {
	http.RoundTripper
	events int
	bearer bool
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/events") {
		c.events++
	}
	c.bearer = c.bearer || r.Header.Get("Authorization") != ""
	return c.RoundTripper.RoundTrip(r)
}

// TestRequests: an idle look is one request, and a touched endless series costs no more than the window.
func TestRequests(t *testing.T) {
	tn := tenant()
	c := &counting{RoundTripper: tn}
	conn := open(t, Config{Domain: "acme.com", Admin: "admin@acme.com", pageSize: 10}, c, tn.KeyFile())
	endless := event(conntest.Meeting{UID: "e@example.com", Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour, Weekly: 2000})
	tn.Put(ana, endless)
	src := anaSource
	pull := func(cur connectors.Cursor) connectors.Cursor {
		for p, err := range connectors.Pages(t.Context(), conn, src, cur, conntest.Horizon) {
			if err != nil {
				t.Fatal(err)
			}
			cur = p.Next
		}
		return cur
	}
	cur := pull("")
	c.events = 0
	if pull(cur); c.events != 1 {
		t.Errorf("an idle look took %d requests", c.events)
	}
	endless.Fields["summary"] = "renamed"
	tn.Put(ana, endless)
	c.events = 0
	if pull(cur); c.events != 2 {
		t.Errorf("a touched series of 2,000 took %d requests, want one to ask and one to list", c.events)
	}
}

func TestReplayedSendsNoCredentials(t *testing.T) {
	c := &counting{RoundTripper: tenant()}
	conn := open(t, Config{Domain: "acme.com", Users: []string{ana}}, c, nil)
	_, err := conn.Pull(t.Context(), anaSource, "", conntest.Horizon)
	if c.bearer || c.events != 1 {
		t.Errorf("bearer %v after %d requests", c.bearer, c.events)
	}
	if !errors.Is(err, connectors.ErrAccess) { // the tenant wants some
		t.Errorf("got %v", err)
	}
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "domain is missing"},
		{Config{Domain: "acme.com"}, "admin is missing"},
		{Config{Domain: "acme.com", Users: []string{"ana"}}, `"ana" is no email address`},
	} {
		if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.cfg, err, c.want)
		}
	}
	if _, err := (&Config{Domain: "acme.com", Admin: "a@acme.com"}).Open(connectors.Env{}); err == nil || !strings.Contains(err.Error(), "service_account_file") {
		t.Errorf("without a key: %v", err)
	}
}

// TestGhosts: cancelled events have come up in listings that did not ask for them.
func TestGhosts(t *testing.T) {
	says := conntest.Answer{Status: 200, Body: `{"items":[{"id":"ghost","status":"cancelled"},{"id":"a","status":"confirmed"}],"nextSyncToken":"s"}`}
	p, err := open(t, Config{Domain: "acme.com", Users: []string{ana}}, says, nil).Pull(t.Context(), anaSource, "", conntest.Horizon)
	if err != nil || len(p.Events) != 1 || p.Events[0].Ref != "a" {
		t.Errorf("got %+v, %v", p.Events, err)
	}
}

// TestNoToken: a listing that ends without a token is one all the same, and the next look lists again.
func TestNoToken(t *testing.T) {
	says := conntest.Answer{Status: 200, Body: `{"kind":"calendar#events","items":[{"id":"a","status":"confirmed"}]}`}
	c := open(t, Config{Domain: "acme.com", Users: []string{ana}}, says, nil)
	cur := connectors.Cursor("")
	for range 2 {
		p, err := c.Pull(t.Context(), anaSource, cur, conntest.Horizon)
		if err != nil || len(p.Events) != 1 || !p.First || !p.Last || p.More {
			t.Fatalf("got %+v, %v", p, err)
		}
		cur = p.Next
	}
}
