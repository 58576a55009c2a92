// Package fakerecorder simulates the vendors whose bots join calls: Recall.ai, Attendee, Meeting BaaS and Vexa. Each is a
// server with the vendor's documented rules and refusals, a clock that the test holds, and a log of which bot has been in
// which call. They are simulations of what the vendors' documentation says; no test has seen a real vendor.
package fakerecorder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault is what goes wrong with one request.
type Fault int

// The faults. Before: nothing has been done. After: it has been done, and nobody hears of it.
const (
	None Fault = iota
	LostBefore
	LostAfter
	ErrorBefore // 500
	ErrorAfter
	Throttled // 429, in a second again
	Down      // 503
)

// A Stay is a bot's time in a call.
type Stay struct {
	Bot      string
	Schedule string // from what was kept with the bot; "" where the vendor keeps nothing
	Call     string // the address, or the call in the vendor's own words
	From, To time.Time
}

// In reports whether the bot is in the call at t. A bot that has not left has no To.
func (s Stay) In(t time.Time) bool { return !t.Before(s.From) && (s.To.IsZero() || t.Before(s.To)) }

// A Bot is what the simulation holds of one bot.
type Bot struct {
	ID       string
	Call     string
	JoinAt   time.Time // when it enters the call
	Made     time.Time
	Schedule string

	dispatched time.Time // from then on it is under way
	left       time.Time
	free       time.Time // from then on it is no more in the way of others
	deleted    bool
	fields     map[string]any // what it was made with
	key        string
	launched   bool // it has passed the doors that a vendor has at the time of joining
}

// A Server is one simulated vendor.
type Server struct {
	*httptest.Server
	// Fault, when set, is asked for each request what goes wrong with it.
	Fault func(*http.Request) Fault
	// Capacity is how many bots can be made on short notice; negative: no limit.
	Capacity int
	// Requests counts those that were handled, by "METHOD path".
	Requests []string

	mu   sync.Mutex
	now  func() time.Time
	bots []*Bot
	made int
	tick func(now time.Time) // does what time has brought, before anybody looks
}

// Key is the API key of every simulated vendor.
const Key = "k3y"

// handler handles one request under the lock, at one moment. A nil body of the answer is none.
type handler func(r *request) (status int, body any)

// A request is one that was let in.
type request struct {
	*http.Request
	body   map[string]any
	header http.Header // of the answer
	now    time.Time
}

// newServer serves the routes, patterns as of http.ServeMux, to who has the key.
func newServer(now func() time.Time, authorized func(*http.Request) bool, routes map[string]func(s *Server) handler) *Server {
	s := &Server{now: now, Capacity: -1, tick: func(time.Time) {}}
	mux := http.NewServeMux()
	for pattern, h := range routes {
		handle := h(s)
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, authorized, handle) })
	}
	s.Server = httptest.NewServer(mux)
	return s
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, authorized func(*http.Request) bool, handle handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick(s.now())
	fault := None
	if s.Fault != nil {
		fault = s.Fault(r)
	}
	switch fault {
	case LostBefore:
		panic(http.ErrAbortHandler)
	case ErrorBefore:
		reply(w, 500, map[string]string{"error": "something went wrong"})
		return
	case Throttled:
		w.Header().Set("Retry-After", "1")
		reply(w, 429, map[string]string{"error": "too many requests"})
		return
	case Down:
		reply(w, 503, nil)
		return
	}
	if !authorized(r) {
		reply(w, 401, map[string]string{"detail": "Invalid API token."})
		return
	}
	req := &request{Request: r, header: w.Header(), now: s.now()}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(b) > 0 {
		d := json.NewDecoder(bytes.NewReader(b))
		if r.Header.Get("Content-Type") != "application/json" || d.Decode(&req.body) != nil {
			reply(w, 400, map[string]string{"detail": "JSON parse error"})
			return
		}
	}
	s.Requests = append(s.Requests, r.Method+" "+r.URL.Path)
	status, body := handle(req)
	switch fault {
	case LostAfter:
		panic(http.ErrAbortHandler)
	case ErrorAfter:
		reply(w, 500, map[string]string{"error": "something went wrong"})
		return
	}
	reply(w, status, body)
}

func reply(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // who has hung up does not read it
}

// Stays are who has been in which call, up to now, in the order of entering.
func (s *Server) Stays() []Stay {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Stay
	now := s.now()
	s.tick(now)
	for _, b := range s.bots {
		if b.deleted || b.JoinAt.After(now) || !b.left.IsZero() && !b.left.After(b.JoinAt) {
			continue
		}
		to := b.left
		if to.After(now) {
			to = time.Time{}
		}
		all = append(all, Stay{b.ID, b.Schedule, b.Call, b.JoinAt, to})
	}
	slices.SortFunc(all, func(a, b Stay) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Bot, b.Bot)) })
	return all
}

