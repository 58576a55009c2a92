package fakegraph

import (
	"strings"
	"time"
)

// ofUser is what lies below /users/{id}.
func (c *call) ofUser(name string, rest []string) answer {
	if len(rest) == 0 {
		if refused, ok := c.needs("User.Read.All", "Directory.Read.All", "User.Read"); !ok {
			return refused
		}
		return c.oneUser(name)
	}
	m, refused := c.open(name)
	if m == nil {
		return refused
	}
	calendar := ""
	switch head := strings.ToLower(rest[0]); {
	case head == "calendars" && len(rest) == 1:
		return c.listCalendars(m)
	case head == "calendars":
		cal := m.calendar(rest[1])
		if cal == nil {
			return notFound
		}
		if calendar, rest = cal.ID, rest[2:]; cal == m.calendars[0] {
			calendar = ""
		}
		if cal.SharedBy != "" { // its items are the owner's
			m, calendar = c.t.box(cal.SharedBy), ""
		}
		if len(rest) == 0 {
			return answer{status: 200, body: c.t.calendarResource(m, cal)}
		}
	case head == "calendar" && len(rest) == 1:
		return answer{status: 200, body: c.t.calendarResource(m, m.calendars[0])}
	case head == "calendar":
		rest = rest[1:]
	}
	at := place{m, calendar}
	if c.method != "GET" {
		return refuse(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
	}
	tail := ""
	if len(rest) > 1 {
		tail = strings.ToLower(strings.TrimSuffix(rest[1], "()"))
	}
	switch head := strings.ToLower(rest[0]); {
	case head == "calendarview" && len(rest) == 1:
		return c.view(at)
	case head == "calendarview" && tail == "delta" && len(rest) == 2:
		return c.delta(at)
	case head == "events" && len(rest) == 1:
		return c.listEvents(at)
	case head == "events" && len(rest) == 2:
		return c.oneEvent(at, rest[1])
	case head == "events" && len(rest) == 3 && strings.EqualFold(rest[2], "instances"):
		return c.instances(at, rest[1])
	}
	return refuse(400, "BadRequest", "Resource not found for the segment '"+rest[0]+"'.")
}

var notFound = refuse(404, "ErrorItemNotFound", "The specified object was not found in the store.")

// place is a calendar of a mailbox; "" is the default one.
type place struct {
	m        *mailbox
	calendar string
}

// open is the mailbox, if the caller may read it.
func (c *call) open(name string) (*mailbox, answer) {
	if refused, ok := c.needs("Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic", "Calendars.ReadBasic.All", "Calendars.Read.Shared"); !ok {
		return nil, refused
	}
	u := c.t.user(name)
	switch {
	case u == nil:
		return nil, refuse(404, "ErrorInvalidUser", "The requested user '"+name+"' is invalid.")
	case c.t.revoked:
		return nil, refuse(403, "ErrorAccessDenied", "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.")
	case u.NoMailbox || c.t.mailboxes[u.ID] == nil:
		return nil, refuse(404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
	case c.grant.user != "" && c.t.user(c.grant.user) != u && !c.grant.has("Calendars.Read.Shared"):
		return nil, refuse(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
	case c.grant.user == "" && u.Restricted:
		return nil, refuse(403, "ErrorAccessDenied", "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.")
	}
	return c.t.mailboxes[u.ID], answer{}
}

func (t *Tenant) calendarResource(m *mailbox, cal *Calendar) map[string]any {
	owner := m.owner
	if cal.SharedBy != "" {
		owner = t.mustUser(cal.SharedBy)
	}
	shared := owner != m.owner
	return map[string]any{
		"id": cal.ID, "name": cal.Name, "color": "auto", "hexColor": "", "isDefaultCalendar": cal == m.calendars[0],
		"changeKey": "hVr" + guid("calendar", cal.ID)[:8], "canShare": !shared, "canViewPrivateItems": !shared, "canEdit": !shared,
		"allowedOnlineMeetingProviders": []any{"teamsForBusiness"}, "defaultOnlineMeetingProvider": "teamsForBusiness",
		"isTallyingResponses": true, "isRemovable": cal != m.calendars[0],
		"owner": map[string]any{"name": owner.Name, "address": owner.Email},
	}
}

// listCalendars is GET /users/{id}/calendars.
func (c *call) listCalendars(m *mailbox) answer {
	value := []any{}
	for _, cal := range m.calendars {
		row := c.t.calendarResource(m, cal)
		if s := c.query("$select"); s != "" {
			for key := range row {
				if !strings.Contains(","+s+",", ","+key+",") && key != "id" {
					delete(row, key)
				}
			}
		}
		value = append(value, row)
	}
	return answer{status: 200, body: map[string]any{"@odata.context": c.base + "/v1.0/$metadata#users('" + m.owner.ID + "')/calendars", "value": value}}
}

// listEvents is GET /users/{id}/events: singles and masters.
func (c *call) listEvents(at place) answer {
	r := renderer{c.t, at.m, c.shape()}
	rows := []map[string]any{}
	for _, it := range at.m.in(at.calendar) {
		rows = append(rows, r.itself(it))
	}
	return c.page(rows, "events")
}

// itself is a single event, or a master.
func (r renderer) itself(it *item) map[string]any {
	if it.pattern() != nil {
		return r.master(it)
	}
	return r.full(it, instance{n: -1, original: it.Start, start: it.Start, length: it.Length}, "singleInstance")
}

// oneEvent is GET /users/{id}/events/{id}, of any type. A master can tell its exceptions and deletions
// ("Get event": cancelledOccurrences, exceptionOccurrences).
func (c *call) oneEvent(at place, id string) answer {
	it, n := at.m.find(id)
	if it == nil {
		return notFound
	}
	r := renderer{c.t, at.m, c.shape()}
	row := r.itself(it)
	if n >= 0 {
		i, ok := it.nth(n)
		if !ok {
			return notFound
		}
		row = r.full(it, i, it.kindOf(i))
	}
	fields := c.query("$select")
	if n < 0 && it.pattern() != nil {
		r.exceptions(it, row, fields)
	}
	wanted := strings.ReplaceAll(fields, "exceptionOccurrences", "id")
	rows, bad := selected([]map[string]any{row}, wanted)
	if bad != nil {
		return *bad
	}
	if v, ok := row["exceptionOccurrences"]; ok {
		rows[0]["exceptionOccurrences"] = v
	}
	rows[0]["@odata.context"] = c.base + "/v1.0/$metadata#users('" + at.m.owner.ID + "')/events/$entity"
	return c.applied(answer{status: 200, body: rows[0]})
}

// exceptions adds to a master what was selected of its deleted and changed occurrences.
func (r renderer) exceptions(it *item, row map[string]any, fields string) {
	gone, changed := []any{}, []any{}
	last := -1
	for n := range it.Dropped {
		last = max(last, n)
	}
	for _, m := range []map[int]time.Duration{it.Moved, it.Lengths} {
		for n := range m {
			last = max(last, n)
		}
	}
	for n := range it.Changed {
		last = max(last, n)
	}
	it.walk(it.pattern(), func(n int, original time.Time) bool {
		if n > last {
			return false
		}
		if it.Dropped[n] {
			gone = append(gone, "OID."+r.m.id(it, -1, r.immutable)+"."+original.In(it.location()).Format(time.DateOnly))
		} else if i := it.instance(n, original); i.exception {
			changed = append(changed, r.full(it, i, "exception"))
		}
		return true
	})
	if strings.Contains(fields, "cancelledOccurrences") {
		row["cancelledOccurrences"] = gone
	}
	if strings.Contains(fields, "exceptionOccurrences") {
		row["exceptionOccurrences"] = changed
	}
}

// instances is GET /users/{id}/events/{id}/instances.
func (c *call) instances(at place, id string) answer {
	from, to, ok := c.window()
	if !ok {
		return noWindow
	}
	it, n := at.m.find(id)
	if it == nil || n >= 0 {
		return notFound
	}
	if it.pattern() == nil {
		return refuse(400, "ErrorInvalidRequest", "Your request can't be completed. Instances are only available for a recurring series.")
	}
	return c.page(renderer{c.t, at.m, c.shape()}.window(it, from, to), "instances")
}
