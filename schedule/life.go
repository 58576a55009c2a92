package schedule

import "time"

// A Phase is where a schedule stands with one recorder.
type Phase string

// The phases, and what leads from one to another:
//
//	            the lead time begins            told               the end has come, or cancelled and told
//	planned ───────────────────────────▶ due ─────────▶ handed over ───────────────────────▶ ended
//	   ▲                                  ▲                  │   │                              │
//	   │       changed, cancelled ────────┴──────────────────┘   │                              │
//	   └──────────── moved to behind the lead time ──────────────┘        back again ◀──────────┘
//
// Cancelled or over while it is planned: ended, and the recorder never hears of it. A recorder without a lead time (it
// schedules ahead) is told at once, so that nothing is ever planned for it.
const (
	Planned    Phase = "planned"     // to come; the recorder is not told yet
	Due        Phase = "due"         // the recorder is to be told now
	HandedOver Phase = "handed_over" // the recorder was told of it as it is
	Ended      Phase = "ended"       // nothing is to be recorded any more, and the recorder does not think otherwise
)

// A Move is what follows from where a schedule stands.
type Move struct {
	Phase Phase
	// Tell is the message to the recorder. Nil unless the phase is Due.
	Tell *Schedule
	// At is when to look again if nothing happens before; zero if never.
	At time.Time
}

// Next says what a recorder is to be told of s, the newest revision, at now. told is the message that it got last, or
// will get before any other, nil if there was none; lead how long before the start it is told to join. The same call
// again, with the move's message as told, tells nothing.
func Next(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move {
	standing := told != nil && told.live(now) // what is over is let alone: it is recorded, or goes on being so for as long as people talk
	early := lead > 0 && now.Before(s.Start.Add(-lead))
	over := !s.End.After(now)
	switch {
	case standing && s.State == Cancelled:
		return tell(s, Cancelled)
	case standing && told.Revision == s.Revision:
		return Move{Phase: HandedOver, At: s.End}
	case standing && early:
		// It would join at the old time, and could not be told when it had.
		withdrawn := *told
		withdrawn.Revision = s.Revision
		m := tell(withdrawn, Cancelled)
		m.At = s.Start.Add(-lead)
		return m
	case standing:
		return tell(s, Updated)
	case s.State == Cancelled, over:
		return Move{Phase: Ended}
	case early:
		return Move{Phase: Planned, At: s.Start.Add(-lead)}
	}
	return tell(s, Scheduled)
}

func tell(s Schedule, state State) Move {
	s.State = state
	return Move{Phase: Due, Tell: &s, At: s.End}
}
