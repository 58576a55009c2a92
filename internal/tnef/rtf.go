package tnef

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
)

// dictionary is what compressed RTF begins with, unsaid ([MS-OXRTFCP] section 2).
const dictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` + "\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

const maxRTF = 1 << 20 // bytes, uncompressed; the rest is dropped

// expand is b, compressed RTF ([MS-OXRTFCP] section 2), as far as it can be read: a header of 16 bytes,
// then runs of a byte with 8 flags and 8 tokens. A token is a byte as it is, or two that are a place in
// the last 4096 bytes and a length.
func expand(b []byte) []byte {
	if len(b) < 16 {
		return nil
	}
	most := int(min(u32(b[4:]), maxRTF))
	kind := string(b[8:12])
	b = b[16:]
	if kind == "MELA" {
		return b[:min(most, len(b))]
	}
	if kind != "LZFu" {
		return nil
	}
	var window [4096]byte
	at := copy(window[:], dictionary)
	var out []byte
	put := func(c byte) {
		out = append(out, c)
		window[at%4096] = c
		at++
	}
	for flags, bit := byte(0), 8; len(out) < most; bit++ {
		if bit == 8 {
			if len(b) == 0 {
				break
			}
			flags, b, bit = b[0], b[1:], 0
		}
		if flags&(1<<bit) == 0 {
			if len(b) == 0 {
				break
			}
			put(b[0])
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			break
		}
		token := int(b[0])<<8 | int(b[1])
		b = b[2:]
		from := token >> 4
		if from == at%4096 {
			break // the end
		}
		for i := range token&0xf + 2 {
			put(window[(from+i)%4096])
		}
	}
	return out
}

// readRTF is compressed RTF as text, or as the HTML that it was made from ([MS-OXRTFEX]); of the two one
// is "". It does no more than a text needs: how it looks is lost, and where a link leads stands before it.
func readRTF(b []byte) (text, html string) {
	rtf := expand(b)
	p := &rtfParser{b: rtf, codepage: 1252, html: bytes.Contains(rtf[:min(len(rtf), 500)], []byte(`\fromhtml`))}
	p.stack = []rtfGroup{{skip: 1}}
	for len(p.b) > 0 && p.out.Len() < maxText {
		p.token()
	}
	p.flush()
	out := limited(strings.TrimSpace(p.out.String()), maxText)
	if p.html {
		return "", out
	}
	return out, ""
}

// An rtfGroup is the state between two braces.
type rtfGroup struct {
	hidden bool // a part that is no text
	tag    bool // a tag of HTML (\htmltag)
	noHTML bool // what HTML has no need of (\htmlrtf)
	link   bool // where a link leads (\fldinst)
	skip   int  // characters that stand in for one in Unicode (\uc)
}

type rtfParser struct {
	b        []byte
	stack    []rtfGroup // open groups, at most maxGroups; what is deeper counts as the last one
	deeper   int
	codepage uint32
	html     bool
	star     bool     // \* was last: a group of an unknown kind is no text
	stand    int      // characters still to leave out
	bytes    []byte   // text in the codepage, not yet written
	units    []uint16 // text in UTF-16, not yet written
	target   []byte   // what a link's part says
	out      strings.Builder
}

const maxGroups = 100

// hiddenGroups are parts that are no text.
var hiddenGroups = map[string]bool{
	"fonttbl": true, "colortbl": true, "stylesheet": true, "info": true, "pict": true, "object": true, "header": true,
	"footer": true, "headerl": true, "headerr": true, "footerl": true, "footerr": true, "pntext": true,
}

// rtfText are words that stand for text.
var rtfText = map[string]string{
	"par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "tab": "\t", "cell": "\t", "lquote": "‘", "rquote": "’",
	"ldblquote": "“", "rdblquote": "”", "bullet": "•", "endash": "–", "emdash": "—",
	"~": " ", "_": "-", "\r": "\n", "\n": "\n", `\`: `\`, "{": "{", "}": "}",
}

func (p *rtfParser) top() *rtfGroup { return &p.stack[len(p.stack)-1] }

// token reads a brace, a word or a character.
func (p *rtfParser) token() {
	c := p.b[0]
	p.b = p.b[1:]
	switch c {
	case '{':
		p.stand = 0
		if len(p.stack) == maxGroups {
			p.deeper++
		} else {
			p.stack = append(p.stack, *p.top())
		}
	case '}':
		p.close()
	case '\\':
		p.word()
		return
	case '\r', '\n', 0:
		return
	default:
		p.char(c)
	}
	p.star = false
}

func (p *rtfParser) close() {
	p.stand = 0
	if p.deeper > 0 {
		p.deeper--
		return
	}
	if len(p.stack) == 1 {
		return
	}
	closed := p.top().link
	p.stack = p.stack[:len(p.stack)-1]
	if closed && !p.top().link {
		if _, rest, ok := strings.Cut(decode(p.target, p.codepage), `HYPERLINK "`); ok {
			url, _, _ := strings.Cut(rest, `"`)
			p.string("<" + url + "> ")
		}
		p.target = nil
	}
}

