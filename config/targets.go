package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/deliver"
)

// nested is the key of the list that a target of a nested kind hands on to, among its settings.
const nested = "targets"

// targets decodes a list of targets, and reports what is wrong with it. An empty list is a daemon that tells nobody.
func (d *decoder) targets(path string, n *yaml.Node, kinds []deliver.Kind) []Target {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == 0, isNull(n):
		return nil
	case n.Kind != yaml.SequenceNode:
		d.wrong(path, n, "a list", ", each with a name and one of "+strings.Join(kindNames(kinds), ", "))
		return nil
	}
	var all []Target
	for i, item := range n.Content {
		t, ok := d.target(fmt.Sprintf("%s[%d]", path, i), item, kinds)
		if !ok {
			continue
		}
		if taken := slices.IndexFunc(all, func(o Target) bool { return o.Name == t.Name }); taken >= 0 {
			d.fail(fmt.Sprintf("%s[%d].name", path, i), ": the target on line %d is called %q already", all[taken].Line, t.Name)
		}
		all = append(all, t)
	}
	return all
}

// target decodes one target: its name, and the settings of the one kind that it names.
func (d *decoder) target(path string, n *yaml.Node, kinds []deliver.Kind) (Target, bool) {
	t := Target{Line: d.doc.Line(path)}
	ok := d.choose(path, n, &t.Name, choice{
		kinds: kindNames(kinds), called: "targets",
		take: func(path string, p pair, i int) {
			t.Kind = kinds[i]
			t.Config, t.Targets = d.sink(path, p, kinds[i], kinds)
		},
		many: "%s is %s at once: make it %d targets", none: "%s goes nowhere: add one of %s, with its settings",
		nameless: "%s.name is missing: name the target",
	})
	return t, ok
}

// sink decodes a sink's settings. Those of a nested kind have a list of targets among them, of the kinds that are not
// nested themselves.
func (d *decoder) sink(path string, p pair, kind deliver.Kind, kinds []deliver.Kind) (deliver.Config, []Target) {
	config := kind.Config()
	if kind.Nested {
		d.also[path] = []string{nested}
	}
	own := p.value
	if own.Kind == yaml.AliasNode {
		own = own.Alias
	}
	var inner []Target
	if kind.Nested && own.Kind == yaml.MappingNode {
		rest := *own
		rest.Content = nil
		var list, first *yaml.Node
		for i := 0; i+1 < len(own.Content); i += 2 {
			switch key := own.Content[i]; {
			case key.Value != nested:
				rest.Content = append(rest.Content, key, own.Content[i+1])
			case list == nil:
				first, list = key, own.Content[i+1]
			default:
				d.failAt(key.Line, "duplicate key %s (first on line %d)", quote(nested), first.Line)
			}
		}
		own = &rest
		plain := slices.DeleteFunc(slices.Clone(kinds), func(k deliver.Kind) bool { return k.Nested })
		if list != nil {
			before := len(d.found)
			inner = d.targets(within(path, nested), list, plain)
			if len(d.found) > before {
				return config, inner
			}
		}
	}
	if kind.Nested && len(inner) < 2 {
		d.failAt(p.line, "%s.%s must name at least two targets, the first of which is tried first", path, nested)
	}
	d.settings(path, p.line, own, config)
	return config, inner
}

func kindNames(kinds []deliver.Kind) []string {
	all := []string{}
	for _, k := range kinds {
		all = append(all, k.Name)
	}
	return all
}
