package kms

import (
	"fmt"
	"net/http"
	"strings"
)

// An Error is why a service has not wrapped or unwrapped a keyset. It says what to do.
type Error struct {
	key    *Key
	what   act
	reason reason
	cause  error
}

// An act is what a service was asked for.
type act string

const (
	wraps   act = "encrypt"
	unwraps act = "decrypt"
)

// A reason is why it was not done, as far as it matters for what to do.
type reason int

const (
	unreachable reason = iota
	noCredentials
	refused
	missing
	unfit
	failed
)

// words are each reason's: of the URI, the act, the cause, and where credentials are looked for.
var words = map[reason]string{
	unreachable:   "%[1]s does not answer: %[3]s; see to it that the service works and this machine reaches it, and try again",
	noCredentials: "there are no credentials for %[1]s: %[3]s; they are looked for in %[4]s",
	refused:       "%[1]s refuses these credentials: %[3]s; let them %[2]s with this key (they come from %[4]s)",
	missing:       "%[1]s is not there, or these credentials must not see it: %[3]s; name a key that there is (credentials come from %[4]s)",
	unfit:         "%[1]s has not wrapped this keyset, or not for syncd, or the keyset was changed: %[3]s; name the key that has wrapped it, or put the right file back",
	failed:        "%[1]s does not %[2]s: %[3]s; see to it that the key is enabled, and made to encrypt and decrypt",
}

// Error is one line, whatever the service's client has said.
func (e *Error) Error() string {
	return fmt.Sprintf(words[e.reason], e.key.uri, e.what, line(e.cause), e.key.service.credentials)
}

func (e *Error) Unwrap() error { return e.cause }

// maxCause is how much of a service's words is repeated, in bytes: a proxy in between may answer by a page.
const maxCause = 300

// line is an error in a line that a sentence can go on behind.
func line(err error) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " ")
	if len(s) > maxCause {
		s = strings.ToValidUTF8(s[:maxCause], "") + "…"
	}
	return strings.TrimRight(s, ".: ")
}

// whyStatus is the reason behind an HTTP status.
func whyStatus(status int) reason {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return refused
	case status == http.StatusNotFound:
		return missing
	case status == http.StatusTooManyRequests, status >= 500:
		return unreachable
	}
	return failed
}
