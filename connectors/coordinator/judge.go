package coordinator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/ics"
	"example.com/syncd/internal/mailauth"
)

// A claim is on whose authority a mail says something of an event.
type claim struct {
	meeting, effect string
	organizer       string // addresses in lower case, "" if nobody is named
	sentBy          string // who acts for them (RFC 5545 section 3.2.18)
	guest           string // who answers
}

func claimOf(uid, effect string, e *ics.Event) claim {
	c := claim{meeting: uid, effect: effect, organizer: strings.ToLower(e.Organizer().Email)}
	by := e.Get("ORGANIZER")
	if effect == replies {
		guest := e.People()[0]
		c.guest, by = strings.ToLower(guest.Email), e.Get("ATTENDEE")
	}
	if by != nil {
		c.sentBy = strings.TrimPrefix(strings.ToLower(by.Param("SENT-BY")), "mailto:")
	}
	return c
}

// judge says whether to believe the letter: whether it is from whom it says, and may say it. An error means that it is
// not known now.
func (c *connector) judge(ctx context.Context, m mail, inv invite, claims []claim, l *connectors.Letter) error {
	l.Sender = inv.from
	if c.cfg.Authenticate {
		limited, cancel := context.WithTimeout(ctx, patience)
		v, err := c.auth.Check(limited, m.raw)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, mailauth.ErrUnproven):
			hold(l, err)
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", mailauth.ErrTemporary, err)
		}
		l.Sender = v.From
	}
	refused, err := c.refuse(ctx, l.Sender, claims)
	switch {
	case err != nil:
		return err
	case refused == nil:
		l.State = connectors.LetterAccepted
	case slices.ContainsFunc(claims, func(a claim) bool { return a.effect != replies }):
		hold(l, refused)
	default: // a person need not look at it
		l.State, l.Reason = connectors.LetterUnused, refused.Error()
	}
	return nil
}

// patience is how long the DNS may take.
const patience = 15 * time.Second

func hold(l *connectors.Letter, why error) {
	l.State, l.Reason = connectors.LetterHeld, why.Error()
}

// refuse says why the sender may not say this; nil if they may.
func (c *connector) refuse(ctx context.Context, sender string, claims []claim) (why, err error) {
	if len(c.cfg.Domains) == 0 { // everybody may; that is only so where nobody is authenticated
		return nil, nil
	}
	from := domainOf(sender)
	for _, a := range claims {
		if a.effect == replies {
			if sender == "" || a.guest != sender && a.sentBy != sender {
				return errors.New("it is an answer of somebody else than its sender"), nil
			}
			continue
		}
		organizer := cmp.Or(a.organizer, sender)
		inside := c.inside(organizer)
		switch {
		case sender == "" || !c.inside(sender) && !slices.Contains(c.cfg.Senders, from):
			return fmt.Errorf("its sender is at %s, which may not schedule; if it shall, add it to domains, or to senders", cmp.Or(from, "no domain")), nil
		case organizer != sender && a.sentBy != sender && !inside:
			return fmt.Errorf("its organizer is at %s, and is not its sender", domainOf(organizer)), nil
		}
		if inside {
			continue
		}
		before, err := c.letters.About(ctx, c.source.ID, a.meeting)
		if err != nil {
			return nil, err
		}
		for _, l := range before {
			for _, n := range l.News {
				if n.Meeting == a.meeting && n.Effect != replies && n.Organizer != "" && n.Organizer != printOf(organizer) {
					return errors.New("earlier mails name another organizer of the meeting"), nil
				}
			}
		}
	}
	return nil, nil
}

// inside reports whether the address is of the company.
func (c *connector) inside(address string) bool {
	return slices.Contains(c.cfg.Domains, domainOf(address))
}

// domainOf is the domain of an address.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
