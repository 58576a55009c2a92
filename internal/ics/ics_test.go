package ics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

// expectation is what testdata/expected.json says of a case; what it does not mention is not asked.
type expectation struct {
	Events       int      `json:"n"`
	Start        string   `json:"start"`
	End          string   `json:"end"`
	Summary      string   `json:"summary"`
	Attendees    int      `json:"attendees"`
	Organizer    string   `json:"organizer"`
	Instances    []string `json:"instances"`
	InstancesAlt []string `json:"instances_alt"` // a reading that the RFC allows too
	MustNotPanic bool     `json:"mustnotpanic"`  // nothing else is asked
	MustNotHang  bool     `json:"mustnothang"`   // of the occurrences nothing else is asked
}

// The window that the expected occurrences lie in.
var (
	windowStart = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	windowEnd   = time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
)

// slow is far more than anything may take on a machine with nothing else to do, which is 100 ms: tests run
// with the race detector, and beside others. What bounds the work is counted, not timed.
const slow = 5 * time.Second

// big are the cases that are too large for a file.
var big = map[string]func() []byte{
	"075_deep_nesting_20k": func() []byte {
		return []byte(strings.Repeat("BEGIN:VEVENT\r\n", 20_000))
	},
	"077_attendees_50k": func() []byte {
		var b bytes.Buffer
		b.WriteString("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:u1@x\r\nSUMMARY:Demo\r\n")
		for i := range 50_001 {
			fmt.Fprintf(&b, "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:a%d@example.test\r\n", i)
		}
		b.WriteString("DTSTART:20261124T100000Z\r\nDTEND:20261124T110000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
		return b.Bytes()
	},
}

func TestCases(t *testing.T) {
	raw, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expectation
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&want); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil {
		t.Fatal(err)
	}
	if len(files)+len(big) != len(want) {
		t.Errorf("%d files and %d large cases, but %d expectations", len(files), len(big), len(want))
	}
	for name, w := range want {
		t.Run(name, func(t *testing.T) {
			var b []byte
			if make := big[name]; make != nil {
				b = make()
			} else if b, err = os.ReadFile("testdata/" + name + ".ics"); err != nil {
				t.Fatal(err)
			}
			check(t, b, w)
		})
	}
}

