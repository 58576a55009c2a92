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
	target, labels, opaque := f.unwrap(url)
	if opaque != nil {
		return result{kind: isOpaque, opaque: *opaque, url: target, labels: labels}
	}
	a, ok := parse(target)
	if !ok {
		if len(labels) == 0 && !isWeb(url) {
			return result{}
		}
		return result{kind: isForeign}
	}
	m, ok := readConsent(a, f.consent)
	if !ok {
		m, ok = readMeeting(a)
	}
	if !ok {
		return result{kind: isForeign}
	}
	m.link.WrappedBy = labels
	return result{kind: isMeeting, meeting: m}
}

// unwrap takes off all gateways. Each decodes exactly once what it has encoded; nothing is decoded on
// hosts that the table does not have. opaque is set if one of them can't be undone, whose link target then is.
func (f *finder) unwrap(url string) (target string, labels []string, opaque *Opaque) {
	var seen []string
	for {
		f.steps++
		a, ok := parse(url)
		if !ok {
			return url, labels, nil
		}
		g, ok := gatewayOf(a)
		if !ok {
			return url, labels, nil
		}
		labels = append(labels, g.label)
		if g.target == nil {
			return url, labels, &Opaque{g.label, g.domain(a)}
		}
		inner := strings.ReplaceAll(strings.TrimSpace(g.target(a)), "&amp;", "&")
		if hasPrefixFold(inner, "http%3a") || hasPrefixFold(inner, "https%3a") {
			inner = unescape(inner) // Cisco's gateway encodes twice at times
		}
		if inner == "" {
			return url, labels, &Opaque{g.label, g.domain(a)}
		}
		if seen = append(seen, url); len(labels) > maxDepth || slices.Contains(seen, inner) {
			return "", labels, &Opaque{labels[0], ""}
		}
		if !isWeb(inner) {
			return "", labels, nil // javascript:, mailto:
		}
		url = inner
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
