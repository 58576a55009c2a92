package main

import (
	"bufio"
	"cmp"
	"slices"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
)

// decideCommand decides events that are given to it.
type decideCommand struct {
	Policy  string `required:"" help:"The company's rules." placeholder:"FILE"`
	Signals string `help:"What people said of meetings: JSON Lines." placeholder:"FILE"`
	File    string `arg:"" optional:"" help:"JSON Lines: one copy of a meeting a line, in any order. Default: standard input."`
}

func (c *decideCommand) Run(s streams) error {
	policy, err := config.LoadPolicy(c.Policy)
	if err != nil {
		return usageError{err}
	}
	signals, err := readSignals(c.Signals)
	if err != nil {
		return usageError{err}
	}
	var copies []calendar.Copy
	bad, err := eachLine(s, c.File, func(line []byte) error {
		cp, err := calendar.ParseCopy(line)
		if err == nil {
			copies = append(copies, cp)
		}
		return err
	})
	if err != nil {
		return err
	}
	decider := eligibility.NewDecider(policy, eligibility.NewDirectory(policy.Directory.Members), signals)
	var decisions []eligibility.Decision
	for _, m := range calendar.Merge(copies) {
		decisions = append(decisions, decider.Decide(m))
	}
	slices.SortStableFunc(decisions, func(a, b eligibility.Decision) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Meeting, b.Meeting))
	})
	out := bufio.NewWriter(s.out)
	for _, d := range decisions {
		if err := printLine(out, d); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if bad {
		return errPartly
	}
	return nil
}
