package engine

import (
	"context"
	"fmt"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// A desk keeps what comes to connectors unasked.
type desk struct{ e *Engine }

var _ connectors.Desk = desk{}

// Desk is where connectors give what comes to them unasked.
func (e *Engine) Desk() connectors.Desk { return desk{e} }

// MailReceiver is the connection's connector, if it takes mail.
func (e *Engine) MailReceiver(driver, account string) (connectors.MailReceiver, bool) {
	r, ok := e.connections[driver+":"+account].Connector.(connectors.MailReceiver)
	return r, ok
}

// Deliver keeps the letter, and has its source pulled.
func (d desk) Deliver(ctx context.Context, src calendar.Source, l connectors.Letter) error {
	e := d.e
	letters := []connectors.Letter{l}
	e.readLetters(ctx, e.inUse().reading, src.ID, letters)
	if err := e.Store.PutLetters(ctx, src.ID, letters); err != nil {
		return fmt.Errorf("keep a letter to %s: %w", src.ID, err)
	}
	e.Wake()
	return nil
}

// Changed has the source pulled. If that can't be noted, it is polled.
func (d desk) Changed(src calendar.Source) {
	e := d.e
	if err := e.Store.MakeDue(context.Background(), src.ID, e.Now()); err != nil {
		e.Log.Warn("a source could not be made due; it is polled", "source", src.ID, "error", err)
		return
	}
	e.Wake()
}

// readLetters puts links in place of what people wrote.
func (e *Engine) readLetters(ctx context.Context, reading calendar.Reading, source calendar.SourceID, letters []connectors.Letter) {
	for i := range letters {
		news := letters[i].News
		events := make([]calendar.Event, len(news))
		for k, n := range news {
			events[k] = n.Event
		}
		e.read(ctx, reading, source, events)
		for k := range news {
			news[k].Event = events[k]
		}
		letters[i].Distil(reading)
	}
}

// How long a connection that can't listen rests before it is tried again.
const (
	listenRests    = time.Second
	listenRestsMax = time.Minute
)

// hear has a connection listen for as long as ctx lasts.
func (e *Engine) hear(ctx context.Context, c Connection, l connectors.Listener) error {
	rest := listenRests
	for ctx.Err() == nil {
		began := e.Now()
		err := l.Listen(ctx, desk{e})
		if ctx.Err() != nil {
			return nil
		}
		if e.Now().Sub(began) > listenRestsMax {
			rest = listenRests
		}
		e.Log.Warn("a connection does not listen; it is polled, and tried again", "connection", c.String(), "in", rest, "error", err)
		e.pause(ctx, e.jitter(rest), nil)
		rest = min(2*rest, listenRestsMax)
	}
	return nil
}
