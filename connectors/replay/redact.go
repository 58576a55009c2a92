package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Redactor replaces what belongs to real people and companies by pseudonyms, and secrets by
// placeholders. It is deterministic: the same value becomes the same pseudonym, numbered in the order of
// appearance, so that structure and equality survive. Text in which every address is of an example
// domain keeps its words; its secrets go all the same.
type Redactor struct {
	foreign bool              // some address is of a real domain
	names   map[string]string // kind and value to pseudonym
	counts  map[string]int
}

// NewRedactor knows nothing yet.
func NewRedactor() *Redactor { return &Redactor{names: map[string]string{}, counts: map[string]int{}} }

var (
	address = regexp.MustCompile(`[\pL\pN._%+'-]+(?:@|%40)[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
	webURL  = regexp.MustCompile(`https?://[^\s"'<>\\]+`)
	phone   = regexp.MustCompile(`\+\d[\d ().-]{6,}\d`)
)

// secrets are values that open something, wherever they stand.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{12,}`),
	regexp.MustCompile(`(?i)("(?:access_token|refresh_token|id_token|client_secret|assertion|client_assertion|signature|clientState|private_key)"\s*:\s*")[^"]+`),
	regexp.MustCompile(`()eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----`),
}

// words are the JSON keys whose values people wrote, with the pseudonym's kind.
var words = map[string]string{
	"summary": "Title", "subject": "Title", "title": "Title", "summaryOverride": "Title",
	"displayName": "Name", "name": "Name", "givenName": "Name", "familyName": "Name", "fullName": "Name", "surname": "Name",
	"description": "Text", "content": "Text", "bodyPreview": "Text", "notes": "Text", "comment": "Text", "location": "Place",
	"street": "Place", "city": "Place", "postalCode": "Place", "label": "Label",
}

// codes are the JSON keys whose values open or identify a call.
var codes = []string{"pin", "passcode", "password", "accessCode", "meetingCode", "regionCode", "conferenceId", "tollNumber", "webLink", "htmlLink", "etag", "@odata.etag", "changeKey"}

// exampleDomains are free to stand in fixtures: reserved names (RFC 2606, RFC 6761) and the domains of
// the made-up company and its customers.
var exampleDomains = []string{"example", "test", "invalid", "localhost", "example.com", "example.org", "example.net", "acme.com", "acme.co.uk", "globex.com"}

// providerDomains are hosts of services, not of anybody's company.
var providerDomains = []string{
	"google.com", "googleapis.com", "microsoft.com", "microsoftonline.com", "live.com", "cloud.microsoft", "microsoft.us",
	"outlook.com", "office.com", "office365.us", "zoom.us", "zoomgov.com", "zoom.com.cn", "webex.com", "urldefense.com",
	"proofpoint.com", "mimecast.com", "mimecastprotect.com", "schemas.microsoft.com",
}

func below(domain string, list []string) bool {
	domain = strings.ToLower(domain)
	return slices.ContainsFunc(list, func(d string) bool { return domain == d || strings.HasSuffix(domain, "."+d) })
}

func split(addr string) (local, domain string) {
	local, domain, ok := strings.Cut(addr, "@")
	if !ok {
		local, domain, _ = strings.Cut(addr, "%40")
	}
	return local, domain
}

// Learn looks through a text before anything is redacted.
func (r *Redactor) Learn(text string) {
	for _, a := range address.FindAllString(text, -1) {
		if _, domain := split(a); !below(domain, exampleDomains) && !below(domain, providerDomains) && !below(domain, identifierDomains) {
			r.foreign = true
		}
	}
}

// Redact is the text as it may be written down. JSON stays JSON, with sorted keys where anything had
// to be replaced.
func (r *Redactor) Redact(text string) string {
	for _, s := range secrets {
		text = s.ReplaceAllString(text, "${1}redacted")
	}
	if !r.foreign {
		return text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return r.plain(text)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(r.value("", v)) != nil {
		return r.plain(text)
	}
	return b.String()
}

func (r *Redactor) value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) { // pseudonyms are numbered in a fixed order
			out[r.plain(k)] = r.value(k, v[k])
		}
		return out
	case []any:
		for i := range v {
			v[i] = r.value(key, v[i])
		}
		return v
	case string:
		return r.text(key, v)
	}
	return v
}

func (r *Redactor) text(key, s string) string {
	if s == "" {
		return s
	}
	if kind, ok := words[key]; ok {
		// Of what people wrote, the links are what a connector's successors look for.
		kept := []string{r.name(kind, s)}
		for _, u := range webURL.FindAllString(s, -1) {
			kept = append(kept, r.url(u))
		}
		return strings.Join(kept, " ")
	}
	if slices.Contains(codes, key) && !strings.HasPrefix(s, "http") {
		return scramble(s)
	}
	return r.plain(s)
}

