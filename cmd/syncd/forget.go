package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"example.com/syncd/eligibility"
	"example.com/syncd/store"
)

// forgetCommand takes a person out of the store.
type forgetCommand struct {
	configFlag
	Email string `arg:"" help:"Whom to forget: an email address."`
}

func (c *forgetCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !eligibility.ValidAddress(c.Email) {
		return usageError{fmt.Errorf("%q is no email address", c.Email)}
	}
	f, err := store.Forget(ctx, cfg.Store, c.Email, clock(cfg)())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store at %s yet; nobody is known", cfg.Store)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "taken out: %d calendars with all that they held, %d grants, %d meetings that have ended, %d letters, %d tokens, %d log-ins, %d signals\n", f.Calendars, f.Grants, f.Meetings, f.Letters, f.Tokens, f.Sessions, f.Signals)
	if f.Upcoming > 0 {
		fmt.Fprintf(s.out, "left: %d meetings to come, which stand on others' calendars; they leave %s after they have ended, or when you run this again then\n", f.Upcoming, cfg.Retention)
	}
	for _, m := range cfg.Policy.Directory.Members {
		if slices.ContainsFunc(append(m.Aliases, m.Email), func(a string) bool { return strings.EqualFold(a, c.Email) }) {
			fmt.Fprintf(s.err, "%s is in the policy's directory: take them out there as well\n", m.Email)
		}
	}
	if f.Calendars > 0 {
		fmt.Fprintln(s.err, "if a connection may still read the calendar it is read again: take the person off its roster as well")
	}
	if f.Said > 0 {
		fmt.Fprintf(s.out, "left: %d signals of meetings to come, since they protect the person; \"syncd signal take_back\" takes them out\n", f.Said)
	}
	return nil
}
