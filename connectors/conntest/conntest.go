// Package conntest tests any connector against the contract of package connectors. A connector's own
// test is a harness, which owns the provider's side, and one call of Run.
package conntest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// Now is the instant at which every test of the suite takes place.
var Now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// Horizon is the window that the suite asks for.
var Horizon = calendar.Window{Start: Now.Add(-24 * time.Hour), End: Now.Add(28 * 24 * time.Hour)}

// A Meeting is what the suite puts into a calendar.
type Meeting struct {
	UID    string // as the provider would give it out: "m07@example.com"
	Title  string
	Start  calendar.When // an instant, or a day for an all-day entry
	Length time.Duration // whole days for an all-day entry
	Guests []string      // addresses
	Weekly int           // occurrences of a weekly series; 0: a single meeting
	// Moved and Dropped are exceptions of the series, by the occurrence's number from 0.
	Moved   map[int]time.Duration
	Dropped map[int]bool
}

// A Harness is one calendar of a connector, and the provider behind it.
type Harness interface {
	// Connector makes a new connector, so that it can't remember anything.
	Connector(t *testing.T) connectors.Connector
	// Source is the calendar that the methods below change.
	Source() calendar.Source
	// Put creates the meeting or replaces it, series and exceptions included.
	Put(m Meeting)
	// Delete removes the meeting, a series as a whole.
	Delete(uid string)
	// ExpireCursors makes the provider refuse every cursor that it gave out.
	ExpireCursors()
	// Throttle makes the provider answer "too many requests, come back in after" from now on, until
	// Restore.
	Throttle(after time.Duration)
	// Revoke makes the provider refuse access from now on, until Restore.
	Revoke()
	Restore()
}

// Options of Run. The zero value is the whole suite.
type Options struct {
	Histories int  // random histories (100)
	NoExpiry  bool // the provider's cursors never expire
	NoRefusal bool // the provider can neither throttle nor refuse (a folder)
}

// Run tests the connector behind newHarness.
func Run(t *testing.T, o Options, newHarness func(t *testing.T) Harness) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, c := range []struct {
		name string
		skip bool
		test func(t *testing.T, h Harness)
	}{
		{"sources", false, testSources},
		{"listing", false, testListing},
		{"nothing new", false, testNothingNew},
		{"same cursor twice", false, testSameCursorTwice},
		{"series", false, testSeries},
		{"all-day", false, testAllDay},
		{"outside the horizon", false, testOutside},
		{"horizon moves", false, testHorizonMoves},
		{"expiry", o.NoExpiry, testExpiry},
		{"unknown cursor", false, testUnknownCursor},
		{"throttled", o.NoRefusal, testThrottled},
		{"refused", o.NoRefusal, testRefused},
		{"cancelled context", false, testCancelledContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.skip {
				t.Skip("this provider does not do that")
			}
			c.test(t, newHarness(t))
		})
	}
	histories := o.Histories
	if histories == 0 {
		histories = 100
	}
	for seed := range uint64(histories) {
		t.Run(fmt.Sprintf("history/%d", seed), func(t *testing.T) { testHistory(t, o, newHarness(t), seed) })
	}
}

func testSources(t *testing.T, h Harness) {
	srcs, err := h.Connector(t).Sources(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[calendar.SourceID]bool{}
	for _, s := range srcs {
		if seen[s.ID] {
			t.Errorf("%s is listed twice", s.ID)
		}
		seen[s.ID] = true
		if s.ID != calendar.NewSourceID(s.Driver, s.Account, s.Calendar) {
			t.Errorf("source %+v: its id is not made of its driver, account and calendar", s)
		}
	}
	if !slices.Contains(srcs, h.Source()) {
		t.Errorf("%+v is not among the sources %+v", h.Source(), srcs)
	}
}

func testListing(t *testing.T, h Harness) {
	w := newWorld(h)
	for i := range 25 {
		w.put(single(i))
	}
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
	if l.Cursor == "" {
		t.Error("after a listing, Next is the zero cursor: every pull would list anew")
	}
}

func testNothingNew(t *testing.T, h Harness) {
	newWorld(h).put(single(1))
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	p, err := h.Connector(t).Pull(t.Context(), h.Source(), l.Cursor, Horizon)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Events)+len(p.Gone) != 0 || p.More || p.Full {
		t.Errorf("nothing has changed, yet the page is %+v", p)
	}
}

func testSameCursorTwice(t *testing.T, h Harness) {
	w := newWorld(h)
	for i := range 8 {
		w.put(single(i))
	}
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.put(moved(single(2), time.Hour))
	w.delete(single(3).UID)
	before := l.Cursor
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
	// A crash behind the commit: the old cursor is pulled again, by another process.
	l.Cursor = before
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
}

