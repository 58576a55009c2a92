package ics

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Event is a VEVENT (RFC 5545 section 3.6.1).
type Event struct {
	*Component
	UID           string // "" if it has none
	RecurrenceID  Time   // none for an event or a series as a whole
	ThisAndFuture bool   // with RecurrenceID: of all that follow, too
	// Sequence is SEQUENCE, or what Exchange has in its place when that is missing or 0.
	Sequence     int
	Stamp        time.Time // DTSTAMP; zero if unknown
	LastModified time.Time // zero if unknown
	// Start and End are as written, or End as it follows from DURATION, or from the start alone. An end
	// before the start is the start.
	Start, End Time
	// Problem says why Start is no instant and no day, in words for people; "" if it is one.
	Problem string

	nominal    *span // DURATION, if it gives the end
	rule       *rule
	ruleErr    error
	dates      []instance // RDATE
	exceptDays map[string]bool
	// exceptTimes are EXDATEs, as Unix seconds of a Time's instant.
	exceptTimes map[int64]bool
}

// Recurs reports whether e is a series, or says that it is one.
func (e *Event) Recurs() bool { return e.rule != nil || e.ruleErr != nil || len(e.dates) > 0 }

// Status is STATUS in upper case, or "".
func (e *Event) Status() string { return e.word("STATUS") }

func (e *Event) word(name string) string { return strings.ToUpper(strings.TrimSpace(e.Text(name))) }

func newEvent(c *Component, z *resolver) *Event {
	e := &Event{Component: c, UID: strings.TrimSpace(c.Text("UID"))}
	e.Stamp = instantOf(c.Get("DTSTAMP"), z)
	e.LastModified = instantOf(c.Get("LAST-MODIFIED"), z)
	e.Sequence = count(c.Text("SEQUENCE"))
	if e.Sequence == 0 {
		e.Sequence = count(c.Text("X-MICROSOFT-CDO-APPT-SEQUENCE"))
	}
	if p := c.Get("RECURRENCE-ID"); p != nil {
		// The year 1, or 1601, is how some writers say that there is none.
		if t := z.time(p); t.wall.Year() > 1900 {
			e.RecurrenceID, e.ThisAndFuture = t, strings.EqualFold(p.Param("RANGE"), "THISANDFUTURE")
		}
	}
	e.times(z)
	if e.Start.kind == none || e.Start.kind == floating {
		return e
	}
	e.recurrence(z)
	return e
}

// times sets Start and End.
func (e *Event) times(z *resolver) {
	p := e.Get("DTSTART")
	if p == nil {
		e.Problem = "it has no DTSTART"
		return
	}
	e.Start = z.time(p)
	switch {
	case e.Start.kind == none:
		e.Problem = "its DTSTART is no time"
	case e.Start.kind != floating:
	case p.Param("TZID") != "":
		e.Problem = fmt.Sprintf("its time zone %.60q is not known", p.Param("TZID"))
	default:
		e.Problem = "its times are in no time zone"
	}
	if p := e.Get("DTEND"); p != nil {
		e.End = z.time(p)
	}
	if e.End.kind != e.Start.kind {
		e.End = Time{}
		if d, ok := parseSpan(e.Text("DURATION")); ok {
			e.nominal = &d
		} else if e.Start.kind == date { // RFC 5545 section 3.6.1
			e.nominal = &span{days: 1}
		} else {
			e.nominal = &span{}
		}
		e.End = e.Start.plus(*e.nominal)
	}
	if e.End.Sub(e.Start) < 0 || e.End.Sub(e.Start) > maxSpan {
		e.End, e.nominal = e.Start, nil
	}
}

// length is how long e takes.
func (e *Event) length() time.Duration { return e.End.Sub(e.Start) }

// endOf is when an occurrence of e ends that starts at t: for a DURATION by the wall's days, else after
// as long as e takes (RFC 5545 section 3.8.5.3).
func (e *Event) endOf(t Time) Time {
	if e.nominal != nil && e.nominal.days+int(e.nominal.exact) >= 0 {
		return t.plus(*e.nominal)
	}
	return t.Add(e.length())
}

