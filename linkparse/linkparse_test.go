package linkparse

import (
	"slices"
	"strings"
	"testing"
)

// urls are the URLs of what is found in a text.
func urls(o Options, kind Kind, text string) []string {
	var us []string
	for _, l := range Find(o, Field{Kind: kind, Text: text}).Links {
		us = append(us, l.URL)
	}
	return us
}

const (
	longContext = "?context=%7b%22Tid%22%3a%226e1f2a3b-0000-4000-8000-000000000001%22%2c%22Oid%22%3a%226e1f2a3b-0000-4000-8000-000000000002%22%7d"
	longLink    = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_AAAA%40thread.v2/0" + longContext
	shortLink   = "https://teams.microsoft.com/meet/24222063733590?p=5JnZBf1bMsOoWc4ick"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name string
		kind Kind
		text string
		want string // URLs, with blanks between
	}{
		// A number must never grow or shrink: another number is a stranger's meeting.
		{"an indented line is no folded one", Text, "Call https://zoom.us/j/123456789\r\n 10:00 sharp", "https://zoom.us/j/123456789"},
		{"a full line without folding elsewhere", Text, strings.Repeat("x ", 24) + "https://zoom.us/j/123456789\r\n 10:00\r\n" + strings.Repeat("long ", 30), "https://zoom.us/j/123456789"},
		{"folded, with an empty line in it", Text, strings.Repeat("x ", 20) + "https://acme.zoom.us/j/12345678901\r\n 234567\r\n\r\n  https://zoom.us/j/123456789\r\n", "https://zoom.us/j/123456789"},
		{"too many digits", Text, "https://zoom.us/j/123456789012", ""},
		{"more of a number", Text, "https://zoom.us/j/123456789-1", ""},
		{"text glued to a number", Text, "https://zoom.us/j/123456789,Passcode: 1", "https://zoom.us/j/123456789"},
		{"half a room's name", HTML, `<a href="https://acme.webex.com/meet/jane%2540globex.example">x</a>`, "https://acme.webex.com/meet/jane@globex.example"},
		{"a room's name that goes on", HTML, `<a href="https://acme.webex.com/meet/jane%E2%82%AC">x</a>`, ""},
		{"a password that begins with 3D", Text, "https://zoom.us/j/123456789?pwd=3DxYz", "https://zoom.us/j/123456789?pwd=3DxYz"},
		{"a password and a token that look escaped", Text, "https://zoom.us/w/123456789?pwd=3DxYz&tk=41ab", "https://zoom.us/w/123456789?pwd=3DxYz&tk=41ab"},
		{"a password and a token that look escaped, too", Text, "https://zoom.us/w/123456789?pwd=3D&tk=09", "https://zoom.us/w/123456789?pwd=3D&tk=09"},
		{"equals signs as a line", Text, "=====\nhttps://zoom.us/j/123456789?pwd=3DxYz\n=====", "https://zoom.us/j/123456789?pwd=3DxYz"},

		{"an escaped password", Text, "https://zoom.us/j/123456789?pwd=abc%2E1 https://teams.microsoft.com/meet/24222063733590?p=%61b", "https://zoom.us/j/123456789?pwd=abc.1 https://teams.microsoft.com/meet/24222063733590?p=ab"},
		{"a host that becomes another in lower case", HTML, "<a href=\"https://\u212aelly.zoom.us/j/123456789\">x</a>", ""},

		{"emphasis", Text, "_https://acme.zoom.us/my/jane_ https://acme.zoom.us/my/joe_", "https://acme.zoom.us/my/jane https://acme.zoom.us/my/joe_"},
		{"a tenant that is none", Text, "https://teams.microsoft.com/l/meetup-join/19:meeting_AAAA@thread.v2/0?context=%7b%22Tid%22%3a%22x%5c%22%22%7d", ""},
		{"a URL beyond the length", Text, "https://zoom.us/j/123456789?" + strings.Repeat("x", maxURL), ""},

		// Different meetings stay different.
		{"one name, two companies", Text, "https://acme.zoom.us/my/jane https://globex.zoom.us/my/jane", "https://acme.zoom.us/my/jane https://globex.zoom.us/my/jane"},
		{"one number, two clouds", Text, "https://zoom.us/j/1612345678 https://www.zoomgov.com/j/1612345678?pwd=a", "https://zoom.us/j/1612345678 https://www.zoomgov.com/j/1612345678?pwd=a"},
		{"one number, one cloud", Text, "https://zoom.us/j/1612345678 https://acme.zoom.us/j/1612345678?pwd=a", "https://acme.zoom.us/j/1612345678?pwd=a"},
		{"one channel, two meetings", Text,
			"https://teams.microsoft.com/l/meetup-join/19:aaaa@thread.tacv2/1746596620062" + longContext + " https://teams.microsoft.com/l/meetup-join/19:aaaa@thread.tacv2/1746596620063" + longContext,
			"https://teams.microsoft.com/l/meetup-join/19%3aaaaa%40thread.tacv2/1746596620062" + longContext + " https://teams.microsoft.com/l/meetup-join/19%3aaaaa%40thread.tacv2/1746596620063" + longContext},
		{"a new invitation above an old one", Text, "Join<" + shortLink + ">\nNeed help?<https://aka.ms/JoinTeamsMeeting>\nJoin<" + longLink + ">", shortLink + " " + longLink},
		{"a short and a long link of one invitation", Text, "Join: " + shortLink + "\nNeed help?<https://aka.ms/JoinTeamsMeeting> | System reference<" + longLink + ">", shortLink},
		{"a long link of an invitation without its short one", HTML, shortLink + ` <a id="meet_invite_block.action.join_link_compatibility" href="` + longLink + `">x</a>`, shortLink + " " + longLink},
		{"another meeting between them", Text, shortLink + " https://zoom.us/j/123456789 System reference<" + longLink + ">", shortLink + " https://zoom.us/j/123456789 " + longLink},

		// Forms of input.
		{"HTML by its looks", Auto, `see <a href="https://zoom.us/j/123456789">this</a>`, "https://zoom.us/j/123456789"},
		{"no HTML by its looks", Auto, "see this<https://zoom.us/j/123456789>", "https://zoom.us/j/123456789"},
		{"a text's link among tags", Auto, "see <https://zoom.us/j/123456789><br>bye", "https://zoom.us/j/123456789"},
		{"an href without a scheme", HTML, `<a href="zoom.us/j/123456789">x</a> <a href="//zoom.us/j/123456780">x</a>`, "https://zoom.us/j/123456789 https://zoom.us/j/123456780"},
		{"an href that leads elsewhere", HTML, `<a href="https://evil.example/">https://zoom.us/j/123456789</a>`, ""},
		{"an href that leads nowhere", HTML, `<a href="#">https://zoom.us/j/123456789</a>`, "https://zoom.us/j/123456789"},
		{"a head that nobody closed", HTML, `<head><title>https://zoom.us/j/123456780</title><body>https://zoom.us/j/123456789`, "https://zoom.us/j/123456789"},
		{"a comment", HTML, `<!-- https://zoom.us/j/123456789 --><script>"https://zoom.us/j/123456789"</script>`, ""},
		{"a URL field", URL, " https://zoom.us/j/123456789\n", "https://zoom.us/j/123456789"},
		{"a URL field with another thing", URL, "conf:sip:a@b.example;x=https://zoom.us/j/123456789", ""},
		{"an app's link", URL, "msteams:/l/meetup-join/19:meeting_AAAA@thread.v2/0" + longContext, longLink},
		{"a line of a list", Text, "Room 4; zoom.us/j/123456789", "https://zoom.us/j/123456789"},

		// What transports leave.
		{"a parameter wrapped behind its name", Text, "<https://zoom.us/j/123456789?pwd=\nabc.1>", "https://zoom.us/j/123456789?pwd=abc.1"},
		{"a quoted link that is wrapped", Text, "> <https://zoom.us/j/1234\n> 56789?pwd=abc.1>", "https://zoom.us/j/123456789?pwd=abc.1"},
		{"a wrapped link whose end is alone", Text, "<https://zoom.us/j/123456789?pwd=ab\nc.1\n>", "https://zoom.us/j/123456789?pwd=abc.1"},
		{"a folded href", HTML, "<a href=\"https://zoom.us/j/1234\r\n 56789\">x</a>", "https://zoom.us/j/123456789"},
		{"HTML in JSON", HTML, `<a href=\"https:\/\/zoom.us\/j\/123456789\">x<\/a>`, "https://zoom.us/j/123456789"},
		{"JSON's escapes", Text, `"https://zoom.us/j/123456789?from=a\u0026pwd\u003dabc.1"`, "https://zoom.us/j/123456789?pwd=abc.1"},
		{"iCalendar's escape in a v3 link", Text, `https://urldefense.com/v3/__https://zoom.us/j/123456789__\;!!a!b$\nBye`, "https://zoom.us/j/123456789"},
		{"a v3 link around an escaped one", Text, "https://urldefense.com/v3/__https://urldefense.com/v1/url?u=https*3A//urldefense.com/v3/__https*3A//zoom.us/j/123456789__*3B*21*21a*21b*24&k=c__;JSUlJSUlJSU!!a!b$", "https://zoom.us/j/123456789"},
		{"a raw context with blanks", Text, `https://teams.microsoft.com/l/meetup-join/19:meeting_AAAA@thread.v2/0?context={"Tid": "6e1f2a3b-0000-4000-8000-000000000001", "Oid": "6e1f2a3b-0000-4000-8000-000000000002"} now`, longLink},
		{"escaped blanks", Text, "https://zoom.us/j/123456789%20 https://meet.google.com/abc-defg-hij%E2%80%8B https://acme.zoom.us/my/jane%0D%0A https://g.co/meet/acme%C2%A0", "https://zoom.us/j/123456789 https://meet.google.com/abc-defg-hij https://acme.zoom.us/my/jane https://g.co/meet/acme"},
		{"more of a number behind a blank", Text, "https://zoom.us/j/123456789%2001", ""},
		{"names with text glued to them", Text, "https://acme.zoom.us/my/jane,Room &lt;https://g.co/meet/acme&gt;", "https://acme.zoom.us/my/jane https://g.co/meet/acme"},
		{"nested emphasis", Text, "*_https://acme.zoom.us/my/jane_*", "https://acme.zoom.us/my/jane"},
		{"lists without blanks", Text, "https://acme.example/agenda;https://zoom.us/j/123456789,https://meet.google.com/abc-defg-hij", "https://zoom.us/j/123456789 https://meet.google.com/abc-defg-hij"},
		{"a list's dash", Text, "-acme.zoom.us/j/123456789", "https://acme.zoom.us/j/123456789"},
		{"another's fragment", Text, "evil.example#https://zoom.us/j/123456789", ""},
		{"a room before a slash", Text, "Room 4/https://zoom.us/j/123456789", "https://zoom.us/j/123456789"},
		{"without a scheme", Text, "\"zoom.us/j/123456789\" \u2022zoom.us/j/123456780 \uff08zoom.us/j/123456781\uff09 google.com/url?q=https://zoom.us/j/123456782", "https://zoom.us/j/123456789 https://zoom.us/j/123456780 https://zoom.us/j/123456781 https://zoom.us/j/123456782"},

		// Order.
		{"quoted by markup", HTML, `<div class="gmail_quote">https://zoom.us/j/123456780<div>x</div></div><p>https://zoom.us/j/123456789</p>`, "https://zoom.us/j/123456789 https://zoom.us/j/123456780"},
		{"quoted by marks", Text, "> old https://zoom.us/j/123456780\nnew https://zoom.us/j/123456789", "https://zoom.us/j/123456789 https://zoom.us/j/123456780"},
		{"a line that begins with From", Text, "> old https://zoom.us/j/123456780\nFrom: Jane\nnew https://zoom.us/j/123456789", "https://zoom.us/j/123456789 https://zoom.us/j/123456780"},
		{"a header that begins with From", Text, "> old https://zoom.us/j/123456780\nFrom: Jane\nSent: today\nolder https://zoom.us/j/123456789", "https://zoom.us/j/123456780 https://zoom.us/j/123456789"},
		{"an answer below what it answers", Text, "On Monday Joe\n<joe@acme.example> wrote:\n\n> https://zoom.us/j/123456780\n\nhttps://zoom.us/j/123456789", "https://zoom.us/j/123456789 https://zoom.us/j/123456780"},
		{"an answer below what the markup quotes", HTML, `<div>On Monday Joe wrote:<br></div><blockquote type="cite">https://zoom.us/j/123456780</blockquote><p>https://zoom.us/j/123456789</p>`, "https://zoom.us/j/123456789 https://zoom.us/j/123456780"},
		{"a quoted link with the password", Text, "https://zoom.us/j/123456789\n> https://zoom.us/j/123456789?pwd=a", "https://zoom.us/j/123456789?pwd=a"},

		// Others.
		{"a fragment that is a key", Text, "https://meet.proton.me/join/id-ABC#pwd-xyz", "https://meet.proton.me/join/id-ABC#pwd-xyz"},
		{"dial-in pages", Text, "https://meet.jit.si/acme https://meet.jit.si/static/dialInInfo.html?room=acme https://chime.aws/dialinnumbers/", "https://meet.jit.si/acme"},
		{"another's site", Text, "https://evil.8x8.vc.example/room https://app.slack.com/client/T1", ""},

		// Numbers in print.
		{"a number, and Zoom", Text, "Zoom\nMeeting ID: 970 5029 9827", "https://zoom.us/j/97050299827"},
		{"two numbers, and Zoom", Text, "Zoom\nMeeting ID: 970 5029 9827\nMeeting ID: 970 5029 9828", ""},
		{"a number, and another service too", Text, "Zoom or Webex\nMeeting ID: 970 5029 9827", ""},
		{"a number for Zoom's other cloud", Text, "ZoomGov\nMeeting ID: 161 234 5678", ""},
		{"a number, and a page", Text, "Zoom\nMeeting ID: 970 5029 9827\nhttps://calls.example/970", ""},
		{"a number, and a link", Text, "Zoom\nMeeting ID: 970 5029 9827\nhttps://meet.google.com/abc-defg-hij", "https://meet.google.com/abc-defg-hij"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(urls(Options{}, c.kind, c.text), " "); got != c.want {
				t.Errorf("%s, want %s in %q", got, c.want, c.text)
			}
		})
	}
}

