package engine

import (
	"context"
	"errors"
	"strconv"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/schedule"
)

// Store is what the engine needs of a store. Each method that writes is one transaction, and none
// calls back into anything that does I/O but the Tx it hands out. A job that a transaction makes necessary is inserted in
// that transaction.
type Store interface {
	// PutSources adds sources, and updates those that are known. It takes none out: a calendar that a
	// connection no longer lists is found out by pulling it.
	PutSources(ctx context.Context, sources []calendar.Source, now time.Time) error
	// Sources are all sources, by id.
	Sources(ctx context.Context) ([]SourceState, error)

	// Dispatch admits what is due: it leases it, and inserts its jobs.
	Dispatch(ctx context.Context, a Admission) (Admitted, error)
	// Work has jobs done, by many goroutines of this and other processes, until ctx ends. A job whose do fails, or
	// whose process dies, is done again later.
	Work(ctx context.Context, workers map[Kind]int, do func(context.Context, Job) error) error
	// Jobs are at most n jobs that wait, in the order in which they were inserted. Finished takes one out. Both are for
	// who works without Work.
	Jobs(ctx context.Context, n int) ([]Job, error)
	Finished(ctx context.Context, j Job) error

	// Begin takes up the pull of a source that was admitted under the fence. It fails with ErrStale if it was admitted
	// anew since, by whoever thought that this process had died.
	Begin(ctx context.Context, src calendar.SourceID, fence int64, until time.Time) (SourceState, error)
	// Apply stores a page, its sweep and its cursor in one transaction, and marks the meetings that it
	// touched as undecided. The events must be distilled. It fails with ErrStale, and stores nothing,
	// unless from is the cursor that the source has. A listing that ends empty where the source had
	// several copies in its window is held: nothing is swept and the next pull lists anew, until a
	// second listing in a row agrees.
	Apply(ctx context.Context, src calendar.SourceID, from connectors.Cursor, reading string, p connectors.Page, now time.Time) (Applied, error)
	// Report notes what a pull came to, and ends its lease. Where it went well, and there are more pushes by now than
	// r.Pushes, the source is due again at r.PushedAt: they may tell of what the pull did not see. It fails with
	// ErrStale if the fence is not the source's any more.
	Report(ctx context.Context, src calendar.SourceID, fence int64, r PullReport) error
	// NextStart is when the first entry behind t starts that the source holds; zero if there is none.
	NextStart(ctx context.Context, src calendar.SourceID, t time.Time) (time.Time, error)
	// Park leaves everything alone until then that is read as who, a connection or one of its readers.
	Park(ctx context.Context, who string, until time.Time) error
	// ParkedUntil is until when a source is left alone so; a time that is past, or zero, if it is not.
	ParkedUntil(ctx context.Context, src calendar.Source) (time.Time, error)
	// MakeReaderDue makes all calendars due that a connection reads as one user, those that were refused among them.
	MakeReaderDue(ctx context.Context, c Connection, reader string, now time.Time) error
	// MakeAllDue makes due what was refused, and what was read in another way than this; "" is no way. What failed
	// otherwise goes on waiting.
	MakeAllDue(ctx context.Context, reading string, now time.Time) error

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

	// PutChore has work come round: it is due at the given time, or now and then from then on.
	PutChore(ctx context.Context, name string, at time.Time) error
	// MakeChoreDue has it done by then.
	MakeChoreDue(ctx context.Context, name string, at time.Time) error
	// BeginChore takes it up, as Begin does a pull. DoneChore says when it is due again, and what it failed with.
	BeginChore(ctx context.Context, name string, fence int64, until time.Time) error
	DoneChore(ctx context.Context, name string, fence int64, c ChoreReport) error
	// Chores are all of them, by name.
	Chores(ctx context.Context) ([]Chore, error)

	// SetRules says which rules are in force from now on, by their fingerprint. If others were, every meeting that has
	// not ended at now is marked as undecided.
	SetRules(ctx context.Context, fingerprint string, now time.Time) error
	// Progress says how far reading and deciding have come.
	Progress(ctx context.Context, now time.Time) (Progress, error)
	// Access counts how often it changed which calendars can be read, and says at which count Recheck was called last.
	Access(ctx context.Context) (changed, rechecked int64, err error)
	// Recheck marks every meeting that has not ended at now as undecided.
	Recheck(ctx context.Context, access int64, now time.Time) error
	// Decide runs step for at most n undecided meetings, the longest waiting first, in one transaction, and takes them
	// off the undecided ones, unless they were marked again. It does nothing, and fails with ErrRules, if the rules of
	// that fingerprint are not in force, or with ErrAccess, if Access has counted on since. more says that there may be
	// others.
	Decide(ctx context.Context, by Basis, n int, now time.Time, step func(Tx) error) (more bool, err error)
	// Postpone marks the first undecided meeting as one that can't be decided now, for that reason.
	Postpone(ctx context.Context, now time.Time, why string) error

	// Tell runs step for the schedules that live and that a target has never been told of, at most n behind the id, in
	// one transaction. It returns the last one's id, "" if there are no more.
	Tell(ctx context.Context, target, after string, n int, now time.Time, step func(Tx, schedule.Schedule) error) (last string, err error)
	// Step runs step for a schedule that was admitted under the fence, in one transaction.
	Step(ctx context.Context, id string, fence int64, step func(Tx, schedule.Schedule) error) error

	// Take leases at most n messages of a target that may be delivered now, those whose recordings start first: none while an
	// earlier one waits that has to do with it.
	Take(ctx context.Context, target string, n int, now, until time.Time) ([]Message, error)
	// Delivered notes what came of delivering m. It fails with ErrStale if the message has been leased anew meanwhile.
	Delivered(ctx context.Context, m Message, r DeliveryReport) error

	// Tidy takes out what has to do with meetings that ended before t alone, at most n rows of each kind, and reports
	// whether there is more.
	Tidy(ctx context.Context, before time.Time, n int) (more bool, err error)
}

