package postgrestest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// settings make a server quick. No setting here changes what a client sees.
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = '%s'
max_connections = 200
fsync = off
full_page_writes = off
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%%m [%%p] %%d '
log_min_messages = warning
`

// A cluster is a data directory and the server that works on it.
type cluster struct {
	programs
	dir     string // has the data, the log and the socket
	port    int
	running atomic.Bool

	warden *exec.Cmd
	end    io.Closer // tells the warden
}

// newCluster makes a data directory, and starts a server on it.
func newCluster(p programs, lines []string) (*cluster, error) {
	dir, err := p.directory()
	if err != nil {
		return nil, err
	}
	c := &cluster{programs: p, dir: dir}
	if err := c.watch(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := c.init(lines); err != nil {
		c.close()
		return nil, err
	}
	// Another process may take a port between our look and the server's.
	for range 3 {
		if c.port, err = freePort(); err != nil {
			break
		}
		if err = c.start(); err == nil {
			return c, nil
		}
	}
	c.close()
	return nil, err
}

// The warden stops the server and removes its directory when its input ends. That is when the cluster is closed, and also
// when this process ends, however it does. It is in no group of processes that could be killed along with this one.
const warden = `trap '' HUP INT TERM; cat; "$1" stop -s -w -t 20 -m immediate -D "$2/data"; rm -rf "$2"`

func (c *cluster) watch() error {
	c.warden = c.command("sh", "-c", warden, "warden", filepath.Join(c.bin, "pg_ctl"), c.dir)
	c.warden.Dir = "/"
	apart(c.warden)
	end, err := c.warden.StdinPipe()
	if err != nil {
		return err
	}
	c.end = end
	return c.warden.Start()
}

// close ends the server, and leaves nothing behind.
func (c *cluster) close() {
	c.running.Store(false)
	_ = c.end.Close()
	_ = c.warden.Wait() // says only that the server was stopped before
}

func (c *cluster) init(lines []string) error {
	data := filepath.Join(c.dir, "data")
	// Small segments of the log: each is written in full before it is used.
	if err := c.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=1", "--no-sync", "--no-instructions"); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, settings+"%s\n", c.dir, strings.Join(lines, "\n"))
	return errors.Join(err, f.Close())
}

func (c *cluster) start() error {
	options := fmt.Sprintf("-p %d", c.port)
	if err := c.run("pg_ctl", "start", "-s", "-w", "-t", "60", "-D", filepath.Join(c.dir, "data"), "-l", c.log(), "-o", options); err != nil {
		return fmt.Errorf("%w\n%s", err, c.logged())
	}
	c.running.Store(true)
	return nil
}

func (c *cluster) stop(mode Mode) error {
	c.running.Store(false)
	return c.run("pg_ctl", "stop", "-s", "-w", "-t", "60", "-D", filepath.Join(c.dir, "data"), "-m", string(mode))
}

func (c *cluster) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", c.port)
}

func (c *cluster) log() string { return filepath.Join(c.dir, "log") }

func (c *cluster) logged() string {
	b, err := os.ReadFile(c.log())
	if err != nil {
		return ""
	}
	return string(b)
}

// freePort is a port below those that systems give to whoever asks for any: nobody takes it while a server restarts.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 20000 + rand.IntN(10000)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}
