package schema

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/eligibility"
	"example.com/syncd/linkparse"
)

// A rule is what is demanded of a setting beyond its type. "a.b[].*" is any key of the groups in the
// list a.b.
type rule struct {
	path   string
	demand func(*jsonschema.Schema)
}

// syncdRules is what config.Load demands.
func syncdRules() []rule {
	positive := pattern(`^(\+?`+parts+`|[0-9]+d)$`, "a duration such as 90s, 30m, 12h or 28d")
	return []rule{
		{"store", notEmpty},
		{"store", func(s *jsonschema.Schema) {
			s.AnyOf = []*jsonschema.Schema{{Pattern: "^postgres(ql)?://"}, {Not: &jsonschema.Schema{Type: "string", Pattern: "://"}}}
		}},
		{"policy", notEmpty},
		{"keyset_kms", pattern(`^$|`+config.KMSForm.String(), "the URI of a key such as "+config.KMSWords)},
		{"poll", positive},
		{"poll_quiet", positive},
		{"fresh", positive},
		{"retention", positive},
		{"horizon.past", positive},
		{"horizon.future", positive},
		{"serve.metrics.listen", pattern(`^$|^`+config.Off+`$|:[0-9]+$`, "HOST:PORT such as 127.0.0.1:9464, or off")},
		{"serve.listen", pattern(`^`+config.Off+`$|:[0-9]+$`, "HOST:PORT such as 127.0.0.1:8787, or off")},
		{"serve.public_url", pattern(`^$|`+config.PublicForm.String(), "https://HOST such as https://syncd.acme.com")},
		{"serve.proxies[]", pattern(`^[0-9a-fA-F.:]+/[0-9]+$`, "a network such as 10.0.0.0/8")},
		{"serve.requests_per_second", func(s *jsonschema.Schema) { s.Minimum, s.Maximum = "1", "100000" }},
		{"serve.login", required("issuer", "client_id")},
		{"serve.login.issuer", pattern(config.IssuerForm.String(), "the issuer's address such as https://accounts.google.com")},
		{"serve.login.client_id", notEmpty},
		{"serve.login.admins[]", pattern(`\S`, "an address or a group")},
		{"serve.login.viewers[]", pattern(`\S`, "an address or a group")},
		{"serve.login.domains[]", pattern(`^[^@/*: ]+$`, "a domain such as acme.com")},
		{"push.url", pattern(`^$|`+config.PushForm.String(), "https://HOST such as https://syncd.acme.com")},
		{"connections[].name", pattern(config.NameForm.String(), "only the characters a-z 0-9 . @ _ -")},
	}
}

// policyRules is what eligibility.Policy's Validate demands, and that imports have drivers.
func policyRules(drivers []connectors.Driver) []rule {
	var sources []string
	for _, d := range drivers {
		sources = append(sources, d.Name)
	}
	captures := eligibility.CaptureMethods()
	providers := slices.Sorted(maps.Keys(captures))
	domain := pattern(`^[^@/:*]*(\.|[^\x00-\x7f])[^@/:*]*$`, "a domain such as example.com, which covers its subdomains")
	address := pattern(`^[^@<>,;]+@[^@<>,;]+$`, "an email address")
	rules := []rule{
		{"company.internal_domains[]", domain},
		{"import", keys(sources...)},
		{"import.coordinator.lead_time", pattern(`^(\+?(0|`+parts+`)|-(0|((0+\.?0*|\.0+)`+unit+`)+))$`, "a duration such as 45m or 1h30m")},
		{"providers", keys(providers...)},
		{"exclude.domains[]", domain},
		{"exclude.participants[]", address},
		{"exclude.title_keywords[]", notEmpty},
		{"consent.link_hosts[]", pattern(`^[^@/:*]+$`, "a host such as join.example.com")},
		{"consent.profiles.*.links.*", oneOf(linkparse.Static, linkparse.Dynamic)},
		{"consent.profiles.*.links", keys(providers...)},
		{"directory.members[]", required("email")},
		{"directory.members[].email", address},
		{"directory.members[].aliases[]", address},
	}
	for _, source := range sources {
		if source != "coordinator" {
			rules = append(rules, rule{"import." + source + ".lead_time", empty("only the coordinator's invites have a lead time")})
		}
	}
	for _, p := range providers {
		rules = append(rules, rule{"providers." + p + ".capture[]", oneOf(captures[p]...)})
	}
	return rules
}

