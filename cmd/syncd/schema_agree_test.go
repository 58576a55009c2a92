package main

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// values are what each setting is set to, one after the other, besides the words of the schema itself.
var values = strings.FieldsFunc(`~|true|false|0|-0|1|-1|15|1.5|1e3|0x1F|.nan|.inf|2026-01-01|2026-11-23T08:00:00Z|2026-11-23T08:00:00.5+01:00|2026-11-23t08:00:00z
""|" "|x|X|?!|…|"true"|"15"|on|off|On|yes|never|bot|zoom|a b|"a\nb"|null|"null"
0s|-0s|-0.0h|+1h|30m|-30m|1h30m|.5h|1.h|1µs|1μs|1d|0d|28d|1.5d|-1d|99999d|100000h|1w|30 m|" 30m"|"30m\n"
ana@acme.com|" ana@acme.com "|ana@b@c|ana|"@"|"<ana@acme.com>"|jürgen@bücher.example|"a\u0085@b.example"
example.com|.example.com|example.com.|"*.example.com"|bücher.example|"例え。jp"|"ex\tample.com"|" example.com "|" com"|https://example.com|postgres://db
127.0.0.1:80|":0"|":65536"|"[::1]:8787"|"::1:80"|":"|[]|[x]|[~]|[15]|[ana@acme.com]|[example.com]|[bot]|{}|{x: y}|{x: ~}|{"": x}|{~: x}|{enabled: true}|[{}]|[[]]`,
	func(r rune) bool { return r == '|' || r == '\n' })

// A place is one setting of a document that is mutated.
type place struct {
	path   string // members of lists are alike: "directory.members[].email"
	node   *yaml.Node
	parent *yaml.Node // with the index of the value in its Content
	index  int
	schema map[string]any // what the schema says of it
}

// places are the document's settings. Of those that are alike the first stands for all.
func (c *checker) places(root *yaml.Node) []place {
	all := []place{{"", root, nil, 0, c.raw}}
	seen := map[string]bool{}
	for i := 0; i < len(all); i++ {
		p := all[i]
		for j, n := range p.node.Content {
			next := place{path: p.path + "[]", node: n, parent: p.node, index: j}
			if p.node.Kind == yaml.MappingNode {
				if j%2 == 0 {
					continue
				}
				key := p.node.Content[j-1].Value
				next.path = strings.TrimPrefix(p.path+"."+key, ".")
				next.schema = inner(p.schema, "properties", key)
				if next.schema == nil {
					next.schema = inner(p.schema, "additionalProperties")
				}
			} else {
				next.schema = inner(p.schema, "items")
			}
			if !seen[next.path] {
				all = append(all, next)
			}
			// Connections differ in their drivers, and targets in their kinds.
			seen[next.path] = !slices.Contains([]string{"connections[]", "deliver[]", "deliver[].failover.targets[]"}, next.path)
		}
	}
	return all
}

func inner(s map[string]any, path ...string) map[string]any {
	for _, p := range path {
		s, _ = s[p].(map[string]any)
	}
	return s
}

// agree demands that the decoder refuses what the schema refuses, and returns what the decoder says.
func (c *checker) agree(t rapid.TB, what string, root *yaml.Node, always bool) error {
	t.Helper()
	bad := c.validate(root)
	if bad == nil && !always {
		return nil
	}
	text, err := yaml.Dump(root)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.decode(t, text)
	if bad != nil && err == nil {
		t.Errorf("%s: the decoder accepts what the schema refuses: %v", what, bad)
	}
	return err
}

// TestSchemaNames: the keys and words that the decoder knows are those that the schema knows, and every
// setting is in some valid file, so that these tests reach it.
func TestSchemaNames(t *testing.T) {
	for kind, texts := range valid(t) {
		c := newChecker(t, kind)
		seen, covered := map[string]bool{}, map[string]bool{}
		for _, text := range texts {
			root := parse(t, text)
			for _, p := range c.places(root) {
				if p.schema == nil {
					t.Errorf("%s: the schema does not have %s", kind, p.path)
					continue
				}
				if !seen[p.path] {
					c.unknownKey(t, p, root)
					c.words(t, p, root)
				}
				seen[p.path], covered[alike(p.path)] = true, true
			}
		}
		for _, name := range settings(c.raw, "") {
			if !covered[alike(name)] {
				t.Errorf("%s: no valid file has %s: add it to configs/policy.yaml, or to everything in schema_test.go", kind, name)
			}
		}
	}
}

