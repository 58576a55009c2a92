// Package scale measures a daemon that reads many calendars: how long it takes, and what it needs. The calendars are a
// simulated tenant's that stores next to nothing, so that a hundred thousand of them cost the machine less than the daemon.
//
// The measurements are tests that run when they are asked for (see docs/scaling.md and "make scale").
package scale

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Tenant is a Google Workspace tenant that makes its calendars' entries up when it is asked for them, and remembers only
// what was moved. It answers what connectors/google asks, and believes whoever asks: internal/fakegoogle is the strict one.
// Its exported fields are set before its first request.
type Tenant struct {
	Calendars int // at most 1e6
	Events    int // in each calendar
	// Latency is how long the Calendar API takes for an answer.
	Latency time.Duration
	// Begin is the midnight (UTC) behind which the entries lie, for Days days.
	Begin time.Time
	Days  int
	// Push sends a notification of a watched calendar. Nil: none are sent.
	Push func(*http.Request)

	// What was asked for so far.
	Lists, Asks, Tokens, Watches, Others atomic.Int64

	locks [64]sync.Mutex // of the calendars, by number
	logs  []*log         // by calendar; nil: nothing has happened
}

// log is what happened in a calendar.
type log struct {
	moved    []int // slots, in the order of their moves
	by       map[int]time.Duration
	channels []channel
	requests int // of events.list
}

// channel is one that events.watch opened.
type channel struct{ id, token, address string }

// Open makes the tenant ready.
func (t *Tenant) Open() { t.logs = make([]*log, t.Calendars) }

// Of every five entries, two are somebody's own, without a link; two are meetings of a team of four, by Google Meet; one
// is a call with a customer, by Zoom, that two colleagues have.
const (
	teamSize = 4
	pairSize = 2
)

// A Mix is how many meetings there are, and how many of them are recorded.
type Mix struct{ Copies, Meetings, Recorded int }

// Mix is the tenant's. Calendars must come in whole teams.
func (t *Tenant) Mix() Mix {
	m := Mix{Copies: t.Calendars * t.Events}
	for slot := range t.Events {
		switch sharers(slot) {
		case 1:
			m.Meetings += t.Calendars
		case teamSize:
			m.Meetings += t.Calendars / teamSize
			m.Recorded += t.Calendars / teamSize
		case pairSize:
			m.Meetings += t.Calendars / pairSize
			m.Recorded += t.Calendars / pairSize
		}
	}
	return m
}

// sharers is how many calendars the entry of a slot is in.
func sharers(slot int) int { return [...]int{1, teamSize, 1, teamSize, pairSize}[slot%5] }

// Email is the address of a calendar's user.
func Email(calendar int) string { return fmt.Sprintf("u%06d@acme.com", calendar) }

// numberOf is the calendar of this address, or -1.
func (t *Tenant) numberOf(email string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(email, "@acme.com"), "u"))
	if err != nil || n < 0 || n >= t.Calendars || Email(n) != email {
		return -1
	}
	return n
}

// eventID is the id of the entry, the same in all calendars that have it.
func eventID(calendar, slot int) string {
	return fmt.Sprintf("e%06dx%03d", calendar/sharers(slot), slot)
}

// start is when the entry begins: on working hours of the days, spread by its group.
func (t *Tenant) start(calendar, slot int) time.Time {
	group := calendar / sharers(slot)
	day := slot * t.Days / t.Events
	return t.Begin.AddDate(0, 0, day).Add(7*time.Hour + time.Duration((group*7+slot*13)%40)*15*time.Minute)
}

