package eligibility

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	negative, lead := Duration(-time.Minute), Duration(time.Minute)
	for _, c := range []struct {
		name   string
		policy Policy
		want   []string // paths
	}{
		{"nothing said", Policy{}, nil},
		{"internal domains", Policy{Company: Company{InternalDomains: []string{"acme.com", "", "@acme.com", "https://acme.com", "*.acme.com", "acme", "ana@acme.com"}}}, []string{
			"company.internal_domains[1]", "company.internal_domains[2]", "company.internal_domains[3]", "company.internal_domains[4]", "company.internal_domains[5]", "company.internal_domains[6]"}},
		{"lead time", Policy{Import: map[string]Import{"coordinator": {LeadTime: &negative}, "google": {LeadTime: &lead}}}, []string{"import.coordinator.lead_time", "import.google.lead_time"}},
		{"meetings", Policy{Recording: Recording{Meetings: "all"}}, []string{"recording.meetings"}},
		{"providers", Policy{Providers: map[string]Provider{"zooom": {}, "zoom": {Status: "bad", Capture: []string{"bot", "robot", "authenticated_bot"}}, "teams": {Capture: []string{"authenticated_bot"}}}}, []string{
			"providers.zoom.status", "providers.zoom.capture[1]", "providers.zoom.capture[2]", "providers.zooom"}},
		{"exclusions", Policy{Exclude: Exclude{Domains: []string{"x y.example"}, Participants: []string{"", "cfo", "cfo@acme.com", "<cfo@acme.com>"}, TitleKeywords: []string{"hr", " ", "…"}}}, []string{
			"exclude.domains[0]", "exclude.participants[0]", "exclude.participants[1]", "exclude.participants[3]", "exclude.title_keywords[1]", "exclude.title_keywords[2]"}},
		{"consent", Policy{Consent: ConsentPolicy{LinkHosts: []string{"join.acme.example", "https://join.acme.example", ""}, Profiles: map[string]ConsentProfile{"emea": {Links: map[string]string{"zoom": "dynamic", "teams": "fixed", "jitsi": "static"}}}}}, []string{
			"consent.link_hosts[1]", "consent.link_hosts[2]", "consent.profiles.emea.links.jitsi", "consent.profiles.emea.links.teams"}},
		{"members", Policy{Directory: Members{Members: []Member{
			{Email: "ana@acme.com", Aliases: []string{"a@acme.com"}},
			{Email: "ANA@acme.com"},
			{Email: "bob@acme.com", Aliases: []string{"A@ACME.COM", "bob"}, Record: "yes", ConsentProfile: "emea"},
			{Email: ""},
			{Email: "eve@acme.com", Aliases: []string{"eve@acme.com"}, ConsentProfile: "default"},
		}}}, []string{
			"directory.members[1].email", "directory.members[2].record", "directory.members[2].consent_profile", "directory.members[2].aliases[0]",
			"directory.members[2].aliases[1]", "directory.members[3].email", "directory.members[4].aliases[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range c.policy.Validate() {
				got = append(got, p.Path)
				if p.Message == "" {
					t.Errorf("%s: no message", p.Path)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDefaults: a policy that was decoded over nothing decides as one that was decoded over NewPolicy.
func TestDefaults(t *testing.T) {
	for _, c := range readCases(t) {
		said := encode(t, c.Policy) // which has absent keys as null
		over := NewPolicy()
		if err := json.Unmarshal([]byte(said), over); err != nil {
			t.Fatal(err)
		}
		copies := c.copies(t)
		want := encode(t, c.decide(copies))
		c.Policy = *over
		if got := encode(t, c.decide(copies)); got != want {
			t.Errorf("%s: %s", c.Case, cmp.Diff(want, got))
		}
	}
}

func TestDirectory(t *testing.T) {
	d := NewDirectory([]Member{{Email: "Ana@Acme.com", Aliases: []string{"ana.perez@acme.com", ""}}, {Email: "bob@acme.com", Aliases: []string{"ana@acme.com"}}, {Email: ""}})
	for email, want := range map[string]string{
		"ana@acme.com": "Ana@Acme.com", " ANA.PEREZ@ACME.COM ": "Ana@Acme.com", "bob@acme.com": "bob@acme.com",
		"ana+list@acme.com": "", "": "", "ana": "",
	} {
		if m, ok := d.Find(email); m.Email != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", email, m.Email, ok)
		}
	}
	if d.withAccess(func([]string) bool { return true }) == d || d.access != nil {
		t.Error("WithAccess changes the directory that others use")
	}
}

func TestDomains(t *testing.T) {
	ds := foldDomains([]string{" Acme.com. ", "", "@globex.com", "münchen.example"})
	for domain, want := range map[string]string{
		"acme.com": "acme.com", "eu.acme.com": "acme.com", "notacme.com": "", "acme.com.example": "", "com": "", "": "",
		"globex.com": "globex.com", "xn--mnchen-3ya.example": "xn--mnchen-3ya.example",
	} {
		if got, ok := ds.hold(domain); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", domain, got, ok)
		}
	}
	for email, want := range map[string]string{"a@b": "b", `"a@b"@C.example.`: "c.example", "a": "", "": "", "a@": ""} {
		if got := domainOf(email); got != want {
			t.Errorf("%q: got %q", email, got)
		}
	}
}
