package ics

import (
	"strings"
	"testing"
	"time"
)

// Definitions as Outlook, Google and Apple write them.
const (
	outlookBerlin = `BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
`
	appleNewYork = `BEGIN:VTIMEZONE
TZID:America/New_York
BEGIN:DAYLIGHT
TZOFFSETFROM:-0500
RRULE:FREQ=YEARLY;UNTIL=20060402T070000Z;BYMONTH=4;BYDAY=1SU
DTSTART:19870405T020000
TZNAME:EDT
TZOFFSETTO:-0400
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:-0400
RRULE:FREQ=YEARLY;UNTIL=20061029T060000Z;BYMONTH=10;BYDAY=-1SU
DTSTART:19871025T020000
TZNAME:EST
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
TZOFFSETFROM:-0500
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
DTSTART:20070311T020000
TZNAME:EDT
TZOFFSETTO:-0400
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:-0400
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
DTSTART:20071104T020000
TZNAME:EST
TZOFFSETTO:-0500
END:STANDARD
END:VTIMEZONE
`
	datedBerlin = `BEGIN:VTIMEZONE
TZID:Dated
BEGIN:STANDARD
DTSTART:20241027T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RDATE:20251026T030000,20261025T030000
RDATE:20271031T030000
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20250330T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RDATE:20260329T020000,20270328T020000
END:DAYLIGHT
END:VTIMEZONE
`
)

func zoneOf(t *testing.T, definition string) *Zone {
	t.Helper()
	root, err := parseComponents([]byte(definition))
	if err != nil || len(root.Components) != 1 {
		t.Fatal(root, err)
	}
	return newZone(root.Components[0])
}

// TestZonesAgree: a definition says the same as the database, at every half hour of the years it is for.
func TestZonesAgree(t *testing.T) {
	for _, c := range []struct {
		definition, name string
		from, to         int // years
	}{
		{outlookBerlin, "Europe/Berlin", 2023, 2032},
		{appleNewYork, "America/New_York", 2003, 2010},
		{datedBerlin, "Europe/Berlin", 2025, 2027},
	} {
		z, want := zoneOf(t, c.definition), named(c.name)
		for w := time.Date(c.from, 1, 1, 0, 0, 0, 0, time.UTC); w.Year() <= c.to; w = w.Add(30 * time.Minute) {
			if got, want := z.utc(w), want.utc(w); !got.Equal(want) {
				t.Fatalf("%s: %s is %s, want %s", c.name, w.Format(time.DateTime), got, want)
			}
			if got, want := z.offset(w.Unix()), want.offset(w.Unix()); got != want {
				t.Fatalf("%s: at %s the offset is %d, want %d", c.name, w, got, want)
			}
		}
	}
}

// TestWall: RFC 5545 section 3.3.5.
func TestWall(t *testing.T) {
	for _, c := range []struct{ zone, wall, want, why string }{
		{"America/New_York", "20270314T023000", "2027-03-14T07:30:00Z", "left out: by the offset before"},
		{"America/New_York", "20261101T013000", "2026-11-01T05:30:00Z", "there twice: the first"},
		{"Europe/Berlin", "20270328T023000", "2027-03-28T01:30:00Z", "left out"},
		{"Europe/Berlin", "20261025T023000", "2026-10-25T00:30:00Z", "there twice"},
		{"Australia/Lord_Howe", "20261004T021500", "2026-10-03T15:45:00Z", "left out, half an hour"},
		{"Australia/Sydney", "20260405T023000", "2026-04-04T15:30:00Z", "there twice, south"},
		{"Pacific/Apia", "20111230T120000", "2011-12-30T22:00:00Z", "a day that was left out"},
		{"Asia/Kathmandu", "20261124T120000", "2026-11-24T06:15:00Z", "three quarters"},
		{"utc+05:30", "20261124T153000", "2026-11-24T10:00:00Z", "an offset alone"},
		{"GMT-0800", "20261124T020000", "2026-11-24T10:00:00Z", "an offset alone"},
	} {
		if got := named(c.zone).utc(parseTime(c.wall).wall).Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s is %s, want %s (%s)", c.wall, c.zone, got, c.want, c.why)
		}
	}
}

