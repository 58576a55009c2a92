package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// unseen are changes of a meeting from 60 to 90 at the room 91234567890, and when a recorder with a lead time is to be
// told to join by what they make of it; 0: never.
var unseen = []struct {
	about  string
	change func(*log)
	room   string
	joins  float64
}{
	{"nothing", func(*log) {}, "91234567890", 58},
	{"another link", func(l *log) { l.put(meeting("u1", "95550001111", 60, 30*time.Minute)) }, "95550001111", 58},
	{"moved later", func(l *log) { l.put(meeting("u1", "91234567890", 65, 30*time.Minute)) }, "91234567890", 63},
	{"moved to tomorrow", func(l *log) { l.put(meeting("u1", "91234567890", 60+24*60, 30*time.Minute)) }, "91234567890", 0},
	{"moved into the past", func(l *log) { l.put(meeting("u1", "91234567890", 10, 30*time.Minute)) }, "", 0},
	{"cancelled", func(l *log) {
		e := meeting("u1", "91234567890", 60, 30*time.Minute)
		e.Status = calendar.StatusCancelled
		l.put(e)
	}, "", 0},
	{"gone", func(l *log) { l.drop("u1") }, "", 0},
	{"with a lawyer", func(l *log) {
		e := call("u1", "91234567890", 1, "kim@lawfirm.example")
		e.End = calendar.At(e.Start.Time.Add(30 * time.Minute))
		l.put(e)
	}, "", 0},
}

// TestReadAtTheHandOver: what was changed half a minute before the hand-over is seen, although nobody has told of it and the
// calendar is not due for long; also when no process was running at the hand-over, whenever one comes up again.
func TestReadAtTheHandOver(t *testing.T) {
	for _, c := range unseen {
		for _, down := range []float64{0, 57.9, 59, 65} { // the process is down from 57 on until then
			t.Run(fmt.Sprintf("%s, down until %v", c.about, down), func(t *testing.T) {
				t.Parallel()
				d, _, late := newMinutes(t, "ana@acme.com")
				d.quiet = 3 * time.Hour
				d.tn.log("ana@acme.com").put(meeting("u1", "91234567890", 60, 30*time.Minute))
				run := func(f func(e *engine.Engine)) {
					if err := d.session(func(e *engine.Engine, _ *store.Store) error { f(e); return nil }); err != nil {
						t.Fatal(err)
					}
				}
				from := 57.5
				run(func(e *engine.Engine) {
					d.until(e, 57, 19*time.Minute)
					if down == 0 {
						d.until(e, 57.5, 10*time.Second)
						c.change(d.tn.log("ana@acme.com"))
						d.until(e, 66, 8*time.Second)
					}
				})
				if down > 0 {
					c.change(d.tn.log("ana@acme.com"))
					d.now, from = minute(down), down
					run(func(e *engine.Engine) {
						if err := e.Pass(t.Context()); err != nil {
							t.Fatal(err)
						}
						d.until(e, 66, 8*time.Second)
					})
				}
				if c.joins == 0 {
					if len(late.joins) > 0 {
						t.Errorf("it joined a call that was off: %v", late.joins[0])
					}
					return
				}
				due := minute(max(c.joins, from))
				if len(late.joins) != 1 || late.joins[0].MeetingID != c.room || late.joins[0].at.Before(due) || late.joins[0].at.After(due.Add(16*time.Second)) {
					t.Errorf("it should have joined %s at %s, and joined: %v", c.room, due, late.joins)
				}
			})
		}
	}
}

// TestHandOverWithoutTheCalendar: a calendar that can't be read at the hand-over does not keep the recorder out of the call.
func TestHandOverWithoutTheCalendar(t *testing.T) {
	for _, fault := range []error{
		errors.New("reset by peer"), connectors.ErrCursor, connectors.ErrAccess, connectors.ErrSource,
		&connectors.ThrottledError{After: time.Hour, Err: errors.New("429")},
		&connectors.ThrottledError{After: time.Hour, Whole: true, Err: errors.New("429")},
	} {
		for _, since := range []float64{40, 57.5, 57.9} {
			for _, down := range []float64{0, 57.95, 61} {
				t.Run(fmt.Sprintf("%v since %v, down until %v", fault, since, down), func(t *testing.T) {
					t.Parallel()
					d, ahead, late := newMinutes(t, "ana@acme.com")
					d.quiet = 10 * time.Minute
					d.tn.log("ana@acme.com").put(meeting("u1", "91234567890", 60, 30*time.Minute))
					due := 58.0
					run := func(f func(e *engine.Engine)) {
						if err := d.session(func(e *engine.Engine, _ *store.Store) error { f(e); return nil }); err != nil {
							t.Fatal(err)
						}
					}
					run(func(e *engine.Engine) {
						d.until(e, since, 5*time.Minute)
						d.tn.fault = func() error { return fmt.Errorf("provider: %w", fault) }
						if down == 0 {
							d.until(e, 57, time.Minute)
							d.until(e, 62, 2*time.Second)
						} else {
							d.until(e, 57.9, 30*time.Second)
						}
					})
					if down > 0 {
						d.now, due = minute(down), max(due, down)
						run(func(e *engine.Engine) { d.until(e, 62, 2*time.Second) })
					}
					first := minute(due)
					if len(late.joins) != 1 || late.joins[0].at.Before(first) || late.joins[0].at.After(first.Add(24*time.Second)) {
						t.Errorf("it should have joined at %s, and joined: %v", first, late.joins)
					}
					if len(ahead.calls()) != 1 {
						t.Errorf("the one that was told ahead is in %v", ahead.calls())
					}
				})
			}
		}
	}
}

