package google

import (
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegoogle"
)

// TestGuide: what an administrator pastes is what the connection asks for later.
func TestGuide(t *testing.T) {
	tenant := fakegoogle.New(now)
	for name, c := range map[string]struct {
		cfg  Config
		want []string
	}{
		"company":    {Config{Domain: "acme.com", Admin: "admin@acme.com", ServiceAccountFile: "key.json"}, []string{"100000000000000000001", "auth/calendar.events.readonly,https://www.googleapis.com/auth/admin.directory.user.readonly", "Google Calendar API, Admin SDK API"}},
		"people":     {Config{Domain: "acme.com", Admin: "ana@acme.com", ServiceAccountFile: "key.json", Roster: rosterPeople, Calendars: calendarsAll}, []string{"auth/directory.readonly", "calendarlist.readonly", "Google Calendar API, People API"}},
		"keyless":    {Config{Domain: "acme.com", Users: []string{"ana@acme.com"}, ServiceAccount: "syncd@p.iam.gserviceaccount.com", CredentialsFile: "c.json"}, []string{"unique id"}},
		"one by one": {byConsent, []string{"openid\nemail\nhttps://www.googleapis.com/auth/calendar.events.readonly", "Web application"}},
	} {
		opened, err := c.cfg.Open(connectors.Env{Account: "acme", HTTP: tenant, Now: now, Log: slog.New(slog.DiscardHandler), Secrets: conntest.NewSecrets(), ReadFile: func(name string) ([]byte, error) {
			if name != "key.json" {
				return nil, fs.ErrNotExist
			}
			return tenant.KeyFile(), nil
		}})
		if err != nil {
			t.Fatal(name, err)
		}
		guide := opened.(connectors.Guided).Guide()
		var says strings.Builder
		for _, s := range guide.Steps {
			says.WriteString(s.Says + "\n")
			for _, p := range s.Paste {
				says.WriteString(p.Value + "\n" + p.Hint + "\n")
				if strings.Contains(p.Value, "PRIVATE") {
					t.Errorf("%s: it shows the key", name)
				}
			}
		}
		for _, want := range c.want {
			if !strings.Contains(says.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, says.String())
			}
		}
	}
}
