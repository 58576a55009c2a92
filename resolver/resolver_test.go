package resolver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/syncd/linkparse"
)

// gateway is a Client whose every name leads to a server that answers as the handler does.
func gateway(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	tr := s.Client().Transport.(*http.Transport).Clone()
	tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	tr.MaxResponseHeaderBytes = maxHeader
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	return client(tr)
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // a URL, or "error: " and a part of the error
	}{
		{"a redirect", redirect(307, "https://acme.zoom.us/j/91234567890?pwd=a"), "https://acme.zoom.us/j/91234567890?pwd=a"},
		{"a relative redirect", redirect(302, "/r/2?x=1"), "https://protect-eu.mimecast.com/r/2?x=1"},
		{"a page that redirects", page(`<head><meta http-equiv="Refresh" content="0; URL='https://meet.google.com/abc-defg-hij'"></head>`), "https://meet.google.com/abc-defg-hij"},
		{"a page without a quote", page(`<meta content="5;url=https://meet.google.com/abc-defg-hij" http-equiv=refresh>`), "https://meet.google.com/abc-defg-hij"},
		{"a page with links", page(`<body><a href="https://zoom.us/j/123456789">x</a><meta http-equiv="refresh" content="0;url=https://zoom.us/j/123456789">`), ""},
		{"a page that is long", page(strings.Repeat("<p>", maxPage) + `<meta http-equiv="refresh" content="0;url=https://zoom.us/j/123456789">`), ""},
		{"a page with a wide tag", page(`<meta content="` + strings.Repeat("x", 2*maxPage) + `"><meta http-equiv="refresh" content="0;url=https://zoom.us/j/1">`), ""},
		{"an expired link", status(410), ""},
		{"a gateway that wants a password", status(401), "error: ask protect-eu.mimecast.com: it answered 401 Unauthorized"},
		{"no URL", redirect(302, "https://[::1"), "error: it redirects to what is no URL"},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", strings.Repeat("x", 2*maxHeader))
		}, "error: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := gateway(t, c.answer).Resolve(t.Context(), "https://protect-eu.mimecast.com/s/SECRET?domain=zoom.us")
			if want, fails := strings.CutPrefix(c.want, "error: "); fails {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%q, %v", got, err)
				}
			} else if err != nil || got != c.want {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func redirect(code int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(code)
	}
}

func page(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestSendsNothing: neither credentials nor cookies, and each link is asked for once.
func TestSendsNothing(t *testing.T) {
	var asked atomic.Int32
	c := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		for _, name := range []string{"Authorization", "Cookie", "Referer", "Proxy-Authorization"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s: %s", name, r.Header.Get(name))
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "1"})
		redirect(302, "https://zoom.us/j/123456789")(w, r)
	})
	for _, link := range []string{"https://a.mimecast.com/s/1", "https://a.mimecast.com/s/2", "http://a.mimecast.com/s/3", "https://a.mimecast.com/s/1"} {
		if _, err := c.Resolve(t.Context(), link); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestRefuses: nothing but HTTPS on the public network is asked, whatever a name resolves to.
func TestRefuses(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer s.Close()
	for _, link := range []string{
		"https://localhost/s/1", "https://127.0.0.1/s/1", "https://[::1]/s/1", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data",
		"https://user:pass@a.mimecast.com/s/1", "https://a.mimecast.com:8443/s/1", "ftp://a.mimecast.com/", "file:///etc/passwd", "https:///s/1", "::", s.URL,
	} {
		if got, err := New().Resolve(t.Context(), link); err == nil {
			t.Errorf("%s: %q", link, got)
		} else if r := refused(""); !errors.As(err, &r) {
			t.Errorf("%s: %v", link, err)
		}
	}
}

// TestPort: an address is not enough; what answers beside HTTPS is not asked.
func TestPort(t *testing.T) {
	for address, ok := range map[string]bool{"8.8.8.8:443": true, "8.8.8.8:8443": false, "10.0.0.1:443": false, "[::1]:443": false, "gibberish": false} {
		if err := onlyPublic(t.Context(), "tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPublic(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "172.32.0.1"} {
		if !public(netip.MustParseAddr(a)) {
			t.Errorf("%s is not public", a)
		}
	}
	for _, a := range []string{
		"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "198.19.0.1",
		"::", "::1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1", "fec0::1",
	} {
		if public(netip.MustParseAddr(a)) {
			t.Errorf("%s is public", a)
		}
	}
}

// TestFollow: from a wrapped link in a text to the meeting, over the gateway's own steps. The meeting's
// own page is never asked for.
func TestFollow(t *testing.T) {
	c := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Host + r.URL.Path {
		case "protect-eu.mimecast.com/s/join":
			redirect(307, "/redirect/2")(w, r)
		case "protect-eu.mimecast.com/redirect/2":
			redirect(307, "https://nam01.safelinks.protection.outlook.com/?url=https%3A%2F%2Facme.zoom.us%2Fj%2F91234567890%3Fpwd%3Dabc")(w, r)
		case "protect-eu.mimecast.com/s/help":
			redirect(307, "https://support.zoom.us/")(w, r)
		case "protect-eu.mimecast.com/s/loop":
			redirect(307, "/s/loop")(w, r)
		case "protect-eu.mimecast.com/s/down":
			w.WriteHeader(http.StatusForbidden)
		default:
			t.Errorf("asked for %s%s", r.Host, r.URL.Path)
		}
	})
	for _, c2 := range []struct{ text, links, opaque, fails string }{
		{"https://protect-eu.mimecast.com/s/help https://protect-eu.mimecast.com/s/join?domain=acme.zoom.us", "https://acme.zoom.us/j/91234567890?pwd=abc", "", ""},
		{"https://protect-eu.mimecast.com/s/loop", "", "mimecast", ""},
		{"https://protect-eu.mimecast.com/s/down https://protect-eu.mimecast.com/s/join", "https://acme.zoom.us/j/91234567890?pwd=abc", "mimecast", "mimecast: ask protect-eu.mimecast.com: it answered 403 Forbidden"},
		{"https://protect-eu.mimecast.com/s/down?domain=acme.zoom.us Meeting ID: 912 3456 7890", "https://acme.zoom.us/j/91234567890", "mimecast", "it answered 403 Forbidden"},
		// A link that stands in the open needs nobody's help.
		{"https://protect-eu.mimecast.com/s/join https://meet.google.com/abc-defg-hij", "https://meet.google.com/abc-defg-hij", "mimecast", ""},
	} {
		found, err := linkparse.Follow(t.Context(), linkparse.Options{}, c, linkparse.Field{Where: "description", Text: c2.text})
		var links, opaque []string
		for _, l := range found.Links {
			links = append(links, l.URL)
			if l.Where != "description" || len(l.WrappedBy) > 0 && l.WrappedBy[0] != "mimecast" {
				t.Errorf("%+v", l)
			}
		}
		for _, o := range found.Opaque {
			opaque = append(opaque, o.Wrapper)
		}
		if strings.Join(links, " ") != c2.links || strings.Join(opaque, " ") != c2.opaque {
			t.Errorf("%s: %v, still wrapped %v", c2.text, links, opaque)
		}
		if (err == nil) != (c2.fails == "") || err != nil && !strings.Contains(err.Error(), c2.fails) {
			t.Errorf("%s: %v", c2.text, err)
		}
	}
}
