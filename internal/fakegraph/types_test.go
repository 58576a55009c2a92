package fakegraph

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/nodetest"
)

// typed is an answer, or a part of one, and what it is to be in Microsoft's types.
type typed struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// everything is a company in which there is one of each.
func everything(w *watch) *Tenant {
	tn := company(w)
	tn.Send = func(r *http.Request) (*http.Response, error) { // gives the handshake's token back
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(r.URL.Query().Get("validationToken"))),
		}, nil
	}
	tn.Quirks = Quirks{SparseExceptions: true, Strangers: true}
	sales := tn.AddCalendar(eve, Calendar{Name: "Sales"})
	tn.AddCalendar(eve, Calendar{Name: "Finn", SharedBy: finn})
	inner := tn.SetGroup(Group{Name: "Inner", Members: []string{finn}})
	tn.SetGroup(Group{Name: "Outer", Mail: "outer@acme.co.uk", Members: []string{eve, inner}})
	guests := []Guest{
		{Email: finn, Type: "required", Response: "accepted"}, {Email: "joe@globex.com", Type: "optional", Response: "tentativelyAccepted"},
		{Email: "room1@acme.co.uk", Type: "resource", Response: "accepted"}, {Email: "zoe@acme.co.uk", Response: "notResponded"},
	}
	for i, e := range []Event{
		{Subject: "Single", Body: "<p>Hello <a href=\"https://zoom.us/j/1\">there</a></p>", Location: "Room 4", JoinURL: "https://teams.microsoft.com/meet/1?p=2", Guests: guests},
		{Subject: "All day", AllDay: true, Start: start.Truncate(24 * time.Hour), Length: 24 * time.Hour, Sensitivity: "private", ShowAs: "oof"},
		{Subject: "Daily", Repeat: &Repeat{Daily: true, Every: 2, Count: 9}, HideGuests: true, Sensitivity: "confidential", Guests: guests},
		{
			Subject: "Weekly", Zone: "GMT Standard Time", Repeat: &Repeat{Days: []time.Weekday{time.Monday, time.Friday}}, Sensitivity: "personal", Guests: guests[:2],
			Moved: map[int]time.Duration{1: time.Hour}, Dropped: map[int]bool{2: true}, Changed: map[int]map[string]any{3: {"subject": "Renamed"}},
		},
		{Subject: "Until", Repeat: &Repeat{Until: start.AddDate(0, 0, 20)}, ShowAs: "tentative"},
		{Subject: "Draft", Draft: true, ShowAs: "workingElsewhere"},
	} {
		if e.Start.IsZero() {
			e.Start, e.Length = start.Add(time.Duration(i)*time.Hour), 30*time.Minute
		}
		uid := tn.Invite(eve, e)
		if i == 0 {
			tn.Cancel(eve, tn.Invite(eve, e))
			tn.Respond(finn, uid, "declined", true)
		}
	}
	tn.Put(eve, Event{Calendar: sales, Subject: "In another calendar", Start: start, Length: time.Hour})
	return tn
}

// answers are one of each kind, by the type that it is to be of.
func answers(t *testing.T, c *client) []typed {
	var all []typed
	add := func(kind, path string, header ...string) []map[string]any {
		t.Helper()
		r := c.get(path, header...)
		if r.status >= 300 {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		rows := r.rows()
		if r.json["value"] == nil {
			rows = []map[string]any{r.json}
		}
		if len(rows) == 0 {
			t.Errorf("%s has nothing to check", path)
		}
		for i, row := range rows {
			all = append(all, typed{fmt.Sprintf("%s #%d", path, i), kind, row})
		}
		return rows
	}
	window := windowQuery(within)
	users := "/v1.0/users/"
	add("User", "/v1.0/users?$select=id,mail,userPrincipalName,proxyAddresses,accountEnabled,userType,assignedPlans")
	add("User", users+eve)
	for _, cal := range add("Calendar", users+eve+"/calendars") {
		add("Event", users+eve+"/calendars/"+cal["id"].(string)+"/calendarView?"+window)
	}
	for _, u := range []string{eve, finn, "room1@acme.co.uk"} {
		add("Event", users+u+"/calendarView?$top=100&"+window)
		add("Event", users+u+"/calendarView/delta?"+window, "Prefer", "odata.maxpagesize=100")
	}
	for _, e := range add("Event", users+eve+"/events") {
		one := users + eve + "/events/" + e["id"].(string)
		add("Event", one+"?$select=subject,exceptionOccurrences,cancelledOccurrences&$expand=exceptionOccurrences")
		if e["type"] == "seriesMaster" {
			add("Event", one+"/instances?"+window)
		}
	}
	for _, g := range add("Group", "/v1.0/groups") {
		add("DirectoryObject & g.User", "/v1.0/groups/"+g["id"].(string)+"/transitiveMembers/microsoft.graph.user?$count=true&$select=id,mail", "ConsistencyLevel", "eventual")
	}
	made := c.do("POST", graph+"/v1.0/subscriptions", fmt.Sprintf(
		`{"changeType":"updated","resource":"users/%s/events","notificationUrl":"https://syncd.example/push","clientState":"s","expirationDateTime":%q}`,
		eve, start.Add(24*time.Hour).Format(time.RFC3339)), "Content-Type", "application/json")
	all = append(all, typed{"a subscription", "Subscription", made.json})
	refused := c.get(users + "nobody@acme.co.uk/calendarView?" + window)
	all = append(all, typed{"an error", "PublicError", refused.json["error"]})
	return all
}

// planted are mistakes, each in an event that is otherwise as the tenant gives it out.
var planted = map[string]func(map[string]any){
	"no such member": func(e map[string]any) { e["sensitivity"] = "secret" },
	"no such field":  func(e map[string]any) { e["sensitivty"] = "normal" },
	"a wrong type":   func(e map[string]any) { e["isAllDay"] = "false" },
	"deeper":         func(e map[string]any) { e["organizer"] = map[string]any{"emailAddress": map[string]any{"addres": "x"}} },
	"a list":         func(e map[string]any) { e["attendees"] = map[string]any{} },
}

// TestTypes: what the tenant gives out is of the types that Microsoft publishes (npm @microsoft/microsoft-graph-types),
// as the TypeScript compiler sees it.
func TestTypes(t *testing.T) {
	nodetest.Dir(t)
	w := &watch{start}
	all := answers(t, newClient(t, everything(w)))
	var event map[string]any
	for _, a := range all {
		if row, ok := a.Value.(map[string]any); ok && a.Type == "Event" && row["type"] == "singleInstance" {
			event = row
		}
	}
	for name, spoil := range planted {
		raw, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		var spoilt map[string]any
		if err := json.Unmarshal(raw, &spoilt); err != nil {
			t.Fatal(err)
		}
		spoil(spoilt)
		all = append(all, typed{"planted: " + name, "Event", spoilt})
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var says map[string][]string
	nodetest.Run(t, &says, "testdata/types.mjs", file)
	t.Logf("%d values", len(all))
	for name := range planted {
		if len(says["planted: "+name]) == 0 {
			t.Errorf("the compiler says nothing of a planted mistake: %s", name)
		}
	}
	for name, texts := range says {
		if !strings.HasPrefix(name, "planted: ") {
			t.Errorf("%s: %s", name, strings.Join(texts, "; "))
		}
	}
}
