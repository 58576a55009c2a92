package schedule

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

var lifeChanges = flag.Int("life", 2, "how many changes of the calendars a life has at most that is explored")

// The clock of a life goes in steps, from 0 to lastStep, when all is over.
const (
	step     = time.Minute
	lastStep = 9
)

func at(n int) time.Time { return now.Add(time.Duration(n) * step) }

func stepOf(t time.Time) int { return int(t.Sub(now) / step) }

// A fact is what the calendars say of a meeting. The zero value is a meeting that nobody has heard of.
type fact struct {
	known    bool
	wanted   bool
	start    int
	duration int
	link     byte
}

func (f fact) end() int { return f.start + f.duration }

// joinURL is the link's address: the number alone makes calls one.
func (f fact) joinURL() string { return "https://zoom.us/j/" + string(f.link) }

// decisions are facts as decisions, made once.
type decisions map[string]eligibility.Decision

func (ds decisions) of(key string, f fact) eligibility.Decision {
	name := fmt.Sprint(key, f)
	d, ok := ds[name]
	if !ok {
		d = eligibility.Decision{
			Meeting: calendar.Key(key), Record: f.wanted, Provider: "zoom", MeetingID: string(f.link), JoinURL: f.joinURL(),
			Start: at(f.start), End: at(f.end()), Owner: "ana@acme.com",
		}
		ds[name] = d
	}
	return d
}

// A row is a schedule as it is stored, and where it stands with the recorder.
type row struct {
	Schedule
	ever [2]bool   // it has named a, b
	told *Schedule // what the recorder was told last, or will be before anything else
	has  *Schedule // what the recorder has heard last
	at   time.Time // when Next said to look again
	said string    // the states in which the newest revision was told
}

// A message waits in the outbox.
type message struct {
	*Schedule
	plan int // of which the revision is a part
}

// A moment is a state of the model: the calendars, the stored schedules, and one recorder. It never changes.
type moment struct {
	clock int
	facts [2]fact
	left  int // changes of the calendars to come
	plans int
	rows  []row // by id
	queue []message
}

func (m moment) clone() moment {
	m.rows, m.queue = slices.Clone(m.rows), slices.Clone(m.queue)
	return m
}

var meetings = [2]string{"a", "b"}

// key is the same for moments that differ in nothing that matters for what comes: revisions count from the newest.
func (m moment) key(b []byte) []byte {
	b = append(b, byte(m.clock), byte(m.left))
	for _, f := range m.facts {
		b = append(b, flags(f.known, f.wanted), byte(f.start+9), byte(f.duration), f.link)
	}
	say := func(s *Schedule, newest int) {
		if s == nil {
			b = append(b, '-')
			return
		}
		b = append(b, s.State[0], flags(slices.Contains(s.Meetings, "a"), slices.Contains(s.Meetings, "b")),
			byte(stepOf(s.Start)+9), byte(stepOf(s.End)+9), s.MeetingID[0], byte(newest-s.Revision))
	}
	for _, r := range m.rows {
		b = append(b, r.ID[4:8]...)
		b = append(b, flags(r.ever[0], r.ever[1]), byte(stepOf(r.at)))
		say(&r.Schedule, r.Revision)
		say(r.told, r.Revision)
		say(r.has, r.Revision)
		b = append(append(b, r.said...), ';')
	}
	plan := 0
	for _, w := range m.queue {
		b = append(b, w.ID[4:8]...)
		say(w.Schedule, m.row(w.ID).Revision)
		b = append(b, flags(w.plan == plan, false))
		plan = w.plan
	}
	return b
}

func flags(x, y bool) (b byte) {
	if x {
		b |= 1
	}
	if y {
		b |= 2
	}
	return b + '0'
}

func (m moment) row(id string) *row {
	for i := range m.rows {
		if m.rows[i].ID == id {
			return &m.rows[i]
		}
	}
	return nil
}

