package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"example.com/syncd/store"
)

// storeCommand is what is done with a whole store.
type storeCommand struct {
	Copy storeCopyCommand `cmd:"" help:"Copy all that the store holds into an empty one: from a file into PostgreSQL, or the other way. Stop the daemons first."`
}

// storeCopyCommand moves a company to another store without arranging a recording twice.
type storeCopyCommand struct {
	configFlag
	To string `arg:"" help:"The new store: a file that is not there yet, or the URL of an empty PostgreSQL database."`
}

func (c *storeCopyCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var all int64
	err = store.Copy(ctx, cfg.Store, c.To, func(table string, rows int64) {
		all += rows
		if rows > 0 {
			fmt.Fprintf(s.err, "%-18s %9d rows\n", table, rows)
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return noStore(cfg, c.Config)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "copied %d rows; now set store in %s to the new one, and start no daemon on the old one again: it would arrange what the new one arranges, too\n", all, c.Config)
	return err
}
