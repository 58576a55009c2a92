package outlook

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/zones"
)

// event is what syncd looks at of Graph's event resource. Absent fields stay zero.
type event struct {
	ID                    string     `json:"id"`
	ICalUID               string     `json:"iCalUId"`
	Type                  string     `json:"type"` // singleInstance, occurrence, exception, seriesMaster
	Subject               string     `json:"subject"`
	Start                 dateTime   `json:"start"`
	End                   dateTime   `json:"end"`
	IsAllDay              bool       `json:"isAllDay"`
	IsCancelled           bool       `json:"isCancelled"`
	IsDraft               bool       `json:"isDraft"`
	IsOrganizer           bool       `json:"isOrganizer"`
	HideAttendees         bool       `json:"hideAttendees"`
	ResponseStatus        answer     `json:"responseStatus"` // the mailbox's owner's
	Sensitivity           string     `json:"sensitivity"`
	ShowAs                string     `json:"showAs"`
	Organizer             recipient  `json:"organizer"`
	Attendees             []attendee `json:"attendees"`
	Location              location   `json:"location"`
	Locations             []location `json:"locations"`
	OnlineMeeting         *meeting   `json:"onlineMeeting"`
	OnlineMeetingURL      string     `json:"onlineMeetingUrl"`
	Body                  itemBody   `json:"body"`
	OriginalStart         string     `json:"originalStart"`
	OriginalStartTimeZone string     `json:"originalStartTimeZone"`
	LastModified          string     `json:"lastModifiedDateTime"`

	broken bool // something of it could not be read
}

type (
	dateTime struct {
		DateTime string `json:"dateTime"` // without an offset, with seven digits of fraction
		TimeZone string `json:"timeZone"` // UTC, since we ask for it
	}
	recipient struct {
		EmailAddress struct {
			Name    string `json:"name"`
			Address string `json:"address"`
		} `json:"emailAddress"`
	}
	attendee struct {
		recipient
		Type   string `json:"type"` // required, optional, resource
		Status answer `json:"status"`
	}
	answer struct {
		Response string `json:"response"`
	}
	location struct {
		DisplayName string `json:"displayName"`
		LocationURI string `json:"locationUri"`
	}
	meeting struct {
		JoinURL string `json:"joinUrl"`
	}
	itemBody struct {
		Content string `json:"content"`
	}
)

// visibilities are Graph's sensitivities in our words. What is absent, or came up later, counts as
// private: the recording decision must not hang on a guess.
var visibilities = map[string]string{
	"normal": calendar.VisibilityDefault, "personal": calendar.VisibilityPrivate,
	"private": calendar.VisibilityPrivate, "confidential": calendar.VisibilityConfidential,
}

// responses are Graph's answers in our words. Anything else is no answer.
var responses = map[string]string{
	"organizer": calendar.ResponseAccepted, "accepted": calendar.ResponseAccepted,
	"tentativelyAccepted": calendar.ResponseTentative, "declined": calendar.ResponseDeclined,
}

// alone are the kinds of entries without guests, by how they show their owner.
var alone = map[string]string{"oof": calendar.KindOutOfOffice, "workingElsewhere": calendar.KindWorkingLocation}

// single is one element of a page, by itself: fields behind one that can't be read are read all the same.
func single(raw json.RawMessage) event {
	var e event
	e.broken = json.Unmarshal(raw, &e) != nil
	return e
}

// convert is an event of the owner's mailbox as ours, and whether it is one that counts: masters of series and drafts
// do not. Of one that can't be read, its id and what could be read remain, without times.
func convert(e event, owner string) (calendar.Event, bool) {
	if e.ID == "" || e.Type == "seriesMaster" || e.IsDraft {
		return calendar.Event{}, false
	}
	out := calendar.Event{
		Ref: calendar.Ref(e.ID), UID: calendar.CanonicalUID(e.ICalUID), Kind: calendar.KindDefault,
		Status: calendar.StatusConfirmed, Title: e.Subject, Visibility: calendar.VisibilityPrivate,
		Organizer: person(e.Organizer), Location: place(e), Description: e.Body.Content,
	}
	if v, ok := visibilities[e.Sensitivity]; ok {
		out.Visibility = v
	}
	if e.IsCancelled {
		out.Status = calendar.StatusCancelled
	}
	if kind, ok := alone[e.ShowAs]; ok && len(e.Attendees) == 0 {
		out.Kind = kind
	}
	if !e.broken {
		out.Start, out.End = when(e.Start, e.IsAllDay), when(e.End, e.IsAllDay)
	}
	out.Original = original(e, out.Start)
	out.GuestsHidden = e.HideAttendees && !e.IsOrganizer
	room := false
	if len(e.Attendees) > 0 {
		out.Attendees = make([]calendar.Attendee, 0, len(e.Attendees))
	}
	for _, a := range e.Attendees {
		g := guest(a)
		if strings.EqualFold(g.Email, owner) {
			// Exchange notes the owner's own answer beside the list, and passes on what the organizer has of it.
			if r, ok := responses[e.ResponseStatus.Response]; ok {
				g.Response = r
			}
			room = room || g.Kind == calendar.AttendeeResource
		}
		out.Attendees = append(out.Attendees, g)
	}
	if e.OnlineMeeting != nil && e.OnlineMeeting.JoinURL != "" {
		out.Conference = append(out.Conference, calendar.Conference{Kind: "video", URL: e.OnlineMeeting.JoinURL})
	}
	if e.OnlineMeetingURL != "" {
		out.Conference = append(out.Conference, calendar.Conference{Kind: "video", URL: e.OnlineMeetingURL})
	}
	if t, err := time.Parse(time.RFC3339, e.LastModified); err == nil {
		out.Updated = t.UTC()
	}
	out.TimeZone = zoneName(e.OriginalStartTimeZone)
	if room {
		// A room's mailbox has the organizer's name for a subject, and may have no body (Set-CalendarProcessing:
		// AddOrganizerToSubject, DeleteSubject, DeleteComments). What the meeting is about, others know.
		out.Title, out.Location, out.Description, out.Conference = "", "", "", nil
	}
	return out, true
}

