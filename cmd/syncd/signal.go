package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

// signalCommand notes what a person says of a meeting.
type signalCommand struct {
	configFlag
	By      string `required:"" help:"Who says so: an email address." placeholder:"EMAIL"`
	Series  bool   `help:"Say it of the whole series."`
	Signal  string `arg:"" enum:"skip,record,opt_out" help:"skip: do not record it. record: record it, if nothing that protects people is against it. opt_out: I join, and am not to be recorded."`
	Meeting string `arg:"" help:"The meeting: its UID, with or without the occurrence, its link, or words of its title."`
}

func (c *signalCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	switch {
	case cfg.Signals == "":
		return usageError{fmt.Errorf("%s has no place for signals: set signals to the name of a file", c.Config)}
	case !eligibility.ValidAddress(c.By):
		return usageError{fmt.Errorf("--by %q is no email address", c.By)}
	}
	st, err := openStore(ctx, cfg, c.Config)
	if err != nil {
		return err
	}
	defer st.Close()
	found, err := find(ctx, st, c.Meeting)
	if err != nil {
		return err
	}
	keys := map[calendar.Key]bool{}
	var about calendar.Key
	for _, d := range found {
		about = d.Meeting
		if c.Series {
			about = calendar.Key(d.Meeting.Series())
		}
		keys[about] = true
	}
	if len(keys) != 1 {
		printMatches(s.err, found)
		return fmt.Errorf("%d meetings are %q; name one of them by its UID and occurrence, or give --series", len(found), c.Meeting)
	}
	sig := eligibility.Signal{Meeting: about, Email: c.By, Signal: c.Signal, At: clock(cfg)().UTC().Truncate(time.Second)}
	if err := appendSignal(cfg.Signals, sig); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "noted: %s of %s (%s), by %s; a running daemon decides it again within seconds\n", sig.Signal, titleOf(found[0].Title), sig.Meeting, sig.Email)
	return err
}

// appendSignal adds a line to the file, at once: whoever reads it meanwhile has all of it or nothing. A torn
// last line is left for a person to mend.
func appendSignal(file string, sig eligibility.Signal) error {
	var line bytes.Buffer
	if err := printLine(&line, sig); err != nil {
		return err
	}
	if known, err := os.ReadFile(file); err == nil && len(known) > 0 && !bytes.HasSuffix(known, []byte("\n")) {
		return fmt.Errorf("%s ends in the middle of a line; mend its last line first", file)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note the signal: %w", err)
	}
	if _, err := f.Write(line.Bytes()); err != nil {
		f.Close()
		return fmt.Errorf("note the signal: %w", err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("note the signal: %w", err)
	}
	return f.Close()
}
