package whatif

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/config"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
)

var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// one is a store that has one meeting of Ana's with a customer.
type one struct {
	engine.Reader
	meeting calendar.Meeting
	said    []eligibility.Signal
}

func (o one) DecisionsAfter(_ context.Context, seq int64, _ int) ([]engine.Decision, error) {
	return []engine.Decision{{Decision: eligibility.Decision{Meeting: o.meeting.Key, End: monday.Add(5 * time.Hour)}}}, nil
}
func (o one) Meeting(context.Context, calendar.Key) (calendar.Meeting, error) { return o.meeting, nil }

func (o one) SignalsAbout(context.Context, calendar.Key) ([]eligibility.Signal, error) {
	return o.said, nil
}

func newTrial(t *testing.T) (trial Trial, text string) {
	t.Helper()
	file, err := filepath.Abs("../../configs/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	current, err := config.LoadPolicy(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	source := calendar.NewSource("google", "acme.com", "ana@acme.com")
	source.Primary = true
	e := calendar.Event{
		UID: "m", Status: calendar.StatusConfirmed, Title: "Call", Start: calendar.At(monday.Add(4 * time.Hour)), End: calendar.At(monday.Add(5 * time.Hour)), Location: "https://acme.zoom.us/j/91234567890",
		Organizer: calendar.Person{Email: "ana@acme.com"}, Attendees: []calendar.Attendee{{Email: "ana@acme.com"}, {Email: "greta@globex.example"}},
	}.Distil(current.Reading())
	sources := []engine.SourceState{{Source: source, PullReport: engine.PullReport{PulledAt: monday}}}
	return Trial{
		Reader: one{meeting: calendar.Meeting{Key: e.Key(), Copies: []calendar.Copy{{Source: source, Event: e}}}}, Now: monday, Current: current, File: file, Drivers: []string{"google", "outlook", "coordinator"},
		Judge: func(p *eligibility.Policy) engine.Judge {
			return engine.NewJudge(eligibility.NewDecider(p, eligibility.NewDirectory(p.Directory.Members), nil), sources, func(calendar.Source) bool { return true })
		},
	}, string(b)
}

// TestTry: a policy as somebody writes it down is read as the daemon would read it.
func TestTry(t *testing.T) {
	trial, text := newTrial(t)
	for _, c := range []struct {
		about, from, to string
		change          string
		unread          bool
	}{
		{"the same", "", "", "", false},
		{"an excluded domain", "domains: [lawfirm.example]", "domains: [globex.example]", Stops, false},
		{"another way to capture", "capture: [zoom_native, bot]", "capture: [bot]", Changes, false},
		{"a comment", "# Who records.", "# Who?", "", false},
		{"private ones count", "private: true", "private: false", "", true},
	} {
		other := strings.Replace(text, c.from, c.to, 1)
		if c.from != "" && other == text {
			t.Fatalf("%s: the policy has no %q", c.about, c.from)
		}
		r, err := trial.Try(t.Context(), []byte(other))
		if err != nil {
			t.Errorf("%s: %v", c.about, err)
			continue
		}
		got := ""
		if len(r.Differences) > 0 {
			got = r.Differences[0].Change
		}
		if got != c.change || r.Unread != c.unread || (r.Same == 1) != (c.change == "") {
			t.Errorf("%s: %+v", c.about, r)
		}
	}
	// What is skipped is not recorded by either.
	skipped := trial.Reader.(one)
	skipped.said = []eligibility.Signal{{Meeting: skipped.meeting.Key, Email: "ana@acme.com", Signal: eligibility.SignalSkip, At: monday}}
	trial.Reader = skipped
	other := strings.Replace(text, "domains: [lawfirm.example]", "domains: [globex.example]", 1)
	if r, err := trial.Try(t.Context(), []byte(other)); err != nil || len(r.Differences) != 0 || r.Same != 0 {
		t.Errorf("of a skipped meeting: %+v, %v", r, err)
	}
}

// TestProblems: each with its line, and no file is read that the daemon does not read anyway.
func TestProblems(t *testing.T) {
	trial, text := newTrial(t)
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("password: hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		policy string
		lines  []int
		says   string
	}{
		{"recording:\n  meetings: nobody\n  intern: true\n", []int{3}, "internal"},
		{"recording:\n  meetings: nobody\nconsent:\n  link_hosts: [\"a b\"]\n", []int{2, 4}, "none of"},
		{"import:\n  gogle: {enabled: true}\n", []int{2}, "unknown driver"},
		{"exclude: [\n", []int{2}, "list"},
		{"", []int{1}, "empty"},
		{"directory: {file: " + secret + "}\n", []int{0}, "another one"},
		{strings.Replace(text, `file: ""`, "file: "+secret, 1), []int{0}, "another one"},
	} {
		_, err := trial.Try(t.Context(), []byte(c.policy))
		found := Problems(err)
		ok := len(found) == len(c.lines)
		for i, p := range found {
			ok = ok && p.Line == c.lines[i]
		}
		if !ok || !strings.Contains(found[0].Message, c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.60q: %+v, %v", c.policy, found, err)
		}
	}
	if got := Problems(errors.New("disk I/O error")); got != nil {
		t.Errorf("what is about no policy: %v", got)
	}
	if got := Problems(nil); got != nil {
		t.Errorf("nothing is wrong: %v", got)
	}
}
