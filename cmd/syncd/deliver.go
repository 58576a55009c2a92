package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/engine"
	"example.com/syncd/serve/api"
	"example.com/syncd/store"
)

// progresses are what people and programs call how far a message has come.
var progresses = map[string]store.Progress{
	"waiting": store.Waiting, "delivered": store.Delivered, "rejected": store.GivenUp, "overtaken": store.Overtaken,
}

// progressName is its name in progresses. A message that fails waits.
func progressName(p store.Progress) string {
	for name, of := range progresses {
		if of == p {
			return name
		}
	}
	return "waiting"
}

// apiDeliveries are the messages as the API has them.
type apiDeliveries struct {
	kept *store.Deliveries
	now  func() time.Time
}

var _ api.Deliveries = apiDeliveries{}

// Deliveries are at most n messages, the newest first.
func (d apiDeliveries) Deliveries(ctx context.Context, f api.DeliveryFilter, n int) ([]api.Delivery, error) {
	found, err := d.kept.Find(ctx, store.MessageFilter{Progress: progresses[f.State], Target: f.Target, Schedule: f.Schedule, Before: f.Before}, n)
	all := make([]api.Delivery, len(found))
	for i, m := range found {
		all[i] = apiDelivery(m)
	}
	return all, err
}

func apiDelivery(m store.KeptMessage) api.Delivery {
	d := api.Delivery{
		ID: m.ID, Target: m.Target, Schedule: m.Schedule.ID, Revision: m.Schedule.Revision, State: progressName(m.Progress), WrittenAt: m.Written,
		DueAt: m.DueAt, Attempts: m.Attempts, Error: m.Error, Note: m.Note,
	}
	if m.Progress == store.Delivered {
		d.DeliveredAt = m.TriedAt
	}
	return d
}

// Retry has a message tried again.
func (d apiDeliveries) Retry(ctx context.Context, id int64) (api.Delivery, error) {
	m, err := d.kept.Retry(ctx, id, d.now())
	switch {
	case errors.Is(err, store.ErrDone):
		return api.Delivery{}, api.ErrDone
	case errors.Is(err, store.ErrOvertaken):
		return api.Delivery{}, api.ErrOvertaken
	}
	return apiDelivery(m), err
}

// deliverCommand is about what is on its way to targets. It works beside a daemon.
type deliverCommand struct {
	List  listDeliveriesCommand `cmd:"" help:"List what is on its way to targets, the newest first."`
	Retry retryCommand          `cmd:"" help:"Have it tried again at once, also what was given up."`
}

// withDeliveries opens the messages of the store.
func withDeliveries(ctx context.Context, f configFlag, do func(*store.Deliveries, *config.Config) error) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	d, err := store.OpenDeliveries(ctx, cfg.Store)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store at %s yet; nothing is to be delivered", cfg.Store)
	}
	if err != nil {
		return err
	}
	return errors.Join(do(d, cfg), d.Close())
}

// listDeliveriesCommand lists messages.
type listDeliveriesCommand struct {
	configFlag
	State    string `enum:"open,waiting,rejected,delivered,overtaken,all" default:"open" help:"Which: ${enum} (${default}). open: those that wait, and those that were given up, which are rejected." placeholder:"STATE"`
	Target   string `help:"Those to this target alone." placeholder:"NAME"`
	Schedule string `help:"Those about this schedule alone." placeholder:"ID"`
	JSON     bool   `help:"Print JSON Lines instead of a table."`
	Max      int    `default:"200" help:"How many of each state to list at most (${default})." placeholder:"N"`
}

