package eligibility

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/internal/jsonl"
)

// A testCase is a line of testdata/decisions.jsonl, the rules' contract, or of further.jsonl, cases found by
// comparing random meetings with a second implementation of that contract.
type testCase struct {
	Case    string            `json:"case"`
	About   string            `json:"about"`
	Policy  Policy            `json:"policy"`
	Events  []json.RawMessage `json:"events"`
	Signals []Signal          `json:"signals"`
	Expect  []struct {
		Meeting   calendar.Key      `json:"meeting"`
		Record    bool              `json:"record"`
		Owner     string            `json:"owner"`
		Provider  string            `json:"provider"`
		Capture   []string          `json:"capture"`
		JoinURL   string            `json:"join_url"`
		Checks    map[string]Status `json:"checks"`
		DetailHas map[string]string `json:"detail_has"`
	} `json:"expect"`
}

func readCases(t testing.TB) []testCase {
	t.Helper()
	cases := readFile(t, "testdata/decisions.jsonl")
	if len(cases) < 173 {
		t.Fatalf("only %d cases", len(cases))
	}
	return append(cases, readFile(t, "testdata/further.jsonl")...)
}

func readFile(t testing.TB, name string) []testCase {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []testCase
	for _, err := range jsonl.Each(name, f, func(line []byte) error {
		var c testCase
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		err := d.Decode(&c)
		cases = append(cases, c)
		return err
	}) {
		t.Error(err)
	}
	return cases
}

func (c *testCase) copies(t testing.TB) []calendar.Copy {
	t.Helper()
	var copies []calendar.Copy
	for _, e := range c.Events {
		cp, err := calendar.ParseCopy(e)
		if err != nil {
			t.Fatalf("%s: %v", c.Case, err)
		}
		copies = append(copies, cp)
	}
	return copies
}

func (c *testCase) decide(copies []calendar.Copy) []Decision {
	d := NewDirectory(c.Policy.Directory.Members)
	var decisions []Decision
	for _, m := range calendar.Merge(copies) {
		decisions = append(decisions, Decide(m, &c.Policy, d, c.Signals))
	}
	return decisions
}

func TestDecisions(t *testing.T) {
	for _, c := range readCases(t) {
		t.Run(c.Case, func(t *testing.T) {
			if problems := c.Policy.Validate(); len(problems) > 0 {
				t.Errorf("the case's policy: %v", problems)
			}
			got := map[calendar.Key]Decision{}
			for _, d := range c.decide(c.copies(t)) {
				got[d.Meeting] = d
			}
			if len(got) != len(c.Expect) {
				t.Errorf("%d decisions, want %d", len(got), len(c.Expect))
			}
			for _, want := range c.Expect {
				d, ok := got[want.Meeting]
				if !ok {
					t.Errorf("no decision for %s", want.Meeting)
					continue
				}
				if d.Record != want.Record {
					t.Errorf("record %v, want %v: %v", d.Record, want.Record, failures(d))
				}
				for name, pair := range map[string][2]string{"owner": {d.Owner, want.Owner}, "provider": {d.Provider, want.Provider}, "join_url": {d.JoinURL, want.JoinURL}} {
					if pair[1] != "" && pair[0] != pair[1] {
						t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
					}
				}
				if d.JoinURL == "" != (check(d, "conference_link").Status != Pass) || d.Owner == "" != (check(d, "recordable_participant").Status != Pass) {
					t.Errorf("owner %q and join_url %q are not what their checks say: %v", d.Owner, d.JoinURL, failures(d))
				}
				if want.Capture != nil && !slices.Equal(d.Capture, want.Capture) {
					t.Errorf("capture %v, want %v", d.Capture, want.Capture)
				}
				for rule, status := range want.Checks {
					if c := check(d, rule); c.Status != status {
						t.Errorf("%s is %q (%s), want %q", rule, c.Status, c.Detail, status)
					}
				}
				for rule, part := range want.DetailHas {
					if c := check(d, rule); !strings.Contains(strings.ToLower(c.Detail), strings.ToLower(part)) {
						t.Errorf("the detail of %s is %q, without %q", rule, c.Detail, part)
					}
				}
			}
		})
	}
}

func check(d Decision, rule string) Check {
	for _, c := range d.Checks {
		if c.Rule == rule {
			return c
		}
	}
	return Check{}
}

func failures(d Decision) (all []string) {
	for _, c := range d.Checks {
		if c.Status == Fail {
			all = append(all, c.Rule+": "+c.Detail)
		}
	}
	return all
}

