package fakegoogle

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// change is one entry of a calendar's log. Its number, by which sync tokens go, is its place in it.
type change struct {
	id     string
	before *Event // nil: there was none
}

// snapshot is a list as its first page found it: the pages behind it do not see what happens meanwhile.
type snapshot struct {
	items   []map[string]any
	binding string // calendar, user and parameters
	sync    string // the token on the last page; "": none
	epoch   int
	made    time.Time
}

// pagesLast is for how long a page token is good.
const pagesLast = 24 * time.Hour

const (
	noToken   = "Sync token is no longer valid, a full sync is required."
	wrongPage = "Invalid page token value."
)

// notWithToken may not be said together with a sync token (reference, Events: list, syncToken).
var notWithToken = []string{"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"}

// withoutToken are the parameters whose lists end without a sync token (googleapis/google-api-ruby-client#312,
// google-api-dotnet-client#610).
var withoutToken = []string{"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "updatedMin"}

// frozen are the parameters that must stay as they were in the list that a token comes from. Google calls
// the rest "undefined behavior"; the tenant refuses it.
var frozen = []string{"singleEvents", "eventTypes", "maxAttendees", "showDeleted", "showHiddenInvitations", "timeZone", "alwaysIncludeEmail"}

// bound are the parameters that must stay from page to page.
var bound = slices.Concat(notWithToken, frozen)

// binding is the values of parameters, by name.
func binding(c call, names []string) string {
	var b strings.Builder
	for _, name := range names {
		values := slices.Sorted(slices.Values(c.query[name]))
		if name != "eventTypes" && slices.Equal(values, []string{"false"}) {
			values = nil
		}
		fmt.Fprintf(&b, "%s=%q ", name, values)
	}
	return b.String()
}

// syncToken is a token of this moment.
func (t *Tenant) syncToken(cal *calendar, c call) string {
	return seal(fmt.Sprintf("sync.%d.%d.%d.%d.%s.%s", t.epoch, cal.aclChanged[c.user()], len(cal.log), t.Now().Unix(),
		hashed(cal.id+" "+c.user()), hashed(binding(c, frozen))))
}

// since is the place in the log from which a sync token goes on.
func (t *Tenant) since(cal *calendar, c call, token string) (int, *answer) {
	var epoch, acl, at int
	var made int64
	var whose, params string
	n, _ := fmt.Sscanf(strings.ReplaceAll(unseal(token), ".", " "), "sync %d %d %d %d %s %s", &epoch, &acl, &at, &made, &whose, &params)
	age := t.Now().Sub(time.Unix(made, 0))
	switch {
	case n != 6, epoch != t.epoch, acl != cal.aclChanged[c.user()], at < 0 || at > len(cal.log), whose != hashed(cal.id+" "+c.user()),
		t.TokenLife > 0 && age > t.TokenLife:
		a := refuse(http.StatusGone, "fullSyncRequired", noToken)
		return 0, &a
	case params != hashed(binding(c, frozen)):
		a := refuse(http.StatusBadRequest, "badRequest", "The parameters differ from those of the list that the sync token comes from")
		return 0, &a
	}
	return at, nil
}

// delta is what changed behind a place in the log.
func (t *Tenant) delta(cal *calendar, from int, v view, single bool, keep func(map[string]any) bool) []map[string]any {
	before := map[string][]*Event{}
	for _, ch := range cal.log[from:] {
		before[ch.id] = append(before[ch.id], ch.before)
	}
	all := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		r := cal.records[id]
		items := cal.mastersOf(r, v)
		if single {
			items = t.instancesOf(cal, r, v, before[id])
		}
		for _, w := range items {
			if w["status"] == "cancelled" || keep(w) {
				all = append(all, w)
			}
		}
	}
	return all
}

// instancesOf is a changed event with singleEvents: every instance of a touched series, to its end, whatever
// the window of the listing was (garrytan/gbrain#5015); those that were there before and are no more, as
// cancelled; but of a deleted series a part of them alone (googleapis/google-api-ruby-client#860).
func (t *Tenant) instancesOf(cal *calendar, r *record, v view, before []*Event) []map[string]any {
	var items []map[string]any
	have := map[string]bool{}
	if !r.gone {
		for _, i := range r.event.instances(r.event.far(t.Now())) {
			have[i.id] = true
			if i.cancelled() {
				items = append(items, exceptionTombstone(r.event, i, v))
			} else {
				items = append(items, cal.instanceBody(r, i, v))
			}
		}
	}
	var lost []map[string]any
	for _, e := range before {
		if e == nil {
			continue
		}
		for _, i := range e.instances(e.far(t.Now())) {
			if have[i.id] || i.cancelled() {
				continue
			}
			have[i.id] = true
			if e.recurs() {
				lost = append(lost, exceptionTombstone(e, i, v))
			} else {
				lost = append(lost, tombstone(i.id))
			}
		}
	}
	if r.gone && r.event.recurs() {
		lost = lost[:(len(lost)+1)/2]
	}
	return append(items, lost...)
}

