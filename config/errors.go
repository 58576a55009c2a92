package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// An Error is one thing that is wrong with a file, at the line to mend. The functions of this package
// report all that they find, joined: errors.As finds the first.
type Error struct {
	File    string // as the caller named it
	Line    int    // counted from 1; 0 when it is about the file as a whole
	Message string // names the setting by its path, and the remedy
	err     error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

func (e *Error) Unwrap() error { return e.err }

// join is one error of many, file by file in the order of the lines, since that is the order of mending them.
func join(found []*Error) error {
	found = slices.Clone(found)
	files := map[string]int{} // in the order in which they come up
	for _, e := range found {
		if _, seen := files[e.File]; !seen {
			files[e.File] = len(files)
		}
	}
	slices.SortStableFunc(found, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line))
	})
	errs := make([]error, len(found))
	for i, e := range found {
		errs[i] = e
	}
	return errors.Join(errs...)
}
