package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/internal/fakegraph"
)

// A simulation is a made-up company at a provider that is not there either.
type simulation struct {
	http.Handler
	name       string // of the kind of tenant
	keyFile    string // which the connection names
	key        []byte
	connection string // what reads it, with %s for its address
	journal    func() []string
	move       func(m demoMeeting, by time.Duration)
}

// simulations are those that "demo serve" has, by driver.
var simulations = map[string]func(now func() time.Time) simulation{"google": simulateGoogle, "outlook": simulateOutlook}

const (
	demoAna  = "ana@acme.com"
	demoBo   = "bo@acme.com"
	demoCara = "cara@acme.com"
)

// A demoMeeting is one of the company's next days.
type demoMeeting struct {
	id, title, host string
	hours, minutes  int // from now, and how long
	weekly, private bool
	own             bool // has a link of the provider's own
	location, body  string
	guests          []string
}

var demoMeetings = []demoMeeting{
	{id: "kickoff", title: "Globex: kick-off", host: demoAna, hours: 2, minutes: 45, location: "https://acme.zoom.us/j/93711223344?pwd=a1b2c3.1", guests: []string{demoBo, "joe@globex.com"}},
	{id: "pipeline", title: "Pipeline review", host: demoBo, hours: 26, minutes: 30, weekly: true, own: true, guests: []string{demoAna}},
	{id: "initech", title: "Initech: weekly", host: demoBo, hours: 28, minutes: 60, weekly: true, body: "Join: https://teams.microsoft.com/meet/24705545633809?p=gS5SGsvLsH1wLpemEQ", guests: []string{"bill@initech.com"}},
	{id: "interview", title: "Interview: backend", host: demoAna, hours: 4, minutes: 60, own: true, guests: []string{"sam@example.org"}},
	{id: "private", title: "Doctor", host: demoBo, hours: 6, minutes: 30, private: true},
	{id: "lunch", title: "Lunch", host: demoCara, hours: 5, minutes: 60, guests: []string{demoAna, demoBo}},
}

// demoDay is in a calendar of its own.
const (
	demoDay     = "Demo day"
	demoDayLink = "https://acme.zoom.us/j/95550001111"
)

func (m demoMeeting) start(now func() time.Time) time.Time {
	return now().Truncate(15 * time.Minute).Add(time.Duration(m.hours) * time.Hour)
}

func (m demoMeeting) length() time.Duration { return time.Duration(m.minutes) * time.Minute }

// stir moves a meeting, and says which one and how.
func (s simulation) stir(r *rand.Rand) string {
	m := demoMeetings[r.IntN(len(demoMeetings))]
	by := time.Duration(r.IntN(9)-4) * 15 * time.Minute
	s.move(m, by)
	return fmt.Sprintf("%q is moved by %s", m.title, by)
}

