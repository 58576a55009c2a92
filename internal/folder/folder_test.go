package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCanMake(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "new"), filepath.Join(dir, "a", "b", "new"), file} {
		if err := CanMake(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CanMake(filepath.Join(file, "new")); err == nil || !strings.Contains(err.Error(), "no file can be made in "+file+": let syncd write to it") {
		t.Errorf("below a file: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
