package outlook

import (
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

var recordTapes = flag.Bool("record", false, "record the tapes anew from the simulated tenant")

const eve = "eve@acme.co.uk"

func now() time.Time { return conntest.Now }

// open makes a connector to the tenant behind rt; without a secret, to a tape.
func open(t *testing.T, cfg Config, rt http.RoundTripper, secret string) connectors.Connector {
	t.Helper()
	cfg.Tenant, cfg.Cloud = "acme.co.uk", "global"
	if secret != "" {
		cfg.ClientID, cfg.ClientSecretFile = fakegraph.ClientID, "secret"
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := cfg.Open(connectors.Env{
		Account: "acme.co.uk", HTTP: rt, Now: now, Log: slog.New(slog.DiscardHandler), Replayed: secret == "",
		ReadFile: func(name string) ([]byte, error) {
			if name != "secret" {
				return nil, fs.ErrNotExist
			}
			return []byte(secret + "\n"), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// harness is eve's calendar in a simulated tenant.
type harness struct{ tenant *fakegraph.Tenant }

func (h harness) Connector(t *testing.T) connectors.Connector {
	return open(t, Config{pageSize: 4}, h.tenant, fakegraph.ClientSecret)
}
func (h harness) Source() calendar.Source      { return source(eve) }
func (h harness) Put(m conntest.Meeting)       { h.tenant.Put(eve, testEvent(m)) }
func (h harness) Delete(uid string)            { h.tenant.Delete(eve, id(uid)) }
func (h harness) ExpireCursors()               { h.tenant.ExpireTokens() }
func (h harness) Throttle(after time.Duration) { h.tenant.Throttle(after) }
func (h harness) Revoke()                      { h.tenant.Revoke() }
func (h harness) Restore()                     { h.tenant.Restore() }

func source(user string) calendar.Source {
	s := calendar.NewSource("outlook", "acme.co.uk", user)
	s.Primary = true
	return s
}

func id(uid string) string { return "AAMk-" + strings.TrimSuffix(uid, "@example.com") }

func testEvent(m conntest.Meeting) fakegraph.Event {
	return fakegraph.Event{
		ID: id(m.UID), UID: m.UID, Start: m.Start.Instant(), Length: m.Length, AllDay: m.Start.Day != "",
		Weekly: m.Weekly, Moved: m.Moved, Dropped: m.Dropped,
		Fields: map[string]any{"subject": m.Title, "organizer": address(eve), "attendees": guests(m.Guests...)},
	}
}

func address(email string) map[string]any {
	return map[string]any{"emailAddress": map[string]any{"address": email}}
}

func guests(emails ...string) []any {
	all := []any{}
	for _, e := range emails {
		g := address(e)
		g["type"], g["status"] = "required", map[string]any{"response": "accepted", "time": "2026-11-20T09:00:00Z"}
		all = append(all, g)
	}
	return all
}

// tenant is a small company whose lists have small pages, and whose deltas may begin with an empty one.
func tenant() *fakegraph.Tenant {
	tn := fakegraph.New(now, fakegraph.User{Email: eve}, fakegraph.User{Email: "finn@acme.co.uk"}, fakegraph.User{Email: "zoe@acme.co.uk", Disabled: true},
		fakegraph.User{Email: "old@acme.co.uk", NoMailbox: true}, fakegraph.User{Email: "room1@acme.co.uk"})
	tn.RosterPage, tn.Quirks.EmptyFirst = 3, true
	return tn
}

func TestConformance(t *testing.T) {
	conntest.Run(t, conntest.Options{}, func(*testing.T) conntest.Harness { return harness{tenant()} })
}

func TestRoster(t *testing.T) {
	sources, err := harness{tenant()}.Connector(t).Sources(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		got = append(got, s.Calendar)
	}
	if want := "eve@acme.co.uk finn@acme.co.uk old@acme.co.uk room1@acme.co.uk"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s: everybody enabled, over all pages", got, want)
	}
}

// counting counts requests for calendars.
type counting struct {
	http.RoundTripper
	views, deltas, tokens int
	bearer                bool
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/delta") {
		c.deltas++
	} else if strings.HasSuffix(r.URL.Path, "/token") {
		c.tokens++
	} else if strings.Contains(r.URL.Path, "calendarView") {
		c.views++
	}
	c.bearer = c.bearer || r.Header.Get("Authorization") != ""
	return c.RoundTripper.RoundTrip(r)
}

// TestRequests: an idle look is one request.
func TestRequests(t *testing.T) {
	tn := tenant()
	c := &counting{RoundTripper: tn}
	conn := open(t, Config{}, c, fakegraph.ClientSecret)
	series := testEvent(conntest.Meeting{UID: "e@example.com", Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour, Weekly: 500})
	tn.Put(eve, series)
	pull := func(cur connectors.Cursor) connectors.Cursor {
		c.views, c.deltas = 0, 0
		for p, err := range connectors.Pages(t.Context(), conn, source(eve), cur, conntest.Horizon) {
			if err != nil {
				t.Fatal(err)
			}
			cur = p.Next
		}
		return cur
	}
	cur := pull("")
	if pull(cur); c.views != 0 || c.deltas != 1 {
		t.Errorf("an idle look took %d views and %d deltas", c.views, c.deltas)
	}
	tn.Put(eve, series)
	if pull(cur); c.views != 1 || c.deltas > 3 {
		t.Errorf("a touched series took %d views and %d deltas", c.views, c.deltas)
	}
}

func TestReplayedSendsNoCredentials(t *testing.T) {
	c := &counting{RoundTripper: tenant()}
	if _, err := open(t, Config{}, c, "").Pull(t.Context(), source(eve), "", conntest.Horizon); err == nil || c.bearer || c.deltas != 1 {
		t.Errorf("bearer %v, %d requests, %v", c.bearer, c.deltas, err)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		set  func(*Config)
		want string
	}{
		{func(c *Config) { c.Tenant = "" }, "tenant is missing"},
		{func(c *Config) { c.Cloud = "moon" }, `cloud: "moon" is none of china, dod, gcc_high, global`},
		{func(c *Config) { c.Users = []string{"eve"} }, `"eve" is no email address`},
		{func(c *Config) { c.Permissions = "root" }, `permissions: "root" is none of application, delegated`},
		{func(c *Config) { c.Roster = "admin" }, `roster: "admin" is none of users, directory`},
		{func(c *Config) { c.Domains = []string{"@acme.com"} }, `"@acme.com" is no domain`},
		{func(c *Config) { c.Group = "Sales" }, `group: "Sales" is no object id`},
		{func(c *Config) { c.Group, c.Users = guid, []string{eve} }, "group and users"},
		{func(c *Config) { c.Permissions, c.Group = permissionsDelegated, guid }, "group and permissions: delegated"},
		{func(c *Config) { c.Permissions, c.Users = permissionsDelegated, []string{eve} }, "users and permissions: delegated"},
		{func(c *Config) { c.ClientSecretFile, c.CertificateFile = "a", "b" }, "client_secret_file and certificate_file: the application proves itself in one way"},
		{func(c *Config) { c.LoginURL = "https://login.example" }, "login_url and graph_url go together"},
		{func(c *Config) { c.LoginURL, c.GraphURL = "https://login.example", "http://graph.example" }, `"http://graph.example" is no address`},
		{func(c *Config) { c.Endpoint = "localhost" }, "endpoint: it is an address without a path"},
	} {
		cfg := Config{Tenant: "t", Cloud: "global"}
		c.set(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", cfg, err, c.want)
		}
	}
	for want, cfg := range map[string]Config{
		"client_id is missing": {Tenant: "t", Cloud: "global"},
		"client_secret_file, certificate_file and federated_token_file are missing": {Tenant: "t", Cloud: "global", ClientID: "c"},
		"keyset_file": {Tenant: "t", Cloud: "global", ClientID: "c", Permissions: permissionsDelegated},
	} {
		if _, err := cfg.Open(connectors.Env{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

const guid = "1a2b3c4d-0000-4000-8000-00000000000a"

// TestShiftingPages: an event that goes while a listing is read moves another one from a page to come to
// a page that was read. That one must not be taken for gone.
func TestShiftingPages(t *testing.T) {
	h := harness{tenant()}
	meeting := func(i int) conntest.Meeting {
		return conntest.Meeting{
			UID: fmt.Sprintf("m%d@example.com", i), Title: "Meeting",
			Start: calendar.At(conntest.Now.Add(time.Duration(i+1) * time.Hour)), Length: time.Hour,
		}
	}
	for i := range 6 {
		h.Put(meeting(i))
	}
	l, conn := conntest.NewLedger(), h.Connector(t) // four events a page
	pulls := func(each func(connectors.Page)) {
		for more := true; more; {
			p, err := conn.Pull(t.Context(), h.Source(), l.Cursor, conntest.Horizon)
			if err != nil {
				t.Fatal(err)
			}
			l.Apply(p)
			each(p)
			more = p.More
		}
	}
	pulls(func(connectors.Page) {})
	changed := meeting(5)
	changed.Title = "Renamed"
	h.Put(changed)
	deleted := false
	pulls(func(p connectors.Page) {
		if p.First && !deleted {
			h.Delete(meeting(0).UID)
			deleted = true
		}
		if _, there := l.Copies[calendar.Ref(id(meeting(4).UID))]; !there {
			t.Error("an event that nobody touched is gone")
		}
	})
	if len(l.Copies) != 5 || !deleted {
		t.Errorf("%d copies in the end, want 5", len(l.Copies))
	}
}
