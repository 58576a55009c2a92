// Package resolver asks mail gateways where a wrapped link leads that can't be decoded offline. It is
// off unless the configuration turns it on: asking tells the gateway that somebody opened the link.
//
// What is asked was written by whoever sent the invitation, so a Client is careful: HTTPS only, never an
// address of a private network (looked at when the connection is made, after DNS, so that no name can
// change its mind), no proxies, no cookies, no credentials, one step at a time, bounded in size and time.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"example.com/syncd/internal/retry"
)

const (
	patience  = 10 * time.Second // for one step
	maxHeader = 64 << 10
	maxPage   = 64 << 10 // read of a page that redirects by itself
	maxKnown  = 4096     // answers remembered
)

// A Client is a linkparse.Resolver. It is safe for concurrent use.
type Client struct {
	http http.RoundTripper

	mu    sync.Mutex
	known map[string]string // answers, by the link: calendars are listed again and again
}

// New makes a Client. It asks nobody by itself.
func New() *Client {
	dialer := &net.Dialer{Timeout: patience, ControlContext: onlyPublic}
	return client(&http.Transport{
		Proxy:       nil, // it would connect in our place, and not look where to
		DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience,
		MaxResponseHeaderBytes: maxHeader, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	})
}

func client(t http.RoundTripper) *Client {
	return &Client{known: map[string]string{}, http: retry.Transport(oneStep{t}, retry.Default)}
}

// oneStep keeps Location from http.Client, which would fail on one that it can't parse, and say it whole.
type oneStep struct{ http.RoundTripper }

const stepsTo = "X-Steps-To"

func (o oneStep) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Header.Set(stepsTo, resp.Header.Get("Location"))
		resp.Header.Del("Location")
	}
	return resp, err
}

// refused says that something must not be asked. Trying again is no use.
type refused string

func (r refused) Error() string   { return string(r) }
func (r refused) Permanent() bool { return true }

// onlyPublic refuses connections to anything but HTTPS' port on the public network.
func onlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Port() != 443 || !public(to.Addr()) {
		return refused("it is at " + address + ", which is no public address")
	}
	return nil
}

// Resolve asks for the link, once, and gives the URL that the answer redirects to, absolute; "" if it
// does not redirect. The errors never have the link in them: it names who received it.
func (c *Client) Resolve(ctx context.Context, link string) (string, error) {
	c.mu.Lock()
	target, ok := c.known[link]
	c.mu.Unlock()
	if ok {
		return target, nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Hostname() == "" {
		return "", refused("it is no URL")
	}
	if u.Scheme == "http" { // gateways' old links; their servers speak HTTPS
		u.Scheme = "https"
	}
	if u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" {
		return "", refused("it is not plain HTTPS")
	}
	if target, err = c.ask(ctx, u); err != nil {
		return "", fmt.Errorf("ask %s: %w", u.Hostname(), err)
	}
	c.mu.Lock()
	if len(c.known) >= maxKnown {
		clear(c.known)
	}
	c.known[link] = target
	c.mu.Unlock()
	return target, nil
}

func (c *Client) ask(ctx context.Context, u *url.URL) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", "syncd")
	req.Header.Set("Accept", "text/html")
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	location := resp.Header.Get(stepsTo)
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && location != "":
	case resp.StatusCode == http.StatusOK:
		location = pageRedirect(resp.Body)
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		return "", nil // an expired link leads nowhere
	default:
		return "", fmt.Errorf("it answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if location == "" {
		return "", nil
	}
	target, err := u.Parse(location)
	if err != nil {
		return "", errors.New("it redirects to what is no URL")
	}
	return target.String(), nil
}