// TestSchemaHasNoFalseAlarms: whatever one setting of a valid file is set to, or is called, a schema that
// refuses it is right. -rapid.checks=2000 tries nearly all.
func TestSchemaHasNoFalseAlarms(t *testing.T) {
	files := valid(t)
	checkers := newCheckers(t)
	refused := 0
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom([]string{"syncd", "policy"}).Draw(r, "kind")
		c, root := checkers[kind], parse(r, files[kind][rapid.IntRange(0, len(files[kind])-1).Draw(r, "file")])
		places := c.places(root)[1:]
		for range 30 {
			p := rapid.SampledFrom(places).Draw(r, "setting")
			value := rapid.SampledFrom(append([]string{remove, rename}, append(quoted(wordsOf(p.schema)), values...)...)).Draw(r, "value")
			f := func() {
				if c.agree(r, p.path+": "+value, root, false) != nil {
					refused++
				}
			}
			switch {
			case value == remove:
				c.without(p, f)
			case value != rename:
				c.with(p, parse(r, []byte(value)), f)
			case p.parent.Kind == yaml.MappingNode:
				c.renamed(p, f)
			}
		}
	})
	if refused < 100 {
		t.Errorf("only %d files were refused", refused)
	}
}

// What is done to a setting besides giving it another value.
const (
	remove = "(left out)"
	rename = "(misspelt)"
)

// named are the groups whose keys are names, of which one stands for all.
var named = regexp.MustCompile(`((?:^import|^providers|^consent\.profiles|\.links|\.zoom_users)\.)[^.[]+`)

// alike is the path of a setting with "*" for names.
func alike(path string) string { return named.ReplaceAllString(path, "$1*") }

// settings are the paths that a schema has.
func settings(s map[string]any, path string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(inner(s, "properties"))) {
		all = append(all, settings(inner(s, "properties", key), strings.TrimPrefix(path+"."+key, "."))...)
	}
	if a := inner(s, "additionalProperties"); a != nil {
		all = append(all, settings(a, path+".*")...)
	}
	if a := inner(s, "items"); a != nil {
		all = append(all, settings(a, path+"[]")...)
	}
	if all == nil && s["type"] != "null" {
		all = []string{path}
	}
	return all
}

func (c *checker) with(p place, n *yaml.Node, f func()) {
	old := p.parent.Content[p.index]
	p.parent.Content[p.index] = n
	f()
	p.parent.Content[p.index] = old
}

func (c *checker) without(p place, f func()) {
	old := p.parent.Content
	from := p.index
	if p.parent.Kind == yaml.MappingNode {
		from--
	}
	p.parent.Content = slices.Delete(slices.Clone(old), from, p.index+1)
	f()
	p.parent.Content = old
}

func (c *checker) renamed(p place, f func()) {
	key := p.parent.Content[p.index-1]
	old := *key
	key.Value += "s"
	f()
	*key = old
}

var (
	knownHere = regexp.MustCompile(`unknown key "zzzzzzzzzz" \((?:known here: (.*)|the drivers are (.*)|the targets are (.*))\)`)
	isNoneOf  = regexp.MustCompile(`"\?!" is none of ([\w, -]+)`)
)

