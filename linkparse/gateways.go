package linkparse

import (
	"encoding/json"
	"slices"
	"strings"
)

// A gateway replaces links by its own, which it checks when they are opened. Most carry the original.
type gateway struct {
	label string
	hosts []string // exact, or ".parent" for all names below; none: any host that accept takes
	paths []string // exact, or with a "*" at the end; none: any
	// accept narrows further.
	accept func(address) bool
	// target reads the original. Nil: it is not in the link. "": not in this one.
	target func(address) string
	// hint is the parameter with the host of the original, for links without a target.
	hint string
}

// gateways is the table. Hosts match exactly or below a dot: peers that ask whether the host contains
// "safelinks.protection.outlook.com" unwrap a phisher's links too. Every row was seen in public mail or
// read in the source of a program that unwraps it.
var gateways = []gateway{
	{label: "safelinks", target: inParam("url"), hosts: []string{
		".safelinks.protection.outlook.com",  // any region: nam01, eur05, gcc02 …
		".safelinks.protection.office365.us", // GCC High and DoD
		".safelinks.protection.outlook.cn", ".safelinks.protection.partner.outlook.cn",
	}},
	{label: "safelinks", target: inParam("url"), paths: []string{"/evergreen-assets/safelinks/*"}, hosts: []string{ // Teams' own; dest= is Microsoft's API
		"statics.teams.cdn.office.net", "staticsint.teams.cdn.office.net", "teams.public.onecdn.static.microsoft"}},
	{label: "safelinks", target: inParam("url"), hosts: []string{"outlook.office.com"}, paths: []string{"/mail/safelink.html"}},
	{label: "owa_redir", target: inParam("URL"), accept: func(a address) bool { return strings.EqualFold(a.path(), "/owa/redir.aspx") }},
	{label: "azure_email", target: inParam("destination"), hosts: []string{".safelink.emails.azure.net", "emails.azure.microsoft.com"}, paths: []string{"/redirect*"}},

	{label: "proofpoint_v1", target: inParam("u"), hosts: proofpointHosts, paths: []string{"/v1/url"}},
	{label: "proofpoint_v2", target: proofpointV2, hosts: proofpointHosts, paths: []string{"/v2/url"}},
	{label: "proofpoint_v3", target: proofpointV3, hosts: proofpointHosts, paths: []string{"/v3/*"}},
	{label: "proofpoint_isolation", target: inParam("url"), hosts: []string{"urlisolation.com"}, paths: []string{"/browser"}},

	{label: "google", target: inParam("q", "url"), accept: isGoogleRedirect},

	{label: "barracuda", target: inParam("a"), hosts: []string{"linkprotect.cudasvc.com"}, paths: []string{"/url"}},
	{label: "cisco", target: inTail, hosts: []string{"secure-web.cisco.com"}}, // the old form is a token alone
	{label: "trendmicro", target: inParam("url"), hosts: []string{".trendmicro.com"}, paths: []string{"/wis/clicktime/v1/query"}},
	{label: "symantec", target: inParam("u"), hosts: []string{"clicktime.symantec.com"}},
	{label: "sophos", target: inBase64("u"), hint: "d", hosts: []string{".protection.sophos.com"}}, // the form with b=&x=&q= has none
	{label: "fireeye", target: inParam("u"), hosts: []string{"protect.fireeye.com", "protect2.fireeye.com"}, paths: []string{"/v1/url", "/url"}},
	{label: "fortimail", target: inParam("url"), accept: isFortiMail},
	{label: "trustwave", target: inParam("u"), hosts: []string{"scanmail.trustwave.com"}},
	{label: "checkpoint", target: inParam("o"), hosts: []string{".url-protection.com"}, paths: []string{"/v1/*"}}, // Avanan, SonicWall
	{label: "checkpoint", target: checkPointV2, hosts: []string{"protect.checkpoint.com", "url.avanan.click"}, paths: []string{"/v2/*"}},
	{label: "edgepilot", target: inParam("u"), hosts: []string{"link.edgepilot.com"}, paths: []string{"/s/*"}},
	{label: "vade", target: inParam("u"), hosts: []string{"antiphishing.vadesecure.com"}, paths: []string{"/v4"}},
	{label: "vade", target: inParam("u"), paths: []string{"/safeproxy/*"}, hosts: []string{
		"m365.eu.vadesecure.com", "m365.us.vadesecure.com", "gws.eu.vadesecure.com", "gws.us.vadesecure.com"}},
	{label: "hornet", target: inParam("u"), hosts: []string{"atpscan.global.hornetsecurity.com"}},
	{label: "hornet", hosts: []string{"seclinks.cloud-security.net", "securelinks.cloud-security.net"}}, // form not known
	{label: "esva", target: inParam("u"), hosts: []string{"urlsand.esvalabs.com"}},
	// Clientless browser isolation; mail products send suspicious links there (developers.cloudflare.com,
	// cloudflare-one/remote-browser-isolation/setup/clientless-browser-isolation).
	{label: "cloudflare", target: inTail, hosts: []string{".cloudflareaccess.com"}, paths: []string{"/browser/*"}},
	{label: "mailinblack", target: mailInBlack, hosts: []string{".mailinblack.com"}, paths: []string{"/securelink"}},

	{label: "slack", target: inParam("url"), hosts: []string{"slack-redir.net"}, paths: []string{"/link"}},
	{label: "facebook", target: inParam("u"), hosts: []string{"l.facebook.com", "lm.facebook.com"}, paths: []string{"/l.php"}},
	{label: "linkedin", target: inParam("url"), hosts: []string{"linkedin.com", "www.linkedin.com"}, paths: []string{"/safety/go", "/redir/redirect"}},
	{label: "awstrack", target: inSegment, hosts: []string{".awstrack.me"}, paths: []string{"/L*"}},

	// Teams' web page is none, but works like one; it is always the innermost.
	{label: "teams_launcher", target: teamsRoute, hosts: teamsHosts, paths: []string{"/dl/launcher/launcher.html"}},
	{label: "teams_launcher", target: teamsRoute, hosts: teamsHosts, paths: []string{"/", "/_", "/v2"}, accept: hasTeamsRoute},
	{label: "teams_launcher", target: teamsCoords, hosts: teamsHosts, paths: []string{"/light-meetings/launch"}},

	// Without the original: only their servers know it.
	{label: "mimecast", hint: "domain", hosts: []string{".mimecast.com", ".mimecastprotect.com"}, paths: []string{"/s/*"}},
	{label: "inky", hint: "domain", hosts: []string{".inky.com"}, paths: []string{"/link"}},
	{label: "emailprotection", hosts: []string{"url.emailprotection.link"}},
	{label: "forcepoint", hosts: []string{"mailcontrol.com", ".mailcontrol.com"}, paths: []string{"/sr/*"}},
	{label: "egress", hosts: []string{"links.defend.egress.com"}},
	{label: "calendly", hosts: []string{"calendly.com"}, accept: isCalendlyMeeting},
	{label: "reclaim", hosts: []string{"reclaim.ai"}, paths: []string{"/z/*"}},
	{label: "youcanbookme", hosts: []string{"youcanbook.me"}, paths: []string{"/zoom/*"}},
}

