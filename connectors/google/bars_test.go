package google

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/endpoint"
	"example.com/syncd/internal/fakegoogle"
)

// TestRequestsOverWire: a first listing of 200 events is at most two requests for events, and an idle look is one of
// at most 2 kB, as bytes go over a connection.
func TestRequestsOverWire(t *testing.T) {
	tn := tenant()
	for i := range 200 {
		tn.Invite(ana, fakegoogle.Event{ID: fmt.Sprintf("e%d", i), Start: conntest.Now.Add(time.Duration(i) * time.Hour), Length: time.Hour, Fields: map[string]any{
			"summary": fmt.Sprintf("Meeting %d", i), "hangoutLink": "https://meet.google.com/abc-defg-hij", "description": strings.Repeat("agenda ", 100),
		}}, fakegoogle.Guest{Email: "bo@acme.com"}, fakegoogle.Guest{Email: "joe@globex.com"})
	}
	server := httptest.NewServer(tn)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	conn := open(t, Config{Domain: "acme.com", Admin: "admin@acme.com"}, endpoint.Transport(server.URL, transport), tn.KeyFile())
	asked := func() (requests, bytes int) {
		for _, e := range tn.Journal() {
			if strings.HasSuffix(e.Path, "/events") {
				requests++
				bytes += e.Bytes
			}
		}
		return requests, bytes
	}
	cur, events := conntest.CatchUp(t, conn, anaSource, "", conntest.Horizon)
	requests, bytes := asked()
	t.Logf("%d events listed by %d requests, %d bytes", len(events), requests, bytes)
	if len(events) != 200 || requests > 2 {
		t.Errorf("%d events by %d requests", len(events), requests)
	}
	if _, events = conntest.CatchUp(t, conn, anaSource, cur, conntest.Horizon); len(events) != 0 {
		t.Errorf("nothing changed, and there are %d events", len(events))
	}
	requests, bytes = asked()
	t.Logf("idle: %d request, %d bytes", requests, bytes)
	if requests != 1 || bytes > 2000 {
		t.Errorf("idle: %d requests, %d bytes", requests, bytes)
	}
}
