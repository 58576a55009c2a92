package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/serve/whatif"
)

// policyDiffCommand says what another policy would do to the meetings that the daemon knows.
type policyDiffCommand struct {
	configFlag
	JSON     bool   `help:"Print one line of JSON for each recording that would change."`
	ExitCode bool   `help:"End with status 1 if anything would change."`
	New      string `arg:"" help:"The other policy."`
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
	st, err := openStore(ctx, cfg, c.Config)
	if err != nil {
		return err
	}
	defer st.Close()
	sources, err := st.Sources(ctx)
	if err != nil {
		return fmt.Errorf("read the sources: %w", err)
	}
	judge := judging(cfg, sources)
	differences, same, err := whatif.Compare(ctx, st, judge(cfg.Policy), judge(other), clock(cfg)())
	if err != nil {
		return err
	}
	if !whatif.SameReading(cfg.Policy, other) {
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

// judging decides by any policy as a daemon would.
func judging(cfg *config.Config, sources []engine.SourceState) func(*eligibility.Policy) engine.Judge {
	return func(p *eligibility.Policy) engine.Judge {
		x := eligibility.NewDecider(p, eligibility.NewDirectory(p.Directory.Members), nil)
		return engine.NewJudge(x, sources, configured(cfg))
	}
}

// configured reports of a source whether its connection is in the configuration.
func configured(cfg *config.Config) func(calendar.Source) bool {
	return func(s calendar.Source) bool {
		return slices.ContainsFunc(cfg.Connections, func(c config.Connection) bool { return c.Driver.Name == s.Driver && c.Name == s.Account })
	}
}

func printDifferences(w io.Writer, all []whatif.Difference, same int) error {
	var b bytes.Buffer
	count := map[string]int{}
	if len(all) > 0 {
		rows := [][]string{{"CHANGE", "WHEN (UTC)", "TITLE", "WHAT", "BY"}}
		for _, d := range all {
			count[d.Change]++
			rows = append(rows, []string{d.Change, span(d.Start, d.End, time.UTC), titleOf(d.Title), d.What(), printable(d.By())})
		}
		table(&b, rows)
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d recordings would start, %d stop, %d change; %d stay as they are\n", count[whatif.Starts], count[whatif.Stops], count[whatif.Changes], same)
	_, err := w.Write(b.Bytes())
	return err
}
