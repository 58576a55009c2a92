package conntest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
)

// world is the truth: what the suite has put into the provider's calendar.
type world struct {
	h        Harness
	meetings map[string]Meeting
}

func newWorld(h Harness) *world { return &world{h, map[string]Meeting{}} }

func (w *world) put(m Meeting) {
	w.meetings[m.UID] = m
	w.h.Put(m)
}

func (w *world) delete(uid string) {
	if _, ok := w.meetings[uid]; ok {
		delete(w.meetings, uid)
		w.h.Delete(uid)
	}
}

// sight is what of a copy the suite compares.
type sight struct {
	Title      string
	Start, End string
	Guests     string
}

// want is every occurrence that a reader of horizon must see.
func (w *world) want(horizon calendar.Window) map[calendar.Key]sight {
	all := map[calendar.Key]sight{}
	for _, m := range w.meetings {
		for _, e := range m.Occurrences() {
			if horizon.Holds(e) {
				all[e.Key()] = seen(e)
			}
		}
	}
	return all
}

func seen(e calendar.Event) sight {
	var guests []string
	for _, a := range e.Attendees {
		guests = append(guests, strings.ToLower(a.Email))
	}
	slices.Sort(guests)
	return sight{e.Title, e.Start.String(), e.End.String(), strings.Join(guests, " ")}
}

// compare demands that the copies in l are the truth, as far as horizon goes.
func (w *world) compare(t *testing.T, l *Ledger, horizon calendar.Window) {
	t.Helper()
	got := map[calendar.Key]sight{}
	for ref, e := range l.Copies {
		// A source of changes keeps a cancelled meeting as cancelled.
		if e.Status == calendar.StatusCancelled || !horizon.Holds(e) {
			continue
		}
		if e.Ref != ref || e.UID == "" {
			t.Errorf("a copy without Ref or UID: %+v", e)
		}
		if _, double := got[e.Key()]; double {
			t.Errorf("%s is there twice", e.Key())
		}
		got[e.Key()] = seen(e)
	}
	if diff := cmp.Diff(w.want(horizon), got); diff != "" {
		t.Errorf("the copies are not what the calendar holds (-want +got):\n%s", diff)
	}
}

// Occurrences are m's occurrences as events, exceptions applied.
func (m Meeting) Occurrences() []calendar.Event {
	event := func(start calendar.When) calendar.Event {
		e := calendar.Event{
			UID: m.UID, Title: m.Title, Status: calendar.StatusConfirmed,
			Start: start, End: shift(start, m.Length),
		}
		for _, g := range m.Guests {
			e.Attendees = append(e.Attendees, calendar.Attendee{Email: g})
		}
		return e
	}
	if m.Weekly == 0 {
		return []calendar.Event{event(m.Start)}
	}
	var all []calendar.Event
	for n := range m.Weekly {
		if m.Dropped[n] {
			continue
		}
		original := shift(m.Start, time.Duration(n)*7*24*time.Hour)
		e := event(shift(original, m.Moved[n]))
		e.Original = original
		all = append(all, e)
	}
	return all
}

func shift(w calendar.When, d time.Duration) calendar.When {
	if w.Day == "" {
		return calendar.At(w.Time.Add(d))
	}
	return calendar.When{Day: w.Instant().Add(d).Format(time.DateOnly)}
}

// single is the i-th of the suite's plain meetings, all within the horizon.
func single(i int) Meeting {
	return Meeting{
		UID:   fmt.Sprintf("m%02d@example.com", i),
		Title: fmt.Sprintf("Meeting %d", i),
		Start: calendar.At(Now.Add(time.Duration(24+5*i) * time.Hour)), Length: 30 * time.Minute,
		Guests: []string{"joe@globex.com", fmt.Sprintf("guest%d@initech.example", i)},
	}
}

func moved(m Meeting, by time.Duration) Meeting {
	m.Start = shift(m.Start, by)
	return m
}

// random is one of a dozen meetings in a random shape.
func random(r *rand.Rand) Meeting {
	m := single(r.IntN(12))
	m.Title = fmt.Sprintf("Version %d", r.IntN(1000))
	m.Start = calendar.At(Now.Add(time.Duration(r.IntN(24*26)) * time.Hour))
	m.Guests = m.Guests[:r.IntN(3)]
	switch r.IntN(5) {
	case 0:
		m.Weekly, m.Moved, m.Dropped = 2+r.IntN(4), map[int]time.Duration{}, map[int]bool{}
		for n := range m.Weekly {
			switch r.IntN(4) {
			case 0:
				m.Moved[n] = time.Duration(r.IntN(48)) * time.Hour
			case 1:
				m.Dropped[n] = true
			}
		}
		if len(m.Dropped) == m.Weekly { // a series without occurrences can't be told from none
			clear(m.Dropped)
		}
		for _, n := range slices.Collect(maps.Keys(m.Moved)) {
			if m.Moved[n] == 0 {
				delete(m.Moved, n)
			}
		}
	case 1:
		m.Start, m.Length = calendar.When{Day: m.Start.Time.Format(time.DateOnly)}, 24*time.Hour
	}
	return m
}
