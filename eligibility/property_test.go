package eligibility

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/syncd/calendar"
	"example.com/syncd/linkparse"
)

// What drawn meetings are made of: few values, so that they meet.
var (
	addresses = []string{"ana@acme.com", "Ana.Perez@acme.com", "bob@acme.com", "cfo@acme.com", "dan@acme.com", "team@eu.acme.com",
		"joe@globex.com", "kit@eu.lawfirm.example", "kit+x@lawfirm.example", "c_1@group.calendar.google.com", ""}
	titles = []string{"", "Kick-off", "Interview: Joe", "board\u00a0meeting", "Board Meetings", "新しい面接"}
	links  = []string{"", zoomLink, "https://acme.zoom.us/j/5551234567", "https://teams.microsoft.com/meet/2345678901234?p=abcDEF123456",
		"https://meet.google.com/abc-defg-hij", "https://join.acme.example/acme/ana/5?provider=zoom", "https://join.acme.example/acme/ana?provider=zoom", "https://join.acme.example/acme/ana",
		"https://join.acme.example/globex/joe/5?provider=teams", "https://protect-us.mimecast.com/s/AbCdEfGh?domain=acme.zoom.us"}
	responses = []string{"", calendar.ResponseAccepted, calendar.ResponseTentative, calendar.ResponseDeclined, calendar.ResponseNone}
)

func one[T any](t *rapid.T, name string, from ...T) T { return rapid.SampledFrom(from).Draw(t, name) }

func some[T any](t *rapid.T, name string, from ...T) []T {
	var picked []T
	for i, v := range from {
		if rapid.Bool().Draw(t, fmt.Sprint(name, i)) {
			picked = append(picked, v)
		}
	}
	return picked
}

// programFunc is a Program in Go.
type programFunc func(CustomMeeting) (bool, error)

func (f programFunc) Eval(m CustomMeeting) (bool, error) { return f(m) }

func drawPolicy(t *rapid.T) *Policy {
	p := &Policy{
		Company: Company{Name: one(t, "company", "acme", ""), InternalDomains: some(t, "internal", "acme.com", "globex.com")},
		Import:  map[string]Import{},
		Recording: Recording{
			Meetings: one(t, "meetings", "", RecordableHost, CompanyHost, Anyone), Internal: rapid.Bool().Draw(t, "internal"),
		},
		Providers: map[string]Provider{},
		Exclude: Exclude{
			Domains: some(t, "domains", "lawfirm.example", "globex.com", "acme.com"), Participants: some(t, "participants", "cfo@acme.com", "ana.perez@acme.com", "kit@lawfirm.example"),
			TitleKeywords: some(t, "keywords", "interview", "board meeting", "面接"), Private: one(t, "private", nil, new(true), new(false)),
		},
		Consent: ConsentPolicy{LinkHosts: some(t, "hosts", "join.acme.example"), Profiles: map[string]ConsentProfile{
			"default": {Enforce: rapid.Bool().Draw(t, "enforce")}, "emea": {Enforce: true, Links: map[string]string{linkparse.Zoom: linkparse.Dynamic}}}},
	}
	p.Exclude.Custom = some(t, "custom",
		Custom{Name: "guests", Expression: "participants.size() > 3", Program: programFunc(func(m CustomMeeting) (bool, error) { return len(m.Participants) > 3, nil })},
		Custom{Name: "board", Expression: "title.contains('oard')", Program: programFunc(func(m CustomMeeting) (bool, error) { return strings.Contains(m.Title, "oard"), nil })},
		Custom{Name: "uncompiled", Expression: "false"},
		Custom{Name: "broken", Expression: "1 / 0 == 1", Program: programFunc(func(CustomMeeting) (bool, error) { return false, errors.New("division by zero") })})
	for _, driver := range []string{"google", "outlook", coordinator} {
		p.Import[driver] = Import{Enabled: rapid.Bool().Draw(t, driver), PrimaryOnly: one(t, "primary_only", nil, new(false))}
	}
	for _, provider := range []string{linkparse.Zoom, linkparse.Teams, linkparse.Meet} {
		p.Providers[provider] = Provider{
			Enabled: rapid.Bool().Draw(t, provider), Status: one(t, "status", "", SetupOK, SetupWarning, SetupError),
			Capture: one(t, "capture", nil, []string{}, captureMethods[provider]), AuthenticatedBot: rapid.Bool().Draw(t, "bot"),
		}
	}
	for _, m := range []Member{{Email: "ana@acme.com", Aliases: []string{"ana.perez@acme.com"}}, {Email: "bob@acme.com"}, {Email: "cfo@acme.com"}, {Email: "dan@acme.com"}} {
		m.Seat, m.Record = rapid.Bool().Draw(t, "seat"), one(t, "record", RecordOn, RecordOn, RecordOff, RecordNever)
		m.ConsentProfile = one(t, "profile", "", "emea", "unknown")
		m.Zoom = one(t, "zoom", nil, &ZoomUser{Email: m.Email, Licensed: true, AutoRecording: true, PersonalRooms: []string{"5551234567"}})
		p.Directory.Members = append(p.Directory.Members, m)
	}
	if rapid.Bool().Draw(t, "lenient") { // else next to nothing would be recorded
		p.Recording, p.Exclude, p.Consent.Profiles = Recording{Meetings: Anyone, Internal: true}, Exclude{Private: new(false), Custom: p.Exclude.Custom[:min(1, len(p.Exclude.Custom))]}, nil
		for _, driver := range []string{"google", "outlook", coordinator} {
			p.Import[driver] = Import{Enabled: true, PrimaryOnly: new(false)}
		}
		for _, provider := range []string{linkparse.Zoom, linkparse.Teams, linkparse.Meet} {
			p.Providers[provider] = Provider{Enabled: true}
		}
		for i := range p.Directory.Members {
			m := &p.Directory.Members[i]
			m.Seat, m.Record, m.ConsentProfile = true, RecordOn, ""
		}
	}
	return p
}

