// Package connectors defines what a connector is. The engine calls; connectors answer.
//
// A connector does no filtering, no link parsing and no policy, keeps nothing between calls and starts
// nothing. Loops, retries beyond a second or two, pacing, persistence and metrics exist once, in the
// engine.
package connectors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"time"

	"example.com/syncd/calendar"
)

// A Connector reads the calendars of one connection.
type Connector interface {
	// Sources lists the calendars that this connection may read now. users are the addresses of the
	// directory's members: a connection without a roster of its own reads theirs. A user whose calendar can't
	// be read is left out or, better, listed with NoAccess set. An error means that the list is not known.
	Sources(ctx context.Context, users []string) ([]calendar.Source, error)

	// Pull returns one page of src's changes after cur. The zero Cursor starts a full listing. The same
	// cursor may be pulled again, by another process too, and leads to the same state. Pull keeps
	// nothing, starts nothing, and may be called concurrently for different sources. It returns either
	// a page or an error, never both. src is as Sources listed it last; a cursor from when it was read as
	// another user is refused or begins a full listing.
	//
	// horizon is the stretch of time that matters now. It moves once a day, for each source at another hour.
	// When it is another one than cur was made for, Pull starts a full listing by itself: what comes into the
	// horizon as time passes is no change that a provider tells of.
	Pull(ctx context.Context, src calendar.Source, cur Cursor, horizon calendar.Window) (Page, error)
}

// A Cursor says how far a source has been read. Only its connector understands it.
type Cursor string

// A Page is one answer of Pull.
type Page struct {
	// Events are new or changed occurrences, each whole, in order: where a Ref stands twice, the later
	// one holds. An item that can't be read is an Event with its Ref and whatever could be read of it;
	// the rule "timed" then names it, and the rest of the page goes on.
	Events []calendar.Event
	// Gone are occurrences that are no more. Unknown ones are no error.
	Gone []calendar.Ref
	// Letters are mails that were read, to be kept before the next Pull.
	Letters []Letter
	// Next is saved in the transaction that stores Events and Gone.
	Next Cursor
	// More says that there is more now; false means caught up.
	More bool
	// First says that a full listing begins with this page: what an earlier, broken-off listing saw
	// does not count.
	First bool
	// Full says that the page is part of a full listing.
	Full bool
	// Last says that the page is the listing's last: within Listed, what it did not list is gone. It is
	// not the same as !More, since edits go on while a listing is read. A source that only ever learns
	// of changes (a mailbox) never sets it.
	Last bool
	// Listed is the window that the listing covers, on its last page.
	Listed calendar.Window
	// Audited is the window in which, as far as the provider tells, nothing has changed since it was listed
	// before: what this part of a full listing finds different there was never told. Zero: no such claim.
	Audited calendar.Window
}

// The errors below have one reaction each. Every other error is transient: the engine backs off and
// pulls the same cursor again. Connectors wrap them with what to do about it.
var (
	// ErrCursor: the cursor is no longer valid. The engine starts a full listing; nothing is deleted
	// until the listing's last page.
	ErrCursor = errors.New("cursor no longer valid")
	// ErrAccess: the provider refuses to let us read, and a person must act. Nothing is deleted; the
	// rule calendar_access says so until a pull succeeds again.
	ErrAccess = errors.New("access refused")
	// ErrSource: the calendar itself no longer exists. Handled as ErrAccess, since providers say "not
	// found" of calendars that come back.
	ErrSource = errors.New("calendar no longer exists")
)

// ThrottledError says when to come back (429, Retry-After). Until then the engine leaves alone whatever it
// reads as the same user, or the whole connection.
type ThrottledError struct {
	After time.Duration
	Whole bool // everybody's requests of the connection are too many, not this user's alone
	Err   error
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("throttled, to be tried again in %s: %v", e.After, e.Err)
}
func (e *ThrottledError) Unwrap() error { return e.Err }

// A Driver is what a connector's package exports: var Driver = connectors.Driver{…}.
type Driver struct {
	Name   string        // in configuration, logs, metrics and source ids
	Doc    string        // one sentence: what it reads
	Config func() Config // a new Config with its defaults set, to decode into
}

// Config is a connection's part of the configuration, with yaml tags. What Validate demands of a setting
// may stand in a jsonschema tag too, for editors.
type Config interface {
	// Validate names every setting that is missing or wrong, by its key.
	Validate() error
	// Open makes the connector without I/O: a daemon starts while a provider is down.
	Open(Env) (Connector, error)
}

// Env is all that a connector may use of the world.
type Env struct {
	Account string // the connection's name, the second part of its source ids
	// ReadFile and OpenDir open what the configuration names; relative names are relative to the
	// configuration's own directory.
	ReadFile func(name string) ([]byte, error)
	OpenDir  func(name string) fs.FS
	Log      *slog.Logger
	Now      func() time.Time
	// HTTP is the innermost transport: the network, a recorder or a tape. Retries and credentials go
	// on top of it.
	HTTP http.RoundTripper
	// Letters are those kept of this connection. Nil where nothing is kept.
	Letters Letters
	// Dial and Listen are the network, for what is no HTTP. LookupTXT asks the DNS; an error that is no *net.DNSError
	// with IsNotFound means that the answer is not known now.
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Listen    func(ctx context.Context, network, address string) (net.Listener, error)
	LookupTXT func(ctx context.Context, name string) ([]string, error)
	// Budget is what all processes have left of the provider's quotas. Nil where there is only this one.
	Budget Budget
	// Secrets is nil where the configuration has no key to seal them with.
	Secrets Secrets
	// Replayed says that HTTP answers from a tape: there is nobody to show credentials to.
	Replayed bool
}

// A Budget is what a provider allows, as far as all processes together have not used it up.
type Budget interface {
	// Spend takes n requests out of the budget of that name, into which perMinute come each minute, up to burst. Where there are
	// not so many, nothing is taken, and wait says when there will be.
	Spend(ctx context.Context, name string, n, perMinute, burst int) (wait time.Duration, err error)
}

// Share spends what a connection's quota has in common with other processes; nil where there are none.
func Share(e Env, name string) func(ctx context.Context, n, perMinute, burst int) (time.Duration, error) {
	if e.Budget == nil {
		return nil
	}
	return func(ctx context.Context, n, perMinute, burst int) (time.Duration, error) {
		return e.Budget.Spend(ctx, name, n, perMinute, burst)
	}
}

// Pages pulls src from cur until caught up. It is sugar for callers; the contract is Pull.
func Pages(ctx context.Context, c Connector, src calendar.Source, cur Cursor, horizon calendar.Window) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		for more := true; more; {
			p, err := c.Pull(ctx, src, cur, horizon)
			if !yield(p, err) || err != nil {
				return
			}
			cur, more = p.Next, p.More
		}
	}
}