var proofpointHosts = []string{"urldefense.proofpoint.com", "urldefense.com", "urldefense.us"}

var gatewaysByHost = byHost(pointers(gateways), func(g *gateway) []string { return g.hosts })

// gatewaysAnywhere are products that companies run under their own names: accept alone tells them.
var gatewaysAnywhere = slices.DeleteFunc(pointers(gateways), func(g *gateway) bool { return len(g.hosts) > 0 })

// gatewayOf is the gateway that the address belongs to, or nil.
func gatewayOf(a address) *gateway {
	for g := range gatewaysByHost.at(a.host) {
		if g.takes(a) {
			return g
		}
	}
	for _, g := range gatewaysAnywhere {
		if g.accept(a) {
			return g
		}
	}
	return nil
}

func (g *gateway) takes(a address) bool {
	path := strings.TrimRight(a.path(), "/")
	if len(g.paths) > 0 && !slices.ContainsFunc(g.paths, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return hasPrefixFold(path+"/", prefix)
		}
		return strings.EqualFold(path, strings.TrimRight(p, "/"))
	}) {
		return false
	}
	return g.accept == nil || g.accept(a)
}

// domain is the host that the gateway says is behind the link.
func (g *gateway) domain(a address) string {
	if g.hint == "" {
		return ""
	}
	if host := strings.ToLower(unescape(a.param(g.hint))); validHost(host) {
		return host
	}
	return ""
}

