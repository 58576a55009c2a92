package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

var now = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// recorded is a decision to record a call of an hour in the Zoom meeting id, hours from now.
func recorded(key string, id string, hours float64) eligibility.Decision {
	start := now.Add(time.Duration(hours * float64(time.Hour)))
	return eligibility.Decision{
		Meeting: calendar.Key(key), Record: true, Provider: "zoom", MeetingID: id, JoinURL: "https://zoom.us/j/" + id,
		Start: start, End: start.Add(time.Hour), Owner: "ana@acme.com", OnBehalfOf: []string{"ana@acme.com"}, Capture: []string{"bot"},
	}
}

// table is the schedules as a store keeps them.
type table map[string]Schedule

func (t table) plan(ds []eligibility.Decision, at time.Time) []Schedule {
	prev := make([]Schedule, 0, len(t))
	for _, s := range t {
		prev = append(prev, s)
	}
	changes := Plan(prev, ds, at)
	for _, s := range changes {
		t[s.ID] = s
	}
	return changes
}

// summary is what the examples compare: state, revision and meetings of each change, by meetings.
func summary(changes []Schedule) []string {
	var all []string
	for _, s := range changes {
		all = append(all, fmt.Sprintf("%s %d %v", s.State, s.Revision, s.Meetings))
	}
	slices.Sort(all)
	return all
}

func TestPlan(t *testing.T) {
	type step struct {
		about     string
		decisions []eligibility.Decision
		want      []string
	}
	cancelled := recorded("a", "1", 1)
	cancelled.Record = false
	secondKey := recorded("b", "short", 1.5)
	secondKey.CallKeys = []string{"1"}
	room := func(key, host string) eligibility.Decision {
		d := recorded(key, "jane", 1)
		d.JoinURL = "https://" + host + "/my/jane?pwd=" + key
		return d
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a life", []step{
			{"first seen", []eligibility.Decision{recorded("a", "1", 1)}, []string{"scheduled 1 [a]"}},
			{"again", []eligibility.Decision{recorded("a", "1", 1)}, nil},
			{"moved", []eligibility.Decision{recorded("a", "1", 2)}, []string{"updated 2 [a]"}},
			{"another link", []eligibility.Decision{recorded("a", "2", 2)}, []string{"updated 3 [a]"}},
			{"excluded", []eligibility.Decision{cancelled}, []string{"cancelled 4 [a]"}},
			{"still", []eligibility.Decision{cancelled}, nil},
			{"back", []eligibility.Decision{recorded("a", "1", 1)}, []string{"scheduled 5 [a]"}},
			{"gone", nil, []string{"cancelled 6 [a]"}},
		}},
		{"one call, two meetings", []step{
			{"first", []eligibility.Decision{recorded("a", "1", 1)}, []string{"scheduled 1 [a]"}},
			{"re-sent with a new UID", []eligibility.Decision{recorded("a", "1", 1), recorded("b", "1", 1)}, []string{"updated 2 [a b]"}},
			{"the old one goes", []eligibility.Decision{recorded("b", "1", 1)}, []string{"updated 3 [b]"}},
			{"the old one comes back as a call of its own", []eligibility.Decision{recorded("b", "1", 1), recorded("a", "7", 1)}, []string{"scheduled 1 [a]"}},
			{"a moves into b's call and out of it", []eligibility.Decision{recorded("b", "1", 1), recorded("a", "1", 1)}, []string{"cancelled 2 [%]", "updated 4 [a b]"}},
			{"with another link", []eligibility.Decision{recorded("b", "1", 1), recorded("a", "7", 0.5)}, []string{"scheduled 3 [a]", "updated 5 [b]"}},
		}},
		{"two keys of one call", []step{
			{"both links", []eligibility.Decision{recorded("a", "1", 1), secondKey}, []string{"scheduled 1 [a b]"}},
		}},
		{"a shared room", []step{
			{"one behind the other", []eligibility.Decision{recorded("a", "1", 1), recorded("b", "1", 2)}, []string{"scheduled 1 [a]", "scheduled 1 [b]"}},
			{"they overlap now", []eligibility.Decision{recorded("a", "1", 1), recorded("b", "1", 1.5)}, []string{"cancelled 2 [%]", "updated 2 [a b]"}},
			{"and part again", []eligibility.Decision{recorded("a", "1", 1), recorded("b", "1", 2)}, []string{"scheduled 3 [%]", "updated 3 [%]"}},
		}},
		{"two people's rooms of one name", []step{
			{"both", []eligibility.Decision{room("a", "acme.example"), room("b", "globex.example")}, []string{"scheduled 1 [a]", "scheduled 1 [b]"}},
			{"the same room", []eligibility.Decision{room("a", "acme.example"), room("b", "acme.example")}, []string{"cancelled 2 [b]", "updated 2 [a b]"}},
		}},
		{"a chain of overlaps is one call", []step{
			{"three", []eligibility.Decision{recorded("a", "1", 1), recorded("b", "1", 1.9), recorded("c", "1", 2.8)}, []string{"scheduled 1 [a b c]"}},
		}},
		{"the past stays", []step{
			{"ended before it was seen", []eligibility.Decision{recorded("a", "1", -2)}, nil},
			{"under way", []eligibility.Decision{recorded("a", "1", -0.5)}, []string{"scheduled 1 [a]"}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := table{}
			for _, s := range c.steps {
				got := summary(tab.plan(s.decisions, now))
				for i := range got { // which of two equals goes on hangs on their ids
					if i < len(s.want) && s.want[i][len(s.want[i])-3:] == "[%]" {
						got[i] = got[i][:len(s.want[i])-3] + "[%]"
					}
				}
				if diff := cmp.Diff(s.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", s.about, diff)
				}
			}
		})
	}
}

