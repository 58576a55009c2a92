package outlook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

// says is a tenant whose answers to some requests are others.
func says(tn *fakegraph.Tenant, instead func(*http.Request) (conntest.Answer, bool)) http.RoundTripper {
	return through(func(r *http.Request) (*http.Response, error) {
		if a, ok := instead(r); ok {
			return a.RoundTrip(r)
		}
		return tn.RoundTrip(r)
	})
}

// wedged is a delta that goes round in a circle of pages, over a calendar of two pages.
type wedged struct{ circle, deltas int }

func (w *wedged) RoundTrip(r *http.Request) (*http.Response, error) {
	const root = "https://graph.microsoft.com/v1.0/users/eve@acme.co.uk/calendarView"
	body := fmt.Sprintf(`{"value":[{"id":"b","type":"singleInstance"}],"@odata.nextLink":"%s?$skip=1"}`, root)
	switch {
	case strings.Contains(r.URL.Path, "/delta"):
		w.deltas++
		body = fmt.Sprintf(`{"value":[{"id":"e%d"}],"@odata.nextLink":"%s/delta?$skiptoken=%d"}`, w.deltas%w.circle, root, w.deltas)
	case r.URL.Query().Get("$skip") != "":
		body = `{"value":[{"id":"a","type":"singleInstance"}]}`
	}
	return conntest.Answer{Status: 200, Body: body}.RoundTrip(r)
}

// TestWedgedDelta: a circle is noticed however long it is, the calendar is listed, and that is all until
// the next poll.
func TestWedgedDelta(t *testing.T) {
	for _, circle := range []int{1, 6, 100} {
		w := &wedged{circle: circle}
		conn := open(t, Config{}, w, "")
		var cur connectors.Cursor
		listed, more := 0, true
		for range maxWalk + 3 {
			p, err := conn.Pull(t.Context(), source(eve), cur, conntest.Horizon)
			if err != nil {
				t.Fatal(err)
			}
			listed += len(p.Events)
			if cur, more = p.Next, p.More; !more {
				break
			}
		}
		if more || listed != 2 || w.deltas > 3*circle+2 {
			t.Errorf("a circle of %d pages: more %v, %d events listed, %d pages of the delta", circle, more, listed, w.deltas)
		}
	}
}

// TestNoList: an answer without a list is not an empty list, which would delete a calendar or a roster.
func TestNoList(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `{"value":null}`, `{"error":{"code":"x"}}`} {
		tn := tenant()
		conn := open(t, Config{}, says(tn, func(r *http.Request) (conntest.Answer, bool) {
			return conntest.Answer{Status: 200, Body: body}, strings.HasSuffix(r.URL.Path, "/calendarView") || strings.HasSuffix(r.URL.Path, "/users")
		}), fakegraph.ClientSecret)
		if s, err := conn.Sources(t.Context(), nil); err == nil {
			t.Errorf("%s is a roster: %v", body, s)
		}
		var cur connectors.Cursor
		for range 10 {
			p, err := conn.Pull(t.Context(), source(eve), cur, conntest.Horizon)
			if err != nil {
				break
			}
			if p.Full || !p.More {
				t.Errorf("%s is a listing: %+v", body, p)
				break
			}
			cur = p.Next
		}
	}
}

// TestBadLink: a link that the service can't read leads to a full reading, not to the same request for
// ever.
func TestBadLink(t *testing.T) {
	tn, bad := tenant(), false
	conn := open(t, Config{}, says(tn, func(r *http.Request) (conntest.Answer, bool) {
		return conntest.Answer{Status: 400, Body: refusal("BadRequest")}, bad && r.URL.Query().Has("$deltatoken")
	}), fakegraph.ClientSecret)
	cur, _ := conntest.CatchUp(t, conn, source(eve), "", conntest.Horizon)
	bad = true
	if _, err := conn.Pull(t.Context(), source(eve), cur, conntest.Horizon); !errors.Is(err, connectors.ErrCursor) {
		t.Errorf("got %v", err)
	}
}

// TestCursorOfAnotherCloud: links that were saved before the configuration changed are not followed.
func TestCursorOfAnotherCloud(t *testing.T) {
	const elsewhere = "microsoftgraph.chinacloudapi.cn"
	tn, asked := tenant(), false
	conn := open(t, Config{}, says(tn, func(r *http.Request) (conntest.Answer, bool) {
		asked = asked || r.URL.Host == elsewhere
		return conntest.Answer{}, false
	}), fakegraph.ClientSecret)
	cur, _ := conntest.CatchUp(t, conn, source(eve), "", conntest.Horizon)
	moved := connectors.Cursor(strings.ReplaceAll(string(cur), "graph.microsoft.com", elsewhere))
	if moved == cur {
		t.Fatal("the cursor has no link")
	}
	if _, err := conn.Pull(t.Context(), source(eve), moved, conntest.Horizon); !errors.Is(err, connectors.ErrCursor) || asked {
		t.Errorf("got %v; the other cloud was asked: %v", err, asked)
	}
}

// TestNewSecret: a secret that is put right needs no restart.
func TestNewSecret(t *testing.T) {
	secret := "expired"
	cfg := Config{Tenant: "acme.co.uk", Cloud: "global", ClientID: fakegraph.ClientID, ClientSecretFile: "secret"}
	conn, err := cfg.Open(connectors.Env{
		Account: "acme.co.uk", HTTP: tenant(), Now: now, Log: slog.New(slog.DiscardHandler),
		ReadFile: func(string) ([]byte, error) { return []byte(secret), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Pull(t.Context(), source(eve), "", conntest.Horizon); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("an expired secret: %v", err)
	}
	secret = fakegraph.ClientSecret
	if _, err := conn.Pull(t.Context(), source(eve), "", conntest.Horizon); err != nil {
		t.Errorf("behind the new secret: %v", err)
	}
}

// TestTokenThrottled: the token endpoint says when to come back, too.
func TestTokenThrottled(t *testing.T) {
	conn := open(t, Config{}, conntest.Answer{Status: 429, Body: `{}`, RetryAfter: "90"}, fakegraph.ClientSecret)
	_, err := conn.Pull(t.Context(), source(eve), "", conntest.Horizon)
	var throttled *connectors.ThrottledError
	if !errors.As(err, &throttled) || throttled.After != 90*time.Second {
		t.Errorf("got %v", err)
	}
}

// TestOneUserTwice: a directory may name somebody in two spellings; the calendar is one.
func TestOneUserTwice(t *testing.T) {
	sources, err := open(t, Config{Users: []string{"Eve@acme.co.uk", eve}}, tenant(), "").Sources(t.Context(), nil)
	if err != nil || len(sources) != 1 || sources[0] != source(eve) {
		t.Errorf("got %v, %v", sources, err)
	}
}
