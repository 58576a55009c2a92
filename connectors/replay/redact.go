package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Redactor replaces what belongs to real people and companies by pseudonyms, and secrets by
// placeholders. It is deterministic: the same value becomes the same pseudonym, numbered in the order of
// appearance, so that structure and equality survive; and a pseudonym is made from its number alone, so
// that nobody finds the value by trying. Texts in which all domains are example ones keep their words;
// their secrets go all the same.
//
// It is used in two rounds: all texts are given to Learn, then each to Redact.
type Redactor struct {
	strange bool              // some domain is somebody's
	tame    bool              // some address is an example
	domains map[string]bool   // registered by somebody
	apis    map[string]bool   // hosts that requests went to
	indices map[string]int    // of a kind and a value
	counts  map[string]int    // of a kind
	shapes  map[string]string // by value
	taken   map[string]bool   // the values of shapes
	known   *regexp.Regexp    // any of domains; nil: to be made
}

// NewRedactor knows nothing yet.
func NewRedactor() *Redactor {
	return &Redactor{domains: map[string]bool{}, apis: map[string]bool{}, indices: map[string]int{}, counts: map[string]int{}, shapes: map[string]string{}, taken: map[string]bool{}}
}

var (
	// An address, perhaps in a URL: escapes before it (%27), local part, "@", domain.
	address = regexp.MustCompile(`((?:%(?:25)*[0-9A-Fa-f]{2})*)([\pL\pN_+](?:[\pL\pN_.+'-]|%2[Bb7])*)(@|%(?:25)*40)([\pL\pN-]+(?:\.[\pL\pN-]+)*\.[\pL][\pL\pN-]+)`)
	webURL  = regexp.MustCompile(`(?i)\b(?:https?|zoommtg|zoomus|msteams|webex|wbx)://[!#-&(-;=?-\[\]-~]+`)
	// A link without its scheme, as locations and labels have it.
	bareURL = regexp.MustCompile(`(?i)\b(?:[a-z0-9-]+\.)*(?:zoom\.us|zoomgov\.com|webex\.com|teams\.microsoft\.com|teams\.live\.com|meet\.google\.com)/[!#-&(-;=?-\[\]-~]+`)
	phone   = regexp.MustCompile(`\+\d[\d ().-]{6,}\d`)
	uuid    = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
	moment  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$|^\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?$`)
	// What a subscription is to, and the requests of a batch.
	resource = regexp.MustCompile(`/?(?:v1\.0/|calendar/v3/)?(?:me|users|groups|calendars|subscriptions)(?:/[^\s]*)?`)
	unseen   = regexp.MustCompile(`\p{Cf}`) // zero width and direction: mail programs put them into links
	quoted   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	codes    = regexp.MustCompile(`\d+`)
	digits   = regexp.MustCompile(`\d{6,}`)
)

// secrets are values that open something, wherever they stand.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{12,}`),
	regexp.MustCompile(`(?i)("(?:access_token|refresh_token|id_token|client_secret|assertion|client_assertion|signature|clientState|private_key|secret|token)"\s*:\s*")(?:[^"\\]|\\.)+`),
	regexp.MustCompile(`(?i)([?&](?:access_token|oauth_token|id_token|refresh_token|client_secret|assertion|key)=)[^&#\s"'<>]+`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----`),
}

// passing are what Graph numbers and dates its errors with. They differ each time.
var passing = regexp.MustCompile(`("(?:request-id|client-request-id)"\s*:\s*")[^"]*`)
var passingDate = regexp.MustCompile(`("inner[eE]rror"\s*:\s*\{[^{}]*"date"\s*:\s*")[^"]*`)

// Learn looks through a text before anything is redacted: a URL by itself, which then counts as one
// that requests are sent to, or a body.
func (r *Redactor) Learn(s string) {
	if m := webURL.FindString(s); m != "" && m == s {
		r.apis[hostOf(s)] = true
	}
	r.learn("", s)
	if v, err := parse(s); err == nil {
		r.learnJSON("", v)
	}
}

func (r *Redactor) learnJSON(field string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			r.learn("", k)
			r.learnJSON(k, e)
		}
	case []any:
		for _, e := range v {
			r.learnJSON(field, e)
		}
	case string:
		r.learn(field, v)
	}
}

func (r *Redactor) learn(field, s string) {
	domain := func(d string, strange bool) {
		if strange {
			r.strange, r.known = true, nil
			if _, registered := company(strings.ToLower(d)); !below(d, providerDomains) {
				r.domains[registered] = true
			}
		}
	}
	for _, t := range append(decodings(s), s) {
		for _, m := range address.FindAllStringSubmatch(t, -1) {
			domain(m[4], strangeAddress(m[4]))
			r.tame = r.tame || below(m[4], exampleDomains)
			// People at Google have such addresses too. Where it is no UID, it is somebody's.
			if strings.EqualFold(m[4], "google.com") && field != "" && fields[field] != uid && fields[field] != id {
				r.strange = true
			}
		}
		for _, u := range append(webURL.FindAllString(t, -1), bareURL.FindAllString(t, -1)...) {
			if h := hostOf(u); !r.apis[h] {
				domain(h, strange(h))
			}
		}
	}
}

// asIs reports whether words may stay.
func (r *Redactor) asIs() bool { return r.tame && !r.strange }

// Redact is a URL, or a body, as it may be written down. JSON stays JSON, with sorted names where
// anything had to be replaced.
func (r *Redactor) Redact(s string) string {
	for _, re := range secrets {
		s = re.ReplaceAllString(s, "${1}redacted")
	}
	s = passing.ReplaceAllString(s, "${1}00000000-0000-0000-0000-000000000000")
	s = passingDate.ReplaceAllString(s, "${1}2026-01-01T00:00:00")
	if r.asIs() || strings.TrimSpace(s) == "" {
		return s
	}
	if webURL.FindString(s) == s {
		return r.url(s)
	}
	v, err := parse(s)
	if err != nil {
		// Nobody can say which words of it are people's.
		if redacted := r.words(text, s); strings.HasPrefix(strings.TrimSpace(s), "<") {
			return "<p>" + redacted + "</p>\n"
		} else {
			return redacted + "\n"
		}
	}
	return writable(encode(r.value("", "", v), "  "))
}

// parse reads an object or a list, and nothing behind it.
func parse(s string) (any, error) {
	if s = strings.TrimSpace(s); !strings.HasPrefix(s, "{") && !strings.HasPrefix(s, "[") {
		return nil, errors.New("no JSON")
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func encode(v any, indent string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil { // it came from a decoder
		panic(err)
	}
	return b.String()
}

// value is a value of JSON, in the field of an object that is the value of parent.
func (r *Redactor) value(parent, field string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) { // pseudonyms are numbered in a fixed order
			name := r.plain(k)
			if chosenNames[field] && fields[k] == unknown && !strings.HasPrefix(k, "@odata.") {
				name = r.name("key", k)
			}
			out[name] = r.value(field, k, v[k])
		}
		return out
	case []any:
		for i := range v {
			v[i] = r.value(parent, field, v[i])
		}
		return v
	case string:
		return r.field(ruleOf(parent, field), v)
	case json.Number:
		switch rule := ruleOf(parent, field); {
		case rule == zero:
			return json.Number("0")
		case rule == code, rule == secret, rule == unknown && digits.MatchString(v.String()):
			return json.Number(r.shape(v.String()))
		}
	}
	return v
}

func (r *Redactor) field(rule rule, s string) string {
	if s == "" {
		return s
	}
	switch rule {
	case keep:
		return r.unlessHiding(r.plain(s))
	case title, person, place, text:
		return r.words(rule, s)
	case prose:
		s = quoted.ReplaceAllStringFunc(s, func(q string) string { return q[:1] + r.whole(q[1:len(q)-1]) + q[:1] })
		return digits.ReplaceAllStringFunc(r.plain(s), r.shape)
	case secret:
		return r.secret(s)
	case code:
		return r.shape(s)
	case uid:
		return r.uid(s)
	case id:
		switch {
		case address.MatchString(s), uuid.MatchString(s):
			return r.plain(s)
		case strings.HasPrefix(s, "_"):
			return r.eventID(s)
		}
		return r.unlessHiding(r.plain(s))
	}
	return r.whole(s)
}

// whole is a value that is all of one thing, whatever it may be.
func (r *Redactor) whole(s string) string {
	scheme, rest, hasScheme := strings.Cut(s, ":")
	switch {
	case s == "", s == "true", s == "false", moment.MatchString(s), len(s) < 6 && strings.Trim(s, "0123456789") == "":
		return s
	case thread.MatchString(s):
		return r.segment("", s)
	case address.FindString(s) == s, uuid.FindString(s) == s, webURL.FindString(s) == s:
		return r.plain(s)
	case bareURL.FindString(s) == s:
		return strings.TrimPrefix(r.url("https://"+s), "https://")
	case hasScheme && (scheme == "tel" || scheme == "sip" || scheme == "sips" || scheme == "mailto"):
		return scheme + ":" + r.number(rest)
	case phone.FindString(s) == s:
		return r.number(s)
	case resource.FindString(s) == s:
		return r.apiTail(s)
	}
	return r.words(unknown, s)
}

// number is what a telephone is told: a number, an address, then perhaps codes.
func (r *Redactor) number(s string) string {
	if address.MatchString(s) {
		return r.plain(s)
	}
	i := strings.IndexAny(s, ",;#xp")
	if i < 0 {
		i = len(s)
	}
	dialled := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s[:i])
	return fmt.Sprintf("+1-555-01%02d", r.index("phone", dialled)%100) + codes.ReplaceAllStringFunc(s[i:], r.shape)
}

// words is the pseudonym of what people wrote. Its links are kept, in pseudonyms: they are what is
// looked for.
func (r *Redactor) words(rule rule, s string) string {
	if products[s] {
		return s
	}
	if address.FindString(s) == s {
		return r.plain(s)
	}
	prefix := ""
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok && rule == title {
			prefix, s = p, rest
		}
	}
	s = unseen.ReplaceAllString(s, "")
	markup := strings.Contains(s, "<")
	var links []string
	rest := webURL.ReplaceAllStringFunc(s, func(u string) string {
		u, _ = trimmed(u)
		if markup {
			u = strings.ReplaceAll(u, "&amp;", "&")
		}
		if u = r.url(u); markup {
			u = strings.ReplaceAll(u, "&", "&amp;")
		}
		links = append(links, u)
		return ""
	})
	for _, u := range bareURL.FindAllString(rest, -1) {
		u, _ = trimmed(u)
		links = append(links, strings.TrimPrefix(r.url("https://"+u), "https://"))
	}
	if len(links) == 1 && strings.TrimSpace(rest) == "" {
		return prefix + links[0]
	}
	return prefix + strings.Join(append([]string{r.name(kinds[rule], s)}, links...), " ")
}

// plain replaces addresses, links, telephone numbers and known domains in a text.
func (r *Redactor) plain(s string) string {
	s = webURL.ReplaceAllStringFunc(s, func(u string) string {
		u, end := trimmed(u)
		return r.url(u) + end
	})
	s = address.ReplaceAllStringFunc(s, r.address)
	s = phone.ReplaceAllStringFunc(s, r.number)
	return r.domainsIn(uuid.ReplaceAllStringFunc(s, r.guid))
}

// domainsIn replaces the domains that are known to be somebody's.
func (r *Redactor) domainsIn(s string) string {
	if r.known == nil {
		var any []string
		for _, d := range slices.Sorted(maps.Keys(r.domains)) {
			any = append(any, regexp.QuoteMeta(d))
		}
		r.known = regexp.MustCompile(`(?i)(?:[\pL\pN-]+\.)*\b(?:` + strings.Join(any, "|") + `)`)
	}
	if len(r.domains) == 0 {
		return s
	}
	return r.known.ReplaceAllStringFunc(s, r.host)
}

// unlessHiding is s, or a pseudonym if there is somebody's address in it in another form: tokens are
// base64 of who knows what.
func (r *Redactor) unlessHiding(s string) string {
	for _, t := range decodings(s) {
		if r.domainsIn(t) != t || slices.ContainsFunc(address.FindAllStringSubmatch(t, -1), func(m []string) bool { return strangeAddress(m[4]) }) {
			return r.shape(s)
		}
	}
	return s
}

// name is the pseudonym of a value.
func (r *Redactor) name(kind, value string) string {
	if kind[0] >= 'A' && kind[0] <= 'Z' {
		return fmt.Sprintf("%s %d", kind, r.index(kind, value))
	}
	return fmt.Sprintf("%s%d", kind, r.index(kind, value))
}

// index is the value's place among those of its kind, from 1.
func (r *Redactor) index(kind, value string) int {
	k := kind + "\x00" + value
	n, ok := r.indices[k]
	if !ok {
		r.counts[kind]++
		n = r.counts[kind]
		r.indices[k] = n
	}
	return n
}
