package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/serve/tokens"
	"example.com/syncd/store/db"
)

// Tokens are the API's bearer tokens in a store's file. Other processes may use the same file, a daemon among them.
type Tokens struct {
	db  *database
	q   *db.Queries // reads
	own bool        // the database is its own, not a store's
}

// Tokens are the tokens in the store.
func (s *Store) Tokens() *Tokens {
	return &Tokens{db: s.database, q: s.reads.outside(s.read)}
}

// MakeTokens opens the tokens in a store's file, which is made if there is none, without keeping a daemon from it.
func MakeTokens(ctx context.Context, file string) (*Tokens, error) {
	v, err := MakeVault(ctx, file, nil, nil) // which makes the file, or refuses a newer one
	if err != nil {
		return nil, err
	}
	t := &Tokens{db: v.db, q: db.New(v.db.read), own: true}
	if _, err := t.q.Tokens(ctx); err == nil {
		return t, nil
	}
	// The file is of an older syncd: opening it as a daemon does brings its tables up to date.
	if err := t.Close(); err != nil {
		return nil, err
	}
	s, err := Open(ctx, file)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("store %s: a syncd of an older version is working on it; start it again with this version", file)
	}
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	if v, err = MakeVault(ctx, file, nil, nil); err != nil {
		return nil, err
	}
	return &Tokens{db: v.db, q: db.New(v.db.read), own: true}, nil
}

// Close closes what was opened.
func (t *Tokens) Close() error {
	if !t.own {
		return nil
	}
	return t.db.close()
}

// Put keeps a new token.
func (t *Tokens) Put(ctx context.Context, n tokens.Token) error {
	err := db.New(t.db.write).PutToken(ctx, db.PutTokenParams{
		ID: n.ID, Name: n.Name, Hash: n.Hash, Scopes: n.Scopes.String(), Email: n.Email, MadeAt: ms(n.MadeAt), UntilAt: ms(n.Until),
	})
	if err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
}

// Token is the one of that id; ok is false if there is none.
func (t *Tokens) Token(ctx context.Context, id string) (found tokens.Token, ok bool, err error) {
	row, err := t.q.Token(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return tokens.Token{}, false, nil
	}
	if err != nil {
		return tokens.Token{}, false, fmt.Errorf("read a token: %w", err)
	}
	found, err = toToken(row)
	return found, err == nil, err
}

func toToken(r db.Token) (tokens.Token, error) {
	scopes, err := tokens.ParseScopes(r.Scopes)
	if err != nil {
		return tokens.Token{}, fmt.Errorf("token %s: %w; a newer syncd made it", r.ID, err)
	}
	return tokens.Token{
		ID: r.ID, Name: r.Name, Hash: r.Hash, Scopes: scopes, Email: r.Email,
		MadeAt: fromMS(r.MadeAt), Until: fromMS(r.UntilAt), UsedAt: fromMS(r.UsedAt), RevokedAt: fromMS(r.RevokedAt),
	}, nil
}

// All are all tokens, the oldest first.
func (t *Tokens) All(ctx context.Context) ([]tokens.Token, error) {
	rows, err := t.q.Tokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	all := make([]tokens.Token, len(rows))
	for i, r := range rows {
		if all[i], err = toToken(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Revoke ends a token at once; ok is false if there is none of that id that could be.
func (t *Tokens) Revoke(ctx context.Context, id string, now time.Time) (ok bool, err error) {
	n, err := db.New(t.db.write).RevokeToken(ctx, db.RevokeTokenParams{ID: id, RevokedAt: ms(now)})
	if err != nil {
		return false, fmt.Errorf("revoke the token: %w", err)
	}
	return n == 1, nil
}

// Used notes when tokens were used.
func (t *Tokens) Used(ctx context.Context, at map[string]time.Time) error {
	return t.db.within(ctx, func(q *db.Queries) error {
		for id, when := range at {
			if err := q.UseToken(ctx, db.UseTokenParams{ID: id, UsedAt: ms(when)}); err != nil {
				return fmt.Errorf("note the use of a token: %w", err)
			}
		}
		return nil
	})
}

// ServeKey is a key of 32 bytes that stays the same for as long as there is the store: what the HTTP side gave out
// before a restart is good behind it, for all replicas.
func (s *Store) ServeKey(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) // which never fails
	var key []byte
	err := s.within(ctx, func(q *txn) error {
		if err := q.PutServeKey(ctx, db.PutServeKeyParams{Name: name, Value: fresh}); err != nil {
			return err
		}
		var err error
		key, err = q.ServeKey(ctx, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", name, err)
	}
	return key, nil
}
