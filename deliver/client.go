package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

const (
	// answerLimit is how much of an answer is read. A page of a vendor's list is some ten kilobytes.
	answerLimit = 4 << 20
	// longestWait caps what a Retry-After can ask for: a recorder that says "in a week" means a call that is over by then.
	longestWait = time.Hour
)

// A requester sends requests to one place, follows no redirect, uses no proxy, and gives every request an end.
type requester struct {
	http    *http.Client
	timeout time.Duration
}

// newRequester makes one. guard is asked before each connection is made, with the address that a name has led to: a
// name that leads to one address when it is checked and to another when it is used gains nothing. nil asks nobody.
func newRequester(timeout time.Duration, guard *ssrf.Guardian, resolver *net.Resolver) *requester {
	dialer := &net.Dialer{Timeout: min(timeout, 10*time.Second), KeepAlive: 30 * time.Second, Resolver: resolver}
	if guard != nil {
		dialer.Control = guard.Safe
	}
	return &requester{timeout: timeout, http: &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: min(timeout, 10*time.Second), MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// An answer is what came back, its body cut off at answerLimit.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// errNotSent marks an error of a request that can't have arrived: there was no connection.
var errNotSent = errors.New("not sent")

// do sends one request. The error is never about the status.
func (r *requester) do(ctx context.Context, method, url string, header http.Header, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	// A request that was written to a connection that had just been closed must not be written again by net/http: whether
	// it is safe is decided here.
	req.GetBody = nil
	req.Header = header
	resp, err := r.http.Do(req)
	if err != nil {
		return answer{}, unsent(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return answer{resp.StatusCode, resp.Header, b}, nil
}

// unsent takes the address out of an error, which may hold a token, and marks what failed before it was sent.
func unsent(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	return err
}

// retryAfter is how long an answer asks to wait, or otherwise if it does not say; it is at least a second and at most
// longestWait.
func (a answer) retryAfter(now time.Time, otherwise time.Duration) time.Duration {
	wait := otherwise
	text := strings.TrimSpace(a.header.Get("Retry-After"))
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		wait = time.Duration(min(n, int(longestWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), longestWait)
}

// guardian refuses addresses that are not public, but for the networks. The port is the one of u alone.
func guardian(u *url.URL, networks []netip.Prefix) *ssrf.Guardian {
	var v4, v6 []netip.Prefix
	for _, n := range networks {
		if n.Addr().Is4() {
			v4 = append(v4, n)
		} else {
			v6 = append(v6, n)
		}
	}
	return ssrf.New(ssrf.WithPorts(port(u)), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

func port(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	if u.Scheme == "http" {
		return 80
	}
	return 443
}

// checkURL demands an absolute address without a user or a fragment. http is for the loopback, or for whoever allows it.
func checkURL(text string, allowHTTP bool) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is missing")
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be https://HOST/…")
	case u.User != nil:
		return errors.New("must have no user and no password in it")
	case u.Fragment != "":
		return errors.New("must have no # in it")
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return errors.New("must be https: what is sent has links and passcodes in it")
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
