package config

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/eligibility"
	"example.com/syncd/internal/jsonl"
)

// A listing is the members of a directory's file, with the line of each.
type listing struct {
	file    string
	members []eligibility.Member
	lines   []int
	found   []*Error
}

func (l *listing) add(line int, m eligibility.Member) {
	l.members, l.lines = append(l.members, m), append(l.lines, line)
}

func (l *listing) fail(line int, format string, args ...any) {
	l.found = append(l.found, &Error{File: l.file, Line: line, Message: fmt.Sprintf(format, args...)})
}

// directoryFormats read a directory's file, by its ending.
var directoryFormats = map[string]func(*listing, []byte){
	".yaml": (*listing).yaml, ".yml": (*listing).yaml,
	".csv":   (*listing).csv,
	".jsonl": (*listing).jsonl, ".ndjson": (*listing).jsonl,
}

// readDirectory reads a directory's file. The error says why nothing can be read; what is wrong with
// single members is in the listing.
func readDirectory(file string) (*listing, error) {
	format := directoryFormats[strings.ToLower(filepath.Ext(file))]
	if format == nil {
		return nil, &Error{File: file, Message: "a directory is a file of YAML (.yaml), CSV (.csv) or JSON Lines (.jsonl)"}
	}
	data, err := read(file, "write one, or take directory.file out of the policy")
	if err != nil {
		return nil, err
	}
	l := &listing{file: file}
	if !utf8.Valid(data) && !isYAML(file) { // YAML says so itself, and reads UTF-16
		line, message := badCharacter(data, "")
		l.fail(line, "%s", message)
		return l, nil
	}
	format(l, bytes.TrimPrefix(data, []byte("\ufeff")))
	if len(l.members) == 0 && len(l.found) == 0 {
		// It was cut off, or is not written yet. Nobody would be recorded.
		l.fail(1, "it lists nobody")
	}
	return l, nil
}

func isYAML(file string) bool {
	ending := strings.ToLower(filepath.Ext(file))
	return ending == ".yaml" || ending == ".yml"
}

// most is how many errors of one directory are told; a wrong column makes thousands.
const most = 20

// errors are what is wrong with the file.
func (l *listing) errors() []*Error {
	if more := len(l.found) - most; more > 0 {
		return append(l.found[:most:most], &Error{File: l.file, Line: l.found[most].Line, Message: fmt.Sprintf("and %d more things are wrong from here on", more)})
	}
	return l.found
}

// yaml reads a list of members, alone or under the key members.
func (l *listing) yaml(data []byte) {
	doc, err := Parse(l.file, data)
	if err != nil {
		l.failed(err)
		return
	}
	if doc.root.Kind == yaml.SequenceNode {
		err = doc.Decode(&l.members)
	} else {
		var d struct {
			Members []eligibility.Member `yaml:"members"`
		}
		err = doc.Decode(&d)
		l.members = d.Members
	}
	if err != nil {
		l.failed(err)
		return
	}
	list := doc.root
	if list.Kind != yaml.SequenceNode {
		_, list = longestKey(list, "members")
	}
	for i := range l.members {
		l.lines = append(l.lines, list.Content[i].Line)
	}
}

// failed takes errors of this package apart.
func (l *listing) failed(err error) {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			l.failed(err)
		}
		return
	}
	var one *Error
	if !errors.As(err, &one) {
		one = &Error{File: l.file, Message: err.Error()}
	}
	l.found = append(l.found, one)
}

func (l *listing) jsonl(data []byte) {
	var line int
	jsonl.Read(l.file, bytes.NewReader(data), func(b []byte) error {
		var m eligibility.Member
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			return wrongMember(err)
		}
		if d.More() {
			return errors.New("more than one object stands on the line")
		}
		if key := twice(b); key != "" {
			return fmt.Errorf("the key %s stands twice", quote(key))
		}
		l.members = append(l.members, m)
		return nil
	}, func(err error) {
		var bad *jsonl.LineError
		if errors.As(err, &bad) {
			line = bad.Line
			err = bad.Err
		}
		l.fail(line, "%v", err)
	})
	if len(l.found) > 0 {
		return // where each member stands does not matter any more
	}
	n := 0
	for b := range bytes.Lines(data) {
		if n++; len(bytes.TrimSpace(b)) > 0 {
			l.lines = append(l.lines, n)
		}
	}
}

// twice is a key of the object that stands in it twice: encoding/json takes the last one, and the first may
// have said never.
func twice(object []byte) string {
	d := json.NewDecoder(bytes.NewReader(object))
	type level struct {
		keys map[string]bool // of an object; nil: a list
		key  bool            // a key comes next
	}
	var open []level
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, level{map[string]bool{}, true})
				continue
			case '[':
				open = append(open, level{})
				continue
			}
			open = open[:len(open)-1]
		case string:
			if at := len(open) - 1; at >= 0 && open[at].key {
				name := strings.ToLower(t) // as encoding/json matches them
				if open[at].keys[name] {
					return t
				}
				open[at].keys[name], open[at].key = true, false
				continue
			}
		}
		if at := len(open) - 1; at >= 0 { // a value has ended
			open[at].key = open[at].keys != nil
		}
	}
}

