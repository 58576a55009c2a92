//go:build unix

package serve_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve"
)

var (
	load   = flag.Duration("load", 0, "for how long TestLoad asks the API, 0: not at all")
	stored = flag.Int("meetings", 100_000, "how many meetings TestLoad stores")
	kept   = flag.String("store", "", "a file in which TestLoad stores them, for later runs")
	rate   = flag.Int("rate", 2000, "how many requests a second TestLoad sends; 0: as many as are answered")
)

// question is a kind of request, and how many of a hundred are of it.
type question struct {
	name   string
	weight int
	target func(r *rand.Rand) string
}

func questions(n int) []question {
	from := func(r *rand.Rand) string {
		return "&limit=20&from=" + url.QueryEscape(meeting(r.IntN(n)).Start.Format(time.RFC3339))
	}
	return []question{
		{"meeting", 35, func(r *rand.Rand) string {
			return "/api/v1/meetings/" + url.PathEscape(string(meeting(r.IntN(n)).Meeting))
		}},
		{"schedule", 15, func(r *rand.Rand) string {
			return "/api/v1/schedules/" + schedule.ID(meeting(r.IntN(n/3)*3+1).Meeting, 0)
		}},
		{"meetings", 12, func(r *rand.Rand) string { return "/api/v1/meetings?" + from(r) }},
		{"meetings not recorded", 4, func(r *rand.Rand) string { return "/api/v1/meetings?recorded=no" + from(r) }},
		{"meetings by rule", 4, func(r *rand.Rand) string { return "/api/v1/meetings?rule=" + rules[r.IntN(len(rules))] + from(r) }},
		{"meetings by words", 4, func(r *rand.Rand) string { return "/api/v1/meetings?text=initech" + from(r) }},
		{"meetings by words in vain", 1, func(r *rand.Rand) string { return "/api/v1/meetings?text=nonesuch" + from(r) }},
		{"schedules", 6, func(r *rand.Rand) string { return "/api/v1/schedules?" + from(r) }},
		{"schedules of a member", 4, func(r *rand.Rand) string { return "/api/v1/schedules?member=" + people[r.IntN(len(people))] + from(r) }},
		{"schedules of a state", 2, func(r *rand.Rand) string { return "/api/v1/schedules?state=cancelled" + from(r) }},
		{"changes", 9, nil},
		{"calendars", 2, func(*rand.Rand) string { return "/api/v1/calendars" }},
		{"connections", 2, func(*rand.Rand) string { return "/api/v1/connections" }},
	}
}

