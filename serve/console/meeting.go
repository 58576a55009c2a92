package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/explain"
)

// meetingBody is one meeting's page.
type meetingBody struct {
	Key                  calendar.Key
	Title                string
	Start, End           time.Time
	DecidedAt            time.Time
	Mark                 mark
	Verdict              string // in a sentence
	Private              bool
	Failing, Warning     []checkRow
	Fine                 []checkRow
	Owner                string
	OnBehalfOf           []string
	Found                []explain.Link
	Seen                 []seenRow
	Schedules            []historyRow
	Said                 []saidRow
	CanSkip, CanRecord   bool
	WhyNotRecord         string
	ForOthers            string // the call is recorded all the same, for another meeting
	Series               string
	Updates, NoCalendars bool
}

type checkRow struct {
	eligibility.Check
	Mark mark
	eligibility.Rule
}

type seenRow struct {
	Calendar, Through string
	Mark              mark
	ReadAt, NextAt    time.Time
	Error, Do         string
	Status            string // of the copy, where it is not confirmed
}

type saidRow struct {
	Word
	Series, TakeBack bool // it is about the whole series; there is a button that takes it back
}

type historyRow struct {
	History
	Mark      mark
	Revisions []revisionRow
}

type revisionRow struct {
	Revision
	Mark       mark
	Deliveries []deliveredRow
}

type deliveredRow struct {
	Delivery
	Mark mark
}

// done are the sentences that follow an action, by the word in the address.
var done = map[string]string{
	eligibility.SignalSkip:   "Noted: this meeting is to be skipped. It is decided again within seconds.",
	eligibility.SignalRecord: "Noted: this meeting is to be recorded. It is decided again within seconds.",
	takenBack:                "Taken back: what you had said counts no more. The meeting is decided again within seconds.",
	"retry":                  "The delivery is tried again now.",
	"release":                "The letter is believed. Its meetings appear within seconds.",
	"disconnect":             "Disconnected: that calendar is read no more.",
}

const takenBack = "take_back"

