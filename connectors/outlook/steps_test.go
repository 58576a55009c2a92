package outlook

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"example.com/syncd/internal/fakegraph"
)

// Step does one of the things that people do.
func (s *story) Step(r *rand.Rand) {
	steps := []func(*rand.Rand){
		s.invite, s.invite, s.invite, s.invite, s.change, s.change, s.except, s.except, s.except, s.split, s.respond, s.respond, s.cancel,
		s.leave, s.leave, s.alone, s.draft, s.share, s.move, s.restrict, s.disable, s.expire,
	}
	steps[r.IntN(len(steps))](r)
}

var repeats = []*fakegraph.Repeat{
	nil, nil, nil, {}, {Count: 4}, {Daily: true, Every: 3}, {Daily: true, Count: 9}, {Every: 2, Count: 3},
	{Days: []time.Weekday{time.Monday, time.Thursday}}, {Daily: true, Until: time.Date(2000, 1, 20, 0, 0, 0, 0, time.UTC)},
}

// meeting is anything that one can make of a form.
func (s *story) meeting(r *rand.Rand) fakegraph.Event {
	s.made++
	e := fakegraph.Event{
		Subject: fmt.Sprintf("Meeting %d", s.made), Start: time.Now().UTC().Add(time.Duration(r.IntN(20*96)-4*96) * 15 * time.Minute).Truncate(15 * time.Minute),
		Length: time.Duration(1+r.IntN(12)) * 15 * time.Minute, Repeat: pick(r, repeats...), HideGuests: r.IntN(5) == 0,
		Zone:        pick(r, "", "GMT Standard Time", "Pacific Standard Time", "tzone://Microsoft/Custom"),
		Sensitivity: pick(r, "", "", "normal", "personal", "private", "confidential", "whoKnows"), ShowAs: pick(r, "", "", "free", "oof", "workingElsewhere"),
		Body: pick(r, "", "see you"), Location: pick(r, "", "https://zoom.us/j/93711223344"), JoinURL: pick(r, "", "https://teams.microsoft.com/meet/2345?p=x"),
	}
	if r.IntN(6) == 0 {
		e.UID = fmt.Sprintf("%d@google.com", s.made)
	}
	if r.IntN(5) == 0 {
		e.AllDay, e.Start, e.Length = true, e.Start.Truncate(24*time.Hour), time.Duration(1+r.IntN(3))*24*time.Hour
	}
	if e.Repeat != nil && e.Repeat.Count == 0 && e.Repeat.Until.IsZero() && r.IntN(3) == 0 {
		e.Start = e.Start.AddDate(-2, 0, 0) // has been there for long
	}
	for _, g := range append(slices.Clone(staff), "joe@globex.com") {
		if r.IntN(2) == 0 {
			guest := fakegraph.Guest{Email: g, Name: names[g], Type: pick(r, "", "required", "optional"), Response: pick(r, "", "accepted", "tentativelyAccepted", "declined", "notResponded")}
			if g == room {
				guest.Type = "resource"
			}
			e.Guests = append(e.Guests, guest)
		}
	}
	return e
}

func (s *story) invite(r *rand.Rand) {
	who, e := pick(r, people...), s.meeting(r)
	e.Guests = slices.DeleteFunc(e.Guests, func(g fakegraph.Guest) bool { return g.Email == who })
	s.tn.Invite(who, e)
}

// alone is an entry that concerns its owner only, or one that came by import, in any calendar.
func (s *story) alone(r *rand.Rand) {
	e := s.meeting(r)
	e.Guests = nil
	user := pick(r, people...)
	for _, id := range slices.Sorted(maps.Keys(s.extra)) {
		if s.extra[id] == user && r.IntN(2) == 0 {
			e.Calendar = id
		}
	}
	s.tn.Put(user, e)
}

func (s *story) draft(r *rand.Rand) {
	e := s.meeting(r)
	e.Draft = true
	s.tn.Invite(pick(r, people...), e)
}

// some is something in a calendar, now or soon: its item, and the number of the occurrence.
func (s *story) some(r *rand.Rand) (user string, sight fakegraph.Sight, item fakegraph.Event, n int) {
	user = pick(r, staff...)
	cal := ""
	for _, id := range slices.Sorted(maps.Keys(s.extra)) {
		if s.extra[id] == user && r.IntN(3) == 0 {
			cal = id
		}
	}
	all := s.tn.Truth(user, cal, time.Now().Add(-72*time.Hour), time.Now().Add(18*24*time.Hour))
	if len(all) == 0 {
		return "", sight, item, 0
	}
	sight = pick(r, all...)
	item, n = s.tn.Item(user, sight.ID)
	return user, sight, item, n
}

// save makes the owner of an item change it: for everybody, if the item is a meeting of theirs.
func (s *story) save(user string, e fakegraph.Event) {
	if e.Organizer == user && e.Calendar == "" && !e.Cancelled {
		s.tn.Invite(user, e)
		return
	}
	s.tn.Put(user, e)
}

