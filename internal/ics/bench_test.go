package ics

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goical "github.com/emersion/go-ical"

	"example.com/syncd/internal/nodetest"
)

// large is a calendar of n events, as long and as folded as real ones.
func large(n int) []byte {
	var b bytes.Buffer
	line := func(s string) {
		for len(s) > 73 {
			b.WriteString(s[:73] + "\r\n ")
			s = s[73:]
		}
		b.WriteString(s + "\r\n")
	}
	line("BEGIN:VCALENDAR")
	line("VERSION:2.0")
	line("PRODID:-//Example//EN")
	b.WriteString("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:DAYLIGHT\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nDTSTART:19700329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\n" +
		"BEGIN:STANDARD\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n")
	for i := range n {
		start := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		line("BEGIN:VEVENT")
		line(fmt.Sprintf("UID:%d@example.com", i))
		line("DTSTAMP:20260101T000000Z")
		line("DTSTART;TZID=Europe/Berlin:" + start.Format("20060102T150405"))
		line("DTEND;TZID=Europe/Berlin:" + start.Add(time.Hour).Format("20060102T150405"))
		line("SUMMARY:Meeting about something\\, and more")
		line("DESCRIPTION:" + strings.Repeat("Some words of an invitation\\n", 20))
		line("ORGANIZER;CN=Ana Perez:mailto:ana@acme.com")
		for k := range 5 {
			line(fmt.Sprintf("ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=Guest %d:mailto:guest%d@example.com", k, k))
		}
		if i%5 == 0 {
			line("RRULE:FREQ=WEEKLY;COUNT=10")
		}
		b.WriteString("BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT10M\r\nDESCRIPTION:x\r\nEND:VALARM\r\n")
		line("END:VEVENT")
	}
	line("END:VCALENDAR")
	return b.Bytes()
}

// BenchmarkLarge reads 500 events at a time, as much as an object may have, until 10,000 are read with their starts and
// ends; others read them from one file. It reports how many times as long they take.
func BenchmarkLarge(b *testing.B) {
	const n, each = 10_000, maxComponents / 5
	var parts [][]byte
	for range n / each {
		parts = append(parts, large(each))
	}
	whole := large(n)
	took := func(f func()) time.Duration {
		best := time.Hour
		for range 3 {
			began := time.Now()
			f()
			best = min(best, time.Since(began))
		}
		return best
	}
	ours := took(func() {
		events := 0
		for _, p := range parts {
			calendars, err := Parse(p)
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range calendars[0].Events {
				if !e.Start.IsZero() && !e.End.IsZero() {
					events++
				}
			}
		}
		if events != n {
			b.Fatal(events)
		}
	})
	theirs := took(func() {
		d := goical.NewDecoder(bytes.NewReader(whole))
		events := 0
		for {
			cal, err := d.Decode()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range cal.Events() {
				if _, err := e.DateTimeStart(time.UTC); err == nil {
					if _, err := e.DateTimeEnd(time.UTC); err == nil {
						events++
					}
				}
			}
		}
		if events != n {
			b.Fatal(events)
		}
	})
	b.ReportMetric(float64(ours.Milliseconds()), "ms")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "go-ical/ours")
	file := filepath.Join(b.TempDir(), "large.ics")
	if err := os.WriteFile(file, whole, 0o644); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"ical.js", "node-ical"} {
		var node struct {
			Events int
			MS     float64
		}
		nodetest.Run(b, &node, "testdata/speed.mjs", name, file)
		if node.Events != n {
			b.Fatalf("%s: %d events", name, node.Events)
		}
		b.ReportMetric(node.MS/1000/ours.Seconds(), name+"/ours")
	}
	b.ReportMetric(0, "ns/op")
}
