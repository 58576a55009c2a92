package fakegoogle

import "strings"

// said is an error in Google's own words.
type said string

func (s said) Error() string { return string(s) }

// mask is a parsed fields parameter: the fields that are wanted, and of each what of it; nil: all of it.
// (Calendar API guide "Improve performance", section "Partial response".)
type mask map[string]mask

// parseMask reads "a,b/c,d(e,f/g),*": fields by commas, of objects by a slash, several of one by parentheses.
func parseMask(s string) (mask, error) {
	p := maskParser{rest: s}
	m, err := p.list()
	if err == nil && p.rest != "" {
		err = said("Invalid field selection " + p.rest)
	}
	return m, err
}

type maskParser struct{ rest string }

func (p *maskParser) list() (mask, error) {
	m := mask{}
	for {
		if err := p.selection(m); err != nil {
			return nil, err
		}
		if !p.take(',') {
			return m, nil
		}
	}
}

func (p *maskParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// selection is a name with what of it is wanted, added to m. What is named twice is wanted in both ways.
func (p *maskParser) selection(m mask) error {
	end := strings.IndexAny(p.rest, ",/()")
	if end < 0 {
		end = len(p.rest)
	}
	name := strings.TrimSpace(p.rest[:end])
	if name == "" {
		return said("Invalid field selection " + p.rest)
	}
	p.rest = p.rest[end:]
	var of mask
	switch {
	case p.take('/'):
		of = mask{}
		if err := p.selection(of); err != nil {
			return err
		}
	case p.take('('):
		var err error
		if of, err = p.list(); err != nil {
			return err
		}
		if !p.take(')') {
			return said("Invalid field selection " + name)
		}
	}
	m.add(name, of)
	return nil
}

func (m mask) add(name string, of mask) {
	had, ok := m[name]
	switch {
	case !ok:
		m[name] = of
	case had == nil || of == nil:
		m[name] = nil
	default:
		for n, o := range of {
			had.add(n, o)
		}
	}
}

// check returns the first name that the schema does not have.
func (m mask) check(schema string) error {
	s, known := shapes[schema]
	for name, of := range m {
		if name == "*" {
			if of == nil {
				continue
			}
			for _, below := range s {
				if below != "" && of.check(below) == nil {
					return nil
				}
			}
			return said("Invalid field selection " + name)
		}
		below, ok := s[name]
		switch {
		case schema == "*":
		case !known || !ok, of != nil && below == "":
			return said("Invalid field selection " + name)
		case of != nil:
			if err := of.check(below); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply is what of v is wanted. Lists are masked element by element; what is left empty of an object
// stays, as "{}".
func (m mask) apply(v any) any {
	if m == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			of, ok := m[name]
			if star, all := m["*"]; all && (!ok || of != nil) {
				if star == nil || !ok {
					of = star
				}
				ok = true
			}
			if ok {
				out[name] = of.apply(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = m.apply(v[i])
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = m.apply(v[i])
		}
		return out
	}
	return v
}
