// Package debiantest gives tests the servers and tools that Debian has: programs that had no part in making syncd. Where
// they are not there and can't be installed, tests are skipped.
package debiantest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// How long a machine without a network may take to say so, and for how long other processes need not ask it again.
const (
	patience = 3 * time.Minute
	asked    = 20 * time.Minute
)

// install installs packages, and says why that can't be done. Processes wait for one another.
func install(packages []string) string {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "there is no apt-get on this machine"
	}
	if os.Geteuid() != 0 {
		return "only root can install them: apt-get install " + strings.Join(packages, " ")
	}
	place := filepath.Join(os.TempDir(), "syncd-debiantest")
	lock := flock.New(place + ".lock")
	if err := lock.Lock(); err != nil {
		return err.Error()
	}
	defer lock.Unlock()
	failed := place + ".failed"
	if info, err := os.Stat(failed); err == nil && time.Since(info.ModTime()) < asked {
		return "apt-get has failed a moment ago; remove " + failed + " to try it again"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	quick := []string{"-q", "-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15", "-o", "Acquire::Retries=1"}
	for _, args := range [][]string{{"update"}, append([]string{"install", "-y", "--no-install-recommends"}, packages...)} {
		c := exec.CommandContext(ctx, "apt-get", append(slices.Clone(quick), args...)...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			_ = os.WriteFile(failed, out, 0o644) // only spares others the wait
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			return "apt-get " + args[0] + " failed: " + lines[len(lines)-1]
		}
	}
	return ""
}
