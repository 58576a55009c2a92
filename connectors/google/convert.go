package google

import (
	"slices"
	"strings"
	"time"

	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/calendar"
)

// kinds are Google's event types in our words. Types that come up later are kept as they are.
var kinds = map[string]string{
	"": calendar.KindDefault, "default": calendar.KindDefault, "fromGmail": calendar.KindDefault,
	"focusTime": calendar.KindFocus, "outOfOffice": calendar.KindOutOfOffice,
	"workingLocation": calendar.KindWorkingLocation, "birthday": calendar.KindBirthday,
}

// responses are Google's answers in our words. Anything else is no answer.
var responses = map[string]string{
	"accepted": calendar.ResponseAccepted, "tentative": calendar.ResponseTentative, "declined": calendar.ResponseDeclined,
}

// convert is one event of Google's as ours. What can't be read of it stays unknown.
func convert(e *gcal.Event) calendar.Event {
	out := calendar.Event{
		Ref: calendar.Ref(e.Id), UID: calendar.CanonicalUID(e.ICalUID), Title: e.Summary,
		Kind: e.EventType, Status: e.Status, Visibility: e.Visibility,
		Start: when(e.Start), End: when(e.End), Location: e.Location, Description: e.Description,
		Conference: conference(e), Sequence: int(e.Sequence),
	}
	if kind, ok := kinds[e.EventType]; ok {
		out.Kind = kind
	}
	if out.Status == "" {
		out.Status = calendar.StatusConfirmed
	}
	if out.Visibility == "" {
		out.Visibility = calendar.VisibilityDefault
	}
	if e.RecurringEventId != "" {
		out.Original = when(e.OriginalStartTime)
	}
	if e.Start != nil {
		out.TimeZone = e.Start.TimeZone
	}
	if e.Organizer != nil {
		out.Organizer = calendar.Person{Email: e.Organizer.Email, Name: e.Organizer.DisplayName}
	}
	if e.Creator != nil {
		out.Creator = calendar.Person{Email: e.Creator.Email, Name: e.Creator.DisplayName}
	}
	// Guests of such an event see the organizer and themselves; its organizer sees all.
	own := e.Organizer != nil && e.Organizer.Self
	out.GuestsHidden = e.AttendeesOmitted || e.GuestsCanSeeOtherGuests != nil && !*e.GuestsCanSeeOtherGuests && !own
	if len(e.Attendees) > 0 {
		out.Attendees = make([]calendar.Attendee, 0, len(e.Attendees))
	}
	for _, a := range e.Attendees {
		if a == nil {
			continue
		}
		kind, response := calendar.AttendeePerson, calendar.ResponseNone
		if a.Resource {
			kind = calendar.AttendeeResource
		}
		if r, ok := responses[a.ResponseStatus]; ok {
			response = r
		}
		out.Attendees = append(out.Attendees, calendar.Attendee{
			Email: a.Email, Name: a.DisplayName, Kind: kind, Response: response, Optional: a.Optional,
		})
	}
	if t, err := time.Parse(time.RFC3339, e.Updated); err == nil {
		out.Updated = t.UTC()
	}
	return out
}

// when is a time with its offset, or a day, which Google gives without a zone.
func when(t *gcal.EventDateTime) calendar.When {
	if t == nil {
		return calendar.When{}
	}
	if at, err := time.Parse(time.RFC3339, t.DateTime); err == nil {
		return calendar.At(at)
	}
	if _, err := time.Parse(time.DateOnly, t.Date); err == nil {
		return calendar.When{Day: t.Date}
	}
	return calendar.When{}
}

// conference is how to join, by the structured fields. Unknown solutions have entry points all the same.
func conference(e *gcal.Event) []calendar.Conference {
	var out []calendar.Conference
	if e.ConferenceData != nil {
		addOn := addOnParameters(e.ConferenceData.Parameters)
		for _, p := range e.ConferenceData.EntryPoints {
			if p == nil || p.Uri == "" {
				continue
			}
			c := calendar.Conference{Kind: p.EntryPointType, URL: strings.TrimSpace(p.Uri)}
			if c.Kind == "video" {
				if owner := addOn["creatorUserId"]; strings.Contains(owner, "@") {
					c.Owner = owner
				}
				c.MeetingID = addOn["realMeetingId"]
			}
			out = append(out, c)
		}
	}
	if e.HangoutLink != "" && !slices.ContainsFunc(out, func(c calendar.Conference) bool { return c.URL == e.HangoutLink }) {
		out = append(out, calendar.Conference{Kind: "video", URL: e.HangoutLink})
	}
	return out
}

// addOnParameters are what an add-on notes of the meeting that it made, nil if it notes nothing. Zoom's has
// creatorUserId, the address of the meeting's owner (or an id of Zoom's), and realMeetingId, its number, which
// a personal link does not show.
func addOnParameters(p *gcal.ConferenceParameters) map[string]string {
	if p == nil || p.AddOnParameters == nil {
		return nil
	}
	return p.AddOnParameters.Parameters
}
