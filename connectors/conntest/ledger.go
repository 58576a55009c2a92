package conntest

import (
	"errors"
	"fmt"
	"testing"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// A Ledger is what a page means, in its plainest form: the reference for every store.
type Ledger struct {
	Cursor connectors.Cursor
	Copies map[calendar.Ref]calendar.Event
	Post   *Post                 // the connection's
	listed map[calendar.Ref]bool // by the full listing under way
	// crash, when set, is asked before and after each commit whether the process dies there. A process
	// that dies before it loses the page, one that dies behind it keeps it.
	crash func() bool
}

// NewLedger is a ledger of a source that has never been read.
func NewLedger() *Ledger {
	return &Ledger{Copies: map[calendar.Ref]calendar.Event{}, Post: NewPost(), listed: map[calendar.Ref]bool{}}
}

// ledgerOf is a ledger of h's source. A harness whose connectors read letters has a method Post() *Post, which has
// them.
func ledgerOf(h any) *Ledger {
	l := NewLedger()
	if p, ok := h.(interface{ Post() *Post }); ok {
		l.Post = p.Post()
	}
	return l
}

// Apply books one page.
func (l *Ledger) Apply(p connectors.Page) {
	if p.First {
		clear(l.listed)
	}
	for _, e := range p.Events {
		l.Copies[e.Ref] = e
		if p.Full {
			l.listed[e.Ref] = true
		}
	}
	for _, ref := range p.Gone {
		delete(l.Copies, ref)
	}
	if p.Last {
		for ref, e := range l.Copies {
			if p.Listed.Holds(e) && !l.listed[ref] {
				delete(l.Copies, ref)
			}
		}
		clear(l.listed)
	}
	l.Post.Keep(p.Letters...)
	l.Cursor = p.Next
}

// catchUp pulls until there is nothing more. A well-behaved connector needs few pages for what the
// suite puts into a calendar.
func (l *Ledger) catchUp(t *testing.T, c connectors.Connector, src calendar.Source, horizon calendar.Window) {
	t.Helper()
	if !l.steps(t, c, src, horizon, 1000) {
		t.Fatal("1,000 pages, and still more to come")
	}
}

// steps pulls at most n pages and reports whether it caught up.
func (l *Ledger) steps(t *testing.T, c connectors.Connector, src calendar.Source, horizon calendar.Window, n int) bool {
	t.Helper()
	done, err := l.pull(t, c, src, horizon, n)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// try is steps with a provider in trouble: an error ends it, as it ends an engine's.
func (l *Ledger) try(t *testing.T, c connectors.Connector, src calendar.Source, horizon calendar.Window, n int) (done bool) {
	t.Helper()
	done, err := l.pull(t, c, src, horizon, n)
	if err != nil && errors.Is(err, connectors.ErrCursor) {
		t.Fatal(err)
	}
	return done && err == nil
}

func (l *Ledger) pull(t *testing.T, c connectors.Connector, src calendar.Source, horizon calendar.Window, n int) (done bool, err error) {
	t.Helper()
	for range n {
		p, err := c.Pull(t.Context(), src, l.Cursor, horizon)
		if errors.Is(err, connectors.ErrCursor) {
			if l.Cursor == "" {
				return false, fmt.Errorf("the zero cursor is refused: %w", err)
			}
			l.Cursor = ""
			continue
		}
		if err != nil {
			return false, err
		}
		if l.crash != nil && l.crash() {
			return false, nil
		}
		l.Apply(p)
		if !p.More {
			return true, nil
		}
	}
	return false, nil
}
