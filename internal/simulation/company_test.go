package simulation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/connectors/coordinator"
	"example.com/syncd/connectors/google"
	"example.com/syncd/connectors/outlook"
	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/internal/fakegoogle"
	"example.com/syncd/internal/fakegraph"
)

const (
	ana, bo, cara = "ana@acme.com", "bo@acme.com", "cara@acme.com" // read from Google
	eve, finn     = "eve@acme.de", "finn@acme.de"                  // from Microsoft
	notes         = "notes@acme.com"
	pushHost      = "https://syncd.acme.com"
)

// company is the world outside: tenants, a mailbox, and the networks between. It outlives every process.
type company struct {
	google  *fakegoogle.Tenant
	outlook *fakegraph.Tenant
	mails   fstest.MapFS
	// networks, which fail when they are told to
	googleNet, outlookNet *conntest.Faults
	made                  int
	googleIDs             []string          // meetings in Google, by the organizer's event
	outlookUIDs           []string          // in Microsoft's
	mailed                []*invitation     // by mail
	organizers            map[string]string // of the meetings above
	pushes                []*http.Request   // on their way
}

// invitation is a meeting of which the coordinator learns by mail.
type invitation struct {
	uid, room string
	sequence  int
	start     time.Time
	cancelled bool
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func newCompany(seed uint64) *company {
	c := &company{mails: fstest.MapFS{}, organizers: map[string]string{}}
	c.google = fakegoogle.New(time.Now, fakegoogle.User{Email: "admin@acme.com", NoMailbox: true, Admin: true},
		fakegoogle.User{Email: ana}, fakegoogle.User{Email: bo}, fakegoogle.User{Email: cara})
	c.google.ShortPages = seed
	c.google.Notify = func(r *http.Request) { c.pushes = append(c.pushes, r) }
	c.google.Loses, c.google.Doubles = 4, 3
	c.outlook = fakegraph.New(time.Now, fakegraph.User{Email: eve}, fakegraph.User{Email: finn})
	c.outlook.Quirks = fakegraph.Quirks{Seed: seed, EmptyFirst: seed%2 == 0, Repeat: seed%3 == 0, Generations: []int{0, 2, 9}[seed%3]}
	c.outlook.Send = c.take
	c.googleNet = &conntest.Faults{Base: c.google, Throttled: conntest.Answer{
		Status: 403, Body: `{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}`,
	}}
	c.outlookNet = &conntest.Faults{Base: c.outlook, Throttled: conntest.Answer{
		Status: 429, Body: `{"error":{"code":"ApplicationThrottled","message":"Application is over its MailboxConcurrency limit."}}`,
	}}
	return c
}

// connections are opened anew by each process. quiet reads the company by a network that never fails.
func (c *company) connections(letters connectors.Letters, quiet bool) ([]engine.Connection, error) {
	var googleNet, outlookNet http.RoundTripper = c.googleNet, c.outlookNet
	if quiet {
		googleNet, outlookNet = c.google, c.outlook
	}
	env := func(account string, net http.RoundTripper) connectors.Env {
		return connectors.Env{
			Account: account, HTTP: net, Now: time.Now, Log: slog.New(slog.DiscardHandler), Letters: letters,
			ReadFile: func(name string) ([]byte, error) {
				switch name {
				case "key.json":
					return c.google.KeyFile(), nil
				case "secret":
					return []byte(fakegraph.ClientSecret), nil
				}
				return nil, fs.ErrNotExist
			},
			OpenDir: func(string) fs.FS { return c.mails },
		}
	}
	var all []engine.Connection
	for _, o := range []struct {
		driver, account string
		config          connectors.Config
		net             http.RoundTripper
	}{
		{"google", "acme.com", fill(google.Driver.Config().(*google.Config), func(g *google.Config) {
			g.Domain, g.Admin, g.ServiceAccountFile = "acme.com", "admin@acme.com", "key.json"
		}), googleNet},
		{"outlook", "acme.de", fill(outlook.Driver.Config().(*outlook.Config), func(o *outlook.Config) {
			o.Tenant, o.ClientID, o.ClientSecretFile = "acme.de", fakegraph.ClientID, "secret"
		}), outlookNet},
		{"coordinator", "notes", fill(coordinator.Driver.Config().(*coordinator.Config), func(n *coordinator.Config) {
			n.Address, n.Folder, n.Authenticate = notes, "mail", false
		}), nil},
	} {
		if err := o.config.Validate(); err != nil {
			return nil, err
		}
		conn, err := o.config.Open(env(o.account, o.net))
		if err != nil {
			return nil, err
		}
		all = append(all, engine.Connection{Driver: o.driver, Account: o.account, Connector: conn})
	}
	return all, nil
}

func fill[T any](config T, set func(T)) T {
	set(config)
	return config
}

// Steady are meetings that nobody ever changes, on a calendar of each kind. They are to be recorded under every
// policy of the company, so that whatever a recorder hears of them but once is wrong.
var steady = []string{"93000000001", "93000000002", "93000000003"}

func (c *company) plantSteady() {
	start := time.Now().Add(9 * 24 * time.Hour).Truncate(time.Hour)
	c.google.Invite(ana, fakegoogle.Event{ID: "steady1", Start: start, Length: time.Hour, Zone: "UTC", Fields: map[string]any{
		"iCalUID": "steady1@google.com", "summary": "Steady 1", "location": "https://zoom.us/j/" + steady[0],
	}}, fakegoogle.Guest{Email: "pat@steady.example", Response: "accepted"})
	c.outlook.Invite(eve, fakegraph.Event{
		Subject: "Steady 2", Location: "https://zoom.us/j/" + steady[1], Start: start.Add(2 * time.Hour), Length: time.Hour,
		Guests: []fakegraph.Guest{{Email: "pat@steady.example", Response: "accepted"}},
	})
	c.post("steady3", &invitation{uid: "steady3@acme.com", room: steady[2], start: start.Add(4 * time.Hour)}, "pat@steady.example")
}

var (
	rooms  = []string{"91234567890", "95550001111", "97770002222"}
	guests = []string{"joe@globex.com", "kim@lawfirm.example", "pat@initech.example", bo}
)

// edit is one of the things that people do to calendars.
func (c *company) edit(r *rand.Rand) {
	steps := []func(*rand.Rand){
		c.inviteGoogle, c.inviteGoogle, c.changeGoogle, c.changeGoogle, c.dropGoogle,
		c.inviteOutlook, c.inviteOutlook, c.changeOutlook, c.changeOutlook, c.dropOutlook,
		c.inviteByMail, c.changeByMail, c.both, c.forget,
	}
	steps[r.IntN(len(steps))](r)
}

// soon is a time at which meetings are planned, often within the hour.
func soon(r *rand.Rand) time.Time {
	ahead := time.Duration(r.IntN(4*24*60)) * time.Minute
	if r.IntN(2) == 0 {
		ahead = time.Duration(r.IntN(90)-10) * time.Minute
	}
	return time.Now().UTC().Add(ahead).Truncate(5 * time.Minute)
}

func (c *company) googleEvent(r *rand.Rand, id string) fakegoogle.Event {
	e := fakegoogle.Event{ID: id, Start: soon(r), Length: time.Duration(2+r.IntN(10)) * 15 * time.Minute, Zone: "Europe/Berlin", Fields: map[string]any{
		"summary": pick(r, "Globex", "Interview", "Demo"), "location": "https://zoom.us/j/" + pick(r, rooms...),
		"visibility": pick(r, "default", "default", "default", "private"),
	}}
	if r.IntN(4) == 0 {
		e.Repeat = fakegoogle.Rule{Freq: "DAILY", Count: 3}
	}
	return e
}

func (c *company) inviteGoogle(r *rand.Rand) {
	c.made++
	id, who := fmt.Sprintf("g%d", c.made), pick(r, ana, bo, cara)
	c.google.Invite(who, c.googleEvent(r, id), fakegoogle.Guest{Email: pick(r, guests...), Response: "accepted"}, fakegoogle.Guest{Email: pick(r, ana, bo, cara)})
	c.googleIDs = append(c.googleIDs, id)
	c.organizers[id] = who
}

func (c *company) changeGoogle(r *rand.Rand) {
	if len(c.googleIDs) == 0 {
		return
	}
	id := pick(r, c.googleIDs...)
	next := c.googleEvent(r, id)
	c.google.Change(c.organizers[id], id, func(e *fakegoogle.Event) {
		e.Start, e.Exceptions = next.Start, nil
		if r := next.Fields["visibility"]; r == "default" {
			e.Fields["location"] = next.Fields["location"]
		}
	})
}

func (c *company) dropGoogle(r *rand.Rand) {
	if len(c.googleIDs) > 0 {
		id := pick(r, c.googleIDs...)
		c.google.Cancel(c.organizers[id], id)
	}
}

func (c *company) outlookEvent(r *rand.Rand) fakegraph.Event {
	return fakegraph.Event{
		Subject: pick(r, "Hooli", "Interview", "Review"), Location: "https://zoom.us/j/" + pick(r, rooms...), Start: soon(r),
		Length: time.Duration(2+r.IntN(10)) * 15 * time.Minute, Sensitivity: pick(r, "", "", "", "private"),
		Guests: []fakegraph.Guest{{Email: pick(r, guests...), Response: "accepted"}, {Email: finn, Response: pick(r, "accepted", "declined")}},
	}
}

func (c *company) inviteOutlook(r *rand.Rand) {
	uid := c.outlook.Invite(eve, c.outlookEvent(r))
	c.outlookUIDs = append(c.outlookUIDs, uid)
}

func (c *company) changeOutlook(r *rand.Rand) {
	if len(c.outlookUIDs) == 0 {
		return
	}
	e := c.outlookEvent(r)
	e.UID = pick(r, c.outlookUIDs...)
	c.outlook.Invite(eve, e)
}

func (c *company) dropOutlook(r *rand.Rand) {
	if len(c.outlookUIDs) > 0 {
		c.outlook.Cancel(eve, pick(r, c.outlookUIDs...))
	}
}

// both puts one meeting on a Google and an Outlook calendar, by one UID.
func (c *company) both(r *rand.Rand) {
	c.made++
	id := fmt.Sprintf("b%d", c.made)
	uid, start, link := id+"@google.com", soon(r), "https://zoom.us/j/"+pick(r, rooms...)
	c.google.Put(ana, fakegoogle.Event{ID: id, Start: start, Length: time.Hour, Zone: "UTC", Fields: map[string]any{
		"iCalUID": uid, "summary": "Both", "location": link, "organizer": map[string]any{"email": ana}, "attendees": []any{
			map[string]any{"email": ana, "responseStatus": "accepted"}, map[string]any{"email": eve, "responseStatus": "accepted"}, map[string]any{"email": "joe@globex.com"},
		},
	}})
	c.outlook.Put(eve, fakegraph.Event{
		UID: uid, Subject: "Both", Location: link, Organizer: ana, Start: start, Length: time.Hour,
		Guests: []fakegraph.Guest{{Email: ana, Response: "accepted"}, {Email: eve, Response: "accepted"}, {Email: "joe@globex.com"}},
	})
}

func (c *company) forget(*rand.Rand) { c.google.ExpireTokens() }

func (c *company) inviteByMail(r *rand.Rand) {
	c.made++
	i := &invitation{uid: fmt.Sprintf("m%d@acme.com", c.made), room: pick(r, rooms...), start: soon(r)}
	c.mailed = append(c.mailed, i)
	c.post(fmt.Sprintf("%05d", c.made), i, pick(r, "joe@globex.com", "kim@lawfirm.example"))
}

func (c *company) changeByMail(r *rand.Rand) {
	if len(c.mailed) == 0 {
		return
	}
	c.made++
	i := pick(r, c.mailed...)
	i.sequence++
	i.start, i.cancelled = soon(r), r.IntN(4) == 0
	c.post(fmt.Sprintf("%05d", c.made), i, "joe@globex.com")
}

// post has a mail arrive in the mailbox.
func (c *company) post(name string, i *invitation, guest string) {
	method, status := "REQUEST", "CONFIRMED"
	if i.cancelled {
		method, status = "CANCEL", "CANCELLED"
	}
	const layout = "20060102T150405Z"
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: x\r\nMessage-ID: <%s@acme.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; method=%s; charset=utf-8\r\n\r\n", ana, notes, name, method)
	for _, line := range []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "METHOD:" + method, "BEGIN:VEVENT", "UID:" + i.uid, fmt.Sprint("SEQUENCE:", i.sequence),
		"DTSTAMP:" + time.Now().UTC().Format(layout), "DTSTART:" + i.start.UTC().Format(layout), "DTEND:" + i.start.Add(time.Hour).UTC().Format(layout),
		"STATUS:" + status, "SUMMARY:By mail", "LOCATION:https://zoom.us/j/" + i.room, "ORGANIZER:mailto:" + ana,
		"ATTENDEE;PARTSTAT=ACCEPTED:mailto:" + ana, "ATTENDEE:mailto:" + guest, "ATTENDEE:mailto:" + notes, "END:VEVENT", "END:VCALENDAR",
	} {
		b.WriteString(line + "\r\n")
	}
	c.mails[name+".eml"] = &fstest.MapFile{Data: b.Bytes(), ModTime: time.Now()}
}

