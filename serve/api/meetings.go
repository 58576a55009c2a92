package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/tokens"
)

// MeetingPage is a page of meetings.
type MeetingPage struct {
	Meetings []MeetingItem `json:"meetings" nullable:"false" doc:"by start"`
	Next     string        `json:"next,omitempty" doc:"the cursor of the next page; none at the end. A search may have pages that are empty and go on."`
}

// MeetingItem is a meeting in a list.
type MeetingItem struct {
	Meeting   string    `json:"meeting" doc:"its key: the UID, with the occurrence's start if it is one of a series"`
	Title     string    `json:"title,omitempty"`
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
	DecidedAt time.Time `json:"decided_at"`
	Recorded  bool      `json:"recorded"`
	Held      bool      `json:"held,omitempty" doc:"it goes on being recorded although the decision says no: only the access to calendars was lost"`
	Provider  string    `json:"provider,omitempty"`
	Owner     string    `json:"owner,omitempty"`
	Failing   []string  `json:"failing,omitempty" nullable:"false" doc:"the rules that are against recording it"`
}

// MeetingTrace is all that is known of a meeting.
type MeetingTrace struct {
	Title     string                `json:"title,omitempty"`
	DecidedAt time.Time             `json:"decided_at"`
	Recorded  bool                  `json:"recorded"`
	Decision  eligibility.Decision  `json:"decision" doc:"with the outcome of every rule"`
	Held      *eligibility.Decision `json:"held,omitempty" doc:"what goes on being recorded although the decision says no: only the access to calendars was lost"`
	Sources   []CalendarItem        `json:"sources" nullable:"false" doc:"the calendars that show it, one for each copy"`
	Schedules []schedule.Schedule   `json:"schedules" nullable:"false" doc:"those that name it, or once did, without their reasons"`
}

type meetingsInput struct {
	Page
	Span
	Recorded string `query:"recorded" enum:"yes,no" doc:"that are recorded, or are not"`
	Rule     string `query:"rule" maxLength:"200" doc:"that this rule is against"`
	Provider string `query:"provider" maxLength:"100" doc:"with a call of this conference provider"`
	Text     string `query:"text" maxLength:"200" doc:"that have this in the title, the address of somebody who takes part, or the link, in whatever case; nothing of private ones"`
}

func (a *API) registerMeetings() {
	op := a.operation(http.MethodGet, "/api/v1/meetings", "listMeetings", "meetings", "Meetings, by start", "", tokens.Read)
	huma.Register(a.huma, op, a.meetings)
	op = a.operation(http.MethodGet, "/api/v1/meetings/{key}", "getMeeting", "meetings", "Why a meeting is recorded, or is not",
		"The key of a meeting has characters that are to be escaped in an address: a slash is %2F.", tokens.Read, http.StatusNotFound)
	answers[MeetingTrace](a, &op)
	huma.Register(a.huma, op, a.meeting)
}

// meetingsOutput is a page.
type meetingsOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body MeetingPage
}

func (a *API) meetings(ctx context.Context, in *meetingsInput) (*meetingsOutput, error) {
	from, err := a.begin(&in.Page, in.Span, "meetings")
	if err != nil {
		return nil, err
	}
	f := engine.MeetingFilter{Before: in.To, Rule: in.Rule, Provider: in.Provider, Text: in.Text}
	if in.Recorded != "" {
		yes := in.Recorded == "yes"
		f.Recorded = &yes
	}
	rows, next, err := a.Catalog.FindMeetings(ctx, f, from, in.Limit)
	if err != nil {
		return nil, a.failed(ctx, "meetings", err)
	}
	out := &meetingsOutput{Body: MeetingPage{Meetings: make([]MeetingItem, len(rows))}}
	for i, r := range rows {
		out.Body.Meetings[i] = MeetingItem{
			Meeting: string(r.Meeting), Title: r.Title, Start: r.Start, End: r.End, DecidedAt: r.DecidedAt,
			Recorded: r.Recorded, Held: r.Held, Provider: r.Provider, Owner: r.Owner, Failing: r.Failing,
		}
	}
	if out.Body.Next, err = a.next(&in.Page, "meetings", next); err != nil {
		return nil, err
	}
	out.Link = in.link(out.Body.Next)
	return out, nil
}

func (a *API) meeting(ctx context.Context, in *struct {
	Key string `path:"key" maxLength:"8192" doc:"of the meeting"`
}) (*rawOne, error) {
	t, err := a.Catalog.Trace(ctx, calendar.Key(in.Key))
	if errors.Is(err, engine.ErrUnknown) {
		return nil, huma.Error404NotFound("no meeting of this key was ever decided; /api/v1/meetings lists them")
	}
	if err != nil {
		return nil, a.failed(ctx, "a meeting", err)
	}
	var o object
	if t.Title != "" {
		err = o.value("title", t.Title)
	}
	sources := make([]CalendarItem, len(t.Sources))
	for i, s := range t.Sources {
		sources[i] = calendarItem(s)
	}
	var decision struct {
		Record bool `json:"record"`
	}
	err = errors.Join(err, json.Unmarshal(t.Decision, &decision), o.value("decided_at", t.DecidedAt), o.value("recorded", decision.Record || t.Held != nil))
	o.raw("decision", t.Decision)
	if t.Held != nil {
		o.raw("held", t.Held)
	}
	if err = errors.Join(err, o.value("sources", sources)); err != nil {
		return nil, a.failed(ctx, "a meeting", err)
	}
	o.list("schedules", t.Schedules)
	return &rawOne{ContentType: jsonType, Body: o.end()}, nil
}
