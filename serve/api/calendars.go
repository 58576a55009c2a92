package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/serve/tokens"
)

// CalendarPage is a page of calendars.
type CalendarPage struct {
	Calendars []CalendarItem `json:"calendars" nullable:"false" doc:"by id"`
	Next      string         `json:"next,omitempty" doc:"the cursor of the next page; none at the end"`
}

// CalendarItem is a calendar, and how reading it goes. Cursors are the connectors' own.
type CalendarItem struct {
	ID         string    `json:"id" doc:"DRIVER:CONNECTION/CALENDAR"`
	Connection string    `json:"connection" doc:"DRIVER:CONNECTION"`
	Calendar   string    `json:"calendar" doc:"its address"`
	State      string    `json:"state" enum:"read,unread,failing,held,refused" doc:"refused: the provider lets nobody read it any more; held: it was suddenly empty, which is doubted; failing: the last look failed; unread: there was none yet"`
	ReadAt     time.Time `json:"read_at,omitzero" doc:"when it was read last"`
	NextAt     time.Time `json:"next_at,omitzero" doc:"when it is looked at again"`
	Failures   int       `json:"failures,omitempty" doc:"in a row"`
	Error      string    `json:"error,omitempty" doc:"of the last look"`
	ChangedAt  time.Time `json:"changed_at,omitzero" doc:"when a look brought a change last"`
	Fresh      int64     `json:"fresh,omitempty" doc:"the starts of recordings at which it had been read as late before as promised (the setting fresh)"`
	Stale      int64     `json:"stale,omitempty" doc:"those at which it had not"`
}

func calendarItem(s engine.SourceState) CalendarItem {
	item := CalendarItem{
		ID: string(s.ID), Connection: s.Driver + ":" + s.Account, Calendar: s.Calendar, State: "read",
		ReadAt: s.PulledAt, NextAt: s.NextAt, Failures: s.Failures, Error: s.Error,
		ChangedAt: s.ChangedAt, Fresh: s.Fresh, Stale: s.Stale,
	}
	switch {
	case s.Refused:
		item.State = "refused"
	case s.Held:
		item.State = "held"
	case s.Failures > 0:
		item.State = "failing"
	case s.PulledAt.IsZero():
		item.State = "unread"
	}
	return item
}

// ConnectionList is all connections.
type ConnectionList struct {
	LookedAt    time.Time        `json:"looked_at,omitzero" doc:"when the daemon looked last for what is due"`
	RulesError  string           `json:"rules_error,omitempty" doc:"why the newest rules are not in force"`
	Connections []ConnectionItem `json:"connections" nullable:"false" doc:"by name"`
}

// ConnectionItem is an account whose calendars are read.
type ConnectionItem struct {
	Connection string    `json:"connection" doc:"DRIVER:CONNECTION"`
	Configured bool      `json:"configured" doc:"false: it was taken out of the configuration, and its calendars do not count"`
	Error      string    `json:"error,omitempty" doc:"what listing its calendars failed with"`
	Calendars  int       `json:"calendars"`
	Refused    int       `json:"refused,omitempty" doc:"calendars that nobody may read any more"`
	Held       int       `json:"held,omitempty" doc:"calendars that were suddenly empty, which is doubted"`
	Failing    int       `json:"failing,omitempty" doc:"calendars whose last look failed for another reason"`
	ReadAt     time.Time `json:"read_at,omitzero" doc:"when one of them was read last"`
}

func (a *API) registerCalendars() {
	op := a.operation(http.MethodGet, "/api/v1/calendars", "listCalendars", "calendars", "Calendars, and how reading them goes", "", tokens.Read)
	huma.Register(a.huma, op, a.calendars)
	op = a.operation(http.MethodGet, "/api/v1/connections", "listConnections", "calendars", "Connections, and how they are", "", tokens.Read)
	huma.Register(a.huma, op, a.connections)
}

type calendarsOutput struct {
	Link string `header:"Link" doc:"where the next page is, with rel=\"next\""`
	Body CalendarPage
}

func (a *API) calendars(ctx context.Context, in *struct{ Page }) (*calendarsOutput, error) {
	var after calendar.SourceID
	if in.After != "" {
		if err := a.cursors.read(in.filters("calendars"), in.After, &after); err != nil {
			return nil, err
		}
	}
	states, err := a.Catalog.Calendars(ctx, after, in.Limit)
	if err != nil {
		return nil, a.failed(ctx, "calendars", err)
	}
	out := &calendarsOutput{Body: CalendarPage{Calendars: make([]CalendarItem, len(states))}}
	for i, s := range states {
		out.Body.Calendars[i] = calendarItem(s)
	}
	if len(states) == in.Limit {
		if out.Body.Next, err = a.cursors.cursor(in.filters("calendars"), states[len(states)-1].ID); err != nil {
			return nil, err
		}
		out.Link = in.link(out.Body.Next)
	}
	return out, nil
}

func (a *API) connections(ctx context.Context, _ *struct{}) (*struct{ Body ConnectionList }, error) {
	counts, err := a.Catalog.Connections(ctx)
	if err != nil {
		return nil, a.failed(ctx, "connections", err)
	}
	health := a.Health(ctx)
	out := &struct{ Body ConnectionList }{ConnectionList{LookedAt: health.RoundAt, RulesError: health.Rules, Connections: []ConnectionItem{}}}
	counted := map[string]bool{}
	for _, c := range counts {
		name := c.Driver + ":" + c.Account
		counted[name] = true
		failure, configured := health.Connections[name]
		out.Body.Connections = append(out.Body.Connections, ConnectionItem{
			Connection: name, Configured: configured, Error: failure, Calendars: c.Calendars, Refused: c.Refused, Held: c.Held, Failing: c.Failing, ReadAt: c.ReadAt,
		})
	}
	for name, failure := range health.Connections {
		if !counted[name] {
			out.Body.Connections = append(out.Body.Connections, ConnectionItem{Connection: name, Configured: true, Error: failure})
		}
	}
	slices.SortFunc(out.Body.Connections, func(x, y ConnectionItem) int { return strings.Compare(x.Connection, y.Connection) })
	return out, nil
}
