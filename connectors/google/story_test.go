package google

import (
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegoogle"
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

var staff = []string{ana, bo, "cara@acme.com"}

// story is a company with a life of its own.
type story struct {
	tn        *fakegoogle.Tenant
	faults    *conntest.Faults
	seed      uint64
	made      int
	suspended map[string]bool
	shared    map[string]map[string]string // secondary calendars: who has which role
}

func newStory(_ *testing.T, seed uint64) conntest.Story {
	users := []fakegoogle.User{{Email: "admin@acme.com", NoMailbox: true, Admin: true}}
	for _, u := range staff {
		users = append(users, fakegoogle.User{Email: u})
	}
	tn := fakegoogle.New(time.Now, users...)
	tn.ShortPages = seed
	if seed%4 == 0 {
		tn.TokenLife = 50 * time.Hour
	}
	return &story{
		tn: tn, seed: seed, suspended: map[string]bool{}, shared: map[string]map[string]string{},
		faults: &conntest.Faults{Base: tn, Throttled: conntest.Answer{
			Status: 403, Body: `{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}`,
		}},
	}
}

func (s *story) Connector(t *testing.T) connectors.Connector {
	cfg := Config{Domain: "acme.com", Admin: "admin@acme.com", ServiceAccountFile: "key.json", Calendars: calendarsAll, pageSize: []int64{3, 20, 250}[s.seed%3]}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := cfg.Open(connectors.Env{
		Account: "acme.com", HTTP: s.faults, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		ReadFile: func(name string) ([]byte, error) {
			if name != "key.json" {
				return nil, fs.ErrNotExist
			}
			return s.tn.KeyFile(), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Sources are everybody's own calendars, and each other one as whoever may see most of it.
func (s *story) Sources() []calendar.Source {
	var all []calendar.Source
	for _, u := range staff {
		if !s.suspended[u] {
			src := calendar.NewSource("google", "acme.com", u)
			src.Primary = true
			all = append(all, src)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.shared)) {
		best := ""
		for _, u := range staff {
			role := s.shared[id][u]
			if role != "" && !s.suspended[u] && (best == "" || roleRank(role) > roleRank(s.shared[id][best])) {
				best = u
			}
		}
		if best != "" {
			src := calendar.NewSource("google", "acme.com", id)
			src.User = best
			all = append(all, src)
		}
	}
	return all
}

func (s *story) Trouble(r *rand.Rand, on bool) {
	s.tn.Quota = fakegoogle.Quota{}
	s.faults.Set(nil)
	switch {
	case !on:
		s.tn.Restore()
	case r.IntN(4) == 0:
		s.tn.Quota = fakegoogle.Quota{Project: 12, User: 5}
	case r.IntN(6) == 0:
		s.tn.Revoke()
	default:
		s.faults.Set(rand.New(rand.NewPCG(r.Uint64(), 2)))
	}
}

// Truth is what the tenant's calendar holds, in the words of the contract.
func (s *story) Truth(src calendar.Source, w calendar.Window) ([]calendar.Event, bool) {
	sights, readable := s.tn.Truth(src.Reader(), src.Calendar, w.Start, w.End)
	var all []calendar.Event
	for _, sight := range sights {
		if e := seen(sight, src.Calendar); w.Holds(e) {
			all = append(all, e)
		}
	}
	return all, readable
}

// seen is what a reader is to know of an occurrence.
func seen(s fakegoogle.Sight, cal string) calendar.Event {
	f := s.Fields
	text := func(name, usual string) string {
		if v, ok := f[name].(string); ok {
			return v
		}
		return usual
	}
	e := calendar.Event{
		Ref: calendar.Ref(s.ID), UID: s.UID, Kind: map[string]string{"outOfOffice": calendar.KindOutOfOffice, "focusTime": calendar.KindFocus}[text("eventType", "")],
		Status: text("status", "confirmed"), Visibility: text("visibility", "default"), TimeZone: s.Zone, Updated: s.Updated.UTC().Truncate(time.Millisecond),
	}
	if e.Kind == "" {
		e.Kind = calendar.KindDefault
	}
	when := calendar.At
	if s.AllDay {
		e.TimeZone = ""
		when = func(at time.Time) calendar.When { return calendar.When{Day: at.UTC().Format(time.DateOnly)} }
	}
	e.Start, e.End = when(s.Start), when(s.End)
	if s.Series != "" {
		e.Original = when(s.Original)
	}
	private := e.Visibility == "private" || e.Visibility == "confidential"
	if e.Hidden = s.Role == fakegoogle.FreeBusyReader; e.Hidden || private && (s.Role == fakegoogle.Reader || s.Role == fakegoogle.WriterWithoutPrivateAccess) {
		e.Visibility = "private"
		return e
	}
	e.Title, e.Description, e.Location = text("summary", ""), text("description", ""), text("location", "")
	organizer, _ := f["organizer"].(map[string]any)["email"].(string)
	creator, _ := f["creator"].(map[string]any)["email"].(string)
	e.Organizer.Email, e.Creator.Email = organizer, creator
	e.GuestsHidden = f["guestsCanSeeOtherGuests"] == false && organizer != cal
	guests, _ := f["attendees"].([]any)
	for _, g := range guests {
		g := g.(map[string]any)
		email, _ := g["email"].(string)
		if e.GuestsHidden && email != cal && email != organizer {
			continue
		}
		a := calendar.Attendee{Email: email, Kind: calendar.AttendeePerson, Response: calendar.ResponseNone, Optional: g["optional"] == true}
		if g["resource"] == true {
			a.Kind = calendar.AttendeeResource
		}
		if said := g["responseStatus"]; said != "needsAction" {
			a.Response = said.(string)
		}
		e.Attendees = append(e.Attendees, a)
	}
	if link := text("hangoutLink", ""); link != "" {
		e.Conference = []calendar.Conference{{Kind: "video", URL: link}}
	}
	return e
}

// Step does one of the things that people do.
func (s *story) Step(r *rand.Rand) {
	steps := []func(*rand.Rand){s.invite, s.invite, s.invite, s.change, s.change, s.except, s.except, s.except, s.split, s.respond, s.recolour, s.cancel, s.leave,
		s.share, s.share, s.unshare, s.inShared, s.suspend, s.forget}
	steps[r.IntN(len(steps))](r)
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

var rules = []fakegoogle.Rule{
	{}, {}, {}, {Freq: "WEEKLY"}, {Freq: "WEEKLY", Count: 4}, {Freq: "DAILY", Interval: 3}, {Freq: "DAILY", Count: 9}, {Freq: "WEEKLY", Interval: 2, Count: 3},
}

// meeting is anything that one can make of a form.
func (s *story) meeting(r *rand.Rand) fakegoogle.Event {
	s.made++
	e := fakegoogle.Event{
		ID: fmt.Sprintf("e%d", s.made), Start: time.Now().UTC().Add(time.Duration(r.IntN(20*96)-4*96) * 15 * time.Minute).Truncate(15 * time.Minute),
		Length: time.Duration(1+r.IntN(12)) * 15 * time.Minute, Zone: pick(r, "Europe/Berlin", "America/New_York", "Asia/Kolkata"), Repeat: pick(r, rules...),
		Fields: map[string]any{"summary": fmt.Sprintf("Meeting %d", s.made), "visibility": pick(r, "default", "default", "public", "private", "confidential")},
	}
	if r.IntN(5) == 0 {
		e.AllDay, e.Start, e.Length = true, e.Start.Truncate(24*time.Hour), time.Duration(1+r.IntN(3))*24*time.Hour
	}
	if r.IntN(6) == 0 && e.Repeat.Freq != "" && e.Repeat.Count == 0 {
		e.Repeat.Until = e.Start.AddDate(0, 0, 20)
	}
	for _, more := range []map[string]any{
		{"description": "see you"}, {"location": "https://zoom.us/j/93711223344"}, {"hangoutLink": "https://meet.google.com/abc-defg-hij"},
		{"guestsCanSeeOtherGuests": false}, {"eventType": "outOfOffice"}, {"status": "tentative"}, {"transparency": "transparent"},
	} {
		if r.IntN(5) == 0 {
			maps.Copy(e.Fields, more)
		}
	}
	return e
}

func (s *story) invite(r *rand.Rand) {
	var guests []fakegoogle.Guest
	for _, g := range []string{ana, bo, "cara@acme.com", "joe@globex.com", "room@resource.calendar.google.com"} {
		if r.IntN(2) == 0 {
			guests = append(guests, fakegoogle.Guest{Email: g, Response: pick(r, "", "accepted", "tentative", "declined"), Optional: r.IntN(5) == 0, Resource: g[0] == 'r'})
		}
	}
	s.tn.Invite(pick(r, staff...), s.meeting(r), guests...)
}

// some is something in a calendar, now or soon.
func (s *story) some(r *rand.Rand) (cal string, sight fakegoogle.Sight, found bool) {
	cal = pick(r, slices.Concat(staff, slices.Sorted(maps.Keys(s.shared)))...)
	reader := cal
	for _, u := range staff {
		if s.shared[cal][u] == fakegoogle.Owner {
			reader = u
		}
	}
	all, _ := s.tn.Truth(reader, cal, time.Now().Add(-72*time.Hour), time.Now().Add(18*24*time.Hour))
	if len(all) == 0 {
		return "", sight, false
	}
	return cal, pick(r, all...), true
}

func id0(s fakegoogle.Sight) string {
	if s.Series != "" {
		return s.Series
	}
	return s.ID
}

func (s *story) change(r *rand.Rand) {
	cal, sight, found := s.some(r)
	if !found {
		return
	}
	s.tn.Change(cal, id0(sight), func(e *fakegoogle.Event) {
		switch r := rand.New(rand.NewPCG(uint64(s.made), uint64(sight.Start.Unix()))); r.IntN(5) { // the same in every copy
		case 0:
			e.Fields["summary"] = "Another title"
		case 1:
			e.Start, e.Exceptions = e.Start.AddDate(0, 0, r.IntN(9)-4), nil
		case 2:
			e.Length += 24 * time.Hour
		case 3:
			e.Repeat, e.Exceptions = pick(r, rules...), nil
		case 4:
			delete(e.Fields, "hangoutLink")
			e.Fields["location"] = "Room 4"
		}
	})
}

func (s *story) except(r *rand.Rand) {
	cal, sight, found := s.some(r)
	if !found || sight.Series == "" {
		return
	}
	x := fakegoogle.Exception{}
	switch r.IntN(4) {
	case 0:
		x.Cancelled = true
	case 1:
		x.Start = sight.Original.AddDate(0, 0, r.IntN(41)-20)
	case 2:
		x.Fields = map[string]any{"summary": "This one is different", "description": nil}
	case 3:
		if !sight.AllDay {
			x.Start, x.Length = sight.Original.Add(time.Hour), 10*time.Minute
		}
	}
	s.tn.Except(cal, sight.Series, sight.Original, x)
}

func (s *story) split(r *rand.Rand) {
	if cal, sight, found := s.some(r); found && sight.Series != "" {
		s.tn.Split(cal, sight.Series, sight.Original, func(e *fakegoogle.Event) { e.Fields["summary"] = "From now on" })
	}
}

func (s *story) respond(r *rand.Rand) {
	if _, sight, found := s.some(r); found {
		s.tn.Respond(pick(r, staff...), id0(sight), pick(r, "accepted", "tentative", "declined"))
	}
}

func (s *story) recolour(r *rand.Rand) {
	if cal, sight, found := s.some(r); found {
		s.tn.EditCopy(cal, id0(sight), map[string]any{"colorId": "3", "visibility": pick[any](r, nil, "private", "public")})
	}
}

func (s *story) cancel(r *rand.Rand) {
	if cal, sight, found := s.some(r); found {
		s.tn.Cancel(cal, id0(sight))
	}
}

func (s *story) leave(r *rand.Rand) {
	if cal, sight, found := s.some(r); found {
		s.tn.Delete(cal, id0(sight))
		if r.IntN(3) == 0 {
			s.tn.Haunt(cal, id0(sight))
		}
	}
}

// share makes a calendar, or gives somebody a role on one.
func (s *story) share(r *rand.Rand) {
	if len(s.shared) < 2 {
		owner := pick(r, staff...)
		s.shared[s.tn.AddCalendar(owner, "Sales")] = map[string]string{owner: fakegoogle.Owner}
		return
	}
	id, with := pick(r, slices.Sorted(maps.Keys(s.shared))...), pick(r, staff...)
	role := pick(r, fakegoogle.FreeBusyReader, fakegoogle.Reader, fakegoogle.WriterWithoutPrivateAccess, fakegoogle.Writer)
	s.shared[id][with] = role
	s.tn.Share(id, with, role)
}

// unshare takes a role back, even the owner's, or the calendar away.
func (s *story) unshare(r *rand.Rand) {
	for _, id := range slices.Sorted(maps.Keys(s.shared)) {
		if r.IntN(4) == 0 {
			s.tn.DeleteCalendar(id)
			delete(s.shared, id)
			return
		}
		who := pick(r, staff...)
		delete(s.shared[id], who)
		s.tn.Share(id, who, fakegoogle.None)
	}
}

func (s *story) inShared(r *rand.Rand) {
	for _, id := range slices.Sorted(maps.Keys(s.shared)) {
		e := s.meeting(r)
		e.Fields["organizer"], e.Fields["creator"] = map[string]any{"email": id}, map[string]any{"email": bo}
		s.tn.Put(id, e)
	}
}

// suspend suspends somebody, or has them back.
func (s *story) suspend(r *rand.Rand) {
	u := pick(r, staff...)
	s.suspended[u] = !s.suspended[u]
	s.tn.PutUser(fakegoogle.User{Email: u, Suspended: s.suspended[u]})
}

func (s *story) forget(*rand.Rand) { s.tn.ExpireTokens() }
