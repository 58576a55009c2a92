package eligibility

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/linkparse"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

const zoomLink = "https://acme.zoom.us/j/91234567890?pwd=QWxhZGRpbg.1"

// A scene is a meeting that is recorded, for tests to change one thing of.
type scene struct {
	policy  *Policy
	members []Member
	copies  []calendar.Copy
	signals []Signal
	access  Access
}

func newScene() *scene {
	p := NewPolicy()
	p.Company = Company{Name: "acme", InternalDomains: []string{"acme.com"}}
	p.Import = map[string]Import{"google": {Enabled: true}}
	p.Providers = map[string]Provider{linkparse.Zoom: {Enabled: true}, linkparse.Teams: {Enabled: true}}
	s := &scene{policy: p, members: []Member{
		{Email: "ana@acme.com", Aliases: []string{"ana.perez@acme.com"}, Seat: true, Record: RecordOn},
		{Email: "bob@acme.com", Seat: true, Record: RecordOn},
		{Email: "dan@acme.com", Record: RecordNever},
	}}
	s.copies = []calendar.Copy{copyOf("google", "ana@acme.com")}
	return s
}

func copyOf(driver, owner string) calendar.Copy {
	return calendar.Copy{
		Source: calendar.Source{ID: calendar.NewSourceID(driver, "acme.com", owner), Driver: driver, Account: "acme.com", Calendar: owner, Primary: true},
		Event: calendar.Event{
			Ref: "r", UID: "u", Title: "Kick-off", Start: calendar.At(start), End: calendar.At(start.Add(time.Hour)),
			Organizer: calendar.Person{Email: "ana@acme.com"}, Location: zoomLink,
			Attendees: []calendar.Attendee{{Email: "ana@acme.com", Response: "accepted"}, {Email: "joe@globex.com"}},
		},
	}
}

func (s *scene) decide() Decision {
	x := NewDecider(s.policy, NewDirectory(s.members), s.signals)
	if s.access != nil {
		x = x.WithAccess(s.access)
	}
	return x.Decide(calendar.Merge(s.copies)[0])
}

func (s *scene) first() *calendar.Copy { return &s.copies[0] }

func TestScene(t *testing.T) {
	if d := newScene().decide(); !d.Record || d.Title != "Kick-off" || d.MeetingID != "91234567890" {
		t.Errorf("the scene that the other tests change: %+v, %v", d, failures(d))
	}
}