// TestLoad asks the API as many programs would, over the network, and says how long the answers took. Of a
// request that had to wait to be sent, the waiting counts.
func TestLoad(t *testing.T) {
	if *load == 0 {
		t.Skip("give -load DURATION to measure")
	}
	file := *kept
	if file == "" {
		file = filepath.Join(t.TempDir(), "syncd.db")
	}
	w := openWorld(t, file)
	if n, err := w.store.Catalog().NewestChange(t.Context()); err != nil {
		t.Fatal(err)
	} else if n == 0 {
		began := time.Now()
		w.fillFast(t, *stored)
		t.Logf("%d meetings stored in %s", *stored, time.Since(began).Round(time.Second))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve.Serve(ctx, l, w, serve.Usual()) }()
	ask := newAsker(t, w, "http://"+l.Addr().String(), *stored)
	ask.run(t, *load/10, *rate) // warm
	ask.took = map[string][]time.Duration{}
	used := cpu(t)
	sent, bytes, lasted := ask.run(t, *load, *rate)
	used = cpu(t) - used
	ask.report(t, sent, bytes, lasted)
	t.Logf("%s of a core for each answer, asking included: where others use the cores too, that is what tells", (used / time.Duration(max(sent, 1))).Round(time.Microsecond))
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// cpu is what this process has used of all cores.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillFast stores n meetings with as few transactions as can be.
func (w *world) fillFast(t testing.TB, n int) {
	t.Helper()
	w.fill(t, 10)
	for i := 10; i < n; i++ {
		d := meeting(i)
		err := decideOne(t, w.store, d.Meeting, func(tx engine.Tx) error {
			err := tx.PutDecision(d)
			for r := 1; err == nil && d.Record && r <= 1+2*(i%7/6); r++ {
				err = tx.PutSchedule(scheduled(d, r), now)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 2000 {
		return
	}
	var sources []calendar.Source
	for i := range 2000 {
		sources = append(sources, calendar.NewSource("google", "acme.com", fmt.Sprintf("user%d@acme.com", i)))
	}
	if err := w.store.PutSources(t.Context(), sources, now); err != nil {
		t.Fatal(err)
	}
}

// asker is many programs.
type asker struct {
	w       *world
	home    string
	client  *http.Client
	kinds   []question
	cursors []string

	mu   sync.Mutex
	took map[string][]time.Duration
}

func newAsker(t *testing.T, w *world, home string, n int) *asker {
	a := &asker{
		w: w, home: home, kinds: questions(n), took: map[string][]time.Duration{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
	}
	t.Cleanup(a.client.CloseIdleConnections)
	after := ""
	for range 50 {
		var p struct{ Next string }
		w.get(t, "/api/v1/changes?limit=200&after="+after, &p)
		after = p.Next
		a.cursors = append(a.cursors, after)
	}
	return a
}

// one sends one request.
func (a *asker) one(r *rand.Rand) (kind string, bytes int64, err error) {
	n := r.IntN(100)
	q := a.kinds[0]
	for _, q = range a.kinds {
		if n -= q.weight; n < 0 {
			break
		}
	}
	var target string
	if q.target == nil {
		target = "/api/v1/changes?limit=20&after=" + a.cursors[r.IntN(len(a.cursors))]
	} else {
		target = q.target(r)
	}
	req, err := http.NewRequest("GET", a.home+target, nil)
	if err != nil {
		return q.name, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+a.w.tokens["read"])
	resp, err := a.client.Do(req)
	if err != nil {
		return q.name, 0, err
	}
	defer resp.Body.Close()
	bytes, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d", target, resp.StatusCode)
	}
	return q.name, bytes, err
}

// run asks for so long, at that rate.
func (a *asker) run(t *testing.T, lasts time.Duration, rate int) (sent, bytes int64, took time.Duration) {
	var tickets, size, failed atomic.Int64
	begin := time.Now()
	end := begin.Add(lasts)
	var wg sync.WaitGroup
	for worker := range 48 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			own := map[string][]time.Duration{}
			for {
				due := time.Now()
				n := tickets.Add(1)
				if rate > 0 {
					due = begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
					time.Sleep(time.Until(due))
				}
				if due.After(end) {
					tickets.Add(-1)
					break
				}
				kind, b, err := a.one(r)
				if err != nil {
					if failed.Add(1) < 5 {
						t.Error(err)
					}
				}
				size.Add(b)
				own[kind] = append(own[kind], time.Since(due))
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			for kind, took := range own {
				a.took[kind] = append(a.took[kind], took...)
			}
		})
	}
	wg.Wait()
	return tickets.Load(), size.Load(), time.Since(begin)
}

func (a *asker) report(t *testing.T, sent, bytes int64, took time.Duration) {
	var whole []time.Duration
	var b strings.Builder
	line := func(name string, all []time.Duration) {
		slices.Sort(all)
		at := func(p float64) string { return all[int(p*float64(len(all)-1))].Round(10 * time.Microsecond).String() }
		fmt.Fprintf(&b, "\n%-26s %8d  p50 %9s  p95 %9s  p99 %9s  max %9s", name, len(all), at(0.5), at(0.95), at(0.99), at(1))
	}
	for _, kind := range slices.Sorted(maps.Keys(a.took)) {
		line(kind, a.took[kind])
		whole = append(whole, a.took[kind]...)
	}
	line("all", whole)
	t.Logf("%.0f answers a second, %.1f KB each%s", float64(sent)/took.Seconds(), float64(bytes)/float64(sent)/1000, b.String())
}
