// Package coordinator is a connector to a mailbox that people add to their invites: what it knows of
// meetings is what invites, updates and cancellations say (iTIP, RFC 5546), in the order in which they
// arrived.
//
// Anybody can mail an address. A mail counts if it is proven from whom it is, and if they may say what it says; what can't
// be told is held until a person releases it. Nothing here fetches a URL, or answers.
//
// What mails say is kept, as letters without what people wrote, and folded anew for each meeting that a new one is
// about. The page replays what letters made of the meeting, so that whoever applies it sees each
// change with the time at which it was received. A mail that is removed from its folder cancels nothing.
package coordinator

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/internal/mailauth"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name:   "coordinator",
	Doc:    "invites mailed to a coordinator's address: from an IMAP mailbox or a folder, or handed over by LMTP or HTTP",
	Config: func() connectors.Config { return &Config{Authenticate: true} },
}

// Config is a connection's part of the configuration.
type Config struct {
	Address string `yaml:"address" jsonschema:"required,pattern=@"` // the coordinator's: the one that people add to invites
	// Domains are the company's: who is there may schedule, and their meetings are believed whoever of them mails.
	Domains []string `yaml:"domains"`
	// Senders are further domains, whose people may mail invites to meetings of their own.
	Senders []string `yaml:"senders"`
	// Authenticate has each mail prove from whom it is: by an aligned DKIM signature, or as the three below say. Without
	// it, mail is believed as it comes, and whatever delivers it must have checked that.
	Authenticate bool `yaml:"authenticate"`
	// ResultsOf are mail hosts whose Authentication-Results are believed, by the name that they write into them.
	ResultsOf []string `yaml:"results_of"`
	// Exchange says that the mailbox is in Exchange Online, whose own marks are believed.
	Exchange bool `yaml:"exchange"`
	// Sealers are forwarders whose ARC seals are believed, by the domain that seals.
	Sealers []string `yaml:"sealers"`

	// TimeZone is the IANA name of the zone in which times are meant that are in none; "": they are not guessed.
	TimeZone string `yaml:"time_zone"`

	// Where mails come from, one or more of these.
	Folder string `yaml:"folder"` // of .eml files, or a Maildir; each mail is a file
	IMAP   IMAP   `yaml:"imap"`
	LMTP   LMTP   `yaml:"lmtp"`
	HTTP   HTTP   `yaml:"http"`

	tls *tls.Config // of IMAP; for tests
}

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Address == "" {
		wrong("address is missing: the mail address that people add to their invites")
	} else if a, err := netmail.ParseAddress(c.Address); err != nil || a.Address != c.Address {
		wrong("address %q is not a mail address alone, such as notes@acme.com", c.Address)
	}
	for _, domains := range []struct {
		key  string
		list []string
	}{{"domains", c.Domains}, {"senders", c.Senders}, {"results_of", c.ResultsOf}, {"sealers", c.Sealers}} {
		for i, d := range domains.list {
			domains.list[i] = strings.ToLower(d)
			if d == "" || strings.ContainsAny(d, "@ /") {
				wrong("%s: %q is no domain, such as acme.com", domains.key, d)
			}
		}
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
		wrong("time_zone: %q is no zone's name, such as Europe/Berlin", c.TimeZone)
	}
	if c.Authenticate && len(c.Domains) == 0 {
		wrong("domains is missing: the company's mail domains, whose people may schedule (or authenticate: false, where whatever delivers the mail has checked who sent it)")
	}
	if !c.Authenticate && (c.Exchange || len(c.ResultsOf)+len(c.Sealers) > 0) {
		wrong("authenticate: false leaves results_of, exchange and sealers without effect: leave them out")
	}
	if c.Folder == "" && c.IMAP == (IMAP{}) && c.LMTP.Listen == "" && c.HTTP.TokenFile == "" {
		wrong("folder, imap, lmtp and http are missing: say by which of them mails to the address come here")
	}
	c.IMAP.validate(wrong)
	c.LMTP.validate(wrong)
	return errors.Join(errs...)
}

// Open makes the connector. The folder is read when it is pulled.
func (c *Config) Open(env connectors.Env) (connectors.Connector, error) {
	mailbox := calendar.NewSource(Driver.Name, env.Account, c.Address)
	mailbox.Primary = true
	conn := &connector{cfg: *c, env: env, source: mailbox, letters: env.Letters}
	conn.auth = mailauth.Checker{Results: c.ResultsOf, Exchange: c.Exchange, DKIM: true, Sealers: c.Sealers, LookupTXT: env.LookupTXT, Now: env.Now}
	if conn.letters == nil {
		conn.letters = nothingKept{}
	}
	if c.Folder != "" {
		conn.box = folder{files: env.OpenDir(c.Folder), name: c.Folder}
	}
	if c.IMAP.Server != "" {
		mailbox := conn.imap()
		if conn.box == nil {
			conn.box = mailbox
		} else {
			conn.box = pair{conn.box, mailbox}
		}
	}
	return conn, nil
}

