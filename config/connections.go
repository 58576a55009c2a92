package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/connectors"
)

// NameForm is what a connection's name looks like: names become part of ids, of metrics' labels and of
// file names.
var NameForm = regexp.MustCompile(`^[a-z0-9.@_-]+$`)

// connections decodes the list of connections, and reports what is wrong with it.
func (d *decoder) connections(n *yaml.Node, drivers []connectors.Driver) []Connection {
	if n.Kind == 0 || isNull(n) || n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.fail("connections", ": there are none: name at least one account whose calendars are read")
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong("connections", n, "a list", "")
		return nil
	}
	var all []Connection
	for i, item := range n.Content {
		c, ok := d.connection(fmt.Sprintf("connections[%d]", i), item, drivers)
		if !ok {
			continue
		}
		// State hangs on driver and name: two of one name would mix their calendars.
		taken := slices.IndexFunc(all, func(o Connection) bool {
			return o.Name == c.Name && o.Driver.Name == c.Driver.Name
		})
		if taken >= 0 {
			d.fail(fmt.Sprintf("connections[%d].name", i), ": the %s connection on line %d is called %q already",
				c.Driver.Name, all[taken].Line, c.Name)
		}
		all = append(all, c)
	}
	return all
}

// connection decodes one connection: its own keys, and those of the one driver that it names.
func (d *decoder) connection(path string, n *yaml.Node, drivers []connectors.Driver) (Connection, bool) {
	c := Connection{Line: d.doc.Line(path)}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	before := len(d.found)
	names := names(drivers)
	known := append([]string{"name", "tape"}, names...)
	pairs, ok := d.pairs(path, n, " ("+strings.Join(known, ", ")+")")
	if !ok {
		return c, false
	}
	var used []string
	named, unknown := false, false
	for _, p := range pairs {
		i := slices.Index(names, p.key)
		switch {
		case p.key == "name":
			named = true
			d.connectionName(path+".name", p.value, &c.Name)
		case p.key == "tape":
			d.value(path+".tape", p.value, reflect.ValueOf(&c.Tape).Elem())
		case i >= 0:
			used = append(used, p.key)
			c.Driver = drivers[i]
			c.Config = d.driver(path+"."+p.key, p, drivers[i])
		default:
			unknown = true
			d.failAt(p.line, "unknown key %s %s", quote(p.key), meant(p.key, known, "drivers", names))
		}
	}
	switch {
	case len(used) > 1:
		d.failAt(c.Line, "%s has the drivers %s: make it %d connections", path, strings.Join(used, " and "), len(used))
	case len(used) == 0 && !unknown: // else the unknown key was to be the driver's name
		d.failAt(c.Line, "%s names no driver: add one of %s, with its settings", path, strings.Join(names, ", "))
	}
	if !named {
		d.failAt(c.Line, "%s.name is missing: name the account", path)
	}
	return c, len(d.found) == before
}

func (d *decoder) connectionName(path string, n *yaml.Node, name *string) {
	before := len(d.found)
	d.value(path, n, reflect.ValueOf(name).Elem())
	if len(d.found) == before && !NameForm.MatchString(*name) {
		d.fail(path, " must be of the characters a-z 0-9 . @ _ -, not %s", quote(*name))
	}
}

// driver decodes a driver's settings.
func (d *decoder) driver(path string, p pair, driver connectors.Driver) connectors.Config {
	config := driver.Config()
	d.settings(path, p.line, p.value, config)
	return config
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

func names(drivers []connectors.Driver) []string {
	all := []string{}
	for _, d := range drivers {
		all = append(all, d.Name)
	}
	return all
}

// meant says which of the known keys is near, and which drivers or targets there are.
func meant(key string, known []string, what string, names []string) string {
	near := nearest(key, known)
	if near != "" {
		near = fmt.Sprintf("did you mean %q? ", near)
	}
	return fmt.Sprintf("(%sthe %s are %s)", near, what, strings.Join(names, ", "))
}
