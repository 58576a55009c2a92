package linkparse

import "strings"

// webexPages are hosts with other things than sites.
var webexPages = map[string]bool{"www": true, "help": true, "signup": true, "developer": true, "settings": true, "status": true}

// webexForms are paths with the meeting's MTID in the query.
var webexForms = []string{
	"*/j.php",
	"*/onstage/g.php", // event
	"*/k2/j.php",      // training
}

// webexMeeting reads Webex's links. Call-in pages (which have an MTID), recordings, registrations and
// dashboards are no meetings.
func webexMeeting(a address) (meeting, bool) {
	sub, _, _ := strings.Cut(a.host, ".")
	if webexPages[sub] {
		return meeting{}, false
	}
	segments := a.segments()
	for _, form := range webexForms {
		if _, ok := matches(segments, form); ok && all(segments[0], isToken) {
			return webexByMTID(a, "/"+strings.Join(segments, "/"))
		}
	}
	for _, form := range []string{"meet/#", "join/#", "m/#"} { // personal rooms, under their users' names
		if name, ok := matches(segments, form); ok {
			if name, ok = leadingName(unescape(name), isUserByte); !ok {
				return meeting{}, false
			}
			return meeting{
				link: Link{URL: "https://" + a.host + "/" + strings.ToLower(segments[0]) + "/" + name, MeetingID: name},
				key:  a.host + "/" + strings.ToLower(name),
			}, true
		}
	}
	return webexByApp(a, segments)
}

func isUserByte(c byte) bool { return isToken(c) || c == '.' || c == '@' || c == '+' }

func webexByMTID(a address, path string) (meeting, bool) {
	id := webexMTID(unescape(a.param("MTID")))
	if id == "" || !plain(path, isPathByte) {
		return meeting{}, false
	}
	return meeting{link: Link{URL: "https://" + a.host + path + "?MTID=" + id, MeetingID: id}, key: id}, true
}

// webexMTID is the id that a value begins with: a letter for the kind of meeting and, so far always,
// 32 hex digits. An escaped ">" behind it falls off (MeetingBar #727).
func webexMTID(value string) string {
	if value == "" || value[0] < 'a' || value[0] > 'z' {
		return ""
	}
	hex := run(value[1:], func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' })
	if len(hex) < 10 || len(hex) > 40 {
		return ""
	}
	return value[:1+len(hex)]
}

// webexByApp reads the links of the download page and of the web app.
func webexByApp(a address, segments []string) (meeting, bool) {
	for _, form := range []string{
		"wbxmjs/joinservice/sites/*/meeting/download/#",
		"webappng/sites/*/meeting/download/#",
		"webappng/sites/*/meeting/info/#",
	} {
		id, ok := matches(segments, form)
		if !ok {
			continue
		}
		if site := segments[len(segments)-4]; all(site, isToken) && a.param("MTID") != "" {
			return webexByMTID(a, "/"+site+"/j.php")
		}
		path := a.path()
		if len(id) != 32 || !all(id, isHex) || !plain(path, isPathByte) {
			return meeting{}, false
		}
		return meeting{link: Link{URL: "https://" + a.host + strings.TrimRight(path, "/"), MeetingID: id}, key: id}, true
	}
	if _, ok := matches(segments, "collabs/meetings/join"); ok && a.host == "meetings.webex.com" {
		if id := unescape(a.param("uuid")); len(id) >= 16 && all(id, isAlnum) {
			return meeting{link: Link{URL: "https://" + a.host + "/collabs/meetings/join?uuid=" + id, MeetingID: id}, key: id}, true
		}
	}
	return meeting{}, false
}
