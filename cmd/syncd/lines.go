package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"example.com/syncd/internal/jsonl"
)

// eachLine calls f with every line of the file, or of standard input when it has no name or is "-".
// Lines that can't be read are reported as FILE:LINE: what is wrong; the result says whether there
// were any.
func eachLine(s streams, file string, f func(line []byte) error) (bad bool, err error) {
	in, name := s.in, "stdin"
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return false, usageError{fmt.Errorf("syncd: %w", err)}
		}
		defer f.Close()
		in, name = f, file
	}
	jsonl.Read(name, in, f, func(err error) {
		bad = true
		fmt.Fprintln(s.err, err)
	})
	return bad, nil
}

// printLine writes v as one line of JSON. Links keep their "&".
func printLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
