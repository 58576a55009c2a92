package ics

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzParse: whatever the bytes, an answer comes soon, and what it says makes sense.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		began := time.Now()
		defer func() {
			if took := time.Since(began); took > 2*time.Second {
				t.Fatalf("it takes %s", took)
			}
		}()
		calendars, err := Parse(b)
		if err != nil && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
		for _, c := range calendars {
			var s Series
			for _, e := range c.Events {
				sane(t, e)
				sameTimes(t, c, e)
				if e.RecurrenceID.IsZero() {
					s.Master = e
				} else {
					s.Changed = append(s.Changed, e)
				}
			}
			all, err := s.Occurrences(windowStart, windowEnd)
			if err != nil && !errors.Is(err, ErrRule) {
				t.Fatal(err)
			}
			if len(all) > maxInstances+len(c.Events) {
				t.Fatalf("%d occurrences", len(all))
			}
			for _, o := range all {
				if o.End.Sub(o.Start) < 0 {
					t.Fatalf("an occurrence from %s to %s", o.Start, o.End)
				}
			}
		}
	})
}

func sane(t *testing.T, e *Event) {
	t.Helper()
	if (e.Problem == "") != (e.Start.kind == date || e.Start.kind == fixed) {
		t.Fatalf("start %s, problem %q", e.Start, e.Problem)
	}
	if e.End.Sub(e.Start) < 0 || e.End.kind != e.Start.kind {
		t.Fatalf("from %s to %s", e.Start, e.End)
	}
	if u, ok := e.Start.UTC(); ok && (u.Location() != time.UTC || u.Nanosecond() != 0) {
		t.Fatalf("start %v", u)
	}
	for _, name := range []string{"SUMMARY", "DESCRIPTION", "LOCATION", "UID"} {
		if s := e.Text(name); len(s) > 2*maxText || !utf8.ValidString(s) {
			t.Fatalf("%s is %d bytes, or not UTF-8", name, len(s))
		}
	}
	for _, p := range append(e.People(), e.Organizer()) {
		if !utf8.ValidString(p.Name) || len(p.Email) > 320 {
			t.Fatalf("somebody called %q, %q", p.Name, p.Email)
		}
	}
}

// FuzzRule: whatever the rule, its occurrences come soon, in order, each once, from the start on, and those of a part of
// the time are those of the whole that lie in it.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{"FREQ=WEEKLY;BYDAY=MO,WE;COUNT=9", "FREQ=MONTHLY;BYDAY=-1FR;BYSETPOS=-1", "FREQ=YEARLY;BYWEEKNO=53,-1;WKST=SU", "FREQ=DAILY;INTERVAL=3;UNTIL=20270101", "FREQ=YEARLY;BYYEARDAY=-1,366;BYHOUR=1,2"} {
		f.Add("TZID=Europe/Berlin:20261025T023000", rule)
		f.Add("VALUE=DATE:20280229", rule)
	}
	f.Fuzz(func(t *testing.T, start, rule string) {
		calendars, err := Parse([]byte("BEGIN:VEVENT\nDTSTART;" + start + "\nRRULE:" + rule + "\nEND:VEVENT\n"))
		if err != nil || len(calendars) != 1 || len(calendars[0].Events) != 1 {
			return
		}
		s := Series{Master: calendars[0].Events[0]}
		all, err := s.Occurrences(windowStart, windowEnd)
		if err != nil {
			return
		}
		middle := windowStart.Add(windowEnd.Sub(windowStart) / 2)
		later, err := s.Occurrences(middle, windowEnd)
		if err != nil {
			return
		}
		rest := map[string]bool{}
		for _, o := range later {
			rest[o.Original.String()] = true
		}
		for i, o := range all {
			if i > 0 && !all[i-1].Original.Before(o.Original) {
				t.Fatalf("%s, then %s", all[i-1].Original, o.Original)
			}
			if !o.Original.IsZero() && o.Original.Before(s.Master.Start) {
				t.Fatalf("%s is before the start", o.Original)
			}
			if in := !o.Start.instant().Before(middle); in && !o.Original.IsZero() && !rest[o.Original.String()] {
				t.Fatalf("%s is not among those from %s on", o.Start, middle)
			}
		}
	})
}
