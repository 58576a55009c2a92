package ics

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/nodetest"
)

var rules = flag.Int("rules", 5000, "how many random rules are compared")

// question is a rule for others to expand.
type question struct {
	Rule  string    `json:"rule"`
	Start time.Time `json:"start"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// expanded is what one of them says.
type expanded struct {
	Starts []string
	Error  string
}

// A library expands rules. One that does not come back is started anew: some rules keep it busy for ever.
type library struct {
	t    *testing.T
	name string
	ask  func(question) (expanded, bool)
	stop func()
}

const patience = 700 * time.Millisecond

func (l *library) start() {
	cmd := nodetest.Command(l.t, "testdata/recur.mjs", l.name)
	in, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	answers := make(chan expanded)
	go func() {
		defer close(answers)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e expanded
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				answers <- e
			}
		}
	}()
	l.stop = func() {
		_ = cmd.Process.Kill()
		for range answers {
		}
		_ = cmd.Wait() // it was killed
	}
	l.ask = func(q question) (expanded, bool) {
		if err := json.NewEncoder(in).Encode(q); err != nil {
			l.t.Fatal(err)
		}
		select {
		case e, ok := <-answers:
			return e, ok
		case <-time.After(patience):
			return expanded{}, false
		}
	}
}

// expand is what the library makes of the rule; ok is false if it can't.
func (l *library) expand(q question) (starts []string, ok bool) {
	if l.ask == nil {
		l.start()
	}
	e, back := l.ask(q)
	if !back {
		l.stop()
		l.ask = nil
	}
	return e.Starts, back && e.Error == ""
}

// randomRule is one of those that people and programs write, now and then an odd one.
func randomRule(r *rand.Rand) string {
	some := func(n, least, most int) string {
		var all []int
		for range 1 + r.IntN(n) {
			all = append(all, least+r.IntN(most-least+1))
		}
		slices.Sort(all)
		var words []string
		for _, v := range slices.Compact(all) {
			if v != 0 || least == 0 {
				words = append(words, fmt.Sprint(v))
			}
		}
		if words == nil {
			return "1"
		}
		return strings.Join(words, ",")
	}
	days := []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}
	someDays := func(ordinals int) string {
		var all []string
		for range 1 + r.IntN(3) {
			d := days[r.IntN(7)]
			if ordinals > 0 && r.IntN(2) == 0 {
				if n := r.IntN(2*ordinals+1) - ordinals; n != 0 {
					d = fmt.Sprint(n) + d
				}
			}
			all = append(all, d)
		}
		slices.Sort(all)
		return strings.Join(slices.Compact(all), ",")
	}
	freq := []string{"DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY"}[r.IntN(6)]
	parts := []string{"FREQ=" + freq}
	add := func(chance int, key string, value func() string) {
		if r.IntN(chance) == 0 {
			parts = append(parts, key+"="+value())
		}
	}
	add(2, "INTERVAL", func() string { return fmt.Sprint(1 + r.IntN(4)) })
	add(3, "COUNT", func() string { return fmt.Sprint(1 + r.IntN(40)) })
	if !strings.Contains(parts[len(parts)-1], "COUNT") {
		add(3, "UNTIL", func() string {
			return time.Date(2026, 1, 1, r.IntN(24), 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(900)).Format("20060102T150405Z")
		})
	}
	add(6, "WKST", func() string { return days[r.IntN(7)] })
	switch freq {
	case "DAILY":
		add(4, "BYDAY", func() string { return someDays(0) })
		add(6, "BYMONTH", func() string { return some(4, 1, 12) })
		add(8, "BYMONTHDAY", func() string { return some(4, -5, 31) })
	case "WEEKLY":
		add(2, "BYDAY", func() string { return someDays(0) })
		add(8, "BYMONTH", func() string { return some(4, 1, 12) })
	case "MONTHLY":
		add(2, "BYDAY", func() string { return someDays(5) })
		add(3, "BYMONTHDAY", func() string { return some(3, -5, 31) })
		add(8, "BYMONTH", func() string { return some(4, 1, 12) })
	case "YEARLY":
		add(2, "BYMONTH", func() string { return some(3, 1, 12) })
		add(3, "BYDAY", func() string { return someDays(5) })
		add(4, "BYMONTHDAY", func() string { return some(3, -5, 31) })
		add(10, "BYYEARDAY", func() string { return some(3, -20, 366) })
		add(10, "BYWEEKNO", func() string { return some(3, -3, 53) })
	}
	if slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, "BY") }) { // RFC 5545: it goes with another BY part
		add(6, "BYSETPOS", func() string { return some(2, -2, 3) })
	}
	add(12, "BYHOUR", func() string { return some(2, 0, 23) })
	add(20, "BYMINUTE", func() string { return some(2, 0, 59) })
	return strings.Join(parts, ";")
}

// disputed are the rules over which both of the others are known to differ from the standard, each with the reason.
// Outside of them, one of the two must agree with us.
var disputed = []struct {
	name, why string
	is        func(rule string) bool
}{
	{"weeks of the year", "rrule takes whole weeks, where the standard keeps the start's weekday; ical.js counts them in other years", has("BYWEEKNO")},
	{"positions", "in the period in which the series begins, rrule counts only what does not lie before the start; ical.js mixes the positions up", has("BYSETPOS")},
	{"days with and without a number", "rrule wants a day to be both, and so finds none; ical.js loses some where the days of the month are given too", mixed},
}

// mixed reports whether the rule's BYDAY has both "FR" and "2FR".
func mixed(rule string) bool {
	for part := range strings.SplitSeq(rule, ";") {
		if days, is := strings.CutPrefix(part, "BYDAY="); is {
			with, without := false, false
			for d := range strings.SplitSeq(days, ",") {
				with, without = with || len(d) > 2, without || len(d) == 2
			}
			return with && without
		}
	}
	return false
}

func has(part string) func(string) bool {
	return func(rule string) bool { return strings.Contains(rule, part+"=") }
}

// TestOthersAgree: two implementations that had no part in making this one, and that differ from one another, expand
// rules as this one does.
func TestOthersAgree(t *testing.T) {
	nodetest.Dir(t)
	r := rand.New(rand.NewPCG(11, 5545))
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 6, 1, 0, 0, 0, 0, time.UTC)
	one, other := &library{t: t, name: "rrule"}, &library{t: t, name: "ical.js"}
	counts := map[string]int{}
	for n := 0; n < *rules; {
		rule, start := randomRule(r), time.Date(2025, 1, 1, r.IntN(24), 30*r.IntN(2), 0, 0, time.UTC).AddDate(0, 0, r.IntN(700))
		// What a start outside of its rule means is nobody's to say, so the rule starts at an occurrence.
		all, err := expand(stampOf(start), countPart.ReplaceAllString(rule, ""), start, to)
		if err != nil || len(all) < 3 { // beyond the limits, or seldom
			continue
		}
		n++
		if start, err = time.Parse("20060102T150405Z", all[1]); err != nil {
			t.Fatal(err)
		}
		ours, err := expand(stampOf(start), rule, from, to)
		if err != nil {
			t.Fatal(err)
		}
		q := question{rule, start, from, to}
		first, ok1 := one.expand(q)
		second, ok2 := other.expand(q)
		dispute := ""
		for _, d := range disputed {
			if dispute == "" && d.is(rule) {
				dispute = ": " + d.name
			}
		}
		switch is1, is2 := ok1 && slices.Equal(ours, first), ok2 && slices.Equal(ours, second); {
		case is1 && is2:
			counts["both agree"]++
		case is1:
			counts["rrule agrees"+dispute]++
		case is2:
			counts["ical.js agrees"+dispute]++
		default:
			counts["neither agrees"+dispute]++
			if dispute == "" || testing.Verbose() {
				t.Logf("%s from %s\n ours %v\nrrule %v\n ical %v", rule, stampOf(start), firstOf(ours), firstOf(first), firstOf(second))
			}
		}
	}
	one.stop()
	other.stop()
	t.Logf("%d rules: %v", *rules, counts)
	if counts["neither agrees"] > 0 || counts["both agree"] < *rules*7/10 {
		t.Errorf("too few agree")
	}
}

func stampOf(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// countPart is a rule's COUNT.
var countPart = regexp.MustCompile(`;COUNT=[0-9]+`)

func firstOf(s []string) []string { return s[:min(len(s), 8)] }

// expand are the starts of a series, as this package has them.
func expand(start, rule string, from, to time.Time) ([]string, error) {
	calendars, err := Parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART:" + start + "\nDURATION:PT1S\nRRULE:" + rule + "\nEND:VEVENT\nEND:VCALENDAR\n"))
	if err != nil {
		return nil, err
	}
	all, err := Series{Master: calendars[0].Events[0]}.Occurrences(from, to)
	if err != nil {
		return nil, err
	}
	var starts []string
	for _, o := range all {
		if at, ok := o.Start.UTC(); ok && !at.Before(from) {
			starts = append(starts, at.Format("20060102T150405Z"))
		}
	}
	return starts, nil
}