// TestZoneNames: whose name a time is given, and when it is no time at all.
func TestZoneNames(t *testing.T) {
	for _, c := range []struct{ calendar, tzid, name, start, problem string }{
		{"", "Europe/Berlin", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{"", "W. Europe Standard Time", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{outlookBerlin, "W. Europe Standard Time", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{strings.ReplaceAll(outlookBerlin, "W. Europe Standard Time", "Romance Standard Time"), "Romance Standard Time", "Europe/Paris", "2026-11-24T10:00:00Z", ""},
		{strings.ReplaceAll(outlookBerlin, "W. Europe Standard Time", "Asia/Tokyo"), "Asia/Tokyo", "", "2026-11-24T10:00:00Z", ""},
		{strings.ReplaceAll(outlookBerlin, "W. Europe Standard Time", "Customized Time Zone"), "Customized Time Zone", "", "2026-11-24T10:00:00Z", ""},
		{"BEGIN:VTIMEZONE\nTZID:mine\nX-LIC-LOCATION:Europe/Berlin\nEND:VTIMEZONE\n", "mine", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{"BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:never\nEND:STANDARD\nEND:VTIMEZONE\n", "Europe/Berlin", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{"", "Customized Time Zone", "", "F2026-11-24T11:00:00", `its time zone "Customized Time Zone" is not known`},
		{"", `"(UTC+01:00) Amsterdam, Berlin"`, "", "F2026-11-24T11:00:00", `its time zone "(UTC+01:00) Amsterdam, Berlin" is not known`},
		{"", "tzone://Microsoft/Custom", "", "F2026-11-24T11:00:00", `its time zone "tzone://Microsoft/Custom" is not known`},
		{"X-WR-TIMEZONE:Europe/Berlin\n", "Customized Time Zone", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{"X-WR-TIMEZONE:Europe/Berlin\n", "", "Europe/Berlin", "2026-11-24T10:00:00Z", ""},
		{"", "", "", "F2026-11-24T11:00:00", "its times are in no time zone"},
	} {
		param := ""
		if c.tzid != "" {
			param = ";TZID=" + c.tzid
		}
		calendars, err := Parse([]byte("BEGIN:VCALENDAR\n" + c.calendar + "BEGIN:VEVENT\nDTSTART" + param + ":20261124T110000\nEND:VEVENT\nEND:VCALENDAR"))
		if err != nil {
			t.Fatal(err)
		}
		e := calendars[0].Events[0]
		if e.Start.ZoneName() != c.name || e.Start.String() != c.start || e.Problem != c.problem {
			t.Errorf("%s: %s in %q, problem %q; want %s in %q, problem %q", c.tzid, e.Start, e.Start.ZoneName(), e.Problem, c.start, c.name, c.problem)
		}
	}
}

// TestThisAndFuture: what follows is moved on the wall, across the end of summer time.
func TestThisAndFuture(t *testing.T) {
	master := event(t, "DTSTART;TZID=Europe/Berlin:20261003T100000", "DTEND;TZID=Europe/Berlin:20261003T110000", "RRULE:FREQ=WEEKLY;COUNT=8")
	later := event(t, "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261017T100000",
		"DTSTART;TZID=Europe/Berlin:20261019T120000", "DTEND;TZID=Europe/Berlin:20261019T123000")
	once := event(t, "RECURRENCE-ID:20261031T090000Z", "DTSTART:20261105T090000Z", "DURATION:PT15M")
	s := Series{Master: master, Changed: []*Event{later, once}}
	all, err := s.Occurrences(time.Date(2026, 10, 10, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range all {
		got = append(got, o.Original.String()+" "+o.Start.String()+" "+o.End.Sub(o.Start).String())
	}
	want := `2026-10-10T08:00:00Z 2026-10-10T08:00:00Z 1h0m0s
2026-10-17T08:00:00Z 2026-10-19T10:00:00Z 30m0s
2026-10-24T08:00:00Z 2026-10-26T11:00:00Z 30m0s
2026-10-31T09:00:00Z 2026-11-05T09:00:00Z 15m0s
2026-11-07T09:00:00Z 2026-11-09T11:00:00Z 30m0s`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

// TestOriginals: a RECURRENCE-ID that is written in another way than the series is the same occurrence.
func TestOriginals(t *testing.T) {
	timed := []string{"DTSTART;TZID=Europe/Berlin:20261124T110000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3"}
	days := []string{"DTSTART;VALUE=DATE:20261124", "RRULE:FREQ=DAILY;COUNT=3"}
	for _, c := range []struct {
		master []string
		id     string
		stray  bool
	}{
		{timed, "RECURRENCE-ID;TZID=Europe/Berlin:20261125T110000", false},
		{timed, "RECURRENCE-ID;TZID=America/New_York:20261125T050000", false},
		{timed, "RECURRENCE-ID:20261125T100000Z", false},
		{timed, "RECURRENCE-ID;VALUE=DATE:20261125", false},
		{timed, "RECURRENCE-ID:20261125T110000", false},
		{timed, "RECURRENCE-ID:20261125T110000Z", true},
		{timed, "RECURRENCE-ID;VALUE=DATE:20261128", true},
		{days, "RECURRENCE-ID;VALUE=DATE:20261125", false},
		{days, "RECURRENCE-ID:20261125T000000Z", false},
		{days, "RECURRENCE-ID;VALUE=DATE:20261127", true},
	} {
		s := Series{Master: event(t, c.master...), Changed: []*Event{event(t, c.id, "DTSTART:20261125T150000Z", "DURATION:PT1H")}}
		all, err := s.Occurrences(windowStart, windowEnd)
		if err != nil {
			t.Fatal(err)
		}
		want := 3
		if c.stray {
			want = 4
		}
		strays := 0
		for _, o := range all {
			if o.Stray {
				strays++
			}
		}
		if len(all) != want || strays != want-3 {
			t.Errorf("%s: %d occurrences, %d of them stray", c.id, len(all), strays)
		}
	}
}
