package linkparse

import (
	"slices"
	"strings"
)

type resultKind int

const (
	isNothing resultKind = iota // no URL of the web
	isForeign                   // a URL that leads to no meeting
	isMeeting
	isOpaque
)

// A result is what is known of one URL.
type result struct {
	kind    resultKind
	meeting meeting
	opaque  Opaque
	url     string   // of an opaque link: where decoding ended
	labels  []string // of an opaque link: the gateways so far, outermost first
}

// resolve unwraps a URL and reads what is inside.
func (f *finder) resolve(url string) result {
	u := f.unwrap(url)
	switch {
	case u.opaque != nil:
		return result{kind: isOpaque, opaque: *u.opaque, url: u.url, labels: u.labels}
	case !u.ok && len(u.labels) == 0 && !isWeb(url):
		return result{}
	case !u.ok:
		return result{kind: isForeign}
	}
	m, ok := readConsent(u.at, f.consent)
	if !ok {
		m, ok = readMeeting(u.at)
	}
	if !ok {
		return result{kind: isForeign}
	}
	m.link.WrappedBy = u.labels
	return result{kind: isMeeting, meeting: m}
}

// An unwrapped URL is what is left when all gateways are taken off.
type unwrapped struct {
	url    string
	at     address // of the URL, if ok
	ok     bool
	labels []string // the gateways, outermost first
	opaque *Opaque  // if one of them can't be undone, whose link url then is
}

// unwrap takes off all gateways. Each decodes exactly once what it has encoded; nothing is decoded on
// hosts that the table does not have.
func (f *finder) unwrap(url string) unwrapped {
	u := unwrapped{url: url}
	var seen []string
	for {
		f.steps++
		if u.at, u.ok = parse(u.url); !u.ok {
			return u
		}
		g := gatewayOf(u.at)
		if g == nil {
			return u
		}
		u.labels = append(u.labels, g.label)
		inner := ""
		if g.target != nil {
			inner = strings.ReplaceAll(strings.TrimSpace(g.target(u.at)), "&amp;", "&")
		}
		if hasPrefixFold(inner, "http%3a") || hasPrefixFold(inner, "https%3a") {
			inner = unescape(inner) // Cisco's gateway encodes twice at times
		}
		if inner == "" {
			u.opaque = &Opaque{g.label, g.domain(u.at)}
			return u
		}
		if seen = append(seen, u.url); len(u.labels) > maxDepth || slices.Contains(seen, inner) {
			return unwrapped{labels: u.labels, opaque: &Opaque{u.labels[0], ""}}
		}
		if !isWeb(inner) { // javascript:, mailto:
			return unwrapped{labels: u.labels}
		}
		u.url = inner
	}
}

func isWeb(url string) bool {
	_, ok := cutScheme(url)
	return ok
}

// webURL makes an absolute URL of what stands in an href: people leave out the scheme, and browsers
// take "//host/…" for one without.
func (f *finder) webURL(href string) string {
	if rest, ok := strings.CutPrefix(href, "//"); ok {
		return "https://" + rest
	}
	if host, _, ok := strings.Cut(href, "/"); ok && !strings.Contains(host, ":") && known(host, f.consent) {
		return "https://" + href
	}
	return strings.ReplaceAll(href, "&amp;", "&")
}

// readConsent reads the links of the company's own consent hosts, which no suffix widens.
func readConsent(a address, hosts []string) (meeting, bool) {
	if !slices.Contains(hosts, a.host) {
		return meeting{}, false
	}
	m, ok := consentMeeting(a)
	m.link.Provider = Consent
	m.key = Consent + " " + m.key
	return m, ok
}
