package outlook

import (
	"encoding/json"
	"flag"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

var (
	firstStory = flag.Uint64("story", 1, "the first random history's seed")
	stories    = flag.Uint64("stories", 2000, "how many random histories")
)

// TestStories: whatever happens in a tenant, what was read in the end is what its calendars hold.
func TestStories(t *testing.T) {
	n := *stories
	if testing.Short() {
		n = min(n, 100)
	}
	conntest.Stories(t, *firstStory, n, newStory)
}

const room = "room1@acme.co.uk"

var (
	people = []string{"eve@acme.co.uk", "finn@acme.co.uk", "gil@acme.co.uk"}
	staff  = append(slices.Clone(people), room)
	names  = map[string]string{"eve@acme.co.uk": "Eve", "finn@acme.co.uk": "Finn", "gil@acme.co.uk": "Gil", room: "Room 1"}
)

// story is a company with a life of its own.
type story struct {
	tn     *fakegraph.Tenant
	faults *conntest.Faults
	seed   uint64
	made   int
	users  map[string]*fakegraph.User
	extra  map[string]string // secondary calendars: whose, by id
	shared map[string]string // eve's view of somebody's default calendar: whose, by id
}

func newStory(_ *testing.T, seed uint64) conntest.Story {
	s := &story{seed: seed, users: map[string]*fakegraph.User{}, extra: map[string]string{}, shared: map[string]string{}}
	var users []fakegraph.User
	for _, u := range staff {
		s.users[u] = &fakegraph.User{Email: u, Name: names[u], Room: u == room}
		users = append(users, *s.users[u])
	}
	s.tn = fakegraph.New(time.Now, users...)
	s.tn.Quirks = fakegraph.Quirks{
		Seed: seed, EmptyFirst: seed%2 == 0, Repeat: seed%3 == 0, SparseExceptions: seed%5 < 2, Strangers: seed%7 < 3, Cousins: seed%2 == 1,
		Generations: []int{0, 0, 2, 9}[seed%4],
	}
	s.faults = &conntest.Faults{Base: s.tn, Throttled: conntest.Answer{
		Status: 429, Body: `{"error":{"code":"ApplicationThrottled","message":"Application is over its MailboxConcurrency limit."}}`,
	}}
	return s
}

func (s *story) Connector(t *testing.T) connectors.Connector {
	cfg := Config{
		Tenant: "acme.co.uk", Cloud: "global", ClientID: fakegraph.ClientID, ClientSecretFile: "secret", Calendars: calendarsAll,
		pageSize: []int32{3, 20, 100}[s.seed%3],
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := cfg.Open(connectors.Env{
		Account: "acme.co.uk", HTTP: s.faults, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		ReadFile: func(name string) ([]byte, error) {
			if name != "secret" {
				return nil, fs.ErrNotExist
			}
			return []byte(fakegraph.ClientSecret), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enabled are those on the roster.
func (s *story) enabled() []string {
	return slices.DeleteFunc(slices.Clone(staff), func(u string) bool { return s.users[u].Disabled })
}

func (s *story) readable(u string) bool { return !s.users[u].Restricted && !s.users[u].NoMailbox }

// Sources are everybody's own calendars, and the further ones of those who may be read.
func (s *story) Sources() []calendar.Source {
	var all []calendar.Source
	for _, u := range s.enabled() {
		all = append(all, source(u))
	}
	add := func(user, name string) {
		src := calendar.NewSource("outlook", "acme.co.uk", user+"/"+name)
		src.User = user
		all = append(all, src)
	}
	for _, u := range s.enabled() {
		if !s.readable(u) {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(s.extra)) {
			if s.extra[id] == u {
				add(u, id)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(s.shared)) {
			if u == eve && s.users[s.shared[id]].Disabled {
				add(u, s.shared[id]+"/"+id)
			}
		}
	}
	return all
}

func (s *story) Trouble(r *rand.Rand, on bool) {
	s.tn.Limits = fakegraph.Limits{}
	s.faults.Set(nil)
	switch {
	case !on:
		s.tn.Restore()
		for _, u := range staff {
			s.tn.Wedge(u, false)
		}
	case r.IntN(5) == 0:
		s.tn.Limits = fakegraph.Limits{PerWindow: 6, RetryAfter: time.Duration(r.IntN(2)) * 90 * time.Second}
	case r.IntN(6) == 0:
		s.tn.Revoke()
	case r.IntN(5) == 0:
		s.tn.RevokeTokens(r.IntN(2) == 0)
	case r.IntN(4) == 0:
		s.tn.Wedge(pick(r, staff...), true)
	default:
		s.faults.Set(rand.New(rand.NewPCG(r.Uint64(), 2)))
	}
}

// Anchored reports whether a delta can be asked from here on. Behind one that never ended there is none.
func (s *story) Anchored(cur connectors.Cursor) bool {
	var at cursor
	return json.Unmarshal([]byte(cur), &at) == nil && at.Delta != ""
}

// Truth is what the tenant's calendar holds, in the words of the contract.
func (s *story) Truth(src calendar.Source, w calendar.Window) ([]calendar.Event, bool) {
	cal, owner := of(src)
	if s.shared[cal.ID] != "" {
		cal.ID = ""
	}
	var all []calendar.Event
	for _, sight := range s.tn.Truth(owner, cal.ID, w.Start, w.End) {
		if e := seen(sight, owner); !sight.Draft && w.Holds(e) {
			all = append(all, e)
		}
	}
	return all, s.readable(src.Reader())
}

// seen is what a reader is to know of an occurrence in the owner's calendar.
func seen(s fakegraph.Sight, owner string) calendar.Event {
	named := func(email string) calendar.Person {
		if names[email] == "" {
			return calendar.Person{Email: email, Name: email}
		}
		return calendar.Person{Email: email, Name: names[email]}
	}
	e := calendar.Event{
		Ref: calendar.Ref(s.ID), UID: calendar.CanonicalUID(s.UID), Kind: calendar.KindDefault, Status: calendar.StatusConfirmed,
		Title: s.Subject, Location: s.Location, Description: s.Body, Organizer: named(s.Organizer), Updated: s.Modified, GuestsHidden: s.HideGuests,
		TimeZone:   map[string]string{"": "UTC", "GMT Standard Time": "Europe/London", "Pacific Standard Time": "America/Los_Angeles"}[s.Zone],
		Visibility: map[string]string{"normal": "default", "personal": "private", "private": "private", "confidential": "confidential"}[s.Sensitivity],
	}
	if e.Visibility == "" { // what nobody knows yet counts as private
		e.Visibility = "private"
	}
	if s.Cancelled {
		e.Status = calendar.StatusCancelled
	}
	when := calendar.At
	if s.AllDay {
		when = func(at time.Time) calendar.When { return calendar.When{Day: at.UTC().Format(time.DateOnly)} }
	}
	e.Start, e.End = when(s.Start), when(s.End)
	switch day := calendar.InstanceDate(s.UID); {
	case s.Series != "":
		e.Original = when(s.Original)
	case day != "" && s.AllDay:
		e.Original = calendar.When{Day: day}
	case day != "": // the guest of one occurrence; its hour is as good a guess as any
		name := e.TimeZone
		if name == "" {
			name = "UTC"
		}
		loc, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		at, err := time.ParseInLocation("2006-01-02 15:04:05", day+" "+s.Start.In(loc).Format("15:04:05"), loc)
		if err != nil {
			panic(err)
		}
		e.Original = calendar.At(at)
	}
	answers := map[string]string{"organizer": "accepted", "accepted": "accepted", "declined": "declined", "tentativelyAccepted": "tentative"}
	for _, g := range s.Guests {
		part := strings.Fields(g)
		p := named(part[0])
		a := calendar.Attendee{Email: p.Email, Name: p.Name, Kind: calendar.AttendeePerson, Response: calendar.ResponseNone, Optional: part[1] == "optional"}
		if said := answers[part[2]]; said != "" {
			a.Response = said
		}
		if own := answers[s.Response]; own != "" && p.Email == owner {
			a.Response = own
		}
		if part[1] == "resource" {
			a.Kind = calendar.AttendeeResource
		}
		e.Attendees = append(e.Attendees, a)
	}
	if len(s.Guests) == 0 {
		switch s.ShowAs {
		case "oof":
			e.Kind = calendar.KindOutOfOffice
		case "workingElsewhere":
			e.Kind = calendar.KindWorkingLocation
		}
	}
	if s.JoinURL != "" {
		e.Conference = []calendar.Conference{{Kind: "video", URL: s.JoinURL}}
	}
	if slices.ContainsFunc(e.Attendees, func(a calendar.Attendee) bool { return a.Email == owner && a.Kind == calendar.AttendeeResource }) {
		e.Title, e.Location, e.Description, e.Conference = "", "", "", nil
	}
	return e
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
