package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/syncd/internal/postgrestest"
	"example.com/syncd/store"
)

// TestStoreCopy: who goes on with a copy in PostgreSQL, or back in a file, tells recorders nothing again.
func TestStoreCopy(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "configs"), os.DirFS("../../configs")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "configs", "demo.yaml")
	syncd := func(want int, args ...string) (out, log string) {
		t.Helper()
		var o, l bytes.Buffer
		if code := run(t.Context(), append(args, "--config", file), streams{strings.NewReader(""), &o, &l}); code != want {
			t.Fatalf("%s: exit status %d, want %d\n%s%s", args, code, want, &o, &l)
		}
		return o.String(), l.String()
	}
	told := func() int {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "var", "demo-schedules.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	if _, log := syncd(exitFailed, "store", "copy", filepath.Join(dir, "new.db")); !strings.Contains(log, "there is no store at") {
		t.Errorf("before there is one: %s", log)
	}
	syncd(exitOK, "run", "--once")
	syncd(exitOK, "run", "--once") // the tenants' story is over
	syncd(exitOK, "signal", "skip", "kick-off", "--by", "ana@acme.com")
	before := told()
	at := "../var/demo.db"
	for _, next := range []string{postgrestest.Shared(t).Database(t), filepath.Join(dir, "back.db")} {
		out, log := syncd(exitOK, "store", "copy", next)
		if !strings.HasPrefix(out, "copied ") || !strings.Contains(log, "schedules ") {
			t.Errorf("it says %s%s", out, log)
		}
		if _, log := syncd(exitFailed, "store", "copy", next); !strings.Contains(log, "it is not empty") {
			t.Errorf("once more: %s", log)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte("store: "+at+"\n")) {
			t.Fatalf("the store is not %s:\n%s", at, b)
		}
		if err := os.WriteFile(file, []byte(strings.NewReplacer("store: "+at, "store: "+next, "127.0.0.1:8787\n", "127.0.0.1:0\n").Replace(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
		at = next
		if out, _ := syncd(exitOK, "check"); strings.Contains(out, "each process that shares the store appends to a file of its own") != store.Shared(next) {
			t.Errorf("%s: of the file it says %s", next, out)
		}
		syncd(exitOK, "run", "--once")
		if next != filepath.Join(dir, "back.db") {
			before++ // what was skipped is cancelled, once
		}
		if n := told(); n != before {
			t.Errorf("%s: %d lines were told, want %d", next, n, before)
		}
	}
	if out, _ := syncd(exitOK, "explain", "kick-off"); !strings.Contains(out, "ana@acme.com asked at") {
		t.Errorf("what was said is lost:\n%s", out)
	}
}
