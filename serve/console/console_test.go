package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/syncd/calendar"
)

// newConsole is the console over a world, for Ana, who may act.
func newConsole(t testing.TB, w *world, set func(*Config)) http.Handler {
	t.Helper()
	c := Config{
		Data: w, Actions: w, User: func(context.Context) (string, bool) { return "ana@acme.com", true }, Changes: w.changes,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	}
	if set != nil {
		set(&c)
	}
	h, err := Handler(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get is the page at an address, as a browser without compression sees it.
func get(t testing.TB, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

func TestPages(t *testing.T) {
	h := newConsole(t, newWorld(t), nil)
	for path, want := range map[string]string{
		"/console/":                            "Acme x Globex: kick-off",
		"/console/meetings":                    "Which rule blocks most",
		"/console/calendars":                   "gus@acme.com",
		"/console/providers":                   "Its own cloud recording",
		"/console/policy":                      "In force",
		"/console/deliveries":                  "410 Gone",
		"/console/quarantine":                  "Pricing call",
		"/console/connect":                     "Users can't consent here yet",
		"/console/nothing":                     "Not found",
		"/console/meeting?key=m1%40google.com": "It will be recorded",
	} {
		status, body := get(t, h, path)
		if !strings.Contains(body, want) || !strings.Contains(body, "</html>") {
			t.Errorf("%s: %d without %q:\n%s", path, status, want, body)
		}
	}
}

// post sends a form as a browser does that is on a page of the console.
func post(t testing.TB, h http.Handler, path string, form url.Values, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestOver: who asks why a call was not recorded asks when it is over.
func TestOver(t *testing.T) {
	w := newWorld(t)
	w.now = w.now.AddDate(0, 0, 2)
	h := newConsole(t, w, nil)
	if _, body := get(t, h, "/console/meetings"); strings.Contains(body, "Interview: backend engineer") {
		t.Error("what is over is in the way")
	}
	if _, body := get(t, h, "/console/meetings?q=INTERVIEW"); !strings.Contains(body, "Interview: backend engineer") {
		t.Error("what is over can't be found")
	}
	_, body := get(t, h, meetingPath(w.key(t, "Interview: backend engineer")))
	if !strings.Contains(body, "It was not recorded: title has the keyword") || strings.Contains(body, "Record</a>") {
		t.Errorf("its page:\n%s", body)
	}
	_, body = get(t, h, meetingPath(w.key(t, "QBR Globex")))
	if !strings.Contains(body, "It was to be recorded") || strings.Contains(body, "Skip</a>") {
		t.Errorf("the page of one that was recorded:\n%s", body)
	}
	if status, _ := post(t, h, "/console/meeting/say", url.Values{"key": {string(w.key(t, "QBR Globex"))}, "signal": {"skip"}}); status != http.StatusConflict {
		t.Errorf("skipping it: %d", status)
	}
}

const hostile = `<script>alert(1)</script>"onmouseover='x' {{.}} </title></textarea>`

// TestEscaping: what others write stays text, wherever it stands.
func TestEscaping(t *testing.T) {
	w := newWorld(t)
	key := w.meet(hostile, w.at(0, 1700), time.Hour, []string{"ana@acme.com", `"<img src=x>"@evil.example`}, "https://acme.zoom.us/j/97777777777", []string{"ana"}, "")
	w.decide()
	w.deliveries = nil
	w.deliver()
	for i := range w.deliveries {
		w.deliveries[i].Status, w.deliveries[i].Error, w.deliveries[i].Sink = Failing, hostile, hostile
	}
	w.sources[0].Error, w.sources[0].Failures, w.sources[0].Account = hostile, 1, hostile
	w.connection[0].Error, w.connection[0].Name = hostile, hostile
	w.letters = []Letter{letter(hostile, hostile, hostile, hostile, w.now, "")}
	w.state.Rules = hostile
	provider := w.policy.Providers["zoom"]
	provider.StatusDetail = hostile
	w.policy.Providers["zoom"] = provider
	w.text = hostile
	h := newConsole(t, w, func(c *Config) { c.User = func(context.Context) (string, bool) { return hostile, true } })
	q := url.QueryEscape(hostile)
	pages := pagesOf(t, w)
	pages["hostile"] = meetingPath(key)
	pages["confirm hostile"] = confirmPath(key, "skip")
	for name, values := range map[string]string{
		"search": "/console/?q=%s&provider=%s&week=%s&after=%s", "meetings": "/console/meetings?q=%s&rule=%s&outcome=%s&week=%s", "calendars": "/console/calendars?q=%s&connection=%s&after=%s&trouble=%s",
		"status": "/console/deliveries?status=%s&done=%s&after=%s&x=%s", "key": "/console/meeting?key=%s&done=%s&x=%s&y=%s", "path": "/%s%s%s%s",
	} {
		pages["asked "+name] = fmt.Sprintf(values, q, q, q, q)
	}
	shown := 0
	look := func(name, body string) {
		shown += strings.Count(body, "&lt;script&gt;alert(1)&lt;/script&gt;")
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, `"onmouseover='`) || strings.Contains(body, "</title></textarea>") {
			t.Errorf("%s: it is not escaped:\n%s", name, body)
		}
	}
	for name, path := range pages {
		_, body := get(t, h, path)
		look(name, body)
	}
	_, body := post(t, h, "/console/policy", url.Values{"policy": {hostile}})
	look("what if", body)
	_, body = post(t, h, "/console/connect/disconnect", url.Values{"connection": {hostile}, "user": {hostile}})
	look("disconnect", body)
	if shown < 30 {
		t.Errorf("it is shown %d times alone: does this test show it at all?", shown)
	}
}

// TestPrivate: of a private meeting nothing is told but its times, even if the store knows more.
func TestPrivate(t *testing.T) {
	w := newWorld(t)
	secrets := []string{"layoffs", "secret@lawyer.example", "94444444444", "severance", "hr@acme.com", "wormhole"}
	// It was public, and scheduled, a while ago.
	key := w.meet("Wormhole", w.at(2, 1400), time.Hour, []string{"ana@acme.com", "secret@lawyer.example"}, "https://acme.zoom.us/j/94444444444", []string{"ana"}, "")
	w.decide()
	m := w.meetings[key]
	m.Copies = slices.Clone(m.Copies)
	m.Copies[0].Visibility = calendar.VisibilityPrivate
	w.meetings[key] = m
	w.decide()
	for _, s := range w.schedules {
		if slices.Contains(s.Meetings, key) {
			w.deliveries = append(w.deliveries, Delivery{ID: "99", Sink: "recorder", Status: Waiting, Schedule: s.ID, Revision: s.Revision, State: s.State, Meeting: key, Title: s.Title, Start: s.Start, Private: true})
		}
	}
	for i := range w.decisions { // a store that keeps what it need not
		if d := &w.decisions[i]; private(d.Decision) {
			d.Title, d.Owner, d.JoinURL, d.OnBehalfOf = "Layoffs, with the lawyers", "secret@lawyer.example", "https://acme.zoom.us/j/94444444444", []string{"hr@acme.com"}
			for j := range d.Checks {
				d.Checks[j].Detail = "secret@lawyer.example"
			}
		}
	}
	h := newConsole(t, w, nil)
	pages := pagesOf(t, w)
	pages["was public"] = meetingPath(key)
	pages["waiting"] = "/console/deliveries?status=waiting"
	pages["cancelled"] = "/console/?outcome=not_recorded"
	seen := 0
	for name, path := range pages {
		_, body := get(t, h, path)
		seen += strings.Count(body, hiddenTitle)
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(body), s) {
				t.Errorf("%s tells %q", name, s)
			}
		}
	}
	if seen < 8 {
		t.Errorf("private meetings are shown %d times", seen)
	}
	if _, body := get(t, h, meetingPath(key)); !strings.Contains(body, "14:00 – 15:00 UTC") || !strings.Contains(body, "It will not be recorded: a calendar marks it as private.") || strings.Contains(body, "ana@acme.com</") && strings.Contains(body, "Where it was seen") {
		t.Errorf("its page:\n%s", body)
	}
	for _, signal := range []string{"skip", "record"} {
		if status, _ := post(t, h, "/console/meeting/say", url.Values{"key": {string(key)}, "signal": {signal}}); status != http.StatusConflict {
			t.Errorf("%s: %d", signal, status)
		}
	}
}

// TestEmpty: a daemon that has seen nothing says so, and where to look.
func TestEmpty(t *testing.T) {
	w := emptyWorld(t)
	w.state.PassedAt = time.Time{}
	h := newConsole(t, w, nil)
	for path, want := range map[string]string{
		"/console/": "Nothing is going to be recorded this week.", "/console/?q=x": "No recording is like that.", "/console/?week=2020-01-01": "No recording is like that.",
		"/console/meetings": "No meeting is known yet.", "/console/meetings?q=x": "No meeting is like that.", "/console/calendars": "No connection is configured.",
		"/console/calendars?trouble=1": "No calendar is in trouble.", "/console/deliveries": "Nothing waits.", "/console/deliveries?status=dead": "No delivery was given up.", "/console/quarantine": "No mail is held.",
		"/console/providers": "Zoom", "/console/policy": "In force", "/console/meeting?key=x": "Not found", "/console/setup?connection=x": "Not found",
	} {
		_, body := get(t, h, path)
		if !strings.Contains(body, want) || !strings.Contains(body, "The first look at the calendars is not done yet.") {
			t.Errorf("%s: no %q in\n%s", path, want, body)
		}
	}
}

// TestBroken: a store that can't be read gives nothing away.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	pages := pagesOf(t, w)
	w.broken = errors.New("disk I/O error: /var/lib/syncd/syncd.db")
	h := newConsole(t, w, nil)
	for name, path := range pages {
		if name == "connect" || name == "error" { // which ask the store nothing
			continue
		}
		status, body := get(t, h, path)
		if status != http.StatusInternalServerError || !strings.Contains(body, "The daemon&#39;s log says why") && !strings.Contains(body, "The daemon's log says why") || strings.Contains(body, "syncd.db") {
			t.Errorf("%s: %d\n%s", name, status, body)
		}
	}
}

