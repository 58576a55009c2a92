package console

import (
	"context"
	"errors"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/whatif"
)

// Data is what the pages show. Every answer is bounded: lists come in pages of at most the limit that is asked for, and
// whatever is counted is counted by the store. All methods may be called at the same time.
type Data interface {
	MeetingData
	CalendarData
	DeliveryData

	// State is how the daemon does: on every page.
	State(ctx context.Context) (State, error)
	// Policy is the one in force.
	Policy(ctx context.Context) (Policy, error)
}

// MeetingData are the meetings, and what is recorded of them.
type MeetingData interface {
	// Recordings are schedules of any state, by start and id.
	Recordings(ctx context.Context, q Query) (Page[Recording], error)
	// RecordingHours counts the recordings of q that are not cancelled by the hour of q.From in which they begin; hours
	// without any are left out. q has both From and To, at most a week apart.
	RecordingHours(ctx context.Context, q Query) ([]Hour, error)
	// Meetings are decisions, by start and meeting; those without a time come first.
	Meetings(ctx context.Context, q Query) (Page[engine.Decision], error)
	// Blocking counts by rule the meetings of q that it fails, the most first. q.Rule and q.Limit do not count.
	Blocking(ctx context.Context, q Query) ([]RuleCount, error)
	// Meeting is one meeting with all that is known of it. The error is ErrUnknown if there is none.
	Meeting(ctx context.Context, k calendar.Key) (Meeting, error)
}

// CalendarData are the calendars that are read, and the connections that they are read through.
type CalendarData interface {
	// Connections are all that are configured, by name.
	Connections(ctx context.Context) ([]Connection, error)
	// Calendars are by id.
	Calendars(ctx context.Context, q CalendarQuery) (Page[engine.SourceState], error)
	// Ages counts the calendars by how long ago they were read well: those not older than the first bound, those
	// older and not older than the second one, and so on, and last those that are older than all bounds or were never
	// read. bounds rise. It has one number more than bounds.
	Ages(ctx context.Context, bounds []time.Duration) ([]int, error)
}

// DeliveryData are the revisions on their way to recorders, and the letters that are held.
type DeliveryData interface {
	// Deliveries are of one status, the one that waits longest first; of those that have arrived, the last day's, the newest
	// first.
	Deliveries(ctx context.Context, q DeliveryQuery) (Page[Delivery], error)
	// DeliveryCounts counts them by status. Those that are done are the last day's.
	DeliveryCounts(ctx context.Context) (map[DeliveryStatus]int, error)
	// DeliveryHours are what was delivered, and how often that failed, in each of the last 24 hours, the oldest first.
	DeliveryHours(ctx context.Context) ([]DeliveryHour, error)
	// Letters are those that are held, the newest first.
	Letters(ctx context.Context, q LetterQuery) (Page[Letter], error)
}

// ErrUnknown: there is no such thing, or no more.
var ErrUnknown = errors.New("there is no such thing")

// ErrBusy: somebody else does the same just now, and it is too much for two.
var ErrBusy = errors.New("somebody else does that just now: try again in a moment")

// A Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Next is the query's After for what follows; "" at the end. It is the store's own. Whatever else stands in an After,
	// which comes from an address, is answered by an empty page.
	Next string
}

// A Query means some meetings, or some recordings. What is not set does not restrict.
type Query struct {
	// Text is in the title, or in an address of somebody who takes part, or in the link or its meeting's number, in upper
	// or lower case. Of private meetings nothing is looked at.
	Text string
	// From and To are a stretch in which it takes place, at least in part. What has no time is in every stretch.
	From, To time.Time
	Provider string
	Outcome  Outcome
	Rule     string // a rule that it fails
	After    string
	Limit    int
}

// An Outcome is what came of a meeting.
type Outcome string

// Outcomes. Of recordings, Recorded leaves out those that are cancelled, and NotRecorded all others.
const (
	Recorded    Outcome = "recorded"
	NotRecorded Outcome = "not_recorded"
)

// A Recording is a schedule in a list.
type Recording struct {
	schedule.Schedule // Reasons may be left out
	// Private says that of a meeting that it names nothing but the times may be told.
	Private bool
	// Delivery is how far its newest revision has come; "" if that is not known any more.
	Delivery DeliveryStatus
}

// An Hour counts what begins in an hour.
type Hour struct {
	Start time.Time
	Count int
}

// A RuleCount counts the meetings that a rule keeps from being recorded.
type RuleCount struct {
	Rule  string
	Count int
}

