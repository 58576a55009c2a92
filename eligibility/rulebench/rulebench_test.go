package rulebench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

func stringsOf() cel.EnvOption { return ext.Strings(ext.StringsVersion(4)) }

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// company is a policy with a directory of n members.
func company(n int) *eligibility.Policy {
	p := eligibility.NewPolicy()
	p.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com", "acme.co.uk"}}
	p.Import = map[string]eligibility.Import{"google": {Enabled: true}}
	p.Providers = map[string]eligibility.Provider{"zoom": {Enabled: true}, "meet": {}}
	p.Exclude.Domains = []string{"lawfirm.example", "bank.example"}
	p.Exclude.Participants = []string{"user7@acme.com"}
	p.Exclude.TitleKeywords = []string{"interview", "board meeting"}
	for i := range n {
		m := eligibility.Member{Email: fmt.Sprintf("user%d@acme.com", i), Seat: i%5 != 0, Record: eligibility.RecordOn}
		if i%50 == 9 {
			m.Record = eligibility.RecordNever
		}
		p.Directory.Members = append(p.Directory.Members, m)
	}
	return p
}

// dataOf is what the other engines are given of a policy.
func dataOf(p *eligibility.Policy) map[string]any {
	list := func(of []string) []any {
		var all []any
		for _, s := range of {
			all = append(all, s)
		}
		return all
	}
	directory, enabled := map[string]any{}, map[string]any{}
	for _, m := range p.Directory.Members {
		directory[m.Email] = map[string]any{"seat": m.Seat, "record": string(m.Record)}
	}
	for name, provider := range p.Providers {
		if provider.Enabled {
			enabled[name] = true
		}
	}
	return map[string]any{"directory": directory, "policy": map[string]any{
		"domains": list(p.Exclude.Domains), "participants": list(p.Exclude.Participants), "keywords": list(p.Exclude.TitleKeywords),
		"internal": list(p.Company.InternalDomains), "record_internal": p.Recording.Internal, "enabled": enabled,
	}}
}

// meeting draws one with so many guests, and its facts.
func meeting(r *rand.Rand, guests int) (calendar.Meeting, []eligibility.Signal, map[string]any) {
	one := func(from ...string) string { return from[r.IntN(len(from))] }
	email := func() string {
		if r.IntN(3) > 0 {
			return fmt.Sprintf("user%d@acme.com", r.IntN(100))
		}
		return fmt.Sprintf("guest%d@%s", r.IntN(100), one("globex.com", "eu.lawfirm.example", "notlawfirm.example", "acme.co.uk", "sub.acme.com"))
	}
	host := email()
	e := calendar.Event{
		Ref: "r", UID: "u", Title: one("Kick-off", "Interview: backend", "Q4 board  meeting", "Boards meeting"), Start: calendar.At(start), End: calendar.At(start.Add(time.Duration(r.IntN(3000)-30) * time.Minute)),
		Kind: one("default", "default", "default", "focus"), Status: one("confirmed", "confirmed", "cancelled"), Visibility: one("", "", "private"),
		Organizer: calendar.Person{Email: host}, Location: one("https://acme.zoom.us/j/91234567890", "https://meet.google.com/abc-defg-hij", "room 4"),
	}
	provider := map[byte]string{'a': "zoom", 'm': "meet", ' ': ""}[(e.Location + "          ")[8]]
	people := map[string]string{host: ""}
	for range guests {
		a := calendar.Attendee{Email: email(), Response: one("accepted", "declined", "tentative", "none")}
		if _, listed := people[a.Email]; listed && a.Email != host || a.Email == host && people[host] != "" {
			continue
		}
		people[a.Email] = a.Response
		e.Attendees = append(e.Attendees, a)
	}
	person := func(a string) map[string]any {
		return map[string]any{"email": a, "domain": a[strings.IndexByte(a, '@')+1:], "response": people[a]}
	}
	facts := map[string]any{
		"status": e.Status, "kind": e.Kind, "minutes": int(e.End.Time.Sub(start).Minutes()), "visibility": e.Visibility, "provider": provider,
		"words": strings.Join(strings.FieldsFunc(strings.ToLower(e.Title), func(c rune) bool { return c < 'a' && (c < '0' || c > '9') }), " "), "host": person(host), "word": "",
	}
	var all []any
	for a := range people {
		all = append(all, person(a))
	}
	slices.SortFunc(all, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["email"].(string), b.(map[string]any)["email"].(string))
	})
	facts["people"] = all
	var signals []eligibility.Signal
	if w := one("", "", eligibility.SignalSkip); w != "" {
		facts["word"] = w
		signals = append(signals, eligibility.Signal{Meeting: "u", Email: "x@acme.com", Signal: w, At: start})
	}
	source := calendar.Source{ID: "google:acme.com/user1@acme.com", Driver: "google", Account: "acme.com", Calendar: "user1@acme.com", Primary: true}
	e = e.Distil(calendar.Reading{})
	return calendar.Meeting{Key: "u", Copies: []calendar.Copy{{Source: source, Event: e}}}, signals, facts
}

