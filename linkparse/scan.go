package linkparse

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A scanner finds URLs in text. It goes from slash to slash, so text without any costs next to nothing,
// and never looks at a byte more often than a constant number of times.
type scanner struct {
	s     string
	hosts []string // hosts whose URLs are found without a scheme, beside those of the tables
	pos   int      // where to look on
	floor int      // the end of the last URL; nothing of it is read again
}

// next gives the next URL, absolute, and the offset at which it stands.
func (c *scanner) next() (url string, from int, ok bool) {
	for {
		i := strings.IndexByte(c.s[c.pos:], '/')
		if i < 0 {
			return "", 0, false
		}
		i += c.pos
		c.pos = i + 1
		from, bare := c.start(i)
		if from < 0 {
			continue
		}
		raw, end := urlAt(c.s, from)
		inside := !bare && c.inside(from)
		c.floor = max(end, c.pos)
		c.pos = c.floor
		if inside {
			continue
		}
		if bare {
			raw = "https://" + raw
		}
		return raw, from, true
	}
}

// start gives the offset of the URL whose first slash is at i, and whether it has no scheme. It is -1 if
// there is none.
func (c *scanner) start(i int) (from int, bare bool) {
	if i > c.floor && c.s[i-1] == ':' {
		j := i - 1
		for j > c.floor && isAlnum(c.s[j-1]) && i-j <= len("msteams:") {
			j--
		}
		word := c.s[j : i-1]
		double := strings.HasPrefix(c.s[i:], "//")
		// Text may be glued to the scheme: "Meeting\nhttps://" with the escape left in.
		for _, scheme := range []string{"https", "http", "zoommtg", "zoomus", "msteams"} {
			if len(word) >= len(scheme) && strings.EqualFold(word[len(word)-len(scheme):], scheme) && (double || scheme == "msteams") {
				return i - 1 - len(scheme), false
			}
		}
		return -1, false
	}
	j := i
	for j > c.floor && isHostByte(c.s[j-1]) && i-j < 254 {
		j--
	}
	from = j + len(run(c.s[j:i], func(b byte) bool { return b == '-' })) // a list's dash, no host's
	if !strings.Contains(c.s[from:i], ".") || !startsBare(c.s[:j]) || !known(c.s[from:i], c.hosts) {
		return -1, false
	}
	return from, true
}

// startsBare reports whether a URL without a scheme may begin behind before: blanks, brackets, quotation
// marks, bullets, what separates a list. Not behind "@": that is an address. Not behind letters of other
// alphabets: those are look-alikes.
func startsBare(before string) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	if r <= unicode.MaxASCII {
		return before == "" || strings.ContainsRune(" \t\r\n([{<>,;|\"'*", r)
	}
	const wideAt = '\uff20'
	return r != wideAt && (unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r))
}

// known reports whether the tables, or more, have the host.
func known(host string, more []string) bool {
	host = strings.ToLower(host)
	for range providersByHost.at(host) {
		return true
	}
	for range gatewaysByHost.at(host) {
		return true
	}
	return isGoogle(host) || slices.Contains(more, host)
}

// inside reports whether the URL at from is a part of another one that has no scheme, as in
// evil.example/?u=https://….
func (c *scanner) inside(from int) bool {
	if from == c.floor || strings.IndexByte("=/?&#%", c.s[from-1]) < 0 {
		return false
	}
	first := -1 // where the word's path, query or fragment begins
	j := from - 1
	for ; j >= c.floor && !ends[c.s[j]]; j-- {
		if c.s[j] == '/' || c.s[j] == '?' || c.s[j] == '#' {
			first = j
		}
	}
	// "Room4/https://…" is a list: a host has a dot.
	return first >= 0 && (first < from-1 || strings.Contains(c.s[j+1:first], "."))
}

