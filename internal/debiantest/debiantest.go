// Package debiantest gives tests the servers and tools that Debian has: programs that had no part in making syncd. Where
// they are not there and can't be installed, tests are skipped.
package debiantest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

var (
	mu     sync.Mutex
	failed = map[string]string{} // why packages could not be installed, by their names
)

// Need has the packages installed unless works says that what they bring is there. It skips the test where it can't be.
func Need(t testing.TB, works func() bool, packages ...string) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if works() {
		return
	}
	names := strings.Join(packages, " ")
	why, tried := failed[names]
	if !tried {
		why = install(packages)
		failed[names] = why
	}
	if why == "" && !works() {
		why = "they do not work"
	}
	if why != "" {
		t.Skipf("Debian's %s: %s", names, why)
	}
}

// install installs packages, and says why that can't be done. Processes wait for one another.
func install(packages []string) string {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "there is no apt-get on this machine"
	}
	if os.Geteuid() != 0 {
		return "only root can install them: apt-get install " + strings.Join(packages, " ")
	}
	lock := flock.New(filepath.Join(os.TempDir(), "syncd-debiantest.lock"))
	if err := lock.Lock(); err != nil {
		return err.Error()
	}
	defer lock.Unlock()
	update := exec.Command("apt-get", "update", "-q")
	add := exec.Command("apt-get", append([]string{"install", "-y", "-q", "--no-install-recommends"}, packages...)...)
	for _, c := range []*exec.Cmd{update, add} {
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			return strings.Join(c.Args[:2], " ") + " failed: " + lines[len(lines)-1]
		}
	}
	return ""
}
