package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/syncd/config"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"syncd": main})
}

// TestScript runs the program as users do. Each script is a file in testdata/script.
func TestScript(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("CONFIGS", filepath.Join(e.WorkDir, "configs"))
			// The demo writes beside its configuration: into the test's own copy.
			return os.CopyFS(filepath.Join(e.WorkDir, "configs"), os.DirFS(filepath.Join(root, "configs")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"truncate": truncate, "count": count},
	})
}

// truncate FILE PERCENT cuts a file off.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE PERCENT")
	}
	b := []byte(ts.ReadFile(args[0]))
	percent, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b[:len(b)*percent/100], 0o600))
}

// count N STRING FILE demands that N lines of the file have the string.
func count(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: count N STRING FILE")
	}
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		if strings.Contains(line, args[1]) {
			n++
		}
	}
	if want := args[0]; want != strconv.Itoa(n) {
		ts.Fatalf("%d lines of %s have %q, want %s", n, args[2], args[1], want)
	}
}

// TestConfigs loads every configuration that is shipped.
func TestConfigs(t *testing.T) {
	dir := "../../configs"
	loaded := 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			continue
		}
		loaded++
		if strings.Contains(entry.Name(), "policy") {
			_, err = config.LoadPolicy(name)
		} else {
			_, err = config.Load(name, drivers)
		}
		if err != nil {
			t.Errorf("%s: %v", entry.Name(), err)
		}
	}
	if loaded < 3 {
		t.Errorf("only %d configurations in %s", loaded, dir)
	}
}

// TestDrivers: names are unique, and every driver says what it reads.
func TestDrivers(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range drivers {
		if seen[d.Name] || d.Name == "" || d.Doc == "" || d.Config == nil {
			t.Errorf("driver %+v", d)
		}
		seen[d.Name] = true
	}
}