// TestRules has what the cases of the reference leave open. want is "rule: status", has is in the detail.
func TestRules(t *testing.T) {
	opposite := func(b bool) *bool { return &b }
	for _, c := range []struct {
		name      string
		change    func(*scene)
		want, has string
		setting   string
	}{
		{"one access lost", func(s *scene) { s.first().Source.NoAccess = true }, "calendar_access: fail", "ana@acme.com", "connections"},
		{"the lost one gives no member access", func(s *scene) { s.first().Source.NoAccess = true }, "recordable_participant: fail", "lacks calendar access", "directory"},
		{"one of two accesses lost", func(s *scene) {
			s.first().Source.NoAccess = true
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
		}, "calendar_access: pass", "", ""},
		{"the coordinator cannot lose it", func(s *scene) {
			s.copies = []calendar.Copy{copyOf("coordinator", "notes@acme.com")}
			s.first().Source.NoAccess = true
		}, "calendar_access: pass", "", ""},
		{"the daemon's connections decide", func(s *scene) { s.access = func([]string) bool { return false } }, "recordable_participant: fail", "calendar access", "directory"},
		{"they are asked for every address", func(s *scene) {
			s.access = func(a []string) bool { return strings.Join(a, " ") == "ana@acme.com ana.perez@acme.com" }
		}, "recordable_participant: pass", "", ""},
		{"but not of the coordinator's meetings", func(s *scene) {
			s.policy.Import["coordinator"] = Import{Enabled: true}
			s.copies = append(s.copies, copyOf("coordinator", "notes@acme.com"))
			s.access = func([]string) bool { return false }
		}, "recordable_participant: pass", "", ""},
		{"a driver that the policy does not know", func(s *scene) { s.first().Source.Driver = "exchange" }, "calendar_import: fail", "exchange", "import.exchange.enabled"},
		{"two disabled sources", func(s *scene) {
			s.policy.Import = nil
			s.copies = append(s.copies, copyOf("outlook", "bob@acme.com"))
		}, "calendar_import: fail", "google and outlook", "import.google.enabled, import.outlook.enabled"},
		{"secondary, and a disabled source beside it", func(s *scene) {
			s.first().Source.Primary = false
			s.copies = append(s.copies, copyOf("outlook", "bob@acme.com"))
		}, "primary_calendar: fail", "ana@acme.com", "import.google.primary_only"},
		{"secondary will do", func(s *scene) {
			s.first().Source.Primary = false
			s.policy.Import["google"] = Import{Enabled: true, PrimaryOnly: opposite(false)}
		}, "primary_calendar: pass", "", ""},
		{"not received", func(s *scene) {
			s.policy.Import = map[string]Import{"coordinator": {Enabled: true}}
			s.copies = []calendar.Copy{copyOf("coordinator", "notes@acme.com")}
		}, "lead_time: fail", "not known when", "import.coordinator.lead_time"},
		{"a shared mailbox that one list alone calls so", func(s *scene) {
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
			for i := range s.copies {
				s.copies[i].Organizer.Email, s.copies[i].Creator.Email = "team@acme.com", "ana@acme.com"
			}
			s.first().Source.Calendar = "team@acme.com"
			s.copies[1].Attendees = append(s.copies[1].Attendees, calendar.Attendee{Email: "team@acme.com", Kind: calendar.AttendeeGroup})
		}, "host: pass", "", ""},
		{"a lead copy that names no organizer", func(s *scene) {
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
			s.first().Organizer, s.first().Sequence = calendar.Person{}, 2
		}, "host: pass", "", ""},
		{"one consent page, as two calendars have it", func(s *scene) {
			s.policy.Consent = ConsentPolicy{LinkHosts: []string{"join.acme.example"}, Profiles: map[string]ConsentProfile{"default": {Enforce: true}}}
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
			s.copies[0].Location, s.copies[1].Location = "https://join.acme.example/acme/ana?provider=zoom", "https://join.acme.example/Acme/Ana"
		}, "consent_bypass: pass", "", ""},
		{"two consent pages", func(s *scene) {
			s.policy.Consent = ConsentPolicy{LinkHosts: []string{"join.acme.example"}, Profiles: map[string]ConsentProfile{"default": {Enforce: true}}}
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
			s.copies[0].Location, s.copies[1].Location = "https://join.acme.example/acme/ana?provider=zoom", "https://join.acme.example/acme/ana/7"
		}, "consent_bypass: fail", "a consent link stands beside the consent link", ""},
		{"her own connection, a secondary calendar", func(s *scene) {
			s.first().Source.Account, s.first().Source.Calendar = "Ana@acme.com", "c_1@group.calendar.google.com"
		}, "recordable_participant: pass", "", ""},
		{"somebody else's connection", func(s *scene) {
			s.first().Source.Account, s.first().Source.Calendar = "bob@acme.com", "c_1@group.calendar.google.com"
		}, "recordable_participant: fail", "lacks calendar access", "directory"},
		{"the newest copy that lists a guest has his answer, not the organizer's other calendar", func(s *scene) {
			s.members[0].Seat = false
			s.copies = append(s.copies, copyOf("google", "ana.perez@acme.com"), copyOf("google", "joe@globex.com"))
			for i, c := range []calendar.Attendee{{}, {Email: "bob@acme.com", Response: "accepted"}, {Email: "bob@acme.com", Response: "declined"}} {
				s.copies[i].Attendees, s.copies[i].Sequence = []calendar.Attendee{{Email: "joe@globex.com"}, c}, []int{2, 0, 1}[i]
			}
		}, "recordable_participant: fail", "bob@acme.com has declined", "directory"},
		{"a personal room as Zoom shows its number", func(s *scene) {
			s.policy.Providers[linkparse.Zoom] = Provider{Enabled: true, Capture: []string{ZoomNative}}
			s.members[0].Zoom = &ZoomUser{Licensed: true, AutoRecording: true, PersonalRooms: []string{"555 123-4567"}}
			s.first().Location = "https://acme.zoom.us/j/5551234567"
		}, "capture: pass", "", ""},
		{"who owns another consent page does not own this one", func(s *scene) {
			s.policy.Consent = ConsentPolicy{LinkHosts: []string{"join.acme.example"}}
			s.policy.Providers[linkparse.Zoom] = Provider{Enabled: true, Capture: []string{ZoomNative}}
			s.members[0].Zoom = &ZoomUser{Licensed: true, AutoRecording: true}
			s.first().Conference = []calendar.Conference{{URL: "https://join.acme.example/acme/ana/1?provider=zoom"}, {URL: "https://join.acme.example/acme/bob/2?provider=zoom", Owner: "bob@acme.com"}}
		}, "capture: warn", "nothing says which Zoom user owns the meeting", "providers.zoom.capture"},
		{"free or busy alone", func(s *scene) {
			s.first().Hidden, s.first().Title, s.first().Location = true, "", ""
		}, "calendar_access: fail", "ana@acme.com is shared as free or busy alone", "connections"},
		{"free or busy beside another copy", func(s *scene) {
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
			s.first().Hidden = true
		}, "calendar_access: pass", "", ""},
		{"the newest copy shows times alone, and another one what it is", func(s *scene) {
			s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
			s.copies[1].Hidden, s.copies[1].Sequence, s.copies[1].Title, s.copies[1].Organizer = true, 9, "", calendar.Person{}
			s.copies[0].Title = "Interview"
			s.copies[0].Organizer.Email, s.policy.Exclude.TitleKeywords = "joe@globex.com", []string{"interview"}
		}, "excluded_title: fail", "interview", "exclude.title_keywords"},
		{"a secondary calendar, read as a member", func(s *scene) {
			s.first().Source.Account, s.first().Source.Calendar, s.first().Source.User = "people", "c_1@group.calendar.google.com", "Ana@acme.com"
		}, "recordable_participant: pass", "", ""},
		{"nobody sees the guest list", func(s *scene) {
			s.policy.Exclude.Participants = []string{"cfo@acme.com"}
			s.first().GuestsHidden = true
		}, "excluded_participant: warn", "the guest list is hidden", "exclude.participants"},
		{"nobody is excluded, so nothing hangs on the guest list", func(s *scene) {
			s.first().GuestsHidden = true
		}, "excluded_participant: pass", "", ""},
		{"a number in print", func(s *scene) {
			s.first().Location, s.first().Description = "", "Microsoft Teams\nMeeting ID: 357 120 243 205 39\nPasscode: KqeBaLrz"
		}, "conference_link: fail", "the number of a teams meeting is printed in the description, without a link", "providers, links"},
		{"a task", func(s *scene) { s.first().Kind = "task" }, "timed: fail", "a task", ""},
		{"an unknown kind is a meeting", func(s *scene) { s.first().Kind = "fromGmail" }, "timed: pass", "", ""},
		{"no times", func(s *scene) { s.first().Start, s.first().End = calendar.When{}, calendar.When{} }, "timed: fail", "could not be read", ""},
		{"declined and without a seat", func(s *scene) {
			s.first().Attendees[0].Response = "declined"
			s.members[0].Seat = false
		}, "recordable_participant: fail", "ana@acme.com has declined and lacks seat", "directory"},
		{"listed twice, one answer a refusal", func(s *scene) {
			s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: "ana.perez@acme.com", Response: "declined"})
		}, "host: fail", "has declined", "recording.meetings"},
		{"listed twice, one answer none", func(s *scene) {
			s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: "ana.perez@acme.com", Response: "none"})
		}, "host: pass", "", ""},
		{"every excluded domain is named", func(s *scene) {
			s.policy.Exclude.Domains = []string{"globex.com", "initech.example"}
			s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: "kim@eu.initech.example"})
		}, "excluded_domain: fail", "joe@globex.com is at the excluded domain globex.com; kim@eu.initech.example is at the excluded domain initech.example", "exclude.domains"},
		{"a domain in its ASCII form", func(s *scene) {
			s.policy.Exclude.Domains = []string{"bücher.example"}
			s.first().Attendees[1].Email = "eva@XN--BCHER-KVA.example"
		}, "excluded_domain: fail", "xn--bcher-kva.example", "exclude.domains"},
		{"and the other way round", func(s *scene) {
			s.policy.Exclude.Participants = []string{"eva@xn--bcher-kva.example"}
			s.first().Attendees[1].Email = "Eva@Bücher.example"
		}, "excluded_participant: fail", "eva@xn--bcher-kva.example", "exclude.participants"},
		{"a private meeting's keyword", func(s *scene) {
			s.policy.Exclude.TitleKeywords = []string{"kick-off"}
			s.first().Visibility = "private"
		}, "excluded_title: fail", "excluded keyword, which is not told", "exclude.title_keywords"},
		{"told where private meetings are recorded", func(s *scene) {
			s.policy.Exclude.TitleKeywords, s.policy.Exclude.Private = []string{"kick-off"}, opposite(false)
			s.first().Visibility = "private"
		}, "excluded_title: fail", `"kick-off"`, "exclude.title_keywords"},
		{"private on a calendar", func(s *scene) { s.first().Visibility = "confidential" }, "private: fail", "confidential on the calendar ana@acme.com", "exclude.private"},
		{"nothing is kept of a private meeting", func(s *scene) {
			s.first().Visibility = "private"
			s.first().Event = s.first().Distil(s.policy.Reading())
		}, "host: n/a", "nothing but its times is kept", ""},
		{"a secondary calendar in the guest list is nobody", func(s *scene) {
			s.first().Attendees[1].Email = "c_1@group.calendar.google.com"
		}, "internal: fail", "internal domain", "recording.internal"},
		{"a guest without an address is not internal", func(s *scene) {
			s.first().Attendees[1] = calendar.Attendee{Name: "Joe"}
		}, "internal: n/a", "Joe has no address", ""},
		{"a shared mailbox organizes", func(s *scene) {
			e := s.first()
			e.Organizer, e.Creator = calendar.Person{Email: "sales@acme.com"}, calendar.Person{Email: "ana@acme.com"}
			e.Attendees = append(e.Attendees, calendar.Attendee{Email: "sales@acme.com", Kind: "group"})
		}, "host: pass", "", ""},
		{"an assistant's invite is the organizer's", func(s *scene) {
			s.first().Organizer, s.first().Creator = calendar.Person{Email: "lee@acme.com"}, calendar.Person{Email: "ana@acme.com"}
		}, "host: fail", "lee@acme.com is not in the directory", "recording.meetings"},
		{"nobody hosts", func(s *scene) { s.first().Organizer = calendar.Person{} }, "host: fail", "whom no copy names", "recording.meetings"},
		{"a company host who declined", func(s *scene) {
			s.policy.Recording.Meetings = CompanyHost
			s.first().Attendees[0].Response = "declined"
			s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: "bob@acme.com"})
		}, "host: pass", "", ""},
		{"every protected member is named", func(s *scene) {
			s.members[1].Record = RecordNever
			s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: "dan@acme.com"}, calendar.Attendee{Email: "bob@acme.com"})
		}, "never_record: fail", "bob@acme.com is never recorded; dan@acme.com is never recorded", "directory.bob@acme.com.record, directory.dan@acme.com.record"},
		{"a profile that the policy does not have", func(s *scene) { s.members[0].ConsentProfile = "emea" }, "consent_link: fail", "profile emea", "consent.profiles.emea.enforce"},
		{"a plain link in a copy that does not count", func(s *scene) {
			s.policy.Consent = ConsentPolicy{LinkHosts: []string{"join.acme.example"}, Profiles: map[string]ConsentProfile{"default": {Enforce: true}}}
			s.first().Location = "https://join.acme.example/acme/ana/5?provider=zoom"
			s.copies = append(s.copies, copyOf("outlook", "joe@acme.com"))
		}, "consent_bypass: fail", "zoom link stands beside the consent link, in the location on the calendar joe@acme.com", ""},
		{"no company to compare", func(s *scene) {
			s.policy.Company.Name, s.members[0].ConsentProfile = "", "emea"
			s.policy.Consent.LinkHosts = []string{"JOIN.acme.example"}
			s.first().Location = "https://join.acme.example/acme/ana/5?provider=zoom"
		}, "consent_company: fail", "does not say", "consent.company"},
		{"no default profile", func(*scene) {}, "consent_link: n/a", "", ""},
		{"a consent link of no known provider", func(s *scene) {
			s.policy.Consent.LinkHosts = []string{"join.acme.example"}
			s.first().Location = "https://join.acme.example/acme/ana/5"
		}, "capture: fail", "does not say which provider", "providers"},
		{"no method is listed", func(s *scene) {
			s.policy.Providers[linkparse.Zoom] = Provider{Enabled: true, Capture: []string{}}
		}, "capture: fail", "no way to record zoom is listed", "providers.zoom.capture"},
		{"native, and the host has no Zoom user", func(s *scene) {
			s.policy.Providers[linkparse.Zoom] = Provider{Enabled: true, Capture: []string{ZoomNative}}
		}, "capture: fail", "no Zoom user of ana@acme.com", "providers.zoom.capture"},
		{"skip and record at one instant", func(s *scene) {
			s.signals = []Signal{{Meeting: "u", Email: "x@acme.com", Signal: SignalSkip, At: start}, {Meeting: "u", Email: "a@acme.com", Signal: SignalRecord, At: start}}
		}, "override: fail", "x@acme.com asked", ""},
		{"a wish without a name", func(s *scene) { s.signals = []Signal{{Meeting: "u", Signal: SignalSkip}} }, "override: fail", "somebody without an address", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene()
			c.change(s)
			d := s.decide()
			rule, status, _ := strings.Cut(c.want, ": ")
			got := check(d, rule)
			if string(got.Status) != status || !strings.Contains(got.Detail, c.has) || got.Setting != c.setting {
				t.Errorf("got  %s: %s, %q, %q\nwant %s, …%q…, %q", rule, got.Status, got.Detail, got.Setting, c.want, c.has, c.setting)
			}
		})
	}
}

