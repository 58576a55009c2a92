package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/store/db"
)

// newsJSON is what a letter says of an event, as stored. The event is in the form of copies.
type newsJSON struct {
	Meeting   string        `json:"meeting"`
	Effect    string        `json:"effect"`
	Times     string        `json:"times,omitempty"`
	Organizer string        `json:"organizer,omitempty"`
	Event     calendar.Copy `json:"event"`
}

// PutLetters keeps letters, and makes their source due.
func (s *Store) PutLetters(ctx context.Context, src calendar.SourceID, letters []connectors.Letter) error {
	return s.within(ctx, func(q *txn) error {
		for _, l := range letters {
			if err := putLetter(ctx, q.Queries, src, l); err != nil {
				return err
			}
		}
		return q.MakeDue(ctx, db.MakeDueParams{ID: string(src)})
	})
}

// putLetter keeps a letter. What is new in one that is kept already gives it a new number.
func putLetter(ctx context.Context, q *db.Queries, src calendar.SourceID, l connectors.Letter) error {
	data, err := encodeNews(src, l)
	if err != nil {
		return err
	}
	row := db.PutLetterParams{
		Source: string(src), ID: l.ID, ReceivedAt: ms(l.Received), Sender: l.Sender, State: string(l.State), Reason: l.Reason, Data: data,
		EndsAt: ms(ends(l)),
	}
	old, err := q.Letter(ctx, db.LetterParams{Source: row.Source, ID: l.ID})
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return fmt.Errorf("read the letter %s: %w", l.ID, err)
	default:
		row.ReceivedAt = min(row.ReceivedAt, old.ReceivedAt)
		if old.State == string(connectors.LetterReleased) {
			row.State, row.Reason = old.State, old.Reason
		}
	}
	if err != nil || old.ReceivedAt != row.ReceivedAt || old.Data != row.Data || old.State != row.State || old.Sender != row.Sender || old.Reason != row.Reason {
		if row.Seq, err = q.Next(ctx, "letters"); err != nil {
			return fmt.Errorf("number the letter %s: %w", l.ID, err)
		}
		if err := q.PutLetter(ctx, row); err != nil {
			return fmt.Errorf("store the letter %s: %w", l.ID, err)
		}
	}
	if l.Origin != "" {
		if err := q.PutLetterOrigin(ctx, db.PutLetterOriginParams{Source: row.Source, Origin: l.Origin, Letter: l.ID}); err != nil {
			return fmt.Errorf("store where the letter %s is from: %w", l.ID, err)
		}
	}
	for _, n := range l.News {
		if err := q.PutLetterMeeting(ctx, db.PutLetterMeetingParams{Source: row.Source, Meeting: n.Meeting, Letter: l.ID}); err != nil {
			return fmt.Errorf("store what the letter %s is about: %w", l.ID, err)
		}
	}
	return nil
}

// ends is when the last of what a letter tells of is over; zero: never.
func ends(l connectors.Letter) time.Time {
	last := l.Received
	for _, n := range l.News {
		if n.Ends.IsZero() {
			return time.Time{}
		}
		if n.Ends.After(last) {
			last = n.Ends
		}
	}
	return last
}

// encodeNews is what is stored of the letter: no bodies, since its events are distilled.
func encodeNews(src calendar.SourceID, l connectors.Letter) (string, error) {
	all := make([]newsJSON, len(l.News))
	for i, n := range l.News {
		if n.Event.Links == nil || n.Event.Description != "" || n.Event.Location != "" {
			return "", fmt.Errorf("the letter %s is not distilled; bodies are never stored", l.ID)
		}
		all[i] = newsJSON{n.Meeting, n.Effect, n.Times, n.Organizer, calendar.Copy{Source: calendar.Source{ID: src, Driver: string(src)}, Event: n.Event}}
	}
	b, err := json.Marshal(all)
	return string(b), err
}

