package store

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// Signals are what people said of meetings, in a store on which daemons may be working. A daemon that has the store open
// decides by what is said there at once, any other at its next look.
type Signals struct {
	Reader
	store *Store // nil: this process has none
}

// Signals are what people said of the store's meetings.
func (s *Store) Signals() *Signals { return &Signals{s.Reader, s} }

// OpenSignals opens those of a store that exists.
func OpenSignals(ctx context.Context, name string) (*Signals, error) {
	d, err := openDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Signals{Reader{d}, nil}, nil
}

// Say adds what somebody says of a meeting, or of a whole series, at a time to the millisecond, in one transaction with having decided anew what it is
// about and has not ended then.
func (g *Signals) Say(ctx context.Context, s eligibility.Signal) error {
	return g.within(ctx, s.Meeting, s.At, func(q *db.Queries) error {
		seq, err := q.Next(ctx, "signals")
		if err != nil {
			return fmt.Errorf("count the signal: %w", err)
		}
		err = q.PutSignal(ctx, db.PutSignalParams{Seq: seq, Meeting: string(s.Meeting), Email: s.Email, Signal: s.Signal, At: ms(s.At)})
		if err != nil {
			return fmt.Errorf("store the signal: %w", err)
		}
		return nil
	})
}

// TakeBack takes out all that somebody said of exactly this meeting, or series, and returns how much that was.
func (g *Signals) TakeBack(ctx context.Context, about calendar.Key, email string, now time.Time) (n int, err error) {
	err = g.within(ctx, about, now, func(q *db.Queries) error {
		dropped, err := q.DropSignals(ctx, db.DropSignalsParams{Meeting: string(about), Email: strings.ToLower(email)})
		if err != nil {
			return fmt.Errorf("take out signals: %w", err)
		}
		n = int(dropped)
		return nil
	})
	return n, err
}

// ahead is how long ago what people said something of counts as waiting to be decided: nothing else waits so long, and so
// it is decided first.
const ahead = time.Hour

// within changes what was said of a meeting while nobody decides: whoever has read what was said before has decided
// before, and does it again.
func (g *Signals) within(ctx context.Context, about calendar.Key, now time.Time, change func(*db.Queries) error) error {
	f := func(q *db.Queries) error {
		if err := q.Lock(ctx, "decisions"); err != nil {
			return fmt.Errorf("wait for others that decide: %w", err)
		}
		if err := change(q); err != nil {
			return err
		}
		err := q.MarkSpokenOf(ctx, db.MarkSpokenOfParams{Meeting: string(about), Since: ms(now.Add(-ahead)), Now: ms(now)})
		if err != nil {
			return fmt.Errorf("mark %s as undecided: %w", about, err)
		}
		return nil
	}
	if g.store == nil {
		return g.db.within(ctx, f)
	}
	return g.store.within(ctx, func(q *txn) error {
		q.need(engine.Job{Kind: engine.Decide})
		return f(q.Queries)
	})
}

// All are at most n signals with greater numbers than after, in the order in which they were given; with a key, only those
// about that meeting or its whole series.
func (g *Signals) All(ctx context.Context, about calendar.Key, after int64, n int) ([]engine.Said, error) {
	rows, err := g.all(ctx, about, after, n)
	if err != nil {
		return nil, fmt.Errorf("read what was said: %w", err)
	}
	said := make([]engine.Said, len(rows))
	for i, r := range rows {
		said[i] = engine.Said{Seq: r.Seq, Signal: toSignal(r)}
	}
	return said, nil
}

func (g *Signals) all(ctx context.Context, about calendar.Key, after int64, n int) ([]db.Signal, error) {
	if about == "" {
		return g.reading().Signals(ctx, db.SignalsParams{After: after, Most: int32(n)})
	}
	return g.reading().SignalsAbout(ctx, db.SignalsAboutParams{Meeting: string(about), Series: about.Series(), After: after, Most: int32(n)})
}

func toSignal(r db.Signal) eligibility.Signal {
	return eligibility.Signal{Meeting: calendar.Key(r.Meeting), Email: r.Email, Signal: r.Signal, At: fromMS(r.At)}
}

// SignalsAbout are what people said of the meeting, or of its series.
func (r *Reader) SignalsAbout(ctx context.Context, k calendar.Key) ([]eligibility.Signal, error) {
	return signalsAbout(ctx, r.reading(), k)
}

func signalsAbout(ctx context.Context, q *db.Queries, k calendar.Key) ([]eligibility.Signal, error) {
	rows, err := q.SignalsAbout(ctx, db.SignalsAboutParams{Meeting: string(k), Series: k.Series(), Most: math.MaxInt32})
	if err != nil {
		return nil, fmt.Errorf("read what was said of a meeting: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	said := make([]eligibility.Signal, len(rows))
	for i, r := range rows {
		said[i] = toSignal(r)
	}
	return said, nil
}
