// Package postgrestest runs a PostgreSQL for tests, of version 15 or later, and makes databases in it. It is quick where
// a machine that loses its power would lose data: what a killed process leaves behind is what a real one leaves.
//
// The variable SYNCD_TEST_POSTGRES has the URL of a server to use instead. Its user must be allowed to create databases.
package postgrestest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Mode says how a server is stopped.
type Mode string

// The two ways to stop a server. Fast rolls back what is open and writes a checkpoint. Immediate is a crash: the server
// recovers when it starts again.
const (
	Fast      Mode = "fast"
	Immediate Mode = "immediate"
)

// A Server is a PostgreSQL, as one test sees it.
type Server struct {
	t       testing.TB
	url     string   // of a database that is always there
	cluster *cluster // nil if others run the server
	shared  bool
}

// elsewhere is the variable that has the URL of a server to use.
const elsewhere = "SYNCD_TEST_POSTGRES"

// Start starts a server of the test's own, and skips the test where none can be had. The settings are lines of
// postgresql.conf, as "fsync = on", and go before those that are made here. The server ends with the test, and also when
// the process is killed. What it logged is shown if the test fails.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	if s := external(t); s != nil {
		return s
	}
	c, err := newCluster(find(t), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c.seenBy(t, false)
}

// one is the server that the tests of this process share. It ends with the process.
var one struct {
	sync.Mutex
	cluster *cluster
	err     error
}

// Shared is a server that all tests of the process use, started by the first. It is never stopped before the process
// ends. If a test fails, what was logged since the test asked for the server is shown.
func Shared(t testing.TB) *Server {
	t.Helper()
	if s := external(t); s != nil {
		return s
	}
	one.Lock()
	defer one.Unlock()
	if one.cluster == nil && one.err == nil {
		one.cluster, one.err = newCluster(find(t), nil)
	}
	if one.err != nil {
		t.Fatal(one.err)
	}
	return one.cluster.seenBy(t, true)
}

func external(t testing.TB) *Server {
	t.Helper()
	at := os.Getenv(elsewhere)
	if at == "" {
		return nil
	}
	if u, err := url.Parse(at); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		t.Fatalf("%s must be a URL: postgres://user:password@host:port/database", elsewhere)
	}
	return &Server{t: t, url: at}
}

// seenBy shows the test what is logged from now on, if it fails.
func (c *cluster) seenBy(t testing.TB, shared bool) *Server {
	t.Helper()
	before := 0
	if shared {
		before = len(c.logged())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL's log:\n%s", c.logged()[before:])
		}
	})
	return &Server{t: t, url: c.url(), cluster: c, shared: shared}
}

// Database makes an empty database and is its URL, which pgx and psql understand. The database is dropped when the test
// ends, whoever is connected to it. The options are of CREATE DATABASE, as "TEMPLATE template0 LOCALE_PROVIDER icu
// ICU_LOCALE 'en-US'": without them texts are in the order of their bytes.
func (s *Server) Database(t testing.TB, options ...string) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := s.exec("CREATE DATABASE " + name + " " + strings.Join(options, " ")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cluster != nil && !s.cluster.running.Load() {
			return // the test has stopped the server; the database goes with it
		}
		if err := s.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return withDatabase(s.url, name)
}

// withDatabase is the URL of another database of the server.
func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic(err) // it was parsed before
	}
	q := u.Query()
	q.Del("dbname")
	q.Del("database")
	u.RawQuery = q.Encode()
	u.Path, u.RawPath = "/"+name, ""
	return u.String()
}

// exec runs a statement that stands in no transaction. It is used after the test's context has ended, too.
func (s *Server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

// OverSocket is the URL of the same database by the server's Unix socket. It skips the test if others run the server.
func (s *Server) OverSocket(database string) string {
	s.t.Helper()
	s.ours()
	u, err := url.Parse(database)
	if err != nil {
		s.t.Fatal(err)
	}
	q := url.Values{"host": {s.cluster.dir}, "port": {u.Port()}, "user": {u.User.Username()}, "sslmode": {"disable"}}
	return "postgres://" + u.Path + "?" + q.Encode()
}

// Restart stops the server and starts it again with the same data at the same address. It returns when the server
// answers. As Stop and Start, it skips the test if others run the server, and is not for a shared one.
func (s *Server) Restart(mode Mode) {
	s.t.Helper()
	s.Stop(mode)
	s.Start()
}

// Stop stops the server, and returns when its processes have ended.
func (s *Server) Stop(mode Mode) {
	s.t.Helper()
	s.alone()
	if err := s.cluster.stop(mode); err != nil {
		s.t.Fatal(err)
	}
}

// Start starts a server that was stopped, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.alone()
	if err := s.cluster.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Log is what the server has logged. It is empty if others run the server.
func (s *Server) Log() string {
	if s.cluster == nil {
		return ""
	}
	return s.cluster.logged()
}

func (s *Server) ours() {
	s.t.Helper()
	if s.cluster == nil {
		s.t.Skipf("the server of %s is run by others", elsewhere)
	}
}

func (s *Server) alone() {
	s.t.Helper()
	s.ours()
	if s.shared {
		s.t.Fatal("other tests use this server: Start one that only this test uses")
	}
}
