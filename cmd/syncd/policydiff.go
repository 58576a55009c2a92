package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// policyDiffCommand says what another policy would do to the meetings that the daemon knows.
type policyDiffCommand struct {
	configFlag
	JSON     bool   `help:"Print one line of JSON for each recording that would change."`
	ExitCode bool   `help:"End with status 1 if anything would change."`
	New      string `arg:"" help:"The other policy."`
}

// What a policy does to a recording.
const (
	starts  = "start"
	stops   = "stop"
	changes = "change"
)

// A difference is one recording that would change, as a line of JSON.
type difference struct {
	Change  string        `json:"change"` // start, stop, change
	Meeting calendar.Key  `json:"meeting"`
	Title   string        `json:"title,omitempty"`
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	Before  outcome       `json:"before"`
	After   outcome       `json:"after"`
	Rules   []changedRule `json:"rules"` // those by which
}

// An outcome is what of a decision a recorder goes by.
type outcome struct {
	Record     bool     `json:"record"`
	Owner      string   `json:"owner,omitempty"`
	Provider   string   `json:"provider,omitempty"`
	Capture    []string `json:"capture,omitempty"`
	OnBehalfOf []string `json:"on_behalf_of,omitempty"`
}

// A changedRule is a rule that says something else.
type changedRule struct {
	Rule   string             `json:"rule"`
	Before eligibility.Status `json:"before,omitempty"` // "": there is no such rule
	After  eligibility.Status `json:"after,omitempty"`
	Detail string             `json:"detail,omitempty"` // of the one that is against the recording, else of the new one
}

func (c *policyDiffCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	other, err := config.LoadPolicy(c.New, driverNames()...)
	if err != nil {
		return usageError{err}
	}
	signals, err := readSignals(cfg.Signals)
	if err != nil {
		return usageError{err}
	}
	st, err := openStore(ctx, cfg, c.Config)
	if err != nil {
		return err
	}
	defer st.Close()
	sources, err := st.Sources(ctx)
	if err != nil {
		return fmt.Errorf("read the sources: %w", err)
	}
	judge := func(p *eligibility.Policy) engine.Judge {
		x := eligibility.NewDecider(p, eligibility.NewDirectory(p.Directory.Members), signals)
		return engine.NewJudge(x, sources, configured(cfg))
	}
	differences, same, err := compare(ctx, st, judge(cfg.Policy), judge(other), clock(cfg)())
	if err != nil {
		return err
	}
	if !sameReading(cfg.Policy, other) {
		fmt.Fprintln(s.err, "note: the policies differ in consent.link_hosts or exclude.private; what calendars hold of those is read only when the new policy is in force")
	}
	if c.JSON {
		for _, d := range differences {
			if err := printLine(s.out, d); err != nil {
				return err
			}
		}
	} else if err := printDifferences(s.out, differences, same); err != nil {
		return err
	}
	if c.ExitCode && len(differences) > 0 {
		return errPartly
	}
	return nil
}

// configured reports of a source whether its connection is in the configuration.
func configured(cfg *config.Config) func(calendar.Source) bool {
	return func(s calendar.Source) bool {
		return slices.ContainsFunc(cfg.Connections, func(c config.Connection) bool { return c.Driver.Name == s.Driver && c.Name == s.Account })
	}
}

