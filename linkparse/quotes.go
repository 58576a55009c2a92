package linkparse

import (
	"slices"
	"strings"
)

// A quotation says which parts of a document are from earlier mails. It is asked in the order of the
// text, so that it reads nothing twice.
type quotation struct {
	text   string
	from   int    // all behind it is
	markup []span // what the markup says
	line   int    // where the line begins in which seen is
	seen   int
}

// quotedLast puts those of the candidates that are quoted behind the others. They come in the order of the
// text.
func (d document) quotedLast(found []candidate) []candidate {
	if len(found) < 2 {
		return found
	}
	q := quotation{text: d.text, from: quoteStart(d.text, d.quoted), markup: d.quoted}
	var fresh, quoted []candidate
	for _, c := range found {
		if q.has(c.at) {
			quoted = append(quoted, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	return append(fresh, quoted...)
}

// has reports whether what stands at the offset is quoted.
func (q *quotation) has(at int) bool {
	if i := strings.LastIndexByte(q.text[q.seen:at], '\n'); i >= 0 {
		q.line = q.seen + i + 1
	}
	q.seen = at
	for len(q.markup) > 0 && q.markup[0].to <= at {
		q.markup = q.markup[1:]
	}
	if at >= q.from || len(q.markup) > 0 && q.markup[0].from <= at {
		return true
	}
	for _, c := range []byte(q.text[q.line:at]) {
		if c != ' ' && c != '\t' {
			return c == '>'
		}
	}
	return false
}

// quoteLines begin what mail programs put below them.
var quoteLines = []string{"-----Original", "-----Ursprüngliche", "---------- Forwarded message", "Begin forwarded message:"}

// headers are the first lines of quoted headers, with the names of the dates that follow soon after.
// One without the other is a line of somebody's text.
var headers = []struct {
	from  string
	dates []string
}{
	{"From:", []string{"Sent:", "Date:"}},
	{"Von:", []string{"Gesendet:", "Datum:"}},
	{"De:", []string{"Envoyé", "Date", "Enviado", "Fecha:", "Data:"}},
	{"De\u00a0:", []string{"Envoyé", "Date"}},
	{"Da:", []string{"Inviato:", "Data:"}},
	{"Van:", []string{"Verzonden:", "Datum:"}},
	{"Från:", []string{"Skickat:", "Datum:"}},
	{"Fra:", []string{"Sendt:", "Dato:"}},
}

// introductions are lines such as "On Mon, Nov 2, 2026 at 9:12 AM Ivan wrote:".
var introductions = []struct{ begins, ends string }{
	{"On ", "wrote:"}, {"Am ", "schrieb"}, {"Le ", "a écrit"}, {"El ", "escribió"}, {"Il ", "ha scritto"}, {"Op ", "schreef"},
}

// quoteStart is the offset of the first line below which all is quoted. Where ">" or the markup say what
// is quoted, they say where it ends, too: the answer may stand below.
func quoteStart(text string, markup []span) int {
	at := 0
	for at < len(text) {
		end := strings.IndexByte(text[at:], '\n') + at + 1
		if end == at {
			end = len(text)
		}
		line := strings.TrimLeft(text[at:end], " \t*")
		if line != "" && quoteBegins[line[0]] && startsQuote(strings.TrimRight(line, " \t\r\n*"), text[end:]) && !marked(text[end:]) {
			for len(markup) > 0 && markup[0].to <= at {
				markup = markup[1:]
			}
			if len(markup) == 0 || at < markup[0].from && strings.TrimSpace(text[end:max(end, markup[0].from)]) != "" {
				return at
			}
		}
		at = end
	}
	return len(text)
}

// marked reports whether one of the next two lines that are not empty begins with ">". Two, because the
// line before may be wrapped.
func marked(below string) bool {
	for range 2 {
		below = strings.TrimLeft(below, " \t\r\n")
		if strings.HasPrefix(below, ">") {
			return true
		}
		_, below, _ = strings.Cut(below, "\n")
	}
	return false
}

// quoteBegins are the first bytes of all lines that startsQuote looks for.
var quoteBegins = func() (t [256]bool) {
	for _, l := range quoteLines {
		t[l[0]] = true
	}
	for _, i := range introductions {
		t[i.begins[0]] = true
	}
	for _, h := range headers {
		t[h.from[0]] = true
	}
	return t
}()

func startsQuote(line, below string) bool {
	for _, l := range quoteLines {
		if strings.HasPrefix(line, l) {
			return true
		}
	}
	for _, i := range introductions {
		if strings.HasPrefix(line, i.begins) {
			next, _, _ := strings.Cut(below, "\n")
			for _, text := range []string{line, strings.TrimSpace(next)} { // it may be wrapped
				if strings.HasSuffix(text, ":") && strings.Contains(text, i.ends) {
					return true
				}
			}
		}
	}
	for _, h := range headers {
		if strings.HasPrefix(line, h.from) && soon(below, h.dates) {
			return true
		}
	}
	return false
}

// soon reports whether one of the next lines begins with one of the names.
func soon(below string, names []string) bool {
	for range 6 { // HTML leaves empty lines between headers
		line, rest, _ := strings.Cut(below, "\n")
		line = strings.Trim(line, " \t\r*>")
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(line, n) }) {
			return true
		}
		below = rest
	}
	return false
}
