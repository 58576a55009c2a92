package simulation

import "testing"

// A flaw is something that a version of syncd does wrong. No flaw is nil.
type flaw string

func (f *flaw) is(other flaw) bool { return f != nil && *f == other }

const (
	cursorFirst         flaw = "a cursor is stored before what it stands for"
	staleCursor         flaw = "a page is stored although the cursor was moved on meanwhile"
	noSweep             flaw = "what a listing did not see stays"
	lostWakeUp          flaw = "a push that comes during a pull counts as seen"
	pushesUnheard       flaw = "pushes are not heard"
	refusalDeletes      flaw = "what a provider refuses is deleted"
	outboxApart         flaw = "a decision is stored before its schedule and messages"
	cancellationsUntold flaw = "cancellations are not told"
	failureForgotten    flaw = "a message that failed counts as delivered"
	neighboursUnseen    flaw = "a meeting is planned without those of the same call"
	stepsForgotten      flaw = "the steps of a schedule's life are not noted"
	rulesUnheeded       flaw = "a change of what can be read changes no decision"
	saidOnce            flaw = "what people say of a meeting is heard by its first decision alone"
	endlessLease        flaw = "what a process had when it died is left to it"
)

// TestFlaws: each flaw is found by one of the first histories. A simulation that finds nothing shows nothing.
func TestFlaws(t *testing.T) {
	for _, f := range []flaw{
		cursorFirst, staleCursor, noSweep, lostWakeUp, pushesUnheard, refusalDeletes, outboxApart, cancellationsUntold, failureForgotten,
		neighboursUnseen, stepsForgotten, rulesUnheeded, saidOnce, endlessLease,
	} {
		t.Run(string(f), func(t *testing.T) {
			for seed := range uint64(*flawHistories) {
				if wrong := run(t, seed, &f); len(wrong) > 0 {
					t.Logf("found by seed %d: %.300s", seed, wrong[0])
					return
				}
			}
			t.Errorf("%d histories have not found it", *flawHistories)
		})
	}
}
