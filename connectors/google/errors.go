package google

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/pace"
	"example.com/syncd/internal/retry"
)

// tooMany are the reasons of a 403 that ask for patience (Calendar API guide, "Handle API errors").
var tooMany = map[string]bool{"rateLimitExceeded": true, "userRateLimitExceeded": true, "quotaExceeded": true, "dailyLimitExceeded": true}

// patience is how long to wait when Google asks for it without saying how long.
var patience = map[string]time.Duration{"quotaExceeded": 30 * time.Minute, "dailyLimitExceeded": time.Hour}

// remedies say what a person must do, by the reason of a 401 or 403.
var remedies = map[string]string{
	"insufficientPermissions": "authorize the scope SCOPE for the service account's client id (Admin console, Security, API controls, Domain-wide delegation)",
	"accessNotConfigured":     "enable the API in the service account's Google Cloud project",
	"notACalendarUser":        "the user has no Calendar; switch the service on for them, or leave them out",
	"domainPolicy":            "the domain's administrators have switched the service off for the user",
	"forbidden":               "the user may not read this calendar",
	"authError":               "the credentials are not accepted; check the service account's key",
}

// otherRemedies are those of the other APIs, where they differ, by a part of the scope.
var otherRemedies = []struct {
	scope    string
	remedies map[string]string
}{
	{"/auth/admin.directory.", map[string]string{ // one asks it as an administrator
		"forbidden":           "the user named in admin needs an administrator's role with the right to read users and groups (Admin console, Account, Admin roles)",
		"accessNotConfigured": "enable the Admin SDK API in the service account's Google Cloud project",
		"notFound":            "there is no such domain or group",
	}},
	{"/auth/directory.readonly", map[string]string{
		"forbidden":           "switch on directory sharing (Admin console, Directory, Directory settings, Sharing settings), or list users by the Admin SDK (roster: admin)",
		"accessNotConfigured": "enable the People API in the service account's Google Cloud project",
		"notFound":            "the user named in admin has no directory",
	}},
}

// remedyFor is what to do about a refusal, by the scope of the request and Google's reason.
func remedyFor(scope, reason string) string {
	for _, o := range otherRemedies {
		if r, ok := o.remedies[reason]; ok && strings.Contains(scope, o.scope) {
			return r
		}
	}
	return strings.ReplaceAll(cmp.Or(remedies[reason], askAdmin), "SCOPE", scope)
}

// aboutCalendar reports whether the scope is for one calendar's events, so that "not found" means the calendar.
func aboutCalendar(scope string) bool { return strings.Contains(scope, "/auth/calendar.events") }

// grantRemedies are for the token endpoint's invalid_grant, by what its description has.
var grantRemedies = []struct{ says, remedy string }{
	{"reasonable timeframe", "this machine's clock is wrong: set it by NTP"},
	{"Invalid JWT Signature", "the key was deleted or replaced: create a new one in the Cloud console, as JSON"},
	{"Invalid email or User ID", "the user does not exist, was renamed or is suspended"},
	{"", "the user does not exist or is suspended, the key was deleted, or this machine's clock is wrong"},
}

const askAdmin = "check the domain-wide delegation of the service account for the scope SCOPE"

// reasonOf is the first reason in a body of Google's errors.
func reasonOf(body []byte) string {
	var e struct {
		Error struct {
			Errors []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || len(e.Error.Errors) == 0 {
		return ""
	}
	return e.Error.Errors[0].Reason
}

// explain turns what came back into the contract's errors, with what to do.
// doing is what for, user as whom.
func (c *connector) explain(ctx context.Context, err error, doing, user, scope string) error {
	// x/oauth2 keeps the text alone of what ended a token's request.
	if ctx.Err() != nil {
		return fmt.Errorf("google: %s: %w", doing, ctx.Err())
	}
	// A request's URL has the address and the sync token in it.
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("google: %s: %w", doing, err)
	}
	var exceeded *pace.Exceeded
	if errors.As(err, &exceeded) {
		return &connectors.ThrottledError{After: exceeded.After, Whole: exceeded.Whole, Err: fmt.Errorf("google: %s: %w (queries_per_minute, queries_per_minute_per_user)", doing, exceeded)}
	}
	var token *oauth2.RetrieveError
	if errors.As(err, &token) {
		return c.explainToken(token, doing, scope)
	}
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return fmt.Errorf("google: %s: %w", doing, err)
	}
	reason := reasonOf([]byte(api.Body))
	// The message is Google's and names no user; the body might.
	says := fmt.Errorf("google: %s: %d %s %s", doing, api.Code, reason, api.Message)
	switch {
	case api.Code == http.StatusGone:
		return fmt.Errorf("%w: %w", says, connectors.ErrCursor)
	case api.Code == http.StatusTooManyRequests, api.Code == http.StatusServiceUnavailable, api.Code == http.StatusForbidden && tooMany[reason]:
		after, ok := retry.After(&http.Response{Header: api.Header}, c.env.Now())
		if !ok {
			after = max(patience[reason], time.Minute)
		}
		whole := reason == "dailyLimitExceeded" || api.Code != http.StatusServiceUnavailable && c.pace.Refused(quotaName(user))
		return &connectors.ThrottledError{After: after, Whole: whole, Err: says}
	case api.Code == http.StatusUnauthorized, api.Code == http.StatusForbidden:
		remedy := remedyFor(scope, reason)
		if c.cfg.perUser() {
			remedy = strings.ReplaceAll(c.consentRemedy(reason), "SCOPE", scope)
		}
		return fmt.Errorf("%w; %s: %w", says, remedy, connectors.ErrAccess)
	case api.Code == http.StatusNotFound && !aboutCalendar(scope):
		return fmt.Errorf("%w; %s: %w", says, remedyFor(scope, "notFound"), connectors.ErrAccess)
	case api.Code == http.StatusNotFound:
		return fmt.Errorf("%w: %w", says, connectors.ErrSource)
	}
	return says
}

// explainToken is for a token that was refused: one user may be gone, or the whole company's
// delegation.
func (c *connector) explainToken(err *oauth2.RetrieveError, doing, scope string) error {
	e := parseTokenError(err)
	says := fmt.Errorf("google: %s: no token: %s %s", doing, e.Error, e.Description)
	if r := err.Response; r != nil && (r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusServiceUnavailable) {
		after, ok := retry.After(r, c.env.Now())
		if !ok {
			after = time.Minute
		}
		return &connectors.ThrottledError{After: after, Whole: true, Err: says}
	}
	switch e.Error {
	case "unauthorized_client", "access_denied":
		if c.cfg.ServiceAccount != "" {
			says = fmt.Errorf("%w; authorize the client id (unique id) of %s", says, c.cfg.ServiceAccount)
		} else if _, id, err := c.serviceAccount(scope); err == nil && id != "" {
			says = fmt.Errorf("%w; authorize the client id %s", says, id)
		} else {
			says = fmt.Errorf("%w; authorize the service account's client id", says)
		}
		return fmt.Errorf("%w for the scopes %s (Admin console, Security, API controls, Domain-wide delegation; it may take a day): %w",
			says, strings.Join(c.scopes(), ","), connectors.ErrAccess)
	case "invalid_grant":
		for _, g := range grantRemedies {
			if strings.Contains(e.Description, g.says) {
				return fmt.Errorf("%w; %s: %w", says, g.remedy, connectors.ErrAccess)
			}
		}
	case "invalid_client", "deleted_client", "invalid_scope":
		return fmt.Errorf("%w; check service_account_file: %w", says, connectors.ErrAccess)
	}
	return says
}