// trouble makes a provider or the network to it go wrong, or ends that.
func (c *company) trouble(r *rand.Rand) {
	c.calm()
	switch r.IntN(7) {
	case 0:
		c.googleNet.Set(rand.New(rand.NewPCG(r.Uint64(), 2)))
	case 1:
		c.outlookNet.Set(rand.New(rand.NewPCG(r.Uint64(), 3)))
	case 2:
		c.google.Revoke()
	case 3:
		c.outlook.Revoke()
	case 4:
		c.google.Quota = fakegoogle.Quota{Project: 12, User: 5}
	case 5:
		c.outlook.Limits = fakegraph.Limits{PerWindow: 6, RetryAfter: time.Duration(r.IntN(2)) * 90 * time.Second}
	}
}

func (c *company) calm() {
	c.google.Quota, c.outlook.Limits = fakegoogle.Quota{}, fakegraph.Limits{}
	c.googleNet.Set(nil)
	c.outlookNet.Set(nil)
	c.google.Restore()
	c.outlook.Restore()
}

// basePolicy records what the steady meetings need; change alters what they do not depend on.
func basePolicy() *eligibility.Policy {
	p := eligibility.NewPolicy()
	p.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com", "acme.de"}}
	p.Import = map[string]eligibility.Import{"google": {Enabled: true}, "outlook": {Enabled: true}, "coordinator": {Enabled: true}}
	p.Recording.Meetings = eligibility.Anyone
	p.Providers = map[string]eligibility.Provider{"zoom": {Enabled: true}}
	for _, m := range []string{ana, bo, cara, eve, finn} {
		p.Directory.Members = append(p.Directory.Members, eligibility.Member{Email: m, Seat: true, Record: eligibility.RecordOn})
	}
	return p
}

