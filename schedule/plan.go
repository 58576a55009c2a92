package schedule

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

// Plan returns the revisions that bring the schedules prev in line with the decisions, in the
// order in which they are to be followed. It does not depend on the order of its arguments.
//
// prev and decisions must be complete for what they touch: every schedule of a meeting that is decided
// here, every decision of a meeting that such a schedule names, and every decision with the same call.
// What has ended by now is left alone.
func Plan(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
	p := plan{now: now, byID: map[string]Schedule{}, groups: group(decisions, now), taken: map[string]bool{}}
	for _, s := range prev {
		p.byID[s.ID] = s
	}
	out := p.assign()
	for i := range p.groups {
		if p.groups[i].id == "" {
			p.groups[i].id = p.found(p.groups[i])
		}
		if s, changed := p.revise(p.groups[i]); changed {
			out = append(out, s)
		}
	}
	return inOrder(out, p.byID)
}

// urgency orders the revisions of one plan.
var urgency = map[State]int{Cancelled: 0, Updated: 1, Scheduled: 2}

// inOrder puts revisions in an order in which a schedule lets go of a meeting before another one takes
// it up: who follows the plan line by line never has a meeting twice. Where two schedules swap meetings
// there is no such order, and the first goes first.
func inOrder(revisions []Schedule, prev map[string]Schedule) []Schedule {
	slices.SortFunc(revisions, func(a, b Schedule) int {
		return cmp.Or(cmp.Compare(urgency[a.State], urgency[b.State]), cmp.Compare(a.ID, b.ID))
	})
	var out []Schedule
	for left := revisions; len(left) > 0; {
		i := max(0, slices.IndexFunc(left, func(s Schedule) bool { return !takesFrom(s, left, prev) }))
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// takesFrom reports whether s takes up a meeting that another of the schedules to be revised still names.
func takesFrom(s Schedule, others []Schedule, prev map[string]Schedule) bool {
	if s.State == Cancelled {
		return false
	}
	return slices.ContainsFunc(others, func(o Schedule) bool {
		return o.ID != s.ID && slices.ContainsFunc(prev[o.ID].Meetings, func(k calendar.Key) bool {
			return slices.Contains(s.Meetings, k) && prev[o.ID].State != Cancelled
		})
	})
}

type plan struct {
	now    time.Time
	byID   map[string]Schedule
	groups []call
	taken  map[string]bool // ids that a group goes on with
}

// A call is what one recording is for: the decisions that mean one call.
type call struct {
	id        string // the schedule that goes on, "" before assign for a new one
	decisions []eligibility.Decision
}

func (c call) names(k calendar.Key) bool {
	return slices.ContainsFunc(c.decisions, func(d eligibility.Decision) bool { return d.Meeting == k })
}

// assign gives each live schedule to the call that it goes on for, and returns cancellations of those
// that no call goes on with. A schedule goes on with a call of a meeting that it names, best with the
// one whose link it has; a call that is offered several keeps the one that starts first, since its recorder may be
// there already.
func (p *plan) assign() []Schedule {
	ids := make([]string, 0, len(p.byID))
	for id, s := range p.byID {
		if s.live(p.now) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(p.byID[a].Start.Compare(p.byID[b].Start), cmp.Compare(a, b)) })
	for _, pick := range []func(call, Schedule) bool{call.sharesLink, call.sharesMeeting} {
		for _, id := range ids {
			if p.taken[id] {
				continue
			}
			i := slices.IndexFunc(p.groups, func(c call) bool { return c.id == "" && pick(c, p.byID[id]) })
			if i >= 0 {
				p.groups[i].id, p.taken[id] = id, true
			}
		}
	}
	var cancelled []Schedule
	for _, id := range ids {
		if !p.taken[id] {
			s := p.byID[id]
			s.State, s.Revision = Cancelled, s.Revision+1
			cancelled = append(cancelled, s)
		}
	}
	return cancelled
}

func (c call) sharesMeeting(s Schedule) bool { return slices.ContainsFunc(s.Meetings, c.names) }

func (c call) sharesLink(s Schedule) bool {
	return c.sharesMeeting(s) && slices.ContainsFunc(c.decisions, func(d eligibility.Decision) bool {
		return d.Provider == s.Provider && d.MeetingID == s.MeetingID && d.JoinURL == s.JoinURL
	})
}

// found chooses the id of a call that no schedule goes on for. The id of a cancelled or ended schedule
// of the same founder is used again, so that its revisions count on.
func (p *plan) found(c call) string {
	for n := 0; ; n++ {
		id := ID(c.decisions[0].Meeting, n)
		if s, exists := p.byID[id]; p.taken[id] || exists && s.live(p.now) {
			continue
		}
		p.taken[id] = true
		return id
	}
}

// revise is the next revision of c's schedule, and whether there is one.
func (p *plan) revise(c call) (Schedule, bool) {
	next := c.schedule()
	prev, exists := p.byID[c.id]
	switch {
	case !exists:
		next.Revision, next.State = 1, Scheduled
	case !prev.live(p.now):
		next.Revision, next.State = prev.Revision+1, Scheduled
	case prev.records(next):
		return Schedule{}, false
	default:
		next.Revision, next.State = prev.Revision+1, Updated
	}
	return next, true
}

// schedule is what c asks for. The decision that starts first speaks for the others; the recording
// covers all of them.
func (c call) schedule() Schedule {
	lead := c.decisions[0]
	s := Schedule{
		ID: c.id, Title: lead.Title, Start: lead.Start, End: lead.End, Provider: lead.Provider,
		MeetingID: lead.MeetingID, JoinURL: lead.JoinURL, Capture: lead.Capture, Owner: lead.Owner,
		Reasons: c.decisions,
	}
	for _, d := range c.decisions {
		s.Meetings = append(s.Meetings, d.Meeting)
		if d.End.After(s.End) {
			s.End = d.End
		}
		for _, member := range d.OnBehalfOf {
			if !slices.Contains(s.OnBehalfOf, member) {
				s.OnBehalfOf = append(s.OnBehalfOf, member)
			}
		}
	}
	slices.Sort(s.Meetings)
	return s
}

// group sorts the decisions to record into calls: same provider, an id in common, overlapping times.
// A chain of overlaps is one call: the room is never empty between them.
func group(decisions []eligibility.Decision, now time.Time) []call {
	var ds []eligibility.Decision
	for _, d := range decisions {
		if d.Record && d.End.After(now) {
			ds = append(ds, d)
		}
	}
	slices.SortFunc(ds, func(a, b eligibility.Decision) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Meeting, b.Meeting))
	})
	root := make([]int, len(ds))
	var find func(i int) int
	find = func(i int) int {
		if root[i] != i {
			root[i] = find(root[i])
		}
		return root[i]
	}
	for i := range ds {
		root[i] = i
		for j := range i {
			if sameCall(ds[j], ds[i]) {
				a, b := find(j), find(i)
				root[max(a, b)] = min(a, b)
			}
		}
	}
	index, calls := map[int]int{}, []call{}
	for i, d := range ds {
		r := find(i)
		n, known := index[r]
		if !known {
			n = len(calls)
			index[r] = n
			calls = append(calls, call{})
		}
		calls[n].decisions = append(calls[n].decisions, d)
	}
	return calls
}

func sameCall(a, b eligibility.Decision) bool {
	return a.Start.Before(b.End) && b.Start.Before(a.End) &&
		slices.ContainsFunc(CallKeys(a), func(k string) bool { return slices.Contains(CallKeys(b), k) })
}

// CallKeys are the names under which d's call is known, each with its provider: two decisions that
// share one mean the same call when their times overlap.
func CallKeys(d eligibility.Decision) []string {
	if !d.Record {
		return nil
	}
	keys := []string{callKey(d.Provider, d.MeetingID, d.JoinURL)}
	for _, id := range d.CallKeys {
		keys = append(keys, callKey(d.Provider, id, d.JoinURL))
	}
	return keys
}

// callKey is a call's number, or its meeting thread, which are the provider's own. Any other id, such as
// the name of a personal room or a channel's thread, belongs to a place: the address tells which.
func callKey(provider, id, joinURL string) string {
	number := id != "" && strings.Trim(id, "0123456789") == ""
	if number || strings.HasPrefix(id, "19:meeting_") || joinURL == "" {
		return provider + " " + id
	}
	place := joinURL
	if u, err := url.Parse(joinURL); err == nil {
		place = u.Host + u.Path
	}
	return provider + " " + place
}