// ends are the bytes that end a URL in text: blanks and controls, what no URL has unescaped, and every
// byte of other alphabets, so that glued Japanese, emoji and guillemets need no list.
var ends = func() (t [256]bool) {
	for i := range t {
		t[i] = i <= ' ' || i >= 0x7f || strings.IndexByte("<>\"\\`|", byte(i)) >= 0
	}
	return t
}()

// urlAt gives the URL that begins at from, without the punctuation behind it, and the offset of its
// end in the text.
func urlAt(s string, from int) (url string, end int) {
	wrapped := from > 0 && s[from-1] == '<'
	i, query := from, false
	for i < len(s) {
		if ends[s[i]] {
			if wrapped && (s[i] == '\n' || s[i] == '\r') {
				if joined, end, ok := joinLines(s, from, i); ok {
					return clean(joined), end
				}
			}
			break
		}
		if s[i] == '{' && strings.HasSuffix(s[from:i], "context=") {
			i += contextLength(s[i:])
			continue
		}
		if s[i] == ']' && strings.HasPrefix(s[i+1:], "(") { // Markdown's [url](url)
			break
		}
		query = query || s[i] == '?' || s[i] == '#'
		if !query && (s[i] == ',' || s[i] == ';') && isWeb(s[i+1:]) { // a list without blanks
			break
		}
		i++
	}
	if i-from > maxURL {
		return s[from:i], i
	}
	const marks = "*_"
	before := s[len(strings.TrimRight(s[max(0, from-4):from], marks))+max(0, from-4) : from]
	return clean(trimPunctuation(s[from:i], before)), i
}

// clean decodes the one entity that is left in plain text.
func clean(url string) string { return strings.ReplaceAll(url, "&amp;", "&") }

// joinLines gives the URL in <…> that was wrapped, if there is a ">" and no blank before it. The ">" that
// quotes a line is none.
func joinLines(s string, from, at int) (url string, end int, ok bool) {
	quoted := strings.HasPrefix(s[strings.LastIndexByte(s[:from], '\n')+1:], ">")
	b := []byte(s[from:at])
	for i := at; i < len(s) && i-from < maxURL; i++ {
		switch {
		case s[i] == '\n':
			for quoted && i+1 < len(s) && (s[i+1] == '>' || s[i] == '>' && s[i+1] == ' ') {
				i++
			}
		case s[i] == '>':
			return string(b), i, true
		case ends[s[i]] && s[i] != '\r':
			return "", 0, false
		case s[i] != '\r':
			b = append(b, s[i])
		}
	}
	return "", 0, false
}

// contextLength is the length of the JSON object that s begins with. Some programs write a Teams
// link's context unescaped, with quotation marks that would end the URL. It is 1 for anything else.
func contextLength(s string) int {
	const longest = 400 // an id of a tenant, one of a person, a flag
	for i := 1; i < len(s) && i < longest; i++ {
		switch {
		case s[i] == '}':
			return i + 1
		case s[i] != '"' && s[i] != ' ' && ends[s[i]]:
			return 1
		}
	}
	return 1
}

// trimPunctuation cuts off what belongs to the sentence: brackets only if they were not opened in the
// URL, emphasis only if the same mark is among those before it.
func trimPunctuation(url, before string) string {
	const brackets = "([{)]}"
	if url == "" || strings.IndexByte(".,;:!?'~)]}*_", url[len(url)-1]) < 0 {
		return url
	}
	var open [3]int
	for i := range len(url) {
		if k := strings.IndexByte(brackets, url[i]); k >= 3 {
			open[k-3]--
		} else if k >= 0 {
			open[k]++
		}
	}
	for url != "" {
		last := url[len(url)-1]
		k := strings.IndexByte(brackets, last) - 3
		switch {
		case strings.IndexByte(".,;:!?'~", last) >= 0:
		case k >= 0 && open[k] < 0:
			open[k]++
		case (last == '*' || last == '_') && strings.IndexByte(before, last) >= 0:
		default:
			return url
		}
		url = url[:len(url)-1]
	}
	return url
}
