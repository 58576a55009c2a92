package store

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestBackup: what docs/operate.md says of a copy that is made while a daemon works.
func TestBackup(t *testing.T) {
	s := openKind(t, sqlite)
	var file string
	if err := s.read.QueryRowContext(t.Context(), "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", file) // as another program does
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := other.ExecContext(t.Context(), "VACUUM INTO '"+backup+"'"); err != nil {
		t.Fatal(err)
	}
	restored, err := Open(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	all, err := restored.Sources(t.Context())
	if err != nil || len(all) != 1 || all[0].Calendar != ana.Calendar {
		t.Errorf("the backup has %v, %v", all, err)
	}
}
