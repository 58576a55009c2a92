package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/connectors"
)

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
	ok := d.choose(path, n, &c.Name, choice{
		kinds: names(drivers), called: "drivers", own: map[string]any{"tape": &c.Tape},
		take: func(path string, p pair, i int) {
			c.Driver, c.Config = drivers[i], drivers[i].Config()
			d.settings(path, p.line, p.value, c.Config)
		},
		many: "%s has the drivers %s: make it %d connections", none: "%s names no driver: add one of %s, with its settings",
		nameless: "%s.name is missing: name the account",
	})
	return c, ok
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
