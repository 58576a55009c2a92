package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/eligibility"
)

// upper reads itself from text, and refuses text in lower case.
type upper string

func (u *upper) UnmarshalText(text []byte) error {
	*u = upper(text)
	if strings.ToUpper(string(text)) != string(text) {
		return fmt.Errorf("%q is in lower case", text)
	}
	return nil
}

type inner struct {
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
}

type sample struct {
	inner   `yaml:"-"`
	Shared  `yaml:",inline"`
	Name    string                 `yaml:"name"`
	Enabled bool                   `yaml:"enabled"`
	Small   uint8                  `yaml:"small"`
	Tiny    int8                   `yaml:"tiny"`
	Ratio   float64                `yaml:"ratio"`
	Wait    time.Duration          `yaml:"wait"`
	Rest    Duration               `yaml:"rest"`
	Lead    eligibility.Duration   `yaml:"lead"`
	At      time.Time              `yaml:"at"`
	Upper   upper                  `yaml:"upper"`
	Record  eligibility.RecordMode `yaml:"record"`
	List    []string               `yaml:"list"`
	Places  []inner                `yaml:"places"`
	Map     map[string]inner       `yaml:"map"`
	Maybe   *bool                  `yaml:"maybe"`
	Place   *inner                 `yaml:"place"`
	Plain   string
	hidden  string
}

