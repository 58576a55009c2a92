// Package store keeps sources, copies, decisions, schedules, the outbox and the jobs, behind the engine's interface, in
// SQLite or PostgreSQL. The schema is in migrations/, every query in queries*.sql, both in the dialect that the two
// share. Jobs are River's, in the same database, so that a transaction inserts those that it makes necessary.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// A Store is an engine.Store and an engine.Reader. The methods are described there.
type Store struct {
	Reader
	*database
	queue *river.Client[*sql.Tx] // inserts
	lock  *flock.Flock           // of an SQLite file
}

// A Reader is an engine.Reader of a store that daemons may be working on. It does not wait for them.
type Reader struct{ db *database }

var (
	_ engine.Store  = (*Store)(nil)
	_ engine.Reader = (*Reader)(nil)
)

// Open opens a store: an SQLite file, or a PostgreSQL database by its URL. The file is made if there is none, and the
// tables are brought up to date. What was stored survives a power loss. A second daemon on the same file is refused; a
// PostgreSQL database may have many.
func Open(ctx context.Context, name string) (_ *Store, err error) {
	s := &Store{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if !Shared(name) {
		if err := makeFile(name); err != nil {
			return nil, fmt.Errorf("store %s: %w", name, err)
		}
		if s.lock, err = lockFile(name); err != nil {
			return nil, fmt.Errorf("store %s: %w", name, err)
		}
	}
	if s.database, err = connect(ctx, name); err != nil {
		return nil, err
	}
	s.Reader = Reader{s.database}
	if err := s.ready(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

func (s *Store) ready(ctx context.Context) error {
	if err := s.sound(ctx, s.write); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	var err error
	if s.queue, err = river.NewClient(s.driver(), &river.Config{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return fmt.Errorf("make a client of River: %w", err)
	}
	if s.pool == nil {
		if err := s.takeOver(ctx); err != nil {
			return err
		}
	}
	return s.reindex(ctx)
}

// takeOver ends the leases of a process before this one: nobody else works on the file.
func (s *Store) takeOver(ctx context.Context) error {
	for _, statement := range []string{
		"UPDATE sources SET leased_until = 0 WHERE leased_until > 0", "UPDATE schedules SET leased_until = 0 WHERE leased_until > 0",
		"UPDATE chores SET leased_until = 0 WHERE leased_until > 0", "UPDATE messages SET leased_until = 0 WHERE leased_until > 0",
		"UPDATE river_job SET state = 'available' WHERE state = 'running'", "DELETE FROM river_leader",
	} {
		if _, err := s.write.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("take over from the process before: %w", err)
		}
	}
	return nil
}

// OpenReader opens a store that exists, to read it alone.
func OpenReader(ctx context.Context, name string) (*Reader, error) {
	d, err := openDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Reader{d}, nil
}

// openDatabase opens one that exists.
func openDatabase(ctx context.Context, name string) (*database, error) {
	if !Shared(name) {
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	d, err := connect(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := d.sound(ctx, d.read); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", d.name, err), d.close())
	}
	return d, nil
}

// Close closes the store and lets others work on it.
func (s *Store) Close() error {
	var errs []error
	if s.database != nil {
		errs = append(errs, s.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}

// Close closes the store.
func (r *Reader) Close() error { return r.db.close() }

// A txn is a transaction, and the jobs that it makes necessary.
type txn struct {
	*db.Queries
	ctx  context.Context
	sql  *sql.Tx
	jobs []engine.Job
}

// need has a job inserted with the transaction, once.
func (t *txn) need(j engine.Job) {
	for _, have := range t.jobs {
		if have.Kind == j.Kind && have.Subject == j.Subject && have.Fence == j.Fence {
			return
		}
	}
	t.jobs = append(t.jobs, j)
}

// attempts is how often a transaction is tried that got in another one's way.
const attempts = 5

// within runs f in one transaction. f runs again if another process's transaction got in the way.
func (s *Store) within(ctx context.Context, f func(*txn) error) error {
	for n := 1; ; n++ {
		err := s.once(ctx, f)
		if err == nil || n == attempts || !inTheWay(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) once(ctx context.Context, f func(*txn) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	t := &txn{Queries: s.writes.in(tx), ctx: ctx, sql: tx}
	err = f(t)
	if err == nil {
		err = s.insert(t)
	}
	if err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.writes.prepare(ctx)
	return nil
}

// inTheWay reports whether PostgreSQL ended a transaction for another's sake: a serialization failure or a deadlock
// (appendix A of its manual).
func inTheWay(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// ignoreDone: a transaction whose context ended has been rolled back already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// within runs f in a transaction of a database on which a daemon may be working, and inserts no jobs.
func (d *database) within(ctx context.Context, f func(*db.Queries) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(db.New(tx)); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func (r *Reader) reading() *db.Queries { return r.db.reads.outside(r.db.read) }

// ms is t in Unix milliseconds; 0 stands for an unknown time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMS(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

func toSource(r db.Source) calendar.Source {
	return calendar.Source{
		ID: calendar.SourceID(r.ID), Driver: r.Driver, Account: r.Account, Calendar: r.Calendar,
		Primary: r.IsPrimary, User: r.ReadAs, NoAccess: r.NoAccess,
	}
}
