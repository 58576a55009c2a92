package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/schedule"
)

// A recorder is the sink of a vendor whose bots join calls. What all vendors have in common is here; how each is asked
// is its vendor's.
//
// A schedule has one bot at most, at any time: before a new one is made, the vendor is asked what it has, and what is
// in the way is taken back. So a process that dies between the vendor's answer and the note costs nothing.
type recorder struct {
	name   string // the target's
	vendor vendor
	limits limits
	config botSettings
}

// limits are what a vendor can do at all.
type limits struct {
	vendor    string            // in words
	providers map[string]string // those whose calls it joins, with its own name of each
	nameRunes int               // the longest name of a bot
	// soon is how near a start may be for the vendor to be told a time; a nearer one is "now".
	soon time.Duration
	// lead: the vendor is told no earlier, since it can't be told a time at all.
	lead time.Duration
	// sparing: the vendor may be asked so seldom that a schedule's first delivery does without.
	sparing bool
}

// A vendor is how one vendor is asked. Every method may be called again with the same arguments. Errors are as
// api.call has them, but for those that are named here.
type vendor interface {
	// look returns what the vendor has of w's schedule, at least all that is not over. It may correct what n says.
	look(ctx context.Context, w want, n *note) ([]bot, error)
	// create makes a bot. errBusy: there is none to be had now, and the same key would not help.
	create(ctx context.Context, w want, n *note) error
	// update makes a bot that is still waiting the one that w wants. errTooLate: it is not waiting any more, or the new
	// time is too near. errGone: there is none.
	update(ctx context.Context, b bot, w want) error
	// remove has a bot not join, or leave. What is gone already is removed. A *schedule.RetryError says that it can be
	// neither kept from joining nor made to leave for some time.
	remove(ctx context.Context, b bot, w want) error
}

var (
	errTooLate = errors.New("too late to change the bot")
	errGone    = errors.New("there is no such bot")
)

// A phase is how far a bot has come.
type phase int

const (
	waiting phase = iota // for its time: it can be changed
	working              // on its way into the call, or in it
	over                 // it has left, or never got in
)

// A bot is what a vendor has.
type bot struct {
	id     string
	phase  phase
	call   string    // fingerprint of the address that it joins
	how    string    // fingerprint of everything else
	joinAt time.Time // zero: at once
	start  time.Time // the start of the schedule that it was made for
	key    string    // of the message that it was made for
	place  string    // its call in the vendor's words, where it is known by that
}

// A want is what a revision asks of a recorder.
type want struct {
	schedule.Schedule
	now       time.Time
	key       string
	again     bool      // there may have been an attempt of which nothing is known
	none      bool      // no bot
	joinAt    time.Time // zero: at once
	name      string
	call, how string
	platform  string // the provider in the vendor's words
	onBehalf  string // the vendor's id of the member for whom a call on Zoom is joined
}

// patience is how long before its call a bot may be there, when there is no better one to be had in time.
const patience = 10 * time.Minute

// Deliver brings the vendor to what the revision wants.
func (r *recorder) Deliver(ctx context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	n := readNote(d.Note)
	w, refusal := r.want(d)
	w.again = !n.follows(d)
	n.Rev, n.Try = 0, 0
	err := r.bring(ctx, w, &n)
	if err == nil {
		err = refusal
	}
	if err != nil {
		n.Rev, n.Try = d.Schedule.Revision, d.Attempt
		err = r.say(err, d.Schedule)
	}
	return schedule.Receipt{Note: n.String()}, err
}

// Holds reports whether the vendor may have a bot, by the sink's note.
func (r *recorder) Holds(text string) bool { return readNote(text).holds() }

// say puts the target's name before an error, and takes the address out of what the vendor has to say.
func (r *recorder) say(err error, s schedule.Schedule) error {
	return hidden{fmt.Errorf("%s: %w", r.name, err), s.JoinURL}
}

// hidden is an error without the text that it hides.
type hidden struct {
	error
	secret string
}

func (h hidden) Error() string {
	if h.secret == "" {
		return h.error.Error()
	}
	return strings.ReplaceAll(h.error.Error(), h.secret, "(the join link)")
}

func (h hidden) Unwrap() error { return h.error }

// want is what d asks for. The error, an ErrRejected, says why there can't be a recording; then no bot is wanted.
func (r *recorder) want(d schedule.Delivery) (want, error) {
	s := d.Schedule
	w := want{Schedule: s, now: d.Now, key: d.Key, name: r.config.BotName, platform: r.limits.providers[s.Provider]}
	w.call = fingerprint(s.ID, s.JoinURL)
	for _, member := range s.OnBehalfOf {
		if id, ok := r.config.ZoomUsers[member]; ok && s.Provider == "zoom" {
			w.onBehalf = id
			break
		}
	}
	title := ""
	if r.config.SendTitles {
		title = s.Title
	}
	w.how = fingerprint(w.name, title, w.onBehalf)
	if join := s.Start.Add(-r.config.JoinEarly); join.Sub(d.Now) > r.limits.soon {
		w.joinAt = join.UTC()
	}
	if s.State == schedule.Cancelled {
		w.none = true
		return w, nil
	}
	refused := func(format string, args ...any) (want, error) {
		w.none = true
		return w, fmt.Errorf(format+": %w", append(args, schedule.ErrRejected)...)
	}
	switch {
	case !s.End.After(d.Now):
		return refused("the call was over at %s", s.End.UTC().Format(time.RFC3339))
	case w.platform == "":
		return refused("%s does not join calls on %s", r.limits.vendor, cmp.Or(s.Provider, "no provider"))
	case s.JoinURL == "":
		return refused("there is no join link")
	case len(s.Capture) > 0 && !slices.ContainsFunc(s.Capture, func(m string) bool { return slices.Contains(botMethods, m) }):
		return refused("%s sends bots, and the call is to be recorded by %s", r.limits.vendor, strings.Join(s.Capture, ", "))
	}
	return w, nil
}

