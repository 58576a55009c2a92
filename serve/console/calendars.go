package console

import (
	"fmt"
	"net/http"
	"time"

	"example.com/syncd/engine"
)

// calendarsBody is the page of calendars and connections.
type calendarsBody struct {
	Filter      filter
	Connections []connectionRow
	Rows        []calendarRow
	Ages        []share
	AgesSay     string
	Late        int
	Total       int
	Promise     time.Duration
	Next        string
}

type connectionRow struct {
	Connection
	Mark mark
	Link string
}

type calendarRow struct {
	engine.SourceState
	Mark mark
	Do   string
}

// ageBounds are what the picture of the calendars' ages tells apart, from the promise on.
func ageBounds(promise time.Duration) []time.Duration {
	if promise <= 0 {
		promise = 2 * time.Minute
	}
	return []time.Duration{promise / 2, promise, 5 * promise, 30 * promise}
}

func (c *console) calendars(r *http.Request) (answer, error) {
	f := filterOf(r)
	now := c.Now()
	state, err := c.Data.State(r.Context())
	if err != nil {
		return answer{}, err
	}
	b := calendarsBody{Filter: f, Promise: state.Promise}
	connections, err := c.Data.Connections(r.Context())
	if err != nil {
		return answer{}, err
	}
	for _, conn := range connections {
		b.Connections = append(b.Connections, connectionRow{conn, markOfConnection(conn), f.Link("connection", conn.String())})
	}
	if err := c.ages(r, &b); err != nil {
		return answer{}, err
	}
	found, err := c.Data.Calendars(r.Context(), CalendarQuery{Text: f.Text, Connection: f.Connection, Trouble: f.Trouble, After: f.After, Limit: perPage})
	if err != nil {
		return answer{}, err
	}
	for _, s := range found.Items {
		b.Rows = append(b.Rows, calendarRow{s, markOfCalendar(s, now, state.Promise), whatToDo(s, now, state.Promise)})
	}
	if found.Next != "" {
		b.Next = f.Link("after", found.Next)
	}
	return answer{page: "calendars", title: "Calendars", section: "calendars", live: true, body: b}, nil
}

// ages draws how old what is known of the calendars is.
func (c *console) ages(r *http.Request, b *calendarsBody) error {
	bounds := ageBounds(b.Promise)
	counts, err := c.Data.Ages(r.Context(), bounds)
	if err != nil {
		return err
	}
	for i, n := range counts {
		s := share{Count: n}
		switch {
		case i == 0:
			s.Label, s.Class = "up to "+length(bounds[0]), "yes"
		case i < len(bounds):
			s.Label, s.Class = fmt.Sprintf("%s to %s", length(bounds[i-1]), length(bounds[i])), map[bool]string{true: "yes", false: "warn"}[i < 2]
		default:
			s.Label, s.Class = "older, or never read", "bad"
		}
		if i >= 2 {
			b.Late += n
		}
		b.Total += n
		b.Ages = append(b.Ages, s)
	}
	b.Ages = shares(b.Ages)
	b.AgesSay = fmt.Sprintf("%d of %s were read within %s.", b.Total-b.Late, count(b.Total, "calendar"), length(bounds[1]))
	return nil
}

// markOfConnection says how a connection fares, the worst first.
func markOfConnection(c Connection) mark {
	switch {
	case c.Error != "":
		return mark{"✕", "bad", "calendars can't be listed"}
	case c.Refused > 0:
		return mark{"!", "bad", "access lost to " + count(c.Refused, "calendar")}
	case c.Failing > 0:
		return mark{"!", "warn", count(c.Failing, "calendar") + " failing"}
	case c.Held > 0:
		return mark{"◐", "warn", count(c.Held, "calendar") + " suddenly empty"}
	case c.Late > 0:
		return mark{"!", "warn", count(c.Late, "calendar") + " late"}
	case c.ListedAt.IsZero():
		return mark{"…", "warn", "not listed yet"}
	}
	return mark{"✓", "yes", "fine"}
}
