package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/console"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/store"
)

// consoleData is what the pages show, out of the store, the engine and the configuration.
type consoleData struct {
	cfg        *config.Config
	engine     *engine.Engine
	rules      *following
	store      *store.Store
	kept       *store.Overview
	deliveries *store.Deliveries
	started    time.Time
	promise    time.Duration
	connected  map[string]bool // DRIVER:NAME

	mu     sync.Mutex
	counts sourceCounts // as they were a moment ago
}

var _ console.Data = (*consoleData)(nil)

// sourceCounts are how the calendars fare, by connection.
type sourceCounts struct {
	of map[string]store.SourceCount
	at time.Time
}

func newConsoleData(cfg *config.Config, e *engine.Engine, st *store.Store, rules *following) *consoleData {
	d := &consoleData{
		cfg: cfg, engine: e, rules: rules, store: st, kept: st.Overview(), deliveries: st.Deliveries(), started: e.Now(),
		promise: promised(cfg), connected: map[string]bool{},
	}
	for _, c := range e.Connections {
		d.connected[c.String()] = true
	}
	return d
}

// promised is how long a calendar rests at most: a quiet one so long, give or take a tenth, and somewhat longer until it is
// its turn.
func promised(cfg *config.Config) time.Duration {
	quiet := max(time.Duration(cfg.PollQuiet), time.Duration(cfg.Poll))
	return quiet + quiet/10 + 30*time.Second
}

// encode makes a place in a list a text for addresses; decode reads what may be anything.
func encode(place any) string {
	b, err := json.Marshal(place)
	if err != nil { // places are texts and numbers
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decode(text string, place any) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && !strings.Contains(string(b), `\u0000`) && json.Unmarshal(b, place) == nil
}

// clean is a text from an address as databases take it.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// startPlace is where a list by start goes on.
type startPlace struct {
	Start int64  `json:"s"` // Unix milliseconds; 0: unknown
	ID    string `json:"i"`
}

func encodePlace(p *engine.Place) string {
	switch {
	case p == nil:
		return ""
	case p.Start.IsZero():
		return encode(startPlace{0, p.ID})
	}
	return encode(startPlace{p.Start.UnixMilli(), p.ID})
}

// placeOf is the place of a query; ok is false if it names none.
func placeOf(after string) (p engine.Place, ok bool) {
	if after == "" {
		return p, true
	}
	var at startPlace
	if !decode(after, &at) {
		return p, false
	}
	if at.Start != 0 {
		p.Start = time.UnixMilli(at.Start).UTC()
	}
	p.ID = at.ID
	return p, true
}

func filterOf(q console.Query) store.OverviewFilter {
	f := store.OverviewFilter{Text: clean(q.Text), From: q.From, To: q.To, Provider: clean(q.Provider), Rule: clean(q.Rule)}
	switch q.Outcome {
	case console.Recorded, console.NotRecorded:
		recorded := q.Outcome == console.Recorded
		f.Recorded = &recorded
	}
	return f
}

// Recordings are schedules.
func (d *consoleData) Recordings(ctx context.Context, q console.Query) (console.Page[console.Recording], error) {
	var page console.Page[console.Recording]
	after, ok := placeOf(q.After)
	if !ok {
		return page, nil
	}
	rows, next, err := d.kept.Schedules(ctx, filterOf(q), after, q.Limit)
	for _, r := range rows {
		page.Items = append(page.Items, console.Recording{Schedule: r.Schedule, Private: r.Private, Delivery: statuses[r.Progress]})
	}
	page.Next = encodePlace(next)
	return page, err
}

// RecordingHours counts them.
func (d *consoleData) RecordingHours(ctx context.Context, q console.Query) ([]console.Hour, error) {
	if q.Outcome == console.NotRecorded { // which are the cancelled ones alone
		return nil, nil
	}
	counts, err := d.kept.Hours(ctx, filterOf(q))
	var hours []console.Hour
	for at, n := range counts {
		hours = append(hours, console.Hour{Start: at, Count: n})
	}
	slices.SortFunc(hours, func(a, b console.Hour) int { return a.Start.Compare(b.Start) })
	return hours, err
}

// Meetings are decisions.
func (d *consoleData) Meetings(ctx context.Context, q console.Query) (console.Page[engine.Decision], error) {
	after, ok := placeOf(q.After)
	if !ok {
		return console.Page[engine.Decision]{}, nil
	}
	found, next, err := d.kept.Meetings(ctx, filterOf(q), after, q.Limit)
	return console.Page[engine.Decision]{Items: found, Next: encodePlace(next)}, err
}

// Blocking counts failing rules.
func (d *consoleData) Blocking(ctx context.Context, q console.Query) ([]console.RuleCount, error) {
	counts, err := d.kept.Failing(ctx, filterOf(q))
	var all []console.RuleCount
	for rule, n := range counts {
		all = append(all, console.RuleCount{Rule: rule, Count: n})
	}
	slices.SortFunc(all, func(a, b console.RuleCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule))
	})
	return all, err
}