func check(t *testing.T, b []byte, w expectation) {
	began := time.Now()
	calendars, err := Parse(b)
	if w.MustNotPanic {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var events []*Event
	for _, c := range calendars {
		events = append(events, c.Events...)
	}
	if len(events) != w.Events {
		t.Fatalf("%d events, want %d", len(events), w.Events)
	}
	e := events[0]
	for _, c := range []struct{ what, got, want string }{
		{"start", e.Start.String(), w.Start},
		{"end", e.End.String(), w.End},
		{"summary", e.Text("SUMMARY"), w.Summary},
		{"organizer", strings.ToLower(e.Organizer().Email), w.Organizer},
	} {
		if c.want != "" && c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
	if w.Attendees > 0 && (e.Attendees != w.Attendees || len(e.People()) != min(w.Attendees, maxAttendees)) {
		t.Errorf("%d attendees, %d kept; want %d", e.Attendees, len(e.People()), w.Attendees)
	}
	got, err := startsOf(events)
	if len(w.Instances) > 0 {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, w.Instances) && !slices.Equal(got, w.InstancesAlt) {
			t.Errorf("occurrences\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(w.Instances, "\n"))
		}
	}
	if took := time.Since(began); took > slow {
		t.Errorf("it takes %s", took)
	}
}

// startsOf are the starts of the series that events are, in the window.
func startsOf(events []*Event) ([]string, error) {
	var s Series
	for _, e := range events {
		if e.RecurrenceID.IsZero() {
			s.Master = e
		} else {
			s.Changed = append(s.Changed, e)
		}
	}
	all, err := s.Occurrences(windowStart, windowEnd)
	var starts []string
	for _, o := range all {
		if at := o.Start.instant(); !at.Before(windowStart) && at.Before(windowEnd) && o.Event.Status() != "CANCELLED" {
			starts = append(starts, o.Start.String())
		}
	}
	return starts, err
}

// event is the event of these lines.
func event(t testing.TB, lines ...string) *Event {
	t.Helper()
	calendars, err := Parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\nEND:VCALENDAR\n"))
	if err != nil || len(calendars) != 1 || len(calendars[0].Events) != 1 {
		t.Fatalf("%d calendars, error %v", len(calendars), err)
	}
	return calendars[0].Events[0]
}

// TestRules: occurrences, most of them the examples of RFC 5545 section 3.8.5.3.
func TestRules(t *testing.T) {
	for _, c := range []struct{ start, rule, want string }{
		{"20261101T090000Z", "FREQ=DAILY;INTERVAL=10;COUNT=5", "1101 1111 1121 1201 1211"},
		{"20261101T090000Z", "FREQ=WEEKLY;INTERVAL=2;WKST=SU;COUNT=4", "1101 1115 1129 1213"},
		{"20261102T090000Z", "FREQ=WEEKLY;UNTIL=20261127T000000Z;WKST=SU;BYDAY=TU,TH", "1102 1103 1105 1110 1112 1117 1119 1124 1126"},
		{"20261103T090000Z", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1103 1108 1117 1122"},
		{"20261103T090000Z", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1103 1115 1117 1129"},
		{"20261106T090000Z", "FREQ=MONTHLY;COUNT=3;BYDAY=1FR", "1106 1204 0101"},
		{"20261101T090000Z", "FREQ=MONTHLY;COUNT=4;BYDAY=1SU,-1SU", "1101 1129 1206 1227"},
		{"20261116T090000Z", "FREQ=MONTHLY;COUNT=3;BYDAY=-2MO;INTERVAL=1", "1116 1123 1221"},
		{"20261113T090000Z", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1113"},
		{"20261103T090000Z", "FREQ=MONTHLY;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;BYMONTH=11", "1103"},
		{"20261126T090000Z", "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=3", "1126 1128 1229"},
		{"20261130T090000Z", "FREQ=MONTHLY;BYMONTHDAY=-1,1;COUNT=4", "1130 1201 1231 0101"},
		{"20261105T090000Z", "FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3;COUNT=3", "1105 1203 0107"},
		{"20261129T090000Z", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3", "1129 1230 0128"},
		{"20200229T090000Z", "FREQ=YEARLY", ""},
		{"20201101T090000Z", "FREQ=YEARLY", "1101"},
		{"20200101T090000Z", "FREQ=YEARLY;BYDAY=20MO", ""},
		{"20200101T090000Z", "FREQ=YEARLY;BYDAY=-1TH", "1231"},
		{"20200101T090000Z", "FREQ=YEARLY;BYWEEKNO=48;BYDAY=MO", "1123"},
		{"20200101T090000Z", "FREQ=YEARLY;BYWEEKNO=53", "1230"}, // a Wednesday, as the start
		{"20200101T090000Z", "FREQ=YEARLY;BYWEEKNO=1", "0106"},
		{"20200101T090000Z", "FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU", "0103"},
		{"20200101T090000Z", "FREQ=YEARLY;BYYEARDAY=-1,1", "1231 0101"},
		{"20200101T090000Z", "FREQ=YEARLY;INTERVAL=3;BYMONTH=12", "1201"},
		{"20200101T090000Z", "FREQ=YEARLY;INTERVAL=4;BYMONTH=12", ""},
		{"20201103T090000Z", "FREQ=YEARLY;INTERVAL=2;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "1103"},
		{"19970105T090000Z", "FREQ=DAILY;INTERVAL=3000;COUNT=1000000", ""},
		{"20261130T090000Z", "FREQ=DAILY;BYDAY=1MO,FR;UNTIL=20261210", "1130 1204 1207"},
		{"20261130T090000Z", "FREQ=DAILY;INTERVAL=10000", "1130"},
		{"20261130T090000Z", "FREQ=DAILY;COUNT=0", "1130"},
		{"20261130T090000Z", "FREQ=DAILY;COUNT=3;UNTIL=20261201", "1130 1201"},
		{"16010101T090000Z", "FREQ=MONTHLY;BYDAY=1SU", "1101 1206 0103"},
	} {
		e := event(t, "DTSTART:"+c.start, "DURATION:PT30M", "RRULE:"+c.rule)
		all, err := Series{Master: e}.Occurrences(windowStart, windowEnd)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		var got []string
		for _, o := range all {
			if u, _ := o.Start.UTC(); u.Hour() != 9 {
				t.Errorf("%s: an occurrence at %s", c.rule, o.Start)
			}
			got = append(got, strings.ReplaceAll(o.Start.Day()[5:], "-", ""))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s %s: %s, want %s", c.start, c.rule, g, c.want)
		}
	}
}

func TestTimesOfDay(t *testing.T) {
	e := event(t, "DTSTART;TZID=America/New_York:20261031T090000", "DTEND;TZID=America/New_York:20261031T093000",
		"RRULE:FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=1,-1;COUNT=4")
	got, err := startsOf([]*Event{e})
	// The clocks go back on 1 November: 9:00 was at 13:00Z and is at 14:00Z.
	if want := "[2026-11-01T14:00:00Z 2026-11-01T22:30:00Z]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

// TestRefused: a rule that is not expanded says why, and is no single event.
func TestRefused(t *testing.T) {
	for rule, want := range map[string]string{
		"FREQ=SECONDLY":                                        "FREQ=SECONDLY",
		"FREQ=MINUTELY;COUNT=3":                                "FREQ=MINUTELY",
		"FREQ=HOURLY;BYHOUR=11":                                "FREQ=HOURLY",
		"COUNT=3":                                              "no FREQ",
		"FREQ=DAILY;BYMONTH=13":                                "BYMONTH=13",
		"FREQ=DAILY;BYDAY=":                                    "BYDAY=",
		"FREQ=DAILY;COUNT=x":                                   `"X"`,
		"FREQ=DAILY;UNTIL=soon":                                "UNTIL=SOON",
		"RSCALE=HEBREW;FREQ=YEARLY":                            "RSCALE=HEBREW",
		"FREQ=MONTHLY;SKIP=BACKWARD":                           "SKIP=BACKWARD",
		"FREQ=DAILY;X=" + strings.Repeat("x", maxRule):         "characters",
		"FREQ=DAILY;BYMONTH=1" + strings.Repeat(",1", maxList): "over 50 values",
		"FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=1,2,3,4,5,6,7,8,9,10":             "110 times a day",
		"FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9,10;BYMINUTE=1,2,3,4,5,6,7,8,9,10;COUNT=99999999": "over 2000 occurrences",
	} {
		e := event(t, "DTSTART:20261124T100000Z", "RRULE:"+rule)
		_, err := Series{Master: e}.Occurrences(windowStart, windowEnd)
		if !errors.Is(err, ErrRule) || !strings.Contains(err.Error(), want) || !e.Recurs() {
			t.Errorf("%.60s: error %v, want one that says %s", rule, err, want)
		}
	}
}

// TestBombs: what is meant to take for ever is done within the limit of steps.
func TestBombs(t *testing.T) {
	exdates := strings.Repeat(",20261124T100000", 990)
	for name, lines := range map[string][]string{
		"counted from long ago":          {"DTSTART:19000101T100000Z", "RRULE:FREQ=DAILY;COUNT=2000000000;BYMONTH=2;BYMONTHDAY=30"},
		"counted in years":               {"DTSTART:00010101T100000Z", "RRULE:FREQ=YEARLY;COUNT=2000000000;BYMONTHDAY=31;BYMONTH=2"},
		"refused: all days of all years": {"DTSTART:00010101T100000Z", "RRULE:FREQ=YEARLY;COUNT=2000000000;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-1"},
		"never":                          {"DTSTART:20261124T100000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1,2,3,4,5,6,7,8,9"},
		"many exceptions":                {"DTSTART;TZID=Europe/Berlin:20261124T100000", "RRULE:FREQ=DAILY", "EXDATE;TZID=Europe/Berlin:20261125T100000" + exdates},
		"refused: too many exceptions":   {"DTSTART:20261124T100000Z", "RRULE:FREQ=DAILY", "EXDATE:20261125T100000" + strings.Repeat(exdates, 20)},
		"refused: too many dates":        {"DTSTART:20261124T100000Z", "RDATE:20261125T100000" + strings.Repeat(exdates, 20)},
		"continued without end":          {"DESCRIPTION:x", strings.Repeat("y\n", 400_000) + "DTSTART:20261124T100000Z"},
		"folded without end":             {"DESCRIPTION:x", strings.Repeat(" y\n", 400_000) + "DTSTART:20261124T100000Z"},
		"parameters without end":         {"ATTENDEE" + strings.Repeat(";A=b", 60_000) + ":mailto:joe@globex.com", "DTSTART:20261124T100000Z"},
		"a name without an end":          {strings.Repeat("A", 400_000), "DTSTART:20261124T100000Z"},
		"quotes without end":             {"ATTENDEE;CN=" + strings.Repeat(`"`, 200_001) + ":mailto:joe@globex.com", "DTSTART:20261124T100000Z"},
	} {
		began := time.Now()
		e := event(t, lines...)
		_, err := Series{Master: e}.Occurrences(windowStart, windowEnd)
		if refused := strings.HasPrefix(name, "refused: "); errors.Is(err, ErrRule) != refused {
			t.Errorf("%s: %v", name, err)
		}
		e.People()
		if took := time.Since(began); took > slow {
			t.Errorf("%s takes %s", name, took)
		}
	}
}

// TestZoneBombs: a VTIMEZONE is evaluated within limits, too.
func TestZoneBombs(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Bomb\n")
	for i := range 400 {
		fmt.Fprintf(&b, "BEGIN:STANDARD\nDTSTART:1601%02d%02dT030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR\nRDATE:20300101T000000%s\nEND:STANDARD\n",
			1+i%12, 1+i%28, strings.Repeat(",20310101T000000", 300))
	}
	b.WriteString("END:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=Bomb:20260101T100000\nRRULE:FREQ=DAILY\nEXDATE;TZID=Bomb:20260101T100000")
	for y := range 900 {
		fmt.Fprintf(&b, ",%d0101T100000", 1900+y)
	}
	b.WriteString("\nEND:VEVENT\nEND:VCALENDAR\n")
	began := time.Now()
	calendars, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Series{Master: calendars[0].Events[0]}).Occurrences(windowStart, windowEnd); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > slow {
		t.Errorf("it takes %s", took)
	}
}

func TestLimits(t *testing.T) {
	for name, b := range map[string]string{
		"depth":      strings.Repeat("BEGIN:X\n", maxDepth+1),
		"components": strings.Repeat("BEGIN:X\nEND:X\n", maxComponents+1),
		"properties": "BEGIN:VCALENDAR\n" + strings.Repeat("X:y\n", maxProperties+maxAttendees+1),
	} {
		if _, err := Parse([]byte(b)); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: error %v, want ErrLimit", name, err)
		}
	}
	e := event(t, "SUMMARY:"+strings.Repeat("ä", maxLine), "DTSTART:20261124T100000Z")
	if s := e.Text("SUMMARY"); len(s) > maxText || strings.Trim(s, "ä") != "" {
		t.Errorf("of a long text, %d bytes are kept: …%q", len(s), s[len(s)-4:])
	}
}