// unknownKey adds a key that is none: the decoder then lists those that there are.
func (c *checker) unknownKey(t *testing.T, p place, root *yaml.Node) {
	t.Helper()
	if p.node.Kind != yaml.MappingNode || inner(p.schema, "properties") == nil {
		return
	}
	old := p.node.Content
	p.node.Content = append(slices.Clone(old), parse(t, []byte("zzzzzzzzzz")), parse(t, []byte("{}")))
	err := c.agree(t, p.path+".zzzzzzzzzz", root, true)
	p.node.Content = old
	m := knownHere.FindStringSubmatch(fmt.Sprint(err))
	if m == nil {
		if p.path != "import" && p.path != "providers" && !strings.HasSuffix(p.path, ".links") { // whose messages differ
			t.Errorf("%s has an unknown key: %v", p.path, err)
		}
		return
	}
	want := strings.Split(m[1], ", ")
	if m[2] != "" {
		want = append(strings.Split(m[2], ", "), "name", "tape")
	}
	if m[3] != "" {
		want = append(strings.Split(m[3], ", "), "name")
	}
	want = slices.DeleteFunc(want, func(key string) bool { return key == "" }) // a group without keys
	got := slices.Sorted(maps.Keys(inner(p.schema, "properties")))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the schema has the keys %q, the decoder %q", p.path, got, want)
	}
}

// words writes a word that is none: where there is a choice the decoder then lists the words, and where
// the schema has a choice there must be one.
func (c *checker) words(t *testing.T, p place, root *yaml.Node) {
	t.Helper()
	if p.parent == nil || p.node.Kind != yaml.ScalarNode {
		return
	}
	var err error
	c.with(p, parse(t, []byte("?!")), func() { err = c.agree(t, p.path+": ?!", root, true) })
	got := slices.DeleteFunc(wordsOf(p.schema), func(s string) bool { return s == "" })
	var want []string
	if m := isNoneOf.FindStringSubmatch(fmt.Sprint(err)); m != nil {
		want = strings.Split(m[1], ", ")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the schema has the words %q, the decoder %q", p.path, got, want)
	}
}

func wordsOf(s map[string]any) []string {
	var all []string
	words, _ := s["enum"].([]any)
	for _, w := range words {
		all = append(all, fmt.Sprint(w))
	}
	return all
}

// quoted is the words as YAML.
func quoted(words []string) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = fmt.Sprintf("%q", w)
	}
	return all
}

// TestSchemaDefaults: what a schema calls a default is accepted, and is what the decoder fills in itself
// where it fills in anything.
func TestSchemaDefaults(t *testing.T) {
	for kind, texts := range valid(t) {
		c := newChecker(t, kind)
		tried := 0
		for _, text := range texts {
			root := parse(t, text)
			for _, p := range c.places(root) {
				def, ok := p.schema["default"]
				if !ok || strings.Contains(p.path, "[]") {
					continue
				}
				tried++
				var n yaml.Node
				if err := n.Encode(def); err != nil {
					t.Fatal(err)
				}
				c.with(p, &n, func() { c.same(t, p, root) })
			}
		}
		if tried < 5 {
			t.Errorf("%s has only %d defaults", kind, tried)
		}
	}
}

// same demands that the document means the same without the setting, unless it is then not set at all.
func (c *checker) same(t *testing.T, p place, root *yaml.Node) {
	t.Helper()
	load := func() reflect.Value {
		text, err := yaml.Dump(root)
		if err != nil {
			t.Fatal(err)
		}
		config, err := c.decode(t, text)
		if err != nil {
			t.Errorf("%s at its default: %v", p.path, err)
			return reflect.Value{}
		}
		v := reflect.ValueOf(*config)
		if c.kind == "policy" {
			v = reflect.ValueOf(*config.Policy)
		}
		return setting(v, p.path)
	}
	written := load()
	c.without(p, func() {
		if left := load(); left.IsValid() && !left.IsZero() && !reflect.DeepEqual(left.Interface(), written.Interface()) {
			t.Errorf("%s is %v when it is left out, and not its default", p.path, left)
		}
	})
}

// setting is the value at path.
func setting(v reflect.Value, path string) reflect.Value {
	for key := range strings.SplitSeq(path, ".") {
		if v = reflect.Indirect(v); v.Kind() == reflect.Map {
			v = v.MapIndex(reflect.ValueOf(key))
			continue
		}
		v = v.FieldByNameFunc(func(name string) bool {
			f, _ := v.Type().FieldByName(name)
			return f.Tag.Get("yaml") == key
		})
	}
	return v
}
