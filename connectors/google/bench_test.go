package google

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

// page is a page of n meetings as they are in companies: some guests, a description, a way to join.
func page(n int) []byte {
	var items []map[string]any
	for i := range n {
		start := conntest.Now.Add(time.Duration(i) * 30 * time.Minute)
		when := func(t time.Time) map[string]any {
			return map[string]any{"dateTime": t.Format(time.RFC3339), "timeZone": "Europe/Berlin"}
		}
		var guests []map[string]any
		for g := range 8 {
			guests = append(guests, map[string]any{"email": fmt.Sprintf("guest%d@globex.com", g), "displayName": fmt.Sprintf("Guest %d", g), "responseStatus": "accepted"})
		}
		items = append(items, map[string]any{
			"id": fmt.Sprintf("m%05d", i), "iCalUID": fmt.Sprintf("m%05d@google.com", i), "status": "confirmed", "eventType": "default",
			"summary": fmt.Sprintf("Acme x Globex, round %d", i), "location": "Berlin, room 3",
			"description": "Agenda:\n<ol><li>where we are</li><li>what is next</li></ol>\n<p>Join by the link in the invite. See you there.</p>",
			"start":       when(start), "end": when(start.Add(25 * time.Minute)),
			"organizer": map[string]any{"email": ana, "self": true}, "creator": map[string]any{"email": ana, "self": true}, "attendees": guests,
			"conferenceData": map[string]any{"entryPoints": []map[string]any{
				{"entryPointType": "video", "uri": "https://meet.google.com/abc-defg-hij"}, {"entryPointType": "phone", "uri": "tel:+49-30-303080617"},
			}},
			"hangoutLink": "https://meet.google.com/abc-defg-hij", "updated": conntest.Now.Format(time.RFC3339), "sequence": 0,
		})
	}
	b, err := json.Marshal(map[string]any{"accessRole": "owner", "nextSyncToken": "s", "items": items})
	if err != nil {
		panic(err)
	}
	return b
}

// canned answers every request with one body.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c)), Request: r,
	}, nil
}

// BenchmarkPage compares a pull with what the SDK alone takes to decode the same page. What a pull costs
// besides is a request, and an event of ours for each of Google's.
func BenchmarkPage(b *testing.B) {
	const n = 250
	body := page(n)
	perEvent := func(b *testing.B) {
		b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(float64(len(body))/n, "wire-B/event")
	}
	b.Run("sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var list gcal.Events
			if err := json.NewDecoder(bytes.NewReader(body)).Decode(&list); err != nil || len(list.Items) != n {
				b.Fatal(err)
			}
		}
		perEvent(b)
	})
	b.Run("pull", func(b *testing.B) {
		c, err := (&Config{Domain: "acme.com", Users: []string{ana}}).Open(connectors.Env{Account: "acme.com", HTTP: canned(body), Now: now, Replayed: true})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			p, err := c.Pull(b.Context(), anaSource, "", conntest.Horizon)
			if err != nil || len(p.Events) != n {
				b.Fatal(len(p.Events), err)
			}
		}
		perEvent(b)
	})
}
