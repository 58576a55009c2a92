package google

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/connectors/replay"
	"example.com/syncd/internal/fakegoogle"
)

// tape records what f makes the connector ask the tenant.
func tape(t *testing.T, file string, tn *fakegoogle.Tenant, f func(connectors.Connector)) {
	t.Helper()
	conntest.Tape(t, file, *recordTapes, tn, func(rt http.RoundTripper) {
		f(open(t, Config{Domain: "acme.com", Admin: "admin@acme.com"}, rt, tn.KeyFile()))
	})
}

// TestRecorded replays a listing, an idle look, a change and an expired token.
func TestRecorded(t *testing.T) {
	const file = "testdata/replay/TestRecorded.yaml"
	w := calendar.Window{Start: conntest.Horizon.Start.Truncate(24 * time.Hour), End: conntest.Horizon.End.Truncate(24 * time.Hour)}
	src := anaSource
	tn := tenant()
	story := func(c connectors.Connector, change, expire func()) (all [][]calendar.Event) {
		cur, first := conntest.CatchUp(t, c, src, "", w)
		cur, idle := conntest.CatchUp(t, c, src, cur, w)
		change()
		cur, changed := conntest.CatchUp(t, c, src, cur, w)
		expire()
		_, err := c.Pull(t.Context(), src, cur, w)
		if err == nil || !strings.Contains(err.Error(), connectors.ErrCursor.Error()) {
			t.Errorf("an expired token: %v", err)
		}
		return [][]calendar.Event{first, idle, changed}
	}
	for i := range 3 {
		tn.Put(ana, event(conntest.Meeting{UID: "m" + string(rune('a'+i)) + "@example.com", Title: "Meeting", Start: calendar.At(conntest.Now.Add(time.Duration(i+1) * time.Hour)), Length: time.Hour, Guests: []string{"joe@globex.com"}}))
	}
	var live [][]calendar.Event
	tape(t, file, tn, func(c connectors.Connector) {
		live = story(c, func() { tn.Delete(ana, "mb") }, tn.ExpireTokens)
	})
	recorded, err := replay.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func() {}
	if diff := cmp.Diff(live, story(open(t, Config{Domain: "acme.com", Users: []string{ana}}, recorded, nil), nothing, nothing)); diff != "" {
		t.Errorf("the tape tells another story (-tenant +tape):\n%s", diff)
	}
	if len(live[0]) != 3 || len(live[1]) != 0 || len(live[2]) != 2 {
		t.Errorf("the story is not what it should be: %+v", live)
	}
}

// TestDemoTape: the made-up company of configs/demo.yaml. All users are read, then some things change,
// then nothing does.
func TestDemoTape(t *testing.T) {
	users := []fakegoogle.User{{Email: "admin@acme.com", NoMailbox: true, Admin: true}}
	for _, u := range []string{"ana", "bo", "cara", "cfo", "dan", "gus"} {
		users = append(users, fakegoogle.User{Email: u + "@acme.com"})
	}
	users = append(users, fakegoogle.User{Email: "zoe@acme.com", Suspended: true})
	tn := fakegoogle.New(now, users...)
	for user, events := range demoStory() {
		for _, e := range events {
			tn.Put(user+"@acme.com", e)
		}
	}
	w := calendar.Window{Start: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 12, 22, 0, 0, 0, 0, time.UTC)}
	tape(t, "../../configs/demo/google.yaml", tn, func(c connectors.Connector) {
		sources, err := c.Sources(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		cursors := map[calendar.SourceID]connectors.Cursor{}
		round := func() {
			for _, s := range sources {
				cursors[s.ID], _ = conntest.CatchUp(t, c, s, cursors[s.ID], w)
			}
		}
		round()
		for _, user := range []string{"ana", "bo"} {
			tn.Put(user+"@acme.com", kickOff(10, 30))
		}
		tn.Delete("bo@acme.com", "interview1")
		tn.Put("ana@acme.com", demoEvent("followup1", "Globex: pricing follow-up", at(25, 14, 0), 30, "ana@acme.com", map[string]any{
			"location": "https://acme.zoom.us/j/95550001111?pwd=Zm9sbG93dXA.1",
		}, "joe@globex.com"))
		round()
		round()
	})
}

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC)
}

// demoEvent is a meeting of the demo, in its host's and guests' calendars.
func demoEvent(id, title string, start time.Time, minutes int, host string, fields map[string]any, guests ...string) fakegoogle.Event {
	f := map[string]any{
		"iCalUID": id + "@google.com", "summary": title, "eventType": "default", "updated": "2026-11-20T09:00:00Z", "sequence": 0,
		"organizer": map[string]any{"email": host}, "creator": map[string]any{"email": host},
	}
	if len(guests) > 0 {
		people := []any{map[string]any{"email": host, "organizer": true, "responseStatus": "accepted"}}
		for _, g := range guests {
			people = append(people, map[string]any{"email": g, "responseStatus": "accepted"})
		}
		f["attendees"] = people
	}
	for k, v := range fields {
		f[k] = v
	}
	return fakegoogle.Event{ID: id, Fields: f, Start: start, Length: time.Duration(minutes) * time.Minute}
}

