package fakegoogle

import (
	"cmp"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"example.com/syncd/internal/nodetest"
)

// read is what the client of Google's for Node makes of the tenant.
type read struct {
	Items []struct {
		ID, Status, Summary string
		RecurringEventID    string `json:"recurringEventId"`
		Start               struct{ DateTime, Date string }
	}
	Pages     int
	SyncToken string
	Error     struct {
		Status int
		Reason string
	}
}

// TestNodeClient: a client that had no part in making the tenant reads from it what it holds: pages, tokens,
// series, refusals, over HTTP and gzip.
func TestNodeClient(t *testing.T) {
	nodetest.Dir(t)
	tn := company()
	tn.ShortPages = 3
	server := httptest.NewServer(tn)
	defer server.Close()
	ask := func(args ...string) read {
		t.Helper()
		var got read
		nodetest.Run(t, &got, "testdata/client.mjs", append([]string{server.URL, "ana@acme.com"}, args...)...)
		return got
	}
	list := func(parameters map[string]any) read {
		t.Helper()
		b, err := json.Marshal(parameters)
		if err != nil {
			t.Fatal(err)
		}
		return ask("list", "primary", string(b))
	}
	from, to := noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 40)
	held := func(got read) {
		t.Helper()
		type line struct{ id, series, title, start string }
		var want, have []line
		sights, _ := tn.Truth("ana@acme.com", "ana@acme.com", from, to)
		for _, s := range sights {
			title, _ := s.Fields["summary"].(string)
			start := s.Start.In(s.CalendarZone).Format(time.RFC3339)
			if s.AllDay {
				start = s.Start.Format(time.DateOnly)
			}
			want = append(want, line{s.ID, s.Series, title, start})
		}
		for _, i := range got.Items {
			have = append(have, line{i.ID, i.RecurringEventID, i.Summary, cmp.Or(i.Start.DateTime, i.Start.Date)})
		}
		slices.SortFunc(have, func(a, b line) int { return cmp.Compare(a.id, b.id) })
		if !slices.Equal(want, have) {
			t.Errorf("it holds %v, and the client read %v", want, have)
		}
	}
	window := map[string]any{"singleEvents": true, "timeMin": from, "timeMax": to, "maxResults": 2}
	first := list(window)
	if held(first); first.Pages < 2 || first.SyncToken == "" {
		t.Errorf("%d pages, token %q", first.Pages, first.SyncToken)
	}
	idle := map[string]any{"singleEvents": true, "syncToken": first.SyncToken}
	if got := list(idle); len(got.Items) != 0 || got.SyncToken == "" {
		t.Errorf("nothing changed, and the client read %v", got)
	}
	tn.Cancel("ana@acme.com", "day")
	if got := list(idle); len(got.Items) != 1 || got.Items[0].ID != "day" || got.Items[0].Status != "cancelled" {
		t.Errorf("one event went, and the client read %v", got)
	}
	held(list(window))
	if got := ask("instances", "primary", "weekly"); len(got.Items) != 4 {
		t.Errorf("of five occurrences one is cancelled; the client read %v", got.Items)
	}
	if got := ask("calendars"); len(got.Items) != 2 { // hidden ones are not asked for
		t.Errorf("calendars: %v", got.Items)
	}
	tn.ExpireTokens()
	if got := list(idle); got.Error.Status != 410 || got.Error.Reason != "fullSyncRequired" {
		t.Errorf("an expired token: %+v", got.Error)
	}
	if got := list(map[string]any{"singleEvents": true, "syncToken": first.SyncToken, "timeMin": from}); got.Error.Status != 400 {
		t.Errorf("a forbidden parameter: %+v", got.Error)
	}
}
