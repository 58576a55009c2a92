package scale

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/syncd/schedule"
)

var (
	rate = flag.Float64("rate", 5, "changes a second")
	poll = flag.Duration("poll", 0, "no pushes: calendars are polled this often")
)

// A move is a change that was made, and when.
type move struct {
	at, to time.Time
}

// moves makes changes at a steady rate for as long as is measured, and takes the time until each is delivered.
type moves struct {
	site    *site
	sink    tail
	pending map[string]move // by meeting
	took    []time.Duration
}

// TestChanging: meetings with customers are moved, one after the other; how long is it until the recorder knows?
func TestChanging(t *testing.T) {
	asked(t)
	s := open(t, &Tenant{Calendars: *calendars, Events: *events, Latency: *latency}, settings{push: *poll == 0, poll: *poll, quiet: *poll, quota: 1e6, postgres: stored(t)})
	d := s.run(t, program(t), 0)
	s.first(t, d)
	run := "polled"
	if *poll == 0 {
		run = "pushed"
		for n := 0; n < s.Calendars; n = s.Watched() {
			if d.usage().now == 0 || time.Since(d.began) > time.Hour {
				t.Fatalf("%d of %d calendars are watched", n, s.Calendars)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second) // behind the first notifications
	}
	before, began := d.usage(), time.Now()
	m := &moves{site: s, sink: tail{name: filepath.Join(s.dir, "schedules.jsonl")}, pending: map[string]move{}}
	m.sink.next(t, func([]byte) {}) // what was delivered before
	m.make(t)
	made := len(m.took) + len(m.pending)
	m.wait(t, max(time.Minute, 3*(*poll)))
	u, took := d.usage(), time.Since(began)
	if len(m.pending) > 0 {
		t.Errorf("%d of %d changes were never delivered", len(m.pending), made)
	}
	if len(m.took) == 0 {
		t.Fatal("nothing was delivered")
	}
	slices.Sort(m.took)
	at := func(part float64) float64 {
		return float64(m.took[int(part*float64(len(m.took)-1))].Milliseconds()) / 1000
	}
	row{
		{"calendars", s.Calendars}, {"changes", made}, {"per_second", *rate}, {"poll", poll.String()}, {"p50_s", at(0.5)}, {"p90_s", at(0.9)}, {"p99_s", at(0.99)}, {"max_s", at(1)},
		{"cpu_percent", 100 * (u.cpu - before.cpu).Seconds() / took.Seconds()}, {"rss_mb", mb(u.now)},
	}.print(t, run)
}

// make makes the changes: each of another meeting, as long as there are others, since a calendar rests behind a push.
func (m *moves) make(t *testing.T) {
	pairs, slots := m.site.Calendars/pairSize, m.site.Events/5
	gap := time.Duration(float64(time.Second) / *rate)
	began := time.Now()
	for n := 0; time.Since(began) < *lasts; n++ {
		pair, slot := n%pairs, n/pairs%slots*5+4
		by := 15 * time.Minute * time.Duration(1+n/pairs/slots)
		at := time.Now()
		uid, to := m.site.Move(pair*pairSize, slot, by)
		m.pending[uid] = move{at, to}
		for time.Since(began) < time.Duration(n+1)*gap {
			m.read(t)
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// wait reads on until everything is delivered, but not for ever.
func (m *moves) wait(t *testing.T, most time.Duration) {
	for began := time.Now(); len(m.pending) > 0 && time.Since(began) < most; {
		m.read(t)
		time.Sleep(5 * time.Millisecond)
	}
}

// read takes the time of what has been delivered.
func (m *moves) read(t *testing.T) {
	m.sink.next(t, func(line []byte) {
		var s schedule.Schedule
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		for _, k := range s.Meetings {
			if p, known := m.pending[string(k)]; known && s.Start.Equal(p.to) {
				m.took = append(m.took, time.Since(p.at))
				delete(m.pending, string(k))
			}
		}
	})
}
