package coordinator

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/ics"
)

// An occurrence is one of a series as the mails have it, or a single event.
type occurrence struct {
	ics.Occurrence
	cancelled bool
}

// occurrences are s's in [from, to). When the series can't be expanded, the error says why; the
// occurrences are then those that mails were about, and the series itself as an event without times.
func (s *series) occurrences(from, to time.Time) ([]occurrence, error) {
	v := s.view()
	known, err := v.Occurrences(from, to)
	var all []occurrence
	if errors.Is(err, ics.ErrRule) {
		all = append(all, occurrence{ics.Occurrence{Event: v.Master}, s.whole.isDead()})
		known, _ = ics.Series{Changed: v.Changed}.Occurrences(from, to)
	}
	for _, o := range known {
		if s.supersedes(o) {
			continue
		}
		if o.Original.IsDate() && v.Master == nil && o.Start.Day() == o.Original.Day() {
			o.Original = o.Start // the day alone is known: it is not moved, then
		}
		all = append(all, occurrence{o, v.isCancelled(o)})
	}
	return all, err
}

// A view is s as a series to expand.
type view struct {
	ics.Series
	s *series
	// of is what the events in Changed are versions in.
	of map[*ics.Event]*slot
	// gone are cancelled occurrences that nothing else is known of, by their originals.
	gone map[string]bool
	// ended are cancellations of one occurrence and all that follow.
	ended []*ics.Event
}

func (s *series) view() *view {
	v := &view{s: s, of: map[*ics.Event]*slot{}, gone: map[string]bool{}}
	if m := s.whole.newest(); m != nil && (s.whole.live != nil || m.event.Problem == "") {
		v.Master = m.event
	}
	// In the order of their versions: of two that turn out to be about the same occurrence the last holds.
	for _, p := range s.inOrder() {
		if p.dead != nil && p.dead.event.ThisAndFuture {
			v.ended = append(v.ended, p.dead.event)
		}
		switch {
		case p.live != nil:
			if !s.outdated(v, p) {
				v.add(p, p.live.event)
			}
		case p.dead.event.ThisAndFuture:
		case v.Master != nil:
			v.gone[v.Original(p.dead.event).String()] = true
		case p.dead.event.Problem == "":
			v.add(p, p.dead.event)
		}
	}
	return v
}

func (v *view) add(p *slot, e *ics.Event) {
	v.of[e] = p
	v.Changed = append(v.Changed, e)
}

// inOrder are the parts of s that count, oldest first. When a series was cancelled and then revived, what
// was said of its occurrences before that no longer counts.
func (s *series) inOrder() []*slot {
	counts := func(v *version) *version {
		if v == nil || s.whole.dead != nil && !s.whole.isDead() && v.event.Sequence <= s.whole.dead.event.Sequence {
			return nil
		}
		return v
	}
	var all []*slot
	for _, p := range s.parts {
		if p = (&slot{counts(p.live), counts(p.dead)}); p.newest() != nil {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *slot) int {
		switch v, w := a.newest(), b.newest(); {
		case v.older(w):
			return -1
		case w.older(v):
			return 1
		default: // of one mail
			return strings.Compare(v.event.RecurrenceID.String(), w.event.RecurrenceID.String())
		}
	})
	return all
}

// outdated: a change of one occurrence and all that follow ends with a newer series that has no such
// occurrence. (Of single occurrences, see supersedes.)
func (s *series) outdated(v *view, p *slot) bool {
	if !p.live.event.ThisAndFuture || v.Master == nil || p.live.event.Sequence >= v.Master.Sequence {
		return false
	}
	has, err := v.Has(p.live.event)
	return err == nil && !has
}

// supersedes: a changed occurrence ends with a newer series that has no such occurrence. If the series is
// older, it is one that we have not been told of, and the occurrence stands.
func (s *series) supersedes(o ics.Occurrence) bool {
	m := s.whole.newest()
	return o.Stray && m != nil && o.Event.Sequence < m.event.Sequence
}

