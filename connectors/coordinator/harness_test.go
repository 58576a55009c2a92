package coordinator

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

const notes = "notes@acme.com"

// open is a connector that reads files, and keeps what it reads.
func open(t testing.TB, files fs.FS, log *slog.Logger) connectors.Connector {
	t.Helper()
	post := conntest.NewPost()
	return keeping{bare(t, Config{Address: notes, Folder: "mail"}, files, log.Handler(), post), post}
}

// bare is a connector as the engine sees it.
func bare(t testing.TB, c Config, files fs.FS, log slog.Handler, post *conntest.Post) connectors.Connector {
	t.Helper()
	return openWith(t, &c, connectors.Env{OpenDir: dir(files), Letters: post, Now: func() time.Time { return conntest.Now }}, log)
}

func dir(files fs.FS) func(string) fs.FS { return func(string) fs.FS { return files } }

func openWith(t testing.TB, c *Config, env connectors.Env, log slog.Handler) connectors.Connector {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	env.Account, env.Log = "notes", slog.New(log)
	conn, err := c.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// keeping is a connector with its post: new mails are read and kept before anything is told of them.
type keeping struct {
	connectors.Connector
	post *conntest.Post
}

func (k keeping) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	for {
		p, err := k.Connector.Pull(ctx, src, cur, horizon)
		if err != nil || len(p.Letters) == 0 && (len(p.Events) > 0 || len(p.Gone) > 0 || !p.More) {
			return p, err
		}
		k.post.Keep(p.Letters...)
		cur = p.Next
	}
}

var discard = slog.New(slog.DiscardHandler)

// harness is an organizer who sends mails to the coordinator: a request for what changes, a cancellation
// for what is deleted.
type harness struct {
	post  *conntest.Post
	files fstest.MapFS
	sent  int
	// moved are the occurrences that a request has moved, by UID: one that is moved back is sent as such.
	moved map[string]map[string]calendar.When
}

func newHarness(*testing.T) conntest.Harness {
	return &harness{conntest.NewPost(), fstest.MapFS{"notes.txt": {}}, 0, map[string]map[string]calendar.When{}}
}

func (h *harness) Connector(t *testing.T) connectors.Connector {
	return bare(t, Config{Address: notes, Folder: "mail"}, h.files, discard.Handler(), h.post)
}
func (h *harness) Post() *conntest.Post    { return h.post }
func (h *harness) Source() calendar.Source { return mailbox }
func (h *harness) ExpireCursors()          {}
func (h *harness) Throttle(time.Duration)  {}
func (h *harness) Revoke()                 {}
func (h *harness) Restore()                {}

func (h *harness) Put(m conntest.Meeting) {
	if m.Weekly == 0 {
		h.send("REQUEST", h.event(m, m.Start, m.Length))
		delete(h.moved, m.UID)
		return
	}
	master := h.event(m, m.Start, m.Length, fmt.Sprintf("RRULE:FREQ=WEEKLY;COUNT=%d", m.Weekly))
	originals := map[string]calendar.When{}
	movedNow := map[string]calendar.When{}
	for n := range m.Weekly {
		original := later(m.Start, time.Duration(n)*7*24*time.Hour)
		if m.Dropped[n] {
			master = append(master, property("EXDATE", original))
			continue
		}
		originals[original.String()] = original
		if m.Moved[n] != 0 {
			movedNow[original.String()] = later(original, m.Moved[n])
		}
	}
	events := [][]string{master}
	for was := range h.moved[m.UID] {
		// Moved by an earlier request, and not by this one: it is moved back.
		if original, is := originals[was]; is && movedNow[was].IsZero() {
			events = append(events, h.event(m, original, m.Length, property("RECURRENCE-ID", original)))
		}
	}
	for was, to := range movedNow {
		events = append(events, h.event(m, to, m.Length, property("RECURRENCE-ID", originals[was])))
	}
	h.moved[m.UID] = movedNow
	h.send("REQUEST", events...)
}

