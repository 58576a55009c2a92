package replay

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// looksSecret are shapes of values that open something.
var looksSecret = []struct {
	what  string
	shape *regexp.Regexp
}{
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
	{"a JSON web token", regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}`)},
	{"a Google token", regexp.MustCompile(`\bya29\.[A-Za-z0-9_-]{10,}|\b1//[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{30,}|\bGOCSPX-[A-Za-z0-9_-]{10,}`)},
	{"a Microsoft token", regexp.MustCompile(`\b[01]\.A[A-Za-z0-9_-]{60,}|\bEwB[A-Za-z0-9+/=]{100,}`)},
	{"a Microsoft client secret", regexp.MustCompile(`[A-Za-z0-9_.~-]{3}8Q~[A-Za-z0-9_.~-]{31,34}`)},
	{"a bearer token", regexp.MustCompile(`(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{20,}`)},
	{"an OAuth value", regexp.MustCompile(`(?i)\b(?:access_token|refresh_token|id_token|client_secret|client_assertion|assertion)\\?"?\s*[:=]\s*\\?"?[A-Za-z0-9._~+/-]{12,}`)},
	{"an AWS key", regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)},
	{"a key of GitHub or Slack", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{30,}|\bxox[abeoprs]-[A-Za-z0-9-]{10,}`)},
	{"an Authorization header", regexp.MustCompile(`(?mi)^\s*authorization:\s*(?:-\s*)?[A-Za-z]+ [^\s]{8,}`)},
	{"a password in a URL", regexp.MustCompile(`https?://[^\s/@:"'<>]+:[^\s/@:"'<>]+@`)},
}

// anyHost is the host of a URL, escaped or not.
var anyHost = regexp.MustCompile(`(?i)\bhttps?(?:://|%(?:25)*3A(?:%(?:25)*2F|/){2}|-3A__)([\pL\pN.-]+)`)

// Leaks are the things in a fixture that look like a secret, or that belong to a domain that is neither
// an example one nor a provider's, in plain, base64 or hexadecimal. Each says file and line.
func Leaks(name string, data []byte) []string {
	if !strings.HasSuffix(name, ".yaml") {
		data = unfold(data)
	}
	var leaks []string
	say := func(at int, what string) {
		leak := fmt.Sprintf("%s:%d: %s", name, 1+bytes.Count(data[:at], []byte("\n")), what)
		if !slices.Contains(leaks, leak) {
			leaks = append(leaks, leak)
		}
	}
	for _, s := range looksSecret {
		for _, m := range s.shape.FindAllIndex(data, -1) {
			if !bytes.Contains(data[m[0]:m[1]], []byte("redacted")) {
				say(m[0], s.what)
			}
		}
	}
	foreign(string(data), func(at int, what string) { say(at, what) })
	for _, m := range base64Run.FindAllIndex(data, -1) {
		for _, t := range decodings(string(data[m[0]:m[1]])) {
			foreign(t, func(_ int, what string) { say(m[0], what+", encoded") })
		}
	}
	return leaks
}

// brokenLine is a line that goes on in the next: quoted-printable's soft break (RFC 2045 section 6.7),
// and the folds of headers and calendars (RFC 5322 section 2.2.3, RFC 5545 section 3.1).
var brokenLine = regexp.MustCompile(`(?:[^\n]*?(?:=\r?\n|\r?\n[ \t]))+[^\n]*`)
var softBreak = regexp.MustCompile(`=\r?\n|\r?\n[ \t]`)

// unfold joins the lines of a mail or a calendar that were broken, so that no name is cut in two. What
// follows keeps its line number.
func unfold(data []byte) []byte {
	return brokenLine.ReplaceAllFunc(data, func(lines []byte) []byte {
		joined := softBreak.ReplaceAll(softBreak.ReplaceAll(lines, nil), nil)
		return append(joined, bytes.Repeat([]byte("\n"), bytes.Count(lines, []byte("\n"))-bytes.Count(joined, []byte("\n")))...)
	})
}

// foreign reports addresses and hosts that are somebody's.
func foreign(s string, say func(at int, what string)) {
	for _, m := range address.FindAllStringSubmatchIndex(s, -1) {
		if d := s[m[8]:m[9]]; strangeAddress(d) {
			say(m[0], "an address at "+strings.ToLower(d))
		}
	}
	for _, m := range anyHost.FindAllStringSubmatchIndex(s, -1) {
		host := s[m[2]:m[3]]
		if h, err := url.PathUnescape(host); err == nil {
			host = h
		}
		if host = strings.Trim(host, ".-"); strange(host) {
			say(m[0], "a link to "+strings.ToLower(host))
		}
	}
}