// when is a time in UTC, or a day. An all-day entry goes from midnight to midnight of the zone that was
// asked for; it is not shifted.
func when(d dateTime, allDay bool) calendar.When {
	if d.TimeZone != "" && !strings.EqualFold(d.TimeZone, "UTC") {
		return calendar.When{}
	}
	t, err := time.Parse("2006-01-02T15:04:05.9999999", strings.TrimSuffix(d.DateTime, "Z"))
	switch {
	case err != nil:
		return calendar.When{}
	case allDay:
		return calendar.When{Day: t.Format(time.DateOnly)}
	}
	return calendar.At(t)
}

// original is where the series put the occurrence; zero for what is none. An occurrence that was never moved may not say
// it: its start is it. An exception that does not say it, and the one occurrence that a guest is invited to, which looks
// like a single event (learn.microsoft.com/answers 5921859), have the day in their UID. Their hour is then taken for that
// of the series, which is wrong only for one that was moved to another hour.
func original(e event, start calendar.When) calendar.When {
	day := calendar.InstanceDate(e.ICalUID)
	switch {
	case e.Type != "occurrence" && e.Type != "exception" && day == "":
		return calendar.When{}
	case e.IsAllDay && day != "":
		return calendar.When{Day: day}
	}
	if t, err := time.Parse(time.RFC3339, e.OriginalStart); err == nil {
		if e.IsAllDay {
			return calendar.When{Day: t.UTC().Format(time.DateOnly)}
		}
		return calendar.At(t)
	}
	date, err := time.Parse(time.DateOnly, day)
	if e.Type == "occurrence" || err != nil || start.Time.IsZero() {
		return start
	}
	clock := start.Time.In(zone(e.OriginalStartTimeZone))
	return calendar.At(time.Date(date.Year(), date.Month(), date.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, clock.Location()))
}

func person(r recipient) calendar.Person {
	return calendar.Person{Email: r.EmailAddress.Address, Name: r.EmailAddress.Name}
}

func guest(a attendee) calendar.Attendee {
	p := person(a.recipient)
	out := calendar.Attendee{Email: p.Email, Name: p.Name, Kind: calendar.AttendeePerson, Response: calendar.ResponseNone, Optional: a.Type == "optional"}
	if a.Type == "resource" {
		out.Kind = calendar.AttendeeResource
	}
	if r, ok := responses[a.Status.Response]; ok {
		out.Response = r
	}
	return out
}

// place is all that stands as a location, a line each.
func place(e event) string {
	var lines []string
	add := func(s string) {
		if s != "" && !slices.Contains(lines, s) {
			lines = append(lines, s)
		}
	}
	add(e.Location.DisplayName)
	add(e.Location.LocationURI)
	for _, l := range e.Locations {
		add(l.DisplayName)
		add(l.LocationURI)
	}
	return strings.Join(lines, "\n")
}

// zone is the one that Graph names in Windows' way, in IANA's, or as "tzone://Microsoft/Custom"; UTC if it is not known.
func zone(name string) *time.Location {
	if loc, ok := zones.IANA(name); ok {
		return loc
	}
	if loc, ok := zones.Windows(name); ok {
		return loc
	}
	return time.UTC
}

// zoneName is the zone's IANA name, for people; "" if it is not known.
func zoneName(name string) string {
	if loc := zone(name); loc != time.UTC || strings.EqualFold(name, "UTC") {
		return loc.String()
	}
	return ""
}
