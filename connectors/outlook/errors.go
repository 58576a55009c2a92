package outlook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/outlook/graph"
	"example.com/syncd/internal/retry"
)

// expired are the codes of a delta token that is of no use any more, besides the status 410 ("Use
// delta query": synchronization reset). They are compared without regard to case.
var expired = []string{"syncstatenotfound", "syncstateinvalid", "resyncrequired"}

// remedies say what a person must do, by the code of a 401, 403 or 404.
var remedies = map[string]string{
	"ErrorAccessDenied":             "grant the application Calendars.Read, and let RBAC for Applications or its access policy include this mailbox; it may take two hours",
	"Authorization_RequestDenied":   "grant the application User.Read.All, with an administrator's consent, or list the users in the configuration",
	"InvalidAuthenticationToken":    "the token is not accepted; check tenant and cloud",
	"MailboxNotEnabledForRESTAPI":   "the mailbox is unlicensed, inactive or on premises; leave the user out, or license them",
	"MailboxNotSupportedForRESTAPI": "the mailbox is unlicensed, inactive or on premises; leave the user out, or license them",
	"ErrorNonExistentMailbox":       "the user has no mailbox",
	"ErrorInvalidUser":              "the user does not exist",
	"Request_ResourceNotFound":      "the user does not exist",
	"ResourceNotFound":              "the user does not exist",
	"ErrorItemNotFound":             "the calendar does not exist, or belongs to another mailbox",
}

// busy are the statuses by which the service asks to come back later.
var busy = []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 509}

// patience is how long to wait when the service asks for it without saying how long. Not every
// throttling answer says it.
const patience = time.Minute

// graphError is an error's body, as far as there is one: proxies answer in HTML, the service with "{}".
type graphError struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// explain turns an answer that is no success into the contract's errors, with what to do.
func (c *connector) explain(a graph.Answer, doing string) error {
	var e graphError
	_ = json.Unmarshal(a.Body, &e) // an empty error is an answer too
	code := e.Error.Code
	says := fmt.Errorf("outlook: %s: %d %s %s", doing, a.Status, code, e.Error.Message)
	switch {
	case a.Status == http.StatusGone, a.Status >= 400 && a.Status < 500 && slices.Contains(expired, strings.ToLower(code)):
		return fmt.Errorf("%w: %w", says, connectors.ErrCursor)
	case slices.Contains(busy, a.Status):
		return c.later(a.Header, says)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return fmt.Errorf("%w; %s: %w", says, remedy(code, "grant the application Calendars.Read and User.Read.All, with an administrator's consent"), connectors.ErrAccess)
	case a.Status == http.StatusNotFound:
		return fmt.Errorf("%w; %s: %w", says, remedy(code, "the mailbox or calendar does not exist"), connectors.ErrSource)
	}
	return says
}

// later is for a service that asks to come back.
func (c *connector) later(h http.Header, says error) error {
	after, ok := retry.After(&http.Response{Header: h}, c.env.Now())
	if !ok {
		after = patience
	}
	return &connectors.ThrottledError{After: after, Err: says}
}

func remedy(code, otherwise string) string {
	if r := remedies[code]; r != "" {
		return r
	}
	return otherwise
}

// tokenRemedies say what to do by the error of the token endpoint. Its codes (AADSTS…) are for people.
var tokenRemedies = map[string]string{
	"invalid_client":      "check client_id, and that the secret in client_secret_file has not expired; this concerns every mailbox",
	"unauthorized_client": "the application is not known in the tenant, or is disabled; this concerns every mailbox",
	"invalid_request":     "check tenant and cloud",
	"invalid_scope":       "check cloud",
	"invalid_grant":       "give an administrator's consent to the application",
}

// explainTransport is for a request that got no answer: most often there was no token for it.
func (c *connector) explainTransport(err error, doing string) error {
	// A request's URL has the address and the delta token in it.
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("outlook: %s: %w", doing, err)
	}
	var token *oauth2.RetrieveError
	if !errors.As(err, &token) {
		return fmt.Errorf("outlook: %s: %w", doing, err)
	}
	// The description's first line says what is wrong; the others are numbers for Microsoft.
	description, _, _ := strings.Cut(token.ErrorDescription, "\n")
	says := fmt.Errorf("outlook: %s: no token: %s %s", doing, token.ErrorCode, strings.TrimSpace(description))
	if r := token.Response; r != nil && slices.Contains(busy, r.StatusCode) {
		return c.later(r.Header, says)
	}
	if r, known := tokenRemedies[token.ErrorCode]; known {
		return fmt.Errorf("%w; %s: %w", says, r, connectors.ErrAccess)
	}
	return says
}
