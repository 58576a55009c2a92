//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/schedule"
)

// A replica is a daemon in a process of its own, with what lies in its folder.
type replica struct {
	t        *testing.T
	name     string
	folder   string
	endpoint *httptest.Server
	asked    chan struct{} // has something when the tenant was asked
	env      []string
	args     []string // of syncd run, besides its configuration

	cmd    *exec.Cmd
	input  io.Closer
	ended  chan struct{} // closed when the process has
	logged int64         // how long its log was when it started
}

const replicaConfig = `store: %s
policy: policy.yaml
poll: 1s
poll_quiet: 2s
deliver: [{name: log, file: {path: schedules.jsonl}}]
serve: {listen: "127.0.0.1:0"}
connections:
  - name: acme.com
    google: {domain: acme.com, admin: admin@acme.com, service_account_file: key.json, endpoint: %s}
`

// newReplica lays out a replica's folder. It is not started.
func newReplica(t *testing.T, name, store string, tn *fakegoogle.Tenant) *replica {
	t.Helper()
	r := &replica{t: t, name: name, folder: filepath.Join(t.TempDir(), name), asked: make(chan struct{}, 1)}
	r.endpoint = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		select {
		case r.asked <- struct{}{}:
		default:
		}
		tn.ServeHTTP(w, q)
	}))
	t.Cleanup(r.endpoint.Close)
	if err := os.Mkdir(r.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"key.json": tn.KeyFile(), "policy.yaml": []byte(livelyPolicy), "syncd.yaml": fmt.Appendf(nil, replicaConfig, store, r.endpoint.URL),
	} {
		if err := os.WriteFile(r.file(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if r.cmd != nil {
			r.kill()
		}
		if t.Failed() {
			t.Logf("the end of what %s logged:\n%s", name, tail(r.log(0)))
		}
	})
	return r
}

func (r *replica) file(name string) string { return filepath.Join(r.folder, name) }

// start starts the daemon's process.
func (r *replica) start() {
	r.t.Helper()
	program, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	log, err := os.OpenFile(r.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		r.t.Fatal(err)
	}
	r.logged = info.Size()
	r.cmd = exec.Command(program, append([]string{"run", "--config", r.file("syncd.yaml")}, r.args...)...)
	r.cmd.Args[0] = "syncd-orphan"
	r.cmd.Stderr = log
	r.cmd.Env = append(os.Environ(), r.env...)
	if r.input, err = r.cmd.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // its state says how it ended
		close(ended)
	}(r.cmd, r.ended)
}

func (r *replica) signal(s syscall.Signal) {
	_ = r.cmd.Process.Signal(s) // it may have ended
}

// kill ends the process as nobody can resist, and reports how it ended if it had before.
func (r *replica) kill() (endedBefore string) {
	r.signal(syscall.SIGKILL)
	<-r.ended
	state := r.cmd.ProcessState
	r.cmd = nil
	if s, ok := state.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		return state.String()
	}
	return ""
}

// stop ends the process as a service manager does.
func (r *replica) stop() {
	r.t.Helper()
	r.signal(syscall.SIGCONT)
	r.signal(syscall.SIGTERM)
	select {
	case <-r.ended:
		// Before it listens for signals, one ends it as any program.
		if how := r.cmd.ProcessState; !how.Success() && (r.serving() != "" || how.String() != "signal: terminated") {
			r.t.Errorf("%s: %s behind SIGTERM", r.name, how)
		}
		r.cmd = nil
	case <-time.After(90 * time.Second):
		r.signal(syscall.SIGQUIT) // says where it hangs
		<-r.ended
		r.cmd = nil
		r.t.Fatalf("%s does not end behind SIGTERM", r.name)
	}
}

// log is what the replica has logged, from there on.
func (r *replica) log(from int64) string {
	b, err := os.ReadFile(r.file("log"))
	if err != nil {
		return ""
	}
	return string(b[min(from, int64(len(b))):])
}

var servingAt = regexp.MustCompile(`msg=serving address=(\S+)`)

// serving is where the process answers; "" while it has not come so far.
func (r *replica) serving() string {
	if m := servingAt.FindStringSubmatch(r.log(r.logged)); m != nil {
		return m[1]
	}
	return ""
}

// deliveries are what came out of replicas: by schedule, revision and state the line, and how often it came.
type deliveries struct {
	lines      map[string][]byte
	newest     map[string]schedule.Schedule
	revisions  map[string]map[int]bool
	total      int
	duplicates int
}

// delivered reads what the replicas have delivered, and demands what receivers rely on.
func delivered(t *testing.T, replicas ...*replica) deliveries {
	t.Helper()
	d := deliveries{lines: map[string][]byte{}, newest: map[string]schedule.Schedule{}, revisions: map[string]map[int]bool{}}
	for _, r := range replicas {
		b, err := os.ReadFile(r.file("schedules.jsonl"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		last := map[string]int{}
		for line := range bytes.Lines(b) {
			var s schedule.Schedule
			if err := json.Unmarshal(line, &s); err != nil {
				continue // torn: it comes again, whole
			}
			if s.Revision < last[s.ID] {
				t.Errorf("%s delivered revision %d of %s behind %d", r.name, s.Revision, s.ID, last[s.ID])
			}
			last[s.ID] = s.Revision
			d.add(t, s, line)
		}
	}
	return d
}

func (d *deliveries) add(t *testing.T, s schedule.Schedule, line []byte) {
	t.Helper()
	d.total++
	name := fmt.Sprint(s.ID, " ", s.Revision, " ", s.State)
	if before, twice := d.lines[name]; twice {
		d.duplicates++
		if !bytes.Equal(bytes.TrimSpace(before), bytes.TrimSpace(line)) {
			t.Errorf("%s came with two contents:\n%s\n%s", name, before, line)
		}
	}
	d.lines[name] = line
	if d.revisions[s.ID] == nil {
		d.revisions[s.ID] = map[int]bool{}
	}
	d.revisions[s.ID][s.Revision] = true
	if s.Revision >= d.newest[s.ID].Revision {
		d.newest[s.ID] = s
	}
}

// live are the recordings that somebody has who followed everything.
func (d *deliveries) live() []string {
	var all []schedule.Schedule
	for _, s := range d.newest {
		all = append(all, s)
	}
	return recordings(all)
}

// gaps are the revisions that never came although later ones did.
func (d *deliveries) gaps() (gaps []string) {
	for id, have := range d.revisions {
		for n := 1; n < d.newest[id].Revision; n++ {
			if !have[n] {
				gaps = append(gaps, fmt.Sprint(id, " ", n))
			}
		}
	}
	slices.Sort(gaps)
	return gaps
}

// tail is the end of a text, in whole lines.
func tail(text string) string {
	const most = 6000
	if len(text) <= most {
		return text
	}
	_, text, _ = strings.Cut(text[len(text)-most:], "\n")
	return text
}

// until waits for a condition, and reports whether it came true in time.
func until(within time.Duration, condition func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
