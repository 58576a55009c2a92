package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/internal/jsonl"
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

// readSignals reads what people said of meetings. A signal may protect somebody, so a file with a bad
// line is no good at all.
func readSignals(file string) ([]eligibility.Signal, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("signals: %w", err)
	}
	defer f.Close()
	var signals []eligibility.Signal
	errs := jsonl.Each(file, f, func(line []byte) error {
		sig, err := parseSignal(line)
		signals = append(signals, sig)
		return err
	})
	return signals, errors.Join(errs...)
}

// parseSignal reads one line.
func parseSignal(line []byte) (eligibility.Signal, error) {
	var sig eligibility.Signal
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&sig); err != nil {
		return sig, jsonl.Plain(err)
	}
	if _, err := d.Token(); err != io.EOF { // two torn lines that grew together: one would be lost
		return sig, errors.New("more than one JSON value on the line")
	}
	switch {
	case sig.Meeting == "":
		return sig, errors.New(`the key "meeting" is missing or empty`)
	case sig.At.IsZero():
		return sig, errors.New(`the key "at" is missing`)
	case !sig.Known():
		return sig, fmt.Errorf("%q is no signal; it is one of opt_out, skip, record", sig.Signal)
	}
	return sig, nil
}
