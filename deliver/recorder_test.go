package deliver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

var rigs = map[string]func(t *testing.T, w *world) rig{
	"recall": recallRig, "attendee": attendeeRig, "meetingbaas": meetingBaasRig, "vexa": vexaRig,
}

// A driver hands one schedule's revisions to a rig, and looks at its bots.
type driver struct {
	*testing.T
	w    *world
	rig  rig
	s    schedule.Schedule
	note string
	err  error
	key  int // counts the keys that were asked for
}

func newDriver(t *testing.T, newRig func(t *testing.T, w *world) rig) *driver {
	w := &world{now: eight}
	d := &driver{T: t, w: w, rig: newRig(t, w), s: kickOff()}
	d.s.Revision, d.s.State = 0, schedule.Scheduled
	return d
}

// tell makes a revision and delivers it until the sink has nothing more to say, which takes an hour at most.
func (d *driver) tell(change func(s *schedule.Schedule)) {
	d.Helper()
	if d.s.Revision++; d.s.Revision > 1 && d.s.State == schedule.Scheduled {
		d.s.State = schedule.Updated
	}
	change(&d.s)
	for attempt := 1; attempt < 60; attempt++ {
		d.attempt(attempt)
		var retry *schedule.RetryError
		if !errors.As(d.err, &retry) || retry.NewKey {
			return
		}
		d.w.now = d.w.now.Add(retry.After)
	}
	d.Fatalf("it comes again and again: %v", d.err)
}

func (d *driver) attempt(n int) {
	d.Helper()
	receipt, err := d.rig.target.Sink.Deliver(d.Context(), schedule.Delivery{
		Schedule: d.s, Key: fmt.Sprint("key-", d.s.Revision, "-", d.key), Note: d.note, Attempt: n, Now: d.w.now,
	})
	d.rig.settled()
	d.note, d.err = receipt.Note, err
}

func (d *driver) server() *fakerecorder.Server { return d.rig.servers[0] }

// bots are the calls and times of those that are not over.
func (d *driver) bots() (all []string) {
	for _, b := range d.server().Live() {
		all = append(all, fmt.Sprintf("%s at %s", b.Call, b.JoinAt.Add(15*time.Second).Truncate(time.Minute).Format("15:04")))
	}
	return all
}

func (d *driver) want(about string, at ...string) {
	d.Helper()
	var want []string
	for _, t := range at {
		want = append(want, d.rig.call(d.s)+" at "+t)
	}
	if diff := cmp.Diff(want, d.bots()); diff != "" {
		d.Fatalf("%s: bots (-want +got):\n%s(%v, noted %s)", about, diff, d.err, d.note)
	}
}

func same(*schedule.Schedule) {}

func cancelled(s *schedule.Schedule) { s.State = schedule.Cancelled }

func startAt(t time.Time) func(*schedule.Schedule) {
	return func(s *schedule.Schedule) { s.Start, s.End = t, t.Add(time.Hour) }
}

func otherLink(s *schedule.Schedule) {
	s.MeetingID, s.JoinURL = "88700000001", "https://acme.zoom.us/j/88700000001?pwd=0ther"
}

