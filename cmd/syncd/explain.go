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
	"example.com/syncd/linkparse"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

// explainCommand answers "why wasn't my call recorded?" from what the daemon has stored.
type explainCommand struct {
	configFlag
	JSON    bool   `help:"Print one line of JSON for each meeting."`
	Meeting string `arg:"" help:"The meeting: its UID, with or without the occurrence (UID/2026-11-24T10:00:00Z), its conference link, or words of its title."`
}

// explanation is one meeting's answer.
type explanation struct {
	Title     string               `json:"title,omitempty"`
	Decision  eligibility.Decision `json:"decision"`
	DecidedAt time.Time            `json:"decided_at"`
	// Held says that it is recorded all the same, since only the access to calendars was lost.
	Held      bool                `json:"held,omitempty"`
	SeenOn    []string            `json:"seen_on"`
	Found     []foundLink         `json:"found,omitempty"`
	Remedies  []remedy            `json:"remedies,omitempty"` // of the checks that fail or warn, in their order
	Schedules []schedule.Schedule `json:"schedules,omitempty"`
}

// A foundLink is a conference link, or a wrapped one that can't be decoded, and where it stands.
type foundLink struct {
	Provider  string   `json:"provider,omitempty"`
	MeetingID string   `json:"meeting_id,omitempty"`
	WrappedBy []string `json:"wrapped_by,omitempty"`
	Domain    string   `json:"domain,omitempty"` // what a gateway says is behind its link
	In        []string `json:"in"`               // fields and calendars: "location on google:ana@acme.com"
}

// A remedy is how the outcome of a check can change.
type remedy struct {
	Rule    string `json:"rule"`
	Setting string `json:"setting,omitempty"`
	Who     string `json:"who,omitempty"`   // can change it
	Again   string `json:"again,omitempty"` // it is decided
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
		return nil, fmt.Errorf("there is no store at %s yet; let \"syncd run --config %s\" read the calendars first", cfg.Store, name)
	}
	return r, err
}

// find looks for meetings by their key, their series, their conference link, or words of their title, in this
// order. There is at least one, or an error. Blanks around what was asked for come from pasting it; blanks
// alone would be every meeting without a link.
func find(ctx context.Context, r engine.Reader, what string) ([]engine.Decision, error) {
	if what = strings.TrimSpace(what); what == "" {
		return nil, usageError{errors.New("which meeting? Give its UID, its conference link, or words of its title")}
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

// leadsTo reports whether a link, perhaps another variant of it, is the meeting's.
func leadsTo(l linkparse.Link, d engine.Decision) bool {
	return l.MeetingID != "" && l.Provider == d.Provider && (l.MeetingID == d.MeetingID || slices.Contains(d.CallKeys, l.MeetingID))
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
	return explanation{d.Title, d.Decision, d.DecidedAt, d.Held != nil, seenOn(m), foundIn(m), remedies(d.Decision), schedules}, nil
}

// foundIn are the links of all copies, each once.
func foundIn(m calendar.Meeting) []foundLink {
	var all []foundLink
	add := func(l foundLink, in string) {
		i := slices.IndexFunc(all, func(o foundLink) bool {
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
			add(foundLink{Provider: l.Provider, MeetingID: l.MeetingID, WrappedBy: l.WrappedBy}, l.Where+on)
		}
		for _, o := range c.Links.Opaque {
			add(foundLink{WrappedBy: []string{o.Wrapper}, Domain: o.Domain}, "text"+on)
		}
	}
	return all
}

func (l foundLink) String() string {
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

func remedies(d eligibility.Decision) []remedy {
	var all []remedy
	for _, c := range d.Checks {
		if c.Status == eligibility.Fail || c.Status == eligibility.Warn {
			r := eligibility.RuleOf(c)
			all = append(all, remedy{c.Rule, c.Setting, r.Who, r.Again})
		}
	}
	return all
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
	for _, l := range x.Found {
		fmt.Fprintf(&b, "  found     %s\n", printable(l.String()))
	}
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
