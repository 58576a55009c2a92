//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/internal/postgrestest"
)

var (
	kills    = flag.Int("kills", 12, "how often each of the kill tests kills a daemon")
	killSeed = flag.Uint64("killseed", 1, "what the kill tests draw from")
)

// How long it may take behind the last kill until everything has been delivered: a daemon that comes back to its file takes
// up at once what it had begun; what a dead replica has leased comes free within a minute.
const (
	settlesAlone  = 25 * time.Second
	settlesShared = 3 * time.Minute
)

// round is how many kills there are at most until it is looked at what has come of them.
const round = 25

// A siege is daemons that are killed while a tenant changes.
type siege struct {
	t        *testing.T
	r        *rand.Rand
	tn       *livelyTenant
	policy   *eligibility.Policy
	replicas []*replica
	server   *postgrestest.Server // nil: SQLite
	outages  int
	paused   sync.WaitGroup
	frozen   atomic.Pointer[replica]

	counts   map[string]int
	settling time.Duration
}

// TestKills kills a daemon on an SQLite file again and again while meetings change, and demands that in the end what was
// delivered is what is to be recorded, that nothing is missing on the way, and that nothing came twice but unchanged.
func TestKills(t *testing.T) {
	t.Parallel()
	s := newSiege(t, nil)
	file := filepath.Join(t.TempDir(), "syncd.db")
	s.replicas = []*replica{newReplica(t, "syncd", file, s.tn.Tenant)}
	s.run(func(n int) {
		one := s.replicas[0]
		s.wait(one)
		if n%6 == 5 {
			s.counts["ended by SIGTERM"]++
			one.stop()
		} else {
			s.kill(one)
		}
		one.start()
	})
	for _, r := range s.replicas {
		if text := r.log(0); strings.Contains(text, "level=ERROR") {
			t.Errorf("%s logged an error", r.name)
		}
	}
}

// TestKillsOfReplicas does the same to two daemons on one PostgreSQL, which are paused now and then besides, and whose
// server is restarted.
func TestKillsOfReplicas(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	s := newSiege(t, server)
	url := server.Database(t)
	s.replicas = []*replica{newReplica(t, "one", url, s.tn.Tenant), newReplica(t, "two", url, s.tn.Tenant)}
	s.run(func(n int) {
		one := s.replicas[s.r.IntN(2)]
		if n%20 == 10 {
			s.freeze(one)
		}
		if s.frozen.Load() == one {
			one = s.replicas[(slices.Index(s.replicas, one)+1)%2]
		}
		s.wait(one)
		switch s.r.IntN(8) {
		case 0:
			s.counts["ended by SIGTERM"]++
			one.stop()
			one.start()
		case 1, 2:
			s.pause(one, time.Duration(500+s.r.IntN(4000))*time.Millisecond)
			return
		case 3:
			s.restartServer()
		default:
		}
		s.kill(one)
		one.start()
		s.revive()
	})
}

func newSiege(t *testing.T, server *postgrestest.Server) *siege {
	if testing.Short() {
		t.Skip("kills daemons for a minute")
	}
	r := rand.New(rand.NewPCG(*killSeed, 1))
	s := &siege{t: t, r: r, tn: newLivelyTenant(rand.New(rand.NewPCG(*killSeed, 2))), server: server, counts: map[string]int{}}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(livelyPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.policy, err = config.LoadPolicy(file, names()...); err != nil {
		t.Fatal(err)
	}
	return s
}

func names() (all []string) {
	for _, d := range drivers {
		all = append(all, d.Name)
	}
	return all
}

// run has the tenant live while strike kills, again and again, and looks at what has come of it.
func (s *siege) run(strike func(n int)) {
	began := time.Now()
	for _, r := range s.replicas {
		r.start()
	}
	var d deliveries
	for n := 0; s.counts["killed"] < *kills && !s.t.Failed(); {
		ctx, stop := context.WithCancel(s.t.Context())
		edits := make(chan int)
		go func() { edits <- s.live(ctx) }()
		for most := min(*kills, s.counts["killed"]+round); s.counts["killed"] < most; n++ {
			strike(n)
		}
		stop()
		s.counts["edits"] = <-edits
		s.paused.Wait()
		d = s.settle()
	}
	if gaps := d.gaps(); len(gaps) > 0 {
		s.t.Errorf("revisions that never came: %v", gaps)
	}
	for _, r := range s.replicas {
		r.stop()
	}
	if after := delivered(s.t, s.replicas...); after.total != d.total {
		s.t.Errorf("%d deliveries more although nothing changed", after.total-d.total)
	}
	s.t.Logf("seed %d: %v; %d deliveries, %d of them duplicates, %d schedules, %d recordings in the end; %s, %s of them to settle",
		*killSeed, s.counts, d.total, d.duplicates, len(d.newest), len(d.live()), time.Since(began).Round(time.Second), s.settling.Round(time.Second))
}

// live edits the tenant until ctx ends, and reports how often.
func (s *siege) live(ctx context.Context) (edits int) {
	rest := time.NewTicker(50 * time.Millisecond)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return edits
		case <-rest.C:
			edits = s.tn.edit()
		}
	}
}