// TestNothingHidden: a detail names what is wrong, and leaves out what is nobody's business.
func TestNothingHidden(t *testing.T) {
	s := newScene()
	s.first().Title, s.first().Visibility = "Layoffs in Berlin", "private"
	s.policy.Exclude.TitleKeywords = []string{"layoffs"}
	d := s.decide()
	if text := strings.ToLower(encode(t, d)); d.Title != "" || strings.Contains(text, "layoffs") || strings.Contains(text, "berlin") {
		t.Errorf("a private meeting's title: %q, %s", d.Title, text)
	}
}

func TestLongDetail(t *testing.T) {
	s := newScene()
	s.policy.Exclude.Domains = []string{"globex.com"}
	for i := range 3000 {
		s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: fmt.Sprintf("u%d@globex.com", i)})
	}
	if detail := check(s.decide(), "excluded_domain").Detail; len(detail) > 1000 || !strings.HasSuffix(detail, "; and 2991 more") {
		t.Errorf("3,001 offenders in %d bytes: %s", len(detail), detail)
	}
}

// TestLinkPlaces: a link stands where it stands first, though its best variant stands further on.
func TestLinkPlaces(t *testing.T) {
	s := newScene()
	e := s.first()
	e.Conference = []calendar.Conference{{URL: "https://acme.zoom.us/j/91234567890"}}
	e.Location, e.Description = "https://teams.microsoft.com/meet/2345678901234?p=abcDEF123456", zoomLink
	if d := s.decide(); d.Provider != linkparse.Zoom || d.JoinURL != zoomLink {
		t.Errorf("the structured field is first, not %s: %s", d.Provider, d.JoinURL)
	}
	e.Conference = nil
	if d := s.decide(); d.Provider != linkparse.Teams {
		t.Errorf("the location is before the description, not %s: %s", d.Provider, d.JoinURL)
	}
}

