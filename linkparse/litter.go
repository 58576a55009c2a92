package linkparse

import "strings"

// tidy undoes what transports left in a text.
func tidy(s string) string { return unfold(unslash(dropInvisible(unquotePrintable(s)))) }

// slashes are what JSON escapes in a URL, and the one thing in one that iCalendar's escapes break:
// Proofpoint's "__;". Other backslashes end a URL.
var slashes = strings.NewReplacer(`\/`, "/", `\u0026`, "&", `\u003d`, "=", `\u003D`, "=", `__\;`, "__;")

func unslash(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return slashes.Replace(s)
}

// dropInvisible takes out the characters that have no width: Proofpoint's alert mails put them between
// letters, editors around links. Soft hyphens and marks of direction are among them.
func dropInvisible(s string) string {
	i := firstInvisible(s)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	from := 0
	for i < len(s) {
		n := invisible(s, i)
		if n == 0 {
			i++
			continue
		}
		b.WriteString(s[from:i])
		i += n
		from = i
	}
	b.WriteString(s[from:])
	return b.String()
}

// firstInvisible is the offset of the first invisible character, or -1. It searches for the bytes that
// they begin with, so that text which has none of those costs next to nothing.
func firstInvisible(s string) int {
	first := -1
	for _, lead := range []byte{0xc2, 0xe2, 0xef} {
		end := len(s)
		if first >= 0 {
			end = first
		}
		for i := 0; i < end; i++ {
			j := strings.IndexByte(s[i:end], lead)
			if j < 0 {
				break
			}
			if i += j; invisible(s, i) > 0 {
				first = i
				break
			}
		}
	}
	return first
}

// invisible is the length of the invisible character at i, or 0.
func invisible(s string, i int) int {
	if s[i] < 0xc2 {
		return 0
	}
	switch {
	case s[i] == 0xc2 && i+1 < len(s) && s[i+1] == 0xad: // U+00AD
		return 2
	case i+2 >= len(s):
		return 0
	case s[i] == 0xe2 && s[i+1] == 0x80: // U+200B–200F, U+202A–202E
		if c := s[i+2]; c >= 0x8b && c <= 0x8f || c >= 0xaa && c <= 0xae {
			return 3
		}
	case s[i] == 0xe2 && s[i+1] == 0x81: // U+2060, U+2066–2069
		if c := s[i+2]; c == 0xa0 || c >= 0xa6 && c <= 0xa9 {
			return 3
		}
	case s[i] == 0xef && s[i+1] == 0xbb && s[i+2] == 0xbf: // U+FEFF
		return 3
	}
	return 0
}

// unquotePrintable decodes a text that is quoted-printable as a whole: soft line breaks or "=3D" are in
// it, and no "=" that could be anything else. One "=3D" alone proves nothing: a password may begin
// with 3D. Nor does a parameter's "=" at the end of a line: a link may be wrapped there.
func unquotePrintable(s string) string {
	if strings.IndexByte(s, '=') < 0 || !strings.Contains(s, "=3D") && !strings.Contains(s, "=\n") && !strings.Contains(s, "=\r\n") {
		return s
	}
	var b strings.Builder
	escapes, breaks := 0, 0
	rest := s
	for {
		before, after, ok := strings.Cut(rest, "=")
		b.WriteString(before)
		if !ok {
			break
		}
		switch {
		case endsInName(before) && len(after) > 1 && isUpperHex(after[0]) && isUpperHex(after[1]) && !strings.HasPrefix(after, "3D"):
			return s // a parameter's own "=" would have been escaped
		case strings.HasPrefix(after, "\n"):
			breaks++
			rest = after[1:]
		case strings.HasPrefix(after, "\r\n"):
			breaks++
			rest = after[2:]
		case len(after) >= 2 && isUpperHex(after[0]) && isUpperHex(after[1]) && escaped[unhex(after[0])<<4|unhex(after[1])]:
			escapes++
			b.WriteByte(unhex(after[0])<<4 | unhex(after[1]))
			rest = after[2:]
		default:
			return s
		}
	}
	if breaks == 0 && escapes < 2 || wrapsParam(s) && !strings.Contains(s, "=3D") {
		return s
	}
	return b.String()
}

// escaped are the bytes that programs escape in quoted-printable (RFC 2045 section 6.7): no letters and digits,
// but for an "F" that begins a line with "From", and no controls that texts do not have.
var escaped = func() (t [256]bool) {
	for i := range t {
		c := byte(i)
		t[i] = c >= ' ' && !isAlnum(c) || c == 'F' || c == '\t' || c == '\r' || c == '\n'
	}
	return t
}()

func isUpperHex(c byte) bool { return isDigit(c) || c >= 'A' && c <= 'F' }

// wrapsParam reports whether a line ends in a URL's parameter, up to the "=".
func wrapsParam(s string) bool {
	for line := range strings.Lines(s) {
		if before, ok := strings.CutSuffix(strings.TrimRight(line, "\r\n"), "="); ok && endsInName(before) {
			return true
		}
	}
	return false
}

// endsInName reports whether a text ends in the name of a URL's parameter.
func endsInName(s string) bool {
	name := strings.LastIndexAny(s, "?&") + 1
	return name > 0 && all(s[name:], isToken)
}

// unfold joins the lines of an iCalendar text that nobody unfolded (RFC 5545, 3.1): all lines that
// a blank continues are full, and none is longer. Anything less would glue a paragraph's indented
// next line to a meeting's number and so make another number.
func unfold(s string) string {
	if !folded(s) {
		return s
	}
	var b strings.Builder
	length, ending := 0, ""
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		more := isMore(text) && length > 0
		if length = len(text); more {
			text = text[1:]
		} else {
			b.WriteString(ending)
		}
		b.WriteString(text)
		ending = line[len(strings.TrimRight(line, "\r\n")):]
	}
	return b.String() + ending
}

// isMore reports whether a line goes on with the one before it.
func isMore(line string) bool { return line != "" && (line[0] == ' ' || line[0] == '\t') }

// folded reports whether there are lines that go on in the next, each of them full, and none is longer.
func folded(s string) bool {
	const shortest, longest = 72, 76 // 75, but some count the CR, and no character is cut in two
	more := false
	for _, begin := range []string{"\n ", "\n\t"} {
		i := strings.Index(s, begin)
		if i > 1 {
			if before := i - 1 - strings.LastIndexByte(s[:i], '\n'); before > 1 && before < shortest {
				return false // most texts with indented lines end here
			}
		}
		more = more || i >= 0
	}
	if !more {
		return false
	}
	length := 0
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		if len(text) > longest || length > 0 && length < shortest && isMore(text) {
			return false
		}
		length = len(text)
	}
	return true
}
