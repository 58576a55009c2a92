package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/syncd/schedule"
)

// An api is a recorder vendor's HTTP API: JSON both ways, one key.
type api struct {
	vendor    string // in words
	base      string // without a slash at its end
	requester *requester
	key       func() (string, error)
	authorize func(h http.Header, key string)
}

// An apiError is an answer that is no success.
type apiError struct {
	vendor, request string
	status          int
	code            string // the vendor's own, where it has one
	words           string // what the vendor says, shortened
	after           time.Duration
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%s answered %d to %s", e.vendor, e.status, e.request)
	if e.words != "" {
		text += ": " + e.words
	}
	return text
}

// errBusy is what a recorder answers that can't do more now.
var errBusy = errors.New("out of capacity")

// call sends one request, and decodes a success into out, if there is one. An answer that is none is an *apiError; any
// other error means that nobody knows whether the request has been done, unless it is errNotSent.
func (a *api) call(ctx context.Context, now time.Time, method, path string, header http.Header, in, out any) error {
	key, err := a.key()
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%w: %w", errNotSent, err)
		}
	}
	h := http.Header{"Accept": {"application/json"}, "User-Agent": {"syncd"}}
	for name, values := range header {
		h[name] = values
	}
	if in != nil {
		h.Set("Content-Type", "application/json")
	}
	a.authorize(h, key)
	ans, err := a.requester.do(ctx, method, a.base+path, h, body)
	if err != nil {
		return fmt.Errorf("%s: %w", a.vendor, err)
	}
	if ans.status/100 != 2 {
		where, _, _ := strings.Cut(path, "?") // a filter may be an address with a passcode
		e := &apiError{vendor: a.vendor, request: method + " " + where, status: ans.status, after: ans.retryAfter(now, 0)}
		if ans.header.Get("Retry-After") == "" {
			e.after = 0
		}
		e.code, e.words = complaint(ans.body)
		return e
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(ans.body, out); err != nil {
		return fmt.Errorf("%s answered %s %s with what is no JSON of its own: %w", a.vendor, method, path, err)
	}
	return nil
}

// complaint is what a vendor says of a failure: a code, and words. Vendors answer {"error": "…", "code": "…"},
// {"detail": "…"}, or lists of such by field.
func complaint(body []byte) (code, words string) {
	var known struct {
		Code   string `json:"code"`
		Error  any    `json:"error"`
		Detail any    `json:"detail"`
	}
	words = string(body)
	if json.Unmarshal(body, &known) == nil {
		for _, v := range []any{known.Error, known.Detail} {
			if text, ok := v.(string); ok && text != "" {
				words = text
				break
			}
		}
	}
	words = strings.Join(strings.Fields(strings.ToValidUTF8(words, "")), " ")
	if runes := []rune(words); len(runes) > 200 {
		words = string(runes[:200]) + "…"
	}
	return known.Code, words
}

// status is the status of an answer that was no success, 0 of any other error.
func status(err error) int {
	var e *apiError
	if errors.As(err, &e) {
		return e.status
	}
	return 0
}

// unsure reports whether a request that failed may have been done all the same.
func unsure(err error) bool {
	if s := status(err); s != 0 {
		return s >= 500 && s != http.StatusServiceUnavailable && s != http.StatusInsufficientStorage
	}
	return !errors.Is(err, errNotSent) && !errors.Is(err, errBusy)
}

// said reports whether a vendor's method has said itself what comes of an error.
func said(err error) bool {
	var retry *schedule.RetryError
	return errors.As(err, &retry) || errors.Is(err, schedule.ErrRejected)
}

// outcome says of a failed request when the message can come again, and whether it is of any use.
func outcome(err error) error {
	var e *apiError
	if said(err) {
		return err
	}
	if errors.Is(err, errBusy) {
		wait := 30 * time.Second
		if errors.As(err, &e) && e.after > 0 {
			wait = e.after
		}
		return &schedule.RetryError{After: wait, NewKey: true, Err: err}
	}
	if !errors.As(err, &e) {
		return err
	}
	wait := func(otherwise time.Duration) time.Duration {
		if e.after > 0 {
			return e.after
		}
		return otherwise
	}
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: look at the key in key_file", err)
	case http.StatusPaymentRequired:
		return &schedule.RetryError{After: wait(5 * time.Minute), NewKey: true, Err: fmt.Errorf("%w: the account has no credit", err)}
	case http.StatusConflict:
		return &schedule.RetryError{After: wait(5 * time.Second), Err: err}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return &schedule.RetryError{After: wait(30 * time.Second), Err: err}
	case http.StatusInsufficientStorage:
		return &schedule.RetryError{After: wait(30 * time.Second), NewKey: true, Err: err}
	}
	return err
}

// following is the path of a list's next page, at the address that we know, whatever the list says; "" if there is none.
func following(next string, pages int) (string, error) {
	if next == "" {
		return "", nil
	}
	u, err := url.Parse(next)
	if err != nil {
		return "", fmt.Errorf("the next page of the list of bots can't be read: %w", err)
	}
	if pages > 20 {
		return "", errors.New("the list of bots does not end")
	}
	return u.RequestURI(), nil
}
