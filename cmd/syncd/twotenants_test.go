package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/internal/fakegraph"
)

// twoTenants reads a Google and a Microsoft 365 tenant as one company.
const twoTenants = `store: demo.db
policy: policy.yaml
clock: 2026-03-20T06:00:00Z
horizon: {past: 24h, future: 21d}
deliver: [{name: file, file: {path: schedules.jsonl}}]
connections:
  - name: acme.com
    google: {domain: acme.com, admin: admin@acme.com, service_account_file: key.json, endpoint: %s}
  - name: acme.de
    outlook: {tenant: acme.de, client_id: ` + fakegraph.ClientID + `, client_secret_file: secret.txt, endpoint: %s}
`

const twoTenantsPolicy = `company: {name: acme, internal_domains: [acme.com, acme.de]}
import: {google: {enabled: true}, outlook: {enabled: true}}
recording: {meetings: anyone, internal: true}
providers: {zoom: {enabled: true, capture: [bot]}, teams: {enabled: true, capture: [bot]}}
directory:
  members:
    - {email: ana@acme.com, name: Ana, seat: true, record: on}
    - {email: eve@acme.de, name: Eve, seat: true, record: on}
`

// TestTwoTenants: a meeting that stands on a Google and on an Outlook calendar is one meeting: single, each day of a
// series, whatever was moved or deleted of it, whoever has organized it, and for who is a guest of one day alone.
func TestTwoTenants(t *testing.T) {
	begin := time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC) // clocks go forward on the 29th
	at := func(day, hour int) time.Time {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 3, 20+day, hour, 0, 0, 0, berlin)
	}
	clock := func() time.Time { return begin }
	const ana, eve = "ana@acme.com", "eve@acme.de"
	google := fakegoogle.New(clock, fakegoogle.User{Email: "admin@acme.com", NoMailbox: true, Admin: true}, fakegoogle.User{Email: ana})
	outlook := fakegraph.New(clock, fakegraph.User{Email: eve})
	const zoom = "https://acme.zoom.us/j/9371122334"
	// put brings a meeting into both calendars, each with its own id.
	put := func(n int, organizer, uid string, start time.Time, weekly int, moved map[int]time.Duration, dropped map[int]bool) {
		link := fmt.Sprint(zoom, n)
		g := fakegoogle.Event{
			ID: fmt.Sprintf("g%d", n), Start: start, Length: time.Hour, Zone: "Europe/Berlin", Weekly: weekly, Moved: moved, Dropped: dropped,
			Fields: map[string]any{"iCalUID": uid, "summary": fmt.Sprint("Meeting ", n), "location": link, "organizer": map[string]any{"email": organizer}, "attendees": []any{
				map[string]any{"email": ana, "responseStatus": "accepted"}, map[string]any{"email": eve, "responseStatus": "accepted"},
			}},
		}
		google.Put(ana, g)
		outlook.Put(eve, fakegraph.Event{
			UID: uid, Subject: fmt.Sprint("Meeting ", n), Location: link, Organizer: organizer, Start: start, Length: time.Hour, Zone: "W. Europe Standard Time",
			Weekly: weekly, Moved: moved, Dropped: dropped, Guests: []fakegraph.Guest{{Email: ana, Response: "accepted"}, {Email: eve, Response: "accepted"}},
		})
	}
	const own = "040000008200E00074C5B7101A82E00800000000A0B1C2D3E4F5DA01000000000000000010000000%032X" // Exchange's
	put(1, ana, "one@google.com", at(1, 9), 0, nil, nil)
	put(2, eve, fmt.Sprintf(own, 2), at(1, 11), 0, nil, nil)
	put(3, ana, "three@google.com", at(2, 9), 3, map[int]time.Duration{1: 26 * time.Hour}, map[int]bool{2: true})
	put(4, eve, fmt.Sprintf(own, 4), at(2, 13), 3, map[int]time.Duration{2: -3 * time.Hour}, map[int]bool{0: true})

	// Ana's series, to one day of which Eve is invited: her calendar has that day and no series.
	google.Put(ana, fakegoogle.Event{
		ID: "g5", Start: at(3, 15), Length: time.Hour, Zone: "Europe/Berlin", Repeat: fakegoogle.Rule{Freq: "WEEKLY", Count: 2},
		Fields: map[string]any{"iCalUID": fmt.Sprintf(own, 5), "summary": "Meeting 5", "location": zoom + "5", "organizer": map[string]any{"email": ana}, "attendees": []any{map[string]any{"email": "joe@globex.com"}}},
	})
	outlook.Put(eve, fakegraph.Event{
		UID: fmt.Sprintf(own, 5), Instance: at(10, 15), Subject: "Meeting 5", Location: zoom + "5", Organizer: ana, Start: at(10, 15), Length: time.Hour,
		Zone: "W. Europe Standard Time", Guests: []fakegraph.Guest{{Email: eve, Response: "accepted"}},
	})

	folder := t.TempDir()
	g, o := httptest.NewServer(google), httptest.NewServer(outlook)
	defer g.Close()
	defer o.Close()
	for name, text := range map[string][]byte{
		"key.json": google.KeyFile(), "secret.txt": []byte(fakegraph.ClientSecret), "policy.yaml": []byte(twoTenantsPolicy), "syncd.yaml": fmt.Appendf(nil, twoTenants, g.URL, o.URL),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"run", "--once", "--config", filepath.Join(folder, "syncd.yaml")}, streams{nil, &out, &errs}); code != exitOK {
		t.Fatalf("%d\n%s%s", code, &out, &errs)
	}
	both := ana + " " + eve // once, though both calendars have it
	want := []string{
		at(1, 9).UTC().Format(time.RFC3339) + " Meeting 1 " + both,
		at(1, 11).UTC().Format(time.RFC3339) + " Meeting 2 " + both,
		at(2, 9).UTC().Format(time.RFC3339) + " Meeting 3 " + both,
		at(10, 11).UTC().Format(time.RFC3339) + " Meeting 3 " + both, // the 30th, in summer
		at(9, 13).UTC().Format(time.RFC3339) + " Meeting 4 " + both,
		at(16, 10).UTC().Format(time.RFC3339) + " Meeting 4 " + both,
		at(3, 15).UTC().Format(time.RFC3339) + " Meeting 5 " + ana,
		at(10, 15).UTC().Format(time.RFC3339) + " Meeting 5 " + both,
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, recordedIn(t, filepath.Join(folder, "schedules.jsonl"))); diff != "" {
		t.Errorf("what is recorded, and for whom (-want +got):\n%s\n%s", diff, &out)
	}
}

// recordedIn are the schedules in the file, a line each.
func recordedIn(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		var s struct {
			Start, Title string
			OnBehalfOf   []string `json:"on_behalf_of"`
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		slices.Sort(s.OnBehalfOf)
		all = append(all, s.Start+" "+s.Title+" "+strings.Join(s.OnBehalfOf, " "))
	}
	slices.Sort(all)
	return all
}
