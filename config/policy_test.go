package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"example.com/syncd/eligibility"
	"example.com/syncd/linkparse"
)

// TestExamplePolicy: the example says what its comments say, and every key of the policy is in it.
func TestExamplePolicy(t *testing.T) {
	p, err := LoadPolicy("../configs/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	record := map[string]eligibility.RecordMode{}
	seats := map[string]bool{}
	for _, m := range p.Directory.Members {
		record[m.Email], seats[m.Email] = m.Record, m.Seat
	}
	if diff := cmp.Diff(map[string]eligibility.RecordMode{
		"ana@acme.com": "on", "bo@acme.com": "on", "cara@acme.com": "never", "dan@acme.com": "off", "cfo@acme.com": "",
		"eve@acme.co.uk": "on", "finn@acme.co.uk": "on", "gus@acme.com": "on",
	}, record); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{
		"ana@acme.com": true, "bo@acme.com": true, "cara@acme.com": true, "dan@acme.com": false, "cfo@acme.com": false,
		"eve@acme.co.uk": true, "finn@acme.co.uk": true, "gus@acme.com": true,
	}, seats); diff != "" {
		t.Error(diff)
	}
	for _, source := range []string{"google", "outlook", "coordinator"} {
		if !p.Import[source].Enabled {
			t.Errorf("%s is not imported", source)
		}
	}
	for provider, capture := range map[string]string{"zoom": "zoom_native bot", "teams": "authenticated_bot bot"} {
		if got := strings.Join(p.Providers[provider].Capture, " "); got != capture || !p.Providers[provider].Enabled {
			t.Errorf("%s captures by %s", provider, got)
		}
	}
	zoom := p.Directory.Members[0].Zoom
	if zoom == nil || !zoom.Licensed || !zoom.AutoRecording {
		t.Errorf("ana's Zoom user is %+v", zoom)
	}
}

// TestExamplePolicyIsComplete: whoever adds a key explains it in the example.
func TestExamplePolicyIsComplete(t *testing.T) {
	example, err := read("../configs/policy.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Dump(full())
	if err != nil {
		t.Fatal(err)
	}
	written, known := paths(t, example), paths(t, text)
	if len(known) < 40 {
		t.Errorf("only %d keys are known", len(known))
	}
	for key := range known {
		if !written[key] {
			t.Errorf("the example does not have the key %s", key)
		}
	}
}

// paths are the document's keys; members of lists are alike, and so are the entries of maps.
func paths(t *testing.T, data []byte) map[string]bool {
	t.Helper()
	doc, err := Parse("policy.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		for i, c := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				walk(path, c)
			case i%2 == 1:
				key := within(path, n.Content[i-1].Value)
				switch path {
				case "import", "providers", "consent.profiles", "consent.profiles.*.links":
					key = path + ".*"
				}
				all[key] = true
				walk(key, c)
			}
		}
	}
	walk("", doc.root)
	return all
}

// full is a policy that has every key.
func full() *eligibility.Policy {
	lead, yes := eligibility.Duration(1), true
	return &eligibility.Policy{
		Import:    map[string]eligibility.Import{"google": {PrimaryOnly: &yes, LeadTime: &lead}},
		Providers: map[string]eligibility.Provider{"zoom": {}},
		Exclude:   eligibility.Exclude{Private: &yes},
		Consent:   eligibility.ConsentPolicy{Profiles: map[string]eligibility.ConsentProfile{"default": {Links: map[string]string{"zoom": linkparse.Static}}}},
		Directory: eligibility.Members{Members: []eligibility.Member{{Zoom: &eligibility.ZoomUser{}}}},
	}
}

