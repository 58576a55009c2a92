package config

import (
	"maps"
	"slices"

	"example.com/syncd/eligibility"
)

// LoadPolicy reads policy.yaml over the defaults. The error joins all that is wrong with it, each an
// *Error; what only a valid file can be asked, Validate's problems, comes once the rest is mended.
func LoadPolicy(path string) (*eligibility.Policy, error) { return loadPolicy(path, nil) }

// loadPolicy also finds imports that none of the drivers brings, where the drivers are known.
func loadPolicy(path string, drivers []string) (*eligibility.Policy, error) {
	data, err := read(path, "write one, or start from configs/policy.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	p := eligibility.NewPolicy()
	if err := doc.Decode(p); err != nil {
		return nil, err
	}
	var found []*Error
	for _, problem := range p.Validate() {
		found = append(found, &Error{File: path, Line: doc.Line(problem.Path), Message: problem.Path + ": " + problem.Message})
	}
	for _, source := range slices.Sorted(maps.Keys(p.Import)) {
		if drivers != nil && !slices.Contains(drivers, source) {
			at := "import." + source
			found = append(found, &Error{File: path, Line: doc.Line(at), Message: at + ": unknown driver " + meant(source, drivers, drivers)})
		}
	}
	if len(found) > 0 {
		return nil, join(found)
	}
	return p, nil
}
