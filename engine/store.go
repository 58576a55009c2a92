package engine

import (
	"context"
	"errors"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/schedule"
)

// Store is what the engine needs of a store. Each method that writes is one transaction, and none
// calls back into anything that does I/O but the Tx it hands out.
type Store interface {
	// PutSources adds sources, and updates those that are known. It takes none out: a calendar that a
	// connection no longer lists is found out by pulling it.
	PutSources(ctx context.Context, sources []calendar.Source) error
	// Sources are all sources, by id.
	Sources(ctx context.Context) ([]SourceState, error)

	// Apply stores a page, its sweep and its cursor in one transaction, and marks the meetings that it
	// touched as undecided. The events must be distilled. It fails with ErrStale, and stores nothing,
	// unless from is the cursor that the source has. A listing that ends empty where the source had
	// several copies in its window is held: nothing is swept and the next pull lists anew, until a
	// second listing in a row agrees.
	Apply(ctx context.Context, src calendar.SourceID, from connectors.Cursor, reading string, p connectors.Page, now time.Time) (Applied, error)
	// Report notes what a pull came to. Where it went well, and there are more pushes by now than r.Pushes, the
	// source is due again at r.PushedAt: they may tell of what the pull did not see.
	Report(ctx context.Context, src calendar.SourceID, r PullReport) error

	// PutLetters keeps letters, whose events must be distilled, and makes their source due.
	PutLetters(ctx context.Context, src calendar.SourceID, letters []connectors.Letter) error
	// Reread forgets of which mails there are letters, so that they are read again, and distils those that are kept anew.
	Reread(ctx context.Context, src calendar.SourceID, reading calendar.Reading) error

	// MakeDue counts a push: the source is due at the given time, if it was not due earlier. One that waits
	// because it failed goes on waiting.
	MakeDue(ctx context.Context, src calendar.SourceID, at time.Time) error
	// PutSubscription adds s, or replaces the one of its id, in one transaction with dropping those that s
	// replaces and those of any calendar that are over at s.MadeAt.
	PutSubscription(ctx context.Context, s Subscription, replaced ...string) error
	// Subscriptions are all subscriptions, by id; SubscriptionsOf those of one calendar, the newest first.
	Subscriptions(ctx context.Context) ([]Subscription, error)
	SubscriptionsOf(ctx context.Context, src calendar.SourceID) ([]Subscription, error)
	// Subscription is the one of that id, and its calendar's state; ok is false if there is none.
	Subscription(ctx context.Context, id string) (s Subscription, state SourceState, ok bool, err error)
	// DropSubscription forgets the one of that id, if there is one.
	DropSubscription(ctx context.Context, id string) error

	// MarkUndecided marks every meeting that has not ended at now.
	MarkUndecided(ctx context.Context, now time.Time) error
	// Undecided are at most n meetings to decide, the longest waiting first.
	Undecided(ctx context.Context, n int) ([]calendar.Key, error)
	// Decide runs step in one transaction and takes the meeting off the undecided ones.
	Decide(ctx context.Context, k calendar.Key, step func(Tx) error) error

	// Outbox is what is still to be delivered, at most n, in the order in which it was written.
	Outbox(ctx context.Context, n int) ([]Delivery, error)
	// Delivered notes the outcome of one delivery: with an empty failure it leaves the outbox.
	Delivered(ctx context.Context, seq int64, failure string, now time.Time) error
}

// Applied is what came of a page.
type Applied struct {
	Held bool // the listing ended empty, and is doubted
	// Repaired is how many copies the page put right that the provider had told nothing of. What was changed while
	// the page was on its way is not among them.
	Repaired int
}

// Tx is the step of deciding one meeting.
type Tx interface {
	// Meeting has all copies of the meeting; none if it is no more.
	Meeting() (calendar.Meeting, error)
	// Decision is the one in force, if any.
	Decision() (Decision, bool, error)
	// PutDecision replaces it.
	PutDecision(Decision) error
	// Neighbours are all decisions and schedules that the meeting's call, or a schedule that ever named
	// it, links to this meeting, directly or through others: what schedule.Plan must see. The decision
	// just put is among them.
	Neighbours() ([]eligibility.Decision, []schedule.Schedule, error)
	// PutSchedule stores the revision and its row of the outbox. It fails with ErrStale unless it
	// follows the revision that is stored.
	PutSchedule(s schedule.Schedule, now time.Time) error
}

// ErrStale: another process was faster. What was to be stored is outdated, and nothing was stored.
var ErrStale = errors.New("somebody else was faster")

// SourceState is a source, and how far it has been read.
type SourceState struct {
	calendar.Source
	Cursor  connectors.Cursor
	Reading string // the fingerprint of how its events were read
	Held    bool   // its last listing was empty and is not believed yet
	PullReport
}

// PullReport is what the last pull of a source came to.
type PullReport struct {
	PulledAt time.Time // zero: never
	NextAt   time.Time // when it is due again; zero: now
	Failures int       // in a row
	Error    string    // of the last pull, "" if it went well
	Refused  bool      // the provider does not let us read; a person must act. Same as Source.NoAccess
	Pushes   int64     // how many had said that something changed when the pull began
	PushedAt time.Time // when it is due again if there were more meanwhile; not stored
}

// A Subscription is one as stored: without its secret.
type Subscription struct {
	connectors.Subscription
	Source     calendar.SourceID
	SecretHash string // SHA-256, in hexadecimal digits
	MadeAt     time.Time
}

// A Decision is a decision as stored.
type Decision struct {
	eligibility.Decision
	// Held is what goes on being recorded although the decision says no: it says so only because the
	// access to calendars was lost. Nil otherwise.
	Held      *eligibility.Decision
	DecidedAt time.Time
	Seq       int64 // grows with every write of a decision, over all meetings
}

// Planned is the decision that schedules are made of.
func (d Decision) Planned() eligibility.Decision {
	if d.Held != nil {
		return *d.Held
	}
	return d.Decision
}

// A Delivery is a schedule on its way to the sinks.
type Delivery struct {
	Seq  int64
	Plan int64 // the same for all revisions that were planned in one step
	// Meetings are all that the schedule has ever named: a recorder that missed revisions may still think
	// of any of them.
	Meetings []calendar.Key
	Attempts int
	Schedule schedule.Schedule
}

// Reader is what people and programs ask a store for.
type Reader interface {
	Sources(ctx context.Context) ([]SourceState, error)
	// Schedules are those that end after t, by start.
	Schedules(ctx context.Context, t time.Time) ([]schedule.Schedule, error)
	// SchedulesOf are those that name the meeting, or once did.
	SchedulesOf(ctx context.Context, k calendar.Key) ([]schedule.Schedule, error)
	// DecisionsAfter are at most n decisions written after seq, in the order of writing.
	DecisionsAfter(ctx context.Context, seq int64, n int) ([]Decision, error)
	// Decisions are all decisions, by start.
	Decisions(ctx context.Context) ([]Decision, error)
	// Meeting has all copies of the meeting; none if it is unknown.
	Meeting(ctx context.Context, k calendar.Key) (calendar.Meeting, error)
}
