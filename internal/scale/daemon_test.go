package scale

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/csv"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/syncd/store"
)

// A site is a served tenant, and a folder with a configuration that reads it.
type site struct {
	*Tenant
	dir    string
	store  string // as the configuration has it
	server *countingListener
	listen string // where the daemon serves
}

// settings are what of the configuration differs from run to run.
type settings struct {
	poll, quiet time.Duration
	quota       int // queries per minute; 0: the default
	push        bool
	postgres    string // "": an SQLite file
}

// open serves the tenant, and writes the configuration.
func open(t *testing.T, tn *Tenant, s settings) *site {
	t.Helper()
	tn.Begin, tn.Days = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1), 27
	tn.Open()
	st := &site{Tenant: tn, dir: folder(t), store: s.postgres, listen: free(t)}
	if st.store == "" {
		st.store = filepath.Join(st.dir, "syncd.db")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	st.server = &countingListener{Listener: l}
	server := &http.Server{Handler: tn}
	go server.Serve(st.server)
	t.Cleanup(func() { server.Close() })
	if s.push {
		tn.Push = st.push
	}
	st.write(t, s)
	return st
}

// folder is where a run's files are.
func folder(t *testing.T) string {
	if *keep == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(*keep, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// free is an address where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// push delivers a notification to the daemon, which the tenant knows by an address of the internet.
func (s *site) push(r *http.Request) {
	r.URL.Scheme, r.URL.Host = "http", s.listen
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
	}
}

const policy = `company: {name: acme, internal_domains: [acme.com]}
import:
  google: {enabled: true, primary_only: true}
recording: {meetings: anyone, internal: true}
providers:
  zoom: {enabled: true, capture: [bot]}
  meet: {enabled: true, capture: [bot]}
exclude: {title_keywords: [interview], domains: [lawfirm.example]}
directory: {file: people.csv}
`

func (s *site) write(t *testing.T, c settings) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var people bytes.Buffer
	rows := csv.NewWriter(&people)
	rows.Write([]string{"email", "name", "seat", "record"})
	for n := range s.Calendars {
		rows.Write([]string{Email(n), fmt.Sprintf("User %d", n), "yes", "on"})
	}
	rows.Flush()
	var config bytes.Buffer
	fmt.Fprintf(&config, "store: %s\npolicy: policy.yaml\nserve: {listen: %s}\ndeliver: [{name: log, file: {path: schedules.jsonl}}]\n", s.store, s.listen)
	if c.poll > 0 {
		fmt.Fprintf(&config, "poll: %s\npoll_quiet: %s\n", c.poll, c.quiet)
	}
	if c.push {
		config.WriteString("push: {url: https://syncd.acme.example}\n")
	}
	fmt.Fprintf(&config, "connections:\n  - name: acme.com\n    google:\n      domain: acme.com\n      admin: %s\n      service_account_file: key.json\n      endpoint: http://%s\n", Email(0), s.server.Addr())
	if c.quota > 0 {
		fmt.Fprintf(&config, "      queries_per_minute: %d\n      queries_per_minute_per_user: %[1]d\n", c.quota)
	}
	for name, b := range map[string][]byte{
		"syncd.yaml": config.Bytes(), "policy.yaml": []byte(policy), "people.csv": people.Bytes(),
		"key.json": KeyFile(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// size is how large the store is, in bytes: the file, and what is to be merged into it.
func (s *site) size() (n int64) {
	for _, name := range []string{"syncd.db", "syncd.db-wal"} {
		if i, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			n += i.Size()
		}
	}
	return n
}

// A daemon is a syncd that runs, as a process of its own.
type daemon struct {
	cmd   *exec.Cmd
	began time.Time
	ended chan error
}

// program is the syncd that is measured.
func program(t *testing.T) string {
	t.Helper()
	if *binary != "" {
		return *binary
	}
	name := filepath.Join(t.TempDir(), "syncd")
	if out, err := exec.Command("go", "build", "-o", name, "example.com/syncd/cmd/syncd").CombinedOutput(); err != nil {
		t.Fatalf("build syncd: %v\n%s", err, out)
	}
	return name
}

// run starts one in the site, under the next number.
func (s *site) run(t *testing.T, program string, number int) *daemon {
	t.Helper()
	if number > 0 { // replicas share the configuration, but for where they serve
		b, err := os.ReadFile(filepath.Join(s.dir, "syncd.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.Replace(b, []byte(s.listen), []byte(free(t)), 1)
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("syncd%d.yaml", number)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("log%d", number)))
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{cmd: exec.Command(program, "run", "--json", "--config", "syncd"+map[bool]string{true: strconv.Itoa(number)}[number > 0]+".yaml"), began: time.Now(), ended: make(chan error, 1)}
	d.cmd.Dir, d.cmd.Stderr = s.dir, log // what it prints goes to /dev/null
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		d.ended <- d.cmd.Wait()
		log.Close()
	}()
	t.Cleanup(d.stop)
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("log of syncd %d:\n%s", number, b[max(0, len(b)-4000):])
		}
	})
	return d
}

// stop ends it, and waits for its end.
func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	if err, open := <-d.ended; open {
		close(d.ended)
		_ = err
	}
}

// usage is what a process has used so far.
type usage struct {
	cpu       time.Duration // user and system
	peak, now int64         // bytes of resident memory
}

// ticks is the unit of /proc/PID/stat: 100 a second on all of Linux's platforms that Go has.
const ticks = 100

// usage reads /proc. A process that has ended has used nothing.
func (d *daemon) usage() (u usage) {
	dir := "/proc/" + strconv.Itoa(d.cmd.Process.Pid)
	if b, err := os.ReadFile(dir + "/stat"); err == nil {
		_, rest, _ := strings.Cut(string(b), ") ") // the name may have blanks
		f := strings.Fields(rest)
		for _, n := range f[11:13] {
			v, _ := strconv.ParseInt(n, 10, 64)
			u.cpu += time.Duration(v) * time.Second / ticks
		}
	}
	b, _ := os.ReadFile(dir + "/status")
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmHWM":
			u.peak = n << 10
		case "VmRSS":
			u.now = n << 10
		}
	}
	return u
}

// reader looks into the site's store from outside.
func (s *site) reader(t *testing.T) *store.Reader {
	t.Helper()
	for range 600 {
		name := s.store
		r, err := store.OpenReader(t.Context(), name)
		if err == nil {
			if _, err = r.Progress(t.Context(), time.Now()); err == nil {
				t.Cleanup(func() { r.Close() })
				return r
			}
			r.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the daemon has made no store within a minute")
	return nil
}

// A countingListener counts the bytes of all connections.
type countingListener struct {
	net.Listener
	in, out atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l}, nil
}

type countingConn struct {
	net.Conn
	of *countingListener
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.of.in.Add(int64(n))
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.of.out.Add(int64(n))
	return n, err
}
