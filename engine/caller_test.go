package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
)

// A caller is a recorder that joins calls. With a lead time it joins when it is told, and leaves when it is told or the
// time is up; without one it is told ahead, and joins at the start by what it was told last.
type caller struct {
	t     *testing.T
	d     *daemon
	lead  time.Duration
	has   map[string]schedule.Schedule // by id
	keys  map[string]string            // what each key stood for
	fails func() bool
	saw   func(c *caller, j join, failed bool)
	joins []join
}

// A join is what a recorder was told. It joins at another link or time than before, or it does not.
type join struct {
	at time.Time
	schedule.Schedule
	joins bool
}

func (j join) String() string {
	return fmt.Sprintf("at %s, from %s to %s, %s", j.at.Format(time.TimeOnly), j.Start.Format(time.TimeOnly), j.End.Format(time.TimeOnly), j.JoinURL)
}

func (c *caller) Deliver(_ context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	c.t.Helper()
	s := d.Schedule
	if c.fails != nil && c.fails() {
		c.saw(c, join{at: c.d.now, Schedule: s}, true)
		return schedule.Receipt{}, errors.New("the recorder is down")
	}
	content, err := json.Marshal(s)
	if err != nil {
		return schedule.Receipt{}, err
	}
	again, known := c.keys[d.Key]
	if known && again != string(content) {
		c.t.Errorf("%s stands for two things:\n%s\n%s", d.Key, again, content)
	}
	c.keys[d.Key] = string(content)
	prev, heard := c.has[s.ID]
	switch stands := heard && prev.State != schedule.Cancelled; {
	case known && (s.Revision != prev.Revision || s.State != prev.State):
		c.t.Errorf("%s comes again behind revision %d, %s", d.Key, prev.Revision, prev.State)
	case known:
		if c.saw != nil {
			c.saw(c, join{at: c.d.now, Schedule: s}, false)
		}
		return schedule.Receipt{}, nil // the process died behind the delivery
	case s.Revision < prev.Revision, c.lead == 0 && s.Revision != prev.Revision+1:
		c.t.Errorf("%s: revision %d comes behind %d", s.ID, s.Revision, prev.Revision)
	case s.State == schedule.Scheduled && stands && prev.End.After(c.d.now):
		c.t.Errorf("%s is scheduled, and has been", d.Key)
	case s.State != schedule.Scheduled && !stands:
		c.t.Errorf("%s is %s, and the recorder has nothing", d.Key, s.State)
	}
	c.has[s.ID] = s
	j := join{c.d.now, s, s.State != schedule.Cancelled && (prev.State == schedule.Cancelled || prev.JoinURL != s.JoinURL || !prev.Start.Equal(s.Start))}
	if j.joins {
		c.joins = append(c.joins, j)
	}
	if c.saw != nil {
		c.saw(c, j, false)
	}
	c.alone()
	return schedule.Receipt{}, nil
}

// calls are the calls that it is in now.
func (c *caller) calls() (all []schedule.Schedule) {
	for _, s := range c.has {
		if s.State != schedule.Cancelled && s.End.After(c.d.now) && (c.lead > 0 || !s.Start.After(c.d.now)) {
			all = append(all, s)
		}
	}
	return all
}

// alone demands that no meeting is recorded twice.
func (c *caller) alone() {
	c.t.Helper()
	named := map[calendar.Key]string{}
	for _, s := range c.calls() {
		for _, k := range s.Meetings {
			if other, twice := named[k]; twice {
				c.t.Errorf("%s is recorded by %s and %s", k, other, s.ID)
			}
			named[k] = s.ID
		}
	}
}

const leadTime = 2 * time.Minute

// newMinutes is a daemon with a recorder that is told ahead, and one that is told leadTime before the start.
func newMinutes(t *testing.T, users ...string) (d *daemon, ahead, late *caller) {
	d = newDaemon(t, users...)
	ahead = &caller{t: t, d: d, has: map[string]schedule.Schedule{}, keys: map[string]string{}}
	late = &caller{t: t, d: d, lead: leadTime, has: map[string]schedule.Schedule{}, keys: map[string]string{}}
	d.targets = []schedule.Target{{Name: "ahead", Sink: ahead}, {Name: "late", Sink: late, Lead: leadTime}}
	return d, ahead, late
}

// minute is a time so many minutes behind the beginning.
func minute(n float64) time.Time { return began.Add(time.Duration(n * float64(time.Minute))) }

// meeting is a meeting with a guest, from minutes behind the beginning on.
func meeting(uid, room string, minutes float64, length time.Duration) calendar.Event {
	e := call(uid, room, 0, "joe@globex.com")
	e.Start = calendar.At(minute(minutes))
	e.End = calendar.At(e.Start.Time.Add(length))
	return e
}

// until lets time go by in steps, with a pass behind each.
func (d *daemon) until(e *engine.Engine, minutes float64, step time.Duration) {
	d.t.Helper()
	for end := minute(minutes); d.now.Before(end); {
		d.now = d.now.Add(min(step, end.Sub(d.now)))
		if err := e.Pass(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
	}
}
