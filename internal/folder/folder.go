// Package folder looks at the folders that files are to be made in.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CanMake tries whether the file name could be made, in the first of its folders that is there: those between are made
// with it. It leaves nothing behind. The error names the folder and the remedy.
func CanMake(name string) error {
	in := filepath.Dir(name)
	for in != filepath.Dir(in) {
		if _, err := os.Stat(in); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		in = filepath.Dir(in)
	}
	tried, err := os.CreateTemp(in, ".syncd-check-*")
	if err != nil {
		return fmt.Errorf("no file can be made in %s: let syncd write to it (%w)", in, err)
	}
	return errors.Join(tried.Close(), os.Remove(tried.Name()))
}
