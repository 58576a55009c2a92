package eligibility

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// words brings a title or a keyword to the form in which they are compared: NFKC, Unicode's untailored
// case folding, words parted by one space. A word is a run of letters, digits and marks.
func words(s string) string {
	if isASCII(s) {
		s = strings.ToLower(s) // which is all that folding does to it
	} else {
		s = strings.Map(visible, s)
		// The package folds small Cherokee letters to capitals and capitals to small ones.
		s = norm.NFKC.String(strings.ToLower(cases.Fold().String(norm.NFKC.String(s))))
	}
	var b strings.Builder
	b.Grow(len(s))
	apart := false
	for _, r := range s {
		if !inWord(r) {
			apart = true
			continue
		}
		if apart && b.Len() > 0 {
			b.WriteByte(' ')
		}
		apart = false
		b.WriteRune(r)
	}
	return b.String()
}

// visible drops what nobody sees, as Unicode's NFKC_Casefold does: a soft hyphen in a keyword, or an
// emoji's variation selector before one, would hide it. A zero-width space is kept: it parts words.
func visible(r rune) rune {
	const zeroWidthSpace = 0x200b
	if r != zeroWidthSpace && unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
		return -1
	}
	return r
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) }

// unspaced are the scripts that put no spaces between words. What Han, Katakana and Hiragana
// share (the sign for a deadline, repeat marks, the long mark) is common to Unicode.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
	{R16: []unicode.Range16{{Lo: 0x3006, Hi: 0x3006, Stride: 1}, {Lo: 0x3031, Hi: 0x3035, Stride: 1}, {Lo: 0x303c, Hi: 0x303c, Stride: 1}, {Lo: 0x30fc, Hi: 0x30fc, Stride: 1}}},
}

// hasKeyword reports whether the keyword stands in the title as whole words; both come from words.
// Where a script has no word spaces, it stands anywhere.
func hasKeyword(title, keyword string) bool {
	if keyword == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(keyword)
	last, _ := utf8.DecodeLastRuneInString(keyword)
	for from := 0; ; {
		i := strings.Index(title[from:], keyword)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(title[:i])
		after, _ := utf8.DecodeRuneInString(title[i+len(keyword):])
		if !(i > 0 && joined(before, first)) && !(i+len(keyword) < len(title) && joined(last, after)) {
			return true
		}
		_, size := utf8.DecodeRuneInString(title[i:])
		from = i + size
	}
}

// joined reports whether two neighbouring runes are of one word.
func joined(a, b rune) bool {
	return inWord(a) && inWord(b) && !unicode.In(a, unspaced...) && !unicode.In(b, unspaced...)
}
