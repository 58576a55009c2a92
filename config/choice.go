package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// NameForm is what a connection's name looks like: names become part of ids, of metrics' labels and of
// file names.
var NameForm = regexp.MustCompile(`^[a-z0-9.@_-]+$`)

// A choice is what an item of a list has besides its name: keys of its own, and the settings of one kind out of several,
// by the kind's key.
type choice struct {
	kinds  []string
	called string         // what kinds are, for people
	own    map[string]any // where the item's own keys go, besides its name: pointers
	take   func(path string, p pair, kind int)

	// What is said of an item that has many kinds, none, or no name. See choose for what fills them in.
	many, none, nameless string
}

// choose decodes an item, and reports whether nothing is wrong with it.
func (d *decoder) choose(path string, n *yaml.Node, name *string, c choice) bool {
	line := d.doc.Line(path)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	before := len(d.found)
	known := slices.Concat([]string{"name"}, slices.Sorted(maps.Keys(c.own)), c.kinds)
	pairs, ok := d.pairs(path, n, " ("+strings.Join(known, ", ")+")")
	if !ok {
		return false
	}
	var used []string
	named, unknown := false, false
	for _, p := range pairs {
		at := path + "." + p.key
		i := slices.Index(c.kinds, p.key)
		own, isOwn := c.own[p.key]
		switch {
		case p.key == "name":
			named = true
			d.itemName(at, p.value, name)
		case isOwn:
			d.value(at, p.value, reflect.ValueOf(own).Elem())
		case i >= 0:
			used = append(used, p.key)
			c.take(at, p, i)
		default:
			unknown = true
			d.failAt(p.line, "unknown key %s %s", quote(p.key), meant(p.key, known, c.called, c.kinds))
		}
	}
	switch {
	case len(used) > 1:
		d.failAt(line, c.many, path, strings.Join(used, " and "), len(used))
	case len(used) == 0 && !unknown: // else the unknown key was to be the kind's name
		d.failAt(line, c.none, path, strings.Join(c.kinds, ", "))
	}
	if !named {
		d.failAt(line, c.nameless, path)
	}
	return len(d.found) == before
}

func (d *decoder) itemName(path string, n *yaml.Node, name *string) {
	before := len(d.found)
	d.value(path, n, reflect.ValueOf(name).Elem())
	if len(d.found) == before && !NameForm.MatchString(*name) {
		d.fail(path, " must be of the characters a-z 0-9 . @ _ -, not %s", quote(*name))
	}
}

// settings decodes what a driver or a sink defines by itself, and lets it judge the values once they are decoded.
func (d *decoder) settings(path string, line int, n *yaml.Node, config interface{ Validate() error }) {
	v := reflect.ValueOf(config)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("config: the settings of %s are a %T, which is no pointer", path, config))
	}
	before := len(d.found)
	d.value(path, n, v.Elem())
	if len(d.found) > before {
		return
	}
	err := config.Validate()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			d.failAt(line, "%s: %v", path, e)
		}
	} else if err != nil {
		d.failAt(line, "%s: %v", path, err)
	}
}
