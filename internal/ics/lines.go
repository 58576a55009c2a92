package ics

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// toUTF8 takes the byte order mark off b, and turns UTF-16 into UTF-8. Other encodings are told apart
// line by line, since folding may split a character.
func toUTF8(b []byte) []byte {
	le, be := bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff})
	if !le && !be {
		return bytes.TrimPrefix(b, []byte{0xef, 0xbb, 0xbf})
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		if le {
			units = append(units, uint16(b[i])|uint16(b[i+1])<<8)
		} else {
			units = append(units, uint16(b[i+1])|uint16(b[i])<<8)
		}
	}
	return []byte(string(utf16.Decode(units)))
}

// unfold yields b's content lines (RFC 5545 section 3.1), whatever they end in: CRLF, LF, CR, CRCRLF. It
// unfolds bytes, since some writers fold in the middle of a character. A line that is not UTF-8 is
// taken for windows-1252.
func unfold(b []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		var line []byte
		for len(b) > 0 {
			var physical []byte
			physical, b = cutLine(b)
			if len(physical) > 0 && (physical[0] == ' ' || physical[0] == '\t') && line != nil {
				if len(line) < maxLine {
					line = append(line, physical[1:]...)
				}
			} else {
				if line != nil && !yield(decodeLine(line)) {
					return
				}
				line = physical[:len(physical):len(physical)] // to append to it is to copy it
			}
			if len(line) > maxLine {
				line = line[:maxLine]
			}
		}
		if line != nil {
			yield(decodeLine(line))
		}
	}
}

// cutLine splits b behind its first line break. The line is never nil.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	end := i
	for end < len(b) && b[end] == '\r' {
		end++
	}
	if end < len(b) && b[end] == '\n' {
		end++
	}
	return b[:i], b[end:]
}

func decodeLine(l []byte) string {
	if utf8.Valid(l) {
		return string(l)
	}
	// A line that was cut at its limit may end within a character.
	if len(l) == maxLine {
		if i := lastRune(l); utf8.Valid(l[:i]) {
			return string(l[:i])
		}
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(l)
	if err != nil {
		return strings.ToValidUTF8(string(l), "\ufffd")
	}
	return string(s)
}

// lastRune is where the last character of l begins.
func lastRune(l []byte) int {
	i := len(l) - 1
	for i > 0 && !utf8.RuneStart(l[i]) {
		i--
	}
	return max(i, 0)
}

// A Property is one content line.
type Property struct {
	Name   string // in upper case
	Value  string // as written, unfolded
	params string // as written
}

// splitLine splits a content line, if it is one.
func splitLine(l string) (Property, bool) {
	i := strings.IndexAny(l, ";:")
	if i <= 0 {
		return Property{}, false
	}
	name := strings.TrimSpace(l[:i])
	if !isName(name) {
		return Property{}, false
	}
	p := Property{Name: strings.ToUpper(name)}
	if l[i] == ':' {
		p.Value = l[i+1:]
		return p, true
	}
	rest := l[i+1:]
	if k := valueColon(p.Name, rest); k >= 0 {
		p.params, p.Value = rest[:k], rest[k+1:]
	} else {
		p.params = rest
	}
	return p, true
}

func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// times are the properties that may be in a zone.
var times = []string{"DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE", "DTSTAMP"}

// valueColon is the colon in rest, what follows a property's name and semicolon, behind which the value
// begins, or -1. It is the first one outside of quotes, but for parameters that should have been
// quoted: of a time it is the last one when there is "://" before it, of a person the one before
// "mailto:".
func valueColon(name, rest string) int {
	switch {
	case slices.Contains(times, name):
		if k := strings.LastIndexByte(rest, ':'); k >= 0 && strings.Contains(rest[:k], "://") {
			return k
		}
	case name == "ATTENDEE" || name == "ORGANIZER":
		quoted := false
		for k := range len(rest) {
			switch {
			case rest[k] == '"':
				quoted = !quoted
			case rest[k] == ':' && !quoted && len(rest) >= k+8 && strings.EqualFold(rest[k+1:k+8], "mailto:"):
				return k
			}
		}
	}
	quoted := false
	for k := range len(rest) {
		switch {
		case rest[k] == '"':
			quoted = !quoted
		case rest[k] == ':' && !quoted:
			return k
		}
	}
	return strings.IndexByte(rest, ':') // a quote that is never closed
}

// Param is the value of p's parameter called name, without quotes and with its escapes (RFC 6868) undone,
// or "". Of several values it is the first one.
func (p *Property) Param(name string) string {
	for rest := p.params; rest != ""; {
		var param string
		param, rest = cutParam(rest, ';')
		key, value, ok := strings.Cut(param, "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			value, _ = cutParam(value, ',')
			return uncaret.Replace(strings.Trim(value, `" `))
		}
	}
	return ""
}

// HasParam reports whether p's parameter called name has value among its values, in any case.
func (p *Property) HasParam(name, value string) bool {
	for rest := p.params; rest != ""; {
		var param string
		param, rest = cutParam(rest, ';')
		key, values, ok := strings.Cut(param, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), name) {
			continue
		}
		for values != "" {
			var v string
			v, values = cutParam(values, ',')
			if strings.EqualFold(strings.Trim(v, `" `), value) {
				return true
			}
		}
	}
	return false
}

// cutParam cuts s at the first sep outside of quotes.
func cutParam(s string, sep byte) (before, after string) {
	quoted := false
	for k := range len(s) {
		switch {
		case s[k] == '"':
			quoted = !quoted
		case s[k] == sep && !quoted:
			return s[:k], s[k+1:]
		}
	}
	return s, ""
}

var uncaret = strings.NewReplacer("^n", "\n", "^'", `"`, "^^", "^")

// Text is p's value as text (RFC 5545 section 3.3.11). A backslash before anything but what may be
// escaped stands for itself.
func (p *Property) Text() string {
	s := p.Value
	if len(s) > maxText {
		s = s[:maxText]
		s = s[:lastRune([]byte(s))]
	}
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case '\\', ';', ',', ':', '"':
			b.WriteByte(s[i])
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
