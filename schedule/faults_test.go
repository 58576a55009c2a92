package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/syncd/eligibility"
)

type (
	planFunc = func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule
	nextFunc = func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move
)

// moves is Next with its moves changed.
func moves(change func(m *Move, told *Schedule, s Schedule, now time.Time)) nextFunc {
	return func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
		m := Next(told, s, lead, now)
		change(&m, told, s, now)
		return m
	}
}

// withdrawn reports whether the recorder is told to let go of what it will be told of again.
func (m Move) withdrawn(s Schedule) bool {
	return m.Tell != nil && m.Tell.State == Cancelled && s.State != Cancelled
}

// overlooks is Plan that does not see a change after which the same makes two revisions equal.
func overlooks(same func(s *Schedule, prev Schedule)) planFunc {
	return func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
		return slices.DeleteFunc(Plan(prev, decisions, now), func(s Schedule) bool {
			i := slices.IndexFunc(prev, func(p Schedule) bool { return p.ID == s.ID })
			if i < 0 || s.State != Updated {
				return false
			}
			same(&s, prev[i])
			return s.records(prev[i])
		})
	}
}

// TestEveryLifeSeesFaults plants faults, one at a time: an exploration that passes with one of them proves nothing.
func TestEveryLifeSeesFaults(t *testing.T) {
	for _, f := range []struct {
		about string
		next  nextFunc
		plan  planFunc
		free  bool
		leads []int // with which it can be seen
	}{
		{about: "a recorder is not told that a call has moved away", leads: leads[1:], next: moves(func(m *Move, _ *Schedule, s Schedule, _ time.Time) {
			if m.withdrawn(s) {
				*m = Move{Phase: HandedOver, At: s.End}
			}
		})},
		{about: "it is told so under the old revision", leads: leads[1:], next: moves(func(m *Move, told *Schedule, s Schedule, _ time.Time) {
			if m.withdrawn(s) {
				m.Tell.Revision = told.Revision
			}
		})},
		{about: "and never of the call again", leads: leads[1:], next: moves(func(m *Move, _ *Schedule, s Schedule, _ time.Time) {
			if m.withdrawn(s) {
				m.At = time.Time{}
			}
		})},
		{about: "it is told that the call is off with the new times", leads: leads[1:], next: moves(func(m *Move, _ *Schedule, s Schedule, _ time.Time) {
			if m.withdrawn(s) {
				m.Tell.State = Updated
			}
		})},
		{about: "the moment to join is too early to join", leads: leads[1:], next: func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
			if now.Equal(s.Start.Add(-lead)) {
				now = now.Add(-1)
			}
			return Next(told, s, lead, now)
		}},
		{about: "it is told to join a step late", leads: leads[1:], next: func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
			return Next(told, s, max(lead-step, 1), now)
		}},
		{about: "it is told to join a step early", leads: leads[1:], next: func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
			return Next(told, s, lead+step, now)
		}},
		{about: "the lead time is left out", leads: leads[1:], next: func(told *Schedule, s Schedule, _ time.Duration, now time.Time) Move {
			return Next(told, s, 0, now)
		}},
		{about: "nobody looks again", leads: leads[1:], next: moves(func(m *Move, _ *Schedule, _ Schedule, _ time.Time) { m.At = time.Time{} })},
		{about: "somebody looks again a step late", leads: leads[1:], next: moves(func(m *Move, _ *Schedule, _ Schedule, _ time.Time) { m.At = m.At.Add(step) })},
		{about: "what was recorded is taken back, or changed", leads: leads, next: func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
			if told == nil || told.State == Cancelled || told.live(now) || !s.live(now) || told.Revision == s.Revision {
				return Next(told, s, lead, now)
			}
			if lead > 0 && now.Before(s.Start.Add(-lead)) {
				gone := *told
				gone.Revision = s.Revision
				return tell(gone, Cancelled)
			}
			return tell(s, Updated)
		}},
		{about: "a cancellation is not told", leads: leads, next: moves(func(m *Move, _ *Schedule, s Schedule, _ time.Time) {
			if s.State == Cancelled {
				*m = Move{Phase: Ended}
			}
		})},
		{about: "a cancellation is told as soon as it would have started", leads: leads, next: moves(func(m *Move, _ *Schedule, s Schedule, now time.Time) {
			if s.State == Cancelled && now.Before(s.Start) {
				*m = Move{Phase: HandedOver, At: s.Start}
			}
		})},
		{about: "a change is not told", leads: leads, next: moves(func(m *Move, _ *Schedule, s Schedule, _ time.Time) {
			if m.Tell != nil && m.Tell.State == Updated {
				*m = Move{Phase: HandedOver, At: s.End}
			}
		})},
		{about: "a change is told with the old times and the old link", leads: leads, next: moves(func(m *Move, told *Schedule, s Schedule, _ time.Time) {
			if m.Tell != nil && m.Tell.State == Updated {
				m.Tell.Start, m.Tell.End, m.Tell.JoinURL = told.Start, told.End, told.JoinURL
			}
		})},
		{about: "a change is told as if nothing had been told", leads: leads, next: moves(func(m *Move, _ *Schedule, _ Schedule, _ time.Time) {
			if m.Tell != nil && m.Tell.State == Updated {
				m.Tell.State = Scheduled
			}
		})},
		{about: "the same is told again", leads: leads, next: func(_ *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
			return Next(nil, s, lead, now)
		}},
		{about: "what comes back is not told", leads: leads, next: moves(func(m *Move, told *Schedule, s Schedule, _ time.Time) {
			if told != nil && told.State == Cancelled {
				*m = Move{Phase: Ended}
			}
		})},
		{about: "another link is overlooked", leads: leads, plan: overlooks(func(s *Schedule, prev Schedule) { s.MeetingID, s.JoinURL = prev.MeetingID, prev.JoinURL })},
		{about: "another end is overlooked", leads: leads, plan: overlooks(func(s *Schedule, prev Schedule) { s.End = prev.End })},
		{about: "other times are overlooked", leads: leads, plan: overlooks(func(s *Schedule, prev Schedule) { s.Start, s.End = prev.Start, prev.End })},
		{about: "another meeting of the call is overlooked", leads: leads, plan: overlooks(func(s *Schedule, prev Schedule) { s.Meetings, s.Start, s.End = prev.Meetings, prev.Start, prev.End })},
		{about: "nothing is ever cancelled", leads: leads, plan: func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
			return slices.DeleteFunc(Plan(prev, decisions, now), func(s Schedule) bool { return s.State == Cancelled })
		}},
		{about: "revisions do not count on", leads: leads, plan: func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
			all := Plan(prev, decisions, now)
			for i := range all {
				all[i].Revision = 1
			}
			return all
		}},
		{about: "meetings that are one call are recorded each", leads: leads, plan: func(prev []Schedule, decisions []eligibility.Decision, now time.Time) (all []Schedule) {
			for _, d := range decisions {
				own := func(s Schedule) bool { return s.ID == ID(d.Meeting, 0) }
				all = append(all, Plan(slices.DeleteFunc(slices.Clone(prev), func(s Schedule) bool { return !own(s) }), []eligibility.Decision{d}, now)...)
			}
			return all
		}},
		{about: "a call is taken up before another recording lets go of it", leads: leads, plan: func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
			all := Plan(prev, decisions, now)
			slices.Reverse(all)
			return all
		}},
		{about: "the second meeting of a call is forgotten", leads: leads, plan: func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
			return Plan(prev, decisions[:1], now)
		}},
		{about: "what moves into the past goes on", leads: leads, plan: func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule {
			past := slices.ContainsFunc(decisions, func(d eligibility.Decision) bool { return d.Record && !d.End.After(now) })
			if past {
				return nil
			}
			return Plan(prev, decisions, now)
		}},
		{about: "messages overtake each other", leads: leads, free: true},
	} {
		for _, lead := range f.leads {
			l := life{lead: lead, plan: Plan, next: Next, free: f.free}
			if f.plan != nil {
				l.plan = f.plan
			}
			if f.next != nil {
				l.next = f.next
			}
			t.Run(fmt.Sprintf("%s, lead %d", f.about, lead), func(t *testing.T) {
				wrong := l.explore(2)
				if wrong == "" {
					t.Fatalf("nothing is wrong in %d moments", l.moments)
				}
				t.Log(wrong)
			})
		}
	}
}
