package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"example.com/syncd/schedule"
)

// A recorder is a sink that notes whatever it is told that it must not be told.
type recorder struct {
	name     string
	lead     time.Duration
	r        *rand.Rand
	fails    bool // now and then, before it has heard the message or behind it
	has      map[string]schedule.Schedule
	contents map[string]string // by key
	heard    map[string]int    // by the room of a call
	wrong    []string
}

func newRecorder(name string, lead time.Duration, r *rand.Rand) *recorder {
	return &recorder{name: name, lead: lead, r: r, has: map[string]schedule.Schedule{}, contents: map[string]string{}, heard: map[string]int{}}
}

func (c *recorder) complain(format string, args ...any) {
	c.wrong = append(c.wrong, c.name+": "+fmt.Sprintf(format, args...))
}

// Deliver hears a message.
func (c *recorder) Deliver(ctx context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	if err := between(ctx); err != nil { // the process may stop before the request
		return schedule.Receipt{}, err
	}
	if c.fails && c.r.IntN(6) == 0 {
		return schedule.Receipt{Note: d.Note}, errors.New("the recorder is down")
	}
	s := d.Schedule
	b, err := json.Marshal(s)
	if err != nil {
		return schedule.Receipt{}, err
	}
	before, again := c.contents[d.Key]
	if again && before != string(b) {
		c.complain("the key %s comes with other content:\n%s\n%s", d.Key, before, b)
	}
	c.contents[d.Key] = string(b)
	prev, known := c.has[s.ID]
	switch {
	case again && (s.Revision < prev.Revision || s.Revision == prev.Revision && s.State != prev.State):
		return schedule.Receipt{}, nil // somebody who comes late with what is known: skipped, as receivers are told to
	case known && s.Revision < prev.Revision:
		c.complain("%s: revision %d comes behind %d", s.ID, s.Revision, prev.Revision)
	case !known && s.State != schedule.Scheduled, known && prev.State == schedule.Cancelled && s.State == schedule.Updated:
		c.complain("%s: revision %d is %s, and there is nothing before it", s.ID, s.Revision, s.State)
	}
	if c.lead > 0 && s.State != schedule.Cancelled && s.Start.Add(-c.lead).After(time.Now()) {
		c.complain("%s: told at %s of a start at %s", s.ID, time.Now().UTC(), s.Start)
	}
	if !again {
		c.heard[s.MeetingID]++
	}
	c.has[s.ID] = s
	if c.fails && c.r.IntN(6) == 0 { // the answer gets lost
		return schedule.Receipt{Note: d.Note}, errors.New("reset by peer")
	}
	return schedule.Receipt{Note: fmt.Sprint(s.Revision)}, nil
}

// live are the recordings to come or under way, a line each.
func (c *recorder) live(now time.Time) map[string]int {
	all := map[string]int{}
	for _, s := range c.has {
		if s.State != schedule.Cancelled && s.End.After(now) && c.joins(s, now) {
			all[line(s, now)]++
		}
	}
	return all
}

// takes is how long it may take until a recorder is told to join: the calendars are read once more.
const takes = time.Minute

// joins reports whether the recorder is to have been told of s for certain.
func (c *recorder) joins(s schedule.Schedule, now time.Time) bool {
	return c.lead == 0 || !s.Start.Add(takes-c.lead).After(now)
}

// line is what counts of a schedule. Of a call that is under way, a meeting that is over does not: who comes new to it has
// never heard of that one.
func line(s schedule.Schedule, now time.Time) string {
	start := s.Start
	var meetings []string
	for _, d := range s.Reasons {
		if d.End.After(now) {
			if len(meetings) == 0 || d.Start.Before(start) {
				start = d.Start
			}
			meetings = append(meetings, string(d.Meeting))
		}
	}
	slices.Sort(meetings)
	return fmt.Sprint(start.UTC().Format(time.RFC3339), " to ", s.End.UTC().Format(time.RFC3339), " ", s.Provider, " ", s.JoinURL, " ", meetings)
}
