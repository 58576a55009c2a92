package fakegraph

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/internal/fakehttp"
)

// RoundTrip answers every request, whatever its host.
func (t *Tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	return fakehttp.RoundTrip(r, "application/json;odata.metadata=minimal", func(body []byte) answer {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.answer(r, body)
	})
}

type answer = fakehttp.Answer

// refuse is an error in Graph's shape.
func refuse(status int, code, message string) answer {
	return answer{Status: status, Body: map[string]any{"error": map[string]any{"code": code, "message": message}}}
}

var (
	tokenPath = regexp.MustCompile(`^/[^/]+/oauth2/v2\.0/token$`)
	viewPath  = regexp.MustCompile(`^/v1\.0/users/([^/]+)/calendarView(/delta(?:\(\))?)?$`)
)

func (t *Tenant) answer(r *http.Request, body []byte) answer {
	if tokenPath.MatchString(r.URL.Path) {
		return t.token(body)
	}
	until, ok := t.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case !ok || !t.Now().Before(until):
		return refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty or has expired.")
	case t.throttle > 0:
		a := refuse(http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
		a.RetryAfter = t.throttle
		return a
	}
	base := r.URL.Scheme + "://" + r.URL.Host
	if r.URL.Path == "/v1.0/users" {
		return t.roster(base, r.URL.Query())
	}
	m := viewPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment.")
	}
	user := m[1]
	box := t.mailboxes[user]
	switch {
	case t.revoked:
		return refuse(http.StatusForbidden, "ErrorAccessDenied", "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.")
	case box == nil && slices.ContainsFunc(t.users, func(u User) bool { return u.Email == user }):
		return refuse(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
	case box == nil:
		return refuse(http.StatusNotFound, "ErrorInvalidUser", "The requested user is invalid.")
	case !strings.Contains(r.Header.Get("Prefer"), `IdType="ImmutableId"`) || len(r.Header.Values("Prefer")) != 1:
		return refuse(http.StatusBadRequest, "ErrorInvalidRequest", "this tenant wants one Prefer header, with immutable ids")
	case m[2] != "":
		return t.delta(base, r, user, box)
	}
	return t.view(base, r, user, box)
}

