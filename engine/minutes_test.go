package engine_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

var minutes = flag.Int("minutes", 320, "random histories of the minutes around the start of a meeting")

// lanes is how many histories one engine lives through at a time. They have nothing to do with each other but the engine,
// the recorders, and the troubles of both.
const lanes = 16

// A lane is the history of one meeting.
type lane struct {
	uid      string
	users    []string // on whose calendars it is
	rooms    [2]string
	now      version
	past     []version
	changed  time.Time
	deletion bool // it is deleted rather than cancelled
}

// A version is what calendars say of a meeting from a time on.
type version struct {
	from       time.Time
	start, end time.Time
	room       string
	on         bool // and it is to be recorded
	guest      string
	twin       bool // there is a second meeting in the same room, half an hour later at most
}

func (v version) String() string {
	return fmt.Sprintf("\n\tsince %s: from %s to %s at %s, on: %v, %s, twin: %v", v.from.Format(time.TimeOnly), v.start.Format(time.TimeOnly), v.end.Format(time.TimeOnly), v.room, v.on, v.guest, v.twin)
}

// rush is what happens in the minutes around the starts of some meetings.
type rush struct {
	t       *testing.T
	r       *rand.Rand
	d       *daemon
	ahead   *caller
	late    *caller
	lanes   []*lane
	trouble bool // providers and recorders fail, and the process dies
	// troubled are when a calendar could not be read last, by user; failing what of each recorder could not be delivered yet.
	troubled map[string]time.Time
	failing  map[*caller]map[string]string // by schedule: the lane
	failed   map[*caller]map[string]time.Time
	passes   []time.Time   // of this process
	rest     time.Duration // of a calendar between two looks, at most
	checked  int
}

// TestMinutes runs random histories of the minutes around starts: meetings are moved, also into the past and back, get
// another link, are cancelled, restored, extended, shortened, doubled; providers and recorders fail, pushes get lost, the
// process dies around commits and is away for minutes. Whenever it has been calm for as long as reading and delivering
// may take, each recorder is in exactly the calls in which it should be.
func TestMinutes(t *testing.T) {
	checked := 0
	for seed := range uint64((*minutes + lanes - 1) / lanes) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checked += live(t, seed) })
	}
	t.Logf("%d histories, looked at in %d calm moments", *minutes, checked)
	if checked < 20**minutes {
		t.Errorf("%d histories, and it was calm enough for a look at only %d moments of them", *minutes, checked)
	}
}

