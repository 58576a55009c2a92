package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"example.com/syncd/serve/problem"
)

// A Prefix is a network whose word about a request's address is taken.
type Prefix = netip.Prefix

// What all answers carry that keeps a browser from doing harm with them.
var (
	apiHeaders = map[string]string{
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	}
	pageHeaders = map[string]string{
		"Content-Security-Policy":    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Permissions-Policy":         "camera=(), geolocation=(), microphone=()",
	}
	allHeaders = map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	}
)

func headers(some map[string]string, tls bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, set := range []map[string]string{allHeaders, some} {
			for name, value := range set {
				h.Set(name, value)
			}
		}
		if tls {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// hosts refuses requests that were meant for another name: a page that has its own name lead to this machine (DNS
// rebinding) would have a browser's leave to read the answers.
func (d *Doors) hosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.own(r.Host) {
			problem.Write(w, http.StatusMisdirectedRequest, "this name is not known here: use the address that serve.public_url or serve.listen names")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// own reports whether HOST or HOST:PORT is one of our names. Ports do not matter, since nobody makes them up.
func (d *Doors) own(hostport string) bool {
	host := hostname(hostport)
	if host == "" {
		return false
	}
	if d.public != nil && host == strings.ToLower(d.public.Hostname()) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && ip.IsLoopback() {
		return true
	}
	listen := hostname(d.Listen)
	if listen == host && host != "" {
		return true
	}
	// Where we listen everywhere, any address may be ours, and no name leads a browser to an address.
	everywhere, listenErr := netip.ParseAddr(listen)
	return err == nil && (listen == "" || listenErr == nil && everywhere.IsUnspecified())
}

// hostname is the host in lower case, without port, brackets, and the dot of the root.
func hostname(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// origins refuses what another site's page sends, whatever it asks for.
func (d *Doors) origins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, origin := range r.Header.Values("Origin") {
			u, err := url.Parse(origin)
			if err != nil || u.Host == "" || !d.own(u.Host) {
				problem.Write(w, http.StatusForbidden, "the request came from another site's page")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// address is from where r comes. Of what proxies add, the last is taken that no proxy of ours has.
func (d *Doors) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && d.proxy(ip); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		ip = next
	}
	ip = ip.Unmap()
	if ip.Is6() { // whoever has one address has the network
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

func (d *Doors) proxy(ip netip.Addr) bool {
	for _, p := range d.Proxies {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}
