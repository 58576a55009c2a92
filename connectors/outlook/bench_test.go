package outlook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

// company is a tenant in whose eve's calendar are n meetings as they are: some guests, a description, a way to join.
func company(n int) *fakegraph.Tenant {
	tn := tenant()
	tn.Quirks = fakegraph.Quirks{}
	for i := range n {
		e := fakegraph.Event{
			Subject: fmt.Sprintf("Acme x Globex, round %d", i), Location: "Berlin, room 3", JoinURL: "https://teams.microsoft.com/meet/2345678?p=abcdef",
			Body:  "<p>Agenda:</p><ol><li>where we are</li><li>what is next</li></ol><p>Join by the <a href=\"https://teams.microsoft.com/meet/2345678?p=abcdef\">link</a>. See you there.</p>",
			Start: conntest.Now.Add(time.Duration(i) * 30 * time.Minute), Length: 25 * time.Minute,
		}
		for g := range 8 {
			e.Guests = append(e.Guests, fakegraph.Guest{Email: fmt.Sprintf("guest%d@globex.com", g), Name: fmt.Sprintf("Guest %d", g), Response: "accepted"})
		}
		tn.Invite(eve, e)
	}
	return tn
}

// taken is the page of the view that a pull reads.
func taken(b *testing.B, n int) []byte {
	b.Helper()
	var body []byte
	tn := company(n)
	conn := with(b, Config{ClientSecretFile: "f", pageSize: int32(n)}, through(func(r *http.Request) (*http.Response, error) {
		resp, err := tn.RoundTrip(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/calendarView") {
			if body, err = io.ReadAll(resp.Body); err != nil {
				return nil, err
			}
			resp.Body = io.NopCloser(bytes.NewReader(body))
		}
		return resp, err
	}), secretFile, nil)
	for p, err := range connectors.Pages(b.Context(), conn, source(eve), "", calendar.Window{Start: conntest.Horizon.Start, End: conntest.Now.Add(time.Duration(n) * time.Hour)}) {
		if err != nil || p.Full && len(p.Events) != n {
			b.Fatal(len(p.Events), err)
		}
	}
	return body
}

// canned answers every request with one body.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c)), Request: r,
	}, nil
}

// BenchmarkPage compares a pull of a page with what the SDK's own models alone take to decode it.
func BenchmarkPage(b *testing.B) {
	const n = 250
	body := taken(b, n)
	perEvent := func(b *testing.B) {
		b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(float64(len(body))/n, "wire-B/event")
	}
	b.Run("sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			node, err := kjson.NewJsonParseNodeFactory().GetRootParseNode("application/json", body)
			if err != nil {
				b.Fatal(err)
			}
			list, err := node.GetObjectValue(models.CreateEventCollectionResponseFromDiscriminatorValue)
			if err != nil || len(list.(models.EventCollectionResponseable).GetValue()) != n {
				b.Fatal(err)
			}
		}
		perEvent(b)
	})
	b.Run("pull", func(b *testing.B) {
		conn, err := (&Config{Tenant: "acme.co.uk", Cloud: cloudGlobal}).Open(connectors.Env{Account: "acme.co.uk", HTTP: canned(body), Now: now, Replayed: true})
		if err != nil {
			b.Fatal(err)
		}
		cur, err := json.Marshal(cursor{Version: version, From: conntest.Horizon.Start, To: conntest.Horizon.End, State: view, Delta: "https://graph.microsoft.com/v1.0/x"})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			p, err := conn.Pull(b.Context(), source(eve), connectors.Cursor(cur), conntest.Horizon)
			if err != nil || len(p.Events) != n {
				b.Fatal(len(p.Events), err)
			}
		}
		perEvent(b)
	})
}

// TestRequestsOverWire: what a first listing of 200 events and an idle look cost, as bytes go over a connection.
func TestRequestsOverWire(t *testing.T) {
	tn := company(200)
	server := httptest.NewServer(tn)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	conn := with(t, Config{ClientSecretFile: "f", Endpoint: server.URL}, transport, secretFile, nil)
	asked := func() (requests, bytes int) {
		for _, e := range tn.Journal() {
			if strings.Contains(e.Path, "/calendarView") {
				requests++
				bytes += e.Bytes
			}
		}
		return requests, bytes
	}
	cur, events := conntest.CatchUp(t, conn, source(eve), "", conntest.Horizon)
	requests, bytes := asked()
	t.Logf("%d events listed by %d requests, %d bytes", len(events), requests, bytes)
	if len(events) != 200 || requests > 2 {
		t.Errorf("%d events by %d requests", len(events), requests)
	}
	if _, events = conntest.CatchUp(t, conn, source(eve), cur, conntest.Horizon); len(events) != 0 {
		t.Errorf("nothing changed, and there are %d events", len(events))
	}
	requests, bytes = asked()
	t.Logf("idle: %d request, %d bytes", requests, bytes)
	if requests != 1 || bytes > 2000 {
		t.Errorf("idle: %d requests, %d bytes", requests, bytes)
	}
}
