package serve_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/api"
)

// all reads a list page by page, by its cursors and by its Link headers, which must lead to the same.
func all[Page any, Item any](t *testing.T, w *world, target string, limit int, items func(Page) []Item, next func(Page) string) []Item {
	t.Helper()
	sep := map[bool]string{true: "&", false: "?"}[strings.Contains(target, "?")]
	var found []Item
	at := target + sep + fmt.Sprintf("limit=%d", limit)
	for pages := 0; ; pages++ {
		var p Page
		link := w.get(t, at, &p).Get("Link")
		if len(items(p)) > limit {
			t.Fatalf("%s: %d on a page", at, len(items(p)))
		}
		found = append(found, items(p)...)
		cursor := next(p)
		if (cursor == "") != (link == "") {
			t.Fatalf("%s: next is %q, Link %q", at, cursor, link)
		}
		if cursor == "" {
			return found
		}
		to, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">; ")
		if u, err := url.Parse(to); err != nil || rel != `rel="next"` || u.Query().Get("after") != cursor || u.Query().Get("limit") != fmt.Sprint(limit) {
			t.Fatalf("%s: Link is %s", at, link)
		}
		at = to
		if pages > 10000 {
			t.Fatal("it never ends")
		}
	}
}

func meetings(t *testing.T, w *world, query string, limit int) []api.MeetingItem {
	t.Helper()
	return all(t, w, "/api/v1/meetings"+query, limit, func(p api.MeetingPage) []api.MeetingItem { return p.Meetings }, func(p api.MeetingPage) string { return p.Next })
}

// TestMeetings compares each filter with what it says, over all that there is.
func TestMeetings(t *testing.T) {
	w := newWorld(t)
	const n = 700
	w.fill(t, n)
	unknown := meeting(n)
	unknown.Start, unknown.End, unknown.Title = time.Time{}, time.Time{}, "No time"
	w.decide(t, unknown)
	held := meeting(3 * 1000)
	yes := meeting(3*1000 + 1).Decision
	held.Held = &yes
	held.Title, held.Start = "Held", now
	w.decide(t, held)
	var stored []engine.Decision
	for i := range n {
		stored = append(stored, meeting(i))
	}
	stored = append(stored, unknown, held)
	everything := "from=" + url.QueryEscape("0001-01-01T00:00:00Z")
	for _, c := range []struct {
		query string
		want  func(engine.Decision) bool
	}{
		{everything, func(engine.Decision) bool { return true }},
		{"", func(d engine.Decision) bool { return !d.Start.Before(now.Add(-24 * time.Hour)) }},
		{"from=2026-11-23T08:00:00Z&to=2026-11-23T09:00:00%2B01:00", func(d engine.Decision) bool { return false }},
		{"from=2026-11-23T08:00:00Z&to=2026-11-23T09:00:00Z", func(d engine.Decision) bool {
			return !d.Start.Before(now) && d.Start.Before(now.Add(time.Hour))
		}},
		{everything + "&recorded=yes", func(d engine.Decision) bool { return d.Record || d.Held != nil }},
		{everything + "&recorded=no", func(d engine.Decision) bool { return !d.Record && d.Held == nil }},
		{everything + "&rule=private", func(d engine.Decision) bool { return fails(d, "private") }},
		{everything + "&rule=confirmed&recorded=yes", func(d engine.Decision) bool { return fails(d, "confirmed") && d.Held != nil }},
		{everything + "&rule=nonesuch", func(d engine.Decision) bool { return false }},
		{everything + "&text=" + url.QueryEscape("PREISGESPRÄCH"), func(d engine.Decision) bool {
			return !fails(d, "private") && strings.Contains(d.Title, "Preisgespräch")
		}},
		{everything + "&text=" + url.QueryEscape("0% "), func(d engine.Decision) bool { return !fails(d, "private") && strings.Contains(d.Title, "100%") }},
		{everything + "&text=%25", func(d engine.Decision) bool { return !fails(d, "private") && strings.Contains(d.Title, "%") }},
		{everything + "&text=_", func(d engine.Decision) bool { return !fails(d, "private") && strings.Contains(d.Title, "_") }},
		{everything + "&text=%5C", func(d engine.Decision) bool { return false }},
		{everything + "&text=" + url.QueryEscape("' OR 1=1 --"), func(d engine.Decision) bool { return false }},
		{everything + "&provider=zoom", func(d engine.Decision) bool { return d.Planned().Provider == "zoom" }},
		{everything + "&provider=nonesuch", func(d engine.Decision) bool { return false }},
		{everything + "&text=weekly&recorded=no", func(d engine.Decision) bool {
			return !fails(d, "private") && strings.Contains(d.Title, "Weekly") && !d.Record
		}},
		{everything + "&text=weekly&rule=host", func(d engine.Decision) bool {
			return !fails(d, "private") && strings.Contains(d.Title, "Weekly") && fails(d, "host")
		}},
	} {
		var want []string
		for _, d := range stored {
			if c.want(d) {
				want = append(want, string(d.Meeting))
			}
		}
		slices.Sort(want)
		for _, limit := range []int{1, 37, 200} {
			if limit == 1 && len(want) > 50 {
				continue
			}
			query := ""
			if c.query != "" {
				query = "?" + c.query
			}
			var got []string
			last := time.Time{}
			for _, m := range meetings(t, w, query, limit) {
				got = append(got, m.Meeting)
				if m.Start.Before(last) {
					t.Errorf("%s: %s is out of order", c.query, m.Meeting)
				}
				last = m.Start
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q by %d: got %d, want %d", c.query, limit, len(got), len(want))
			}
		}
	}

	var trace api.MeetingTrace
	w.get(t, "/api/v1/meetings/"+url.PathEscape(string(held.Meeting)), &trace)
	if !trace.Recorded || trace.Held == nil || trace.Decision.Record || len(trace.Decision.Checks) != len(rules) || trace.Title != "Held" {
		t.Errorf("the trace is %+v", trace)
	}
	series := meeting(20) // whose UID has a slash, and its key another
	trace = api.MeetingTrace{}
	w.get(t, "/api/v1/meetings/"+url.PathEscape(string(series.Meeting)), &trace)
	if trace.Decision.Meeting != series.Meeting || len(trace.Schedules) != 1 || trace.Schedules[0].Reasons != nil || trace.Schedules[0].JoinURL != series.JoinURL {
		t.Errorf("the trace of %s is %+v", series.Meeting, trace)
	}
}

