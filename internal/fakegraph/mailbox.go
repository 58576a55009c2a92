package fakegraph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// mailbox is one user's calendars, what is in them, and the log of its changes.
type mailbox struct {
	owner     *User
	calendars []*Calendar // the first is the default one
	items     map[string]*item
	log       []touch
}

// item is an event as it is stored.
type item struct {
	Event
	key               string // within the mailbox, for ever
	created, modified time.Time
	version           int
	prev              *item // as it was before the last change
}

// touch is one change of one item in one calendar.
type touch struct {
	key, calendar string
	series        bool
	id            [2]string // the default id, and the immutable one
	gone          bool
}

// A Calendar is a folder of a mailbox.
type Calendar struct {
	ID   string // "": the tenant makes one
	Name string
	// SharedBy is the address of the owner, if this is another's default calendar that was shared.
	SharedBy string
}

func newMailbox(owner *User) *mailbox {
	return &mailbox{
		owner: owner, items: map[string]*item{},
		calendars: []*Calendar{{ID: calendarPrefix + guid("calendar", owner.ID)[:8] + "AAAA=", Name: "Calendar"}},
	}
}

// AddCalendar gives the user a further calendar and returns its id.
func (t *Tenant) AddCalendar(user string, c Calendar) string {
	t.set(func() {
		m := t.box(user)
		if c.ID == "" {
			c.ID = fmt.Sprintf("%s%08xAAAB=", calendarPrefix, uint32(sum("calendar", user, c.Name, len(m.calendars))))
		}
		m.calendars = append(m.calendars, &c)
	})
	return c.ID
}

// RemoveCalendar deletes a calendar with what is in it.
func (t *Tenant) RemoveCalendar(user, id string) {
	t.set(func() {
		m := t.box(user)
		m.calendars = slices.DeleteFunc(m.calendars, func(c *Calendar) bool { return c.ID == id })
		for _, key := range slices.Sorted(maps.Keys(m.items)) {
			if m.items[key].Calendar == id {
				t.remove(m, m.items[key])
			}
		}
	})
}

func (m *mailbox) calendar(id string) *Calendar {
	for i, c := range m.calendars {
		if c.ID == id || i == 0 && id == "" {
			return c
		}
	}
	return nil
}

// box is the user's mailbox, licensed or not: what stands in it is kept.
func (t *Tenant) box(user string) *mailbox {
	m := t.mailboxes[t.mustUser(user).ID]
	if m == nil {
		panic("fakegraph: no mailbox " + user)
	}
	return m
}

// Put creates an event in the user's calendar, or replaces the one with that ID, or without an ID the one
// with that UID. It returns the event's immutable id.
func (t *Tenant) Put(user string, e Event) (id string) {
	t.set(func() { m := t.box(user); id = m.id(t.put(m, e), -1, true) })
	return id
}

// Delete removes an event, by id, from the user's calendars. Of an occurrence's id, it removes that one.
func (t *Tenant) Delete(user, id string) {
	t.set(func() {
		m := t.box(user)
		it, n := m.find(id)
		switch {
		case it == nil:
		case n < 0:
			t.remove(m, it)
		default:
			e := it.clone()
			if e.Dropped == nil {
				e.Dropped = map[int]bool{}
			}
			e.Dropped[n] = true
			t.put(m, e)
		}
	})
}

// Item is the stored event that an id leads to, and the number of the occurrence, or -1. Changed, it can be put
// again.
func (t *Tenant) Item(user, id string) (e Event, n int) {
	t.set(func() {
		m := t.box(user)
		it, number := m.find(id)
		if it == nil {
			panic("fakegraph: no item " + id)
		}
		e, n = it.clone(), number
		e.Organizer = or(e.Organizer, m.owner.Email)
	})
	return e, n
}

// put stores e, notes the change and tells the subscribers.
func (t *Tenant) put(m *mailbox, e Event) *item {
	e = e.clone()
	if e.Calendar == m.calendars[0].ID {
		e.Calendar = ""
	}
	if m.calendar(e.Calendar) == nil {
		panic("fakegraph: no calendar " + e.Calendar)
	}
	now := t.Now().UTC()
	var old *item
	switch {
	case e.ID != "":
		old = m.items[e.ID]
	case e.UID != "":
		old = m.byUID(e.UID, e.Instance)
	}
	if e.UID == "" {
		e.UID = newUID(now, m.owner.ID, t.next())
	}
	it := &item{Event: e, key: e.ID, created: now, modified: now}
	kind := "created"
	if old != nil {
		before := *old
		before.prev = nil
		it.key, it.created, it.version, it.prev, it.ID = old.key, old.created, old.version+1, &before, old.ID
		kind = "updated"
		if old.Calendar != e.Calendar {
			m.note(old, true) // moved: gone from where it was
		}
	} else if it.key == "" {
		it.key = fmt.Sprintf("k%d", t.next())
	}
	m.items[it.key] = it
	m.note(it, false)
	t.tell(m, it, kind)
	return it
}

func (t *Tenant) remove(m *mailbox, it *item) {
	delete(m.items, it.key)
	m.note(it, true)
	t.tell(m, it, "deleted")
}

func (m *mailbox) note(it *item, gone bool) {
	m.log = append(m.log, touch{it.key, it.Calendar, it.pattern() != nil, [2]string{m.id(it, -1, false), m.id(it, -1, true)}, gone})
}

// byUID is the item of the meeting in this mailbox; with a day, the one that is of this occurrence alone.
func (m *mailbox) byUID(uid string, day time.Time) *item {
	for _, key := range slices.Sorted(maps.Keys(m.items)) {
		if it := m.items[key]; strings.EqualFold(it.UID, uid) && it.Instance.Equal(day) {
			return it
		}
	}
	return nil
}

// in are the items of a calendar, by key.
func (m *mailbox) in(calendar string) []*item {
	var all []*item
	for _, key := range slices.Sorted(maps.Keys(m.items)) {
		if m.items[key].Calendar == calendar {
			all = append(all, m.items[key])
		}
	}
	return all
}
