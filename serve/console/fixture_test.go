package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/whatif"
)

// A world is the made-up company acme on a Tuesday morning: its meetings, decided by the example policy and scheduled as
// the daemon would, and what its calendars and recorders go through.
type world struct {
	mu         sync.Mutex
	now        time.Time
	policy     *eligibility.Policy
	text       string
	signals    []eligibility.Signal
	sources    []engine.SourceState
	meetings   map[calendar.Key]calendar.Meeting
	decisions  []engine.Decision // by start and key
	schedules  []schedule.Schedule
	deliveries []Delivery
	letters    []Letter
	connection []Connection
	state      State
	did        []string // by people
	broken     error    // what every question ends with
	changed    map[chan struct{}]bool
}

const policyFile = "../../configs/policy.yaml"

var tuesday = time.Date(2026, 11, 24, 10, 12, 0, 0, time.UTC)

func emptyWorld(t testing.TB) *world {
	t.Helper()
	policy, err := config.LoadPolicy(policyFile, "google", "outlook", "coordinator")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		now: tuesday, policy: policy, text: string(text), meetings: map[calendar.Key]calendar.Meeting{}, changed: map[chan struct{}]bool{},
		state: State{PassedAt: tuesday.Add(-12 * time.Second), Started: tuesday.AddDate(0, 0, -3), Promise: 2 * time.Minute},
	}
}

