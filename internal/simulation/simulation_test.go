package simulation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

var (
	histories     = flag.Int("histories", 150, "how many random histories")
	firstHistory  = flag.Uint64("history", 0, "the first random history's seed")
	flawHistories = flag.Int("flaw-histories", 60, "how many histories a planted flaw may survive")
)

// TestHistories: whatever happens, in the end the recorders have what the rules say of what the calendars hold, and at
// no time is one told what it must not be told.
func TestHistories(t *testing.T) {
	for seed := *firstHistory; seed < *firstHistory+uint64(*histories); seed++ {
		if n := seed - *firstHistory; n > 0 && n%250 == 0 { // of long runs
			fmt.Fprintln(os.Stderr, n, "histories")
		}
		wrong := run(t, seed, nil)
		for _, w := range wrong {
			t.Error(w)
		}
		if len(wrong) > 0 {
			t.Fatalf("seed %d; to see it alone: -run TestHistories -history %[1]d -histories 1", seed)
		}
	}
}

// A history is one run of everything.
type history struct {
	t             *testing.T
	r             *rand.Rand
	flaw          *flaw
	company       *company
	store         *store.Store
	policy        *eligibility.Policy
	ahead, joiner *recorder
	replicas      []*replica
	fibers        []*fiber
	said          []eligibility.Signal // and not taken back
	wrong         []string
}

// run tells the history of the seed, and what went wrong.
func run(t *testing.T, seed uint64, f *flaw) []string {
	var h *history
	synctest.Test(t, func(t *testing.T) {
		h = &history{t: t, r: rand.New(rand.NewPCG(seed, 1)), flaw: f, company: newCompany(seed), policy: basePolicy()}
		h.ahead = newRecorder("ahead", 0, h.r)
		h.joiner = newRecorder("joiner", 2*time.Minute, h.r)
		if err := h.tell(seed); err != nil {
			h.complain("%v", err)
		}
	})
	return slices.Concat(h.wrong, h.ahead.wrong, h.joiner.wrong)
}

func (h *history) complain(format string, args ...any) {
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}

