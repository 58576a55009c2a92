package eligibility

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
)

// noCopy is the answer of a rule that needs a copy where none counts.
const noCopy = "no copy of the meeting counts"

func checkConfirmed(f *facts) (Status, string) {
	switch {
	case len(f.copies) == 0:
		return NotApplicable, noCopy
	case f.lead.Status == calendar.StatusCancelled:
		return Fail, "it is cancelled on the calendar " + f.copies[0].Source.Calendar
	}
	return Pass, ""
}

// longest is how long a call may last.
const longest = 24 * time.Hour

// noMeetings are the kinds of entries that are no meetings, in a person's words.
var noMeetings = map[string]string{
	calendar.KindFocus: "focus time", calendar.KindOutOfOffice: "an out-of-office entry",
	calendar.KindWorkingLocation: "a working location", calendar.KindBirthday: "a birthday", calendar.KindTask: "a task",
}

func checkTimed(f *facts) (Status, string) {
	e := f.lead
	kind, noMeeting := noMeetings[e.Kind]
	length := e.End.Time.Sub(e.Start.Time)
	switch {
	case len(f.copies) == 0:
		return NotApplicable, noCopy
	case noMeeting:
		return Fail, "it is " + kind + ", no meeting"
	case e.Start.Day != "" || e.End.Day != "":
		return Fail, "it is an all-day entry, without a time of day"
	case e.Start.IsZero() || e.End.IsZero():
		return Fail, "its start or end could not be read"
	case length <= 0:
		return Fail, fmt.Sprintf("it ends at %s, which is not after its start at %s", at(e.End.Time), at(e.Start.Time))
	case length > longest:
		return Fail, fmt.Sprintf("it lasts %s, more than 24 hours", length)
	}
	return Pass, ""
}

func checkCalendarAccess(f *facts) (Status, string) {
	if len(f.all) == 0 {
		return Fail, "no calendar shows this meeting any more"
	}
	shared := ""
	for _, c := range f.all {
		switch {
		case c.mailed(), !c.Source.NoAccess && !c.Hidden:
			return Pass, ""
		case c.Hidden && shared == "":
			shared = c.Source.Calendar
		}
	}
	if shared != "" {
		return Fail, "the calendar " + shared + " is shared as free or busy alone: the meeting's details are hidden"
	}
	return Fail, "the access to the calendar " + f.all[0].Source.Calendar + " was lost; what is known of the meeting is held until it is back"
}

func checkCalendarImport(f *facts) (Status, string) {
	switch {
	case len(f.copies) > 0:
		return Pass, ""
	case len(f.all) == 0:
		return NotApplicable, "no calendar shows this meeting any more"
	}
	return Fail, "it is known through " + strings.Join(sources(f.all), " and ") + " alone, and nothing is imported from there"
}

func checkPrimaryCalendar(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	for _, c := range f.copies {
		primaryOnly := f.policy.Import[c.Source.Driver].PrimaryOnly
		if c.Source.Primary || c.mailed() || primaryOnly != nil && !*primaryOnly {
			return Pass, ""
		}
	}
	return Fail, "it is on secondary calendars alone: " + f.copies[0].Source.Calendar
}

// defaultLeadTime is how long before its start an invite must have reached the coordinator.
const defaultLeadTime = 30 * time.Minute

func checkLeadTime(f *facts) (Status, string) {
	switch {
	case len(f.copies) == 0:
		return NotApplicable, noCopy
	case slices.ContainsFunc(f.copies, func(c readCopy) bool { return !c.mailed() }):
		return NotApplicable, ""
	case f.lead.Status == calendar.StatusCancelled:
		return Pass, "a cancellation is always in time"
	case f.lead.Start.Time.IsZero():
		return NotApplicable, "it has no start"
	}
	need := defaultLeadTime
	if l := f.policy.Import[coordinator].LeadTime; l != nil {
		need = time.Duration(*l)
	}
	var last time.Time
	for _, c := range f.copies {
		if c.Received.IsZero() {
			return Fail, "it is not known when the invite was received"
		}
		if c.Received.After(last) {
			last = c.Received
		}
	}
	if early := f.lead.Start.Time.Sub(last); early < need {
		return Fail, fmt.Sprintf("the last change was received at %s, %s before the start; %s are needed", at(last), early.Round(time.Second), need)
	}
	return Pass, ""
}

func checkExcludedTitle(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	if len(f.excluded.keywords) == 0 {
		return Pass, ""
	}
	titles := make([]string, len(f.copies))
	for i, c := range f.copies {
		titles[i] = words(c.Title)
	}
	var found []string
	for i, k := range f.excluded.keywords {
		if slices.ContainsFunc(titles, func(t string) bool { return hasKeyword(t, k) }) {
			found = append(found, fmt.Sprintf("title has the keyword %q", f.policy.Exclude.TitleKeywords[i]))
		}
	}
	switch {
	case len(found) == 0:
		return Pass, ""
	case f.hidden():
		return Fail, "title has an excluded keyword, which is not told of a private meeting"
	}
	return Fail, listing(found)
}

func checkPrivate(f *facts) (Status, string) {
	switch {
	case !f.policy.excludesPrivate():
		return NotApplicable, ""
	case len(f.copies) == 0:
		return NotApplicable, noCopy
	}
	for _, c := range f.copies {
		if c.Private() {
			return Fail, "it is " + c.Visibility + " on the calendar " + c.Source.Calendar
		}
	}
	return Pass, ""
}

func checkConferenceLink(f *facts) (Status, string) {
	if why, is := f.unknown(); is {
		return NotApplicable, why
	}
	switch {
	case f.link != nil:
		detail := f.link.Provider + " link in the " + f.link.Where
		if len(f.link.WrappedBy) > 0 {
			detail += ", unwrapped from " + strings.Join(f.link.WrappedBy, ", ")
		}
		return Pass, detail
	case len(f.opaque) > 0:
		o := f.opaque[0]
		detail := "the link stays wrapped by " + o.Wrapper + ", which cannot be decoded"
		if o.Domain != "" {
			detail += "; it leads to " + o.Domain
		}
		return Fail, detail
	case len(f.links) > 0 && f.links[0].URL == "":
		return Fail, "the number of a " + f.links[0].Provider + " meeting is printed in the " + f.links[0].Where + ", without a link"
	case len(f.links) > 0:
		return Fail, "the only conference link is of " + f.links[0].Provider + ", which is not supported"
	}
	return Fail, "no conference link stands in the invite"
}

// noProvider is the answer of a rule that needs the provider where none is known.
const noProvider = "there is no link, or it does not say its provider"

func checkProviderEnabled(f *facts) (Status, string) {
	switch {
	case f.provider == "":
		return NotApplicable, noProvider
	case !f.policy.Providers[f.provider].Enabled:
		return Fail, "recording of " + f.provider + " is not enabled"
	}
	return Pass, ""
}

func checkProviderSetup(f *facts) (Status, string) {
	if f.provider == "" {
		return NotApplicable, noProvider
	}
	p := f.policy.Providers[f.provider]
	says := p.StatusDetail
	if says == "" {
		says = "no detail is given"
	}
	switch p.Status {
	case "", SetupOK:
		return Pass, ""
	case SetupWarning:
		return Warn, "the set-up of " + f.provider + " has a warning: " + says
	}
	return Fail, "the set-up of " + f.provider + " is in error: " + says
}
