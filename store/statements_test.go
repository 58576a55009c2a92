package store

import (
	"context"
	"database/sql"
	"testing"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/store/db"
)

// TestStatements: a query is prepared once, by whoever meets it first, and used in the same transaction as before.
func TestStatements(t *testing.T) {
	s := openKind(t, sqlite)
	source := func(q *txn) error {
		row, err := q.Source(t.Context(), string(ana.ID))
		if err == nil && row.Calendar != ana.Calendar {
			t.Errorf("got %+v", row)
		}
		return err
	}
	for range 2 {
		if err := s.within(t.Context(), source); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.writes.by) == 0 || len(s.writes.wanted) > 0 {
		t.Errorf("%d queries are prepared and %d are wanted behind two transactions", len(s.writes.by), len(s.writes.wanted))
	}
	prepared := len(s.writes.by)
	if err := s.within(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	if len(s.writes.by) != prepared {
		t.Errorf("the same queries again, and %d are prepared instead of %d", len(s.writes.by), prepared)
	}
	failed := s.within(t.Context(), func(q *txn) error {
		if err := q.PutSetting(t.Context(), db.PutSettingParams{Name: "n", Value: "v"}); err != nil {
			return err
		}
		return context.Canceled
	})
	if v, err := setting(t.Context(), s.reading(), "n"); failed == nil || err != nil || v != "" {
		t.Errorf("a transaction that failed (%v) has left %q, %v", failed, v, err)
	}
}

// TestStatementsAtATime: whoever prepares waits for the only connection, and whoever has it must not wait for them.
func TestStatementsAtATime(t *testing.T) {
	s := openKind(t, sqlite)
	g, ctx := errgroup.WithContext(t.Context())
	for n := range 8 {
		g.Go(func() error {
			for i := range 20 {
				query := "SELECT " + string(rune('1'+i%9)) + " + " + string(rune('1'+n))
				err := s.within(ctx, func(q *txn) error {
					var sum int
					return prepared{q.sql, s.writes, map[string]*sql.Stmt{}}.QueryRowContext(ctx, query).Scan(&sum)
				})
				if err != nil {
					return err
				}
				var sum int
				if err := (lasting{s.write, s.writes}).QueryRowContext(ctx, query).Scan(&sum); err != nil {
					return err
				}
				if want := i%9 + 1 + n + 1; sum != want {
					t.Errorf("%s is %d", query, sum)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestStatementsFollowTheSchema: a migration may come behind them.
func TestStatementsFollowTheSchema(t *testing.T) {
	s := openKind(t, sqlite)
	count := func() (n int) {
		if err := (lasting{s.read, s.reads}).QueryRowContext(t.Context(), "SELECT count(*) FROM (SELECT * FROM settings WHERE name = 'x')").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	count()
	for _, change := range []string{"ALTER TABLE settings ADD COLUMN more TEXT", "INSERT INTO settings (name, value, more) VALUES ('x', 'y', 'z')"} {
		if _, err := s.write.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n != 1 {
		t.Errorf("found %d rows behind a change of the schema, want 1", n)
	}
}