func (s *story) change(r *rand.Rand) {
	user, _, e, _ := s.some(r)
	if user == "" {
		return
	}
	switch r.IntN(6) {
	case 0:
		e.Subject = "Another title"
	case 1:
		e.Start = e.Start.AddDate(0, 0, r.IntN(9)-4)
	case 2:
		e.Length += 24 * time.Hour
	case 3:
		e.Repeat, e.Moved, e.Lengths, e.Changed, e.Dropped = pick(r, repeats...), nil, nil, nil, nil
	case 4:
		e.JoinURL, e.Location = "", "Room 4"
	case 5:
		if len(e.Guests) > 0 {
			e.Guests = e.Guests[1:]
		}
	}
	s.save(user, e)
}

// except changes one occurrence of a series.
func (s *story) except(r *rand.Rand) {
	user, sight, e, n := s.some(r)
	if user == "" || n < 0 {
		return
	}
	if e.Moved == nil {
		e.Moved = map[int]time.Duration{}
	}
	if e.Lengths == nil {
		e.Lengths = map[int]time.Duration{}
	}
	if e.Changed == nil {
		e.Changed = map[int]map[string]any{}
	}
	switch r.IntN(4) {
	case 0:
		s.tn.Delete(user, sight.ID)
		return
	case 1:
		e.Moved[n] = time.Duration(r.IntN(41)-20) * 24 * time.Hour
	case 2:
		guest := pick(r, people...)
		e.Changed[n] = map[string]any{"subject": "This one is different", "attendees": []any{
			fakegraph.Guest{Email: "joe@globex.com"}.Member(), fakegraph.Guest{Email: guest, Name: names[guest], Type: "optional"}.Member(),
		}}
	case 3:
		if !sight.AllDay {
			e.Moved[n], e.Lengths[n] = time.Hour, 10*time.Minute
		}
	}
	s.save(user, e)
}

func (s *story) split(r *rand.Rand) {
	if user, _, e, n := s.some(r); n > 0 && e.Organizer == user && e.Calendar == "" {
		s.tn.Split(user, e.UID, n, func(e *fakegraph.Event) { e.Subject = "From now on" })
	}
}

func (s *story) respond(r *rand.Rand) {
	if user, _, e, _ := s.some(r); user != "" && e.Organizer != user {
		s.tn.Respond(user, e.UID, pick(r, "accepted", "tentativelyAccepted", "declined"), r.IntN(2) == 0)
	}
}

func (s *story) cancel(r *rand.Rand) {
	if user, _, e, _ := s.some(r); user != "" && e.Organizer == user {
		s.tn.Cancel(user, e.UID)
	}
}

// leave is deleting something for oneself: a whole item, or one occurrence of it.
func (s *story) leave(r *rand.Rand) {
	user, sight, _, _ := s.some(r)
	switch {
	case user == "":
	case sight.Series != "" && r.IntN(2) == 0:
		s.tn.Delete(user, sight.Series)
	default:
		s.tn.Delete(user, sight.ID)
	}
}

// share makes a calendar, shares one with eve, or takes one away.
func (s *story) share(r *rand.Rand) {
	switch {
	case len(s.extra) < 2:
		owner := pick(r, people...)
		s.made++
		s.extra[s.tn.AddCalendar(owner, fakegraph.Calendar{Name: fmt.Sprintf("Sales %d", s.made)})] = owner
	case len(s.shared) == 0:
		by := pick(r, people[1:]...)
		s.shared[s.tn.AddCalendar(eve, fakegraph.Calendar{Name: "Shared", SharedBy: by})] = by
	default:
		id := pick(r, slices.Sorted(maps.Keys(s.extra))...)
		s.tn.RemoveCalendar(s.extra[id], id)
		delete(s.extra, id)
	}
}

// move puts something into another calendar of its owner's.
func (s *story) move(r *rand.Rand) {
	user, _, e, _ := s.some(r)
	for _, id := range slices.Sorted(maps.Keys(s.extra)) {
		if s.extra[id] == user && user != "" {
			if e.Calendar == id {
				id = ""
			}
			e.Calendar = id
			s.tn.Put(user, e)
			return
		}
	}
}

// restrict takes somebody out of what the application may read, or takes their licence, or gives it back.
func (s *story) restrict(r *rand.Rand) {
	u := s.users[pick(r, staff...)]
	if r.IntN(2) == 0 {
		u.Restricted = !u.Restricted
	} else {
		u.NoMailbox = !u.NoMailbox
	}
	s.tn.SetUser(*u)
}

func (s *story) disable(r *rand.Rand) {
	u := s.users[pick(r, staff...)]
	u.Disabled = !u.Disabled
	s.tn.SetUser(*u)
}

func (s *story) expire(*rand.Rand) { s.tn.ExpireTokens() }
