//go:build unix

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/schedule"
)

// A livelyTenant is a company at Google whose meetings change all the time.
type livelyTenant struct {
	*fakegoogle.Tenant
	base time.Time // before which no meeting starts

	mu    sync.Mutex
	r     *rand.Rand
	edits int
}

var livelyStaff = []string{demoAna, demoBo, demoCara}

// livelyMeetings is how many meetings there may be; every fifth one is a series.
const livelyMeetings = 30

const livelyPolicy = `company: {name: acme, internal_domains: [acme.com]}
import: {google: {enabled: true}}
recording: {meetings: anyone, internal: true}
providers: {zoom: {enabled: true, capture: [bot]}}
exclude: {domains: [lawfirm.example], title_keywords: [interview]}
directory:
  members:
    - {email: ana@acme.com, name: Ana, seat: true, record: on}
    - {email: bo@acme.com, name: Bo, seat: true, record: on}
    - {email: cara@acme.com, name: Cara, seat: true, record: off}
`

func newLivelyTenant(r *rand.Rand) *livelyTenant {
	users := []fakegoogle.User{{Email: "admin@acme.com", NoMailbox: true, Admin: true}}
	for _, u := range livelyStaff {
		users = append(users, fakegoogle.User{Email: u})
	}
	l := &livelyTenant{Tenant: fakegoogle.New(time.Now, users...), r: r, base: time.Now().UTC().Truncate(time.Hour).Add(4 * time.Hour)}
	l.ShortPages = 1
	for range livelyMeetings {
		l.edit()
	}
	return l
}

// edit does one of the things that people do, and reports how many have been done.
func (l *livelyTenant) edit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.r.IntN(livelyMeetings)
	id, host := fmt.Sprintf("m%d", n), livelyStaff[n%2]
	switch l.r.IntN(12) {
	case 0, 1, 2, 3: // made, made anew, restored
		l.invite(n, id, host)
	case 4, 5, 6: // moved
		by := time.Duration(l.r.IntN(9)) * 15 * time.Minute
		l.Change(host, id, func(e *fakegoogle.Event) { e.Start = l.within(e.Start.Add(by)) })
	case 7: // another link
		room := l.room()
		l.Change(host, id, func(e *fakegoogle.Event) { e.Fields["location"] = room })
	case 8, 9:
		l.Cancel(host, id)
	case 10: // a title that is excluded, or is no more
		title := []string{"Interview: backend", "Weekly"}[l.r.IntN(2)]
		l.Change(host, id, func(e *fakegoogle.Event) { e.Fields["summary"] = title })
	case 11:
		if l.r.IntN(4) == 0 {
			l.ExpireTokens()
		}
		l.Delete(demoCara, id) // from her calendar alone
	}
	l.edits++
	return l.edits
}

func (l *livelyTenant) invite(n int, id, host string) {
	e := fakegoogle.Event{
		ID: id, Start: l.within(l.base.Add(time.Duration(l.r.IntN(4*200)) * 15 * time.Minute)), Length: time.Duration(2+l.r.IntN(5)) * 15 * time.Minute,
		Fields: map[string]any{"summary": fmt.Sprint("Meeting ", n), "location": l.room()},
	}
	if n%5 == 0 {
		e.Weekly = 3
		if l.r.IntN(2) == 0 {
			e.Moved = map[int]time.Duration{1: time.Duration(l.r.IntN(20)) * time.Hour}
		}
		if l.r.IntN(3) == 0 {
			e.Dropped = map[int]bool{2: true}
		}
	}
	var guests []fakegoogle.Guest
	for _, g := range []string{demoAna, demoBo, demoCara, "joe@globex.com", "kim@lawfirm.example"} {
		if g != host && l.r.IntN(3) == 0 {
			guests = append(guests, fakegoogle.Guest{Email: g, Response: []string{"accepted", "declined", ""}[l.r.IntN(3)]})
		}
	}
	l.Invite(host, e, guests...)
}

// within keeps a start between an hour that does not come while the test runs, and the end of the horizon.
func (l *livelyTenant) within(start time.Time) time.Time {
	const days = 8 * 24 * time.Hour
	if over := start.Sub(l.base); over < 0 || over > days {
		return l.base.Add(((over % days) + days) % days)
	}
	return start
}

// room is one of a few, so that meetings share calls.
func (l *livelyTenant) room() string {
	return fmt.Sprint("https://acme.zoom.us/j/9371122334", l.r.IntN(8))
}

// truth is what is to be recorded: Decide and Plan, over what the tenant holds.
func (l *livelyTenant) truth(p *eligibility.Policy) []string {
	now := time.Now()
	var copies []calendar.Copy
	for _, u := range livelyStaff {
		src := calendar.NewSource("google", "acme.com", u)
		src.Primary = true
		sights, _ := l.Truth(u, u, now.Add(-24*time.Hour), now.Add(28*24*time.Hour))
		for _, s := range sights {
			copies = append(copies, calendar.Copy{Source: src, Event: seen(s)})
		}
	}
	var decisions []eligibility.Decision
	d := eligibility.NewDirectory(p.Directory.Members)
	for _, m := range calendar.Merge(copies) {
		decisions = append(decisions, eligibility.Decide(m, p, d, nil))
	}
	return recordings(schedule.Plan(nil, decisions, now))
}

// seen is the occurrence as a reader is to know it.
func seen(s fakegoogle.Sight) calendar.Event {
	text := func(name string) string { v, _ := s.Fields[name].(string); return v }
	address := func(name string) string {
		person, _ := s.Fields[name].(map[string]any)
		v, _ := person["email"].(string)
		return v
	}
	e := calendar.Event{
		Ref: calendar.Ref(s.ID), UID: s.UID, Kind: calendar.KindDefault, Status: calendar.StatusConfirmed, Visibility: calendar.VisibilityDefault,
		TimeZone: s.Zone, Updated: s.Updated.UTC(), Start: calendar.At(s.Start), End: calendar.At(s.End), Title: text("summary"), Location: text("location"),
		Organizer: calendar.Person{Email: address("organizer")}, Creator: calendar.Person{Email: address("creator")},
	}
	if s.Series != "" {
		e.Original = calendar.At(s.Original)
	}
	guests, _ := s.Fields["attendees"].([]any)
	for _, g := range guests {
		g := g.(map[string]any)
		a := calendar.Attendee{Email: g["email"].(string), Kind: calendar.AttendeePerson, Response: calendar.ResponseNone}
		if said, _ := g["responseStatus"].(string); said != "needsAction" {
			a.Response = said
		}
		e.Attendees = append(e.Attendees, a)
	}
	return e
}

// recordings are the live ones of schedules, a line each, in order: all that a recorder goes by. Ids and revisions are
// not in it, since they tell of the past.
func recordings(schedules []schedule.Schedule) []string {
	var all []string
	for _, s := range schedules {
		if s.State == schedule.Cancelled {
			continue
		}
		members := slices.Sorted(slices.Values(s.OnBehalfOf))
		all = append(all, fmt.Sprintf("%s–%s %s %s %s %s %q of %s for %s: %v", s.Start.UTC().Format(time.RFC3339), s.End.UTC().Format(time.RFC3339),
			s.Provider, s.MeetingID, s.JoinURL, strings.Join(s.Capture, ","), s.Title, cmp.Or(s.Owner, "nobody"), strings.Join(members, ","), s.Meetings))
	}
	slices.Sort(all)
	return all
}
