package linkparse

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// teamsHosts are the clouds' hosts; none is ever swapped for another.
var teamsHosts = []string{
	"teams.microsoft.com",
	"teams.live.com", // personal
	"teams.cloud.microsoft",
	"gov.teams.microsoft.us", "dod.teams.microsoft.us", "teams.microsoft.us", "gov.teams.microsoft.com",
	"teams.microsoftonline.cn", // 21Vianet
}

// teamsContext is the JSON in a long link's context parameter.
type teamsContext struct {
	Tid, Oid           string
	IsBroadcastMeeting bool
}

// teamsMeeting reads Teams' two forms of links. Chats, channels, meeting options (which have the
// thread's id), dial-in pages and registrations are no meetings.
func teamsMeeting(a address) (meeting, bool) {
	segments := a.segments()
	if segment, ok := matches(segments, "meet/#"); ok {
		return teamsShort(a, segment)
	}
	if len(segments) == 4 && strings.EqualFold(segments[0], "l") && strings.EqualFold(segments[1], "meetup-join") {
		var c teamsContext
		text := unescape(a.param("context"))
		end := strings.IndexByte(text, '}') // an escaped ">" may follow
		if end < 0 || json.Unmarshal([]byte(text[:end+1]), &c) != nil {
			return meeting{}, false // a truncated link
		}
		return teamsLong(a.host, unescape(segments[2]), unescape(segments[3]), c)
	}
	return meeting{}, false
}

// teamsShort reads /meet/ID?p=…, the default of new meetings since late 2025.
func teamsShort(a address, segment string) (meeting, bool) {
	id, ok := leadingID(segment, 9, 16)
	if !ok {
		return meeting{}, false
	}
	cloud := a.host
	if cloud == "teams.cloud.microsoft" { // the same cloud under a newer name
		cloud = "teams.microsoft.com"
	}
	m := meeting{link: Link{URL: "https://" + a.host + "/meet/" + id, MeetingID: id}, key: cloud + " " + id}
	if p := run(unescape(a.param("p")), isAlnum); p != "" {
		m.link.URL += "?p=" + p
		m.link.Passcode, m.secret = p, true
	}
	return m, true
}

// teamsLong builds the long form exactly as Graph's onlineMeeting.joinUrl has it, byte for byte:
// escaped once, lower-case hex, compact JSON.
func teamsLong(host, thread, message string, c teamsContext) (meeting, bool) {
	if !isThread(thread) || !all(message, isDigit) || !isGUID(c.Tid) || c.Oid != "" && !isGUID(c.Oid) {
		return meeting{}, false
	}
	c.Tid, c.Oid = strings.ToLower(c.Tid), strings.ToLower(c.Oid)
	context := `{"Tid":"` + c.Tid + `"`
	if c.Oid != "" {
		context += `,"Oid":"` + c.Oid + `"`
	}
	if c.IsBroadcastMeeting { // a live event; without this the link opens nothing
		context += `,"IsBroadcastMeeting":true`
	}
	context += "}"
	key := thread
	if message != "0" { // a channel's thread has many meetings, each under its message
		key += " " + message
	}
	return meeting{
		link: Link{
			URL:       "https://" + host + "/l/meetup-join/" + escape(thread) + "/" + message + "?context=" + escape(context),
			MeetingID: thread, TenantID: c.Tid, OrganizerID: c.Oid,
		},
		key: key, long: true,
	}, true
}

// isThread reports whether id is a meeting's or a channel's thread: 19:meeting_…@thread.v2,
// 19:…@thread.skype (old), 19:…@thread.tacv2 (a channel).
func isThread(id string) bool {
	name, kind, _ := strings.Cut(id, "@")
	name, ok := strings.CutPrefix(name, "19:")
	return ok && all(name, isToken) && (kind == "thread.v2" || kind == "thread.skype" || kind == "thread.tacv2")
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// teamsRoute is the target of a link into Teams' own web page: the route stands in the fragment, or in
// the launcher's url parameter, escaped or not.
func teamsRoute(a address) string {
	route := a.fragment()
	if strings.EqualFold(a.path(), "/dl/launcher/launcher.html") {
		route = unescape(a.param("url"))
		if i := strings.Index(a.rest, "url=/"); i >= 0 { // not escaped: what follows is all of the route
			route = a.rest[i+len("url="):]
		}
		if _, after, ok := strings.Cut(route, "#"); ok {
			route = after
		}
	}
	if !strings.HasPrefix(route, "/") {
		return ""
	}
	return "https://" + a.host + route
}

func hasTeamsRoute(a address) bool {
	f := a.fragment()
	return hasPrefixFold(f, "/l/meetup-join/") || hasPrefixFold(f, "/meet/")
}

// teamsCoords is the target of a light-meetings link, which has the long link's parts as JSON.
func teamsCoords(a address) string {
	var c struct{ ConversationID, TenantID, OrganizerID, MessageID string }
	text, err := decodeBase64(unescape(a.param("coords")))
	if err != nil || json.Unmarshal(text, &c) != nil {
		return ""
	}
	if c.MessageID == "" {
		c.MessageID = "0"
	}
	m, ok := teamsLong(a.host, c.ConversationID, c.MessageID, teamsContext{Tid: c.TenantID, Oid: c.OrganizerID})
	if !ok {
		return ""
	}
	return m.link.URL
}

// teamsAppAddress turns msteams:/l/… and msteams://teams.microsoft.com/l/… into the link of the web.
func teamsAppAddress(rest string) (address, bool) {
	if strings.HasPrefix(rest, "//") {
		a, ok := webAddress(rest)
		for _, host := range teamsHosts {
			if ok && a.host == host {
				return a, true
			}
		}
		return address{}, false
	}
	return address{"teams.microsoft.com", rest}, strings.HasPrefix(rest, "/")
}

// decodeBase64 reads either alphabet, padded or not, and leaves what is glued to it. It pads for itself:
// decoders that always append "==" fail on three of four lengths.
func decodeBase64(s string) ([]byte, error) {
	s = run(strings.NewReplacer("+", "-", "/", "_").Replace(s), isToken)
	return base64.RawURLEncoding.DecodeString(s)
}
