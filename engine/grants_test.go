package engine_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// granting is a tenant whose users let us in one by one. It notes whose calendars are pulled.
type granting struct {
	*tenant
	granted map[string]bool
	listed  [][]string
	pulled  []string
}

func (g *granting) Sources(ctx context.Context, users []string) ([]calendar.Source, error) {
	g.listed = append(g.listed, users)
	all, err := g.tenant.Sources(ctx, users)
	return slices.DeleteFunc(all, func(s calendar.Source) bool {
		return !g.granted[s.Calendar] || len(users) > 0 && !slices.Contains(users, s.Calendar)
	}), err
}

func (g *granting) Pull(ctx context.Context, src calendar.Source, cur connectors.Cursor, w calendar.Window) (connectors.Page, error) {
	g.pulled = append(g.pulled, src.Calendar)
	if !g.granted[src.Calendar] {
		return connectors.Page{}, connectors.ErrAccess
	}
	return g.tenant.Pull(ctx, src, cur, w)
}

// TestLook: who lets us in, or does so again, is read in the next pass, and nobody else because of it.
func TestLook(t *testing.T) {
	d := newDaemon(t, "ana@acme.com", "bo@acme.com", "cara@acme.com")
	d.tn.log("ana@acme.com").put(call("u1", "91234567890", 100, "joe@globex.com"))
	g := &granting{tenant: d.tn, granted: map[string]bool{"bo@acme.com": true}}
	d.connector = g
	err := d.session(func(e *engine.Engine, st *store.Store) error {
		for _, step := range []struct {
			about string
			do    func()
			want  []string // whose calendars are pulled
		}{
			{"the first pass", func() {}, []string{"bo@acme.com"}},
			{"nothing new", func() {}, nil},
			{"a user", func() { g.granted["ana@acme.com"] = true; e.Look("google:acme.com", "ana@acme.com") }, []string{"ana@acme.com"}},
			{"one whose grant is over", func() { g.granted["ana@acme.com"] = false; e.Look("google:acme.com", "ana@acme.com") }, []string{"ana@acme.com"}},
			{"refused, and left alone", func() {}, nil},
			{"one who consents again", func() { g.granted["ana@acme.com"] = true; e.Look("google:acme.com", "ana@acme.com") }, []string{"ana@acme.com"}},
			{"one who did not consent", func() { e.Look("google:acme.com", "cara@acme.com") }, nil},
			{"another connection's", func() { e.Look("google:other.example", "ana@acme.com") }, nil},
			{"nobody", func() { e.Look("google:acme.com") }, nil},
		} {
			g.pulled = nil
			step.do()
			if err := e.Pass(t.Context()); err != nil {
				return err
			}
			if diff := cmp.Diff(step.want, slices.Compact(g.pulled)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.about, diff)
			}
		}
		if len(g.listed) != 5 { // everybody's once, then those of whom Look spoke
			t.Errorf("listed: %v", g.listed)
		}
		if live := d.sink.live(d.now); len(live) != 1 {
			t.Errorf("recorded: %v", live)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