// A life explores all histories of a small world with one recorder.
type life struct {
	lead int // of the recorder
	plan func(prev []Schedule, decisions []eligibility.Decision, now time.Time) []Schedule
	next func(told *Schedule, s Schedule, lead time.Duration, now time.Time) Move
	free bool // messages overtake each other

	decided decisions
	trail   []link // how each moment came about
	moments int
	steps   int
}

type link struct {
	from  int
	event string
}

// An event leads from one moment to another.
type event struct {
	name string
	to   moment
}

// explore visits every moment that histories with so many changes lead to, and says what is wrong in the first one
// that is not right, with the shortest history to it; "" if all are right.
func (l *life) explore(changes int) string {
	l.decided, l.trail, l.moments, l.steps = decisions{}, nil, 0, 0
	first := moment{left: changes, facts: [2]fact{{known: true, wanted: true, start: 4, duration: 2, link: '1'}, {duration: 2, link: '1'}}}
	first, wrong := l.decide(first)
	if wrong != "" {
		return "at the very beginning: " + wrong
	}
	type place struct {
		moment
		trail int
	}
	seen := map[string]bool{}
	l.trail = append(l.trail, link{-1, "a meeting from 4 to 6"})
	var key []byte
	for queue := []place{{first, 0}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		l.moments++
		events, wrong := l.events(here.moment)
		if wrong == "" {
			wrong = l.check(here.moment)
		}
		if wrong != "" {
			return wrong + l.history(here.trail)
		}
		for _, e := range events {
			l.steps++
			key = e.to.key(key[:0])
			if seen[string(key)] {
				continue
			}
			seen[string(key)] = true
			l.trail = append(l.trail, link{here.trail, e.name})
			queue = append(queue, place{e.to, len(l.trail) - 1})
		}
	}
	return ""
}

func (l *life) history(i int) string {
	var events []string
	for ; i >= 0; i = l.trail[i].from {
		events = append(events, l.trail[i].event)
	}
	slices.Reverse(events)
	return "\n\t" + strings.Join(events, "\n\t")
}

// events are all that can happen next. wrong says what of it is not right.
func (l *life) events(m moment) (all []event, wrong string) {
	add := func(name string, to moment, problem string) {
		if problem != "" && wrong == "" {
			wrong = fmt.Sprintf("%s: %s", name, problem)
		}
		all = append(all, event{name, to})
	}
	if m.clock < lastStep {
		to, problem := l.tick(m)
		add(fmt.Sprintf("it is %d", to.clock), to, problem)
	}
	for i := range m.queue {
		if !l.free && m.blocked(i) {
			continue
		}
		s := m.queue[i].Schedule
		name := fmt.Sprintf("the recorder hears %s %d of %v from %d to %d at %s", s.State, s.Revision, s.Meetings, stepOf(s.Start), stepOf(s.End), s.MeetingID)
		heard := m.clone()
		heard.row(s.ID).has = s
		add(name+", and the process dies before it knows", heard, "")
		heard = heard.clone()
		heard.queue = slices.Delete(heard.queue, i, i+1)
		add(name, heard, "")
	}
	to, problem := l.restart(m)
	add("a new process begins", to, problem)
	if m.left == 0 || m.clock == lastStep {
		return all, wrong
	}
	for i := range m.facts {
		for _, c := range changes(i, m.facts[i]) {
			to := m.clone()
			to.left--
			to.facts[i] = c.to
			to, problem := l.decide(to)
			if problem == "" {
				problem = l.interrupted(m, to)
			}
			add(fmt.Sprintf("%s %s", meetings[i], c.name), to, problem)
		}
	}
	return all, wrong
}

type change struct {
	name string
	to   fact
}

