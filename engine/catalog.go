package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

// Catalog is what people and programs look up in a store, page by page. Lists are in the order of start and id (or as
// they say), and go on behind a place: what is added meanwhile moves nothing. What is stored as JSON is handed out as
// it is stored.
type Catalog interface {
	// FindMeetings are at most n meetings behind a place. next is where to go on, nil at the end; a page may be shorter
	// than n, or empty, and still have a next one: a search looks through so many meetings at a time.
	FindMeetings(ctx context.Context, f MeetingFilter, after Place, n int) (rows []MeetingRow, next *Place, err error)
	// Trace is all that is known of a meeting; ErrUnknown if it was never decided.
	Trace(ctx context.Context, k calendar.Key) (Trace, error)
	// Known reports whether there was ever a decision on that meeting, or on one of a series of that UID.
	Known(ctx context.Context, k calendar.Key) (bool, error)

	// FindSchedules are at most n schedules behind a place: the newest revisions, without their reasons.
	FindSchedules(ctx context.Context, f ScheduleFilter, after Place, n int) (schedules []json.RawMessage, next *Place, err error)
	// History is a schedule with its reasons, and all of its revisions; ErrUnknown if there is none of that id.
	History(ctx context.Context, id string) (newest json.RawMessage, revisions []Change, err error)
	// Changes are at most n revisions, of all schedules, written after the one of that number, in the order of writing.
	Changes(ctx context.Context, after int64, n int) ([]Change, error)
	// NewestChange is the number of the last revision, 0 if there is none.
	NewestChange(ctx context.Context) (int64, error)

	// Calendars are at most n sources with ids behind after, by id.
	Calendars(ctx context.Context, after calendar.SourceID, n int) ([]SourceState, error)
	// CalendarsOf are the sources whose calendar has that address, in whatever case.
	CalendarsOf(ctx context.Context, address string) ([]SourceState, error)
	// Connections are those that have calendars, by name.
	Connections(ctx context.Context) ([]ConnectionCount, error)

	// HeldLetters are at most n mails that are held, the newest first, behind one of them; the zero one begins.
	HeldLetters(ctx context.Context, behind HeldLetter, n int) ([]HeldLetter, error)
	// ReleaseLetter has the mails of that id believed that are held, and returns them; ErrUnknown if there is none.
	ReleaseLetter(ctx context.Context, id string) ([]HeldLetter, error)
}

// ErrUnknown: there is nothing of that name.
var ErrUnknown = errors.New("there is nothing of that name")

// A Place is where a list goes on: behind what starts then and has that id.
type Place struct {
	Start time.Time // to the millisecond; zero: unknown, and before everything else
	ID    string    // "": before all that start then
}

// A MeetingFilter says which meetings are looked for. What is zero does not matter.
type MeetingFilter struct {
	Before   time.Time // they start earlier
	Recorded *bool     // they are recorded, or are not
	Rule     string    // which fails
	Provider string    // of the call
	Text     string    // stands in the title, the address of somebody who takes part, or the link, in whatever case
}

// A ScheduleFilter says which schedules are looked for. What is zero does not matter.
type ScheduleFilter struct {
	Before   time.Time // they start earlier
	State    string
	Provider string
	Member   string // the address of the owner, or of somebody on whose behalf it is
}

// A MeetingRow is a meeting in a list.
type MeetingRow struct {
	Meeting   calendar.Key
	Title     string
	Start     time.Time // zero: unknown
	End       time.Time
	DecidedAt time.Time
	Recorded  bool
	Held      bool // it is recorded although the decision says no: only the access to calendars was lost
	Provider  string
	Owner     string
	Failing   []string // rules
}

// A Trace is what is known of a meeting.
type Trace struct {
	Title     string
	DecidedAt time.Time
	Decision  json.RawMessage // an eligibility.Decision
	Held      json.RawMessage // what goes on being recorded all the same; nil: nothing
	Sources   []SourceState   // of its copies, one for each copy
	Schedules []json.RawMessage
}

// A Change is one revision of a schedule.
type Change struct {
	Seq       int64 // grows
	Schedule  string
	Revision  int
	WrittenAt time.Time
	Data      json.RawMessage // a schedule.Schedule
}

// A ConnectionCount says how many calendars a connection has, and how they are.
type ConnectionCount struct {
	Driver, Account string
	Calendars       int
	Refused         int       // that may not be read any more
	Held            int       // that were suddenly empty
	Failing         int       // whose last pull failed for another reason
	ReadAt          time.Time // when one of them was read last; zero: never
}

// Said is a signal in the order in which they were given.
type Said struct {
	Seq int64 // grows
	eligibility.Signal
}

// A HeldLetter is a mail of which nobody knows whether to believe it.
type HeldLetter struct {
	ID       string
	Source   calendar.SourceID
	Received time.Time
	Sender   string
	Title    string
	Meetings []string
	Reason   string
}
