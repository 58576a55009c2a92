package scale

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/google"
)

// reading is the real connector, reading a tenant.
func reading(t *testing.T, tn *Tenant) connectors.Connector {
	t.Helper()
	tn.Begin, tn.Days = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), 27
	tn.Open()
	s := httptest.NewServer(tn)
	t.Cleanup(s.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := google.Config{Domain: "acme.com", Admin: Email(0), ServiceAccountFile: "key.json", Endpoint: s.URL}
	c, err := cfg.Open(connectors.Env{
		Account: "acme.com", HTTP: http.DefaultTransport, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		ReadFile: func(string) ([]byte, error) {
			return KeyFile(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTenant: the connector reads it as it reads Google, over several pages, and sees that something has moved.
func TestTenant(t *testing.T) {
	tn := &Tenant{Calendars: 8, Events: 300}
	c := reading(t, tn)
	sources, err := c.Sources(t.Context(), nil)
	if err != nil || len(sources) != 8 {
		t.Fatalf("%d sources, %v, want 8", len(sources), err)
	}
	horizon := calendar.Window{Start: tn.Begin.AddDate(0, 0, -1), End: tn.Begin.AddDate(0, 0, 28)}
	cursors := map[calendar.SourceID]connectors.Cursor{}
	pull := func(s calendar.Source) (all []calendar.Event) {
		for {
			p, err := c.Pull(t.Context(), s, cursors[s.ID], horizon)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p.Events...)
			if cursors[s.ID] = p.Next; !p.More {
				return all
			}
		}
	}
	meetings, linked := map[string]int{}, map[string]bool{}
	for _, s := range sources {
		for _, e := range pull(s) {
			meetings[e.UID]++
			if len(e.Distil(calendar.Reading{}).Links.Links) > 0 {
				linked[e.UID] = true
			}
			if e.Start.Instant().Before(horizon.Start) || e.End.Instant().After(horizon.End) {
				t.Errorf("%s is at %s, outside of the horizon", e.UID, e.Start)
			}
		}
		if again := pull(s); len(again) > 0 {
			t.Errorf("%s has %d changes, and nothing has changed", s.ID, len(again))
		}
	}
	mix := tn.Mix()
	copies := 0
	for _, n := range meetings {
		copies += n
	}
	if got := (Mix{copies, len(meetings), len(linked)}); got != mix {
		t.Errorf("the connector has read %+v, want %+v", got, mix)
	}
	uid, to := tn.Move(2, 4, 90*time.Minute)
	for n, s := range sources {
		all := pull(s)
		if shared := n == 2 || n == 3; shared != (len(all) > 0) {
			t.Errorf("calendar %d shows %d entries behind a move in 2 and 3", n, len(all))
		}
		for _, e := range all {
			if e.UID == uid && !e.Start.Instant().Equal(to) {
				t.Errorf("%s is at %s, want %s", uid, e.Start, to)
			}
		}
	}
}

// TestPushes: who watches a calendar is told when it moves, and no more once they have stopped.
func TestPushes(t *testing.T) {
	pushes := make(chan *http.Request, 8)
	tn := &Tenant{Calendars: 4, Events: 10, Push: func(r *http.Request) { pushes <- r }}
	c := reading(t, tn)
	sources, err := c.Sources(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := c.(connectors.Pusher)
	s, err := p.Subscribe(t.Context(), sources[1], connectors.Subscription{ID: "one", Secret: "s", Address: "https://syncd.example/push/google/acme.com", Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sync", "exists"} {
		r := <-pushes
		if r.Header.Get("X-Goog-Resource-State") != want || r.Header.Get("X-Goog-Channel-ID") != "one" || r.URL.Path != "/push/google/acme.com" {
			t.Errorf("got %s %v, want %s", r.URL, r.Header, want)
		}
		got := p.Receive(httptest.NewRecorder(), r)
		if known := want == "exists"; known != (len(got) == 1 && got[0].Subscription == "one" && got[0].Secret == "s" && got[0].Resource == s.Resource) {
			t.Errorf("the connector makes %+v of %s", got, want)
		}
		tn.Move(0, 4, time.Hour)
	}
	<-pushes
	if n := tn.Watched(); n != 1 {
		t.Errorf("%d calendars are watched, want 1", n)
	}
	if err := p.Unsubscribe(t.Context(), sources[1], s); err != nil {
		t.Fatal(err)
	}
	if n := tn.Watched(); n != 0 {
		t.Errorf("%d calendars are watched, want none", n)
	}
}
