package demo

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

const ana = "ana@acme.com"

// harness is a file in memory.
type harness struct{ meetings map[string]conntest.Meeting }

func (h *harness) file() []byte {
	var b bytes.Buffer
	for _, uid := range slices.Sorted(maps.Keys(h.meetings)) {
		for _, e := range h.meetings[uid].Occurrences() {
			e.Ref = calendar.Ref(e.Key())
			line, err := json.Marshal(calendar.Copy{Source: calendar.Source{Driver: "any", Calendar: ana, Primary: true}, Event: e})
			if err != nil {
				panic(err)
			}
			b.Write(append(line, '\n'))
		}
	}
	if b.Len() == 0 { // a calendar is known by its lines alone
		b.WriteString(`{"source":"any","calendar":"` + ana + `","id":"old","uid":"old","start":"2001-01-01"}` + "\n")
	}
	return b.Bytes()
}

func open(t *testing.T, read func(string) ([]byte, error), log *slog.Logger) connectors.Connector {
	t.Helper()
	c := &Config{File: "events.jsonl"}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	conn, err := c.Open(connectors.Env{Account: "demo", ReadFile: read, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func (h *harness) Connector(t *testing.T) connectors.Connector {
	return open(t, func(string) ([]byte, error) { return h.file(), nil }, slog.New(slog.DiscardHandler))
}
func (h *harness) Source() calendar.Source { return calendar.NewSource("demo", "demo", ana) }
func (h *harness) Put(m conntest.Meeting)  { h.meetings[m.UID] = m }
func (h *harness) Delete(uid string)       { delete(h.meetings, uid) }
func (h *harness) ExpireCursors()          {}
func (h *harness) Throttle(time.Duration)  {}
func (h *harness) Revoke()                 {}
func (h *harness) Restore()                {}

func TestConformance(t *testing.T) {
	conntest.Run(t, conntest.Options{NoExpiry: true, NoRefusal: true}, func(*testing.T) conntest.Harness {
		return &harness{map[string]conntest.Meeting{}}
	})
}

func TestBrokenLine(t *testing.T) {
	const file = `{"source":"x","calendar":"ana@acme.com","id":"1","uid":"u1","start":"2026-11-24T10:00:00Z","end":"2026-11-24T11:00:00Z"}
{"source":"x","calendar":"ana@acme.com","id":"2",
{"source":"x","calendar":"ana@acme.com","id":"3","uid":"u3","colour":"red"}
`
	var log bytes.Buffer
	conn := open(t, func(string) ([]byte, error) { return []byte(file), nil }, slog.New(slog.NewTextHandler(&log, nil)))
	p, err := conn.Pull(t.Context(), calendar.NewSource("demo", "demo", ana), "", conntest.Horizon)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Events) != 1 || p.Last {
		t.Errorf("got %d events and Last %v; want the good line alone, and nothing swept for the others", len(p.Events), p.Last)
	}
	for _, want := range []string{"events.jsonl:2: the JSON object is torn off", `events.jsonl:3: unknown field \"colour\"`} {
		if !strings.Contains(log.String(), strings.ReplaceAll(want, `\"`, `\\\"`)) && !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, &log)
		}
	}
}

func TestMissingFile(t *testing.T) {
	conn := open(t, func(string) ([]byte, error) { return nil, fs.ErrNotExist }, slog.New(slog.DiscardHandler))
	if _, err := conn.Sources(t.Context(), nil); err == nil || !strings.Contains(err.Error(), `the setting "file"`) {
		t.Errorf("got %v, want an error that names the setting", err)
	}
}
