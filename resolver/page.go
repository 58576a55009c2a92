package resolver

import (
	"io"
	"strings"

	"golang.org/x/net/html"
)

// pageRedirect is the URL that a page's <meta http-equiv="refresh"> leads to. Nothing else in a page
// counts: its links may be anybody's.
func pageRedirect(page io.Reader) string {
	z := html.NewTokenizer(io.LimitReader(page, maxPage))
	z.SetMaxBuf(maxPage)
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			switch t.Data {
			case "body":
				return ""
			case "meta":
				if to := refresh(t.Attr); to != "" {
					return to
				}
			}
		}
	}
}

// refresh reads content="0; url=https://…" (HTML Living Standard, 4.2.5.3).
func refresh(attrs []html.Attribute) string {
	var is bool
	var content string
	for _, a := range attrs {
		switch a.Key {
		case "http-equiv":
			is = strings.EqualFold(a.Val, "refresh")
		case "content":
			content = a.Val
		}
	}
	_, to, ok := strings.Cut(content, ";")
	if !is || !ok {
		return ""
	}
	to = strings.TrimSpace(to)
	if len(to) > 4 && strings.EqualFold(to[:3], "url") {
		to = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(to[3:]), "="))
	}
	return strings.Trim(to, `"'`)
}