func TestEndedIsNotTouched(t *testing.T) {
	tab := table{}
	tab.plan([]eligibility.Decision{recorded("a", "1", 1)}, now)
	if got := tab.plan(nil, now.Add(3*time.Hour)); got != nil {
		t.Errorf("an ended meeting left the calendar, and its recording was changed: %v", summary(got))
	}
	got := summary(tab.plan([]eligibility.Decision{recorded("a", "1", 30)}, now.Add(3*time.Hour)))
	if diff := cmp.Diff([]string{"scheduled 2 [a]"}, got); diff != "" {
		t.Errorf("moved into the future after its end (-want +got):\n%s", diff)
	}
}

// TestPlanHistories drives random decisions through Plan and demands, after every step, that each
// recorded meeting is named by exactly one live schedule that says what the decisions say.
func TestPlanHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, at := table{}, now
		state := map[string]eligibility.Decision{}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "key")
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				delete(state, key)
			} else {
				state[key] = recorded(key, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id"), rapid.Float64Range(-1, 4).Draw(t, "hours"))
			}
			at = at.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute)
			var ds []eligibility.Decision
			for _, d := range state {
				ds = append(ds, d)
			}
			before := table{}
			for id, s := range tab {
				before[id] = s
			}
			changes := tab.plan(ds, at)
			checkRevisions(t, before, changes)
			checkLive(t, tab, ds, at)
			if again := tab.plan(ds, at); again != nil {
				t.Fatalf("the same once more changes %v", summary(again))
			}
			for range 3 {
				rand.Shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
				if diff := cmp.Diff(changes, before.clone().plan(ds, at)); diff != "" {
					t.Fatalf("the plan depends on the order:\n%s", diff)
				}
			}
		}
	})
}

func (t table) clone() table {
	c := table{}
	for id, s := range t {
		c[id] = s
	}
	return c
}

func checkRevisions(t *rapid.T, before table, changes []Schedule) {
	seen := map[string]bool{}
	for i, s := range changes {
		for _, later := range changes[i+1:] {
			if s.State == Cancelled || before[later.ID].State == Cancelled {
				continue
			}
			for _, k := range before[later.ID].Meetings {
				// Where two swap meetings there is no order; the second one takes from the first as well.
				swap := slices.ContainsFunc(later.Meetings, func(m calendar.Key) bool { return slices.Contains(before[s.ID].Meetings, m) })
				if slices.Contains(s.Meetings, k) && !swap {
					t.Fatalf("%s takes up %s before %s lets go of it", s.ID, k, later.ID)
				}
			}
		}
		if seen[s.ID] {
			t.Fatalf("%s changes twice in one plan", s.ID)
		}
		seen[s.ID] = true
		if s.Revision != before[s.ID].Revision+1 {
			t.Fatalf("%s goes from revision %d to %d", s.ID, before[s.ID].Revision, s.Revision)
		}
	}
}

func checkLive(t *rapid.T, tab table, ds []eligibility.Decision, at time.Time) {
	named := map[calendar.Key]Schedule{}
	var live []Schedule
	for _, s := range tab {
		if !s.live(at) {
			continue
		}
		live = append(live, s)
		for _, k := range s.Meetings {
			if other, twice := named[k]; twice {
				t.Fatalf("%s is recorded twice: %s and %s", k, other.ID, s.ID)
			}
			named[k] = s
		}
	}
	wanted := 0
	for _, d := range ds {
		if !d.End.After(at) {
			continue
		}
		wanted++
		s, ok := named[d.Meeting]
		if !ok || s.MeetingID != d.MeetingID || s.Start.After(d.Start) || s.End.Before(d.End) {
			t.Fatalf("%s is not recorded as decided: %+v", d.Meeting, s)
		}
	}
	if len(named) != wanted {
		t.Fatalf("%d meetings are recorded, %d should be", len(named), wanted)
	}
	for i, a := range live {
		for _, b := range live[:i] {
			if a.MeetingID == b.MeetingID && a.Start.Before(b.End) && b.Start.Before(a.End) && joined(ds, a, b, at) {
				t.Fatalf("two recorders in one call: %s and %s", a.ID, b.ID)
			}
		}
	}
}

// joined reports whether some meeting of a and some meeting of b overlap in time.
func joined(ds []eligibility.Decision, a, b Schedule, at time.Time) bool {
	for _, x := range ds {
		for _, y := range ds {
			if slices.Contains(a.Meetings, x.Meeting) && slices.Contains(b.Meetings, y.Meeting) && sameCall(x, y) && x.End.After(at) && y.End.After(at) {
				return true
			}
		}
	}
	return false
}