// How much of a schedule's history is shown: more than anybody reads.
const (
	mostRevisions = 50
	mostMessages  = 300
)

// Meeting is a meeting's story.
func (d *consoleData) Meeting(ctx context.Context, k calendar.Key) (console.Meeting, error) {
	var m console.Meeting
	if clean(string(k)) != string(k) {
		return m, console.ErrUnknown
	}
	var err error
	if m.Decision, err = d.kept.Decision(ctx, k); errors.Is(err, engine.ErrUnknown) {
		return m, console.ErrUnknown
	} else if err != nil {
		return m, err
	}
	if m.Copies, err = d.store.Meeting(ctx, k); err != nil {
		return m, err
	}
	for i, c := range m.Copies.Copies { // what is read no more is known no better
		m.Copies.Copies[i].Source.NoAccess = c.Source.NoAccess || !d.connected[c.Source.Driver+":"+c.Source.Account]
	}
	if m.Calendars, err = d.kept.SourcesOf(ctx, k); err != nil {
		return m, err
	}
	said, err := d.store.SignalsAbout(ctx, k)
	if err != nil {
		return m, err
	}
	for _, s := range slices.Backward(said) {
		m.Said = append(m.Said, console.Word{Signal: s, Mine: strings.EqualFold(s.Email, speaker(ctx))})
	}
	schedules, err := d.store.SchedulesOf(ctx, k)
	if err != nil {
		return m, err
	}
	for _, s := range schedules {
		h := console.History{Schedule: s}
		if h.Revisions, err = d.revisions(ctx, s.ID); err != nil {
			return m, err
		}
		m.Schedules = append(m.Schedules, h)
	}
	return m, nil
}

func (d *consoleData) revisions(ctx context.Context, id string) ([]console.Revision, error) {
	rows, err := d.kept.Revisions(ctx, id, mostRevisions)
	if err != nil {
		return nil, err
	}
	told, err := d.deliveries.About(ctx, id, mostMessages)
	if err != nil {
		return nil, err
	}
	var all []console.Revision
	for _, r := range rows {
		rev := console.Revision{Number: r.Revision, State: r.State, Start: r.Start, End: r.End, At: r.WrittenAt}
		for _, m := range told {
			if m.Schedule.Revision == r.Revision && m.Progress != store.Overtaken {
				rev.Deliveries = append(rev.Deliveries, deliveryOf(m))
			}
		}
		all = append(all, rev)
	}
	return all, nil
}

// howCalendarsFare are the counts of the connections, as they were two seconds ago at most: every page has some of them.
func (d *consoleData) howCalendarsFare(ctx context.Context) (map[string]store.SourceCount, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counts.of != nil && time.Since(d.counts.at) < 2*time.Second {
		return d.counts.of, nil
	}
	now := d.engine.Now()
	of, err := d.kept.SourceCounts(ctx, now, now.Add(-d.promise))
	if err == nil {
		d.counts = sourceCounts{of, time.Now()}
	}
	return of, err
}

