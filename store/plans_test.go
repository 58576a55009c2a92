package store

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPlans: what is asked for is looked up in an index, a list at the place where it goes on.
func TestPlans(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "syncd.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files, err := filepath.Glob("queries/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, text...)
	}
	// Few enough, asked once, or asked once in a while by all together.
	whole := map[string]bool{
		"Tokens": true, "CountSources": true, "UnwordedDecisions": true, "UnindexedSchedules": true,
		"SourcesByConnection": true, "SourcesReadSince": true,
		"Sources": true, "Schedules": true, "Decisions": true, // by name
		"Progress":    true,                                                                       // one end of an index
		"TidyLetters": true, "CountCalendars": true, "CountMeetings": true, "CountFailures": true, // once in a while
		"SourcesOfPerson": true, "EndedWithPerson": true, "UpcomingWithPerson": true, "LettersWithPerson": true, "CountSignalsOfPerson": true, // when somebody is forgotten
	}
	comment, argument, embedded := regexp.MustCompile(`(?m)^-- .*\n`), regexp.MustCompile(`sqlc\.arg\((\w+)\)`), regexp.MustCompile(`sqlc\.embed\((\w+)\)`)
	lists := 0
	for _, text := range strings.Split(string(b), "-- name: ")[1:] {
		name, query, _ := strings.Cut(text, "\n")
		name, _, _ = strings.Cut(name, " ")
		query = strings.TrimSuffix(strings.TrimSpace(comment.ReplaceAllString(query, "")), ";")
		if !strings.HasPrefix(query, "SELECT") || whole[name] {
			continue
		}
		rows, err := s.write.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+embedded.ReplaceAllString(argument.ReplaceAllString(query, "?1"), "$1.*"), "x")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(plan, "; ")
		if regexp.MustCompile(`SCAN (meeting|schedule|decisions|outbox|sources|letters|copies|tokens|sessions|messages|signals|m |f$|i$|p$|t$)`).MatchString(all) {
			t.Errorf("%s reads a whole table: %s", name, all)
		}
		if strings.Contains(query, ") > (") {
			lists++
			if !strings.Contains(all, "start_at,") {
				t.Errorf("%s does not go on where it is to: %s", name, all)
			}
		}
	}
	if lists < 8 {
		t.Errorf("only %d lists were looked at", lists)
	}
}