// mastersOf is a changed event without singleEvents: the series with its exceptions, or that it is gone.
func (cal *calendar) mastersOf(r *record, v view) []map[string]any {
	if r.gone {
		return []map[string]any{tombstone(r.event.ID)}
	}
	items := []map[string]any{cal.masterBody(r, v)}
	for _, i := range r.event.exceptions() {
		if i.cancelled() {
			items = append(items, exceptionTombstone(r.event, i, v))
		} else {
			items = append(items, cal.instanceBody(r, i, v))
		}
	}
	return items
}

// exceptions are the occurrences that differ from their series.
func (e *Event) exceptions() []instance {
	last := e.Start
	for at := range e.Exceptions {
		if at.After(last) {
			last = at
		}
	}
	return slices.DeleteFunc(e.instances(last), func(i instance) bool { return i.exception == nil })
}

// firstPage freezes a list, and answers its first page.
func (t *Tenant) firstPage(cal *calendar, c call, role string, items []map[string]any) answer {
	s := &snapshot{items: items, binding: cal.id + " " + c.user() + " " + binding(c, bound), epoch: t.epoch, made: t.Now()}
	if !slices.ContainsFunc(withoutToken, c.query.Has) && !c.is("instances") {
		s.sync = t.syncToken(cal, c)
	}
	maps.DeleteFunc(t.snapshots, func(_ string, s *snapshot) bool { return t.Now().Sub(s.made) > pagesLast })
	name := fmt.Sprintf("%08d", t.next())
	t.snapshots[name] = s
	return t.pageOf(cal, c, role, name, 0, 0)
}

// laterPage goes on with a list. Its token is refused as invalid when it is another list's, and as a sync
// token is when it has expired.
func (t *Tenant) laterPage(cal *calendar, c call, role, token string) answer {
	var name string
	var from, number int
	n, _ := fmt.Sscanf(strings.ReplaceAll(unseal(token), ".", " "), "page %s %d %d", &name, &from, &number)
	s := t.snapshots[name]
	switch {
	case n != 3 || s == nil || from < 0 || from > len(s.items) || s.binding != cal.id+" "+c.user()+" "+binding(c, bound):
		return refuse(http.StatusBadRequest, "invalid", wrongPage)
	case s.epoch != t.epoch || t.Now().Sub(s.made) > pagesLast:
		return refuse(http.StatusGone, "fullSyncRequired", noToken)
	}
	return t.pageOf(cal, c, role, name, from, number)
}

func (t *Tenant) pageOf(cal *calendar, c call, role, name string, from, number int) answer {
	n, ok := size(c.query, "maxResults", 250, 2500)
	if !ok {
		return refuse(http.StatusBadRequest, "badRequest", "maxResults")
	}
	s := t.snapshots[name]
	to := min(from+t.shortened(name, number, n), len(s.items))
	body := cal.envelope(role)
	body["items"] = s.items[from:to]
	switch {
	case to < len(s.items):
		return page(body, seal(fmt.Sprintf("page.%s.%d.%d", name, to, number+1)))
	case s.sync != "":
		body["nextSyncToken"] = s.sync
	}
	return page(body, "")
}

// shortened is how much of a page comes: "pages may have fewer events than maxResults or none at all, even
// if there are more" (reference, Events: list, maxResults). Never two empty ones in a row.
func (t *Tenant) shortened(name string, number, n int) int {
	if t.ShortPages == 0 {
		return n
	}
	switch hashed(fmt.Sprint(t.ShortPages, name, number))[15] {
	case '0', '1', '2', '3', '4':
		if number%2 == 1 {
			return 0
		}
	case '5', '6', '7', '8', '9':
		return (n + 1) / 2
	}
	return n
}

func (cal *calendar) envelope(role string) map[string]any {
	return map[string]any{
		"kind": "calendar#events", "etag": etag(cal.id, len(cal.log)), "summary": cal.summary, "description": "", "updated": stamp(cal.updated),
		"timeZone": cal.zone.String(), "accessRole": role, "defaultReminders": []any{map[string]any{"method": "popup", "minutes": 10}},
	}
}