func changed(r *rand.Rand, p *eligibility.Policy) *eligibility.Policy {
	next := *p
	next.Directory.Members = slices.Clone(p.Directory.Members)
	switch r.IntN(5) {
	case 0:
		next.Exclude.Domains = pick(r, nil, []string{"lawfirm.example"}, []string{"globex.com"})
	case 1:
		next.Exclude.TitleKeywords = pick(r, nil, []string{"interview"})
	case 2:
		next.Recording.Internal = !p.Recording.Internal
	case 3:
		next.Directory.Members[1].Record = pick(r, eligibility.RecordOn, eligibility.RecordOff, eligibility.RecordNever) // bo
	case 4:
		next.Recording.Meetings = pick(r, eligibility.Anyone, eligibility.RecordableHost)
	}
	return &next
}

// arrive hands pushes that are on their way to a process; some get lost, some come twice.
func (c *company) arrive(r *rand.Rand, e *engine.Engine, lossy bool) {
	c.outlook.Deliver(context.Background())
	pushes := c.pushes
	c.pushes = nil
	for _, p := range pushes {
		times := 1
		if lossy {
			times = r.IntN(3)
		}
		for range times {
			hand(e, p)
		}
	}
}

// take answers Microsoft's requests to us: it keeps notifications for whoever is there.
func (c *company) take(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if token := r.URL.Query().Get("validationToken"); token != "" {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, token)
		return w.Result(), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	kept, err := http.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	kept.Header = r.Header.Clone()
	c.pushes = append(c.pushes, kept)
	w.WriteHeader(http.StatusAccepted)
	return w.Result(), nil
}

// hand gives a push to a process, as its server does.
func hand(e *engine.Engine, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // push, driver, account
	if len(parts) != 3 {
		return
	}
	p, ok := e.Pusher(parts[1], parts[2])
	if !ok {
		return
	}
	again := r.Clone(context.Background())
	if r.GetBody != nil {
		again.Body, _ = r.GetBody()
	}
	e.Pushed(parts[1], parts[2], p.Receive(httptest.NewRecorder(), again))
}
