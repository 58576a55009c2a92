package fakegoogle

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/internal/fakehttp"
)

// RoundTrip answers every request, whatever its host.
func (t *Tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	return fakehttp.RoundTrip(r, "application/json; charset=UTF-8", func(body []byte) answer {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.answer(r, body)
	})
}

type answer = fakehttp.Answer

// refuse is an error in Google's shape.
func refuse(status int, reason, message string) answer {
	return answer{Status: status, Body: map[string]any{"error": map[string]any{
		"code": status, "message": message,
		"errors": []map[string]any{{"domain": "global", "reason": reason, "message": message}},
	}}}
}

const (
	eventsPath = "/calendar/v3/calendars/"
	usersPath  = "/admin/directory/v1/users"

	groupsPath = "/admin/directory/v1/groups/"

	eventsScope  = "https://www.googleapis.com/auth/calendar.events.readonly"
	usersScope   = "https://www.googleapis.com/auth/admin.directory.user.readonly"
	membersScope = "https://www.googleapis.com/auth/admin.directory.group.member.readonly"
)

// delegated are the scopes that the domain has authorized for the service account.
var delegated = []string{eventsScope, usersScope, membersScope}

func (t *Tenant) answer(r *http.Request, body []byte) answer {
	switch {
	case r.URL.Path == "/token":
		return t.token(r, body)
	case strings.HasSuffix(r.URL.Path, ":signJwt"):
		return t.signJWT(r, body)
	}
	g, ok := t.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case !ok || !t.Now().Before(g.until):
		return refuse(http.StatusUnauthorized, "authError", "Invalid Credentials")
	case t.throttle > 0:
		a := refuse(http.StatusTooManyRequests, "rateLimitExceeded", "Rate Limit Exceeded")
		a.RetryAfter = t.throttle
		return a
	}
	if r.URL.Path == usersPath {
		if g.scope != usersScope {
			return refuse(http.StatusForbidden, "insufficientPermissions", "Insufficient Permission")
		}
		return t.roster(r.URL.Query())
	}
	if group, ok := strings.CutPrefix(r.URL.Path, groupsPath); ok {
		if g.scope != membersScope {
			return refuse(http.StatusForbidden, "insufficientPermissions", "Insufficient Permission")
		}
		return t.membersOf(strings.TrimSuffix(group, "/members"), r.URL.Query())
	}
	// The calendar's id is escaped in the path.
	user, isEvents := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, eventsPath), "/events")
	if !isEvents || !strings.HasPrefix(r.URL.Path, eventsPath) {
		return refuse(http.StatusNotFound, "notFound", "Not Found")
	}
	if g.scope != eventsScope || g.user != user {
		return refuse(http.StatusForbidden, "insufficientPermissions", "Insufficient Permission")
	}
	if r.URL.Query().Get("quotaUser") == "" {
		return refuse(http.StatusForbidden, "userRateLimitExceeded", "The service account is billed as one user: send quotaUser")
	}
	c := t.calendars[user]
	if c == nil {
		return refuse(http.StatusNotFound, "notFound", "Not Found")
	}
	return t.events(c, r.URL.Query())
}

// rosterPage is the Directory API's page, small so that clients must page.
const rosterPage = 4

func (t *Tenant) roster(q url.Values) answer {
	from, _ := strconv.Atoi(q.Get("pageToken"))
	to := min(from+rosterPage, len(t.users))
	users := []map[string]any{}
	for _, u := range t.users[from:to] {
		users = append(users, map[string]any{
			"primaryEmail": u.Email, "suspended": u.Suspended, "archived": u.Archived, "isMailboxSetup": !u.NoMailbox,
		})
	}
	body := map[string]any{"users": users}
	if to < len(t.users) {
		body["nextPageToken"] = strconv.Itoa(to)
	}
	return answer{Status: http.StatusOK, Body: body}
}

