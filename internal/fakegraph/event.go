package fakegraph

import (
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An Event is a meeting in one calendar, or a series of them. Its zero value of each field is what is
// usual; what there is no field for stands in Fields.
type Event struct {
	// ID is the item's immutable id; "": the tenant makes one.
	ID string
	// UID is the iCalendar UID: Exchange's own, or a foreign one, which is given out wrapped; "": the
	// tenant makes one of its own.
	UID string
	// Calendar is the id of a secondary calendar of the mailbox. "": the default one.
	Calendar string

	Subject     string
	Body        string // HTML
	Location    string
	Organizer   string // an address; "": the mailbox's owner
	Guests      []Guest
	HideGuests  bool   // guests see themselves and the organizer only
	Sensitivity string // normal, personal, private, confidential
	ShowAs      string // free, tentative, busy, oof, workingElsewhere
	Response    string // the owner's, if the owner is not among the guests
	JoinURL     string // of a Teams meeting
	Cancelled   bool
	Draft       bool

	// Start is the (first) start; midnight UTC for an all-day entry.
	Start  time.Time
	Length time.Duration
	AllDay bool
	// Zone is where a series keeps its hour when clocks change: a Windows or IANA name. A name that is in
	// neither table, as "tzone://Microsoft/Custom", is shown as it is and counts as UTC.
	Zone   string
	Repeat *Repeat
	Weekly int // short for a Repeat of so many weeks

	// Exceptions, by the occurrence's number from 0, counted over all that the pattern has.
	Moved   map[int]time.Duration
	Lengths map[int]time.Duration
	Changed map[int]map[string]any // other fields, in Graph's words
	Dropped map[int]bool

	// Instance is the day of the series from which the one occurrence comes that the owner is invited to.
	// Such a guest has no master, but the day in the UID (learn.microsoft.com/answers 5921859).
	Instance time.Time

	// Fields wins over everything above but ids, times and what belongs to a series.
	Fields map[string]any
}

// A Repeat is a recurrence pattern with its range.
type Repeat struct {
	Daily bool // weekly if not
	Every int  // 0: every one
	Days  []time.Weekday
	// Count ends the series after so many occurrences, deleted ones included; Until after that day. Neither:
	// it has no end.
	Count int
	Until time.Time
}

// A Guest is an attendee.
type Guest struct {
	Email, Name string
	Type        string // required, optional, resource
	Response    string // none, tentativelyAccepted, accepted, declined, notResponded
}

// clone is e without shared maps.
func (e Event) clone() Event {
	e.Guests, e.Fields = slices.Clone(e.Guests), maps.Clone(e.Fields)
	e.Moved, e.Lengths, e.Dropped = maps.Clone(e.Moved), maps.Clone(e.Lengths), maps.Clone(e.Dropped)
	e.Changed = maps.Clone(e.Changed)
	for n, f := range e.Changed {
		e.Changed[n] = maps.Clone(f)
	}
	if e.Repeat != nil {
		r := *e.Repeat
		r.Days = slices.Clone(r.Days)
		e.Repeat = &r
	}
	return e
}

// pattern is e's recurrence with nothing left open, or nil.
func (e Event) pattern() *Repeat {
	var r Repeat
	switch {
	case e.Repeat != nil:
		r = *e.Repeat
	case e.Weekly > 0:
		r.Count = e.Weekly
	default:
		return nil
	}
	if r.Every == 0 {
		r.Every = 1
	}
	if len(r.Days) == 0 && !r.Daily {
		r.Days = []time.Weekday{e.Start.In(e.location()).Weekday()}
	}
	return &r
}

// never is the time of an answer that was never given.
const never = "0001-01-01T00:00:00Z"

// content is what the event says besides ids and times, as the mailbox's owner sees it.
func (t *Tenant) content(e Event, owner *User) map[string]any {
	organizer := or(e.Organizer, owner.Email)
	mine := owner.has(organizer)
	guests, response := []any{}, map[string]any{"response": or(e.Response, "none"), "time": never}
	if mine {
		response["response"] = "organizer"
	}
	for _, g := range e.Guests {
		status := map[string]any{"response": or(g.Response, "none"), "time": never}
		if g.Response != "" && g.Response != "none" {
			status["time"] = "2026-11-20T09:00:00Z"
		}
		if owner.has(g.Email) && !mine {
			response = status
		} else if e.HideGuests && !mine {
			continue
		}
		guests = append(guests, map[string]any{
			"type": or(g.Type, "required"), "status": status, "emailAddress": t.address(g.Email, g.Name),
		})
	}
	body := map[string]any{"contentType": "html", "content": e.Body}
	f := map[string]any{
		"subject": e.Subject, "body": body, "organizer": map[string]any{"emailAddress": t.address(organizer, "")},
		"attendees": guests, "isOrganizer": mine, "responseStatus": response, "hideAttendees": e.HideGuests,
		"sensitivity": or(e.Sensitivity, "normal"), "showAs": or(e.ShowAs, "busy"), "isAllDay": e.AllDay,
		"isCancelled": e.Cancelled, "isDraft": e.Draft, "importance": "normal", "categories": []any{},
		"location":  map[string]any{"displayName": e.Location, "locationType": "default", "uniqueIdType": "unknown"},
		"locations": []any{}, "isOnlineMeeting": e.JoinURL != "", "onlineMeeting": nil, "onlineMeetingUrl": nil,
		"onlineMeetingProvider": "unknown", "responseRequested": true, "allowNewTimeProposals": true,
		"hasAttachments": false, "isReminderOn": true, "reminderMinutesBeforeStart": 15,
	}
	if e.Location != "" {
		f["locations"] = []any{f["location"]}
	}
	if e.JoinURL != "" {
		f["onlineMeeting"], f["onlineMeetingProvider"] = map[string]any{"joinUrl": e.JoinURL}, "teamsForBusiness"
	}
	maps.Copy(f, e.Fields)
	if _, said := e.Fields["isOnlineMeeting"]; !said && f["onlineMeeting"] != nil {
		f["isOnlineMeeting"], f["onlineMeetingProvider"] = true, "teamsForBusiness"
	}
	// A room's calendar shows who meets and not what about (Set-CalendarProcessing: AddOrganizerToSubject,
	// DeleteSubject, DeleteComments are on by default).
	if owner.Room {
		name := t.address(organizer, "")["name"]
		if o, ok := f["organizer"].(map[string]any); ok {
			if a, ok := o["emailAddress"].(map[string]any); ok && a["name"] != nil {
				name = a["name"]
			}
		}
		f["subject"], f["body"] = name, map[string]any{"contentType": "html", "content": ""}
	}
	return f
}

// address is an address with the name that the directory has for it.
func (t *Tenant) address(email, name string) map[string]any {
	if u := t.user(email); u != nil && name == "" {
		name = u.Name
	}
	return map[string]any{"address": email, "name": or(name, email)}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

var (
	anchor = regexp.MustCompile(`(?is)<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)</a>`)
	breaks = regexp.MustCompile(`(?i)<br[^>]*>|</p>|</div>|</tr>`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// plain is HTML as text, as far as Prefer: outlook.body-content-type="text" gives it: links stand behind
// their words in angle brackets.
func plain(s string) string {
	s = anchor.ReplaceAllStringFunc(s, func(a string) string {
		m := anchor.FindStringSubmatch(a)
		words := tags.ReplaceAllString(m[2], "")
		if words == m[1] {
			return "&lt;" + m[1] + "&gt;"
		}
		return words + "&lt;" + m[1] + "&gt;"
	})
	s = tags.ReplaceAllString(breaks.ReplaceAllString(s, "\n"), "")
	return strings.TrimSpace(html.UnescapeString(s))
}
