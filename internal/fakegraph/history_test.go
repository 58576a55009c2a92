package fakegraph

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	start  = time.Date(2026, 3, 20, 8, 0, 0, 0, time.UTC) // the clocks change on the 29th
	within = [2]time.Time{start.Add(-24 * time.Hour), start.Add(28 * 24 * time.Hour)}
)

const (
	eve  = "eve@acme.co.uk"
	finn = "finn@acme.co.uk"
)

// watch is a clock that tests turn.
type watch struct{ at time.Time }

func (w *watch) now() time.Time { return w.at }

func company(w *watch) *Tenant {
	return New(w.now, User{Email: eve}, User{Email: finn, Aliases: []string{"f@acme.co.uk"}}, User{Email: "zoe@acme.co.uk", Disabled: true},
		User{Email: "old@acme.co.uk", NoMailbox: true}, User{Email: "ceo@acme.co.uk", Restricted: true},
		User{Email: "gus@globex.com", UPN: "gus_globex.com#EXT#@acme.co.uk", Guest: true}, User{Email: "room1@acme.co.uk", Room: true})
}

// client asks a tenant as the application does.
type client struct {
	t      *testing.T
	rt     http.RoundTripper
	token  string
	prefer string
}

func newClient(t *testing.T, rt http.RoundTripper) *client {
	c := &client{t: t, rt: rt, prefer: `IdType="ImmutableId"`}
	got := c.form("/acme.co.uk/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {ClientID}, "client_secret": {ClientSecret}, "scope": {"https://graph.microsoft.com/.default"},
	})
	c.token, _ = got.json["access_token"].(string)
	return c
}

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (r reply) rows() []map[string]any {
	var rows []map[string]any
	list, _ := r.json["value"].([]any)
	for _, v := range list {
		rows = append(rows, v.(map[string]any))
	}
	return rows
}

