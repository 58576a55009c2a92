package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/eligibility"
)

// Decode reads one YAML document into the struct that into points to, over the defaults it holds:
// what the file does not set stays, lists are replaced, maps are added to. It is strict: unknown and
// duplicate keys, wrong types, tags and merge keys are errors. All are reported at once, as *Error with
// name and the line; into is then half filled.
//
// Keys are those of the yaml tags. Types with UnmarshalText, and durations, are read from text.
func Decode(name string, data []byte, into any) error {
	doc, err := Parse(name, data)
	if err != nil {
		return err
	}
	return doc.Decode(into)
}

// Decode is as the function Decode.
func (d *Document) Decode(into any) error {
	dec := newDecoder(d)
	dec.document(into)
	return dec.err()
}

// The decoder walks the document beside the value to fill, and goes on after errors. The yaml package's
// own decoding knows neither near keys nor paths.
type decoder struct {
	doc    *Document
	found  []*Error
	depth  int // of aliases around the value
	steps  int // values that were visited through aliases
	budget int // how many of them there may be
	burst  bool
	also   map[string][]string // keys of groups that are decoded by hand, by the groups' paths
}

// newDecoder's budget lets an alias stand for its value anywhere in a long file, while a few lines of
// aliases to aliases can't make more work than the file is long.
func newDecoder(d *Document) *decoder {
	return &decoder{doc: d, budget: 1000 + 10*d.size, also: map[string][]string{}}
}

func (d *decoder) err() error { return join(d.found) }

func (d *decoder) failAt(line int, format string, args ...any) {
	d.found = append(d.found, &Error{File: d.doc.name, Line: line, Message: fmt.Sprintf(format, args...)})
}

// fail reports something about the setting at path.
func (d *decoder) fail(path, format string, args ...any) {
	d.failAt(d.doc.Line(path), "%s%s", path, fmt.Sprintf(format, args...))
}

func (d *decoder) document(into any) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("config: decode into %T, which is no pointer", into))
	}
	if d.doc.second > 0 {
		d.failAt(d.doc.second, "a second document begins here: a file holds one")
	}
	d.value("", d.doc.root, v.Elem())
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	nodeType     = reflect.TypeFor[yaml.Node]()
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	ownDuration  = reflect.TypeFor[Duration]()
	recordType   = reflect.TypeFor[eligibility.RecordMode]()
)

// value fills v from n. An absent value ("key:" with nothing after it) leaves groups and lists at their
// defaults, since people comment a group's lines out; for anything else it is an error.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
		d.depth++
		defer func() { d.depth-- }()
	}
	if d.depth > 0 {
		if d.steps++; d.steps > d.budget {
			if !d.burst {
				d.failAt(n.Line, "aliases repeat too much of this file: write the values out")
			}
			d.burst = true
			return
		}
	}
	t := v.Type()
	switch {
	case t == nodeType:
		v.Set(reflect.ValueOf(*n))
	case t.Kind() == reflect.Pointer:
		d.pointer(path, n, v)
	case t == durationType, reflect.PointerTo(t).Implements(textType):
		d.text(path, n, v)
	case t.Kind() == reflect.Struct:
		d.structure(path, n, v)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		d.mapping(path, n, v)
	case t.Kind() == reflect.Slice:
		d.list(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

// pointer fills a copy, so that defaults may be shared. Null leaves it as it is: not set.
func (d *decoder) pointer(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	p := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		p.Elem().Set(v.Elem())
	}
	v.Set(p)
	d.value(path, n, p.Elem())
}

func (d *decoder) structure(path string, n *yaml.Node, v reflect.Value) {
	known := fields(v.Type())
	names := append(keys(known), d.also[path]...)
	pairs, ok := d.pairs(path, n, " ("+strings.Join(names, ", ")+")")
	if !ok {
		return
	}
	for _, p := range pairs {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == p.key })
		if i < 0 {
			d.failAt(p.line, "%s", unknownKey(p.key, names))
			continue
		}
		d.value(within(path, p.key), p.value, v.FieldByIndex(known[i].index))
	}
}

// mapping fills entries over those of the same key that the map holds already.
func (d *decoder) mapping(path string, n *yaml.Node, v reflect.Value) {
	pairs, ok := d.pairs(path, n, "")
	if !ok {
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, p := range pairs {
		key := reflect.ValueOf(p.key).Convert(v.Type().Key())
		entry := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			entry.Set(old)
		}
		d.value(within(path, p.key), p.value, entry)
		v.SetMapIndex(key, entry)
	}
}

func (d *decoder) list(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode && v.Type().Elem().Kind() == reflect.String {
			hint = " (write [" + n.Value + "])"
		}
		d.wrong(path, n, "a list", hint)
		return
	}
	s := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, s.Index(i))
	}
	v.Set(s)
}

