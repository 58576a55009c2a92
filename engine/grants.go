package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Look has the next round, which begins at once, list the calendars of these users of a connection and pull
// them, those that were refused among them: what the users grant has changed.
func (e *Engine) Look(connection string, users ...string) {
	if len(users) == 0 { // to list nobody's is to list everybody's
		return
	}
	e.mu.Lock()
	if e.granted[connection] == nil {
		e.granted[connection] = map[string]bool{}
	}
	for _, u := range users {
		e.granted[connection][u] = true
	}
	e.mu.Unlock()
	e.Wake()
}

// lookAnew does what Look has asked for. Users whose calendars can't be listed now are listed with all others.
func (e *Engine) lookAnew(ctx context.Context) error {
	e.mu.Lock()
	granted := maps.Clone(e.granted)
	clear(e.granted)
	e.mu.Unlock()
	if len(granted) == 0 {
		return nil
	}
	for name, users := range granted {
		if c, ok := e.connections[name]; ok {
			if err := e.listUsers(ctx, c, slices.Sorted(maps.Keys(users))); err != nil {
				return err
			}
			for u := range users {
				if err := e.Store.MakeReaderDue(ctx, c, u, e.Now()); err != nil {
					return fmt.Errorf("have the calendars of a user of %s read: %w", name, err)
				}
			}
		}
	}
	return nil
}

func (e *Engine) listUsers(ctx context.Context, c Connection, users []string) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sources, err := c.Connector.Sources(limited, users)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		e.Log.Warn("listing calendars failed; they are listed again with the others", "connection", c.String(), "error", err)
		return nil
	}
	if err := e.Store.PutSources(ctx, sources, e.Now()); err != nil {
		return fmt.Errorf("store the calendars of %s: %w", c, err)
	}
	return nil
}
