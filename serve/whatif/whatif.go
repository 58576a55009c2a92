// Package whatif says what another policy would do to the meetings that are known.
package whatif

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// What a policy does to a recording.
const (
	Starts  = "start"
	Stops   = "stop"
	Changes = "change"
)

// A Difference is one recording that would change, as a line of JSON.
type Difference struct {
	Change  string        `json:"change"` // start, stop, change
	Meeting calendar.Key  `json:"meeting"`
	Title   string        `json:"title,omitempty"`
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	Before  Outcome       `json:"before"`
	After   Outcome       `json:"after"`
	Rules   []ChangedRule `json:"rules"` // those by which
}

// An Outcome is what of a decision a recorder goes by.
type Outcome struct {
	Record     bool     `json:"record"`
	Owner      string   `json:"owner,omitempty"`
	Provider   string   `json:"provider,omitempty"`
	Capture    []string `json:"capture,omitempty"`
	OnBehalfOf []string `json:"on_behalf_of,omitempty"`
}

// A ChangedRule is a rule that says something else.
type ChangedRule struct {
	Rule   string             `json:"rule"`
	Before eligibility.Status `json:"before,omitempty"` // "": there is no such rule
	After  eligibility.Status `json:"after,omitempty"`
	Detail string             `json:"detail,omitempty"` // of the one that is against the recording, else of the new one
}

// SameReading reports whether what the store has of the events serves both policies.
func SameReading(a, b *eligibility.Policy) bool {
	x, errX := json.Marshal(a.Reading())
	y, errY := json.Marshal(b.Reading())
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// batch is how many decisions are in memory at a time.
const batch = 500

// Compare decides all meetings that have not ended by both. What changes comes by start and meeting.
func Compare(ctx context.Context, r engine.Reader, before, after engine.Judge, now time.Time) (changed []Difference, same int, err error) {
	seen := map[calendar.Key]bool{} // a meeting that is decided anew meanwhile comes once more
	for seq := int64(0); ; {
		decisions, err := r.DecisionsAfter(ctx, seq, batch)
		if err != nil {
			return nil, 0, fmt.Errorf("read the decisions: %w", err)
		}
		for _, d := range decisions {
			seq = d.Seq
			if seen[d.Meeting] || !d.End.IsZero() && !d.End.After(now) {
				continue
			}
			seen[d.Meeting] = true
			diff, outcome, err := compare(ctx, r, d.Meeting, before, after, now)
			switch {
			case err != nil:
				return nil, 0, err
			case outcome == differs:
				changed = append(changed, diff)
			case outcome == stays:
				same++
			}
		}
		if len(decisions) < batch {
			break
		}
	}
	slices.SortFunc(changed, func(a, b Difference) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Meeting, b.Meeting)) })
	return changed, same, nil
}

// What a policy means for one meeting.
type effect int

const (
	none    effect = iota
	stays          // it is recorded as before
	differs        // it is not
)

func compare(ctx context.Context, r engine.Reader, k calendar.Key, before, after engine.Judge, now time.Time) (Difference, effect, error) {
	m, err := r.Meeting(ctx, k)
	if err != nil {
		return Difference{}, none, fmt.Errorf("read the copies of %s: %w", k, err)
	}
	if len(m.Copies) == 0 {
		return Difference{}, none, nil
	}
	said, err := r.SignalsAbout(ctx, k)
	if err != nil {
		return Difference{}, none, fmt.Errorf("read what was said of %s: %w", k, err)
	}
	a, b := before.Decide(m, said), after.Decide(m, said)
	if !a.Planned().End.After(now) && !b.Planned().End.After(now) {
		return Difference{}, none, nil // it has ended; of what is not imported only one of them knows when
	}
	switch diff, changes := differ(a, b); {
	case changes:
		return diff, differs, nil
	case diff.Before.Record:
		return diff, stays, nil
	}
	return Difference{}, none, nil
}

func differ(before, after engine.Decision) (Difference, bool) {
	a, b := before.Planned(), after.Planned()
	told := b
	if b.Start.IsZero() { // the other policy does not import it, and knows nothing of it
		told = a
	}
	d := Difference{Meeting: a.Meeting, Title: told.Title, Start: told.Start, End: told.End, Before: outcomeOf(a), After: outcomeOf(b)}
	switch {
	case !a.Record && !b.Record:
		return d, false
	case !a.Record:
		d.Change = Starts
	case !b.Record:
		d.Change = Stops
	case !slices.Equal(a.Capture, b.Capture) || a.Owner != b.Owner || a.Provider != b.Provider || !slices.Equal(a.OnBehalfOf, b.OnBehalfOf):
		d.Change = Changes
	default:
		return d, false
	}
	// Where a decision is held, the lost access is against the recording in both: no policy brought it about.
	if d.Rules = changedRules(d.Change, before.Decision, after.Decision); len(d.Rules) == 0 {
		d.Rules = changedRules(d.Change, a, b)
	}
	return d, true
}

func outcomeOf(d eligibility.Decision) Outcome {
	if !d.Record {
		return Outcome{}
	}
	return Outcome{true, d.Owner, d.Provider, d.Capture, d.OnBehalfOf}
}

// changedRules are the rules that are against the recording in one of the decisions and not in the other;
// where it is recorded all the same, those that say something else.
func changedRules(change string, a, b eligibility.Decision) []ChangedRule {
	before := map[string]eligibility.Check{}
	for _, c := range a.Checks {
		before[c.Rule] = c
	}
	var all []ChangedRule
	for _, c := range b.Checks {
		was := before[c.Rule]
		delete(before, c.Rule)
		against := (was.Status == eligibility.Fail) != (c.Status == eligibility.Fail)
		if against || change == Changes && (was.Status != c.Status || was.Detail != c.Detail) {
			r := ChangedRule{c.Rule, was.Status, c.Status, c.Detail}
			if was.Status == eligibility.Fail {
				r.Detail = was.Detail
			}
			all = append(all, r)
		}
	}
	for _, c := range a.Checks { // of rules that the new policy has not
		if _, gone := before[c.Rule]; gone && c.Status == eligibility.Fail {
			all = append(all, ChangedRule{Rule: c.Rule, Before: c.Status, Detail: c.Detail})
		}
	}
	return all
}

// What says what becomes of the recording.
func (d Difference) What() string {
	if d.Change != Changes {
		o := d.After
		if d.Change == Stops {
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
			parts = append(parts, fmt.Sprintf("%s: %s → %s", p.name, cmp.Or(p.before, "none"), cmp.Or(p.after, "none")))
		}
	}
	return strings.Join(parts, "; ")
}

// By names the rules, with the first one's detail.
func (d Difference) By() string {
	var names []string
	detail := ""
	for _, r := range d.Rules {
		names = append(names, r.Rule)
		if detail == "" {
			detail = r.Detail
		}
	}
	if detail == "" {
		return cmp.Or(strings.Join(names, ", "), "the directory")
	}
	return strings.Join(names, ", ") + ": " + detail
}