// TestLoadPolicyDefaults: what a policy leaves out is what NewPolicy says.
func TestLoadPolicyDefaults(t *testing.T) {
	write(t, map[string]string{"policy.yaml": "company: {name: acme, internal_domains: [acme.com]}\nexclude:\n"})
	got, err := LoadPolicy("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := eligibility.NewPolicy()
	want.Company = eligibility.Company{Name: "acme", InternalDomains: []string{"acme.com"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadPolicyErrors(t *testing.T) {
	write(t, map[string]string{
		"bad.yaml": `company:
  internal_domain: [acme.com]
recording:
  internal: maybe
import:
  coordinator: {lead_time: 30}
exlude:
  private: true
directory:
  members:
    - email: ana@acme.com
      record: true
    - emial: bo@acme.com
`,
	})
	_, err := LoadPolicy("bad.yaml")
	want := `bad.yaml:2: unknown key "internal_domain" (did you mean "internal_domains"?)
bad.yaml:4: recording.internal must be true or false, not "maybe"
bad.yaml:6: import.coordinator.lead_time must be a duration such as 90s, 30m or 1h30m, not 30
bad.yaml:7: unknown key "exlude" (did you mean "exclude"?)
bad.yaml:12: directory.members[0].record must be on, off or never, not true (write on or off)
bad.yaml:13: unknown key "emial" (did you mean "email"?)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = LoadPolicy("nowhere.yaml")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "nowhere.yaml: no such file (write one, or start from configs/policy.yaml)" {
		t.Errorf("got %v", err)
	}
}

// TestLoadPolicyProblems: what Validate finds has its line too.
func TestLoadPolicyProblems(t *testing.T) {
	write(t, map[string]string{"policy.yaml": `company: {name: acme, internal_domains: [acme.com]}
directory:
  members:
    - email: ana@acme.com
      record: on
    - name: Bo Lind
      record: yes
`})
	_, err := LoadPolicy("policy.yaml")
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, begin := range []string{"policy.yaml:6: directory.members[1].email: ", "policy.yaml:7: directory.members[1].record: "} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], begin) {
			t.Errorf("got\n%v\nwant a line %s…", err, begin)
		}
	}
	var e *Error
	if !errors.As(err, &e) || e.Line != 6 {
		t.Errorf("%#v has no *Error with its line", err)
	}
}

// FuzzDecode: no input panics, and what is accepted means the same when it is written out and read again.
func FuzzDecode(f *testing.F) {
	example, err := read("../configs/policy.yaml", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	for _, s := range []string{
		policyText, "", "~", "- a", "a: &a [*a]", "company: {name: ! x}", "import: {a: &x {lead_time: 1h}, b: *x}", "import: {<<: {a: {}}}",
		"import: {\"<<\": {primary_only: false}}", "directory: {members: [{record: on, zoom: }, ]}", "consent: {profiles: {\"\": {links: {~: a}}}}",
		"company: {name: \"\\0\\x85\\u2028 \"}", "company: {name: |+\n  a\n\n}", "company:\n  name: >-\n    a\n     b\n", "\xef\xbb\xbfcompany: {}", "company:\n\tname: x",
		"--- {}\n--- {}", "providers: {zoom: {capture: [0x1, 1e3, 2026-01-01, .nan, null]}}", "? company\n: {}\n", "%TAG ! tag:x,2026:\n--- !y {}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := eligibility.NewPolicy()
		if err := Decode("f.yaml", []byte(text), p); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Message == "" {
				t.Errorf("the error %#v has no line", err)
			}
			if lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2; e.Line > lines {
				t.Errorf("line %d of %d in %v", e.Line, lines, err)
			}
			return
		}
		out, err := yaml.Dump(p)
		if err != nil {
			t.Fatalf("accepted, and can't be written: %v", err)
		}
		again := eligibility.NewPolicy()
		if err := Decode("again.yaml", out, again); err != nil {
			t.Fatalf("accepted, and not when it is written out: %v\n%s", err, out)
		}
		if diff := cmp.Diff(p, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-read +read again:\n%s\n%s", diff, out)
		}
	})
}

// FuzzLine: no path panics.
func FuzzLine(f *testing.F) {
	f.Add("a: [1, {b: c}]\nd.e: &x {f: 1}\ng: *x\n", "a[1].b")
	f.Add("a: &a [*a]", "a[0][0][0]")
	f.Fuzz(func(t *testing.T, text, path string) {
		doc, err := Parse("f.yaml", []byte(text))
		if err != nil {
			return
		}
		if doc.Line(path) < 1 {
			t.Errorf("%q is on line %d", path, doc.Line(path))
		}
	})
}
