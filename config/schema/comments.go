package schema

import (
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"
)

const module = "example.com/syncd"

// comments are those of types and of their fields, by "config.Serve" and "config.Serve.Listen".
type comments map[string]string

// readComments reads the packages of the types; their source is below root.
func readComments(root string, types []reflect.Type) (comments, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	var found jsonschema.Reflector
	seen := map[string]bool{}
	for _, t := range types {
		pkg := strings.TrimPrefix(t.PkgPath(), module+"/")
		if seen[pkg] {
			continue
		}
		seen[pkg] = true
		if err := found.AddGoComments(module, filepath.Join(root, pkg)); err != nil {
			return nil, fmt.Errorf("comments of %s: %w", pkg, err)
		}
	}
	c := comments{}
	for name, text := range found.CommentMap { // which has the absolute path in its names
		c[strings.TrimPrefix(name, path.Join(module, filepath.ToSlash(root))+"/")] = strings.Join(strings.Fields(text), " ")
	}
	return c, nil
}

// of is the comment of a type's field, or of the type when there is no field.
func (c comments) of(t reflect.Type, field string) string {
	name := strings.TrimPrefix(t.PkgPath(), module+"/") + "." + t.Name()
	if field != "" {
		name += "." + field
	}
	return c[name]
}

// describe is what a person should know of a setting: its field's comment without default and choice,
// else what its type is.
func (c comments) describe(t reflect.Type, field string) string {
	text := c.of(t, field)
	if field == "" {
		return text
	}
	f, ok := t.FieldByName(field)
	if !ok {
		return text
	}
	if text, _, _ = understand(text); text != "" {
		// Go's comments begin with Go's name.
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if rest, ok := strings.CutPrefix(text, field+" "); ok && key != "" {
			text = key + " " + rest
		}
		return text
	}
	inner := f.Type
	for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
		inner = inner.Elem()
	}
	return c.of(inner, "")
}

var (
	choice   = regexp.MustCompile(`^(?:(.*): )?\((\w+)\)((?: \| \w+)+)$`)
	standard = regexp.MustCompile(`^(.*?) ?\((\[[\w, ]*\]|[^() ]+)\)$`)
)

// understand takes a comment apart: "(ok) | warning | error" is a choice of words, of which the first is
// the default, and "how long it rests (1m)" a description and a default.
func understand(comment string) (description string, def any, words []string) {
	if m := choice.FindStringSubmatch(comment); m != nil {
		return m[1], m[2], append([]string{m[2]}, strings.Split(m[3], " | ")[1:]...)
	}
	m := standard.FindStringSubmatch(comment)
	if m == nil || yaml.Unmarshal([]byte(m[2]), &def) != nil {
		return comment, nil, nil
	}
	return m[1], def, nil
}