// A Meeting is one meeting's whole story.
type Meeting struct {
	engine.Decision
	Copies    calendar.Meeting
	Calendars []engine.SourceState // those of the copies
	Schedules []History
	Said      []Word // of it, or of its series, the newest first
}

// A Word is what somebody said.
type Word struct {
	eligibility.Signal
	Mine bool // whoever asks is who said it
}

// A History is a schedule that names a meeting, or once did.
type History struct {
	schedule.Schedule            // the newest revision
	Revisions         []Revision // the newest first, as far as they are kept
}

// A Revision is one revision of a schedule, and where it went.
type Revision struct {
	Number     int
	State      schedule.State
	Start, End time.Time
	At         time.Time // when it was planned
	Deliveries []Delivery
}

// A Connection is one connection of the configuration.
type Connection struct {
	Driver, Name string
	Error        string    // why its calendars can't be listed, "" if they can
	ListedAt     time.Time // when they were listed last
	Calendars    int
	Refused      int // of which a person must let us read again
	Failing      int // of which the last reading failed for another reason
	Held         int // whose last listing was empty, and is doubted
	Late         int // that were not read within State.Promise
	Pushes       int // whose provider tells of changes
}

// String is the name by which commands know it.
func (c Connection) String() string { return c.Driver + ":" + c.Name }

// A CalendarQuery means some calendars.
type CalendarQuery struct {
	Text       string // in the address
	Connection string // DRIVER:NAME
	Trouble    bool   // only those that are refused, failing, held or late
	After      string
	Limit      int
}

// A DeliveryStatus is how far a revision has come on its way to a recorder.
type DeliveryStatus string

// Statuses of deliveries.
const (
	Waiting   DeliveryStatus = "waiting" // not tried yet, or behind another one
	Failing   DeliveryStatus = "failing" // tried without success, to be tried again
	Dead      DeliveryStatus = "dead"    // not tried any more, until a person says so
	Delivered DeliveryStatus = "delivered"
)

// A DeliveryQuery means some deliveries.
type DeliveryQuery struct {
	Status DeliveryStatus
	After  string
	Limit  int
}

// A Delivery is one revision on its way to one recorder.
type Delivery struct {
	ID       string
	Sink     string // the recorder's name in the configuration
	Status   DeliveryStatus
	Schedule string // its id
	Revision int
	State    schedule.State
	Meeting  calendar.Key // one that the schedule names
	Title    string
	Start    time.Time
	Private  bool // see Recording
	Attempts int
	Since    time.Time // when it was planned
	LastAt   time.Time // when it was tried last; zero: never
	NextAt   time.Time // when it is tried again; zero: at once, or never
	Error    string    // of the last attempt
}

// A DeliveryHour is one hour's deliveries.
type DeliveryHour struct {
	Start             time.Time
	Delivered, Failed int // attempts
}

// A LetterQuery means some letters.
type LetterQuery struct {
	After string
	Limit int
}

// A Letter is a mail that is held, since nobody knows whether to believe it.
type Letter struct {
	Source calendar.SourceID
	connectors.Letter
}

// State is how the daemon does.
type State struct {
	PassedAt time.Time // the end of the last pass; zero: none yet
	Rules    string    // why the newest rules are not in force, "" if they are
	Started  time.Time
	Promise  time.Duration // a calendar is read at least so often, unless something is wrong

	// What a person has to see to.
	Connections int // that can't be listed
	Calendars   int // that are refused, failing, held or late
	Dead        int // deliveries
	Held        int // letters
}

// A Policy is the policy in force.
type Policy struct {
	*eligibility.Policy
	File  string    // where it was read from
	Text  string    // as it is written there; "" if nobody may see it
	Since time.Time // when it came in force
}

// Actions are what people may do. By is who does it, as User has it. Errors are shown to whoever tried: they say in
// words what is wrong.
type Actions interface {
	// Say notes that somebody wants a meeting to be skipped (eligibility.SignalSkip) or recorded (SignalRecord).
	Say(ctx context.Context, by string, k calendar.Key, signal string) error
	// TakeBack takes out all that whoever asks said of exactly this meeting, or series.
	TakeBack(ctx context.Context, by string, about calendar.Key) error
	// Retry has a delivery tried again now.
	Retry(ctx context.Context, by, delivery string) error
	// Release believes a letter that is held.
	Release(ctx context.Context, by, letter string) error
	// Try says what another policy would do; whatif.Trial has it. What whatif.Problems finds in an error is shown line
	// by line.
	Try(ctx context.Context, by string, policy []byte) (whatif.Result, error)
}