func TestSignalNames(t *testing.T) {
	for _, c := range []struct {
		meeting calendar.Key
		want    bool
	}{
		{"u", true}, {" u ", true}, {"u/2026-11-24T10:00:00Z", true}, {"u/2026-11-24T11:00:00+01:00", true},
		{goid("07EA0B18"), false}, {"u/x", false}, {"u/2026-11-24T11:00:00Z", false}, {"v", false}, {"U", false}, {"u/2026-11-24", false}, {"", false},
	} {
		s := newScene()
		s.first().Original = calendar.At(start)
		s.signals = []Signal{{Meeting: c.meeting, Email: "a@acme.com", Signal: SignalSkip, At: start}}
		if d := s.decide(); d.Record == c.want {
			t.Errorf("a skip of %q: record %v", c.meeting, d.Record)
		}
	}
}

// goid is Exchange's UID of the instance on a date (4 bytes, hexadecimal), or of the series.
func goid(date string) calendar.Key {
	return calendar.Key("040000008200E00074C5B7101A82E008" + date + "A0B1C2D3E4F5DA01" + "0000000000000000" + "02000000" + "1F2E")
}

func TestSignalOfExchange(t *testing.T) {
	for meeting, want := range map[calendar.Key]bool{
		goid("07EA0B18"): true, goid("00000000"): true, goid("07EA0B18") + "/2026-11-24T10:00:00Z": true,
		goid("07EA0B18") + "/2026-11-24T11:00:00+01:00": true, goid("07EA0B18") + "/2026-11-25T10:00:00Z": false, "u": false,
	} {
		s := newScene()
		s.first().UID, s.first().Original = string(goid("00000000")), calendar.At(start)
		s.signals = []Signal{{Meeting: meeting, Email: "a@acme.com", Signal: SignalSkip, At: start}}
		if d := s.decide(); d.Record == want {
			t.Errorf("a skip of %q: record %v", meeting, d.Record)
		}
	}
}

