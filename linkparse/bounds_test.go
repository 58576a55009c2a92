package linkparse

import (
	"net/url"
	"strings"
	"testing"
)

const mebibyte = 1 << 20

// fill repeats s up to a mebibyte.
func fill(s string) string { return strings.Repeat(s, mebibyte/len(s)) }

// TestBounds: what costs most must stay proportional to the text. Where it does not, this test does
// not end; the count of steps catches what only repeats itself.
func TestBounds(t *testing.T) {
	nested := "https://zoom.us/j/123456789"
	for range 20 {
		nested = "https://nam01.safelinks.protection.outlook.com/?url=" + url.QueryEscape(nested)
	}
	for name, text := range map[string]string{
		"schemes":             fill("https://"),
		"schemes apart":       fill("https:// "),
		"slashes":             fill("/"),
		"hosts":               fill("a.b/"),
		"known hosts":         fill("zoom.us/"),
		"a long host":         fill("a.") + "/" + fill("/"),
		"opened":              fill("<https://a\n"),
		"opened, no blanks":   "<https://a" + fill("\n"),
		"contexts":            fill(`https://a.b/?context={"`),
		"a long context":      `https://a.b/?context={` + fill(`"`),
		"brackets":            "https://a.b/" + fill(")"),
		"redirects":           fill("=https://a"),
		"invisible":           fill("\u200b"),
		"equals signs":        fill("=3D"),
		"soft breaks":         fill("=\n"),
		"folded":              fill(strings.Repeat("x", 75) + "\r\n "),
		"headers":             fill("From: a\n") + "https://zoom.us/j/123456789",
		"a long line":         fill("https://zoom.us/j/123456789 "),
		"many meetings":       manyMeetings(),
		"anchors":             fill(`<a href="https://zoom.us/j/123456789">`),
		"deep anchors":        fill(`<div><a href=x>`) + "https://zoom.us/j/123456789",
		"quotes in quotes":    fill(`<blockquote type="cite">`) + fill("</p>") + fill("</blockquote>"),
		"labels":              "Zoom " + fill("Meeting ID: "),
		"numbers":             "Zoom " + fill("Meeting ID: 123 456 789\n"),
		"escapes":             "https://zoom.us/j/" + fill("%25"),
		"proofpoint":          "https://urldefense.com/v3/__" + fill("__;"),
		"proofpoint's ends":   fill("https://urldefense.com/v3/__" + strings.Repeat("__;!", maxURL/5) + " "),
		"nested":              fill(nested + " "),
		"nested in an href":   `<a href="` + nested + `">`,
		"unknown tags":        fill("<https://x"),
		"entities":            fill("&amp;"),
		"quoted line by line": fill("> https://zoom.us/j/123456789\n"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []Kind{Auto, Text, HTML, URL} {
				f := find(Options{}, Field{Kind: kind, Text: text})
				if limit := (maxDepth + 1) * len(text) / len("https:// "); f.steps > limit {
					t.Errorf("%d steps, at most %d wanted", f.steps, limit)
				}
				if found := f.found(); len(found.Links) > maxLinks || len(found.Opaque) > maxLinks {
					t.Errorf("%d links, %d opaque", len(found.Links), len(found.Opaque))
				}
			}
		})
	}
}

func manyMeetings() string {
	var b strings.Builder
	for i := 0; b.Len() < mebibyte; i++ {
		b.WriteString("https://zoom.us/j/1")
		for n := i + 10_000_000; n > 0; n /= 10 {
			b.WriteByte(byte('0' + n%10))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// TestTooDeep: beyond the depth that was ever seen, a link counts as one that can't be decoded.
func TestTooDeep(t *testing.T) {
	link := "https://zoom.us/j/123456789"
	for depth := range 20 {
		found := Find(Options{}, Field{Kind: Text, Text: link})
		if deep := depth > maxDepth; deep != (len(found.Opaque) == 1) || deep == (len(found.Links) == 1) {
			t.Errorf("depth %d: %+v", depth, found)
		}
		if len(link) > maxURL {
			t.Fatal("the URL is too long to tell")
		}
		link = "https://nam01.safelinks.protection.outlook.com/?url=" + strings.NewReplacer("%", "%25", "&", "%26", "#", "%23").Replace(link)
	}
}