// wait waits for the moment at which a replica is struck: some time behind its start, in the middle of what it asks the
// tenant, or just behind a delivery. No moment is waited for longer than some seconds.
func (s *siege) wait(r *replica) {
	s.t.Helper()
	limit := time.NewTimer(4 * time.Second)
	defer limit.Stop()
	switch s.r.IntN(3) {
	case 0:
		limit.Reset(time.Duration(s.r.IntN(1500)) * time.Millisecond)
		<-limit.C
	case 1:
		for range 1 + s.r.IntN(12) {
			select {
			case <-r.asked:
			case <-limit.C:
			}
		}
	case 2:
		before, many := size(r), int64(1+s.r.IntN(6))*500
		until(4*time.Second, func() bool { return size(r) > before+many })
	}
}

// size is how much the replica has delivered.
func size(r *replica) int64 {
	info, err := os.Stat(r.file("schedules.jsonl"))
	if err != nil {
		return 0
	}
	return info.Size()
}

func (s *siege) kill(r *replica) {
	s.t.Helper()
	s.counts["killed"]++
	s.ended(r, r.kill())

}

// ended is told how a replica ended by itself, if it did: which it may only if it could not reach the server when it
// started.
func (s *siege) ended(r *replica, how string) {
	s.t.Helper()
	if how == "" {
		return
	}
	s.counts["could not start"]++
	if s.server == nil || s.outages == 0 || r.serving() != "" {
		s.t.Fatalf("%s has ended by itself: %s", r.name, how)
	}
}

// pause stops a replica, and has it go on some time later.
func (s *siege) pause(r *replica, rest time.Duration) {
	s.counts["paused"]++
	process := r.cmd.Process
	r.signal(syscall.SIGSTOP)
	s.paused.Add(1)
	time.AfterFunc(rest, func() {
		defer s.paused.Done()
		s.frozen.CompareAndSwap(r, nil)
		_ = process.Signal(syscall.SIGCONT) // it may have been killed
	})
}

// freeze stops a replica until all that it had leased is somebody else's, whatever transaction it was in. It is not
// killed meanwhile: it has to wake up. That takes longer than CI has time for.
func (s *siege) freeze(r *replica) {
	if *kills > round && s.frozen.CompareAndSwap(nil, r) {
		s.counts["frozen"]++
		s.pause(r, 50*time.Second)
	}
}

// restartServer restarts PostgreSQL, in either way.
func (s *siege) restartServer() {
	s.t.Helper()
	s.outages++
	mode := []postgrestest.Mode{postgrestest.Fast, postgrestest.Immediate}[s.outages%2]
	s.counts[fmt.Sprint("server restarts, ", mode)]++
	s.server.Restart(mode)
}

// revive starts the replicas anew that could not start.
func (s *siege) revive() {
	s.t.Helper()
	for _, r := range s.replicas {
		select {
		case <-r.ended:
			s.ended(r, r.kill())
			r.start()
		default:
		}
	}
}

// settle waits until what was delivered is what is to be recorded.
func (s *siege) settle() (d deliveries) {
	s.t.Helper()
	began := time.Now()
	var want, got []string
	within := settlesAlone
	if s.server != nil {
		within = settlesShared
	}
	if !until(within, func() bool {
		s.revive()
		want = s.tn.truth(s.policy)
		d = delivered(s.t, s.replicas...)
		got = d.live()
		return cmp.Equal(want, got) || s.t.Failed()
	}) {
		s.t.Errorf("seed %d: what the receiver has is not what is to be recorded (-want +got):\n%s", *killSeed, cmp.Diff(want, got))
	}
	s.settling += time.Since(began)
	return d
}
