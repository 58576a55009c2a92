package engine

import (
	"context"
	"errors"

	"example.com/syncd/connectors"
)

// An Observer is told what is being done, for metrics and traces. Its methods are called by many goroutines at a time,
// and must be quick.
type Observer interface {
	// Begin is called when a piece of work begins. The work goes on with the context; end is called once, with what came
	// of it.
	Begin(ctx context.Context, a Activity) (_ context.Context, end func(Outcome))
	// Decided is called for each decision that was written, once it is stored.
	Decided(d Decision)
	// Fresh is called for each calendar of a recording that starts: whether it had been read as late as promised.
	Fresh(driver string, kept bool)
}

// An Activity is a piece of work. What it is about says no more than the configuration does: never a calendar, an
// address or a meeting.
type Activity struct {
	Name ActivityName
	// Of is the driver of what is pulled, or the name of the target that is told; "" where decisions are made.
	Of string
}

// An ActivityName says what is done.
type ActivityName string

// The activities. Pages are parts of a pull.
const (
	Pulling    ActivityName = "pull"    // one source, until there is nothing more
	Paging     ActivityName = "page"    // one request to a connector
	Deciding   ActivityName = "decide"  // some meetings, in one transaction
	Delivering ActivityName = "deliver" // one message
)

// An Outcome is what came of an activity.
type Outcome string

// The outcomes. A pull and a page are done, throttled, refused, failed or abandoned, a pull is held besides; deciding is
// done, failed or abandoned; a delivery is delivered, early, retried, given up or abandoned.
const (
	Done      Outcome = "ok"
	HeldBack  Outcome = "held"      // a listing came back empty, and is not believed yet
	Throttled Outcome = "throttled" // the provider said when to come again
	Refused   Outcome = "refused"   // a person must act
	Failed    Outcome = "failed"
	Abandoned Outcome = "abandoned" // somebody else does it, or the process ends

	Delivered Outcome = "delivered"
	Early     Outcome = "early" // the recorder is not to be told yet
	Retried   Outcome = "retry" // it failed, and is tried again
	GivenUp   Outcome = "gave_up"
)

// pulled is what came of a pull, or of a page of it.
func pulled(held bool, err error) Outcome {
	var throttled *connectors.ThrottledError
	switch {
	case err == nil && held:
		return HeldBack
	case err == nil:
		return Done
	case errors.As(err, &throttled):
		return Throttled
	case errors.Is(err, connectors.ErrAccess), errors.Is(err, connectors.ErrSource):
		return Refused
	case errors.Is(err, ErrStale), errors.Is(err, context.Canceled):
		return Abandoned
	}
	return Failed
}

// delivered is what came of one attempt.
func delivered(r DeliveryReport) Outcome {
	switch {
	case r.Error == "":
		return Delivered
	case r.GaveUp:
		return GivenUp
	case r.Early:
		return Early
	}
	return Retried
}

// decided is what came of a transaction that decides.
func decided(err error) Outcome {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrRules), errors.Is(err, ErrAccess), errors.Is(err, ErrStale), errors.Is(err, context.Canceled):
		return Abandoned
	}
	return Failed
}

// unseen is the Observer of whoever wants none.
type unseen struct{}

func (unseen) Begin(ctx context.Context, _ Activity) (context.Context, func(Outcome)) {
	return ctx, func(Outcome) {}
}
func (unseen) Decided(Decision)   {}
func (unseen) Fresh(string, bool) {}

// Observers tells all of them, the first one first.
func Observers(all ...Observer) Observer {
	switch len(all) {
	case 0:
		return unseen{}
	case 1:
		return all[0]
	}
	return observers(all)
}

type observers []Observer

func (all observers) Begin(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
	ends := make([]func(Outcome), len(all))
	for i, o := range all {
		ctx, ends[i] = o.Begin(ctx, a)
	}
	return ctx, func(came Outcome) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](came)
		}
	}
}

func (all observers) Decided(d Decision) {
	for _, o := range all {
		o.Decided(d)
	}
}

func (all observers) Fresh(driver string, kept bool) {
	for _, o := range all {
		o.Fresh(driver, kept)
	}
}
