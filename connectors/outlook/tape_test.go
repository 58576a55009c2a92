package outlook

import (
	"encoding/json"
	"errors"
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
	"example.com/syncd/internal/fakegraph"
)

// tape records what f makes the connector ask the tenant.
func tape(t *testing.T, file string, tn *fakegraph.Tenant, f func(connectors.Connector)) {
	t.Helper()
	conntest.Tape(t, file, *recordTapes, tn, func(rt http.RoundTripper) { f(open(t, Config{}, rt, fakegraph.ClientSecret)) })
}

// TestRecorded replays a reading, an idle look, a change and an expired token.
func TestRecorded(t *testing.T) {
	const file = "testdata/replay/TestRecorded.yaml"
	tn := tenant()
	for i := range 3 {
		tn.Put(eve, testEvent(conntest.Meeting{UID: "m" + string(rune('a'+i)) + "@example.com", Title: "Meeting", Start: calendar.At(conntest.Now.Add(time.Duration(i+1) * time.Hour)), Length: time.Hour, Guests: []string{"joe@globex.com"}}))
	}
	story := func(c connectors.Connector, change, expire func()) (all [][]calendar.Event) {
		cur, first := conntest.CatchUp(t, c, source(eve), "", conntest.Horizon)
		cur, idle := conntest.CatchUp(t, c, source(eve), cur, conntest.Horizon)
		change()
		cur, changed := conntest.CatchUp(t, c, source(eve), cur, conntest.Horizon)
		expire()
		if _, err := c.Pull(t.Context(), source(eve), cur, conntest.Horizon); !errors.Is(err, connectors.ErrCursor) {
			t.Errorf("an expired token: %v", err)
		}
		return [][]calendar.Event{first, idle, changed}
	}
	var live [][]calendar.Event
	tape(t, file, tn, func(c connectors.Connector) {
		live = story(c, func() { tn.Delete(eve, "AAMk-mb") }, tn.ExpireTokens)
	})
	recorded, err := replay.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func() {}
	if diff := cmp.Diff(live, story(open(t, Config{}, recorded, ""), nothing, nothing)); diff != "" {
		t.Errorf("the tape tells another story (-tenant +tape):\n%s", diff)
	}
	if len(live[0]) != 3 || len(live[1]) != 0 || len(live[2]) != 2 {
		t.Errorf("the story is not what it should be: %+v", live)
	}
}

// TestDemoTape: the made-up company of configs/demo.yaml. All users are read, then some things change,
// then nothing does.
func TestDemoTape(t *testing.T) {
	tn := tenant()
	tn.Steady = true // the demo goes on when the tape has ended
	for user, events := range demoStory() {
		for _, e := range events {
			tn.Put(user+"@acme.co.uk", e)
		}
	}
	w := calendar.Window{Start: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 12, 22, 0, 0, 0, 0, time.UTC)}
	tape(t, "../../configs/demo/outlook.yaml", tn, func(c connectors.Connector) {
		sources, err := c.Sources(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		cursors := map[calendar.SourceID]connectors.Cursor{}
		round := func() {
			for _, s := range sources {
				if s.Calendar == "old@acme.co.uk" {
					if _, err := c.Pull(t.Context(), s, "", w); !errors.Is(err, connectors.ErrSource) {
						t.Errorf("a user without a mailbox: %v", err)
					}
					continue
				}
				cursors[s.ID], _ = conntest.CatchUp(t, c, s, cursors[s.ID], w)
			}
		}
		round()
		tn.Put(eve, kickOff(10, 30))
		legal := demoStory()["eve"][2]
		legal.Fields["isCancelled"], legal.Fields["subject"] = true, "Canceled: Legal: contract review"
		tn.Put(eve, legal)
		round()
		round()
	})
}

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC)
}

// demoEvent is a meeting of the demo. Its guests have accepted.
func demoEvent(id, uid, subject string, start time.Time, minutes int, host string, fields map[string]any, people ...string) fakegraph.Event {
	f := map[string]any{
		"subject": subject, "organizer": address(host), "attendees": guests(append([]string{host}, people...)...),
		"lastModifiedDateTime": "2026-11-20T09:00:00Z",
	}
	for k, v := range fields {
		f[k] = v
	}
	return fakegraph.Event{ID: "AAMkAD-" + id, UID: uid, Fields: f, Start: start, Length: time.Duration(minutes) * time.Minute}
}

