package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/explain"
)

// A reporter prints what has changed since it reported last: at first everything that has not ended.
type reporter struct {
	reader engine.Reader
	out    io.Writer
	json   bool
	now    func() time.Time
	zone   *time.Location

	seq       int64          // of the last decision reported
	revisions map[string]int // of the schedules reported
}

// notRecorded is a decision that nothing is recorded of, as a line of JSON.
type notRecorded struct {
	Title    string               `json:"title,omitempty"`
	Decision eligibility.Decision `json:"not_recorded"`
}

// recording is a schedule as a line of JSON.
type recording struct {
	Schedule schedule.Schedule `json:"schedule"`
	SeenOn   []string          `json:"seen_on"`
}

// atOnce is how many lines are printed together, in the order of their times: a company's whole calendars would not fit
// into memory.
const atOnce = 5000

// report prints the changes. Of thousands it reads some hundreds at a time.
func (r *reporter) report(ctx context.Context) error {
	var recordings []recording
	var skipped []engine.Decision
	for {
		changed, err := r.reader.DecisionsAfter(ctx, r.seq, 500)
		if err != nil {
			return fmt.Errorf("read the decisions: %w", err)
		}
		for _, d := range changed {
			r.seq = d.Seq
			schedules, err := r.reader.SchedulesOf(ctx, d.Meeting)
			if err != nil {
				return fmt.Errorf("read the schedules of %s: %w", d.Meeting, err)
			}
			for _, s := range schedules {
				if rec, ok, err := r.changed(ctx, s); err != nil {
					return err
				} else if ok {
					recordings = append(recordings, rec)
				}
			}
			if !d.Record && d.Held == nil && d.End.After(r.now()) {
				skipped = append(skipped, d)
			}
		}
		if len(changed) < 500 {
			return r.print(recordings, skipped)
		}
		if len(recordings)+len(skipped) >= atOnce {
			if err := r.print(recordings, skipped); err != nil {
				return err
			}
			recordings, skipped = nil, nil
		}
	}
}

func (r *reporter) print(recordings []recording, skipped []engine.Decision) error {
	slices.SortFunc(recordings, func(a, b recording) int {
		return cmp.Or(a.Schedule.Start.Compare(b.Schedule.Start), cmp.Compare(a.Schedule.ID, b.Schedule.ID))
	})
	slices.SortFunc(skipped, func(a, b engine.Decision) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Meeting, b.Meeting))
	})
	if r.json {
		return r.printJSON(recordings, skipped)
	}
	return r.printTables(recordings, skipped)
}

// changed is s for the report, unless this revision has been reported or is past.
func (r *reporter) changed(ctx context.Context, s schedule.Schedule) (recording, bool, error) {
	if r.revisions[s.ID] >= s.Revision || !s.End.After(r.now()) {
		return recording{}, false, nil
	}
	first := r.revisions[s.ID] == 0
	r.revisions[s.ID] = s.Revision
	if first && s.State == schedule.Cancelled { // cancelled before this process began
		return recording{}, false, nil
	}
	rec := recording{Schedule: s}
	for _, k := range s.Meetings {
		m, err := r.reader.Meeting(ctx, k)
		if err != nil {
			return rec, false, fmt.Errorf("read the copies of %s: %w", k, err)
		}
		rec.SeenOn = append(rec.SeenOn, explain.SeenOn(m)...)
	}
	slices.Sort(rec.SeenOn)
	rec.SeenOn = slices.Compact(rec.SeenOn)
	return rec, true, nil
}

func (r *reporter) printJSON(recordings []recording, skipped []engine.Decision) error {
	for _, rec := range recordings {
		if err := printLine(r.out, rec); err != nil {
			return err
		}
	}
	for _, d := range skipped {
		if err := printLine(r.out, notRecorded{d.Title, d.Decision}); err != nil {
			return err
		}
	}
	return nil
}

func (r *reporter) printTables(recordings []recording, skipped []engine.Decision) error {
	var b bytes.Buffer
	zone, _ := r.now().In(r.zone).Zone()
	if len(recordings) > 0 {
		rows := [][]string{{"RECORDING", "WHEN (" + zone + ")", "TITLE", "PROVIDER", "CAPTURE", "OWNER", "SEEN ON"}}
		for _, rec := range recordings {
			s := rec.Schedule
			rows = append(rows, []string{
				string(s.State), span(s.Start, s.End, r.zone), titleOf(s.Title), s.Provider,
				strings.Join(s.Capture, ", "), s.Owner, strings.Join(rec.SeenOn, ", "),
			})
		}
		table(&b, rows)
		b.WriteByte('\n')
	}
	if len(skipped) > 0 {
		rows := [][]string{{"NOT RECORDED", "TITLE", "WHY", "FAILING RULES"}}
		for _, d := range skipped {
			ids, details := failing(d.Decision)
			rows = append(rows, []string{span(d.Start, d.End, r.zone), titleOf(d.Title), ellipsis(printable(details), 72), strings.Join(ids, ", ")})
		}
		table(&b, rows)
		b.WriteByte('\n')
	}
	_, err := r.out.Write(b.Bytes())
	return err
}

// failing are the rules that fail, and the first one's reason.
func failing(d eligibility.Decision) (ids []string, why string) {
	for _, c := range d.Checks {
		if c.Status == eligibility.Fail {
			ids = append(ids, c.Rule)
			why = cmp.Or(why, c.Detail)
		}
	}
	return ids, why
}

// titleOf is a title in a cell: private meetings have none.
func titleOf(title string) string {
	if title == "" {
		return "(no title)"
	}
	return ellipsis(printable(title), 40)
}

// printable keeps a title from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
}

func ellipsis(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// span is a meeting's time in a cell.
func span(start, end time.Time, zone *time.Location) string {
	if start.IsZero() {
		return "(no time)"
	}
	start, end = start.In(zone), end.In(zone)
	layout := "15:04"
	if start.YearDay() != end.YearDay() || start.Year() != end.Year() {
		layout = "2 Jan 15:04"
	}
	return start.Format("Mon 2 Jan 15:04") + "–" + end.Format(layout)
}

// table writes rows in columns. The last column is as long as it is.
func table(b *bytes.Buffer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
}
