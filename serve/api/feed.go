package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/tokens"
)

// ChangePage is a page of the change feed.
type ChangePage struct {
	Changes []ChangeItem `json:"changes" nullable:"false" doc:"in the order in which they were written"`
	Next    string       `json:"next" doc:"the cursor to go on with, now or whenever there may be more"`
	More    bool         `json:"more" doc:"there are more already"`
}

// ChangeItem is one revision of one schedule.
type ChangeItem struct {
	Cursor    string            `json:"cursor" doc:"to go on behind this one"`
	WrittenAt time.Time         `json:"written_at"`
	Schedule  schedule.Schedule `json:"schedule" doc:"as it was delivered, with the decisions behind it"`
}

// feed is the list that the cursors of changes and of events are of: one goes on where the other ended.
const feed = "changes"

// latest is the word for the end of the feed.
const latest = "latest"

type changesInput struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"how many at most"`
	After string `query:"after" maxLength:"8192" doc:"the cursor behind which to go on (from the beginning); \"latest\": behind all that there is now"`
}

func (a *API) registerFeed() {
	op := a.operation(http.MethodGet, "/api/v1/changes", "listChanges", "feed", "Every revision of every schedule, in order",
		"Keep \"next\" once you have done what a page says, and go on with it: nothing is left out, and nothing comes twice. "+
			"/api/v1/events pushes the same.", tokens.Read)
	answers[ChangePage](a, &op)
	huma.Register(a.huma, op, a.changes)
	a.registerEvents()
}

// position is the number behind which a reader of the feed goes on.
func (a *API) position(ctx context.Context, after string) (int64, error) {
	switch after {
	case "":
		return 0, nil
	case latest:
		n, err := a.Catalog.NewestChange(ctx)
		if err != nil {
			return 0, a.failed(ctx, "changes", err)
		}
		return n, nil
	}
	var seq int64
	err := a.cursors.read(feed, after, &seq)
	return seq, err
}

// change is one as JSON, and its cursor.
func (a *API) change(c engine.Change) (item json.RawMessage, cursor string, err error) {
	if cursor, err = a.cursors.cursor(feed, c.Seq); err != nil {
		return nil, "", err
	}
	var o object
	if err := o.value("cursor", cursor); err != nil {
		return nil, "", err
	}
	if err := o.value("written_at", c.WrittenAt); err != nil {
		return nil, "", err
	}
	o.raw("schedule", c.Data)
	o.WriteByte('}')
	return o.Bytes(), cursor, nil
}

func (a *API) changes(ctx context.Context, in *changesInput) (*raw, error) {
	seq, err := a.position(ctx, in.After)
	if err != nil {
		return nil, err
	}
	changes, err := a.Catalog.Changes(ctx, seq, in.Limit+1) // one more tells whether there are more
	if err != nil {
		return nil, a.failed(ctx, "changes", err)
	}
	more := len(changes) > in.Limit
	if more {
		changes = changes[:in.Limit]
	}
	next, err := a.cursors.cursor(feed, seq)
	if err != nil {
		return nil, err
	}
	items := make([]json.RawMessage, len(changes))
	for i, c := range changes {
		if items[i], next, err = a.change(c); err != nil {
			return nil, err
		}
	}
	var o object
	o.list("changes", items)
	if err := o.value("next", next); err != nil {
		return nil, err
	}
	if err := o.value("more", more); err != nil {
		return nil, err
	}
	link := ""
	if more {
		link = "</api/v1/changes?after=" + next + `>; rel="next"`
	}
	return &raw{ContentType: jsonType, Link: link, Body: o.end()}, nil
}
