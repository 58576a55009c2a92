package google

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// secondaryHost is where calendars live that are nobody's primary one. Rooms (resource.calendar.google.com),
// and holidays and birthdays (group.v.calendar.google.com) live elsewhere; other people's primary calendars are
// read as their own, if they are covered.
const secondaryHost = "@group.calendar.google.com"

// roles are what a user may see of a calendar, from least to most (CalendarList, accessRole). One that came up
// later counts as a reader's.
var roles = map[string]int{"none": 0, freeBusyReader: 1, "reader": 3, "writerWithoutPrivateAccess": 4, "writer": 5, "owner": 6}

const freeBusyReader = "freeBusyReader"

func roleRank(role string) int {
	if n, known := roles[role]; known {
		return n
	}
	return 2
}

// listing is how many users' lists are read at a time.
const listing = 8

// secondary are the calendars on the users' lists besides the primary ones, each once, read as whoever
// may see most of it. A user whose list can't be read costs nobody else theirs.
func (c *connector) secondary(ctx context.Context, users []string) ([]calendar.Source, error) {
	type reader struct {
		user string
		rank int
	}
	var mu sync.Mutex
	best := map[string]reader{}
	failed := 0
	var first error
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listing)
	for _, u := range users {
		g.Go(func() error {
			entries, err := c.calendarList(ctx, u)
			mu.Lock()
			defer mu.Unlock()
			var throttled *connectors.ThrottledError
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.As(err, &throttled) && throttled.Whole:
				return err
			case err != nil:
				failed++
				if first == nil {
					first = err
				}
				return nil
			}
			for _, e := range entries {
				r := reader{u, roleRank(e.AccessRole)}
				if b, found := best[e.Id]; !found || r.rank > b.rank || r.rank == b.rank && r.user < b.user {
					best[e.Id] = r
				}
			}
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
	var sources []calendar.Source
	for _, id := range slices.Sorted(maps.Keys(best)) {
		s := calendar.NewSource(Driver.Name, c.env.Account, id)
		s.User = best[id].user
		sources = append(sources, s)
	}
	return sources, nil
}

// calendarList are the secondary calendars on a user's list of which anything may be seen.
func (c *connector) calendarList(ctx context.Context, user string) ([]*gcal.CalendarListEntry, error) {
	var all []*gcal.CalendarListEntry
	for page := ""; ; {
		var list *gcal.CalendarList
		err := c.as(ctx, user, gcal.CalendarCalendarlistReadonlyScope, func(hc *http.Client) error {
			svc, err := calendarService(ctx, hc)
			if err != nil {
				return err
			}
			call := svc.CalendarList.List().Context(ctx).MaxResults(250).ShowHidden(true).Fields("nextPageToken", "items(id,accessRole,deleted,primary)")
			if page != "" {
				call.PageToken(page)
			}
			list, err = call.Do(quotaUser(user))
			return err
		})
		if err != nil {
			return nil, c.explain(ctx, err, "list the calendars of "+user, user, gcal.CalendarCalendarlistReadonlyScope)
		}
		for _, e := range list.Items {
			if e != nil && strings.HasSuffix(e.Id, secondaryHost) && !e.Deleted && !e.Primary && roleRank(e.AccessRole) > 0 {
				all = append(all, e)
			}
		}
		if page = list.NextPageToken; page == "" {
			return all, nil
		}
	}
}