// Run lists them.
func (c *listDeliveriesCommand) Run(ctx context.Context, s streams) error {
	if c.Max < 1 {
		return usageError{fmt.Errorf("--max %d: list one at least", c.Max)}
	}
	states := map[string][]store.Progress{"open": {store.GivenUp, store.Waiting}, "all": {store.Unknown}}[c.State]
	if states == nil {
		states = []store.Progress{progresses[c.State]}
	}
	return withDeliveries(ctx, c.configFlag, func(kept *store.Deliveries, _ *config.Config) error {
		rows := [][]string{{"ID", "TO", "STATE", "WHEN (UTC)", "TITLE", "REVISION", "ATTEMPTS", "ERROR"}}
		for _, state := range states {
			found, err := kept.Find(ctx, store.MessageFilter{Progress: state, Target: c.Target, Schedule: c.Schedule}, c.Max)
			if err != nil {
				return err
			}
			for _, m := range found {
				if c.JSON {
					if err := printLine(s.out, apiDelivery(m)); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, rowOfMessage(m))
			}
		}
		switch {
		case c.JSON:
			return nil
		case len(rows) == 1:
			_, err := fmt.Fprintln(s.out, "there is no such delivery")
			return err
		}
		var b bytes.Buffer
		table(&b, rows)
		_, err := s.out.Write(b.Bytes())
		return err
	})
}

// rowOfMessage is a message in the table. Of a private meeting there are the times alone.
func rowOfMessage(m store.KeptMessage) []string {
	title := titleOf(m.Schedule.Title)
	if m.Private {
		title = "(private)"
	}
	return []string{
		strconv.FormatInt(m.ID, 10), printable(m.Target), progressName(m.Progress), span(m.Schedule.Start, m.Schedule.End, time.UTC), title,
		fmt.Sprintf("%d, %s", m.Schedule.Revision, m.Schedule.State), strconv.Itoa(m.Attempts), cmp.Or(printable(m.Error), "–"),
	}
}

// retryCommand has messages tried again.
type retryCommand struct {
	configFlag
	AllGivenUp bool    `help:"All that were given up, the oldest first."`
	Target     string  `help:"Of those, those to this target alone." placeholder:"NAME"`
	IDs        []int64 `arg:"" name:"id" optional:"" help:"Which, by their ids."`
}

// Run has them tried. One that can't be is named, and the others are tried.
func (c *retryCommand) Run(ctx context.Context, s streams) error {
	switch {
	case c.AllGivenUp == (len(c.IDs) > 0):
		return usageError{errors.New("name deliveries by their ids (syncd deliver list), or give --all-given-up")}
	case c.Target != "" && !c.AllGivenUp:
		return usageError{errors.New("--target goes with --all-given-up")}
	}
	return withDeliveries(ctx, c.configFlag, func(kept *store.Deliveries, cfg *config.Config) error {
		if c.AllGivenUp {
			return c.retryAll(ctx, s, kept, cfg)
		}
		failed := false
		for _, id := range c.IDs {
			m, err := kept.Retry(ctx, id, clock(cfg)())
			if err != nil {
				if errors.Is(err, engine.ErrUnknown) {
					err = errors.New("there is none of this id; syncd deliver list shows them")
				}
				fmt.Fprintf(s.err, "syncd: delivery %d: %v\n", id, err)
				failed = true
				continue
			}
			row := rowOfMessage(m)
			fmt.Fprintf(s.out, "tried again: %s, to %s; a running daemon does so at its next look\n", row[4], row[1])
		}
		if failed {
			return errPartly
		}
		return nil
	})
}

// somePage is how many messages are read at a time.
const somePage = 200

func (c *retryCommand) retryAll(ctx context.Context, s streams, kept *store.Deliveries, cfg *config.Config) error {
	again, left := 0, 0
	for after := int64(0); ; {
		page, err := kept.Open(ctx, store.GivenUp, after, somePage)
		if err != nil {
			return err
		}
		for _, m := range page {
			after = m.ID
			if c.Target != "" && m.Target != c.Target {
				continue
			}
			switch _, err := kept.Retry(ctx, m.ID, clock(cfg)()); {
			case err == nil:
				again++
			case errors.Is(err, store.ErrOvertaken), errors.Is(err, store.ErrDone), errors.Is(err, engine.ErrUnknown):
				left++
			default:
				return err
			}
		}
		if len(page) < somePage {
			break
		}
	}
	text := fmt.Sprintf("tried again: %d that were given up; a running daemon does so at its next look\n", again)
	if left > 0 {
		text += fmt.Sprintf("left: %d, of whose schedules something later has been told\n", left)
	}
	_, err := fmt.Fprint(s.out, text)
	return err
}
