package outlook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/outlook/graph"
)

// Values of Config.Calendars.
const (
	calendarsPrimary = "primary"
	calendarsAll     = "all"
)

// groupCalendar begins the ids of a Microsoft 365 group's calendars, which an application may not read.
const groupCalendar = "group:"

// listing is how many users' lists are read at a time.
const listing = 4

// maxCalendars bounds the pages of one user's list.
const maxCalendars = 100

// of is the calendar as Graph names it, and whose it is. The id of one besides the default one lies behind its
// user's address, since it is good in that mailbox alone; between them is the owner, if it is somebody else's.
func of(src calendar.Source) (cal graph.Calendar, owner string) {
	if src.User == "" {
		return graph.Calendar{User: src.Calendar}, src.Calendar
	}
	id, _ := strings.CutPrefix(src.Calendar, src.User+"/")
	if owner, shared, ok := strings.Cut(id, "/"); ok { // ids are base64 for URLs, without slashes
		return graph.Calendar{User: src.User, ID: shared}, owner
	}
	return graph.Calendar{User: src.User, ID: id}, src.User
}

// secondary are the users' calendars besides their default ones. What belongs to somebody else who is read is
// left out: it is read there. A user whose list can't be read costs nobody else theirs.
func (c *connector) secondary(ctx context.Context, users []string) ([]calendar.Source, error) {
	covered := map[string]bool{}
	for _, u := range users {
		covered[u] = true
	}
	lists := make([][]calendar.Source, len(users))
	var mu sync.Mutex
	failed := 0
	var first error
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listing)
	for i, u := range users {
		g.Go(func() error {
			list, err := c.calendarList(ctx, u, covered)
			var throttled *connectors.ThrottledError
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.As(err, &throttled) && throttled.Whole {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				if first == nil {
					first = err
				}
			}
			lists[i] = list
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if failed > 0 {
		if failed == len(users) {
			return nil, first
		}
		c.env.Log.Warn("the calendars of some users could not be listed; those known are read on", "users", failed, "first", first)
	}
	var all []calendar.Source
	for _, l := range lists {
		all = append(all, l...)
	}
	return all, nil
}

// calendarList are the user's calendars besides the default one.
func (c *connector) calendarList(ctx context.Context, user string, covered map[string]bool) ([]calendar.Source, error) {
	ctx = as(ctx, user)
	doing := "list the calendars of " + user
	var all []calendar.Source
	link := ""
	for range maxCalendars {
		a, err := c.graph.Calendars(ctx, user, link)
		p, err := c.list(a, err, doing, user)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Value {
			var cal struct {
				ID                string `json:"id"`
				IsDefaultCalendar bool   `json:"isDefaultCalendar"`
				Owner             struct {
					Address string `json:"address"`
				} `json:"owner"`
			}
			if json.Unmarshal(raw, &cal) != nil || cal.ID == "" || cal.IsDefaultCalendar || strings.HasPrefix(cal.ID, groupCalendar) {
				continue
			}
			name := user + "/" + cal.ID
			if owner := strings.ToLower(cal.Owner.Address); owner != "" && owner != user {
				if covered[owner] {
					continue
				}
				name = user + "/" + owner + "/" + cal.ID
			}
			s := calendar.NewSource(Driver.Name, c.env.Account, name)
			s.User = user
			all = append(all, s)
		}
		if link = p.NextLink; link == "" {
			return all, nil
		}
	}
	return nil, fmt.Errorf("outlook: %s: the list does not end after %d pages", doing, maxCalendars)
}
