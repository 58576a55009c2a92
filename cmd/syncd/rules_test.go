package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/engine"
)

// adopted are the rules that a watcher hands over.
type adopted struct {
	rules  []engine.Rules
	failed []string
}

func (a *adopted) SetRules(r engine.Rules) { a.rules = append(a.rules, r) }
func (a *adopted) RulesFailed(err error)   { a.failed = append(a.failed, err.Error()) }

// TestWatchRules changes the files while the daemon would run.
func TestWatchRules(t *testing.T) {
	dir := t.TempDir()
	writes := 0
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		writes++ // the bubble's clock is not the disk's
		at := time.Date(2026, 11, 23, 0, 0, writes, 0, time.UTC)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	const policy = "directory:\n  file: people.csv\n"
	write("policy.yaml", policy)
	write("people.csv", "email,seat\nana@acme.com,yes\n")
	cfg := &config.Config{PolicyPath: filepath.Join(dir, "policy.yaml")}
	var err error
	if cfg.Policy, err = config.LoadPolicy(cfg.PolicyPath); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var got adopted
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- watchRules(ctx, cfg, &got, slog.New(slog.NewTextHandler(&log, nil))) }()
		for _, step := range []struct {
			about       string
			do          func()
			sets, fails int // so far
			members     int // in force
		}{
			{"nothing", func() {}, 0, 0, 0},
			{"somebody joins", func() { write("people.csv", "email,seat\nana@acme.com,yes\nbo@acme.com,yes\n") }, 1, 0, 2},
			{"a bad directory", func() { write("people.csv", "email,seat\nana@acme.com,maybe\n") }, 1, 1, 2},
			{"it is still bad", func() {}, 1, 1, 2},
			{"an empty one", func() { write("people.csv", "") }, 1, 2, 2},
			{"mended", func() { write("people.csv", "email\nana@acme.com\nbo@acme.com\ncy@acme.com\n") }, 2, 2, 3},
			{"another directory", func() {
				write("new.jsonl", `{"email":"eve@acme.com"}`+"\n")
				write("policy.yaml", "directory:\n  file: new.jsonl\n")
			}, 3, 2, 1},
			{"a change of that one", func() { write("new.jsonl", `{"email":"eve@acme.com"}`+"\n"+`{"email":"fay@acme.com"}`+"\n") }, 4, 2, 2},
			{"the old one does not matter any more", func() { write("people.csv", "x") }, 4, 2, 2},
			{"an unknown driver", func() { write("policy.yaml", "import: {gogle: {enabled: true}}\n") }, 4, 3, 2},
			{"gone", func() { must(t, os.Remove(filepath.Join(dir, "policy.yaml"))) }, 4, 4, 2},
			{"back", func() { write("policy.yaml", "directory:\n  file: new.jsonl\n") }, 5, 4, 2},
			{"cut off before the directory", func() { write("policy.yaml", "company: {name: acme}\n") }, 5, 5, 2},
			{"a directory that is not there yet", func() { write("policy.yaml", "directory:\n  file: late.jsonl\n") }, 5, 6, 2},
			{"it comes", func() {
				write("late.jsonl", `{"email":"eve@acme.com"}`+"\n"+`{"email":"fay@acme.com"}`+"\n")
				time.Sleep(retryEvery)
			}, 6, 6, 2},
			{"back again", func() { write("policy.yaml", "directory:\n  file: new.jsonl\n") }, 7, 6, 2},
		} {
			step.do()
			time.Sleep(3 * lookEvery)
			synctest.Wait()
			members := 0
			if n := len(got.rules); n > 0 {
				members = len(got.rules[n-1].Policy.Directory.Members)
			}
			if now := fmt.Sprint(len(got.rules), len(got.failed), members); now != fmt.Sprint(step.sets, step.fails, step.members) {
				t.Fatalf("%s: sets, failures, members %s, want %+v\n%s", step.about, now, step, &log)
			}
		}
		// Somebody writes for a while: nothing is read before it has settled.
		time.Sleep(lookEvery / 2)
		for i := range 5 {
			write("new.jsonl", strings.Repeat(`{"email":"eve@acme.com"}`+"\n", i+1))
			time.Sleep(lookEvery)
		}
		write("new.jsonl", `{"email":"gus@acme.com"}`+"\n")
		time.Sleep(3 * lookEvery)
		synctest.Wait()
		if len(got.rules) != 8 || len(got.failed) != 6 {
			t.Errorf("%d sets, %d failures", len(got.rules), len(got.failed))
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
