package ics

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// slack is by how much a time on the wall may differ from UTC.
const slack = 48 * time.Hour

// starts are the times at which e's rule has it start, from start on, in [from, to) and somewhat around
// it. The start itself is the first occurrence whether the rule fits it or not (RFC 5545 section 3.8.5.3).
func (r *rule) starts(start Time, from, to time.Time, left *steps) ([]Time, error) {
	all := []Time{start}
	from, to = from.Add(-slack), to.Add(slack)
	i := 0
	if r.count == 0 { // nothing to count: what is before the window need not be looked at
		i = r.periodBefore(start.wall, from)
	}
	for n := 1; r.count == 0 || n < r.count; i++ {
		first := r.period(start.wall, i)
		if first.After(to) || first.Year() > 9999 {
			return all, nil
		}
		if err := left.take(1); err != nil {
			return nil, err
		}
		walls, err := r.walls(first, left)
		if err != nil {
			return nil, err
		}
		for _, w := range walls {
			if !w.After(start.wall) {
				continue
			}
			if n++; r.count > 0 && n > r.count {
				return all, nil
			}
			if w.Before(from) && (r.until.IsZero() || w.Before(r.until.wall.Add(-slack))) {
				continue
			}
			t := start.at(w)
			if r.isPast(t) {
				return all, nil
			}
			if all = append(all, t); len(all) > maxInstances {
				return nil, fmt.Errorf("%w: over %d occurrences", ErrRule, maxInstances)
			}
		}
	}
	return all, nil
}

// An instance is an occurrence as the series itself has it.
type instance struct{ start, end Time }

// instances are e's occurrences in [from, to) and somewhat around it, in order: by its rule and its RDATEs,
// without its EXDATEs.
func (e *Event) instances(from, to time.Time, left *steps) ([]instance, error) {
	if e.ruleErr != nil {
		return nil, e.ruleErr
	}
	starts := []Time{e.Start}
	if e.rule != nil {
		var err error
		if starts, err = e.rule.starts(e.Start, from, to, left); err != nil {
			return nil, err
		}
	}
	var all []instance
	for _, s := range starts {
		all = append(all, instance{start: s})
	}
	for _, d := range e.dates {
		if at := d.start.instant(); d.start.kind == e.Start.kind && !at.Before(from.Add(-slack)) && at.Before(to.Add(slack)) {
			all = append(all, d)
		}
	}
	all = slices.DeleteFunc(all, func(i instance) bool { return e.excludes(i.start) })
	for i := range all {
		if all[i].end.IsZero() {
			all[i].end = e.endOf(all[i].start)
		}
	}
	slices.SortStableFunc(all, func(a, b instance) int { return a.start.instant().Compare(b.start.instant()) })
	return slices.CompactFunc(all, func(a, b instance) bool { return a.start.instant().Equal(b.start.instant()) }), nil
}

// excludes: an EXDATE that is a day takes all of the day.
func (e *Event) excludes(t Time) bool {
	return e.exceptDays[t.Day()] || e.exceptTimes[t.instant().Unix()]
}

// A Series is an event, its occurrences, and what is known of those that differ.
type Series struct {
	// Master is the event without a RECURRENCE-ID; nil if only single occurrences are known.
	Master *Event
	// Changed are events with a RECURRENCE-ID. Of several with the same one, the last holds.
	Changed []*Event
}

// An Occurrence is one occurrence of a series, or a single event.
type Occurrence struct {
	Original   Time // where the series puts it (RECURRENCE-ID); none for a single event
	Start, End Time
	Event      *Event // what else is said of it
	// Stray: it is said to be a changed occurrence of a series that has none there.
	Stray bool
}

// Occurrences are s's occurrences that are, or originally were, in [from, to), in the order of their
// originals. An error is ErrRule: the occurrences are then not known.
func (s Series) Occurrences(from, to time.Time) ([]Occurrence, error) {
	single, future := s.split()
	m := s.Master
	var all []Occurrence
	if m != nil {
		if !m.Recurs() {
			all = append(all, Occurrence{Start: m.Start, End: m.End, Event: m})
		} else {
			var err error
			if all, err = s.regular(single, future, from, to); err != nil {
				return nil, err
			}
		}
	}
	left := steps(maxSteps)
	for _, e := range single {
		o := Occurrence{Original: s.Original(e), Start: e.Start, End: e.End, Event: e}
		if !o.near(from, to) {
			continue
		}
		if m != nil {
			is, err := m.has(o.Original, &left)
			if err != nil {
				return nil, err
			}
			o.Stray = !is
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b Occurrence) int {
		return cmp.Or(a.Original.instant().Compare(b.Original.instant()), a.Start.instant().Compare(b.Start.instant()))
	})
	return all, nil
}