func simulateGoogle(now func() time.Time) simulation {
	tn := fakegoogle.New(now, fakegoogle.User{Email: "admin@acme.com", NoMailbox: true, Admin: true},
		fakegoogle.User{Email: demoAna, Name: "Ana Perez"}, fakegoogle.User{Email: demoBo, Name: "Bo Lind"}, fakegoogle.User{Email: demoCara, Name: "Cara Diaz"},
		fakegoogle.User{Email: "zoe@acme.com", Suspended: true})
	for _, m := range demoMeetings {
		e := fakegoogle.Event{ID: m.id, Start: m.start(now), Length: m.length(), Fields: map[string]any{"summary": m.title, "location": m.location, "description": m.body}}
		if m.own {
			e.Fields["hangoutLink"] = "https://meet.google.com/abc-defg-hij"
		}
		if m.private {
			e.Fields["visibility"] = "private"
		}
		if m.weekly {
			e.Repeat = fakegoogle.Rule{Freq: "WEEKLY"}
		}
		var guests []fakegoogle.Guest
		for _, g := range m.guests {
			guests = append(guests, fakegoogle.Guest{Email: g, Response: "accepted"})
		}
		tn.Invite(m.host, e, guests...)
	}
	sales := tn.AddCalendar(demoBo, "Sales")
	tn.Share(sales, demoAna, fakegoogle.Reader)
	tn.Put(sales, fakegoogle.Event{ID: "demoday", Start: now().Truncate(time.Hour).Add(30 * time.Hour), Length: time.Hour, Fields: map[string]any{
		"summary": demoDay, "location": demoDayLink, "organizer": map[string]any{"email": demoBo},
	}})
	return simulation{
		Handler: tn, name: "Google tenant", keyFile: "key.json", key: tn.KeyFile(), connection: `    google:
      domain: acme.com
      admin: admin@acme.com
      service_account_file: key.json
      calendars: all
      endpoint: %s
`,
		journal: func() []string {
			return journal(tn.Journal(), func(e fakegoogle.Entry) (string, string, int, int) { return e.Method, e.Path, e.Status, e.Bytes })
		},
		move: func(m demoMeeting, by time.Duration) {
			tn.Change(m.host, m.id, func(e *fakegoogle.Event) { e.Start = e.Start.Add(by) })
		},
	}
}

func simulateOutlook(now func() time.Time) simulation {
	tn := fakegraph.New(now, fakegraph.User{Email: demoAna, Name: "Ana Perez"}, fakegraph.User{Email: demoBo, Name: "Bo Lind"}, fakegraph.User{Email: demoCara, Name: "Cara Diaz"},
		fakegraph.User{Email: "zoe@acme.com", Disabled: true})
	meetings := map[string]fakegraph.Event{}
	for _, m := range demoMeetings {
		e := fakegraph.Event{Subject: m.title, Location: m.location, Body: m.body, Start: m.start(now), Length: m.length()}
		if m.own {
			e.JoinURL = "https://teams.microsoft.com/meet/23456789012345?p=aBcDeFgHiJkLmNoPqR"
		}
		if m.private {
			e.Sensitivity = "private"
		}
		if m.weekly {
			e.Repeat = &fakegraph.Repeat{}
		}
		for _, g := range m.guests {
			e.Guests = append(e.Guests, fakegraph.Guest{Email: g, Response: "accepted"})
		}
		e.UID = tn.Invite(m.host, e)
		meetings[m.id] = e
	}
	sales := tn.AddCalendar(demoBo, fakegraph.Calendar{Name: "Sales"})
	tn.AddCalendar(demoAna, fakegraph.Calendar{Name: "Bo Lind", SharedBy: demoBo})
	tn.Put(demoBo, fakegraph.Event{Calendar: sales, Subject: demoDay, Location: demoDayLink, Start: now().Truncate(time.Hour).Add(30 * time.Hour), Length: time.Hour})
	return simulation{
		Handler: tn, name: "Microsoft 365 tenant", keyFile: "secret.txt", key: []byte(fakegraph.ClientSecret + "\n"), connection: `    outlook:
      tenant: acme.com
      client_id: ` + fakegraph.ClientID + `
      client_secret_file: secret.txt
      calendars: all
      endpoint: %s
`,
		journal: func() []string {
			return journal(tn.Journal(), func(e fakegraph.Entry) (string, string, int, int) { return e.Method, e.Path, e.Status, e.Bytes })
		},
		move: func(m demoMeeting, by time.Duration) {
			e := meetings[m.id]
			e.Start = e.Start.Add(by)
			meetings[m.id] = e
			tn.Invite(m.host, e)
		},
	}
}

// journal are the requests that a tenant has answered, a line each.
func journal[E any](entries []E, of func(E) (method, path string, status, bytes int)) []string {
	var lines []string
	for _, e := range entries {
		method, path, status, bytes := of(e)
		lines = append(lines, fmt.Sprintf("%s %s %d, %d bytes", method, path, status, bytes))
	}
	return lines
}
