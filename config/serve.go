package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// DefaultListen is serve.listen where it is not set.
const DefaultListen = "127.0.0.1:8787"

// Serve is the HTTP server.
type Serve struct {
	Listen string `yaml:"listen"` // HOST:PORT, or "off" (127.0.0.1:8787)
	// TokenFile holds a token that opens all of the API; tokens that open parts of it are made by syncd token new; "": none.
	TokenFile string `yaml:"token_file"`
	// PublicURL is where browsers reach serve.listen: https://HOST, nothing behind it; "": by its own address alone.
	PublicURL string `yaml:"public_url"`
	// Proxies are the networks of proxies whose X-Forwarded-For is believed: 10.0.0.0/8.
	Proxies []string `yaml:"proxies"`
	// RequestsPerSecond is how many requests of one token or person are answered, 1 to 100000 (200)
	RequestsPerSecond int     `yaml:"requests_per_second"`
	Metrics           Metrics `yaml:"metrics"`
	Login             *Login  `yaml:"login"`
}

// Metrics are what Prometheus asks for.
type Metrics struct {
	// Listen is an address of their own, HOST:PORT, where they need no token; "": at serve.listen's /metrics, for tokens
	// with the scope read; "off": nowhere.
	Listen string `yaml:"listen"`
}

// Login is how people log in, by OpenID Connect.
type Login struct {
	Issuer           string `yaml:"issuer"`             // https://…, below which /.well-known/openid-configuration is
	ClientID         string `yaml:"client_id"`          // of the application that is registered there
	ClientSecretFile string `yaml:"client_secret_file"` // holds its secret; "": it has none
	// Admins may do everything: addresses, and groups.
	Admins []string `yaml:"admins"`
	// Viewers may see everything, and say of meetings what they want: addresses, and groups.
	Viewers []string `yaml:"viewers"`
	// Domains are those whose addresses are all viewers.
	Domains []string `yaml:"domains"`
	// GroupsClaim is the claim that lists a person's groups (groups)
	GroupsClaim string `yaml:"groups_claim"`
	// Scopes are asked for besides openid, email and profile, where groups need one.
	Scopes []string `yaml:"scopes"`
	// TrustAddresses has addresses believed of which the issuer does not say whether it has verified them.
	TrustAddresses bool `yaml:"trust_addresses"`
}

// The forms of addresses: those of the log-in may be without TLS on this machine, to try it.
var (
	PublicForm = regexp.MustCompile(`^(https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)$`)
	IssuerForm = regexp.MustCompile(`^(https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)(/[^?#\s]*)?$`)
)

// Networks are the proxies' networks.
func (s Serve) Networks() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range s.Proxies {
		if n, err := netip.ParsePrefix(p); err == nil {
			all = append(all, n.Masked())
		}
	}
	return all
}

func (c *Config) checkServe(d *decoder) {
	s := c.Serve
	if s.PublicURL != "" {
		if u, err := url.Parse(s.PublicURL); err != nil || u.Hostname() == "" || !PublicForm.MatchString(s.PublicURL) {
			d.fail("serve.public_url", " must be https://HOST such as https://syncd.acme.com, with nothing behind it, not %s", quote(s.PublicURL))
		}
	}
	for i, p := range s.Proxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			d.fail("serve.proxies["+strconv.Itoa(i)+"]", " must be a network such as 10.0.0.0/8, not %s", quote(p))
		}
	}
	if r := s.RequestsPerSecond; r < 1 || r > 100000 {
		d.fail("serve.requests_per_second", " must be between 1 and 100000, not %d", r)
	}
	if s.Login != nil {
		c.checkLogin(d, *s.Login)
	}
	if !listens(s.Listen) {
		d.fail("serve.listen", " must be HOST:PORT such as 127.0.0.1:8787, or off, not %s", quote(s.Listen))
	}
	switch own := s.Metrics.Listen; {
	case own == "":
	case !listens(own):
		d.fail("serve.metrics.listen", " must be HOST:PORT such as 127.0.0.1:9464, or off, not %s", quote(own))
	case own == s.Listen && own != Off && !strings.HasSuffix(own, ":0"):
		d.fail("serve.metrics.listen", " is serve.listen's address: leave it out to have the metrics there, behind a token")
	}
}

// listens reports whether the address is HOST:PORT, or off.
func listens(address string) bool {
	if address == Off {
		return true
	}
	_, port, err := net.SplitHostPort(address)
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil
}

func (c *Config) checkLogin(d *decoder, l Login) {
	if u, err := url.Parse(l.Issuer); err != nil || u.Hostname() == "" || !IssuerForm.MatchString(l.Issuer) {
		d.fail("serve.login.issuer", " must be the issuer's address such as https://accounts.google.com, not %s", quote(l.Issuer))
	}
	if l.ClientID == "" {
		d.fail("serve.login.client_id", " is missing: register syncd at the issuer, and write down what it is called there")
	}
	if c.Serve.PublicURL == "" {
		d.fail("serve.login", ": set serve.public_url too: the issuer sends browsers back there")
	}
	if len(l.Admins)+len(l.Viewers)+len(l.Domains) == 0 {
		d.fail("serve.login", ": nobody could come in: name admins, viewers or domains")
	}
	for _, list := range []struct {
		path    string
		entries []string
	}{{"serve.login.admins", l.Admins}, {"serve.login.viewers", l.Viewers}} {
		for i, e := range list.entries {
			if strings.TrimSpace(e) == "" {
				d.fail(list.path+"["+strconv.Itoa(i)+"]", " must be an address or a group, not %s", quote(e))
			}
		}
	}
	for i, domain := range l.Domains {
		if domain == "" || strings.ContainsAny(domain, "@/*: ") {
			d.fail("serve.login.domains["+strconv.Itoa(i)+"]", " must be a domain such as acme.com, not %s", quote(domain))
		}
	}
}
