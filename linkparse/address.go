package linkparse

import (
	"iter"
	"strings"
)

// An address is a URL cut into what the tables ask for. It is stricter than net/url on purpose: parsers
// disagree on user names, backslashes and escapes in the authority (WHATWG reads
// https://evil.example\@zoom.us/ as evil.example, RFC 3986 as zoom.us), and where parsers disagree, phish lives.
type address struct {
	host string // lower-case, without the default port
	rest string // path, query and fragment as they stood
}

// maxURL is the length of the longest URL that is looked at. Gateways nest: five of them around a
// Teams link make 3 KiB.
const maxURL = 8 << 10

// schemes say how the URLs of a scheme become addresses. What no row names is no link.
var schemes = map[string]func(rest string) (address, bool){
	"https":   webAddress,
	"http":    webAddress,
	"zoommtg": zoomAppAddress,
	"zoomus":  zoomAppAddress,
	"msteams": teamsAppAddress,
}

// parse cuts an absolute URL.
func parse(raw string) (address, bool) {
	scheme, rest, ok := strings.Cut(raw, ":")
	if !ok || len(raw) > maxURL {
		return address{}, false
	}
	if cut := schemes[scheme]; cut != nil {
		return cut(rest)
	}
	if cut := schemes[strings.ToLower(scheme)]; cut != nil {
		return cut(rest)
	}
	return address{}, false
}

func webAddress(rest string) (address, bool) {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return address{}, false
	}
	for { // https://https://…: typed behind what a form had put there
		again, ok := cutScheme(rest)
		if !ok {
			break
		}
		rest = again
	}
	end := 0
	for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
		end++
	}
	host, port, ported := strings.Cut(rest[:end], ":")
	if ported && port != "" && port != "443" && port != "80" || !validHost(host) {
		return address{}, false
	}
	return address{strings.ToLower(host), rest[end:]}, true
}

// cutScheme cuts http:// or https:// off, in any case.
func cutScheme(s string) (string, bool) {
	for _, scheme := range []string{"https://", "http://"} {
		if hasPrefixFold(s, scheme) {
			return s[len(scheme):], true
		}
	}
	return s, false
}

// validHost reports whether a host is a plain DNS name. Internationalised names are refused: no provider
// or gateway has one, look-alikes do. It is asked before the case is changed, which makes a "k" of U+212A.
func validHost(host string) bool {
	if len(host) > 253 || !strings.Contains(host, ".") {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || hasPrefixFold(label, "xn--") {
			return false
		}
	}
	for i := range len(host) {
		if !isHostByte(host[i]) {
			return false
		}
	}
	return true
}

func isHostByte(c byte) bool { return isAlnum(c) || c == '-' || c == '.' }

func (a address) path() string {
	for i := range len(a.rest) {
		if c := a.rest[i]; c == '?' || c == '#' {
			return a.rest[:i]
		}
	}
	return a.rest
}

func (a address) query() string {
	before, _, _ := strings.Cut(a.rest, "#")
	_, query, _ := strings.Cut(before, "?")
	return query
}

func (a address) fragment() string {
	_, fragment, _ := strings.Cut(a.rest, "#")
	return fragment
}

// segments are the path's parts, without empty ones at its end.
func (a address) segments() []string {
	path := strings.Trim(a.path(), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// param is the first value of a query parameter that is not empty, still escaped. Names are compared
// without case: Outlook writes url= and URL=.
func (a address) param(name string) string { return param(a.query(), name) }

func param(query, name string) string {
	for pair := range strings.SplitSeq(query, "&") {
		if n, v, _ := strings.Cut(pair, "="); v != "" && strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// unescape undoes percent-encoding once and leaves alone what is none: a cut tail must not cost the
// link.
func unescape(s string) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// escape percent-encodes as Microsoft does: lower-case hex, everything but letters, digits and "-_.".
func escape(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		if c := s[i]; isToken(c) || c == '.' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func isAlnum(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
func isToken(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// run is the longest prefix of s of bytes that are ok.
func run(s string, ok func(byte) bool) string {
	for i := range len(s) {
		if !ok(s[i]) {
			return s[:i]
		}
	}
	return s
}

// all reports whether s is not empty and all of its bytes are ok.
func all(s string, ok func(byte) bool) bool { return s != "" && len(run(s, ok)) == len(s) }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// A hostTable finds rows by host: a name is exact, ".name" stands for all names below it.
type hostTable[T any] map[string][]T

// at gives the rows for a host, the exact ones first, then those of its parents.
func (t hostTable[T]) at(host string) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range len(host) {
			if i > 0 && host[i] != '.' {
				continue
			}
			for _, row := range t[host[i:]] {
				if !yield(row) {
					return
				}
			}
		}
	}
}

// pointers are those to the elements: rows are looked at for every URL, and not copied.
func pointers[T any](rows []T) []*T {
	all := make([]*T, len(rows))
	for i := range rows {
		all[i] = &rows[i]
	}
	return all
}

// byHost makes a table of rows that name their hosts.
func byHost[T any](rows []T, hosts func(T) []string) hostTable[T] {
	t := hostTable[T]{}
	for _, row := range rows {
		for _, host := range hosts(row) {
			t[host] = append(t[host], row)
		}
	}
	return t
}