// TestOthers: each service that is recognised and not recorded, with a room, and with what is none.
func TestOthers(t *testing.T) {
	cases := []struct{ provider, room, page string }{
		{"jitsi", "https://meet.jit.si/AcmeKickoff", "https://meet.jit.si/static/dialInInfo.html?room=AcmeKickoff"},
		{"whereby", "https://whereby.com/acme", "https://notwhereby.com/acme"},
		{"whereby", "https://acme.whereby.com/kick-off", "https://whereby.com.evil.example/acme"},
		{"goto", "https://global.gotomeeting.com/join/123456789", "https://support.goto.com/meeting"},
		{"goto", "https://meet.goto.com/123456789", "https://www.goto.com/meeting/join"},
		{"chime", "https://chime.aws/1234567890", "https://chime.aws/dialinnumbers/"},
		{"ringcentral", "https://v.ringcentral.com/join/123456789", "https://support.ringcentral.com/join/1"},
		{"8x8", "https://8x8.vc/acme/kick-off", "https://8x8.vc/static/dialInInfo.html"},
		{"lark", "https://vc.larksuite.com/j/123456789", "https://www.larksuite.com/j/123456789"},
		{"lark", "https://vc.feishu.cn/j/123456789", "https://vc.feishu.cn/record/123456789"},
		{"slack", "https://app.slack.com/huddle/T0123/C0456", "https://app.slack.com/client/T0123/C0456"},
		{"cal", "https://app.cal.com/video/abcDEF123", "https://app.cal.com/bookings/upcoming"},
		{"proton", "https://meet.proton.me/join/id-ABC#pwd-xyz", "https://proton.me/support/meet"},
		{"facetime", "https://facetime.apple.com/join#v=1&p=abc&k=def", "https://support.apple.com/facetime"},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.provider] = true
		for _, text := range []string{c.room, "Join (" + c.room + ").", encoders[0].wrap(c.room)} {
			links := Find(Options{}, Field{Kind: Text, Text: text}).Links
			if len(links) != 1 || links[0].Provider != c.provider || links[0].URL != c.room || recordable(links[0]) {
				t.Errorf("%s: %+v", text, links)
			}
		}
		if links := Find(Options{}, Field{Kind: Text, Text: c.page}).Links; links != nil {
			t.Errorf("%s: %+v", c.page, links)
		}
	}
	for _, o := range others {
		if !seen[o.name] {
			t.Errorf("%s has no case", o.name)
		}
	}
}