// Live are the bots that are in a call or will be, by the order in which they were made.
func (s *Server) Live() []Bot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Bot
	s.tick(s.now())
	for _, b := range s.bots {
		if !b.over(s.now()) {
			all = append(all, *b)
		}
	}
	return all
}

// Settled returns when no request is being handled: whoever was hung up on hears of it before the handler is seen to end.
func (s *Server) Settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

// Fields are what a bot was last asked to be, in the vendor's words.
func (s *Server) Fields(id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bot(id); b != nil {
		return maps.Clone(b.fields)
	}
	return nil
}

// Kick is somebody in the call who makes the bot leave it.
func (s *Server) Kick(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bot(id); b != nil && !b.over(s.now()) {
		b.left, b.free = s.now(), s.now()
	}
}

// Forget is somebody who deletes the bot at the vendor.
func (s *Server) Forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bot(id); b != nil {
		b.deleted = true
	}
}

// over reports whether b is in no call, and will be in none.
func (b *Bot) over(now time.Time) bool { return b.deleted || !b.left.IsZero() && !b.left.After(now) }

// underWay reports whether b can't be changed any more.
func (b *Bot) underWay(now time.Time) bool { return !b.dispatched.After(now) }

func (s *Server) bot(id string) *Bot {
	for _, b := range s.bots {
		if b.ID == id && !b.deleted {
			return b
		}
	}
	return nil
}

// add makes a bot.
func (s *Server) add(b *Bot, prefix string) *Bot {
	s.made++
	b.ID, b.Made = prefix+strconv.Itoa(s.made), s.now()
	s.bots = append(s.bots, b)
	return b
}

// claim takes one of those bots that can be had on short notice.
func (s *Server) claim() bool {
	if s.Capacity == 0 {
		return false
	}
	if s.Capacity > 0 {
		s.Capacity--
	}
	return true
}

// A field says what is allowed in one field of a request; nil, or text if it is not.
type field func(v any) string

// check compares a request with the fields that a vendor knows: unknown ones, missing ones and wrong ones are refused.
func check(body map[string]any, fields map[string]field, required ...string) string {
	for _, name := range required {
		if body[name] == nil {
			return name + ": This field is required."
		}
	}
	for name, v := range body {
		f, known := fields[name]
		if !known {
			return name + ": unknown field"
		}
		if words := f(v); words != "" {
			return name + ": " + words
		}
	}
	return ""
}

func text(longest int) field {
	return func(v any) string {
		t, ok := v.(string)
		if !ok || t == "" {
			return "Not a valid string."
		}
		if len([]rune(t)) > longest {
			return fmt.Sprintf("Ensure this field has no more than %d characters.", longest)
		}
		return ""
	}
}

func anything(any) string { return "" }

func boolean(v any) string {
	if _, ok := v.(bool); !ok {
		return "Must be a valid boolean."
	}
	return ""
}

// texts allows an object of texts, each with a longest length, all of them too.
func texts(each, all int) field {
	return func(v any) string {
		m, ok := v.(map[string]any)
		if !ok {
			return "Expected an object."
		}
		total := 0
		for k, v := range m {
			t, ok := v.(string)
			if !ok || len(t) > each {
				return fmt.Sprintf("%s must be text of at most %d characters", k, each)
			}
			total += len(k) + len(t)
		}
		if total > all {
			return fmt.Sprintf("must have at most %d characters", all)
		}
		return ""
	}
}

// joinURL allows addresses of those hosts.
func joinURL(hosts ...string) field {
	return func(v any) string {
		t, _ := v.(string)
		rest, ok := strings.CutPrefix(t, "https://")
		host, _, _ := strings.Cut(rest, "/")
		if !ok || !slices.ContainsFunc(hosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) }) {
			return "Invalid meeting URL"
		}
		return ""
	}
}

func moment(v any) string {
	t, _ := v.(string)
	if _, err := time.Parse(time.RFC3339, t); err != nil {
		return "Datetime has wrong format."
	}
	return ""
}

// at is the moment in a field that moment has allowed; zero if there is none.
func at(v any) time.Time {
	t, _ := v.(string)
	parsed, _ := time.Parse(time.RFC3339, t)
	return parsed
}

// meta is the schedule's id in what was kept with a bot.
func meta(v any) string {
	m, _ := v.(map[string]any)
	id, _ := m["syncd_schedule"].(string)
	return id
}
