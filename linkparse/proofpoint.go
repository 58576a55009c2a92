package linkparse

import (
	"encoding/base64"
	"strings"
)

// proofpointV2 reads u=, in which "%" is written "-" and "/" is written "_".
func proofpointV2(a address) string {
	u := []byte(a.param("u"))
	for i := range u {
		switch {
		case u[i] == '_':
			u[i] = '/'
		case u[i] == '-' && i+2 < len(u) && isHex(u[i+1]) && isHex(u[i+2]):
			u[i] = '%'
		}
	}
	return unescape(string(u))
}

// runLengths are the letters for the lengths of runs in v3 links: A is 2, _ is 65.
const runLengths = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// proofpointV3 reads /v3/__URL__;BYTES!!…: in the URL, "*" stands for the next of the bytes and "**X" for
// the next N. N counts bytes, not characters: published links with dashes and kana decode only so
// (cardi/proofpoint-url-decoder #7), while Proofpoint's own published decoder fails on them.
func proofpointV3(a address) string {
	_, rest, ok := strings.Cut(a.rest, "/v3/__")
	if !ok {
		return ""
	}
	url, bytes, ok := proofpointParts(rest)
	if !ok { // escaped once more by something that is no gateway
		if url, bytes, ok = proofpointParts(unescape(rest)); !ok {
			return ""
		}
	}
	replaced, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(bytes, "="))
	if err != nil {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(url); i++ {
		if url[i] != '*' {
			b.WriteByte(url[i])
			continue
		}
		n := 1
		if i+2 < len(url) && url[i+1] == '*' {
			if n = strings.IndexByte(runLengths, url[i+2]) + 2; n < 2 {
				return ""
			}
			i += 2
		}
		if n > len(replaced) {
			return "" // cut off
		}
		b.Write(replaced[:n])
		replaced = replaced[n:]
	}
	return twoSlashes(b.String())
}

// proofpointParts cuts at the first "__;" whose bytes are followed by "!", since the URL may contain one
// too; behind a link that was wrapped twice, at the one that is the outer link's. Links inside whose end was
// escaped have none: then it is the last.
func proofpointParts(rest string) (url, bytes string, ok bool) {
	open := 0 // links inside whose end is still to come
	for at := 0; ; {
		i := strings.Index(rest[at:], "__;")
		if i < 0 {
			return url, bytes, ok
		}
		open += strings.Count(rest[at:at+i], "/v3/__")
		at += i + len("__;")
		b := run(rest[at:], func(c byte) bool { return isToken(c) || c == '=' })
		if !strings.HasPrefix(rest[at+len(b):], "!") {
			continue
		}
		url, bytes, ok = rest[:at-len("__;")], b, true
		if open == 0 {
			return url, bytes, ok
		}
		open--
	}
}
