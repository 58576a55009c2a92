package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/store/db"
)

// budgets are what all processes on a store have left of providers' quotas: a bucket for each name (GCRA, the generic
// cell rate algorithm), moved in one statement.
type budgets struct {
	s   *Store
	now func() time.Time
}

var _ connectors.Budget = budgets{}

// Budget is what all processes have left. Nil in SQLite, on which one process works.
func (s *Store) Budget(now func() time.Time) connectors.Budget {
	if s.pool == nil {
		return nil
	}
	return budgets{s, now}
}

// Spend takes requests out of a budget.
func (b budgets) Spend(ctx context.Context, name string, n, perMinute, burst int) (time.Duration, error) {
	// In microseconds. A bucket that would be empty later than ever possible was filled by a clock that was set back.
	now, each := b.now().UnixMicro(), time.Minute.Microseconds()/int64(perMinute)
	cost, most := int64(n)*each, int64(burst)*each
	q := db.New(b.s.write)
	_, err := q.Spend(ctx, db.SpendParams{Name: name, Now: now, Cost: cost, Burst: most, Absurd: now + 2*most + time.Minute.Microseconds()})
	if !errors.Is(err, sql.ErrNoRows) {
		if err != nil {
			err = fmt.Errorf("spend %d requests of %s: %w", n, name, err)
		}
		return 0, err
	}
	tat, err := q.Budget(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("read the budget of %s: %w", name, err)
	}
	return max(time.Millisecond, time.Duration(tat+cost-most-now)*time.Microsecond), nil
}
