package outlook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/outlook/graph"
)

// cursor is how far a calendar has been read. A change of its shape needs a higher version.
type cursor struct {
	Version int       `json:"v"`
	From    time.Time `json:"from"` // the window that was, or is being, read
	To      time.Time `json:"to"`
	State   state     `json:"state"`
	Link    string    `json:"link,omitempty"`  // the walk's or the listing's next page
	Delta   string    `json:"delta,omitempty"` // behind a walk: where to ask what has changed since
	// Changed says that the walk has seen a change, so that a listing must follow.
	Changed bool `json:"changed,omitempty"`
	// Unswept says that a listing of several pages has ended and has not been confirmed: its pages are of
	// different moments, and something may have moved from one that was still to come to one that was
	// read already. Only if nothing has changed meanwhile is what it did not list gone.
	Unswept bool `json:"unswept,omitempty"`
	// Again says that the window is listed once more. Behind a walk that was given up there is no delta to confirm a
	// listing of several pages: only what neither of two has seen is gone.
	Again bool `json:"again,omitempty"`
	// Pages and Seen guard against a walk that never ends: how many pages it has had, and the ids of
	// the last one whose number is a power of two. Whatever goes round in a circle comes by it again.
	Pages int    `json:"pages,omitempty"`
	Seen  uint64 `json:"seen,omitempty"`
	// Audited is the window that was read before this one, if nothing had changed in it until then.
	Audited calendar.Window `json:"audited,omitzero"`
}

// A state is what the next pull does.
type state string

const (
	walk state = "walk" // follow the delta to its end, to learn whether anything changed
	view state = "view" // list the window
	idle state = "idle" // ask from where the last walk ended
)

const version = 1

// maxWalk bounds a walk. Endless ones have been seen: links that lead on for ever over the same ids.
const maxWalk = 300

func (c cursor) encode() (connectors.Cursor, error) {
	c.Version = version
	b, err := json.Marshal(c)
	return connectors.Cursor(b), err
}

// Pull goes one page further. A full reading walks the delta to its end first, and lists the window
// then, so that a change in between is told by the next question.
func (c *connector) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	err := ctx.Err()
	if err != nil {
		return connectors.Page{}, err
	}
	ctx = as(ctx, src.Reader())
	at := cursor{From: horizon.Start.UTC(), To: horizon.End.UTC(), State: walk, Changed: true}
	if cur != "" {
		var saved cursor
		if err := json.Unmarshal([]byte(cur), &saved); err != nil || saved.Version != version {
			return connectors.Page{}, fmt.Errorf("outlook: a cursor of another version: %w", connectors.ErrCursor)
		}
		if !c.here(saved.Link) || !c.here(saved.Delta) {
			return connectors.Page{}, fmt.Errorf("outlook: a cursor of another cloud than %s: %w", c.cloud.graph, connectors.ErrCursor)
		}
		// The window is fixed in the token and does not slide: another one is another reading. So is a
		// walk that was given up.
		switch same := saved.From.Equal(horizon.Start) && saved.To.Equal(horizon.End); {
		case same && (saved.State != idle || saved.Delta != ""):
			at = saved
		case !same:
			if at.Audited, err = c.unchanged(ctx, src, saved); err != nil {
				return connectors.Page{}, err
			}
		}
	}
	if at.State == view {
		return c.view(ctx, src, at)
	}
	if at.State == idle {
		at = cursor{From: at.From, To: at.To, State: walk, Link: at.Delta, Unswept: at.Unswept, Audited: at.Audited}
	}
	return c.follow(ctx, src, at)
}

// unchanged is the window of a reading that has ended, if the delta says that nothing has changed in it since: whatever the
// next listing finds different there, the delta has missed (docs#3196). What can't be asked any more is no error.
func (c *connector) unchanged(ctx context.Context, src calendar.Source, saved cursor) (calendar.Window, error) {
	if saved.State != idle || saved.Delta == "" || saved.Unswept {
		return calendar.Window{}, nil
	}
	cal, _ := of(src)
	a, err := c.graph.Delta(ctx, cal, calendar.Window{}, c.pageLimit(), saved.Delta)
	p, err := c.list(a, err, "ask for changes in the calendar of "+src.Calendar, src.Reader())
	if err = (cursor{Link: saved.Delta}).blame(a, err); err != nil {
		if errors.Is(err, connectors.ErrCursor) {
			err = nil
		}
		return calendar.Window{}, err
	}
	if len(p.Value) > 0 || p.DeltaLink == "" {
		return calendar.Window{}, nil
	}
	return calendar.Window{Start: saved.From, End: saved.To}, nil
}

