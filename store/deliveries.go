package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// Progress is how far a message has come, or the worst of several.
type Progress int

// Progresses, from good to bad. Overtaken ones are told by a later message.
const (
	Unknown Progress = iota
	Delivered
	Waiting // not tried yet, or not to be told yet
	Failing
	GivenUp
	Overtaken
)

// A KeptMessage is a message to a target as people see it.
type KeptMessage struct {
	ID       int64 // later ones have greater ids
	Target   string
	Schedule schedule.Schedule // the revision that it tells of
	Private  bool              // a meeting of the schedule is
	Progress Progress
	Attempts int
	Written  time.Time
	TriedAt  time.Time // last; zero: never
	DueAt    time.Time // next; zero: it is not tried any more
	Error    string    // of the last attempt
	Note     string    // the target's, of the schedule
}

// Deliveries are the messages to targets, in a store on which daemons may be working.
type Deliveries struct {
	db    *database
	q     *db.Queries // reads
	store *Store      // nil: this process has none
}

// Deliveries are the messages in the store.
func (s *Store) Deliveries() *Deliveries { return &Deliveries{s.database, s.Catalog().q, s} }

// OpenDeliveries opens those of a store that exists.
func OpenDeliveries(ctx context.Context, name string) (*Deliveries, error) {
	d, err := openDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Deliveries{db: d, q: d.reads.outside(d.read)}, nil
}

// Close closes what was opened.
func (d *Deliveries) Close() error {
	if d.store != nil {
		return nil
	}
	return d.db.close()
}

// outcomes are what the table has of a progress.
var outcomes = map[Progress]int64{Waiting: 0, Failing: 0, Delivered: delivered, GivenUp: gaveUp, Overtaken: overtaken}

// A MessageFilter means some messages. What is zero does not matter. Of those that wait, failing ones are some.
type MessageFilter struct {
	Progress Progress
	Target   string
	Schedule string
	Before   int64 // their ids are smaller
}

// Find are at most n messages, the newest first.
func (d *Deliveries) Find(ctx context.Context, f MessageFilter, n int) ([]KeptMessage, error) {
	before, most := f.Before, int32(n)
	if before == 0 {
		before = math.MaxInt64
	}
	outcome, known := outcomes[f.Progress]
	if !known {
		outcome = -1
	}
	var rows []db.Message
	var err error
	switch {
	case f.Schedule != "":
		rows, err = d.q.MessagesAbout(ctx, db.MessagesAboutParams{Schedule: f.Schedule, Before: before, Outcome: outcome, Target: f.Target, Most: most})
	case known && f.Target != "":
		rows, err = d.q.MessagesOfOutcomeTo(ctx, db.MessagesOfOutcomeToParams{Outcome: outcome, Before: before, Target: f.Target, Most: most})
	case known:
		rows, err = d.q.MessagesOfOutcome(ctx, db.MessagesOfOutcomeParams{Outcome: outcome, Before: before, Most: most})
	case f.Target != "":
		rows, err = d.q.MessagesTo(ctx, db.MessagesToParams{Target: f.Target, Before: before, Most: most})
	default:
		rows, err = d.q.PageOfMessages(ctx, db.PageOfMessagesParams{Before: before, Most: most})
	}
	return d.kept(ctx, rows, err)
}

// Open are at most n messages of one progress with greater ids, those that wait longest first.
func (d *Deliveries) Open(ctx context.Context, p Progress, after int64, n int) ([]KeptMessage, error) {
	if p == GivenUp {
		rows, err := d.q.DeadMessages(ctx, db.DeadMessagesParams{After: after, Most: int32(n)})
		return d.kept(ctx, rows, err)
	}
	rows, err := d.q.OpenMessages(ctx, db.OpenMessagesParams{After: after, Failing: p == Failing, Most: int32(n)})
	return d.kept(ctx, rows, err)
}

// Arrived are at most n messages that arrived since then, the newest first, behind one of them; the zero one begins.
func (d *Deliveries) Arrived(ctx context.Context, since time.Time, behind KeptMessage, n int) ([]KeptMessage, error) {
	p := db.DeliveredMessagesParams{Since: ms(since), BeforeDone: ms(behind.TriedAt), BeforeID: behind.ID, Most: int32(n)}
	if behind.ID == 0 {
		p.BeforeDone = math.MaxInt64
	}
	rows, err := d.q.DeliveredMessages(ctx, p)
	return d.kept(ctx, rows, err)
}

// About are at most n messages about a schedule, the newest first.
func (d *Deliveries) About(ctx context.Context, schedule string, n int) ([]KeptMessage, error) {
	rows, err := d.q.LastMessages(ctx, db.LastMessagesParams{Schedule: schedule, Most: int32(n)})
	return d.kept(ctx, rows, err)
}

