package coordinator

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/ics"
)

// describe is what the event says of itself but for its times.
func describe(e *ics.Event) calendar.Event {
	return calendar.Event{
		Kind: calendar.KindDefault, Title: e.Text("SUMMARY"), Visibility: visibilityOf(e),
		Organizer: personOf(e.Organizer()), Attendees: attendeesOf(e),
		Location: e.Text("LOCATION"), Description: descriptionOf(e), Conference: conferencesOf(e),
	}
}

// convert is the occurrence, which is described so, as an event of the calendar with this UID.
func convert(uid string, o occurrence, described calendar.Event) calendar.Event {
	src, e := o.Event, described
	e.Ref, e.UID, e.Status = calendar.Ref(uid), uid, statusOf(src, o.cancelled)
	e.Start, e.End, e.TimeZone = when(o.Start), when(o.End), o.Start.ZoneName()
	e.Updated, e.Sequence = utc(src.Stamp, src.LastModified), src.Sequence
	if !o.Original.IsZero() {
		e.Original = when(o.Original)
		e.Ref = calendar.Ref(uid + "/" + o.Original.String())
		if e.Original.IsZero() {
			e.UID = "" // which occurrence it is can't be known, so it is not the series' either
		}
	}
	if e.Start.IsZero() {
		e.End, e.TimeZone = calendar.When{}, ""
	}
	return e
}

// when is t, unknown unless it is an instant or a day.
func when(t ics.Time) calendar.When {
	if t.IsDate() {
		return calendar.When{Day: t.Day()}
	}
	if at, ok := t.UTC(); ok {
		return calendar.At(at)
	}
	return calendar.When{}
}

func utc(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return time.Time{}
}

func statusOf(e *ics.Event, cancelled bool) string {
	switch {
	case cancelled || e.Status() == "CANCELLED":
		return calendar.StatusCancelled
	case e.Status() == "TENTATIVE":
		return calendar.StatusTentative
	}
	return calendar.StatusConfirmed
}

// visibilityOf: a class that is not known is private (RFC 5545 section 3.8.1.3).
func visibilityOf(e *ics.Event) string {
	switch class := strings.ToUpper(strings.TrimSpace(e.Text("CLASS"))); class {
	case "":
		return calendar.VisibilityDefault
	case "PUBLIC":
		return calendar.VisibilityPublic
	case "CONFIDENTIAL":
		return calendar.VisibilityConfidential
	}
	return calendar.VisibilityPrivate
}

func personOf(p ics.Person) calendar.Person { return calendar.Person{Email: p.Email, Name: p.Name} }

func attendeesOf(e *ics.Event) []calendar.Attendee {
	var all []calendar.Attendee
	for _, p := range e.People() {
		if p.Email == "" && p.Name == "" {
			continue
		}
		a := calendar.Attendee{
			Email: p.Email, Name: p.Name, Optional: p.Role == "OPT-PARTICIPANT",
			Kind: calendar.AttendeePerson, Response: calendar.ResponseNone,
		}
		switch p.Kind {
		case "ROOM", "RESOURCE":
			a.Kind = calendar.AttendeeResource
		case "GROUP":
			a.Kind = calendar.AttendeeGroup
		}
		switch p.Response {
		case "ACCEPTED":
			a.Response = calendar.ResponseAccepted
		case "TENTATIVE":
			a.Response = calendar.ResponseTentative
		case "DECLINED":
			a.Response = calendar.ResponseDeclined
		}
		all = append(all, a)
	}
	return all
}

// descriptionOf is the text, or where there is none the HTML that Outlook sends with it.
func descriptionOf(e *ics.Event) string {
	text := e.Text("DESCRIPTION")
	if strings.TrimSpace(text) == "" {
		return cmp.Or(e.Text("X-ALT-DESC"), text)
	}
	return text
}

// conferencesOf are the structured fields on how to join: the standard's (RFC 7986 section 5.11), then the
// makers' own, then the event's URL, which may be anything.
func conferencesOf(e *ics.Event) []calendar.Conference {
	var all []calendar.Conference
	add := func(kind, url string) {
		if !slices.ContainsFunc(all, func(c calendar.Conference) bool { return c.URL == url }) {
			all = append(all, calendar.Conference{Kind: kind, URL: url})
		}
	}
	for _, video := range []bool{true, false} {
		for _, l := range e.Links("CONFERENCE") {
			switch is := l.Property.Param("FEATURE") == "" || l.Property.HasParam("FEATURE", "VIDEO"); {
			case is && video:
				add("video", l.URL)
			case !is && !video && l.Property.HasParam("FEATURE", "PHONE"):
				add("phone", l.URL)
			case !is && !video:
				add("more", l.URL)
			}
		}
	}
	for _, name := range []string{"X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL", "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK"} {
		for _, l := range e.Links(name) {
			add("video", l.URL)
		}
	}
	for _, l := range e.Links("URL") {
		add("more", l.URL)
	}
	return all
}
