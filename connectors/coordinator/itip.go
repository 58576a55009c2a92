package coordinator

import (
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/internal/ics"
)

// Limits on what is kept.
const (
	maxOverrides = 500 // changed occurrences of a series
	maxFutures   = 20  // of these, changes of one and all that follow
	maxUIDs      = 10  // in one mail; an invite has one (RFC 5546 section 3.2)
	maxAnswers   = 2000
)

// A version is what one mail says of a series, or of an occurrence of it.
type version struct {
	event     *ics.Event // its times alone
	described calendar.Event
	arrival   int // of the mail, counted over all
}

// older reports whether v is older than w: by sequence, then by stamp, then by arrival (RFC 5546 section
// 2.1.5). Google raises the sequence once, and after that only the stamp.
func (v *version) older(w *version) bool {
	switch {
	case v.event.Sequence != w.event.Sequence:
		return v.event.Sequence < w.event.Sequence
	case !v.event.Stamp.Equal(w.event.Stamp):
		return v.event.Stamp.Before(w.event.Stamp)
	}
	return v.arrival < w.arrival
}

// A slot holds the newest request and the newest cancellation of one thing. Both are maxima over all mails,
// so they don't depend on the order in which those arrive.
type slot struct{ live, dead *version }

// put reports whether v is news.
func (s *slot) put(v *version, cancel bool) bool {
	p := &s.live
	if cancel {
		p = &s.dead
	}
	if *p != nil && v.older(*p) {
		return false
	}
	*p = v
	return true
}

// isDead: a request revives what was cancelled only by a higher sequence. One that is late, or that has the
// same sequence, does not: not to record is the safer mistake.
func (s *slot) isDead() bool {
	return s.dead != nil && (s.live == nil || s.dead.event.Sequence >= s.live.event.Sequence)
}

// newest is what is known of the thing itself.
func (s *slot) newest() *version {
	if s.live != nil {
		return s.live
	}
	return s.dead
}

// A series is the state of one UID: what all mails about it say, folded.
type series struct {
	uid   string
	whole slot
	// parts are changed occurrences, and changes of one and all that follow, by how they were named.
	parts   map[string]*slot
	futures int // of the parts
	// described is what each version says of itself.
	described map[*ics.Event]calendar.Event
	answers   []*version // the newest of each guest for the series, and for each occurrence
}

func newSeries(uid string) *series {
	return &series{uid: uid, parts: map[string]*slot{}, described: map[*ics.Event]calendar.Event{}}
}

// apply folds the event into s and reports whether it changes anything.
func (s *series) apply(v *version, cancel bool) bool {
	s.described[v.event] = v.described
	id := v.event.RecurrenceID
	if id.IsZero() {
		return s.whole.put(v, cancel)
	}
	key := id.String()
	if v.event.ThisAndFuture {
		key += " and later"
	}
	p := s.parts[key]
	if p == nil {
		if len(s.parts) == maxOverrides || v.event.ThisAndFuture && s.futures == maxFutures {
			return false
		}
		if v.event.ThisAndFuture {
			s.futures++
		}
		p = &slot{}
		s.parts[key] = p
	}
	return p.put(v, cancel)
}

// Effects of a mail's calendar on the events in it.
const (
	requests = "request"
	cancels  = "cancel"
	replies  = "reply"
)

// effectOf: REQUEST and CANCEL change a meeting, REPLY and COUNTER what guests have answered. Refreshes, additions and
// publications change nothing (RFC 5546 section 3.2). A request of a cancelled event cancels it.
func effectOf(method string, e *ics.Event, address string) string {
	switch method {
	case "REQUEST":
		if e.Status() == "CANCELLED" {
			return cancels
		}
		return requests
	case "CANCEL":
		if removesOthers(e, address) {
			return ""
		}
		return cancels
	case "REPLY", "COUNTER":
		if people := e.People(); len(people) == 1 && people[0].Email != "" {
			return replies
		}
	}
	return ""
}