// TestAlike: the three engines say the same of every rule, for random meetings.
func TestAlike(t *testing.T) {
	p := company(100)
	data := dataOf(p)
	o, c, directory := newOPA(t, data), newCEL(t, data), eligibility.NewDirectory(p.Directory.Members)
	r := rand.New(rand.NewPCG(1, 2))
	failed := map[string]int{}
	for range 2000 {
		m, signals, facts := meeting(r, r.IntN(12))
		inOPA, inCEL := o.decide(t, o.input(t, facts)), c.decide(t, facts)
		if len(inOPA) != len(celRules) || len(inCEL) != len(celRules) {
			t.Fatalf("%d rules in OPA, %d in CEL", len(inOPA), len(inCEL))
		}
		for _, check := range eligibility.Decide(m, p, directory, signals).Checks {
			status, ok := inOPA[check.Rule]
			if !ok {
				continue
			}
			if status != string(check.Status) || inCEL[check.Rule] != status {
				t.Fatalf("%s: %s (%s), in OPA %s, in CEL %s\n%+v\n%v", check.Rule, check.Status, check.Detail, status, inCEL[check.Rule], m.Copies[0].Event, facts)
			}
			if check.Status == eligibility.Fail {
				failed[check.Rule]++
			}
		}
	}
	for _, r := range celRules {
		if n := failed[r.id]; n < 20 {
			t.Errorf("%s failed %d times: that proves little", r.id, n)
		}
	}
}

// BenchmarkDecide has each engine decide meetings of ten people in a company of 100,000. x-syncd is how many
// times as long it took as syncd.
func BenchmarkDecide(b *testing.B) {
	const drawn = 64
	p := company(100_000)
	data := dataOf(p)
	o, c := newOPA(b, data), newCEL(b, data)
	directory := eligibility.NewDirectory(p.Directory.Members)
	r := rand.New(rand.NewPCG(3, 4))
	type prepared struct {
		meeting calendar.Meeting
		facts   map[string]any
	}
	var meetings []prepared
	for len(meetings) < drawn {
		m, _, facts := meeting(r, 9)
		meetings = append(meetings, prepared{m, facts})
	}
	x := eligibility.NewDecider(p, directory, nil)
	var own float64
	run := func(name string, decide func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				decide(i % drawn)
				i++
			}
			each := float64(b.Elapsed()) / float64(b.N)
			if name == "syncd" {
				own = each
			} else if own > 0 {
				b.ReportMetric(each/own, "x-syncd")
			}
		})
	}
	run("syncd", func(i int) { x.Decide(meetings[i].meeting) })
	run("cel", func(i int) { c.decide(b, meetings[i].facts) })
	inputs := make([]func(), drawn)
	for i := range meetings {
		v := o.input(b, meetings[i].facts)
		inputs[i] = func() { o.decide(b, v) }
	}
	run("opa", func(i int) { inputs[i]() })
}