// membersOf is Members: list. Without includeDerivedMembership a group in the group is one member.
func (t *Tenant) membersOf(group string, q url.Values) answer {
	if _, ok := t.groups[group]; !ok {
		return refuse(http.StatusNotFound, "notFound", "Resource Not Found: groupKey")
	}
	var all []map[string]any
	var walk func(group string)
	walk = func(group string) {
		for _, m := range t.groups[group] {
			kind := "USER"
			if _, nested := t.groups[m]; nested {
				kind = "GROUP"
			}
			all = append(all, map[string]any{"email": m, "type": kind, "status": "ACTIVE"})
			if kind == "GROUP" && q.Get("includeDerivedMembership") == "true" {
				walk(m)
			}
		}
	}
	walk(group)
	from, _ := strconv.Atoi(q.Get("pageToken"))
	to := min(from+rosterPage, len(all))
	body := map[string]any{"members": all[from:to]}
	if to < len(all) {
		body["nextPageToken"] = strconv.Itoa(to)
	}
	return answer{Status: http.StatusOK, Body: body}
}

// notWithToken may not be said together with a sync token (Events: list).
var notWithToken = []string{"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"}

// events is Events: list with singleEvents=true.
func (t *Tenant) events(c *calendar, q url.Values) answer {
	if q.Get("singleEvents") != "true" {
		return refuse(http.StatusBadRequest, "badRequest", "this tenant lists single events alone")
	}
	limit, err := strconv.Atoi(q.Get("maxResults"))
	if err != nil || limit < 1 || limit > 2500 {
		limit = 250
	}
	if page := q.Get("pageToken"); page != "" {
		return t.page(c, page, limit)
	}
	if token := q.Get("syncToken"); token != "" {
		for _, p := range notWithToken {
			if q.Has(p) {
				return refuse(http.StatusBadRequest, "badRequest", p+" cannot be used together with syncToken")
			}
		}
		var epoch, from int
		if n, _ := fmt.Sscanf(token, "sync-%d-%d", &epoch, &from); n != 2 || epoch != t.epoch || from > len(c.changes) {
			return refuse(http.StatusGone, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
		}
		return t.first(c, c.delta(from), limit)
	}
	from, err1 := time.Parse(time.RFC3339, q.Get("timeMin"))
	to, err2 := time.Parse(time.RFC3339, q.Get("timeMax"))
	if err1 != nil || err2 != nil || !to.After(from) {
		return refuse(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	}
	return t.first(c, c.listing(from, to), limit)
}

// first is a list's first page. The sync token is of the moment at which the list was made, and stands
// on its last page alone.
func (t *Tenant) first(c *calendar, items []map[string]any, limit int) answer {
	return t.page(c, fmt.Sprintf("page-%d-%d-%s-0", t.epoch, len(c.changes), c.freeze(items)), limit)
}

func (t *Tenant) page(c *calendar, token string, limit int) answer {
	f := strings.Split(token, "-")
	if len(f) != 5 || f[1] != strconv.Itoa(t.epoch) {
		return refuse(http.StatusBadRequest, "invalid", "Invalid page token value.")
	}
	items, ok := c.snapshots[f[3]]
	from, err := strconv.Atoi(f[4])
	if !ok || err != nil || from > len(items) {
		return refuse(http.StatusBadRequest, "invalid", "Invalid page token value.")
	}
	to := min(from+limit, len(items))
	body := map[string]any{"kind": "calendar#events", "timeZone": "Europe/Berlin", "accessRole": "owner", "items": append([]map[string]any{}, items[from:to]...)}
	if to < len(items) {
		body["nextPageToken"] = fmt.Sprintf("page-%s-%s-%s-%d", f[1], f[2], f[3], to)
	} else {
		body["nextSyncToken"] = fmt.Sprintf("sync-%s-%s", f[1], f[2])
	}
	return answer{Status: http.StatusOK, Body: body}
}