// wrongMember says what is wrong with a line in a person's words.
func wrongMember(err error) error {
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if k, err := strconv.Unquote(key); err == nil {
			return errors.New(unknownKey(k, memberKeys))
		}
	}
	return jsonl.Plain(err)
}

var memberKeys = keys(fields(reflect.TypeFor[eligibility.Member]()))

// A column is one of a directory in CSV.
type column struct {
	name string
	set  func(*eligibility.Member, string) error
}

func flag(of func(*eligibility.Member) *bool) func(*eligibility.Member, string) error {
	return func(m *eligibility.Member, s string) error {
		switch strings.ToLower(s) {
		case "true", "yes", "1", "x":
			*of(m) = true
		case "false", "no", "0", "":
		default:
			return fmt.Errorf("%q is neither true nor false", s)
		}
		return nil
	}
}

func zoom(m *eligibility.Member) *eligibility.ZoomUser {
	if m.Zoom == nil {
		m.Zoom = &eligibility.ZoomUser{}
	}
	return m.Zoom
}

// columns are all that a directory in CSV may have; the first is required. The names of Zoom's are those
// of the keys in YAML, with zoom_ before them.
var columns = []column{
	{"email", func(m *eligibility.Member, s string) error { m.Email = s; return nil }},
	{"aliases", func(m *eligibility.Member, s string) error { m.Aliases = several(s); return nil }},
	{"name", func(m *eligibility.Member, s string) error { m.Name = s; return nil }},
	{"seat", flag(func(m *eligibility.Member) *bool { return &m.Seat })},
	{"record", func(m *eligibility.Member, s string) error {
		m.Record = eligibility.RecordMode(strings.ToLower(s))
		return nil
	}},
	{"consent_profile", func(m *eligibility.Member, s string) error { m.ConsentProfile = s; return nil }},
	{"zoom_email", func(m *eligibility.Member, s string) error { zoom(m).Email = s; return nil }},
	{"zoom_licensed", flag(func(m *eligibility.Member) *bool { return &zoom(m).Licensed })},
	{"zoom_auto_recording", flag(func(m *eligibility.Member) *bool { return &zoom(m).AutoRecording })},
	{"zoom_record_to_computer", flag(func(m *eligibility.Member) *bool { return &zoom(m).RecordToComputer })},
	{"zoom_grants_permission", flag(func(m *eligibility.Member) *bool { return &zoom(m).GrantsPermission })},
	{"zoom_personal_rooms", func(m *eligibility.Member, s string) error { zoom(m).PersonalRooms = several(s); return nil }},
}

// several are the values in one cell, with blanks, ";" or "|" between them.
func several(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ';' || r == '|' })
}

func columnNames() []string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// csvWords says what is wrong with a row in the words of whoever keeps the spreadsheet.
func csvWords(err error, got, want int) string {
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Sprintf("there are %d cells, and %d columns in the first line: is a comma missing, or to be put in quotes?", got, want)
	case errors.Is(err, csv.ErrBareQuote):
		return `a cell with quotes in it must begin and end with a quote, and those in it be doubled: "Ana ""the"" boss"`
	case errors.Is(err, csv.ErrQuote):
		return "the quoted cell that begins here is not closed"
	}
	return err.Error()
}

// csv reads comma-separated values (RFC 4180) with a header; spreadsheets of some countries put ";"
// between them, or tabs.
func (l *listing) csv(data []byte) {
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord, r.TrimLeadingSpace = true, true
	if header, _, _ := bytes.Cut(data, []byte("\n")); !bytes.Contains(header, []byte(",")) {
		switch {
		case bytes.Contains(header, []byte(";")):
			r.Comma = ';'
		case bytes.Contains(header, []byte("\t")):
			r.Comma, r.TrimLeadingSpace = '\t', false // an empty cell begins with the next tab
		}
	}
	header, err := r.Read()
	if err != nil {
		l.fail(1, "the first line must name the columns: %s", strings.Join(columnNames(), ", "))
		return
	}
	set := make([]column, len(header))
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		j := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		switch {
		case j < 0:
			l.fail(1, "%s", strings.Replace(unknownKey(name, columnNames()), "key", "column", 1))
			return
		case slices.ContainsFunc(set[:i], func(c column) bool { return c.name == name }):
			l.fail(1, "there are two columns %q", name)
			return
		}
		set[i] = columns[j]
	}
	if !slices.ContainsFunc(set, func(c column) bool { return c.name == "email" }) {
		l.fail(1, "the column %q is missing", "email")
		return
	}
	for {
		row, err := r.Read()
		var wrong *csv.ParseError
		switch {
		case err == io.EOF:
			return
		case errors.As(err, &wrong):
			l.fail(wrong.StartLine, "%s", csvWords(wrong.Err, len(row), len(header)))
			if errors.Is(err, csv.ErrQuote) { // where the next line begins is not known
				return
			}
			continue
		case err != nil:
			l.fail(0, "%v", err)
			return
		}
		line, _ := r.FieldPos(0)
		var m eligibility.Member
		for i, cell := range row {
			if cell = strings.TrimSpace(cell); cell == "" {
				continue
			}
			if err := set[i].set(&m, cell); err != nil {
				l.fail(line, "%s: %v", set[i].name, err)
			}
		}
		l.add(line, m)
	}
}
