package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/explain"
	"example.com/syncd/store"
)

// explainCommand answers "why wasn't my call recorded?" from what the daemon has stored.
type explainCommand struct {
	configFlag
	JSON    bool   `help:"Print one line of JSON for each meeting."`
	Meeting string `arg:"" help:"The meeting: its UID, with or without the occurrence (UID/2026-11-24T10:00:00Z), its conference link, or words of its title."`
}

func (c *explainCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, cfg, c.Config)
	if err != nil {
		return err
	}
	defer st.Close()
	found, err := find(ctx, st, c.Meeting)
	if err != nil {
		return err
	}
	if len(found) > manyPages && !c.JSON {
		printMatches(s.out, found)
		_, err := fmt.Fprintf(s.out, "%d meetings are %q; name one of them, or take --json for all\n", len(found), c.Meeting)
		return err
	}
	for i, d := range found {
		x, err := explain.Of(ctx, st, d)
		if err != nil {
			return err
		}
		if c.JSON {
			err = printLine(s.out, x)
		} else {
			err = printExplanation(s.out, x, i > 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// manyPages is how many pages are more than anybody reads.
const manyPages = 10

// printMatches lists the meetings that something may mean, and how to name each.
func printMatches(w io.Writer, found []engine.Decision) {
	var b bytes.Buffer
	var rows [][]string
	for _, d := range found {
		rows = append(rows, []string{"  " + span(d.Start, d.End, time.UTC), titleOf(d.Title), string(d.Meeting)})
	}
	table(&b, rows)
	w.Write(b.Bytes()) // who does not get the list gets the error that follows
}

// openStore opens what a daemon with this configuration has stored.
func openStore(ctx context.Context, cfg *config.Config, name string) (*store.Reader, error) {
	r, err := store.OpenReader(ctx, cfg.Store)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noStore(cfg, name)
	}
	return r, err
}

func noStore(cfg *config.Config, name string) error {
	return fmt.Errorf("there is no store at %s yet; let \"syncd run --config %s\" read the calendars first", cfg.Store, name)
}

// find looks for meetings. There is at least one, or an error.
func find(ctx context.Context, r engine.Reader, what string) ([]engine.Decision, error) {
	found, err := explain.Find(ctx, r, what)
	if errors.Is(err, explain.ErrWhich) {
		err = usageError{err}
	}
	return found, err
}

// marks are what stands before a check on the page.
var marks = map[eligibility.Status]string{
	eligibility.Pass: "ok  ", eligibility.Fail: "FAIL", eligibility.Warn: "warn", eligibility.NotApplicable: "n/a ",
}

func printExplanation(w io.Writer, x explain.Explanation, another bool) error {
	var b strings.Builder
	if another {
		b.WriteString("\n")
	}
	d := x.Decision
	fmt.Fprintf(&b, "%s\n", titleOf(x.Title))
	fmt.Fprintf(&b, "  meeting   %s\n", d.Meeting)
	fmt.Fprintf(&b, "  when      %s %s\n", span(d.Start, d.End, time.UTC), "UTC")
	fmt.Fprintf(&b, "  seen on   %s\n", orNone(strings.Join(x.SeenOn, ", "), "no calendar any more"))
	for _, l := range x.Found {
		fmt.Fprintf(&b, "  found     %s\n", printable(l.String()))
	}
	fmt.Fprintf(&b, "  decided   %s, %s\n", x.DecidedAt.UTC().Format("2006-01-02 15:04 UTC"), x.Verdict)
	for _, s := range x.Schedules {
		fmt.Fprintf(&b, "  schedule  %s revision %d, %s, %s UTC\n", s.ID, s.Revision, s.State, span(s.Start, s.End, time.UTC))
		if !d.Record && !x.Held && s.State != schedule.Cancelled && !slices.Contains(s.Meetings, d.Meeting) {
			fmt.Fprintf(&b, "            the call is recorded all the same, for another meeting with the same link: %s\n", keys(s.Meetings))
		}
	}
	if len(d.OnBehalfOf) > 0 {
		fmt.Fprintf(&b, "  for whom  %s\n", strings.Join(d.OnBehalfOf, ", "))
	}
	b.WriteString("\n")
	for _, c := range d.Checks {
		line := fmt.Sprintf("  %s  %-22s %s", marks[c.Status], c.Rule, printable(c.Detail))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		for _, r := range x.Remedies {
			if r.Rule != c.Rule {
				continue
			}
			if r.Setting != "" {
				fmt.Fprintf(&b, "%30s setting: %s\n", "", r.Setting)
			}
			fmt.Fprintf(&b, "%30s who can change it: %s\n", "", r.Who)
			fmt.Fprintf(&b, "%30s decided again: %s\n", "", r.Again)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func keys(meetings []calendar.Key) string {
	var all []string
	for _, k := range meetings {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}
