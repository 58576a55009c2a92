package scale

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/postgrestest"
)

var (
	measured  = flag.Bool("scale", false, "measure: the tests take minutes, and want the machine to themselves")
	calendars = flag.Int("calendars", 1000, "how many calendars the tenant has; whole teams of four")
	events    = flag.Int("events", 50, "entries in each calendar")
	latency   = flag.Duration("latency", 0, "how long the tenant takes for an answer")
	lasts     = flag.Duration("lasts", time.Minute, "how long is measured, where that is not until the work is done")
	postgres  = flag.Bool("postgres", false, "a PostgreSQL for the store, instead of an SQLite file")
	binary    = flag.String("syncd", "", "the program to measure; none: one is built")
	keep      = flag.String("keep", "", "a folder where stores and logs stay; none: they are deleted")
	lines     = flag.String("lines", "", "a file to which the numbers are appended, as JSON Lines")
)

// asked skips a measurement that nobody has asked for.
func asked(t *testing.T) {
	t.Helper()
	if !*measured {
		t.Skip("measures for minutes: see docs/scaling.md")
	}
}

// stored is where the store is, as settings have it.
func stored(t *testing.T) string {
	if !*postgres {
		return ""
	}
	return postgrestest.Start(t, "fsync = on", "synchronous_commit = on", "shared_buffers = 256MB", "max_connections = 200").Database(t)
}

// A row is one line of a table: names and numbers.
type row []cell

type cell struct {
	name  string
	value any
}

// print shows the row as a line of a table, and appends it to the file of lines.
func (r row) print(t *testing.T, run string) {
	t.Helper()
	var text strings.Builder
	object := map[string]any{"run": run, "at": time.Now().UTC().Format(time.RFC3339), "load": load(), "postgres": *postgres}
	for _, c := range r {
		fmt.Fprintf(&text, "  %s %v", c.name, c.value)
		object[c.name] = c.value
	}
	fmt.Printf("%-9s%s  (load %s)\n", run, text.String(), load())
	if *lines == "" {
		return
	}
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(*lines, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
}

// load is how many processes wanted a CPU during the last minute: others' work makes numbers worse.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

func seconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond)) / float64(time.Second)
}
func mb(n int64) float64 { return float64(n*10>>20) / 10 }

// A tail reads the lines that are appended to a file.
type tail struct {
	name string
	at   int64
	rest []byte
}

// next calls f for each new whole line.
func (l *tail) next(t *testing.T, f func(line []byte)) {
	t.Helper()
	file, err := os.Open(l.name)
	if os.IsNotExist(err) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.NewSectionReader(file, l.at, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	l.at += int64(len(b))
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return
		}
		f(line)
		l.rest = rest
	}
}

// first lists everything, and prints what each stage took.
func (s *site) first(t *testing.T, d *daemon) {
	t.Helper()
	r := s.reader(t)
	mix := s.Mix()
	delivered, repeated := map[string]bool{}, 0
	sink := tail{name: filepath.Join(s.dir, "schedules.jsonl")}
	stages := []struct {
		name string
		done func() bool
	}{
		{"roster", func() bool {
			p, err := r.Progress(t.Context(), time.Now())
			return err == nil && p.Sources == s.Calendars
		}},
		{"listed", func() bool { p, err := r.Progress(t.Context(), time.Now()); return err == nil && p.Unread == 0 }},
		{"decided", func() bool { p, err := r.Progress(t.Context(), time.Now()); return err == nil && p.Undecided == 0 }},
		{"delivered", func() bool {
			sink.next(t, func(line []byte) {
				switch key := revision(t, line); {
				case key == "": // several processes that append to one file may leave empty lines
				case delivered[key]:
					repeated++
				default:
					delivered[key] = true
				}
			})
			return len(delivered) >= mix.Recorded
		}},
	}
	for _, stage := range stages {
		for !stage.done() {
			select {
			case err := <-d.ended:
				close(d.ended)
				t.Fatalf("syncd ended: %v", err)
			case <-time.After(500 * time.Millisecond):
			}
		}
		u := d.usage()
		row{
			{"stage", stage.name}, {"calendars", s.Calendars}, {"copies", mix.Copies}, {"meetings", mix.Meetings}, {"recorded", mix.Recorded},
			{"seconds", seconds(time.Since(d.began))}, {"cpu_seconds", seconds(u.cpu)}, {"peak_mb", mb(u.peak)}, {"rss_mb", mb(u.now)}, {"store_mb", mb(s.size())},
		}.print(t, "first")
	}
	if len(delivered) != mix.Recorded || repeated > 0 {
		t.Errorf("%d schedules were delivered, %d of them again, want %d", len(delivered), repeated, mix.Recorded)
	}
}

