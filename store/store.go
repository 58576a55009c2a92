// Package store keeps sources, copies, decisions, schedules and the outbox in SQLite, behind the
// engine's interface. The schema is in migrations/, every query in queries.sql, both in the dialect
// that SQLite and PostgreSQL share.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store is an engine.Store and an engine.Reader in one SQLite file.
type Store struct {
	Reader
	sql  *sql.DB
	lock *flock.Flock
}

// A Reader is an engine.Reader of a file that a daemon may be working on. It does not wait for it (WAL).
type Reader struct{ read *sql.DB }

var (
	_ engine.Store  = (*Store)(nil)
	_ engine.Reader = (*Reader)(nil)
)

// errLocked says that a daemon has the file.
var errLocked = errors.New("another syncd is working on it")

// Open opens the file, makes it and its folder if there is none, and brings its tables up to date.
// The write-ahead log is synced at each commit: what was stored survives a power loss. A second daemon
// on the same file is refused.
func Open(ctx context.Context, file string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("store %s: make its folder: %w", file, err)
	}
	lock := flock.New(file+".lock", flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("store %s: lock it: %w", file, err)
	} else if !ok {
		return nil, fmt.Errorf("store %s: %w; stop that one, or give this one a store of its own", file, errLocked)
	}
	s := &Store{lock: lock}
	if err := s.open(ctx, file); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", file, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, file string) error {
	// The file holds people's names and meetings' links: nobody else's business.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.sql, s.read, err = connect(file); err != nil {
		return err
	}
	if err := sound(ctx, s.sql); err != nil {
		return err
	}
	if err := migrate(ctx, s.sql); err != nil {
		return err
	}
	return s.reindex(ctx)
}

// connect has a connection for writing, of which there is one, and those for reading.
func connect(file string) (write, read *sql.DB, err error) {
	if write, err = sql.Open("sqlite", dsn(file, "_txlock=immediate")); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1) // within a process, no busy database
	if read, err = sql.Open("sqlite", dsn(file, "mode=ro")); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	return write, read, nil
}

// OpenReader opens a file that exists, to read it alone.
func OpenReader(ctx context.Context, file string) (*Reader, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	read, err := sql.Open("sqlite", dsn(file, "mode=ro"))
	if err == nil {
		err = sound(ctx, read)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", file, err), read.Close())
	}
	return &Reader{read}, nil
}

func dsn(file, option string) string {
	// A "?" or "#" in the name would end the path of the URI.
	path := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(file))
	return "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&" + option
}

// sound finds a damaged file before anything is done.
func sound(ctx context.Context, d *sql.DB) error {
	const remedy = "is damaged: restore it from a backup, or move it away and let syncd read the calendars anew (schedules then get new deliveries)"
	var verdict string
	if err := d.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("%s (%w)", remedy, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%s (%s)", remedy, verdict)
	}
	return nil
}

func migrate(ctx context.Context, d *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Two migrations that were written at a time may reach a file in either order.
	m, err := goose.NewProvider(goose.DialectSQLite3, d, files, goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if version, err := m.GetDBVersion(ctx); err != nil {
		return fmt.Errorf("read its version: %w", err)
	} else if sources := m.ListSources(); version > sources[len(sources)-1].Version {
		return fmt.Errorf("was written by a newer syncd (tables of version %d): run that one", version)
	}
	if _, err := m.Up(ctx); err != nil {
		return fmt.Errorf("bring its tables up to date: %w", err)
	}
	return nil
}

// Close closes the file and lets others work on it.
func (s *Store) Close() error {
	var errs []error
	for _, d := range []*sql.DB{s.read, s.sql} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Unlock())...)
}

// Close closes the file.
func (r *Reader) Close() error { return r.read.Close() }

// within runs f in one transaction.
func (s *Store) within(ctx context.Context, f func(*db.Queries) error) error {
	return within(ctx, s.sql, f)
}

func within(ctx context.Context, write *sql.DB, f func(*db.Queries) error) error {
	tx, err := write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(db.New(tx)); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// ignoreDone: a transaction whose context ended has been rolled back already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func (r *Reader) reading() *db.Queries { return db.New(r.read) }

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