// removesOthers: a CANCEL that only takes guests off the list names them, and does not say that the event
// is cancelled (RFC 5546 section 3.2.5). A mail rule may let the coordinator see those of others.
func removesOthers(e *ics.Event, address string) bool {
	people := e.People()
	if e.Status() == "CANCELLED" || len(people) == 0 {
		return false
	}
	return !slices.ContainsFunc(people, func(p ics.Person) bool {
		return p.Email == "" || plain(p.Email) == plain(address)
	})
}

// plain is the address in lower case, without what follows a plus sign: notes+globex@acme.com delivers
// to notes@acme.com.
func plain(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// A correspondence is all that mails say about one UID, in the order of their arrival.
type correspondence struct {
	uid   string
	mails []news
}

// news is what one mail says about one UID.
type news struct {
	received time.Time
	requests []*version
	cancels  []*version
	replies  []*version
}

// correspond makes a correspondence of the letters that are about the meeting, in the order of their arrival.
func correspond(uid string, letters []connectors.Letter) *correspondence {
	c := &correspondence{uid: uid}
	for arrival, l := range letters {
		n := news{received: l.Received}
		for _, said := range l.News {
			if said.Meeting != uid {
				continue
			}
			v, ok := read(said, arrival)
			switch {
			case !ok:
			case said.Effect == requests:
				n.requests = append(n.requests, v)
			case said.Effect == cancels:
				n.cancels = append(n.cancels, v)
			case said.Effect == replies:
				n.replies = append(n.replies, v)
			}
		}
		c.mails = append(c.mails, n)
	}
	return c
}

// read is what a letter says of an event, as a version of it. What was kept by another version of syncd, and can't be read
// any more, is none.
func read(said connectors.News, arrival int) (*version, bool) {
	calendars, err := ics.Parse([]byte(said.Times))
	if err != nil || len(calendars) != 1 || len(calendars[0].Events) != 1 {
		return nil, false
	}
	e := calendars[0].Events[0]
	// An occurrence may be named by the UID alone.
	if day := calendar.InstanceDate(e.UID); day != "" && e.RecurrenceID.IsZero() {
		e.RecurrenceID = ics.Day(day)
	}
	return &version{e, said.Event, arrival}, true
}

// apply folds what one mail says into s and reports whether it changes anything.
func (n news) apply(s *series) bool {
	changed := false
	for _, v := range n.requests {
		changed = s.apply(v, false) || changed
	}
	for _, v := range n.cancels {
		changed = s.apply(v, true) || changed
	}
	for _, v := range n.replies {
		changed = s.answer(v) || changed
	}
	return changed
}

// answer notes what a guest has answered, and reports whether it is news.
func (s *series) answer(v *version) bool {
	same := func(w *version) bool {
		return strings.EqualFold(w.described.Attendees[0].Email, v.described.Attendees[0].Email) && w.event.RecurrenceID.String() == v.event.RecurrenceID.String()
	}
	if len(v.described.Attendees) != 1 || len(s.answers) == maxAnswers {
		return false
	}
	if i := slices.IndexFunc(s.answers, same); i < 0 {
		s.answers = append(s.answers, v)
	} else if v.event.Stamp.Before(s.answers[i].event.Stamp) {
		return false
	} else {
		s.answers[i] = v
	}
	return true
}

// answered is the event with what its guests have answered since the organizer wrote it. A later version of the meeting
// says itself what they have (RFC 5546 section 2.1.5); what they answered to the series holds for each occurrence.
func (s *series) answered(e calendar.Event, stamp time.Time) calendar.Event {
	cloned := false
	for _, whole := range []bool{true, false} {
		for _, v := range s.answers {
			about := v.event.RecurrenceID
			if about.IsZero() != whole || !whole && about.String() != e.Original.String() || v.event.Sequence < e.Sequence || v.event.Stamp.Before(stamp) {
				continue
			}
			answer := v.described.Attendees[0]
			i := slices.IndexFunc(e.Attendees, func(a calendar.Attendee) bool { return strings.EqualFold(a.Email, answer.Email) })
			if i < 0 || e.Attendees[i].Response == answer.Response {
				continue // who crashes the party is no guest
			}
			if !cloned {
				e.Attendees, cloned = slices.Clone(e.Attendees), true
			}
			e.Attendees[i].Response = answer.Response
		}
	}
	return e
}
