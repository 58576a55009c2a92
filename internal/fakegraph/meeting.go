package fakegraph

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Invite creates a meeting in the organizer's calendar, or replaces the one with that UID, and copies it
// to the guests who have a mailbox here: another id, the same UID. It returns the UID. Answers that were
// given stay; who is no longer invited keeps a cancelled copy.
func (t *Tenant) Invite(organizer string, e Event) (uid string) {
	t.set(func() { uid = t.invite(t.box(organizer), e) })
	return uid
}

func (t *Tenant) invite(m *mailbox, e Event) string {
	e = e.clone()
	e.Organizer = m.owner.Email
	if e.UID == "" {
		e.UID = newUID(t.Now(), m.owner.ID, t.next())
	}
	if old := m.byUID(e.UID, time.Time{}); old != nil {
		e.ID = old.ID
		for i, g := range e.Guests {
			for _, was := range old.Guests {
				if strings.EqualFold(was.Email, g.Email) && g.Response == "" {
					e.Guests[i].Response = was.Response
				}
			}
		}
	}
	t.put(m, e)
	if !e.Draft { // a draft has not been sent to anybody
		t.distribute(m, e)
	}
	return e.UID
}

// distribute brings the guests' copies into line with the organizer's.
func (t *Tenant) distribute(m *mailbox, e Event) {
	for _, u := range t.users {
		box := t.mailboxes[u.ID]
		if box == nil || box == m {
			continue
		}
		has := box.byUID(e.UID, time.Time{})
		invited := slices.ContainsFunc(e.Guests, func(g Guest) bool { return u.has(g.Email) })
		switch {
		case invited:
			if e.Response = t.responseOf(e, u); has == nil && e.Response == "declined" {
				continue // declined, and not kept
			}
			mine := e.clone()
			mine.ID, mine.Calendar = "", ""
			if has != nil {
				mine.ID, mine.Calendar, mine.ShowAs = has.ID, has.Calendar, or(has.ShowAs, e.ShowAs)
			}
			t.put(box, mine)
		case has != nil && !has.Cancelled:
			t.put(box, cancelled(has.Event))
		}
		t.inviteToOne(box, e, invited)
	}
}

func (t *Tenant) responseOf(e Event, u *User) string {
	for _, g := range e.Guests {
		if u.has(g.Email) {
			return g.Response
		}
	}
	return ""
}

// inviteToOne gives a guest of single occurrences these, without the series.
func (t *Tenant) inviteToOne(box *mailbox, e Event, whole bool) {
	want := map[time.Time]bool{}
	for n, fields := range e.Changed {
		guests, _ := fields["attendees"].([]any)
		i, ok := e.nth(n)
		if whole || !ok || !slices.ContainsFunc(guests, func(g any) bool { return box.owner.has(addressOf(g)) }) {
			continue
		}
		one := e.clone()
		one.ID, one.Repeat, one.Weekly, one.Moved, one.Lengths, one.Changed, one.Dropped = "", nil, 0, nil, nil, nil, nil
		one.Instance, one.Start, one.Length, one.Guests = i.original, i.start, i.length, nil
		one.Fields = maps.Clone(e.Fields)
		if one.Fields == nil {
			one.Fields = map[string]any{}
		}
		maps.Copy(one.Fields, fields)
		want[i.original] = true
		t.put(box, one)
	}
	for _, key := range slices.Sorted(maps.Keys(box.items)) {
		if it := box.items[key]; strings.EqualFold(it.UID, e.UID) && !it.Instance.IsZero() && !want[it.Instance] && !it.Cancelled {
			t.put(box, cancelled(it.Event))
		}
	}
}

// addressOf is the address in an attendee of Graph's form.
func addressOf(attendee any) string {
	a, _ := attendee.(map[string]any)
	e, _ := a["emailAddress"].(map[string]any)
	s, _ := e["address"].(string)
	return s
}