func drawAttendee(t *rapid.T) calendar.Attendee {
	return calendar.Attendee{
		Email: one(t, "attendee", addresses...), Name: one(t, "name", "", "Joe", "Kit"), Response: one(t, "response", responses...),
		Kind: one(t, "kind", "", calendar.AttendeePerson, calendar.AttendeeGroup),
	}
}

// drawCopy draws a copy of the meeting "u"; n is the number of those before it.
func drawCopy(t *rapid.T, n int) calendar.Copy {
	driver, owner := one(t, "driver", "google", "google", "outlook", coordinator), one(t, "calendar", addresses[:8]...)
	c := calendar.Copy{
		Source: calendar.Source{
			ID: calendar.NewSourceID(driver, "acme.com", owner), Driver: driver, Account: one(t, "account", "acme.com", "other.example"),
			Calendar: owner, Primary: rapid.Bool().Draw(t, "primary"), NoAccess: rapid.Bool().Draw(t, "no access"),
		},
		Event: calendar.Event{
			Ref: calendar.Ref(fmt.Sprint("r", n)), UID: "u", Kind: one(t, "kind", "", calendar.KindDefault, calendar.KindFocus),
			Status: one(t, "status", "", calendar.StatusConfirmed, calendar.StatusCancelled), Title: one(t, "title", titles...),
			Start: one(t, "start", calendar.At(start), calendar.At(start), calendar.When{Day: "2026-11-24"}, calendar.When{}), End: calendar.At(start.Add(time.Hour)),
			Visibility: one(t, "visibility", "", "", calendar.VisibilityPublic, calendar.VisibilityPrivate, calendar.VisibilityConfidential),
			Organizer:  calendar.Person{Email: one(t, "organizer", addresses...)}, Creator: calendar.Person{Email: one(t, "creator", addresses...)},
			Updated: start.Add(time.Duration(rapid.IntRange(-2, 0).Draw(t, "updated")) * time.Hour), Sequence: rapid.IntRange(0, 2).Draw(t, "sequence"),
			Location: one(t, "location", links...), Description: "<p>" + one(t, "description", links...) + "</p>",
		},
	}
	if driver == coordinator {
		c.Received = one(t, "received", time.Time{}, start.Add(-time.Hour), start.Add(-time.Minute))
	}
	if u := one(t, "conference", links...); u != "" {
		c.Conference = []calendar.Conference{{Kind: "video", URL: u, Owner: one(t, "owner", addresses...)}}
	}
	for range rapid.IntRange(0, 4).Draw(t, "attendees") {
		c.Attendees = append(c.Attendees, drawAttendee(t))
	}
	return c
}

