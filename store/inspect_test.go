package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	for _, k := range []kind{sqlite, postgres} {
		t.Run(string(k), func(t *testing.T) {
			name := place(t, k)
			in, err := Inspect(t.Context(), name)
			if err != nil || in.Exists != (k == postgres) || in.Version != 0 || in.Newest < 40 {
				t.Errorf("before a daemon: %+v, %v", in, err)
			}
			if _, err := os.Stat(name); k == sqlite && err == nil {
				t.Error("looking has made the file")
			}
			s, err := Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			in, err = Inspect(t.Context(), name)
			if err != nil || !in.Exists || in.Version != in.Newest || in.InUse != (k == sqlite) {
				t.Errorf("beside a daemon: %+v, %v", in, err)
			}
			if _, err := s.write.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, $1)", true); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if in, err := Inspect(t.Context(), name); err == nil || !strings.Contains(err.Error(), "newer syncd") || in.InUse {
				t.Errorf("of a newer version: %+v, %v", in, err)
			}
		})
	}
}

func TestInspectNowhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no database, but long enough to look at"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		file:                            "is damaged",
		filepath.Join(file, "syncd.db"): "not a directory",
		"postgres://syncd:s3cret@127.0.0.1:1/syncd?connect_timeout=2": "can't be reached",
	} {
		if in, err := Inspect(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(in.Name, "s3cret") {
			t.Errorf("%s: %+v, %v", name, in, err)
		}
	}
	if in, err := Inspect(t.Context(), filepath.Join(dir, "a", "b", "syncd.db")); err != nil || in.Exists {
		t.Errorf("in a folder that is to be made: %+v, %v", in, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v is left, %v", left, err)
	}
}