func newWorld(t testing.TB) *world {
	w := emptyWorld(t)
	source := func(driver, account, address string, age time.Duration) *engine.SourceState {
		s := calendar.NewSource(driver, account, address)
		s.Primary = true
		w.sources = append(w.sources, engine.SourceState{Source: s, PullReport: engine.PullReport{PulledAt: w.now.Add(-age), NextAt: w.now.Add(time.Minute - age)}})
		return &w.sources[len(w.sources)-1]
	}
	source("google", "acme.com", "ana@acme.com", 21*time.Second)
	source("google", "acme.com", "bo@acme.com", 47*time.Second)
	source("google", "acme.com", "cara@acme.com", 8*time.Second)
	gus := source("google", "acme.com", "gus@acme.com", 3*time.Hour)
	gus.Refused, gus.NoAccess, gus.Failures, gus.Error = true, true, 12, "google: gus@acme.com has withdrawn the consent: let them consent again by syncd connect google:people gus@acme.com"
	source("outlook", "acme.co.uk", "eve@acme.co.uk", 30*time.Second)
	finn := source("outlook", "acme.co.uk", "finn@acme.co.uk", 7*time.Minute)
	finn.Failures, finn.Error = 3, "throttled, to be tried again in 2m0s: graph: 429 Too Many Requests"
	source("coordinator", "notes", "notes@acme.com", 15*time.Second)
	w.sources[6].Primary = false
	w.connection = []Connection{
		{Driver: "google", Name: "acme.com", ListedAt: w.now.Add(-4 * time.Minute), Calendars: 4, Refused: 1, Pushes: 3},
		{Driver: "outlook", Name: "acme.co.uk", ListedAt: w.now.Add(-9 * time.Minute), Calendars: 2, Failing: 1, Late: 1, Pushes: 2},
		{Driver: "coordinator", Name: "notes", ListedAt: w.now.Add(-time.Minute), Calendars: 1},
		{Driver: "google", Name: "people", Error: "the client or its secret is not accepted: download its JSON anew (Cloud console, Google Auth platform, Clients)"},
	}
	zoom := func(id string) string { return "https://acme.zoom.us/j/" + id }
	for _, m := range []struct {
		title       string
		day         int // from today
		at, minutes int // hour and minute as 1030
		who         string
		link        string
		on          string
	}{
		{"Acme x Globex: kick-off", 0, 1000, 30, "ana@acme.com greta@globex.example", zoom("91234567890"), "ana bo eve"},
		{"Initech integration", 0, 1300, 45, "gus@acme.com ana@acme.com peter@initech.example", zoom("92234567890"), "gus"},
		{"Hooli: quarterly numbers", 0, 1415, 60, "ana@acme.com gavin@hooli.example", zoom("92334567890"), "ana"},
		{"Interview: backend engineer", 0, 1500, 60, "bo@acme.com sam@mail.example", "https://meet.google.com/abc-defg-hij", "bo"},
		{"Stand-up", 0, 1030, 15, "ana@acme.com bo@acme.com", zoom("92434567890"), "ana bo"},
		{"Rollout planning", 1, 900, 60, "eve@acme.co.uk finn@acme.co.uk greta@globex.example", "https://teams.microsoft.com/l/meetup-join/19%3ameeting_TGVnYWxSZXZpZXc%40thread.v2/0?context=%7b%22Tid%22%3a%2211111111-2222-4333-8444-555555555555%22%2c%22Oid%22%3a%2266666666-7777-4888-9999-000000000000%22%7d", "eve finn"},
		{"QBR Globex", 1, 1500, 60, "bo@acme.com greta@globex.example", "https://meet.google.com/qbr-glob-exx", "bo"},
		{"Umbrella: security review of the shared reporting platform, with a title that is much longer than titles should be", 1, 1530, 90, "ana@acme.com alice@umbrella.example", zoom("92534567890"), "ana"},
		{"Pied Piper demo", 1, 1000, 45, "bo@acme.com richard@piedpiper.example", zoom("92634567890"), "bo"},
		{"Board meeting: Q4", 2, 900, 120, "bo@acme.com cfo@acme.com chair@board.example", zoom("92734567890"), "bo"},
		{"Legal: contract review", 2, 1000, 60, "ana@acme.com kim@lawfirm.example", zoom("92834567890"), "ana"},
		{"Stark: architecture", 2, 1100, 60, "ana@acme.com tony@stark.example", zoom("92934567890"), "ana"},
		{"Wayne: onboarding", 2, 1130, 60, "bo@acme.com bruce@wayne.example", "https://meet.google.com/way-neon-brd", "bo"},
		{"Soylent demo", 3, 1100, 30, "ana@acme.com rose@soylent.example", "https://url.us.m.mimecastprotect.com/s/AbCdEfGhIjKl?domain=acme.zoom.us", "ana"},
		{"Coffee", 3, 1500, 30, "bo@acme.com pat@globex.example", "", "bo"},
		{"Cyberdyne: roadmap", 3, 1300, 60, "ana@acme.com miles@cyberdyne.example", zoom("93034567890"), "ana"},
		{"Tyrell: pricing", 6, 1600, 30, "bo@acme.com eldon@tyrell.example", "https://meet.google.com/tyr-ellp-ric", "bo"},
		{"Globex: weekly", 6, 930, 30, "ana@acme.com greta@globex.example", zoom("93134567890"), "ana"},
		{"Globex: weekly", 13, 930, 30, "ana@acme.com greta@globex.example", zoom("93134567890"), "ana"},
		{"Cara's review", 2, 1600, 30, "ana@acme.com cara@acme.com zoe@globex.example", zoom("93234567890"), "ana cara"},
	} {
		w.meet(m.title, w.at(m.day, m.at), time.Duration(m.minutes)*time.Minute, strings.Fields(m.who), m.link, strings.Fields(m.on), "")
	}
	w.meet("Layoffs, with the lawyers", w.at(1, 700), time.Hour, []string{"ana@acme.com", "secret@lawyer.example"}, zoom("94444444444"), []string{"ana"}, calendar.VisibilityPrivate)
	// Nothing hangs on these: only consent that is asked for by a link can be refused.
	for _, by := range []string{"ana@acme.com", "greta@globex.example"} {
		w.signals = append(w.signals, eligibility.Signal{Meeting: "weekly@google.com", Email: by, Signal: eligibility.SignalOptOut, At: w.now.AddDate(0, 0, -2)})
	}
	w.decide()
	w.deliver()
	w.letters = []Letter{
		letter("a1b2c3d4e5f60718", "Pricing call", "mallory@globex.example", "no signature proves that it is from globex.example", w.now.Add(-26*time.Minute), ""),
		letter("b2c3d4e5f6071829", "Sync with Initech", "peter@initech.example", "the sender's key could not be asked for; it may be known later", w.now.Add(-3*time.Hour), ""),
		letter("c3d4e5f60718293a", "Severance talk", "hr@acme.com", "no signature proves that it is from acme.com", w.now.Add(-5*time.Hour), calendar.VisibilityPrivate),
	}
	w.state.Calendars, w.state.Connections, w.state.Dead, w.state.Held = 2, 1, 1, len(w.letters)
	return w
}

