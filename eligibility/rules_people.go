package eligibility

import (
	"cmp"
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
	for i := range f.people {
		p := &f.people[i]
		if p.member != nil {
			why = append(why, p.member.Email+" "+f.whyNot(p))
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
	var found []string
	for i := range f.people {
		p := &f.people[i]
		for _, a := range p.addresses {
			if d, ok := f.excluded.domains.hold(domainOf(a)); ok {
				found = append(found, fmt.Sprintf("%s is at the excluded domain %s", a, d))
			}
		}
	}
	if len(found) > 0 {
		return Fail, listing(found)
	}
	return Pass, ""
}

func checkExcludedParticipant(f *facts) (Status, string) {
	if len(f.copies) == 0 {
		return NotApplicable, noCopy
	}
	var found []string
	present := func(address string) {
		if _, excluded := f.excluded.participants[address]; excluded {
			found = append(found, address)
		}
	}
	for i := range f.people {
		p := &f.people[i]
		for _, a := range p.addresses {
			present(a)
		}
		if p.member != nil {
			for _, a := range p.member.addresses {
				present(a)
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		return cmp.Compare(f.excluded.participants[a], f.excluded.participants[b])
	})
	for i := range found {
		found[i] += " is excluded and takes part"
	}
	if len(found) > 0 {
		return Fail, listing(found)
	}
	if len(f.excluded.participants) > 0 && !slices.ContainsFunc(f.copies, func(c readCopy) bool { return !c.GuestsHidden }) {
		return Warn, "the guest list is hidden from everybody whose calendar is read: who else is invited is not known"
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
	for i := range f.people {
		p := &f.people[i]
		if len(p.addresses) == 0 {
			return NotApplicable, p.String() + " has no address that could be internal"
		}
		for _, a := range p.addresses {
			if _, internal := f.internal.hold(domainOf(a)); !internal {
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
	var found []string
	for _, m := range f.never() {
		found = append(found, m.Email+" is never recorded")
	}
	if len(found) > 0 {
		return Fail, listing(found)
	}
	return Pass, ""
}

// never are the participants whom nobody may record.
func (f *facts) never() []*entry {
	var all []*entry
	for i := range f.people {
		p := &f.people[i]
		if p.member != nil && p.member.Record == RecordNever {
			all = append(all, p.member)
		}
	}
	return all
}

func checkHost(f *facts) (Status, string) {
	if why, is := f.unknown(); is {
		return NotApplicable, why
	}
	if f.recordable(&f.host) {
		return Pass, ""
	}
	host := "the host " + f.host.String()
	if f.host.member == nil && len(f.host.addresses) == 0 {
		host = "the host, whom no copy names,"
	}
	switch f.policy.Recording.Meetings {
	case Anyone:
		if f.owner == nil {
			return Fail, host + " cannot be recorded, and neither can anybody else who takes part"
		}
		return Pass, ""
	case CompanyHost:
		internal := slices.ContainsFunc(f.host.addresses, func(a string) bool {
			_, ok := f.internal.hold(domainOf(a))
			return ok
		})
		switch {
		case f.host.member == nil && !internal:
			return Fail, host + " is not of the company"
		case f.owner == nil:
			return Fail, host + " cannot be recorded, and neither can anybody else who takes part"
		}
		return Pass, ""
	}
	if f.host.member == nil {
		return Fail, host + " is not in the directory"
	}
	return Fail, host + " cannot be recorded: " + f.whyNot(&f.host)
}

// whyNot says why a participant of the directory is not recordable.
func (f *facts) whyNot(p *participant) string {
	lacks := strings.Join(f.missing(p.member), ", ")
	switch {
	case lacks == "":
		return "has declined"
	case p.declined():
		return "has declined and lacks " + lacks
	}
	return "lacks " + lacks
}
