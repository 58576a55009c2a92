package deliver

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

var (
	histories = flag.Int("histories", 150, "how many random histories each recorder goes through")
	firstSeed = flag.Uint64("seed", 1, "the first of them")
)

// A rig is a sink and the simulated vendors behind it.
type rig struct {
	target  schedule.Target
	servers []*fakerecorder.Server
	// call is a schedule's call, as the vendor's stays have it.
	call func(schedule.Schedule) string
	// remembers: a key that was refused is refused again.
	remembers bool
	// outages are what happens to all requests to a server, for some time; nil where there are none.
	outages map[*fakerecorder.Server]fakerecorder.Fault
	// settle is how long the vendor takes at the end, at most, until all is as it was told.
	settle time.Duration
}

// settled waits for the vendors to have done what they were asked.
func (r rig) settled() {
	for _, s := range r.servers {
		s.Settled()
	}
}

// world is time, and what the schedules are to be.
type world struct {
	now time.Time
}

func (w *world) clock() time.Time { return w.now }

// A message is a revision on its way.
type message struct {
	s        schedule.Schedule
	nonce    int // counts the new keys that were asked for
	attempts int
	due      time.Time
	tried    time.Time // last
	kept     bool      // what came of that is stored
	died     bool      // a process has died over it
}

// A history is one schedule's random life, delivered as the engine delivers: at least once, in order, with the note that
// the last receipt left, over crashes and faults.
type history struct {
	t        testing.TB
	rng      *rand.Rand
	w        *world
	rig      rig
	id       string
	queue    []message
	latest   schedule.Schedule
	rejected bool // the latest revision
	note     string
	log      []string
	// taken is when the latest revision was taken by the sink, zero before.
	taken time.Time
	calm  bool // no faults any more
}