type Shared struct {
	Lent string `yaml:"lent"`
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"unknown key, near", "name: a\nenabeld: true\n", `f.yaml:2: unknown key "enabeld" (did you mean "enabled"?)`},
		{"unknown key, swapped letters of an inline struct", "letn: x\n", `f.yaml:1: unknown key "letn" (did you mean "lent"?)`},
		{"unknown key, far", "map:\n  a:\n    colour: red\n", `f.yaml:3: unknown key "colour" (known here: host, port)`},
		{"only one's own keys are near", "places:\n- {nam: x}\n", `f.yaml:2: unknown key "nam" (known here: host, port)`},
		{"unexported and ignored fields are no keys", "hidden: x\ninner: {}\nplain: x\n",
			"f.yaml:1: unknown key \"hidden\" (known here: lent, name, enabled, small, tiny, ratio, wait, rest, lead, at, upper, record, list, places, map, maybe, place, plain)\n" +
				"f.yaml:2: unknown key \"inner\" (known here: lent, name, enabled, small, tiny, ratio, wait, rest, lead, at, upper, record, list, places, map, maybe, place, plain)"},
		{"bool", "enabled: maybe\n", `f.yaml:1: enabled must be true or false, not "maybe"`},
		{"bool, of YAML's past", "enabled: yes\n", `f.yaml:1: enabled must be true or false, not "yes"`},
		{"bool, a number", "enabled: 1\n", `f.yaml:1: enabled must be true or false, not 1`},
		{"bool of a tag's making", "enabled: !!bool \"yes\"\n", `f.yaml:1: enabled must be true or false, not "yes"`},
		{"bool, quoted", "enabled: \"true\"\n", `f.yaml:1: enabled must be true or false, not "true", without quotes`},
		{"bool, nothing", "name: x\nenabled:\n", `f.yaml:2: enabled is empty: it must be true or false, or leave the line out`},
		{"bool, pointer", "maybe: [true]\n", `f.yaml:1: maybe must be true or false, not a list`},
		{"text, bool", "name: true\n", `f.yaml:1: name must be text, not true (put the word in quotes)`},
		{"text, nothing", "list: [a, ~]\n", `f.yaml:1: list[1] is empty: it must be text, or leave the line out`},
		{"text, group", "name: {a: b}\n", `f.yaml:1: name must be text, not a group of keys`},
		{"record is no bool", "record: true\n", `f.yaml:1: record must be on, off or never, not true (write on or off)`},
		{"record is no list", "record: [on]\n", `f.yaml:1: record must be on, off or never, not a list`},
		{"int", "places:\n- port: 1\n- port: http\n", `f.yaml:3: places[1].port must be a whole number, not "http"`},
		{"int, broken", "places: [{port: 1.5}]\n", `f.yaml:1: places[0].port must be a whole number, not 1.5`},
		{"int, too large", "small: 256\n", `f.yaml:1: small must be a whole number from 0 to 255, not 256`},
		{"int, too small", "tiny: -129\n", `f.yaml:1: tiny must be a whole number from -128 to 127, not -129`},
		{"float", "ratio: much\n", `f.yaml:1: ratio must be a number, not "much"`},
		{"time.Duration", "wait: often\n", `f.yaml:1: wait must be a duration such as 90s, 30m or 1h30m, not "often"`},
		{"duration without a unit", "lead: 30\n", `f.yaml:1: lead must be a duration such as 90s, 30m or 1h30m, not 30`},
		{"duration, days where there are none", "lead: 1d\n", `f.yaml:1: lead must be a duration such as 90s, 30m or 1h30m, not "1d"`},
		{"own duration", "rest: 1.5d\n", `f.yaml:1: rest must be a duration such as 90s, 30m, 12h or 28d, not "1.5d"`},
		{"own duration, days without end", "rest: 99999999999999999999d\n", `f.yaml:1: rest must be a duration such as 90s, 30m, 12h or 28d, not "99999999999999999999d"`},
		{"own duration, nothing", "rest:\n", `f.yaml:1: rest is empty: it must be a duration such as 90s, 30m, 12h or 28d, or leave the line out`},
		{"time", "at: 2026-11-23\n", `f.yaml:1: at must be a time such as 2026-11-23T08:00:00Z, not "2026-11-23"`},
		{"UnmarshalText", "name: x\n\nupper: low\n", `f.yaml:3: upper: "low" is in lower case`},
		{"UnmarshalText, nothing", "upper:\n", `f.yaml:1: upper is empty: it must be text, or leave the line out`},
		{"list", "list: lawfirm.example\n", `f.yaml:1: list must be a list, not "lawfirm.example" (write [lawfirm.example])`},
		{"list, group", "list: {a: b}\n", `f.yaml:1: list must be a list, not a group of keys`},
		{"list of groups", "places: {host: x}\n", `f.yaml:1: places must be a list, not a group of keys`},
		{"group", "places:\n- off\n", `f.yaml:2: places[0] must be a group of keys (host, port), not "off"`},
		{"map", "map: [a]\n", `f.yaml:1: map must be a group of keys, not a list`},
		{"duplicate key", "name: a\nlist: []\nname: b\n", `f.yaml:3: duplicate key "name" (first on line 1)`},
		{"duplicate key of a map", "map:\n  a: {}\n  a: {}\n", `f.yaml:3: duplicate key "a" (first on line 2)`},
		{"duplicate unknown key", "nme: a\nnme: b\n", "f.yaml:1: unknown key \"nme\" (did you mean \"name\"?)\nf.yaml:2: duplicate key \"nme\" (first on line 1)"},
		{"key that is no word", "[a]: b\n? {c: d}\n: e\n~: f\n", "f.yaml:1: a key must be a word\nf.yaml:2: a key must be a word\nf.yaml:4: a key must be a word"},
		{"merge key", "map:\n  a: &a {port: 1}\n  b: {<<: *a}\n", `f.yaml:3: merge keys ("<<") are not supported: write the keys out`},
		{"tag", "name: !secret x\nlist: [!!binary aGk=]\n", "f.yaml:1: name: the tag \"!secret\" is not supported: leave it out\nf.yaml:2: list[0]: the tag \"!!binary\" is not supported: leave it out"},
		{"root", "- a\n", `f.yaml:1: the file must be a group of keys (lent, name, enabled, small, tiny, ratio, wait, rest, lead, at, upper, record, list, places, map, maybe, place, plain), not a list`},
		{"long values are cut", "enabled: " + strings.Repeat("x", 100) + "\n", `f.yaml:1: enabled must be true or false, not "` + strings.Repeat("x", 60) + `…"`},
		{"a path with a percent sign", "map: {100%d: {port: x}}\n", `f.yaml:1: map.100%d.port must be a whole number, not "x"`},
		{"all at once, by line", "map:\n  a: {prot: 1}\n  b: {port: x, host: [h]}\nname: {}\nname: b\nlsit: []\n---\nname: c\n",
			"f.yaml:2: unknown key \"prot\" (did you mean \"port\"?)\n" +
				"f.yaml:3: map.b.port must be a whole number, not \"x\"\n" +
				"f.yaml:3: map.b.host must be text, not a list\n" +
				"f.yaml:4: name must be text, not a group of keys\n" +
				"f.yaml:5: duplicate key \"name\" (first on line 4)\n" +
				"f.yaml:6: unknown key \"lsit\" (did you mean \"list\"?)\n" +
				"f.yaml:7: a second document begins here: a file holds one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Decode("f.yaml", []byte(test.yaml), new(sample))
			if err == nil {
				t.Fatalf("no error, want\n%s", test.want)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var e *Error
			if !errors.As(err, &e) || e.File != "f.yaml" || e.Line == 0 {
				t.Errorf("%#v has no *Error with a file and a line", err)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	yes, no := true, false
	place := inner{Host: "kept", Port: 1}
	got := sample{
		Place: &place, hidden: "kept",
		Name: "default", List: []string{"default"}, Ratio: 2, Lead: 3, Maybe: &yes,
		Map: map[string]inner{"old": {Host: "kept", Port: 1}, "both": {Host: "kept", Port: 1}},
	}
	err := Decode("f.yaml", []byte(`
lent: from an inline struct
enabled: TRUE
small: 0x10
tiny: -128
wait: 1h30m
rest: 28d
at: 2026-11-23T08:00:00Z
upper: ABC
record: on
list: [5551234567, 2026-11-23, "true", off, 007, &x anchored, *x]
places:      # commented out, as people do
map:
  both: {port: 2}
  new: &new {host: n}
  also: *new
maybe: false
place: {port: 3}
plain: 1.50
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := sample{
		Shared: Shared{"from an inline struct"}, Name: "default", Enabled: true, Small: 16, Tiny: -128, Ratio: 2,
		Wait: 90 * time.Minute, Rest: Duration(672 * time.Hour), Lead: 3,
		At: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Upper: "ABC", Record: eligibility.RecordOn,
		List: []string{"5551234567", "2026-11-23", "true", "off", "007", "anchored", "anchored"},
		Map: map[string]inner{
			"old": {Host: "kept", Port: 1}, "both": {Host: "kept", Port: 2}, "new": {Host: "n"}, "also": {Host: "n"},
		},
		Maybe: &no, Place: &inner{Host: "kept", Port: 3}, hidden: "kept", Plain: "1.50",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !yes || place.Port != 1 {
		t.Error("a default that a pointer led to was written to")
	}
}

// TestDecodeRecord: on and off are words, in quotes or not.
func TestDecodeRecord(t *testing.T) {
	for text, want := range map[string]eligibility.RecordMode{
		"on": eligibility.RecordOn, "off": eligibility.RecordOff, "never": eligibility.RecordNever, `"on"`: eligibility.RecordOn, "'off'": eligibility.RecordOff,
	} {
		var s sample
		if err := Decode("f.yaml", []byte("record: "+text), &s); err != nil || s.Record != want {
			t.Errorf("record: %s is %q, %v; want %q", text, s.Record, err, want)
		}
	}
}

// TestAliasBomb: a few lines may not stand for millions of values.
func TestAliasBomb(t *testing.T) {
	type tree struct {
		Of []tree `yaml:"of"`
	}
	var b strings.Builder
	b.WriteString("of:\n- &a0 {of: []}\n")
	for i := range 30 {
		fmt.Fprintf(&b, "- &a%d {of: [*a%d, *a%d, *a%d, *a%d]}\n", i+1, i, i, i, i)
	}
	began := time.Now()
	err := Decode("bomb.yaml", []byte(b.String()), new(tree))
	if err == nil || !strings.Contains(err.Error(), "aliases repeat too much of this file: write the values out") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %.300v", err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %s to refuse", d)
	}
	// An anchor within itself has no end at all.
	err = Decode("loop.yaml", []byte("of:\n- &a {of: [*a]}\n"), new(tree))
	if err == nil || err.Error() != "loop.yaml:2: aliases repeat too much of this file: write the values out" {
		t.Errorf("got %.300v", err)
	}
	// Many members that share a value are fine.
	b.Reset()
	b.WriteString("of:\n- &a {of: [{of: []}, {of: []}]}\n")
	b.WriteString(strings.Repeat("- *a\n", 5000))
	if err := Decode("many.yaml", []byte(b.String()), new(tree)); err != nil {
		t.Errorf("got %.300v", err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"exclude", "name", "token_file", "client_secret_file", "ab"}
	for word, want := range map[string]string{
		"exlude": "exclude", "Exclude": "exclude", "excldue": "exclude", "nme": "name", "mane": "", "tokenfile": "token_file",
		"client_secret": "client_secret_file", "import": "", "": "", "a": "", "ba": "", "ac": "", "abc": "ab",
		strings.Repeat("name", 1000): "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest(%.30q) = %q, want %q", word, got, want)
		}
	}
	for _, d := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"", "abc", 3}, {"née", "nee", 1}} {
		if got := distance(d.a, d.b); got != d.want {
			t.Errorf("distance(%q, %q) = %d, want %d", d.a, d.b, got, d.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"28d": "28d", "24h": "1d", "90s": "1m30s", "0": "0s", "36h": "36h0m0s", "-24h": "-24h0m0s",
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s is %s, %v; want %s", text, d, err, want)
		}
	}
	d := Duration(5)
	for _, text := range []string{"", "d", "-1d", "+1d", "1 d", "1d2h", "70000d", "often"} {
		if err := d.UnmarshalText([]byte(text)); err == nil || d != 5 {
			t.Errorf("%q is %s, %v; want an error, and nothing changed", text, d, err)
		}
	}
}
