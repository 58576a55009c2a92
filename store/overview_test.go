package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store/db"
)

// shown is a meeting in a test of what is listed.
type shown struct {
	key        string
	start, end time.Duration // from now; both 0: no time
	fails      string        // a rule, or none
	provider   string
	guest      string
}

// show stores a meeting, decided and scheduled.
func show(t *testing.T, s *Store, m shown) {
	t.Helper()
	e := calendar.Event{Ref: calendar.Ref(m.key), UID: m.key, Title: "T " + m.key, Status: calendar.StatusConfirmed, Attendees: []calendar.Attendee{{Email: m.guest}}}.Distil(calendar.Reading{})
	if m.end != 0 {
		e.Start, e.End = calendar.At(now.Add(m.start)), calendar.At(now.Add(m.end))
	}
	if _, err := s.Apply(t.Context(), ana.ID, cursorOf(t, s), "r", connectors.Page{Events: []calendar.Event{e}, Next: connectors.Cursor(m.key)}, now); err != nil {
		t.Fatal(err)
	}
	d := decision(m.key, "9"+m.key)
	d.Provider, d.JoinURL, d.Record = m.provider, "https://Zoom.example/J/9"+m.key, m.fails == ""
	if d.Start, d.End = e.Start.Instant(), e.End.Instant(); m.end == 0 {
		d.Start, d.End = time.Time{}, time.Time{}
	}
	if m.fails != "" {
		d.Checks = append(d.Checks, eligibility.Check{Rule: m.fails, Status: eligibility.Fail})
	}
	decided := step(d)
	if m.end < 0 { // nobody plans what is over
		decided = func(tx engine.Tx) error {
			sch := schedule.Schedule{ID: schedule.ID(d.Meeting, 0), Revision: 1, State: schedule.Scheduled, Meetings: []calendar.Key{d.Meeting}, Provider: d.Provider, Start: d.Start, End: d.End}
			return errors.Join(tx.PutDecision(d), tx.PutSchedule(sch, now))
		}
	}
	if _, err := s.Decide(t.Context(), basis(t, s), 1, now, decided); err != nil {
		t.Fatal(err)
	}
}

// cursorOf is where ana's calendar goes on.
func cursorOf(t *testing.T, s *Store) connectors.Cursor {
	t.Helper()
	row, err := db.New(s.read).Source(t.Context(), string(ana.ID))
	if err != nil {
		t.Fatal(err)
	}
	return connectors.Cursor(row.Cursor)
}

func showAll(t *testing.T, s *Store) {
	t.Helper()
	const hour, day = time.Hour, 24 * time.Hour
	for _, m := range []shown{
		{"over", -3 * hour, -2 * hour, "", "zoom", "old@globex.com"},
		{"running", -hour, hour, "", "zoom", "joe@globex.com"},
		{"long", -9 * day, day, "", "teams", "joe@globex.com"},
		{"timeless", 0, 0, "timed", "", "joe@globex.com"},
		{"private", 2 * hour, 3 * hour, "private", "", "secret@lawyer.example"},
		{"soon", 2 * hour, 3 * hour, "", "zoom", "Kim_1@Lawfirm.example"},
		{"no", 4 * hour, 5 * hour, "host", "teams", "joe@globex.com"},
		{"far", 9 * day, 9*day + hour, "", "teams", "joe@globex.com"},
	} {
		show(t, s, m)
	}
}