// TestRulesTable: the code, the reference (testdata/eligibility.md) and the documentation have the same rules in
// the same order, with the same settings.
func TestRulesTable(t *testing.T) {
	reference, documented := tableRows(t, "testdata/eligibility.md", 4), tableRows(t, "../docs/policy.md", 5)
	if len(reference) != len(Rules()) || len(documented) != len(Rules()) {
		t.Errorf("%d rules, the reference has %d, the documentation %d", len(Rules()), len(reference), len(documented))
	}
	for i, r := range Rules() {
		if i < len(reference) && (reference[i][0] != r.ID || reference[i][3] != r.Setting) {
			t.Errorf("the reference has %s (%s), not %s (%s)", reference[i][0], reference[i][3], r.ID, r.Setting)
		}
		if i < len(documented) {
			if want := []string{r.ID, documented[i][1], r.Setting, r.Who, r.Again}; !slices.Equal(documented[i], want) {
				t.Errorf("documented is %q, want %q", documented[i], want)
			}
		}
		if r.Who == "" || r.Again == "" || RuleOf(Check{Rule: strings.Replace(r.ID, "NAME", "x", 1)}) != r {
			t.Errorf("%+v is not whole", r)
		}
	}
}

// tableRows are the rows of a file's table of rules: those of so many columns that begin with a word in code.
func tableRows(t *testing.T, file string, columns int) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != columns || !strings.HasPrefix(line, "| `") {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(c), "`", ""), "–")
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestOnBehalfOf(t *testing.T) {
	s := newScene()
	s.members = append(s.members, Member{Email: "zoe@acme.com", Seat: true, Record: RecordOn}, Member{Email: "abe@acme.com", Seat: true, Record: RecordOn}, Member{Email: "eve@acme.com", Seat: true, Record: RecordOn})
	s.first().Attendees = append(s.first().Attendees,
		calendar.Attendee{Email: "abe@acme.com"}, calendar.Attendee{Email: "bob@acme.com", Response: "tentative"},
		calendar.Attendee{Email: "zoe@acme.com", Response: "accepted"}, calendar.Attendee{Email: "eve@acme.com", Response: "declined"})
	if got := strings.Join(s.decide().OnBehalfOf, " "); got != "ana@acme.com zoe@acme.com bob@acme.com abe@acme.com" {
		t.Errorf("got %s", got)
	}
	s.members = append(s.members, Member{Email: "Zulu@Acme.com", Seat: true, Record: RecordOn})
	s.first().Attendees = append(s.first().Attendees, calendar.Attendee{Email: "zulu@acme.com", Response: "accepted"}, calendar.Attendee{Email: "eve@acme.com"})
	if got := strings.Join(s.decide().OnBehalfOf, " "); got != "ana@acme.com zoe@acme.com Zulu@Acme.com bob@acme.com abe@acme.com" {
		t.Errorf("in upper case: got %s", got)
	}
}

