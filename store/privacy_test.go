package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/store/db"
)

// dump is every row of every table.
func dump(t *testing.T, s *Store) string {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if s.pool != nil {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	column := func(query string) (all []string) {
		rows, err := s.read.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			var line []string
			for _, v := range values {
				switch v := (*v.(*any)).(type) {
				case []byte:
					line = append(line, string(v))
				default:
					line = append(line, fmt.Sprint(v))
				}
			}
			all = append(all, strings.Join(line, " | "))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	var b strings.Builder
	tables := column(query)
	if len(tables) < 15 {
		t.Fatalf("only the tables %v", tables)
	}
	for _, table := range tables {
		for _, row := range column("SELECT * FROM " + table) {
			fmt.Fprintf(&b, "%s: %s\n", table, row)
		}
	}
	return b.String()
}

// with is a meeting of ana's with somebody, hours from now.
func with(ref, guest string, hours int) calendar.Event {
	e := event(ref, hours)
	e.Attendees = []calendar.Attendee{{Email: "ana@acme.com"}, {Email: guest, Name: "Ga_by 100%"}}
	return e
}

func TestForget(t *testing.T) {
	for _, k := range []kind{sqlite, postgres} {
		t.Run(string(k), func(t *testing.T) {
			name := place(t, k)
			s, err := Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			const gaby, gabi = "ga_by@acme.com", "gaXby@acme.com" // the second is somebody else
			own := calendar.NewSource("google", "acme.com", gaby)
			if err := s.PutSources(t.Context(), []calendar.Source{ana, own}, now); err != nil {
				t.Fatal(err)
			}
			apply := func(src calendar.SourceID, events ...calendar.Event) {
				t.Helper()
				letter := connectors.Letter{ID: "l" + string(src), Sender: gaby, Received: now.Add(-99 * time.Hour), State: connectors.LetterUnused}
				if _, err := s.Apply(t.Context(), src, "", "r", connectors.Page{Events: events, Next: "a", Letters: []connectors.Letter{letter}}, now); err != nil {
					t.Fatal(err)
				}
			}
			apply(ana.ID, with("past", gaby, -30), with("other", gabi, -30), with("ahead", gaby, 30))
			apply(own.ID, with("mine", "joe@globex.com", -30), with("minetoo", "joe@globex.com", 30))
			for range 2 { // the meeting that ended was recorded, and is told of
				err = nil
				if _, err := s.Decide(t.Context(), basis(t, s), 100, now.Add(-31*time.Hour), func(tx engine.Tx) error {
					d := decision(string(tx.Key()), "1"+string(tx.Key()))
					m, err := tx.Meeting()
					if err != nil || len(m.Copies) == 0 {
						return err
					}
					d.Start, d.End, d.Owner = m.Copies[0].Start.Time, m.Copies[0].End.Time, gaby
					if string(tx.Key()) == "uother" {
						d.Owner = gabi
					}
					if err := tx.PutDecision(d); err != nil {
						return err
					}
					sch := schedule.Schedule{ID: "rec_" + string(tx.Key()), Revision: 1, Meetings: []calendar.Key{tx.Key()}, Start: d.Start, End: d.End, Owner: d.Owner}
					if err := tx.PutSchedule(sch, now); err != nil {
						return err
					}
					return tx.Tell("recorder", sch, now)
				}); err != nil {
					t.Fatal(err)
				}
			}
			vault := s.Vault(newKeys(t), func() time.Time { return now })
			if err := vault.Secrets("google:acme.com").Keep(t.Context(), gaby, "refresh"); err != nil {
				t.Fatal(err)
			}
			kept := s.Sessions(func() time.Time { return now })
			for _, person := range []string{gaby, gabi} {
				text := `{"email":"` + person + `","seen":1}`
				data, err := scs.GobCodec{}.Encode(now.Add(200*time.Hour), map[string]any{"person": []byte(text)})
				if err != nil {
					t.Fatal(err)
				}
				if err := kept.CommitCtx(t.Context(), "session of "+person[:4], data, now.Add(200*time.Hour)); err != nil {
					t.Fatal(err)
				}
				token := tokens.Token{ID: "of " + person[:4], Hash: tokens.Hash(person), Scopes: tokens.All(), Email: strings.ToUpper(person), MadeAt: now}
				if err := s.Tokens().Put(t.Context(), token); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.Contains(dump(t, s), gaby) {
				t.Fatal("nobody is known")
			}
			f, err := Forget(t.Context(), name, " Ga_By@ACME.com", now)
			if err != nil {
				t.Fatal(err)
			}
			if f.Calendars != 1 || f.Grants != 1 || f.Letters == 0 || f.Meetings < 1 || f.Upcoming != 1 || f.Tokens != 1 || f.Sessions != 1 {
				t.Errorf("taken out: %+v", f)
			}
			for line := range strings.Lines(dump(t, s)) {
				if strings.Contains(strings.ToLower(line), gaby) && !strings.Contains(line, "ahead") && !strings.Contains(line, "minetoo") {
					t.Errorf("still there: %s", line)
				}
			}
			if all := dump(t, s); !strings.Contains(all, gabi) || !strings.Contains(all, "uahead") || !strings.Contains(all, "session of gaXb") || !strings.Contains(all, "of gaXb") {
				t.Error("somebody else is gone, or a meeting to come")
			}
			if keys := undecidedOf(t, s); len(keys) == 0 {
				t.Error("what stood on the calendar is not decided anew")
			}
			if _, err := Forget(t.Context(), name, gaby, now.Add(99*time.Hour)); err != nil {
				t.Fatal(err)
			}
			if all := strings.ToLower(dump(t, s)); strings.Contains(all, gaby) {
				t.Errorf("when all has ended: %s", all)
			}
		})
	}
}

// TestTidy: what has ended leaves when its time has come, all that has to do with it, and nothing else.
func TestTidy(t *testing.T) { both(t, testTidy) }

func testTidy(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	timeless := calendar.Event{Ref: "no", UID: "utimeless"}.Distil(calendar.Reading{})
	page := connectors.Page{Events: []calendar.Event{event("old", -50), event("new", -1), event("ahead", 20), timeless}, Next: "a"}
	old := connectors.Letter{ID: "old", State: connectors.LetterAccepted, Received: now.Add(-60 * time.Hour), News: []connectors.News{{Meeting: "m", Ends: now.Add(-50 * time.Hour), Event: event("x", -50)}}}
	moved := connectors.Letter{ID: "moved", State: connectors.LetterAccepted, Received: now.Add(-60 * time.Hour), News: []connectors.News{{Meeting: "n", Ends: now.Add(-50 * time.Hour), Event: event("y", -50)}}}
	first := connectors.Letter{ID: "first", State: connectors.LetterAccepted, Received: now.Add(-70 * time.Hour), News: []connectors.News{{Meeting: "n", Ends: now.Add(50 * time.Hour), Event: event("y", 50)}}}
	endless := connectors.Letter{ID: "endless", State: connectors.LetterAccepted, Received: now.Add(-60 * time.Hour), News: []connectors.News{{Meeting: "o", Event: event("z", -50)}}}
	page.Letters = []connectors.Letter{old, moved, first, endless}
	if _, err := s.Apply(t.Context(), ana.ID, "", "r", page, now); err != nil {
		t.Fatal(err)
	}
	decideAll(t, s)
	for _, m := range []struct {
		key   string
		hours int
	}{{"uold", -50}, {"unew", -1}, {"uahead", 20}} {
		d := decision(m.key, m.key)
		d.Start = now.Add(time.Duration(m.hours) * time.Hour)
		d.End = d.Start.Add(time.Hour)
		if err := decide(t, s, d.Meeting, func(tx engine.Tx) error {
			if err := tx.PutDecision(d); err != nil {
				return err
			}
			sch := schedule.Schedule{ID: "rec_" + m.key, Revision: 1, Meetings: []calendar.Key{d.Meeting}, Start: d.Start, End: d.End}
			if err := tx.PutSchedule(sch, now); err != nil {
				return err
			}
			return tx.Tell("recorder", sch, now)
		}); err != nil {
			t.Fatal(err)
		}
	}
	tidy := func() {
		t.Helper()
		for more := true; more; {
			var err error
			if more, err = s.Tidy(t.Context(), now.Add(-24*time.Hour), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	tidy()
	if all := dump(t, s); !strings.Contains(all, "rec_uold") {
		t.Error("a message that is not delivered yet has left")
	}
	for _, m := range taken(t, s, 10, now) {
		if err := s.Delivered(t.Context(), m, engine.DeliveryReport{At: now, Note: "n" + m.Schedule.ID}); err != nil {
			t.Fatal(err)
		}
	}
	tidy()
	all := dump(t, s)
	for line := range strings.Lines(all) {
		if strings.Contains(line, "uold") || strings.Contains(line, "letters: "+string(ana.ID)+" | old") {
			t.Errorf("still there: %s", line)
		}
	}
	for _, kept := range []string{"rec_unew", "rec_uahead", "utimeless", "| moved", "| first", "| endless"} {
		if !strings.Contains(all, kept) {
			t.Errorf("%s has left", kept)
		}
	}
	if _, err := db.New(s.read).Decision(t.Context(), "unew"); err != nil {
		t.Error(err)
	}
}
