package replay

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// exampleDomains are free to stand in fixtures: reserved names (RFC 2606, RFC 6761) and the domains of
// the made-up company and its customers.
var exampleDomains = []string{"example", "test", "invalid", "localhost", "example.com", "example.org", "example.net", "acme.com", "acme.co.uk", "globex.com"}

// providerDomains are hosts of services, not of anybody's company: a link to them says nothing of who
// has it, but for its ids.
var providerDomains = strings.Fields(`
	google.com googleapis.com googleusercontent.com gstatic.com goo.gl g.co google.de tel.meet meet.app
	microsoft.com microsoft.us microsoftonline.com microsoftonline.us microsoftonline.cn live.com cloud.microsoft static.microsoft
	outlook.com office.com office.net office365.com office365.us aka.ms azure.net lync.com
	zoom.us zoom.com zoomgov.com zoom.com.cn zoom-x.de zoomcrc.com webex.com webex.com.cn sharepoint.com
	meet.jit.si whereby.com gotomeeting.com goto.com chime.aws ringcentral.com 8x8.vc larksuite.com feishu.cn slack.com
	cal.com proton.me facetime.apple.com gong.io calendly.com reclaim.ai youcanbook.me
	urldefense.com urldefense.us proofpoint.com urlisolation.com mimecast.com mimecastprotect.com cudasvc.com
	secure-web.cisco.com trendmicro.com symantec.com sophos.com fireeye.com trustwave.com url-protection.com
	checkpoint.com avanan.click edgepilot.com vadesecure.com hornetsecurity.com esvalabs.com mailinblack.com
	inky.com emailprotection.link mailcontrol.com egress.com awstrack.me slack-redir.net facebook.com linkedin.com
	www.w3.org`)

// vanityDomains are the providers whose customers have names below them.
var vanityDomains = []string{"zoom.us", "zoom.com", "zoomgov.com", "zoom.com.cn", "zoom-x.de", "webex.com", "webex.com.cn", "sharepoint.com", "slack.com"}

// plainLabel is a name below a provider or a company that nobody chose for himself: a region, a
// service, the made-up companies', or a pseudonym.
var plainLabel = regexp.MustCompile(`^(?:[a-z]{2}\d{2}(?:web|st\d)?|www\d?|app|api|applications|marketplace|support|events|docs|help|success|explore|meetings?|mail|owa|calendar|files|hooks|lync|m|acme|globex|site\d+|sub\d+)$`)

// identifierDomains stand behind an "@" without being anybody's address: what is before it is a
// calendar, an event, a thread of Teams, a room to dial or a mail server's number for a message.
var identifierDomains = []string{
	"google.com", "calendar.google.com", "thread.v2", "thread.tacv2", "thread.skype", "unq.gbl.spaces",
	"zoomcrc.com", "zoom.us", "webex.com", "prod.outlook.com",
}

// apiDomains are where the requests go. They must stay what they were, but for addresses.
var apiDomains = []string{"googleapis.com", "graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}

func below(domain string, list []string) bool {
	domain = strings.ToLower(domain)
	return slices.ContainsFunc(list, func(d string) bool { return domain == d || strings.HasSuffix(domain, "."+d) })
}

// strange reports whether a host belongs to somebody: it is neither an example nor a provider's.
func strange(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.IsLoopback()
	}
	if !strings.Contains(host, ".") || below(host, exampleDomains) || below(host, apiDomains) {
		return false
	}
	if label, _, ok := vanity(host); ok {
		return !plainLabel.MatchString(label)
	}
	return !below(host, providerDomains)
}

// strangeAddress is strange for what stands behind an "@".
func strangeAddress(domain string) bool {
	if label, _, ok := vanity(strings.ToLower(domain)); ok {
		return !plainLabel.MatchString(label)
	}
	return !below(domain, exampleDomains) && !below(domain, identifierDomains)
}

// vanity splits the name that a customer has below a provider.
func vanity(host string) (label, parent string, ok bool) {
	for _, d := range vanityDomains {
		if l, found := strings.CutSuffix(host, "."+d); found {
			label, parent, ok = l, d, true
		}
	}
	if i := strings.LastIndexByte(label, '.'); i >= 0 { // us-20296.contoso.zoom.us
		label = label[i+1:]
	}
	return label, parent, ok
}

// company splits a host into what its owner has registered and the rest before it.
func company(host string) (sub, registered string) {
	registered, err := publicsuffix.EffectiveTLDPlusOne(host)
	if _, ip := netip.ParseAddr(host); err != nil || ip == nil || registered == "onmicrosoft.com" {
		return "", host
	}
	return strings.TrimSuffix(strings.TrimSuffix(host, registered), "."), registered
}

// host is the pseudonym of a host.
func (r *Redactor) host(host string) string {
	h := strings.ToLower(strings.TrimSuffix(host, "."))
	if !strange(h) {
		return host
	}
	if label, parent, ok := vanity(h); ok {
		return r.name("site", label) + "." + parent
	}
	sub, registered := company(h)
	p := r.name("company", registered) + ".example"
	if sub == "" {
		return p
	}
	if !plainLabel.MatchString(sub) {
		sub = r.name("sub", sub)
	}
	return sub + "." + p
}

// address is the pseudonym of an address, with its "@" as it was written.
func (r *Redactor) address(a string) string {
	m := address.FindStringSubmatch(a)
	if m == nil {
		return r.shape(a)
	}
	escapes, local, at, domain := m[1], m[2], m[3], strings.ToLower(m[4])
	switch {
	case domain == "calendar.google.com": // unknownorganizer@…
		return a
	case !strangeAddress(domain) && below(domain, identifierDomains):
		prefix := ""
		if rest, ok := strings.CutPrefix(local, "meeting_"); ok {
			prefix, local = "meeting_", rest
		}
		if domain == "google.com" {
			return escapes + r.eventID(local) + at + m[4]
		}
		return escapes + prefix + r.shape(local) + at + m[4]
	case !strangeAddress(domain):
		return a
	}
	return escapes + r.person(local, domain) + at + r.mailHost(domain)
}

// person is the pseudonym of the part before the "@".
func (r *Redactor) person(local, domain string) string {
	local = strings.NewReplacer("%2b", "+", "%27", "'").Replace(strings.ToLower(local))
	return r.name("user", local+"@"+domain)
}

// mailHost is host for what stands behind an "@": people have addresses at providers too.
func (r *Redactor) mailHost(domain string) string {
	if strange(domain) {
		return r.host(domain)
	}
	return r.name("company", domain) + ".example"
}