func meet(code string) map[string]any {
	return map[string]any{
		"hangoutLink": "https://meet.google.com/" + code,
		"conferenceData": map[string]any{"conferenceSolution": map[string]any{"key": map[string]any{"type": "hangoutsMeet"}},
			"entryPoints": []any{map[string]any{"entryPointType": "video", "uri": "https://meet.google.com/" + code, "label": "meet.google.com/" + code}}},
	}
}

func kickOff(hour, minute int) fakegoogle.Event {
	return demoEvent("7kq2v9h1c3d5e7f9g1h3j5k7m9", "Acme x Globex: kick-off", at(24, hour, minute), 30, "ana@acme.com", map[string]any{
		"conferenceData": map[string]any{
			"conferenceSolution": map[string]any{"key": map[string]any{"type": "addOn"}, "name": "Zoom Meeting"},
			"entryPoints": []any{
				map[string]any{"entryPointType": "video", "uri": "https://acme.zoom.us/j/91234567890?pwd=QWxhZGRpbg.1", "label": "acme.zoom.us/j/91234567890"},
				map[string]any{"entryPointType": "phone", "uri": "tel:+1-555-0100"},
			},
			"parameters": map[string]any{"addOnParameters": map[string]any{"parameters": map[string]any{"realMeetingId": "91234567890", "creatorUserId": "ana@acme.com"}}},
		},
	}, "joe@globex.com", "eve@acme.co.uk", "bo@acme.com")
}

// demoStory is what stands in the calendars at the beginning.
func demoStory() map[string][]fakegoogle.Event {
	weekly := func(e fakegoogle.Event, n int) fakegoogle.Event { e.Weekly = n; return e }
	pipeline := weekly(demoEvent("pipeline1", "Weekly pipeline review", at(23, 13, 0), 45, "ana@acme.com", meet("pip-elin-eab"), "bo@acme.com", "dan@acme.com"), 12)
	board := demoEvent("board1", "Board meeting: Q4", at(26, 9, 0), 120, "cfo@acme.com", meet("brd-mtng-qfo"), "ana@acme.com", "chair@umbrella.example")
	qbr := weekly(demoEvent("qbr1", "QBR Globex", at(25, 15, 0), 60, "bo@acme.com", meet("qbr-glob-exa"), "joe@globex.com", "ann@globex.com"), 8)
	qbr.Moved = map[int]time.Duration{1: 24 * time.Hour}
	safe := "https://eur01.safelinks.protection.outlook.com/?url=" +
		"https%3A%2F%2Fteams.microsoft.com%2Fl%2Fmeetup-join%2F19%253ameeting_SW5pdGVjaFF1ZXN0aW9ucw%2540thread.v2%2F0%3Fcontext%3D%257b%2522Tid%2522%253a%252211111111-2222-4333-8444-555555555555%2522%252c%2522Oid%2522%253a%252266666666-7777-4888-9999-000000000000%2522%257d&data=05%7C02%7C&reserved=0"
	offsite := demoEvent("offsite1", "Offsite", at(27, 0, 0), 24*60, "ana@acme.com", nil)
	offsite.AllDay = true
	return map[string][]fakegoogle.Event{
		"ana": {
			kickOff(10, 0), pipeline, board, offsite,
			demoEvent("doctor1", "Doctor", at(24, 7, 0), 60, "ana@acme.com", map[string]any{"visibility": "private"}),
			demoEvent("onboarding1", "Umbrella onboarding", at(26, 13, 0), 60, "ana@acme.com", map[string]any{"location": "https://acme.webex.com/meet/ana"}, "cara@acme.com", "sam@umbrella.example"),
			demoEvent("soylent1", "Soylent demo", at(27, 11, 0), 30, "ana@acme.com", map[string]any{
				"description": "Join Zoom: https://protect-eu.mimecast.com/s/AbCdEfGhIjKl?domain=acme.zoom.us",
			}, "li@soylent.example"),
		},
		"bo": {
			kickOff(10, 0), pipeline, qbr,
			demoEvent("interview1", "Interview: backend engineer", at(24, 14, 0), 60, "bo@acme.com", meet("int-ervi-ewb"), "candidate@initech.example"),
			demoEvent("initech1", "Initech: technical questions", at(25, 11, 0), 30, "pat@initech.example", map[string]any{
				"description": `<p>Hello Bo,</p><p><a href="` + strings.ReplaceAll(safe, "&", "&amp;") + `">Join the meeting</a></p>`,
			}, "bo@acme.com"),
		},
		"cara": {
			demoEvent("focus1", "Focus time", at(24, 8, 0), 120, "cara@acme.com", map[string]any{"eventType": "focusTime"}),
			demoEvent("onboarding1", "Umbrella onboarding", at(26, 13, 0), 60, "ana@acme.com", map[string]any{"location": "https://acme.webex.com/meet/ana"}, "cara@acme.com", "sam@umbrella.example"),
		},
		"cfo": {board},
		"dan": {pipeline, demoEvent("ooo1", "Away", at(25, 8, 0), 480, "dan@acme.com", map[string]any{"eventType": "outOfOffice"})},
	}
}

// TestConvert: one wire event to one of ours, each case a file named by what it shows.
func TestConvert(t *testing.T) {
	files, err := filepath.Glob("testdata/convert/*.in.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".in.json"), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(calendar.Copy{Source: calendar.Source{Driver: "google"}, Event: convertJSON(t, in)}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			conntest.Golden(t, strings.TrimSuffix(file, ".in.json")+".want.json", append(got, '\n'), *recordTapes)
		})
	}
}
