package eligibility

import (
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
			status, detail = Warn, detail+"; "+f.word.Email+" asked for this meeting to be recorded all the same"
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
	return f.policy.excludesPrivate() && slices.ContainsFunc(f.copies, func(c calendar.Copy) bool { return c.Private() })
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

// path completes a rule's setting with what it is about here.
func (f *facts) path(setting string) string {
	if f.owner != nil {
		profile := f.owner.ConsentProfile
		if profile == "" {
			profile = defaultProfile
		}
		setting = strings.Replace(setting, "<name>", profile, 1)
	}
	if f.provider != "" {
		setting = strings.Replace(setting, "<p>", f.provider, 1)
	}
	if strings.Contains(setting, "<email>") {
		for _, p := range f.people {
			if p.member != nil && p.member.Record == RecordNever {
				return strings.Replace(setting, "<email>", p.member.Email, 1)
			}
		}
	}
	if strings.Contains(setting, "<source>") {
		return strings.Replace(setting, "<source>", strings.Join(f.sources(), "|"), 1)
	}
	return setting
}

// sources are the kinds of connections that show the meeting.
func (f *facts) sources() []string {
	var all []string
	for _, c := range f.meeting.Copies {
		all = append(all, c.Source.Driver)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 0 {
		return []string{"<source>"}
	}
	return all
}

func checkOverride(f *facts) (Status, string) {
	switch {
	case f.word == nil:
		return NotApplicable, ""
	case f.word.Signal == SignalSkip:
		return Fail, fmt.Sprintf("%s asked at %s for it not to be recorded", f.word.Email, at(f.word.At))
	}
	return Pass, fmt.Sprintf("%s asked at %s for it to be recorded", f.word.Email, at(f.word.At))
}
