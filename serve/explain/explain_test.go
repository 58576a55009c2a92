package explain

import (
	"testing"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/linkparse"
)

// TestLeadsTo: ids are a provider's own.
func TestLeadsTo(t *testing.T) {
	d := engine.Decision{Decision: eligibility.Decision{Provider: "teams", MeetingID: "19:meeting_x@thread.v2", CallKeys: []string{"24222063733590"}}}
	for provider, want := range map[string]bool{"teams": true, "zoom": false} {
		if got := leadsTo(linkparse.Link{Provider: provider, MeetingID: "24222063733590"}, d); got != want {
			t.Errorf("%s: %v", provider, got)
		}
	}
}