// sameReading reports whether what the store has of the events serves both policies.
func sameReading(a, b *eligibility.Policy) bool {
	x, errX := json.Marshal(a.Reading())
	y, errY := json.Marshal(b.Reading())
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// compare decides all meetings that have not ended by both.
func compare(ctx context.Context, r engine.Reader, before, after engine.Judge, now time.Time) (changed []difference, same int, err error) {
	decisions, err := r.Decisions(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the decisions: %w", err)
	}
	for _, d := range decisions {
		if !d.End.IsZero() && !d.End.After(now) {
			continue
		}
		m, err := r.Meeting(ctx, d.Meeting)
		if err != nil {
			return nil, 0, fmt.Errorf("read the copies of %s: %w", d.Meeting, err)
		}
		if len(m.Copies) == 0 {
			continue
		}
		a, b := before.Decide(m), after.Decide(m)
		if !a.Planned().End.After(now) && !b.Planned().End.After(now) {
			continue // it has ended; of what is not imported only one of them knows when
		}
		diff, differs := differ(a, b)
		switch {
		case differs:
			changed = append(changed, diff)
		case diff.Before.Record:
			same++
		}
	}
	return changed, same, nil
}

func differ(before, after engine.Decision) (difference, bool) {
	a, b := before.Planned(), after.Planned()
	told := b
	if b.Start.IsZero() { // the other policy does not import it, and knows nothing of it
		told = a
	}
	d := difference{Meeting: a.Meeting, Title: told.Title, Start: told.Start, End: told.End, Before: outcomeOf(a), After: outcomeOf(b)}
	switch {
	case !a.Record && !b.Record:
		return d, false
	case !a.Record:
		d.Change = starts
	case !b.Record:
		d.Change = stops
	case !slices.Equal(a.Capture, b.Capture) || a.Owner != b.Owner || a.Provider != b.Provider || !slices.Equal(a.OnBehalfOf, b.OnBehalfOf):
		d.Change = changes
	default:
		return d, false
	}
	// Where a decision is held, the lost access is against the recording in both: no policy brought it about.
	if d.Rules = changedRules(d.Change, before.Decision, after.Decision); len(d.Rules) == 0 {
		d.Rules = changedRules(d.Change, a, b)
	}
	return d, true
}

func outcomeOf(d eligibility.Decision) outcome {
	if !d.Record {
		return outcome{}
	}
	return outcome{true, d.Owner, d.Provider, d.Capture, d.OnBehalfOf}
}

// changedRules are the rules that are against the recording in one of the decisions and not in the other;
// where it is recorded all the same, those that say something else.
func changedRules(change string, a, b eligibility.Decision) []changedRule {
	before := map[string]eligibility.Check{}
	for _, c := range a.Checks {
		before[c.Rule] = c
	}
	var all []changedRule
	for _, c := range b.Checks {
		was := before[c.Rule]
		delete(before, c.Rule)
		against := (was.Status == eligibility.Fail) != (c.Status == eligibility.Fail)
		if against || change == changes && (was.Status != c.Status || was.Detail != c.Detail) {
			r := changedRule{c.Rule, was.Status, c.Status, c.Detail}
			if was.Status == eligibility.Fail {
				r.Detail = was.Detail
			}
			all = append(all, r)
		}
	}
	for _, c := range a.Checks { // of rules that the new policy has not
		if _, gone := before[c.Rule]; gone && c.Status == eligibility.Fail {
			all = append(all, changedRule{Rule: c.Rule, Before: c.Status, Detail: c.Detail})
		}
	}
	return all
}

func printDifferences(w io.Writer, all []difference, same int) error {
	var b bytes.Buffer
	count := map[string]int{}
	if len(all) > 0 {
		rows := [][]string{{"CHANGE", "WHEN (UTC)", "TITLE", "WHAT", "BY"}}
		for _, d := range all {
			count[d.Change]++
			rows = append(rows, []string{d.Change, span(d.Start, d.End, time.UTC), titleOf(d.Title), d.what(), d.by()})
		}
		table(&b, rows)
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d recordings would start, %d stop, %d change; %d stay as they are\n", count[starts], count[stops], count[changes], same)
	_, err := w.Write(b.Bytes())
	return err
}

// what says what becomes of the recording.
func (d difference) what() string {
	if d.Change != changes {
		o := d.After
		if d.Change == stops {
			o = d.Before
		}
		return fmt.Sprintf("%s by %s, for %s", o.Provider, strings.Join(o.Capture, ", "), o.Owner)
	}
	var parts []string
	for _, p := range []struct{ name, before, after string }{
		{"provider", d.Before.Provider, d.After.Provider},
		{"owner", d.Before.Owner, d.After.Owner},
		{"capture", strings.Join(d.Before.Capture, ", "), strings.Join(d.After.Capture, ", ")},
		{"on behalf of", strings.Join(d.Before.OnBehalfOf, ", "), strings.Join(d.After.OnBehalfOf, ", ")},
	} {
		if p.before != p.after {
			parts = append(parts, fmt.Sprintf("%s: %s → %s", p.name, orNone(p.before, "none"), orNone(p.after, "none")))
		}
	}
	return strings.Join(parts, "; ")
}

// by names the rules, with the first one's detail.
func (d difference) by() string {
	var names []string
	detail := ""
	for _, r := range d.Rules {
		names = append(names, r.Rule)
		if detail == "" {
			detail = r.Detail
		}
	}
	if detail == "" {
		return orNone(strings.Join(names, ", "), "the directory")
	}
	return strings.Join(names, ", ") + ": " + printable(detail)
}
