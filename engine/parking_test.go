package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// throttling is a provider that tells one user, or everybody, to wait, and counts whom it was asked about.
type throttling struct {
	*tenant
	user  string
	whole bool
	asked map[string]int
}

func (t throttling) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	t.asked[src.Calendar]++
	if src.Reader() == t.user {
		return connectors.Page{}, &connectors.ThrottledError{After: time.Hour, Whole: t.whole, Err: errors.New("429")}
	}
	return t.tenant.Pull(ctx, src, cur, w)
}

// TestParking: who is told to wait is left alone in all of their calendars, and the others are read.
func TestParking(t *testing.T) {
	for _, whole := range []bool{false, true} {
		d := newDaemon(t, "ana@acme.com", "bo@acme.com")
		own := calendar.NewSource("google", "acme.com", "c_1@group.calendar.google.com")
		own.User = "ana@acme.com"
		d.tn.calendars[own.ID] = &log{source: own, events: map[calendar.Ref]calendar.Event{}}
		p := throttling{d.tn, "ana@acme.com", whole, map[string]int{}}
		err := d.session(func(e *engine.Engine, st *store.Store) error {
			e.Connections[0].Connector = p
			e.Parallel = 1
			e, err := engine.New(e.Config)
			if err != nil {
				return err
			}
			for range 3 {
				if err := e.Pass(t.Context()); err != nil {
					return err
				}
				d.now = d.now.Add(5 * time.Minute)
			}
			hers := p.asked["ana@acme.com"] + p.asked[own.Calendar]
			if want := map[bool]int{false: 3, true: 0}[whole]; hers != 1 || p.asked["bo@acme.com"] < want {
				t.Errorf("whole connection %v: asked %v", whole, p.asked)
			}
			if whole && p.asked["bo@acme.com"] > 1 {
				t.Errorf("the whole connection was to wait: asked %v", p.asked)
			}
			d.now = d.now.Add(time.Hour)
			if err := e.Pass(t.Context()); err != nil {
				return err
			}
			if hers := p.asked["ana@acme.com"] + p.asked[own.Calendar]; hers != 2 {
				t.Errorf("an hour later: asked %v", p.asked)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