// TestLookers: who may only look can't do anything, and is not asked to.
func TestLookers(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, "Hooli: quarterly numbers")
	pages := pagesOf(t, w)
	lookers := map[string]func(*Config){
		"a looker":   func(c *Config) { c.User = func(context.Context) (string, bool) { return "looker@acme.com", false } },
		"no actions": func(c *Config) { c.Actions = nil },
	}
	for name, set := range lookers {
		h := newConsole(t, w, set)
		for page, path := range pages {
			if status, body := get(t, h, path); page != "confirm" && strings.Contains(body, `method="post"`) || page == "confirm" && status != http.StatusForbidden {
				t.Errorf("%s: %s has something to do", name, page)
			}
		}
		for path, form := range map[string]url.Values{
			"/console/meeting/say": {"key": {string(key)}, "signal": {"skip"}}, "/console/meeting/take-back": {"key": {string(key)}, "about": {string(key)}}, "/console/deliveries/retry": {"id": {"4"}}, "/console/quarantine/release": {"id": {w.letters[0].ID}}, "/console/policy": {"policy": {w.text}},
		} {
			if status, _ := post(t, h, path, form); status != http.StatusForbidden {
				t.Errorf("%s: %s: %d", name, path, status)
			}
		}
	}
	if len(w.did) > 0 {
		t.Errorf("somebody did %q", w.did)
	}
}

