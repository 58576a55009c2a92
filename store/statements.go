package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"

	"example.com/syncd/store/db"
)

// statements keeps the queries of an SQLite file prepared: parsing one anew takes longer than most of them do. For
// PostgreSQL pgx does the same by itself, and there are none: a nil one prepares nothing.
type statements struct {
	db *sql.DB

	mu     sync.Mutex
	by     map[string]*sql.Stmt
	wanted map[string]bool // met while somebody may have had the only connection
}

func newStatements(d *sql.DB) *statements {
	return &statements{db: d, by: map[string]*sql.Stmt{}, wanted: map[string]bool{}}
}

// of is the statement of a query that is prepared, or nil.
func (s *statements) of(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.by[query]; p != nil {
		return p
	}
	s.wanted[query] = true
	return nil
}

// prepare prepares what transactions wanted. Whoever calls it has none, but others may: they must not wait for it, since
// it waits for their connection. What can't be prepared is wanted again, and says why where it is used.
func (s *statements) prepare(ctx context.Context) {
	if s == nil {
		return
	}
	s.mu.Lock()
	wanted := slices.Collect(maps.Keys(s.wanted))
	clear(s.wanted)
	s.mu.Unlock()
	for _, query := range wanted {
		p, err := s.db.PrepareContext(ctx, query)
		if err != nil {
			continue
		}
		s.mu.Lock()
		if s.by[query] == nil {
			s.by[query], p = p, nil
		}
		s.mu.Unlock()
		if p != nil { // another transaction wanted it, too
			_ = p.Close() // it was never used
		}
	}
}

func (s *statements) close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, p := range s.by {
		errs = append(errs, p.Close())
	}
	clear(s.by)
	return errors.Join(errs...)
}

// outside are the queries in no transaction.
func (s *statements) outside(d *sql.DB) *db.Queries {
	if s == nil {
		return db.New(d)
	}
	return db.New(lasting{d, s})
}

// lasting is a database that uses statements.
type lasting struct {
	*sql.DB
	*statements
}

func (l lasting) statement(ctx context.Context, query string) *sql.Stmt {
	if s := l.of(query); s != nil {
		return s
	}
	l.prepare(ctx)
	return l.of(query)
}

func (l lasting) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := l.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return l.DB.ExecContext(ctx, query, args...)
}

func (l lasting) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := l.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return l.DB.QueryContext(ctx, query, args...)
}

func (l lasting) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := l.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return l.DB.QueryRowContext(ctx, query, args...)
}

// in are the queries in a transaction.
func (s *statements) in(tx *sql.Tx) *db.Queries {
	if s == nil {
		return db.New(tx)
	}
	return db.New(prepared{tx, s, map[string]*sql.Stmt{}})
}

// prepared is a transaction that uses statements.
type prepared struct {
	*sql.Tx
	*statements
	mine map[string]*sql.Stmt // the transaction's own, of theirs
}

func (p prepared) statement(ctx context.Context, query string) *sql.Stmt {
	if s := p.mine[query]; s != nil {
		return s
	}
	of := p.of(query)
	if of == nil {
		return nil
	}
	s := p.StmtContext(ctx, of)
	p.mine[query] = s
	return s
}

func (p prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.Tx.ExecContext(ctx, query, args...)
}

func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.Tx.QueryContext(ctx, query, args...)
}

func (p prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.Tx.QueryRowContext(ctx, query, args...)
}