// inParam reads the first of the parameters that has a value.
func inParam(names ...string) func(address) string {
	return func(a address) string {
		for _, name := range names {
			if v := a.param(name); v != "" {
				return unescape(v)
			}
		}
		return ""
	}
}

// inTail reads all that follows the path's first segment: escaped, or as it was.
func inTail(a address) string {
	_, tail, _ := strings.Cut(strings.TrimPrefix(a.rest, "/"), "/")
	if !hasPrefixFold(tail, "https:/") && !hasPrefixFold(tail, "http:/") {
		tail = unescape(tail)
	}
	return twoSlashes(tail)
}

// inSegment reads the path's second segment; the original is one because it is escaped.
func inSegment(a address) string {
	if segments := a.segments(); len(segments) > 1 {
		return unescape(segments[1])
	}
	return ""
}

func inBase64(name string) func(address) string {
	return func(a address) string {
		text, err := decodeBase64(unescape(a.param(name)))
		if err != nil {
			return ""
		}
		return string(text)
	}
}

func isGoogleRedirect(a address) bool { return isGoogle(a.host) && a.path() == "/url" }

// isGoogle takes google.com, google.de, google.co.uk and google.com.au, with or without www. It must not
// take google.com.evil.example.
func isGoogle(host string) bool {
	tld, ok := strings.CutPrefix(strings.TrimPrefix(host, "www."), "google.")
	second, country, two := strings.Cut(tld, ".")
	if !ok || !two {
		return ok && (tld == "com" || len(tld) == 2)
	}
	return (second == "co" || second == "com") && len(country) == 2
}

// isFortiMail takes any host: companies run FortiMail under their own names.
func isFortiMail(a address) bool {
	return strings.HasPrefix(a.path(), "/fmlurlsvc") && a.param("fewReq") != ""
}

// isCalendlyMeeting takes /events/ID/zoom, which redirects to the meeting that Calendly made.
func isCalendlyMeeting(a address) bool {
	service, ok := matches(a.segments(), "events/*/#")
	return ok && slices.Contains([]string{"zoom", "google_meet", "microsoft_teams"}, service)
}

// checkPointV2 reads /v2/r05/___URL___.SIGNATURE, where "%" is written "*". There are links whose letters are
// shifted, in a way that nobody has described: those stay wrapped.
func checkPointV2(a address) string {
	_, url, ok := strings.Cut(a.rest, "/___")
	end := strings.LastIndex(url, "___.")
	if !ok || end < 0 {
		return ""
	}
	b := []byte(url[:end])
	for i := range b {
		if b[i] == '*' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]) {
			b[i] = '%'
		}
	}
	if target := twoSlashes(string(b)); isWeb(target) {
		return target
	}
	return ""
}

// mailInBlack reads the key, JSON; the parameter url has only the original's host.
func mailInBlack(a address) string {
	var key struct{ URL string }
	text, err := decodeBase64(unescape(a.param("key")))
	if err != nil || json.Unmarshal(text, &key) != nil {
		return ""
	}
	return key.URL
}

// twoSlashes mends https:/host, what is left of a URL that was taken for a path.
func twoSlashes(url string) string {
	for _, scheme := range []string{"https:/", "http:/"} {
		if rest, ok := strings.CutPrefix(url, scheme); ok && !strings.HasPrefix(rest, "/") {
			return scheme + "/" + rest
		}
	}
	return url
}