// TestOtherSites: a page of somebody else's does nothing here.
func TestOtherSites(t *testing.T) {
	w := newWorld(t)
	h := newConsole(t, w, nil)
	form := url.Values{"key": {string(w.key(t, "Hooli: quarterly numbers"))}, "signal": {"skip"}}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}} {
		if status, _ := post(t, h, "/console/meeting/say", form, header...); status != http.StatusForbidden {
			t.Errorf("%v: %d", header, status)
		}
	}
	if len(w.did) > 0 {
		t.Errorf("somebody did %q", w.did)
	}
	if status, _ := post(t, h, "/console/meeting/say", form); status != http.StatusSeeOther || len(w.did) != 1 {
		t.Errorf("a page of our own: %d, %q", status, w.did)
	}
}

// TestRefusals: what can't be done is said, and is not done.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	h := newConsole(t, w, nil)
	key := func(title string) string { return string(w.key(t, title)) }
	for _, c := range []struct {
		path   string
		form   url.Values
		status int
		says   string
	}{
		{"/console/meeting/say", url.Values{"key": {key("Board meeting: Q4")}, "signal": {"record"}}, 409, "Nobody&#39;s wish lifts"},
		{"/console/meeting/say", url.Values{"key": {key("Board meeting: Q4")}, "signal": {"skip"}}, 409, "Nobody&#39;s wish lifts"},
		{"/console/meeting/say", url.Values{"key": {key("QBR Globex")}, "signal": {"opt_out"}}, 409, "how it is already"},
		{"/console/meeting/say", url.Values{"key": {"nothing"}, "signal": {"skip"}}, 404, "nothing here"},
		{"/console/meeting/take-back", url.Values{"key": {key("QBR Globex")}, "about": {key("QBR Globex")}}, 409, "You have said nothing of it"},
		{"/console/meeting/take-back", url.Values{"key": {"nothing"}, "about": {"nothing"}}, 404, "nothing here"},
		{"/console/deliveries/retry", url.Values{"id": {"no"}}, 409, "There is no such delivery"},
		{"/console/quarantine/release", url.Values{"id": {"no"}}, 409, "is held."},
		{"/console/policy", url.Values{"policy": {strings.Repeat("x", policyLimit+1)}}, 413, "at most"},
		{"/console/policy", url.Values{"policy": {strings.Repeat("ä", policyLimit)}}, 413, "more than is read"},
		{"/console/policy", url.Values{"policy": {"directory: {file: /etc/passwd}"}}, 422, "directory.file is another one"},
		{"/console/policy", url.Values{"policy": {""}}, 422, "the file is empty"},
		{"/console/policy", url.Values{"policy": {"company: [\r\nx: y"}}, 422, "Line"},
		{"/console/connect/begin", url.Values{"connection": {"google:people"}}, 404, "No address is configured"},
	} {
		status, body := post(t, h, c.path, c.form)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %.80v: %d, not %d with %q:\n%s", c.path, c.form, status, c.status, c.says, body)
		}
	}
	if len(w.did) > 0 {
		t.Errorf("somebody did %q", w.did)
	}
}