func drawCopies(t *rapid.T) []calendar.Copy {
	var copies []calendar.Copy
	plain := rapid.Bool().Draw(t, "plain")
	for n := range rapid.IntRange(1, 4).Draw(t, "copies") {
		c := drawCopy(t, n)
		if plain {
			c.Kind, c.Status, c.Start, c.Visibility, c.Source.NoAccess = "", "", calendar.At(start), "", false
		}
		copies = append(copies, c)
	}
	return copies
}

func drawSignals(t *rapid.T) []Signal {
	var all []Signal
	for range rapid.IntRange(0, 3).Draw(t, "signals") {
		all = append(all, Signal{
			Meeting: one[calendar.Key](t, "meeting", "u", "u/2026-11-24T10:00:00Z", "v"), Email: one(t, "who", addresses...),
			Signal: one(t, "signal", SignalOptOut, SignalSkip, SignalRecord), At: start.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "at")) * time.Hour),
		})
	}
	return all
}

func decided(copies []calendar.Copy, p *Policy, s []Signal) Decision {
	return Decide(calendar.Merge(copies)[0], p, NewDirectory(p.Directory.Members), s)
}

// traced are the rules that a policy's decisions must list.
func traced(p *Policy) []Rule {
	var all []Rule
	for _, r := range Rules() {
		if r.ID != customRule {
			all = append(all, r)
			continue
		}
		for _, c := range p.Exclude.Custom {
			all = append(all, Rule{ID: "custom:" + c.Name, Setting: r.Setting})
		}
	}
	return all
}

// broken says what is wrong with a decision by p, whatever it is about.
func broken(p *Policy, d Decision) string {
	record, rules := true, traced(p)
	for i, c := range d.Checks {
		bad := c.Status == Fail || c.Status == Warn
		switch {
		case i >= len(rules) || c.Rule != rules[i].ID:
			return fmt.Sprintf("check %d is %s", i, c.Rule)
		case !bad && c.Setting != "":
			return c.Rule + " names a setting, and nothing is wrong"
		case bad && c.Detail == "":
			return c.Rule + " does not say why"
		case bad && (c.Setting == "") != (rules[i].Setting == "") || strings.ContainsAny(c.Setting, "<>"):
			return fmt.Sprintf("%s has the setting %q", c.Rule, c.Setting)
		case strings.Contains(c.Detail, "://") || strings.Contains(c.Detail, "QWxhZGRpbg") || strings.Contains(c.Detail, "abcDEF"):
			return c.Rule + " gives a link away: " + c.Detail
		case c.Status != Pass && c.Status != NotApplicable && !bad:
			return fmt.Sprintf("%s is %q", c.Rule, c.Status)
		}
		record = record && c.Status != Fail
	}
	switch {
	case len(d.Checks) != len(rules):
		return fmt.Sprintf("%d checks", len(d.Checks))
	case d.Record != record:
		return fmt.Sprintf("record is %v, which its checks do not say", d.Record)
	case d.Record && (d.JoinURL == "" || d.Owner == "" || d.Provider == "" || len(d.Capture) == 0 || !slices.Contains(d.OnBehalfOf, d.Owner) || d.End.Before(d.Start)):
		return "it is recorded, and how is not known"
	}
	return ""
}

func TestAnyMeeting(t *testing.T) {
	recorded := 0
	rapid.Check(t, func(t *rapid.T) {
		p, copies, signals := drawPolicy(t), drawCopies(t), drawSignals(t)
		d := decided(copies, p, signals)
		if d.Record {
			recorded++
		}
		if why := broken(p, d); why != "" {
			t.Fatal(why)
		}
		want := fmt.Sprintf("%+v", d)
		m := calendar.Merge(copies)[0]
		m.Copies = rapid.Permutation(m.Copies).Draw(t, "order")
		for i := range m.Copies {
			m.Copies[i].Attendees = rapid.Permutation(m.Copies[i].Attendees).Draw(t, "guests")
		}
		signals = rapid.Permutation(signals).Draw(t, "said")
		if diff := cmp.Diff(want, fmt.Sprintf("%+v", Decide(m, p, NewDirectory(p.Directory.Members), signals))); diff != "" {
			t.Fatalf("it depends on an order:\n%s", diff)
		}
	})
	if recorded == 0 {
		t.Error("none of the drawn meetings is recorded: what is promised of those is not tested")
	}
}