// TestTrace demands of every decision what all of them promise.
func TestTrace(t *testing.T) {
	for _, c := range readCases(t) {
		for _, d := range c.decide(c.copies(t)) {
			if why := broken(&c.Policy, d); why != "" {
				t.Errorf("%s: %s", c.Case, why)
			}
		}
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range readCases(t) {
		copies := c.copies(t)
		before := encode(t, copies) + encode(t, c.Policy) + encode(t, c.Signals)
		want := encode(t, c.decide(copies))
		if after := encode(t, copies) + encode(t, c.Policy) + encode(t, c.Signals); after != before {
			t.Fatalf("%s: deciding changes what it is given:\n%s", c.Case, cmp.Diff(before, after))
		}
		for range 20 {
			r.Shuffle(len(copies), func(i, j int) { copies[i], copies[j] = copies[j], copies[i] })
			r.Shuffle(len(c.Signals), func(i, j int) { c.Signals[i], c.Signals[j] = c.Signals[j], c.Signals[i] })
			for i := range copies {
				a := slices.Clone(copies[i].Attendees)
				r.Shuffle(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
				copies[i].Attendees = a
			}
			if diff := cmp.Diff(want, encode(t, c.decide(copies))); diff != "" {
				t.Fatalf("%s depends on an order:\n%s", c.Case, diff)
			}
		}
	}
}

// TestStoredIsEnough decides what is left of the events once they are stored.
func TestStoredIsEnough(t *testing.T) {
	for _, c := range readCases(t) {
		copies := c.copies(t)
		want := c.decide(copies)
		for i := range copies {
			copies[i].Event = copies[i].Distil(c.Policy.Reading())
		}
		for i, got := range c.decide(copies) {
			if got.Record != want[i].Record || !got.Start.Equal(want[i].Start) {
				t.Errorf("%s: record %v from the event, %v from what is stored: %v", c.Case, want[i].Record, got.Record, failures(got))
			}
			if got.Record && encode(t, got) != encode(t, want[i]) {
				t.Errorf("%s:\n%s", c.Case, cmp.Diff(encode(t, want[i]), encode(t, got)))
			}
		}
	}
}

func TestNoCopies(t *testing.T) {
	d := Decide(calendar.Meeting{Key: "u"}, NewPolicy(), NewDirectory(nil), nil)
	if d.Record || check(d, "calendar_access").Status != Fail {
		t.Errorf("a meeting that no calendar shows: %+v", d)
	}
}

// TestBypassOnAnyCopy: who has a bare link joins without consenting, whether the copy counts or not.
func TestBypassOnAnyCopy(t *testing.T) {
	for _, c := range readCases(t) {
		if c.Case != "consent-all-in-order" {
			continue
		}
		copies := c.copies(t)
		other := copies[0]
		other.Source = calendar.Source{ID: "demo:x/y", Driver: "demo", Account: "x", Calendar: "joe@globex.com"}
		other.Location, other.Ref = "https://acme.zoom.us/j/91234567890", "other"
		d := c.decide(append(copies, other))
		if got := check(d[0], "consent_bypass"); got.Status != Fail || d[0].Record {
			t.Errorf("a bare link on a copy that does not count: %+v", got)
		}
		return
	}
	t.Fatal("the case is gone")
}

// TestPeople: whoever takes part does so once, under all their addresses, in one order.
// TestNames: what expressions see of people does not hang on the order of copies and guests.
func TestNames(t *testing.T) {
	s := newScene()
	s.copies = append(s.copies, copyOf("google", "bob@acme.com"))
	s.copies[0].Attendees[1].Name, s.copies[1].Attendees[1].Name = "Joe", "Dr. Joe"
	names := func() (all string) {
		for _, p := range newFacts(NewDecider(s.policy, NewDirectory(nil), nil), calendar.Meeting{Key: "u", Copies: s.copies}).customMeeting().Participants {
			all += p.Email + " " + p.Name + "; "
		}
		return all
	}
	one := names()
	s.copies[0].Attendees[1].Name, s.copies[1].Attendees[1].Name = "Dr. Joe", "Joe"
	if other := names(); one != other || !strings.Contains(one, "joe@globex.com Dr. Joe;") {
		t.Errorf("%s and %s", one, other)
	}
}

func TestPeople(t *testing.T) {
	p := NewPolicy()
	p.Import = map[string]Import{"google": {Enabled: true}}
	d := NewDirectory([]Member{{Email: "ana@acme.com", Aliases: []string{"a.perez@acme.com"}}})
	e := calendar.Event{UID: "u", Organizer: calendar.Person{Email: "A.Perez@acme.com"}, Attendees: []calendar.Attendee{
		{Email: "zoe@x.example"}, {Email: "ana@acme.com", Response: calendar.ResponseDeclined}, {Email: "bo@x.example"}, {Email: "room@x.example", Kind: calendar.AttendeeResource},
	}}
	for range 20 {
		f := newFacts(NewDecider(p, d, nil), calendar.Meeting{Key: "u", Copies: []calendar.Copy{{Source: calendar.Source{Driver: "google", Calendar: "ana@acme.com"}, Event: e}}})
		var got []string
		for _, x := range f.people {
			got = append(got, x.String()+" "+x.response)
		}
		if diff := cmp.Diff([]string{"ana@acme.com declined", "bo@x.example none", "zoe@x.example none"}, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}
