package fakegoogle

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// schema is one of a discovery document's (Discovery API, "Type and format summary").
type schema struct {
	Type, Format, Ref    string
	Enum                 []string
	Properties           map[string]*schema
	Items                *schema
	AdditionalProperties *schema
}

func (s *schema) UnmarshalJSON(b []byte) error {
	type plain schema
	var in struct {
		*plain
		Ref string `json:"$ref"`
	}
	in.plain = (*plain)(s)
	err := json.Unmarshal(b, &in)
	s.Ref = in.Ref
	return err
}

// documents are the schemas of the APIs, by name, as the module of Google's client has them.
func documents(t *testing.T) map[string]map[string]*schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]*schema{}
	for api, file := range map[string]string{"calendar": "calendar/v3/calendar-api.json", "admin": "admin/directory/v1/admin-api.json", "people": "people/v1/people-api.json"} {
		b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), file))
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Schemas map[string]*schema }
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		all[api] = doc.Schemas
	}
	return all
}

// check says what of v the schema does not have.
func (s *schema) check(all map[string]*schema, at string, v any) []string {
	if s.Ref != "" {
		return all[s.Ref].check(all, at, v)
	}
	wrong := func() []string { return []string{fmt.Sprintf("%s: %T %v is no %s %s", at, v, v, s.Type, s.Format)} }
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "object" {
			return wrong()
		}
		var bad []string
		for name, value := range v {
			of := s.Properties[name]
			if of == nil {
				of = s.AdditionalProperties
			}
			if of == nil {
				bad = append(bad, at+"."+name+": not in the document")
				continue
			}
			bad = append(bad, of.check(all, at+"."+name, value)...)
		}
		return bad
	case []any:
		if s.Type != "array" {
			return wrong()
		}
		var bad []string
		for _, value := range v {
			bad = append(bad, s.Items.check(all, at+"[]", value)...)
		}
		return bad
	case string:
		_, notTime := time.Parse(time.RFC3339, v)
		_, notDay := time.Parse(time.DateOnly, v)
		if s.Type != "string" && s.Type != "any" || len(s.Enum) > 0 && !slices.Contains(s.Enum, v) || s.Format == "date-time" && notTime != nil || s.Format == "date" && notDay != nil {
			return wrong()
		}
	case bool:
		if s.Type != "boolean" && s.Type != "any" {
			return wrong()
		}
	case float64:
		if s.Type != "integer" && s.Type != "number" && s.Type != "any" {
			return wrong()
		}
	default:
		return wrong()
	}
	return nil
}

