package calendar

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"example.com/syncd/linkparse"
)

// Reading says how events are read before they are stored. Two readings of one event may differ, so a
// source must be listed anew when its reading changes.
type Reading struct {
	Links linkparse.Options
	// DropPrivate leaves nothing of a private or confidential event but its times and the fact.
	DropPrivate bool
}

// Found is what the event's own fields hold in links: what Distil kept, or else what the fields say.
// The provider's structured fields come first, then the location, then the description.
func (e Event) Found(o linkparse.Options) linkparse.Found {
	if e.Links != nil {
		return *e.Links
	}
	return linkparse.Find(o, e.fields()...)
}

// Resolve is e with the links that its fields hold, those that stay wrapped followed by r if there are no
// others. Nothing is followed for an event of which nothing is kept. The error says what r could not do;
// the event is as good as without r.
func (e Event) Resolve(ctx context.Context, read Reading, r linkparse.Resolver) (Event, error) {
	if e.Links != nil || read.DropPrivate && e.Private() {
		return e, nil
	}
	found, err := linkparse.Follow(ctx, read.Links, r, e.fields()...)
	e.Links = &found
	return e, err
}

// fields are the places in which links may stand, the best first.
func (e Event) fields() []linkparse.Field {
	fields := make([]linkparse.Field, 0, len(e.Conference)+2)
	for _, c := range e.Conference {
		fields = append(fields, linkparse.Field{Where: "conference", Kind: linkparse.URL, Text: c.URL})
	}
	return append(fields,
		linkparse.Field{Where: "location", Kind: linkparse.Text, Text: e.Location},
		linkparse.Field{Where: "description", Kind: linkparse.Auto, Text: e.Description})
}

// Distil is e as it may be stored: the links in place of location, description and the text of
// structured fields, and of a private event its times and the fact alone. It is idempotent.
func (e Event) Distil(r Reading) Event {
	if r.DropPrivate && e.Private() {
		return Event{
			Ref: e.Ref, UID: e.UID, Original: e.Original, Kind: e.Kind, Status: e.Status,
			Start: e.Start, End: e.End, TimeZone: e.TimeZone, Visibility: e.Visibility,
			Updated: e.Updated, Received: e.Received, Sequence: e.Sequence, Hidden: e.Hidden, GuestsHidden: e.GuestsHidden, Links: &linkparse.Found{},
		}
	}
	found := e.Found(r.Links)
	var kept []Conference
	for _, c := range e.Conference {
		// Of a structured field, the owner and the number are what the links don't tell; the URL is canonical or gone.
		one := linkparse.Find(r.Links, linkparse.Field{Where: "conference", Kind: linkparse.URL, Text: c.URL})
		c.URL = ""
		if len(one.Links) > 0 {
			c.URL = one.Links[0].URL
		}
		if c.URL != "" && (c.Owner != "" || c.MeetingID != "") {
			kept = append(kept, c)
		}
	}
	e.Links, e.Location, e.Description, e.Conference = &found, "", "", kept
	return e
}

// Private reports whether the event's owner marked it private or confidential.
func (e Event) Private() bool {
	return e.Visibility == VisibilityPrivate || e.Visibility == VisibilityConfidential
}

// Follow is e, the newer version of prev, with the time at which the last material change was
// received: e's own if start, end, links or participants differ, else prev's. Titles and texts are
// not material. Both events must be distilled. Without a Received time e is returned as it is.
func (e Event) Follow(prev Event) Event {
	if e.Received.IsZero() || prev.Received.IsZero() || e.Ref != prev.Ref {
		return e
	}
	if e.material() == prev.material() {
		e.Received = prev.Received
	}
	return e
}

// material is all of e that a change of is a material change, in a comparable form.
func (e Event) material() string {
	parts := []string{e.Start.String(), e.End.String()}
	if e.Status == StatusCancelled { // what is revived is news
		parts = append(parts, "cancelled")
	}
	if e.Links != nil {
		for _, l := range e.Links.Links {
			parts = append(parts, "link "+l.Provider+" "+cmp.Or(l.MeetingID, l.URL))
		}
	}
	people := []string{"person " + strings.ToLower(e.Organizer.Email)}
	for _, a := range e.Attendees {
		people = append(people, "person "+strings.ToLower(a.Email))
	}
	slices.Sort(people)
	return strings.Join(append(parts, slices.Compact(people)...), "\n")
}