func letter(id, title, sender, reason string, at time.Time, visibility string) Letter {
	return Letter{calendar.NewSourceID("coordinator", "notes", "notes@acme.com"), connectors.Letter{
		ID: id, Received: at, Sender: sender, State: connectors.LetterHeld, Reason: reason,
		News: []connectors.News{{Meeting: id + "@mail", Event: calendar.Event{UID: id + "@mail", Title: title, Visibility: visibility}}},
	}}
}

func (w *world) at(day, clock int) time.Time {
	y, m, d := w.now.Date()
	return time.Date(y, m, d+day, clock/100, clock%100, 0, 0, time.UTC)
}

// meet puts a meeting on calendars, whose addresses begin with the given names. The first of the people is the host.
func (w *world) meet(title string, start time.Time, length time.Duration, people []string, link string, on []string, visibility string) calendar.Key {
	e := calendar.Event{
		Ref: calendar.Ref(strconv.Itoa(len(w.meetings))), UID: fmt.Sprintf("m%d@google.com", len(w.meetings)+1), Kind: calendar.KindDefault, Status: calendar.StatusConfirmed, Title: title,
		Start: calendar.At(start), End: calendar.At(start.Add(length)), Visibility: cmp.Or(visibility, calendar.VisibilityDefault),
		Organizer: calendar.Person{Email: people[0]}, Updated: start.AddDate(0, 0, -9), Location: link, Received: start.AddDate(0, 0, -9),
	}
	for _, p := range people {
		e.Attendees = append(e.Attendees, calendar.Attendee{Email: p, Response: calendar.ResponseAccepted})
	}
	if strings.HasSuffix(title, "weekly") {
		e.UID, e.Original = "weekly@google.com", e.Start
	}
	e = e.Distil(w.policy.Reading())
	m := calendar.Meeting{Key: e.Key()}
	for _, s := range w.sources {
		if slices.ContainsFunc(on, func(name string) bool { return strings.HasPrefix(s.Calendar, name+"@") }) {
			m.Copies = append(m.Copies, calendar.Copy{Source: s.Source, Event: e})
		}
	}
	w.meetings[m.Key] = m
	return m.Key
}

func (w *world) judge(p *eligibility.Policy) engine.Judge {
	x := eligibility.NewDecider(p, eligibility.NewDirectory(p.Directory.Members), nil)
	return engine.NewJudge(x, w.sources, func(calendar.Source) bool { return true })
}

// decide is a pass of the daemon.
func (w *world) decide() {
	judge := w.judge(w.policy)
	w.decisions = nil
	var planned []eligibility.Decision
	for _, k := range slices.Sorted(maps.Keys(w.meetings)) {
		d := judge.Decide(w.meetings[k], w.signals)
		d.DecidedAt = w.now.Add(-40 * time.Minute)
		w.decisions = append(w.decisions, d)
		planned = append(planned, d.Planned())
	}
	slices.SortFunc(w.decisions, func(a, b engine.Decision) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Meeting, b.Meeting))
	})
	for _, s := range schedule.Plan(w.schedules, planned, w.now.AddDate(0, 0, -1)) {
		w.schedules = slices.DeleteFunc(w.schedules, func(o schedule.Schedule) bool { return o.ID == s.ID })
		w.schedules = append(w.schedules, s)
	}
	slices.SortFunc(w.schedules, func(a, b schedule.Schedule) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
}

// deliver is what recorders make of it: most take it.
func (w *world) deliver() {
	for i, s := range w.schedules {
		d := Delivery{
			ID: strconv.Itoa(i + 1), Sink: "recorder", Status: Delivered, Schedule: s.ID, Revision: s.Revision, State: s.State, Meeting: s.Meetings[0], Title: s.Title,
			Start: s.Start, Attempts: 1, Since: w.now.Add(-time.Duration(i*17) * time.Minute), LastAt: w.now.Add(-time.Duration(i*17) * time.Minute),
		}
		switch s.Title {
		case "Pied Piper demo":
			d.Status, d.Attempts, d.Error = Dead, 20, "the recorder answers 410 Gone: it will never take this"
		case "Stark: architecture", "Wayne: onboarding":
			d.Status, d.Attempts, d.Error, d.NextAt = Failing, 4, "the recorder answers 503 Service Unavailable", w.now.Add(90*time.Second)
		case "Tyrell: pricing":
			d.Status, d.Attempts, d.LastAt = Waiting, 0, time.Time{}
		}
		w.deliveries = append(w.deliveries, d)
	}
}

