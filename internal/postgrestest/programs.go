package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/syncd/internal/debiantest"
)

// oldest is the first version that is good enough.
const oldest = 15

// programs are those of one PostgreSQL, and who runs them: PostgreSQL does not let root.
type programs struct {
	bin  string     // the directory
	user *user.User // nil: who we are
}

// find finds a PostgreSQL that works, has it installed if there is none, or skips the test.
func find(t testing.TB) programs {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("PostgreSQL: it is started on Unix alone; name a server in " + elsewhere)
	}
	var p programs
	debiantest.Need(t, func() bool {
		p = programs{user: someUser()}
		p.bin = p.look(places())
		return p.bin != ""
	}, "postgresql")
	return p
}

// places are the directories that may have a PostgreSQL. PATH goes first: who wants one of several has it there. Debian
// has each version in a directory of its own, and none of them in PATH.
func places() []string {
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	return append(filepath.SplitList(os.Getenv("PATH")), debian...)
}

// look is the first of the directories that has what works, with links followed, or "".
func (p programs) look(dirs []string) string {
	for _, dir := range dirs {
		initdb := filepath.Join(dir, "initdb")
		if _, err := os.Stat(initdb); err != nil || !filepath.IsAbs(dir) {
			continue
		}
		// It finds the server beside it, compares its version, and says where its files are.
		c := p.command(initdb, "--show", "-D", filepath.Join(os.TempDir(), "none"))
		out, err := c.CombinedOutput()
		if err != nil {
			continue
		}
		said := map[string]string{}
		for line := range strings.Lines(string(out)) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			said[k] = v
		}
		major, _, _ := strings.Cut(said["VERSION"], ".")
		if n, err := strconv.Atoi(major); err != nil || n < oldest {
			continue
		}
		bin := said["PGPATH"]
		if p.command(filepath.Join(bin, "pg_ctl"), "--version").Run() != nil {
			continue
		}
		if p.command("test", "-r", said["POSTGRES_BKI"]).Run() == nil {
			return bin
		}
	}
	return ""
}

// command is a program that runs as the user whose the server is, with nothing in its environment that tells PostgreSQL
// anything.
func (p programs) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = "/" // the user may not be allowed to be where we are
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	// Without a zone initdb compares all there are with the machine's.
	c.Env = append(c.Env, "LC_ALL=C", "TZ=UTC")
	if p.user != nil {
		become(c, p.user)
	}
	return c
}

func (p programs) run(program string, args ...string) error {
	out, err := p.command(filepath.Join(p.bin, program), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// longest is how long the name of a server's directory may be: with "/.s.PGSQL.29999" behind it, the name of a socket may
// have 107 bytes, and 103 on some systems.
const longest = 103 - len("/.s.PGSQL.29999")

// directory makes one that the user can reach.
func (p programs) directory() (string, error) {
	parent := os.TempDir()
	if len(parent)+len("/syncd-pg1234567890") > longest || p.command("test", "-x", parent).Run() != nil {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "syncd-pg")
	if err != nil || p.user == nil {
		return dir, err
	}
	return dir, own(dir, p.user)
}

// someUser is who runs servers when we are root. After Debian's package is installed there is postgres.
func someUser() *user.User {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return u
		}
	}
	return nil
}
