package linkparse

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// A document is a field's text as a reader sees it, with what HTML says beside it.
type document struct {
	text    string
	anchors []anchor // in the order of the text
	quoted  []span   // what the markup says is quoted
}

// A span is a part of a document's text.
type span struct{ from, to int }

// An anchor is a link of HTML with the text that shows it.
type anchor struct {
	span
	href string
	id   string
}

// read makes a document of a field's text.
func read(f Field) document {
	if f.Kind == HTML || f.Kind == Auto && looksLikeHTML(f.Text) {
		return readHTML(unquotePrintable(f.Text))
	}
	return document{text: tidy(f.Text)}
}

// tags that calendars' descriptions have. "<https://…>" is none.
var tags = set("a b body blockquote br div doctype em font h1 h2 h3 h4 head hr html i img li meta o:p ol p pre " +
	"section span strong style table tbody td th tr u ul wbr")

func set(words string) map[string]bool {
	t := map[string]bool{}
	for _, w := range strings.Fields(words) {
		t[w] = true
	}
	return t
}

func looksLikeHTML(s string) bool {
	for {
		_, after, ok := strings.Cut(s, "<")
		if !ok {
			return false
		}
		s = after
		name := strings.TrimLeft(s[:min(len(s), 1)], "/!") + s[min(len(s), 1):min(len(s), 12)]
		end := strings.IndexAny(name, " \t\r\n/>")
		if end > 0 && tags[strings.ToLower(name[:end])] {
			return true
		}
	}
}

// blocks are the tags that end a line. Others, <wbr> and <span> among them, do not split a URL.
var blocks = set("address article aside blockquote body br center dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 " +
	"header hr html li main nav ol p pre section table tbody td tfoot th thead tr ul")

// unseen are the elements whose text is not shown. inHead are those that do not end the head.
var (
	unseen = set("head script style template title noscript")
	inHead = set("head title meta link style script base noscript template")
)

// A reader turns HTML into a document. It has no tree: invitations are unbalanced more often than not.
type reader struct {
	text  strings.Builder
	doc   document
	open  bool   // the last of doc.anchors is not closed
	skip  string // the element that hides what is read, until it ends
	quote string // the element that has an earlier mail in it; "body" for all the rest
	depth int    // how many of that name are open since
}

// readHTML reads what is shown and the links. Comments are skipped, and so are the attributes that mail
// programs add beside href (originalsrc, data-saferedirecturl): they name the same link again.
func readHTML(s string) document {
	var r reader
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			r.closeAnchor()
			r.endQuote()
			r.doc.text = r.text.String()
			return r.doc
		case html.TextToken:
			if r.skip == "" {
				r.write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			r.start(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			r.end(name)
		}
	}
}

// write adds text. Most of it has nothing to tidy, and is not copied for that.
func (r *reader) write(text []byte) {
	if bytes.IndexByte(text, 0xc2) < 0 && bytes.IndexByte(text, 0xe2) < 0 && bytes.IndexByte(text, 0xef) < 0 && bytes.IndexByte(text, '\\') < 0 {
		r.text.Write(text)
		return
	}
	r.text.WriteString(unslash(dropInvisible(string(text))))
}

func (r *reader) start(z *html.Tokenizer) {
	if raw := z.Raw(); isURLTag(raw) { // a text's "<https://…>" among the tags
		if r.skip == "" {
			r.text.Write(raw)
		}
		return
	}
	name, more := z.TagName()
	if r.skip == "head" && !inHead[string(name)] { // the head was never closed
		r.skip = ""
	}
	if r.skip != "" {
		return
	}
	if unseen[string(name)] {
		r.skip = string(name)
		return
	}
	if blocks[string(name)] {
		r.text.WriteByte('\n')
	}
	switch string(name) {
	case "a", "area":
		r.startAnchor(z, string(name), more)
	case "div", "blockquote":
		r.startQuote(z, string(name), more)
	case r.quote:
		r.depth++
	}
}

func (r *reader) startAnchor(z *html.Tokenizer, name string, more bool) {
	var href, id string
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch string(key) {
		case "href":
			href = strings.TrimSpace(dropInvisible(unbroken.Replace(unslash(string(value)))))
		case "id":
			id = string(value)
		}
	}
	r.closeAnchor()
	if href == "" {
		return
	}
	r.text.WriteByte(' ') // an anchor's text is no part of the word before it
	r.doc.anchors = append(r.doc.anchors, anchor{span{from: r.text.Len()}, href, id})
	r.open = name == "a"
	if !r.open {
		r.doc.anchors[len(r.doc.anchors)-1].to = r.text.Len()
	}
}

// unbroken drops what browsers drop in an attribute that has a URL, and what transports left there: the
// blank of iCalendar's folding, JSON's quotation marks and line breaks.
var unbroken = strings.NewReplacer("\n ", "", "\r", "", "\n", "", "\t", "", `\"`, "", `\r`, "", `\n`, "")

func isURLTag(raw []byte) bool {
	return len(raw) > 7 && (bytes.EqualFold(raw[1:7], []byte("https:")) || bytes.EqualFold(raw[1:6], []byte("http:")))
}

func (r *reader) end(name []byte) {
	if r.skip != "" {
		if string(name) == r.skip {
			r.skip = ""
		}
		return
	}
	if blocks[string(name)] {
		r.text.WriteByte('\n')
	}
	switch string(name) {
	case "a", "td", "tr", "table", "body": // the latter for anchors that nobody closed
		r.closeAnchor()
	}
	if string(name) == r.quote {
		if r.depth--; r.depth == 0 {
			r.endQuote()
		}
	}
}

func (r *reader) closeAnchor() {
	if r.open {
		r.doc.anchors[len(r.doc.anchors)-1].to = r.text.Len()
		r.text.WriteByte(' ')
		r.open = false
	}
}

// startQuote notes the elements in which mail programs quote earlier mails: Gmail's, those that are cited,
// and Outlook's mark before the quoted part, behind which all is quoted.
func (r *reader) startQuote(z *html.Tokenizer, name string, more bool) {
	if r.quote == name {
		r.depth++
	}
	if r.quote != "" {
		return
	}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch string(key) {
		case "class":
			if bytes.Contains(value, []byte("gmail_quote")) {
				r.quote = name
			}
		case "type":
			if name == "blockquote" && string(value) == "cite" {
				r.quote = name
			}
		case "id":
			if r.quote == "" && (bytes.HasSuffix(value, []byte("divRplyFwdMsg")) || bytes.HasSuffix(value, []byte("appendonsend"))) {
				r.quote = "body"
			}
		}
	}
	if r.quote != "" {
		r.depth = 1
		r.doc.quoted = append(r.doc.quoted, span{from: r.text.Len()})
	}
}

func (r *reader) endQuote() {
	if r.quote != "" {
		r.quote = ""
		r.doc.quoted[len(r.doc.quoted)-1].to = r.text.Len()
	}
}