// many makes n meetings of those that there are, one every four minutes.
func (w *world) many(n int) {
	var many []engine.Decision
	var schedules []schedule.Schedule
	for i := range n {
		of := w.decisions[i%len(w.decisions)]
		of.Meeting = calendar.Key(fmt.Sprintf("many%d@google.com", i))
		of.Start = w.now.Add(time.Duration(i) * 4 * time.Minute)
		of.End = of.Start.Add(30 * time.Minute)
		many = append(many, of)
		if of.Record {
			schedules = append(schedules, schedule.Schedule{ID: schedule.ID(of.Meeting, 0), Revision: 1, State: schedule.Scheduled, Meetings: []calendar.Key{of.Meeting}, Title: fmt.Sprintf("Call %d", i), Start: of.Start, End: of.End, Provider: of.Provider, Owner: of.Owner})
		}
	}
	w.decisions, w.schedules = many, schedules
}

// change tells whoever follows.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	for c := range w.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (w *world) changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	w.changed[c] = true
	w.mu.Unlock()
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		delete(w.changed, c)
		w.mu.Unlock()
	})
	return c
}

// The store's side.

func (w *world) lock() (func(), error) {
	w.mu.Lock()
	return w.mu.Unlock, w.broken
}

// cut is a page of what is in order.
func cut[T any](all []T, after string, limit int) Page[T] {
	from, err := strconv.Atoi(cmp.Or(after, "0"))
	if err != nil || from > len(all) || from < 0 {
		return Page[T]{}
	}
	to := min(len(all), from+limit)
	p := Page[T]{Items: slices.Clone(all[from:to])}
	if to < len(all) {
		p.Next = strconv.Itoa(to)
	}
	return p
}

func (q Query) holds(start, end time.Time) bool {
	return start.IsZero() || (q.From.IsZero() || end.After(q.From)) && (q.To.IsZero() || start.Before(q.To))
}

func (w *world) mentions(k calendar.Key, title, link, text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(text)) }
	if slices.ContainsFunc(w.decisions, func(d engine.Decision) bool { return d.Meeting == k && private(d.Decision) }) {
		return false
	}
	if has(title) || has(link) {
		return true
	}
	return slices.ContainsFunc(w.meetings[k].Copies, func(c calendar.Copy) bool {
		return slices.ContainsFunc(c.Attendees, func(a calendar.Attendee) bool { return has(a.Email) })
	})
}

func (w *world) recordingsOf(q Query) []Recording {
	var all []Recording
	isPrivate := map[calendar.Key]bool{}
	for _, d := range w.decisions {
		isPrivate[d.Meeting] = private(d.Decision)
	}
	for _, s := range w.schedules {
		hidden := slices.ContainsFunc(s.Meetings, func(k calendar.Key) bool { return isPrivate[k] })
		cancelled := s.State == schedule.Cancelled
		if !q.holds(s.Start, s.End) || q.Provider != "" && q.Provider != s.Provider || q.Outcome == Recorded && cancelled || q.Outcome == NotRecorded && !cancelled ||
			q.Text != "" && !w.mentions(s.Meetings[0], s.Title, s.JoinURL, q.Text) {
			continue
		}
		r := Recording{Schedule: s, Private: hidden}
		if i := slices.IndexFunc(w.deliveries, func(d Delivery) bool { return d.Schedule == s.ID }); i >= 0 {
			r.Delivery = w.deliveries[i].Status
		}
		all = append(all, r)
	}
	return all
}

func (w *world) Recordings(_ context.Context, q Query) (Page[Recording], error) {
	unlock, err := w.lock()
	defer unlock()
	return cut(w.recordingsOf(q), q.After, q.Limit), err
}

func (w *world) RecordingHours(_ context.Context, q Query) ([]Hour, error) {
	unlock, err := w.lock()
	defer unlock()
	counts := map[time.Time]int{}
	for _, r := range w.recordingsOf(q) {
		if r.State != schedule.Cancelled {
			counts[r.Start.Truncate(time.Hour)]++
		}
	}
	var all []Hour
	for at, n := range counts {
		all = append(all, Hour{at, n})
	}
	return all, err
}