// TestShapes: masks know the fields that the documents have.
func TestShapes(t *testing.T) {
	docs := documents(t)
	for name, shape := range shapes {
		api, of, _ := strings.Cut(name, ".")
		s := docs[api][of]
		if s == nil {
			t.Errorf("%s: not in the document", name)
			continue
		}
		if want, got := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(maps.Keys(shape)); !slices.Equal(want, got) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// company has one of each thing.
func company() *Tenant {
	tn := New(func() time.Time { return noon }, User{Email: "admin@acme.com", Admin: true}, User{Email: "ana@acme.com"}, User{Email: "bo@acme.com", Name: "Bo Berg", Suspended: true}, User{Email: "cara@acme.com"})
	tn.PutGroup("team@acme.com", "ana@acme.com", "bo@acme.com")
	sales := tn.AddCalendar("cara@acme.com", "Sales")
	tn.Share(sales, "ana@acme.com", FreeBusyReader)
	tn.AddHolidays("ana@acme.com")
	tn.Put(sales, Event{ID: "pitch", Start: noon.Add(time.Hour), Length: time.Hour, Fields: map[string]any{"summary": "Pitch"}})
	tn.Invite("ana@acme.com", Event{ID: "weekly", Start: noon, Length: time.Hour, Weekly: 5, Fields: map[string]any{
		"summary": "Weekly", "hangoutLink": "https://meet.google.com/abc-defg-hij", "description": "x",
		"conferenceData": map[string]any{"conferenceId": "abc-defg-hij", "entryPoints": []any{map[string]any{"entryPointType": "video", "uri": "https://meet.google.com/abc-defg-hij"}}},
	}}, Guest{Email: "cara@acme.com", Name: "Cara", Optional: true}, Guest{Email: "room@resource.calendar.google.com", Resource: true, Response: "accepted"})
	tn.Except("ana@acme.com", "weekly", noon.AddDate(0, 0, 7), Exception{Cancelled: true})
	tn.Except("ana@acme.com", "weekly", noon.AddDate(0, 0, 14), Exception{Start: noon.AddDate(0, 0, 15)})
	tn.Put("ana@acme.com", Event{ID: "day", Start: noon.Truncate(24 * time.Hour), Length: 24 * time.Hour, AllDay: true, Fields: map[string]any{"visibility": "private", "eventType": "outOfOffice"}})
	tn.Put("ana@acme.com", Event{ID: "gone", Start: noon, Length: time.Hour})
	tn.Delete("ana@acme.com", "gone")
	scopes := make([]string, 0, 8)
	for _, r := range routes {
		for _, s := range r.scopes {
			scopes = append(scopes, scopePrefix+s)
		}
	}
	for _, u := range tn.users {
		tn.tokens[u.Email] = grant{user: u.Email, scopes: scopes, until: noon.Add(time.Hour)}
	}
	return tn
}

func get(t *testing.T, tn *Tenant, user, method, path, body string) (status int, v any) {
	t.Helper()
	r, err := http.NewRequest(method, "https://www.googleapis.com"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+user)
	resp, err := tn.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || len(b) > 0 && json.Unmarshal(b, &v) != nil {
		t.Fatalf("%s: %q, %v", path, b, err)
	}
	return resp.StatusCode, v
}

// TestSchemas: whatever is answered is what the discovery documents say.
func TestSchemas(t *testing.T) {
	docs, tn := documents(t), company()
	sales := tn.order[len(tn.order)-2]
	asked := map[string]bool{}
	for _, q := range []struct{ user, method, path, body string }{
		{"ana@acme.com", "GET", "/calendar/v3/calendars/primary", ""},
		{"ana@acme.com", "GET", "/calendar/v3/users/me/calendarList?showHidden=true", ""},
		{"ana@acme.com", "GET", "/calendar/v3/calendars/ana@acme.com/events?singleEvents=true&showDeleted=true&timeMax=2027-02-01T00:00:00Z", ""},
		{"ana@acme.com", "GET", "/calendar/v3/calendars/ana@acme.com/events?showDeleted=true&maxAttendees=1", ""},
		{"ana@acme.com", "GET", "/calendar/v3/calendars/" + sales + "/events", ""},
		{"cara@acme.com", "GET", "/calendar/v3/calendars/" + sales + "/events", ""},
		{"ana@acme.com", "GET", "/calendar/v3/calendars/ana@acme.com/events/weekly", ""},
		{"ana@acme.com", "GET", "/calendar/v3/calendars/ana@acme.com/events/weekly/instances?showDeleted=true", ""},
		{"ana@acme.com", "POST", "/calendar/v3/calendars/ana@acme.com/events/watch", `{"id":"c1","type":"web_hook","address":"https://x.acme.com/","token":"t"}`},
		{"admin@acme.com", "GET", "/admin/directory/v1/users?domain=acme.com", ""},
		{"cara@acme.com", "GET", "/admin/directory/v1/users?domain=acme.com&viewType=domain_public", ""},
		{"admin@acme.com", "GET", "/admin/directory/v1/groups/team@acme.com/members", ""},
		{"ana@acme.com", "GET", "/v1/people:listDirectoryPeople?readMask=names,emailAddresses&sources=DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE&requestSyncToken=true", ""},
	} {
		status, v := get(t, tn, q.user, q.method, q.path, q.body)
		if status != http.StatusOK {
			t.Errorf("%s: %d %v", q.path, status, v)
			continue
		}
		path, _, _ := strings.Cut(q.path, "?")
		i := slices.IndexFunc(routes, func(r *route) bool { return r.match(q.method, path) != nil })
		api, name, _ := strings.Cut(routes[i].schema, ".")
		asked[routes[i].schema] = true
		for _, bad := range docs[api][name].check(docs[api], name, v) {
			t.Errorf("%s: %s", q.path, bad)
		}
	}
	for _, r := range routes {
		if r.schema != "" && !asked[r.schema] {
			t.Errorf("%s is not among the questions", r.pattern)
		}
	}
	for _, planted := range []any{map[string]any{"id": 1.0}, map[string]any{"summery": "x"}, map[string]any{"updated": "noon"}, map[string]any{"attendees": map[string]any{}}} {
		if docs["calendar"]["Event"].check(docs["calendar"], "Event", planted) == nil {
			t.Errorf("%v passes as an event", planted)
		}
	}
}

// TestRefusals: what Google refuses is refused, with its reason.
func TestRefusals(t *testing.T) {
	tn := company()
	_, v := get(t, tn, "ana@acme.com", "GET", "/calendar/v3/calendars/primary/events?singleEvents=true", "")
	token := v.(map[string]any)["nextSyncToken"].(string)
	const events = "/calendar/v3/calendars/primary/events?"
	for _, q := range []struct {
		user, method, path, body string
		status                   int
		reason                   string
	}{
		{"nobody", "GET", events, "", 401, "authError"},
		{"bo@acme.com", "GET", events, "", 401, "authError"},
		{"ana@acme.com", "GET", "/calendar/v3/calendars/cara@acme.com/events", "", 404, "notFound"},
		{"ana@acme.com", "GET", events + "syncToken=nonsense", "", 410, "fullSyncRequired"},
		{"ana@acme.com", "GET", events + "syncToken=" + token, "", 400, "badRequest"}, // without singleEvents, as it was
		{"ana@acme.com", "GET", events + "singleEvents=true&timeMin=2026-01-01T00:00:00Z&syncToken=" + token, "", 400, "badRequest"},
		{"ana@acme.com", "GET", events + "singleEvents=true&orderBy=updated&syncToken=" + token, "", 400, "badRequest"},
		{"cara@acme.com", "GET", events + "singleEvents=true&syncToken=" + token, "", 410, "fullSyncRequired"},
		{"ana@acme.com", "GET", events + "pageToken=nonsense", "", 400, "invalid"},
		{"ana@acme.com", "GET", events + "timeMin=2026-01-02T00:00:00Z&timeMax=2026-01-01T00:00:00Z", "", 400, "timeRangeEmpty"},
		{"ana@acme.com", "GET", events + "updatedMin=2020-01-02T00:00:00Z", "", 410, "updatedMinTooLongAgo"},
		{"ana@acme.com", "GET", events + "fields=items(summery)", "", 400, "invalidParameter"},
		{"ana@acme.com", "DELETE", "/calendar/v3/calendars/primary/events/gone", "", 410, "deleted"},
		{"ana@acme.com", "GET", "/admin/directory/v1/users?domain=acme.com", "", 403, "forbidden"},
		{"ana@acme.com", "POST", "/calendar/v3/calendars/primary/events/watch", `{"id":"c1","type":"web_hook","address":"http://x.acme.com/"}`, 400, "push.webhookUrlNotHttps"},
		{"ana@acme.com", "POST", "/calendar/v3/channels/stop", `{"id":"c9","resourceId":"r"}`, 404, "channelUnknown"},
	} {
		status, v := get(t, tn, q.user, q.method, q.path, q.body)
		reason := ""
		if e, ok := v.(map[string]any)["error"].(map[string]any); ok {
			reason, _ = e["errors"].([]any)[0].(map[string]any)["reason"].(string)
		}
		if status != q.status || reason != q.reason {
			t.Errorf("%s %s as %s: %d %q, want %d %q", q.method, q.path, q.user, status, reason, q.status, q.reason)
		}
	}
	tn.Quota = Quota{User: 2}
	for n := range 3 {
		status, _ := get(t, tn, "ana@acme.com", "GET", events, "")
		if want := map[bool]int{true: 200, false: 403}[n < 2]; status != want {
			t.Errorf("request %d of a minute that has two: %d", n+1, status)
		}
	}
}
