package engine

import (
	"slices"
	"strings"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

// A Judge decides as the engine does: by rules, and by what can be read now. It never changes.
type Judge struct {
	connected  func(calendar.Source) bool
	now, whole *eligibility.Decider // with what can be read, and with what could be if no access had been lost
}

// NewJudge takes the states of the calendars from the store. connected says whether a source's connection
// is still configured.
func NewJudge(x *eligibility.Decider, sources []SourceState, connected func(calendar.Source) bool) Judge {
	return Judge{
		connected: connected,
		now:       x.WithAccess(reads(live(sources, connected, false))),
		whole:     x.WithAccess(reads(live(sources, connected, true))),
	}
}

// Decide decides the meeting that the store has, of which people said this.
func (j Judge) Decide(m calendar.Meeting, said []eligibility.Signal) Decision {
	copies := slices.Clone(m.Copies)
	for i, c := range copies {
		copies[i].Source.NoAccess = c.Source.NoAccess || !j.connected(c.Source)
	}
	d := Decision{Decision: j.now.WithSignals(said).Decide(calendar.Meeting{Key: m.Key, Copies: copies})}
	if !d.Record {
		d.Held = j.held(m, said)
	}
	return d
}

// held is the decision to record m that would stand if no access had been lost, or nil. What a lost
// access hides may be as it was, so nothing is cancelled because of it.
func (j Judge) held(m calendar.Meeting, said []eligibility.Signal) *eligibility.Decision {
	m.Copies = slices.Clone(m.Copies)
	for i := range m.Copies {
		m.Copies[i].Source.NoAccess = !j.connected(m.Copies[i].Source)
	}
	if d := j.whole.WithSignals(said).Decide(m); d.Record {
		return &d
	}
	return nil
}

// live are the calendars, by address, that a connection covers and may read, as far as is known; with the lost
// ones, those too that it may not read any more.
func live(sources []SourceState, connected func(calendar.Source) bool, withLost bool) map[string]bool {
	live := map[string]bool{}
	for _, s := range sources {
		if connected(s.Source) && (withLost || !s.Refused) {
			live[strings.ToLower(s.Calendar)] = true
		}
	}
	return live
}

func reads(live map[string]bool) eligibility.Access {
	return func(addresses []string) bool {
		return slices.ContainsFunc(addresses, func(a string) bool { return live[strings.ToLower(a)] })
	}
}
