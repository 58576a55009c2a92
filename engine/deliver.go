package engine

import (
	"context"
	"fmt"

	"example.com/syncd/calendar"
	"example.com/syncd/schedule"
)

// deliverAll empties the outbox into the sinks, in its order. Behind a revision that could not be
// delivered, everything waits that has to do with it: later revisions of its schedule, the rest of the
// plan that it is part of, and whatever has to do with one of its meetings. A recorder that misses a cancellation
// must not be given the same meeting under another schedule.
func (e *Engine) deliverAll(ctx context.Context) error {
	w := waiting{schedules: map[string]bool{}, plans: map[int64]bool{}, meetings: map[calendar.Key]bool{}}
	for {
		deliveries, err := e.Store.Outbox(ctx, batch)
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		delivered := 0
		for _, d := range deliveries {
			if w.has(d) {
				w.add(d)
				continue
			}
			failure := e.deliver(ctx, d)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if failure == "" {
				delivered++
			} else {
				w.add(d)
			}
			if err := e.Store.Delivered(ctx, d.Seq, failure, e.Now()); err != nil {
				return fmt.Errorf("note the delivery of %s revision %d: %w", d.Schedule.ID, d.Schedule.Revision, err)
			}
		}
		if len(deliveries) < batch || delivered == 0 {
			return nil
		}
	}
}

// waiting is what must not be delivered before something else has been.
type waiting struct {
	schedules map[string]bool
	plans     map[int64]bool
	meetings  map[calendar.Key]bool
}

func (w waiting) add(d Delivery) {
	w.schedules[d.Schedule.ID], w.plans[d.Plan] = true, true
	for _, k := range d.Meetings {
		w.meetings[k] = true
	}
}

func (w waiting) has(d Delivery) bool {
	for _, k := range d.Meetings {
		if w.meetings[k] {
			return true
		}
	}
	return w.schedules[d.Schedule.ID] || w.plans[d.Plan]
}

// deliver hands d to every sink and returns what failed, in words.
func (e *Engine) deliver(ctx context.Context, d Delivery) (failure string) {
	for _, sink := range e.Sinks {
		if _, err := sink.Deliver(ctx, schedule.Delivery{Schedule: d.Schedule, Attempt: d.Attempts + 1, Now: e.Now()}); err != nil {
			e.Log.Warn("a schedule could not be delivered; it stays in the outbox",
				"schedule", d.Schedule.ID, "revision", d.Schedule.Revision, "attempts", d.Attempts+1, "error", err)
			return err.Error()
		}
	}
	return ""
}
