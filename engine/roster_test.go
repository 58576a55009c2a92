package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/store"
)

// byDirectory is a connection without a roster of its own: it reads the directory's members.
type byDirectory struct {
	*tenant
	asked *[]string
}

func (b byDirectory) Sources(_ context.Context, users []string) ([]calendar.Source, error) {
	*b.asked = append(*b.asked, strings.Join(users, " "))
	var all []calendar.Source
	for _, u := range users {
		if l := b.log(u); l != nil {
			all = append(all, l.source)
		}
	}
	return all, nil
}

// TestDirectoryAsRoster: a new member's calendar is read at once, without waiting for the next roster; a change
// that leaves the members as they are asks for none.
func TestDirectoryAsRoster(t *testing.T) {
	d := newDaemon(t, "ana@acme.com", "bo@acme.com")
	all := d.policy.Directory.Members
	d.policy.Directory.Members = slices.Clone(all[:1])
	d.tn.log("bo@acme.com").put(call("u1", "91234567890", 48, "joe@globex.com"))
	var asked []string
	d.connector = byDirectory{d.tn, &asked}
	err := d.session(func(e *engine.Engine, st *store.Store) error {
		pass := func(want int) {
			t.Helper()
			d.now = d.now.Add(time.Second)
			if err := e.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			sources, err := st.Sources(t.Context())
			if err != nil || len(sources) != want {
				t.Errorf("%d calendars are read, want %d (%v)", len(sources), want, err)
			}
		}
		rules := func(members []eligibility.Member) engine.Rules {
			p := *d.policy
			p.Directory.Members = members
			return engine.Rules{Policy: &p, Directory: eligibility.NewDirectory(members)}
		}
		pass(1)
		e.SetRules(rules(all))
		pass(2)
		e.SetRules(rules(all))
		pass(2)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ana@acme.com", "ana@acme.com bo@acme.com"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}
