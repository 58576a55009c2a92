package eligibility

import (
	"time"

	"example.com/syncd/calendar"
)

// A Status is the outcome of one rule.
type Status string

const (
	Pass          Status = "pass"
	Fail          Status = "fail" // the meeting is not recorded
	Warn          Status = "warn" // a risk; never blocks
	NotApplicable Status = "n/a"
)

// A Check is one rule's line in the trace.
type Check struct {
	Rule    string `json:"rule"`
	Status  Status `json:"status"`
	Detail  string `json:"detail,omitempty"`  // a sentence with the offending value; always there on Fail and Warn
	Setting string `json:"setting,omitempty"` // the policy path that an admin would change
}

// A Decision says whether one meeting is recorded, how, and why. Its JSON is the contract of the
// command line and the API.
type Decision struct {
	Meeting    calendar.Key `json:"meeting"`
	Record     bool         `json:"record"`
	Owner      string       `json:"owner,omitempty"`
	Provider   string       `json:"provider,omitempty"`
	JoinURL    string       `json:"join_url,omitempty"`
	Capture    []string     `json:"capture,omitempty"` // for the recorder to try, best first
	OnBehalfOf []string     `json:"on_behalf_of,omitempty"`
	Start      time.Time    `json:"start,omitzero"` // UTC
	End        time.Time    `json:"end,omitzero"`
	Checks     []Check      `json:"checks"` // every rule, in the order of the rules' table

	// MeetingID is the provider's id of the call and CallKeys further ids of it, to see that two
	// meetings are one call. They are no part of the trace.
	MeetingID string   `json:"-"`
	CallKeys  []string `json:"-"`
	Title     string   `json:"-"` // the lead copy's, or what another copy has if it has none; "" for private meetings when those are excluded
}
