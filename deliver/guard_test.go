package deliver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/net/dns/dnsmessage"

	"example.com/syncd/schedule"
)

// TestWebhookNetworks: no address gets a webhook to a host that is not public, unless its network is allowed.
func TestWebhookNetworks(t *testing.T) {
	r := newReceiver(t)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		host  string
		allow []netip.Prefix
		sent  bool
	}{
		{"127.0.0.1", nil, false},
		{"127.0.0.1", loopback, true},
		{"127.0.0.1", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false},
		{"[::1]", nil, false},
		{"[::ffff:127.0.0.1]", nil, false},
		{"2130706433", nil, false}, // 127.0.0.1 to some
		{"0.0.0.0", nil, false},
		{"169.254.169.254", nil, false}, // the metadata of clouds
		{"[fd00:ec2::254]", nil, false},
		{"[fe80::1]", nil, false},
		{"10.1.2.3", nil, false},
		{"172.16.0.1", nil, false},
		{"192.168.1.1", nil, false},
		{"100.64.0.1", nil, false},
		{"[64:ff9b::7f00:1]", nil, false},
		{"[2002:7f00:1::]", nil, false},
		{"inside.example", nil, false}, // the DNS says 127.0.0.1
		{"inside.example", loopback, true},
		{"mapped.example", nil, false}, // and ::ffff:127.0.0.1
		{"metadata.example", nil, false},
	} {
		env := testEnv(t)
		env.Resolver = fakeDNS(t, map[string]string{"inside.example.": "127.0.0.1", "mapped.example.": "::ffff:127.0.0.1", "metadata.example.": "169.254.169.254"})
		env.write(t, "secrets", secret('a'))
		r.got = nil
		sink := openWebhook(t, env, "http://"+c.host+":"+port, func(w *WebhookConfig) { w.AllowNetworks = c.allow })
		_, err := sink.Deliver(t.Context(), schedule.Delivery{Schedule: kickOff(), Key: "k", Now: eight})
		if sent := err == nil && len(r.got) == 1; sent != c.sent {
			t.Errorf("%s with %v allowed: got %v and %d webhooks, want sent %v", c.host, c.allow, err, len(r.got), c.sent)
		}
		if !c.sent && !errors.Is(err, ssrf.ErrProhibitedIP) && c.host != "2130706433" {
			t.Errorf("%s: got %v, want that the address is prohibited", c.host, err)
		}
		if !c.sent && !errors.Is(err, errNotSent) {
			t.Errorf("%s: %v does not say that nothing was sent", c.host, err)
		}
	}
}

// TestWebhookFollowsNothing: a receiver can't send a webhook on to another.
func TestWebhookFollowsNothing(t *testing.T) {
	env, r, inside := testEnv(t), newReceiver(t), newReceiver(t)
	env.write(t, "secrets", secret('a'))
	for _, status := range []int{301, 302, 303, 307, 308} {
		r.answer = func(w http.ResponseWriter) { w.Header().Set("Location", inside.URL); w.WriteHeader(status) }
		_, err := openWebhook(t, env, r.URL, nil).Deliver(t.Context(), schedule.Delivery{Schedule: kickOff(), Key: "k", Now: eight})
		if err == nil || !strings.Contains(err.Error(), "redirects are not followed") || len(inside.got) > 0 {
			t.Errorf("%d: got %v, and %d webhooks went on", status, err, len(inside.got))
		}
	}
}

// TestRequesterBounds: an answer is read up to a size and for some time.
func TestRequesterBounds(t *testing.T) {
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter) {
		for range answerLimit/(1<<16) + 10 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	a, err := newRequester(20*time.Second, nil, nil).do(t.Context(), http.MethodPost, r.URL, http.Header{}, nil)
	if err != nil || len(a.body) != answerLimit {
		t.Errorf("%d bytes were read (%v), want %d", len(a.body), err, answerLimit)
	}
	done := make(chan struct{})
	r.answer = func(http.ResponseWriter) { <-done }
	_, err = newRequester(time.Millisecond, nil, nil).do(t.Context(), http.MethodPost, r.URL, http.Header{}, nil)
	close(done)
	if slow, ok := errors.AsType[net.Error](err); !ok || !slow.Timeout() {
		t.Errorf("a receiver that never answers: %v", err)
	}
}

func TestWebhookConfig(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*WebhookConfig)
		words  string
	}{
		{"right", func(*WebhookConfig) {}, ""},
		{"no url", func(c *WebhookConfig) { c.URL = "" }, "url is missing"},
		{"http", func(c *WebhookConfig) { c.URL = "http://hooks.acme.com" }, "url must be https"},
		{"http, allowed", func(c *WebhookConfig) { c.URL, c.AllowHTTP = "http://hooks.acme.com", true }, ""},
		{"http on the loopback", func(c *WebhookConfig) { c.URL = "http://127.0.0.1" }, "url must be https"},
		{"ftp", func(c *WebhookConfig) { c.URL = "ftp://hooks.acme.com" }, "must be https://HOST"},
		{"a password", func(c *WebhookConfig) { c.URL = "https://u:p@hooks.acme.com" }, "no user"},
		{"no secrets", func(c *WebhookConfig) { c.SecretsFile = "" }, "secrets_file is missing"},
		{"no time", func(c *WebhookConfig) { c.Timeout = 0 }, "timeout must be"},
		{"a host for a network", func(c *WebhookConfig) { c.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")} }, "write 10.0.0.0/8"},
		{"no source", func(c *WebhookConfig) { c.Source = "" }, "source must be"},
	} {
		config := NewWebhookConfig()
		config.URL, config.SecretsFile = "https://hooks.acme.com/syncd", "s"
		c.change(config)
		if err := config.Validate(); (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.words)
		}
	}
}

// fakeDNS answers with one address a name. It is a stream in memory: nothing listens.
func fakeDNS(t *testing.T, addresses map[string]string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, question); err != nil {
					return
				}
				var m dnsmessage.Message
				if err := m.Unpack(question); err != nil {
					t.Error(err)
					return
				}
				m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
				q := m.Questions[0]
				ip, err := netip.ParseAddr(addresses[q.Name.String()])
				header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}
				switch {
				case err != nil:
					m.RCode = dnsmessage.RCodeNameError
				case q.Type == dnsmessage.TypeA && ip.Is4():
					m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}}}
				case q.Type == dnsmessage.TypeAAAA && ip.Is6():
					m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}}}
				}
				packed, err := m.Pack()
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}
