package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/store/db"
)

// Sessions are the people who are logged in, as scs keeps them: bytes under the hash of a token.
type Sessions struct {
	write *sql.DB
	q     *db.Queries // reads
	now   func() time.Time
}

// Sessions are the sessions in the store.
func (s *Store) Sessions(now func() time.Time) *Sessions {
	return &Sessions{s.write, s.reads.outside(s.read), now}
}

// FindCtx is what is kept under a token, until it is over.
func (s *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	data, err = s.q.Session(ctx, db.SessionParams{Token: token, Now: ms(s.now())})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read a session: %w", err)
	}
	return data, true, nil
}

// CommitCtx keeps data under a token, until it is over.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, until time.Time) error {
	if err := db.New(s.write).PutSession(ctx, db.PutSessionParams{Token: token, Data: data, UntilAt: ms(until)}); err != nil {
		return fmt.Errorf("keep a session: %w", err)
	}
	return nil
}

// DeleteCtx forgets what is kept under a token.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	if err := db.New(s.write).DropSession(ctx, token); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// Sweep drops the sessions that are over.
func (s *Sessions) Sweep(ctx context.Context) error {
	if err := db.New(s.write).DropSessionsOver(ctx, ms(s.now())); err != nil {
		return fmt.Errorf("drop old sessions: %w", err)
	}
	return nil
}

// Find, Commit and Delete are what scs has besides, for stores that know no contexts. It does not call them.
func (s *Sessions) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (s *Sessions) Commit(string, []byte, time.Time) error { return errNoContext }
func (s *Sessions) Delete(string) error                    { return errNoContext }

var errNoContext = errors.New("a session was asked for without a context")
