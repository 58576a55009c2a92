package config

import (
	"strings"
	"testing"
)

func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"empty", "", "f.yaml:1: the file is empty"},
		{"comments alone", "# a\n# b\n", "f.yaml:1: the file is empty"},
		{"an empty document", "---\n...\n", "f.yaml:1: the file is empty"},
		{"null", "~\n", "f.yaml:1: the file is empty"},
		{"a tab", "a:\n\tb: 1\n", "f.yaml:2: a tab indents this line: YAML wants spaces"},
		{"a tab after spaces", "a:\n  b: 1\n  \tc: 2\n", "f.yaml:3: a tab indents this line: YAML wants spaces"},
		{"a tab, with CRLF", "a:\r\n\tb: 1\r\n", "f.yaml:2: a tab indents this line: YAML wants spaces"},
		{"indentation", "a: 1\n b: 2\n", `f.yaml:2: a ":" stands where none may: check the indentation, or put the text in quotes`},
		{"a colon in text", "a: b: c\n", `f.yaml:1: a ":" stands where none may: check the indentation, or put the text in quotes`},
		{"no colon", "a: 1\nb\nc: 2\n", `f.yaml:2: ":" is missing after the key`},
		{"open list", "a: 1\nb: [1,\n  2\nc: 3\n", `f.yaml:2: the list that begins here is not closed by "]"`},
		{"open group", "a: 1\nb: {c: 1\n", `f.yaml:2: the group that begins here is not closed by "}"`},
		{"open quotes", "a: 1\nb: \"x\nc: 2\n", "f.yaml:2: the quoted text that begins here is not closed"},
		{"quotes within quotes", "a: 1\nb: 'it's'\n", "f.yaml:2: a key is expected here: check the indentation and the quotes"},
		{"list and keys", "- a\nb: c\n", `f.yaml:2: "- " is expected here: check the indentation`},
		{"at sign", "a: @here\n", "f.yaml:1: this value can't begin with that character: put it in quotes"},
		{"anchor", "a: *nowhere\n", "f.yaml:1: unknown anchor 'nowhere' referenced"},
		{"deep", strings.Repeat("[", 20000), "f.yaml:1: this is nested too deeply"},
		{"no UTF-8", "a: 1\nb: caf\xe9\n", "f.yaml:2: the byte 0xe9 is no UTF-8: save the file as UTF-8"},
		{"control character", "a: 1\n\nb: x\x01y\n", "f.yaml:3: the control character U+0001 may not stand here"},
		{"other", "%YAML 9.9\n---\na: 1\n", "f.yaml:1: this is no YAML: found incompatible YAML document"},
		{"in a second document", "a: 1\n---\nb: {\n", "f.yaml:4: a value is expected here: is a list or a group before it not closed?"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(test.yaml))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// TestSecondDocument: found wherever it begins, even when there is nothing in it.
func TestSecondDocument(t *testing.T) {
	for yaml, want := range map[string]string{
		"a: 1\n---\nb: 2\n":        "f.yaml:2: a second document begins here: a file holds one",
		"# c\na: 1\n\n\n---\n":     "f.yaml:5: a second document begins here: a file holds one",
		"---\n---\na: 1\n":         "f.yaml:2: a second document begins here: a file holds one",
		"---\na: 1\n...\n# end\n":  "",
		"\ufeff---\na: 1\n":        "",
		"a: 1\n...\n---\na: 1\n\n": "f.yaml:3: a second document begins here: a file holds one",
	} {
		var into struct{ A int }
		got := ""
		if err := Decode("f.yaml", []byte(yaml), &into); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", yaml, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	doc, err := Parse("f.yaml", []byte(`# a comment
company:
  name: acme
directory:
  members:
    - email: ana@acme.com
      record: on
    -
      email: bo@acme.com
    - {email: cara@acme.com,
       record: never}
    - &dan
      email: dan@acme.com
    - *dan
  a.b:
    c: 1
  a.b.c: 2
  a: {b: 3}
  100%: 4
`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"": 2, "company": 2, "company.name": 3, "directory": 4, "directory.members": 5,
		"directory.members[0]": 6, "directory.members[0].email": 6, "directory.members[0].record": 7,
		"directory.members[1].email": 9, "directory.members[2].record": 11, "directory.members[3].email": 13,
		"directory.members[4].email": 13, "directory.a.b": 15, "directory.a.b.c": 17, "directory.a": 18, "directory.100%": 19, "directory.ab": 4,
		// Where something is missing, the nearest thing around it.
		"company.internal_domains": 3 - 1, "directory.members[0].seat": 6, "directory.members[99]": 5, "directory.members[x]": 5,
		"directory.members[-1].email": 5, "directory.members[1": 5, "directory.members.email": 5, "company.name.x": 3, "company[0]": 2,
		"nothing.like.this": 2, ".": 2, "[": 2, "]": 2, "[0]": 2,
	} {
		if got := doc.Line(path); got != want {
			t.Errorf("%q is on line %d, want %d", path, got, want)
		}
	}
}