// follow reads one page of the delta. What is on it does not count, only whether anything is.
func (c *connector) follow(ctx context.Context, src calendar.Source, at cursor) (connectors.Page, error) {
	cal, _ := of(src)
	a, err := c.graph.Delta(ctx, cal, calendar.Window{Start: at.From, End: at.To}, c.pageLimit(), at.Link)
	p, err := c.list(a, err, "ask for changes in the calendar of "+src.Calendar, src.Reader())
	if err != nil {
		return connectors.Page{}, at.blame(a, err)
	}
	at.Changed = at.Changed || len(p.Value) > 0
	if at.Unswept && at.Changed { // the listing's own changes have been told
		at.Audited = calendar.Window{}
	}
	at.Pages++
	seen := fingerprint(p.Value)
	endless := at.Pages >= maxWalk || len(p.Value) > 0 && seen == at.Seen
	if at.Pages&(at.Pages-1) == 0 {
		at.Seen = seen
	}
	next := cursor{From: at.From, To: at.To, Delta: p.DeltaLink, Audited: at.Audited}
	switch {
	case p.DeltaLink != "" && !at.Changed:
		next.State, next.Audited = idle, calendar.Window{} // nothing new
	case p.DeltaLink != "", endless:
		next.State = view // without a delta link, the reading begins anew behind the listing
	case p.NextLink != "":
		next, next.Link = at, p.NextLink // an empty page is not the end
	default:
		return connectors.Page{}, fmt.Errorf("outlook: the delta of %s has neither a next page nor an end", src.Calendar)
	}
	cur, err := next.encode()
	// A walk of several pages may have begun long ago, and ends where it began: there it asks once more.
	out := connectors.Page{Next: cur, More: next.State != idle || at.Pages > 1}
	if next.State == idle && at.Unswept {
		out.Full, out.Last, out.Listed, out.Audited = true, true, calendar.Window{Start: at.From, End: at.To}, at.Audited
	}
	return out, err
}

// blame is err, and of a link that the service calls a bad request, that a full reading must follow: the
// same link would be refused for ever. A reading's first request has no link and is our own mistake.
func (c cursor) blame(a graph.Answer, err error) error {
	if c.Link == "" || a.Status != http.StatusBadRequest || errors.Is(err, connectors.ErrCursor) {
		return err
	}
	return fmt.Errorf("%w: %w", err, connectors.ErrCursor)
}

// fingerprint is of the ids on a page.
func fingerprint(items []json.RawMessage) uint64 {
	h := fnv.New64a()
	for _, raw := range items {
		var e struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &e) == nil {
			h.Write([]byte(e.ID + "\n"))
		}
	}
	return h.Sum64()
}

// view reads one page of the window.
func (c *connector) view(ctx context.Context, src calendar.Source, at cursor) (connectors.Page, error) {
	cal, owner := of(src)
	a, err := c.graph.View(ctx, cal, calendar.Window{Start: at.From, End: at.To}, c.pageLimit(), at.Link)
	got, err := c.events(a, err, "read the calendar of "+src.Calendar, src.Reader())
	if err != nil {
		return connectors.Page{}, at.blame(a, err)
	}
	p := connectors.Page{First: at.Link == "" && !at.Again, Full: true, Audited: at.Audited}
	for _, e := range got.Value {
		if e, ok := convert(e, owner); ok {
			p.Events = append(p.Events, e)
		}
	}
	several := at.Link != ""
	at.Link = got.NextLink
	switch {
	case at.Link != "":
		p.More = true
	case several && at.Delta != "":
		at.State, at.Unswept, p.More = idle, true, true
	case several && !at.Again:
		at.Again, p.More = true, true
	default:
		at.State, at.Again, at.Audited = idle, false, calendar.Window{}
		p.Last, p.Listed = true, calendar.Window{Start: at.From, End: at.To}
	}
	p.Next, err = at.encode()
	return p, err
}
