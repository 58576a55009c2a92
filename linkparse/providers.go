package linkparse

import (
	"slices"
	"strings"
	"unicode"
)

// A provider is a conference service: on which hosts it is, and which of its URLs are meetings.
type provider struct {
	name  string
	hosts []string // exact, or ".parent" for all names below
	// read gives the meeting that a URL leads to. False: dial-in pages, recordings, registrations and
	// whatever else is on the same hosts.
	read func(address) (meeting, bool)
}

// A meeting is a link in the making.
type meeting struct {
	link Link
	// key tells meetings apart. It is more than provider and id: personal rooms are names below a
	// company's host, clouds number their meetings each by itself, and a Teams channel is one thread with
	// many meetings.
	key string
	// secret says that the URL has what lets guests in (pwd, p, tk). Of two links to one meeting it wins.
	secret bool
	// long says that this is Teams' long form, which names tenant and organizer.
	long bool
}

// providers is the table. The first four can be recorded; others are recognised, so that nobody takes
// their meetings for missing links.
var providers = append([]provider{
	{Zoom, []string{
		"zoom.us", ".zoom.us", // vanity hosts and regions: us02web.zoom.us
		"zoomgov.com", ".zoomgov.com",
		"zoom.com", ".zoom.com",
		".zoom.com.cn",
		".zoom-x.de", // Deutsche Telekom's
	}, zoomMeeting},
	{Teams, teamsHosts, teamsMeeting},
	{Webex, []string{".webex.com", ".webex.com.cn"}, webexMeeting},
	{Meet, []string{"meet.google.com", "g.co"}, meetMeeting},
	{Consent, []string{"join.gong.io", ".join.gong.io"}, consentMeeting}, // us-20296.join.gong.io
}, otherProviders()...)

var providersByHost = byHost(pointers(providers), func(p *provider) []string { return p.hosts })

// readMeeting gives the meeting that a unwrapped URL leads to.
func readMeeting(a address) (meeting, bool) {
	for p := range providersByHost.at(a.host) {
		m, ok := p.read(a)
		if !ok && escapedTwice(a.rest) {
			// Copied out of a redirect, or escaped once too often by a bad one: zoom.us/j/123%3Fpwd%3D….
			// Only here, on a provider's own host.
			m, ok = p.read(address{a.host, unescape(a.rest)})
		}
		if ok {
			m.link.Provider = p.name
			m.key = p.name + " " + m.key
			return m, true
		}
	}
	return meeting{}, false
}

func escapedTwice(rest string) bool {
	for _, mark := range []string{"%25", "%3F", "%3f", "%2F", "%2f"} {
		if strings.Contains(rest, mark) {
			return true
		}
	}
	return false
}

// leadingID is the id that a path segment begins with: min to max digits. Text may be glued to it
// ("…/j/88761483140,Passcode"), but not what could be more of the id.
func leadingID(segment string, min, max int) (string, bool) {
	id := run(segment, isDigit)
	return id, len(id) >= min && len(id) <= max && endsToken(segment[len(id):])
}

// endsToken reports whether what follows an id in a path shows that the id is complete: nothing, or
// punctuation or a blank, escaped at times. Anything else may be more of it, and half an id is another's
// meeting. So are more digits behind a blank.
func endsToken(rest string) bool {
	rest = unescape(rest)
	if rest == "" || strings.IndexByte(",;:!'\"()<>[]{}*|&", rest[0]) >= 0 {
		return true
	}
	end := strings.TrimLeftFunc(rest, func(r rune) bool {
		return unicode.IsSpace(r) || r > unicode.MaxASCII && (unicode.IsPunct(r) || unicode.Is(unicode.Cf, r))
	})
	return len(end) < len(rest) && (end == "" || !isDigit(end[0]))
}

// leadingName is the name that a path segment begins with, of bytes that are ok. Punctuation at its end
// is the sentence's.
func leadingName(segment string, ok func(byte) bool) (string, bool) {
	name := run(segment, ok)
	return name, name != "" && !isMark(name[len(name)-1]) && endsToken(segment[len(name):])
}

// matches compares path segments with a pattern, in which "#" stands for the segment that is returned.
func matches(segments []string, pattern string) (string, bool) {
	value, n := "", 0
	for want := range strings.SplitSeq(pattern, "/") {
		if n >= len(segments) {
			return "", false
		}
		if want == "#" {
			value = segments[n]
		} else if want != "*" && !strings.EqualFold(want, segments[n]) {
			return "", false
		}
		n++
	}
	return value, n == len(segments)
}

// other is a provider whose meetings are recognised and no more.
type other struct {
	name     string
	hosts    []string
	path     string // what the path begins with, before the room
	fragment bool   // the fragment is the key to the room and is kept
}

var others = []other{
	{name: "jitsi", hosts: []string{"meet.jit.si"}, path: "/"},
	{name: "whereby", hosts: []string{"whereby.com", ".whereby.com"}, path: "/"},
	{name: "goto", hosts: []string{".gotomeeting.com"}, path: "/join/"},
	{name: "goto", hosts: []string{"meet.goto.com"}, path: "/"},
	{name: "chime", hosts: []string{"chime.aws", ".chime.aws"}, path: "/"},
	{name: "ringcentral", hosts: []string{"v.ringcentral.com"}, path: "/join/"},
	{name: "8x8", hosts: []string{"8x8.vc"}, path: "/"},
	{name: "lark", hosts: []string{"vc.larksuite.com", "vc.feishu.cn"}, path: "/j/"},
	{name: "slack", hosts: []string{"app.slack.com"}, path: "/huddle/"},
	{name: "cal", hosts: []string{"app.cal.com"}, path: "/video/"},
	{name: "proton", hosts: []string{"meet.proton.me"}, path: "/join/", fragment: true},
	{name: "facetime", hosts: []string{"facetime.apple.com"}, path: "/join", fragment: true},
}

