package custom

import (
	"strings"
	"testing"
	"time"

	"example.com/syncd/eligibility"
)

var meeting = eligibility.CustomMeeting{
	Title: "Acme x Globex: renewal", Start: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 24, 11, 30, 0, 0, time.UTC),
	TimeZone: "Europe/Berlin", Host: eligibility.CustomParticipant{Email: "ana@acme.com", Domain: "acme.com", Member: true, Internal: true},
	Participants: []eligibility.CustomParticipant{
		{Email: "ana@acme.com", Domain: "acme.com", Member: true, Internal: true, Response: "accepted"},
		{Email: "joe@eu.globex.com", Domain: "eu.globex.com", Name: "Joe", Response: "declined"},
	},
	Provider: "zoom", Sources: []string{"google"}, Calendars: []string{"ana@acme.com"},
}

func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		when string
		want bool
	}{
		{`meeting.title.contains("renewal")`, true},
		{`meeting.title.lowerAscii().startsWith("ACME".lowerAscii())`, true},
		{`meeting.participants.exists(p, p.domain == "globex.com" || p.domain.endsWith(".globex.com"))`, true},
		{`meeting.participants.all(p, p.internal)`, false},
		{`size(meeting.participants) > 10`, false},
		{`meeting.participants.filter(p, p.response != "declined").size() == 1`, true},
		{`meeting.end - meeting.start > duration("1h")`, true},
		{`meeting.start.getHours("Europe/Berlin") == 11 && meeting.start.getDayOfWeek() == 2`, true},
		{`meeting.start < timestamp("2027-01-01T00:00:00Z")`, true},
		{`meeting.host.email == "ana@acme.com" && meeting.provider in ["zoom", "teams"] && !meeting.series`, true},
		{`"google" in meeting.sources && meeting.calendars[0].matches("^ana@")`, true},
	} {
		p := policy(c.when)
		if problems := Compile(p); problems != nil {
			t.Errorf("%s: %v", c.when, problems)
			continue
		}
		if got, err := p.Exclude.Custom[0].Program.Eval(meeting); err != nil || got != c.want {
			t.Errorf("%s is %v, %v", c.when, got, err)
		}
	}
}

func policy(when string) *eligibility.Policy {
	p := eligibility.NewPolicy()
	p.Exclude.Custom = []eligibility.Custom{{Name: "x", Expression: when}}
	return p
}

// TestMistakes: what is wrong with an expression is said when the policy is read.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ when, want string }{
		{``, "the expression is missing"},
		{`meeting.title.contains(`, "Syntax error"},
		{`meeting.tilte == "x"`, "column 8: undefined field 'tilte'"},
		{"meeting.title == \"x\" ||\n  meeting.tilte == \"x\"", "line 2 of it, column 10: undefined field 'tilte'"},
		{`meeting.host.mail == "x"`, "undefined field 'mail'"},
		{`meeting.title == 1`, "no matching overload"},
		{`meeting.title.replace("a", "aa").contains("x")`, "the function replace is not available here"},
		{`meeting.participants.exists(p, "%s".format([p.email]) == "x")`, "the function format is not available here"},
		{`meeting.title`, "the expression is a string; it must be true or false"},
		{`now() > meeting.start`, "undeclared reference to 'now'"},
		{`meeting.title == "` + strings.Repeat("x", maxLength) + `"`, "longer than"},
	} {
		p := policy(c.when)
		problems := Compile(p)
		if len(problems) != 1 || problems[0].Path != "exclude.custom[0].expression" || !strings.Contains(problems[0].Message, c.want) || strings.Contains(problems[0].Message, "\n") {
			t.Errorf("%s: %q", c.when, problems)
		}
		if p.Exclude.Custom[0].Program != nil {
			t.Errorf("%s has a program", c.when)
		}
	}
	p := policy("true")
	p.Exclude.Custom = append(p.Exclude.Custom, eligibility.Custom{Name: "x", Expression: "true"}, eligibility.Custom{Name: "a b", Expression: "true"})
	if problems := Compile(p); len(problems) != 2 || problems[0].Path != "exclude.custom[1].name" || problems[1].Path != "exclude.custom[2].name" {
		t.Errorf("%v", problems)
	}
}

// TestBounds: an expression that fails, or costs too much, is an error, and no harm.
func TestBounds(t *testing.T) {
	big := meeting
	for range 3000 {
		big.Participants = append(big.Participants, eligibility.CustomParticipant{Email: "x@y.example"})
	}
	for _, when := range []string{
		`1 / size(meeting.sources.filter(s, s == "none")) == 1`,
		`meeting.calendars[5] == "x"`,
		`meeting.participants.all(p, meeting.participants.all(q, meeting.participants.all(r, p.email != "z" || q.email != r.email)))`,
		`meeting.start.getHours("Nowhere/City") == 1`,
	} {
		p := policy(when)
		if problems := Compile(p); problems != nil {
			t.Fatalf("%s: %v", when, problems)
		}
		if got, err := p.Exclude.Custom[0].Program.Eval(big); err == nil {
			t.Errorf("%s is %v", when, got)
		}
	}
	p := policy(`meeting.participants.exists(p, p.domain == "globex.com") || meeting.participants.all(p, p.internal)`)
	if problems := Compile(p); problems != nil {
		t.Fatal(problems)
	}
	if _, err := p.Exclude.Custom[0].Program.Eval(big); err != nil {
		t.Errorf("a walk through a long guest list: %v", err)
	}
}

func BenchmarkEval(b *testing.B) {
	p := policy(`meeting.participants.exists(p, p.domain == "globex.com")`)
	if problems := Compile(p); problems != nil {
		b.Fatal(problems)
	}
	for b.Loop() {
		if _, err := p.Exclude.Custom[0].Program.Eval(meeting); err != nil {
			b.Fatal(err)
		}
	}
}
