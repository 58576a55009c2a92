package console

import (
	"fmt"
	"net/http"
	"time"
)

// liveMost is how many pages follow at a time: others stay as they are until somebody loads them again.
const liveMost = 500

// A page that follows is told of changes at most once in liveRest, hears something every liveBeat, so that what is in
// between keeps the connection, and comes again after liveLong: by then somebody may have been logged out.
const (
	liveRest = 2 * time.Second
	liveBeat = 20 * time.Second
	liveLong = 15 * time.Minute
)

// follow tells a page of changes: events of the name "changed" (WHATWG HTML, "Server-sent events"). The page then asks for
// itself anew.
func (c *console) follow(w http.ResponseWriter, r *http.Request) {
	if c.Changes == nil || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	select {
	case c.live <- struct{}{}:
		defer func() { <-c.live }()
	default:
		http.Error(w, "too many pages follow already", http.StatusServiceUnavailable)
		return
	}
	out := http.NewResponseController(w)
	if err := out.SetWriteDeadline(time.Time{}); err != nil {
		c.Log.Debug("a page that follows will be cut off", "error", err)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would wait for more
	send := func(text string) bool {
		_, err := fmt.Fprint(w, text)
		return err == nil && out.Flush() == nil
	}
	changes := c.Changes(r.Context())
	// Whoever comes again may have missed something.
	hello := "id: 1\n\n"
	if r.Header.Get("Last-Event-ID") != "" {
		hello = "id: 1\nevent: changed\ndata: \n\n"
	}
	if !send(hello) {
		return
	}
	beat, long := time.NewTicker(liveBeat), time.NewTimer(liveLong)
	defer beat.Stop()
	defer long.Stop()
	var rest <-chan time.Time // while it is set, changes wait
	for {
		listen := changes
		if rest != nil {
			listen = nil
		}
		text := ""
		select {
		case <-r.Context().Done():
			return
		case <-long.C:
			return
		case <-rest:
			rest = nil
		case <-beat.C:
			text = ": still here\n\n"
		case _, open := <-listen:
			if !open {
				return
			}
			text = "id: 1\nevent: changed\ndata: \n\n"
			rest = time.After(liveRest)
		}
		if text != "" && !send(text) {
			return
		}
	}
}
