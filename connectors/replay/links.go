package replay

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// hostOf is the host of a URL, without port and user.
func hostOf(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		rest = rest[:i]
	}
	return strings.ToLower(rest)
}

// trimmed takes the punctuation of a sentence off a link.
func trimmed(u string) (link, end string) {
	link = strings.TrimRight(u, ".,;:!?)]}*|'")
	return link, u[len(link):]
}

// unfolded is a link of a gateway that spells the original in a way of its own, written anew with the
// original's pseudonym. False: tail is no such link.
func (r *Redactor) unfolded(tail string) (string, bool) {
	if _, rest, ok := strings.Cut(tail, "/v3/__"); ok { // Proofpoint's
		m := proofpoint.FindStringSubmatch(rest)
		if m == nil {
			return "", false
		}
		inner, ok := r.wrapped(stars(m[1], m[2]))
		return "/v3/__" + oddBytes.ReplaceAllStringFunc(inner, url.QueryEscape) + "__;!" + r.shape(m[3]), ok
	}
	if before, rest, ok := strings.Cut(tail, "/___"); ok { // Check Point's
		end := strings.LastIndex(rest, "___.")
		if end < 0 {
			return "", false
		}
		inner, ok := r.wrapped(starEscape.ReplaceAllString(rest[:end], "%$1"))
		return r.tail("", before) + "/___" + inner + r.shape(rest[end:]), ok
	}
	return "", false
}

var (
	proofpoint = regexp.MustCompile(`^(.*?)__;([A-Za-z0-9_=-]*)!(.*)$`) // URL, what its stars stand for, the sender's mark
	oddBytes   = regexp.MustCompile(`[^!-)+-~]+`)                       // "*" means something here
	starEscape = regexp.MustCompile(`\*([0-9A-Fa-f]{2})`)
)

const runLengths = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// stars reads Proofpoint's spelling: "*" stands for the next of the bytes, "**C" for the next four.
func stars(s, encoded string) string {
	bytes, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		n := 1
		switch {
		case s[i] != '*':
			b.WriteByte(s[i])
			continue
		case i+2 < len(s) && s[i+1] == '*':
			n = strings.IndexByte(runLengths, s[i+2]) + 2
			i += 2
		}
		n = min(n, len(bytes))
		b.Write(bytes[:n])
		bytes = bytes[n:]
	}
	return b.String()
}

// url keeps a provider's host and the kind of the link, and changes what is special of it.
func (r *Redactor) url(u string) string {
	scheme, rest, _ := strings.Cut(u, "://")
	scheme = strings.ToLower(scheme)
	if webURL.FindString(rest) == rest && rest != "" { // https://https://…
		return scheme + "://" + r.url(rest)
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:] // no user, no password
	host, port, hasPort := strings.Cut(authority, ":")
	lower := strings.ToLower(host)
	new := r.host(host)
	if hasPort {
		new += ":" + port
	}
	new = scheme + "://" + new
	label, _, _ := vanity(lower)
	unfolded, isUnfolded := r.unfolded(tail)
	switch {
	case r.apis[lower] || below(lower, apiDomains):
		return new + r.apiTail(tail)
	case below(lower, exampleDomains) && !strings.Contains(tail, "http"):
		return new + r.domainsIn(address.ReplaceAllStringFunc(tail, r.address))
	case isUnfolded:
		return new + unfolded
	}
	return new + r.tail(label, tail)
}

// apiTail is the path and query of a request, or of a link that an API gave out to be requested. It
// stays what it is but for people, companies and the ids of events that are made from them.
func (r *Redactor) apiTail(s string) string {
	path, query, hasQuery := strings.Cut(s, "?")
	segments := strings.Split(r.domainsIn(address.ReplaceAllStringFunc(path, r.address)), "/")
	for i, seg := range segments {
		if strings.HasPrefix(seg, "_") {
			seg = r.eventID(seg)
		}
		segments[i] = r.unlessHiding(uuid.ReplaceAllStringFunc(seg, r.guid))
	}
	path = strings.Join(segments, "/")
	if !hasQuery {
		return path
	}
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			pairs[i] = r.shapeAround(p)
			continue
		}
		switch strings.TrimPrefix(name, "%24") {
		case "quotaUser", "q", "query", "search", "$search": // made from an address; somebody's words
			pairs[i] = name + "=" + r.shapeAround(value)
		case "filter", "$filter":
			value = inFilter.ReplaceAllStringFunc(value, func(q string) string {
				return r.shapeAround(q)
			})
			pairs[i] = name + "=" + r.domainsIn(value)
		case "iCalUID":
			if v, err := url.QueryUnescape(value); err == nil {
				pairs[i] = name + "=" + url.QueryEscape(r.uid(v))
			}
		default:
			pairs[i] = name + "=" + r.unlessHiding(r.domainsIn(address.ReplaceAllStringFunc(value, r.address)))
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}

// inFilter are texts in a filter of OData.
var inFilter = regexp.MustCompile(`(?:'|%27).*?(?:'|%27)`)

// tail is what follows the host of a link; label is the customer's name in the host.
func (r *Redactor) tail(label, s string) string {
	s, fragment, hasFragment := strings.Cut(s, "#")
	path, query, hasQuery := strings.Cut(s, "?")
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = r.segment(label, segments[i])
	}
	s = strings.Join(segments, "/")
	if hasQuery {
		s += "?" + r.params(query)
	}
	switch {
	case strings.HasPrefix(fragment, "/"):
		s += "#" + r.tail(label, fragment)
	case hasFragment:
		s += "#" + r.params(fragment)
	}
	return s
}

