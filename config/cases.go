package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

// Cases are what an admin expects of a policy.
type Cases struct {
	Policy string `yaml:"policy"` // the policy that they are about; relative to the file
	Cases  []Case `yaml:"cases"`
}

// A Case is a meeting and what must be decided of it.
type Case struct {
	Name    string       `yaml:"name"`
	Event   *CaseEvent   `yaml:"event"`   // as one calendar has it
	Meeting []CaseEvent  `yaml:"meeting"` // or as several have it
	Signals []CaseSignal `yaml:"signals"`
	Expect  Expectation  `yaml:"expect"`

	Line int `yaml:"-"` // where it stands
}

// A CaseEvent is a copy of a meeting, with what people know of it. What is left out is as usual: a confirmed
// meeting of half an hour in the organizer's main calendar.
type CaseEvent struct {
	Source      string         `yaml:"source"`   // the connector (google)
	Account     string         `yaml:"account"`  // the connection (the calendar's domain)
	Calendar    string         `yaml:"calendar"` // whose calendar has it (the organizer's)
	Primary     *bool          `yaml:"primary"`  // (true)
	Title       string         `yaml:"title"`
	Start       string         `yaml:"start"` // 2026-11-24T10:00:00Z, or a day (2026-01-05T10:00:00Z)
	End         string         `yaml:"end"`   // (30 minutes after the start)
	TimeZone    string         `yaml:"time_zone"`
	Organizer   string         `yaml:"organizer"`
	Creator     string         `yaml:"creator"`
	Attendees   []CaseAttendee `yaml:"attendees"`
	Location    string         `yaml:"location"`
	Description string         `yaml:"description"`
	Conference  string         `yaml:"conference"` // the link in the provider's own field
	Owner       string         `yaml:"owner"`      // whose account the conference is
	Visibility  string         `yaml:"visibility"`
	Kind        string         `yaml:"kind"`
	Status      string         `yaml:"status"`
	Series      bool           `yaml:"series"`   // one of several
	Received    string         `yaml:"received"` // coordinator: when the last change arrived (a day before the start)
	Sequence    int            `yaml:"sequence"`
	Updated     string         `yaml:"updated"`
}

// A CaseAttendee is written as the address, with the answer or the kind behind it: "joe@globex.com declined",
// "room1@acme.com resource".
type CaseAttendee calendar.Attendee

// UnmarshalText reads an attendee.
func (a *CaseAttendee) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 0 {
		return errors.New("an address is missing")
	}
	a.Email = words[0]
	for _, w := range words[1:] {
		switch w {
		case calendar.ResponseAccepted, calendar.ResponseTentative, calendar.ResponseDeclined, calendar.ResponseNone:
			a.Response = w
		case calendar.AttendeePerson, calendar.AttendeeGroup, calendar.AttendeeResource:
			a.Kind = w
		default:
			return fmt.Errorf("%q is neither an answer (accepted, tentative, declined, none) nor a kind (person, group, resource)", w)
		}
	}
	return nil
}

// A CaseSignal is what somebody said of the meeting.
type CaseSignal struct {
	Email  string `yaml:"email"`
	Signal string `yaml:"signal"` // opt_out, skip, record
	At     string `yaml:"at"`     // (an hour before the start)
}

// An Expectation is what a case says of the decision. What it leaves out may be anything.
type Expectation struct {
	Record     *bool             `yaml:"record"`
	Owner      *string           `yaml:"owner"`
	Provider   *string           `yaml:"provider"`
	JoinURL    *string           `yaml:"join_url"`
	Capture    []string          `yaml:"capture"`
	OnBehalfOf []string          `yaml:"on_behalf_of"`
	Checks     map[string]string `yaml:"checks"`     // a rule's status: pass, fail, warn, n/a
	DetailHas  map[string]string `yaml:"detail_has"` // words of a rule's detail, in upper or lower case
}

func (e Expectation) empty() bool {
	return e.Record == nil && e.Owner == nil && e.Provider == nil && e.JoinURL == nil && e.Capture == nil && e.OnBehalfOf == nil &&
		len(e.Checks) == 0 && len(e.DetailHas) == 0
}