// Connections are those of the configuration.
func (d *consoleData) Connections(ctx context.Context) ([]console.Connection, error) {
	counts, err := d.howCalendarsFare(ctx)
	if err != nil {
		return nil, err
	}
	chores, err := d.store.Chores(ctx)
	if err != nil {
		return nil, err
	}
	var all []console.Connection
	for _, of := range d.engine.Connections {
		n := counts[of.String()]
		c := console.Connection{
			Driver: of.Driver, Name: of.Account, Calendars: n.Calendars, Refused: n.Refused, Failing: n.Failing, Held: n.Held, Late: n.Late, Pushes: n.Pushes,
		}
		for _, chore := range chores {
			if kind, name := engine.ChoreJob(chore.Name); kind == engine.Roster && name == of.String() {
				c.ListedAt, c.Error = chore.DoneAt, chore.Error
			}
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b console.Connection) int { return cmp.Compare(a.String(), b.String()) })
	return all, nil
}

// Calendars are sources. Those of connections that are configured no more are left out.
func (d *consoleData) Calendars(ctx context.Context, q console.CalendarQuery) (console.Page[engine.SourceState], error) {
	var page console.Page[engine.SourceState]
	after := ""
	if q.After != "" && !decode(q.After, &after) {
		return page, nil
	}
	f := store.SourceFilter{Text: clean(q.Text), Connection: clean(q.Connection), Trouble: q.Trouble, Late: d.engine.Now().Add(-d.promise)}
	for {
		rows, err := d.kept.Sources(ctx, f, calendar.SourceID(after), q.Limit+1)
		if err != nil {
			return console.Page[engine.SourceState]{}, err
		}
		for _, s := range rows {
			if !d.connected[s.Driver+":"+s.Account] {
				after = string(s.ID)
				continue
			}
			if len(page.Items) == q.Limit {
				page.Next = encode(after)
				return page, nil
			}
			after = string(s.ID)
			page.Items = append(page.Items, s)
		}
		if len(rows) <= q.Limit {
			return page, nil
		}
	}
}

// Ages counts calendars by when they were read.
func (d *consoleData) Ages(ctx context.Context, bounds []time.Duration) ([]int, error) {
	counts, err := d.howCalendarsFare(ctx)
	if err != nil {
		return nil, err
	}
	now, before := d.engine.Now(), 0
	var ages []int
	for _, bound := range bounds {
		read, err := d.kept.ReadSince(ctx, now.Add(-bound))
		if err != nil {
			return nil, err
		}
		n := 0
		for connection, c := range read {
			if d.connected[connection] {
				n += c
			}
		}
		ages = append(ages, max(0, n-before))
		before = n
	}
	total := 0
	for connection, c := range counts {
		if d.connected[connection] {
			total += c.Calendars
		}
	}
	return append(ages, max(0, total-before)), nil
}

// statuses are what the console calls how far a message has come.
var statuses = map[store.Progress]console.DeliveryStatus{
	store.Delivered: console.Delivered, store.Waiting: console.Waiting, store.Failing: console.Failing, store.GivenUp: console.Dead,
}

func deliveryOf(m store.KeptMessage) console.Delivery {
	d := console.Delivery{
		ID: strconv.FormatInt(m.ID, 10), Sink: m.Target, Status: statuses[m.Progress], Schedule: m.Schedule.ID, Revision: m.Schedule.Revision,
		State: m.Schedule.State, Title: m.Schedule.Title, Start: m.Schedule.Start, Private: m.Private, Attempts: m.Attempts, Since: m.Written,
		LastAt: m.TriedAt, Error: m.Error,
	}
	if len(m.Schedule.Meetings) > 0 {
		d.Meeting = m.Schedule.Meetings[0]
	}
	switch m.Progress {
	case store.Failing:
		d.NextAt = m.DueAt
	case store.Waiting, store.Delivered: // an error is of an attempt before
		d.Error = ""
	}
	return d
}

// doneFor is how long deliveries that arrived are shown.
const doneFor = 24 * time.Hour

// donePlace is where the list of those goes on.
type donePlace struct {
	Done int64 `json:"d"` // Unix milliseconds
	ID   int64 `json:"i"`
}

