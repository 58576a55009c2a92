// Package demo is a connector to calendars in a file: JSON Lines, one copy of a meeting a line. It is
// for trying rules out on made-up or exported events, and the example to copy for a new connector.
package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/internal/jsonl"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name:   "demo",
	Doc:    "calendars in a file of JSON Lines",
	Config: func() connectors.Config { return &Config{} },
}

// Config is a connection's part of the configuration.
type Config struct {
	File string `yaml:"file" jsonschema:"required,minLength=1"` // JSON Lines, one copy a line; read anew when it changes
}

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	if c.File == "" {
		return errors.New("file is missing: name a file of JSON Lines, one event a line")
	}
	return nil
}

// Open makes the connector. The file is read when it is asked for calendars.
func (c *Config) Open(env connectors.Env) (connectors.Connector, error) {
	return &connector{file: c.File, account: env.Account, read: env.ReadFile, log: env.Log}, nil
}

type connector struct {
	file, account string
	read          func(string) ([]byte, error)
	log           *slog.Logger
}

// cursor says what of the file has been read. A change of its shape needs a higher version.
type cursor struct {
	Version int             `json:"v"`
	File    string          `json:"file"` // hash of the content
	Horizon calendar.Window `json:"horizon"`
}

const version = 1

// Sources are the calendars that the file's lines name.
func (c *connector) Sources(ctx context.Context, _ []string) ([]calendar.Source, error) {
	copies, _, err := c.copies(ctx)
	if err != nil {
		return nil, err
	}
	var sources []calendar.Source
	seen := map[calendar.SourceID]bool{}
	for _, cp := range copies {
		if !seen[cp.Source.ID] {
			seen[cp.Source.ID] = true
			sources = append(sources, cp.Source)
		}
	}
	return sources, nil
}

// Pull lists the calendar anew when the file or the horizon has changed.
func (c *connector) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, horizon calendar.Window) (connectors.Page, error) {
	var last cursor
	if cur != "" {
		if err := json.Unmarshal([]byte(cur), &last); err != nil || last.Version != version {
			return connectors.Page{}, fmt.Errorf("demo: cursor of another version: %w", connectors.ErrCursor)
		}
	}
	copies, content, err := c.copies(ctx)
	if err != nil {
		return connectors.Page{}, err
	}
	now := cursor{Version: version, File: content.hash, Horizon: horizon}
	if cur != "" && last == now {
		return connectors.Page{Next: cur}, nil
	}
	next, err := json.Marshal(now)
	if err != nil {
		return connectors.Page{}, err
	}
	// What a broken line says is not known, so nothing may be concluded from what is missing.
	whole := content.broken == 0
	p := connectors.Page{Next: connectors.Cursor(next), First: whole, Full: whole, Last: whole, Listed: horizon}
	for _, cp := range copies {
		if cp.Source.ID == src.ID && horizon.Holds(cp.Event) {
			p.Events = append(p.Events, cp.Event)
		}
	}
	return p, nil
}

// content is what is known of the file besides its copies.
type content struct {
	hash   string
	broken int // lines that can't be read
}

// copies reads the file. Every copy is this connection's, whatever source its line names.
func (c *connector) copies(ctx context.Context) ([]calendar.Copy, content, error) {
	if err := ctx.Err(); err != nil {
		return nil, content{}, err
	}
	b, err := c.read(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, content{}, fmt.Errorf("demo: file %s does not exist; correct the setting \"file\": %w", c.file, connectors.ErrAccess)
	}
	if err != nil {
		return nil, content{}, fmt.Errorf("demo: read %s: %w", c.file, err)
	}
	var copies []calendar.Copy
	broken := jsonl.Each(c.file, bytes.NewReader(b), func(line []byte) error {
		cp, err := calendar.ParseCopy(line)
		if err != nil {
			return err
		}
		cp.Source.Driver, cp.Source.Account = Driver.Name, c.account
		cp.Source.ID = calendar.NewSourceID(Driver.Name, c.account, cp.Source.Calendar)
		copies = append(copies, cp)
		return nil
	})
	for _, err := range broken {
		c.log.Warn("a line of the file is left out", "error", err)
	}
	sum := sha256.Sum256(b)
	return copies, content{hex.EncodeToString(sum[:12]), len(broken)}, nil
}

var _ connectors.Connector = (*connector)(nil)
