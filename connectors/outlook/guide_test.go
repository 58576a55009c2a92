package outlook

import (
	"slices"
	"strings"
	"testing"
)

// TestGuide: what an administrator grants is what the connection asks for later.
func TestGuide(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"everybody":  {Config{Tenant: "acme.com", ClientID: "id"}, "Calendars.Read\nUser.Read.All"},
		"a group":    {Config{Tenant: "acme.com", ClientID: "id", Group: "g"}, "Calendars.Read\nUser.Read.All\nGroupMember.Read.All"},
		"some":       {Config{Tenant: "acme.com", ClientID: "id", Users: []string{"eve@acme.com"}}, "Calendars.Read"},
		"directory":  {Config{Tenant: "acme.com", ClientID: "id", Roster: rosterDirectory}, "Calendars.Read"},
		"one by one": {Config{Tenant: "acme.com", ClientID: "id", Permissions: permissionsDelegated}, "openid\nprofile\nemail\noffline_access\nCalendars.Read"},
	} {
		var pasted []string
		conn := &connector{cfg: c.cfg, cloud: c.cfg.where()}
		for _, s := range conn.Guide().Steps {
			for _, p := range s.Paste {
				pasted = append(pasted, p.Value)
			}
		}
		if !slices.Contains(pasted, c.want) || !slices.Contains(pasted, "id") {
			t.Errorf("%s: %q", name, pasted)
		}
		for i, scope := range conn.oauth("").Scopes { // with their resource
			if !strings.HasSuffix(scope, conn.delegatedScopes()[i]) {
				t.Errorf("%s is asked for, %s is in the guide", scope, conn.delegatedScopes()[i])
			}
		}
	}
}