// otherPages are what their invitations link to beside the room: dial-in numbers, help.
var otherPages = set("static dialinnumbers information install")

func otherProviders() []provider {
	var ps []provider
	for _, o := range others {
		ps = append(ps, provider{o.name, o.hosts, o.meeting})
	}
	return ps
}

func (o other) meeting(a address) (meeting, bool) {
	path, query, fragment := a.path(), a.query(), a.fragment()
	room, ok := strings.CutPrefix(path, o.path)
	first, _, _ := strings.Cut(room, "/")
	if !ok || !plain(path, isPathByte) || otherPages[first] || room == "" && !(o.fragment && fragment != "") {
		return meeting{}, false
	}
	url := "https://" + a.host + path
	if plain(query, isQueryByte) {
		url += "?" + query
	}
	if o.fragment && plain(fragment, isQueryByte) {
		url += "#" + fragment
	}
	if again, ok := untrimmed(url); ok {
		return o.meeting(again)
	}
	return meeting{link: Link{URL: url}, key: url}, true
}

// untrimmed is the address without the punctuation at a URL's end, if there is any: what we give must
// be what we find again in a text.
func untrimmed(url string) (address, bool) {
	trimmed := trimPunctuation(url, "")
	a, ok := parse(trimmed)
	return a, ok && trimmed != url
}

// consentMeeting reads a consent-enabled link: https://HOST/COMPANY/USER[/MEETING]. What it leads to is
// decided when it is opened, so it has no meeting id. The query is kept: it has the provider and, of
// protected links, the token without which the page refuses.
func consentMeeting(a address) (meeting, bool) {
	segments := a.segments()
	if len(segments) != 2 && len(segments) != 3 {
		return meeting{}, false
	}
	for _, s := range segments {
		if !plain(s, isSegmentByte) {
			return meeting{}, false
		}
	}
	key := "https://" + a.host + "/" + strings.Join(segments, "/")
	page := &ConsentPage{Company: unescape(segments[0]), User: unescape(segments[1]), Type: Static}
	if len(segments) == 3 {
		page.Meeting, page.Type = unescape(segments[2]), Dynamic
	}
	m := meeting{link: Link{URL: key, Page: page}, key: strings.ToLower(key)}
	if query := a.query(); plain(query, isQueryByte) {
		if p := strings.ToLower(param(query, "provider")); slices.Contains([]string{Zoom, Teams, Webex, Meet}, p) {
			page.Provider = p
		}
		m.link.URL += "?" + query
		m.secret = param(query, "tkn") != ""
	}
	if again, ok := untrimmed(m.link.URL); ok {
		return consentMeeting(again)
	}
	return m, true
}

// plain reports whether s may stand in a URL that we give: it is not empty, its bytes are ok, and every
// "%" begins an escape.
func plain(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if s[i] == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])) {
			return false
		}
	}
	return all(s, ok)
}

func isSegmentByte(c byte) bool { return isToken(c) || strings.IndexByte(".~!$'()*+,;=:@%", c) >= 0 }
func isPathByte(c byte) bool    { return isSegmentByte(c) || c == '/' }
func isQueryByte(c byte) bool   { return isPathByte(c) || c == '?' || c == '&' }

// meetMeeting reads Google Meet's links.
func meetMeeting(a address) (meeting, bool) {
	segments := a.segments()
	if a.host == "g.co" { // a nickname, known within its organization
		segment, _ := matches(segments, "meet/#")
		nick, ok := leadingName(strings.ToLower(segment), isToken)
		if !ok {
			return meeting{}, false
		}
		return meeting{link: Link{URL: "https://g.co/meet/" + nick, MeetingID: nick}, key: "g.co/" + nick}, true
	}
	if segment, ok := matches(segments, "lookup/#"); ok {
		code, ok := leadingName(segment, isToken)
		return meeting{link: Link{URL: "https://meet.google.com/lookup/" + code, MeetingID: "lookup/" + code}, key: "lookup/" + code}, ok
	}
	segment, ok := matches(segments, "#")
	if !ok {
		segment, ok = matches(segments, "_meet/#")
	}
	code, valid := meetCode(segment)
	if !ok || !valid {
		return meeting{}, false
	}
	return meeting{link: Link{URL: "https://meet.google.com/" + code, MeetingID: code}, key: code}, true
}

// meetCode reads a code of three, four and three letters; the dashes may be missing.
func meetCode(segment string) (string, bool) {
	code := run(segment, func(c byte) bool { return isAlnum(c) && !isDigit(c) || c == '-' })
	if !endsToken(segment[len(code):]) {
		return "", false
	}
	code = strings.ToLower(code)
	letters := strings.ReplaceAll(code, "-", "")
	if len(letters) != 10 || letters == "getstarted" { // a page, and ten letters
		return "", false
	}
	dashed := letters[:3] + "-" + letters[3:7] + "-" + letters[7:]
	return dashed, code == letters || code == dashed
}
