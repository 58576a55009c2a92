package postgrestest

import (
	"bufio"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func do(t *testing.T, c *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

func ask[T any](t *testing.T, c *pgx.Conn, query string, args ...any) T {
	t.Helper()
	var v T
	if err := c.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatal(query, err)
	}
	return v
}

// managed skips the test if the server is not ours.
func managed(t *testing.T) {
	t.Helper()
	if os.Getenv(elsewhere) != "" {
		t.Skip("the server is run by others")
	}
}

func TestDatabasesAreApart(t *testing.T) {
	s := Shared(t)
	var gone string
	t.Run("two", func(t *testing.T) {
		gone = s.Database(t)
		a, b := connect(t, gone), connect(t, s.Database(t))
		do(t, a, "CREATE TABLE x (n int)", "INSERT INTO x VALUES (1), (2)")
		if n := ask[int](t, a, "SELECT count(*) FROM pg_tables WHERE tablename = 'x'"); n != 1 {
			t.Errorf("%d tables in the database they were made in", n)
		}
		if n := ask[int](t, b, "SELECT count(*) FROM pg_tables WHERE tablename = 'x'"); n != 0 {
			t.Errorf("%d tables of another database", n)
		}
		// Somebody who stays connected does not keep a database.
		if _, err := pgx.Connect(context.Background(), gone); err != nil {
			t.Fatal(err)
		}
	})
	if c, err := pgx.Connect(t.Context(), gone); err == nil {
		c.Close(t.Context())
		t.Error("the database is there after its test")
	} else if !strings.Contains(err.Error(), "does not exist") {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	managed(t)
	began := time.Now()
	s := Start(t, "synchronous_commit = off", "max_connections = 17")
	t.Log("started in", time.Since(began))
	began = time.Now()
	db := s.Database(t)
	t.Log("a database in", time.Since(began))
	c := connect(t, db)
	for setting, want := range map[string]string{
		"synchronous_commit": "off", "max_connections": "17", "fsync": "off", "full_page_writes": "off", "server_encoding": "UTF8", "lc_collate": "C", "TimeZone": "Etc/UTC",
	} {
		if is := ask[string](t, c, "SELECT current_setting($1)", setting); is != want && !(setting == "TimeZone" && is == "UTC") {
			t.Errorf("%s is %s, not %s", setting, is, want)
		}
	}
	first, second := Shared(t), Shared(t)
	if first.url == s.url {
		t.Error("a server of one's own is the shared one")
	}
	if first.url != second.url {
		t.Error("two shared servers")
	}
	if n := ask[string](t, connect(t, Shared(t).Database(t)), "SELECT current_setting('max_connections')"); n != "200" {
		t.Errorf("the shared server lets %s connect", n)
	}
}

// TestWrongSetting: who can't start a server is told what it said, and nothing stays.
func TestWrongSetting(t *testing.T) {
	managed(t)
	p, parent := find(t), open(t)
	t.Setenv("TMPDIR", parent)
	_, err := newCluster(p, []string{"max_connections = many"})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "max_connections": "many"`) {
		t.Error(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

func TestOrderOfTexts(t *testing.T) {
	s := Shared(t)
	const query = "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['b', 'B', 'a', 'A']) x"
	if is := ask[string](t, connect(t, s.Database(t, "TEMPLATE template0 LOCALE 'C'")), query); is != "ABab" {
		t.Error("by bytes:", is)
	}
	if is := ask[string](t, connect(t, s.Database(t, "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")), query); is != "aAbB" {
		t.Error("in English:", is)
	}
}

// TestStops: what was committed is there afterwards, what was not is not, and a crash is one.
func TestStops(t *testing.T) {
	managed(t)
	const recovered = "automatic recovery in progress"
	for mode, crash := range map[Mode]bool{Fast: false, Immediate: true} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := Start(t)
			db := s.Database(t)
			before, pending := connect(t, db), connect(t, db)
			do(t, before, "CREATE TABLE x (n int)", "INSERT INTO x SELECT generate_series(1, 1000)")
			do(t, pending, "BEGIN", "INSERT INTO x VALUES (7000)")
			// Enough that the open transaction is in files, not in memory alone.
			do(t, before, "CHECKPOINT", "INSERT INTO x SELECT generate_series(1001, 2000)")
			s.Restart(mode)
			if err := before.Ping(t.Context()); err == nil {
				t.Error("a connection has survived the restart")
			}
			after := connect(t, db)
			if n := ask[int](t, after, "SELECT count(DISTINCT n) FROM x WHERE n <= 2000"); n != 2000 {
				t.Errorf("%d of 2000 committed rows are there", n)
			}
			if n := ask[int](t, after, "SELECT count(*) FROM x"); n != 2000 {
				t.Errorf("%d rows, with those that were not committed", n)
			}
			if is := strings.Contains(s.Log(), recovered); is != crash {
				t.Errorf("recovery: %v, want %v:\n%s", is, crash, s.Log())
			}
			s.Stop(mode)
			if c, err := pgx.Connect(t.Context(), db); err == nil {
				c.Close(t.Context())
				t.Error("a stopped server answers")
			}
			s.Start()
			if n := ask[int](t, connect(t, db), "SELECT count(*) FROM x"); n != 2000 {
				t.Errorf("%d rows after another start", n)
			}
			s.Stop(mode) // and the test ends without a word about databases that can't be dropped
		})
	}
}

func TestURLs(t *testing.T) {
	managed(t)
	s := Start(t)
	db := s.Database(t)
	do(t, connect(t, db), "CREATE TABLE x AS SELECT 42 AS n")
	for name, at := range map[string]string{"port": db, "socket": s.OverSocket(db)} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, at)
			if n := ask[int](t, c, "SELECT n FROM x"); n != 42 {
				t.Error("pgx:", n)
			}
			if local := ask[bool](t, c, "SELECT inet_server_addr() IS NULL"); local != (name == "socket") {
				t.Error("pgx came the other way")
			}
			psql := s.cluster.command(filepath.Join(s.cluster.bin, "psql"), "-XAt", "-c", "SELECT n FROM x", at)
			if out, err := psql.CombinedOutput(); err != nil || string(out) != "42\n" {
				t.Errorf("psql: %v: %s", err, out)
			}
		})
	}
}

// open is a directory that everybody may use.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTemporaryDirectories: one that is of no use is not used.
func TestTemporaryDirectories(t *testing.T) {
	managed(t)
	p, parent := find(t), open(t)
	for _, c := range []struct {
		name string
		mode os.FileMode
		used bool
	}{
		{"short", 0o777, true},
		{strings.Repeat("x", longest), 0o777, false}, // too long for a socket
		{"closed", 0o700, p.user == nil},             // to the server's user
	} {
		dir := filepath.Join(parent, c.name)
		if err := os.Mkdir(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", dir)
		s := Start(t)
		if strings.HasPrefix(s.cluster.dir, dir) != c.used {
			t.Errorf("%s: the server is in %s", c.name, s.cluster.dir)
		}
		connect(t, s.OverSocket(s.Database(t)))
	}
}

func TestEnvironment(t *testing.T) {
	managed(t)
	for _, name := range []string{"PGDATA", "PGPORT", "PGHOST", "PGUSER", "PGDATABASE", "PGDATESTYLE", "PGCLIENTENCODING"} {
		t.Setenv(name, "1")
	}
	connect(t, Start(t).Database(t))
}

func TestElsewhere(t *testing.T) {
	managed(t)
	own := Start(t)
	at := own.Database(t)
	t.Setenv(elsewhere, at+"&dbname=postgres")
	for name, s := range map[string]*Server{"start": Start(t), "shared": Shared(t)} {
		db := s.Database(t)
		u, err := url.Parse(db)
		if err != nil || u.Host == "" || !strings.HasPrefix(at, "postgres://postgres@"+u.Host) {
			t.Errorf("%s: %s is not on %s: %v", name, db, at, err)
		}
		if is := ask[string](t, connect(t, db), "SELECT current_database()"); "/"+is != u.Path {
			t.Errorf("%s: %s leads to %s", name, db, is)
		}
		for what, f := range map[string]func(s Server){
			"restart": func(s Server) { s.Restart(Fast) }, "stop": func(s Server) { s.Stop(Fast) }, "start": func(s Server) { s.Start() }, "socket": func(s Server) { s.OverSocket(db) },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				defer func() {
					if !t.Skipped() {
						t.Error("others' server was touched")
					}
				}()
				f(Server{t: t, url: s.url})
			})
		}
	}
	connect(t, at)
}

func TestLook(t *testing.T) {
	managed(t)
	p := find(t)
	if p.bin == "" {
		t.Fatal("no directory")
	}
	dir, err := p.directory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	script := func(name, text string) string {
		d := filepath.Join(dir, name)
		for _, program := range []string{"initdb", "postgres", "pg_ctl"} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(d, program), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return d
	}
	linked := filepath.Join(dir, "linked")
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(p.bin, "initdb"), filepath.Join(linked, "initdb")); err != nil {
		t.Fatal(err)
	}
	older := script("older", "echo VERSION=14.9\necho PGPATH="+p.bin+"\necho POSTGRES_BKI=/bin/sh\n")
	newer := script("newer", "echo VERSION=99.1\necho PGPATH="+filepath.Join(dir, "newer")+"\necho POSTGRES_BKI=/bin/sh\n")
	half := script("half", "echo VERSION=99.1\necho PGPATH="+filepath.Join(dir, "half")+"\necho POSTGRES_BKI="+dir+"/none\n")
	broken := script("broken", "exit 1")
	for _, c := range []struct {
		what string
		dirs []string
		want string
	}{
		{"nothing", nil, ""},
		{"no PostgreSQL there", []string{dir, "", "relative"}, ""},
		{"none that is good", []string{older, half, broken}, ""},
		{"the first that works", []string{older, half, broken, newer, p.bin}, newer},
		{"the one of the machine", []string{broken, p.bin, newer}, p.bin},
		{"links are followed", []string{linked}, p.bin},
	} {
		if is := p.look(c.dirs); is != c.want {
			t.Errorf("%s: %q, want %q", c.what, is, c.want)
		}
	}
}

// TestKilled: servers end, and leave nothing behind, also when the process that started them is killed, alone or with
// the processes of its group.
func TestKilled(t *testing.T) {
	const child = "SYNCD_POSTGRESTEST_CHILD"
	if os.Getenv(child) != "" {
		s, own := Shared(t), Start(t)
		for _, s := range []*Server{s, own} {
			os.Stdout.WriteString("at " + s.url + " " + s.cluster.dir + "\n")
		}
		select {} // until we are killed
	}
	managed(t)
	find(t)
	if runtime.GOOS == "windows" {
		t.Skip("servers are started on Unix alone")
	}
	for name, kill := range map[string]func(*exec.Cmd) error{"alone": killAlone, "group": killGroup} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(os.Args[0], "-test.run=^TestKilled$")
			c.Env = append(os.Environ(), child+"=1")
			apart(c)
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = killGroup(c); _ = c.Wait() })
			var dirs []string
			var conns []*pgx.Conn
			for lines := bufio.NewScanner(out); len(dirs) < 2 && lines.Scan(); {
				if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == "at" {
					conns, dirs = append(conns, connect(t, f[1])), append(dirs, f[2])
				}
			}
			if len(dirs) != 2 {
				t.Fatal("the child started no servers")
			}
			if err := kill(c); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for i, dir := range dirs {
				if _, err := conns[i].WaitForNotification(ctx); err == nil || ctx.Err() != nil {
					t.Fatal("the server still runs", err)
				}
				for {
					if _, err := os.Stat(dir); os.IsNotExist(err) {
						break
					}
					select {
					case <-ctx.Done():
						t.Fatal(dir, "is still there")
					case <-time.After(10 * time.Millisecond):
					}
				}
			}
		})
	}
}
