package deliver

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/schedule"
)

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out", "schedules.jsonl")
	f := NewFile(name)
	deliver := func(id string, revision int) {
		t.Helper()
		if _, err := f.Deliver(t.Context(), schedule.Delivery{Schedule: schedule.Schedule{ID: id, Revision: revision}}); err != nil {
			t.Fatal(err)
		}
	}
	deliver("a", 1)
	deliver("b", 1)
	// A crash in the middle of a line: what was torn comes again, whole.
	torn, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, torn[:len(torn)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	deliver("b", 1)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var whole []string
	for line := range strings.Lines(string(b)) {
		var s schedule.Schedule
		if json.Unmarshal([]byte(line), &s) == nil {
			whole = append(whole, s.ID)
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, whole); diff != "" {
		t.Errorf("whole lines (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: join links are open to others", info.Mode(), err)
	}
}

func TestFileFails(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewFile(dir).Deliver(t.Context(), schedule.Delivery{Schedule: schedule.Schedule{ID: "a"}}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder instead of a file: got %v, want an error that names it", err)
	}
}

func TestLines(t *testing.T) {
	var out strings.Builder
	l := NewLines(&out)
	for revision := range 2 {
		if _, err := l.Deliver(t.Context(), schedule.Delivery{Schedule: schedule.Schedule{ID: "a", Revision: revision + 1}}); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	for line := range strings.Lines(out.String()) {
		var s schedule.Schedule
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Revision)
	}
	if diff := cmp.Diff([]int{1, 2}, got); diff != "" {
		t.Error(diff)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	if _, err := NewLines(w).Deliver(t.Context(), schedule.Delivery{}); err == nil {
		t.Error("nobody reads, and it is done")
	}
}
