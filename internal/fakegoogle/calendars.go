package fakegoogle

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The roles that somebody may have on a calendar (Acl resource, role). Those to whom private events'
// details are hidden come before Writer.
const (
	None                       = "none"
	FreeBusyReader             = "freeBusyReader"
	Reader                     = "reader"
	WriterWithoutPrivateAccess = "writerWithoutPrivateAccess"
	Writer                     = "writer"
	Owner                      = "owner"
)

// roles are in the order of what they allow.
var roles = []string{None, FreeBusyReader, Reader, WriterWithoutPrivateAccess, Writer, Owner}

// calendar is one calendar, and the log of its changes.
type calendar struct {
	id, owner, summary string
	zone               *time.Location
	primary, holidays  bool
	deleted            bool
	roles              map[string]string // by address or domain
	aclChanged         map[string]int    // how often, by user: a sync token does not outlive it
	records            map[string]*record
	log                []change
	updated            time.Time
	ghosts             []string // ids
}

// calendarList is what a user has in the list on the left: ids, and a log of those that came and went.
type calendarList struct {
	ids []string
	log []string
}

func (t *Tenant) addCalendar(c *calendar) {
	c.zone = zone(defaultZone)
	c.roles, c.aclChanged, c.records = map[string]string{c.owner: Owner}, map[string]int{}, map[string]*record{}
	c.updated = t.Now()
	t.calendars[c.id] = c
	t.order = append(t.order, c.id)
	if t.lists[c.owner] == nil {
		t.lists[c.owner] = &calendarList{}
	}
	t.listed(c.owner, c.id, true)
}

// listed puts a calendar into a user's list, or takes it out.
func (t *Tenant) listed(user, id string, in bool) {
	l := t.lists[user]
	if l == nil || slices.Contains(l.ids, id) == in {
		return
	}
	if in {
		l.ids = append(l.ids, id)
	} else {
		l.ids = slices.DeleteFunc(l.ids, func(had string) bool { return had == id })
	}
	l.log = append(l.log, id)
}

// AddCalendar makes a secondary calendar, and returns its id.
func (t *Tenant) AddCalendar(owner, title string) (id string) {
	t.do(func() {
		id = fmt.Sprintf("c_%026d@group.calendar.google.com", t.next())
		t.addCalendar(&calendar{id: id, owner: owner, summary: title})
	})
	return id
}

// AddHolidays puts a public calendar of holidays into a user's list. It can't be watched
// (pushNotSupportedForRequestedResource).
func (t *Tenant) AddHolidays(user string) (id string) {
	id = "en.german#holiday@group.v.calendar.google.com"
	t.do(func() {
		if t.calendars[id] == nil {
			t.addCalendar(&calendar{id: id, owner: id, summary: "Holidays in Germany", holidays: true})
		}
		t.calendars[id].roles[user] = Reader
		t.listed(user, id, true)
	})
	return id
}

// DeleteCalendar deletes a secondary calendar.
func (t *Tenant) DeleteCalendar(id string) {
	t.do(func() {
		c := t.calendar(id)
		c.deleted = true
		for user := range t.lists {
			t.listed(user, id, false)
		}
	})
}

// Share gives a user a role on a calendar, or everybody of a domain. None takes it back. Sync tokens of who
// is concerned expire (guide "Synchronize resources efficiently": "ACL changes").
func (t *Tenant) Share(id, with, role string) {
	t.do(func() {
		c := t.calendar(id)
		if role == None {
			delete(c.roles, with)
		} else {
			c.roles[with] = role
		}
		for _, u := range t.users {
			if u.Email == with || domainOf(u.Email) == with {
				c.aclChanged[u.Email]++
			}
		}
		t.listed(with, id, role != None)
	})
}

// SetZone sets a calendar's time zone.
func (t *Tenant) SetZone(id, name string) { t.do(func() { t.calendar(id).zone = zone(name) }) }

// roleOf is what a user may do on the calendar: the most that one of its rules says.
func (c *calendar) roleOf(user string) string {
	return roles[max(0, slices.Index(roles, c.roles[user]), slices.Index(roles, c.roles[domainOf(user)]))]
}

// zones are those that were asked for: each load reads a file.
var zones sync.Map

func zone(name string) *time.Location {
	if l, had := zones.Load(name); had {
		return l.(*time.Location)
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(fmt.Sprintf("fakegoogle: %v", err))
	}
	zones.Store(name, l)
	return l
}

