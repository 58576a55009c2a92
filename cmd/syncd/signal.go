package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/store"
)

// signalCommand notes what a person says of a meeting.
type signalCommand struct {
	configFlag
	By      string `required:"" help:"Who says so: an email address." placeholder:"EMAIL"`
	Series  bool   `help:"Say it of the whole series."`
	Signal  string `arg:"" enum:"skip,record,opt_out,take_back" help:"skip: do not record it. record: record it, if nothing that protects people is against it. opt_out: I join, and am not to be recorded. take_back: as if I had said nothing of it."`
	Meeting string `arg:"" help:"The meeting: its UID, with or without the occurrence, its link, or words of its title."`
}

func (c *signalCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !eligibility.ValidAddress(c.By) {
		return usageError{fmt.Errorf("--by %q is no email address", c.By)}
	}
	signals, err := store.OpenSignals(ctx, cfg.Store)
	if errors.Is(err, fs.ErrNotExist) {
		return noStore(cfg, c.Config)
	}
	if err != nil {
		return err
	}
	defer signals.Close()
	found, err := find(ctx, signals, c.Meeting)
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
	now, title := clock(cfg)().UTC(), titleOf(found[0].Title)
	if c.Signal == takeBack {
		n, err := signals.TakeBack(ctx, about, c.By, now)
		switch {
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("%s has said nothing of %s (%s); of a whole series it is taken back by --series", c.By, title, about)
		}
		_, err = fmt.Fprintf(s.out, "taken back: what %s said of %s (%s); a running daemon decides it again within seconds\n", c.By, title, about)
		return err
	}
	sig := eligibility.Signal{Meeting: about, Email: c.By, Signal: c.Signal, At: now.Truncate(time.Millisecond)}
	if err := signals.Say(ctx, sig); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "noted: %s of %s (%s), by %s; a running daemon decides it again within seconds\n", sig.Signal, title, sig.Meeting, sig.Email)
	return err
}

// takeBack is no signal: it takes out those that there are.
const takeBack = "take_back"
