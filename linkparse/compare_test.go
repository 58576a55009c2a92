package linkparse

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// patterns is how programs usually find conference links: a regular expression for each service, tried
// one after the other. testdata/patterns.txt has one a line.
func patterns(b *testing.B) []*regexp.Regexp {
	b.Helper()
	text, err := os.ReadFile("testdata/patterns.txt")
	if err != nil {
		b.Fatal(err)
	}
	var all []*regexp.Regexp
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, regexp.MustCompile(line))
		}
	}
	if len(all) < 50 {
		b.Fatalf("only %d patterns", len(all))
	}
	return all
}

// A body is what people get.
type body struct {
	name  string
	kind  Kind
	text  string
	finds bool
}

func bodies() []body {
	const zoom = "https://us05web.zoom.us/j/83795613417?pwd=zuZNoiXXk5KbrchVHcFo68cDhUmpp96.1"
	prose := strings.Repeat("Agenda and/or notes: 1) last week's numbers; 2) who does what by 12/11. Rückfragen an Jörg, bitte.\r\n", 40)
	invite := "Jane is inviting you to a scheduled Zoom meeting.\n\nTopic: Design review\nTime: Jan 12, 2027 10:00 AM Pacific Time (US and Canada)\n\n" +
		"Join Zoom Meeting\n" + zoom + "\n\nMeeting ID: 837 9561 3417\nPasscode: 405274\n\n---\n\nOne tap mobile\n+16699009128,,83795613417#,,,,*405274# US (San Jose)\n" +
		"+12532158782,,83795613417#,,,,*405274# US (Tacoma)\n\nDial by your location\n" + strings.Repeat("        +1 669 900 9128 US (San Jose)\n", 20)
	return []body{
		{"no_link", Text, prose, false},
		{"one_link", Text, invite, true},
		{"wrapped_in_30kB_html", HTML, outlookHTML(zoom), true},
	}
}

// outlookHTML is an invitation as Outlook writes it, with a link that Safe Links has replaced.
func outlookHTML(link string) string {
	safe := "https://eur01.safelinks.protection.outlook.com/?url=" + url.QueryEscape(link) + "&data=05%7C02%7Cana%40acme.example%7C" + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", 90))) + "&sdata=abc%3D&reserved=0"
	var b strings.Builder
	b.WriteString("<html xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\">\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n<style><!--\r\n")
	for i := range 40 {
		fmt.Fprintf(&b, "p.MsoNormal%d, li.MsoNormal%d, div.MsoNormal%d\r\n\t{margin:0cm;\r\n\tfont-size:11.0pt;\r\n\tfont-family:\"Calibri\",sans-serif;}\r\n", i, i, i)
	}
	b.WriteString("--></style></head>\r\n<body lang=\"EN-GB\" link=\"#0563C1\" vlink=\"#954F72\" style=\"word-wrap:break-word\">\r\n<div class=\"WordSection1\">\r\n")
	para := func(s string) {
		b.WriteString("<p class=\"MsoNormal\"><span lang=\"EN-US\" style=\"font-size:10.5pt;font-family:&quot;Segoe UI&quot;,sans-serif;color:#252424\">" + s + "<o:p></o:p></span></p>\r\n")
	}
	for range 60 {
		para("Please read the attached notes before the call &amp; bring your questions.")
	}
	para(`<a href="` + html.EscapeString(safe) + `" originalsrc="` + html.EscapeString(link) + `" shash="x" target="_blank"><span style="color:#6264A7">` + html.EscapeString(link) + `</span></a>`)
	for range 60 {
		para("This e-mail and its attachments are confidential.&nbsp;")
	}
	b.WriteString("</div>\r\n</body>\r\n</html>\r\n")
	return b.String()
}

// BenchmarkBodies reads realistic bodies, and has the patterns look through the same. x-patterns is how many
// times as long those took, in the same run.
func BenchmarkBodies(b *testing.B) {
	all := patterns(b)
	for _, body := range bodies() {
		var each time.Duration
		b.Run(body.name+"/patterns", func(b *testing.B) {
			b.SetBytes(int64(len(body.text)))
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range all {
					p.FindStringIndex(body.text)
				}
			}
			each = b.Elapsed() / time.Duration(b.N)
		})
		b.Run(body.name+"/linkparse", func(b *testing.B) {
			b.SetBytes(int64(len(body.text)))
			b.ReportAllocs()
			for b.Loop() {
				if found := Find(Options{}, Field{Kind: body.kind, Text: body.text}); (len(found.Links) == 1) != body.finds {
					b.Fatal(found)
				}
			}
			if each > 0 {
				b.ReportMetric(float64(each)/(float64(b.Elapsed())/float64(b.N)), "x-patterns")
			}
		})
	}
}