type connector struct {
	cfg     Config
	env     connectors.Env
	source  calendar.Source
	letters connectors.Letters
	auth    mailauth.Checker
	box     box // nil: mails come unasked
}

var _ connectors.Connector = (*connector)(nil)

// Sources is the mailbox, whoever the users are. What mail is handed over with must be there.
func (c *connector) Sources(ctx context.Context, _ []string) ([]calendar.Source, error) {
	if c.cfg.HTTP.TokenFile != "" {
		if _, err := c.postToken(); err != nil {
			return nil, err
		}
	}
	if c.cfg.LMTP.CertFile != "" {
		if _, err := c.certificate(); err != nil {
			return nil, err
		}
	}
	return []calendar.Source{c.source}, ctx.Err()
}

// cursor says what has been read. A change of its shape, or of what the same letters lead to, needs a
// higher version.
type cursor struct {
	Version int    `json:"v"`
	Box     string `json:"box,omitempty"` // the position in the box
	Seq     int64  `json:"seq"`           // the last letter that was folded
	From    string `json:"from"`          // first day of the horizon
	To      string `json:"to"`            // the day behind its last one
	// All says that every meeting is being told anew, After the last one that was.
	All   bool   `json:"all,omitempty"`
	After string `json:"after,omitempty"`
}

const cursorVersion = 2

// pageSize is how many events make a page full. All events of one UID are on one page. foldSize is how many letters, or
// meetings, are looked at for a page.
const (
	pageSize = 5000
	foldSize = 500
)

// Pull fetches new mails, a batch at a time, and then tells of the meetings that letters have changed; of all of them when
// the horizon's days have moved on.
func (c *connector) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	if err := ctx.Err(); err != nil {
		return connectors.Page{}, err
	}
	if src.ID != c.source.ID {
		return connectors.Page{}, fmt.Errorf("coordinator: %s is not this connection's mailbox, %s: %w", src.ID, c.source.ID, connectors.ErrSource)
	}
	at := cursor{Version: cursorVersion}
	if cur != "" {
		if err := json.Unmarshal([]byte(cur), &at); err != nil || at.Version != cursorVersion {
			return connectors.Page{}, fmt.Errorf("coordinator: cursor of another version: %w", connectors.ErrCursor)
		}
	}
	if p, fetched, err := c.fetch(ctx, at); fetched || err != nil {
		return p, err
	}
	days := wholeDays(horizon)
	if from, to := days.Start.Format(time.DateOnly), days.End.Format(time.DateOnly); at.From != from || at.To != to {
		newest, err := c.letters.Newest(ctx, c.source.ID)
		if err != nil {
			return connectors.Page{}, err
		}
		at.From, at.To, at.All, at.After, at.Seq = from, to, true, "", newest
	}
	if at.All {
		return c.foldAll(ctx, at, days)
	}
	return c.foldNew(ctx, cur, at, days)
}

// fetch is the page of new mails, if there are any.
func (c *connector) fetch(ctx context.Context, at cursor) (p connectors.Page, fetched bool, err error) {
	if c.box == nil {
		return p, false, nil
	}
	waiting := map[string]bool{}
	known := func(ctx context.Context, origins []string) (map[string]bool, error) {
		kept, err := c.letters.Known(ctx, c.source.ID, origins)
		all := maps.Clone(waiting)
		for o, is := range kept {
			all[o] = all[o] || is
		}
		return all, err
	}
	for len(p.Letters) == 0 {
		mails, next, err := c.box.fetch(ctx, at.Box, known)
		if err != nil || len(mails) == 0 && (len(waiting) > 0 || next == at.Box) {
			return p, false, err
		}
		all := false
		if p.Letters, all, err = c.read(ctx, mails, waiting); err != nil {
			return p, false, err
		}
		if all && len(waiting) == 0 {
			at.Box = next // else those that wait, and those that were not got to, are asked for again
		}
		if len(mails) == 0 {
			break
		}
	}
	p.More = true
	p.Next, err = at.encode()
	return p, true, err
}

// A mail waits for the DNS for at most so long, and at most so many do: whoever wants to hold up others' mail could have a
// domain that never answers.
const (
	waits      = 24 * time.Hour
	maxWaiting = 5
)

// readFor is how long mails are read for one page: where the DNS is slow, some are enough.
const readFor = 30 * time.Second