func testSeries(t *testing.T, h Harness) {
	w := newWorld(h)
	m := single(1)
	m.Weekly, m.Moved, m.Dropped = 6, map[int]time.Duration{1: 26 * time.Hour}, map[int]bool{2: true}
	w.put(m)
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
	if len(l.Copies) < 2 {
		t.Fatalf("a weekly series has only %d occurrences in four weeks", len(l.Copies))
	}
	m.Title, m.Dropped = "renamed", map[int]bool{0: true, 2: true}
	w.put(m)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
	w.delete(m.UID)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
}

func testAllDay(t *testing.T, h Harness) {
	w := newWorld(h)
	w.put(Meeting{UID: "day@example.com", Title: "Offsite", Start: calendar.When{Day: "2026-11-25"}, Length: 48 * time.Hour})
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
}

func testOutside(t *testing.T, h Harness) {
	w := newWorld(h)
	past, future := single(1), single(2)
	past.Start = calendar.At(Horizon.Start.Add(-72 * time.Hour))
	future.Start = calendar.At(Horizon.End.Add(72 * time.Hour))
	w.put(past)
	w.put(future)
	w.put(single(3))
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
}

func testHorizonMoves(t *testing.T, h Harness) {
	w := newWorld(h)
	m := single(1)
	m.Start = calendar.At(Horizon.End.Add(30 * time.Hour))
	w.put(m)
	w.put(single(2))
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
	later := calendar.Window{Start: Horizon.Start.Add(72 * time.Hour), End: Horizon.End.Add(72 * time.Hour)}
	l.catchUp(t, h.Connector(t), h.Source(), later)
	w.compare(t, l, later)
}

func testExpiry(t *testing.T, h Harness) {
	w := newWorld(h)
	for i := range 8 {
		w.put(single(i))
	}
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.delete(single(4).UID)
	h.ExpireCursors()
	if _, err := h.Connector(t).Pull(t.Context(), h.Source(), l.Cursor, Horizon); !errors.Is(err, connectors.ErrCursor) {
		t.Errorf("an expired cursor: got error %v, want one that is connectors.ErrCursor", err)
	}
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
}

func testUnknownCursor(t *testing.T, h Harness) {
	for _, cur := range []connectors.Cursor{"x", `{"v":9999}`, "\x00"} {
		if _, err := h.Connector(t).Pull(t.Context(), h.Source(), cur, Horizon); !errors.Is(err, connectors.ErrCursor) {
			t.Errorf("cursor %q of another version: got error %v, want one that is connectors.ErrCursor", cur, err)
		}
	}
}

func testThrottled(t *testing.T, h Harness) {
	newWorld(h).put(single(1))
	h.Throttle(90 * time.Second)
	_, err := h.Connector(t).Pull(t.Context(), h.Source(), "", Horizon)
	var throttled *connectors.ThrottledError
	if !errors.As(err, &throttled) {
		t.Fatalf("got error %v, want a connectors.ThrottledError", err)
	}
	if throttled.After != 90*time.Second {
		t.Errorf("After is %s, the provider said 1m30s", throttled.After)
	}
}

func testRefused(t *testing.T, h Harness) {
	w := newWorld(h)
	w.put(single(1))
	l := ledgerOf(h)
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	h.Revoke()
	for _, cur := range []connectors.Cursor{"", l.Cursor} {
		p, err := h.Connector(t).Pull(t.Context(), h.Source(), cur, Horizon)
		if !errors.Is(err, connectors.ErrAccess) {
			t.Errorf("got error %v, want one that is connectors.ErrAccess", err)
		}
		if !cmp.Equal(p, connectors.Page{}) {
			t.Errorf("a page comes with the error: %+v", p)
		}
	}
	h.Restore()
	w.put(single(2))
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
}

func testCancelledContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Connector(t).Pull(ctx, h.Source(), "", Horizon); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want one that is context.Canceled", err)
	}
}

// testHistory drives h through random edits, crashes around the commit, expired cursors, two
// processes on one source and listings broken off, and demands that the copies end up as the provider
// has them.
func testHistory(t *testing.T, o Options, h Harness, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	w, l := newWorld(h), ledgerOf(h)
	l.crash = func() bool { return r.IntN(6) == 0 }
	for range 40 {
		switch n := r.IntN(10); {
		case n < 4:
			w.put(random(r))
		case n < 6:
			w.delete(fmt.Sprintf("m%02d@example.com", r.IntN(12)))
		case n == 6 && !o.NoExpiry:
			h.ExpireCursors()
		default:
			l.steps(t, h.Connector(t), h.Source(), Horizon, 1+r.IntN(4))
		}
	}
	l.crash = nil
	l.catchUp(t, h.Connector(t), h.Source(), Horizon)
	w.compare(t, l, Horizon)
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}
