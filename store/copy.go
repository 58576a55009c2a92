package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Copy fills an empty store with all that another one holds: from a file into PostgreSQL, or the other way. No daemon may be
// working on either; one that has an SQLite file is found out. It is one transaction, so that a store that is not whole is empty.
// told hears how many rows of a table there were, when they have been copied.
func Copy(ctx context.Context, from, to string, told func(table string, rows int64)) (err error) {
	if !Shared(from) {
		if _, err := os.Stat(from); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	source, err := Open(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := Open(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := copyAll(ctx, source.database, target.database, told); err != nil {
		return fmt.Errorf("copy %s to %s: %w", source.name, target.name, err)
	}
	return nil
}

func copyAll(ctx context.Context, source, target *database, told func(string, int64)) error {
	asOne := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	if source.pool == nil { // which knows no other way
		asOne = nil
	}
	read, err := source.read.BeginTx(ctx, asOne)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = read.Rollback() }() // there is nothing to lose
	all, err := tables(ctx, read, source)
	if err != nil {
		return err
	}
	w, err := target.filling(ctx)
	if err != nil {
		return err
	}
	defer w.rollback()
	for _, table := range all {
		if table == sequences {
			err = w.exec(ctx, "DELETE FROM "+sequences)
		} else {
			err = w.empty(ctx, table)
		}
		if err != nil {
			return err
		}
		n, err := copyTable(ctx, read, w, table)
		if err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		told(table, n)
	}
	return w.commit()
}

// sequences is the one table that has rows in a store that is empty.
const sequences = "sequences"

// tables are the store's own, each behind those that it refers to. Those of the job queue stay: what is due is found again.
func tables(ctx context.Context, q *sql.Tx, d *database) ([]string, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid"
	if d.pool != nil {
		query = "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.oid"
	}
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(name, "river_") && !strings.HasPrefix(name, "goose_") {
			all = append(all, name)
		}
	}
	return all, rows.Err()
}

// copyTable copies all rows, and counts them.
func copyTable(ctx context.Context, read *sql.Tx, w filling, table string) (int64, error) {
	rows, err := read.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	kinds, err := w.kinds(ctx, table)
	if err != nil {
		return 0, err
	}
	places, values := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	return w.fill(ctx, table, columns, func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		row := slices.Clone(values)
		for i, v := range row {
			if n, ok := v.(int64); ok && kinds[columns[i]] == "BOOL" { // SQLite has none
				row[i] = n != 0
			}
		}
		return row, nil
	})
}

// A filling is the transaction that fills a store.
type filling interface {
	exec(ctx context.Context, query string) error
	// empty fails if the table has a row.
	empty(ctx context.Context, table string) error
	// kinds are the types of the columns by name, as the driver has them.
	kinds(ctx context.Context, table string) (map[string]string, error)
	// fill inserts rows until next has none, and counts them.
	fill(ctx context.Context, table string, columns []string, next func() ([]any, error)) (int64, error)
	commit() error
	rollback()
}

func (d *database) filling(ctx context.Context) (filling, error) {
	if d.pool == nil {
		tx, err := d.write.BeginTx(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("begin: %w", err)
		}
		return sqliteFilling{tx}, nil
	}
	tx, err := d.pool.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	return postgresFilling{ctx, tx}, nil
}

var errNotEmpty = errors.New("it is not empty: name a new file, or a database without tables; nothing was copied")

type sqliteFilling struct{ tx *sql.Tx }

func (f sqliteFilling) exec(ctx context.Context, query string) error {
	_, err := f.tx.ExecContext(ctx, query)
	return err
}

func (f sqliteFilling) empty(ctx context.Context, table string) error {
	var one int
	err := f.tx.QueryRowContext(ctx, "SELECT 1 FROM "+table+" LIMIT 1").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return cmp.Or(err, errNotEmpty)
}

// kinds are of no account: SQLite takes everything as it is.
func (f sqliteFilling) kinds(context.Context, string) (map[string]string, error) { return nil, nil }

func (f sqliteFilling) fill(ctx context.Context, table string, columns []string, next func() ([]any, error)) (int64, error) {
	insert, err := f.tx.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	for n := int64(0); ; n++ {
		row, err := next()
		if err != nil || row == nil {
			return n, err
		}
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return n, err
		}
	}
}

func (f sqliteFilling) commit() error { return f.tx.Commit() }
func (f sqliteFilling) rollback()     { _ = f.tx.Rollback() } // behind a commit there is nothing to roll back

type postgresFilling struct {
	ctx context.Context
	tx  pgx.Tx
}

func (f postgresFilling) exec(ctx context.Context, query string) error {
	_, err := f.tx.Exec(ctx, query)
	return err
}

func (f postgresFilling) empty(ctx context.Context, table string) error {
	var one int
	err := f.tx.QueryRow(ctx, "SELECT 1 FROM "+table+" LIMIT 1").Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return cmp.Or(err, errNotEmpty)
}

func (f postgresFilling) kinds(ctx context.Context, table string) (map[string]string, error) {
	rows, err := f.tx.Query(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	rows.Close()
	kinds := map[string]string{}
	for _, c := range rows.FieldDescriptions() {
		if t, ok := f.tx.Conn().TypeMap().TypeForOID(c.DataTypeOID); ok {
			kinds[c.Name] = strings.ToUpper(t.Name)
		}
	}
	return kinds, rows.Err()
}

func (f postgresFilling) fill(ctx context.Context, table string, columns []string, next func() ([]any, error)) (int64, error) {
	return f.tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(next))
}

func (f postgresFilling) commit() error { return f.tx.Commit(f.ctx) }
func (f postgresFilling) rollback()     { _ = f.tx.Rollback(context.WithoutCancel(f.ctx)) } // as above
