// Package coordinator is a connector to a mailbox that people add to their invites: what it knows of
// meetings is what invites, updates and cancellations say (iTIP, RFC 5546), in the order in which they
// arrived. For now the mailbox is a folder of mail files, or a Maildir; other ways to read one go behind
// the same seam, the function letters.
//
// The mails of the folder are trusted as delivered: that a mail is from whom it says, and may change the
// meeting it is about, is for the operator's own mail system to see to before it delivers. Nothing here
// checks a sender, fetches a URL, or answers.
//
// Nothing is kept between calls. When the folder or the horizon has changed, all its mails are read and
// folded anew, and the page replays what they made of each meeting, so that whoever applies it sees each
// change with the time at which it was received. A mail that is removed from the folder cancels nothing.
package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name:   "coordinator",
	Doc:    "invites mailed to a coordinator's address, in a folder of mail files or a Maildir",
	Config: func() connectors.Config { return &Config{} },
}

// Config is a connection's part of the configuration.
type Config struct {
	Address string `yaml:"address" jsonschema:"required,pattern=@"`  // the coordinator's: the one that people add to invites
	Folder  string `yaml:"folder" jsonschema:"required,minLength=1"` // of .eml files, or a Maildir; each mail is a file
}

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Address == "" {
		errs = append(errs, errors.New("address is missing: the mail address that people add to their invites"))
	} else if a, err := mail.ParseAddress(c.Address); err != nil || a.Address != c.Address {
		errs = append(errs, fmt.Errorf("address %q is not a mail address alone, such as notes@acme.com", c.Address))
	}
	if c.Folder == "" {
		errs = append(errs, errors.New("folder is missing: the folder that mails to the address are delivered to"))
	}
	return errors.Join(errs...)
}

// Open makes the connector. The folder is read when it is pulled.
func (c *Config) Open(env connectors.Env) (connectors.Connector, error) {
	mailbox := calendar.NewSource(Driver.Name, env.Account, c.Address)
	mailbox.Primary = true
	return &connector{mails: folder{files: env.OpenDir(c.Folder), name: c.Folder}, log: env.Log, source: mailbox}, nil
}

type connector struct {
	mails  folder
	source calendar.Source
	log    *slog.Logger
}

// Sources is the mailbox, whoever the users are.
func (c *connector) Sources(ctx context.Context, _ []string) ([]calendar.Source, error) {
	return []calendar.Source{c.source}, ctx.Err()
}

// cursor says what has been read. A change of its shape, or of what the same mails lead to, needs a
// higher version.
type cursor struct {
	Version int    `json:"v"`
	Mails   string `json:"mails"` // fingerprint of the folder
	From    string `json:"from"`  // first day of the horizon
	To      string `json:"to"`    // the day behind its last one
	// Next is how many UIDs of a reading under way have been reported; 0: it is done.
	Next int `json:"next,omitempty"`
}

const cursorVersion = 1

// pageSize is how many events make a page full. All events of one UID are on one page.
const pageSize = 5000

// Pull reads the mailbox anew when it, or the horizon's days, have changed.
func (c *connector) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	if err := ctx.Err(); err != nil {
		return connectors.Page{}, err
	}
	if src.ID != c.source.ID {
		return connectors.Page{}, fmt.Errorf("coordinator: %s is not this connection's mailbox, %s: %w", src.ID, c.source.ID, connectors.ErrSource)
	}
	var last cursor
	if cur != "" {
		if err := json.Unmarshal([]byte(cur), &last); err != nil || last.Version != cursorVersion || last.Next < 0 {
			return connectors.Page{}, fmt.Errorf("coordinator: cursor of another version: %w", connectors.ErrCursor)
		}
	}
	files, err := c.mails.list()
	if err != nil {
		return connectors.Page{}, err
	}
	days := wholeDays(horizon)
	now := cursor{
		Version: cursorVersion, Mails: fingerprint(files),
		From: days.Start.Format(time.DateOnly), To: days.End.Format(time.DateOnly), Next: last.Next,
	}
	if cur == "" || now != last {
		now.Next = 0
	} else if last.Next == 0 {
		return connectors.Page{Next: cur}, nil
	}
	return c.read(ctx, files, now, days)
}

// read is the page of what the mails say, from the UID now.Next on.
func (c *connector) read(ctx context.Context, files []file, now cursor, days calendar.Window) (connectors.Page, error) {
	warn := func(file, reason string) {
		if now.Next == 0 {
			c.log.Warn("a mail is not used", "file", file, "reason", reason)
		}
	}
	letters, err := c.mails.letters(ctx, files, warn)
	if err != nil {
		return connectors.Page{}, err
	}
	var p connectors.Page
	all := sortByUID(letters, c.source.Calendar, warn)
	done := min(now.Next, len(all))
	for done < len(all) && len(p.Events) < pageSize {
		if err := ctx.Err(); err != nil {
			return connectors.Page{}, err
		}
		r := all[done].unfold(days)
		if r.problem != "" {
			c.log.Warn("the times of a meeting are not known", "file", r.file, "reason", r.problem)
		}
		p.Events, p.Gone = append(p.Events, r.events...), append(p.Gone, r.gone...)
		done++
	}
	now.Next = 0
	if p.More = done < len(all); p.More {
		now.Next = done
	}
	next, err := json.Marshal(now)
	p.Next = connectors.Cursor(next)
	return p, err
}

// wholeDays is the window of whole days that w lies in.
func wholeDays(w calendar.Window) calendar.Window {
	const day = 24 * time.Hour
	return calendar.Window{Start: w.Start.UTC().Truncate(day), End: w.End.UTC().Add(day - 1).Truncate(day)}
}

var _ connectors.Connector = (*connector)(nil)