// TestHandOverBehindFailures: a calendar that could not be read for a while, and waits for long because of that, is read at the
// hand-over if it can be by then; one whose provider has told it to wait is not asked.
func TestHandOverBehindFailures(t *testing.T) {
	for _, c := range unseen {
		for _, throttled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, throttled %v", c.about, throttled), func(t *testing.T) {
				t.Parallel()
				d, _, late := newMinutes(t, "ana@acme.com")
				d.quiet = 3 * time.Hour
				d.tn.log("ana@acme.com").put(meeting("u1", "91234567890", 60, 30*time.Minute))
				err := d.session(func(e *engine.Engine, st *store.Store) error {
					d.until(e, 1, time.Minute)
					fault := errors.New("reset by peer")
					if throttled {
						fault = &connectors.ThrottledError{After: 2 * time.Hour, Err: errors.New("429")}
					}
					d.tn.fault = func() error { return fault }
					for range 12 { // it fails so often that it waits for longer than the meeting is away
						if err := st.MakeReaderDue(t.Context(), e.Connections[0], "ana@acme.com", d.now); err != nil {
							return err
						}
						d.until(e, d.now.Sub(minute(0)).Minutes()+1, 30*time.Second)
					}
					asked := 0
					d.tn.fault = func() error {
						if throttled {
							asked++
						}
						return nil
					}
					d.until(e, 57.5, 5*time.Minute)
					c.change(d.tn.log("ana@acme.com"))
					d.until(e, 66, 8*time.Second)
					if asked > 0 {
						t.Errorf("a provider that wants to be left alone was asked %d times", asked)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				room, joins := c.room, c.joins
				if throttled { // nobody can know
					room, joins = "91234567890", 58
				}
				if joins == 0 {
					if len(late.joins) > 0 {
						t.Errorf("it joined a call that was off: %v", late.joins[0])
					}
					return
				}
				if due := minute(joins); len(late.joins) != 1 || late.joins[0].MeetingID != room || late.joins[0].at.Before(due) || late.joins[0].at.After(due.Add(30*time.Second)) {
					t.Errorf("it should have joined %s at %s, and joined: %v", room, due, late.joins)
				}
			})
		}
	}
}

// TestDecidedLate: a meeting that is to be recorded only since its last minute, because of other rules, is joined by what
// its calendar says then.
func TestDecidedLate(t *testing.T) {
	for _, c := range unseen {
		d, _, late := newMinutes(t, "ana@acme.com")
		d.quiet = 3 * time.Hour
		d.policy.Exclude.Domains = append(d.policy.Exclude.Domains, "globex.com")
		d.tn.log("ana@acme.com").put(meeting("u1", "91234567890", 60, 30*time.Minute))
		err := d.session(func(e *engine.Engine, _ *store.Store) error {
			d.until(e, 58.5, 20*time.Minute)
			d.now = minute(59)
			c.change(d.tn.log("ana@acme.com"))
			d.policy.Exclude.Domains = d.policy.Exclude.Domains[:1]
			e.SetRules(engine.Rules{Policy: d.policy, Directory: eligibility.NewDirectory(d.policy.Directory.Members)})
			d.until(e, 66, 8*time.Second)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		due := minute(max(c.joins, 59))
		if c.joins == 0 && len(late.joins) > 0 || c.joins > 0 && (len(late.joins) != 1 || late.joins[0].MeetingID != c.room || late.joins[0].at.After(due.Add(16*time.Second))) {
			t.Errorf("%s: it should have joined %q at %s, and joined: %v", c.about, c.room, due, late.joins)
		}
	}
}
