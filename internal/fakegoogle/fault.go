package fakegoogle

import (
	"io"
	"net/http"
	"time"
)

// A Fault is what goes wrong with a request. The zero Fault is nothing.
type Fault struct {
	Err error // no answer comes

	// Status answers in place of the service, with this body.
	Status      int
	Body        string
	ContentType string
	RetryAfter  time.Duration

	Cut bool // the answer breaks off in its middle
}

// Script makes things go wrong with the next requests, one fault each.
func (t *Tenant) Script(faults ...Fault) { t.do(func() { t.script = append(t.script, faults...) }) }

// fault is what goes wrong with r.
func (t *Tenant) fault(r *http.Request) Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.script) > 0 {
		f := t.script[0]
		t.script = t.script[1:]
		return f
	}
	if t.Fault != nil {
		if f := t.Fault(r); f != nil {
			return *f
		}
	}
	return Fault{}
}

// broken is a connection that ends before its time.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
