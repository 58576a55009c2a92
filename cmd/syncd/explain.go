package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

// explainCommand answers "why wasn't my call recorded?" from what the daemon has stored.
type explainCommand struct {
	configFlag
	JSON    bool   `help:"Print one line of JSON for each meeting."`
	Meeting string `arg:"" help:"The meeting: its UID, with or without the occurrence (UID/2026-11-24T10:00:00Z), or words of its title."`
}

// explanation is one meeting's answer.
type explanation struct {
	Title     string               `json:"title,omitempty"`
	Decision  eligibility.Decision `json:"decision"`
	DecidedAt time.Time            `json:"decided_at"`
	// Held says that it is recorded all the same, since only the access to calendars was lost.
	Held      bool                `json:"held,omitempty"`
	SeenOn    []string            `json:"seen_on"`
	Schedules []schedule.Schedule `json:"schedules,omitempty"`
}

func (c *explainCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.Store); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store at %s yet; let \"syncd run --config %s\" read the calendars first", cfg.Store, c.Config)
	}
	st, err := store.OpenReader(ctx, cfg.Store)
	if err != nil {
		return err
	}
	defer st.Close()
	found, err := find(ctx, st, c.Meeting)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no meeting %q is known: no calendar that was read shows it within the horizon (give its UID, or words of its title; titles of private meetings are not kept)", c.Meeting)
	}
	for i, d := range found {
		x, err := explain(ctx, st, d)
		if err != nil {
			return err
		}
		if c.JSON {
			err = printLine(s.out, x)
		} else {
			err = x.print(s.out, i > 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// find looks for a meeting by its key, its series, or words of its title, in this order.
func find(ctx context.Context, r engine.Reader, what string) ([]engine.Decision, error) {
	all, err := r.Decisions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the decisions: %w", err)
	}
	uid := calendar.CanonicalUID(what)
	for _, matches := range []func(engine.Decision) bool{
		func(d engine.Decision) bool { return string(d.Meeting) == what },
		func(d engine.Decision) bool { return d.Meeting.Series() == uid },
		func(d engine.Decision) bool { return strings.Contains(strings.ToLower(d.Title), strings.ToLower(what)) },
	} {
		var found []engine.Decision
		for _, d := range all {
			if matches(d) {
				found = append(found, d)
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

func explain(ctx context.Context, r engine.Reader, d engine.Decision) (explanation, error) {
	m, err := r.Meeting(ctx, d.Meeting)
	if err != nil {
		return explanation{}, fmt.Errorf("read the copies of %s: %w", d.Meeting, err)
	}
	schedules, err := r.SchedulesOf(ctx, d.Meeting)
	if err != nil {
		return explanation{}, fmt.Errorf("read the schedules of %s: %w", d.Meeting, err)
	}
	for i := range schedules {
		schedules[i].Reasons = nil // the decision above is the newest
	}
	return explanation{d.Title, d.Decision, d.DecidedAt, d.Held != nil, seenOn(m), schedules}, nil
}

// marks are what stands before a check on the page.
var marks = map[eligibility.Status]string{
	eligibility.Pass: "ok  ", eligibility.Fail: "FAIL", eligibility.Warn: "warn", eligibility.NotApplicable: "n/a ",
}

func (x explanation) print(w io.Writer, another bool) error {
	var b strings.Builder
	if another {
		b.WriteString("\n")
	}
	d := x.Decision
	fmt.Fprintf(&b, "%s\n", titleOf(x.Title))
	fmt.Fprintf(&b, "  meeting   %s\n", d.Meeting)
	fmt.Fprintf(&b, "  when      %s %s\n", span(d.Start, d.End, time.UTC), "UTC")
	fmt.Fprintf(&b, "  seen on   %s\n", orNone(strings.Join(x.SeenOn, ", "), "no calendar any more"))
	verdict := "not recorded"
	if d.Record {
		verdict = fmt.Sprintf("recorded: %s by %s, for %s", d.Provider, strings.Join(d.Capture, ", then "), orNone(d.Owner, "nobody in particular"))
	}
	if x.Held {
		verdict = "held: what was scheduled goes on, since only the access to calendars was lost"
	}
	fmt.Fprintf(&b, "  decided   %s, %s\n", x.DecidedAt.UTC().Format("2006-01-02 15:04 UTC"), verdict)
	for _, s := range x.Schedules {
		fmt.Fprintf(&b, "  schedule  %s revision %d, %s, %s UTC\n", s.ID, s.Revision, s.State, span(s.Start, s.End, time.UTC))
	}
	b.WriteString("\n")
	for _, c := range d.Checks {
		line := fmt.Sprintf("  %s  %-22s %s", marks[c.Status], c.Rule, printable(c.Detail))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if c.Setting != "" && (c.Status == eligibility.Fail || c.Status == eligibility.Warn) {
			fmt.Fprintf(&b, "%30s setting: %s\n", "", c.Setting)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}
