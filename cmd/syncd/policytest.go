package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
)

// policyCommand is for whoever keeps the policy.
type policyCommand struct {
	Test policyTestCommand `cmd:"" help:"Decide an admin's cases by a policy, and say which are not as expected."`
	Diff policyDiffCommand `cmd:"" help:"Say which recordings another policy would start, stop or change, of the meetings that the daemon knows."`
}

// policyTestCommand runs cases.
type policyTestCommand struct {
	Policy string `help:"The policy. Default: the one that the file names." placeholder:"FILE"`
	JSON   bool   `help:"Print one line of JSON for each case."`
	File   string `arg:"" help:"The cases: YAML, as in configs/policy-cases.yaml."`
}

// caseResult is one case's outcome, as a line of JSON.
type caseResult struct {
	Case     string               `json:"case"`
	Line     int                  `json:"line"`
	OK       bool                 `json:"ok"`
	Wrong    []string             `json:"wrong,omitempty"` // what is not as expected, a sentence each
	Decision eligibility.Decision `json:"decision"`
}

func (c *policyTestCommand) Run(s streams) error {
	cases, err := config.LoadCases(c.File)
	if err != nil {
		return usageError{err}
	}
	file := c.Policy
	if file == "" {
		if file = cases.Policy; file == "" {
			return usageError{fmt.Errorf("%s names no policy: add \"policy: FILE\" to it, or give --policy", c.File)}
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(c.File), file)
		}
	}
	policy, err := config.LoadPolicy(file, driverNames()...)
	if err != nil {
		return usageError{err}
	}
	directory := eligibility.NewDirectory(policy.Directory.Members)
	failed := 0
	for _, one := range cases.Cases {
		r, err := runCase(one, policy, directory)
		if err != nil {
			return err
		}
		if !r.OK {
			failed++
		}
		if c.JSON {
			if err := printLine(s.out, r); err != nil {
				return err
			}
		} else if !r.OK {
			fmt.Fprintf(s.out, "FAIL  %s:%d: %s\n", c.File, r.Line, r.Case)
			for _, w := range r.Wrong {
				fmt.Fprintf(s.out, "      %s\n", w)
			}
		}
	}
	if !c.JSON {
		fmt.Fprintf(s.out, "%d of %d cases are as expected\n", len(cases.Cases)-failed, len(cases.Cases))
	}
	if failed > 0 {
		return errPartly
	}
	return nil
}

func runCase(c config.Case, p *eligibility.Policy, d *eligibility.Directory) (caseResult, error) {
	copies, err := c.Copies()
	if err != nil {
		return caseResult{}, err
	}
	said, err := c.Said()
	if err != nil {
		return caseResult{}, err
	}
	meetings := calendar.Merge(copies)
	r := caseResult{Case: c.Name, Line: c.Line, Decision: eligibility.Decide(meetings[0], p, d, said)}
	if len(meetings) > 1 {
		r.Wrong = append(r.Wrong, "its copies are of several meetings: their starts in a series differ")
	}
	r.Wrong = append(r.Wrong, differences(c.Expect, r.Decision)...)
	r.OK = len(r.Wrong) == 0
	return r, nil
}

// differences are what is not as expected, in sentences.
func differences(want config.Expectation, d eligibility.Decision) []string {
	var wrong []string
	for _, v := range []struct {
		name, got string
		want      *string
	}{{"owner", d.Owner, want.Owner}, {"provider", d.Provider, want.Provider}, {"join_url", d.JoinURL, want.JoinURL}} {
		if v.want != nil && *v.want != v.got {
			wrong = append(wrong, fmt.Sprintf("%s is %q, expected %q", v.name, v.got, *v.want))
		}
	}
	for _, v := range []struct {
		name      string
		got, want []string
	}{{"capture", d.Capture, want.Capture}, {"on_behalf_of", d.OnBehalfOf, want.OnBehalfOf}} {
		if v.want != nil && !slices.Equal(v.got, v.want) {
			wrong = append(wrong, fmt.Sprintf("%s is [%s], expected [%s]", v.name, strings.Join(v.got, ", "), strings.Join(v.want, ", ")))
		}
	}
	if want.Record != nil && *want.Record != d.Record {
		why := "every rule is met"
		if all := against(d); len(all) > 0 {
			why = strings.Join(all, "; ")
		}
		wrong = append([]string{fmt.Sprintf("record is %v, expected %v: %s", d.Record, *want.Record, why)}, wrong...)
	}
	return append(wrong, wrongChecks(want, d)...)
}

// against are the checks that are against a recording, each with its detail.
func against(d eligibility.Decision) []string {
	var all []string
	for _, c := range d.Checks {
		if c.Status == eligibility.Fail {
			all = append(all, c.Rule+": "+c.Detail)
		}
	}
	return all
}

func wrongChecks(want config.Expectation, d eligibility.Decision) []string {
	var wrong []string
	left := map[string]bool{}
	for rule := range want.Checks {
		left[rule] = true
	}
	for rule := range want.DetailHas {
		left[rule] = true
	}
	for _, c := range d.Checks {
		delete(left, c.Rule)
		if status, asked := want.Checks[c.Rule]; asked && status != string(c.Status) {
			wrong = append(wrong, fmt.Sprintf("%s is %s, expected %s%s", c.Rule, c.Status, status, inBrackets(c.Detail)))
		}
		if words := want.DetailHas[c.Rule]; !strings.Contains(strings.ToLower(c.Detail), strings.ToLower(words)) {
			wrong = append(wrong, fmt.Sprintf("the detail of %s has no %q%s", c.Rule, words, inBrackets(c.Detail)))
		}
	}
	for rule := range left {
		wrong = append(wrong, fmt.Sprintf("the policy has no rule %s", rule))
	}
	slices.SortStableFunc(wrong, func(a, b string) int { return cmp.Compare(a, b) })
	return wrong
}

func inBrackets(detail string) string {
	if detail == "" {
		return ""
	}
	return " (" + detail + ")"
}