func fails(d engine.Decision, rule string) bool {
	return slices.ContainsFunc(d.Checks, func(c eligibility.Check) bool { return c.Rule == rule && c.Status == eligibility.Fail })
}

func TestSchedules(t *testing.T) {
	w := newWorld(t)
	const n = 400
	w.fill(t, n)
	newest := map[string]schedule.Schedule{}
	for i := range n {
		if d := meeting(i); d.Record {
			revision := 1
			if i%7 == 1 {
				revision = 3
			}
			newest[schedule.ID(d.Meeting, 0)] = scheduled(d, revision)
		}
	}
	everything := "from=" + url.QueryEscape("0001-01-01T00:00:00Z")
	of := func(s schedule.Schedule, member string) bool {
		return strings.EqualFold(s.Owner, member) || slices.Contains(s.OnBehalfOf, strings.ToLower(member))
	}
	for _, c := range []struct {
		query string
		want  func(schedule.Schedule) bool
	}{
		{everything, func(schedule.Schedule) bool { return true }},
		{"", func(s schedule.Schedule) bool { return !s.Start.Before(now.Add(-24 * time.Hour)) }},
		{everything + "&state=cancelled", func(s schedule.Schedule) bool { return s.State == schedule.Cancelled }},
		{everything + "&state=updated", func(s schedule.Schedule) bool { return false }},
		{everything + "&provider=zoom", func(s schedule.Schedule) bool { return s.Provider == "zoom" }},
		{everything + "&provider=zoom&state=cancelled", func(s schedule.Schedule) bool { return s.Provider == "zoom" && s.State == schedule.Cancelled }},
		{everything + "&member=ANA@acme.com", func(s schedule.Schedule) bool { return of(s, "ana@acme.com") }},
		{everything + "&member=ana@acme.com&provider=teams&state=scheduled", func(s schedule.Schedule) bool {
			return of(s, "ana@acme.com") && s.Provider == "teams" && s.State == schedule.Scheduled
		}},
		{"from=2026-11-23T08:00:00Z&to=2026-11-23T09:00:00Z&member=bo@acme.com", func(s schedule.Schedule) bool {
			return of(s, "bo@acme.com") && !s.Start.Before(now) && s.Start.Before(now.Add(time.Hour))
		}},
	} {
		var want []string
		for id, s := range newest {
			if c.want(s) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		query := ""
		if c.query != "" {
			query = "?" + c.query
		}
		for _, limit := range []int{7, 200} {
			var got []string
			for _, s := range all(t, w, "/api/v1/schedules"+query, limit, func(p api.SchedulePage) []schedule.Schedule { return p.Schedules }, func(p api.SchedulePage) string { return p.Next }) {
				got = append(got, s.ID)
				if s.Revision != newest[s.ID].Revision || s.Reasons != nil {
					t.Errorf("%s: revision %d with %d reasons", s.ID, s.Revision, len(s.Reasons))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q by %d: got %d, want %d", c.query, limit, len(got), len(want))
			}
		}
	}
	d := meeting(1)
	var h api.ScheduleHistory
	w.get(t, "/api/v1/schedules/"+schedule.ID(d.Meeting, 0), &h)
	if h.Schedule.Revision != 3 || len(h.Schedule.Reasons) != 1 || len(h.Revisions) != 3 || h.Revisions[1].Schedule.State != schedule.Updated || !h.Revisions[0].WrittenAt.Equal(now) {
		t.Errorf("the history is %+v", h)
	}
}

// TestMoved: what is decided anew is found where it is now, and not where it was.
func TestMoved(t *testing.T) {
	w := newWorld(t)
	d := meeting(1)
	w.decide(t, d, 1)
	check := func(about string, want int, target string) {
		t.Helper()
		var p struct {
			Meetings  []api.MeetingItem
			Schedules []schedule.Schedule
		}
		if w.get(t, target, &p); len(p.Meetings)+len(p.Schedules) != want {
			t.Errorf("%s: %d at %s, want %d", about, len(p.Meetings)+len(p.Schedules), target, want)
		}
	}
	from, to := "from="+url.QueryEscape(d.Start.Format(time.RFC3339)), "to="+url.QueryEscape(d.Start.Add(time.Second).Format(time.RFC3339))
	for _, list := range []string{"/api/v1/meetings?", "/api/v1/schedules?", "/api/v1/meetings?recorded=yes&", "/api/v1/schedules?provider=teams&", "/api/v1/schedules?state=scheduled&", "/api/v1/schedules?member=bo@acme.com&"} {
		check("before", 1, list+from+"&"+to)
	}
	d.Start, d.End, d.Provider, d.Owner, d.OnBehalfOf, d.Record = d.Start.Add(time.Hour), d.End.Add(time.Hour), "meet", "gus@acme.com", nil, false
	d.Checks[0] = eligibility.Check{Rule: "confirmed", Status: eligibility.Fail, Detail: "no"}
	w.decide(t, d, 2)
	for _, list := range []string{"/api/v1/meetings?", "/api/v1/schedules?", "/api/v1/meetings?rule=confirmed&"} {
		check("where it was", 0, list+from+"&"+to)
		check("where it is", 1, list+from)
	}
	for _, gone := range []string{"/api/v1/schedules?provider=teams&", "/api/v1/schedules?state=scheduled&", "/api/v1/schedules?member=bo@acme.com&", "/api/v1/meetings?recorded=yes&"} {
		check("what it was", 0, gone+from)
	}
	for _, found := range []string{"/api/v1/schedules?provider=meet&", "/api/v1/schedules?state=updated&", "/api/v1/schedules?member=gus@acme.com&", "/api/v1/meetings?recorded=no&"} {
		check("what it is", 1, found+from)
	}
	d.Checks[0].Status, d.Start = eligibility.Pass, d.Start.Add(-time.Hour)
	w.decide(t, d)
	check("what fails no more", 0, "/api/v1/meetings?rule=confirmed&"+from)
}

// TestWhatPeopleDo goes through the other lists, and what may be done.
func TestWhatPeopleDo(t *testing.T) {
	w := newWorld(t)
	w.fill(t, 30)

	var connections api.ConnectionList
	w.get(t, "/api/v1/connections", &connections)
	if got := fmt.Sprint(connections.Connections); got != fmt.Sprint([]api.ConnectionItem{
		{Connection: "coordinator:notes", Calendars: 1},
		{Connection: "google:acme.com", Configured: true, Calendars: 4, Refused: 1, ReadAt: now},
		{Connection: "outlook:new", Configured: true, Error: "no access"},
	}) || connections.RulesError == "" {
		t.Errorf("connections: %s", got)
	}
	calendars := all(t, w, "/api/v1/calendars", 2, func(p api.CalendarPage) []api.CalendarItem { return p.Calendars }, func(p api.CalendarPage) string { return p.Next })
	if len(calendars) != 5 || calendars[1].State != "read" || calendars[2].State != "refused" || calendars[2].Error == "" || calendars[3].State != "unread" {
		t.Errorf("calendars: %+v", calendars)
	}
	members := all(t, w, "/api/v1/directory", 1, func(p api.MemberPage) []api.MemberItem { return p.Members }, func(p api.MemberPage) string { return p.Next })
	if len(members) != 3 || members[0].Email != "ana@acme.com" || members[0].Record != "off" || members[0].Calendars[0].State != "read" ||
		members[1].Record != "on" || members[1].Calendars[0].State != "refused" || members[2].ConsentProfile != "default" || len(members[2].Calendars) != 0 {
		t.Errorf("members: %+v", members)
	}

	// Mails.
	mails := all(t, w, "/api/v1/quarantine", 2, func(p api.MailPage) []api.MailItem { return p.Mails }, func(p api.MailPage) string { return p.Next })
	if len(mails) != 5 || mails[0].ReceivedAt.Before(mails[1].ReceivedAt) || mails[0].Title != "Held" || mails[0].Reason == "" {
		t.Fatalf("mails: %+v", mails)
	}
	release := "/api/v1/quarantine/" + mails[2].ID + "/release"
	if rec := w.do("POST", release, w.tokens["quarantine"], ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), mails[2].ID) {
		t.Errorf("release: %d %s", rec.Code, rec.Body)
	}
	if rec := w.do("POST", release, w.tokens["quarantine"], ""); rec.Code != 404 {
		t.Errorf("released twice: %d %s", rec.Code, rec.Body)
	}
	if rec := w.do("POST", "/api/v1/quarantine/"+mails[2].ID[:63]+"/release", w.tokens["quarantine"], ""); rec.Code != 404 {
		t.Errorf("a part of an id: %d %s", rec.Code, rec.Body)
	}
	if left := all(t, w, "/api/v1/quarantine", 200, func(p api.MailPage) []api.MailItem { return p.Mails }, func(p api.MailPage) string { return p.Next }); len(left) != 4 {
		t.Errorf("%d are left", len(left))
	}

	// Deliveries.
	deliveries := all(t, w, "/api/v1/deliveries?state=rejected", 1, func(p api.DeliveryPage) []api.Delivery { return p.Deliveries }, func(p api.DeliveryPage) string { return p.Next })
	if len(deliveries) != 2 || deliveries[0].ID != 6 || deliveries[1].ID != 3 {
		t.Errorf("deliveries: %+v", deliveries)
	}
	for id, want := range map[string]int{"3": 200, "1": 409, "99": 404, "0": 422, "x": 422} {
		if rec := w.do("POST", "/api/v1/deliveries/"+id+"/retry", w.tokens["deliveries"], ""); rec.Code != want {
			t.Errorf("retry %s: %d %s", id, rec.Code, rec.Body)
		}
	}

	// Signals.
	one, series := string(meeting(1).Meeting), string(meeting(20).Meeting)
	say := func(token, body string) int {
		rec := w.do("POST", "/api/v1/signals", w.tokens[token], body)
		if rec.Code == 500 {
			t.Errorf("%s: %s", body, rec.Body)
		}
		return rec.Code
	}
	for _, c := range []struct {
		token, body string
		want        int
	}{
		{"signals", `{"meeting":"` + one + `","signal":"skip"}`, 201},
		{"signals", `{"meeting":"` + one + `","signal":"skip","email":"ana@acme.com"}`, 201},
		{"signals", `{"meeting":"` + one + `","signal":"skip","email":"bo@acme.com"}`, 403},
		{"admin", `{"meeting":"` + one + `","signal":"record","email":"bo@acme.com"}`, 201},
		{"admin", `{"meeting":"` + one + `","signal":"record"}`, 422},
		{"admin", `{"meeting":"` + one + `","signal":"record","email":"bo"}`, 422},
		{"signals", `{"meeting":"` + series + `","signal":"opt_out","series":true}`, 201},
		{"signals", `{"meeting":"series/0@acme.com","signal":"opt_out"}`, 201},
		{"signals", `{"meeting":"nonesuch","signal":"skip"}`, 422},
		{"signals", `{"meeting":"` + one + `","signal":"start"}`, 422},
		{"signals", `{"meeting":"` + one + `","signal":"skip","who":"x"}`, 422},
		{"signals", `{"meeting":"` + one + `"`, 400},
		{"signals", ``, 400},
		{"read", `{"meeting":"` + one + `","signal":"skip"}`, 403},
	} {
		if got := say(c.token, c.body); got != c.want {
			t.Errorf("%s says %s: %d, want %d", c.token, c.body, got, c.want)
		}
	}
	signals := all(t, w, "/api/v1/signals", 2, func(p api.SignalPage) []eligibility.Signal { return p.Signals }, func(p api.SignalPage) string { return p.Next })
	if len(signals) != 5 || signals[0] != (eligibility.Signal{Meeting: meeting(1).Meeting, Email: "ana@acme.com", Signal: "skip", At: now}) ||
		signals[2].Email != "bo@acme.com" || signals[3].Meeting != "series/0@acme.com" {
		t.Errorf("signals: %+v", signals)
	}
	if about := all(t, w, "/api/v1/signals?meeting="+url.QueryEscape(series), 2, func(p api.SignalPage) []eligibility.Signal { return p.Signals }, func(p api.SignalPage) string { return p.Next }); len(about) != 2 {
		t.Errorf("about %s: %+v", series, about)
	}
	for _, c := range []struct {
		token, query string
		want, left   int
	}{
		{"signals", "meeting=" + url.QueryEscape(one), 204, 3},
		{"signals", "meeting=" + url.QueryEscape(one), 404, 3},
		{"signals", "meeting=" + url.QueryEscape(series) + "&email=ana@acme.com", 404, 3}, // it was said of the whole series
		{"signals", "meeting=" + url.QueryEscape(one) + "&email=bo@acme.com", 403, 3},
		{"admin", "meeting=" + url.QueryEscape(one) + "&email=BO@acme.com", 204, 2},
		{"admin", "meeting=" + url.QueryEscape(one), 422, 2},
		{"read", "meeting=" + url.QueryEscape("series/0@acme.com"), 403, 2},
		{"signals", "meeting=" + url.QueryEscape("series/0@acme.com"), 204, 0},
	} {
		if rec := w.do("DELETE", "/api/v1/signals?"+c.query, w.tokens[c.token], ""); rec.Code != c.want || w.said(t) != c.left {
			t.Errorf("%s takes back %s: %d %s, want %d; %d are left, want %d", c.token, c.query, rec.Code, rec.Body, c.want, w.said(t), c.left)
		}
	}
	var me api.Me
	w.get(t, "/api/v1/me", &me)
	if len(me.Scopes) != 5 || me.Person {
		t.Errorf("me: %+v", me)
	}
	for _, private := range []string{"ana@acme.com", "Held", one} {
		if strings.Contains(w.log.String(), private) {
			t.Errorf("the log has %q", private)
		}
	}
}