func (h *history) say(format string, args ...any) {
	h.log = append(h.log, h.w.now.Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

func (h *history) fail(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(h.log, "\n"))
}

// fault is what happens to a request.
func (h *history) fault(*http.Request) fakerecorder.Fault {
	if h.calm || h.rng.IntN(100) >= 18 {
		return fakerecorder.None
	}
	f := fakerecorder.Fault(1 + h.rng.IntN(6))
	h.say("  fault %d", f)
	return f
}

// publish makes a revision: a new one, a move, another link, a cancellation, or back.
func (h *history) publish() {
	s := h.latest
	s.Revision++
	now := h.w.now
	soon := now.Add(time.Duration(h.rng.IntN(150)-10) * time.Minute).Truncate(time.Second)
	switch n := h.rng.IntN(10); {
	case s.Revision == 1 || s.State == schedule.Cancelled:
		s.State = schedule.Scheduled
		if s.Revision == 1 || n < 5 {
			s.Start = soon
		}
	case n < 3:
		s.State = schedule.Cancelled
	case n < 6:
		s.State, s.Start = schedule.Updated, soon
	case n < 7:
		s.State, s.Start = schedule.Updated, s.Start.Add(time.Duration(h.rng.IntN(600)-300)*time.Second)
	case n < 9:
		s.State, s.MeetingID = schedule.Updated, fmt.Sprint(88700000000+h.rng.IntN(3)+100*int(h.id[len(h.id)-1]))
		s.JoinURL = "https://acme.zoom.us/j/" + s.MeetingID
	default:
		s.State, s.Title = schedule.Updated, fmt.Sprint("title ", s.Revision)
	}
	s.End = s.Start.Add(45 * time.Minute)
	h.latest, h.taken, h.rejected = s, time.Time{}, false
	h.queue = append(h.queue, message{s: s, due: now})
	h.say("%s revision %d: %s at %s in %s", h.id, s.Revision, s.State, s.Start.Format("15:04:05"), s.JoinURL)
}

// deliver hands the first message over, if it is due, and perhaps dies over it.
func (h *history) deliver() {
	if len(h.queue) == 0 {
		return
	}
	m := &h.queue[0]
	held := h.rig.target.Lead > 0 && h.note == "" && m.s.State != schedule.Cancelled && h.w.now.Before(m.s.Start.Add(-h.rig.target.Lead))
	if held && len(h.queue) > 1 { // the engine tells of the last revision alone, when it is time
		h.queue = h.queue[1:]
		return
	}
	// An engine may give a revision up for a later one, once it has stored what came of it; cancellations it does not. For
	// failover it must not give up one that a process died over: nobody can tell then where a bot may be that Vexa sent.
	if !held && len(h.queue) > 1 && m.kept && !(m.died && h.rig.outages != nil) && m.s.State == schedule.Updated && h.rng.IntN(8) == 0 && h.w.now.Sub(m.tried) > 10*time.Second {
		h.say("  %s revision %d is put aside", h.id, m.s.Revision)
		h.queue = h.queue[1:]
		return
	}
	// Nor does it have a later one wait for one that is told to wait.
	if len(h.queue) > 1 && m.kept && !(m.died && h.rig.outages != nil) && m.s.State != schedule.Cancelled && m.due.Sub(h.w.now) > time.Minute {
		h.say("  %s revision %d is out of date", h.id, m.s.Revision)
		h.queue = h.queue[1:]
		return
	}
	if held || h.w.now.Before(m.due) {
		return
	}
	m.tried, m.kept = h.w.now, false
	m.attempts++
	receipt, err := h.rig.target.Sink.Deliver(h.t.Context(), schedule.Delivery{
		Schedule: m.s, Key: fmt.Sprint(m.s.ID, "-", m.s.Revision, "-", m.nonce), Note: h.note, Attempt: m.attempts, Now: h.w.now,
	})
	h.rig.settled()
	h.say("  %s revision %d attempt %d with %s: %v, notes %s", h.id, m.s.Revision, m.attempts, h.note, err, receipt.Note)
	if len(receipt.Note) > 1200 || strings.Contains(receipt.Note, "zoom.us") {
		h.fail("the note is too long or has a link in it: %s", receipt.Note)
	}
	if !h.calm && h.rng.IntN(100) < 15 {
		h.say("  the process dies")
		m.died = true
		m.due = h.w.now.Add(time.Duration(h.rng.IntN(120)) * time.Second)
		if h.rng.IntN(20) == 0 {
			m.due = h.w.now.Add(80 * time.Minute) // longer than keys are remembered
		}
		return
	}
	h.note, m.kept = receipt.Note, true
	var retry *schedule.RetryError
	switch {
	case err == nil, errors.Is(err, schedule.ErrRejected):
		last := len(h.queue) == 1
		h.queue = h.queue[1:]
		if last {
			h.taken, h.rejected = h.w.now, err != nil
		}
		return
	case errors.As(err, &retry):
		if retry.NewKey {
			m.nonce++
		}
		m.due = h.w.now.Add(retry.After)
	default:
		m.due = h.w.now.Add(time.Duration(m.attempts) * 3 * time.Second)
	}
}

func (h *history) stays() (all []fakerecorder.Stay) {
	for _, s := range h.rig.servers {
		for _, stay := range s.Stays() {
			if h.mine(stay.Schedule, stay.Call) {
				all = append(all, stay)
			}
		}
	}
	slices.SortFunc(all, func(a, b fakerecorder.Stay) int { return a.From.Compare(b.From) })
	return all
}

// mine tells the schedules' bots apart; vendors that keep nothing with a bot know its call.
func (h *history) mine(id, call string) bool {
	return id == h.id || id == "" && strings.Contains(call, "/"+fmt.Sprint(88700000000 + 100*int(h.id[len(h.id)-1]))[:9])
}

func (h *history) live() (all []fakerecorder.Bot) {
	for _, s := range h.rig.servers {
		for _, b := range s.Live() {
			if h.mine(b.Schedule, b.Call) {
				all = append(all, b)
			}
		}
	}
	return all
}

// check looks for what must never be.
func (h *history) check() {
	h.t.Helper()
	stays := h.stays()
	for i, a := range stays {
		for _, b := range stays[i+1:] {
			if a.In(b.From) {
				h.fail("two bots in calls for one schedule: %+v and %+v", a, b)
			}
		}
	}
	if h.taken.IsZero() || len(h.queue) > 0 {
		return
	}
	live, s := h.live(), h.latest
	if s.State == schedule.Cancelled || h.rejected && !inCall(live, s) {
		if len(live) > 0 {
			h.fail("%s revision %d (%s, rejected %v) has been taken, and there are bots: %+v", h.id, s.Revision, s.State, h.rejected, live)
		}
		return
	}
	if h.rejected {
		return
	}
	if len(live) != 1 {
		h.fail("%s revision %d has been taken, and there are the bots %+v, want one", h.id, s.Revision, live)
	}
	b := live[0]
	if place(b.Call) != place(s.JoinURL) {
		h.fail("%s revision %d has been taken, and the bot goes to %s, want %s", h.id, s.Revision, b.Call, s.JoinURL)
	}
	// Not before its time, but for a bot that was there already; and in time, if it could be.
	wanted, waits := s.Start, b.JoinAt
	if h.taken.After(wanted) {
		wanted = h.taken
	}
	if h.taken.After(waits) {
		waits = h.taken
	}
	if s.Start.Sub(waits) > patience+time.Minute+2*time.Minute || b.JoinAt.Sub(wanted) > time.Minute {
		h.fail("%s revision %d has been taken, and the bot joins at %s, want %s (taken at %s)", h.id, s.Revision, b.JoinAt, s.Start, h.taken)
	}
}

func inCall(live []fakerecorder.Bot, s schedule.Schedule) bool {
	return len(live) == 1 && place(live[0].Call) == place(s.JoinURL)
}

// place is the number of a call, in whatever words.
func place(call string) string {
	call, _, _ = strings.Cut(call, "?")
	return call[strings.LastIndex(call, "/")+1:]
}

// run drives two schedules through a share of the random histories, and demands in the end what their last revisions want.
func run(t *testing.T, newRig func(t *testing.T, w *world) rig, share int) {
	for seed := *firstSeed; seed < *firstSeed+uint64(*histories/share) && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { one(t, seed, newRig) })
	}
}