// cancelled is a guest's copy of a meeting that does not take place.
func cancelled(e Event) Event {
	e = e.clone()
	e.Cancelled, e.ShowAs = true, "free"
	if s, ok := e.Fields["subject"].(string); ok {
		e.Fields["subject"] = "Canceled: " + s
	}
	e.Subject = "Canceled: " + e.Subject
	return e
}

// Cancel calls a meeting off: the organizer's copy vanishes, the guests' stay as cancelled ones until
// they remove them.
func (t *Tenant) Cancel(organizer, uid string) {
	t.set(func() {
		m := t.box(organizer)
		if it := m.byUID(uid, time.Time{}); it != nil {
			t.remove(m, it)
		}
		for _, u := range t.users {
			box := t.mailboxes[u.ID]
			if box == nil || box == m {
				continue
			}
			for _, key := range slices.Sorted(maps.Keys(box.items)) {
				if it := box.items[key]; strings.EqualFold(it.UID, uid) && !it.Cancelled {
					t.put(box, cancelled(it.Event))
				}
			}
		}
	})
}

// Respond is a guest's answer. Who declines loses the copy, or keeps it, shown as free ("Save declined
// events"). The organizer's copy changes with every answer; the other guests' do not.
func (t *Tenant) Respond(user, uid, response string, keep bool) {
	t.set(func() {
		box, it := t.box(user), t.box(user).byUID(uid, time.Time{})
		if it == nil {
			return
		}
		organizer := t.user(it.Organizer)
		mine := it.clone()
		mine.ID = it.ID
		answerOf(mine.Guests, box.owner, response)
		mine.Response = response
		switch {
		case response == "declined" && !keep:
			t.remove(box, it)
		case response == "declined":
			mine.ShowAs = "free"
			t.put(box, mine)
		case response == "tentativelyAccepted":
			mine.ShowAs = "tentative"
			t.put(box, mine)
		default:
			mine.ShowAs = ""
			t.put(box, mine)
		}
		if organizer == nil || t.mailboxes[organizer.ID] == nil {
			return
		}
		m := t.mailboxes[organizer.ID]
		if theirs := m.byUID(uid, time.Time{}); theirs != nil {
			e := theirs.clone()
			answerOf(e.Guests, box.owner, response)
			t.put(m, e)
		}
	})
}

func answerOf(guests []Guest, u *User, response string) {
	for i := range guests {
		if u.has(guests[i].Email) {
			guests[i].Response = response
		}
	}
}

// Split changes "this and following" occurrences of a series, from the n-th: the old series ends before
// it, and a new one begins, with another UID, which is returned ("": there is nothing to split).
// Exceptions from there on are lost.
func (t *Tenant) Split(organizer, uid string, n int, change func(*Event)) (newUID string) {
	t.set(func() {
		m := t.box(organizer)
		it := m.byUID(uid, time.Time{})
		if it == nil {
			return
		}
		r := it.pattern()
		if r == nil || n < 1 {
			return
		}
		var from time.Time
		it.walk(r, func(i int, original time.Time) bool {
			if i == n {
				from = original
			}
			return i < n
		})
		if from.IsZero() { // the series is over before
			return
		}
		rest := it.clone()
		rest.ID, rest.UID, rest.Start, rest.Weekly = "", "", from, 0
		rest.Moved, rest.Lengths, rest.Changed, rest.Dropped = nil, nil, nil, nil
		following := *r
		if r.Count > 0 {
			following.Count = r.Count - n
		}
		rest.Repeat = &following
		first := it.clone()
		first.Weekly, first.Repeat = 0, r
		first.Repeat.Count, first.Repeat.Until = n, time.Time{}
		for i := range first.Moved {
			if i >= n {
				delete(first.Moved, i)
			}
		}
		change(&rest)
		t.invite(m, first)
		newUID = t.invite(m, rest)
	})
	return newUID
}

// Member is an attendee in Graph's form, for Changed and Fields.
func (g Guest) Member() map[string]any {
	return map[string]any{
		"type": or(g.Type, "required"), "status": map[string]any{"response": or(g.Response, "none"), "time": never},
		"emailAddress": map[string]any{"address": g.Email, "name": or(g.Name, g.Email)},
	}
}
