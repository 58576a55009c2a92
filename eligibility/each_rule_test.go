package eligibility

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/syncd/calendar"
	"example.com/syncd/linkparse"
)

// A drawn meeting is what the properties of the rules look at: plainly, and not as the rules do it.
type drawn struct {
	p       *Policy
	all     []calendar.Copy
	copies  []calendar.Copy // of imported sources
	signals []Signal
	d       Decision
}

func (m drawn) every(f func(calendar.Copy) bool) bool {
	return len(m.copies) > 0 && !slices.ContainsFunc(m.copies, func(c calendar.Copy) bool { return !f(c) })
}

func (m drawn) some(f func(calendar.Copy) bool) bool { return slices.ContainsFunc(m.copies, f) }

// guests are the addresses on the guest lists of people and groups, in lower case.
func (m drawn) guests() []string {
	var all []string
	for _, c := range m.copies {
		for _, a := range c.Attendees {
			if a.Email != "" && !strings.HasSuffix(a.Email, ".calendar.google.com") {
				all = append(all, strings.ToLower(a.Email))
			}
		}
	}
	return all
}

// member is the member with the address.
func (m drawn) member(address string) *Member {
	for i, member := range m.p.Directory.Members {
		if strings.EqualFold(member.Email, address) || slices.ContainsFunc(member.Aliases, func(a string) bool { return strings.EqualFold(a, address) }) {
			return &m.p.Directory.Members[i]
		}
	}
	return nil
}

func (m drawn) guest(f func(address string) bool) bool { return slices.ContainsFunc(m.guests(), f) }

// found are the links of all copies, or of those that count.
func found(p *Policy, copies []calendar.Copy) (links []linkparse.Link) {
	for _, c := range copies {
		links = append(links, c.Found(p.linkOptions()).Links...)
	}
	return links
}

func (m drawn) status(rule string) Status { return check(m.d, rule).Status }