// An Admission says what Dispatch may admit.
type Admission struct {
	By  string // the process
	Now time.Time
	// Lease is how long work may take until it counts as abandoned, if nobody says that it goes on.
	Lease time.Duration
	// Connections are those whose sources may be pulled. Pulls is how many this process may have under way at a time,
	// Each how many of one connection.
	Connections map[string]bool
	Pulls, Each int
	// Chores are those that this process can do.
	Chores map[string]bool
	// Targets are those that this process can deliver to.
	Targets []string
}

// Admitted is what came of an Admission.
type Admitted struct {
	Jobs int // how many there are now because of it
	// More says that more sources are due than the process may have under way.
	More bool
	Next time.Time // when something is due that is not now, as far as that is known
}

// Progress is how far reading and deciding have come.
type Progress struct {
	Sources   int
	Unread    int // sources that were never pulled, and never failed to be
	Undecided int // meetings that wait to be decided
}

// A Message is a delivery on its way to a target.
type Message struct {
	ID       int64
	Target   string
	State    schedule.State
	Schedule schedule.Schedule // as it is to be told
	Keys     int               // how often it needed another key
	Attempts int               // this one included: it is counted before it is made
	Written  time.Time
	Note     string
	Fence    int64
}

// Key names the message to its recorder.
func (m Message) Key() string {
	key := m.Schedule.ID + "." + strconv.Itoa(m.Schedule.Revision) + "." + string(m.State)
	if m.Keys > 0 {
		key += "." + strconv.Itoa(m.Keys)
	}
	return key
}

// A DeliveryReport is what came of one attempt.
type DeliveryReport struct {
	At     time.Time
	Note   string // replaces the one that was stored
	Error  string // "": delivered
	GaveUp bool   // it is put aside, for a person to look at
	NewKey bool
	Early  bool      // later messages about the schedule do not wait for it
	Again  time.Time // when it is due again
}

// A Chore is work that comes round.
type Chore struct {
	Name   string
	NextAt time.Time
	ChoreReport
}

// A ChoreReport is what came of one.
type ChoreReport struct {
	DoneAt time.Time
	Next   time.Time
	Error  string
}

// Applied is what came of a page.
type Applied struct {
	Held    bool // the listing ended empty, and is doubted
	Changed bool // what is known of a meeting is not what it was
	// Repaired is how many copies the page put right that the provider had told nothing of. What was changed while
	// the page was on its way is not among them.
	Repaired int
}