// TestMany: ten thousand meetings are shown page by page, each page as fast and as light as of ten.
func TestMany(t *testing.T) {
	const n = 10_000
	w := newWorld(t)
	w.many(n)
	h := newConsole(t, w, nil)
	for _, list := range []struct {
		path string
		link *regexp.Regexp
		want int
	}{
		{"/console/meetings", regexp.MustCompile(`<td class="what"><a href="([^"]+)"`), n},
		{"/console/", regexp.MustCompile(`<td class="what"><a href="([^"]+)"`), 0},
	} {
		seen, pages := map[string]bool{}, 0
		for path := list.path; path != ""; pages++ {
			status, body := get(t, h, path)
			links := list.link.FindAllStringSubmatch(body, -1)
			if status != http.StatusOK || len(links) == 0 || len(links) > perPage || len(body) > 100_000 {
				t.Fatalf("%s: %d with %d lines, %d bytes", path, status, len(links), len(body))
			}
			for _, l := range links {
				if seen[l[1]] {
					t.Fatalf("%s is there twice", l[1])
				}
				seen[l[1]] = true
			}
			path = ""
			if more := regexp.MustCompile(`<p class="more"><a [^>]*href="([^"]+)"`).FindStringSubmatch(body); more != nil {
				path = html.UnescapeString(more[1])
			}
			if list.want > 0 && pages == 20 { // what follows is alike
				break
			}
		}
		if pages < 20 {
			t.Errorf("%s has %d pages", list.path, pages)
		}
	}
	_, body := get(t, h, "/console/")
	if !strings.Contains(body, "the darker an hour, the more begin in it") || strings.Count(body, `<rect class="cell"`) < 100 {
		t.Error("the week is not drawn by the hour")
	}
}

// TestWeight: a first visit to any page is at most 100 kB on the wire, and drawn at once.
func TestWeight(t *testing.T) {
	w := newWorld(t)
	h := newConsole(t, w, nil)
	fetch := func(path string) (*httptest.ResponseRecorder, time.Duration) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		answer := httptest.NewRecorder()
		began := time.Now()
		h.ServeHTTP(answer, r)
		return answer, time.Since(began)
	}
	for name, path := range pagesOf(t, w) {
		_, body := get(t, h, path)
		answer, took := fetch(path)
		sum := answer.Body.Len()
		parts := regexp.MustCompile(`(?:href|src)="(/console/assets/[^"]+)"`).FindAllStringSubmatch(body, -1)
		for _, part := range slices.Compact(slices.Sorted(func(yield func(string) bool) {
			for _, p := range parts {
				if !yield(html.UnescapeString(p[1])) {
					return
				}
			}
		})) {
			asset, _ := fetch(part)
			if asset.Code != http.StatusOK || asset.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(asset.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d, %v", part, asset.Code, asset.Header())
			}
			sum += asset.Body.Len()
		}
		if sum > 100_000 || len(parts) < 6 {
			t.Errorf("%s: %d bytes with %d parts", name, sum, len(parts))
		}
		if took > time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

// TestVendored: what others wrote is what was looked at.
func TestVendored(t *testing.T) {
	sums, err := os.ReadFile("assets/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(sums)) {
		want, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := os.ReadFile("assets/" + name)
		if sum := sha256.Sum256(b); !ok || err != nil || hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not as recorded, %v: see assets/vendor.sh", name, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d files are recorded", n)
	}
}

// TestHeaders: every answer has what keeps it from being misused.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	h := newConsole(t, w, nil)
	for name, path := range pagesOf(t, w) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		for key, want := range map[string]string{
			"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := answer.Header().Get(key); !strings.HasPrefix(got, want) || strings.Contains(got, "unsafe") {
				t.Errorf("%s: %s is %q", name, key, got)
			}
		}
		if body := answer.Body.String(); strings.Contains(body, " style=") || strings.Contains(body, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(body) || regexp.MustCompile(`\son[a-z]+=`).MatchString(body) {
			t.Errorf("%s has styles or scripts in it", name)
		}
	}
}
