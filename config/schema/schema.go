// Package schema says in JSON Schema, draft 2020-12, what package config accepts, so that editors complete
// and check syncd.yaml and policy.yaml while they are written. Tests alone import it: they keep the
// files in configs/schema as it makes them, and compare them with the decoder.
//
// Keys come from the yaml tags, as the decoder has them. Descriptions, defaults and words to choose from
// come from the comments of the fields:
//
//	Status string // (ok) | warning | error
//	Poll Duration // how long a quiet calendar rests, 1s to 1d (1m)
//
// What else config and eligibility demand is in rules.go; what a driver demands of its own settings is
// in jsonschema tags beside its yaml tags. A schema never refuses what the decoder accepts; what it can't
// say (ranges of durations, references, duplicates) it lets pass.
package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/deliver"
	"example.com/syncd/eligibility"
)

// Syncd is the schema of syncd.yaml. root is the module's folder, where the comments are; drivers are
// the connectors that a connection may use, sinks those of a target. An error is a mistake in the types, their comments or rules.
func Syncd(root string, drivers []connectors.Driver, sinks []deliver.Kind) ([]byte, error) {
	s, r, err := reflected[config.Config](root, drivers, sinks)
	if err != nil {
		return nil, err
	}
	connection := &jsonschema.Schema{
		Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema, Required: []string{"name"},
	}
	for _, key := range []string{"Name", "Tape"} { // which config decodes by hand
		connection.Properties.Set(strings.ToLower(key), &jsonschema.Schema{
			Type: "string", Description: r.comments.describe(reflect.TypeFor[config.Connection](), key),
		})
	}
	for _, d := range drivers {
		t := reflect.TypeOf(d.Config()).Elem()
		settings := r.ReflectFromType(t)
		settings.Version, settings.Description = "", d.Doc
		if err := r.fit(d.Name, settings, t); err != nil {
			return nil, err
		}
		connection.Properties.Set(d.Name, settings)
		connection.OneOf = append(connection.OneOf, &jsonschema.Schema{Required: []string{d.Name}})
	}
	one := uint64(1)
	s.Properties.Set("connections", &jsonschema.Schema{
		Type: "array", Items: connection, MinItems: &one, Description: r.comments.describe(reflect.TypeFor[config.Connection](), ""),
	})
	s.Required = []string{"connections"}
	targets, err := r.targets("deliver", sinks)
	if err != nil {
		return nil, err
	}
	targets.Description = r.comments.describe(reflect.TypeFor[config.Config](), "Deliver")
	setTypes(targets, "array", "null")
	s.Properties.Set("deliver", targets)
	if err := apply(s, syncdRules()); err != nil {
		return nil, err
	}
	for _, p := range append(texts(connection, "name", "tape"), names(targets)...) {
		fitString(p)
	}
	return r.finish("syncd.yaml", s, reflect.TypeFor[config.Config]())
}

// Policy is the schema of policy.yaml; the arguments are as Syncd's.
func Policy(root string, drivers []connectors.Driver) ([]byte, error) {
	s, r, err := reflected[eligibility.Policy](root, drivers, nil)
	if err != nil {
		return nil, err
	}
	if err := apply(s, policyRules(drivers)); err != nil {
		return nil, err
	}
	return r.finish("policy.yaml", s, reflect.TypeFor[eligibility.Policy]())
}

// A reflector makes schemas of types, with the comments of their source.
type reflector struct {
	jsonschema.Reflector
	comments comments
}

// reflected is the schema of T as the library sees it, before rules and fit.
func reflected[T any](root string, drivers []connectors.Driver, sinks []deliver.Kind) (*jsonschema.Schema, *reflector, error) {
	types := []reflect.Type{reflect.TypeFor[config.Config](), reflect.TypeFor[eligibility.Policy]()}
	for _, d := range drivers {
		types = append(types, reflect.TypeOf(d.Config()).Elem())
	}
	for _, k := range sinks {
		types = append(types, reflect.TypeOf(k.Config()).Elem())
	}
	c, err := readComments(root, types)
	if err != nil {
		return nil, nil, err
	}
	r := &reflector{comments: c, Reflector: jsonschema.Reflector{
		Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true,
		FieldNameTag: "yaml", Mapper: text, LookupComment: c.describe,
	}}
	return r.ReflectFromType(reflect.TypeFor[T]()), r, nil
}

// finish fits the schema to the decoder, and writes it.
func (r *reflector) finish(title string, s *jsonschema.Schema, t reflect.Type) ([]byte, error) {
	if err := r.fit("", s, t); err != nil {
		return nil, err
	}
	dropReferences(s, s)
	setTypes(s, "object") // an empty file is an error
	s.Title = title
	s.Comments = "Made from the Go types by package config/schema: do not edit, run make generate."
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title, err)
	}
	return append(b, '\n'), nil
}

// dropReferences removes defaults that are no values but name the key whose value is taken instead.
func dropReferences(root, s *jsonschema.Schema) {
	if name, ok := s.Default.(string); ok && strings.Contains(name, ".") {
		if _, err := at(root, name); err == nil {
			s.Default = nil
		}
	}
	for _, inner := range children(s) {
		dropReferences(root, inner)
	}
}
