package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

var update = flag.Bool("update", false, "write the .want.json files anew")

var mailbox = calendar.Source{
	ID: "coordinator:notes/" + notes, Driver: "coordinator", Account: "notes", Calendar: notes, Primary: true,
}

// recorded is what a mail alone leads to.
type recorded struct {
	Events []calendar.Copy `json:"events,omitempty"`
	Log    []string        `json:"log,omitempty"`
}

// TestRecorded: testdata/mail/CASE.eml leads to CASE.want.json.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/mail/*.eml")
	if err != nil || len(files) < 15 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".eml"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var log logged
			conn := open(t, fstest.MapFS{"1.eml": {Data: raw}}, slog.New(&log))
			conn.(keeping).post.Whole = true
			p, err := conn.Pull(t.Context(), mailbox, "", conntest.Horizon)
			if err != nil {
				t.Fatal(err)
			}
			got := recorded{Log: log.lines}
			for _, e := range p.Events {
				got.Events = append(got.Events, calendar.Copy{Source: calendar.Source{Driver: "coordinator", Calendar: notes, Primary: true}, Event: e})
			}
			b, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, '\n')
			wantFile := strings.TrimSuffix(name, ".eml") + ".want.json"
			if *update {
				if err := os.WriteFile(wantFile, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// logged keeps what is logged, a line each.
type logged struct{ lines []string }

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logged) WithGroup(string) slog.Handler            { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	l.lines = append(l.lines, line)
	return nil
}

// TestDemo: what the demo's mails are there to show.
func TestDemo(t *testing.T) {
	p, err := open(t, os.DirFS("../../configs/demo/mail"), discard).Pull(t.Context(), mailbox, "", conntest.Horizon)
	if err != nil {
		t.Fatal(err)
	}
	l := conntest.NewLedger()
	l.Apply(p)
	got := map[string]string{}
	for ref, e := range l.Copies {
		got[string(ref)] = fmt.Sprintf("%s, %s to %s, %s, received %s", e.Title, e.Start, e.End, e.Status, e.Received.Format("Jan 2 15:04"))
	}
	const review = "040000008200E00074C5B7101A82E00800000000B1C2D3E4F506DB010000000000000000100000003D4E5F60718293A4B5C6D7E8F9012345"
	const rollout = "040000008200E00074C5B7101A82E00800000000A0B1C2D3E4F5DA010000000000000000100000001F2E3D4C5B6A79880716253443526170"
	for ref, want := range map[string]string{
		review:                                 "Globex security review, 2026-11-26T14:00:00Z to 2026-11-26T15:00:00Z, confirmed, received Nov 20 09:10",
		rollout:                                "Rollout planning, 2026-11-25T09:00:00Z to 2026-11-25T10:00:00Z, confirmed, received Nov 19 14:22",
		"6c9quickcall0e@google.com":            "Quick call, 2026-11-23T08:20:00Z to 2026-11-23T08:40:00Z, confirmed, received Nov 23 07:58",
		"5B1E0C7A-44D2-4F0B-9A6E-1C2D3E4F5A6B": "Hooli intro, 2026-11-27T09:00:00Z to 2026-11-27T09:30:00Z, cancelled, received Nov 20 11:30",
		"4k2initechintegration7q@google.com/2026-11-24T13:00:00Z": "Initech integration, 2026-11-24T13:00:00Z to 2026-11-24T13:45:00Z, confirmed, received Nov 16 08:15",
		"4k2initechintegration7q@google.com/2026-12-01T13:00:00Z": "Initech integration, 2026-12-02T15:00:00Z to 2026-12-02T15:45:00Z, confirmed, received Nov 18 10:11",
		"4k2initechintegration7q@google.com/2026-12-08T13:00:00Z": "Initech integration, 2026-12-08T13:00:00Z to 2026-12-08T13:45:00Z, cancelled, received Nov 19 16:05",
		"4k2initechintegration7q@google.com/2026-12-15T13:00:00Z": "Initech integration, 2026-12-15T13:00:00Z to 2026-12-15T13:45:00Z, confirmed, received Nov 16 08:15",
	} {
		if got[ref] != want {
			t.Errorf("%s\n got %s\nwant %s", ref, got[ref], want)
		}
	}
}

// TestOneBadMail costs itself alone, is logged once by its name, and nothing of what is in it is.
func TestOneBadMail(t *testing.T) {
	files := script{"REQUEST " + single}.files()
	files["bad.eml"] = &fstest.MapFile{Data: []byte("Subject: hush\n\nhush hush")}
	files["large.eml"] = &fstest.MapFile{Data: make([]byte, maxMail+1)}
	files["deep.eml"] = &fstest.MapFile{Data: asMail(conntest.Now, "BEGIN:VCALENDAR\nSUMMARY:hush\n"+strings.Repeat("BEGIN:HUSH\n", 20))}
	files["nameless.eml"] = &fstest.MapFile{Data: asMail(conntest.Now, "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:hush\nDTSTART:20261124T100000Z\n")}
	files["broken.eml"] = &fstest.MapFile{Data: []byte("Subject: hush\nContent-Type: multipart/mixed; boundary=b\n\n--b\nhush hush\n\nhush\n--b\n hush\n")}
	files["many.eml"] = &fstest.MapFile{Data: asMail(conntest.Now, manyMeetings(400))}
	files["ignored.txt"] = &fstest.MapFile{Data: []byte("hush")}
	var log logged
	conn := open(t, files, slog.New(&log))
	p, err := conn.Pull(t.Context(), mailbox, "", conntest.Horizon)
	uids := map[string]bool{}
	for _, e := range p.Events {
		uids[e.UID] = true
	}
	if err != nil || len(uids) != 1+maxUIDs {
		t.Fatalf("%d meetings, error %v; want the good mail's, and the first ones of that which has too many", len(uids), err)
	}
	all := strings.Join(log.lines, "\n")
	for _, name := range []string{"bad.eml", "large.eml", "deep.eml", "nameless.eml", "broken.eml", "many.eml"} {
		if strings.Count(all, "WARN a mail is not used mail="+name) != 1 {
			t.Errorf("%s is not logged once:\n%s", name, all)
		}
	}
	if len(log.lines) != 6 || strings.Contains(strings.ToLower(all), "hush") {
		t.Errorf("logged:\n%s", all)
	}
	if _, err := conn.Pull(t.Context(), mailbox, p.Next, conntest.Horizon); err != nil || len(log.lines) != 6 {
		t.Errorf("error %v; when nothing has changed, it is logged again:\n%s", err, strings.Join(log.lines[6:], "\n"))
	}
}

// manyMeetings is a calendar of n meetings, each of which takes long to expand.
func manyMeetings(n int) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\nMETHOD:REQUEST\n")
	for i := range n {
		fmt.Fprintf(&b, "BEGIN:VEVENT\nUID:many%d\nSUMMARY:hush\nDTSTART:18500101T100000Z\nRRULE:FREQ=DAILY;COUNT=66000\nEND:VEVENT\n", i)
	}
	return b.String()
}

