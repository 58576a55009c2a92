package linkparse

import "strings"

// zoomForms are the paths that lead to a meeting by its number, and the path that a guest uses for it.
// /s/ starts a meeting as its host; its zak token is the host's secret and is dropped with the rest.
var zoomForms = []struct{ pattern, canonical string }{
	{"j/#", "/j/"},
	{"w/#", "/w/"}, // webinar
	{"s/#", "/j/"},
	{"wc/join/#", "/j/"}, // the web client
	{"wc/#/join", "/j/"},
}

// zoomBases are the domains below which Zoom's hosts are, with the cloud that numbers the meetings.
// Clouds are never swapped: one number is two meetings in two of them.
var zoomBases = []struct{ domain, cloud string }{
	{"zoom.us", "zoom"},
	{"zoom.com", "zoom"},
	{"zoomgov.com", "gov"},
	{"zoom.com.cn", "cn"},
	{"zoom-x.de", "zoom-x"},
}

// zoomPages are hosts with other things than meetings, some of them (docs, events) with ids in paths.
var zoomPages = map[string]bool{
	"support": true, "explore": true, "marketplace": true, "docs": true, "blog": true, "applications": true,
}

// zoomMeeting reads Zoom's links. What is not listed is no meeting: /u/ (dial-in numbers), /rec/, /clips/,
// /meeting/register/, /meetings/ID/invitations (which has the id), /launch/chat, /skype/ and pages.
func zoomMeeting(a address) (meeting, bool) {
	sub, base, cloud := zoomHost(a.host)
	segments := a.segments()
	switch {
	case zoomPages[sub], sub == "www" && base == "zoom.com":
		return meeting{}, false
	case sub == "events": // /ejl/ is one attendee's own link; /ev/ is the event's page
		segment, _ := matches(segments, "ejl/#")
		token, ok := leadingName(segment, isTokenOrMark)
		if !ok {
			return meeting{}, false
		}
		return meeting{link: Link{URL: "https://" + a.host + "/ejl/" + token, MeetingID: token}, key: "ejl " + token}, true
	case sub == "app": // the web client's own host serves no /j/
		a.host = base
	}
	if segment, ok := matches(segments, "my/#"); ok {
		if name, ok := leadingName(segment, isTokenOrMark); ok {
			return zoomLink(a, "/my/", name, a.host+"/"+strings.ToLower(name)), true
		}
	}
	for _, f := range zoomForms {
		if segment, ok := matches(segments, f.pattern); ok {
			if id, ok := leadingID(segment, 9, 11); ok {
				return zoomLink(a, f.canonical, id, cloud+" "+id), true
			}
		}
	}
	return meeting{}, false
}

func isTokenOrMark(c byte) bool { return isToken(c) || isMark(c) }
func isMark(c byte) bool        { return c == '.' || c == '~' } // none ends a token: it would be the sentence's

func zoomHost(host string) (sub, base, cloud string) {
	for _, b := range zoomBases {
		sub, ok := strings.CutSuffix(host, b.domain)
		if ok && (sub == "" || sub[len(sub)-1] == '.') {
			return strings.TrimSuffix(sub, "."), b.domain, b.cloud
		}
	}
	return "", host, host
}

func zoomLink(a address, path, id, key string) meeting {
	pwd := zoomPassword(unescape(a.param("pwd")))
	tk := strings.TrimRight(run(unescape(a.param("tk")), isTokenOrMark), ".~") // a registrant's own
	var url string
	switch {
	case pwd != "" && tk != "":
		url = "https://" + a.host + path + id + "?pwd=" + pwd + "&tk=" + tk
	case pwd != "":
		url = "https://" + a.host + path + id + "?pwd=" + pwd
	case tk != "":
		url = "https://" + a.host + path + id + "?tk=" + tk
	default:
		url = "https://" + a.host + path + id
	}
	return meeting{link: Link{URL: url, MeetingID: id, Passcode: pwd}, key: key, secret: pwd != "" || tk != ""}
}

// zoomPassword is the token that a value begins with: letters and digits, in newer ones a dot and a
// number, behind which glued text falls off ("….1Meeting ID:").
func zoomPassword(value string) string {
	token := run(value, isToken)
	if number, ok := strings.CutPrefix(value[len(token):], "."); ok && token != "" {
		if digits := run(number, isDigit); digits != "" {
			return value[:len(token)+1+len(digits)]
		}
	}
	return token
}

// zoomAppAddress turns zoommtg://HOST/join?confno=ID&pwd=… and zoomus://… into the link of the web.
func zoomAppAddress(rest string) (address, bool) {
	a, ok := webAddress(rest)
	if _, _, cloud := zoomHost(a.host); !ok || cloud == a.host || a.path() != "/join" {
		return address{}, false
	}
	link := "/j/" + a.param("confno")
	if pwd := a.param("pwd"); pwd != "" {
		link += "?pwd=" + pwd
	}
	return address{a.host, link}, true
}
