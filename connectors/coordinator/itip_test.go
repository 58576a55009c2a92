package coordinator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors/conntest"
)

// A script is mails in the order of their arrival, an hour apart from 2026-11-20T08:00:00Z on. A mail is
// its method and the lines of its event; "|" separates events. DTSTAMP is the arrival, unless it is said.
type script []string

func (s script) files() fstest.MapFS {
	files := fstest.MapFS{}
	for i, m := range s {
		at := time.Date(2026, 11, 20, 8+i, 0, 0, 0, time.UTC)
		method, events, _ := strings.Cut(m, " ")
		var b strings.Builder
		fmt.Fprintf(&b, "BEGIN:VCALENDAR\nMETHOD:%s\n", method)
		for e := range strings.SplitSeq(events, " | ") {
			b.WriteString("BEGIN:VEVENT\nUID:u\n")
			if !strings.Contains(e, "DTSTAMP") {
				b.WriteString(property("DTSTAMP", calendar.At(at)) + "\n")
			}
			b.WriteString(strings.ReplaceAll(e, " ", "\n") + "\nEND:VEVENT\n")
		}
		b.WriteString("END:VCALENDAR\n")
		// The names say nothing of the order.
		files[fmt.Sprintf("%02d.eml", 99-i)] = &fstest.MapFile{Data: asMail(at, b.String())}
	}
	return files
}

// final is what is left when the script is pulled and applied: one line an occurrence, with the time of
// its last version.
func (s script) final(t *testing.T) []string {
	t.Helper()
	p, err := open(t, s.files(), discard).Pull(t.Context(), mailbox, "", conntest.Horizon)
	if err != nil {
		t.Fatal(err)
	}
	if p.More || p.Full || p.First || p.Last {
		t.Errorf("the page says %+v", p)
	}
	l := conntest.NewLedger()
	l.Apply(p)
	var lines []string
	for _, e := range l.Copies {
		line := strings.TrimPrefix(string(e.Ref), "u/") + " " + e.Start.String() + " " + e.Status
		if e.Title != "" {
			line += " " + e.Title
		}
		lines = append(lines, line+" "+e.Received.Format("15h"))
	}
	slices.Sort(lines)
	return lines
}

const (
	single = "SEQUENCE:1 DTSTART:20261124T100000Z DURATION:PT1H"
	weekly = "SEQUENCE:1 DTSTART;TZID=Europe/Berlin:20261124T110000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=3"
	second = "RECURRENCE-ID:20261201T100000Z"
)

