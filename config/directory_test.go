package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/eligibility"
)

// withFile writes a policy whose directory is in another file, with the content given.
func withFile(t testing.TB, name, content string) (policy string) {
	t.Helper()
	dir := t.TempDir()
	policy = filepath.Join(dir, "policy.yaml")
	text := "consent:\n  profiles: {emea: {enforce: true}}\ndirectory:\n  file: " + name + "\n  members:\n    - email: ana@acme.com\n"
	for file, content := range map[string]string{policy: text, filepath.Join(dir, name): content} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return policy
}

// TestDirectoryFile: the formats say the same.
func TestDirectoryFile(t *testing.T) {
	want := []eligibility.Member{
		{Email: "ana@acme.com"},
		{
			Email: "bo@acme.com", Aliases: []string{"b@acme.com", "bo.lind@acme.com"}, Name: "Lind, Bo", Seat: true, Record: "on", ConsentProfile: "emea",
			Zoom: &eligibility.ZoomUser{Email: "bo@acme.com", Licensed: true, PersonalRooms: []string{"5551234567", "bo"}},
		},
		{Email: "cara@acme.com", Record: "never"},
	}
	for name, content := range map[string]string{
		"people.csv": "\ufeffEmail, aliases,name,seat,record,consent_profile,zoom_email,zoom_licensed,zoom_personal_rooms\r\n" +
			"bo@acme.com,b@acme.com bo.lind@acme.com,\"Lind, Bo\",yes,ON,emea,bo@acme.com,true,5551234567|bo\r\n" +
			"cara@acme.com,,,no,never,,,,\r\n",
		"excel.csv":    "email;record;seat;name;aliases;consent_profile;zoom_email;zoom_licensed;zoom_personal_rooms\nbo@acme.com;on;1;Lind, Bo;b@acme.com bo.lind@acme.com;emea;bo@acme.com;x;5551234567 bo\ncara@acme.com;never;;;;;;;\n",
		"people.jsonl": `{"email":"bo@acme.com","aliases":["b@acme.com","bo.lind@acme.com"],"name":"Lind, Bo","seat":true,"record":"on","consent_profile":"emea","zoom":{"email":"bo@acme.com","licensed":true,"personal_rooms":["5551234567","bo"]}}` + "\n\n" + `{"email":"cara@acme.com","record":"never"}` + "\n",
		"list.yaml":    "- {email: bo@acme.com, aliases: [b@acme.com, bo.lind@acme.com], name: 'Lind, Bo', seat: true, record: on, consent_profile: emea, zoom: {email: bo@acme.com, licensed: true, personal_rooms: ['5551234567', bo]}}\n- email: cara@acme.com\n  record: never\n",
		"people.yml":   "members:\n  - {email: bo@acme.com, aliases: [b@acme.com, bo.lind@acme.com], name: 'Lind, Bo', seat: true, record: on, consent_profile: emea, zoom: {email: bo@acme.com, licensed: true, personal_rooms: ['5551234567', bo]}}\n  - email: cara@acme.com\n    record: never\n",
	} {
		p, err := LoadPolicy(withFile(t, name, content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, p.Directory.Members); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

const gone = "gone"

// TestDirectoryMistakes: each has its file and line.
func TestDirectoryMistakes(t *testing.T) {
	for _, c := range []struct {
		about, name, content string
		want                 []string
	}{
		{"an unknown column", "p.csv", "email,seet\n", []string{`p.csv:1: unknown column "seet" (did you mean "seat"?)`}},
		{"no column of addresses", "p.csv", "name,seat\nBo,yes\n", []string{`p.csv:1: the column "email" is missing`}},
		{"two columns of one name", "p.csv", "email,seat,Seat\n", []string{`p.csv:1: there are two columns "seat"`}},
		{"values", "p.csv", "email,seat,record,consent_profile\nbo@acme.com,maybe,on,\ncara,yes,on,\ndan@acme.com,yes,perhaps,apac\n",
			[]string{`p.csv:2: seat: "maybe" is neither true nor false`}},
		{"values that the policy knows of", "p.csv", "email,record,consent_profile\ncara,on,\ndan@acme.com,perhaps,apac\n",
			[]string{`p.csv:2: email: "cara" is no email address`, `p.csv:3: record: "perhaps" is none of off, on, never`, `p.csv:3: consent_profile: there is no profile "apac" in consent.profiles`}},
		{"addresses that are taken", "p.csv", "email,aliases\nANA@acme.com,\nbo@acme.com,\neve@acme.com,x@acme.com bo@acme.com\n",
			[]string{"p.csv:2: email: ana@acme.com is an address of ana@acme.com already", "p.csv:4: aliases[1]: bo@acme.com is an address of bo@acme.com already"}},
		{"a row that is too short", "p.csv", "email,seat\nbo@acme.com\ncara@acme.com,yes\n", []string{"p.csv:2: there are 1 cells, and 2 columns in the first line"}},
		{"a quote that is not closed", "p.csv", "email,name\nbo@acme.com,\"Bo\ncara@acme.com,Cara\n", []string{"p.csv:2: the quoted cell that begins here is not closed"}},
		{"quotes in a cell", "p.csv", "email,name\nbo@acme.com,Bo \"the\" boss\n", []string{"p.csv:2: a cell with quotes in it must begin and end with a quote"}},
		{"UTF-16", "p.csv", "\xff\xfee\x00m\x00", []string{"p.csv:1: the byte 0xff is no UTF-8: save the file as UTF-8"}},
		{"Latin-1", "p.jsonl", `{"email":"bo@acme.com"}` + "\n" + `{"email":"eve@acme.com","name":"Ev` + "\xe9" + `"}`, []string{"p.jsonl:2: the byte 0xe9 is no UTF-8"}},
		{"a list", "p.jsonl", "[]\n", []string{"p.jsonl:1: it is a array, not an object"}},
		{"more than an address", "p.csv", "email\nmailto:bo@acme.com\n", []string{`p.csv:2: email: "mailto:bo@acme.com" is no email address`}},
		{"a torn line", "p.jsonl", `{"email":"bo@acme.com"}` + "\n" + `{"email":"ca` + "\n", []string{"p.jsonl:2: the JSON object is torn off"}},
		{"an unknown key", "p.jsonl", `{"email":"bo@acme.com","seet":true}` + "\n", []string{`p.jsonl:1: unknown key "seet" (did you mean "seat"?)`}},
		{"a wrong type", "p.jsonl", `{"email":"bo@acme.com","record":true}` + "\n", []string{`p.jsonl:1: "record" cannot be a bool`}},
		{"a key twice", "p.jsonl", `{"email":"bo@acme.com","record":"never","aliases":["a@acme.com"],"zoom":{"email":"x@acme.com"},"Record":"on"}` + "\n", []string{`p.jsonl:1: the key "Record" stands twice`}},
		{"two objects", "p.jsonl", `{"email":"bo@acme.com"}{"email":"cara@acme.com"}` + "\n", []string{"p.jsonl:1: more than one object stands on the line"}},
		{"blank lines count", "p.jsonl", "\n" + `{"email":"bo@acme.com"}` + "\n\n\n" + `{"email":"bo@acme.com"}` + "\n", []string{"p.jsonl:5: email: bo@acme.com is an address of bo@acme.com already"}},
		{"YAML", "p.yaml", "- email: bo@acme.com\n  seet: true\n- email: 7\n  seat: perhaps\n", []string{`p.yaml:2: unknown key "seet"`, `p.yaml:4: [1].seat must be true or false, not "perhaps"`}},
		{"an address in YAML", "p.yaml", "members:\n  - email: bo@acme.com\n  - email: bo\n", []string{`p.yaml:3: email: "bo" is no email address`}},
		{"nobody", "p.csv", "email,seat\n", []string{"p.csv:1: it lists nobody"}},
		{"an empty file", "p.yaml", "", []string{"p.yaml:1: the file is empty"}},
		{"no file", "p.csv", gone, []string{"policy.yaml:4: directory.file: p.csv: no such file"}},
		{"another ending", "p.xlsx", "PK", []string{"policy.yaml:4: directory.file: p.xlsx: a directory is a file of"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			policy := withFile(t, c.name, c.content)
			if c.content == gone {
				if err := os.Remove(filepath.Join(filepath.Dir(policy), c.name)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := LoadPolicy(policy)
			if err == nil {
				t.Fatal("it was taken")
			}
			said := strings.ReplaceAll(err.Error(), filepath.Dir(policy)+string(filepath.Separator), "")
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%s\nhas not %s", said, want)
				}
			}
		})
	}
	// A column of nonsense does not drown everything else.
	_, err := LoadPolicy(withFile(t, "p.csv", "email,seat\n"+strings.Repeat("bo@acme.com,maybe\n", 5000)))
	if n := strings.Count(err.Error(), "\n"); n != most || !strings.Contains(err.Error(), "p.csv:22: and 4980 more things are wrong from here on") {
		t.Errorf("%d lines: %v", n, err)
	}
}

// BenchmarkDirectory loads 100,000 members.
func BenchmarkDirectory(b *testing.B) {
	var csv, jsonl, yaml strings.Builder
	csv.WriteString("email,aliases,name,seat,record\n")
	for i := range 100_000 {
		fmt.Fprintf(&csv, "user%d@acme.com,u%d@acme.com,User Number %d,true,on\n", i, i, i)
		fmt.Fprintf(&jsonl, `{"email":"user%d@acme.com","aliases":["u%d@acme.com"],"name":"User Number %d","seat":true,"record":"on"}`+"\n", i, i, i)
		fmt.Fprintf(&yaml, "- email: user%d@acme.com\n  aliases: [u%d@acme.com]\n  name: User Number %d\n  seat: true\n  record: on\n", i, i, i)
	}
	for name, content := range map[string]string{"p.csv": csv.String(), "p.jsonl": jsonl.String(), "p.yaml": yaml.String()} {
		policy := withFile(b, name, content)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := LoadPolicy(policy)
				if err != nil || len(p.Directory.Members) != 100_001 {
					b.Fatal(err)
				}
				eligibility.NewDirectory(p.Directory.Members)
			}
		})
	}
}