func (c *client) do(method, target, body string, header ...string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.prefer != "" {
		r.Header.Set("Prefer", c.prefer)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.rt.RoundTrip(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	out := reply{status: resp.StatusCode, header: resp.Header}
	if out.body, err = io.ReadAll(resp.Body); err != nil {
		c.t.Fatal(err)
	}
	_ = json.Unmarshal(out.body, &out.json)
	return out
}

const graph = "https://graph.microsoft.com"

func (c *client) get(path string, header ...string) reply {
	c.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = graph + path
	}
	return c.do("GET", path, "", header...)
}

func (c *client) form(path string, v url.Values) reply {
	c.t.Helper()
	return c.do("POST", "https://login.microsoftonline.com"+path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// all follows the next links from a path and returns every row, and the delta link.
func (c *client) all(path string) (rows []map[string]any, delta string) {
	c.t.Helper()
	for range 1000 {
		r := c.get(path)
		if r.status != 200 {
			c.t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		rows = append(rows, r.rows()...)
		next, _ := r.json["@odata.nextLink"].(string)
		delta, _ = r.json["@odata.deltaLink"].(string)
		if next == "" {
			return rows, delta
		}
		path = next
	}
	c.t.Fatal("the list does not end")
	return nil, ""
}

func windowQuery(w [2]time.Time) string {
	return "startDateTime=" + w[0].Format(time.RFC3339) + "&endDateTime=" + w[1].Format(time.RFC3339)
}

// sightOf is a row of a view as a Sight.
func sightOf(t *testing.T, row map[string]any) Sight {
	t.Helper()
	raw, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	s, err := see(raw)
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	s.ID, _ = row["id"].(string)
	s.Type, _ = row["type"].(string)
	s.UID, _ = row["iCalUId"].(string)
	s.Series, _ = row["seriesMasterId"].(string)
	if s.Zone, _ = row["originalStartTimeZone"].(string); s.Zone == "UTC" {
		s.Zone = ""
	}
	modified, _ := row["lastModifiedDateTime"].(string)
	if s.Modified, err = time.Parse(time.RFC3339Nano, modified); err != nil {
		t.Error(err)
	}
	if o, ok := row["originalStart"].(string); ok {
		s.Original, err = time.Parse(time.RFC3339, o)
		if err != nil {
			t.Error(err)
		}
	}
	for key, into := range map[string]*time.Time{"start": &s.Start, "end": &s.End} {
		d := row[key].(map[string]any)
		if *into, err = time.Parse("2006-01-02T15:04:05.0000000", d["dateTime"].(string)); err != nil || d["timeZone"] != "UTC" {
			t.Errorf("%v: %v", d, err)
		}
	}
	return s
}

// historian makes random edits.
type historian struct {
	*rand.Rand
	tn    *Tenant
	clock *watch
	uids  []string
}

func (h *historian) edit() {
	h.clock.at = h.clock.at.Add(time.Duration(1+h.IntN(90)) * time.Second)

	if len(h.uids) == 0 || h.IntN(3) == 0 {
		e := h.event()
		if len(h.uids) > 0 && h.IntN(2) == 0 {
			e.UID = h.uids[h.IntN(len(h.uids))]
		}
		h.uids = append(h.uids, h.tn.Invite(eve, e))
		return
	}
	uid := h.uids[h.IntN(len(h.uids))]
	switch h.IntN(7) {
	case 0:
		h.tn.Cancel(eve, uid)
	case 1:
		h.tn.Respond(finn, uid, []string{"accepted", "declined", "tentativelyAccepted"}[h.IntN(3)], h.IntN(2) == 0)
	case 2:
		if uid := h.tn.Split(eve, uid, 1+h.IntN(5), func(e *Event) { e.Subject = "Following " + e.Subject }); uid != "" {
			h.uids = append(h.uids, uid)
		}
	case 3: // one occurrence less
		if seen := h.tn.Truth(eve, "", within[0], within[1]); len(seen) > 0 {
			h.tn.Delete(eve, seen[h.IntN(len(seen))].ID)
		}
	case 4:
		if seen := h.tn.Truth(finn, "", within[0], within[1]); len(seen) > 0 {
			h.tn.Delete(finn, seen[h.IntN(len(seen))].ID)
		}
	case 5:
		e := h.event()
		e.UID = ""
		h.tn.Put(finn, e)
	default:
		e := h.event()
		e.UID = uid
		h.tn.Invite(eve, e)
	}
}

func (h *historian) event() Event {
	e := Event{
		Subject: fmt.Sprintf("Version %d", h.IntN(1000)), Body: "<p>Hello</p>", Length: time.Duration(1+h.IntN(4)) * 30 * time.Minute,
		Start:      start.Add(time.Duration(h.IntN(34*48)-4*48) * 30 * time.Minute),
		Guests:     []Guest{{Email: finn}, {Email: "joe@globex.com", Type: "optional"}, {Email: "room1@acme.co.uk", Type: "resource"}}[:h.IntN(4)],
		HideGuests: h.IntN(5) == 0, Zone: []string{"", "GMT Standard Time", "Pacific Standard Time", "tzone://Microsoft/Custom"}[h.IntN(4)],
	}
	e.Sensitivity = []string{"", "private", "confidential", "personal"}[h.IntN(4)]
	if h.IntN(6) == 0 {
		e.AllDay, e.Start, e.Length = true, e.Start.Truncate(24*time.Hour), 24*time.Hour
	}
	if h.IntN(2) == 0 {
		return e
	}
	e.Repeat = &Repeat{Daily: h.IntN(3) == 0, Every: 1 + h.IntN(3)}
	if !e.Repeat.Daily && h.IntN(2) == 0 {
		e.Repeat.Days = []time.Weekday{time.Monday, time.Sunday, time.Thursday}[:1+h.IntN(3)]
	}
	switch h.IntN(3) {
	case 0:
		e.Repeat.Count = 1 + h.IntN(20)
	case 1:
		e.Repeat.Until = e.Start.AddDate(0, 0, h.IntN(40))
	default:
		e.Start = e.Start.AddDate(-h.IntN(2), 0, 0) // for ever, and perhaps for long
	}
	e.Moved, e.Lengths, e.Dropped, e.Changed = map[int]time.Duration{}, map[int]time.Duration{}, map[int]bool{}, map[int]map[string]any{}
	for range h.IntN(4) {
		e.Moved[h.IntN(8)] = time.Duration(1+h.IntN(100)) * time.Hour
		e.Dropped[h.IntN(8)] = true
		e.Lengths[h.IntN(8)] = 3 * time.Hour
		e.Changed[h.IntN(8)] = map[string]any{"subject": "Renamed", "attendees": []any{Guest{Email: finn, Type: "optional"}.Member()}}
	}
	return e
}

// TestHistories: after any edits, both ways to read a calendar say what the model says.
func TestHistories(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			clock := &watch{start}
			tn := company(clock)
			tn.Quirks = Quirks{Seed: seed, EmptyFirst: seed%2 == 0, Repeat: seed%3 == 0, SparseExceptions: seed%5 < 2, Strangers: seed%7 < 3}
			h := &historian{rand.New(rand.NewPCG(seed, 1)), tn, clock, nil}
			c := newClient(t, tn)
			readers := map[string]*follower{}
			for _, u := range []string{eve, finn, "room1@acme.co.uk"} {
				readers[u] = &follower{client: c, path: "/v1.0/users/" + u + "/calendarView/delta?" + windowQuery(within)}
			}
			for range 25 {
				for range 1 + h.IntN(4) {
					h.edit()
				}
				if clock.at.Sub(start) > 50*time.Minute {
					clock.at = start
				}
				for u, f := range readers {
					want := tn.Truth(u, "", within[0], within[1])
					rows, _ := c.all(fmt.Sprintf("/v1.0/users/%s/calendarView?%s&$top=%d", u, windowQuery(within), 1+h.IntN(40)))
					var got []Sight
					for _, row := range rows {
						got = append(got, sightOf(t, row))
					}
					slices.SortFunc(got, byStart)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("the view of %s (-truth +view):\n%s", u, diff)
					}
					c.prefer = fmt.Sprintf(`IdType="ImmutableId", odata.maxpagesize=%d`, 1+h.IntN(12))
					f.round()
					if diff := cmp.Diff(want, f.sights(t)); diff != "" {
						t.Fatalf("the delta of %s (-truth +delta):\n%s", u, diff)
					}
				}
			}
		})
	}
}