// text fills a type that reads itself from text, and durations.
func (d *decoder) text(path string, n *yaml.Node, v reflect.Value) {
	t := v.Type()
	want := "text"
	switch {
	case t == timeType:
		want = "a time such as 2026-11-23T08:00:00Z"
	case t == ownDuration:
		want = "a duration such as 90s, 30m, 12h or 28d"
	case t.Kind() == reflect.Int64 && t.Name() == "Duration":
		want = "a duration such as 90s, 30m or 1h30m"
	}
	if n.Kind != yaml.ScalarNode || isNull(n) || !plain(n) {
		d.wrong(path, n, want, "")
		return
	}
	if t == durationType {
		x, err := time.ParseDuration(n.Value)
		if err != nil {
			d.wrong(path, n, want, "")
			return
		}
		v.SetInt(int64(x))
		return
	}
	// Into a new value: a failed UnmarshalText may leave anything behind.
	x := reflect.New(t)
	switch err := x.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); {
	case err == nil:
		v.Set(x.Elem())
	case want != "text":
		d.wrong(path, n, want, "")
	default:
		d.failAt(n.Line, "%s: %v", path, err)
	}
}

func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	var want, hint string
	ok := n.Kind == yaml.ScalarNode && !isNull(n)
	switch {
	case v.Kind() == reflect.Bool:
		want = "true or false"
		if ok && n.Tag == "!!str" && isBool(n.Value) {
			hint = ", without quotes"
		}
		if ok = ok && n.Tag == "!!bool" && isBool(n.Value); ok { // a tag of its own makes one of anything
			v.SetBool(strings.EqualFold(n.Value, "true"))
		}
	case v.Kind() == reflect.String:
		want, hint = "text", ""
		// YAML's words true and false are no text. Numbers and dates are, as they are written: people
		// do not quote a meeting's number.
		boolean := ok && n.Tag == "!!bool"
		switch {
		case v.Type() == recordType:
			want = "on, off or never"
			if boolean {
				hint = " (write on or off)"
			}
		case boolean:
			hint = " (put the word in quotes)"
		}
		if ok = ok && !boolean && plain(n); ok {
			v.SetString(n.Value)
		}
	case v.CanInt(), v.CanUint():
		want = "a whole number"
		if ok = ok && n.Tag == "!!int"; ok && n.Decode(v.Addr().Interface()) != nil {
			ok, want = false, want+integers(v)
		}
	case v.CanFloat():
		want = "a number"
		ok = ok && (n.Tag == "!!int" || n.Tag == "!!float") && n.Decode(v.Addr().Interface()) == nil
	default:
		panic(fmt.Sprintf("config: %s is a %s, which no YAML is decoded into", path, v.Type()))
	}
	if !ok {
		d.wrong(path, n, want, hint)
	}
}

// integers says which whole numbers v holds.
func integers(v reflect.Value) string {
	bits := v.Type().Bits()
	if v.CanUint() {
		return fmt.Sprintf(" from 0 to %d", ^uint64(0)>>(64-bits))
	}
	top := int64(^uint64(0) >> (65 - bits))
	return fmt.Sprintf(" from %d to %d", -top-1, top)
}

// wrong reports a value of a wrong type, in the words of whoever wrote it.
func (d *decoder) wrong(path string, n *yaml.Node, want, hint string) {
	if path == "" {
		path = "the file"
	}
	switch {
	case isNull(n):
		d.failAt(n.Line, "%s is empty: it must be %s, or leave the line out", path, want)
	case n.Kind == yaml.MappingNode:
		d.failAt(n.Line, "%s must be %s, not a group of keys%s", path, want, hint)
	case n.Kind == yaml.SequenceNode:
		d.failAt(n.Line, "%s must be %s, not a list%s", path, want, hint)
	case !plain(n):
		d.failAt(n.Line, "%s: the tag %s is not supported: leave it out", path, quote(n.Tag))
	case n.Style == 0 && (n.Tag == "!!bool" || n.Tag == "!!int" || n.Tag == "!!float") && len(n.Value) < 60:
		d.failAt(n.Line, "%s must be %s, not %s%s", path, want, n.Value, hint)
	default:
		d.failAt(n.Line, "%s must be %s, not %s%s", path, want, quote(n.Value), hint)
	}
}

// A pair is one key of a group with its value.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// pairs are the keys of the group n, without duplicates and what can be no key, which it reports. Null
// is a group without keys. ok is false when n is no group; such says which keys it might have.
func (d *decoder) pairs(path string, n *yaml.Node, such string) (pairs []pair, ok bool) {
	if isNull(n) {
		return nil, true
	}
	if n.Kind != yaml.MappingNode {
		d.wrong(path, n, "a group of keys"+such, "")
		return nil, false
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode || isNull(k) || !plain(k) && k.Tag != "!!merge":
			d.failAt(k.Line, "a key must be a word")
		case k.Tag == "!!merge":
			d.failAt(k.Line, `merge keys ("<<") are not supported: write the keys out`)
		case lines[k.Value] > 0:
			d.failAt(k.Line, "duplicate key %s (first on line %d)", quote(k.Value), lines[k.Value])
		default:
			lines[k.Value] = k.Line
			pairs = append(pairs, pair{k.Value, k.Line, n.Content[i+1]})
		}
	}
	return pairs, true
}

func within(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func isBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

// plain reports whether a scalar is one that YAML knows without a tag of its own.
func plain(n *yaml.Node) bool {
	return slices.Contains([]string{"!!str", "!!bool", "!!int", "!!float", "!!timestamp", "!!null"}, n.Tag)
}
