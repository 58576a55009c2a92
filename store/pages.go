package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// heldFrom is how many copies a source must have lost at once for its empty listing to be doubted.
const heldFrom = 3

// sourcesAtOnce is how many sources are looked at in one transaction: nobody else writes meanwhile.
const sourcesAtOnce = 500

// PutSources adds sources or updates what they are.
func (s *Store) PutSources(ctx context.Context, sources []calendar.Source, now time.Time) error {
	sources = slices.SortedFunc(slices.Values(sources), func(a, b calendar.Source) int { return cmp.Compare(a.ID, b.ID) })
	for some := range slices.Chunk(sources, sourcesAtOnce) {
		err := s.within(ctx, func(q *txn) error {
			more := false
			for _, src := range some {
				isNew, err := putSource(ctx, q, src)
				if err != nil {
					return fmt.Errorf("store source %s: %w", src.ID, err)
				}
				more = more || isNew
			}
			if !more {
				return nil
			}
			return accessChanged(ctx, q, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putSource writes nothing if the source is known as it is.
func putSource(ctx context.Context, q *txn, src calendar.Source) (isNew bool, err error) {
	known, err := q.Source(ctx, string(src.ID))
	isNew = errors.Is(err, sql.ErrNoRows)
	if err != nil && !isNew {
		return false, err
	}
	if !isNew && known.IsPrimary == src.Primary && known.ReadAs == src.User {
		return false, nil
	}
	return isNew, q.PutSource(ctx, db.PutSourceParams{
		ID: string(src.ID), Driver: src.Driver, Account: src.Account, Calendar: src.Calendar,
		IsPrimary: src.Primary, ReadAs: src.User, NoAccess: src.NoAccess,
	})
}

// Report notes what a pull came to.
func (s *Store) Report(ctx context.Context, src calendar.SourceID, fence int64, r engine.PullReport) error {
	return s.within(ctx, func(q *txn) error {
		before, err := q.Source(ctx, string(src))
		if err != nil {
			return fmt.Errorf("read source %s: %w", src, err)
		}
		n, err := q.ReportPull(ctx, db.ReportPullParams{
			ID: string(src), Fence: fence, NextAt: ms(r.NextAt), PulledAt: ms(r.PulledAt), TriedAt: ms(r.TriedAt), Failures: int64(r.Failures),
			Error: r.Error, NoAccess: r.Refused, Pushes: r.Pushes, PushedAt: ms(r.PushedAt),
		})
		switch {
		case err != nil:
			return err
		case n != 1:
			return engine.ErrStale
		case before.NoAccess != r.Refused:
			return accessChanged(ctx, q, r.TriedAt)
		}
		return nil
	})
}

// Apply stores a page, its sweep and its cursor.
func (s *Store) Apply(ctx context.Context, src calendar.SourceID, from connectors.Cursor, reading string, p connectors.Page, now time.Time) (engine.Applied, error) {
	var done engine.Applied
	err := s.within(ctx, func(q *txn) error {
		done = engine.Applied{}
		if n, err := q.HoldCursor(ctx, db.HoldCursorParams{ID: string(src), Prev: string(from)}); err != nil {
			return fmt.Errorf("hold source %s: %w", src, err)
		} else if n != 1 {
			return engine.ErrStale
		}
		row, err := q.Source(ctx, string(src))
		if err != nil {
			return fmt.Errorf("read source %s: %w", src, err)
		}
		a := applying{ctx: ctx, q: q.Queries, src: src, listing: row.Listing, now: now, audited: p.Audited, marks: map[string]bool{}}
		if p.First {
			a.listing++
		}
		if err := a.events(p); err != nil {
			return err
		}
		for _, l := range p.Letters {
			if err := putLetter(ctx, q.Queries, src, l); err != nil {
				return err
			}
		}
		next := string(p.Next)
		if p.Last {
			empty, err := a.sweep(p.Listed, !row.Held)
			if err != nil {
				return err
			}
			if empty {
				next = "" // to be listed anew
			}
			row.Held, done.Held = empty, empty
		}
		done.Repaired, done.Changed = a.repaired, len(a.marks) > 0
		if err := a.markAll(q); err != nil {
			return err
		}
		move := db.MoveCursorParams{ID: string(src), Next: next, Reading: reading, Listing: a.listing, Held: row.Held}
		if done.Changed {
			move.ChangedAt = ms(now)
		}
		return q.MoveCursor(ctx, move)
	})
	if err != nil {
		return engine.Applied{}, err
	}
	return done, nil
}

// lately is how old a change must be to count as one that a provider has not told: it may have happened while the
// listing was on its way.
const lately = 10 * time.Minute

// applying is one page on its way into the copies of one source.
type applying struct {
	ctx     context.Context
	q       *db.Queries
	src     calendar.SourceID
	listing int64
	now     time.Time

	audited  calendar.Window // the page's
	repaired int
	marks    map[string]bool // meetings to decide
}

// repair counts a copy that is put right though nothing was told of it. from and to are its times, in ms.
func (a *applying) repair(from, to int64) {
	if w := a.audited; from < ms(w.End) && (to > ms(w.Start) || from >= ms(w.Start)) {
		a.repaired++
	}
}

func (a *applying) events(p connectors.Page) error {
	for _, e := range p.Events {
		if err := a.put(e); err != nil {
			return fmt.Errorf("store copy %s: %w", e.Ref, err)
		}
	}
	for _, ref := range p.Gone {
		if err := a.drop(ref); err != nil {
			return fmt.Errorf("drop copy %s: %w", ref, err)
		}
	}
	return nil
}

// put stores e unless it is stored as it is.
func (a *applying) put(e calendar.Event) error {
	old, err := a.q.Copy(a.ctx, db.CopyParams{Source: string(a.src), Ref: string(e.Ref)})
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if known {
		var prev calendar.Copy
		if err := json.Unmarshal([]byte(old.Data), &prev); err != nil {
			return fmt.Errorf("read what is stored of it: %w", err)
		}
		e = e.Follow(prev.Event)
	}
	data, err := encodeCopy(a.src, e)
	if err != nil {
		return err
	}
	meeting := string(keyOf(a.src, e))
	if known && old.Data == data && old.Meeting == meeting {
		return a.q.SeeCopy(a.ctx, db.SeeCopyParams{Source: string(a.src), Ref: string(e.Ref), Listing: a.listing})
	}
	if a.now.Sub(e.Updated) > lately {
		if known {
			a.repair(old.StartAt, old.EndAt)
		} else {
			a.repair(ms(e.Start.Instant()), ms(e.End.Instant()))
		}
	}
	if known && old.Meeting != meeting {
		a.marks[old.Meeting] = true
	}
	err = a.q.PutCopy(a.ctx, db.PutCopyParams{
		Source: string(a.src), Ref: string(e.Ref), Meeting: meeting, StartAt: ms(e.Start.Instant()),
		EndAt: ms(e.End.Instant()), Listing: a.listing, Data: data,
	})
	if err != nil {
		return err
	}
	a.marks[meeting] = true
	return nil
}

func (a *applying) drop(ref calendar.Ref) error {
	old, err := a.q.Copy(a.ctx, db.CopyParams{Source: string(a.src), Ref: string(ref)})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	a.repair(old.StartAt, old.EndAt)
	if err := a.q.DropCopy(a.ctx, db.DropCopyParams{Source: string(a.src), Ref: string(ref)}); err != nil {
		return err
	}
	a.marks[old.Meeting] = true
	return nil
}

// sweep drops what the listing that ends did not see in its window. When it saw nothing where there
// were several copies, and doubt is allowed, it drops nothing and says so.
func (a *applying) sweep(w calendar.Window, doubt bool) (held bool, err error) {
	rows, err := a.q.CopiesInWindow(a.ctx, db.CopiesInWindowParams{
		Source: string(a.src), WindowStart: ms(w.Start), WindowEnd: ms(w.End),
	})
	if err != nil {
		return false, fmt.Errorf("read the copies to sweep: %w", err)
	}
	var unseen []calendar.Ref
	for _, r := range rows {
		if r.Listing != a.listing {
			unseen = append(unseen, calendar.Ref(r.Ref))
		}
	}
	if doubt && len(unseen) == len(rows) && len(rows) >= heldFrom {
		return true, nil
	}
	for _, ref := range unseen {
		if err := a.drop(ref); err != nil {
			return false, fmt.Errorf("sweep copy %s: %w", ref, err)
		}
	}
	return false, nil
}

// markAll marks the meetings that the page has touched, in one order for all transactions, so that two that touch the
// same ones do not wait for each other.
func (a *applying) markAll(q *txn) error {
	for _, m := range slices.Sorted(maps.Keys(a.marks)) {
		if err := q.MarkUndecided(a.ctx, db.MarkUndecidedParams{Meeting: m, Since: ms(a.now)}); err != nil {
			return fmt.Errorf("mark %s as undecided: %w", m, err)
		}
	}
	if len(a.marks) > 0 {
		q.need(engine.Job{Kind: engine.Decide})
	}
	return nil
}

// keyOf is the meeting that e counts to. A copy without a UID is a meeting of its own.
func keyOf(src calendar.SourceID, e calendar.Event) calendar.Key {
	return calendar.Merge([]calendar.Copy{{Source: calendar.Source{ID: src}, Event: e}})[0].Key
}

// encodeCopy is what is stored of e: no bodies, since it is distilled.
func encodeCopy(src calendar.SourceID, e calendar.Event) (string, error) {
	if e.Links == nil || e.Description != "" || e.Location != "" {
		return "", fmt.Errorf("copy %s is not distilled; bodies are never stored", e.Ref)
	}
	// The source's own columns say the rest.
	b, err := json.Marshal(calendar.Copy{Source: calendar.Source{ID: src, Driver: string(src)}, Event: e})
	return string(b), err
}