func below(domain string, of []string) bool {
	return slices.ContainsFunc(of, func(d string) bool { return domain == d || strings.HasSuffix(domain, "."+d) })
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func cancelled(c calendar.Copy) bool { return c.Status == calendar.StatusCancelled }
func timed(c calendar.Copy) bool {
	return !c.Start.Time.IsZero() && c.End.Time.After(c.Start.Time) && c.Kind != calendar.KindFocus
}
func isMailed(c calendar.Copy) bool { return c.Source.Driver == coordinator }
func private(c calendar.Copy) bool {
	return c.Visibility == calendar.VisibilityPrivate || c.Visibility == calendar.VisibilityConfidential
}

// properties say of each rule when it must be against a recording, and when it must not be. Between the two
// other things decide, such as which copy leads.
var properties = map[string]struct{ fails, holds func(drawn) bool }{
	"confirmed": {
		func(m drawn) bool { return m.every(cancelled) },
		func(m drawn) bool { return !m.some(cancelled) },
	},
	"timed": {
		func(m drawn) bool { return len(m.copies) > 0 && !m.some(timed) },
		func(m drawn) bool { return m.every(timed) },
	},
	"calendar_access": {
		func(m drawn) bool {
			return !slices.ContainsFunc(m.all, func(c calendar.Copy) bool { return !c.Source.NoAccess || isMailed(c) })
		},
		func(m drawn) bool {
			return slices.ContainsFunc(m.all, func(c calendar.Copy) bool { return !c.Source.NoAccess || isMailed(c) })
		},
	},
	"calendar_import": {
		func(m drawn) bool { return len(m.copies) == 0 },
		func(m drawn) bool { return len(m.copies) > 0 },
	},
	"primary_calendar": {
		func(m drawn) bool {
			return m.every(func(c calendar.Copy) bool {
				return !c.Source.Primary && !isMailed(c) && m.p.Import[c.Source.Driver].PrimaryOnly == nil
			})
		},
		func(m drawn) bool {
			return m.some(func(c calendar.Copy) bool { return c.Source.Primary || isMailed(c) })
		},
	},
	"lead_time": {
		func(m drawn) bool {
			return m.every(func(c calendar.Copy) bool {
				return isMailed(c) && !cancelled(c) && !c.Start.Time.IsZero() && (c.Received.IsZero() || c.Start.Time.Sub(c.Received) < 30*time.Minute)
			})
		},
		func(m drawn) bool {
			return m.some(func(c calendar.Copy) bool { return !isMailed(c) }) || m.every(func(c calendar.Copy) bool { return !c.Received.IsZero() && start.Sub(c.Received) >= 30*time.Minute })
		},
	},
	"recordable_participant": {
		func(m drawn) bool {
			return m.some(func(c calendar.Copy) bool { return !private(c) }) && !slices.ContainsFunc(m.p.Directory.Members, func(x Member) bool { return x.Seat && x.Record == RecordOn })
		},
		func(m drawn) bool {
			return len(m.copies) == 1 && isMailed(m.copies[0]) && slices.ContainsFunc(m.copies[0].Attendees, func(a calendar.Attendee) bool {
				x := m.member(a.Email)
				declined := func(b calendar.Attendee) bool {
					return b.Response == calendar.ResponseDeclined && m.member(b.Email) == x
				}
				return a.Response == calendar.ResponseAccepted && x != nil && x.Seat && x.Record == RecordOn && !slices.ContainsFunc(m.copies[0].Attendees, declined)
			})
		},
	},
	"excluded_domain": {
		func(m drawn) bool {
			return m.guest(func(a string) bool { return below(domain(a), m.p.Exclude.Domains) })
		},
		func(m drawn) bool { return len(m.p.Exclude.Domains) == 0 },
	},
	"excluded_participant": {
		func(m drawn) bool {
			return m.guest(func(a string) bool { return slices.Contains(m.p.Exclude.Participants, a) })
		},
		func(m drawn) bool { return len(m.p.Exclude.Participants) == 0 },
	},
	"excluded_title": {
		func(m drawn) bool {
			return m.some(func(c calendar.Copy) bool { return c.Title == "Interview: Joe" }) && slices.Contains(m.p.Exclude.TitleKeywords, "interview")
		},
		func(m drawn) bool {
			return m.every(func(c calendar.Copy) bool { return c.Title == "" || c.Title == "Kick-off" })
		},
	},
	"custom:guests": {
		func(m drawn) bool { return len(slices.Compact(slices.Sorted(slices.Values(m.guests())))) > 5 }, // aliases of one person are one
		func(m drawn) bool {
			return m.every(func(c calendar.Copy) bool { return len(c.Attendees) < 3 }) && len(m.copies) == 1
		},
	},
	"custom:broken": {
		func(m drawn) bool { return len(m.copies) > 0 },
		func(m drawn) bool { return len(m.copies) == 0 },
	},
	"custom:uncompiled": {
		func(m drawn) bool { return len(m.copies) > 0 },
		func(m drawn) bool { return len(m.copies) == 0 },
	},
	"private": {
		func(m drawn) bool { return m.p.excludesPrivate() && m.some(private) },
		func(m drawn) bool { return !m.p.excludesPrivate() || !m.some(private) },
	},
	"conference_link": {
		func(m drawn) bool {
			return m.some(func(c calendar.Copy) bool { return !private(c) }) && len(found(m.p, m.copies)) == 0
		},
		func(m drawn) bool {
			return slices.ContainsFunc(found(m.p, m.copies), func(l linkparse.Link) bool { return l.Provider == linkparse.Zoom || l.Provider == linkparse.Meet })
		},
	},
	"provider_enabled": {
		func(m drawn) bool { return m.d.Provider != "" && !m.p.Providers[m.d.Provider].Enabled },
		func(m drawn) bool { return m.d.Provider == "" || m.p.Providers[m.d.Provider].Enabled },
	},
	"provider_setup": {
		func(m drawn) bool { return m.d.Provider != "" && m.p.Providers[m.d.Provider].Status == SetupError },
		func(m drawn) bool { return m.d.Provider == "" || m.p.Providers[m.d.Provider].Status != SetupError },
	},
	"internal": {
		func(m drawn) bool {
			return !m.p.Recording.Internal && !m.asked(SignalRecord) && len(m.p.Company.InternalDomains) == 2 && len(m.guests()) > 0 && m.every(func(c calendar.Copy) bool {
				host := c.Organizer.Email + c.Creator.Email
				return !strings.Contains(host, "lawfirm") && !strings.Contains(host, "calendar.google") && c.Organizer.Email != "" &&
					!slices.ContainsFunc(c.Attendees, func(a calendar.Attendee) bool {
						return a.Email == "" || strings.Contains(a.Email, "lawfirm") || strings.Contains(a.Email, "calendar.google")
					})
			})
		},
		func(m drawn) bool { return m.p.Recording.Internal || len(m.p.Company.InternalDomains) == 0 },
	},
	"never_record": {
		func(m drawn) bool {
			return m.guest(func(a string) bool { x := m.member(a); return x != nil && x.Record == RecordNever })
		},
		func(m drawn) bool {
			return !slices.ContainsFunc(m.p.Directory.Members, func(x Member) bool { return x.Record == RecordNever })
		},
	},
	"host": {
		func(m drawn) bool { return m.status("recordable_participant") == Fail && !m.asked(SignalRecord) },
		func(m drawn) bool { return m.p.Recording.Meetings == Anyone && m.d.Owner != "" },
	},
	"consent_link": {
		func(m drawn) bool {
			return m.enforced() && !slices.ContainsFunc(found(m.p, m.all), func(l linkparse.Link) bool { return l.Provider == linkparse.Consent })
		},
		func(m drawn) bool { return m.free() },
	},
	"consent_link_type": {
		func(m drawn) bool { // emea wants dynamic links for Zoom
			owner := m.member(m.d.Owner)
			links := slices.DeleteFunc(found(m.p, m.copies), func(l linkparse.Link) bool { return l.Provider != linkparse.Consent })
			return owner != nil && owner.ConsentProfile == "emea" && len(m.p.Consent.Profiles) > 0 && len(links) > 0 && m.status("consent_link") == Pass &&
				!slices.ContainsFunc(links, func(l linkparse.Link) bool {
					return l.Page.Type == linkparse.Dynamic || l.Page.Provider != linkparse.Zoom
				})
		},
		func(m drawn) bool { return m.free() || m.status("consent_link") == Fail },
	},
	"consent_bypass": {
		func(m drawn) bool { // a bare link on any copy
			return m.status("consent_link") == Pass && slices.ContainsFunc(found(m.p, m.all), func(l linkparse.Link) bool { return l.Provider != linkparse.Consent })
		},
		func(m drawn) bool { return m.free() || m.status("consent_link") == Fail },
	},
	"consent_company": {
		func(m drawn) bool {
			links := slices.DeleteFunc(found(m.p, m.copies), func(l linkparse.Link) bool { return l.Provider != linkparse.Consent })
			return m.status("consent_link") == Pass && !slices.ContainsFunc(links, func(l linkparse.Link) bool { return l.Page.Company != "globex" })
		},
		func(m drawn) bool { return m.free() || m.status("consent_link") == Fail },
	},
	"consent_opt_out": {
		func(m drawn) bool { return m.status("consent_link") == Pass && !m.leadStart().IsZero() && m.optedOut() },
		func(m drawn) bool {
			return !slices.ContainsFunc(m.signals, func(s Signal) bool { return s.Signal == SignalOptOut })
		},
	},
	"override": {
		func(m drawn) bool { return m.asked(SignalSkip) },
		func(m drawn) bool { return !m.asked(SignalSkip) },
	},
	"capture": {
		func(m drawn) bool {
			return m.d.Provider != "" && m.p.Providers[m.d.Provider].Capture != nil && len(m.p.Providers[m.d.Provider].Capture) == 0
		},
		func(m drawn) bool { return m.d.Provider != "" && m.p.Providers[m.d.Provider].Capture == nil },
	},
	"bot_admission": {
		nil, // it only warns
		func(drawn) bool { return true },
	},
}

// asked reports whether the newest word about the meeting is this one.
func (m drawn) asked(word string) bool {
	var newest *Signal
	for i, s := range m.signals {
		if s.Signal == SignalOptOut || !strings.HasPrefix(string(s.Meeting), "u") || s.Meeting != m.d.Meeting && s.Meeting != "u" {
			continue
		}
		if newest == nil || s.At.After(newest.At) || s.At.Equal(newest.At) && s.Signal == SignalSkip {
			newest = &m.signals[i]
		}
	}
	return newest != nil && newest.Signal == word
}

func (m drawn) optedOut() bool {
	return slices.ContainsFunc(m.signals, func(s Signal) bool {
		return s.Signal == SignalOptOut && (s.Meeting == "u" || s.Meeting == m.d.Meeting) && s.At.Before(m.leadStart())
	})
}

func (m drawn) leadStart() time.Time { return m.d.Start }

// enforced and free report whether the owner's profile asks for consent links, and whether none does.
func (m drawn) enforced() bool {
	owner := m.member(m.d.Owner)
	if m.d.Owner == "" || owner == nil {
		return false
	}
	name := owner.ConsentProfile
	if name == "" {
		name = defaultProfile
	}
	p, ok := m.p.Consent.Profiles[name]
	return p.Enforce || !ok && name != defaultProfile
}

func (m drawn) free() bool { return !m.enforced() }

// TestEachRule: every rule keeps its properties for whatever meeting and policy, and each property is met
// often enough to mean something.
func TestEachRule(t *testing.T) {
	for _, r := range Rules() {
		name := strings.Replace(r.ID, "NAME", "guests", 1)
		if _, ok := properties[name]; !ok {
			t.Errorf("%s has no property", r.ID)
		}
	}
	met := map[string][2]int{}
	for range 100 { // rapid draws a hundred at a time
		rapid.Check(t, func(t *rapid.T) { eachRule(t, met) })
	}
	for rule, p := range properties {
		if n := met[rule]; p.fails != nil && n[0] == 0 || n[1] == 0 {
			t.Errorf("%s: failed %d times, held %d times: nothing is proved", rule, n[0], n[1])
		}
	}
}

func eachRule(t *rapid.T, met map[string][2]int) {
	m := drawn{p: drawPolicy(t), all: drawCopies(t), signals: drawSignals(t)}
	for _, c := range m.all {
		if m.p.Import[c.Source.Driver].Enabled {
			m.copies = append(m.copies, c)
		}
	}
	m.d = decided(m.all, m.p, m.signals)
	for _, c := range m.d.Checks {
		p, n := properties[c.Rule], met[c.Rule]
		if p.fails != nil && p.fails(m) {
			n[0]++
			if c.Status != Fail {
				t.Fatalf("%s must fail and is %s: %s", c.Rule, c.Status, c.Detail)
			}
		}
		if p.holds != nil && p.holds(m) {
			n[1]++
			if c.Status == Fail {
				t.Fatalf("%s must hold and fails: %s", c.Rule, c.Detail)
			}
		}
		met[c.Rule] = n
	}
}
