package whatif

import (
	"testing"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

// TestDiffer: what counts is what is recorded, which may be held, and everything that a recorder goes by.
func TestDiffer(t *testing.T) {
	yes := eligibility.Decision{Record: true, Owner: "ana@acme.com", Provider: "zoom", Capture: []string{"bot"}, OnBehalfOf: []string{"ana@acme.com"}}
	other := yes
	other.OnBehalfOf = []string{"ana@acme.com", "bo@acme.com"}
	held := engine.Decision{Held: &yes}
	for _, c := range []struct {
		about         string
		before, after engine.Decision
		want          string
	}{
		{"nothing", engine.Decision{Decision: yes}, engine.Decision{Decision: yes}, ""},
		{"held and still held", held, held, ""},
		{"held, and not any more", held, engine.Decision{}, Stops},
		{"held, and recorded in earnest", held, engine.Decision{Decision: yes}, ""},
		{"held by the new one alone", engine.Decision{}, held, Starts},
		{"for whom", engine.Decision{Decision: yes}, engine.Decision{Decision: other}, Changes},
	} {
		if d, differs := differ(c.before, c.after); d.Change != c.want || differs != (c.want != "") {
			t.Errorf("%s: %q, %v", c.about, d.Change, differs)
		}
	}
}