// TestShifted: what a gateway has spelled in a way that is not known is reported, and not taken for nothing.
func TestShifted(t *testing.T) {
	found := Find(Options{}, Field{Kind: Text, Text: "https://protect.checkpoint.com/v2/r06/___nzzvy:d/gisp.fu.pm___.YzJ1Og"})
	if len(found.Links) != 0 || !slices.Equal(found.Opaque, []Opaque{{Wrapper: "checkpoint"}}) {
		t.Errorf("%+v", found)
	}
}

func TestFindOrder(t *testing.T) {
	found := Find(Options{},
		Field{"conference", URL, "tel:+1-555-010-9999"},
		Field{"location", Text, "https://meet.google.com/abc-defg-hij"},
		Field{"description", Text, "https://zoom.us/j/123456789 https://meet.google.com/abc-defg-hij"})
	var got []string
	for _, l := range found.Links {
		got = append(got, l.Where+" "+l.URL)
	}
	if want := []string{"location https://meet.google.com/abc-defg-hij", "description https://zoom.us/j/123456789"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTeamsPair: an invitation's two links are one meeting, whichever stands first.
func TestTeamsPair(t *testing.T) {
	text := Field{"description", HTML, `<a id="x_meet_invite_block.action.join_link" href="` + shortLink + `">Join</a>
		<a id="x_meet_invite_block.action.join_link_compatibility" href="` + longLink + `">Systemreferenz</a>`}
	const thread, number = "19:meeting_AAAA@thread.v2", "24222063733590"
	for _, c := range []struct {
		fields  []Field
		id, key string
	}{
		{[]Field{text}, number, thread},
		{[]Field{{"conference", URL, longLink}, text}, thread, number},
	} {
		links := Find(Options{}, c.fields...).Links
		if len(links) != 1 {
			t.Fatalf("%+v", links)
		}
		if l := links[0]; l.MeetingID != c.id || !slices.Equal(l.Keys, []string{c.key}) || l.TenantID == "" || l.OrganizerID == "" {
			t.Errorf("%+v", l)
		}
	}
}

func TestConsent(t *testing.T) {
	o := Options{ConsentHosts: []string{"Meet.Acme.example"}}
	static := ConsentPage{Company: "acme", User: "jane", Type: Static}
	for _, c := range []struct {
		text, want string
		page       ConsentPage
	}{
		{"https://meet.acme.example/acme/jane", "https://meet.acme.example/acme/jane", static},
		{"https://meet.acme.example/acme/jane/17?provider=zoom&tkn=x", "https://meet.acme.example/acme/jane/17?provider=zoom&tkn=x", ConsentPage{"acme", "jane", "17", Dynamic, Zoom}},
		{"https://meet.acme.example/acme/jane?Provider=TEAMS", "https://meet.acme.example/acme/jane?Provider=TEAMS", ConsentPage{"acme", "jane", "", Static, Teams}},
		{"https://meet.acme.example/acme/jane?provider=skype", "https://meet.acme.example/acme/jane?provider=skype", static},
		{"https://meet.acme.example/caf%C3%A9/jane", "https://meet.acme.example/caf%C3%A9/jane", ConsentPage{Company: "café", User: "jane", Type: Static}},
		{"meet.acme.example/acme/jane.", "https://meet.acme.example/acme/jane", static},
		{"https://join.gong.io/acme/jane", "https://join.gong.io/acme/jane", static},
		{"https://meet.acme.example/acme https://meet.acme.example/a/b/c/d", "", ConsentPage{}},
		{"https://eu.meet.acme.example/acme/jane https://meet.acme.example.evil.example/acme/jane", "", ConsentPage{}},
	} {
		links := Find(o, Field{Kind: Text, Text: c.text}).Links
		switch {
		case c.want == "" && len(links) == 0:
		case len(links) != 1 || links[0].URL != c.want || links[0].Provider != Consent || links[0].MeetingID != "" || links[0].Page == nil || *links[0].Page != c.page:
			t.Errorf("%+v, want %s in %s", links, c.want, c.text)
		}
	}
	if got := urls(Options{}, Text, "https://meet.acme.example/acme/jane"); got != nil {
		t.Errorf("found %q without the option", got)
	}
}

// lookAlikes are hosts and forms that must give nothing, whatever path follows. HOST is a provider's,
// DOMAIN the end of it that no name may be put before without a dot.
var lookAlikes = []string{
	"https://HOST.evil.example", "https://notDOMAIN", "https://join-DOMAIN", "https://HOST@evil.example", "https://HOST:x@evil.example",
	`https://evil.example\@HOST`, "https://evil.example/HOST", "https://evil.example/https://HOST", "https://evil.example?u=https://HOST",
	"https://e.ex/?https://HOST", "evil.example/?u=https://HOST", "https://evil.example#https://HOST", "https://HOST%2eevil.example",
	"https://HOST:8443", "https://HOST.", "https://xn--a.HOST", "https://x_.HOST", "ftp://HOST", "javascript://HOST", "jane@HOST", "jane\uff20HOST",
	"https://\u0430HOST", "\u0430HOST", "https://evil-\u0430HOST",
	"https://nam01.safelinks.protection.outlook.com.evil.example/?url=https://HOST", "https://www.google.com.evil.example/url?q=https://HOST",
	"https://www.google.evil/url?q=https://HOST", "https://google.co.evil/url?q=https://HOST",
	"https://evilurldefense.com/v3/__https://HOST", "https://www.google.com/search?q=https://HOST",
}

func TestLookAlikes(t *testing.T) {
	for _, c := range []struct{ name, domain, path string }{
		{"", "zoom.us", "/j/123456789"},
		{"", "zoomgov.com", "/j/123456789?pwd=a"},
		{"acme.", "zoom-x.de", "/my/jane"},
		{"", "teams.microsoft.com", "/meet/24222063733590?p=a"},
		{"", "teams.live.com", "/meet/24222063733590?p=a"},
		{"acme.", "webex.com", "/meet/jane"},
		{"", "meet.google.com", "/abc-defg-hij"},
	} {
		link := c.name + c.domain + c.path
		if got := urls(Options{}, Text, "https://"+link); len(got) != 1 {
			t.Fatalf("%q for %s itself", got, link)
		}
		for _, form := range lookAlikes {
			text := strings.NewReplacer("notDOMAIN", c.name+"not"+c.domain, "join-DOMAIN", c.name+"join-"+c.domain, "HOST", c.name+c.domain).Replace(form) + c.path
			for _, kind := range []Kind{Text, HTML, URL} {
				if got := urls(Options{}, kind, text); got != nil {
					t.Errorf("found %q in %s (kind %d)", got, text, kind)
				}
			}
			if got := urls(Options{}, HTML, `<a href="`+text+`">`+link+`</a>`); got != nil && strings.HasPrefix(text, "http") {
				t.Errorf("found %q in a link to %s", got, text)
			}
		}
	}
}

// TestTables: rows that could never be found, or would take what belongs to another.
func TestTables(t *testing.T) {
	for _, p := range providers {
		for _, h := range p.hosts {
			checkRow(t, p.name, h)
		}
	}
	for _, g := range gateways {
		if len(g.hosts) == 0 && g.accept == nil {
			t.Errorf("%s takes every host", g.label)
		}
		for _, h := range g.hosts {
			checkRow(t, g.label, h)
		}
	}
}

func checkRow(t *testing.T, name, host string) {
	t.Helper()
	if !validHost(strings.TrimPrefix(host, ".")) || host != strings.ToLower(host) {
		t.Errorf("%s: host %q", name, host)
	}
}
