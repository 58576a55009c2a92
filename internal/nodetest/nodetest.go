// Package nodetest gives tests the clients and peers that npm has: programs that had no part in making
// syncd. They are installed once, outside of the checkout; where that can't be done, tests are skipped.
package nodetest

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

//go:embed package.json package-lock.json
var files embed.FS

// install is done once in a process; several processes wait for one another.
var install = sync.OnceValues(func() (dir, skip string) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", "there is no " + program + " on this machine"
		}
	}
	dir, err := installed()
	if err != nil {
		return "", err.Error()
	}
	return dir, ""
})

func installed() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	contents := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		h.Write(b)
		contents[name] = b
	}
	dir := filepath.Join(cache, "syncd-nodetest", hex.EncodeToString(h.Sum(nil)[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	for name, b := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", errors.Join(errors.New("npm ci failed: "+lastLine(out)), err)
	}
	return dir, os.WriteFile(done, nil, 0o644)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// Dir is the folder in which node_modules is. Without Node, or without npm's registry where the packages are
// not installed yet, the test is skipped.
func Dir(t testing.TB) string {
	t.Helper()
	dir, skip := install()
	if skip != "" {
		t.Skip("this needs Node and packages of npm: " + skip)
	}
	return dir
}

// script puts the test's own script beside node_modules, where its imports are found.
func script(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(Dir(t), "*-"+filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// Command is the script as a program to start.
func Command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "node", append([]string{script(t, name)}, args...)...)
}

// Run runs the script to its end, and decodes what it prints, one JSON value, into v.
func Run(t testing.TB, v any, name string, args ...string) {
	t.Helper()
	cmd := Command(t, name, args...)
	var says strings.Builder
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, says.String())
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("%s printed no JSON: %v\n%s", name, err, out)
	}
}

// Start runs the script until the test ends, and decodes the first line that it prints, one JSON value, into
// v. The script is to end when its standard input does.
func Start(t testing.TB, v any, name string, args ...string) {
	t.Helper()
	cmd := exec.Command("node", append([]string{script(t, name)}, args...)...)
	var says strings.Builder
	cmd.Stderr = &says
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, says.String())
	}
	if err := json.Unmarshal(line, v); err != nil {
		t.Fatalf("%s printed no JSON: %v\n%s", name, err, line)
	}
}