// TestStoredDecidesAlike: what is stored of a meeting decides as the meeting does. One thing is not
// stored: a plain link in a private copy that does not count, which consent_bypass would look at.
func TestStoredDecidesAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, copies, signals := drawPolicy(t), drawCopies(t), drawSignals(t)
		unseen := slices.ContainsFunc(copies, func(c calendar.Copy) bool {
			return p.excludesPrivate() && c.Private() && !p.Import[c.Source.Driver].Enabled
		})
		want := decided(copies, p, signals)
		for i := range copies {
			copies[i].Event = copies[i].Distil(p.Reading())
		}
		got := decided(copies, p, signals)
		if got.Record != want.Record && !(unseen && check(want, "consent_bypass").Status == Fail) {
			t.Fatalf("record %v from the event, %v from what is stored: %v, %v", want.Record, got.Record, failures(want), failures(got))
		}
		if got.Record && want.Record {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// protective are the rules that more people, more copies and more exclusions can only make stricter.
var protective = []string{"excluded_domain", "excluded_participant", "excluded_title", "private", "never_record"}

func TestProtectionGrows(t *testing.T) {
	grow := map[string]func(*rapid.T, *Policy, []calendar.Copy) []calendar.Copy{
		"a participant": func(t *rapid.T, _ *Policy, copies []calendar.Copy) []calendar.Copy {
			c := &copies[rapid.IntRange(0, len(copies)-1).Draw(t, "to")]
			c.Attendees = append(slices.Clone(c.Attendees), drawAttendee(t))
			return copies
		},
		"a copy": func(t *rapid.T, _ *Policy, copies []calendar.Copy) []calendar.Copy {
			return append(copies, drawCopy(t, len(copies)))
		},
		"an exclusion": func(t *rapid.T, p *Policy, copies []calendar.Copy) []calendar.Copy {
			switch rapid.IntRange(0, 4).Draw(t, "exclusion") {
			case 0:
				p.Exclude.Domains = append(p.Exclude.Domains, "eu.acme.com")
			case 1:
				p.Exclude.Participants = append(p.Exclude.Participants, "joe@globex.com")
			case 2:
				p.Exclude.TitleKeywords = append(p.Exclude.TitleKeywords, "kick")
			case 3:
				p.Exclude.Private = nil
			case 4:
				p.Directory.Members[0].Record = RecordNever
			}
			return copies
		},
		"an imported source": func(t *rapid.T, p *Policy, copies []calendar.Copy) []calendar.Copy {
			p.Import["outlook"] = Import{Enabled: true}
			return copies
		},
	}
	for what, add := range grow {
		t.Run(what, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p, copies := drawPolicy(t), drawCopies(t)
				before := decided(copies, p, nil)
				after := decided(add(t, p, copies), p, nil)
				for _, rule := range protective {
					if check(before, rule).Status == Fail && check(after, rule).Status != Fail {
						t.Fatalf("%s: %s, and then %s", rule, check(before, rule).Detail, check(after, rule).Status)
					}
				}
			})
		})
	}
}

// TestRecordLiftsTwo: a wish to record changes host and internal from fail to warn, and nothing else.
func TestRecordLiftsTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, copies := drawPolicy(t), drawCopies(t)
		without := decided(copies, p, nil)
		with := decided(copies, p, []Signal{{Meeting: "u", Email: "ana@acme.com", Signal: SignalRecord, At: start}})
		for i, w := range without.Checks {
			g := with.Checks[i]
			switch {
			case w.Rule == "override":
			case (w.Rule == "host" || w.Rule == "internal") && w.Status == Fail:
				if g.Status != Warn || !strings.Contains(g.Detail, w.Detail) || !strings.Contains(g.Detail, "ana@acme.com asked") {
					t.Fatalf("%s is %s: %s", g.Rule, g.Status, g.Detail)
				}
			case w != g:
				t.Fatalf("%+v becomes %+v", w, g)
			}
		}
	})
}

// TestConcurrent is for the race detector: one policy and one directory serve all of an engine's workers.
func TestConcurrent(t *testing.T) {
	s := newScene()
	d, m := NewDirectory(s.members), calendar.Merge(s.copies)[0]
	want := encode(t, Decide(m, s.policy, d, s.signals))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				if got := encode(t, Decide(m, s.policy, d, s.signals)); got != want {
					t.Error(cmp.Diff(want, got))
				}
			}
		})
	}
	group.Wait()
}
