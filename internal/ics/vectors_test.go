package ics

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// elsewhere are rules of libical's that are not expanded here, with the reason.
var elsewhere = map[string]string{
	"FREQ=HOURLY": "no meeting recurs by the hour", "FREQ=MINUTELY": "nor by the minute", "FREQ=SECONDLY": "nor by the second", "RSCALE": "only Gregorian calendars are known",
}

// TestVectors: libical's own rules have the occurrences that libical says.
func TestVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/libical/icalrecur_test.out")
	if err != nil {
		t.Fatal(err)
	}
	compared, left := 0, 0
	for block := range strings.SplitSeq(string(b), "\n\n") {
		said := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			said[key] = value
		}
		rule, want := said["RRULE"], strings.Split(strings.ReplaceAll(said["INSTANCES"], "Z", ""), ",")
		if rule == "" || said["INSTANCES"] == "" || said["START-AT"] != "" {
			left++
			continue
		}
		skip := false
		for part := range elsewhere {
			skip = skip || strings.Contains(rule, part)
		}
		if skip {
			left++
			continue
		}
		start := strings.TrimSuffix(said["DTSTART"], "Z")
		if start != want[0] {
			left++ // a start outside of its rule counts here (RFC 5545 section 3.8.5.3, COUNT), and not there
			continue
		}
		if len(start) == 15 {
			start += "Z"
		}
		calendars, err := Parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:" + start + "\nRRULE:" + rule + "\nEND:VEVENT\nEND:VCALENDAR\n"))
		if err != nil {
			t.Fatal(err)
		}
		e := calendars[0].Events[0]
		last := parseTime(want[len(want)-1])
		all, err := Series{Master: e}.Occurrences(e.Start.instant(), last.instant().Add(36*time.Hour))
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		var got []string
		for _, o := range all {
			layout := "20060102T150405"
			if o.Start.IsDate() {
				layout = "20060102"
			}
			if s := o.Start.instant().UTC().Format(layout); s <= want[len(want)-1] {
				got = append(got, s)
			}
		}
		compared++
		if !slices.Equal(got, want) {
			t.Errorf("%s from %s\n got %v\nwant %v", rule, start, got, want)
		}
	}
	t.Logf("%d rules are compared, %d are left", compared, left)
	if compared < 50 {
		t.Error("too few")
	}
}
