package calendar

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/syncd/linkparse"
)

var at = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func TestMergeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var copies []Copy
	for i := range 60 {
		user := fmt.Sprintf("user%d@acme.com", i%5)
		copies = append(copies, Copy{
			Source{ID: NewSourceID("google", "acme.com", user), Driver: "google", Calendar: user},
			Event{
				Ref: Ref(fmt.Sprint("r", i)), UID: fmt.Sprint("u", i%4), Sequence: r.IntN(2), Updated: at.Add(time.Duration(r.IntN(2)) * time.Hour),
				Original: map[bool]When{true: At(at)}[i%3 == 0], Organizer: Person{Email: map[bool]string{true: strings.ToUpper(user)}[i%7 == 0]},
			},
		})
	}
	want := Merge(copies)
	if len(want) != 8 {
		t.Fatalf("4 UIDs, each with and without an original start, are 8 meetings, not %d", len(want))
	}
	for _, m := range want {
		for i, c := range m.Copies {
			if c.Key() != m.Key {
				t.Errorf("copy of %s in meeting %s", c.Key(), m.Key)
			}
			if i > 0 && rank(c) > rank(m.Copies[0]) {
				t.Errorf("%s: the organizer's copy is not first", m.Key)
			}
		}
	}
	for range 300 {
		r.Shuffle(len(copies), func(i, j int) { copies[i], copies[j] = copies[j], copies[i] })
		if diff := cmp.Diff(want, Merge(copies)); diff != "" {
			t.Fatalf("Merge depends on the order of copies:\n%s", diff)
		}
	}
}

func TestMergeWithoutUID(t *testing.T) {
	one := Copy{Source{ID: "a"}, Event{Ref: "1"}}
	two := Copy{Source{ID: "a"}, Event{Ref: "2"}}
	if got := Merge([]Copy{one, two}); len(got) != 2 {
		t.Errorf("two copies without a UID became %d meetings; nothing says that they are one", len(got))
	}
}

// goid is an Exchange GlobalObjectID with the instance date (4 bytes) and the data, in hexadecimal.
func goid(date, data string) string {
	return globalObjectIDPrefix + date + "A0B1C2D3E4F5DA01" + "0000000000000000" + fmt.Sprintf("%02X000000", len(data)/2) + data
}

func TestCanonicalUID(t *testing.T) {
	const data = "1F2E3D4C5B6A79880716253443526170"
	foreign := fmt.Sprintf("%X", "vCal-Uid\x01\x00\x00\x007kq2v9@google.com\x00")
	for _, c := range []struct{ name, in, want string }{
		{"Google's own", "7kq2v9@google.com", "7kq2v9@google.com"},
		{"case is significant", "AbC@example.com", "AbC@example.com"},
		{"white space around it is not", " a@b ", "a@b"},
		{"series", goid("00000000", data), goid("00000000", data)},
		{"instance of the series", goid("07EA0B18", data), goid("00000000", data)},
		{"in lower case", strings.ToLower(goid("07EA0B18", data)), goid("00000000", data)},
		{"foreign UID in it", goid("00000000", foreign), "7kq2v9@google.com"},
		{"foreign UID in an instance", goid("07EA0B18", foreign), "7kq2v9@google.com"},
		{"foreign UID without padding", goid("00000000", fmt.Sprintf("%X", "vCal-Uid\x017kq2v9@google.com")), "7kq2v9@google.com"},
		{"empty foreign UID", goid("00000000", fmt.Sprintf("%X", "vCal-Uid\x01\x00\x00\x00\x00")), goid("00000000", fmt.Sprintf("%X", "vCal-Uid\x01\x00\x00\x00\x00"))},
		{"a GlobalObjectID in a GlobalObjectID", goid("00000000", fmt.Sprintf("%X", "vCal-Uid\x01\x00\x00\x00"+goid("07EA0B18", data)+"\x00")), goid("00000000", data)},
		{"cut off", globalObjectIDPrefix + "07EA", globalObjectIDPrefix + "07EA"},
		{"no hexadecimal", goid("00000000", "XYZ!"), goid("00000000", "XYZ!")},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := CanonicalUID(c.in)
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if again := CanonicalUID(got); again != got {
				t.Errorf("a second time gives %q", again)
			}
		})
	}
}