// goid is a UID of Exchange's own.
func goid(data string) string {
	return "040000008200E00074C5B7101A82E00800000000A0B1C2D3E4F5DA01000000000000000010000000" + data
}

// teams is an online meeting by its thread.
func teams(thread string) map[string]any {
	return map[string]any{"onlineMeeting": map[string]any{"joinUrl": "https://teams.microsoft.com/l/meetup-join/19%3ameeting_" + thread +
		"%40thread.v2/0?context=%7b%22Tid%22%3a%2211111111-2222-4333-8444-555555555555%22%2c%22Oid%22%3a%2266666666-7777-4888-9999-000000000000%22%7d"}}
}

func inPlace(place string) map[string]any {
	return map[string]any{"location": map[string]any{"displayName": place}}
}

func kickOff(hour, minute int) fakegraph.Event {
	return demoEvent("kickoff", "7kq2v9h1c3d5e7f9g1h3j5k7m9@google.com", "Acme x Globex: kick-off", at(24, hour, minute), 30, "ana@acme.com",
		inPlace("https://acme.zoom.us/j/91234567890?pwd=QWxhZGRpbg.1"), "joe@globex.com", eve, "bo@acme.com")
}

// demoStory is what stands in the calendars at the beginning.
func demoStory() map[string][]fakegraph.Event {
	const finn = "finn@acme.co.uk"
	rollout := demoEvent("rollout", goid("1F2E3D4C5B6A79880716253443526170"), "Rollout planning", at(25, 9, 0), 60, eve, teams("Um9sbG91dFBsYW5uaW5n"), "ray@umbrella.example", finn)
	sync := demoEvent("sync", goid("22222222222222222222222222222222"), "Team sync", at(24, 9, 0), 30, eve, teams("VGVhbVN5bmM"), finn)
	hooli := demoEvent("hooli", goid("33333333333333333333333333333333"), "Hooli weekly", at(26, 16, 0), 30, finn, map[string]any{
		"body": map[string]any{"contentType": "text", "content": "Microsoft Teams\nJoin: https://teams.microsoft.com/meet/24705545633809?p=gS5SGsvLsH1wLpemEQ\nMeeting ID: 247 055 456 338 09"},
	}, "gavin@hooli.example")
	hooli.Weekly, hooli.Moved, hooli.Dropped = 6, map[int]time.Duration{1: 22 * time.Hour}, map[int]bool{2: true}
	private := demoEvent("dentist", goid("44444444444444444444444444444444"), "Dentist", at(24, 15, 0), 60, finn, map[string]any{"sensitivity": "private", "attendees": []any{}})
	room := demoEvent("room-rollout", rollout.UID, "Eve Adams", at(25, 9, 0), 60, eve, map[string]any{"attendees": []any{}})
	return map[string][]fakegraph.Event{
		"eve": {
			kickOff(10, 0), rollout,
			demoEvent("legal", goid("55555555555555555555555555555555"), "Legal: contract review", at(26, 10, 0), 60, eve, teams("TGVnYWxSZXZpZXc"), "kim@lawfirm.example"),
			demoEvent("handover", goid("66666666666666666666666666666666"), "Support hand-over", at(27, 9, 0), 45, eve,
				inPlace("https://acme.webex.com/acme/j.php?MTID=m0123456789abcdef0123456789abcdef"), "joe@globex.com"),
			demoEvent("escalation", goid("77777777777777777777777777777777"), "Globex escalation", at(27, 14, 0), 30, eve, map[string]any{
				"body": map[string]any{"contentType": "text", "content": "Join here:\nhttps://urldefense.com/v3/__https://acme.zoom.us/j/93330007777?pwd=R2xvYmV4__;!!AbCdEf!GhIjKlMnOp$"},
			}, "joe@globex.com"),
			sync,
		},
		"finn":  {rollout, sync, hooli, private},
		"room1": {room},
	}
}

// TestConvert: one element of a page to one of ours, each case a file named by what it shows.
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
			got := []byte("null")
			if e, ok := convert(single(in), "eve@acme.co.uk"); ok {
				if got, err = json.MarshalIndent(calendar.Copy{Source: calendar.Source{Driver: "outlook"}, Event: e}, "", "  "); err != nil {
					t.Fatal(err)
				}
			}
			conntest.Golden(t, strings.TrimSuffix(file, ".in.json")+".want.json", append(got, '\n'), *recordTapes)
		})
	}
}
