package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/syncd/schedule"
)

func recordingAt(start time.Time, length time.Duration) Recording {
	return Recording{Schedule: schedule.Schedule{ID: fmt.Sprint(start, length), State: schedule.Scheduled, Title: "T", Start: start, End: start.Add(length)}}
}

// TestWeek: whatever is recorded, its bar is in the picture, on its day, and hides no other one.
func TestWeek(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := &console{Config: Config{Zone: rapid.SampledFrom([]*time.Location{time.UTC, berlin}).Draw(t, "zone")}}
		first := c.midnight(rapid.SampledFrom([]time.Time{tuesday, time.Date(2026, 3, 27, 9, 0, 0, 0, time.UTC), time.Date(2026, 10, 22, 9, 0, 0, 0, time.UTC)}).Draw(t, "first"))
		var all []Recording
		at := first
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			at = at.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Minute)
			if at.Before(first.AddDate(0, 0, 7)) {
				all = append(all, recordingAt(at, time.Duration(rapid.IntRange(1, 1440).Draw(t, "length"))*time.Minute))
			}
		}
		w := c.weekOf(first, all, nil, first.Add(36*time.Hour))
		bars := 0
		for _, d := range w.Days {
			bars += len(d.Bars)
			for i, b := range d.Bars {
				if b.X < 0 || b.X > 100 || b.Width <= 0 || b.X+b.Width > 101 || b.Y+9 > d.Height {
					t.Fatalf("%s: a bar at %+v in a height of %d", d.Label, b, d.Height)
				}
				for _, o := range d.Bars[:i] {
					if o.Y == b.Y && o.X+o.Width > b.X+0.7 && b.X+b.Width > o.X+0.7 {
						t.Fatalf("%s: %+v hides %+v", d.Label, b, o)
					}
				}
			}
		}
		if bars != len(all) || w.Total != len(all) || len(w.Days) != 7 || !w.Days[1].Today || w.Days[0].Today {
			t.Fatalf("%d bars and %d in total of %d", bars, w.Total, len(all))
		}
	})
}

// TestWallClock: at nine is at nine, on the day on which clocks change, too.
func TestWallClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := &console{Config: Config{Zone: berlin}}
	var at []float64
	for _, day := range []int{24, 25, 26} { // of October 2026; on the 25th it is two twice
		midnight := time.Date(2026, 10, day, 0, 0, 0, 0, berlin)
		w := c.weekOf(midnight, []Recording{recordingAt(time.Date(2026, 10, day, 9, 0, 0, 0, berlin), time.Hour)}, nil, midnight)
		at = append(at, w.Days[0].Bars[0].X)
	}
	if at[0] != at[1] || at[1] != at[2] {
		t.Errorf("nine is at %v", at)
	}
	if got := c.span(time.Date(2026, 10, 25, 8, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 9, 0, 0, 0, time.UTC)); got != "Sunday 25 October, 09:00 – 10:00 CET" {
		t.Errorf("it says %q", got)
	}
}

// TestWeekByTheHour: numbers, where there are too many to draw.
func TestWeekByTheHour(t *testing.T) {
	c := &console{Config: Config{Zone: time.UTC}}
	first := c.midnight(tuesday)
	w := c.weekOf(first, nil, []Hour{{first.Add(9 * time.Hour), 40}, {first.Add(10 * time.Hour), 10}, {first.Add(33 * time.Hour), 80}}, tuesday)
	if w.Total != 130 || !w.Counted || len(w.Days[0].Cells) != 2 || w.Days[1].Cells[0].Strength != 1 || w.Days[0].Cells[1].Strength >= w.Days[0].Cells[0].Strength {
		t.Errorf("%+v", w)
	}
	if !strings.HasPrefix(w.Days[0].Says, "Tuesday 24 November: 50 recordings") {
		t.Errorf("it says %q", w.Days[0].Says)
	}
}

func TestWords(t *testing.T) {
	now := tuesday
	for got, want := range map[string]string{
		ago(now, now.Add(-time.Second)): "1 second ago", ago(now, now.Add(-59*time.Second)): "59 seconds ago", ago(now, now.Add(-90*time.Second)): "1 minute ago", ago(now, now.Add(-25*time.Hour)): "1 day ago",
		ago(now, time.Time{}): "never", age(now, now.Add(-47*time.Second)): "47 s ago", age(now, now.Add(-90*time.Minute)): "1 h ago", age(now, now.Add(-47*time.Hour)): "47 h ago", age(now, now.Add(-72*time.Hour)): "3 days ago",
		until(now, now.Add(time.Minute)): "in 1 minute", until(now, now): "now", count(1, "reason"): "1 reason", count(0, "recording"): "0 recordings", count(2, "company"): "2 companies", count(2, "day"): "2 days",
		ruleName("custom:press"): "Own rule: press", ruleName("new_rule"): "new_rule", providerName(""): "no provider", sentence(fmt.Errorf("it is so.")): "It is so.",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
