package console

import (
	"net/http"
	"time"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// meetingsBody is the page of all meetings.
type meetingsBody struct {
	Filter   filter
	Rows     []meetingRow
	Rules    []share // that keep meetings from being recorded
	AllRules []string
	Next     string
	Zone     time.Time
}

type meetingRow struct {
	engine.Decision
	Mark mark
	Why  string // it is not recorded
	More int    // further rules that fail
}

// hide leaves of a private meeting its times.
func hideDecision(d *engine.Decision) (hidden bool) {
	if !private(d.Decision) {
		if d.Title == "" {
			d.Title = noTitle
		}
		return false
	}
	d.Decision = eligibility.Decision{Meeting: d.Meeting, Start: d.Start, End: d.End, Record: d.Record, Title: hiddenTitle,
		Checks: []eligibility.Check{{Rule: "private", Status: eligibility.Fail, Detail: "a calendar marks it as private", Setting: "exclude.private"}}}
	d.Held = nil
	return true
}

func rowOf(d engine.Decision) meetingRow {
	hideDecision(&d)
	row := meetingRow{Decision: d, Mark: markOfDecision(d)}
	if d.Record {
		return row
	}
	n := 0
	for _, check := range d.Checks {
		if check.Status != eligibility.Fail {
			continue
		}
		if n++; n == 1 {
			row.Why = check.Detail
		}
	}
	row.More = max(0, n-1)
	return row
}

func (c *console) meetings(r *http.Request) (answer, error) {
	f := filterOf(r)
	b := meetingsBody{Filter: f, Zone: c.Now()}
	q := f.query()
	if f.Text == "" { // who looks for one may mean one that is over
		q.From = c.midnight(c.Now())
	}
	if f.Week != "" {
		if day, err := time.ParseInLocation(time.DateOnly, f.Week, c.Zone); err == nil {
			q.From = day
		}
	}
	found, err := c.Data.Meetings(r.Context(), q)
	if err != nil {
		return answer{}, err
	}
	for _, d := range found.Items {
		b.Rows = append(b.Rows, rowOf(d))
	}
	if found.Next != "" {
		b.Next = f.Link("after", found.Next)
	}
	blocking, err := c.Data.Blocking(r.Context(), q)
	if err != nil {
		return answer{}, err
	}
	for _, n := range blocking {
		s := share{Label: ruleName(n.Rule), Link: f.Link("rule", n.Rule, "outcome", string(NotRecorded)), Count: n.Count}
		if n.Rule == f.Rule {
			s.Class = "chosen"
		}
		b.Rules = append(b.Rules, s)
	}
	b.Rules = shares(b.Rules)
	for _, rule := range eligibility.Rules() {
		b.AllRules = append(b.AllRules, rule.ID)
	}
	return answer{page: "meetings", title: "All meetings", section: "meetings", live: true, body: b}, nil
}