func live(t *testing.T, seed uint64) int {
	r := rand.New(rand.NewPCG(seed, 5))
	d, ahead, late := newMinutes(t, "ana@acme.com", "bo@acme.com")
	a := &rush{
		t: t, r: r, d: d, ahead: ahead, late: late, troubled: map[string]time.Time{},
		failing: map[*caller]map[string]string{ahead: {}, late: {}}, failed: map[*caller]map[string]time.Time{ahead: {}, late: {}},
	}
	d.random = func(n int64) int64 { return r.Int64N(n) }
	d.quiet = []time.Duration{time.Minute, 4 * time.Minute}[r.IntN(2)]
	d.fresh = []time.Duration{0, 3 * time.Minute}[r.IntN(2)]
	a.rest = d.quiet + d.quiet/8 + 5*time.Second
	if r.IntN(2) == 0 {
		d.push = newSwitchboard()
		d.push.life = 2 * time.Hour
	}
	for i := range lanes {
		l := &lane{uid: fmt.Sprint("u", i), users: [][]string{{"ana@acme.com"}, {"bo@acme.com"}, {"ana@acme.com", "bo@acme.com"}}[i%3]}
		for k := range l.rooms {
			l.rooms[k] = strconv.Itoa(91234567000 + 2*i + k)
		}
		start := minute(float64(20 + r.IntN(10)))
		l.now = version{start: start, end: start.Add(time.Duration(10+r.IntN(40)) * time.Minute), room: l.rooms[0], on: r.IntN(5) > 0, guest: "joe@globex.com"}
		a.lanes = append(a.lanes, l)
		a.write(l)
	}
	a.plague()
	for d.now.Before(minute(45)) && !t.Failed() {
		a.process()
	}
	// In the end all is well for a while.
	a.trouble = false
	if err := d.session(func(e *engine.Engine, _ *store.Store) error {
		a.passes = nil
		for range 8 {
			a.pass(e, 5*time.Minute)
		}
		a.pass(e, time.Second)
		a.pass(e, time.Second)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d.crash, d.tn.fault = nil, nil
	if n := len(ahead.joins) + len(late.joins); n < lanes {
		t.Errorf("only %d joins", n)
	}
	return a.checked
}

// plague makes everything fail now and then while there is trouble.
func (a *rush) plague() {
	faults := []error{
		errors.New("reset by peer"), connectors.ErrCursor, connectors.ErrAccess,
		&connectors.ThrottledError{After: time.Minute, Err: errors.New("429")},
	}
	a.d.tn.fault = func() error {
		if a.trouble && a.r.IntN(8) == 0 {
			for _, u := range []string{"ana@acme.com", "bo@acme.com"} { // which of them is seen behind the pass
				a.troubled[u] = a.d.now
			}
			return faults[a.r.IntN(len(faults))]
		}
		return nil
	}
	a.d.crash = func() bool { return a.trouble && a.r.IntN(60) == 0 }
	for _, c := range []*caller{a.ahead, a.late} {
		c.fails = func() bool { return a.trouble && a.r.IntN(4) == 0 }
		c.saw = a.delivered
	}
}

const longestStep = 2 * time.Minute

// process lets a new process live for some passes. Nobody may have looked for minutes before.
func (a *rush) process() {
	a.passes = nil
	err := a.d.session(func(e *engine.Engine, _ *store.Store) error {
		if err := a.pass(e, 0); err != nil {
			return err
		}
		for range 5 + a.r.IntN(30) {
			if a.r.IntN(12) == 0 {
				a.trouble = !a.trouble
			}
			a.edits(e)
			step := []time.Duration{time.Second, 2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, longestStep}[a.r.IntN(6)]
			if err := a.pass(e, step); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errCrash) {
		a.t.Fatal(err)
	}
	if a.r.IntN(2) == 0 {
		for range 1 + a.r.IntN(4) {
			a.edits(nil)
			a.d.now = a.d.now.Add(time.Duration(a.r.IntN(90)) * time.Second)
		}
	}
}

// pass lets time go by, has the engine do what is due, and looks at the recorders.
func (a *rush) pass(e *engine.Engine, step time.Duration) error {
	a.d.now = a.d.now.Add(step)
	if err := e.Pass(a.d.t.Context()); err != nil {
		return err
	}
	sources, err := e.Store.Sources(a.d.t.Context())
	if err != nil {
		return err
	}
	for _, s := range sources {
		if s.Failures > 0 {
			a.troubled[s.Calendar] = a.d.now
		}
	}
	for c, failing := range a.failing {
		c.alone()
		for _, uid := range failing {
			a.failed[c][uid] = a.d.now
		}
	}
	if len(a.passes) > 1 {
		a.look()
	}
	a.passes = append(a.passes, a.d.now)
	return nil
}

// edits changes some meetings, and tells of it, or not.
func (a *rush) edits(e *engine.Engine) {
	for _, l := range a.lanes {
		if a.r.IntN(25) > 0 {
			continue
		}
		a.edit(l)
		if e == nil || a.d.push == nil {
			continue
		}
		pushes := a.d.push.tell(l.users...)
		slices.SortFunc(pushes, func(x, y connectors.Push) int { return strings.Compare(x.Resource, y.Resource) }) // their ids are random
		for _, p := range pushes {
			for range a.r.IntN(3) {
				e.Pushed("google", "acme.com", []connectors.Push{p})
			}
		}
	}
}

// edit changes one thing of a meeting.
func (a *rush) edit(l *lane) {
	by := func(choices ...int) time.Duration {
		return time.Duration(choices[a.r.IntN(len(choices))]) * time.Minute
	}
	v := &l.now
	switch a.r.IntN(9) {
	case 0, 1, 2: // moved
		d := by(-7, -3, -2, -1, 1, 2, 3, 7, 15)
		v.start, v.end = v.start.Add(d), v.end.Add(d)
	case 3: // into the past, or back around now
		length := v.end.Sub(v.start)
		v.start = a.d.now.Truncate(time.Minute).Add(by(-90, -1, 1, 3))
		v.end = v.start.Add(length)
	case 4:
		v.room = l.rooms[a.r.IntN(2)]
	case 5:
		v.on = !v.on
		l.deletion = a.r.IntN(2) == 0
	case 6:
		v.guest = []string{"joe@globex.com", "kim@lawfirm.example"}[a.r.IntN(2)]
	case 7:
		v.end = v.start.Add(by(1, 5, 20, 45, 70))
	case 8:
		v.twin = !v.twin
	}
	a.write(l)
}

// write puts what is said of a meeting into its calendars.
func (a *rush) write(l *lane) {
	if l.now.from != a.d.now && !l.now.from.IsZero() {
		l.changed = a.d.now
	}
	l.now.from = a.d.now
	l.past = append(l.past, l.now)
	for _, u := range l.users {
		log := a.d.tn.log(u)
		e := call(l.uid, l.now.room, 0, l.now.guest)
		e.Start, e.End = calendar.At(l.now.start), calendar.At(l.now.end)
		switch _, known := log.events[e.Ref]; {
		case !l.now.on && l.deletion && known:
			log.drop(e.Ref)
		case !l.now.on:
			e.Status = calendar.StatusCancelled
			log.put(e)
		default:
			log.put(e)
		}
		twin := e
		twin.Ref, twin.UID, twin.Status = e.Ref+"-twin", e.UID+"-twin", calendar.StatusConfirmed
		half := l.now.end.Sub(l.now.start) / 2
		twin.Start, twin.End = calendar.At(l.now.start.Add(min(half, 30*time.Minute))), calendar.At(l.now.end.Add(10*time.Minute))
		if _, known := log.events[twin.Ref]; l.now.twin {
			log.put(twin)
		} else if known {
			log.drop(twin.Ref)
		}
	}
}

// of is the lane of a meeting.
func (a *rush) of(k calendar.Key) *lane {
	i := slices.IndexFunc(a.lanes, func(l *lane) bool { return string(k) == l.uid || string(k) == l.uid+"-twin" })
	return a.lanes[i]
}

// well reports whether a meeting's calendars could be read for so long.
func (a *rush) well(l *lane, d time.Duration) bool {
	for _, u := range l.users {
		if since, ever := a.troubled[u]; ever && !since.Before(a.d.now.Add(-d)) {
			return false
		}
	}
	return true
}

// delivered looks at what a recorder was told: where it joins has been true shortly before.
func (a *rush) delivered(c *caller, j join, failed bool) {
	l := a.of(j.Meetings[0])
	if failed {
		a.failing[c][j.ID] = l.uid
	} else {
		delete(a.failing[c], j.ID)
	}
	last, has := a.failed[c][l.uid]
	if failed || !j.joins || c.lead == 0 || len(j.Meetings) > 1 || string(j.Meetings[0]) != l.uid || has && !last.Before(a.d.now.Add(-10*time.Minute)) || !a.well(l, 20*time.Minute) {
		return
	}
	// Read again a quarter of a minute before it joins, or in the pass before this one, and if there was none, in this one.
	since := a.d.now
	if n := len(a.passes); n > 0 {
		since = a.passes[n-1]
	}
	if read := j.Start.Add(-c.lead - 15*time.Second); read.Before(since) {
		since = read
	}
	for i, v := range l.past {
		over := i+1 < len(l.past) && l.past[i+1].from.Before(since)
		if !over && v.on && v.start.Equal(j.Start) && v.room == j.MeetingID {
			return
		}
	}
	a.t.Errorf("%s: told %s of %s %v (before: %v), which has not been so since %s: %v", j.at.Format(time.TimeOnly), j.State, l.uid, j, a.passes, since.Format(time.TimeOnly), l.past)
}

// look compares what recorders do with what they should, for all meetings with which nothing has happened for long enough:
// a pass has read it, and another one was there to tell of it.
func (a *rush) look() {
	last := a.passes[len(a.passes)-1]
	calm := last.Add(-a.rest)
	for _, m := range a.d.meetings() {
		l := a.of(m.Meeting)
		if l.changed.After(calm) || !a.well(l, a.d.now.Sub(calm)) {
			continue
		}
		for _, c := range []*caller{a.ahead, a.late} {
			if failed, has := a.failed[c][l.uid]; has && !failed.Before(last) {
				continue
			}
			a.checked++
			a.compare(c, m)
		}
	}
}

// compare demands that c is in the call of m if it is on, and not if it is not.
func (a *rush) compare(c *caller, m eligibility.Decision) {
	var in []string
	right := 0
	for _, s := range c.calls() {
		if !slices.Contains(s.Meetings, m.Meeting) {
			continue
		}
		in = append(in, fmt.Sprint(join{Schedule: s}))
		if s.MeetingID == m.MeetingID && !s.Start.After(m.Start) && !s.End.Before(m.End) &&
			(len(s.Meetings) > 1 || s.Start.Equal(m.Start) && s.End.Equal(m.End)) {
			right++
		}
	}
	joins := m.Start.Add(-c.lead)
	on := m.Record && !joins.After(a.d.now) && m.End.After(a.d.now)
	said := fmt.Sprintf("%s, lead %s: %s from %s to %s at %s, recorded: %v", a.d.now.Format(time.TimeOnly), c.lead, m.Meeting, m.Start.Format(time.TimeOnly), m.End.Format(time.TimeOnly), m.MeetingID, m.Record)
	switch recent := joins.After(a.passes[len(a.passes)-1]); {
	case on && !recent && (right != 1 || len(in) != 1):
		a.t.Errorf("%s, and the recorder is in %v", said, in)
	case on && len(in) > right, !m.Record && len(in) > 0:
		a.t.Errorf("%s, and the recorder is in %v", said, in)
	case !on && right > 0 && !a.of(m.Meeting).now.twin:
		a.t.Errorf("%s, and the recorder is in %v", said, in)
	}
}

// meetings are the decisions about all that the tenant holds.
func (d *daemon) meetings() (all []eligibility.Decision) {
	for _, m := range d.merged() {
		all = append(all, eligibility.Decide(m, d.policy, eligibility.NewDirectory(d.policy.Directory.Members), nil))
	}
	return all
}