func FuzzCanonicalUID(f *testing.F) {
	f.Add(goid("07EA0B18", "1F2E"))
	f.Add(goid("00000000", fmt.Sprintf("%x", "vCal-Uid\x01\x00\x00\x00 x ")))
	f.Fuzz(func(t *testing.T, uid string) {
		once := CanonicalUID(uid)
		if twice := CanonicalUID(once); twice != once {
			t.Errorf("%q becomes %q, then %q", uid, once, twice)
		}
	})
}

func TestInstanceDate(t *testing.T) {
	for _, c := range []struct{ uid, want string }{
		{goid("07EA0B18", "1F2E"), "2026-11-24"},
		{goid("00000000", "1F2E"), ""},
		{goid("07EA0D18", "1F2E"), ""}, // a month of 13
		{"7kq2v9@google.com", ""},
	} {
		if got := InstanceDate(c.uid); got != c.want {
			t.Errorf("%s: got %q, want %q", c.uid, got, c.want)
		}
	}
}

func TestKeySeries(t *testing.T) {
	for key, want := range map[Key]string{
		"u1": "u1", "u1/2026-11-24T10:00:00Z": "u1", "u1/2026-11-24": "u1", "a/b": "a/b", "a/b/2026-11-24": "a/b",
	} {
		if got := key.Series(); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestWindowHolds(t *testing.T) {
	w := Window{at, at.Add(24 * time.Hour)}
	event := func(start, end time.Time) Event { return Event{Start: At(start), End: At(end)} }
	for _, c := range []struct {
		name string
		e    Event
		want bool
	}{
		{"within", event(at.Add(time.Hour), at.Add(2*time.Hour)), true},
		{"ends as the window starts", event(at.Add(-time.Hour), at), false},
		{"begins as the window ends", event(w.End, w.End.Add(time.Hour)), false},
		{"reaches in", event(at.Add(-time.Hour), at.Add(time.Second)), true},
		{"around", event(at.Add(-time.Hour), w.End.Add(time.Hour)), true},
		{"without length, at the start", event(at, at), true},
		{"without length, at the end", event(w.End, w.End), false},
		{"of no known time", Event{}, true},
		{"all day", Event{Start: When{Day: "2026-11-25"}, End: When{Day: "2026-11-26"}}, true},
	} {
		if got := w.Holds(c.e); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

var body = Event{
	Ref: "r", UID: "u", Title: "Kick-off", Status: StatusConfirmed, Start: At(at), End: At(at.Add(time.Hour)),
	Organizer: Person{Email: "ana@acme.com"}, Attendees: []Attendee{{Email: "joe@globex.com"}},
	Location: "Room 4, secret location", Description: "secret agenda\nhttps://acme.zoom.us/j/91234567890?pwd=QWxhZGRpbg.1",
	Conference: []Conference{{Kind: "video", URL: "https://acme.zoom.us/j/91234567890", Owner: "ana@acme.com"}, {Kind: "phone", URL: "tel:+15550100"}},
}

func TestDistil(t *testing.T) {
	e := body.Distil(Reading{DropPrivate: true})
	text, err := json.Marshal(Copy{Event: e})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") {
		t.Errorf("the body is still in the event: %s", text)
	}
	if e.Links == nil || len(e.Links.Links) != 1 || e.Links.Links[0].MeetingID != "91234567890" {
		t.Errorf("links: got %+v, want the one meeting", e.Links)
	}
	if len(e.Conference) != 1 || e.Conference[0].Owner != "ana@acme.com" {
		t.Errorf("conference: got %+v, want the owner kept", e.Conference)
	}
	if diff := cmp.Diff(e, e.Distil(Reading{DropPrivate: true})); diff != "" {
		t.Errorf("a second time differs:\n%s", diff)
	}
	var back Copy
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back.Event); diff != "" {
		t.Errorf("JSON and back (-want +got):\n%s", diff)
	}
}

func TestDistilPrivate(t *testing.T) {
	for _, visibility := range []string{VisibilityPrivate, VisibilityConfidential} {
		e := body
		e.Visibility = visibility
		text, _ := json.Marshal(Copy{Event: e.Distil(Reading{DropPrivate: true})})
		for _, left := range []string{"Kick-off", "secret", "ana@", "joe@", "zoom"} {
			if strings.Contains(string(text), left) {
				t.Errorf("%s: %q is left of a private event: %s", visibility, left, text)
			}
		}
		if kept := e.Distil(Reading{}); kept.Title == "" {
			t.Error("a company that records private meetings needs their titles")
		}
	}
}

func TestFollow(t *testing.T) {
	old := body.Distil(Reading{})
	old.Received = at.Add(-48 * time.Hour)
	received := at.Add(-time.Hour)
	for _, c := range []struct {
		name     string
		change   func(*Event)
		material bool
	}{
		{"nothing", func(*Event) {}, false},
		{"title", func(e *Event) { e.Title = "New title" }, false},
		{"order and case of guests", func(e *Event) { e.Attendees = []Attendee{{Email: "JOE@globex.com"}} }, false},
		{"an answer", func(e *Event) { e.Attendees = []Attendee{{Email: "joe@globex.com", Response: ResponseAccepted}} }, false},
		{"cancelled, or revived", func(e *Event) { e.Status = StatusCancelled }, true},
		{"tentative", func(e *Event) { e.Status = StatusTentative }, false},
		{"start", func(e *Event) { e.Start = At(at.Add(time.Minute)) }, true},
		{"end", func(e *Event) { e.End = At(at.Add(2 * time.Hour)) }, true},
		{"guest", func(e *Event) { e.Attendees = append(e.Attendees, Attendee{Email: "li@globex.com"}) }, true},
		{"link", func(e *Event) {
			e.Links = &linkparse.Found{Links: []linkparse.Link{{Provider: "zoom", MeetingID: "1"}}}
		}, true},
	} {
		e := body.Distil(Reading{})
		e.Attendees = append([]Attendee(nil), e.Attendees...)
		e.Received = received
		c.change(&e)
		want := old.Received
		if c.material {
			want = received
		}
		if got := e.Follow(old).Received; !got.Equal(want) {
			t.Errorf("%s: last material change at %s, want %s", c.name, got, want)
		}
	}
	e := body.Distil(Reading{})
	if got := e.Follow(old).Received; !got.IsZero() {
		t.Errorf("an event that was not received by mail got the time %s", got)
	}
}

func TestParseCopy(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"source":"google","id":"1","uid":"u","start":"2026-11-24T11:00:00+01:00"}`, ""},
		{`{"source":"google","id":"1","uid":"u","start":"2026-11-24"}`, ""},
		{`{"source":"google","id":"1","uid":"u","colour":"red"}`, `unknown field "colour"`},
		{`{"source":"google","id":"1","uid":"u","links":{}}`, `unknown field "links"`},
		{`{"source":"google","id":"1"}`, `the key "uid" is missing or empty`},
		{`{"source":"google","id":"1","uid":"u","status":"maybe"}`, `"maybe" is no status; it is one of confirmed, tentative, cancelled`},
		{`{"source":"google","id":"1","uid":"u","attendees":[{"email":"a@b.example","response":"yes"}]}`, `"yes" is no attendees.response; it is one of accepted, tentative, declined, none`},
		{`{"source":"google","id":"1","uid":"u","start":"tomorrow"}`, `"tomorrow" is neither a time (2026-11-24T10:00:00Z) nor a day (2026-11-24)`},
		{`{"source":"google","id":"1","uid":"u","sequence":"two"}`, `"sequence" cannot be a string`},
		{`{"source":"google","id":"1"`, `the JSON object is torn off`},
		{`{"source":"google","id":"1","uid":"u"} {}`, `more than one JSON value on the line`},
	} {
		_, err := ParseCopy([]byte(c.line))
		if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && got != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.line, err, c.want)
		}
	}
}

func TestCopyJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äß日]{0,8}`)
		when := rapid.Custom(func(t *rapid.T) When {
			switch rapid.IntRange(0, 2).Draw(t, "shape") {
			case 0:
				return When{}
			case 1:
				return When{Day: at.AddDate(0, 0, rapid.IntRange(0, 99).Draw(t, "day")).Format(time.DateOnly)}
			}
			return At(at.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "s")) * time.Second))
		})
		c := Copy{
			Source{Driver: "google", Account: "acme.com", Calendar: text.Draw(t, "calendar"), Primary: rapid.Bool().Draw(t, "primary")},
			Event{
				Ref: Ref("r" + text.Draw(t, "ref")), UID: "u", Original: when.Draw(t, "original"), Title: text.Draw(t, "title"),
				Start: when.Draw(t, "start"), End: when.Draw(t, "end"), Sequence: rapid.IntRange(0, 9).Draw(t, "sequence"),
				Description: text.Draw(t, "description"), Attendees: []Attendee{{Email: text.Draw(t, "email"), Optional: true}},
			},
		}
		c.Source.ID = NewSourceID(c.Source.Driver, c.Source.Account, c.Source.Calendar)
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCopy(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("JSON and back (-want +got):\n%s", diff)
		}
	})
}
