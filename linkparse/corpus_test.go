package linkparse

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// testdata/links.jsonl and testdata/gateways.jsonl are the reference's cases: texts and what must be found in
// them, wrapped links and what is inside. further.jsonl has more of the first kind.

type linkCase struct {
	ID, Kind, Where, Input, Note string
	Expect, Also                 []Link
	Opaque                       []Opaque
}

// unsaidOpaque is what cases without meetings have in wrapped links that can't be decoded, though they
// do not say so.
var unsaidOpaque = map[string][]Opaque{
	"p354": {{Wrapper: "safelinks"}},     // the innermost has no url=
	"p356": {{Wrapper: "proofpoint_v3"}}, // the bytes for its "*" are missing
}

func readCases[T any](t testing.TB, name string) []T {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var cases []T
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c T
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s:%d: %v", name, len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// fields are the places of an event in which the input stands.
func (c linkCase) fields(t testing.TB) []Field {
	t.Helper()
	kinds := map[string]Kind{"text": Text, "html": HTML, "location": Text, "field": URL}
	kind, ok := kinds[c.Where]
	if !ok {
		t.Fatalf("%s: unknown place %q", c.ID, c.Where)
	}
	if c.Where != "field" || !strings.HasPrefix(c.Input, "{") {
		return []Field{{Where: c.Where, Kind: kind, Text: c.Input}}
	}
	var event struct {
		Conference           []struct{ Type, URI string }
		Location, HTML, Text string
	}
	if err := json.Unmarshal([]byte(c.Input), &event); err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	var fields []Field
	for _, e := range event.Conference {
		fields = append(fields, Field{Where: "conference", Kind: URL, Text: e.URI})
	}
	return append(fields, Field{"location", Text, event.Location}, Field{"html", HTML, event.HTML}, Field{"text", Text, event.Text})
}

func recordable(l Link) bool { return slices.Contains([]string{Zoom, Teams, Webex, Meet}, l.Provider) }

// same reports whether a link is the wanted one, as far as a case says.
func same(got, want Link) bool {
	return got.Provider == want.Provider && got.URL == want.URL && got.MeetingID == want.MeetingID && slices.Equal(got.WrappedBy, want.WrappedBy)
}

func TestLinks(t *testing.T) {
	cases := readCases[linkCase](t, "links.jsonl")
	if len(cases) != 356 {
		t.Errorf("%d cases", len(cases))
	}
	for _, c := range append(cases, readCases[linkCase](t, "further.jsonl")...) {
		t.Run(c.ID, func(t *testing.T) {
			found := Find(Options{}, c.fields(t)...)
			if len(c.Expect) == 0 {
				for _, l := range found.Links {
					if recordable(l) {
						t.Errorf("found %+v in %q", l, c.Input)
					}
				}
				for _, want := range c.Also {
					if !slices.ContainsFunc(found.Links, func(l Link) bool { return same(l, want) }) {
						t.Errorf("%+v is not among %+v", want, found.Links)
					}
				}
			} else {
				c.check(t, found.Links)
			}
			if want, ok := unsaidOpaque[c.ID]; ok {
				c.Opaque = want
			}
			if !slices.Equal(found.Opaque, c.Opaque) {
				t.Errorf("opaque %+v, want %+v", found.Opaque, c.Opaque)
			}
		})
	}
}

// check compares the links with what the case expects first, and what else it allows.
func (c linkCase) check(t *testing.T, links []Link) {
	t.Helper()
	if len(links) == 0 {
		t.Fatalf("nothing found in %q", c.Input)
	}
	got, want := links[0], c.Expect[0]
	if !same(got, want) {
		t.Errorf("first\n%+v, want\n%+v of\n%q", got, want, c.Input)
	}
	for _, part := range []struct{ name, got, want string }{
		{"passcode", got.Passcode, want.Passcode},
		{"tenant", got.TenantID, want.TenantID},
		{"organizer", got.OrganizerID, want.OrganizerID},
	} {
		if part.want != "" && part.got != part.want {
			t.Errorf("%s %q, want %q", part.name, part.got, part.want)
		}
	}
	for _, l := range links[1:] {
		if !slices.ContainsFunc(slices.Concat(c.Expect, c.Also), func(w Link) bool { return same(l, w) }) {
			t.Errorf("further %+v", l)
		}
	}
}

// gatewayLabels are the labels of the forms that the cases name by themselves.
var gatewayLabels = map[string]string{
	"safelinks_us": "safelinks", "teams_safelinks": "safelinks", "owa_safelink": "safelinks",
	"google_full": "google", "google_urlparam": "google", "checkpoint_v1": "checkpoint", "checkpoint_v2": "checkpoint",
}

type gatewayCase struct {
	ID, Wrapped, Original string
	Wrappers              []string
}

func TestGateways(t *testing.T) {
	cases := readCases[gatewayCase](t, "gateways.jsonl")
	if len(cases) != 148 {
		t.Errorf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			for i, w := range c.Wrappers {
				if label, ok := gatewayLabels[w]; ok {
					c.Wrappers[i] = label
				}
			}
			u := new(finder).unwrap(c.Wrapped)
			if u.url != c.Original || !slices.Equal(u.labels, c.Wrappers) || u.opaque != nil {
				t.Errorf("%v %+v\n%s, want %v\n%s of\n%s", u.labels, u.opaque, u.url, c.Wrappers, c.Original, c.Wrapped)
			}
		})
	}
}

// TestDocumented: docs/links.md lists every gateway and every provider that is recognised.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/links.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, g := range gateways {
		names[g.label] = true
	}
	for _, o := range others {
		names[o.name] = true
	}
	for line := range strings.Lines(string(text)) {
		for _, begins := range []string{"| `", "- `"} {
			if rest, ok := strings.CutPrefix(line, begins); ok {
				name, _, _ := strings.Cut(rest, "`")
				delete(names, name)
			}
		}
	}
	for name := range names {
		t.Errorf("%s is not documented", name)
	}
}
