// Package browsertest lets tests look at pages as people do: in Debian's Chromium, driven by Playwright, and through
// axe, which knows what keeps people from using a page. Where those can't be installed, tests are skipped.
package browsertest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/syncd/internal/debiantest"
	"example.com/syncd/internal/nodetest"
)

//go:embed run.mjs
var runner []byte

// ScreenshotsVariable names the folder in which screenshots are kept. Where it is not set, none are taken.
const ScreenshotsVariable = "SYNCD_SCREENSHOTS"

// need installs what is needed, or skips the test, and says where Chromium is.
func need(t testing.TB) string {
	t.Helper()
	debiantest.Need(t, func() bool { return chromium() != "" }, "chromium")
	return chromium()
}

func chromium() string {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return ""
	}
	return path
}

// Run opens Chromium and runs a scenario to its end: a module of JavaScript whose default export is a function of a
// world, which run.mjs describes, and of args. Whatever it throws fails the test, and so does every error that a page
// writes to the console, of which a breach of the content security policy is one.
func Run(t testing.TB, scenario string, args any) {
	t.Helper()
	browser := need(t)
	place, err := filepath.Abs(scenario)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "run.mjs")
	if err := os.WriteFile(name, runner, 0o600); err != nil {
		t.Fatal(err)
	}
	shots := os.Getenv(ScreenshotsVariable)
	if shots != "" {
		if shots, err = filepath.Abs(shots); err != nil {
			t.Fatal(err)
		}
	}
	in, err := json.Marshal(map[string]any{"chromium": browser, "scenario": place, "screenshots": shots, "home": t.TempDir(), "args": args})
	if err != nil {
		t.Fatal(err)
	}
	cmd := nodetest.Command(t, name)
	cmd.Stdin = strings.NewReader(string(in))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(scenario), err, out)
	} else if len(out) > 0 {
		t.Logf("%s", out)
	}
}