// pages reads a list to its end, n at a time, without a page that is too long.
func pages[T any](t *testing.T, n int, read func(after engine.Place, n int) ([]T, *engine.Place, error), name func(T) string) string {
	t.Helper()
	var names []string
	for after := (engine.Place{}); ; {
		items, next, err := read(after, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > n {
			t.Fatalf("%d items on a page of %d", len(items), n)
		}
		for _, i := range items {
			names = append(names, name(i))
		}
		if next == nil {
			return strings.Join(names, " ")
		}
		if *next == after {
			t.Fatal("a page leads back to itself")
		}
		after = *next
	}
}

// TestOverview: lists, whatever their filters, have what is meant, in order, and nothing twice, however long a page is.
func TestOverview(t *testing.T) { both(t, testOverview) }

func testOverview(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	showAll(t, s)
	o := s.Overview()
	yes, no := true, false
	for _, c := range []struct {
		about               string
		f                   OverviewFilter
		meetings, schedules string
	}{
		{"everything", OverviewFilter{}, "timeless long over running private soon no far", "long over running soon far"},
		{"from now on", OverviewFilter{From: now}, "timeless long running private soon no far", "long running soon far"},
		{"a stretch", OverviewFilter{From: now, To: now.Add(24 * time.Hour)}, "timeless long running private soon no", "long running soon"},
		{"recorded", OverviewFilter{From: now, Recorded: &yes}, "long running soon far", "long running soon far"},
		{"not recorded", OverviewFilter{From: now, Recorded: &no}, "timeless private no", ""},
		{"not recorded, ever", OverviewFilter{Recorded: &no}, "timeless private no", ""},
		{"a rule, ever", OverviewFilter{Rule: "host"}, "no", "long over running soon far"},
		{"a provider", OverviewFilter{Provider: "teams"}, "long no far", "long far"},
		{"a rule", OverviewFilter{From: now, Rule: "host"}, "no", "long running soon far"},
		{"a rule without a time", OverviewFilter{From: now, Rule: "timed"}, "timeless", "long running soon far"},
		{"a title", OverviewFilter{Text: "T SOON"}, "soon", "soon"},
		{"a guest", OverviewFilter{From: now, Text: "kim_1@lawfirm.EXAMPLE"}, "soon", "soon"},
		{"no pattern", OverviewFilter{Text: "kim%"}, "", ""},
		{"no pattern either", OverviewFilter{Text: "ki__1@"}, "", ""},
		{"a link", OverviewFilter{Text: "zoom.example/j/9far"}, "far", "far"},
		{"a number", OverviewFilter{Text: "9soon"}, "soon", "soon"},
		{"of a private one", OverviewFilter{Text: "private"}, "", ""},
		{"of a private one's guest", OverviewFilter{Text: "secret@"}, "", ""},
		{"all at once", OverviewFilter{From: now, To: now.Add(time.Hour), Text: "joe@", Provider: "zoom", Recorded: &yes}, "running", "running"},
	} {
		for _, n := range []int{1, 2, 50} {
			got := pages(t, n, func(p engine.Place, n int) ([]engine.Decision, *engine.Place, error) {
				return o.Meetings(t.Context(), c.f, p, n)
			}, func(d engine.Decision) string { return string(d.Meeting) })
			if got != c.meetings {
				t.Errorf("%s, %d a page: meetings %q, want %q", c.about, n, got, c.meetings)
			}
			if c.f.From.IsZero() { // programs find the same
				same := engine.MeetingFilter{Before: c.f.To, Text: c.f.Text, Provider: c.f.Provider, Recorded: c.f.Recorded, Rule: c.f.Rule}
				got = pages(t, n, func(p engine.Place, n int) ([]engine.MeetingRow, *engine.Place, error) {
					return s.Catalog().FindMeetings(t.Context(), same, p, n)
				}, func(r engine.MeetingRow) string { return string(r.Meeting) })
				if got != c.meetings {
					t.Errorf("%s, %d a page: programs find %q, want %q", c.about, n, got, c.meetings)
				}
			}
			got = pages(t, n, func(p engine.Place, n int) ([]ScheduleRow, *engine.Place, error) {
				return o.Schedules(t.Context(), c.f, p, n)
			}, func(r ScheduleRow) string { return string(r.Meetings[0]) })
			if got != c.schedules {
				t.Errorf("%s, %d a page: schedules %q, want %q", c.about, n, got, c.schedules)
			}
		}
	}
	failing, err := o.Failing(t.Context(), OverviewFilter{From: now, Text: "joe@"})
	if diff := cmp.Diff(map[string]int{"timed": 1, "host": 1}, failing); err != nil || diff != "" {
		t.Error(diff, err)
	}
	hours, err := o.Hours(t.Context(), OverviewFilter{From: now, To: now.AddDate(0, 0, 10)})
	if diff := cmp.Diff(map[time.Time]int{now.Add(2 * time.Hour): 1, now.AddDate(0, 0, 9): 1}, hours); err != nil || diff != "" {
		t.Error(diff, err)
	}
	if _, err := o.Decision(t.Context(), "nonesuch"); !errors.Is(err, engine.ErrUnknown) {
		t.Error(err)
	}
}

// TestWordsFollow: who takes part is found by that, also where the decision stays as it is.
func TestWordsFollow(t *testing.T) { both(t, testWordsFollow) }

func testWordsFollow(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	show(t, s, shown{"a", time.Hour, 2 * time.Hour, "", "zoom", "joe@globex.com"})
	e := with("a", "new@globex.com", 1)
	e.UID = "a"
	if _, err := s.Apply(t.Context(), ana.ID, cursorOf(t, s), "r", connectors.Page{Events: []calendar.Event{e}, Next: "b"}, now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Decide(t.Context(), basis(t, s), 1, now, func(tx engine.Tx) error { // as the engine does where nothing changes
		_, errM := tx.Meeting()
		_, known, errD := tx.Decision()
		if !known {
			t.Error("it is not decided")
		}
		return errors.Join(errM, errD)
	}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"new@globex": 1, "joe@globex": 0} {
		if found, _, err := s.Overview().Meetings(t.Context(), OverviewFilter{Text: text}, engine.Place{}, 9); err != nil || len(found) != want {
			t.Errorf("%s: %d, %v", text, len(found), err)
		}
	}
}

// TestOverviewGoesOn: one page looks through so much and no more, and what lies behind it is found on those that follow.
func TestOverviewGoesOn(t *testing.T) {
	s := openKind(t, sqlite)
	tx, err := s.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const many = window*mostWindows + 10
	for i := range many {
		rule := "internal"
		if i == many-1 {
			rule = "host"
		}
		for _, q := range []string{
			`INSERT INTO decisions (meeting, seq, record, title, start_at, end_at, decided_at, meeting_id, call_keys, data, held) VALUES ($1, $2, FALSE, '', $2, $2, 0, '', '', '{"meeting":"' || $1 || '","start":"1970-01-01T00:00:' || $3 || 'Z"}', '')`,
			`INSERT INTO meeting_index VALUES ($1, $1, $2, $2 + 1, 0, FALSE, FALSE, '', '', '', '', '')`,
			`INSERT INTO meeting_failures VALUES ('` + rule + `', $2, $1)`,
			`INSERT INTO meeting_words VALUES ($1, 'w' || $3)`,
		} {
			args := []any{string(key(i)), int64(i + 1), fmt.Sprintf("%02d.%03d", (i+1)/1000, (i+1)%1000)}
			if !strings.Contains(q, "$3") {
				args = args[:2]
			}
			if _, err := tx.ExecContext(t.Context(), q, args...); err != nil {
				t.Fatal(q, err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	o, last := s.Overview(), key(many-1)
	yes := true
	found, next, err := o.Meetings(t.Context(), OverviewFilter{Recorded: &yes}, engine.Place{}, 50)
	if err != nil || len(found) != 0 || next == nil {
		t.Fatalf("%d, %v, %v", len(found), next, err)
	}
	if found, next, err = o.Meetings(t.Context(), OverviewFilter{Recorded: &yes}, *next, 50); err != nil || len(found) != 0 || next != nil {
		t.Errorf("%d, %v, %v", len(found), next, err)
	}
	if found, next, err = o.Meetings(t.Context(), OverviewFilter{Rule: "host"}, engine.Place{}, 50); err != nil || len(found) != 1 || found[0].Meeting != last || next != nil {
		t.Errorf("by a rule it is found at once: %v, %v, %v", found, next, err)
	}
	if counts, err := o.Failing(t.Context(), OverviewFilter{}); err != nil || counts["internal"] != many-1 || counts["host"] != 1 {
		t.Errorf("%v, %v", counts, err)
	}
	text := fmt.Sprintf("w%02d.%03d", many/1000, many%1000)
	pages := 0
	for after := (engine.Place{}); ; pages++ {
		found, next, err := o.Meetings(t.Context(), OverviewFilter{Text: text}, after, 50)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 && found[0].Meeting == last && next == nil {
			break
		}
		if len(found) != 0 || next == nil {
			t.Fatalf("%v, %v", found, next)
		}
		after = *next
	}
	if pages != 1 {
		t.Errorf("found on page %d", pages+1)
	}
}

// TestSources: how calendars fare is counted once each, and listed.
func TestSources(t *testing.T) { both(t, testSources) }

func testSources(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	late := now.Add(-time.Hour)
	for i, set := range []string{
		"no_access = TRUE, failures = 3, held = TRUE", "failures = 1, held = TRUE", "held = TRUE, pulled_at = 1", "pulled_at = 1", "pulled_at = 0", "pulled_at = 1795424400000",
	} {
		src := calendar.NewSource("outlook", "acme.co.uk", fmt.Sprintf("U%d@acme.co.uk", i))
		if err := s.PutSources(t.Context(), []calendar.Source{src}, now); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(set, "1795") {
			set = fmt.Sprint("pulled_at = ", ms(now.Add(-time.Minute)))
			if err := s.PutSubscription(t.Context(), engine.Subscription{Source: src.ID, SecretHash: strings.Repeat("0", 64), MadeAt: now, Subscription: connectors.Subscription{ID: "one", Until: now.Add(time.Hour)}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.write.ExecContext(t.Context(), "UPDATE sources SET "+set+" WHERE id = $1", string(src.ID)); err != nil {
			t.Fatal(err)
		}
	}
	o := s.Overview()
	counts, err := o.SourceCounts(t.Context(), now, late)
	want := map[string]SourceCount{"google:acme.com": {Calendars: 1}, "outlook:acme.co.uk": {Calendars: 6, Refused: 1, Failing: 1, Held: 1, Late: 1, Pushes: 1}}
	if diff := cmp.Diff(want, counts); err != nil || diff != "" {
		t.Error(diff, err)
	}
	read, err := o.ReadSince(t.Context(), now.Add(-2*time.Minute))
	if diff := cmp.Diff(map[string]int{"outlook:acme.co.uk": 1}, read); err != nil || diff != "" {
		t.Error(diff, err)
	}
	for _, c := range []struct {
		f    SourceFilter
		want string
	}{
		{SourceFilter{}, "ana@acme.com U0 U1 U2 U3 U4 U5"},
		{SourceFilter{Text: "u3@ACME"}, "U3"},
		{SourceFilter{Text: "u_@"}, ""},
		{SourceFilter{Connection: "google:acme.com"}, "ana@acme.com"},
		{SourceFilter{Trouble: true, Late: late}, "U0 U1 U2 U3"},
	} {
		var names []string
		for after := calendar.SourceID(""); ; {
			some, err := o.Sources(t.Context(), c.f, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, src := range some {
				names, after = append(names, strings.TrimSuffix(src.Calendar, "@acme.co.uk")), src.ID
			}
			if len(some) < 2 {
				break
			}
		}
		for i, n := range names { // ids have calendars in lower case, or not
			names[i] = strings.Replace(n, "u", "U", 1)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
}

// TestDeliveries: messages are listed by how far they have come, counted, and tried again.
func TestDeliveries(t *testing.T) { both(t, testDeliveries) }

func testDeliveries(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	ctx := t.Context()
	for _, k := range []string{"arrives", "fails", "dies", "early", "waits"} {
		show(t, s, shown{k, time.Hour, 2 * time.Hour, "", "zoom", "joe@globex.com"})
	}
	d := s.Deliveries()
	name := func(m KeptMessage) string { return string(m.Schedule.Meetings[0]) }
	names := func(all []KeptMessage, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range all {
			names = append(names, name(m))
		}
		return strings.Join(names, " ")
	}
	at := now.Add(time.Minute)
	for _, m := range taken(t, s, 4, now) {
		r := engine.DeliveryReport{At: at, Note: "note"}
		switch m.Schedule.Meetings[0] {
		case "fails":
			r.Error, r.Again = "503", at.Add(time.Hour)
		case "dies":
			r.Error, r.GaveUp = "410", true
		case "early":
			r.Error, r.Early, r.Again = "not yet", true, at.Add(time.Hour)
		}
		if err := s.Delivered(ctx, m, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ about, got, want string }{
		{"waiting", names(d.Open(ctx, Waiting, 0, 9)), "early waits"},
		{"failing", names(d.Open(ctx, Failing, 0, 9)), "fails"},
		{"given up", names(d.Open(ctx, GivenUp, 0, 9)), "dies"},
		{"arrived", names(d.Arrived(ctx, now, KeptMessage{}, 9)), "arrives"},
		{"arrived later", names(d.Arrived(ctx, at.Add(time.Second), KeptMessage{}, 9)), ""},
		{"all", names(d.Find(ctx, MessageFilter{}, 9)), "waits early dies fails arrives"},
		{"some", names(d.Find(ctx, MessageFilter{}, 2)), "waits early"},
		{"those that wait", names(d.Find(ctx, MessageFilter{Progress: Waiting}, 9)), "waits early fails"},
		{"to a target", names(d.Find(ctx, MessageFilter{Target: "recorder"}, 2)), "waits early"},
		{"to nobody", names(d.Find(ctx, MessageFilter{Target: "nobody"}, 2)), ""},
		{"to a target, given up", names(d.Find(ctx, MessageFilter{Target: "recorder", Progress: GivenUp}, 9)), "dies"},
		{"to nobody, given up", names(d.Find(ctx, MessageFilter{Target: "nobody", Progress: GivenUp}, 9)), ""},
		{"about a schedule", names(d.Find(ctx, MessageFilter{Schedule: schedule.ID("fails", 0)}, 9)), "fails"},
		{"about a schedule, given up", names(d.Find(ctx, MessageFilter{Schedule: schedule.ID("fails", 0), Progress: GivenUp}, 9)), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.about, c.got, c.want)
		}
	}
	all, err := d.Find(ctx, MessageFilter{}, 9)
	if err != nil {
		t.Fatal(err)
	}
	ids, progress := map[string]int64{}, map[string]Progress{}
	for _, m := range all {
		ids[name(m)], progress[name(m)] = m.ID, m.Progress
	}
	if got := names(d.Find(ctx, MessageFilter{Before: ids["dies"]}, 9)); got != "fails arrives" {
		t.Errorf("before one: %s", got)
	}
	rows, _, err := s.Overview().Schedules(ctx, OverviewFilter{}, engine.Place{}, 9)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if k := string(r.Meetings[0]); r.Progress != progress[k] || r.Private {
			t.Errorf("the schedule of %s has come to %d, its message to %d", k, r.Progress, progress[k])
		}
	}
	count, err := d.Count(ctx, now)
	if want := (MessageCount{Waiting: 2, Failing: 1, GivenUp: 1, Delivered: 1}); err != nil || count != want {
		t.Errorf("%+v, %v", count, err)
	}
	hours, err := d.Hours(ctx, now.Add(-time.Hour))
	if want := []DeliveryHour{{at.Truncate(time.Hour), 1, 2}}; err != nil || !slices.Equal(hours, want) {
		t.Errorf("%+v, %v", hours, err)
	}

	for k, want := range map[string]error{"arrives": ErrDone, "none": engine.ErrUnknown, "fails": nil, "dies": nil, "waits": nil} {
		if _, err := d.Retry(ctx, ids[k], at); !errors.Is(err, want) {
			t.Errorf("retry what %s: %v", k, err)
		}
	}
	if _, err := d.Retry(ctx, ids["dies"], at); err != nil {
		t.Errorf("once more: %v", err)
	}
	jobs, err := s.Jobs(ctx, 99)
	if err != nil || !slices.ContainsFunc(jobs, func(j engine.Job) bool { return j.Kind == engine.Deliver && j.Subject == "recorder" }) {
		t.Errorf("nobody delivers: %v, %v", jobs, err)
	}
	var again []string
	for _, m := range taken(t, s, 9, at) {
		again = append(again, string(m.Schedule.Meetings[0]))
	}
	slices.Sort(again)
	if got := strings.Join(again, " "); got != "dies fails waits" {
		t.Errorf("delivered again: %s", got)
	}
}

// TestOvertakenRetry: what was given up does not come again behind what was told since.
func TestOvertakenRetry(t *testing.T) { both(t, testOvertakenRetry) }

func testOvertakenRetry(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	show(t, s, shown{"a", time.Hour, 2 * time.Hour, "", "zoom", "joe@globex.com"})
	first := taken(t, s, 1, now)[0]
	if err := s.Delivered(t.Context(), first, engine.DeliveryReport{At: now, Error: "410", GaveUp: true}); err != nil {
		t.Fatal(err)
	}
	show(t, s, shown{"a", 3 * time.Hour, 4 * time.Hour, "", "zoom", "joe@globex.com"})
	second := taken(t, s, 1, now)[0]
	if second.Schedule.Revision != 2 {
		t.Fatalf("%+v", second)
	}
	if _, err := s.Deliveries().Retry(t.Context(), first.ID, now); !errors.Is(err, ErrOvertaken) {
		t.Errorf("got %v", err)
	}
}
