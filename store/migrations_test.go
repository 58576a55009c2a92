package store

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/internal/postgrestest"
)

// released is the last migration of the first version that several processes could run on one store. From there on
// migrations add, and take nothing away that a process of the version before may use.
const released = 21

// takesAway is what a migration does that processes of the version before can't live with.
var takesAway = regexp.MustCompile(`(?i)\b(drop\s+(table|column)|rename|alter\s+column|truncate|delete\s+from|set\s+not\s+null)\b|add\s+column[^;]*not\s+null(?:[^;]*)`)

// faults of a migration, as far as its text tells.
func faults(up string) (all []string) {
	for _, statement := range strings.Split(up, ";") {
		for _, found := range takesAway.FindAllString(statement, -1) {
			if strings.HasPrefix(strings.ToLower(found), "add") && strings.Contains(strings.ToLower(statement), "default") {
				continue // the version before inserts rows without it
			}
			all = append(all, found)
		}
	}
	return all
}

func TestMigrationsOnlyAdd(t *testing.T) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		digits, _, _ := strings.Cut(f.Name(), "_")
		n, err := strconv.Atoi(digits)
		if err != nil {
			t.Errorf("%s has no number: %v", f.Name(), err)
		}
		if n <= released {
			continue
		}
		text, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		if found := faults(up); len(found) > 0 {
			t.Errorf("%s: processes of the version before go on working while it is applied: %q", f.Name(), found)
		}
	}
	for text, want := range map[string]int{
		"CREATE TABLE a (b BIGINT NOT NULL);":                  0,
		"ALTER TABLE a ADD COLUMN c TEXT NOT NULL DEFAULT '';": 0,
		"ALTER TABLE a ADD COLUMN c TEXT;":                     0,
		"CREATE INDEX x ON a (b);":                             0,
		"ALTER TABLE a ADD COLUMN c TEXT NOT NULL;":            1,
		"DROP TABLE a;": 1,
		"alter table a drop column b; ALTER TABLE a RENAME COLUMN b TO c;": 2,
		"DELETE FROM a; INSERT INTO a VALUES (1);":                         1,
		"ALTER TABLE a ALTER COLUMN b TYPE TEXT":                           1,
	} {
		if got := faults(text); len(got) != want {
			t.Errorf("%s: found %q", text, got)
		}
	}
}

// TestMigrationsStay: there are stores that a migration has made as it was, and nobody migrates them again.
func TestMigrationsStay(t *testing.T) {
	b, err := os.ReadFile("testdata/migrations.sha256")
	if err != nil {
		t.Fatal(err)
	}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		switch line := fmt.Sprintf("%x  %s\n", sha256.Sum256(text), f.Name()); {
		case strings.Contains(string(b), line):
		case strings.Contains(string(b), f.Name()):
			t.Errorf("%s is not what it was: write another migration", f.Name())
		default:
			t.Errorf("%s is new: add to testdata/migrations.sha256\n%s", f.Name(), line)
		}
	}
}

// TestUpgradeUnderWay: a newer process migrates while an older one works, which goes on, and may be started again if the
// newer one's tables allow for it.
func TestUpgradeUnderWay(t *testing.T) {
	for _, k := range []kind{sqlite, postgres} {
		t.Run(string(k), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "syncd.db")
			if k == postgres {
				name = postgrestest.Shared(t).Database(t)
			}
			old, err := Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := old.PutSources(t.Context(), []calendar.Source{ana}, now); err != nil {
				t.Fatal(err)
			}
			cur := connectors.Cursor("")
			work := func(n int) {
				t.Helper()
				next := connectors.Cursor(fmt.Sprint("c", n))
				if _, err := old.Apply(t.Context(), ana.ID, cur, "r", connectors.Page{Events: []calendar.Event{event(fmt.Sprint(n), n)}, Next: next}, now); err != nil {
					t.Fatal(err)
				}
				cur = next
				if _, err := old.Decide(t.Context(), basis(t, old), 9, now, step(decision(fmt.Sprint("u", n), fmt.Sprint(n)))); err != nil {
					t.Fatal(err)
				}
				for _, m := range taken(t, old, 9, now) {
					if err := old.Delivered(t.Context(), m, engine.DeliveryReport{At: now}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := old.Sources(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			work(1)
			for _, statement := range []string{ // what a newer version might do
				"ALTER TABLE sources ADD COLUMN newer TEXT NOT NULL DEFAULT ''", "ALTER TABLE messages ADD COLUMN newer BIGINT NOT NULL DEFAULT 7",
				"ALTER TABLE decisions ADD COLUMN newer TEXT", "CREATE TABLE newer (id BIGINT PRIMARY KEY)",
				"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)",
			} {
				if _, err := old.write.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			work(2)
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err := Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), "newer syncd") {
				if err == nil {
					s.Close()
				}
				t.Fatalf("a store that may not be worked on by this version: %v", err)
			}
			d, err := connect(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.write.ExecContext(t.Context(), "INSERT INTO settings (name, value) VALUES ('oldest', '6')"); err != nil {
				t.Fatal(err)
			}
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
			if old, err = Open(t.Context(), name); err != nil {
				t.Fatalf("one that may be: %v", err)
			}
			defer old.Close()
			work(3)
		})
	}
}
