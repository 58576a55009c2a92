package eligibility

import (
	"slices"
	"strings"

	"example.com/syncd/calendar"
)

// A Decider decides meetings by one policy, one directory and what people said. It never changes, and is
// safe for concurrent use. What it was made of must not change either.
type Decider struct {
	policy    *Policy
	directory *Directory
	signals   map[string][]Signal // by the series that they may be about
	internal  domains
	excluded  exclusions
}

// exclusions are Policy.Exclude in the form in which it is compared.
type exclusions struct {
	domains      domains
	participants map[string]int // an address's place in the policy
	keywords     []string       // as words has them, in the policy's order
}

// NewDecider prepares what all decisions share.
func NewDecider(p *Policy, d *Directory, s []Signal) *Decider {
	x := &Decider{policy: p, directory: d, signals: bySeries(s), internal: foldDomains(p.Company.InternalDomains)}
	x.excluded = exclusions{domains: foldDomains(p.Exclude.Domains), participants: map[string]int{}}
	for i, a := range p.Exclude.Participants {
		if _, listed := x.excluded.participants[fold(a)]; !listed {
			x.excluded.participants[fold(a)] = i
		}
	}
	for _, k := range p.Exclude.TitleKeywords {
		x.excluded.keywords = append(x.excluded.keywords, words(k))
	}
	return x
}

// WithSignals is x with what people said, instead of what x was made with.
func (x *Decider) WithSignals(s []Signal) *Decider {
	if len(s) == 0 && len(x.signals) == 0 {
		return x
	}
	with := *x
	with.signals = bySeries(s)
	return &with
}

// WithAccess is x with the connections' state. Without it, access is concluded from the copies of each
// meeting: from the account that a copy came through, and the calendar that it stands in.
func (x *Decider) WithAccess(a Access) *Decider {
	with := *x
	with.directory = x.directory.withAccess(a)
	return &with
}

// Decide says whether one meeting is recorded. See Decider.Decide.
func Decide(m calendar.Meeting, p *Policy, d *Directory, s []Signal) Decision {
	return NewDecider(p, d, s).Decide(m)
}

// Decide says whether m is recorded, how, and why. It is pure: the same inputs give the same decision,
// byte for byte, whatever the order of copies, attendees and signals.
func (x *Decider) Decide(m calendar.Meeting) Decision {
	f := newFacts(x, m)
	dec := Decision{Meeting: m.Key, Record: true, Provider: f.provider, Checks: make([]Check, 0, len(rules)+len(x.policy.Exclude.Custom))}
	for _, r := range rules {
		if r.id == customRule {
			dec.Checks = append(dec.Checks, checkCustom(f)...)
			continue
		}
		status, detail := r.check(f)
		if status == Fail && f.word != nil && f.word.Signal == SignalRecord && slices.Contains(lifted, r.id) {
			status, detail = Warn, detail+"; "+f.asker()+" asked for this meeting to be recorded all the same"
		}
		c := Check{Rule: r.id, Status: status, Detail: detail}
		if status == Fail || status == Warn {
			c.Setting = f.path(r.setting)
		}
		dec.Checks = append(dec.Checks, c)
	}
	dec.Record = !slices.ContainsFunc(dec.Checks, func(c Check) bool { return c.Status == Fail })
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
		dec.OnBehalfOf = make([]string, len(f.behalf))
		for i, p := range f.behalf {
			dec.OnBehalfOf[i] = p.member.Email
		}
	}
	return dec
}

func bySeries(all []Signal) map[string][]Signal {
	by := map[string][]Signal{}
	for _, s := range all {
		for _, series := range seriesOf(s) {
			by[series] = append(by[series], s)
		}
	}
	return by
}

// seriesOf are the series that a signal may be about. It names a meeting or a series, and a UID may have
// a slash in it. A person or another program may have the UID as Exchange gives it to one instance.
func seriesOf(s Signal) []string {
	about := strings.TrimSpace(string(s.Meeting))
	all := []string{about, calendar.CanonicalUID(about)}
	if i := strings.LastIndexByte(about, '/'); i > 0 {
		all = append(all, about[:i], calendar.CanonicalUID(about[:i]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