// pattern demands that text has a form; editors that can say so in words do.
func pattern(form, words string) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) {
		s.Pattern = form
		extra(s, "patternErrorMessage", words)
	}
}

func notEmpty(s *jsonschema.Schema) { one := uint64(1); s.MinLength = &one }

func oneOf(words ...string) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) {
		s.Enum = nil
		for _, w := range words {
			s.Enum = append(s.Enum, w)
		}
	}
}

func required(keys ...string) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) { s.Required = keys }
}

// empty demands that a key has no value.
func empty(why string) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) { *s = jsonschema.Schema{Type: "null", Description: why} }
}

// keys demands that a map has no other keys than these.
func keys(names ...string) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) {
		entry := s.AdditionalProperties
		s.Properties, s.AdditionalProperties = jsonschema.NewProperties(), jsonschema.FalseSchema
		for _, name := range names {
			s.Properties.Set(name, clone(entry))
		}
	}
}

// clone copies a schema with all that rules and fit may change of it.
func clone(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil || s == jsonschema.FalseSchema {
		return s
	}
	c := *s
	c.Extras = maps.Clone(s.Extras)
	c.Items, c.AdditionalProperties = clone(s.Items), clone(s.AdditionalProperties)
	if s.Properties != nil {
		c.Properties = jsonschema.NewProperties()
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			c.Properties.Set(p.Key, clone(p.Value))
		}
	}
	return &c
}

func apply(s *jsonschema.Schema, rules []rule) error {
	for _, r := range rules {
		at, err := at(s, r.path)
		if err != nil {
			return fmt.Errorf("rule for %s: %w", r.path, err)
		}
		r.demand(at)
	}
	return nil
}

// at is the schema of the setting at path.
func at(s *jsonschema.Schema, path string) (*jsonschema.Schema, error) {
	for key := range strings.SplitSeq(path, ".") {
		key, list := strings.CutSuffix(key, "[]")
		next := s.AdditionalProperties
		if key != "*" {
			next = nil
			if s.Properties != nil {
				next, _ = s.Properties.Get(key)
			}
		}
		if next != nil && list {
			next = next.Items
		}
		if next == nil {
			return nil, fmt.Errorf("there is no setting %s", path)
		}
		s = next
	}
	return s, nil
}

// children are the schemas of what is in a group or list.
func children(s *jsonschema.Schema) iter.Seq2[string, *jsonschema.Schema] {
	return func(yield func(string, *jsonschema.Schema) bool) {
		if s.Properties != nil {
			for p := s.Properties.Oldest(); p != nil; p = p.Next() {
				if !yield(p.Key, p.Value) {
					return
				}
			}
		}
		if a := s.AdditionalProperties; a != nil && a != jsonschema.FalseSchema && !yield("*", a) {
			return
		}
		if s.Items != nil {
			yield("[]", s.Items)
		}
	}
}

// setTypes sets the types that a value may have. The library knows but one.
func setTypes(s *jsonschema.Schema, types ...string) {
	delete(s.Extras, "type")
	s.Type = ""
	if len(types) == 1 {
		s.Type = types[0]
		return
	}
	extra(s, "type", types)
}

func types(s *jsonschema.Schema) []string {
	if many, ok := s.Extras["type"].([]string); ok {
		return many
	}
	return []string{s.Type}
}

func extra(s *jsonschema.Schema, keyword string, value any) {
	if s.Extras == nil {
		s.Extras = map[string]any{}
	}
	s.Extras[keyword] = value
}

func number[T int64 | uint64](n T) json.Number { return json.Number(fmt.Sprint(n)) }