// changes are what can become of a meeting: it is moved, also into the past, extended and shortened, gets another link,
// is cancelled and restored. The second meeting has fewer ways: it is there to be the same call, and not to be.
func changes(i int, f fact) (all []change) {
	starts := [][]int{{-3, 1, 3, 4, 6}, {2, 5}}[i]
	for _, s := range starts {
		if to := f; !f.known || s != f.start {
			to.known, to.wanted, to.start = true, f.wanted || !f.known, s
			all = append(all, change{fmt.Sprintf("is from %d to %d", to.start, to.end()), to})
		}
	}
	if !f.known {
		return all
	}
	to := f
	to.wanted = !f.wanted
	all = append(all, change{fmt.Sprintf("is wanted: %v", to.wanted), to})
	if i == 0 {
		to = f
		to.link = '1' + '2' - f.link
		all = append(all, change{fmt.Sprintf("has the link %c", to.link), to})
		to = f
		to.duration = 5 - f.duration
		all = append(all, change{fmt.Sprintf("ends at %d", to.end()), to})
	}
	return all
}

// blocked reports whether a message waits for an earlier one, by the rules of the store: one of the same schedule, of
// the same plan, or of a schedule that has ever had a meeting in common.
func (m moment) blocked(i int) bool {
	own := m.row(m.queue[i].ID)
	return slices.ContainsFunc(m.queue[:i], func(b message) bool {
		other := m.row(b.ID)
		return own == other || m.queue[i].plan == b.plan || own.ever[0] && other.ever[0] || own.ever[1] && other.ever[1]
	})
}

// decide plans by the facts, and tells the recorder of each revision.
func (l *life) decide(m moment) (moment, string) {
	var prev []Schedule
	for _, r := range m.rows {
		prev = append(prev, r.Schedule)
	}
	var ds []eligibility.Decision
	for i, f := range m.facts {
		if f.known {
			ds = append(ds, l.decided.of(meetings[i], f))
		}
	}
	m.plans++
	for _, s := range l.plan(prev, ds, at(m.clock)) {
		r := m.row(s.ID)
		if r == nil {
			m.rows = append(m.rows, row{Schedule: Schedule{ID: s.ID}})
			slices.SortFunc(m.rows, func(a, b row) int { return strings.Compare(a.ID, b.ID) })
			r = m.row(s.ID)
		}
		if s.Revision != r.Revision+1 {
			return m, fmt.Sprintf("revision %d follows %d", s.Revision, r.Revision)
		}
		r.Schedule, r.said = s, ""
		for i, k := range meetings {
			r.ever[i] = r.ever[i] || slices.Contains(s.Meetings, calendar.Key(k))
		}
		if wrong := l.tell(&m, r, m.plans); wrong != "" {
			return m, wrong
		}
	}
	return m, ""
}

// tick lets a step of time go by, and looks again at the schedules of which Next said so.
func (l *life) tick(m moment) (moment, string) {
	m = m.clone()
	m.clock++
	for i := range m.rows {
		r := &m.rows[i]
		if r.at.IsZero() || r.at.After(at(m.clock)) {
			continue
		}
		m.plans++
		if wrong := l.tell(&m, r, m.plans); wrong != "" {
			return m, wrong
		}
	}
	return m, ""
}

// restart looks at every schedule, as a process does that knows nothing but what is stored.
func (l *life) restart(m moment) (moment, string) {
	m = m.clone()
	for i := range m.rows {
		before := len(m.queue)
		if wrong := l.tell(&m, &m.rows[i], 0); wrong != "" {
			return m, wrong
		}
		if len(m.queue) != before {
			return m, "it had to tell what the last one should have told"
		}
	}
	return m, ""
}

// tell puts what Next says into the outbox, if it is what may be said.
func (l *life) tell(m *moment, r *row, plan int) string {
	lead, now := time.Duration(l.lead)*step, at(m.clock)
	move := l.next(r.told, r.Schedule, lead, now)
	r.at = move.At
	if (move.Tell != nil) != (move.Phase == Due) {
		return fmt.Sprintf("the phase is %s, and the message %v", move.Phase, move.Tell)
	}
	if move.Tell == nil {
		return ""
	}
	s := *move.Tell
	if wrong := grammar(r, s, l.lead == 0, now); wrong != "" {
		return fmt.Sprintf("%s %d of %v is told: %s", s.State, s.Revision, s.Meetings, wrong)
	}
	r.told = &s
	r.said += string(s.State[:1])
	m.queue = append(m.queue, message{&s, plan})
	if again := l.next(&s, r.Schedule, lead, now); again.Tell != nil {
		return fmt.Sprintf("told of %s %d, the recorder is to be told of %s %d at once", s.State, s.Revision, again.Tell.State, again.Tell.Revision)
	}
	return ""
}