// token is the endpoint's answer to a client's credentials (RFC 6749 section 4.4).
func (t *Tenant) token(body []byte) answer {
	form, err := url.ParseQuery(string(body))
	bad := func(code, description string) answer {
		return answer{Status: http.StatusUnauthorized, Body: map[string]any{"error": code, "error_description": description, "error_codes": []int{7000215}}}
	}
	switch {
	case err != nil || form.Get("grant_type") != "client_credentials":
		return bad("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
	case form.Get("client_id") != ClientID:
		return bad("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
	case form.Get("client_secret") != ClientSecret:
		return bad("invalid_client", "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1")
	case !strings.HasSuffix(form.Get("scope"), "/.default"):
		return bad("invalid_scope", "AADSTS70011: The provided value for the input parameter 'scope' is not valid.")
	}
	access := fmt.Sprintf("access-%d", len(t.tokens)+1)
	t.tokens[access] = t.Now().Add(time.Hour)
	return answer{Status: http.StatusOK, Body: map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3599}}
}

// rosterPage is small, so that clients must page.
const rosterPage = 3

func (t *Tenant) roster(base string, q url.Values) answer {
	from, _ := strconv.Atoi(q.Get("$skiptoken"))
	var enabled []User
	for _, u := range t.users {
		if !u.Disabled {
			enabled = append(enabled, u)
		}
	}
	to := min(from+rosterPage, len(enabled))
	users := []map[string]any{}
	for i, u := range enabled[from:to] {
		users = append(users, map[string]any{"id": fmt.Sprintf("user-%d", from+i), "userPrincipalName": u.Email, "mail": u.Email, "accountEnabled": true})
	}
	body := map[string]any{"@odata.context": base + "/v1.0/$metadata#users", "value": users}
	if to < len(enabled) {
		body["@odata.nextLink"] = fmt.Sprintf("%s/v1.0/users?$skiptoken=%d", base, to)
	}
	return answer{Status: http.StatusOK, Body: body}
}

func window(q url.Values) (from, to time.Time, ok bool) {
	from, err1 := time.Parse(time.RFC3339, q.Get("startDateTime"))
	to, err2 := time.Parse(time.RFC3339, q.Get("endDateTime"))
	return from, to, err1 == nil && err2 == nil && to.After(from)
}

// view is plain calendarView. Its pages are counted off a list that goes on changing.
func (t *Tenant) view(base string, r *http.Request, user string, m *mailbox) answer {
	q := r.URL.Query()
	from, to, ok := window(q)
	if !ok {
		return refuse(http.StatusBadRequest, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
	}
	top, err := strconv.Atoi(q.Get("$top"))
	if err != nil || top < 1 || top > 1000 {
		top = 10
	}
	skip, _ := strconv.Atoi(q.Get("$skip"))
	rows := m.view(from, to)
	first := min(skip, len(rows))
	last := min(first+top, len(rows))
	body := map[string]any{"@odata.context": base + "/v1.0/$metadata#users('" + user + "')/calendarView", "value": append([]map[string]any{}, rows[first:last]...)}
	if last < len(rows) {
		q.Set("$skip", strconv.Itoa(last))
		body["@odata.nextLink"] = base + "/v1.0/users/" + user + "/calendarView?" + q.Encode()
	}
	return answer{Status: http.StatusOK, Body: body}
}

// round is one round of delta on its way through its pages.
type round struct {
	epoch    int
	from, to time.Time // the window, fixed for all rounds that follow
	at       int       // the mailbox's changes that are in it
	rows     []map[string]any
}

// delta is calendarView/delta: links carry everything.
func (t *Tenant) delta(base string, r *http.Request, user string, m *mailbox) answer {
	q := r.URL.Query()
	size := 50
	if _, s, ok := strings.Cut(r.Header.Get("Prefer"), "odata.maxpagesize="); ok {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			size = n
		}
	}
	if token := q.Get("$skiptoken"); token != "" {
		var name string
		var skip int
		if n, _ := fmt.Sscanf(strings.ReplaceAll(token, "_", " "), "%s %d", &name, &skip); n != 2 {
			return refuse(http.StatusBadRequest, "BadRequest", "Malformed skip token")
		}
		return t.page(base, user, name, skip, size)
	}
	next := round{epoch: t.epoch, at: len(m.changes)}
	if token := q.Get("$deltatoken"); token != "" {
		prev, ok := t.rounds[token]
		if !ok || prev.epoch != t.epoch {
			return refuse(http.StatusGone, "SyncStateNotFound", "The sync state generation is not found; generation="+token)
		}
		next.from, next.to = prev.from, prev.to
		ids := slices.Clone(m.changes[prev.at:])
		slices.Sort(ids)
		if t.Steady && len(ids) == 0 {
			return t.page(base, user, token, len(prev.rows), size)
		}
		next.rows = m.delta(slices.Compact(ids), next.from, next.to)
	} else {
		var ok bool
		if next.from, next.to, ok = window(q); !ok {
			return refuse(http.StatusBadRequest, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
		}
		ids := slices.Clone(m.changes)
		slices.Sort(ids)
		ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { e, ok := m.events[id]; return !ok || len(e.occurrences(next.from, next.to)) == 0 })
		next.rows = m.delta(ids, next.from, next.to)
	}
	name := fmt.Sprintf("r%d", len(t.rounds)+1)
	t.rounds[name] = next
	if len(next.rows) > 3 {
		size = 0 // an empty first page with a next link is not the end
	}
	return t.page(base, user, name, 0, size)
}

func (t *Tenant) page(base, user, name string, skip, size int) answer {
	r, ok := t.rounds[name]
	if !ok || r.epoch != t.epoch || skip > len(r.rows) {
		return refuse(http.StatusGone, "SyncStateNotFound", "The sync state generation is not found; generation="+name)
	}
	last := min(skip+size, len(r.rows))
	link := base + "/v1.0/users/" + user + "/calendarView/delta?"
	body := map[string]any{"@odata.context": base + "/v1.0/$metadata#Collection(event)", "value": append([]map[string]any{}, r.rows[skip:last]...)}
	if last < len(r.rows) {
		body["@odata.nextLink"] = fmt.Sprintf("%s$skiptoken=%s_%d", link, name, last)
	} else {
		body["@odata.deltaLink"] = link + "$deltatoken=" + name
	}
	return answer{Status: http.StatusOK, Body: body}
}