// Tx is one step: about a meeting to decide, or about a schedule.
type Tx interface {
	// Key is the meeting to decide; "" in a step about a schedule.
	Key() calendar.Key
	// Meeting has all copies of the meeting; none if it is no more.
	Meeting() (calendar.Meeting, error)
	// Signals are what people said of the meeting, or of its series.
	Signals() ([]eligibility.Signal, error)
	// Decision is the one in force, if any.
	Decision() (Decision, bool, error)
	// PutDecision replaces it.
	PutDecision(Decision) error
	// Neighbours are all decisions and schedules that the meeting's call, or a schedule that ever named
	// it, links to this meeting, directly or through others: what schedule.Plan must see. The decision
	// just put is among them.
	Neighbours() ([]eligibility.Decision, []schedule.Schedule, error)
	// PutSchedule stores the revision. It fails with ErrStale unless it follows the revision that is stored.
	PutSchedule(s schedule.Schedule, now time.Time) error

	// Told is what the target has been told of a schedule last, or will be before anything that Tell adds.
	Told(target, id string) (schedule.Schedule, bool, error)
	// Tell puts a message into the outbox. What is put there in one step is delivered in that order, each only when those
	// before it have been.
	Tell(target string, s schedule.Schedule, now time.Time) error
	// SetStep says when the next step in a schedule's life is due; zero: there is none.
	SetStep(id string, at time.Time) error
	// Reads are the sources that hold a copy of the schedule's meetings. Undecided reports whether one of its meetings
	// is to be decided.
	Reads(id string) ([]Read, error)
	Undecided(id string) (bool, error)
	// MakeDue has a source pulled now, also one that waits because it failed, unless its provider has told it to wait.
	MakeDue(src calendar.SourceID, now time.Time) error
	// CountFresh counts a start of a recording at which the source had been read as late as promised, or not.
	CountFresh(src calendar.SourceID, fresh bool) error
}

// A Read says when a source was read.
type Read struct {
	Source   calendar.SourceID
	PulledAt time.Time // well
	TriedAt  time.Time // well or not
	Refused  bool
	// Connection is the source's, DRIVER:ACCOUNT.
	Connection string
}

// ErrStale: another process was faster. What was to be stored is outdated, and nothing was stored.
var ErrStale = errors.New("somebody else was faster")

// A Basis is what decisions are based on besides the meetings and what people said of them: rules, by their fingerprint, and
// which calendars can be read, by Access's count.
type Basis struct {
	Rules  string
	Access int64
}

// ErrAccess: it has changed meanwhile which calendars can be read.
var ErrAccess = errors.New("other calendars can be read by now")

// ErrRules: other rules are in force than those of this process. Who has them decides.
var ErrRules = errors.New("other rules are in force")

// SourceState is a source, and how far it has been read.
type SourceState struct {
	calendar.Source
	Cursor    connectors.Cursor
	Reading   string // the fingerprint of how its events were read
	Held      bool   // its last listing was empty and is not believed yet
	ChangedAt time.Time
	// Fresh counts the starts of recordings at which it had been read as late as promised, Stale the others.
	Fresh, Stale int64
	PullReport
}

// PullReport is what the last pull of a source came to.
type PullReport struct {
	PulledAt time.Time // well; zero: never
	TriedAt  time.Time // well or not
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
	// Revisions are at most n revisions of schedules behind seq, in the order of writing.
	Revisions(ctx context.Context, after int64, n int) ([]Revision, error)
	// Chores are the work that comes round, by name.
	Chores(ctx context.Context) ([]Chore, error)
	// Meeting has all copies of the meeting; none if it is unknown.
	Meeting(ctx context.Context, k calendar.Key) (calendar.Meeting, error)
	// SignalsAbout are what people said of the meeting, or of its series.
	SignalsAbout(ctx context.Context, k calendar.Key) ([]eligibility.Signal, error)
}

// A Revision is a revision of a schedule in the feed of all.
type Revision struct {
	Seq       int64
	WrittenAt time.Time
	Schedule  schedule.Schedule
}
