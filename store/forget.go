package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/store/db"
)

// Forgotten is what Forget has taken out, and what it has left.
type Forgotten struct {
	Calendars int // with all that they held
	Grants    int // what the person had consented to
	Meetings  int // that have ended
	Letters   int
	Tokens    int // of the API, that spoke for the person
	Sessions  int // in which the person was logged in
	Signals   int // what the person said of meetings
	Upcoming  int // meetings on other people's calendars that have not ended: they leave when they have, by retention
	Said      int // what the person said of meetings that have not ended: it protects them
}

// Forget takes a person out of a store on which daemons may be working: their calendars, what they have granted, and every
// meeting that has ended and names them. Meetings to come that stand on others' calendars stay, since the rules need their
// people.
func Forget(ctx context.Context, name, address string, now time.Time) (Forgotten, error) {
	d, err := openDatabase(ctx, name)
	if err != nil {
		return Forgotten{}, err
	}
	defer d.close()
	var f Forgotten
	err = d.within(ctx, func(q *db.Queries) error {
		f = Forgotten{}
		if err := q.Lock(ctx, "decisions"); err != nil { // nobody decides meanwhile
			return fmt.Errorf("wait for others that decide: %w", err)
		}
		return forget(ctx, q, strings.ToLower(strings.TrimSpace(address)), now, &f)
	})
	if err != nil {
		return Forgotten{}, fmt.Errorf("%s: %w", d.name, err)
	}
	return f, nil
}

// about is a LIKE pattern that finds an address as JSON has it, with "!" to escape.
func about(address string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(address) + "%"
}

func forget(ctx context.Context, q *db.Queries, address string, now time.Time, f *Forgotten) error {
	if err := forgetCalendars(ctx, q, address, now, f); err != nil {
		return err
	}
	grants, err := q.DropSecretsOfPerson(ctx, address)
	if err != nil {
		return fmt.Errorf("take out what was granted: %w", err)
	}
	f.Grants = int(grants)
	if err := q.DropParkedOfPerson(ctx, about(address)); err != nil {
		return err
	}
	if err := forgetMeetings(ctx, q, address, now, f); err != nil {
		return err
	}
	if err := forgetVisits(ctx, q, address, f); err != nil {
		return err
	}
	if err := forgetSignals(ctx, q, address, now, f); err != nil {
		return err
	}
	letters, err := q.LettersWithPerson(ctx, db.LettersWithPersonParams{Address: address, About: about(address), Now: ms(now)})
	if err != nil {
		return fmt.Errorf("read the letters: %w", err)
	}
	for _, l := range letters {
		if err := dropLetter(ctx, q, l.Source, l.ID); err != nil {
			return fmt.Errorf("take out a letter: %w", err)
		}
	}
	f.Letters = len(letters)
	upcoming, err := q.UpcomingWithPerson(ctx, db.UpcomingWithPersonParams{About: about(address), Now: ms(now)})
	f.Upcoming = int(upcoming)
	return err
}

// forgetCalendars takes out the person's own calendars, and has the meetings decided anew that stood on them.
func forgetCalendars(ctx context.Context, q *db.Queries, address string, now time.Time, f *Forgotten) error {
	ids, err := q.SourcesOfPerson(ctx, address)
	if err != nil {
		return fmt.Errorf("read the calendars: %w", err)
	}
	for _, id := range ids {
		copies, err := q.CopiesOfSource(ctx, id)
		if err != nil {
			return fmt.Errorf("read what %s holds: %w", id, err)
		}
		for _, c := range copies {
			if err := q.MarkUndecided(ctx, db.MarkUndecidedParams{Meeting: c.Meeting, Since: ms(now.Add(-forgotten))}); err != nil {
				return fmt.Errorf("mark a meeting as undecided: %w", err)
			}
		}
		for _, drop := range []func(context.Context, string) error{q.DropCopiesOfSource, q.DropSubscriptionsOfSource, q.DropSource} {
			if err := drop(ctx, id); err != nil {
				return fmt.Errorf("take out %s: %w", id, err)
			}
		}
	}
	f.Calendars = len(ids)
	if len(ids) == 0 {
		return nil
	}
	return q.MakeChoreDue(ctx, db.MakeChoreDueParams{Name: engine.Recheck.Chore(""), NextAt: ms(now)})
}

// forgetVisits takes out the tokens that speak for the person, and logs them out.
func forgetVisits(ctx context.Context, q *db.Queries, address string, f *Forgotten) error {
	n, err := q.DropTokensOfPerson(ctx, address)
	if err != nil {
		return fmt.Errorf("take out tokens: %w", err)
	}
	f.Tokens = int(n)
	// What a session keeps is JSON within another encoding: the address stands in it in quotes.
	quoted, err := json.Marshal(address)
	if err != nil {
		return err
	}
	const some = 500
	for after, more := "", true; more; {
		rows, err := q.SessionsBehind(ctx, db.SessionsBehindParams{After: after, Most: some})
		if err != nil {
			return fmt.Errorf("read the sessions: %w", err)
		}
		for _, r := range rows {
			after = r.Token
			if !bytes.Contains(bytes.ToLower(r.Data), quoted) {
				continue
			}
			if err := q.DropSession(ctx, r.Token); err != nil {
				return fmt.Errorf("end a session: %w", err)
			}
			f.Sessions++
		}
		more = len(rows) == some
	}
	return nil
}

func forgetSignals(ctx context.Context, q *db.Queries, address string, now time.Time, f *Forgotten) error {
	n, err := q.ForgetSignals(ctx, db.ForgetSignalsParams{Email: address, Now: ms(now)})
	if err != nil {
		return fmt.Errorf("take out what was said: %w", err)
	}
	left, err := q.CountSignalsOfPerson(ctx, address)
	if err != nil {
		return fmt.Errorf("count what was said: %w", err)
	}
	f.Signals, f.Said = int(n), int(left)
	return nil
}

func forgetMeetings(ctx context.Context, q *db.Queries, address string, now time.Time, f *Forgotten) error {
	meetings, err := q.EndedWithPerson(ctx, db.EndedWithPersonParams{About: about(address), Now: ms(now)})
	if err != nil {
		return fmt.Errorf("read the meetings: %w", err)
	}
	for _, m := range meetings {
		schedules, err := q.EndedSchedulesOfMeeting(ctx, db.EndedSchedulesOfMeetingParams{Meeting: m, Now: ms(now)})
		if err != nil {
			return fmt.Errorf("read the schedules of a meeting: %w", err)
		}
		for _, id := range schedules {
			if err := dropSchedule(ctx, q, id); err != nil {
				return fmt.Errorf("take out a schedule: %w", err)
			}
		}
		if err := q.DropEndedCopies(ctx, db.DropEndedCopiesParams{Meeting: m, Now: ms(now)}); err != nil {
			return fmt.Errorf("take out the copies of a meeting: %w", err)
		}
		if err := q.DropCalls(ctx, m); err != nil {
			return fmt.Errorf("take out the calls of a meeting: %w", err)
		}
		if err := q.DropEndedDecision(ctx, db.DropEndedDecisionParams{Meeting: m, Now: ms(now)}); err != nil {
			return fmt.Errorf("take out the decision of a meeting: %w", err)
		}
	}
	f.Meetings = len(meetings)
	return nil
}
