package eligibility

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/linkparse"
)

// NewPolicy is the policy in which nothing has been said: nothing is imported, nothing is enabled.
func NewPolicy() *Policy {
	private := true
	return &Policy{Recording: Recording{Meetings: RecordableHost}, Exclude: Exclude{Private: &private}}
}

func (p *Policy) excludesPrivate() bool { return p.Exclude.Private == nil || *p.Exclude.Private }

func (p *Policy) linkOptions() linkparse.Options {
	return linkparse.Options{ConsentHosts: p.Consent.LinkHosts}
}

// Reading is how events must be read so that this policy can decide what was stored of them.
func (p *Policy) Reading() calendar.Reading {
	return calendar.Reading{Links: p.linkOptions(), DropPrivate: p.excludesPrivate()}
}

// A Problem is one thing that is wrong with a policy's values.
type Problem struct {
	Path    string // "providers.zoom.capture", "directory.members[3].email"
	Message string
}

// Validate lists everything that is wrong with the policy's values, ordered by path where paths are
// keys and by position where they are lists.
func (p *Policy) Validate() []Problem {
	v := &validator{}
	v.company(p)
	v.imports(p)
	v.oneOf("recording.meetings", p.Recording.Meetings, "", RecordableHost, CompanyHost, Anyone)
	v.providers(p)
	v.excludes(p)
	v.consent(p)
	v.directory(p)
	return v.problems
}

type validator struct{ problems []Problem }

func (v *validator) add(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{path, fmt.Sprintf(format, args...)})
}

// oneOf demands that the value is one of those allowed; an empty one among them is not told of.
func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.add(path, "%q is none of %s", value, strings.Join(slices.DeleteFunc(allowed, func(s string) bool { return s == "" }), ", "))
	}
}

func (v *validator) domains(path string, domains []string) {
	for i, d := range domains {
		if f := fold(d); f == "" || strings.ContainsAny(f, "@/: *") || !strings.Contains(f, ".") || strings.HasPrefix(f, ".") {
			v.add(fmt.Sprintf("%s[%d]", path, i), "%q is no domain; write it as example.com, which covers its subdomains", d)
		}
	}
}

// maxAddress is how long an address can be at most (RFC 5321).
const maxAddress = 254

// ValidAddress reports whether a is an email address, without a name or anything else around it.
func ValidAddress(a string) bool {
	local, domain, ok := strings.Cut(a, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(a, " \t\r\n<>,;:\"") && len(a) <= maxAddress && !strings.Contains(domain, "@")
}

func (v *validator) company(p *Policy) {
	v.domains("company.internal_domains", p.Company.InternalDomains)
}

func (v *validator) imports(p *Policy) {
	for _, source := range slices.Sorted(maps.Keys(p.Import)) {
		if l := p.Import[source].LeadTime; l != nil {
			switch {
			case source != coordinator:
				v.add("import."+source+".lead_time", "only the coordinator's invites have a lead time")
			case *l < 0:
				v.add("import."+source+".lead_time", "%s is negative", time.Duration(*l))
			}
		}
	}
}

func (v *validator) providers(p *Policy) {
	known := slices.Sorted(maps.Keys(captureMethods))
	for _, name := range slices.Sorted(maps.Keys(p.Providers)) {
		methods, ok := captureMethods[name]
		if !ok {
			v.add("providers."+name, "%q is no provider; there are %s", name, strings.Join(known, ", "))
			continue
		}
		v.oneOf("providers."+name+".status", p.Providers[name].Status, "", SetupOK, SetupWarning, SetupError)
		for i, m := range p.Providers[name].Capture {
			v.oneOf(fmt.Sprintf("providers.%s.capture[%d]", name, i), m, methods...)
		}
	}
}

func (v *validator) excludes(p *Policy) {
	v.domains("exclude.domains", p.Exclude.Domains)
	for i, a := range p.Exclude.Participants {
		if !ValidAddress(strings.TrimSpace(a)) {
			v.add(fmt.Sprintf("exclude.participants[%d]", i), "%q is no email address", a)
		}
	}
	for i, k := range p.Exclude.TitleKeywords {
		if words(k) == "" {
			v.add(fmt.Sprintf("exclude.title_keywords[%d]", i), "%q has no letter or digit, and would match nothing", k)
		}
	}
}

func (v *validator) consent(p *Policy) {
	for i, h := range p.Consent.LinkHosts {
		if f := fold(h); f == "" || strings.ContainsAny(f, "@/: *") {
			v.add(fmt.Sprintf("consent.link_hosts[%d]", i), "%q is no host; write it as join.example.com", h)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Consent.Profiles)) {
		links := p.Consent.Profiles[name].Links
		for _, provider := range slices.Sorted(maps.Keys(links)) {
			path := "consent.profiles." + name + ".links." + provider
			if _, ok := captureMethods[provider]; !ok {
				v.add(path, "%q is no provider", provider)
			}
			v.oneOf(path, links[provider], linkparse.Static, linkparse.Dynamic)
		}
	}
}

func (v *validator) directory(p *Policy) {
	owner := map[string]string{}
	for i, m := range p.Directory.Members {
		path := fmt.Sprintf("directory.members[%d]", i)
		if !ValidAddress(strings.TrimSpace(m.Email)) {
			v.add(path+".email", "%q is no email address", m.Email)
		}
		v.oneOf(path+".record", string(m.Record), "", string(RecordOff), string(RecordOn), string(RecordNever))
		if profile := m.ConsentProfile; profile != "" && profile != defaultProfile {
			if _, ok := p.Consent.Profiles[profile]; !ok {
				v.add(path+".consent_profile", "there is no profile %q in consent.profiles", profile)
			}
		}
		v.address(owner, path+".email", m.Email, m.Email)
		for j, a := range m.Aliases {
			alias := fmt.Sprintf("%s.aliases[%d]", path, j)
			if !ValidAddress(strings.TrimSpace(a)) {
				v.add(alias, "%q is no email address", a)
			}
			v.address(owner, alias, a, m.Email)
		}
	}
}

// address demands that no two members share an address.
func (v *validator) address(owner map[string]string, path, address, member string) {
	a := fold(address)
	if a == "" {
		return
	}
	if other, taken := owner[a]; taken {
		v.add(path, "%s is an address of %s already", a, other)
		return
	}
	owner[a] = member
}
