package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/tokens"
)

// raw is JSON that is written as it is: what the store has is not read and written again. Its schema is set by hand.
type raw struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Link        string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body        []byte
}

// rawOne is raw without pages.
type rawOne struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        []byte
}

const jsonType = "application/json"

// answers documents that op answers with the JSON of T.
func answers[T any](a *API, op *huma.Operation) {
	s := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{jsonType: {Schema: s}}}}
}

// object writes a JSON object of parts that are JSON already.
type object struct{ bytes.Buffer }

// key begins a member of the object.
func (o *object) key(name string) {
	if o.Len() == 0 {
		o.WriteByte('{')
	} else {
		o.WriteByte(',')
	}
	o.WriteByte('"')
	o.WriteString(name)
	o.WriteString(`":`)
}

// raw writes a member that is JSON already.
func (o *object) raw(name string, value []byte) {
	o.key(name)
	o.Write(value)
}

// value writes a member as encoding/json does.
func (o *object) value(name string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		o.raw(name, b)
	}
	return err
}

// list writes a member that is a list of what is JSON already.
func (o *object) list(name string, values []json.RawMessage) {
	o.key(name)
	o.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			o.WriteByte(',')
		}
		o.Write(v)
	}
	o.WriteByte(']')
}

// end is the object as a whole.
func (o *object) end() []byte {
	o.WriteString("}\n")
	return o.Bytes()
}

// SchedulePage is a page of schedules.
type SchedulePage struct {
	Schedules []schedule.Schedule `json:"schedules" nullable:"false" doc:"newest revisions, without their reasons, by start"`
	Next      string              `json:"next,omitempty" doc:"the cursor of the next page; none at the end"`
}

// ScheduleHistory is a schedule with all of its revisions.
type ScheduleHistory struct {
	Schedule  schedule.Schedule `json:"schedule" doc:"the newest revision, with the decisions behind it"`
	Revisions []Revision        `json:"revisions" nullable:"false" doc:"all of them, the first one first"`
}

// Revision is one revision of a schedule.
type Revision struct {
	WrittenAt time.Time         `json:"written_at"`
	Schedule  schedule.Schedule `json:"schedule"`
}

// recent is how far back lists begin where nobody says from when: what goes on is among it.
const recent = 24 * time.Hour

// Span is the time in which something starts.
type Span struct {
	From time.Time `query:"from" doc:"start at or after this (24 hours ago); what has no known start, start at the year 1"`
	To   time.Time `query:"to" doc:"start before this"`
}

// place is where a list goes on, as cursors have it.
type place struct {
	Start int64  `json:"s"` // Unix milliseconds
	ID    string `json:"i"`
}

// begin is where a list begins: behind the cursor, or at from.
func (a *API) begin(p *Page, s Span, list string) (engine.Place, error) {
	if p.After != "" {
		var at place
		if err := a.cursors.read(p.filters(list), p.After, &at); err != nil {
			return engine.Place{}, err
		}
		return engine.Place{Start: fromMS(at.Start), ID: at.ID}, nil
	}
	if s.From.IsZero() && !p.url.Query().Has("from") {
		return engine.Place{Start: a.Now().Add(-recent)}, nil
	}
	return engine.Place{Start: s.From}, nil
}

// next is the cursor of a place, "" of none.
func (a *API) next(p *Page, list string, at *engine.Place) (string, error) {
	if at == nil {
		return "", nil
	}
	return a.cursors.cursor(p.filters(list), place{toMS(at.Start), at.ID})
}

func toMS(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMS(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

type schedulesInput struct {
	Page
	Span
	State    string `query:"state" enum:"scheduled,updated,cancelled" doc:"whose newest revision says this"`
	Provider string `query:"provider" maxLength:"100" doc:"of this conference provider"`
	Member   string `query:"member" maxLength:"320" doc:"for this person: the owner's address, or one on whose behalf it is"`
}

func (a *API) registerSchedules() {
	op := a.operation(http.MethodGet, "/api/v1/schedules", "listSchedules", "schedules", "Recording schedules, by start",
		"Cancelled ones are among them. To follow what changes, read /api/v1/changes.", tokens.Read)
	answers[SchedulePage](a, &op)
	huma.Register(a.huma, op, a.schedules)
	op = a.operation(http.MethodGet, "/api/v1/schedules/{id}", "getSchedule", "schedules", "A schedule and its revisions", "", tokens.Read, http.StatusNotFound)
	answers[ScheduleHistory](a, &op)
	huma.Register(a.huma, op, a.schedule)
}

func (a *API) schedules(ctx context.Context, in *schedulesInput) (*raw, error) {
	from, err := a.begin(&in.Page, in.Span, "schedules")
	if err != nil {
		return nil, err
	}
	found, next, err := a.Catalog.FindSchedules(ctx, engine.ScheduleFilter{Before: in.To, State: in.State, Provider: in.Provider, Member: in.Member}, from, in.Limit)
	if err != nil {
		return nil, a.failed(ctx, "schedules", err)
	}
	cursor, err := a.next(&in.Page, "schedules", next)
	if err != nil {
		return nil, err
	}
	var o object
	o.list("schedules", found)
	return a.page(&in.Page, &o, cursor)
}

// page ends a page of a list.
func (a *API) page(p *Page, o *object, cursor string) (*raw, error) {
	if cursor != "" {
		if err := o.value("next", cursor); err != nil {
			return nil, err
		}
	}
	return &raw{ContentType: jsonType, Link: p.link(cursor), Body: o.end()}, nil
}

func (a *API) schedule(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"200" doc:"of the schedule"`
}) (*rawOne, error) {
	newest, revisions, err := a.Catalog.History(ctx, in.ID)
	if errors.Is(err, engine.ErrUnknown) {
		return nil, huma.Error404NotFound("there is no schedule of this id")
	}
	if err != nil {
		return nil, a.failed(ctx, "a schedule", err)
	}
	var o object
	o.raw("schedule", newest)
	all := make([]json.RawMessage, len(revisions))
	for i, c := range revisions {
		var r object
		if err := r.value("written_at", c.WrittenAt); err != nil {
			return nil, err
		}
		r.raw("schedule", c.Data)
		r.WriteByte('}')
		all[i] = r.Bytes()
	}
	o.list("revisions", all)
	return &rawOne{ContentType: jsonType, Body: o.end()}, nil
}