func (d *Deliveries) kept(ctx context.Context, rows []db.Message, err error) ([]KeptMessage, error) {
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	all := make([]KeptMessage, len(rows))
	for i, r := range rows {
		if all[i], err = toKeptMessage(ctx, d.q, r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func toKeptMessage(ctx context.Context, q *db.Queries, r db.Message) (KeptMessage, error) {
	m := KeptMessage{
		ID: r.ID, Target: r.Target, Attempts: int(r.Attempts), Written: fromMS(r.WrittenAt), TriedAt: fromMS(r.DoneAt), Error: r.Error,
	}
	switch {
	case r.Outcome == delivered:
		m.Progress = Delivered
	case r.Outcome == gaveUp:
		m.Progress = GivenUp
	case r.Outcome == overtaken:
		m.Progress = Overtaken
	case r.Attempts > 0 && r.Error != "" && !r.Early:
		m.Progress, m.DueAt = Failing, fromMS(r.DueAt)
	default:
		m.Progress, m.DueAt = Waiting, fromMS(r.DueAt)
	}
	var err error
	if m.Schedule, err = toSchedule(r.Data); err != nil {
		return m, err
	}
	if m.Private, err = q.SchedulePrivate(ctx, r.Schedule); err != nil {
		return m, fmt.Errorf("read whether a schedule is private: %w", err)
	}
	if m.Note, err = q.Note(ctx, db.NoteParams{Target: r.Target, Schedule: r.Schedule}); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return m, fmt.Errorf("read the note of a schedule: %w", err)
	}
	return m, nil
}

// A MessageCount counts messages.
type MessageCount struct {
	Waiting, Failing, GivenUp int
	Delivered                 int // since a time
}

// Count counts the messages by their progress.
func (d *Deliveries) Count(ctx context.Context, since time.Time) (MessageCount, error) {
	r, err := d.q.CountMessages(ctx, ms(since))
	if err != nil {
		return MessageCount{}, fmt.Errorf("count the messages: %w", err)
	}
	return MessageCount{Waiting: int(r.Open - r.Failing), Failing: int(r.Failing), GivenUp: int(r.Dead), Delivered: int(r.Delivered)}, nil
}

// Dead counts those that were given up.
func (d *Deliveries) Dead(ctx context.Context) (int, error) {
	n, err := d.q.CountDead(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the messages that were given up: %w", err)
	}
	return int(n), nil
}

// A DeliveryHour counts the attempts of one hour, to all targets.
type DeliveryHour struct {
	Start             time.Time
	Delivered, Failed int
}

// Hours are the hours since t in which something was to be delivered.
func (d *Deliveries) Hours(ctx context.Context, t time.Time) ([]DeliveryHour, error) {
	rows, err := d.q.HoursOfDelivery(ctx, ms(t))
	if err != nil {
		return nil, fmt.Errorf("count the deliveries: %w", err)
	}
	hours := make([]DeliveryHour, len(rows))
	for i, r := range rows {
		hours[i] = DeliveryHour{fromMS(r.Hour), int(r.Delivered), int(r.Failed)}
	}
	return hours, nil
}

// ErrDone: the message has arrived. ErrOvertaken: something later has been told since, or will be, and telling this one
// would take it back.
var (
	ErrDone      = errors.New("it has been delivered")
	ErrOvertaken = errors.New("something later has been told of the schedule since, or is about to be")
)

// Retry has a message tried again at once: one that waits, or one that was given up. It fails with engine.ErrUnknown where
// there is none, else with ErrDone or ErrOvertaken where it can't be. A daemon that has the store open takes it up at
// once, any other at its next look.
func (d *Deliveries) Retry(ctx context.Context, id int64, now time.Time) (KeptMessage, error) {
	var m KeptMessage
	retry := func(q *db.Queries) (err error) {
		m, err = retryMessage(ctx, q, id, now)
		return err
	}
	if d.store == nil {
		return m, d.db.within(ctx, retry)
	}
	err := d.store.within(ctx, func(q *txn) error {
		if err := retry(q.Queries); err != nil {
			return err
		}
		q.need(engine.Job{Kind: engine.Deliver, Subject: m.Target})
		return nil
	})
	return m, err
}

func retryMessage(ctx context.Context, q *db.Queries, id int64, now time.Time) (KeptMessage, error) {
	row, err := q.Message(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return KeptMessage{}, engine.ErrUnknown
	}
	if err != nil {
		return KeptMessage{}, fmt.Errorf("read the message: %w", err)
	}
	var n int64
	switch row.Outcome {
	case delivered:
		return KeptMessage{}, ErrDone
	case gaveUp:
		n, err = q.ReviveMessage(ctx, db.ReviveMessageParams{ID: id, Now: ms(now)})
	default:
		n, err = q.HastenMessage(ctx, db.HastenMessageParams{ID: id, Now: ms(now)})
	}
	if err != nil {
		return KeptMessage{}, fmt.Errorf("have the message tried again: %w", err)
	}
	if n != 1 {
		return KeptMessage{}, ErrOvertaken
	}
	if row, err = q.Message(ctx, id); err != nil {
		return KeptMessage{}, fmt.Errorf("read the message: %w", err)
	}
	return toKeptMessage(ctx, q, row)
}