// near reports whether o is, or originally was, in [from, to), as far as is known.
func (o Occurrence) near(from, to time.Time) bool {
	if o.Start.IsZero() || o.Original.IsZero() {
		return true
	}
	start, end, original := o.Start.instant(), o.End.instant(), o.Original.instant()
	in := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	return in(start) || in(original) || start.Before(to) && end.After(from)
}

// Original is the RECURRENCE-ID of e, a changed occurrence, as the series counts.
func (s Series) Original(e *Event) Time {
	if s.Master == nil {
		return e.RecurrenceID
	}
	return e.RecurrenceID.In(s.Master.Start)
}

// Has reports whether the series has an occurrence where e's RECURRENCE-ID says. An error is ErrRule.
func (s Series) Has(e *Event) (bool, error) {
	if s.Master == nil {
		return false, nil
	}
	left := steps(maxSteps)
	return s.Master.has(s.Original(e), &left)
}

// split tells changes of one occurrence from changes of one and all that follow, the latter in order.
// Where no series is known, nothing follows.
func (s Series) split() (single map[string]*Event, future []*Event) {
	single = map[string]*Event{}
	recurs := s.Master != nil && s.Master.Recurs()
	for _, e := range s.Changed {
		if !e.ThisAndFuture || !recurs {
			single[s.Original(e).String()] = e
			continue
		}
		future = slices.DeleteFunc(future, func(f *Event) bool {
			return s.Original(f).instant().Equal(s.Original(e).instant())
		})
		future = append(future, e)
	}
	slices.SortStableFunc(future, func(a, b *Event) int { return s.Original(a).instant().Compare(s.Original(b).instant()) })
	return single, future
}

// regular are the master's occurrences but those that have a change of their own. A change of one and all
// that follow moves them by as much as it moves that one (RFC 5545 section 3.2.13).
func (s Series) regular(single map[string]*Event, future []*Event, from, to time.Time) ([]Occurrence, error) {
	// What is moved into the window comes from where it was before.
	early, late := from, to
	for _, f := range future {
		by := f.Start.Sub(s.Original(f))
		if t := from.Add(-by); t.Before(early) {
			early = t
		}
		if t := to.Add(-by); t.After(late) {
			late = t
		}
	}
	left := steps(maxSteps)
	instances, err := s.Master.instances(early.Add(-s.Master.length()), late, &left)
	if err != nil {
		return nil, err
	}
	var all []Occurrence
	for _, i := range instances {
		if single[i.start.String()] != nil {
			continue
		}
		o := Occurrence{Original: i.start, Start: i.start, End: i.end, Event: s.Master}
		for _, f := range future {
			at := s.Original(f)
			if at.instant().After(i.start.instant()) {
				break
			}
			o.Event, o.Start = f, i.start.moved(at, f.Start)
			o.End = f.endOf(o.Start)
		}
		if o.near(from, to) {
			all = append(all, o)
		}
	}
	return all, nil
}

// moved is t as much later as to is than from, on t's wall.
func (t Time) moved(from, to Time) Time {
	if t.kind != to.kind || t.kind != from.kind {
		return to.Add(t.Sub(from))
	}
	return t.at(t.wall.Add(to.wallIn(t.zone).Sub(from.wallIn(t.zone))))
}

// wallIn is what a clock in z shows at t.
func (t Time) wallIn(z *Zone) time.Time {
	switch {
	case t.kind != fixed || t.zone == z:
		return t.wall
	case z == nil:
		return t.utc
	}
	return t.utc.Add(time.Duration(z.offset(t.utc.Unix())) * time.Second)
}

// has reports whether e is a series that has an occurrence at t.
func (e *Event) has(t Time, left *steps) (bool, error) {
	if !e.Recurs() {
		return false, nil
	}
	instances, err := e.instances(t.instant(), t.instant().Add(time.Second), left)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(instances, func(i instance) bool {
		return i.start.kind == t.kind && i.start.instant().Equal(t.instant())
	}), nil
}