// grammar says what is wrong with telling s now: a recording is scheduled, updated, and cancelled or over; what is over is
// let alone. No (id, revision, state) comes twice, and a recorder that is told ahead hears of every revision.
func grammar(r *row, s Schedule, ahead bool, now time.Time) string {
	standing := r.told != nil && r.told.State != Cancelled && r.told.End.After(now)
	switch {
	case s.ID != r.ID || s.Revision != r.Revision:
		return fmt.Sprintf("it is not about revision %d", r.Revision)
	case r.told != nil && s.Revision < r.told.Revision:
		return fmt.Sprintf("behind revision %d", r.told.Revision)
	case strings.Contains(r.said, string(s.State[:1])):
		return "for a second time"
	case standing != (s.State == Updated || s.State == Cancelled):
		return fmt.Sprintf("the recorder has a recording: %v", standing)
	case ahead && r.told != nil && s.Revision != r.told.Revision+1:
		return fmt.Sprintf("right behind revision %d", r.told.Revision)
	case s.State != Cancelled && !s.records(r.Schedule):
		return "it is not what is scheduled"
	}
	return ""
}

// check says what is wrong in a moment.
func (l *life) check(m moment) string {
	for _, r := range m.rows {
		if wrong := l.missed(m, r); wrong != "" {
			return wrong
		}
	}
	if wrong := twice(l.calls(m, func(r row) *Schedule { return r.has }), false); wrong != "" {
		return "the recorder, by what it has heard: " + wrong
	}
	// With all messages delivered it does what the newest facts want.
	told := func(r row) *Schedule { return r.told }
	if wrong := twice(l.calls(m, told), true); wrong != "" {
		return "the recorder, once it has heard all: " + wrong
	}
	for i := range m.facts {
		if wrong := l.covered(m, i, l.calls(m, told)); wrong != "" {
			return "the recorder, once it has heard all: " + wrong
		}
	}
	for _, s := range l.standing(m, told) {
		if wrong := l.justified(m, s); wrong != "" {
			return fmt.Sprintf("the recorder, once it has heard all, has %v from %d to %d at %s: %s", s.Meetings, stepOf(s.Start), stepOf(s.End), s.MeetingID, wrong)
		}
	}
	return ""
}

// interrupted looks for a recording of a meeting of which nothing has changed that another one goes on with. Where two
// become one, or one becomes two, it does not matter which of them it is.
func (l *life) interrupted(before, after moment) string {
	told := func(r row) *Schedule { return r.told }
	for i, f := range after.facts {
		if f != before.facts[i] {
			continue
		}
		names := func(s *Schedule) bool { return slices.Contains(s.Meetings, calendar.Key(meetings[i])) }
		was, is := l.calls(before, told), l.calls(after, told)
		x, y := slices.IndexFunc(was, names), slices.IndexFunc(is, names)
		if x >= 0 && y >= 0 && was[x].ID != is[y].ID && len(was) == 1 && len(is) == 1 {
			return fmt.Sprintf("the recorder leaves the call of %s, and joins it again", meetings[i])
		}
	}
	return ""
}

// missed looks for a time at which the recorder must be told something, and nobody looks.
func (l *life) missed(m moment, r row) string {
	lead := time.Duration(l.lead) * step
	for u := m.clock; u <= lastStep; u++ {
		if tell := l.next(r.told, r.Schedule, lead, at(u)).Tell; tell != nil {
			if u == m.clock || r.at.IsZero() || r.at.After(at(u)) || !r.at.After(at(m.clock)) {
				return fmt.Sprintf("%s %d of %v is to be told at %d, and the next look is at %d", tell.State, tell.Revision, tell.Meetings, u, stepOf(r.at))
			}
			return ""
		}
	}
	return ""
}