// thread is a conversation of Teams, with its escapes: 19:meeting_…@thread.v2.
var thread = regexp.MustCompile(`^(19(?::|%(?:25)*3[aA]))(meeting_)?(.+?)((?:@|%(?:25)*40)(?:thread|unq)\.[a-z0-9.]+)$`)

func (r *Redactor) segment(label, s string) string {
	m := thread.FindStringSubmatch(s)
	if i := strings.Index(strings.ToUpper(s), "%3F"); i > 0 { // a link that was escaped once too often
		if params, err := url.PathUnescape(s[i+3:]); err == nil {
			return r.segment(label, s[:i]) + "%3F" + url.QueryEscape(r.params(params))
		}
	}
	switch inner, ok := r.wrapped(s); {
	case len(s) <= 1, steady[strings.ToLower(s)]:
		return s
	case label != "" && strings.EqualFold(s, label): // Webex names its customer twice
		if plainLabel.MatchString(label) {
			return s
		}
		return r.name("site", strings.ToLower(label))
	case m != nil:
		return m[1] + m[2] + r.shape(m[3]) + m[4]
	case ok:
		return inner
	}
	return r.shapeAround(s)
}

// shapeAround is shape, but for the addresses in s.
func (r *Redactor) shapeAround(s string) string {
	var b strings.Builder
	end := 0
	for _, m := range address.FindAllStringIndex(s, -1) {
		b.WriteString(r.shape(s[end:m[0]]) + r.address(s[m[0]:m[1]]))
		end = m[1]
	}
	return b.String() + r.shape(s[end:])
}

func (r *Redactor) params(query string) string {
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			pairs[i] = r.segment("", p)
			continue
		}
		inner, isWrapped := r.wrapped(value)
		if v, err := url.PathUnescape(value); err == nil && v != value { // a link may be escaped by half
			if w, ok := r.wrapped(v); ok {
				inner, isWrapped = strings.ReplaceAll(url.QueryEscape(w), "+", "%20"), true
			}
		}
		switch lower := strings.ToLower(name); {
		case lower == "domain" || lower == "d" && strings.Contains(value, "."): // of what is behind a gateway's link
			inner = r.host(value)
		case isWrapped:
		case opensCall[lower]:
			inner = r.secret(value)
		case len(value) <= 1, value == "true", value == "false", steady[value]:
			inner = value
		case thread.MatchString(value):
			inner = r.segment("", value)
		default:
			inner = r.shapeAround(value)
		}
		pairs[i] = r.domainsIn(name) + "=" + inner
	}
	return strings.Join(pairs, "&")
}

// wrapped is a link, or JSON, in a link: as it is, escaped any number of times, in base64, or in
// Proofpoint's way. False: s is none.
func (r *Redactor) wrapped(s string) (string, bool) {
	switch {
	case strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "https://"):
		return r.url(s), true
	case strings.HasPrefix(s, "https:/"): // a URL that was taken for a path loses a slash
		return strings.Replace(r.url(strings.Replace(s, ":/", "://", 1)), "://", ":/", 1), true
	case strings.HasPrefix(s, "/") && len(s) > 1 && !strings.HasPrefix(s, "//"):
		return r.tail("", s), true
	case strings.HasPrefix(s, "{"):
		if v, err := parse(s); err == nil {
			return compact(r.value("", "", v)), true
		}
		return "", false
	case strings.HasPrefix(s, "https-3A__"), strings.HasPrefix(s, "http-3A__"):
		if inner, err := url.PathUnescape(strings.NewReplacer("-", "%", "_", "/").Replace(s)); err == nil {
			return strings.NewReplacer("-", "-2D", "_", "-5F", "%2F", "_", "%", "-").Replace(url.QueryEscape(r.url(inner))), true
		}
	}
	if strings.Contains(s, "%") {
		if inner, err := url.PathUnescape(s); err == nil && inner != s {
			if redacted, ok := r.wrapped(inner); ok {
				return strings.ReplaceAll(url.QueryEscape(redacted), "+", "%20"), true
			}
		}
	}
	for _, e := range encodings {
		if b, err := e.DecodeString(s); err == nil && len(s) > 12 && (strings.HasPrefix(string(b), "http") || strings.HasPrefix(string(b), "{")) {
			if redacted, ok := r.wrapped(string(b)); ok {
				return e.EncodeToString([]byte(redacted)), true
			}
		}
	}
	return "", false
}

func compact(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // it came from a decoder
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

var encodings = []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding}

// base64Run is a stretch of base64 or hexadecimal; mails break it into lines.
var base64Run = regexp.MustCompile(`(?:[A-Za-z0-9+/]{60,}\r?\n)+[A-Za-z0-9+/]{2,}={0,2}|[A-Za-z0-9+/_-]{16,}={0,2}`)

// folds are where a calendar's text breaks its lines.
var folds = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "")

// decodings are the texts that stand in s in base64 or hexadecimal.
func decodings(s string) []string {
	var found []string
	for _, m := range base64Run.FindAllString(s, -1) {
		if b, err := hex.DecodeString(m); err == nil {
			found = append(found, strings.ToValidUTF8(string(b), " "))
		}
		m = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(strings.TrimRight(m, "="))
		m = m[:len(m)-len(m)%4+[]int{0, 0, 2, 3}[len(m)%4]]
		if b, err := base64.RawStdEncoding.DecodeString(m); err == nil && looksLikeText(b) {
			found = append(found, folds.Replace(strings.ToValidUTF8(string(b), " ")))
		}
	}
	return found
}

// looksLikeText reports whether b has a stretch that somebody may have written.
func looksLikeText(b []byte) bool {
	n := 0
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c >= utf8.RuneSelf {
			n = 0
		} else if n++; n >= 8 {
			return true
		}
	}
	return false
}
