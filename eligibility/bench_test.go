package eligibility

import (
	"fmt"
	"testing"

	"example.com/syncd/calendar"
)

// company is a directory of n members, the scene's among them.
func company(s *scene, n int) *Directory {
	members := append([]Member(nil), s.members...)
	for i := len(members); i < n; i++ {
		members = append(members, Member{Email: fmt.Sprintf("user%d@acme.com", i), Aliases: []string{fmt.Sprintf("u%d@acme.com", i)}, Seat: true, Record: RecordOn})
	}
	return NewDirectory(members)
}

// TestSizeOfDirectory counts allocations, which no busy machine changes: a decision costs what the
// meeting is, not what the company is.
func TestSizeOfDirectory(t *testing.T) {
	s := newScene()
	m := calendar.Merge(s.copies)[0]
	cost := func(n int) float64 {
		x := NewDecider(s.policy, company(s, n), nil)
		return testing.AllocsPerRun(50, func() { x.Decide(m) })
	}
	if few, many := cost(10), cost(100_000); many > few {
		t.Errorf("%v allocations with 10 members, %v with 100,000", few, many)
	}
}

// BenchmarkDecide gives the cost of a decision on a meeting of ten, by members, by the length of each list of exclusions,
// and by all signals that there are.
func BenchmarkDecide(b *testing.B) {
	for _, c := range []struct{ members, excluded, signals int }{
		{10, 0, 0}, {100_000, 0, 0}, {10, 20, 0}, {10, 1000, 0}, {10, 0, 10_000},
	} {
		b.Run(fmt.Sprintf("members=%d/excluded=%d/signals=%d", c.members, c.excluded, c.signals), func(b *testing.B) {
			s := newScene()
			for i := range c.excluded {
				s.policy.Exclude.Domains = append(s.policy.Exclude.Domains, fmt.Sprintf("law%d.example", i))
				s.policy.Exclude.Participants = append(s.policy.Exclude.Participants, fmt.Sprintf("boss%d@acme.com", i))
				s.policy.Exclude.TitleKeywords = append(s.policy.Exclude.TitleKeywords, fmt.Sprintf("secret project %d", i))
			}
			for i := range c.signals {
				s.signals = append(s.signals, Signal{Meeting: calendar.Key(fmt.Sprintf("u%d/2026-11-24T10:00:00Z", i)), Email: "a@acme.com", Signal: SignalSkip, At: start})
			}
			for i := range 8 {
				s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: fmt.Sprintf("user%d@acme.com", i+4), Name: "User", Response: calendar.ResponseAccepted})
			}
			x := NewDecider(s.policy, company(s, c.members), s.signals)
			s.first().Event = s.first().Distil(s.policy.Reading())
			m := calendar.Merge(s.copies)[0]
			b.ReportAllocs()
			for b.Loop() {
				if !x.Decide(m).Record {
					b.Fatal("not recorded")
				}
			}
		})
	}
}

func BenchmarkNewDirectory(b *testing.B) {
	s := newScene()
	for b.Loop() {
		company(s, 100_000)
	}
}
