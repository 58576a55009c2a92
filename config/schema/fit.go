package schema

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"example.com/syncd/config"
	"example.com/syncd/eligibility"
)

// A duration is parts, each a number and a unit.
const (
	parts = `(([0-9]+\.?[0-9]*|\.[0-9]+)` + unit + `)+`
	unit  = `(ns|us|µs|μs|ms|s|m|h)`
)

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// text is the schema of a type that the decoder reads from text, nil of another.
func text(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		s := &jsonschema.Schema{Type: "string", Format: "date-time"}
		pattern(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`, "a time such as 2026-11-23T08:00:00Z")(s)
		return s
	case reflect.TypeFor[config.Duration]():
		s := &jsonschema.Schema{Type: "string"}
		pattern(`^([-+]?(0|`+parts+`)|[0-9]+d)$`, "a duration such as 90s, 30m, 12h or 28d")(s)
		return s
	case reflect.TypeFor[eligibility.Duration](), reflect.TypeFor[time.Duration]():
		s := &jsonschema.Schema{Type: "string"}
		pattern(`^[-+]?(0|`+parts+`)$`, "a duration such as 90s, 30m or 1h30m")(s)
		return s
	}
	if reflect.PointerTo(t).Implements(textType) {
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

// fit adds to the schema of t what the decoder makes of YAML: groups, lists and pointers may be left
// empty, text may be a number without quotes, and numbers have the size of their Go type. It also adds
// what the comments of fields say.
func (r *reflector) fit(path string, s *jsonschema.Schema, t reflect.Type) error {
	if s.Type == "null" { // a rule's doing
		return nil
	}
	optional := t.Kind() == reflect.Pointer
	if optional {
		t = t.Elem()
	}
	switch {
	case text(t) != nil:
		fitText(s)
	case t.Kind() == reflect.Struct:
		if err := r.fitFields(path, s, t); err != nil {
			return err
		}
		optional = optional || len(s.Required) == 0
	case t.Kind() == reflect.Map:
		for key, inner := range children(s) {
			if err := r.fit(path+"."+key, inner, t.Elem()); err != nil {
				return err
			}
		}
		optional = true
	case t.Kind() == reflect.Slice:
		if err := r.fit(path+"[]", s.Items, t.Elem()); err != nil {
			return err
		}
		optional = optional || s.MinItems == nil
	case t.Kind() == reflect.String:
		fitString(s)
	case t.Kind() == reflect.Bool, t.Kind() == reflect.Float64, t.Kind() == reflect.Float32:
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		fitInteger(s, t)
	default:
		return fmt.Errorf("%s is a %s: say in fit.go what its schema is", path, t)
	}
	if optional {
		setTypes(s, append(types(s), "null")...)
	}
	return nil
}

func (r *reflector) fitFields(path string, s *jsonschema.Schema, t reflect.Type) error {
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || key == "-" {
			continue
		}
		if options == "inline" {
			if err := r.fitFields(path, s, f.Type); err != nil {
				return err
			}
			continue
		}
		inner := path + "." + key
		p, ok := s.Properties.Get(key)
		if key == "" || !ok {
			return fmt.Errorf("%s: the field %s of %s needs a name in its yaml tag", path, f.Name, t)
		}
		_, def, words := understand(r.comments.of(t, f.Name))
		if def != nil && fitting(p.Type, def) {
			p.Default = def
		}
		if words != nil {
			oneOf(append(words, "")...)(p) // not set is no choice, and no error
		}
		if err := r.fit(inner, p, f.Type); err != nil {
			return err
		}
	}
	return nil
}

// fitting reports whether a default is of its setting's type: not every parenthesis has a default in it.
func fitting(typ string, def any) bool {
	switch def.(type) {
	case string:
		return typ == "string"
	case bool:
		return typ == "boolean"
	case []any:
		return typ == "array"
	}
	return typ == "integer" || typ == "number"
}

// fitString allows numbers where they can be meant: they are text as they are written.
func fitString(s *jsonschema.Schema) {
	if s.Enum != nil {
		return
	}
	p := regexp.MustCompile(s.Pattern)
	if p.MatchString("15") || p.MatchString("1.5") {
		setTypes(s, "string", "number")
	}
}

// fitText is fitString for types that read any scalar, true and false too, and are not known here. Of
// those that are, durations may be the number 0.
func fitText(s *jsonschema.Schema) {
	switch {
	case s.Pattern == "":
		setTypes(s, "string", "number", "boolean")
	case regexp.MustCompile(s.Pattern).MatchString("0"):
		s.Minimum, s.Maximum = "0", "0"
		setTypes(s, "string", "number")
	}
}

// fitInteger sets the range that an integer's Go type has.
func fitInteger(s *jsonschema.Schema, t reflect.Type) {
	bits := t.Bits()
	low, high := int64(math.MinInt64)>>(64-bits), uint64(math.MaxInt64)>>(64-bits)
	if t.Kind() >= reflect.Uint {
		low, high = 0, uint64(math.MaxUint64)>>(64-bits)
	}
	if s.Minimum == "" {
		s.Minimum = number(low)
	}
	if s.Maximum == "" {
		s.Maximum = number(high)
	}
}