// plain replaces addresses, links and phone numbers in a text.
func (r *Redactor) plain(s string) string {
	s = webURL.ReplaceAllStringFunc(s, r.url)
	s = address.ReplaceAllStringFunc(s, r.address)
	return phone.ReplaceAllStringFunc(s, func(p string) string { return "+1-555-01" + scramble(lastDigits(p, 2)) })
}

func lastDigits(s string, n int) string {
	digits := regexp.MustCompile(`\D`).ReplaceAllString(s, "")
	return digits[max(0, len(digits)-n):]
}

func (r *Redactor) address(a string) string {
	local, domain := split(a)
	if below(domain, identifierDomains) { // a Teams thread in a link, which url has seen to
		return a
	}
	if below(domain, exampleDomains) || below(domain, providerDomains) {
		if below(domain, providerDomains) { // UIDs and group calendars: the part before it is an id
			return scramble(local) + "@" + domain
		}
		return a
	}
	at := "@"
	if !strings.Contains(a, "@") {
		at = "%40"
	}
	return r.name("user", strings.ToLower(a)) + at + r.name("company", strings.ToLower(domain)) + ".example"
}

// url keeps the host of a provider, and the shape of the rest.
func (r *Redactor) url(u string) string {
	scheme, rest, _ := strings.Cut(u, "://")
	host, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, tail = rest[:i], rest[i:]
	}
	switch {
	case below(host, exampleDomains):
	case slices.Contains(apiHosts, host): // requests must stay what they were, but for addresses
		return scheme + "://" + host + address.ReplaceAllStringFunc(tail, r.address)
	case below(host, providerDomains):
		for _, d := range []string{"zoom.us", "webex.com", "zoomgov.com"} {
			if label, vanity := strings.CutSuffix(host, "."+d); vanity {
				host = r.name("site", label) + "." + d
			}
		}
	default:
		host = r.name("company", host) + ".example"
	}
	return scheme + "://" + host + scrambleURL(tail)
}

var apiHosts = []string{"www.googleapis.com", "graph.microsoft.com", "admin.googleapis.com", "calendar.googleapis.com"}

// name is the pseudonym of a value.
func (r *Redactor) name(kind, value string) string {
	k := kind + "\x00" + value
	if n, ok := r.names[k]; ok {
		return n
	}
	r.counts[kind]++
	n := fmt.Sprintf("%s%d", kind, r.counts[kind])
	if kind[0] >= 'A' && kind[0] <= 'Z' {
		n = fmt.Sprintf("%s %d", kind, r.counts[kind])
	}
	r.names[k] = n
	return n
}

// steady are the parts of a path that say what kind of link it is.
var steady = []string{"j", "my", "w", "s", "wc", "join", "meet", "l", "meetup-join", "j.php", "url", "v2", "v3", "lookup", "0"}

// scrambleURL scrambles path segments and values, and leaves names alone.
func scrambleURL(tail string) string {
	path, query, hasQuery := strings.Cut(tail, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		switch id, suffix, thread := strings.Cut(s, "%40thread."); {
		case slices.Contains(steady, s):
		case thread: // 19%3ameeting_ID%40thread.v2
			kind, id, ok := strings.Cut(id, "_")
			if !ok {
				kind, id = "19%3a", kind
			} else {
				kind += "_"
			}
			segments[i] = kind + scramble(id) + "%40thread." + suffix
		default:
			segments[i] = scramble(s)
		}
	}
	tail = strings.Join(segments, "/")
	if hasQuery {
		pairs := strings.Split(query, "&")
		for i, p := range pairs {
			name, value, ok := strings.Cut(p, "=")
			switch {
			case ok && name == "context": // of a Teams link: JSON with two ids in it
				pairs[i] = name + "=" + uuid.ReplaceAllStringFunc(value, scrambleHex)
			case ok:
				pairs[i] = name + "=" + scramble(value)
			}
		}
		tail += "?" + strings.Join(pairs, "&")
	}
	return tail
}

var uuid = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// scrambleHex changes hexadecimal digits to decimal ones.
func scrambleHex(s string) string {
	return scramble(regexp.MustCompile(`[a-fA-F]`).ReplaceAllString(s, "7"))
}

// scramble changes letters to letters and digits to digits, by the whole of s. Escapes (%3A) stay.
func scramble(s string) string {
	h := fnv.New64a()
	h.Write([]byte("syncd tape " + s))
	seed := h.Sum64()
	b := []byte(s)
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			i += 2
			continue
		}
		seed = seed*6364136223846793005 + 1442695040888963407
		n := byte(seed >> 56)
		switch c := b[i]; {
		case c >= '1' && c <= '9':
			b[i] = '1' + n%9
		case c >= 'a' && c <= 'z':
			b[i] = 'a' + n%26
		case c >= 'A' && c <= 'Z':
			b[i] = 'A' + n%26
		case c >= 0x80:
			b[i] = 'x'
		}
	}
	return string(b)
}
