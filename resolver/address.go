package resolver

import "net/netip"

// special are networks that are not the public one, beside those that netip knows (RFC 6890 and the
// registries of IANA that it began).
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96",                          // IPv4, in a form that nobody uses any more
	"64:ff9b::/96", "64:ff9b:1::/48", // IPv4 behind a translator: private ones, too
	"100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fec0::/10",
)

func prefixes(list ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, p := range list {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

// public reports whether the address is on the public network.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
