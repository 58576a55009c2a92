// Package jsonl reads JSON Lines: one value a line, where a bad line costs itself alone.
package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// MaxLine bounds a line: 16 MiB, far more than an invite with its body.
const MaxLine = 16 << 20

// A LineError is what is wrong with one line.
type LineError struct {
	Name string // of the file
	Line int    // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Each is Read, with the errors in a list.
func Each(name string, r io.Reader, f func(line []byte) error) []error {
	var errs []error
	Read(name, r, f, func(err error) { errs = append(errs, err) })
	return errs
}

// Read calls f with every line that is not blank. What f refuses is reported to bad, with the line's number,
// and the other lines are still read; a failing reader ends it. The errors are LineErrors, but for the
// reader's own, which comes last.
func Read(name string, r io.Reader, f func(line []byte) error, bad func(error)) {
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(in)
		if n == 1 { // Windows puts a byte order mark before the first line
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && !errors.Is(err, errTooLong) {
			if err := f(line); err != nil {
				bad(&LineError{name, n, err})
			}
		}
		switch {
		case errors.Is(err, errTooLong):
			bad(&LineError{name, n, err})
		case err == io.EOF:
			return
		case err != nil:
			bad(fmt.Errorf("%s: %w", name, err))
			return
		}
	}
}

// Plain says what is wrong with a line's JSON without the package's own words.
func Plain(err error) error {
	var wrong *json.UnmarshalTypeError
	var noTime *time.ParseError
	switch {
	case errors.As(err, &noTime):
		return fmt.Errorf("%s is no time such as 2026-11-24T09:00:00Z", noTime.Value)
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("it is a %s, not an object", wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("%q cannot be a %s", wrong.Field, wrong.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "unexpected end"):
		return errors.New("the JSON object is torn off")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

var errTooLong = fmt.Errorf("the line is longer than %d MiB", MaxLine>>20)

// readLine reads up to the next newline. Of a line that is too long it keeps nothing.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > MaxLine; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if tooLong && err == nil {
			err = errTooLong
		}
		return line, err
	}
}
