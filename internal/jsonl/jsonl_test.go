package jsonl

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestEach(t *testing.T) {
	refuse := func(line []byte) error {
		if strings.HasPrefix(string(line), "bad") {
			return errors.New("is bad")
		}
		return nil
	}
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name, in string
		lines    []string
		errs     []string
	}{
		{"empty", "", nil, nil},
		{"last line without an end", "a\nb", []string{"a", "b"}, nil},
		{"a byte order mark", "\ufeffa\nb\n", []string{"a", "b"}, nil},
		{"blank lines and CRLF", "\n a \r\n\r\nb\r\n", []string{"a", "b"}, nil},
		{"a bad line costs itself", "a\nbad\nb\n", []string{"a", "bad", "b"}, []string{"f:2: is bad"}},
		{"longer than the buffer", strings.Repeat("x", 200_000) + "\nb\n", []string{strings.Repeat("x", 200_000), "b"}, nil},
		{"too long", strings.Repeat("x", MaxLine+1) + "\nb\n", []string{"b"}, []string{"f:1: the line is longer than 16 MiB"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines, errs []string
			for _, err := range Each("f", strings.NewReader(c.in), func(line []byte) error {
				lines = append(lines, string(line))
				return refuse(line)
			}) {
				errs = append(errs, err.Error())
			}
			if diff := cmp.Diff(c.lines, lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.errs, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
	errs := Each("f", iotest.ErrReader(broken), refuse)
	if len(errs) != 1 || !errors.Is(errs[0], broken) {
		t.Errorf("a failing reader: got %v, want %v", errs, broken)
	}
}
