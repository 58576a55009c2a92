package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/store"
)

// tokenCommand is about the API's tokens. It works beside a daemon, which knows of changes at once.
type tokenCommand struct {
	New    newTokenCommand    `cmd:"" help:"Make a token, and print it: it is not shown again."`
	List   listTokensCommand  `cmd:"" help:"List the tokens, without what opens anything."`
	Revoke revokeTokenCommand `cmd:"" help:"End tokens at once."`
}

// withTokens opens the tokens of the store.
func withTokens(ctx context.Context, f configFlag, do func(*store.Tokens, *config.Config) error) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	t, err := store.MakeTokens(ctx, cfg.Store)
	if err != nil {
		return err
	}
	return errors.Join(do(t, cfg), t.Close())
}

// newTokenCommand makes a token.
type newTokenCommand struct {
	configFlag
	Name    string          `arg:"" help:"What it is for, in words: you will want to know when it is listed."`
	Scopes  string          `default:"read" help:"What it opens, with commas between (${default}): read, signals, deliveries, quarantine, admin." placeholder:"SCOPES"`
	For     string          `help:"The person for whom it speaks, where it gives signals." placeholder:"EMAIL"`
	Expires config.Duration `default:"365d" help:"How long it is good, such as 90d; 0 for ever (${default})." placeholder:"DURATION"`
}

// Run makes it.
func (c *newTokenCommand) Run(ctx context.Context, s streams) error {
	scopes, err := tokens.ParseScopes(c.Scopes)
	switch {
	case err != nil:
		return usageError{fmt.Errorf("--scopes: %w", err)}
	case c.For != "" && !eligibility.ValidAddress(c.For):
		return usageError{fmt.Errorf("--for %q is no email address", c.For)}
	case c.Expires < 0:
		return usageError{fmt.Errorf("--expires %s is over already", c.Expires)}
	}
	return withTokens(ctx, c.configFlag, func(kept *store.Tokens, _ *config.Config) error {
		id, text := tokens.Generate()
		now := time.Now()
		t := tokens.Token{ID: id, Name: c.Name, Hash: tokens.Hash(text), Scopes: scopes, Email: c.For, MadeAt: now}
		if c.Expires > 0 {
			t.Until = now.Add(time.Duration(c.Expires))
		}
		if err := kept.Put(ctx, t); err != nil {
			return err
		}
		until := "for ever"
		if !t.Until.IsZero() {
			until = "until " + t.Until.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(s.err, "made the token %s, good %s; keep it now, since it is not shown again:\n", id, until)
		_, err := fmt.Fprintln(s.out, text) // alone, for scripts
		return err
	})
}

// listTokensCommand lists them.
type listTokensCommand struct {
	configFlag
	JSON bool `help:"Print JSON Lines instead of a table."`
}

// tokenLine is a token as the command prints it.
type tokenLine struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Scopes  string    `json:"scopes"`
	For     string    `json:"for,omitempty"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires,omitzero"`
	Used    time.Time `json:"used,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
	Good    bool      `json:"good"`
}

// Run lists them.
func (c *listTokensCommand) Run(ctx context.Context, s streams) error {
	return withTokens(ctx, c.configFlag, func(kept *store.Tokens, _ *config.Config) error {
		all, err := kept.All(ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{"ID", "NAME", "SCOPES", "FOR", "MADE", "EXPIRES", "USED (UTC)", ""}}
		for _, t := range all {
			line := tokenLine{t.ID, t.Name, t.Scopes.String(), t.Email, t.MadeAt, t.Until, t.UsedAt, t.RevokedAt, t.Live(time.Now())}
			if c.JSON {
				if err := printLine(s.out, line); err != nil {
					return err
				}
				continue
			}
			state := ""
			switch {
			case !t.RevokedAt.IsZero():
				state = "revoked"
			case !line.Good:
				state = "expired"
			}
			rows = append(rows, []string{t.ID, printable(t.Name), line.Scopes, cmp.Or(t.Email, "–"), day(t.MadeAt, ""), day(t.Until, "never"), minute(t.UsedAt), state})
		}
		switch {
		case c.JSON:
			return nil
		case len(all) == 0:
			_, err := fmt.Fprintln(s.out, "there are no tokens; syncd token new makes one")
			return err
		}
		var b bytes.Buffer
		table(&b, rows)
		_, err = s.out.Write(b.Bytes())
		return err
	})
}

func day(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format(time.DateOnly)
}

func minute(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// revokeTokenCommand ends them.
type revokeTokenCommand struct {
	configFlag
	IDs []string `arg:"" name:"id" help:"Which, by their ids."`
}

// Run ends them. One that can't be is named, and the others are ended.
func (c *revokeTokenCommand) Run(ctx context.Context, s streams) error {
	return withTokens(ctx, c.configFlag, func(kept *store.Tokens, _ *config.Config) error {
		failed := false
		for _, id := range c.IDs {
			ok, err := kept.Revoke(ctx, id, time.Now())
			if err != nil {
				return err
			}
			if !ok {
				fmt.Fprintf(s.err, "syncd: there is no token %s, or it has been revoked already; syncd token list shows them\n", id)
				failed = true
				continue
			}
			fmt.Fprintf(s.out, "revoked: %s\n", id)
		}
		if failed {
			return errPartly
		}
		return nil
	})
}
