package outlook

import (
	"errors"
	"strings"
	"testing"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

// TestRosters: everybody enabled, a group with those in it, or the directory, as far as their domains count.
func TestRosters(t *testing.T) {
	const old, ext = "old@acme.co.uk", "zed@acme.de"
	directory := []string{"Finn@acme.co.uk", ext, "joe@globex.com"}
	for _, test := range []struct {
		about string
		cfg   Config
		want  string
	}{
		{"all", Config{}, "eve@acme.co.uk finn@acme.co.uk old@acme.co.uk room1@acme.co.uk zed@acme.de"},
		{"a domain", Config{Domains: []string{"ACME.de"}}, ext},
		{"a group", Config{Group: "G"}, "eve@acme.co.uk finn@acme.co.uk"},
		{"the directory", Config{Roster: rosterDirectory}, "finn@acme.co.uk zed@acme.de joe@globex.com"},
		{"its domains", Config{Roster: rosterDirectory, Domains: []string{"acme.co.uk", "acme.de"}}, "finn@acme.co.uk zed@acme.de"},
		{"a group's, of the directory", Config{Roster: rosterDirectory, Group: "G"}, "finn@acme.co.uk"},
		{"named", Config{Users: []string{"Eve@acme.co.uk", eve}}, eve},
	} {
		tn := tenant()
		tn.SetUser(fakegraph.User{Email: ext})
		tn.SetUser(fakegraph.User{Email: "gus@globex.com", Guest: true})
		inner := tn.SetGroup(fakegraph.Group{Name: "Inner", Members: []string{"finn@acme.co.uk", "zoe@acme.co.uk", "gus@globex.com"}})
		outer := tn.SetGroup(fakegraph.Group{Name: "Outer", Members: []string{eve, inner, "finn@acme.co.uk"}})
		if test.cfg.Group != "" {
			test.cfg.Group = outer
		}
		tn.RosterPage = 2
		test.cfg.ClientSecretFile = "f"
		sources, err := with(t, test.cfg, tn, files{"f": []byte(fakegraph.ClientSecret)}, nil).Sources(t.Context(), directory)
		if err != nil {
			t.Errorf("%s: %v", test.about, err)
			continue
		}
		var got []string
		for _, s := range sources {
			got = append(got, s.Calendar)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s", test.about, got, test.want)
		}
	}
}

// TestRosterRefused: what an application without the permissions is told.
func TestRosterRefused(t *testing.T) {
	for _, test := range []struct {
		roles []string
		group bool
		want  string
	}{
		{[]string{"Calendars.Read"}, false, "User.Read.All"},
		{[]string{"Calendars.Read", "User.Read.All"}, true, "GroupMember.Read.All"},
		{[]string{"Calendars.Read", "GroupMember.Read.All"}, true, "its 1 members come without addresses; grant the application User.Read.All"},
	} {
		tn := tenant()
		tn.SetApp(fakegraph.App{ID: fakegraph.ClientID, Secret: fakegraph.ClientSecret, Roles: test.roles})
		cfg := Config{ClientSecretFile: "f"}
		if test.group {
			cfg.Group = tn.SetGroup(fakegraph.Group{Name: "G", Members: []string{eve}})
		}
		_, err := with(t, cfg, tn, files{"f": []byte(fakegraph.ClientSecret)}, nil).Sources(t.Context(), nil)
		if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "/adminconsent?client_id=") {
			t.Errorf("%v: got %v, want %q", test.roles, err, test.want)
		}
	}
	tn := tenant()
	_, err := with(t, Config{ClientSecretFile: "f", Group: guid}, tn, files{"f": []byte(fakegraph.ClientSecret)}, nil).Sources(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "the user or group does not exist") {
		t.Errorf("got %v", err)
	}
}

// TestOneMailboxRefused: a mailbox that the application may not read costs nobody else theirs.
func TestOneMailboxRefused(t *testing.T) {
	tn := tenant()
	tn.SetUser(fakegraph.User{Email: "finn@acme.co.uk", Restricted: true})
	conn := open(t, Config{}, tn, fakegraph.ClientSecret)
	for user, want := range map[string]error{eve: nil, "finn@acme.co.uk": connectors.ErrAccess, "old@acme.co.uk": connectors.ErrSource} {
		if _, err := conn.Pull(t.Context(), source(user), "", conntest.Horizon); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", user, err, want)
		}
	}
}