// Reread has the source's mails read again, and what is kept of them distilled anew: not every mail can be read again.
func (s *Store) Reread(ctx context.Context, src calendar.SourceID, reading calendar.Reading) error {
	return s.within(ctx, func(q *txn) error {
		if err := q.ForgetLetterOrigins(ctx, string(src)); err != nil {
			return fmt.Errorf("forget the mails of %s: %w", src, err)
		}
		const some = 500
		for seq, more := int64(0), true; more; {
			rows, err := q.LettersAfter(ctx, db.LettersAfterParams{Source: string(src), After: seq, N: some})
			if err != nil {
				return fmt.Errorf("read letters: %w", err)
			}
			letters, err := toLetters(rows, nil)
			if err != nil {
				return err
			}
			for i, l := range letters {
				l.Distil(reading)
				data, err := encodeNews(src, l)
				if err != nil {
					return err
				}
				if r := rows[i]; data != r.Data || l.Sender != r.Sender {
					row := db.PutLetterParams{Source: r.Source, ID: r.ID, Seq: r.Seq, ReceivedAt: r.ReceivedAt, Sender: l.Sender, State: r.State, Reason: r.Reason, Data: data, EndsAt: r.EndsAt}
					if err := q.PutLetter(ctx, row); err != nil {
						return fmt.Errorf("store the letter %s: %w", r.ID, err)
					}
				}
				seq = l.Seq
			}
			more = len(rows) == some
		}
		return nil
	})
}

// Letters are what is kept of mails.
func (r *Reader) Letters() connectors.Letters { return letters{r.reading()} }

// letters are a connectors.Letters.
type letters struct{ q *db.Queries }

// Known are those of the origins whose letters are kept.
func (l letters) Known(ctx context.Context, src calendar.SourceID, origins []string) (map[string]bool, error) {
	known := map[string]bool{}
	for _, o := range origins {
		_, err := l.q.LetterOrigin(ctx, db.LetterOriginParams{Source: string(src), Origin: o})
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read which mails of %s are known: %w", src, err)
		}
		known[o] = err == nil
	}
	return known, nil
}

// After are at most n letters with a higher number.
func (l letters) After(ctx context.Context, src calendar.SourceID, seq int64, n int) ([]connectors.Letter, error) {
	return toLetters(l.q.LettersAfter(ctx, db.LettersAfterParams{Source: string(src), After: seq, N: int32(n)}))
}

// About are the letters that tell of the meeting and count.
func (l letters) About(ctx context.Context, src calendar.SourceID, meeting string) ([]connectors.Letter, error) {
	return toLetters(l.q.LettersAbout(ctx, db.LettersAboutParams{Source: string(src), Meeting: meeting}))
}

// Meetings are at most n meetings behind the given one.
func (l letters) Meetings(ctx context.Context, src calendar.SourceID, after string, n int) ([]string, error) {
	all, err := l.q.LetterMeetings(ctx, db.LetterMeetingsParams{Source: string(src), After: after, N: int32(n)})
	if err != nil {
		return nil, fmt.Errorf("read the meetings that mails of %s tell of: %w", src, err)
	}
	return all, nil
}

// Newest is the highest number; 0 if there are no letters.
func (l letters) Newest(ctx context.Context, src calendar.SourceID) (int64, error) {
	n, err := l.q.NewestLetter(ctx, string(src))
	if err != nil {
		return 0, fmt.Errorf("read the newest letter to %s: %w", src, err)
	}
	return n, nil
}

func toLetters(rows []db.Letter, err error) ([]connectors.Letter, error) {
	if err != nil {
		return nil, fmt.Errorf("read letters: %w", err)
	}
	all := make([]connectors.Letter, len(rows))
	for i, r := range rows {
		var news []newsJSON
		if err := json.Unmarshal([]byte(r.Data), &news); err != nil {
			return nil, fmt.Errorf("read the letter %s: %w", r.ID, err)
		}
		all[i] = connectors.Letter{ID: r.ID, Received: fromMS(r.ReceivedAt), Sender: r.Sender, State: connectors.LetterState(r.State), Reason: r.Reason, Seq: r.Seq}
		for _, n := range news {
			all[i].News = append(all[i].News, connectors.News{Meeting: n.Meeting, Effect: n.Effect, Times: n.Times, Organizer: n.Organizer, Event: n.Event.Event})
		}
	}
	return all, nil
}
