package engine

import (
	"context"
	"fmt"
	"time"
)

// tidiesAtOnce is how many rows of each kind leave in one transaction.
const tidiesAtOnce = 1000

// tidy takes out what has ended long ago.
func (e *Engine) tidy(ctx context.Context, _ string) (time.Time, error) {
	now := e.Now()
	for more := true; more; {
		var err error
		if more, err = e.Store.Tidy(ctx, now.Add(-e.Retention), tidiesAtOnce); err != nil {
			return time.Time{}, &storeError{fmt.Errorf("take out what ended long ago: %w", err)}
		}
		if ctx.Err() != nil {
			return time.Time{}, ctx.Err()
		}
	}
	return now.Add(tidiesEvery), nil
}
