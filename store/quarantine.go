package store

import (
	"context"
	"fmt"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/store/db"
)

// A Quarantine has the letters that are held, in a store on which daemons may be working.
type Quarantine struct{ Reader }

// OpenQuarantine opens a store that exists.
func OpenQuarantine(ctx context.Context, name string) (*Quarantine, error) {
	d, err := openDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Quarantine{Reader{d}}, nil
}

// A KeptLetter is a letter and whose it is.
type KeptLetter struct {
	Source calendar.SourceID
	connectors.Letter
}

// LettersOf are at most n letters in a state, the newest first.
func (r *Reader) LettersOf(ctx context.Context, state connectors.LetterState, n int) ([]KeptLetter, error) {
	return toKept(r.reading().LettersOfState(ctx, db.LettersOfStateParams{State: string(state), N: int32(n)}))
}

func toKept(rows []db.Letter, err error) ([]KeptLetter, error) {
	all, err := toLetters(rows, err)
	kept := make([]KeptLetter, len(all))
	for i, l := range all {
		kept[i] = KeptLetter{calendar.SourceID(rows[i].Source), l}
	}
	return kept, err
}

// Release makes the letter of this id, or the one whose id begins so, count.
func (q *Quarantine) Release(ctx context.Context, id string) (KeptLetter, error) {
	var released KeptLetter
	err := q.db.within(ctx, func(db *db.Queries) error {
		var err error
		released, err = release(ctx, db, id)
		return err
	})
	return released, err
}

func release(ctx context.Context, q *db.Queries, id string) (KeptLetter, error) {
	held, err := toKept(q.LettersFrom(ctx, db.LettersFromParams{State: string(connectors.LetterHeld), Least: id, Above: id + "\x7f"}))
	switch {
	case err != nil:
		return KeptLetter{}, err
	case len(held) == 0 || id == "":
		return KeptLetter{}, fmt.Errorf("no letter %q is held", id)
	case len(held) > 1:
		return KeptLetter{}, fmt.Errorf("more than one letter that is held begins with %s: give more of its id", id)
	}
	err = releaseLetter(ctx, q, &held[0])
	return held[0], err
}

// releaseLetter makes a letter that is held count, and its source due.
func releaseLetter(ctx context.Context, q *db.Queries, l *KeptLetter) (err error) {
	if l.Seq, err = q.Next(ctx, "letters"); err != nil {
		return fmt.Errorf("number the letter %s: %w", l.ID, err)
	}
	if err := q.ReleaseLetter(ctx, db.ReleaseLetterParams{Source: string(l.Source), ID: l.ID, Seq: l.Seq}); err != nil {
		return fmt.Errorf("release the letter %s: %w", l.ID, err)
	}
	if err := q.MakeDue(ctx, db.MakeDueParams{ID: string(l.Source)}); err != nil {
		return fmt.Errorf("make %s due: %w", l.Source, err)
	}
	l.State = connectors.LetterReleased
	return nil
}
