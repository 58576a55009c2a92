package eligibility

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/syncd/linkparse"
)

// consentPage is what a link says if it is a consent-enabled one, of a host of the policy.
func (f *facts) consentPage(l linkparse.Link) (*linkparse.ConsentPage, bool) {
	if l.Page == nil {
		return nil, false
	}
	return l.Page, hostListed(hostOfURL(l.URL), f.policy.Consent.LinkHosts)
}

// hostOfURL is the host of a canonical URL.
func hostOfURL(url string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "https://"), "/")
	return host
}

func hostListed(host string, hosts []string) bool {
	for _, h := range hosts {
		if fold(h) == fold(host) {
			return true
		}
	}
	return false
}

// findConsent takes the first consent link of the copies that count, and the owner's profile.
func (f *facts) findConsent() {
	for _, l := range f.links {
		if page, ok := f.consentPage(l); ok {
			f.consent, f.consentLink = page, l
			break
		}
	}
	if f.owner == nil {
		return
	}
	name := cmp.Or(f.owner.ConsentProfile, defaultProfile)
	profile, known := f.policy.Consent.Profiles[name]
	// A profile that a synced directory names and the policy does not have was meant to say something.
	profile.Enforce = profile.Enforce || !known && name != defaultProfile
	f.profile = profile
}

// defaultProfile is the consent profile of members who have none.
const defaultProfile = "default"

// needsConsent is the answer of a consent rule that does not apply, and whether that is so.
func (f *facts) needsConsent(link bool) (Status, string, bool) {
	switch {
	case f.owner == nil:
		return NotApplicable, "nobody owns the recording, so no consent profile applies", false
	case !f.profile.Enforce:
		return NotApplicable, "", false
	case link && f.consent == nil:
		return NotApplicable, "there is no consent link", false
	}
	return "", "", true
}

func checkConsentLink(f *facts) (Status, string) {
	if s, why, ok := f.needsConsent(false); !ok {
		return s, why
	}
	if f.consent == nil {
		return Fail, "consent is enforced for " + f.owner.Email + " by the profile " + cmp.Or(f.owner.ConsentProfile, defaultProfile) + ", and the invite has no consent link"
	}
	return Pass, ""
}

func checkConsentLinkType(f *facts) (Status, string) {
	if s, why, ok := f.needsConsent(true); !ok {
		return s, why
	}
	want := f.profile.Links[cmp.Or(f.consent.Provider, f.provider)]
	if want != "" && want != f.consent.Type {
		return Fail, "the consent link is " + f.consent.Type + ", and the profile of " + f.owner.Email + " wants a " + want + " one"
	}
	return Pass, ""
}

// checkConsentBypass looks at every copy, counting or not: who has a bare link joins without consenting.
func checkConsentBypass(f *facts) (Status, string) {
	if s, why, ok := f.needsConsent(true); !ok {
		return s, why
	}
	for _, c := range f.all {
		for _, l := range c.found.Links {
			if !f.isConsentPage(l) {
				return Fail, "a " + l.Provider + " link stands beside the consent link, in the " + cmp.Or(l.Where, "text") + " on the calendar " + c.Source.Calendar
			}
		}
	}
	return Pass, ""
}

// isConsentPage reports whether l leads to the meeting's consent page.
func (f *facts) isConsentPage(l linkparse.Link) bool {
	_, ok := f.consentPage(l)
	return ok && samePage(l, f.consentLink)
}

// samePage reports whether two consent links lead to one page. Another calendar may have it in another case,
// or without the provider.
func samePage(a, b linkparse.Link) bool {
	p, q := a.Page, b.Page
	return p != nil && q != nil && fold(p.Company) == fold(q.Company) && fold(p.User) == fold(q.User) && fold(p.Meeting) == fold(q.Meeting) &&
		hostOfURL(a.URL) == hostOfURL(b.URL)
}

func checkConsentCompany(f *facts) (Status, string) {
	if s, why, ok := f.needsConsent(true); !ok {
		return s, why
	}
	switch company := cmp.Or(f.policy.Consent.Company, f.policy.Company.Name); {
	case company == "":
		return Fail, fmt.Sprintf("the consent link is of the company %q, and the policy does not say what this company's name in links is", f.consent.Company)
	case fold(f.consent.Company) != fold(company):
		return Fail, fmt.Sprintf("the consent link is of the company %q, not of %q", f.consent.Company, company)
	}
	return Pass, ""
}

func checkConsentOptOut(f *facts) (Status, string) {
	s, why, ok := f.needsConsent(true)
	start := f.lead.Start.Time
	if ok && start.IsZero() {
		return NotApplicable, "it has no start that an opt-out could be before"
	}
	var who []string
	for _, s := range f.about {
		if s.Signal == SignalOptOut && s.At.Before(start) {
			who = append(who, cmp.Or(fold(s.Email), someone)+" chose to join and not to be recorded")
		}
	}
	slices.Sort(who)
	switch {
	case !ok && why == "" && len(who) > 0:
		return NotApplicable, listing(who) + "; that counts where consent links are enforced, and skip counts everywhere"
	case !ok:
		return s, why
	case len(who) > 0:
		return Fail, listing(who)
	}
	return Pass, ""
}
