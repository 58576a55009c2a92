package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
)

// ruleWords are what rules are about, as an admin reads it.
var ruleWords = map[string]string{
	"confirmed":              "Cancelled meetings",
	"timed":                  "Time of the meeting",
	"calendar_access":        "Access to the calendar",
	"calendar_import":        "Calendars that count",
	"primary_calendar":       "Main calendars",
	"lead_time":              "Invite in time",
	"recordable_participant": "Somebody who may be recorded",
	"excluded_domain":        "Excluded domains",
	"excluded_participant":   "Excluded people",
	"excluded_title":         "Excluded words in the title",
	"private":                "Private meetings",
	"conference_link":        "Conference link",
	"provider_enabled":       "Provider switched on",
	"provider_setup":         "Provider's set-up",
	"internal":               "Internal meetings",
	"never_record":           "People who are never recorded",
	"host":                   "Host",
	"consent_link":           "Consent link",
	"consent_link_type":      "Type of consent link",
	"consent_bypass":         "Links that bypass consent",
	"consent_company":        "Company of the consent link",
	"consent_opt_out":        "Somebody opted out",
	"override":               "Somebody's wish",
	"capture":                "Ways to capture it",
	"bot_admission":          "Letting the bot in",
}

// ruleName is a rule's words, or its name where there are none.
func ruleName(id string) string {
	if name, own := strings.CutPrefix(id, "custom:"); own {
		return "Own rule: " + name
	}
	return cmp.Or(ruleWords[id], id)
}

// providerName is a provider's id as a name.
func providerName(id string) string {
	if id == "" {
		return "no provider"
	}
	return sentenceCase(id)
}

// captureWords are the ways to record.
var captureWords = map[string]string{
	eligibility.ZoomNative:       "its own cloud recording",
	eligibility.ZoomLocalBot:     "a bot in the desktop client",
	eligibility.AuthenticatedBot: "a bot with an account",
	eligibility.Bot:              "a bot that joins as a guest",
}

// signalWords are what people say of meetings.
var signalWords = map[string]string{
	eligibility.SignalSkip:   "Skip it",
	eligibility.SignalRecord: "Record it",
	eligibility.SignalOptOut: "I join, and am not to be recorded",
}

// sentenceCase begins with a capital letter.
func sentenceCase(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

func captureName(id string) string { return cmp.Or(captureWords[id], id) }

// captures are ways to record, in the order in which they are tried.
func captures(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = captureName(id)
	}
	return strings.Join(names, ", else ")
}

// Marks: a sign, a class for its colour, and words, so that nothing hangs on the colour.
type mark struct{ Sign, Class, Words string }

var (
	yes  = mark{"●", "yes", "recorded"}
	no   = mark{"○", "no", "not recorded"}
	held = mark{"◐", "warn", "held"}
	gone = mark{"✕", "no", "cancelled"}
)

func markOfDecision(d engine.Decision) mark {
	switch {
	case d.Record:
		return yes
	case d.Held != nil:
		return held
	}
	return no
}

func markOfSchedule(s schedule.Schedule) mark {
	switch s.State {
	case schedule.Cancelled:
		return gone
	case schedule.Updated:
		return mark{yes.Sign, yes.Class, "recorded, updated"}
	}
	return yes
}

var checkMarks = map[eligibility.Status]mark{
	eligibility.Pass:          {"✓", "yes", "fine"},
	eligibility.Fail:          {"✕", "bad", "keeps it from being recorded"},
	eligibility.Warn:          {"!", "warn", "may go wrong"},
	eligibility.NotApplicable: {"–", "no", "does not apply"},
}

var deliveryMarks = map[DeliveryStatus]mark{
	Waiting:   {"…", "warn", "waiting"},
	Failing:   {"!", "bad", "failing"},
	Dead:      {"✕", "bad", "given up"},
	Delivered: {"✓", "yes", "delivered"},
}

// markOfCalendar says how a calendar fares, the worst first.
func markOfCalendar(s engine.SourceState, now time.Time, promise time.Duration) mark {
	switch {
	case s.Refused || s.NoAccess:
		return mark{"✕", "bad", "access lost"}
	case s.Failures > 0:
		return mark{"!", "bad", "failing"}
	case s.Held:
		return mark{"◐", "warn", "suddenly empty"}
	case s.PulledAt.IsZero():
		return mark{"…", "warn", "not read yet"}
	case promise > 0 && now.Sub(s.PulledAt) > promise:
		return mark{"!", "warn", "late"}
	}
	return mark{"✓", "yes", "fresh"}
}

// whatToDo is what a person does about a calendar, "" if nothing.
func whatToDo(s engine.SourceState, now time.Time, promise time.Duration) string {
	switch {
	case s.Refused || s.NoAccess:
		return "A person must let us read it again: the calendar's owner, or an admin of the calendar service. Nothing is deleted meanwhile, and what was scheduled goes on."
	case s.Failures > 0:
		return "It is tried again by itself. If it goes on, the message says what to look at."
	case s.Held:
		return "Its last listing was empty where there had been meetings. Nothing is deleted until a second listing agrees."
	case !s.PulledAt.IsZero() && promise > 0 && now.Sub(s.PulledAt) > promise:
		return "It waits longer than promised: the provider may slow us down. It is read as soon as that is allowed."
	}
	return ""
}

// hiddenTitle stands for the title of a private meeting, and noTitle where there is none.
const (
	hiddenTitle = "Private meeting"
	noTitle     = "(no title)"
)

// private reports whether of this meeting nothing but the times may be told.
func private(d eligibility.Decision) bool {
	return slices.ContainsFunc(d.Checks, func(c eligibility.Check) bool { return c.Rule == "private" && c.Status == eligibility.Fail })
}

// ago is how long ago t was, to the second at first.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	if d < 0 {
		return "in " + length(-d)
	}
	return length(d) + " ago"
}

// until is when t comes.
func until(now, t time.Time) string {
	if t.IsZero() || !t.After(now) {
		return "now"
	}
	return "in " + length(t.Sub(now))
}

// length is a duration in its largest unit.
func length(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.of); n > 0 {
			return count(n, u.name)
		}
	}
	return count(int(d/time.Second), "second")
}

// age is how long ago t was, in as few letters as will do.
func age(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := max(0, now.Sub(t))
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{48 * time.Hour, "days"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d >= u.of {
			return fmt.Sprintf("%d %s ago", d/min(u.of, 24*time.Hour), u.name)
		}
	}
	return fmt.Sprintf("%d s ago", d/time.Second)
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok && !strings.HasSuffix(stem, "a") {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (c *console) clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(c.Zone).Format("15:04")
}

func (c *console) date(t time.Time) string { return t.In(c.Zone).Format("Mon 2 Jan") }

func (c *console) day(t time.Time) string { return t.In(c.Zone).Format("Monday 2 January") }

func (c *console) moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(c.Zone).Format("Mon 2 Jan 15:04")
}

// span is a meeting's time, with the zone.
func (c *console) span(start, end time.Time) string {
	if start.IsZero() {
		return "without a time"
	}
	start, end = start.In(c.Zone), end.In(c.Zone)
	layout := "15:04 MST"
	if start.YearDay() != end.YearDay() || start.Year() != end.Year() {
		layout = "Mon 2 Jan 15:04 MST"
	}
	return start.Format("Monday 2 January, 15:04") + " – " + end.Format(layout)
}
