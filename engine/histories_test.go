package engine_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

var histories = flag.Int("histories", 30, "random histories to run")

// TestHistories runs random histories of edits, crashes, faults and a sink that fails, and demands
// that the recorder ends up with what Decide says of the truth, and that it never has a call twice.
func TestHistories(t *testing.T) {
	for seed := range uint64(*histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { history(t, seed, false) })
		t.Run(fmt.Sprint(seed, " with pushes"), func(t *testing.T) { history(t, seed, true) })
	}
}

func history(t *testing.T, seed uint64, pushes bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	d := newDaemon(t, "ana@acme.com", "bo@acme.com")
	if pushes {
		d.push = newSwitchboard()
		d.push.life = 2 * time.Hour
	}
	faults := []error{
		errors.New("reset by peer"), connectors.ErrCursor, connectors.ErrAccess,
		&connectors.ThrottledError{After: time.Minute, Err: errors.New("429")},
	}
	for range 25 {
		edit(r, d)
		d.crash = func() bool { return r.IntN(25) == 0 }
		d.tn.fault = func() error {
			if r.IntN(8) == 0 {
				return faults[r.IntN(len(faults))]
			}
			return nil
		}
		d.sink.fails = func() bool { return r.IntN(5) == 0 }
		step := func() error { return d.passes(1) }
		if pushes {
			step = func() error { return d.hasty(r) }
		}
		if err := step(); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		d.sink.live(d.now)
	}
	d.crash, d.tn.fault, d.sink.fails = nil, nil, nil
	if err := d.passes(3); err != nil {
		t.Fatal(err)
	}
	d.check(fmt.Sprintf("seed %d", seed))
}

// edit changes something in the tenant.
func edit(r *rand.Rand, d *daemon) {
	user := []string{"ana@acme.com", "bo@acme.com"}[r.IntN(2)]
	l := d.tn.log(user)
	uid := fmt.Sprint("u", r.IntN(6))
	hours := d.now.Sub(began).Hours() + r.Float64()*60
	switch r.IntN(8) {
	case 0, 1, 2, 3:
		guests := []string{"joe@globex.com", "kim@lawfirm.example", "bo@acme.com"}
		l.put(call(uid, []string{"91234567890", "95550001111"}[r.IntN(2)], hours, guests[r.IntN(3)]))
	case 4, 5:
		if _, ok := l.events[calendar.Ref(uid)]; ok {
			l.drop(calendar.Ref(uid))
		}
	case 6:
		l.oldest = len(l.changes)
	case 7:
		d.policy.Exclude.Domains = [][]string{{"lawfirm.example"}, {"globex.com"}, nil}[r.IntN(3)]
	}
}

// hasty passes a few times, most of them before anything is due, with edits in between that are pushed, or whose
// pushes are lost or come twice, or from somebody who only pretends.
func (d *daemon) hasty(r *rand.Rand) error {
	d.t.Helper()
	d.push.fault = func() error {
		if r.IntN(4) == 0 {
			return errors.New("reset by peer")
		}
		return nil
	}
	return d.session(func(e *engine.Engine, _ *store.Store) error {
		for range 4 {
			if err := e.Pass(d.t.Context()); err != nil {
				return err
			}
			edit(r, d)
			for _, p := range d.push.tell("ana@acme.com", "bo@acme.com") {
				if r.IntN(6) == 0 {
					p.Secret = "made up"
				}
				if r.IntN(10) == 0 {
					p.Ended = true
				}
				for range r.IntN(3) {
					e.Pushed("google", "acme.com", []connectors.Push{p})
				}
			}
			d.now = d.now.Add([]time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, 20 * time.Minute}[r.IntN(4)])
		}
		return nil
	})
}
