package schema

import (
	"reflect"

	"github.com/invopop/jsonschema"

	"example.com/syncd/config"
	"example.com/syncd/deliver"
)

// targets is the schema of a list of targets, each of which is one of the kinds.
func (r *reflector) targets(path string, kinds []deliver.Kind) (*jsonschema.Schema, error) {
	target := &jsonschema.Schema{
		Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema, Required: []string{"name"},
	}
	name := &jsonschema.Schema{Type: "string", Description: r.comments.describe(reflect.TypeFor[config.Target](), "Name")}
	pattern(config.NameForm.String(), "only the characters a-z 0-9 . @ _ -")(name)
	target.Properties.Set("name", name)
	for _, k := range kinds {
		t := reflect.TypeOf(k.Config()).Elem()
		settings := r.ReflectFromType(t)
		settings.Version, settings.Description = "", k.Doc
		if err := r.fit(path+"."+k.Name, settings, t); err != nil {
			return nil, err
		}
		if k.Nested {
			if err := r.nest(path+"."+k.Name, settings, kinds); err != nil {
				return nil, err
			}
		}
		target.Properties.Set(k.Name, settings)
		target.OneOf = append(target.OneOf, &jsonschema.Schema{Required: []string{k.Name}})
	}
	return &jsonschema.Schema{Type: "array", Items: target}, nil
}

// nest adds the list of those that a nested kind hands on to.
func (r *reflector) nest(path string, settings *jsonschema.Schema, kinds []deliver.Kind) error {
	var plain []deliver.Kind
	for _, k := range kinds {
		if !k.Nested {
			plain = append(plain, k)
		}
	}
	inner, err := r.targets(path, plain)
	if err != nil {
		return err
	}
	two := uint64(2)
	inner.MinItems, inner.Description = &two, r.comments.describe(reflect.TypeFor[config.Target](), "Targets")
	if settings.Properties == nil {
		settings.Properties = jsonschema.NewProperties()
	}
	settings.Properties.Set("targets", inner)
	settings.Required = append(settings.Required, "targets")
	setTypes(settings, "object")
	return nil
}

// texts are the settings of those names.
func texts(s *jsonschema.Schema, keys ...string) (all []*jsonschema.Schema) {
	for _, key := range keys {
		p, _ := s.Properties.Get(key)
		all = append(all, p)
	}
	return all
}

// names are the schemas of the names in a list of targets, and in the lists below it.
func names(targets *jsonschema.Schema) []*jsonschema.Schema {
	all := texts(targets.Items, "name")
	for p := targets.Items.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Properties == nil {
			continue
		}
		if inner, ok := p.Value.Properties.Get("targets"); ok {
			all = append(all, names(inner)...)
		}
	}
	return all
}