func meetingPath(k calendar.Key, more ...string) string {
	q := url.Values{"key": {string(k)}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return Base + "/meeting?" + q.Encode()
}

// confirmPath is where somebody is asked whether they mean it.
func confirmPath(k calendar.Key, signal string) string {
	return Base + "/meeting/confirm?" + url.Values{"key": {string(k)}, "signal": {signal}}.Encode()
}

func (c *console) meeting(r *http.Request) (answer, error) {
	m, err := c.Data.Meeting(r.Context(), calendar.Key(r.URL.Query().Get("key")))
	if err != nil {
		return answer{}, err
	}
	state, err := c.Data.State(r.Context())
	if err != nil {
		return answer{}, err
	}
	b := bodyOf(m, c.Now(), state.Promise)
	return answer{page: "meeting", title: b.Title, section: "meetings", live: true, notice: done[r.URL.Query().Get("done")], body: b}, nil
}

// bodyOf is all that may be told of a meeting.
func bodyOf(m Meeting, now time.Time, promise time.Duration) meetingBody {
	hidden := hideDecision(&m.Decision)
	d := m.Decision
	b := meetingBody{
		Key: d.Meeting, Title: d.Title, Start: d.Start, End: d.End, DecidedAt: d.DecidedAt, Mark: markOfDecision(d), Private: hidden,
		Owner: d.Owner, OnBehalfOf: d.OnBehalfOf, Verdict: verdict(d, now),
	}
	for _, check := range d.Checks {
		row := checkRow{check, checkMarks[check.Status], eligibility.RuleOf(check)}
		switch check.Status {
		case eligibility.Fail:
			b.Failing = append(b.Failing, row)
		case eligibility.Warn:
			b.Warning = append(b.Warning, row)
		default:
			b.Fine = append(b.Fine, row)
		}
	}
	if hidden {
		return b
	}
	if series := d.Meeting.Series(); series != string(d.Meeting) {
		b.Series = series
	}
	b.Found = explain.FoundIn(m.Copies)
	b.Seen = seenRows(m, now, promise)
	b.NoCalendars = len(b.Seen) == 0
	for _, h := range m.Schedules {
		b.Schedules = append(b.Schedules, historyOf(h))
		if !d.Record && d.Held == nil && h.State != schedule.Cancelled && !slices.Contains(h.Meetings, d.Meeting) {
			b.ForOthers = "The call is recorded all the same, for another meeting with the same link."
		}
	}
	b.Said = saidRows(m, over(d, now))
	b.CanSkip, b.CanRecord, b.WhyNotRecord = choices(d, now)
	return b
}

func over(d engine.Decision, now time.Time) bool { return !d.End.IsZero() && !d.End.After(now) }

// saidRows are what was said. Of several words of one person about the same, one has the button that takes them back.
func saidRows(m Meeting, over bool) []saidRow {
	var rows []saidRow
	for _, w := range m.Said {
		row := saidRow{Word: w, Series: w.Meeting != m.Meeting, TakeBack: w.Mine && !over}
		row.TakeBack = row.TakeBack && !slices.ContainsFunc(rows, func(r saidRow) bool { return r.TakeBack && r.Meeting == w.Meeting })
		rows = append(rows, row)
	}
	return rows
}

// choices are what somebody may ask for, and why they may not ask for a recording.
func choices(d engine.Decision, now time.Time) (skip, record bool, whyNot string) {
	if over(d, now) {
		return false, false, ""
	}
	if d.Record || d.Held != nil {
		return true, false, ""
	}
	for _, check := range d.Checks {
		if check.Status == eligibility.Fail && !eligibility.Liftable(check) {
			return false, false, "Nobody's wish lifts what keeps it from being recorded: it protects somebody, or nothing could be recorded."
		}
	}
	return false, true, ""
}

// verdict is the answer in one sentence.
func verdict(d engine.Decision, now time.Time) string {
	over := over(d, now)
	whom := cmp.Or(d.Owner, "nobody in particular")
	switch {
	case d.Record && over:
		return fmt.Sprintf("It was to be recorded: on %s by %s, for %s.", providerName(d.Provider), captures(d.Capture), whom)
	case d.Record:
		return fmt.Sprintf("It will be recorded: on %s by %s, for %s.", providerName(d.Provider), captures(d.Capture), whom)
	case d.Held != nil:
		return "It stays scheduled as it was: only the access to calendars was lost, and nothing is cancelled because of that."
	}
	var why []string
	for _, check := range d.Checks {
		if check.Status == eligibility.Fail {
			why = append(why, check.Detail)
		}
	}
	will := "It will not be recorded"
	if over {
		will = "It was not recorded"
	}
	switch len(why) {
	case 0:
		return will + "."
	case 1:
		return fmt.Sprintf("%s: %s.", will, strings.TrimSuffix(why[0], "."))
	}
	return fmt.Sprintf("%s: %s, and for %s besides.", will, strings.TrimSuffix(why[0], "."), count(len(why)-1, "reason"))
}

func seenRows(m Meeting, now time.Time, promise time.Duration) []seenRow {
	var rows []seenRow
	for _, copied := range m.Copies.Copies {
		row := seenRow{Calendar: copied.Source.Calendar, Through: copied.Source.Driver + ":" + copied.Source.Account}
		i := slices.IndexFunc(m.Calendars, func(s engine.SourceState) bool { return s.ID == copied.Source.ID })
		if i >= 0 {
			s := m.Calendars[i]
			row.Mark, row.ReadAt, row.NextAt, row.Error, row.Do = markOfCalendar(s, now, promise), s.PulledAt, s.NextAt, s.Error, whatToDo(s, now, promise)
		}
		if copied.Status != calendar.StatusConfirmed {
			row.Status = copied.Status
		}
		rows = append(rows, row)
	}
	return rows
}

func historyOf(h History) historyRow {
	row := historyRow{History: h, Mark: markOfSchedule(h.Schedule)}
	for _, rev := range h.Revisions {
		r := revisionRow{Revision: rev, Mark: markOfSchedule(schedule.Schedule{State: rev.State})}
		for _, d := range rev.Deliveries {
			r.Deliveries = append(r.Deliveries, deliveredRow{d, deliveryMarks[d.Status]})
		}
		row.Revisions = append(row.Revisions, r)
	}
	return row
}

// confirmBody asks whether somebody means it.
type confirmBody struct {
	Key        calendar.Key
	Title      string
	Start, End time.Time
	Signal     string
	Series     bool
}

// wanted is the meeting and the wish that a form names, if it may be wished.
func (c *console) wanted(r *http.Request, key, signal string) (Meeting, error) {
	m, err := c.Data.Meeting(r.Context(), calendar.Key(key))
	if err != nil {
		return m, err
	}
	if hideDecision(&m.Decision) {
		return m, refusal{http.StatusConflict, "Of a private meeting nothing is recorded, and nothing but its times is known here."}
	}
	skip, record, whyNot := choices(m.Decision, c.Now())
	if signal == eligibility.SignalSkip && skip || signal == eligibility.SignalRecord && record {
		return m, nil
	}
	return m, refusal{http.StatusConflict, cmp.Or(whyNot, "That is how it is already, or the meeting is over.")}
}

func (c *console) confirm(r *http.Request) (answer, error) {
	if _, err := c.mayAct(r, Say); err != nil {
		return answer{}, err
	}
	signal := r.URL.Query().Get("signal")
	m, err := c.wanted(r, r.URL.Query().Get("key"), signal)
	if err != nil {
		return answer{}, err
	}
	title := map[string]string{eligibility.SignalSkip: "Skip this meeting?", eligibility.SignalRecord: "Record this meeting?"}[signal]
	b := confirmBody{m.Meeting, m.Title, m.Start, m.End, signal, m.Meeting.Series() != string(m.Meeting)}
	return answer{page: "confirm", title: title, section: "meetings", body: b}, nil
}

func (c *console) say(r *http.Request) (answer, error) {
	by, err := c.mayAct(r, Say)
	if err != nil {
		return answer{}, err
	}
	signal := r.PostFormValue("signal")
	m, err := c.wanted(r, r.PostFormValue("key"), signal)
	if err != nil {
		return answer{}, err
	}
	if err := c.Actions.Say(r.Context(), by, m.Meeting, signal); err != nil {
		return answer{}, refusal{http.StatusConflict, sentence(err)}
	}
	return answer{to: meetingPath(m.Meeting, "done", signal)}, nil
}

func (c *console) takeBack(r *http.Request) (answer, error) {
	by, err := c.mayAct(r, Say)
	if err != nil {
		return answer{}, err
	}
	m, err := c.Data.Meeting(r.Context(), calendar.Key(r.PostFormValue("key")))
	if err != nil {
		return answer{}, err
	}
	about := calendar.Key(r.PostFormValue("about"))
	if !slices.ContainsFunc(m.Said, func(w Word) bool { return w.Mine && w.Meeting == about }) {
		return answer{}, refusal{http.StatusConflict, "You have said nothing of it, or have taken it back already."}
	}
	if err := c.Actions.TakeBack(r.Context(), by, about); err != nil {
		return answer{}, refusal{http.StatusConflict, sentence(err)}
	}
	return answer{to: meetingPath(m.Meeting, "done", takenBack)}, nil
}

// sentence is an error as people read it.
func sentence(err error) string {
	s := strings.TrimSpace(err.Error())
	if s == "" {
		return "It did not work."
	}
	return sentenceCase(strings.TrimSuffix(s, ".")) + "."
}
