package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/serve/tokens"
)

// rowsOf are all rows but those of the job queue and the migrations.
func rowsOf(t *testing.T, name string) (rows []string) {
	t.Helper()
	s, err := Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for line := range strings.Lines(dump(t, s)) {
		if !regexp.MustCompile(`^(river|goose|sqlite)_`).MatchString(line) {
			rows = append(rows, line)
		}
	}
	slices.Sort(rows)
	return rows
}

// filled is the place of a store that has a bit of everything.
func filled(t *testing.T, k kind) string {
	t.Helper()
	name := place(t, k)
	s, err := Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutSources(t.Context(), []calendar.Source{ana}, now); err != nil {
		t.Fatal(err)
	}
	showAll(t, s)
	letter := connectors.Letter{ID: "l", Sender: "pat@globex.com", Received: now, State: connectors.LetterHeld, News: []connectors.News{{Meeting: "m", Event: event("x", 5)}}}
	if err := s.PutLetters(t.Context(), ana.ID, []connectors.Letter{letter}); err != nil {
		t.Fatal(err)
	}
	if err := s.Signals().Say(t.Context(), skip("soon", "ana@acme.com", now)); err != nil {
		t.Fatal(err)
	}
	if err := s.Vault(newKeys(t), func() time.Time { return now }).Secrets("google:acme.com").Keep(t.Context(), "ana@acme.com", "refresh"); err != nil {
		t.Fatal(err)
	}
	if err := s.Tokens().Put(t.Context(), tokens.Token{ID: "one", Hash: tokens.Hash("x"), Scopes: tokens.All(), MadeAt: now}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ServeKey(t.Context(), "cursors"); err != nil {
		t.Fatal(err)
	}
	for _, m := range taken(t, s, 1, now) {
		if err := s.Delivered(t.Context(), m, engine.DeliveryReport{At: now, Note: "bot 1"}); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// TestCopy: all that a store holds is in the copy, of whatever kind both are.
func TestCopy(t *testing.T) {
	for _, from := range []kind{sqlite, postgres} {
		first := filled(t, from)
		want := rowsOf(t, first)
		for _, via := range []kind{sqlite, postgres} {
			t.Run(string(from+" to "+via), func(t *testing.T) {
				second, third := place(t, via), place(t, from)
				counted := map[string]int64{}
				for _, way := range [][2]string{{first, second}, {second, third}} {
					if err := Copy(t.Context(), way[0], way[1], func(table string, rows int64) { counted[table] += rows }); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(want, rowsOf(t, third)); diff != "" {
					t.Errorf("there and back (-want +got):\n%s", diff)
				}
				for _, table := range []string{"sources", "copies", "decisions", "schedules", "revisions", "messages", "notes", "letters", "signals", "secrets", "tokens", "serve_keys", "meeting_words"} {
					if counted[table] < 2 {
						t.Errorf("%d rows of %s were copied", counted[table], table)
					}
				}
				err := Copy(t.Context(), first, second, func(table string, _ int64) { t.Errorf("%s was copied again", table) })
				if !errors.Is(err, errNotEmpty) {
					t.Errorf("into a store that has something: %v", err)
				}
			})
		}
	}
	nothing := func(table string, _ int64) { t.Errorf("%s was copied", table) }
	if err := Copy(t.Context(), filepath.Join(t.TempDir(), "none.db"), place(t, sqlite), nothing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("from nowhere: %v", err)
	}
	busy := filled(t, sqlite)
	s, err := Open(t.Context(), busy)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := Copy(t.Context(), busy, place(t, sqlite), nothing); !errors.Is(err, errLocked) {
		t.Errorf("while a daemon works on it: %v", err)
	}
}
