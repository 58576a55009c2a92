package engine

import (
	"context"
	"errors"
	"time"
)

// How long work may take until it counts as abandoned, and is admitted anew; and how often who does it says that it goes
// on. What a process leaves behind that dies is not waited for long.
const (
	lease  = 30 * time.Second
	renews = 10 * time.Second
)

// hold has extend called from time to time, until release is called. The work under way goes by the context that is
// returned, which ends when the lease is lost. Then, and when ctx has ended, release says so.
func (e *Engine) hold(ctx context.Context, extend func() error) (held context.Context, release func() error) {
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e.pause(held, renews, nil); held.Err() == nil; e.pause(held, renews, nil) {
			if err := extend(); errors.Is(err, ErrStale) {
				cancel(err)
			}
		}
	}()
	return held, func() error {
		lost := context.Cause(held)
		cancel(nil)
		<-done // an extension behind the end of the work would keep others from it
		return lost
	}
}