func (w *world) decisionsOf(q Query) []engine.Decision {
	var all []engine.Decision
	for _, d := range w.decisions {
		fails := slices.ContainsFunc(d.Checks, func(c eligibility.Check) bool { return c.Rule == q.Rule && c.Status == eligibility.Fail })
		recorded := d.Planned().Record
		if !q.holds(d.Start, d.End) || q.Provider != "" && q.Provider != d.Provider || q.Outcome == Recorded && !recorded || q.Outcome == NotRecorded && recorded ||
			q.Rule != "" && !fails || q.Text != "" && !w.mentions(d.Meeting, d.Title, d.JoinURL, q.Text) {
			continue
		}
		all = append(all, d)
	}
	return all
}

func (w *world) Meetings(_ context.Context, q Query) (Page[engine.Decision], error) {
	unlock, err := w.lock()
	defer unlock()
	return cut(w.decisionsOf(q), q.After, q.Limit), err
}

func (w *world) Blocking(_ context.Context, q Query) ([]RuleCount, error) {
	unlock, err := w.lock()
	defer unlock()
	q.Rule = ""
	counts := map[string]int{}
	for _, d := range w.decisionsOf(q) {
		for _, c := range d.Checks {
			if c.Status == eligibility.Fail {
				counts[c.Rule]++
			}
		}
	}
	var all []RuleCount
	for rule, n := range counts {
		all = append(all, RuleCount{rule, n})
	}
	slices.SortFunc(all, func(a, b RuleCount) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule)) })
	return all, err
}

func (w *world) Meeting(_ context.Context, k calendar.Key) (Meeting, error) {
	unlock, err := w.lock()
	defer unlock()
	i := slices.IndexFunc(w.decisions, func(d engine.Decision) bool { return d.Meeting == k })
	if err != nil || i < 0 {
		return Meeting{}, cmp.Or(err, ErrUnknown)
	}
	m := Meeting{Decision: w.decisions[i], Copies: w.meetings[k]}
	for _, s := range slices.Backward(w.signals) {
		if s.Meeting == k || string(s.Meeting) == k.Series() {
			m.Said = append(m.Said, Word{s, s.Email == "ana@acme.com"})
		}
	}
	for _, c := range m.Copies.Copies {
		for _, s := range w.sources {
			if s.ID == c.Source.ID {
				m.Calendars = append(m.Calendars, s)
			}
		}
	}
	for _, s := range w.schedules {
		if !slices.Contains(s.Meetings, k) {
			continue
		}
		h := History{Schedule: s}
		for n := s.Revision; n > 0; n-- {
			rev := Revision{Number: n, State: s.State, Start: s.Start, End: s.End, At: w.now.Add(-time.Duration(s.Revision-n+1) * time.Hour)}
			for _, d := range w.deliveries {
				if d.Schedule == s.ID && d.Revision == n {
					rev.Deliveries = append(rev.Deliveries, d)
				}
			}
			h.Revisions = append(h.Revisions, rev)
		}
		m.Schedules = append(m.Schedules, h)
	}
	return m, nil
}

func (w *world) Connections(context.Context) ([]Connection, error) {
	unlock, err := w.lock()
	defer unlock()
	return w.connection, err
}

func (w *world) Calendars(_ context.Context, q CalendarQuery) (Page[engine.SourceState], error) {
	unlock, err := w.lock()
	defer unlock()
	var all []engine.SourceState
	for _, s := range w.sources {
		fine := markOfCalendar(s, w.now, w.state.Promise).Class == "yes"
		if q.Trouble && fine || !strings.Contains(s.Calendar, strings.ToLower(q.Text)) || q.Connection != "" && q.Connection != s.Driver+":"+s.Account {
			continue
		}
		all = append(all, s)
	}
	return cut(all, q.After, q.Limit), err
}

func (w *world) Ages(_ context.Context, bounds []time.Duration) ([]int, error) {
	unlock, err := w.lock()
	defer unlock()
	counts := make([]int, len(bounds)+1)
	for _, s := range w.sources {
		i, _ := slices.BinarySearch(bounds, w.now.Sub(s.PulledAt))
		counts[i]++
	}
	return counts, err
}

func (w *world) Deliveries(_ context.Context, q DeliveryQuery) (Page[Delivery], error) {
	unlock, err := w.lock()
	defer unlock()
	var all []Delivery
	for _, d := range w.deliveries {
		if d.Status == q.Status {
			all = append(all, d)
		}
	}
	return cut(all, q.After, q.Limit), err
}

