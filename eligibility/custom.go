package eligibility

import (
	"fmt"
	"slices"
	"time"
)

// customRule is the row of the table in whose place the company's own rules stand.
const customRule = "custom:NAME"

// Custom excludes the meetings for which an expression in CEL (cel.dev) is true. Its variable
// "meeting" is a CustomMeeting; package eligibility/custom compiles it.
type Custom struct {
	Name       string `json:"name" yaml:"name"` // letters, digits, "-" and "_"
	Expression string `json:"expression" yaml:"expression"`

	Program Program `json:"-" yaml:"-"` // what Expression was compiled to
}

// A Program evaluates an expression over a meeting. It is pure, bounded in time, and safe for concurrent
// use.
type Program interface {
	Eval(CustomMeeting) (bool, error)
}

// A CustomMeeting is what an expression sees, as far as it is known; of a private meeting that is little
// more than its times.
type CustomMeeting struct {
	Title        string              `cel:"title"` // the lead copy's
	Start        time.Time           `cel:"start"`
	End          time.Time           `cel:"end"`
	TimeZone     string              `cel:"time_zone"` // IANA
	Visibility   string              `cel:"visibility"`
	Series       bool                `cel:"series"`   // one of several
	Internal     bool                `cel:"internal"` // everybody is on an internal domain
	Host         CustomParticipant   `cel:"host"`
	Participants []CustomParticipant `cel:"participants"`
	Provider     string              `cel:"provider"` // zoom, teams, webex, meet or ""
	MeetingID    string              `cel:"meeting_id"`
	JoinURL      string              `cel:"join_url"`
	Sources      []string            `cel:"sources"`   // google, outlook, coordinator
	Calendars    []string            `cel:"calendars"` // those that show it
}

// A CustomParticipant is one of those who take part, the host among them.
type CustomParticipant struct {
	Email    string `cel:"email"` // in lower case
	Domain   string `cel:"domain"`
	Name     string `cel:"name"`
	Response string `cel:"response"` // accepted, tentative, declined, none
	Member   bool   `cel:"member"`   // is in the directory
	Internal bool   `cel:"internal"` // is on an internal domain
}

// checkCustom has a line for each of the company's own rules. What can't be evaluated excludes the meeting:
// nobody knows whether it was meant.
func checkCustom(f *facts) []Check {
	custom := f.policy.Exclude.Custom
	if len(custom) == 0 {
		return nil
	}
	meeting := f.customMeeting()
	checks := make([]Check, len(custom))
	for i, c := range custom {
		checks[i] = Check{Rule: "custom:" + c.Name, Status: Pass}
		switch true, err := c.eval(meeting); {
		case len(f.copies) == 0:
			checks[i].Status, checks[i].Detail = NotApplicable, noCopy
			continue
		case err != nil:
			checks[i].Status, checks[i].Detail = Fail, fmt.Sprintf("warning: the expression could not be evaluated, which counts as true: %v", err)
		case true:
			checks[i].Status, checks[i].Detail = Fail, "it is excluded by the expression "+c.Expression
		default:
			continue
		}
		checks[i].Setting = "exclude.custom"
	}
	return checks
}

func (c Custom) eval(m CustomMeeting) (bool, error) {
	if c.Program == nil {
		return false, fmt.Errorf("it was not compiled")
	}
	return c.Program.Eval(m)
}

// customMeeting is what expressions see of this meeting.
func (f *facts) customMeeting() CustomMeeting {
	m := CustomMeeting{
		Title: f.lead.Title, Start: f.lead.Start.Time, End: f.lead.End.Time, TimeZone: f.lead.TimeZone, Visibility: f.lead.Visibility,
		Series: string(f.meeting) != f.series, Host: f.customParticipant(f.host), Provider: f.provider, Internal: len(f.people) > 0,
		Sources: sources(f.copies),
	}
	for _, p := range f.people {
		c := f.customParticipant(p)
		m.Participants = append(m.Participants, c)
		m.Internal = m.Internal && c.Internal
	}
	if f.link != nil {
		m.MeetingID, m.JoinURL = f.link.MeetingID, f.link.URL
	}
	for _, c := range f.copies {
		m.Calendars = append(m.Calendars, fold(c.Source.Calendar))
	}
	slices.Sort(m.Calendars)
	m.Calendars = slices.Compact(m.Calendars)
	return m
}

func (f *facts) customParticipant(p participant) CustomParticipant {
	c := CustomParticipant{Name: p.name, Response: p.response, Member: p.member != nil, Internal: len(p.addresses) > 0}
	if len(p.addresses) > 0 {
		c.Email = p.String()
	}
	if p.member != nil {
		c.Email, c.Name = p.member.addresses[0], p.member.Name
	}
	c.Domain = domainOf(c.Email)
	for _, a := range p.addresses {
		_, internal := f.internal.hold(domainOf(a))
		c.Internal = c.Internal && internal
	}
	return c
}