func TestFold(t *testing.T) {
	for _, c := range []struct {
		name  string
		mails script
		want  string
	}{
		{"a request", script{"REQUEST " + single}, "u 2026-11-24T10:00:00Z confirmed 08h"},
		{"a higher sequence", script{"REQUEST " + single, "REQUEST SEQUENCE:2 DTSTART:20261125T100000Z"},
			"u 2026-11-25T10:00:00Z confirmed 09h"},
		{"a lower sequence is stale, whatever its stamp", script{"REQUEST " + single, "REQUEST SEQUENCE:0 DTSTART:20261125T100000Z"},
			"u 2026-11-24T10:00:00Z confirmed 08h"},
		{"the same sequence, a later stamp", script{"REQUEST " + single, "REQUEST SEQUENCE:1 DTSTART:20261125T100000Z"},
			"u 2026-11-25T10:00:00Z confirmed 09h"},
		{"the same sequence, an earlier stamp", script{"REQUEST " + single, "REQUEST SEQUENCE:1 DTSTAMP:20261101T000000Z DTSTART:20261125T100000Z"},
			"u 2026-11-24T10:00:00Z confirmed 08h"},
		{"the same sequence and stamp: the later arrival", script{"REQUEST DTSTAMP:20261101T000000Z " + single, "REQUEST SEQUENCE:1 DTSTAMP:20261101T000000Z DTSTART:20261125T100000Z"},
			"u 2026-11-25T10:00:00Z confirmed 09h"},
		{"Exchange's own sequence", script{"REQUEST X-MICROSOFT-CDO-APPT-SEQUENCE:3 SEQUENCE:0 DTSTART:20261124T100000Z", "REQUEST SEQUENCE:2 DTSTART:20261125T100000Z"},
			"u 2026-11-24T10:00:00Z confirmed 08h"},
		{"sent twice", script{"REQUEST DTSTAMP:20261101T000000Z " + single, "REQUEST DTSTAMP:20261101T000000Z " + single},
			"u 2026-11-24T10:00:00Z confirmed 08h"},

		{"cancelled", script{"REQUEST " + single, "CANCEL SEQUENCE:2 STATUS:CANCELLED"}, "u 2026-11-24T10:00:00Z cancelled 09h"},
		{"cancelled with the same sequence", script{"REQUEST " + single, "CANCEL SEQUENCE:1 STATUS:CANCELLED"}, "u 2026-11-24T10:00:00Z cancelled 09h"},
		{"a stale cancellation", script{"REQUEST " + single, "CANCEL SEQUENCE:0 STATUS:CANCELLED"}, "u 2026-11-24T10:00:00Z confirmed 08h"},
		{"a request that says cancelled", script{"REQUEST " + single, "REQUEST STATUS:CANCELLED " + single}, "u 2026-11-24T10:00:00Z cancelled 09h"},
		{"cancelled before it is known", script{"CANCEL SEQUENCE:1 STATUS:CANCELLED", "REQUEST " + single}, "u 2026-11-24T10:00:00Z cancelled 09h"},
		{"a cancellation alone", script{"CANCEL SEQUENCE:1 STATUS:CANCELLED"}, ""},
		{"a cancellation alone, with times", script{"CANCEL STATUS:CANCELLED " + single}, "u 2026-11-24T10:00:00Z cancelled 08h"},
		{"a late request after the cancellation", script{"REQUEST " + single, "CANCEL SEQUENCE:2 STATUS:CANCELLED", "REQUEST SEQUENCE:2 DTSTART:20261125T100000Z"},
			"u 2026-11-25T10:00:00Z cancelled 10h"},
		{"revived", script{"REQUEST " + single, "CANCEL SEQUENCE:2 STATUS:CANCELLED", "REQUEST SEQUENCE:3 DTSTART:20261125T100000Z"},
			"u 2026-11-25T10:00:00Z confirmed 10h"},
		{"others are uninvited", script{"REQUEST " + single, "CANCEL SEQUENCE:2 ATTENDEE:mailto:joe@globex.com"}, "u 2026-11-24T10:00:00Z confirmed 08h"},
		{"the coordinator is uninvited", script{"REQUEST " + single, "CANCEL SEQUENCE:2 ATTENDEE:mailto:joe@globex.com ATTENDEE:mailto:Notes+x@ACME.com"},
			"u 2026-11-24T10:00:00Z cancelled 09h"},
		{"what never changes anything", script{"REQUEST " + single, "REPLY SEQUENCE:9 DTSTART:20261125T100000Z", "COUNTER SEQUENCE:9 DTSTART:20261125T100000Z",
			"REFRESH SEQUENCE:9", "PUBLISH SEQUENCE:9 DTSTART:20261125T100000Z", "ADD SEQUENCE:9 DTSTART:20261125T100000Z", "DECLINECOUNTER SEQUENCE:9", "PUBLISH SEQUENCE:9 STATUS:CANCELLED"},
			"u 2026-11-24T10:00:00Z confirmed 08h"},
		{"an address of the zone, unknown", script{"REQUEST DTSTART;TZID=Mars:20261124T100000"}, "u  confirmed 08h"},

		{"a series", script{"REQUEST " + weekly},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-01T10:00:00Z confirmed 08h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 08h"},
		{"one is moved", script{"REQUEST " + weekly, "REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-02T15:00:00Z confirmed 09h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 08h"},
		{"one is cancelled", script{"REQUEST " + weekly, "CANCEL SEQUENCE:1 STATUS:CANCELLED RECURRENCE-ID;TZID=Europe/Berlin:20261201T110000"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-01T10:00:00Z cancelled 09h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 08h"},
		{"one is moved, then cancelled by its day", script{"REQUEST " + weekly, "REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z", "CANCEL SEQUENCE:2 STATUS:CANCELLED " + second},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-02T15:00:00Z cancelled 10h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 08h"},
		{"a new series keeps what still fits", script{"REQUEST " + weekly, "REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z", "REQUEST SEQUENCE:2 SUMMARY:new DTSTART;TZID=Europe/Berlin:20261124T110000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=2"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed new 10h\n2026-12-01T10:00:00Z 2026-12-02T15:00:00Z confirmed 09h"},
		{"a new series drops what does not", script{"REQUEST " + weekly, "REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z", "REQUEST SEQUENCE:2 DTSTART:20261124T120000Z DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=2"},
			"2026-11-24T12:00:00Z 2026-11-24T12:00:00Z confirmed 10h\n2026-12-01T12:00:00Z 2026-12-01T12:00:00Z confirmed 10h"},
		{"an exception date", script{"REQUEST " + weekly, "REQUEST EXDATE:20261201T100000Z " + weekly},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 09h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 09h"},
		{"the series becomes one event", script{"REQUEST " + weekly, "REQUEST SEQUENCE:2 DTSTART:20261124T100000Z"}, "u 2026-11-24T10:00:00Z confirmed 09h"},
		{"the series is cancelled", script{"REQUEST " + weekly, "REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z", "CANCEL SEQUENCE:1 STATUS:CANCELLED"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z cancelled 10h\n2026-12-01T10:00:00Z 2026-12-02T15:00:00Z cancelled 10h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z cancelled 10h"},
		{"revived, what was moved before is not", script{"REQUEST " + weekly, "REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z", "CANCEL SEQUENCE:2 STATUS:CANCELLED", "REQUEST SEQUENCE:3 DTSTART;TZID=Europe/Berlin:20261124T110000 RRULE:FREQ=WEEKLY;COUNT=2"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 11h\n2026-12-01T10:00:00Z 2026-12-01T10:00:00Z confirmed 11h"},
		{"all in one mail", script{"REQUEST " + weekly + " | SEQUENCE:1 " + second + " DTSTART:20261202T150000Z | SEQUENCE:1 STATUS:CANCELLED RECURRENCE-ID:20261208T100000Z"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-02T15:00:00Z confirmed 08h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z cancelled 08h"},

		{"invited to one alone", script{"REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z"}, "2026-12-01T10:00:00Z 2026-12-02T15:00:00Z confirmed 08h"},
		{"invited to one alone, then to all", script{"REQUEST SEQUENCE:1 " + second + " DTSTART:20261202T150000Z", "REQUEST " + weekly},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 09h\n2026-12-01T10:00:00Z 2026-12-02T15:00:00Z confirmed 08h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 09h"},
		{"one alone, by its day, where it was", script{"REQUEST RECURRENCE-ID;VALUE=DATE:20261201 DTSTART:20261201T100000Z"}, "2026-12-01T10:00:00Z 2026-12-01T10:00:00Z confirmed 08h"},
		{"one of a series that we were not told has moved", script{"REQUEST " + weekly, "REQUEST SEQUENCE:2 RECURRENCE-ID:20261202T100000Z DTSTART:20261202T150000Z"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-01T10:00:00Z confirmed 08h\n2026-12-02T10:00:00Z 2026-12-02T15:00:00Z confirmed 09h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z confirmed 08h"},

		{"this and later, of a series that is not known", script{"REQUEST SEQUENCE:2 RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T100000Z DTSTART:20261202T120000Z"},
			"2026-12-01T10:00:00Z 2026-12-02T12:00:00Z confirmed 08h"},
		{"this and later", script{"REQUEST " + weekly, "REQUEST SEQUENCE:2 RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T100000Z DTSTART:20261202T120000Z DURATION:PT30M"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-02T12:00:00Z confirmed 09h\n2026-12-08T10:00:00Z 2026-12-09T12:00:00Z confirmed 09h"},
		{"this and later, until a newer series", script{"REQUEST " + weekly, "REQUEST SEQUENCE:2 RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T100000Z DTSTART:20261202T120000Z", "REQUEST SEQUENCE:3 DTSTART:20261124T090000Z RRULE:FREQ=WEEKLY;COUNT=3"},
			"2026-11-24T09:00:00Z 2026-11-24T09:00:00Z confirmed 10h\n2026-12-01T09:00:00Z 2026-12-01T09:00:00Z confirmed 10h\n2026-12-08T09:00:00Z 2026-12-08T09:00:00Z confirmed 10h"},
		{"this and later are cancelled", script{"REQUEST " + weekly, "CANCEL SEQUENCE:2 STATUS:CANCELLED RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T100000Z"},
			"2026-11-24T10:00:00Z 2026-11-24T10:00:00Z confirmed 08h\n2026-12-01T10:00:00Z 2026-12-01T10:00:00Z cancelled 09h\n2026-12-08T10:00:00Z 2026-12-08T10:00:00Z cancelled 09h"},

		{"moved out of the horizon", script{"REQUEST " + single, "REQUEST SEQUENCE:2 DTSTART:20270401T100000Z"}, "u 2027-04-01T10:00:00Z confirmed 09h"},
		{"moved into the horizon", script{"REQUEST SEQUENCE:2 DTSTART:20270401T100000Z", "REQUEST SEQUENCE:3 DTSTART:20261124T100000Z"}, "u 2026-11-24T10:00:00Z confirmed 09h"},
		{"outside of the horizon", script{"REQUEST SEQUENCE:2 DTSTART:20270401T100000Z"}, ""},
		{"a rule that is refused", script{"REQUEST SEQUENCE:1 DTSTART:20261124T100000Z RRULE:FREQ=HOURLY | SEQUENCE:1 " + second + " DTSTART:20261202T150000Z"},
			"2026-12-01T10:00:00Z 2026-12-02T15:00:00Z confirmed 08h\nu  confirmed 08h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, strings.Join(c.mails.final(t), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrder: of mails with different versions, the order of arrival does not matter.
func TestOrder(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		pick := func(of ...string) string { return of[r.IntN(len(of))] }
		var mails script
		for i := range 2 + r.IntN(6) {
			head := fmt.Sprintf("SEQUENCE:%d DTSTAMP:20261101T%02d0000Z SUMMARY:m%d ", r.IntN(4), i, i)
			start := fmt.Sprintf("DTSTART:202611%02dT%02d0000Z DURATION:PT1H", 24+r.IntN(4), 9+r.IntN(3))
			id := pick("RECURRENCE-ID:20261125T100000Z", "RECURRENCE-ID;TZID=Europe/Berlin:20261126T110000",
				"RECURRENCE-ID;VALUE=DATE:20261127", "RECURRENCE-ID;RANGE=THISANDFUTURE:20261126T100000Z") + " "
			mails = append(mails, pick(
				"REQUEST "+head+start+pick(" RRULE:FREQ=DAILY;COUNT=5", " RRULE:FREQ=DAILY;COUNT=3 EXDATE:20261125T100000Z", ""),
				"REQUEST "+head+"DTSTART:20261124T100000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=6",
				"REQUEST "+head+id+start,
				"CANCEL "+head+"STATUS:CANCELLED",
				"CANCEL "+head+id+"STATUS:CANCELLED",
				"REPLY "+head+start,
			))
		}
		want := mails.state(t)
		for range 5 {
			shuffled := slices.Clone(mails)
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if diff := cmp.Diff(want, shuffled.state(t)); diff != "" {
				t.Fatalf("seed %d: %s\nin another order: %s\n%s", seed, strings.Join(mails, "\n"), strings.Join(shuffled, "\n"), diff)
			}
		}
	}
}

// state is final without the times of arrival.
func (s script) state(t *testing.T) []string {
	lines := s.final(t)
	for i, l := range lines {
		lines[i] = l[:strings.LastIndexByte(l, ' ')]
	}
	return lines
}

// TestRecurrences: the recurrence cases of internal/ics, through the mailbox.
func TestRecurrences(t *testing.T) {
	const dir = "../../internal/ics/testdata/"
	raw, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct {
		Instances []string `json:"instances"`
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	window := calendar.Window{Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)}
	n := 0
	for name, want := range cases {
		if len(want.Instances) == 0 {
			continue
		}
		n++
		b, err := os.ReadFile(filepath.Join(dir, name+".ics"))
		if err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{"1.eml": {Data: asMail(conntest.Now, string(b))}}
		p, err := open(t, files, discard).Pull(t.Context(), mailbox, "", window)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range p.Events {
			got = append(got, e.Start.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, want.Instances) {
			t.Errorf("%s: %v, want %v", name, got, want.Instances)
		}
	}
	if n < 20 {
		t.Errorf("only %d cases", n)
	}
}