// isCancelled reports whether o is: itself, with all that follow an earlier one, or with the series.
func (v *view) isCancelled(o ics.Occurrence) bool {
	if p := v.of[o.Event]; p != nil && !o.Event.ThisAndFuture && p.isDead() {
		return true
	}
	if w := &v.s.whole; w.isDead() && (o.Event == v.Master || w.dead.event.Sequence >= o.Event.Sequence) {
		return true
	}
	if o.Original.IsZero() {
		return false
	}
	if v.gone[o.Original.String()] {
		return true
	}
	for _, e := range v.ended {
		if !o.Original.Before(v.Original(e)) && e.Sequence >= o.Event.Sequence {
			return true
		}
	}
	return false
}

// A result is what a correspondence comes to.
type result struct {
	events  []calendar.Event // the versions of its occurrences, in the order of their arrival
	gone    []calendar.Ref   // occurrences that an earlier version had and the last one does not have
	problem string           // why the last version's times are not known
}

// maxVersions bounds the work on one UID: of more changes than these, the first ones are taken as one.
const maxVersions = 100

// unfold replays the correspondence: what each mail that changed something made of the occurrences in the
// window. An occurrence that was in it is followed when it leaves.
func (c *correspondence) unfold(w calendar.Window) result {
	s := newSeries(c.uid)
	var r result
	var order []calendar.Ref // as they came up
	now := map[calendar.Ref]calendar.Event{}
	ever := map[calendar.Ref]bool{}
	for i, n := range c.mails {
		if !n.apply(s) || len(c.mails)-i > maxVersions {
			continue
		}
		all, err := s.occurrences(w.Start, w.End)
		r.problem = ""
		if err != nil {
			r.problem = err.Error()
		}
		next := map[calendar.Ref]calendar.Event{}
		for _, o := range all {
			e := convert(c.uid, o, s.described[o.Event])
			e = s.answered(e, e.Updated)
			if e.Start.IsZero() && r.problem == "" {
				r.problem = o.Event.Problem
			}
			if !w.Holds(e) && !ever[e.Ref] {
				continue
			}
			if !ever[e.Ref] {
				ever[e.Ref] = true
				order = append(order, e.Ref)
			}
			e.Received = n.received
			was, known := now[e.Ref]
			if known && (same(was, e) || len(n.requests)+len(n.cancels) == 0) { // an answer is no material change
				e.Received = was.Received
			}
			if !known || !same(was, e) {
				r.events = append(r.events, e)
			}
			next[e.Ref] = e
		}
		now = next
	}
	// Letters may have become known in another order than they are told in here: what any of them alone leads to may
	// have been told.
	for _, ref := range c.alone(w) {
		if !ever[ref] {
			ever[ref] = true
			order = append(order, ref)
		}
	}
	for _, ref := range order {
		if _, there := now[ref]; !there {
			r.gone = append(r.gone, ref)
		}
	}
	return r
}

// alone are the occurrences in the window that the mails lead to, each by itself.
func (c *correspondence) alone(w calendar.Window) []calendar.Ref {
	var refs []calendar.Ref
	add := func(v *version, cancel bool) {
		s := newSeries(c.uid)
		s.apply(v, cancel)
		all, _ := s.occurrences(w.Start, w.End) // what can't be expanded has a name all the same
		for _, o := range all {
			refs = append(refs, convert(c.uid, o, calendar.Event{}).Ref)
		}
	}
	for _, n := range c.mails[max(0, len(c.mails)-maxVersions):] {
		for _, v := range n.requests {
			add(v, false)
		}
		for _, v := range n.cancels {
			add(v, true)
		}
	}
	return refs
}

// same reports whether a and b differ at most in when they were received.
func same(a, b calendar.Event) bool {
	a.Received, b.Received = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}
