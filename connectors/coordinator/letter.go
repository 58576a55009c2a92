package coordinator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/internal/ics"
)

// A mail is one as it came.
type mail struct {
	origin string // where it was read; "" if it was handed over
	name   string // for the log
	raw    []byte
	at     time.Time // when it came
	// stamped says that the topmost Received header says better when it came: the file's time may be that of a copy.
	stamped bool
	problem error // why it was not read
}

// letter is what of a mail is kept. An error means that it can't be judged now.
func (c *connector) letter(ctx context.Context, m mail) (connectors.Letter, error) {
	l := connectors.Letter{Origin: m.origin, Received: m.at}
	inv, err := invite{}, m.problem
	if err == nil {
		inv, err = readInvite(m.raw)
	}
	if m.stamped && !inv.received.IsZero() {
		l.Received = inv.received
	}
	var claims []claim
	if err == nil {
		l.News, claims, err = c.news(inv)
	}
	if err != nil {
		l.Reason = err.Error()
	}
	if len(l.News) == 0 {
		l.State = connectors.LetterUnused
	} else if err := c.judge(ctx, m, inv, claims, &l); err != nil {
		return l, err
	}
	l.ID = identify(m, inv, l)
	return l, nil
}

// identify is a fingerprint of what the letter says, who sent it, and whether that is believed: a copy that somebody else
// sends does not stand in the way of the mail itself. Of what says nothing, it is the mail's own.
func identify(m mail, inv invite, l connectors.Letter) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q\n", l.State, l.Sender, inv.messageID)
	for _, n := range l.News {
		b, _ := json.Marshal(calendar.Copy{Event: n.Event}) // of strings and times
		fmt.Fprintf(h, "%q %q %q %q %s\n", n.Meeting, n.Effect, n.Times, n.Organizer, b)
	}
	if len(l.News) == 0 {
		h.Write(m.raw)
		fmt.Fprintf(h, "%q", m.origin)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// news is what an invite says of events, and on whose authority. An error says why it, or a part of it, is of no use.
func (c *connector) news(inv invite) ([]connectors.News, []claim, error) {
	var all []connectors.News
	var claims []claim
	var odd error
	uids := map[string]bool{}
	for _, cal := range inv.calendars {
		for _, e := range cal.Events {
			effect, uid := effectOf(cal.Method, e, c.cfg.Address), calendar.CanonicalUID(e.UID)
			switch {
			case effect == "":
			case uid == "":
				odd = errNoUID
			case !uids[uid] && len(uids) == maxUIDs:
				odd = errManyUIDs
			default:
				uids[uid] = true
				n := c.newsOf(uid, effect, cal, e)
				if inv.winmail && len(n.Event.Attendees) == 0 {
					n.Event.Attendees = c.others(inv.to)
				}
				all = append(all, n)
				claims = append(claims, claimOf(uid, effect, e))
			}
		}
	}
	if len(all) == 0 && odd == nil {
		odd = errNoEffect
	}
	return all, claims, odd
}

// others are those who are not the coordinator.
func (c *connector) others(guests []calendar.Attendee) []calendar.Attendee {
	return slices.DeleteFunc(slices.Clone(guests), func(a calendar.Attendee) bool { return plain(a.Email) == plain(c.cfg.Address) })
}

func (c *connector) newsOf(uid, effect string, cal *ics.Calendar, e *ics.Event) connectors.News {
	n := connectors.News{Meeting: uid, Effect: effect, Times: cal.Bare(e, c.cfg.TimeZone), Event: describe(e)}
	if organizer := e.Organizer().Email; organizer != "" {
		n.Organizer = printOf(organizer)
	}
	if end, ok := e.End.UTC(); ok && !e.Recurs() {
		n.Ends = end
	}
	if effect == replies { // of a guest, only the answer
		n.Ends = time.Unix(1, 0) // it says nothing of times
		n.Event = calendar.Event{Kind: n.Event.Kind, Visibility: n.Event.Visibility, Attendees: n.Event.Attendees}
	}
	return n
}

// printOf is a fingerprint of an address.
func printOf(address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(address)))
	return hex.EncodeToString(sum[:8])
}
