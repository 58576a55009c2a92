package engine

import "time"

// Figures are what a store holds, counted: the same for all processes that share it. They name connections, targets and
// rules, and nothing that these are about.
type Figures struct {
	Calendars []CalendarFigures // by connection and state
	Undecided UndecidedFigures
	Jobs      []JobFigures // by kind and state
	Targets   []TargetFigures
	// Upcoming are the recordings that have not begun, Running those that have, and have not ended.
	Upcoming, Running int64
	Meetings          MeetingFigures
	// Failing are the meetings to come that a rule is against, by its id. A meeting may be among them often.
	Failing     map[string]int64
	HeldLetters int64 // mails of which nobody knows whether to believe them
}

// AgeBounds are the upper bounds of CalendarFigures.Ages.
func AgeBounds() []time.Duration {
	return []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
	}
}

// CalendarFigures are the calendars of one connection that are in one state.
type CalendarFigures struct {
	Driver, Account string
	State           CalendarState
	Calendars       int64
	// Of those that have been read: how long ago that is at most (by AgeBounds, one more for what is older than any; each
	// calendar is counted once), the sum, and the greatest.
	Ages   []int64
	Sum    time.Duration
	Oldest time.Duration
}

// A CalendarState is how reading a calendar goes.
type CalendarState string

// The states. A calendar is in the first one that fits.
const (
	CalendarRefused CalendarState = "refused" // the provider does not let us read it
	CalendarHeld    CalendarState = "held"    // its listing came back empty, and is not believed yet
	CalendarFailing CalendarState = "failing" // the last pull failed
	CalendarUnread  CalendarState = "unread"  // it was never read
	CalendarOK      CalendarState = "ok"
)

// CalendarStates are all of them.
func CalendarStates() []CalendarState {
	return []CalendarState{CalendarRefused, CalendarHeld, CalendarFailing, CalendarUnread, CalendarOK}
}

// UndecidedFigures are the meetings that are to be decided.
type UndecidedFigures struct {
	Waiting int64
	Failing int64         // those that could not be decided, and are tried again
	Oldest  time.Duration // how long the first of those waiting waits
}

// JobFigures are the jobs of one kind that are in one state.
type JobFigures struct {
	Kind  Kind
	State string // River's: available, running, retryable, scheduled
	Jobs  int64
}

// TargetFigures are the messages to one target that are not delivered.
type TargetFigures struct {
	Target  string
	Waiting int64
	Oldest  time.Duration // how long the first of those waiting waits
	Early   int64         // those that the recorder is not to be told yet
	GivenUp int64         // those that wait for a person
}

// MeetingFigures are the meetings to come.
type MeetingFigures struct {
	Recorded int64
	Held     int64 // of the recorded ones, those that are so only because a calendar can't be read any more
	Skipped  int64
}