// Deliveries are messages.
func (d *consoleData) Deliveries(ctx context.Context, q console.DeliveryQuery) (console.Page[console.Delivery], error) {
	var page console.Page[console.Delivery]
	var at donePlace
	if q.After != "" && !decode(q.After, &at) {
		return page, nil
	}
	var rows []store.KeptMessage
	var err error
	switch q.Status {
	case console.Delivered:
		rows, err = d.deliveries.Arrived(ctx, d.engine.Now().Add(-doneFor), store.KeptMessage{ID: at.ID, TriedAt: time.UnixMilli(at.Done)}, q.Limit+1)
	case console.Waiting, console.Failing, console.Dead:
		progress := map[console.DeliveryStatus]store.Progress{console.Waiting: store.Waiting, console.Failing: store.Failing, console.Dead: store.GivenUp}[q.Status]
		rows, err = d.deliveries.Open(ctx, progress, at.ID, q.Limit+1)
	}
	if err != nil {
		return page, err
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		last := rows[q.Limit-1]
		page.Next = encode(donePlace{last.TriedAt.UnixMilli(), last.ID})
	}
	for _, m := range rows {
		page.Items = append(page.Items, deliveryOf(m))
	}
	return page, nil
}

// DeliveryCounts counts messages.
func (d *consoleData) DeliveryCounts(ctx context.Context) (map[console.DeliveryStatus]int, error) {
	n, err := d.deliveries.Count(ctx, d.engine.Now().Add(-doneFor))
	return map[console.DeliveryStatus]int{
		console.Waiting: n.Waiting, console.Failing: n.Failing, console.Dead: n.GivenUp, console.Delivered: n.Delivered,
	}, err
}

// DeliveryHours are the last 24 hours.
func (d *consoleData) DeliveryHours(ctx context.Context) ([]console.DeliveryHour, error) {
	first := d.engine.Now().Truncate(time.Hour).Add(-23 * time.Hour)
	rows, err := d.deliveries.Hours(ctx, first)
	if err != nil {
		return nil, err
	}
	hours := make([]console.DeliveryHour, 24)
	for i := range hours {
		hours[i].Start = first.Add(time.Duration(i) * time.Hour)
	}
	for _, r := range rows {
		if i := int(r.Start.Sub(first) / time.Hour); i >= 0 && i < len(hours) {
			hours[i].Delivered, hours[i].Failed = r.Delivered, r.Failed
		}
	}
	return hours, nil
}

// letterPlace is where the list of letters goes on.
type letterPlace struct {
	Received int64  `json:"r"` // Unix milliseconds
	Source   string `json:"s"`
	ID       string `json:"i"`
}

// Letters are those that are held.
func (d *consoleData) Letters(ctx context.Context, q console.LetterQuery) (console.Page[console.Letter], error) {
	var page console.Page[console.Letter]
	var behind store.KeptLetter
	if q.After != "" {
		var at letterPlace
		if !decode(q.After, &at) {
			return page, nil
		}
		behind.Source, behind.ID, behind.Received = calendar.SourceID(at.Source), at.ID, time.UnixMilli(at.Received)
	}
	rows, err := d.kept.HeldLetters(ctx, behind, q.Limit+1)
	if err != nil {
		return page, err
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		last := rows[q.Limit-1]
		page.Next = encode(letterPlace{last.Received.UnixMilli(), string(last.Source), last.ID})
	}
	for _, l := range rows {
		page.Items = append(page.Items, console.Letter{Source: l.Source, Letter: l.Letter})
	}
	return page, nil
}

// State is how the daemon does.
func (d *consoleData) State(ctx context.Context) (console.State, error) {
	h := d.engine.Health(ctx)
	s := console.State{PassedAt: h.RoundAt, Rules: h.Rules, Started: d.started, Promise: d.promise}
	for _, failure := range h.Connections {
		if failure != "" {
			s.Connections++
		}
	}
	counts, err := d.howCalendarsFare(ctx)
	if err != nil {
		return s, err
	}
	for connection, c := range counts {
		if d.connected[connection] {
			s.Calendars += c.Refused + c.Failing + c.Held + c.Late
		}
	}
	if s.Dead, err = d.deliveries.Dead(ctx); err != nil {
		return s, err
	}
	s.Held, err = d.kept.Held(ctx)
	return s, err
}

// Policy is the one in force. Its text, which may name people and customers, is for those who may try another one.
func (d *consoleData) Policy(ctx context.Context) (console.Policy, error) {
	now := d.rules.inForce()
	p := console.Policy{Policy: now.Policy, File: d.cfg.PolicyPath, Text: now.text, Since: now.since}
	if status, _ := access.Denied(ctx, tokens.Admin); status != 0 {
		p.Text = ""
	}
	return p, nil
}
