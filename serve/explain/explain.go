// Package explain answers "why wasn't my call recorded?" from what is stored of a meeting.
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/linkparse"
	"example.com/syncd/schedule"
)

// An Explanation is one meeting's answer.
type Explanation struct {
	Title     string               `json:"title,omitempty"`
	Decision  eligibility.Decision `json:"decision"`
	DecidedAt time.Time            `json:"decided_at"`
	// Verdict says in a line what became of the meeting.
	Verdict string `json:"-"`
	// Held says that it is recorded all the same, since only the access to calendars was lost.
	Held      bool                `json:"held,omitempty"`
	SeenOn    []string            `json:"seen_on"`
	Found     []Link              `json:"found,omitempty"`
	Remedies  []Remedy            `json:"remedies,omitempty"` // of the checks that fail or warn, in their order
	Schedules []schedule.Schedule `json:"schedules,omitempty"`
}

// A Link is a conference link, or a wrapped one that can't be decoded, and where it stands.
type Link struct {
	Provider  string   `json:"provider,omitempty"`
	MeetingID string   `json:"meeting_id,omitempty"`
	WrappedBy []string `json:"wrapped_by,omitempty"`
	Domain    string   `json:"domain,omitempty"` // what a gateway says is behind its link
	In        []string `json:"in"`               // fields and calendars: "location on google:ana@acme.com"
}

// A Remedy is how the outcome of a check can change.
type Remedy struct {
	Rule    string `json:"rule"`
	Setting string `json:"setting,omitempty"`
	Who     string `json:"who,omitempty"`   // can change it
	Again   string `json:"again,omitempty"` // it is decided
}

// ErrWhich: nothing was asked for.
var ErrWhich = errors.New("which meeting? Give its UID, its conference link, or words of its title")

// Find looks for meetings by their key, their series, their conference link, or words of their title, in this
// order. There is at least one, or an error. Blanks around what was asked for come from pasting it; blanks
// alone would be every meeting without a link.
func Find(ctx context.Context, r engine.Reader, what string) ([]engine.Decision, error) {
	if what = strings.TrimSpace(what); what == "" {
		return nil, ErrWhich
	}
	all, err := r.Decisions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the decisions: %w", err)
	}
	uid := calendar.CanonicalUID(what)
	links := linkparse.Find(linkparse.Options{}, linkparse.Field{Kind: linkparse.URL, Text: what}).Links
	for _, matches := range []func(engine.Decision) bool{
		func(d engine.Decision) bool { return string(d.Meeting) == what },
		func(d engine.Decision) bool { return d.Meeting.Series() == uid },
		func(d engine.Decision) bool {
			return d.JoinURL == what || slices.ContainsFunc(links, func(l linkparse.Link) bool { return leadsTo(l, d) })
		},
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
	return nil, fmt.Errorf("no meeting %q is known: no calendar that was read shows it within the horizon (give its UID, its conference link, or words of its title; titles of private meetings are not kept)", what)
}

// Verdict says in a line what became of the meeting.
func Verdict(d engine.Decision) string {
	switch {
	case d.Held != nil:
		return "held: what was scheduled goes on, since only the access to calendars was lost"
	case d.Record:
		return fmt.Sprintf("recorded: %s by %s, for %s", d.Provider, strings.Join(d.Capture, ", then "), cmp.Or(d.Owner, "nobody in particular"))
	}
	return "not recorded"
}

// leadsTo reports whether a link, perhaps another variant of it, is the meeting's.
func leadsTo(l linkparse.Link, d engine.Decision) bool {
	return l.MeetingID != "" && l.Provider == d.Provider && (l.MeetingID == d.MeetingID || slices.Contains(d.CallKeys, l.MeetingID))
}

// Of explains a decision, by what the store has of its meeting.
func Of(ctx context.Context, r engine.Reader, d engine.Decision) (Explanation, error) {
	m, err := r.Meeting(ctx, d.Meeting)
	if err != nil {
		return Explanation{}, fmt.Errorf("read the copies of %s: %w", d.Meeting, err)
	}
	schedules, err := r.SchedulesOf(ctx, d.Meeting)
	if err != nil {
		return Explanation{}, fmt.Errorf("read the schedules of %s: %w", d.Meeting, err)
	}
	for i := range schedules {
		schedules[i].Reasons = nil // the decision above is the newest
	}
	return Explanation{d.Title, d.Decision, d.DecidedAt, Verdict(d), d.Held != nil, SeenOn(m), FoundIn(m), Remedies(d.Decision), schedules}, nil
}

// FoundIn are the links of all copies, each once.
func FoundIn(m calendar.Meeting) []Link {
	var all []Link
	add := func(l Link, in string) {
		i := slices.IndexFunc(all, func(o Link) bool {
			return o.Provider == l.Provider && o.MeetingID == l.MeetingID && o.Domain == l.Domain && slices.Equal(o.WrappedBy, l.WrappedBy)
		})
		if i < 0 {
			i = len(all)
			all = append(all, l)
		}
		if !slices.Contains(all[i].In, in) {
			all[i].In = append(all[i].In, in)
		}
	}
	for _, c := range m.Copies {
		if c.Links == nil {
			continue
		}
		on := " on " + c.Source.Driver + ":" + c.Source.Calendar
		for _, l := range c.Links.Links {
			add(Link{Provider: l.Provider, MeetingID: l.MeetingID, WrappedBy: l.WrappedBy}, l.Where+on)
		}
		for _, o := range c.Links.Opaque {
			add(Link{WrappedBy: []string{o.Wrapper}, Domain: o.Domain}, "text"+on)
		}
	}
	return all
}

// String says what was found, and where.
func (l Link) String() string {
	in := strings.Join(l.In, ", ")
	wrapped := strings.Join(l.WrappedBy, ", ")
	switch {
	case l.Provider == "" && l.Domain != "":
		return fmt.Sprintf("a link that %s has wrapped, to %s, in the %s", wrapped, l.Domain, in)
	case l.Provider == "":
		return fmt.Sprintf("a link that %s has wrapped, in the %s", wrapped, in)
	case wrapped != "":
		in += ", unwrapped from " + wrapped
	}
	return strings.TrimSpace(l.Provider+" "+l.MeetingID) + " in the " + in
}

// Remedies are how the checks that fail or warn can change, in their order.
func Remedies(d eligibility.Decision) []Remedy {
	var all []Remedy
	for _, c := range d.Checks {
		if c.Status == eligibility.Fail || c.Status == eligibility.Warn {
			r := eligibility.RuleOf(c)
			all = append(all, Remedy{c.Rule, c.Setting, r.Who, r.Again})
		}
	}
	return all
}

// SeenOn are the calendars that show m, each with the kind of its connection.
func SeenOn(m calendar.Meeting) []string {
	calendars := make([]string, 0, len(m.Copies))
	for _, c := range m.Copies {
		calendars = append(calendars, c.Source.Driver+":"+c.Source.Calendar)
	}
	slices.Sort(calendars)
	return slices.Compact(calendars)
}