// event writes an entry as events.list has it, with the fields that the connector asks for.
func (t *Tenant) event(b *bytes.Buffer, calendar, slot int, moved time.Duration) {
	n := sharers(slot)
	group := calendar / n
	id := eventID(calendar, slot)
	from := t.start(calendar, slot).Add(moved)
	host := Email(group*n + slot%n)
	fmt.Fprintf(b, `{"id":%q,"status":"confirmed","eventType":"default","iCalUID":"%s@google.com","sequence":0,"updated":"%s","start":{"dateTime":"%s","timeZone":"Europe/Berlin"},"end":{"dateTime":"%s","timeZone":"Europe/Berlin"},"organizer":{"email":%q},"creator":{"email":%q}`,
		id, id, t.Begin.Add(-72*time.Hour+moved).Format(time.RFC3339), from.Format(time.RFC3339), from.Add(30*time.Minute).Format(time.RFC3339), host, host)
	switch n {
	case 1:
		fmt.Fprintf(b, `,"summary":"Focus %d","description":"Do not disturb."`, slot)
	case teamSize:
		fmt.Fprintf(b, `,"summary":"Team %d: topic %d","hangoutLink":"https://meet.google.com/%s","conferenceData":{"entryPoints":[{"entryPointType":"video","uri":"https://meet.google.com/%[3]s"}]}`, group, slot, meetCode(group, slot))
	default:
		link := fmt.Sprintf("https://acme.zoom.us/j/9%07d%03d?pwd=a1b2c3d4.1", group, slot)
		fmt.Fprintf(b, `,"summary":"Customer %d: call %d","location":%q,"description":"%s<br>Join Zoom Meeting: <a href=\"%s\">%[5]s</a><br>Meeting ID and passcode are in the link."`, group, slot, link, strings.Repeat("We go through the open points of the last call. ", 8), link)
	}
	if n > 1 {
		b.WriteString(`,"attendees":[`)
		for i := range n {
			who := Email(group*n + i)
			fmt.Fprintf(b, `{"email":%q,"displayName":"User %d","organizer":%t,"self":%t,"responseStatus":"accepted"},`, who, group*n+i, who == host, group*n+i == calendar)
		}
		fmt.Fprintf(b, `{"email":"guest%d@customer%d.example","responseStatus":"needsAction"}]`, slot, group)
	}
	b.WriteByte('}')
}

// meetCode is a code of Google Meet: of three, four and three letters.
func meetCode(group, slot int) string {
	n := group*1000 + slot
	code := make([]byte, 10)
	for i := range code {
		code[i] = byte('a' + n%26)
		n /= 26
	}
	return fmt.Sprintf("%s-%s-%s", code[:3], code[3:7], code[7:])
}

// Move moves the start of an entry, in all calendars that have it, and tells those who watch them.
func (t *Tenant) Move(calendar, slot int, by time.Duration) (uid string, to time.Time) {
	n := sharers(slot)
	for c := calendar / n * n; c < calendar/n*n+n; c++ {
		var pushes []*http.Request
		t.with(c, func(l *log) {
			l.moved = append(l.moved, slot)
			if l.by == nil {
				l.by = map[int]time.Duration{}
			}
			l.by[slot] = by
			for _, ch := range l.channels {
				pushes = append(pushes, ch.notification(c, "exists"))
			}
		})
		t.push(pushes)
	}
	return eventID(calendar, slot) + "@google.com", t.start(calendar, slot).Add(by)
}

func (t *Tenant) push(pushes []*http.Request) {
	for _, p := range pushes {
		if t.Push != nil {
			go t.Push(p)
		}
	}
}

// Watched is how many calendars are watched.
func (t *Tenant) Watched() (n int) {
	for c := range t.Calendars {
		t.with(c, func(l *log) {
			if len(l.channels) > 0 {
				n++
			}
		})
	}
	return n
}

// requests is how often a calendar was listed, or asked for its changes.
func (t *Tenant) requests(c int) (n int) {
	t.with(c, func(l *log) { n = l.requests })
	return n
}

// with locks a calendar.
func (t *Tenant) with(c int, f func(*log)) {
	mu := &t.locks[c%len(t.locks)]
	mu.Lock()
	defer mu.Unlock()
	if t.logs[c] == nil {
		t.logs[c] = &log{}
	}
	f(t.logs[c])
}

func (ch channel) notification(calendar int, state string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, ch.address, nil)
	if err != nil {
		panic(err) // the daemon's own address
	}
	for name, value := range map[string]string{
		"X-Goog-Channel-ID": ch.id, "X-Goog-Channel-Token": ch.token, "X-Goog-Resource-ID": resource(calendar), "X-Goog-Resource-State": state,
	} {
		r.Header.Set(name, value)
	}
	return r
}

func resource(calendar int) string { return "r" + strconv.Itoa(calendar) }

// KeyFile is a service account's key that the tenant takes, around an RSA key as PEM.
func KeyFile(pem []byte) []byte {
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "scale", "private_key_id": "1", "private_key": string(pem), "client_id": "1",
		"client_email": "syncd@scale.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		panic(err) // texts alone
	}
	return b
}

// ServeHTTP answers what the connector asks.
func (t *Tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(r.URL.EscapedPath(), "/")
	switch {
	case r.URL.Path == "/token":
		t.Tokens.Add(1)
		t.token(w, r)
	case r.URL.Path == "/admin/directory/v1/users":
		t.Others.Add(1)
		t.users(w, r.URL.Query())
	case r.URL.Path == "/calendar/v3/channels/stop":
		t.Others.Add(1)
		t.stop(w, r)
	case len(path) >= 6 && path[3] == "calendars" && path[5] == "events":
		id, err := url.PathUnescape(path[4])
		c := t.numberOf(id)
		if err != nil || c < 0 || r.Header.Get("Authorization") != "Bearer as "+id {
			http.Error(w, `{"error":{"code":404,"message":"Not Found","errors":[{"reason":"notFound"}]}}`, http.StatusNotFound)
			return
		}
		time.Sleep(t.Latency)
		if len(path) == 7 && path[6] == "watch" {
			t.Watches.Add(1)
			t.watch(w, r, c)
			return
		}
		t.events(w, r.URL.Query(), c)
	default:
		http.NotFound(w, r)
	}
}

