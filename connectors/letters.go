package connectors

import (
	"context"
	"net/http"
	"time"

	"example.com/syncd/calendar"
)

// A Letter is what a mail says of meetings, as it is kept: without what people wrote. A connector that learns of
// meetings by mail gives letters to the engine, which keeps each once, and reads them back by Letters.
type Letter struct {
	// ID is of what the letter says, who sent it and whether it is believed: the same mail has the same one however it
	// came. Of a letter that is kept already, what is new in it is taken over, but of the times the earlier one holds
	// and, if somebody released it, the state.
	ID string
	// Origin is the mail's name where it was read, such as "1432/17" or a file's. "" if it was handed over.
	Origin   string
	Received time.Time // when our side got it
	Sender   string    // an address, as far as it is known
	State    LetterState
	Reason   string // why it is held, or of no use, in words for people that say nothing of what is in it
	News     []News
	Seq      int64 // the store's: letters that became known, or were released, later have a higher one
}

// A LetterState says whether a letter counts.
type LetterState string

// States of a letter.
const (
	LetterAccepted LetterState = "accepted"
	LetterHeld     LetterState = "held"     // nobody knows whether to believe it: a person may release it
	LetterReleased LetterState = "released" // somebody has
	LetterUnused   LetterState = "unused"   // it says nothing of meetings
)

// Counts reports whether what the letter says counts.
func (l Letter) Counts() bool { return l.State == LetterAccepted || l.State == LetterReleased }

// Distil leaves of the letter what may be stored: its events distilled, and of one that tells of private events alone not
// even who sent it. It is idempotent.
func (l *Letter) Distil(r calendar.Reading) {
	private := len(l.News) > 0
	for i := range l.News {
		private = private && l.News[i].Event.Private()
		l.News[i].Event = l.News[i].Event.Distil(r)
	}
	if private && r.DropPrivate {
		l.Sender = ""
	}
}

// News is what a letter says of one event.
type News struct {
	// Meeting is the event's calendar.CanonicalUID.
	Meeting string
	Effect  string // the connector's own word for what it does
	// Times is the connector's own form of which event it is, in which version, and when it takes place.
	Times string
	// Organizer is a fingerprint of whose meeting it is; "" if nobody says.
	Organizer string
	// Ends is when what it tells of is over. Zero: never, as far as anybody knows. A letter is kept for as long as one
	// about the same meeting may matter.
	Ends time.Time
	// Event has people, title and links. It is distilled before it is kept.
	Event calendar.Event
}

// Letters are the letters that are kept of a connection.
type Letters interface {
	// Known are those of the origins whose letters are kept.
	Known(ctx context.Context, src calendar.SourceID, origins []string) (map[string]bool, error)
	// After are at most n letters with a higher Seq, in its order, whatever their state.
	After(ctx context.Context, src calendar.SourceID, seq int64, n int) ([]Letter, error)
	// About are the letters that tell of the meeting and count, as they were received.
	About(ctx context.Context, src calendar.SourceID, meeting string) ([]Letter, error)
	// Meetings are at most n of the meetings that letters tell of, behind the given one, by name.
	Meetings(ctx context.Context, src calendar.SourceID, after string, n int) ([]string, error)
	// Newest is the highest Seq; 0 if there are no letters.
	Newest(ctx context.Context, src calendar.SourceID) (int64, error)
}

// A Desk is where a connector gives what comes to it unasked.
type Desk interface {
	// Deliver keeps a letter. It is on the disk when Deliver returns nil, and the source is pulled soon.
	Deliver(ctx context.Context, src calendar.Source, l Letter) error
	// Changed has the source pulled soon.
	Changed(src calendar.Source)
}

// A Listener is a connector that hears of changes by itself: a server that tells of new mail, a port to which mail is
// sent.
type Listener interface {
	// Listen listens until ctx ends. An error means that it can't for now: the engine calls it again later.
	Listen(ctx context.Context, d Desk) error
}

// A MailReceiver is a connector to which mail is posted by HTTP. ServeMail answers, and lets nobody in without a
// credential.
type MailReceiver interface {
	ServeMail(w http.ResponseWriter, r *http.Request, d Desk)
}
