// Package schedule turns decisions into recording schedules: one recording per call, with revisions.
// It is pure.
package schedule

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

// A State says what a revision asks of the recorder.
type State string

const (
	Scheduled State = "scheduled" // record this, from now on
	Updated   State = "updated"   // record this in place of the revision before
	Cancelled State = "cancelled" // do not record; the other fields say what was to be recorded
)

// A Schedule is one recording of one call. Its JSON is what recorders receive.
type Schedule struct {
	ID       string         `json:"id"`       // stable over all revisions
	Revision int            `json:"revision"` // 1, 2, 3 …
	State    State          `json:"state"`
	Meetings []calendar.Key `json:"meetings"` // the meetings that are this call, ordered
	Title    string         `json:"title,omitempty"`
	Start    time.Time      `json:"start"` // UTC
	End      time.Time      `json:"end"`
	Provider string         `json:"provider"`
	// MeetingID is the provider's id of the call, where the link has one.
	MeetingID  string   `json:"meeting_id,omitempty"`
	JoinURL    string   `json:"join_url"`
	Capture    []string `json:"capture"` // methods to try, best first
	Owner      string   `json:"owner,omitempty"`
	OnBehalfOf []string `json:"on_behalf_of,omitempty"`
	// Reasons are the decisions behind this revision, one a meeting. A reason that changes without
	// changing what is recorded makes no revision.
	Reasons []eligibility.Decision `json:"reasons,omitempty"`
}

// ID is the n-th id (from 0) that a schedule founded by meeting k may have. The second and later ones
// are needed only when k's first schedule went on with other meetings.
func ID(k calendar.Key, n int) string {
	sum := sha256.Sum256([]byte(string(k) + "\x00" + strconv.Itoa(n)))
	return "rec_" + hex.EncodeToString(sum[:12])
}

// live reports whether s still asks for a recording at now.
func (s Schedule) live(now time.Time) bool { return s.State != Cancelled && s.End.After(now) }

// records reports whether s and o ask for the same recording.
func (s Schedule) records(o Schedule) bool {
	return slices.Equal(s.Meetings, o.Meetings) && s.Title == o.Title && s.Start.Equal(o.Start) && s.End.Equal(o.End) &&
		s.Provider == o.Provider && s.MeetingID == o.MeetingID && s.JoinURL == o.JoinURL &&
		slices.Equal(s.Capture, o.Capture) && s.Owner == o.Owner && slices.Equal(s.OnBehalfOf, o.OnBehalfOf)
}