// standing are the recordings that a recorder has to do yet, by one view of what it was told.
func (l *life) standing(m moment, view func(row) *Schedule) (all []*Schedule) {
	for _, r := range m.rows {
		if s := view(r); s != nil && s.live(at(m.clock)) {
			all = append(all, s)
		}
	}
	return all
}

// calls are the calls that the recorder is in. One that is told at the start joins when it is told, one that is told ahead
// by the time that it was told.
func (l *life) calls(m moment, view func(row) *Schedule) (all []*Schedule) {
	for _, s := range l.standing(m, view) {
		if l.lead > 0 || !s.Start.After(at(m.clock)) {
			all = append(all, s)
		}
	}
	return all
}

// twice looks for two recordings of one meeting, and, if all messages have arrived, of one call.
func twice(calls []*Schedule, arrived bool) string {
	for i, s := range calls {
		for _, o := range calls[:i] {
			shared := slices.ContainsFunc(s.Meetings, func(k calendar.Key) bool { return slices.Contains(o.Meetings, k) })
			same := s.MeetingID == o.MeetingID && s.Start.Before(o.End) && o.Start.Before(s.End)
			if shared || arrived && same {
				return fmt.Sprintf("%v and %v are recorded at the same time", o.Meetings, s.Meetings)
			}
		}
	}
	return ""
}

// covered demands one recording of meeting i at its link if it is on, and none if it is not.
func (l *life) covered(m moment, i int, calls []*Schedule) string {
	f, n := m.facts[i], 0
	on := f.known && f.wanted && f.start-l.lead <= m.clock && m.clock < f.end()
	for _, s := range calls {
		if slices.Contains(s.Meetings, calendar.Key(meetings[i])) && s.MeetingID == string(f.link) && s.JoinURL == f.joinURL() {
			n++
		}
	}
	if on && n != 1 {
		return fmt.Sprintf("%s is on at %c, and is recorded %d times", meetings[i], f.link, n)
	}
	if !on && n != 0 && len(calls) == 1 && len(calls[0].Meetings) == 1 {
		return fmt.Sprintf("%s is recorded, and it is not on", meetings[i])
	}
	return ""
}

// justified demands of a recording that it is what the facts want.
func (l *life) justified(m moment, s *Schedule) string {
	start, end, due := lastStep, -9, false
	for i, f := range m.facts {
		if !slices.Contains(s.Meetings, calendar.Key(meetings[i])) {
			continue
		}
		if !f.known || !f.wanted || string(f.link) != s.MeetingID || f.joinURL() != s.JoinURL {
			return fmt.Sprintf("%s is not wanted there", meetings[i])
		}
		start, end = min(start, f.start), max(end, f.end())
		due = due || f.end() > m.clock && f.start-l.lead <= m.clock
	}
	if start != stepOf(s.Start) || end != stepOf(s.End) {
		return fmt.Sprintf("it is from %d to %d", start, end)
	}
	if l.lead > 0 && !due {
		return "it is not the time to join"
	}
	return ""
}

// leads are the recorders: one that is told ahead, and some that are told shortly before the start.
var leads = []int{0, 1, 2}

// TestEveryLife explores everything that can happen to two meetings within nine steps of time and a few changes, with
// messages that arrive at once, late, and twice.
func TestEveryLife(t *testing.T) {
	for _, lead := range leads {
		t.Run(fmt.Sprint("lead ", lead), func(t *testing.T) {
			l := life{lead: lead, plan: Plan, next: Next}
			if wrong := l.explore(*lifeChanges); wrong != "" {
				t.Fatal(wrong)
			}
			t.Logf("%d moments, %d ways from one to another", l.moments, l.steps)
		})
	}
}
