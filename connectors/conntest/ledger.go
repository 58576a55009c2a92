package conntest

import (
	"errors"
	"testing"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// ledger is what a page means, in its plainest form: the reference for every store.
type ledger struct {
	cursor connectors.Cursor
	copies map[calendar.Ref]calendar.Event
	listed map[calendar.Ref]bool // by the full listing under way
	// crash, when set, is asked before and after each commit whether the process dies there. A process
	// that dies before it loses the page, one that dies behind it keeps it.
	crash func() bool
}

func newLedger() *ledger {
	return &ledger{copies: map[calendar.Ref]calendar.Event{}, listed: map[calendar.Ref]bool{}}
}

func (l *ledger) apply(p connectors.Page) {
	if p.First {
		clear(l.listed)
	}
	for _, e := range p.Events {
		l.copies[e.Ref] = e
		if p.Full {
			l.listed[e.Ref] = true
		}
	}
	for _, ref := range p.Gone {
		delete(l.copies, ref)
	}
	if p.Last {
		for ref, e := range l.copies {
			if p.Listed.Holds(e) && !l.listed[ref] {
				delete(l.copies, ref)
			}
		}
		clear(l.listed)
	}
	l.cursor = p.Next
}

// catchUp pulls until there is nothing more. A well-behaved connector needs few pages for what the
// suite puts into a calendar.
func (l *ledger) catchUp(t *testing.T, c connectors.Connector, src calendar.SourceID, horizon calendar.Window) {
	t.Helper()
	if !l.steps(t, c, src, horizon, 1000) {
		t.Fatal("1,000 pages, and still more to come")
	}
}

// steps pulls at most n pages and reports whether it caught up.
func (l *ledger) steps(t *testing.T, c connectors.Connector, src calendar.SourceID, horizon calendar.Window, n int) bool {
	t.Helper()
	for range n {
		p, err := c.Pull(t.Context(), src, l.cursor, horizon)
		if errors.Is(err, connectors.ErrCursor) {
			if l.cursor == "" {
				t.Fatalf("the zero cursor is refused: %v", err)
			}
			l.cursor = ""
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if l.crash != nil && l.crash() {
			return false
		}
		l.apply(p)
		if !p.More {
			return true
		}
	}
	return false
}
