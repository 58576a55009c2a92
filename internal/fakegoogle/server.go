package fakegoogle

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what the tenant says to a request.
type answer struct {
	status     int
	body       any // nil: none
	header     map[string]string
	retryAfter time.Duration // 0: not said
}

func ok(body map[string]any) answer { return answer{status: http.StatusOK, body: body} }

// page is a page of a list; next is "" on the last one.
func page(body map[string]any, next string) answer {
	if next != "" {
		body["nextPageToken"] = next
	}
	return ok(body)
}

// refuse is an error in Google's shape (guide "Handle API errors").
func refuse(status int, reason, message string) answer {
	return answer{status: status, body: map[string]any{"error": map[string]any{
		"code": status, "message": message,
		"errors": []any{map[string]any{"domain": "global", "reason": reason, "message": message}},
	}}}
}

// call is one request of an API.
type call struct {
	route *route
	path  map[string]string // unescaped
	query url.Values
	body  []byte
	grant grant
}

// user is as whom the request acts.
func (c call) user() string { return c.grant.user }

// is reports whether the path's last segment has this name.
func (c call) is(last string) bool { return strings.HasSuffix(c.route.pattern, "/"+last) }

const scopePrefix = "https://www.googleapis.com/auth/"

// scopes reports whether one of these is granted; they are said without their prefix.
func (c call) scopes(any ...string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return slices.Contains(c.grant.scopes, scopePrefix+s) })
}

var (
	fullEventScopes  = []string{"calendar", "calendar.readonly", "calendar.events", "calendar.events.readonly"}
	ownedEventScopes = []string{"calendar.events.owned", "calendar.events.owned.readonly"}
	eventScopes      = slices.Concat(fullEventScopes, ownedEventScopes, []string{"calendar.events.freebusy", "calendar.events.public.readonly"})
	userScopes       = []string{"admin.directory.user", "admin.directory.user.readonly"}
	memberScopes     = []string{"admin.directory.group", "admin.directory.group.readonly", "admin.directory.group.member", "admin.directory.group.member.readonly"}
)

// onlyOwned reports whether the scopes are good for calendars alone that the user owns.
func (c call) onlyOwned() bool { return !c.scopes(fullEventScopes...) && c.scopes(ownedEventScopes...) }

// A route is a method of an API. Of the scopes one is enough.
type route struct {
	method, pattern string
	api             string // as SwitchOff has it
	schema          string // of the answer
	scopes          []string
	answer          func(*Tenant, call) answer
}

var routes = []*route{
	{"GET", "/calendar/v3/calendars/{calendar}", "calendar", "calendar.Calendar", []string{"calendar", "calendar.readonly", "calendar.calendars", "calendar.calendars.readonly"}, (*Tenant).getCalendar},
	{"GET", "/calendar/v3/users/me/calendarList", "calendar", "calendar.CalendarList", []string{"calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"}, (*Tenant).listCalendars},
	{"GET", "/calendar/v3/calendars/{calendar}/events", "calendar", "calendar.Events", eventScopes, (*Tenant).listEvents},
	{"POST", "/calendar/v3/calendars/{calendar}/events/watch", "calendar", "calendar.Channel", fullEventScopes, (*Tenant).watch},
	{"GET", "/calendar/v3/calendars/{calendar}/events/{event}", "calendar", "calendar.Event", eventScopes, (*Tenant).getEvent},
	{"DELETE", "/calendar/v3/calendars/{calendar}/events/{event}", "calendar", "", []string{"calendar", "calendar.events", "calendar.events.owned"}, (*Tenant).deleteEvent},
	{"GET", "/calendar/v3/calendars/{calendar}/events/{event}/instances", "calendar", "calendar.Events", eventScopes, (*Tenant).listInstancesOf},
	{"POST", "/calendar/v3/channels/stop", "calendar", "", fullEventScopes, (*Tenant).stopChannel},
	{"GET", "/admin/directory/v1/users", "admin", "admin.Users", userScopes, (*Tenant).listUsers},
	{"GET", "/admin/directory/v1/groups/{group}/members", "admin", "admin.Members", memberScopes, (*Tenant).listMembers},
	{"GET", "/v1/people:listDirectoryPeople", "people", "people.ListDirectoryPeopleResponse", []string{"directory.readonly"}, (*Tenant).listPeople},
}

