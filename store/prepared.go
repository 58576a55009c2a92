package store

import (
	"context"
	"database/sql"
	"sync"

	"example.com/syncd/store/db"
)

// prepared has each query's text read by the database once, and not whenever it is asked. There are as many as there
// are queries, and they last as long as the store.
type prepared struct {
	*sql.DB
	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

var _ db.DBTX = (*prepared)(nil)

func (p *prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	s := p.known[query]
	p.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.known[query]; s != nil {
		return s, nil
	}
	s, err := p.DB.PrepareContext(ctx, query)
	if err == nil {
		p.known[query] = s
	}
	return s, err
}

// QueryContext is that of sql.DB.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext is that of sql.DB.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.statement(ctx, query)
	if err != nil {
		return p.DB.QueryRowContext(ctx, query, args...) // which says what is wrong
	}
	return s.QueryRowContext(ctx, args...)
}
