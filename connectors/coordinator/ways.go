package coordinator

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/connectors"
)

// A box is where mails are fetched from.
type box interface {
	// fetch gives mails that are not known behind a position, and the next position. No mails and the position that
	// was given: there is nothing new. The zero position is before all mails.
	fetch(ctx context.Context, pos string, known knower) (mails []mail, next string, err error)
}

// A knower says of which of these origins there are letters.
type knower func(ctx context.Context, origins []string) (map[string]bool, error)

// A pair are two boxes: a mailbox and a folder. Positions are of both.
type pair struct{ first, second box }

func (p pair) fetch(ctx context.Context, pos string, known knower) ([]mail, string, error) {
	var at [2]string
	if pos != "" {
		if err := json.Unmarshal([]byte(pos), &at); err != nil {
			return nil, pos, fmt.Errorf("coordinator: the position in two boxes: %w", connectors.ErrCursor)
		}
	}
	before := at
	for i, b := range []box{p.first, p.second} {
		mails, next, err := b.fetch(ctx, at[i], known)
		if err != nil {
			return nil, pos, err
		}
		at[i] = next
		if len(mails) > 0 {
			text, err := json.Marshal(at)
			return mails, string(text), err
		}
	}
	if at == before {
		return nil, pos, nil
	}
	text, err := json.Marshal(at)
	return nil, string(text), err
}

var _ connectors.Listener = (*connector)(nil)

// Listen takes mail that is handed over, and tells of new mail in the mailbox.
func (c *connector) Listen(ctx context.Context, d connectors.Desk) error {
	g, ctx := errgroup.WithContext(ctx)
	if c.cfg.LMTP.Listen != "" {
		g.Go(func() error { return c.listenLMTP(ctx, d) })
	}
	if c.cfg.IMAP.Server != "" {
		w := c.imap()
		g.Go(func() error { return w.listen(ctx, func() { d.Changed(c.source) }) })
	}
	g.Go(func() error {
		<-ctx.Done() // there is nothing else to listen to
		return ctx.Err()
	})
	return g.Wait()
}
