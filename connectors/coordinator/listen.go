package coordinator

import (
	"context"

	"golang.org/x/sync/errgroup"

	"example.com/syncd/connectors"
)

var _ connectors.Listener = (*connector)(nil)

// Listen takes mail that is handed over.
func (c *connector) Listen(ctx context.Context, d connectors.Desk) error {
	g, ctx := errgroup.WithContext(ctx)
	if c.cfg.LMTP.Listen != "" {
		g.Go(func() error { return c.listenLMTP(ctx, d) })
	}
	g.Go(func() error {
		<-ctx.Done() // there is nothing else to listen to
		return ctx.Err()
	})
	return g.Wait()
}
