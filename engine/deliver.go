package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/syncd/schedule"
)

// What delivering takes, and how long it is tried.
const (
	takes         = 16               // messages at a time, from a recorder that answers at once
	swift         = time.Second      // so it does
	deliveryLasts = 20 * time.Second // one attempt
	deliveryLease = 45 * time.Second
	firstRest     = 2 * time.Second // behind a failure; then twice as long each time
	shortRest     = 5 * time.Second // at most so long shortly before the start
	longRest      = 15 * time.Minute
	givesUp       = 72 * time.Hour // behind the first attempt
)

// deliverAll tells a target what it can be told now, until nothing is left.
func (e *Engine) deliverAll(ctx context.Context, j Job) error {
	i := slices.IndexFunc(e.Targets, func(t schedule.Target) bool { return t.Name == j.Subject })
	if i < 0 {
		return nil // another process has it
	}
	for n := takes; ; {
		now := e.Now()
		messages, err := e.Store.Take(ctx, j.Subject, n, now, now.Add(deliveryLease))
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		if len(messages) == 0 {
			return nil
		}
		began := time.Now()
		for _, m := range messages {
			if time.Since(began) > deliveryLease-deliveryLasts {
				break // their leases end soon, and they are taken again
			}
			if err := e.deliver(ctx, e.Targets[i], m); err != nil {
				return err
			}
		}
		n = takes
		if time.Since(began) > swift {
			n = 1
		}
	}
}

// deliver tells t one thing, and notes what came of it.
func (e *Engine) deliver(ctx context.Context, t schedule.Target, m Message) error {
	limited, cancel := context.WithTimeout(ctx, deliveryLasts)
	limited, end := e.Observer.Begin(limited, Activity{Delivering, t.Name})
	receipt, failure := t.Sink.Deliver(limited, schedule.Delivery{Schedule: m.Schedule, Key: m.Key(), Note: m.Note, Attempt: m.Attempts, Written: m.Written, Now: e.Now()})
	cancel()
	if ctx.Err() != nil {
		end(Abandoned)
		return ctx.Err()
	}
	r := e.outcome(m, failure)
	r.Note = receipt.Note
	end(delivered(r))
	if failure != nil && !r.Early {
		e.Log.Warn("a schedule could not be delivered", "target", t.Name, "schedule", m.Schedule.ID, "revision", m.Schedule.Revision,
			"attempts", m.Attempts, "gave_up", r.GaveUp, "again_at", r.Again, "error", failure)
	}
	err := e.Store.Delivered(ctx, m, r)
	if err != nil && !errors.Is(err, ErrStale) {
		return fmt.Errorf("note the delivery of %s to %s: %w", m.Key(), t.Name, err)
	}
	return nil
}

// outcome says when a message that failed is delivered again: soon if the recording is about to start.
func (e *Engine) outcome(m Message, failure error) DeliveryReport {
	now := e.Now()
	r := DeliveryReport{At: now}
	if failure == nil {
		return r
	}
	r.Error = failure.Error()
	rest := min(firstRest<<min(max(m.Attempts, 1)-1, 20), longRest)
	if away := m.Schedule.Start.Sub(now); away/4 < rest && m.Schedule.End.After(now) {
		rest = min(rest, max(shortRest, away/4))
	}
	rest = e.jitter(rest)
	var retry *schedule.RetryError
	switch {
	case errors.Is(failure, schedule.ErrRejected), now.Sub(m.Written) > givesUp:
		r.GaveUp = true
		return r
	case errors.As(failure, &retry):
		rest, r.NewKey, r.Early = max(time.Second, min(retry.After, maxThrottle)), retry.NewKey, retry.Early
	}
	r.Again = now.Add(rest)
	return r
}