func byStart(a, b Sight) int {
	if d := a.Start.Compare(b.Start); d != 0 {
		return d
	}
	return strings.Compare(a.ID, b.ID)
}

// follower applies delta by the documented rules: a series is replaced as a set, whatever is removed goes
// with its occurrences, the later of two versions counts, and occurrences have from their master what
// they lack.
type follower struct {
	*client
	path string
	rows map[string]map[string]any // singles, masters, occurrences and exceptions, by id
}

func (f *follower) round() {
	rows, link := f.all(f.path)
	f.path = link
	if f.rows == nil {
		f.rows = map[string]map[string]any{}
	}
	drop := func(id string) {
		delete(f.rows, id)
		maps.DeleteFunc(f.rows, func(_ string, r map[string]any) bool { return r["seriesMasterId"] == id })
	}
	latest := map[string]map[string]any{}
	for _, row := range rows {
		id := row["id"].(string)
		if row["@removed"] != nil {
			drop(id)
		} else if was := latest[id]; was == nil || modified(was) <= modified(row) {
			latest[id] = row
		}
	}
	for id, row := range latest {
		if row["type"] == "seriesMaster" || row["type"] == "singleInstance" {
			drop(id)
		}
	}
	maps.Copy(f.rows, latest)
}

func modified(row map[string]any) string {
	s, _ := row["lastModifiedDateTime"].(string)
	return s
}

func (f *follower) sights(t *testing.T) []Sight {
	var all []Sight
	for _, row := range f.rows {
		if row["type"] == "seriesMaster" {
			continue
		}
		if master, ok := f.rows[fmt.Sprint(row["seriesMasterId"])]; ok {
			whole := maps.Clone(master)
			delete(whole, "recurrence")
			maps.Copy(whole, row)
			if row["type"] == "occurrence" { // what reduced occurrences do not say, their own start and id do
				if n := len(row); n != 7 {
					t.Errorf("an occurrence of %d fields: %v", n, slices.Sorted(maps.Keys(row)))
				}
				whole["originalStart"] = strings.TrimSuffix(when(row, "start"), ".0000000") + "Z"
			}
			row = whole
		} else if row["type"] != "singleInstance" {
			t.Errorf("%v without its master", row["id"])
		}
		s := sightOf(t, row)
		if s.Type == "occurrence" {
			s.UID = f.uid(s)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, byStart)
	return all
}

// uid is an occurrence's from its row in the view: delta does not tell it.
func (f *follower) uid(s Sight) string {
	user := strings.Split(f.path, "/")[5]
	r := f.get("/v1.0/users/" + user + "/events/" + s.ID + "?$select=iCalUId")
	if r.status != 200 || !reflect.DeepEqual(slices.Sorted(maps.Keys(r.json)), []string{"@odata.context", "@odata.etag", "iCalUId", "id"}) {
		f.t.Errorf("GET of an occurrence: %d %s", r.status, r.body)
	}
	uid, _ := r.json["iCalUId"].(string)
	return uid
}