func TestFolderErrors(t *testing.T) {
	missing := os.DirFS(filepath.Join(t.TempDir(), "missing"))
	_, err := open(t, missing, discard).Pull(t.Context(), mailbox, "", conntest.Horizon)
	if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), `the setting "folder"`) {
		t.Errorf("error %v, want one that is ErrAccess and names the setting", err)
	}
	// A mail that can't be read for now is no mail that can't be read: it is tried again.
	_, err = open(t, failing{script{"REQUEST " + single}.files()}, discard).Pull(t.Context(), mailbox, "", conntest.Horizon)
	if !errors.Is(err, errDisk) {
		t.Errorf("error %v, want the disk's", err)
	}
	_, err = open(t, fstest.MapFS{}, discard).Pull(t.Context(), calendar.NewSource("coordinator", "notes", "other@acme.com"), "", conntest.Horizon)
	if !errors.Is(err, connectors.ErrSource) {
		t.Errorf("error %v, want ErrSource", err)
	}
}

var errDisk = errors.New("the disk is on fire")

type failing struct{ fstest.MapFS }

func (f failing) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".eml") {
		return nil, errDisk
	}
	return f.MapFS.Open(name)
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Address: notes, Folder: "mail"}, ""},
		{Config{}, "address is missing"},
		{Config{}, "folder, imap, lmtp and http are missing"},
		{Config{Address: "Notes <notes@acme.com>", Folder: "mail"}, "is not a mail address alone"},
		{Config{Address: "notes", Folder: "mail"}, "is not a mail address alone"},
	} {
		err := c.config.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: error %v, want %q", c.config, err, c.want)
		}
	}
}

