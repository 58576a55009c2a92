package replay

import (
	"fmt"
	"regexp"
	"strings"
)

// looksSecret are shapes of values that open something.
var looksSecret = map[string]*regexp.Regexp{
	"a private key":           regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`),
	"a JSON web token":        regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}`),
	"a Google token":          regexp.MustCompile(`\bya29\.[A-Za-z0-9_-]{10,}|\b1//[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{30,}|\bGOCSPX-[A-Za-z0-9_-]{10,}`),
	"a bearer token":          regexp.MustCompile(`(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{20,}`),
	"an OAuth value":          regexp.MustCompile(`(?i)"?(?:access_token|refresh_token|client_secret|assertion)"?\s*[:=]\s*"?[A-Za-z0-9._~+/-]{12,}`),
	"an AWS key":              regexp.MustCompile(`\bAKIA[A-Z0-9]{16}\b`),
	"an Authorization header": regexp.MustCompile(`(?mi)^\s*authorization:\s*\S{12,}`),
}

// Leaks are the things in a fixture that look like a secret, or that belong to a domain that is neither
// an example one nor a provider's. Each says the line.
func Leaks(name string, data []byte) []string {
	var leaks []string
	say := func(at int, format string, args ...any) {
		line := 1 + strings.Count(string(data[:at]), "\n")
		leaks = append(leaks, fmt.Sprintf("%s:%d: ", name, line)+fmt.Sprintf(format, args...))
	}
	for what, shape := range looksSecret {
		for _, m := range shape.FindAllIndex(data, -1) {
			if !strings.Contains(string(data[m[0]:m[1]]), "redacted") {
				say(m[0], "%s", what)
			}
		}
	}
	for _, m := range address.FindAllIndex(data, -1) {
		if _, domain := split(string(data[m[0]:m[1]])); !below(domain, exampleDomains) && !below(domain, providerDomains) && !below(domain, identifierDomains) {
			say(m[0], "an address at %s", domain)
		}
	}
	return leaks
}

// identifierDomains follow an "@" without being anybody's: Teams threads and UIDs.
var identifierDomains = []string{"thread.v2", "thread.tacv2", "thread.skype"}
