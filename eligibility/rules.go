package eligibility

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Rule is what is known of a rule without a meeting.
type Rule struct {
	ID      string
	Setting string // the policy path that an admin would change; <p> stands for the provider
	Who     string // who can change what it says: "the organizer"
	Again   string // when it is decided again: "when a calendar shows a change"
}

// Who can change what a rule says, and when it is decided again.
const (
	organizer = "the organizer"
	admin     = "whoever keeps the policy"
	directory = "whoever keeps the directory"
	access    = "the calendar's owner, or an admin of the calendar service"
	provider  = "whoever administers the conference service"
	person    = "the person who said so"

	onCalendar  = "when a calendar shows a change, at the next poll"
	onPolicy    = "when the policy's file changes, within seconds"
	onDirectory = "when the directory's file changes, within seconds"
	onAccess    = "when the calendar can be read again, tried every quarter of an hour"
	onSignal    = "when somebody says something new of it, within seconds"
	onInvite    = "when a new invite comes; what comes later than the lead time before the start is too late"
)

// rule is a row of the table: a pure function of the facts. A setting with a "<" is completed by path.
type rule struct {
	id, setting string
	who, again  string
	check       func(*facts) (Status, string)
}

// rules are all rules, in the order in which the trace lists them.
var rules = [...]rule{
	{"confirmed", "", organizer, onCalendar, checkConfirmed},
	{"timed", "", organizer, onCalendar, checkTimed},
	{"calendar_access", "connections", access, onAccess, checkCalendarAccess},
	{"calendar_import", "import.<source>.enabled", admin, onPolicy, checkCalendarImport},
	{"primary_calendar", "import.<source>.primary_only", admin, onPolicy, checkPrimaryCalendar},
	{"lead_time", "import.coordinator.lead_time", organizer, onInvite, checkLeadTime},
	{"recordable_participant", "directory", directory, onDirectory, checkRecordableParticipant},
	{"excluded_domain", "exclude.domains", admin, onPolicy, checkExcludedDomain},
	{"excluded_participant", "exclude.participants", admin, onPolicy, checkExcludedParticipant},
	{"excluded_title", "exclude.title_keywords", organizer, onCalendar, checkExcludedTitle},
	{customRule, "exclude.custom", admin, onPolicy, nil}, // a line for each
	{"private", "exclude.private", organizer, onCalendar, checkPrivate},
	{"conference_link", "providers, links", organizer, onCalendar, checkConferenceLink},
	{"provider_enabled", "providers.<p>.enabled", admin, onPolicy, checkProviderEnabled},
	{"provider_setup", "providers.<p>.status", provider, onPolicy, checkProviderSetup},
	{"internal", "recording.internal", admin, onPolicy, checkInternal},
	{"never_record", "directory.<email>.record", directory, onDirectory, checkNeverRecord},
	{"host", "recording.meetings", admin, onPolicy, checkHost},
	{"consent_link", "consent.profiles.<name>.enforce", organizer, onCalendar, checkConsentLink},
	{"consent_link_type", "consent.profiles.<name>.links", organizer, onCalendar, checkConsentLinkType},
	{"consent_bypass", "", organizer, onCalendar, checkConsentBypass},
	{"consent_company", "consent.company", organizer, onCalendar, checkConsentCompany},
	{"consent_opt_out", "", person, onSignal, checkConsentOptOut},
	{"override", "", person, onSignal, checkOverride},
	{"capture", "providers.<p>.capture", provider, onPolicy, checkCapture},
	{"bot_admission", "providers.<p>.authenticated_bot", provider, onPolicy, checkBotAdmission},
}

// Rules are all rules, in the trace's order. The company's own stand together as one, custom:NAME.
func Rules() []Rule {
	all := make([]Rule, len(rules))
	for i, r := range rules {
		all[i] = Rule{r.id, r.setting, r.who, r.again}
	}
	return all
}

// RuleOf is the rule that a check came from.
func RuleOf(c Check) Rule {
	id := c.Rule
	if strings.HasPrefix(id, "custom:") {
		id = customRule
	}
	i := slices.IndexFunc(rules[:], func(r rule) bool { return r.id == id })
	if i < 0 { // an older version's
		return Rule{ID: c.Rule}
	}
	return Rules()[i]
}

// lifted are the rules that a person's wish to record turns into warnings. No other is: they protect
// people, or nothing could be recorded.
var lifted = []string{"host", "internal"}

// Liftable reports whether a person's wish to record would turn the failing check into a warning, or replace it.
func Liftable(c Check) bool { return slices.Contains(lifted, c.Rule) || c.Rule == "override" }

// hidden reports whether nothing but the time of this meeting may be told.
func (f *facts) hidden() bool {
	return f.policy.excludesPrivate() && slices.ContainsFunc(f.copies, func(c readCopy) bool { return c.Private() })
}

// unknown is why nothing is known of people and links: of a private meeting they are not kept, and the
// rule "private" refuses it all the same.
func (f *facts) unknown() (why string, is bool) {
	switch {
	case len(f.copies) == 0:
		return noCopy, true
	case f.hidden() && len(f.people) == 0 && len(f.links) == 0:
		return "of a private meeting nothing but its times is kept", true
	}
	return "", false
}

// path completes a rule's setting with what it is about here. Where that is several things, it is
// their paths; where it is not known, the path ends before it.
func (f *facts) path(setting string) string {
	before, placeholder, found := strings.Cut(setting, "<")
	if !found {
		return setting
	}
	placeholder, after, _ := strings.Cut(placeholder, ">")
	var values []string
	switch placeholder {
	case "p":
		values = []string{f.provider}
	case "name":
		if f.owner != nil {
			values = []string{cmp.Or(f.owner.ConsentProfile, defaultProfile)}
		}
	case "email":
		for _, m := range f.never() {
			values = append(values, m.Email)
		}
	case "source":
		values = sources(f.copies)
		if len(values) == 0 { // none counts, which is what the admin would change
			values = sources(f.all)
		}
	}
	paths := []string{}
	for _, v := range values {
		if v != "" {
			paths = append(paths, before+v+after)
		}
	}
	if len(paths) == 0 {
		return strings.TrimSuffix(before, ".")
	}
	return strings.Join(paths, ", ")
}

// sources are the drivers that show the copies, each once.
func sources(copies []readCopy) []string {
	var all []string
	for _, c := range copies {
		all = append(all, c.Source.Driver)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// someone is who asked for something without an address.
const someone = "somebody without an address"

// most is how many offending values one detail names: a guest list may have thousands.
const most = 10

// listing is a detail that names several offending values.
func listing(all []string) string {
	all = slices.Compact(all)
	if len(all) > most {
		return fmt.Sprintf("%s; and %d more", strings.Join(all[:most], "; "), len(all)-most)
	}
	return strings.Join(all, "; ")
}

func checkOverride(f *facts) (Status, string) {
	switch {
	case f.word == nil:
		return NotApplicable, ""
	case f.word.Signal == SignalSkip:
		return Fail, fmt.Sprintf("%s asked at %s for it not to be recorded", f.asker(), at(f.word.At))
	}
	return Pass, fmt.Sprintf("%s asked at %s for it to be recorded", f.asker(), at(f.word.At))
}

// asker is who said the newest word.
func (f *facts) asker() string { return cmp.Or(f.word.Email, someone) }
