package tnef

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// codepages are the encodings by their number on Windows; UTF-8 apart.
var codepages = map[uint32]encoding.Encoding{
	437: charmap.CodePage437, 850: charmap.CodePage850, 852: charmap.CodePage852, 855: charmap.CodePage855,
	858: charmap.CodePage858, 860: charmap.CodePage860, 862: charmap.CodePage862, 863: charmap.CodePage863,
	865: charmap.CodePage865, 866: charmap.CodePage866, 874: charmap.Windows874,
	1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252, 1253: charmap.Windows1253,
	1254: charmap.Windows1254, 1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257,
	1258: charmap.Windows1258, 10000: charmap.Macintosh,
	20127: charmap.Windows1252, 20866: charmap.KOI8R, 21866: charmap.KOI8U,
	28591: charmap.Windows1252, 28592: charmap.ISO8859_2, 28593: charmap.ISO8859_3, 28594: charmap.ISO8859_4,
	28595: charmap.ISO8859_5, 28596: charmap.ISO8859_6, 28597: charmap.ISO8859_7, 28598: charmap.ISO8859_8,
	38598: charmap.ISO8859_8, 28599: charmap.ISO8859_9, 28603: charmap.ISO8859_13, 28605: charmap.ISO8859_15,
	932: japanese.ShiftJIS, 20932: japanese.EUCJP, 51932: japanese.EUCJP, 50220: japanese.ISO2022JP,
	936: simplifiedchinese.GBK, 54936: simplifiedchinese.GB18030, 52936: simplifiedchinese.HZGB2312,
	949: korean.EUCKR, 51949: korean.EUCKR, 950: traditionalchinese.Big5,
}

// decode is b, up to a zero, in UTF-8. Of a codepage without a row it is UTF-8 if it can be, else
// windows-1252.
func decode(b []byte, codepage uint32) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	b = b[:min(len(b), 2*maxText)] // more than is kept, in any encoding
	enc := codepages[codepage]
	if enc == nil {
		if codepage == utf8Codepage || utf8.Valid(b) {
			return strings.ToValidUTF8(string(b), "\ufffd")
		}
		enc = charmap.Windows1252
	}
	s, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return string(s)
}

const utf8Codepage = 65001

// decodeUTF16 is b, up to a zero, in UTF-8.
func decodeUTF16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2 && u16(b) != 0; b = b[2:] {
		units = append(units, u16(b))
	}
	return string(utf16.Decode(units))
}

// limited is s, or as much of it as has at most n bytes.
func limited(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// line is s as one line, within its limit.
func line(s string) string {
	return strings.TrimSpace(limited(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, limited(s, 2*maxLine)), maxLine))
}
