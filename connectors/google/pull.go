package google

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// cursor is how far a calendar has been read. A change of its shape, or of the parameters that a sync
// token is frozen with, needs a higher version.
type cursor struct {
	Version int       `json:"v"`
	From    time.Time `json:"from"` // the window that was, or is being, listed
	To      time.Time `json:"to"`
	Page    string    `json:"page,omitempty"` // the listing's next page
	Sync    string    `json:"sync,omitempty"` // behind a listing: the sync token
	As      string    `json:"as,omitempty"`   // as whom it was read, where that is not the calendar's own user
	Role    string    `json:"role,omitempty"` // what they may see of it
}

const version = 1

func (c cursor) encode() (connectors.Cursor, error) {
	c.Version = version
	b, err := json.Marshal(c)
	return connectors.Cursor(b), err
}

func decode(cur connectors.Cursor) (cursor, error) {
	var c cursor
	if err := json.Unmarshal([]byte(cur), &c); err != nil || c.Version != version || c.From.IsZero() {
		return c, fmt.Errorf("google: a cursor of another version: %w", connectors.ErrCursor)
	}
	return c, nil
}

// Pull goes on with a listing, or asks whether anything has changed since the last one.
func (c *connector) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	if err := ctx.Err(); err != nil {
		return connectors.Page{}, err
	}
	var at cursor
	if cur != "" {
		var err error
		if at, err = decode(cur); err != nil {
			return connectors.Page{}, err
		}
	}
	// What comes into the horizon is no change, and another reader sees other things.
	if !at.From.Equal(horizon.Start) || !at.To.Equal(horizon.End) || at.As != src.User {
		at = cursor{From: horizon.Start.UTC(), To: horizon.End.UTC(), As: src.User}
	}
	if at.Sync != "" {
		return c.ask(ctx, src, at)
	}
	return c.list(ctx, src, at)
}

// ask is the cheap request: has anything changed since the listing?
func (c *connector) ask(ctx context.Context, src calendar.Source, at cursor) (connectors.Page, error) {
	// Everything but the token must be as it was in the listing, but for the window, which may not be
	// said again.
	got, err := c.events(ctx, src, func(call *gcal.EventsListCall) {
		call.SyncToken(at.Sync).Fields("nextPageToken", "nextSyncToken", "accessRole", "items(id)")
	})
	if err != nil {
		return connectors.Page{}, c.refused(ctx, err, src, at)
	}
	if len(got.Items) > 0 || got.NextPageToken != "" || got.AccessRole != at.Role {
		// Its pages are not walked: there may be thousands, and none says what the listing does not. What the
		// calendar is shared as is no change of an event.
		return c.list(ctx, src, cursor{From: at.From, To: at.To, As: at.As})
	}
	if got.NextSyncToken != "" {
		at.Sync = got.NextSyncToken
	}
	next, err := at.encode()
	return connectors.Page{Next: next}, err
}

// listFields are what convert looks at, and what paging needs. Names that the API does not know would be refused.
const listFields = "kind,nextPageToken,nextSyncToken,accessRole,items(id,iCalUID,recurringEventId,originalStartTime,status,eventType,visibility," +
	"summary,description,location,start,end,organizer,creator,attendees,attendeesOmitted,guestsCanSeeOtherGuests," +
	"hangoutLink,conferenceData(entryPoints(entryPointType,uri),parameters),updated,sequence)"

// list reads one page of the window.
func (c *connector) list(ctx context.Context, src calendar.Source, at cursor) (connectors.Page, error) {
	got, err := c.events(ctx, src, func(call *gcal.EventsListCall) {
		call.TimeMin(at.From.Format(time.RFC3339)).TimeMax(at.To.Format(time.RFC3339)).Fields(listFields)
		if at.Page != "" {
			call.PageToken(at.Page)
		}
	})
	if err != nil {
		return connectors.Page{}, c.refused(ctx, err, src, at)
	}
	at.Role = got.AccessRole
	p := connectors.Page{First: at.Page == "", Full: true, Events: make([]calendar.Event, 0, len(got.Items))}
	for _, item := range got.Items {
		// Long cancelled ones have come up in listings that did not ask for them.
		if item != nil && item.Status != calendar.StatusCancelled {
			e := convert(item)
			e.Hidden = got.AccessRole == freeBusyReader
			p.Events = append(p.Events, e)
		}
	}
	switch {
	case got.NextPageToken != "":
		at.Page, p.More = got.NextPageToken, true
	case got.NextSyncToken != "":
		// A listing of several pages is of the moment at which it began: edits went on meanwhile.
		p.More = at.Page != ""
		at.Page, at.Sync = "", got.NextSyncToken
		p.Last, p.Listed = true, calendar.Window{Start: at.From, End: at.To}
	case got.Kind != "calendar#events":
		// Whatever this is, nobody may conclude from it that there are no events.
		return connectors.Page{}, fmt.Errorf("google: the answer about %s is no list of events", src.Calendar)
	default:
		// A listing has been seen to end without a token (google-api-ruby-client#312). It holds all the same,
		// and the next look is a listing again.
		at.Page, p.Last, p.Listed = "", true, calendar.Window{Start: at.From, End: at.To}
	}
	p.Next, err = at.encode()
	return p, err
}

// refused explains a failed request. A page token that is not accepted is as good as an expired cursor.
func (c *connector) refused(ctx context.Context, err error, src calendar.Source, at cursor) error {
	doing := "read the calendar of " + src.Calendar
	if src.User != "" {
		doing = "read the calendar " + src.Calendar + " as " + src.User
	}
	var api *googleapi.Error
	if errors.As(err, &api) && api.Code == http.StatusBadRequest && (at.Page != "" || at.Sync != "") {
		return fmt.Errorf("google: %s: 400 %s: %w", doing, api.Message, connectors.ErrCursor)
	}
	return c.explain(ctx, err, doing, src.Reader(), gcal.CalendarEventsReadonlyScope)
}
