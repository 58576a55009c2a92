package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Sink is one recorder, or whatever else is told of schedules.
type Sink interface {
	// Deliver brings the recorder to what d asks for. It is called at least once for each message, for one message of
	// a schedule at a time, and in the order of the revisions. A message may come again that the recorder has seen:
	// the process may have died behind the request. ctx ends before another process may take the message over.
	//
	// What the receipt notes is stored in either case, error or not. Without an error the message is done. A
	// *RetryError says when to come again; an error that is ErrRejected that coming again is of no use; any other
	// error means that the message may or may not have arrived, and it comes again later and later.
	Deliver(ctx context.Context, d Delivery) (Receipt, error)
}

// A Delivery is a message to a recorder: a revision of a schedule.
type Delivery struct {
	Schedule Schedule
	// Key names the message to the recorder (an idempotency key). It is the same whenever the same content is sent
	// again, but another one behind a RetryError that asks for it.
	Key string
	// Note is what the sink's last receipt noted of this schedule, "" at first: the recorder's own id, for one.
	Note string
	// Attempt counts from 1 the calls for this message, those among them that the process died in: an attempt is counted
	// before it is made. So a sink that notes the number of an attempt that failed knows whether there was one since.
	Attempt int
	// Written is when there was reason to send it, the same for all attempts.
	Written time.Time
	Now     time.Time
}

// A Receipt is what came of a delivery.
type Receipt struct {
	// Note is the sink's own, kept with the schedule until the next delivery of it. At most some hundred bytes; no
	// secrets, since it is shown to people.
	Note string
}

// RetryError says when a message can be delivered.
type RetryError struct {
	After time.Duration
	// NewKey says that the recorder would answer the same key with the same refusal: it was out of capacity.
	NewKey bool
	// Early says that nothing failed: the recorder is not to be told yet. Later revisions do not wait for this one, and
	// take its place.
	Early bool
	Err   error
}

func (e *RetryError) Error() string {
	return fmt.Sprintf("to be tried again in %s: %v", e.After.Round(time.Second), e.Err)
}
func (e *RetryError) Unwrap() error { return e.Err }

// ErrRejected: the recorder will never take this message. It is put aside, for a person to look at, and does not stand
// in the way of later ones.
var ErrRejected = errors.New("rejected")

// A Target is a sink, and when it is told.
type Target struct {
	// Name is unique, and stays: what has been delivered hangs on it.
	Name string
	Sink Sink
	// Lead is how long before the start the recorder is told to join, and no earlier: it can't schedule ahead. From
	// then on it is told of what changes at once. 0: it is told of every revision as soon as there is one.
	Lead time.Duration
}