// revision names what a line of the sink is; an empty line has no name.
func revision(t *testing.T, line []byte) string {
	t.Helper()
	if len(line) == 0 {
		return ""
	}
	var s struct {
		ID       string
		Revision int
	}
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatalf("a line of the sink: %v", err)
	}
	return fmt.Sprintf("%s %d", s.ID, s.Revision)
}

// TestFirst: a daemon that knows nothing reads, decides and schedules everything; then it rests for a while, and at last
// it begins anew on what it has stored.
func TestFirst(t *testing.T) {
	asked(t)
	s := open(t, &Tenant{Calendars: *calendars, Events: *events, Latency: *latency}, settings{postgres: stored(t)})
	p := program(t)
	d := s.run(t, p, 0)
	s.first(t, d)
	s.rest(t, d, "rest")
	d.stop()
	d = s.run(t, p, 0)
	time.Sleep(20 * time.Second) // it looks at every calendar, with its first pace
	s.rest(t, d, "again")
}

// TestFew: what measures works, with few calendars, also where nobody measures.
func TestFew(t *testing.T) {
	s := open(t, &Tenant{Calendars: 40, Events: 5}, settings{})
	s.first(t, s.run(t, program(t), 0))
}

// rest measures a daemon in which nothing changes.
func (s *site) rest(t *testing.T, d *daemon, run string) {
	t.Helper()
	before, asks, in, out, began := d.usage(), s.Asks.Load(), s.server.in.Load(), s.server.out.Load(), time.Now()
	time.Sleep(*lasts)
	u, polls := d.usage(), s.Asks.Load()-asks
	took := time.Since(began)
	each := float64(max(polls, 1))
	row{
		{"calendars", s.Calendars}, {"seconds", seconds(took)}, {"polls", polls}, {"polls_per_second", float64(polls) / took.Seconds()},
		{"cpu_percent", 100 * (u.cpu - before.cpu).Seconds() / took.Seconds()}, {"cpu_ms_per_poll", 1000 * (u.cpu - before.cpu).Seconds() / each},
		{"bytes_per_poll", float64(s.server.in.Load()+s.server.out.Load()-in-out) / each}, {"peak_mb", mb(u.peak)}, {"rss_mb", mb(u.now)}, {"store_mb", mb(s.size())},
	}.print(t, run)
}

// TestIdle: calendars that are always due, in which nothing changes: how many polls a daemon does in a second, and what
// each costs.
func TestIdle(t *testing.T) {
	asked(t)
	s := open(t, &Tenant{Calendars: *calendars, Events: *events, Latency: *latency}, settings{poll: time.Second, quiet: time.Second, quota: 1e7, postgres: stored(t)})
	d := s.run(t, program(t), 0)
	s.first(t, d)
	s.rest(t, d, "idle")
}

// TestReplicas: the same with one, two and four daemons on one PostgreSQL, and a provider that takes its time.
func TestReplicas(t *testing.T) {
	asked(t)
	p := program(t)
	for _, n := range []int{1, 2, 4} {
		*postgres = true
		s := open(t, &Tenant{Calendars: *calendars, Events: *events, Latency: *latency}, settings{poll: time.Second, quiet: time.Second, quota: 1e7, postgres: stored(t)})
		var daemons []*daemon
		for i := range n {
			daemons = append(daemons, s.run(t, p, i))
		}
		s.first(t, daemons[0])
		before := make([]time.Duration, n)
		for i, d := range daemons {
			before[i] = d.usage().cpu
		}
		asks, began := s.Asks.Load(), time.Now()
		time.Sleep(*lasts)
		took, polls := time.Since(began).Seconds(), s.Asks.Load()-asks
		var cpu time.Duration
		for i, d := range daemons {
			cpu += d.usage().cpu - before[i]
		}
		row{
			{"daemons", n}, {"calendars", s.Calendars}, {"latency_ms", latency.Milliseconds()}, {"polls", polls}, {"polls_per_second", float64(polls) / took},
			{"cpu_percent", 100 * cpu.Seconds() / took}, {"cpu_ms_per_poll", 1000 * cpu.Seconds() / float64(max(polls, 1))},
		}.print(t, "replicas")
		for _, d := range daemons {
			d.stop()
		}
	}
}
