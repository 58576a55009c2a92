package deliver

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

// failoverRig has the vendors in an order.
func failoverRig(names ...string) func(t *testing.T, w *world) rig {
	return func(t *testing.T, w *world) rig {
		c := NewFailoverConfig()
		r := rig{settle: 2 * time.Minute, outages: map[*fakerecorder.Server]fakerecorder.Fault{}}
		var targets []schedule.Target
		for _, name := range names {
			one := rigs[name](t, w)
			one.target.Name = name
			targets = append(targets, one.target)
			r.servers = append(r.servers, one.servers...)
		}
		c.Nest(targets)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		var err error
		if r.target, err = c.Open("chain", Env{}); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

func TestFailoverHistories(t *testing.T) {
	for _, order := range [][]string{{"recall", "attendee"}, {"vexa", "meetingbaas", "recall"}, {"attendee", "vexa"}} {
		t.Run(order[0], func(t *testing.T) { run(t, failoverRig(order...), 3) })
	}
}

// A chain is a driver of Recall.ai before Attendee.
type chain struct {
	*driver
	config *FailoverConfig
	tried  int // attempts of the revision
}

func newChain(t *testing.T) *chain {
	d := newDriver(t, failoverRig("recall", "attendee"))
	return &chain{driver: d, config: &d.rig.target.Sink.(*Failover).config}
}

// goOn delivers the revision again and again, as its errors say, until it is done, or for so long.
func (c *chain) goOn(atMost time.Duration) {
	c.Helper()
	end := c.w.now.Add(atMost)
	for n := c.tried + 1; ; n++ {
		c.attempt(n)
		c.tried = n
		var retry *schedule.RetryError
		if !errors.As(c.err, &retry) || c.w.now.Add(retry.After).After(end) {
			return
		}
		c.w.now = c.w.now.Add(retry.After)
	}
}

func (c *chain) next(change func(*schedule.Schedule)) {
	c.s.Revision++
	c.tried = 0
	if c.s.Revision > 1 {
		c.s.State = schedule.Updated
	}
	change(&c.s)
}

func (c *chain) outage(server int, f fakerecorder.Fault) { c.rig.outages[c.rig.servers[server]] = f }

// has says how many bots each of the two has.
func (c *chain) has(about string, first, second int) {
	c.Helper()
	if a, b := len(c.rig.servers[0].Live()), len(c.rig.servers[1].Live()); a != first || b != second {
		c.Fatalf("%s: the first has %d bots and the second %d, want %d and %d (%v, noted %s)", about, a, b, first, second, c.err, c.note)
	}
}

func TestFailover(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(c *chain)
	}{
		{"the first is down", func(c *chain) {
			c.outage(0, fakerecorder.Down)
			c.next(same)
			c.goOn(4 * time.Minute)
			c.has("for a while", 0, 0)
			c.goOn(2 * time.Minute)
			c.has("it was for too long", 0, 1)
			c.outage(0, fakerecorder.None)
			c.next(startAt(eight.Add(90 * time.Minute)))
			c.goOn(time.Minute)
			c.has("the second keeps it", 0, 1)
			c.next(cancelled)
			c.goOn(time.Minute)
			c.has("cancelled", 0, 0)
			c.s.ID, c.s.Revision, c.s.State, c.note = "rec_2", 0, schedule.Scheduled, ""
			c.next(same)
			c.goOn(time.Minute)
			c.has("the next schedule", 1, 0)
		}},
		{"nobody is there at all", func(c *chain) {
			c.rig.servers[0].Close()
			c.next(same)
			c.goOn(6 * time.Minute)
			if c.err != nil || len(c.rig.servers[1].Live()) != 1 {
				c.Errorf("got %v, noted %s", c.err, c.note)
			}
		}},
		{"it rejects", func(c *chain) {
			c.config.targets[0], c.config.targets[1] = c.config.targets[1], c.config.targets[0] // Attendee does not join Webex
			c.next(func(s *schedule.Schedule) { s.Provider, s.JoinURL = "webex", "https://acme.webex.com/meet/1" })
			c.goOn(2 * time.Second)
			c.has("the second takes over at once", 1, 0)
		}},
		{"all reject", func(c *chain) {
			c.next(same)
			c.goOn(time.Minute)
			c.has("taken", 1, 0)
			c.next(func(s *schedule.Schedule) { s.Provider, s.JoinURL = "goto", "https://meet.goto.com/1" })
			c.goOn(time.Minute)
			c.has("none", 0, 0)
			c.rejected("none of the targets takes it")
			c.next(func(s *schedule.Schedule) { s.Provider, s.JoinURL = "zoom", "https://acme.zoom.us/j/1" })
			c.goOn(time.Minute)
			c.has("another revision", 1, 0)
		}},
		{"minutes before the start", func(c *chain) {
			c.next(startAt(eight.Add(4 * time.Minute)))
			c.outage(0, fakerecorder.Down)
			c.goOn(50 * time.Second)
			c.has("not yet", 0, 0)
			c.goOn(40 * time.Second)
			c.has("now", 0, 1)
		}},
		{"it has started already", func(c *chain) {
			c.next(startAt(eight.Add(-time.Minute)))
			c.outage(0, fakerecorder.Down)
			c.goOn(10 * time.Second)
			c.has("one failure is no outage", 0, 0)
			c.goOn(40 * time.Second)
			c.has("two are", 0, 1)
		}},
		{"it is over", func(c *chain) {
			c.next(startAt(eight.Add(-2 * time.Hour)))
			c.goOn(10 * time.Minute)
			c.has("none", 0, 0)
			c.rejected("was over")
		}},
		{"nobody knows whether it has a bot", func(c *chain) {
			c.outage(0, fakerecorder.LostAfter)
			c.next(same)
			c.attempt(1)
			c.tried = 1
			c.has("it has", 1, 0)
			c.outage(0, fakerecorder.LostBefore)
			c.goOn(20 * time.Minute)
			c.has("it can't be told to give it up", 1, 0)
			c.outage(0, fakerecorder.None)
			c.goOn(2 * time.Minute)
			c.has("told", 0, 1)
		}},
		{"nobody knows, and two are better than none", func(c *chain) {
			c.config.TakeOverUnconfirmed = true
			c.outage(0, fakerecorder.LostAfter)
			c.next(same)
			c.attempt(1)
			c.tried = 1
			c.outage(0, fakerecorder.LostBefore)
			c.goOn(20 * time.Minute)
			c.has("the second takes over", 1, 1)
			c.outage(0, fakerecorder.None)
			c.goOn(2 * time.Minute)
			c.has("and the first is told in the end", 0, 1)
		}},
		{"an update that it does not take", func(c *chain) {
			c.next(same)
			c.goOn(time.Minute)
			c.has("taken", 1, 0)
			c.outage(0, fakerecorder.Down)
			c.next(otherLink)
			c.goOn(10 * time.Minute)
			c.has("it has a bot, and can't be told to give it up", 1, 0)
			c.outage(0, fakerecorder.None)
			c.goOn(time.Minute)
			c.has("handed over", 0, 1)
		}},
		{"both are down, and the first comes back", func(c *chain) {
			c.outage(0, fakerecorder.Down)
			c.outage(1, fakerecorder.Down)
			c.next(same)
			c.goOn(7 * time.Minute)
			c.outage(0, fakerecorder.None)
			c.goOn(7 * time.Minute)
			c.has("its turn comes again", 1, 0)
		}},
		{"a note that can't be read", func(c *chain) {
			c.outage(0, fakerecorder.Down)
			c.next(same)
			c.goOn(6 * time.Minute)
			c.has("the second has it", 0, 1)
			c.outage(0, fakerecorder.None)
			c.note = `{"v":0}`
			c.next(startAt(eight.Add(90 * time.Minute)))
			c.goOn(time.Minute)
			c.has("it is told to give it up", 1, 0)
		}},
		{"a target that is not in the configuration any more", func(c *chain) {
			c.outage(0, fakerecorder.Down)
			c.next(same)
			c.goOn(6 * time.Minute)
			c.outage(0, fakerecorder.None)
			c.config.targets[1].Name = "another"
			c.next(startAt(eight.Add(90 * time.Minute)))
			c.goOn(time.Minute)
			c.has("what it has nobody can tell it to give up", 1, 1)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChain(t)
			for i, s := range c.rig.servers {
				s.Fault = func(*http.Request) fakerecorder.Fault { return c.rig.outages[c.rig.servers[i]] }
			}
			test.do(c)
		})
	}
}

// TestFailoverOfWebhooks: what can't tell whether it has something is told to cancel if it has been told of it.
func TestFailoverOfWebhooks(t *testing.T) {
	env, first, second := testEnv(t), newReceiver(t), newReceiver(t)
	env.write(t, "secrets", secret('a'))
	c := NewFailoverConfig()
	c.Nest([]schedule.Target{{Name: "a", Sink: openWebhook(t, env, first.URL, nil)}, {Name: "b", Sink: openWebhook(t, env, second.URL, nil)}})
	target, err := c.Open("chain", env)
	if err != nil {
		t.Fatal(err)
	}
	first.answer = func(w http.ResponseWriter) { w.WriteHeader(500) }
	d := schedule.Delivery{Schedule: kickOff(), Key: "k", Attempt: 1, Now: eight}
	deliver := func(after time.Duration) error {
		d.Now = d.Now.Add(after)
		receipt, err := target.Sink.Deliver(t.Context(), d)
		d.Note, d.Attempt = receipt.Note, d.Attempt+1
		return err
	}
	for _, after := range []time.Duration{0, 6 * time.Minute} {
		if err := deliver(after); err == nil {
			t.Fatal("taken by one that is broken")
		}
	}
	if err := deliver(time.Second); err == nil || len(second.got) > 0 {
		t.Fatalf("the second was told before the first has given it up: %v", err)
	}
	first.answer = func(w http.ResponseWriter) { w.WriteHeader(204) }
	if err := deliver(time.Minute); err != nil {
		t.Fatal(err)
	}
	last := first.got[len(first.got)-1]
	if !strings.Contains(last.body, `"type":"syncd.schedule.cancelled"`) || len(second.got) != 1 || !strings.Contains(second.got[0].body, `"type":"syncd.schedule.scheduled"`) {
		t.Errorf("the first was told %s, the second %v", last.body, second.got)
	}
	if first.got[0].header.Get("webhook-id") == last.header.Get("webhook-id") {
		t.Error("the cancellation has the id of what it cancels")
	}
}

func TestFailoverConfig(t *testing.T) {
	for _, c := range []struct {
		after, before time.Duration
		words         string
	}{{5 * time.Minute, 0, ""}, {time.Second, 0, "after must be"}, {2 * time.Hour, 0, "after must be"}, {time.Minute, -1, "before must be"}, {time.Minute, 2 * time.Hour, "before must be"}} {
		err := (&FailoverConfig{After: c.after, Before: c.before}).Validate()
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, c := range []struct {
		leads []time.Duration
		want  time.Duration
	}{{[]time.Duration{0, time.Minute}, 0}, {[]time.Duration{time.Minute, 0}, 0}, {[]time.Duration{time.Minute, 2 * time.Minute}, 2 * time.Minute}, {[]time.Duration{2 * time.Minute, time.Minute}, 2 * time.Minute}} {
		config := NewFailoverConfig()
		config.Nest([]schedule.Target{{Name: "a", Lead: c.leads[0]}, {Name: "b", Lead: c.leads[1]}})
		if target, err := config.Open("chain", Env{}); err != nil || target.Lead != c.want {
			t.Errorf("%v: %v, %v", c.leads, target.Lead, err)
		}
	}
	if _, err := NewFailoverConfig().Open("chain", Env{}); err == nil {
		t.Error("a chain of nobody")
	}
}
