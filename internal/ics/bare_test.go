package ics

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBare: of every event that there is, what is left says the same of its times, and nothing else.
func TestBare(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		calendars, _ := Parse(b)
		for _, c := range calendars {
			for _, e := range c.Events {
				t.Run(filepath.Base(name), func(t *testing.T) { sameTimes(t, c, e) })
			}
		}
	}
}

// told is all that an event says without its people and texts.
type told struct {
	UID, RecurrenceID, Start, End, Zone, Problem, Status, Class string
	Sequence                                                    int
	Stamp, Modified                                             string
	ThisAndFuture, Recurs                                       bool
	Occurrences                                                 []string
}

func tell(e *Event) told {
	s := told{
		UID: e.UID, RecurrenceID: e.RecurrenceID.String(), Start: e.Start.String(), End: e.End.String(), Zone: e.Start.ZoneName(), Problem: e.Problem,
		Status: e.Status(), Class: e.Text("CLASS"), Sequence: e.Sequence, Stamp: e.Stamp.String(), Modified: e.LastModified.String(),
		ThisAndFuture: e.ThisAndFuture, Recurs: e.Recurs(),
	}
	all, err := Series{Master: e}.Occurrences(windowStart, windowEnd)
	if err != nil {
		s.Occurrences = []string{err.Error()}
	}
	for _, o := range all {
		s.Occurrences = append(s.Occurrences, o.Start.String()+" "+o.End.String())
	}
	return s
}

func sameTimes(t *testing.T, c *Calendar, e *Event) {
	t.Helper()
	text := c.Bare(e, "")
	again, err := Parse([]byte(text))
	if err != nil || len(again) != 1 || len(again[0].Events) != 1 {
		t.Fatalf("%d calendars, error %v, in\n%s", len(again), err, text)
	}
	got := again[0].Events[0]
	if diff := cmp.Diff(tell(e), tell(got)); diff != "" {
		t.Fatalf("(-whole +bare):\n%s\n%s", diff, text)
	}
	for _, p := range got.Properties {
		if strings.HasPrefix(p.Name, "ATT") || p.Name == "SUMMARY" || p.Name == "DESCRIPTION" || p.Name == "ORGANIZER" {
			t.Fatalf("%s is left", p.Name)
		}
	}
	if more := again[0].Bare(got, ""); more != text {
		t.Fatalf("bare again:\n%s\nbefore:\n%s", more, text)
	}
}

// TestBareZone: only times in no zone at all are taken to be in the one that is given.
func TestBareZone(t *testing.T) {
	for lines, want := range map[string]string{
		"DTSTART:20261124T100000":                 "2026-11-24T09:00:00Z",
		"DTSTART:20261124T100000Z":                "2026-11-24T10:00:00Z",
		"DTSTART;TZID=Mars:20261124T100000":       "F2026-11-24T10:00:00",
		"DTSTART;VALUE=DATE:20261124":             "2026-11-24",
		"DTSTART;TZID=Asia/Tokyo:20261124T100000": "2026-11-24T01:00:00Z",
	} {
		calendars, err := Parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + lines + "\nEND:VEVENT\nEND:VCALENDAR\n"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse([]byte(calendars[0].Bare(calendars[0].Events[0], "Europe/Berlin")))
		if err != nil {
			t.Fatal(err)
		}
		if got := again[0].Events[0].Start.String(); got != want {
			t.Errorf("%s: %q, want %q", lines, got, want)
		}
	}
}