// TestPages: many events come in pages, and no meeting is on two of them.
func TestPages(t *testing.T) {
	files := fstest.MapFS{}
	const meetings, each = 600, 28 // of daily meetings, within the horizon
	for i := range meetings {
		at := conntest.Now.Add(time.Duration(i-10_000) * time.Minute)
		files[fmt.Sprintf("%04d.eml", i)] = &fstest.MapFile{Data: asMail(at, fmt.Sprintf("BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:m%d\n"+
			"DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n", i))}
	}
	l := conntest.NewLedger()
	pageOf := map[string]int{}
	pages := 0
	for p, err := range connectors.Pages(t.Context(), open(t, files, discard), mailbox, "", conntest.Horizon) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, e := range p.Events {
			if first, seen := pageOf[e.UID]; seen && first != pages {
				t.Fatalf("%s is on the pages %d and %d", e.UID, first, pages)
			}
			pageOf[e.UID] = pages
		}
		l.Apply(p)
	}
	if pages != 4 || len(l.Copies) != meetings*each {
		t.Errorf("%d pages with %d occurrences, want 4 with %d", pages, len(l.Copies), meetings*each)
	}
	// A mail that arrives between two pages: the reading begins anew.
	l = conntest.NewLedger()
	conn := open(t, files, discard)
	for n := range 2 {
		p, err := conn.Pull(t.Context(), mailbox, l.Cursor, conntest.Horizon)
		if err != nil || !p.More {
			t.Fatal(p.More, err)
		}
		l.Apply(p)
		files[fmt.Sprintf("9%d.eml", n)] = &fstest.MapFile{Data: asMail(conntest.Now, "BEGIN:VCALENDAR\nMETHOD:CANCEL\nBEGIN:VEVENT\nUID:m0\nSTATUS:CANCELLED\n")}
	}
	for p, err := range connectors.Pages(t.Context(), conn, mailbox, l.Cursor, conntest.Horizon) {
		if err != nil {
			t.Fatal(err)
		}
		l.Apply(p)
	}
	if e := l.Copies["m0/2026-11-24T10:00:00Z"]; len(l.Copies) != meetings*each || e.Status != calendar.StatusCancelled {
		t.Errorf("%d occurrences, the first one %s", len(l.Copies), e.Status)
	}
}

// TestMaterial: with what a page replays, a store knows when the last material change was received, also
// when it sees all of it again.
func TestMaterial(t *testing.T) {
	s := script{
		"REQUEST SUMMARY:a " + single,
		"REQUEST SUMMARY:b " + single,                                         // 09:00, a new title alone
		"REQUEST SEQUENCE:2 SUMMARY:b DTSTART:20261124T110000Z DURATION:PT1H", // 10:00
		"REQUEST SEQUENCE:2 SUMMARY:c DTSTART:20261124T110000Z DURATION:PT1H",
		"REPLY SEQUENCE:2 SUMMARY:d DTSTART:20261124T110000Z DURATION:PT1H",
	}
	stored := map[calendar.Ref]calendar.Event{}
	for n := 1; n <= len(s); n++ {
		p, err := open(t, s[:n].files(), discard).Pull(t.Context(), mailbox, "", conntest.Horizon)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			e = e.Distil(calendar.Reading{})
			stored[e.Ref] = e.Follow(stored[e.Ref])
		}
		want := []string{"a 08h", "b 08h", "b 10h", "c 10h", "c 10h"}[n-1]
		if got := stored["u"].Title + stored["u"].Received.Format(" 15h"); got != want {
			t.Errorf("after %d mails: %s, want %s", n, got, want)
		}
	}
}

// TestDays: the same mails are read again when the horizon's days have moved on, and not before.
func TestDays(t *testing.T) {
	var log bytes.Buffer
	conn := open(t, script{"REQUEST " + weekly, "PUBLISH x"}.files(), slog.New(slog.NewTextHandler(&log, nil)))
	p, err := conn.Pull(t.Context(), mailbox, "", conntest.Horizon)
	if err != nil || len(p.Events) != 3 {
		t.Fatal(p, err)
	}
	for hours, want := range map[time.Duration]int{1: 0, 15: 0, 17: 3} {
		w := calendar.Window{Start: conntest.Horizon.Start.Add(hours * time.Hour), End: conntest.Horizon.End.Add(hours * time.Hour)}
		again, err := conn.Pull(t.Context(), mailbox, p.Next, w)
		if err != nil || len(again.Events) != want {
			t.Errorf("%d hours later: %d events, error %v; want %d", hours, len(again.Events), err, want)
		}
	}
	if log.Len() != 0 {
		t.Errorf("logged:\n%s", &log)
	}
}