func one(t *testing.T, seed uint64, newRig func(t *testing.T, w *world) rig) {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &world{now: eight}
	r := newRig(t, w)
	var all []*history
	for i := range 2 {
		h := &history{t: t, rng: rng, w: w, rig: r, id: fmt.Sprint("rec_", i)}
		h.latest = schedule.Schedule{ID: h.id, Provider: "zoom", MeetingID: fmt.Sprint(88700000000 + 100*int(h.id[len(h.id)-1])), Capture: []string{"zoom_native", "bot"}}
		h.latest.JoinURL = "https://acme.zoom.us/j/" + h.latest.MeetingID
		all = append(all, h)
	}
	for _, s := range r.servers {
		s.Fault = func(req *http.Request) fakerecorder.Fault {
			if f := r.outages[s]; f != fakerecorder.None {
				all[0].say("  outage %d", f)
				return f
			}
			return all[0].fault(req)
		}
	}
	published := 0
	for range 120 {
		h := all[rng.IntN(len(all))]
		switch n := rng.IntN(10); {
		case n == 0 && published < 12 || h.latest.Revision == 0:
			published++
			h.publish()
		case n < 7:
			h.deliver()
		case n < 9:
			w.now = w.now.Add(time.Duration(1+rng.IntN(40)) * time.Second)
		default:
			w.now = w.now.Add(time.Duration(rng.IntN(20)) * time.Minute)
		}
		for _, s := range r.servers {
			s.Capacity = rng.IntN(3) - 1
			if r.outages != nil && rng.IntN(8) == 0 {
				r.outages[s] = []fakerecorder.Fault{fakerecorder.None, fakerecorder.None, fakerecorder.Down, fakerecorder.LostBefore, fakerecorder.ErrorAfter}[rng.IntN(5)]
			}
		}
		for _, h := range all {
			h.check()
		}
	}
	all[0].calm = true
	clear(r.outages)
	for _, s := range r.servers {
		s.Capacity = -1
	}
	for _, h := range all {
		h.calm = true
		h.finish()
	}
}

// finish delivers what is left, and looks at the call.
func (h *history) finish() {
	h.t.Helper()
	h.say("%s: all is calm", h.id)
	var end time.Time
	for range 2000 {
		if len(h.queue) == 0 && end.IsZero() {
			end = h.w.now.Add(h.rig.settle)
			if at := h.latest.Start.Add(2 * time.Minute); at.After(end) && h.latest.State != schedule.Cancelled && !h.rejected {
				end = at
			}
		}
		if len(h.queue) == 0 && !h.w.now.Before(end) {
			break
		}
		h.deliver()
		h.w.now = h.w.now.Add(10 * time.Second)
		h.check()
	}
	if len(h.queue) > 0 {
		h.fail("%s: there are messages left: %+v", h.id, h.queue)
	}
	in := slices.DeleteFunc(h.stays(), func(s fakerecorder.Stay) bool { return !s.In(h.w.now) })
	switch wanted := h.latest.State != schedule.Cancelled && !h.rejected; {
	case wanted && (len(in) != 1 || place(in[0].Call) != place(h.latest.JoinURL)):
		h.fail("%s: in the end there are in calls %+v, want one in %s", h.id, in, h.latest.JoinURL)
	case !wanted && h.latest.State == schedule.Cancelled && len(in)+len(h.live()) > 0:
		h.fail("%s: in the end there are %+v in calls and the bots %+v, want none", h.id, in, h.live())
	}
}
