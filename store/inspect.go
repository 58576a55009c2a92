package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"example.com/syncd/internal/folder"
)

// An Inspection is what can be told of a store without changing it.
type Inspection struct {
	Name   string // for people: without a password
	Exists bool   // else a daemon makes it
	// Version is that of its tables, Newest that of this program's: a daemon brings them up to date.
	Version, Newest int64
	InUse           bool // a daemon works on the file
}

// leastServer is the oldest version of PostgreSQL that is tested.
const leastServer = 150000

// Inspect looks whether a daemon could work on the store of that name, beside one that does. The error says what to mend.
func Inspect(ctx context.Context, name string) (in Inspection, err error) {
	in.Name = "store"
	if in.Newest, err = newestMigration(); err != nil {
		return in, err
	}
	if !Shared(name) {
		in.Name = "store " + name
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return in, makeable(name)
		} else if err != nil {
			return in, fmt.Errorf("store: %w", err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return in, fmt.Errorf("store: %w: let syncd write to it, and to its folder", err)
		}
		if err := errors.Join(f.Close(), makeable(name)); err != nil { // SQLite makes files beside it
			return in, err
		}
	}
	d, err := openDatabase(ctx, name)
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	in.Name, in.Exists = d.name, true
	if d.pool != nil {
		err = d.inspectServer(ctx)
	} else {
		in.InUse, err = inUse(name)
	}
	if err != nil {
		return in, fmt.Errorf("%s: %w", d.name, err)
	}
	if in.Version, err = d.version(ctx); err != nil {
		return in, fmt.Errorf("%s: read its version: %w", d.name, err)
	}
	if in.Version > in.Newest {
		if err := d.readable(ctx, in.Version, in.Newest); err != nil {
			return in, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return in, nil
}

func makeable(name string) error {
	if err := folder.CanMake(name); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// inUse reports whether a daemon has the file's lock.
func inUse(name string) (bool, error) {
	if _, err := os.Stat(name + ".lock"); errors.Is(err, fs.ErrNotExist) {
		return false, nil // no lock is made here
	}
	l, err := lockFile(name)
	if errors.Is(err, errLocked) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, l.Unlock()
}

// inspectServer asks PostgreSQL what a daemon needs of it.
func (d *database) inspectServer(ctx context.Context) error {
	var number int
	var name string
	var readOnly, mayMake bool
	err := d.read.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE')`).Scan(&number, &name, &readOnly, &mayMake)
	switch {
	case err != nil:
		return fmt.Errorf("ask what it is: %w", err)
	case number < leastServer:
		return fmt.Errorf("it is PostgreSQL %s: 15 or newer is needed", name)
	case readOnly:
		return errors.New("it can only be read: name the primary server")
	case !mayMake:
		return errors.New("syncd may make no tables in it: GRANT CREATE ON SCHEMA to its user")
	}
	return nil
}

// version is that of the tables; 0: there are none.
func (d *database) version(ctx context.Context) (v int64, err error) {
	var tables int
	query := "SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'"
	if d.pool != nil {
		query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'goose_db_version'"
	}
	if err := d.read.QueryRowContext(ctx, query).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = d.read.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&v)
	return v, err
}