// match is the path's variables; nil if it is another route's.
func (r *route) match(method, path string) map[string]string {
	want, got := strings.Split(r.pattern, "/"), strings.Split(path, "/")
	if method != r.method || len(want) != len(got) {
		return nil
	}
	vars := map[string]string{}
	for i, w := range want {
		g, err := url.PathUnescape(got[i])
		switch {
		case err != nil:
			return nil
		case strings.HasPrefix(w, "{"):
			vars[strings.Trim(w, "{}")] = g
		case w != g:
			return nil
		}
	}
	return vars
}

// endpoints are those of OAuth and of IAM, which ask for no access token, or for another one.
var endpoints = []struct {
	path   string // how it ends
	answer func(*Tenant, *http.Request, []byte) answer
}{
	{"/token", (*Tenant).token},
	{"/revoke", (*Tenant).revoke},
	{"/auth", (*Tenant).authorize},
	{":signJwt", (*Tenant).signJWT},
}

// answer is what the tenant says to a request that arrived.
func (t *Tenant) answer(r *http.Request, body []byte) answer {
	for _, e := range endpoints {
		if strings.HasSuffix(r.URL.Path, e.path) {
			return e.answer(t, r, body)
		}
	}
	g, known := t.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case !known || !t.Now().Before(g.until):
		return refuse(http.StatusUnauthorized, "authError", "Invalid Credentials")
	case t.throttle > 0:
		a := refuse(http.StatusTooManyRequests, "rateLimitExceeded", "Rate Limit Exceeded")
		a.retryAfter = t.throttle
		return a
	}
	for _, rt := range routes {
		if vars := rt.match(r.Method, r.URL.EscapedPath()); vars != nil {
			return t.call(call{route: rt, path: vars, query: r.URL.Query(), body: body, grant: g})
		}
	}
	return refuse(http.StatusNotFound, "notFound", "Not Found")
}

// call is a request with an access token.
func (t *Tenant) call(c call) answer {
	u, known := t.user(c.user())
	switch {
	case !c.scopes(c.route.scopes...):
		return refuse(http.StatusForbidden, "insufficientPermissions", "Request had insufficient authentication scopes.")
	case t.off[c.route.api]:
		return refuse(http.StatusForbidden, "accessNotConfigured", "Google "+c.route.api+" API has not been used in project 1 before or it is disabled.")
	case !known || u.Suspended:
		return refuse(http.StatusUnauthorized, "authError", "Invalid Credentials")
	case c.route.api == "calendar" && u.NoCalendar:
		return refuse(http.StatusForbidden, "notACalendarUser", "The user must be signed up for Google Calendar.")
	}
	fields := mask(nil)
	if q := c.query.Get("fields"); q != "" {
		m, err := parseMask(q)
		if err == nil {
			err = m.check(c.route.schema)
		}
		if err != nil {
			return refuse(http.StatusBadRequest, "invalidParameter", err.Error())
		}
		fields = m
	}
	if a, over := t.overQuota(c); over {
		return a
	}
	a := c.route.answer(t, c)
	if a.status == http.StatusOK {
		a.body = fields.apply(a.body)
	}
	return a
}

// A Quota is how many requests of the Calendar API are answered in a minute; 0: any number. A service account
// without quotaUser counts as one user (guide "Manage quotas").
type Quota struct{ Project, User int }

