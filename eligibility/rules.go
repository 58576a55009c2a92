package eligibility

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/syncd/calendar"
)

// A Rule is what is known of a rule without a meeting.
type Rule struct {
	ID      string
	Setting string // the policy path that an admin would change; <p> stands for the provider
}

// rule is a row of the table: a pure function of the facts. A setting with a "<" is completed by path.
type rule struct {
	id, setting string
	check       func(*facts) (Status, string)
}

// rules are all rules, in the order in which the trace lists them.
var rules = [...]rule{
	{"confirmed", "", checkConfirmed},
	{"timed", "", checkTimed},
	{"calendar_access", "connections", checkCalendarAccess},
	{"calendar_import", "import.<source>.enabled", checkCalendarImport},
	{"primary_calendar", "import.<source>.primary_only", checkPrimaryCalendar},
	{"lead_time", "import.coordinator.lead_time", checkLeadTime},
	{"recordable_participant", "directory", checkRecordableParticipant},
	{"excluded_domain", "exclude.domains", checkExcludedDomain},
	{"excluded_participant", "exclude.participants", checkExcludedParticipant},
	{"excluded_title", "exclude.title_keywords", checkExcludedTitle},
	{"private", "exclude.private", checkPrivate},
	{"conference_link", "providers, links", checkConferenceLink},
	{"provider_enabled", "providers.<p>.enabled", checkProviderEnabled},
	{"provider_setup", "providers.<p>.status", checkProviderSetup},
	{"internal", "recording.internal", checkInternal},
	{"never_record", "directory.<email>.record", checkNeverRecord},
	{"host", "recording.meetings", checkHost},
	{"consent_link", "consent.profiles.<name>.enforce", checkConsentLink},
	{"consent_link_type", "consent.profiles.<name>.links", checkConsentLinkType},
	{"consent_bypass", "", checkConsentBypass},
	{"consent_company", "consent.company", checkConsentCompany},
	{"consent_opt_out", "", checkConsentOptOut},
	{"override", "", checkOverride},
	{"capture", "providers.<p>.capture", checkCapture},
	{"bot_admission", "providers.<p>.authenticated_bot", checkBotAdmission},
}

// Rules are all rules, in the trace's order.
func Rules() []Rule {
	all := make([]Rule, len(rules))
	for i, r := range rules {
		all[i] = Rule{r.id, r.setting}
	}
	return all
}

// lifted are the rules that a person's wish to record turns into warnings. No other is: they protect
// people, or nothing could be recorded.
var lifted = []string{"host", "internal"}

// Signals are what people said of meetings.
type Signals []Signal

// Decide says whether m is recorded, how, and why. It is pure: the same inputs give the same decision,
// byte for byte, whatever the order of copies, attendees and signals.
func Decide(m calendar.Meeting, p *Policy, d *Directory, s Signals) Decision {
	f := newFacts(m, p, d, s)
	dec := Decision{Meeting: m.Key, Record: true, Provider: f.provider, Checks: make([]Check, 0, len(rules))}
	for _, r := range rules {
		status, detail := r.check(f)
		if status == Fail && slices.Contains(lifted, r.id) && f.word != nil && f.word.Signal == SignalRecord {
			status, detail = Warn, detail+"; "+f.asker()+" asked for this meeting to be recorded all the same"
		}
		c := Check{Rule: r.id, Status: status, Detail: detail}
		if status == Fail || status == Warn {
			c.Setting = f.path(r.setting)
		}
		dec.Record = dec.Record && status != Fail
		dec.Checks = append(dec.Checks, c)
	}
	dec.Start, dec.End = f.lead.Start.Time, f.lead.End.Time
	if !f.hidden() {
		dec.Title = f.lead.Title
	}
	if f.link != nil {
		dec.JoinURL, dec.MeetingID, dec.CallKeys = f.link.URL, f.link.MeetingID, f.link.Keys
		dec.Capture = f.methods.left
	}
	if f.owner != nil {
		dec.Owner = f.owner.Email
	}
	for _, member := range f.behalf {
		dec.OnBehalfOf = append(dec.OnBehalfOf, member.Email)
	}
	return dec
}

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
