package outlook

import (
	"errors"
	"fmt"
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

// TestWedgedDelta: a circle is noticed however long it is, the calendar is listed, its two pages twice, and that is all until
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
		if more || listed != 4 || w.deltas > 3*circle+2 {
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

// TestAudit: what a delta has left out is found by the next day's listing, on which it is said that nothing was told of it;
// in several pages, too, and not if something was.
func TestAudit(t *testing.T) {
	for _, test := range []struct {
		about   string
		told    bool // of something else
		expired bool
		audited bool
	}{{"nothing told", false, false, true}, {"something told", true, false, false}, {"nothing can be asked", false, true, false}} {
		for _, n := range []int{1, 9} { // of four a page
			h := harness{tenant()}
			for i := range n {
				h.Put(conntest.Meeting{UID: fmt.Sprint(i), Start: calendar.At(conntest.Now.Add(time.Duration(i+30) * time.Hour)), Length: time.Hour})
			}
			l, conn := conntest.NewLedger(), h.Connector(t)
			pages := func(w calendar.Window) (audited, last []calendar.Window) {
				for p, err := range connectors.Pages(t.Context(), conn, h.Source(), l.Cursor, w) {
					if err != nil {
						t.Fatal(err)
					}
					l.Apply(p)
					if p.Full {
						audited = append(audited, p.Audited)
					}
					if p.Last {
						last = append(last, p.Audited)
					}
				}
				return audited, last
			}
			pages(conntest.Horizon)
			h.tenant.Quirks.Misses = 1
			h.Delete("0")
			if pages(conntest.Horizon); len(l.Copies) != n {
				t.Fatalf("%s: the delta was to leave it out", test.about)
			}
			h.tenant.Quirks.Misses = 0
			if test.told {
				h.Put(conntest.Meeting{UID: "other", Start: calendar.At(conntest.Now.Add(40 * time.Hour)), Length: time.Hour})
				n++
			}
			if test.expired {
				h.ExpireCursors()
			}
			const day = 24 * time.Hour
			audited, last := pages(calendar.Window{Start: conntest.Horizon.Start.Add(day), End: conntest.Horizon.End.Add(day)})
			if len(l.Copies) != n-1 || len(last) == 0 {
				t.Errorf("%s: %d copies, want %d", test.about, len(l.Copies), n-1)
			}
			for _, w := range append(audited, last...) {
				if (w == conntest.Horizon) != test.audited {
					t.Errorf("%s, %d events: audited %v", test.about, n, w)
				}
			}
		}
	}
}

// TestBadEvents: an event that can't be read costs itself alone: its id stays, so that nobody takes it for gone, without
// times. What is no event at all is left out. A sensitivity that nobody knows counts as private.
func TestBadEvents(t *testing.T) {
	const root, good = "https://graph.microsoft.com/v1.0/users/eve@acme.co.uk/calendarView", `"type":"singleInstance","sensitivity":"normal","start":{"dateTime":"2026-11-24T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-24T10:00:00.0000000","timeZone":"UTC"}`
	for _, test := range []struct{ about, value, want string }{
		{"all good", `{"id":"a",` + good + `},{"id":"b",` + good + `}`, "a timed default, b timed default"},
		{"a wrong type", `{"id":"a",` + good + `},{"id":"b","isAllDay":"x","subject":"kept",` + good + `},{"id":"c",` + good + `}`, "a timed default, b default kept, c timed default"},
		{"too large a number", `{"id":"a","subject":7e999,` + good + `},{"id":"c",` + good + `}`, "a default, c timed default"},
		{"null", `null,{"id":"c",` + good + `}`, "c timed default"},
		{"text", `"b",{"id":"c",` + good + `}`, "c timed default"},
		{"no id", `{` + good + `},{"id":"c",` + good + `}`, "c timed default"},
		{"fields that are null", `{"id":"a","attendees":null,"organizer":null,"location":null,"onlineMeeting":null,"body":null,` + good + `}`, "a timed default"},
		{"no sensitivity", `{"id":"a",` + strings.Replace(good, `"sensitivity":"normal",`, "", 1) + `}`, "a timed private"},
		{"no sensitivity that is known", `{"id":"a",` + strings.Replace(good, "normal", "secret", 1) + `}`, "a timed private"},
		{"another zone", `{"id":"a",` + strings.Replace(good, `"UTC"`, `"Pacific Standard Time"`, 1) + `}`, "a default"},
		{"a master and a draft", `{"id":"m",` + strings.Replace(good, "singleInstance", "seriesMaster", 1) + `},{"id":"d","isDraft":true,` + good + `}`, ""},
		{"a kind of tomorrow", `{"id":"a",` + strings.Replace(good, "singleInstance", "pollOption", 1) + `}`, "a timed default"},
	} {
		rt := through(func(r *http.Request) (*http.Response, error) {
			body := fmt.Sprintf(`{"value":[],"@odata.deltaLink":"%s/delta?$deltatoken=1"}`, root)
			if !strings.Contains(r.URL.Path, "/delta") {
				body = `{"value":[` + test.value + `]}`
			}
			return conntest.Answer{Status: 200, Body: body}.RoundTrip(r)
		})
		_, events := conntest.CatchUp(t, open(t, Config{}, rt, ""), source(eve), "", conntest.Horizon)
		var got []string
		for _, e := range events {
			words := []string{string(e.Ref)}
			if !e.Start.IsZero() {
				words = append(words, "timed")
			}
			got = append(got, strings.TrimSpace(strings.Join(append(words, e.Visibility, e.Title), " ")))
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: got %q, want %q", test.about, got, test.want)
		}
	}
}