// token believes every assertion.
func (t *Tenant) token(w http.ResponseWriter, r *http.Request) {
	var claims struct{ Sub string }
	parts := strings.Split(r.PostFormValue("assertion"), ".")
	if len(parts) == 3 {
		if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(b, &claims) // who says nothing is nobody
		}
	}
	answer(w, fmt.Appendf(nil, `{"access_token":%q,"token_type":"Bearer","expires_in":3599}`, "as "+claims.Sub))
}

// users is the Directory API's users.list.
func (t *Tenant) users(w http.ResponseWriter, q url.Values) {
	from, _ := strconv.Atoi(q.Get("pageToken"))
	to := min(from+500, t.Calendars)
	var b bytes.Buffer
	b.WriteString(`{"kind":"admin#directory#users","users":[`)
	for c := from; c < to; c++ {
		if c > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"primaryEmail":%q,"isMailboxSetup":true}`, Email(c))
	}
	b.WriteByte(']')
	if to < t.Calendars {
		fmt.Fprintf(&b, `,"nextPageToken":"%d"`, to)
	}
	b.WriteByte('}')
	answer(w, b.Bytes())
}

// events is events.list: a page of all, or what has moved behind a sync token, which is a place in the log.
func (t *Tenant) events(w http.ResponseWriter, q url.Values, c int) {
	var b bytes.Buffer
	b.WriteString(`{"kind":"calendar#events","accessRole":"owner","items":[`)
	t.with(c, func(l *log) {
		l.requests++
		if token := q.Get("syncToken"); token != "" {
			t.Asks.Add(1)
			at, _ := strconv.Atoi(token)
			for i, slot := range l.moved[min(at, len(l.moved)):] {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, `{"id":%q}`, eventID(c, slot))
			}
		} else {
			t.Lists.Add(1)
			from, _ := strconv.Atoi(q.Get("pageToken"))
			most, _ := strconv.Atoi(q.Get("maxResults"))
			to := min(from+most, t.Events)
			for slot := from; slot < to; slot++ {
				if slot > from {
					b.WriteByte(',')
				}
				t.event(&b, c, slot, l.by[slot])
			}
			if to < t.Events {
				fmt.Fprintf(&b, `],"nextPageToken":"%d"}`, to)
				return
			}
		}
		fmt.Fprintf(&b, `],"nextSyncToken":"%d"}`, len(l.moved))
	})
	zipped(w, b.Bytes())
}

// watch is events.watch.
func (t *Tenant) watch(w http.ResponseWriter, r *http.Request, c int) {
	var in struct{ ID, Token, Address string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ch := channel{in.ID, in.Token, in.Address}
	t.with(c, func(l *log) { l.channels = append(l.channels, ch) })
	t.push([]*http.Request{ch.notification(c, "sync")})
	answer(w, fmt.Appendf(nil, `{"kind":"api#channel","id":%q,"resourceId":%q,"expiration":"%d"}`, in.ID, resource(c), time.Now().Add(7*24*time.Hour).UnixMilli()))
}

// stop is channels.stop.
func (t *Tenant) stop(w http.ResponseWriter, r *http.Request) {
	var in struct{ ID, ResourceID string }
	c := -1
	if err := json.NewDecoder(r.Body).Decode(&in); err == nil {
		c, err = strconv.Atoi(strings.TrimPrefix(in.ResourceID, "r"))
		if err != nil || c >= t.Calendars {
			c = -1
		}
	}
	if c < 0 {
		http.NotFound(w, r)
		return
	}
	t.with(c, func(l *log) {
		var left []channel
		for _, ch := range l.channels {
			if ch.id != in.ID {
				left = append(left, ch)
			}
		}
		l.channels = left
	})
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who hung up asks again
}

var writers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one
	}
	return z
}}

// zipped answers as Google does those who take it compressed.
func zipped(w http.ResponseWriter, body []byte) {
	var b bytes.Buffer
	z := writers.Get().(*gzip.Writer)
	defer writers.Put(z)
	z.Reset(&b)
	_, err := z.Write(body)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // memory does not fail
	}
	w.Header().Set("Content-Encoding", "gzip")
	answer(w, b.Bytes())
}
