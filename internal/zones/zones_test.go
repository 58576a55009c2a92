package zones

import (
	"testing"
	_ "time/tzdata" // the same zones on every machine
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		find       string
		name, want string
	}{
		{"iana", "Europe/Berlin", "Europe/Berlin"},
		{"iana", " europe/berlin", "Europe/Berlin"},
		{"iana", "AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"},
		{"iana", "Etc/GMT+5", "Etc/GMT+5"},
		{"iana", "UTC", "UTC"},
		{"iana", "Local", ""},
		{"iana", "", ""},
		{"iana", "../../etc/passwd", ""},
		{"iana", "Mars/Olympus", ""},
		{"windows", "W. Europe Standard Time", "Europe/Berlin"},
		{"windows", "romance standard TIME", "Europe/Paris"},
		{"windows", "UTC", "Etc/UTC"},
		{"windows", "Customized Time Zone", ""},
	} {
		find := IANA
		if c.find == "windows" {
			find = Windows
		}
		got := ""
		if loc, ok := find(c.name); ok {
			got = loc.String()
		}
		if got != c.want {
			t.Errorf("%s(%q) is %q, want %q", c.find, c.name, got, c.want)
		}
	}
}

// TestTable: every zone of the table is one that Go knows.
func TestTable(t *testing.T) {
	if len(windows) < 130 || len(canonical()) < 590 {
		t.Fatalf("the table has %d Windows and %d IANA names", len(windows), len(canonical()))
	}
	for id := range windows {
		if _, ok := Windows(id); !ok {
			t.Errorf("%s is %s, which is not known", id, windows[id])
		}
	}
	for lower, name := range canonical() {
		if loc, ok := IANA(lower); !ok || loc.String() != name {
			t.Errorf("%s is not found", name)
		}
	}
}
