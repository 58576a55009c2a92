package console

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
)

//go:embed templates/*.html
var templateFiles embed.FS

// A page is a template with the layout around it.
type page struct{ *template.Template }

func (p page) Execute(b interface{ Write([]byte) (int, error) }, v view) error {
	if p.Template == nil {
		return fmt.Errorf("there is no such page")
	}
	return p.ExecuteTemplate(b, "layout", v)
}

// loadPages reads the templates: each page with the layout and the parts that pages share.
func (c *console) loadPages() (map[string]page, error) {
	shared, err := template.New("").Funcs(template.FuncMap{
		"asset": c.assetPath, "base": func() string { return Base },
		"clock": c.clock, "date": c.date, "day": c.day, "moment": c.moment, "span": c.span, "ago": ago, "age": age, "until": until, "length": length,
		"count": count, "join": strings.Join, "rule": ruleName, "provider": providerName, "captures": captures, "said": func(signal string) string { return signalWords[signal] },
		"zone":      func(t time.Time) string { return t.In(c.Zone).Format("MST") },
		"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"meeting":   func(k calendar.Key) string { return meetingPath(k) },
		"confirm":   confirmPath,
		"meetings":  func(f filter) string { f.Path, f.Week = Base+"/meetings", ""; return f.Link("outcome", "") },
		"setup":     func(name string) string { return Base + "/setup?" + url.Values{"connection": {name}}.Encode() },
		"link":      newNavLink,
		"checkMark": func(s eligibility.Status) mark { return checkMarks[s] },
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("read the console's layout: %w", err)
	}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("read the console's pages: %w", err)
	}
	pages := map[string]page{}
	for _, n := range names {
		name := strings.TrimSuffix(n.Name(), path.Ext(n.Name()))
		if name == "layout" || name == "parts" || name == "signin" {
			continue
		}
		t, err := shared.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+n.Name())
		}
		if err != nil {
			return nil, fmt.Errorf("read the console's page %s: %w", name, err)
		}
		pages[name] = page{t}
	}
	return pages, nil
}

// A navLink is a line of the navigation.
type navLink struct {
	Path, Name string
	Here       bool
	Count      int    // of what waits for somebody
	What       string // they are
}

func newNavLink(v view, section, path, name string, n int, what string) navLink {
	return navLink{path, name, v.Section == section, n, what}
}

// perPage is how many lines a page of a list has.
const perPage = 50

// A filter is what of a list somebody wants to see: a form, and the address of the page.
type filter struct {
	Path                         string
	Text, Provider, Outcome      string
	Rule, Week, Connection, More string
	Trouble                      bool
	After                        string
}

// longestText is far more than anybody looks for.
const longestText = 200

func filterOf(r *http.Request) filter {
	q := r.URL.Query()
	text := strings.TrimSpace(q.Get("q"))
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "")
	}
	return filter{
		Path: r.URL.Path, Text: text, Provider: q.Get("provider"), Outcome: q.Get("outcome"), Rule: q.Get("rule"),
		Week: q.Get("week"), Connection: q.Get("connection"), Trouble: q.Get("trouble") != "", After: q.Get("after"),
	}
}

// Link is the page's address with some of the filter's values replaced: pairs of a name and a value.
func (f filter) Link(pairs ...string) string {
	values := url.Values{}
	for name, v := range map[string]string{
		"q": f.Text, "provider": f.Provider, "outcome": f.Outcome, "rule": f.Rule, "week": f.Week, "connection": f.Connection,
	} {
		values.Set(name, v)
	}
	if f.Trouble {
		values.Set("trouble", "1")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	for name := range values {
		if values.Get(name) == "" {
			values.Del(name)
		}
	}
	if len(values) == 0 {
		return f.Path
	}
	return f.Path + "?" + values.Encode()
}

// Narrowed reports whether something is filtered out.
func (f filter) Narrowed() bool {
	return f.Text != "" || f.Provider != "" || f.Outcome != "" || f.Rule != "" || f.Connection != "" || f.Trouble
}

// Providers are those that a filter can be set to.
func (f filter) Providers() []string {
	var all []string
	for p := range eligibility.CaptureMethods() {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

func (f filter) query() Query {
	return Query{Text: f.Text, Provider: f.Provider, Outcome: Outcome(f.Outcome), Rule: f.Rule, After: f.After, Limit: perPage}
}

// midnight is the beginning of t's day in the console's zone.
func (c *console) midnight(t time.Time) time.Time {
	t = t.In(c.Zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, c.Zone)
}

// weekFrom is the first of the seven days that the filter means, and whether they begin today.
func (c *console) weekFrom(f filter) (first time.Time, current bool) {
	today := c.midnight(c.Now())
	if day, err := time.ParseInLocation(time.DateOnly, f.Week, c.Zone); err == nil && !day.Equal(today) {
		return day, false
	}
	return today, true
}
