package coordinator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/ics"
)

// Limits on what is kept.
const (
	maxOverrides = 500 // changed occurrences of a series
	maxFutures   = 20  // of these, changes of one and all that follow
	maxUIDs      = 10  // in one mail; an invite has one (RFC 5546 section 3.2)
)

// A letter is a mail that was read.
type letter struct {
	file      string
	received  time.Time
	calendars []*ics.Calendar
}

// A version is what one mail says of a series, or of an occurrence of it.
type version struct {
	event    *ics.Event
	arrival  int // of the mail, counted over all
	received time.Time
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
}

// apply folds the event into s and reports whether it changes anything.
func (s *series) apply(v *version, cancel bool) bool {
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

// An effect is what a mail's calendar does with the events in it.
type effect int

const (
	ignored effect = iota
	requests
	cancels
)

// effectOf: only REQUEST and CANCEL change anything; replies, counter-proposals, refreshes, additions and
// publications never do (RFC 5546 section 3.2). A request of a cancelled event cancels it.
func effectOf(method string, e *ics.Event, address string) effect {
	switch method {
	case "REQUEST":
		if e.Status() == "CANCELLED" {
			return cancels
		}
		return requests
	case "CANCEL":
		if removesOthers(e, address) {
			return ignored
		}
		return cancels
	}
	return ignored
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
	file     string
	received time.Time
	requests []*version
	cancels  []*version
}

// sortByUID sorts what the letters say by UID, in the order in which the UIDs first came up. It calls odd
// for events that can't be used.
func sortByUID(letters []letter, address string, odd func(file, reason string)) []*correspondence {
	var all []*correspondence
	byUID := map[string]*correspondence{}
	for arrival, l := range letters {
		uids := map[string]bool{}
		for _, c := range l.calendars {
			for _, e := range c.Events {
				effect := effectOf(c.Method, e, address)
				uid := calendar.CanonicalUID(e.UID)
				if effect == ignored || len(uids) > maxUIDs {
					continue
				}
				if uids[uid] = true; len(uids) > maxUIDs {
					odd(l.file, fmt.Sprintf("it has more than %d meetings; the others are left out", maxUIDs))
					continue
				}
				if uid == "" {
					odd(l.file, "an event has no UID")
					continue
				}
				// An occurrence may be named by the UID alone.
				if day := calendar.InstanceDate(e.UID); day != "" && e.RecurrenceID.IsZero() {
					e.RecurrenceID = ics.Day(day)
				}
				about := byUID[uid]
				if about == nil {
					about = &correspondence{uid: uid}
					byUID[uid] = about
					all = append(all, about)
				}
				about.add(l, &version{e, arrival, l.received}, effect)
			}
		}
	}
	return all
}

func (c *correspondence) add(l letter, v *version, effect effect) {
	n := len(c.mails)
	if n == 0 || c.mails[n-1].file != l.file {
		c.mails = append(c.mails, news{file: l.file, received: l.received})
		n++
	}
	if m := &c.mails[n-1]; effect == cancels {
		m.cancels = append(m.cancels, v)
	} else {
		m.requests = append(m.requests, v)
	}
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
	return changed
}