func (w *world) DeliveryCounts(context.Context) (map[DeliveryStatus]int, error) {
	unlock, err := w.lock()
	defer unlock()
	counts := map[DeliveryStatus]int{}
	for _, d := range w.deliveries {
		counts[d.Status]++
	}
	return counts, err
}

func (w *world) DeliveryHours(context.Context) ([]DeliveryHour, error) {
	unlock, err := w.lock()
	defer unlock()
	if len(w.deliveries) == 0 {
		return nil, err
	}
	var all []DeliveryHour
	for i := range 24 {
		all = append(all, DeliveryHour{w.now.Truncate(time.Hour).Add(time.Duration(i-23) * time.Hour), i * 7 % 11, max(0, i-20)})
	}
	return all, err
}

func (w *world) Letters(_ context.Context, q LetterQuery) (Page[Letter], error) {
	unlock, err := w.lock()
	defer unlock()
	return cut(w.letters, q.After, q.Limit), err
}

func (w *world) State(context.Context) (State, error) {
	unlock, err := w.lock()
	defer unlock()
	return w.state, err
}

func (w *world) Policy(context.Context) (Policy, error) {
	unlock, err := w.lock()
	defer unlock()
	return Policy{w.policy, "/etc/syncd/policy.yaml", w.text, w.now.AddDate(0, 0, -2)}, err
}

// What people do.

func (w *world) Say(_ context.Context, by string, k calendar.Key, signal string) error {
	w.change(func() {
		w.did = append(w.did, fmt.Sprintf("%s: %s %s", by, signal, k))
		w.signals = append(w.signals, eligibility.Signal{Meeting: k, Email: by, Signal: signal, At: w.now.Add(time.Duration(len(w.signals)) * time.Second)})
		w.decide()
	})
	return nil
}

func (w *world) TakeBack(_ context.Context, by string, about calendar.Key) error {
	w.change(func() {
		w.did = append(w.did, fmt.Sprintf("%s: take back %s", by, about))
		w.signals = slices.DeleteFunc(w.signals, func(s eligibility.Signal) bool { return s.Meeting == about && s.Email == by })
		w.decide()
	})
	return nil
}

func (w *world) Retry(_ context.Context, by, id string) error {
	err := errors.New("there is no such delivery, or it has arrived by now")
	w.change(func() {
		for i := range w.deliveries {
			if w.deliveries[i].ID == id && w.deliveries[i].Status != Delivered {
				w.did, err = append(w.did, by+": retry "+id), nil
				w.deliveries[i].Status, w.deliveries[i].NextAt = Waiting, time.Time{}
			}
		}
	})
	return err
}

func (w *world) Release(_ context.Context, by, id string) error {
	err := fmt.Errorf("no letter %q is held", id)
	w.change(func() {
		w.letters = slices.DeleteFunc(w.letters, func(l Letter) bool {
			if l.ID == id {
				w.did, err = append(w.did, by+": release "+id), nil
			}
			return l.ID == id
		})
	})
	return err
}

func (w *world) Try(ctx context.Context, _ string, policy []byte) (whatif.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return whatif.Trial{Reader: reader{w: w}, Now: w.now, Current: w.policy, File: policyFile, Drivers: []string{"google", "outlook", "coordinator"}, Judge: w.judge}.Try(ctx, policy)
}

// reader is the part of engine.Reader that a trial needs.
type reader struct {
	engine.Reader // what is not below is not asked for
	w             *world
}

func (r reader) Sources(context.Context) ([]engine.SourceState, error) { return r.w.sources, nil }
func (r reader) DecisionsAfter(_ context.Context, seq int64, n int) (all []engine.Decision, err error) {
	for i, d := range r.w.decisions[min(int(seq), len(r.w.decisions)):] {
		if i == n {
			break
		}
		d.Seq = seq + int64(i) + 1
		all = append(all, d)
	}
	return all, nil
}
func (r reader) Meeting(_ context.Context, k calendar.Key) (calendar.Meeting, error) {
	return r.w.meetings[k], nil
}
func (r reader) SignalsAbout(context.Context, calendar.Key) ([]eligibility.Signal, error) {
	return r.w.signals, nil
}