// TestRecorders: what every vendor does, by its own means.
func TestRecorders(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *driver)
	}{
		{"a life", func(d *driver) {
			d.tell(same)
			d.want("scheduled", when(d, "09:00"))
			d.tell(startAt(eight.Add(2 * time.Hour)))
			d.want("moved", when(d, "10:00"))
			d.tell(otherLink)
			d.want("another link", when(d, "10:00"))
			d.tell(cancelled)
			d.want("cancelled")
			d.tell(func(s *schedule.Schedule) { s.State = schedule.Scheduled })
			d.want("back", when(d, "10:00"))
		}},
		{"it has started already", func(d *driver) {
			d.tell(startAt(eight.Add(-20 * time.Minute)))
			d.w.now = d.w.now.Add(time.Minute)
			d.want("in the call now", "08:00")
		}},
		{"it is over", func(d *driver) {
			d.tell(startAt(eight.Add(-2 * time.Hour)))
			d.want("never")
			d.rejected("was over at 2026-11-24T07:00:00Z")
		}},
		{"moved into the past", func(d *driver) {
			d.tell(same)
			d.tell(startAt(eight.Add(-2 * time.Hour)))
			d.want("the bot is taken back")
			d.rejected("was over")
		}},
		{"cut short while it goes on", func(d *driver) {
			d.tell(startAt(eight.Add(-20 * time.Minute)))
			d.w.now = d.w.now.Add(10 * time.Minute)
			d.tell(func(s *schedule.Schedule) { s.End = eight })
			d.want("the bot stays to the end", "08:00")
			d.rejected("was over")
		}},
		{"a provider that the vendor does not join", func(d *driver) {
			d.tell(same)
			d.tell(func(s *schedule.Schedule) { s.Provider, s.JoinURL = "goto", "https://meet.goto.com/1" })
			d.want("the bot for the old call is taken back")
			d.rejected("does not join calls on goto")
		}},
		{"a recording that needs no bot", func(d *driver) {
			d.tell(func(s *schedule.Schedule) { s.Capture = []string{"zoom_native"} })
			d.want("none")
			d.rejected("sends bots, and the call is to be recorded by zoom_native")
		}},
		{"an hour's move while it is in the call", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(5 * time.Minute)
			d.tell(startAt(eight.Add(2 * time.Hour)))
			d.want("it leaves, and comes again", when(d, "10:00"))
		}},
		{"some minutes' move while it is in the call", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(time.Minute)
			d.tell(startAt(eight.Add(8 * time.Minute)))
			d.want("it stays", "08:00")
		}},
		{"cancelled while it is in the call", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(time.Minute)
			d.tell(cancelled)
			d.want("it leaves")
		}},
		{"another link while it is in the call", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(time.Minute)
			d.tell(otherLink)
			d.want("it goes there", "08:01")
		}},
		{"kicked out", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(time.Minute)
			d.server().Kick(d.server().Live()[0].ID)
			d.tell(func(s *schedule.Schedule) { s.Title = "another title" })
			d.want("it does not come back uninvited")
			d.attempt(2)
			d.want("nor by a delivery that comes again")
			d.tell(cancelled)
			d.tell(func(s *schedule.Schedule) { s.State = schedule.Scheduled })
			d.want("but when it is asked for anew", "08:01")
		}},
		{"the process died before the note was kept", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(10 * time.Second)
			d.note = ""
			d.attempt(2)
			d.want("one all the same", "08:00")
			d.w.now = d.w.now.Add(2 * time.Hour)
			d.s.End = d.s.End.Add(5 * time.Hour)
			d.note = ""
			d.attempt(3)
			d.want("much later too", "08:00")
		}},
		{"a note that can't be read", func(d *driver) {
			d.tell(startAt(eight))
			d.w.now = d.w.now.Add(10 * time.Second)
			d.note = `{"v":99,"whatever":1}`
			d.tell(same)
			d.want("is looked up", "08:00")
		}},
		{"the vendor answers, and nobody hears", func(d *driver) {
			d.server().Fault = once(fakerecorder.LostAfter, "POST")
			d.tell(startAt(eight))
			if d.err == nil || errors.Is(d.err, schedule.ErrRejected) {
				d.Errorf("got %v, want an error that comes again", d.err)
			}
			d.w.now = d.w.now.Add(10 * time.Second)
			d.attempt(2)
			d.want("one", "08:00")
		}},
		{"nothing to be had", func(d *driver) {
			d.server().Capacity = 0
			d.tell(startAt(eight))
			var retry *schedule.RetryError
			if !errors.As(d.err, &retry) || !retry.NewKey || retry.After < 10*time.Second {
				d.Errorf("got %v, want to come again with another key", d.err)
			}
			d.server().Capacity = 1
			d.attempt(2)
			if kept := d.bots() == nil; kept != (d.rig.remembers) {
				d.Errorf("by the same key: %v", d.err)
			}
			d.key++
			d.attempt(3)
			d.want("had now", "08:00")
		}},
		{"a key that is refused", func(d *driver) {
			d.server().Fault = nil
			d.rig.target.Sink.(*recorder).api().key = func() (string, error) { return "other", nil }
			d.tell(startAt(eight))
			if d.err == nil || errors.Is(d.err, schedule.ErrRejected) || !strings.Contains(d.err.Error(), "look at the key in key_file") {
				d.Errorf("got %v", d.err)
			}
			d.want("none")
		}},
		{"too many requests", func(d *driver) {
			d.server().Fault = once(fakerecorder.Throttled, "POST")
			d.s.Revision, d.s.Start = 1, eight
			d.attempt(1)
			var retry *schedule.RetryError
			if !errors.As(d.err, &retry) || retry.NewKey && d.rig.target.Lead == 0 || retry.After != time.Second {
				d.Errorf("got %#v, want to come again in a second", d.err)
			}
		}},
		{"what the vendor does not like", func(d *driver) {
			d.tell(func(s *schedule.Schedule) {
				s.Start, s.JoinURL, s.MeetingID = eight, "https://zoom.example/j/1?pwd=s3cret", "1"
			})
			d.rejected("answered 4")
			if strings.Contains(d.err.Error(), "s3cret") {
				d.Errorf("the link is in %v", d.err)
			}
		}},
	} {
		for name, newRig := range rigs {
			t.Run(name+"/"+c.name, func(t *testing.T) { c.do(newDriver(t, newRig)) })
		}
	}
}

// api is the recorder's.
func (r *recorder) api() *api {
	switch v := r.vendor.(type) {
	case *recall:
		return v.api
	case *attendee:
		return v.api
	case *meetingBaas:
		return v.api
	case *vexa:
		return v.api
	}
	return nil
}

func (d *driver) rejected(words string) {
	d.Helper()
	if !errors.Is(d.err, schedule.ErrRejected) || !strings.Contains(d.err.Error(), words) {
		d.Errorf("got %v, want that it is rejected: %s", d.err, words)
	}
}

// when is the time at which a bot comes that is asked for now; one that is told its time late comes a little earlier.
func when(d *driver, text string) string {
	at, err := time.Parse("15:04", text)
	if err != nil {
		d.Fatal(err)
	}
	return at.Add(-d.rig.target.Lead).Format("15:04")
}

// once is a fault of the first request of a method.
func once(f fakerecorder.Fault, method string) func(*http.Request) fakerecorder.Fault {
	done := false
	return func(r *http.Request) fakerecorder.Fault {
		if done || r.Method != method {
			return fakerecorder.None
		}
		done = true
		return f
	}
}
