// Package calendar holds the nouns that connectors report and rules read: events, the calendars they
// come from, and the meetings they are copies of. Plain types, no I/O, no clock.
package calendar

import (
	"cmp"
	"strings"
	"time"

	"example.com/syncd/linkparse"
)

type (
	// SourceID names one calendar or mailbox of one connection: "DRIVER:CONNECTION/CALENDAR",
	// for example "google:acme.com/ana@acme.com".
	SourceID string
	// Ref is a copy's id within its source, stable while the copy exists.
	Ref string
	// Key names a meeting: "UID", or "UID/2026-11-24T10:00:00Z" for an occurrence of a series.
	Key string
)

// A Source is one calendar, or one coordinator's mailbox, that a connection may read.
type Source struct {
	ID       SourceID
	Driver   string // the connector's name: "google"
	Account  string // the connection's name: "acme.com"
	Calendar string // the calendar's address: "ana@acme.com"
	Primary  bool   // its user's main calendar
	// User is as whom the calendar is read, where that is not its own address: the address of somebody who
	// has it among theirs.
	User string
	// NoAccess says that the connection may not read this calendar any more. Its copies are what it
	// saw last: they are held, and the rule calendar_access says so.
	NoAccess bool
}

// NewSourceID composes the id of a connection's calendar.
func NewSourceID(driver, account, calendar string) SourceID {
	return SourceID(driver + ":" + account + "/" + calendar)
}

// NewSource is a connection's calendar, read as its own user.
func NewSource(driver, account, calendar string) Source {
	return Source{ID: NewSourceID(driver, account, calendar), Driver: driver, Account: account, Calendar: calendar}
}

// Reader is the address as whom the calendar is read.
func (s Source) Reader() string { return cmp.Or(s.User, s.Calendar) }

// When is an instant or a day, never both: an all-day entry is not midnight somewhere.
type When struct {
	Time time.Time // UTC, whole seconds; zero if Day is set
	Day  string    // "2026-11-24"
}

// At is the instant t as a When, in UTC and without fractions of a second.
func At(t time.Time) When { return When{Time: t.UTC().Truncate(time.Second)} }

// IsZero reports whether w is unknown.
func (w When) IsZero() bool { return w.Day == "" && w.Time.IsZero() }

// String is RFC 3339 in UTC, or the day alone, or "" when unknown.
func (w When) String() string {
	switch {
	case w.Day != "":
		return w.Day
	case w.Time.IsZero():
		return ""
	}
	return w.Time.UTC().Format(time.RFC3339)
}

// Instant is w's instant; a day begins at midnight UTC, which is good enough to sort by and to ask
// whether an entry lies in a window, and for nothing else.
func (w When) Instant() time.Time {
	if w.Day == "" {
		return w.Time
	}
	t, err := time.Parse(time.DateOnly, w.Day)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Kinds of calendar entries. An unknown kind of a provider is kept as it is and counts as KindDefault
// where a rule asks whether an entry is a meeting.
const (
	KindDefault         = "default"
	KindFocus           = "focus"
	KindOutOfOffice     = "out_of_office"
	KindWorkingLocation = "working_location"
	KindBirthday        = "birthday"
	KindTask            = "task"
)

// Statuses of an event (RFC 5545 section 3.8.1.11, in lower case).
const (
	StatusConfirmed = "confirmed"
	StatusTentative = "tentative"
	StatusCancelled = "cancelled"
)

// Visibilities of an event.
const (
	VisibilityDefault      = "default"
	VisibilityPublic       = "public"
	VisibilityPrivate      = "private"
	VisibilityConfidential = "confidential"
)

// Kinds of attendees.
const (
	AttendeePerson   = "person"
	AttendeeGroup    = "group"
	AttendeeResource = "resource"
)

// Responses of attendees.
const (
	ResponseAccepted  = "accepted"
	ResponseTentative = "tentative"
	ResponseDeclined  = "declined"
	ResponseNone      = "none"
)

// A Person is somebody's address and display name; either may be empty.
type Person struct {
	Email string `json:"email,omitempty"`
	Name  string `json:"name,omitempty"`
}

// An Attendee is one line of an event's guest list.
type Attendee struct {
	Email    string `json:"email,omitempty"`
	Name     string `json:"name,omitempty"`
	Kind     string `json:"kind,omitempty"`     // AttendeePerson (also when empty), AttendeeGroup, AttendeeResource
	Response string `json:"response,omitempty"` // ResponseNone (also when empty) …
	Optional bool   `json:"optional,omitempty"`
}

// A Conference is one of the provider's own structured fields about how to join.
type Conference struct {
	Kind  string `json:"kind,omitempty"` // "video", "phone", "sip", "more"
	URL   string `json:"url,omitempty"`
	Owner string `json:"owner,omitempty"` // the address of the provider's user that owns the meeting, where known
	// MeetingID is the provider's number of the meeting, where it is known besides the URL.
	MeetingID string `json:"meeting_id,omitempty"`
}

// An Event is one copy of one occurrence, as one calendar holds it. Series are reported as their
// occurrences; each event stands by itself.
type Event struct {
	Ref        Ref
	UID        string // iCalendar UID, canonical (CanonicalUID): the same in every calendar, for the whole series
	Original   When   // occurrences of a series only: where the series put it (RECURRENCE-ID)
	Kind       string // KindDefault …
	Status     string // StatusConfirmed …
	Title      string
	Start, End When
	TimeZone   string // IANA name, for people; Start and End need none
	Visibility string // VisibilityDefault …
	Organizer  Person
	Creator    Person
	Attendees  []Attendee
	Updated    time.Time // the provider's last change
	// Received is when the last material change reached a coordinator's mailbox; zero elsewhere.
	Received time.Time
	Sequence int // RFC 5545 section 3.8.7.4
	// Hidden says that the calendar shows us the times alone: it is shared as free or busy.
	Hidden bool
	// GuestsHidden says that Attendees is not the whole list: the organizer keeps guests from seeing it, or it
	// is too long.
	GuestsHidden bool

	// What people wrote. Distil replaces it by Links before anything is stored.
	Location    string
	Description string // text or HTML, as received
	Conference  []Conference

	// Links is what Distil found; nil before.
	Links *linkparse.Found
}

// Key is the meeting that e is a copy of.
func (e Event) Key() Key {
	if e.Original.IsZero() {
		return Key(e.UID)
	}
	return Key(e.UID + "/" + e.Original.String())
}

// Series is the UID alone of the meeting k.
func (k Key) Series() string {
	// A UID may have slashes of its own, so only a time or a day behind the last one is cut off.
	if i := strings.LastIndexByte(string(k), '/'); i > 0 {
		tail := string(k[i+1:])
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if _, err := time.Parse(layout, tail); err == nil {
				return string(k[:i])
			}
		}
	}
	return string(k)
}

// A Copy is an event and the calendar that holds it.
type Copy struct {
	Source Source
	Event
}

// A Window is a stretch of time, End excluded.
type Window struct{ Start, End time.Time }

// Holds reports whether e takes place in w, at least in part. An event of no known time is held by
// every window: nobody may conclude from its absence in a listing that it is gone.
func (w Window) Holds(e Event) bool {
	if e.Start.IsZero() {
		return true
	}
	start, end := e.Start.Instant(), e.End.Instant()
	if !end.After(start) {
		return !start.Before(w.Start) && start.Before(w.End)
	}
	return end.After(w.Start) && start.Before(w.End)
}