// TestAnswers: a person's answer is the one on their own copy, else on the lead copy, else on the newest.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ lead, other, own, want string }{
		{"accepted", "declined", "-", "accepted"}, {"accepted", "none", "declined", "declined"}, {"declined", "none", "accepted", "accepted"},
		{"-", "tentative", "-", "tentative"}, {"declined", "-", "none", "none"},
	} {
		s := newScene()
		s.copies = append(s.copies, copyOf("google", "eve@acme.com"), copyOf("google", "bob@acme.com"))
		for i, response := range []string{c.lead, c.other, c.own} {
			if response != "-" {
				s.copies[i].Attendees = append(s.copies[i].Attendees, calendar.Attendee{Email: "BOB@acme.com", Response: response})
			}
		}
		f := newFacts(NewDecider(s.policy, NewDirectory(s.members), nil), calendar.Merge(s.copies)[0])
		got := "not listed"
		for _, p := range f.people {
			if p.String() == "bob@acme.com" {
				got = p.response
			}
		}
		if got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// TestCallNumber: who joins by a personal link and who dials the number are in one call.
func TestCallNumber(t *testing.T) {
	s := newScene()
	s.first().Location = ""
	s.first().Conference = []calendar.Conference{{Kind: "video", URL: "https://acme.zoom.us/my/ana", MeetingID: "5551234567"}}
	d := s.decide()
	if !slices.Equal(d.CallKeys, []string{"5551234567"}) {
		t.Errorf("a personal link with a number beside it: %q", d.CallKeys)
	}
	s.first().Conference[0].URL = "https://acme.zoom.us/j/5551234567"
	if d := s.decide(); len(d.CallKeys) != 0 || d.MeetingID != "5551234567" {
		t.Errorf("the number in the link itself: %q, %q", d.MeetingID, d.CallKeys)
	}
}

// TestTitleOfAnother: a lead copy without a title, such as a room's, leaves it to the next one that has one.
func TestTitleOfAnother(t *testing.T) {
	s := newScene()
	room := copyOf("google", "room@acme.com")
	room.Title, room.Location, room.Sequence = "", "", 9
	s.first().Organizer.Email, room.Organizer.Email = "joe@globex.com", "joe@globex.com"
	s.copies = append(s.copies, room)
	if d := s.decide(); d.Title != "Kick-off" || d.JoinURL == "" {
		t.Errorf("%q, %q", d.Title, d.JoinURL)
	}
}
