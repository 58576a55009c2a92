package fakegoogle

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Rule says when a series takes place (RFC 5545 section 3.3.10): as far as Google's own dialogue needs
// it, for series that have no list of weekdays.
type Rule struct {
	Freq     string    // "DAILY" or "WEEKLY"; "": no series
	Interval int       // every so many days or weeks; 0: every one
	Count    int       // occurrences; 0: not said
	Until    time.Time // the last moment at which one may start; zero: not said. Neither: endless
}

// An Exception is what is different about one occurrence of a series.
type Exception struct {
	Cancelled bool
	Start     time.Time      // zero: as the series has it
	Length    time.Duration  // 0: as the series has it
	Fields    map[string]any // over the series' fields; nil takes a field away
}

// farInstances are how many more instances of an endless series Google is taken to know of: a touched one
// brings some 700, into the next decades (garrytan/gbrain#5015).
const farInstances = 730

func (r Rule) days() int {
	if r.Freq == "DAILY" {
		return max(r.Interval, 1)
	}
	return 7 * max(r.Interval, 1)
}

// text is the rule as the API has it.
func (r Rule) text(allDay bool) string {
	parts := []string{"FREQ=" + r.Freq}
	if r.Interval > 1 {
		parts = append(parts, fmt.Sprintf("INTERVAL=%d", r.Interval))
	}
	if r.Count > 0 {
		parts = append(parts, fmt.Sprintf("COUNT=%d", r.Count))
	}
	if !r.Until.IsZero() {
		layout := "20060102T150405Z"
		if allDay {
			layout = "20060102"
		}
		parts = append(parts, "UNTIL="+r.Until.UTC().Format(layout))
	}
	return "RRULE:" + strings.Join(parts, ";")
}

// recurs reports whether e is a series.
func (e *Event) recurs() bool { return e.Repeat.Freq != "" }

// nth is the start of the occurrence with this number, from 0: as many days on, at the same time by the
// series' own clock.
func (e *Event) nth(n int) time.Time {
	if e.AllDay {
		return e.Start.UTC().AddDate(0, 0, n*e.Repeat.days())
	}
	return e.Start.In(e.location()).AddDate(0, 0, n*e.Repeat.days()).UTC()
}

// originals are the starts of the series' occurrences by its rule, up to and with last.
func (e *Event) originals(last time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		if !e.recurs() {
			yield(e.Start.UTC())
			return
		}
		for n := 0; e.Repeat.Count == 0 || n < e.Repeat.Count; n++ {
			at := e.nth(n)
			if at.After(last) || !e.Repeat.Until.IsZero() && at.After(e.Repeat.Until) || !yield(at) {
				return
			}
		}
	}
}

// far is behind everything that Google is taken to know of e at this moment.
func (e *Event) far(now time.Time) time.Time {
	if e.Repeat.Count > 0 || !e.Repeat.Until.IsZero() {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	from := now
	if e.Start.After(from) {
		from = e.Start
	}
	return from.AddDate(0, 0, farInstances*e.Repeat.days())
}

// An instance is a single event, or one occurrence of a series.
type instance struct {
	id        string
	original  time.Time // by the rule
	start     time.Time
	length    time.Duration
	exception *Exception // nil: as the series has it
}

func (i instance) cancelled() bool { return i.exception != nil && i.exception.Cancelled }

// instances are e's occurrences with original starts up to last, the cancelled among them, by their
// original start.
func (e *Event) instances(last time.Time) []instance {
	var all []instance
	for at := range e.originals(last) {
		i := instance{id: e.ID, original: at, start: at, length: e.Length}
		if e.recurs() {
			i.id = e.instanceID(at)
			if x, ok := e.Exceptions[at]; ok {
				i.exception = &x
				if !x.Start.IsZero() {
					i.start = x.Start
				}
				if x.Length != 0 {
					i.length = x.Length
				}
			}
		}
		all = append(all, i)
	}
	return all
}

// instanceID is the occurrence's id, which stays when it is moved (allenporter/gcal_sync,
// SyntheticEventId).
func (e *Event) instanceID(original time.Time) string {
	if e.AllDay {
		return e.ID + "_" + original.UTC().Format("20060102")
	}
	return e.ID + "_" + original.UTC().Format("20060102T150405Z")
}

// reaching are e's occurrences that may touch what lies before end, moved ones among them.
func (e *Event) reaching(end, now time.Time) []instance {
	last := e.far(now)
	if end.Before(last) {
		last = end
	}
	for at := range e.Exceptions {
		if at.After(last) {
			last = at // it may have been moved to before end
		}
	}
	return e.instances(last)
}

// normal is e as the tenant keeps it: deeply copied, and with the short forms spelled out.
func (e Event) normal() *Event {
	e.Fields = copied(e.Fields)
	e.Start = e.Start.UTC().Truncate(time.Second)
	if e.Weekly > 0 {
		e.Repeat = Rule{Freq: "WEEKLY", Count: e.Weekly}
	}
	if !e.Repeat.Until.IsZero() {
		e.Repeat.Until = e.Repeat.Until.UTC().Truncate(time.Second)
	}
	exceptions := map[time.Time]Exception{}
	for at, x := range e.Exceptions {
		x.Fields = copied(x.Fields)
		if !x.Start.IsZero() {
			x.Start = x.Start.UTC().Truncate(time.Second)
		}
		exceptions[at.UTC().Truncate(time.Second)] = x
	}
	if e.recurs() {
		for n, by := range e.Moved {
			x := exceptions[e.nth(n)]
			x.Start = e.nth(n).Add(by)
			exceptions[e.nth(n)] = x
		}
		for n, is := range e.Dropped {
			if is {
				exceptions[e.nth(n)] = Exception{Cancelled: true}
			}
		}
	}
	e.Exceptions = exceptions
	e.Weekly, e.Moved, e.Dropped = 0, nil, nil
	return &e
}

// Occurrence is the original start of the occurrence with this number, from 0: what Exceptions go by.
func (e Event) Occurrence(n int) time.Time {
	return e.normal().nth(n)
}

// split ends the series before the occurrence at, and returns the series that goes on from there: with
// the id "<old>_R20210510T160000" and a UID of its own (odoo/odoo#287171).
func (e *Event) split(at time.Time) (old, next *Event) {
	before, after := *e, *e
	layout := "20060102T150405"
	before.Repeat.Until = at.Add(-time.Second)
	if e.AllDay {
		layout, before.Repeat.Until = "20060102", at.AddDate(0, 0, -1)
	}
	after.ID = e.ID + "_R" + at.UTC().Format(layout)
	after.Fields = maps.Clone(e.Fields)
	after.Fields["iCalUID"] = after.ID + "@google.com"
	after.Start = at
	if n := e.Repeat.Count; n > 0 {
		past := len(slices.Collect(before.originals(at)))
		before.Repeat.Count, after.Repeat.Count = 0, n-past
	}
	before.Exceptions, after.Exceptions = map[time.Time]Exception{}, map[time.Time]Exception{}
	for original, x := range e.Exceptions {
		if original.Before(at) {
			before.Exceptions[original] = x
		} else {
			after.Exceptions[original] = x
		}
	}
	return &before, &after
}
