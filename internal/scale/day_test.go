package scale

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// The default pace.
const (
	dayPoll  = time.Minute
	dayQuiet = 15 * time.Minute
	dayFresh = 5 * time.Minute
)

// TestDay counts the requests of a simulated day, at the default pace, with the real engine, store and connector. Half of
// the calendars do not change; in the others something moves once, some time after six o'clock.
func TestDay(t *testing.T) {
	asked(t)
	tn := &Tenant{Calendars: 40, Events: *events}
	c := reading(t, tn)
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "syncd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	policy := eligibility.NewPolicy()
	policy.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com"}}
	policy.Import = map[string]eligibility.Import{"google": {Enabled: true}}
	now := tn.Begin
	random := rand.New(rand.NewPCG(1, 2))
	e, err := engine.New(engine.Config{
		Store: st, Connections: []engine.Connection{{Driver: "google", Account: "acme.com", Connector: c}},
		Rules: engine.Rules{Policy: policy, Directory: eligibility.NewDirectory(nil)},
		Past:  24 * time.Hour, Future: 28 * 24 * time.Hour, Spread: true, Poll: dayPoll, Quiet: dayQuiet, Fresh: dayFresh, Parallel: 1,
		Now: func() time.Time { return now }, Random: random.Int64N, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pass := func(until time.Time) {
		for ; now.Before(until); now = now.Add(20 * time.Second) {
			if err := e.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	pass(tn.Begin.Add(4 * time.Hour)) // what is listed at first counts as a change: it is quiet two hours later
	count := func(from, to int) (n float64) {
		for c := from; c < to; c++ {
			n += float64(tn.requests(c))
		}
		return n / float64(to-from)
	}
	still, moved := count(0, 20), count(20, 40)
	for c := 20; c < 40; c += 2 {
		pass(now.Add(time.Hour / 10))
		tn.Move(c, 4, 24*time.Hour)
	}
	pass(tn.Begin.Add(28 * time.Hour))
	still, moved = count(0, 20)-still, count(20, 40)-moved
	// Looks are so far apart, but for one more before each start (half of the time between two is lost by it), and a listing a day.
	starts := float64(*events) / float64(tn.Days)
	want := float64(24*time.Hour/dayQuiet) + starts/2 + 1
	row{{"calendars", tn.Calendars}, {"entries_per_day", starts}, {"requests_per_day", still}, {"by_formula", want}, {"more_behind_a_change", moved - still}}.print(t, "day")
	if still < 0.93*want || still > 1.07*want {
		t.Errorf("a calendar that does not change takes %.1f requests a day, by the formula %.1f", still, want)
	}
}