// find is the calendar that a request names, and the role of who asks; the answer is a refusal when there
// is none for them. To those without a role a calendar does not exist.
func (t *Tenant) find(c call) (*calendar, string, *answer) {
	id := c.path["calendar"]
	if id == "primary" {
		id = c.user()
	}
	cal := t.calendars[id]
	if cal == nil || cal.deleted || cal.roleOf(c.user()) == None {
		a := refuse(http.StatusNotFound, "notFound", "Not Found")
		return nil, "", &a
	}
	role := cal.roleOf(c.user())
	if c.scopes("calendar.events.freebusy") && !c.scopes(fullEventScopes...) {
		role = FreeBusyReader
	} else if c.onlyOwned() && role != Owner {
		a := refuse(http.StatusForbidden, "insufficientPermissions", "Request had insufficient authentication scopes.")
		return nil, "", &a
	}
	return cal, role, nil
}

// getCalendar is Calendars: get.
func (t *Tenant) getCalendar(c call) answer {
	cal, _, no := t.find(c)
	if no != nil {
		return *no
	}
	return ok(map[string]any{"kind": "calendar#calendar", "etag": etag(cal.id, 0), "id": cal.id, "summary": cal.summary, "timeZone": cal.zone.String()})
}

// listCalendars is CalendarList: list. A change of rights alone is not among a token's changes (reference,
// CalendarList: list, syncToken).
func (t *Tenant) listCalendars(c call) answer {
	q, user := c.query, c.user()
	list := t.lists[user]
	n, ok := size(q, "maxResults", 100, 250)
	least := slices.Index(roles, cmp.Or(q.Get("minAccessRole"), FreeBusyReader))
	if !ok || least < 1 {
		return refuse(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	ids, hidden, gone := slices.Clone(list.ids), q.Get("showHidden") == "true", map[string]bool{}
	if token := q.Get("syncToken"); token != "" {
		if q.Has("minAccessRole") || q.Has("showOwnOrganizationOnly") {
			return refuse(http.StatusBadRequest, "badRequest", "The minAccessRole query parameter cannot be specified together with syncToken.")
		}
		var epoch, at int
		if got, _ := fmt.Sscanf(unseal(token), "list.%d.%d", &epoch, &at); got != 2 || epoch != t.epoch || at > len(list.log) || unseal(token) != listToken(user, epoch, at) {
			return refuse(http.StatusGone, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
		}
		hidden, ids = true, slices.Clone(list.log[at:])
		slices.Sort(ids)
		ids = slices.Compact(ids)
		for _, id := range ids {
			gone[id] = !slices.Contains(list.ids, id)
		}
	}
	items := []any{}
	for _, id := range ids {
		cal := t.calendars[id]
		role := cal.roleOf(user)
		switch {
		case gone[id]:
			items = append(items, map[string]any{"kind": "calendar#calendarListEntry", "etag": etag(id, len(list.log)), "id": id, "deleted": true})
		case slices.Index(roles, role) >= least && (hidden || !cal.holidays):
			items = append(items, cal.entry(user, role))
		}
	}
	from, to, next, fits := t.page(q, n, len(items), user+q.Get("minAccessRole")+q.Get("syncToken"))
	if !fits {
		return refuse(http.StatusBadRequest, "invalid", "Invalid page token value.")
	}
	body := map[string]any{"kind": "calendar#calendarList", "etag": etag(user, len(list.log)), "items": items[from:to]}
	if next == "" {
		body["nextSyncToken"] = seal(listToken(user, t.epoch, len(list.log)))
	}
	return page(body, next)
}

func listToken(user string, epoch, at int) string {
	return "list." + strconv.Itoa(epoch) + "." + strconv.Itoa(at) + "." + hashed(user)
}

// entry is the calendar in a user's list.
func (c *calendar) entry(user, role string) map[string]any {
	e := map[string]any{
		"kind": "calendar#calendarListEntry", "etag": etag(c.id, 0), "id": c.id, "summary": c.summary, "timeZone": c.zone.String(),
		"accessRole": role, "selected": true, "colorId": "14", "defaultReminders": []any{},
	}
	switch {
	case c.primary && user == c.owner:
		e["primary"] = true
	case c.holidays:
		e["hidden"] = true
	case !c.primary:
		e["dataOwner"] = c.owner
	}
	return e
}
