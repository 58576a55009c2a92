package simulation

import (
	"slices"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// say has somebody say something of a meeting that is known, or of its whole series, or take it back. Nobody speaks of
// what nobody ever changes.
func (h *history) say() error {
	known, err := h.store.Decisions(h.t.Context())
	if err != nil {
		return err
	}
	known = slices.DeleteFunc(known, func(d engine.Decision) bool { return slices.Contains(steady, d.MeetingID) })
	if len(known) == 0 {
		return nil
	}
	s := eligibility.Signal{
		Meeting: known[h.r.IntN(len(known))].Meeting, Email: pick(h.r, ana, bo, "pat@globex.com"), At: time.Now().UTC(),
		Signal: pick(h.r, eligibility.SignalSkip, eligibility.SignalSkip, eligibility.SignalRecord, eligibility.SignalOptOut),
	}
	if h.r.IntN(4) == 0 {
		s.Meeting = calendar.Key(s.Meeting.Series())
	}
	if h.r.IntN(3) > 0 || len(h.said) == 0 {
		h.said = append(h.said, s)
		return h.store.Signals().Say(h.t.Context(), s)
	}
	s = h.said[h.r.IntN(len(h.said))]
	h.said = slices.DeleteFunc(h.said, func(o eligibility.Signal) bool { return o.Meeting == s.Meeting && o.Email == s.Email })
	n, err := h.store.Signals().TakeBack(h.t.Context(), s.Meeting, s.Email, time.Now())
	if err == nil && n == 0 {
		h.complain("nothing was known of what %s had said of %s", s.Email, s.Meeting)
	}
	return err
}

// heard is what a process has heard of meetings, where it hears it once and for all.
type heard map[calendar.Key][]eligibility.Signal

func (t flawedTx) Signals() ([]eligibility.Signal, error) {
	if !t.flaw.is(saidOnce) {
		return t.Tx.Signals()
	}
	said, ok := t.heard[t.Key()]
	if ok {
		return said, nil
	}
	said, err := t.Tx.Signals()
	t.heard[t.Key()] = said
	return said, err
}
