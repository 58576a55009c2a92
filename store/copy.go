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
	"github.com/jackc/pgx/v5/stdlib"
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
	conn, err := target.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	write, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = write.Rollback() }() // behind a commit there is nothing to roll back
	fill := inserting(write)
	if target.pool != nil {
		fill = copying(conn)
	}
	for _, table := range all {
		if table == sequences {
			_, err = write.ExecContext(ctx, "DELETE FROM "+sequences)
		} else {
			err = empty(ctx, write, table)
		}
		if err != nil {
			return err
		}
		n, err := copyTable(ctx, read, write, table, fill)
		if err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		told(table, n)
	}
	return write.Commit()
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

var errNotEmpty = errors.New("it is not empty: name a new file, or a database without tables; nothing was copied")

// empty fails if the table has a row.
func empty(ctx context.Context, q *sql.Tx, table string) error {
	var one int
	err := q.QueryRowContext(ctx, "SELECT 1 FROM "+table+" LIMIT 1").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return cmp.Or(err, errNotEmpty)
}

// copyTable copies all rows, and counts them.
func copyTable(ctx context.Context, read, write *sql.Tx, table string, fill filler) (int64, error) {
	rows, err := read.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	truths, err := truths(ctx, write, table)
	if err != nil {
		return 0, err
	}
	places, values := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	return fill(ctx, table, columns, func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		row := slices.Clone(values)
		for i, v := range row {
			if n, ok := v.(int64); ok && truths[columns[i]] {
				row[i] = n != 0
			}
		}
		return row, nil
	})
}

// truths are the columns that are true or false, for PostgreSQL alone: SQLite has numbers there.
func truths(ctx context.Context, q *sql.Tx, table string) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, t := range types {
		all[t.Name()] = t.DatabaseTypeName() == "BOOL"
	}
	return all, rows.Err()
}

// A filler puts rows into a table until next has none, and counts them.
type filler func(ctx context.Context, table string, columns []string, next func() ([]any, error)) (int64, error)

// inserting puts them there one by one.
func inserting(write *sql.Tx) filler {
	return func(ctx context.Context, table string, columns []string, next func() ([]any, error)) (int64, error) {
		insert, err := write.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
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
}

// copying puts them there in one stream, by the connection that the transaction is on.
func copying(conn *sql.Conn) filler {
	return func(ctx context.Context, table string, columns []string, next func() ([]any, error)) (n int64, err error) {
		err = conn.Raw(func(driver any) error {
			n, err = driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(next))
			return err
		})
		return n, err
	}
}