// caseStart is when meetings are that do not say it.
var caseStart = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// LoadCases reads a file of cases. The error joins all that is wrong with it, each an *Error.
func LoadCases(path string) (*Cases, error) {
	data, err := read(path, "write one, or start from configs/policy-cases.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	dec := newDecoder(doc)
	c := &Cases{}
	dec.document(c)
	if len(c.Cases) == 0 && dec.err() == nil {
		dec.fail("cases", " must list at least one case")
	}
	_, list := longestKey(doc.root, "cases")
	for i := range c.Cases {
		if list != nil && list.Kind == yaml.SequenceNode && i < len(list.Content) {
			c.Cases[i].Line = list.Content[i].Line
		}
		c.Cases[i].check(dec, fmt.Sprintf("cases[%d]", i))
	}
	return c, dec.err()
}

func (c *Case) check(d *decoder, path string) {
	switch {
	case c.Event == nil && len(c.Meeting) == 0:
		d.fail(path, " has neither event nor meeting")
	case c.Event != nil && len(c.Meeting) > 0:
		d.fail(path, " has both event and meeting; take one")
	}
	if c.Name == "" {
		d.fail(path, ".name is missing")
	}
	if c.Expect.empty() { // it would never fail
		d.fail(path, ".expect is missing or empty: say what must come of it, such as record: false")
	}
	for rule, status := range c.Expect.Checks {
		c.known(d, path+".expect.checks."+rule, rule)
		switch eligibility.Status(status) {
		case eligibility.Pass, eligibility.Fail, eligibility.Warn, eligibility.NotApplicable:
		default:
			d.fail(path+".expect.checks."+rule, " is %q; it must be pass, fail, warn or n/a", status)
		}
	}
	for rule := range c.Expect.DetailHas {
		c.known(d, path+".expect.detail_has."+rule, rule)
	}
	if _, err := c.Copies(); err != nil {
		d.fail(path, ": %v", err)
	}
	if _, err := c.Said(); err != nil {
		d.fail(path+".signals", ": %v", err)
	}
}

func (c *Case) known(d *decoder, path, rule string) {
	var ids []string
	for _, r := range eligibility.Rules() {
		if r.ID == rule || strings.HasPrefix(rule, "custom:") {
			return
		}
		ids = append(ids, r.ID)
	}
	d.fail(path, ": %s", strings.Replace(unknownKey(rule, ids), "unknown key", "unknown rule", 1))
}

// Copies are the meeting's.
func (c *Case) Copies() ([]calendar.Copy, error) {
	events := c.Meeting
	if c.Event != nil {
		events = []CaseEvent{*c.Event}
	}
	var copies []calendar.Copy
	for i, e := range events {
		one, err := e.copy(i)
		if err != nil {
			return nil, err
		}
		copies = append(copies, one)
	}
	return copies, nil
}

// Said are the case's signals, about its meeting.
func (c *Case) Said() ([]eligibility.Signal, error) {
	copies, err := c.Copies()
	if err != nil || len(copies) == 0 {
		return nil, nil // which has been said
	}
	var said []eligibility.Signal
	for _, s := range c.Signals {
		at := copies[0].Start.Time.Add(-time.Hour)
		if s.At != "" {
			if at, err = time.Parse(time.RFC3339, s.At); err != nil {
				return nil, fmt.Errorf("at is %q; it must be a time such as 2026-11-24T09:00:00Z", s.At)
			}
		}
		sig := eligibility.Signal{Meeting: calendar.Merge(copies)[0].Key, Email: s.Email, Signal: s.Signal, At: at}
		if !sig.Known() {
			return nil, fmt.Errorf("%q is no signal; it is one of opt_out, skip, record", s.Signal)
		}
		said = append(said, sig)
	}
	return said, nil
}

// copy is the event as a connector would bring it. It takes the way over JSON, where the format of events
// is checked.
func (e CaseEvent) copy(n int) (calendar.Copy, error) {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	start := or(e.Start, caseStart.Format(time.RFC3339))
	owner := or(e.Calendar, e.Organizer)
	_, domain, _ := strings.Cut(owner, "@")
	event := map[string]any{
		"source": or(e.Source, "google"), "account": or(e.Account, domain), "calendar": owner, "primary": e.Primary == nil || *e.Primary,
		"id": fmt.Sprintf("case-%d", n), "uid": "case@syncd", "title": e.Title, "start": start, "end": or(e.End, later(start)), "time_zone": e.TimeZone,
		"organizer": map[string]string{"email": e.Organizer}, "creator": map[string]string{"email": or(e.Creator, e.Organizer)},
		"location": e.Location, "description": e.Description, "visibility": e.Visibility, "kind": e.Kind, "status": e.Status, "sequence": e.Sequence,
	}
	var attendees []calendar.Attendee
	for _, a := range e.Attendees {
		attendees = append(attendees, calendar.Attendee(a))
	}
	event["attendees"] = attendees
	if e.Conference != "" {
		event["conference"] = []map[string]string{{"kind": "video", "url": e.Conference, "owner": e.Owner}}
	}
	if e.Series {
		event["original_start"] = start
	}
	if e.Updated != "" {
		event["updated"] = e.Updated
	}
	if received := or(e.Received, earlier(start)); e.Source == "coordinator" && received != "" {
		event["received"] = received
	}
	b, err := json.Marshal(event)
	if err != nil {
		return calendar.Copy{}, err
	}
	return calendar.ParseCopy(b)
}

// later is half an hour after a time, or the day after a day; "" of anything else.
func later(start string) string {
	if t, err := time.Parse(time.RFC3339, start); err == nil {
		return t.Add(30 * time.Minute).Format(time.RFC3339)
	}
	if d, err := time.Parse(time.DateOnly, start); err == nil {
		return d.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	return ""
}

func earlier(start string) string {
	t, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, -1).UTC().Format(time.RFC3339)
}