// read makes letters of mails, of all of them or of the first ones. Of those that can't be judged now, some are added to
// those that wait.
func (c *connector) read(ctx context.Context, mails []mail, waiting map[string]bool) (letters []connectors.Letter, all bool, err error) {
	began := c.env.Now()
	for _, m := range mails {
		if len(letters) > 0 && c.env.Now().Sub(began) > readFor {
			return letters, false, nil
		}
		l, err := c.letter(ctx, m)
		switch {
		case err == nil:
		case !errors.Is(err, mailauth.ErrTemporary):
			return nil, false, fmt.Errorf("coordinator: the mail %s: %w", m.name, err)
		case len(waiting) < maxWaiting && c.env.Now().Sub(m.at) < waits:
			waiting[m.origin] = true
			c.env.Log.Warn("a mail waits for the DNS to say who sent it", "mail", m.name, "error", err)
			continue
		default:
			hold(&l, err)
			l.ID = identify(m, invite{}, l)
		}
		c.tell(m.name, l)
		letters = append(letters, l)
	}
	return letters, true, nil
}

// tell logs what is wrong with a mail, if anything is. That it says nothing of meetings is nothing wrong with it.
func (c *connector) tell(name string, l connectors.Letter) {
	switch {
	case l.State == connectors.LetterHeld:
		c.env.Log.Warn("a mail is held, since it is not known whether to believe it", "mail", name, "letter", l.ID, "reason", l.Reason)
	case l.Reason != "" && l.Reason != errNoEffect.Error():
		c.env.Log.Warn("a mail is not used", "mail", name, "reason", l.Reason)
	}
}

func (c cursor) encode() (connectors.Cursor, error) {
	b, err := json.Marshal(c)
	return connectors.Cursor(b), err
}

// foldAll is a page of all meetings.
func (c *connector) foldAll(ctx context.Context, at cursor, days calendar.Window) (connectors.Page, error) {
	meetings, err := c.letters.Meetings(ctx, c.source.ID, at.After, foldSize)
	if err != nil {
		return connectors.Page{}, err
	}
	at.All = len(meetings) == foldSize
	p := connectors.Page{More: at.All}
	for _, uid := range meetings {
		if len(p.Events) >= pageSize {
			at.All, p.More = true, true
			break
		}
		if err := c.fold(ctx, uid, days, &p); err != nil {
			return connectors.Page{}, err
		}
		at.After = uid
	}
	if !at.All {
		at.After = ""
		newest, err := c.letters.Newest(ctx, c.source.ID)
		if err != nil {
			return connectors.Page{}, err
		}
		p.More = newest > at.Seq // they came meanwhile
	}
	p.Next, err = at.encode()
	return p, err
}

// foldNew is a page of the meetings that new letters are about.
func (c *connector) foldNew(ctx context.Context, cur connectors.Cursor, at cursor, days calendar.Window) (connectors.Page, error) {
	letters, err := c.letters.After(ctx, c.source.ID, at.Seq, foldSize)
	if err != nil {
		return connectors.Page{}, err
	}
	if len(letters) == 0 {
		return connectors.Page{Next: cur}, nil
	}
	p := connectors.Page{More: len(letters) == foldSize}
	done := map[string]bool{}
	for _, l := range letters {
		if len(p.Events) >= pageSize {
			p.More = true
			break
		}
		for _, n := range l.News {
			if done[n.Meeting] {
				continue
			}
			done[n.Meeting] = true
			if err := c.fold(ctx, n.Meeting, days, &p); err != nil {
				return connectors.Page{}, err
			}
		}
		at.Seq = l.Seq
	}
	p.Next, err = at.encode()
	return p, err
}

// fold adds to p what all letters say of a meeting.
func (c *connector) fold(ctx context.Context, uid string, days calendar.Window, p *connectors.Page) error {
	letters, err := c.letters.About(ctx, c.source.ID, uid)
	if err != nil {
		return err
	}
	r := correspond(uid, letters).unfold(days)
	if r.problem != "" {
		c.env.Log.Warn("the times of a meeting are not known", "meeting", uid, "reason", r.problem)
	}
	p.Events, p.Gone = append(p.Events, r.events...), append(p.Gone, r.gone...)
	return nil
}

// wholeDays is the window of whole days that w lies in.
func wholeDays(w calendar.Window) calendar.Window {
	const day = 24 * time.Hour
	return calendar.Window{Start: w.Start.UTC().Truncate(day), End: w.End.UTC().Add(day - 1).Truncate(day)}
}

// nothingKept are the letters where none are kept: of a check.
type nothingKept struct{}

func (nothingKept) Known(context.Context, calendar.SourceID, []string) (map[string]bool, error) {
	return nil, nil
}
func (nothingKept) After(context.Context, calendar.SourceID, int64, int) ([]connectors.Letter, error) {
	return nil, nil
}
func (nothingKept) About(context.Context, calendar.SourceID, string) ([]connectors.Letter, error) {
	return nil, nil
}
func (nothingKept) Meetings(context.Context, calendar.SourceID, string, int) ([]string, error) {
	return nil, nil
}
func (nothingKept) Newest(context.Context, calendar.SourceID) (int64, error) { return 0, nil }
