package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/engine"
)

// TestFigures counts rows of every state, on both databases.
func TestFigures(t *testing.T) {
	both(t, func(t *testing.T, open func(t *testing.T) *Store) {
		s := open(t)
		exec := func(query string, args ...any) {
			t.Helper()
			if _, err := s.write.ExecContext(t.Context(), query, args...); err != nil {
				t.Fatal(err)
			}
		}
		ago := func(d time.Duration) int64 { return ms(now.Add(-d)) }
		exec("DELETE FROM sources")
		for i, c := range []struct {
			refused, held bool
			failures      int
			pulled        int64
		}{
			{pulled: ago(0)}, {pulled: ago(time.Minute)}, {pulled: ago(61 * time.Second)}, {pulled: ago(48 * time.Hour)},
			{}, {failures: 2}, {failures: 1, pulled: ago(time.Hour)}, {refused: true, failures: 1, pulled: ago(time.Hour)}, {held: true, pulled: ago(4 * time.Minute)},
		} {
			exec("INSERT INTO sources (id, driver, account, calendar, is_primary, no_access, held, failures, pulled_at) VALUES ($1, 'google', 'acme.com', $2, TRUE, $3, $4, $5, $6)",
				fmt.Sprint("s", i), fmt.Sprintf("p%d@acme.com", i), c.refused, c.held, c.failures, c.pulled)
		}
		exec("INSERT INTO sources (id, driver, account, calendar, is_primary) VALUES ('o', 'outlook', 'acme.co.uk', 'eve@acme.co.uk', TRUE)")
		exec("INSERT INTO undecided (meeting, since, tries) VALUES ('m1', $1, 0), ('m2', $2, 0), ('m3', $3, 4)", ago(90*time.Second), ago(time.Second), ago(time.Hour))
		for i, m := range []struct {
			target  string
			outcome int
			early   bool
			written int64
		}{
			{"a", 0, false, ago(time.Minute)}, {"a", 0, false, ago(time.Hour)}, {"a", 0, true, ago(72 * time.Hour)}, {"a", 1, false, ago(96 * time.Hour)},
			{"a", 2, false, ago(time.Hour)}, {"b", 2, false, ago(time.Hour)}, {"b", 3, false, ago(time.Hour)},
		} {
			exec("INSERT INTO messages (id, target, plan, schedule, revision, state, data, early, written_at, due_at, outcome) VALUES ($1, $2, 1, 's', 1, 'scheduled', '{}', $3, $4, 0, $5)",
				i+1, m.target, m.early, m.written, m.outcome)
		}
		for i, sch := range []struct {
			state      string
			start, end time.Duration
		}{{"scheduled", 1, 2}, {"updated", 3, 4}, {"updated", -1, 1}, {"cancelled", 1, 2}, {"scheduled", -3, -2}} {
			exec("INSERT INTO schedules (id, revision, state, start_at, end_at, data) VALUES ($1, 1, $2, $3, $4, '{}')",
				fmt.Sprint("rec", i), sch.state, ago(-sch.start*time.Hour), ago(-sch.end*time.Hour))
		}
		for i, m := range []struct {
			hours          time.Duration
			recorded, held bool
			rules          string
		}{{1, true, false, ""}, {2, true, true, "calendar_access"}, {3, false, false, "private excluded_title"}, {4, false, false, "private"}, {-1, false, false, "private"}, {-1, true, false, ""}} {
			key := fmt.Sprint("k", i)
			exec("INSERT INTO decisions (meeting, seq, record, title, start_at, end_at, decided_at, meeting_id, call_keys, data, held) VALUES ($1, $2, $3, '', 0, 0, 0, '', '', '{}', '')", key, i, m.recorded)
			exec("INSERT INTO meeting_index (meeting, series, start_at, end_at, decided_at, recorded, held, title, folded, provider, owner, failing) VALUES ($1, '', $2, 0, 0, $3, $4, '', '', '', '', '')",
				key, ago(-m.hours*time.Hour), m.recorded, m.held)
			for _, rule := range strings.Fields(m.rules) {
				exec("INSERT INTO meeting_failures (rule, start_at, meeting) VALUES ($1, $2, $3)", rule, ago(-m.hours*time.Hour), key)
			}
		}
		exec("INSERT INTO letters (source, id, seq, received_at, sender, state, reason, data) VALUES ('s', 'l1', 1, 0, '', 'held', '', ''), ('s', 'l2', 2, 0, '', 'accepted', '', '')")
		if err := s.within(t.Context(), func(q *txn) error {
			q.need(engine.Job{Kind: engine.Pull, Subject: "s1"})
			q.need(engine.Job{Kind: engine.Pull, Subject: "s2"})
			q.need(engine.Job{Kind: engine.Decide})
			return nil
		}); err != nil {
			t.Fatal(err)
		}

		got, err := s.Figures(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		jobs := map[engine.Kind]int64{}
		for _, j := range got.Jobs {
			if j.State != "available" {
				t.Errorf("jobs in the state %q", j.State)
			}
			jobs[j.Kind] += j.Jobs
		}
		if diff := cmp.Diff(map[engine.Kind]int64{engine.Pull: 2, engine.Decide: 1}, jobs); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		got.Jobs = nil
		states := map[string]engine.CalendarFigures{}
		for _, c := range got.Calendars {
			states[c.Driver+":"+c.Account+" "+string(c.State)] = c
		}
		got.Calendars = nil
		calendars := func(driver, account string, state engine.CalendarState, n int64, sum, oldest time.Duration, ages ...int64) engine.CalendarFigures {
			return engine.CalendarFigures{Driver: driver, Account: account, State: state, Calendars: n, Ages: ages, Sum: sum, Oldest: oldest}
		}
		if diff := cmp.Diff(map[string]engine.CalendarFigures{
			"google:acme.com ok":        calendars("google", "acme.com", engine.CalendarOK, 4, 48*time.Hour+121*time.Second, 48*time.Hour, 2, 1, 0, 0, 0, 0, 0, 0, 1),
			"google:acme.com unread":    calendars("google", "acme.com", engine.CalendarUnread, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
			"google:acme.com failing":   calendars("google", "acme.com", engine.CalendarFailing, 2, time.Hour, time.Hour, 0, 0, 0, 0, 0, 1, 0, 0, 0),
			"google:acme.com refused":   calendars("google", "acme.com", engine.CalendarRefused, 1, time.Hour, time.Hour, 0, 0, 0, 0, 0, 1, 0, 0, 0),
			"google:acme.com held":      calendars("google", "acme.com", engine.CalendarHeld, 1, 4*time.Minute, 4*time.Minute, 0, 0, 1, 0, 0, 0, 0, 0, 0),
			"outlook:acme.co.uk unread": calendars("outlook", "acme.co.uk", engine.CalendarUnread, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		}, states); diff != "" {
			t.Errorf("calendars (-want +got):\n%s", diff)
		}
		want := engine.Figures{
			Undecided: engine.UndecidedFigures{Waiting: 2, Failing: 1, Oldest: 90 * time.Second},
			Targets:   []engine.TargetFigures{{Target: "a", Waiting: 2, Oldest: time.Hour, Early: 1, GivenUp: 1}, {Target: "b", GivenUp: 1}},
			Upcoming:  2, Running: 1,
			Meetings:    engine.MeetingFigures{Recorded: 2, Held: 1, Skipped: 2},
			Failing:     map[string]int64{"calendar_access": 1, "private": 2, "excluded_title": 1},
			HeldLetters: 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the rest (-want +got):\n%s", diff)
		}
	})
}

// TestFiguresBuckets: the bounds in the query are the engine's.
func TestFiguresBuckets(t *testing.T) {
	b, err := os.ReadFile("queries/figures.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, bound := range engine.AgeBounds() {
		line := fmt.Sprintf("- %d THEN %d\n", bound.Milliseconds(), int(bound.Seconds()))
		if strings.Count(string(b), line) != 1 {
			t.Errorf("no line with %q", line)
		}
	}
	if n := strings.Count(string(b), "00 THEN "); n != len(engine.AgeBounds()) {
		t.Errorf("%d bounds in the query", n)
	}
}
