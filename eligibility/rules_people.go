package eligibility

import (
	"fmt"
	"slices"
	"strings"
)

func checkRecordableParticipant(f *facts) (Status, string) {
	if why, is := f.unknown(); is {
		return NotApplicable, why
	}
	if f.owner != nil {
		return Pass, ""
	}
	var why []string
	for _, p := range f.people {
		switch {
		case p.member == nil:
		case p.declined() && len(f.missing(p.member)) == 0:
			why = append(why, p.member.Email+" has declined")
		default:
			why = append(why, p.member.Email+" lacks "+strings.Join(f.missing(p.member), ", "))
		}
	}
	if len(why) == 0 {
		return Fail, "no participant is in the directory"
	}
	return Fail, "no team member can be recorded: " + strings.Join(why, "; ")
}

func checkExcludedDomain(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	for _, p := range f.people {
		for _, a := range p.addresses {
			if d, excluded := within(domainOf(a), f.policy.Exclude.Domains); excluded {
				return Fail, fmt.Sprintf("%s is at the excluded domain %s", a, d)
			}
		}
	}
	return Pass, ""
}

func checkExcludedParticipant(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	for _, p := range f.people {
		addresses := p.addresses
		if p.member != nil {
			addresses = append(slices.Clone(addresses), p.member.addresses()...)
		}
		for _, excluded := range f.policy.Exclude.Participants {
			if slices.Contains(addresses, fold(excluded)) {
				return Fail, fold(excluded) + " is excluded and takes part"
			}
		}
	}
	return Pass, ""
}

func checkInternal(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	if len(f.people) == 0 {
		return NotApplicable, "nobody is known to take part"
	}
	for _, p := range f.people {
		if len(p.addresses) == 0 {
			return NotApplicable, ""
		}
		for _, a := range p.addresses {
			if _, internal := within(domainOf(a), f.policy.Company.InternalDomains); !internal {
				return NotApplicable, ""
			}
		}
	}
	if !f.policy.Recording.Internal {
		return Fail, "everybody is on an internal domain, and internal meetings are not recorded"
	}
	return Pass, ""
}

func checkNeverRecord(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	for _, p := range f.people {
		if p.member != nil && p.member.Record == RecordNever {
			return Fail, p.member.Email + " is never recorded"
		}
	}
	return Pass, ""
}

func checkHost(f *facts) (Status, string) {
	if why, is := f.unknown(); is {
		return NotApplicable, why
	}
	host := f.host.String()
	if f.recordable(f.host) {
		return Pass, ""
	}
	domain := ""
	if len(f.host.addresses) > 0 {
		domain = domainOf(f.host.addresses[0])
	}
	_, internal := within(domain, f.policy.Company.InternalDomains)
	switch f.policy.Recording.Meetings {
	case Anyone:
		if f.owner != nil {
			return Pass, ""
		}
		return Fail, "meetings of anyone are recorded for a recordable participant, and the meeting of " + host + " has none"
	case CompanyHost:
		switch {
		case f.host.member == nil && !internal:
			return Fail, "the host " + host + " is not of the company"
		case f.owner == nil:
			return Fail, "the host " + host + " cannot be recorded, and neither can anybody else who takes part"
		}
		return Pass, ""
	}
	switch {
	case f.host.member == nil:
		return Fail, "the host " + host + " is not in the directory"
	case f.host.declined():
		return Fail, "the host " + host + " has declined"
	}
	return Fail, "the host " + host + " cannot be recorded: lacks " + strings.Join(f.missing(f.host.member), ", ")
}