// word reads what follows a backslash: letters with a number, or one symbol.
func (p *rtfParser) word() {
	n := 0
	for n < len(p.b) && n < 32 && (p.b[n]|0x20 >= 'a' && p.b[n]|0x20 <= 'z') {
		n++
	}
	name := string(p.b[:n])
	if n == 0 {
		p.symbol()
		return
	}
	p.b = p.b[n:]
	end := 0
	for end < len(p.b) && end < 11 && (p.b[end] >= '0' && p.b[end] <= '9' || end == 0 && p.b[end] == '-') {
		end++
	}
	number, err := strconv.Atoi(string(p.b[:end]))
	if p.b = p.b[end:]; len(p.b) > 0 && p.b[0] == ' ' {
		p.b = p.b[1:]
	}
	p.do(name, number, err == nil)
	p.star = false
}

func (p *rtfParser) symbol() {
	if len(p.b) == 0 {
		return
	}
	c := p.b[0]
	p.b = p.b[1:]
	switch p.star = c == '*'; {
	case c == '\'' && len(p.b) >= 2:
		if v, err := strconv.ParseUint(string(p.b[:2]), 16, 8); err == nil {
			p.char(byte(v))
		}
		p.b = p.b[2:]
	case p.stand > 0 && rtfText[string(c)] != "":
		p.stand--
	default:
		p.string(rtfText[string(c)])
	}
}

// do does what a word says.
func (p *rtfParser) do(name string, n int, has bool) {
	g := p.top()
	switch name {
	case "u":
		if p.visible() && !g.link {
			p.flushBytes()
			p.units = append(p.units, uint16(n))
		}
		p.stand = g.skip
	case "uc":
		g.skip = min(max(n, 0), 10)
	case "bin":
		p.b = p.b[min(max(n, 0), len(p.b)):]
	case "ansicpg":
		p.codepage = uint32(n)
	case "htmltag":
		g.tag = true
	case "mhtmltag":
		g.hidden = true
	case "htmlrtf":
		g.noHTML = !has || n != 0
	case "fldinst":
		g.link = true
	default:
		text, is := rtfText[name]
		if p.string(text); !is && (p.star || hiddenGroups[name]) {
			g.hidden = true
		}
	}
}

// visible reports whether what stands here is part of the text.
func (p *rtfParser) visible() bool {
	g := p.top()
	return !g.hidden && (p.html && !g.noHTML || !p.html && !g.tag)
}

// char adds a byte in the codepage.
func (p *rtfParser) char(c byte) {
	switch {
	case p.stand > 0:
		p.stand--
	case !p.visible():
	case p.top().link:
		if len(p.target) < maxLine {
			p.target = append(p.target, c)
		}
	default:
		p.flushUnits()
		p.bytes = append(p.bytes, c)
	}
}

// string adds text.
func (p *rtfParser) string(s string) {
	if s != "" && p.visible() && !p.top().link {
		p.flush()
		p.out.WriteString(s)
	}
}

// flush writes what is not yet written: in each of the two is something only if in the other is nothing.
func (p *rtfParser) flush() {
	p.flushBytes()
	p.flushUnits()
}

func (p *rtfParser) flushBytes() {
	p.out.WriteString(decode(p.bytes, p.codepage))
	p.bytes = p.bytes[:0]
}

func (p *rtfParser) flushUnits() {
	p.out.WriteString(string(utf16.Decode(p.units)))
	p.units = p.units[:0]
}
