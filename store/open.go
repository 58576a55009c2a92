package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A database is where a store is: an SQLite file, or a PostgreSQL database that several processes share.
type database struct {
	name        string // for people: without a password
	write, read *sql.DB
	pool        *pgxpool.Pool // PostgreSQL's; nil: SQLite

	writes, reads *statements // SQLite's
}

// Shared reports whether name is that of a store which several processes may share: a URL of PostgreSQL.
func Shared(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// connections is how many connections to PostgreSQL a process has at most, but for the one that listens.
const connections = 20

// connect opens the database without looking at it.
func connect(ctx context.Context, name string) (*database, error) {
	if Shared(name) {
		return connectPostgres(ctx, name)
	}
	d := &database{name: "store " + name}
	var err error
	// Of connections for writing there is one: within a process, no busy database.
	if d.write, err = sql.Open("sqlite", dsn(name, "_txlock=immediate"+writing)); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	d.write.SetMaxOpenConns(1)
	if d.read, err = sql.Open("sqlite", dsn(name, "mode=ro")); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", d.name, err), d.write.Close())
	}
	d.writes, d.reads = newStatements(d.write), newStatements(d.read)
	return d, nil
}

func connectPostgres(ctx context.Context, url string) (*database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil { // the error has the URL without its password
		return nil, fmt.Errorf("store: %w", err)
	}
	d := &database{name: fmt.Sprintf("store %s on %s", cfg.ConnConfig.Database, cfg.ConnConfig.Host)}
	if cfg.MaxConns < connections {
		cfg.MaxConns = connections
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "syncd"
	}
	// A process that stops in the middle of a transaction must not keep the others waiting.
	params["idle_in_transaction_session_timeout"] = "30s"
	params["lock_timeout"] = "30s"
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	d.write = stdlib.OpenDBFromPool(d.pool)
	d.read = d.write
	return d, nil
}

func (d *database) close() error {
	if d.pool != nil {
		err := d.write.Close()
		d.pool.Close()
		return err
	}
	return errors.Join(d.reads.close(), d.writes.close(), d.read.Close(), d.write.Close())
}

// driver is River's.
func (d *database) driver() riverdriver.Driver[*sql.Tx] {
	if d.pool != nil {
		return riverdatabasesql.NewWithPgxListener(d.write, d.pool)
	}
	return riversqlite.New(d.write)
}

// writing are settings of the connection that writes. The pages that each decision touches stay in memory (in KiB); and what
// is written often is merged into the file once for many times (in pages of 4 KiB), which costs that much more disk.
const writing = "&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(8000)"

func dsn(file, option string) string {
	// A "?" or "#" in the name would end the path of the URI.
	path := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(file))
	return "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&" + option
}

// make makes the file and its folder if there is none.
func makeFile(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	// The file holds people's names and meetings' links: nobody else's business.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// lockFile keeps a second daemon from the file.
func lockFile(file string) (*flock.Flock, error) {
	l := flock.New(file+".lock", flock.SetPermissions(0o600))
	if ok, err := l.TryLock(); err != nil {
		return nil, fmt.Errorf("lock it: %w", err)
	} else if !ok {
		return nil, fmt.Errorf("%w; stop that one, or give this one a store of its own", errLocked)
	}
	return l, nil
}

// errLocked says that a daemon has the file.
var errLocked = errors.New("another syncd is working on it")

// sound finds a damaged file, or a server that can't be reached, before anything is done. A file that is just being
// made is looked at by the connection that writes.
func (d *database) sound(ctx context.Context, by *sql.DB) error {
	if d.pool != nil {
		if err := d.write.PingContext(ctx); err != nil {
			return fmt.Errorf("can't be reached (%w): check the URL in store, and that PostgreSQL lets this host in", err)
		}
		return nil
	}
	const remedy = "is damaged: restore it from a backup, or move it away and let syncd read the calendars anew (schedules then get new deliveries)"
	var verdict string
	if err := by.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("%s (%w)", remedy, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%s (%s)", remedy, verdict)
	}
	return nil
}

// migrate brings the tables up to date, River's first. Of several processes one does it, and the others wait.
// Processes of the version before go on working: migrations add, and take nothing away.
func (d *database) migrate(ctx context.Context) error {
	m, err := d.migrator()
	if err != nil {
		return err
	}
	if version, err := m.GetDBVersion(ctx); err != nil {
		return fmt.Errorf("read its version: %w", err)
	} else if newest, err := newestMigration(); err != nil {
		return err
	} else if version > newest {
		return d.readable(ctx, version, newest)
	}
	if err := d.migrateJobs(ctx); err != nil {
		return err
	}
	if _, err := m.Up(ctx); err != nil {
		return fmt.Errorf("bring its tables up to date: %w", err)
	}
	return nil
}

func (d *database) migrator() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	// Two migrations that were written at a time may reach a store in either order.
	options := []goose.ProviderOption{goose.WithAllowOutofOrder(true)}
	dialect := goose.DialectSQLite3
	if d.pool != nil {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
		if err != nil {
			return nil, fmt.Errorf("read the migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	m, err := goose.NewProvider(dialect, d.write, files, options...)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return m, nil
}

// migrateJobs brings River's tables up to date.
func (d *database) migrateJobs(ctx context.Context) (err error) {
	m, err := rivermigrate.New(d.driver(), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read River's migrations: %w", err)
	}
	if d.pool != nil { // River's own migrations are no single transaction
		lock, err := d.write.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
		if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
			return fmt.Errorf("wait for another process's migrations: %w", err)
		}
		defer func() {
			_, e := lock.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
			err = errors.Join(err, e)
		}()
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("bring River's tables up to date: %w", err)
	}
	return nil
}

// migrationLock is a number that nobody else should have chosen.
const migrationLock = 0x73796e6364 // "syncd"

// readable reports whether a store that a newer syncd has written can be worked on by this one: one that migrates in
// steps that old processes can live with says so.
func (d *database) readable(ctx context.Context, version, newest int64) error {
	var oldest int64
	err := d.write.QueryRowContext(ctx, "SELECT CAST(value AS bigint) FROM settings WHERE name = 'oldest'").Scan(&oldest)
	if err == nil && oldest <= newest {
		return nil
	}
	return fmt.Errorf("was written by a newer syncd (tables of version %d): run that one", version)
}