func (e *Event) recurrence(z *resolver) {
	if p := e.Get("RRULE"); p != nil && strings.TrimSpace(p.Value) != "" {
		if e.rule, e.ruleErr = parseRule(p.Value); e.ruleErr == nil {
			e.rule.fill(e.Start)
		}
	}
	e.exceptDays, e.exceptTimes = map[string]bool{}, map[int64]bool{}
	exceptions := 0
	for i := range e.Properties {
		p := &e.Properties[i]
		switch p.Name {
		case "RDATE":
			for v := range strings.SplitSeq(p.Value, ",") {
				if d := z.period(p, v); !d.start.IsZero() {
					d.start = d.start.In(e.Start)
					e.dates = append(e.dates, d)
				}
			}
		case "EXDATE":
			for v := range strings.SplitSeq(p.Value, ",") {
				t := z.read(p, v)
				if exceptions++; exceptions > maxDates {
					break
				}
				if t.kind == date {
					e.exceptDays[t.Day()] = true
				} else if t = t.In(e.Start); t.kind == e.Start.kind {
					e.exceptTimes[t.instant().Unix()] = true
				}
			}
		}
		if len(e.dates) > maxDates || exceptions > maxDates {
			e.ruleErr = fmt.Errorf("%w: over %d RDATEs or EXDATEs", ErrRule, maxDates)
			return
		}
	}
}

func instantOf(p *Property, z *resolver) time.Time {
	if p == nil {
		return time.Time{}
	}
	// DTSTAMP has to be in UTC, so without a zone it is meant to be.
	return z.time(p).instant()
}

func count(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0
	}
	return min(max(n, 0), 1<<31-1)
}

// time is p's value. A Z beats a TZID.
func (r *resolver) time(p *Property) Time { return r.read(p, p.Value) }

// read is the value v of p.
func (r *resolver) read(p *Property, v string) Time {
	t := parseTime(v)
	if t.kind != floating {
		return t
	}
	if z := r.zone(p.Param("TZID")); z != nil {
		t.kind, t.zone = fixed, z
		t.utc = z.utc(t.wall)
	}
	return t
}

// period is a PERIOD (RFC 5545 section 3.3.9), or a time alone.
func (r *resolver) period(p *Property, v string) instance {
	from, to, _ := strings.Cut(v, "/")
	i := instance{start: r.read(p, from)}
	if d, ok := parseSpan(to); ok {
		i.end = i.start.plus(d)
	} else if to != "" {
		i.end = r.read(p, to)
	}
	if i.end.kind != i.start.kind || i.end.Sub(i.start) < 0 {
		i.end = Time{}
	}
	return i
}

// A Person is an ORGANIZER or ATTENDEE.
type Person struct {
	Email string // "" if it is not known
	Name  string
	// Kind, Role and Response are CUTYPE, ROLE and PARTSTAT, in upper case.
	Kind, Role, Response string
}

// Organizer is who e's ORGANIZER is.
func (e *Event) Organizer() Person {
	if p := e.Get("ORGANIZER"); p != nil {
		return person(p)
	}
	return Person{}
}

// People are e's attendees, as far as they are kept.
func (e *Event) People() []Person {
	var all []Person
	for i := range e.Properties {
		if e.Properties[i].Name == "ATTENDEE" {
			all = append(all, person(&e.Properties[i]))
		}
	}
	return all
}

func person(p *Property) Person {
	return Person{
		Email: cmp.Or(address(p.Value), address(p.Param("EMAIL"))), // EMAIL: RFC 7986 section 6.2
		Name:  strings.TrimSpace(p.Param("CN")),
		Kind:  strings.ToUpper(p.Param("CUTYPE")), Role: strings.ToUpper(p.Param("ROLE")), Response: strings.ToUpper(p.Param("PARTSTAT")),
	}
}

// address is what s has of a mail address: without "mailto:", and nothing of another kind of URI.
func address(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 7 && strings.EqualFold(s[:7], "mailto:") {
		s = strings.TrimSpace(s[7:])
	}
	s = strings.Trim(s, "<>\"'")
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(s) > 320 || strings.ContainsAny(s, ": \t\r\n,;<>\"") || strings.Contains(domain, "@") {
		return ""
	}
	return s
}

// Links are the values of e's properties called name that are addresses on the web, with the property.
func (e *Event) Links(name string) []Link {
	var all []Link
	for i := range e.Properties {
		p := &e.Properties[i]
		if p.Name != name {
			continue
		}
		u := strings.TrimSpace(p.Text())
		scheme, _, _ := strings.Cut(u, ":")
		if web := []string{"https", "http"}; len(u) < 8000 && slices.Contains(web, strings.ToLower(scheme)) {
			all = append(all, Link{URL: u, Property: p})
		}
	}
	return all
}

// A Link is an http or https URL.
type Link struct {
	URL      string
	Property *Property
}
