package conntest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// A Story is a provider that does what providers do: its own kinds of edits, operations on series, changes of
// who may see what, expiries, faults. Everything in it follows from the seed. Its time is time.Now: the story
// takes place in a bubble of synctest, where days go by in no time.
type Story interface {
	// Connector makes a new connector, so that it can't remember anything.
	Connector(t *testing.T) connectors.Connector
	// Sources are the calendars that are read.
	Sources() []calendar.Source
	// Step does one random thing to the tenant.
	Step(r *rand.Rand)
	// Trouble makes requests go wrong at random from now on, or ends that.
	Trouble(r *rand.Rand, on bool)
	// Truth is what the calendar holds in the window for whoever reads it; readable says whether it may be
	// read at all. It must not come from what the connector reads.
	Truth(src calendar.Source, w calendar.Window) (events []calendar.Event, readable bool)
	// A story may also have a method Anchored(connectors.Cursor) bool: false says that nothing told of changes while
	// the pages up to the cursor were read, so that what changed on the first of them is known by the next poll.
}

// HorizonAt is the window that a daemon asks for at now, as the engine's: in whole days.
func HorizonAt(now time.Time) calendar.Window {
	const day = 24 * time.Hour
	return calendar.Window{Start: now.Add(-day).Truncate(day), End: now.Add(14 * day).Truncate(day).Add(day)}
}

// Stories drives random histories: edits, faults, crashes around each commit, two processes on one source, days
// going by. After each of them what was stored must be the truth, whole event by whole event.
func Stories(t *testing.T, first, n uint64, newStory func(t *testing.T, seed uint64) Story) {
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprintf("story/%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testStory(t, newStory(t, seed), seed) })
		})
		if t.Failed() {
			t.Logf("seed %d; to see it alone: -run '%s/story/%d$'", seed, t.Name(), seed)
			return // one is enough to look at
		}
	}
}

func testStory(t *testing.T, s Story, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	ledgers := map[calendar.SourceID]*Ledger{}
	ledger := func(src calendar.Source) *Ledger {
		if ledgers[src.ID] == nil {
			ledgers[src.ID] = ledgerOf(s)
		}
		return ledgers[src.ID]
	}
	known := map[calendar.SourceID]settled{} // those read to the end since the last step
	for range 10 + r.IntN(40) {
		switch n := r.IntN(20); {
		case n < 10:
			s.Step(r)
			clear(known)
		case n < 11:
			s.Trouble(r, true)
		case n < 13:
			s.Trouble(r, false)
		case n < 14:
			time.Sleep(time.Duration(r.IntN(36)) * time.Hour)
		default:
			for _, src := range s.Sources() {
				l, w := ledger(src), HorizonAt(time.Now())
				l.crash = func() bool { return r.IntN(8) == 0 }
				before := maps.Clone(l.Copies)
				done := l.try(t, s.Connector(t), src, w, 1+r.IntN(4))
				want, _ := s.Truth(src, w)
				demandHeld(t, src, want, before, l)
				if was, so := known[src.ID]; so && was.window == w {
					if diff := cmp.Diff(was.copies, l.Copies); diff != "" {
						t.Fatalf("%s: nothing happened to the calendar, but to the copies (-before +now):\n%s", src.ID, diff)
					}
				} else if delete(known, src.ID); done && anchored(s, l) {
					known[src.ID] = settledAt(w, l)
				}
			}
		}
	}
	s.Trouble(r, false)
	time.Sleep(2 * time.Hour) // whatever was to wait has waited
	w := HorizonAt(time.Now())
	anybody := false
	for _, src := range s.Sources() {
		want, readable := s.Truth(src, w)
		if !readable {
			continue // what was stored is held
		}
		anybody = true
		l := ledger(src)
		l.crash = nil
		before := maps.Clone(l.Copies)
		l.catchUp(t, s.Connector(t), src, w)
		demandHeld(t, src, want, before, l)
		if !anchored(s, l) {
			l.catchUp(t, s.Connector(t), src, w)
		}
		compareEvents(t, src, want, l, w)
	}
	if anybody {
		compareSources(t, s)
	}
}

// compareSources demands that the connector finds the story's calendars.
func compareSources(t *testing.T, s Story) {
	t.Helper()
	byID := func(a, b calendar.Source) int { return strings.Compare(string(a.ID), string(b.ID)) }
	got, err := s.Connector(t).Sources(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.SortedFunc(slices.Values(s.Sources()), byID), slices.SortedFunc(slices.Values(got), byID)); diff != "" {
		t.Errorf("the roster (-want +got):\n%s", diff)
	}
}

// demandHeld demands of the copies that those of events that are still there have not been taken for deleted.
func demandHeld(t *testing.T, src calendar.Source, want []calendar.Event, before map[calendar.Ref]calendar.Event, l *Ledger) {
	t.Helper()
	for _, e := range want {
		_, was := before[e.Ref]
		if _, held := l.Copies[e.Ref]; was && !held {
			t.Errorf("%s: %s is in the calendar, and was taken for deleted", src.ID, e.Ref)
		}
	}
}

func anchored(s Story, l *Ledger) bool {
	at, ok := s.(interface{ Anchored(connectors.Cursor) bool })
	return !ok || at.Anchored(l.Cursor)
}

// settled is what was known of a source, when nothing was left to know.
type settled struct {
	window calendar.Window
	copies map[calendar.Ref]calendar.Event
}

func settledAt(w calendar.Window, l *Ledger) settled { return settled{w, maps.Clone(l.Copies)} }

// compareEvents demands that the ledger holds the events and no others, as far as the window goes.
func compareEvents(t *testing.T, src calendar.Source, want []calendar.Event, l *Ledger, w calendar.Window) {
	t.Helper()
	wanted, got := map[calendar.Ref]calendar.Event{}, map[calendar.Ref]calendar.Event{}
	for _, e := range want {
		wanted[e.Ref] = e
	}
	for ref, e := range l.Copies {
		if w.Holds(e) {
			got[ref] = e
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s: the copies are not what the calendar holds (-want +got):\n%s", src.ID, diff)
	}
}
