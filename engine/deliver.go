package engine

import (
	"context"
	"fmt"
)

// deliverAll empties the outbox into the sinks, in order for each schedule: behind a revision that
// could not be delivered, the later ones of the same schedule wait.
func (e *Engine) deliverAll(ctx context.Context) error {
	waiting := map[string]bool{}
	for {
		deliveries, err := e.Store.Outbox(ctx, batch)
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		delivered := 0
		for _, d := range deliveries {
			if waiting[d.Schedule.ID] {
				continue
			}
			failure := e.deliver(ctx, d)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if failure == "" {
				delivered++
			} else {
				waiting[d.Schedule.ID] = true
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

// deliver hands d to every sink and returns what failed, in words.
func (e *Engine) deliver(ctx context.Context, d Delivery) (failure string) {
	for _, sink := range e.Sinks {
		if err := sink.Deliver(ctx, d.Schedule); err != nil {
			e.Log.Warn("a schedule could not be delivered; it stays in the outbox",
				"schedule", d.Schedule.ID, "revision", d.Schedule.Revision, "attempts", d.Attempts+1, "error", err)
			return err.Error()
		}
	}
	return ""
}