// botMethods are the ways of capture that a vendor's bots are: the plain one, one that is signed in, and one that records
// locally on behalf of a member. Zoom's own recording in the cloud needs no bot.
var botMethods = []string{"bot", "authenticated_bot", "zoom_local_bot"}

// bring makes what the vendor has what w wants, and notes it.
func (r *recorder) bring(ctx context.Context, w want, n *note) error {
	var bots []bot
	if first := !w.again && w.Revision <= 1 && *n == (note{Version: noteVersion}); !first || !r.limits.sparing {
		found, err := r.vendor.look(ctx, w, n)
		if err != nil {
			if w.again && n.Asked == 0 { // an attempt that nothing is known of may have made one
				n.Asked, n.For = longAgo, w.Start.Unix()
			}
			return outcome(err)
		}
		bots = found
	}
	if served(bots, w, *n) {
		return nil
	}
	keep, kept := pick(bots, w)
	for _, b := range bots {
		if b.phase == over || kept && b.id == keep.id {
			continue
		}
		if err := r.vendor.remove(ctx, b, w); err != nil {
			if n.Bot == "" { // one that had not been noted is found
				n.Bot = b.id
			}
			return outcome(err)
		}
	}
	if w.none && !kept {
		*n = note{Version: noteVersion, Gen: n.Gen}
		return nil
	}
	if kept {
		if done, err := r.keep(ctx, keep, w, n); done || err != nil {
			return err
		}
	}
	return r.create(ctx, w, n)
}

// keep makes b the bot that w wants. It is not done if there has to be another one, for which b has made room.
func (r *recorder) keep(ctx context.Context, b bot, w want, n *note) (done bool, err error) {
	n.Bot, n.Start, n.Asked, n.For = b.id, w.Start.Unix(), 0, 0
	if w.none || b.phase == working || b.call == w.call && b.how == w.how && b.punctual(w) {
		return true, nil
	}
	err = r.vendor.update(ctx, b, w)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errTooLate) && b.call == w.call && b.timely(w):
		return true, nil // a better bot might not be had in time
	case errors.Is(err, errTooLate):
		if err := r.vendor.remove(ctx, b, w); err != nil {
			return false, outcome(err)
		}
	case !errors.Is(err, errGone):
		return false, refusedAs(err)
	}
	n.Bot = ""
	return false, nil
}

// create has the vendor make a bot.
func (r *recorder) create(ctx context.Context, w want, n *note) error {
	n.Bot, n.Start, n.Asked, n.For = "", 0, 0, 0
	if early := w.Start.Sub(w.now) - r.limits.lead; r.limits.lead > 0 && early > 0 {
		return &schedule.RetryError{After: early, Early: true, Err: fmt.Errorf("%s is told %s before the start", r.limits.vendor, r.limits.lead)}
	}
	err := r.vendor.create(ctx, w, n)
	if err != nil {
		if unsure(err) {
			n.Asked, n.For = w.now.Unix(), w.Start.Unix()
		}
		return refusedAs(err)
	}
	n.Start = w.Start.Unix()
	return nil
}

// refusedAs is outcome for requests that say what a bot is to do: a vendor that does not like it never will.
func refusedAs(err error) error {
	if s := status(err); (s == 400 || s == 422) && !errors.Is(err, errBusy) && !said(err) {
		return fmt.Errorf("%w: %w", err, schedule.ErrRejected)
	}
	return outcome(err)
}

// served reports whether the schedule's bot has been in the call already and is out of it, by itself or because somebody
// there wanted it to go. It does not come back uninvited; for another call, another start, or a recording that was
// cancelled in between (its revision is not "updated"), there is another bot.
func served(bots []bot, w want, n note) bool {
	if w.none || slices.ContainsFunc(bots, func(b bot) bool { return b.phase != over }) {
		return false
	}
	return slices.ContainsFunc(bots, func(b bot) bool {
		return b.phase == over && (b.id == n.Bot && w.State == schedule.Updated || b.key == w.key) && b.call == w.call && b.start.Equal(w.Start)
	})
}

// pick is the bot that stays: best one that is at work in the call, else one that can be changed into what is wanted.
func pick(bots []bot, w want) (best bot, ok bool) {
	rank := func(b bot) int {
		switch {
		case b.phase == working && b.call == w.call && (overruns(b, w) || !w.none && b.timely(w)):
			return 3
		case b.phase == waiting && !w.none && b.call == w.call:
			return 2
		case b.phase == waiting && !w.none:
			return 1
		}
		return 0
	}
	most := 0
	for _, b := range bots {
		if n := rank(b); n > most {
			best, most = b, n
		}
	}
	return best, most > 0
}

// overruns reports whether b is in a call that should be over: it is recorded to its real end. A schedule that has been
// moved into the past is not such a call.
func overruns(b bot, w want) bool {
	return w.State != schedule.Cancelled && !w.End.After(w.now) && b.start.Before(w.End)
}

// punctual reports whether b joins when w wants it to.
func (b bot) punctual(w want) bool {
	if w.joinAt.IsZero() {
		return !b.joinAt.After(w.now.Add(30 * time.Second))
	}
	return b.joinAt.Sub(w.joinAt).Abs() < time.Second
}

// timely reports whether b is there in time for w, and does not wait for longer than patience.
func (b bot) timely(w want) bool {
	joins, wanted := b.joinAt, w.joinAt
	if joins.Before(w.now) {
		joins = w.now
	}
	if wanted.IsZero() {
		wanted = w.now
	}
	return joins.Sub(wanted) <= 30*time.Second && wanted.Sub(joins) <= patience
}