func (t *Tenant) overQuota(c call) (answer, bool) {
	if c.route.api != "calendar" || t.Quota == (Quota{}) {
		return answer{}, false
	}
	who := c.query.Get("quotaUser")
	if who == "" {
		if who = c.user(); c.grant.delegated {
			who = ServiceAccount
		}
	}
	if len(who) > 40 { // Cloud's system parameters: at most 40 characters count
		who = who[:40]
	}
	now := t.Now()
	for _, of := range []struct {
		key, reason, message string
		limit                int
	}{{"user " + who, "userRateLimitExceeded", "User Rate Limit Exceeded", t.Quota.User}, {"project", "rateLimitExceeded", "Rate Limit Exceeded", t.Quota.Project}} {
		spent := slices.DeleteFunc(t.spent[of.key], func(at time.Time) bool { return now.Sub(at) >= time.Minute })
		if t.spent[of.key] = spent; of.limit > 0 && len(spent) >= of.limit {
			return refuse(http.StatusForbidden, of.reason, of.message), true
		}
		t.spent[of.key] = append(spent, now)
	}
	return answer{}, false
}

// An Entry is one request of the journal.
type Entry struct {
	Method, Path string
	User         string // whose access token it had
	Status       int
	Bytes        int // of the body, as it went over the wire
}

// Journal is what was asked since the last call of Journal.
func (t *Tenant) Journal() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.journal
	t.journal = nil
	return j
}

// wire is an answer as it goes over the wire.
type wire struct {
	status int
	header http.Header
	body   []byte
	cut    int // where the connection breaks
}

// exchange answers a request, or doesn't. Gzip needs both headers to say so (guide "Improve performance").
func (t *Tenant) exchange(r *http.Request, body []byte) (w wire, err error) {
	f := t.fault(r)
	if f.Err != nil {
		return w, f.Err
	}
	var a answer
	t.do(func() {
		who := t.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")].user
		if a = t.answer(r, body); f.Status != 0 {
			a = answer{status: f.Status, body: json.RawMessage(f.Body), header: map[string]string{"Content-Type": f.ContentType}, retryAfter: f.RetryAfter}
		}
		if w, err = a.wire(strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && strings.Contains(r.Header.Get("User-Agent"), "gzip")); err == nil {
			t.journal = append(t.journal, Entry{r.Method, r.URL.Path, who, a.status, len(w.body)})
		}
	})
	if w.cut = len(w.body); f.Cut {
		w.cut /= 2
	}
	return w, err
}

func (a answer) wire(zip bool) (w wire, err error) {
	w = wire{status: a.status, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Vary": {"X-Origin"}}}
	for name, value := range a.header {
		w.header.Set(name, value)
	}
	if a.retryAfter > 0 {
		w.header.Set("Retry-After", strconv.Itoa(int(a.retryAfter/time.Second)))
	}
	switch body := a.body.(type) {
	case nil:
		return w, nil
	case json.RawMessage:
		w.body = body
	default:
		if w.body, err = json.Marshal(body); err != nil {
			return w, err
		}
	}
	if zip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err = z.Write(w.body); err == nil {
			err = z.Close()
		}
		w.body = b.Bytes()
		w.header.Set("Content-Encoding", "gzip")
	}
	return w, err
}

// RoundTrip answers every request, whatever its host.
func (t *Tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	w, err := t.exchange(r, body)
	if err != nil {
		return nil, err
	}
	resp := &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, ContentLength: int64(len(w.body)), Request: r,
	}
	whole := io.Reader(bytes.NewReader(w.body[:w.cut]))
	if w.cut < len(w.body) {
		whole = io.MultiReader(whole, broken{})
	}
	resp.Body = io.NopCloser(whole)
	return resp, nil
}

// ServeHTTP answers as RoundTrip does.
func (t *Tenant) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, 4<<20))
	if err != nil {
		http.Error(out, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	w, err := t.exchange(r, body)
	if err != nil {
		panic(http.ErrAbortHandler) // the connection breaks without an answer
	}
	for key, values := range w.header {
		out.Header()[key] = values
	}
	out.Header().Set("Content-Length", strconv.Itoa(len(w.body)))
	out.WriteHeader(w.status)
	_, _ = out.Write(w.body[:w.cut])
	if w.cut < len(w.body) {
		_ = http.NewResponseController(out).Flush()
		panic(http.ErrAbortHandler)
	}
}
