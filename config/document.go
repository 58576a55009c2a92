package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// A Document is a YAML file that has been read: it knows on which line each setting stands.
type Document struct {
	name   string
	root   *yaml.Node
	size   int // of the file, in bytes
	second int // the line on which a second document begins, or 0
}

// Parse reads one YAML document. name stands in its errors. The error is an *Error: the file is no
// YAML, or empty.
func Parse(name string, data []byte) (*Document, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, &Error{File: name, Message: err.Error(), err: err}
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		return nil, &Error{File: name, Line: 1, Message: "the file is empty"}
	case err != nil:
		return nil, syntaxError(name, data, err)
	case len(first.Content) != 1:
		return nil, &Error{File: name, Line: 1, Message: "the file is empty"}
	}
	d := &Document{name: name, root: first.Content[0], size: len(data)}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, syntaxError(name, data, err)
	default:
		d.second = max(second.Line, 1)
	}
	if d.second == 0 && d.root.Tag == "!!null" {
		return nil, &Error{File: name, Line: 1, Message: "the file is empty"}
	}
	return d, nil
}

// Line is where the setting at path stands, such as "directory.members[3].email", counted from 1. Where
// the file does not have it, the line is that of the nearest setting around it.
func (d *Document) Line(path string) int {
	n, line := d.root, max(d.root.Line, 1)
	for path != "" {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		if index, rest, ok := cutIndex(path); ok {
			if n.Kind != yaml.SequenceNode || index >= len(n.Content) {
				return line
			}
			next, path = n.Content[index], rest
			line = next.Line
		} else {
			key, value := longestKey(n, path)
			if key == nil {
				return line
			}
			next, path, line = value, strings.TrimPrefix(path[len(key.Value):], "."), key.Line
		}
		n = next
	}
	return line
}

// cutIndex takes "[3]" off the beginning of a path.
func cutIndex(path string) (index int, rest string, ok bool) {
	if !strings.HasPrefix(path, "[") {
		return 0, "", false
	}
	digits, rest, ok := strings.Cut(path[1:], "]")
	index, err := strconv.Atoi(digits)
	return index, strings.TrimPrefix(rest, "."), ok && err == nil && index >= 0
}

// longestKey finds the mapping's key that path begins with. Keys may have dots in them, so the longest
// one is meant.
func longestKey(n *yaml.Node, path string) (key, value *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		rest, ok := strings.CutPrefix(path, k.Value)
		if !ok || k.Kind != yaml.ScalarNode || k.Value == "" || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		if key == nil || len(k.Value) > len(key.Value) {
			key, value = k, n.Content[i+1]
		}
	}
	return key, value
}

// syntaxWords says in a person's words what the YAML reader means. The line to mend is often the one on
// which the broken thing began (context), not the one on which the reader gave up.
var syntaxWords = []struct {
	says    string
	context bool
	words   string
}{
	{"mapping values are not allowed", false, `a ":" stands where none may: check the indentation, or put the text in quotes`},
	{"could not find expected ':'", true, `":" is missing after the key`},
	{"expected ',' or ']'", true, `the list that begins here is not closed by "]"`},
	{"expected ',' or '}'", true, `the group that begins here is not closed by "}"`},
	{"unexpected end of stream", true, "the quoted text that begins here is not closed"},
	{"cannot start any token", false, "this value can't begin with that character: put it in quotes"},
	{"did not find expected key", false, "a key is expected here: check the indentation and the quotes"},
	{"expected '-' indicator", false, `"- " is expected here: check the indentation`},
	{"expected node content", false, "a value is expected here: is a list or a group before it not closed?"},
	{"unknown anchor", false, ""},
	{"exceeded max depth", false, "this is nested too deeply"},
}

func syntaxError(name string, data []byte, err error) *Error {
	e := &Error{File: name, Line: 1, Message: "this is no YAML: " + err.Error(), err: err}
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return e
	}
	e.Message = "this is no YAML: " + le.Message
	if le.Mark.Line == 0 { // the reader of characters does not count lines
		e.Line, e.Message = badCharacter(data, le.Message)
		return e
	}
	e.Line = le.Mark.Line
	if tabIndents(data, e.Line) {
		e.Message = "a tab indents this line: YAML wants spaces"
		return e
	}
	for _, s := range syntaxWords {
		if !strings.Contains(le.Message, s.says) {
			continue
		}
		if s.words != "" {
			e.Message = s.words
		} else {
			e.Message = le.Message
		}
		if s.context && le.ContextMark.Line > 0 {
			e.Line = le.ContextMark.Line
		}
		break
	}
	return e
}

// tabIndents reports whether there is a tab before the first word of the line.
func tabIndents(data []byte, line int) bool {
	for i := 1; i < line; i++ {
		_, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return false
		}
		data = rest
	}
	text, _, _ := bytes.Cut(data, []byte("\n"))
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return bytes.ContainsRune(indent, '\t')
}

// badCharacter finds what the YAML reader could not read.
func badCharacter(data []byte, says string) (line int, message string) {
	line = 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return line, fmt.Sprintf("the byte 0x%02x is no UTF-8: save the file as UTF-8", data[0])
		case r == '\n':
			line++
		case r < ' ' && r != '\t' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85:
			return line, fmt.Sprintf("the control character %U may not stand here", r)
		}
		data = data[size:]
	}
	return 1, "this is no YAML: " + says
}
