package config

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"example.com/syncd/eligibility"
	"example.com/syncd/eligibility/custom"
)

// LoadPolicy reads policy.yaml over the defaults, and the directory's file if it names one. The error joins
// all that is wrong with them, each an *Error; what only a valid file can be asked, Validate's problems,
// comes once the rest is mended. Where drivers are named, imports that none of them brings are wrong, too.
func LoadPolicy(path string, drivers ...string) (*eligibility.Policy, error) {
	data, err := read(path, "write one, or start from configs/policy.yaml")
	if err != nil {
		return nil, err
	}
	return ParsePolicy(path, data, drivers...)
}

// ParsePolicy is LoadPolicy of what a file at path would hold.
func ParsePolicy(path string, data []byte, drivers ...string) (*eligibility.Policy, error) {
	doc, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	p := eligibility.NewPolicy()
	if err := doc.Decode(p); err != nil {
		return nil, err
	}
	found, place := withDirectory(path, doc, p)
	for _, problem := range slices.Concat(p.Validate(), custom.Compile(p)) {
		place(problem)
	}
	for _, source := range slices.Sorted(maps.Keys(p.Import)) {
		if len(drivers) > 0 && !slices.Contains(drivers, source) {
			place(eligibility.Problem{Path: "import." + source, Message: "unknown driver " + meant(source, drivers, "drivers", drivers)})
		}
	}
	if all := found(); len(all) > 0 {
		return nil, join(all)
	}
	return p, nil
}

// withDirectory adds the members of the directory's file to the policy's own. place notes a problem at the
// file and line that it is about, and found is all that is wrong.
func withDirectory(path string, doc *Document, p *eligibility.Policy) (found func() []*Error, place func(eligibility.Problem)) {
	var errs []*Error
	list, own := &listing{}, len(p.Directory.Members)
	if p.Directory.File != "" {
		read, err := readDirectory(PolicyFiles(path, p)[1])
		var wrong *Error
		switch {
		case errors.As(err, &wrong):
			errs = append(errs, &Error{File: path, Line: doc.Line("directory.file"), Message: "directory.file: " + wrong.Error()})
		case len(read.found) > 0: // its members can't be told apart
			list = read
		default:
			list = read
			p.Directory.Members = append(p.Directory.Members, read.members...)
		}
	}
	place = func(problem eligibility.Problem) {
		if rest, ok := strings.CutPrefix(problem.Path, "directory.members"); ok {
			if i, rest, ok := cutIndex(rest); ok && i >= own {
				list.fail(list.lines[i-own], "%s: %s", rest, problem.Message)
				return
			}
		}
		errs = append(errs, &Error{File: path, Line: doc.Line(problem.Path), Message: problem.Path + ": " + problem.Message})
	}
	return func() []*Error { return append(errs, list.errors()...) }, place
}

// PolicyFiles are the files that a policy was read from: its own, and the directory's if there is one.
func PolicyFiles(path string, p *eligibility.Policy) []string {
	file := p.Directory.File
	switch {
	case file == "":
		return []string{path}
	case !filepath.IsAbs(file):
		file = filepath.Join(filepath.Dir(path), file)
	}
	return []string{path, file}
}