func (h *history) tell(seed uint64) (err error) {
	dir, err := os.MkdirTemp(swift(), "syncd-simulation-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if h.store, err = openCopy(h.t, filepath.Join(dir, "syncd.db")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.store.Close()) }()
	time.Sleep(time.Duration(seed%24) * time.Hour)
	h.company.plantSteady()
	for _, name := range []string{"a", "b"} {
		if err := h.begin(name); err != nil {
			return err
		}
	}
	for range 40 + h.r.IntN(80) {
		if err := h.step(); err != nil {
			return err
		}
	}
	// Nobody changes anything any more, so that nothing mends what goes wrong now.
	for range h.r.IntN(30) {
		if err := h.lastStep(); err != nil {
			return err
		}
	}
	if err := h.settle(); err != nil {
		return err
	}
	if err := h.compare("in the end"); err != nil {
		return err
	}
	if err := h.promptly(); err != nil {
		return err
	}
	return h.stop()
}

// begin starts a process, in the place of the one of the same name.
func (h *history) begin(name string) error {
	r, err := h.open(name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(h.replicas, func(o *replica) bool { return o.name == name })
	if i < 0 {
		h.replicas = append(h.replicas, r)
	} else {
		h.replicas[i] = r
	}
	h.fibers = append(h.fibers, r.start(engine.Job{}, r.Start))
	return nil
}

// kill ends a process, whatever it is doing.
func (h *history) kill(r *replica) error {
	r.dead = true
	r.cancel()
	h.fibers = slices.DeleteFunc(h.fibers, func(f *fiber) bool {
		if f.on != r {
			return false
		}
		for !f.over {
			f.resume()
		}
		return true
	})
	return h.begin(r.name)
}

// step is whatever comes next.
func (h *history) step() error {
	r := h.replicas[h.r.IntN(len(h.replicas))]
	switch n := h.r.IntN(100); {
	case n < 22:
		h.company.edit(h.r)
	case n < 27:
		h.company.trouble(h.r)
	case n < 29:
		h.ahead.fails, h.joiner.fails = h.r.IntN(2) == 0, h.r.IntN(2) == 0
	case n < 32:
		return h.newPolicy()
	case n < 40:
		h.company.arrive(h.r, r.Engine, true)
	case n < 52:
		time.Sleep([]time.Duration{time.Second, 20 * time.Second, 2 * time.Minute, 6 * time.Minute, 20 * time.Minute, 3 * time.Hour}[h.r.IntN(6)])
	case n < 58:
		return h.kill(r)
	case n < 60:
		return h.loseJob()
	case n < 63:
		return h.say()
	default:
		return h.work(r)
	}
	return nil
}

// loseJob has a job vanish, as one does that was given up.
func (h *history) loseJob() error {
	jobs, err := h.store.Jobs(h.t.Context(), 10)
	if err != nil || len(jobs) == 0 {
		return err
	}
	return h.store.Finished(h.t.Context(), jobs[h.r.IntN(len(jobs))])
}

// lastStep is one that only processes take.
func (h *history) lastStep() error {
	r := h.replicas[h.r.IntN(len(h.replicas))]
	switch h.r.IntN(8) {
	case 0:
		return errors.Join(h.loseJob(), h.kill(r))
	case 1:
		time.Sleep(6 * time.Minute)
	case 2:
		h.company.arrive(h.r, r.Engine, true)
	}
	return h.work(r)
}

// work has a process look for what is due, processes take up jobs that wait, and whatever is under way go on for a while:
// sometimes to its end.
func (h *history) work(r *replica) error {
	h.round(r)
	for range h.r.IntN(12) {
		if err := h.takeUp(h.replicas[h.r.IntN(len(h.replicas))]); err != nil {
			return err
		}
	}
	for range h.r.IntN(80) {
		if err := h.goOn(); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) round(r *replica) {
	h.fibers = append(h.fibers, r.start(engine.Job{}, func(ctx context.Context) error { _, _, err := r.Round(ctx); return err }))
}

// newPolicy is taken up by the processes one after the other; in between, one has the old one.
func (h *history) newPolicy() error {
	h.policy = changed(h.r, h.policy)
	for _, r := range h.replicas {
		r.SetRules(rulesOf(h.policy))
		if h.r.IntN(2) == 0 {
			h.round(r)
		}
	}
	return nil
}

// takeUp has a process begin a job that waits: sometimes one that another one is at, as if that had been given up.
func (h *history) takeUp(r *replica) error {
	jobs, err := h.store.Jobs(h.t.Context(), 30)
	if err != nil || len(jobs) == 0 {
		return err
	}
	j := jobs[h.r.IntN(len(jobs))]
	under := slices.ContainsFunc(h.fibers, func(f *fiber) bool { return f.job.ID == j.ID })
	if under && h.r.IntN(4) > 0 {
		return nil
	}
	h.fibers = append(h.fibers, r.start(j, func(ctx context.Context) error { return r.Work(ctx, j) }))
	return nil
}

// goOn has some fiber run to its next store operation.
func (h *history) goOn() error {
	if len(h.fibers) == 0 {
		return nil
	}
	i := h.r.IntN(len(h.fibers))
	f := h.fibers[i]
	f.resume()
	if !f.over {
		return nil
	}
	h.fibers = slices.Delete(h.fibers, i, i+1)
	return h.finished(f)
}

// finished takes the job of a fiber out that went well. One that failed is done again.
func (h *history) finished(f *fiber) error {
	switch {
	case f.err == nil && f.job.ID != 0:
		return h.store.Finished(h.t.Context(), f.job)
	case f.err == nil:
		return nil
	case errors.Is(f.err, errKilled):
		return h.kill(f.on)
	case errors.Is(f.err, engine.ErrStale), errors.Is(f.err, context.Canceled):
		return nil
	}
	return fmt.Errorf("%s: %s %s: %w", f.on.name, f.job.Kind, f.job.Subject, f.err)
}

// drain lets every fiber come to its end, and does all jobs that wait, and all that comes of them.
func (h *history) drain() error {
	for range 100_000 {
		for len(h.fibers) > 0 {
			if err := h.goOn(); err != nil {
				return err
			}
		}
		jobs, err := h.store.Jobs(h.t.Context(), 50)
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			return nil
		}
		for _, j := range jobs {
			r := h.replicas[h.r.IntN(len(h.replicas))]
			h.fibers = append(h.fibers, r.start(j, func(ctx context.Context) error { return r.Work(ctx, j) }))
		}
	}
	return errors.New("there is no end of jobs")
}

// rounds has every process look for what is due, until nothing is.
func (h *history) rounds() error {
	for range 200 {
		admitted := 0
		for _, r := range h.replicas {
			h.fibers = append(h.fibers, r.start(engine.Job{}, func(ctx context.Context) error {
				n, _, err := r.Round(ctx)
				admitted += n
				return err
			}))
			if err := h.drain(); err != nil {
				return err
			}
		}
		if admitted == 0 {
			return nil
		}
	}
	return errors.New("there is no end of what is due")
}

// settle ends all trouble, and lets time go by until everything has been looked at.
func (h *history) settle() error {
	h.company.calm()
	h.company.google.Loses, h.company.google.Doubles = 0, 0
	h.ahead.fails, h.joiner.fails = false, false
	for _, r := range h.replicas {
		r.yields = func() bool { return false }
		r.SetRules(rulesOf(h.policy))
	}
	// The longest that anything waits is what a provider that was refused an hour does, and a lease.
	for range 16 {
		if err := h.rounds(); err != nil {
			return err
		}
		for _, r := range h.replicas { // pushes are asked for
			if err := r.Pass(r.ctx); err != nil {
				return err
			}
		}
		h.company.arrive(h.r, h.replicas[0].Engine, false)
		time.Sleep(10 * time.Minute)
	}
	// Each process that is to tell a recorder to join has the calendars read before, and waits for that some seconds.
	for range 6 {
		if err := h.rounds(); err != nil {
			return err
		}
		time.Sleep(8 * time.Second)
	}
	return h.rounds()
}

// compare demands that the recorders have what a process that reads everything for the first time decides.
func (h *history) compare(about string) error {
	want, decisions, err := h.truth()
	if err != nil {
		return err
	}
	now := time.Now()
	for _, c := range []*recorder{h.ahead, h.joiner} {
		wanted := map[string]int{}
		for _, s := range want {
			if c.joins(s, now) {
				wanted[line(s, now)]++
			}
		}
		if diff := cmp.Diff(wanted, c.live(now)); diff != "" {
			h.complain("%s, at %s, %s has not what should be recorded (-want +got):\n%s", about, now.UTC().Format(time.RFC3339), c.name, diff)
		}
	}
	if err := h.compareDecisions(about, decisions, now); err != nil {
		return err
	}
	for _, room := range steady {
		if n := h.ahead.heard[room]; n != 1 {
			h.complain("%s: of the meeting %s, which nobody ever changed, the recorder heard %d times", about, room, n)
		}
	}
	return h.undelivered()
}

// compareDecisions demands that every meeting to come is decided as it is by who reads everything for the first time.
func (h *history) compareDecisions(about string, want []engine.Decision, now time.Time) error {
	all, err := h.store.Decisions(h.t.Context())
	if err != nil {
		return err
	}
	has := map[calendar.Key]string{}
	for _, d := range all {
		has[d.Meeting] = checks(d)
	}
	for _, d := range want {
		if diff := cmp.Diff(checks(d), has[d.Meeting]); diff != "" && d.End.After(now) {
			h.complain("%s: %s is decided otherwise (-want +got):\n%s", about, d.Meeting, diff)
		}
	}
	return nil
}

// checks are what each rule says.
func checks(d engine.Decision) string {
	s := fmt.Sprint("record ", d.Record, ", held ", d.Held != nil)
	for _, c := range d.Checks {
		s += fmt.Sprint(" ", c.Rule, ":", c.Status)
	}
	return s
}

// undelivered demands that nothing is left to be delivered or decided.
func (h *history) undelivered() error {
	for _, target := range []string{"ahead", "joiner"} {
		left, err := h.store.Take(h.t.Context(), target, 10, time.Now().Add(time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if len(left) > 0 {
			h.complain("%d messages to %s are left, the first of schedule %s", len(left), target, left[0].Schedule.ID)
		}
	}
	p, err := h.store.Progress(h.t.Context(), time.Now().Add(24*time.Hour))
	if err == nil && p.Undecided > 0 {
		h.complain("%d meetings are undecided", p.Undecided)
	}
	return err
}

// truth is what is decided and scheduled by a process that has never read anything before, and whose network does not fail.
func (h *history) truth() ([]schedule.Schedule, []engine.Decision, error) {
	dir, err := os.MkdirTemp(swift(), "syncd-simulation-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	st, err := openCopy(h.t, filepath.Join(dir, "syncd.db"))
	if err != nil {
		return nil, nil, err
	}
	defer st.Close()
	connections, err := h.company.connections(st.Letters(), true)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(engine.Config{
		Store: st, Connections: connections, Rules: rulesOf(h.policy), Past: 24 * time.Hour, Future: 12 * 24 * time.Hour, Spread: true,
		Poll: time.Hour, Parallel: 1, Now: time.Now, Log: slog.New(slog.DiscardHandler), Random: func(int64) int64 { return 0 },
	})
	if err != nil {
		return nil, nil, err
	}
	ctx := h.t.Context()
	for _, said := range h.said {
		if err := st.Signals().Say(ctx, said); err != nil {
			return nil, nil, err
		}
	}
	if err := errors.Join(e.Start(ctx), e.Pass(ctx)); err != nil {
		return nil, nil, err
	}
	schedules, err1 := st.Schedules(ctx, time.Now())
	decisions, err2 := st.Decisions(ctx)
	return slices.DeleteFunc(schedules, func(s schedule.Schedule) bool { return s.State == schedule.Cancelled }), decisions, errors.Join(err1, err2)
}

// stop ends all processes.
func (h *history) stop() error {
	for _, r := range h.replicas {
		r.dead = true
		r.cancel()
	}
	for _, f := range h.fibers {
		for !f.over {
			f.resume()
		}
	}
	return nil
}

// swift is a folder in memory, if there is one.
func swift() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

var empty []byte // a store with its tables

// openCopy opens an empty store.
func openCopy(t *testing.T, file string) (*store.Store, error) {
	if empty == nil {
		name := filepath.Join(t.TempDir(), "empty.db")
		st, err := store.Open(context.Background(), name)
		if err != nil {
			return nil, err
		}
		if err := st.Close(); err != nil {
			return nil, err
		}
		if empty, err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(file, empty, 0o600); err != nil {
		return nil, err
	}
	return store.Open(context.Background(), file)
}
