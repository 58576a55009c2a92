package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.com/syncd/serve/access"
	"example.com/syncd/serve/tokens"
)

// Streams bound the streams of events. What is 0 is the default.
type Streams struct {
	Most   int           // at a time (64)
	PerOne int           // of one token or person (8)
	Look   time.Duration // how often the store is looked at for what other processes write (2s)
	Beat   time.Duration // how often a silent stream says that it is there (15s)
	Lasts  time.Duration // how long a stream goes on, until who reads it has to come in again (15m)
	Stall  time.Duration // how long a reader may take no data (30s)
}

func (s Streams) orDefault() Streams {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	if s.Most == 0 {
		s.Most = 64
	}
	if s.PerOne == 0 {
		s.PerOne = 8
	}
	set(&s.Look, 2*time.Second)
	set(&s.Beat, 15*time.Second)
	set(&s.Lasts, 15*time.Minute)
	set(&s.Stall, 30*time.Second)
	return s
}

// streams are those that are open.
type streams struct {
	Streams
	mu   sync.Mutex
	open int
	of   map[string]int
	more chan struct{} // closed, and replaced, when there may be something new
}

func newStreams(s Streams) *streams {
	return &streams{Streams: s.orDefault(), of: map[string]int{}, more: make(chan struct{})}
}

// enter counts a stream of who; leave is to be called at its end. ok is false if there are too many.
func (s *streams) enter(who string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.Most || s.of[who] >= s.PerOne {
		return nil, false
	}
	s.open++
	s.of[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
		if s.of[who]--; s.of[who] == 0 {
			delete(s.of, who)
		}
	}, true
}

func (s *streams) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.more
}

// Notify has streams look for new revisions at once: there may be some.
func (a *API) Notify() {
	s := a.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
}

type eventsInput struct {
	After string `query:"after" maxLength:"8192" doc:"the cursor behind which to go on (from now on); of the change feed, too"`
	Last  string `header:"Last-Event-ID" maxLength:"8192" doc:"the id of the last event that was received; before \"after\""`
}

const eventsType = "text/event-stream"

func (a *API) registerEvents() {
	op := a.operation(http.MethodGet, "/api/v1/events", "streamEvents", "feed", "The change feed, as server-sent events",
		"The event \"ready\" comes first; each event \"revision\" has a change as its data, and its cursor as its id. A browser's EventSource goes on "+
			"by itself where a stream has ended, as it does after some minutes.", tokens.Read, http.StatusServiceUnavailable)
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{eventsType: {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(a.huma, op, a.events)
}

func (a *API) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	after := latest
	if in.After != "" {
		after = in.After
	}
	if in.Last != "" {
		after = in.Last
	}
	seq, err := a.position(ctx, after)
	if err != nil {
		return nil, err
	}
	who, _ := access.From(ctx)
	leave, ok := a.streams.enter(who.ID)
	if !ok {
		return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("too many streams are open: end one, or read /api/v1/changes"),
			http.Header{"Retry-After": {"30"}})
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer leave()
		r, w := humago.Unwrap(hc)
		if r.Method == http.MethodHead { // which has no end to wait for
			w.Header().Set("Content-Type", eventsType)
			return
		}
		s := &stream{api: a, w: w, c: http.NewResponseController(w), seq: seq}
		if err := s.run(r.Context()); err != nil && r.Context().Err() == nil {
			a.Log.Warn("a stream of events ended early", "who", who.ID, "error", err)
		}
	}}, nil
}

// stream is one reader's.
type stream struct {
	api *API
	w   http.ResponseWriter
	c   *http.ResponseController
	seq int64 // the last one sent
}

// run sends what there is, and what comes, until the reader leaves or has to come in again.
func (s *stream) run(ctx context.Context) error {
	limits := s.api.streams.Streams
	h := s.w.Header()
	h.Set("Content-Type", eventsType)
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	s.w.WriteHeader(http.StatusOK)
	cursor, err := s.api.cursors.cursor(feed, s.seq)
	if err != nil {
		return err
	}
	if err := s.write([]byte("retry: 3000\nevent: ready\nid: " + cursor + "\ndata: {}\n\n")); err != nil {
		return err
	}
	end, look, beat := time.NewTimer(limits.Lasts), time.NewTicker(limits.Look), time.NewTicker(limits.Beat)
	defer end.Stop()
	defer look.Stop()
	defer beat.Stop()
	for {
		more := s.api.streams.wait() // before looking: what comes meanwhile is seen next time
		if err := s.send(ctx); err != nil {
			return err
		}
		select {
		case <-more:
		case <-look.C:
		case <-beat.C:
			if err := s.write([]byte(": still here\n\n")); err != nil {
				return err
			}
		case <-end.C:
			return nil
		case <-s.api.Stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// batch is how many revisions are sent at a time.
const batch = 100

// send writes all that there is behind the last one.
func (s *stream) send(ctx context.Context) error {
	for {
		changes, err := s.api.Catalog.Changes(ctx, s.seq, batch)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			return nil
		}
		var b bytes.Buffer
		for _, c := range changes {
			item, cursor, err := s.api.change(c)
			if err != nil {
				return err
			}
			b.WriteString("event: revision\nid: " + cursor + "\ndata: ")
			b.Write(item)
			b.WriteString("\n\n")
		}
		if err := s.write(b.Bytes()); err != nil {
			return err
		}
		s.seq = changes[len(changes)-1].Seq
		if len(changes) < batch {
			return nil
		}
	}
}

// write has the reader receive b, or gives them up. The server's own limit is for requests that end.
func (s *stream) write(b []byte) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(s.api.streams.Stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.c.Flush()
}