func (h *harness) Delete(uid string) {
	h.send("CANCEL", []string{
		"UID:" + uid, fmt.Sprintf("SEQUENCE:%d", h.sent), h.stamp(),
		property("DTSTART", calendar.At(conntest.Now)), "STATUS:CANCELLED",
	})
	delete(h.moved, uid)
}

func (h *harness) stamp() string { return property("DTSTAMP", calendar.At(h.now())) }
func (h *harness) now() time.Time {
	return conntest.Now.Add(time.Duration(h.sent-10_000) * time.Minute)
}

func (h *harness) event(m conntest.Meeting, start calendar.When, length time.Duration, more ...string) []string {
	lines := []string{
		"UID:" + m.UID, fmt.Sprintf("SEQUENCE:%d", h.sent), h.stamp(), "SUMMARY:" + m.Title,
		property("DTSTART", start), property("DTEND", later(start, length)),
	}
	for _, g := range m.Guests {
		lines = append(lines, "ATTENDEE;RSVP=TRUE:mailto:"+g)
	}
	return append(lines, more...)
}

func (h *harness) send(method string, events ...[]string) {
	var b strings.Builder
	fmt.Fprintf(&b, "BEGIN:VCALENDAR\nMETHOD:%s\n", method)
	for _, e := range events {
		fmt.Fprintf(&b, "BEGIN:VEVENT\n%s\nEND:VEVENT\n", strings.Join(e, "\n"))
	}
	b.WriteString("END:VCALENDAR\n")
	h.files[fmt.Sprintf("%05d.eml", h.sent)] = &fstest.MapFile{Data: asMail(h.now(), b.String())}
	h.sent++
}

// asMail is a calendar as the mail that arrived at this time.
func asMail(received time.Time, ics string) []byte {
	return []byte("Received: from mx.example.com by mx.acme.com; " + received.Format(time.RFC1123Z) +
		"\nFrom: gus@acme.com\nTo: notes@acme.com\nMIME-Version: 1.0\nContent-Type: text/calendar; charset=utf-8\n\n" + ics)
}

func property(name string, w calendar.When) string {
	if w.Day != "" {
		return name + ";VALUE=DATE:" + strings.ReplaceAll(w.Day, "-", "")
	}
	return name + ":" + w.Time.Format("20060102T150405Z")
}

func later(w calendar.When, d time.Duration) calendar.When {
	if w.Day == "" {
		return calendar.At(w.Time.Add(d))
	}
	return calendar.When{Day: w.Instant().Add(d).Format(time.DateOnly)}
}

func TestConformance(t *testing.T) {
	conntest.Run(t, conntest.Options{NoExpiry: true, NoRefusal: true}, newHarness)
}

// TestMaildir: the same mails in a Maildir, where they move from new to cur.
func TestMaildir(t *testing.T) {
	conntest.Run(t, conntest.Options{NoExpiry: true, NoRefusal: true, Histories: 20}, func(t *testing.T) conntest.Harness {
		return &maildir{newHarness(t).(*harness)}
	})
}

type maildir struct{ *harness }

func (h *maildir) Connector(t *testing.T) connectors.Connector {
	files := fstest.MapFS{
		// It is still being written: what it says so far is not what it will say.
		"tmp/half": {Data: asMail(conntest.Now, "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:half\nDTSTART:20261124T100000Z\n")},
		"new":      {Mode: fs.ModeDir | 0o755}, "cur": {Mode: fs.ModeDir | 0o755},
	}
	for i, name := range slices.Sorted(maps.Keys(h.files)) {
		base := strings.TrimSuffix(name, ".eml")
		if i%3 == 0 {
			files["new/"+base+".host"] = h.files[name]
		} else {
			files["cur/"+base+".host:2,S"] = h.files[name]
		}
	}
	return bare(t, Config{Address: notes, Folder: "mail"}, files, discard.Handler(), h.post)
}
