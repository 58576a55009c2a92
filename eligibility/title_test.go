package eligibility

import (
	"testing"

	"pgregory.net/rapid"
)

func TestHasKeyword(t *testing.T) {
	for _, c := range []struct {
		title, keyword string
		want           bool
	}{
		{"Interview: Joe", "interview", true}, {"Interviewing Joe", "interview", false}, {"(INTERVIEW)", "Interview", true},
		{"re-interview", "interview", true}, {"interview2", "interview", false}, {"interview_2", "interview", true},
		{"board   meeting", "board meeting", true}, {"board-meeting", "board meeting", true}, {"board\u200bmeeting", "board meeting", true},
		{"board of meeting", "board meeting", false}, {"boardmeeting", "board meeting", false}, {"board meetings", "board meeting", false},
		{"STRASSE", "straße", true}, {"ΣΊΣΥΦΟΣ", "σίσυφος", true}, {"ﬁnance", "finance", true}, {"Ｉｎｔｅｒｖｉｅｗ", "interview", true},
		{"re\u0301sume\u0301", "résumé", true}, {"resume", "résumé", false}, {"x\u0302 chart", "x", false},
		{"inter\u00adview", "interview", true}, {"❤️interview", "interview", true}, {"\u200finterview\u200e", "interview", true}, {"interview\ufe0f", "interview", true},
		{"新しい面接です", "面接", true}, {"ﾒﾝｾﾂ", "メンセツ", true}, {"กำหนดการสัมภาษณ์งาน", "สัมภาษณ์", true}, {"interview面接", "interview", true}, {"面接interview", "interview", true},
		{"コーヒー", "ーヒ", true}, {"Q3〆切", "〆切", true}, {"\u13a3\u13cf", "\uab73\uab9f", true}, {"R & D", "r&d", true}, {"hr hr-talk", "hr talk", true}, {"", "hr", false}, {"hr", "", false}, {"hr", "!?", false},
	} {
		if got := hasKeyword(words(c.title), words(c.keyword)); got != c.want {
			t.Errorf("%q in %q: got %v", c.keyword, c.title, got)
		}
	}
}

// TestWordsTwice: what words gives, it gives again, and the quick way for ASCII is no other way.
func TestWordsTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		once := words(s)
		if twice := words(once); twice != once {
			t.Fatalf("%q becomes %q, then %q", s, once, twice)
		}
		ascii := rapid.StringMatching(`[ -~\t]{0,20}`).Draw(t, "ascii")
		if quick, full := words(ascii), words(ascii+" é"); quick+" é" != full && !(quick == "" && full == "é") {
			t.Fatalf("%q becomes %q alone, and %q before another word", ascii, quick, full)
		}
	})
}

// TestKeywordSomewhere: a title that is made around a keyword has it.
func TestKeywordSomewhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keyword := rapid.StringMatching(`[a-zäßéσ]{1,5}( [a-zäßéσ]{1,5})?`).Draw(t, "keyword")
		title := rapid.String().Draw(t, "before") + " " + keyword + " " + rapid.String().Draw(t, "after")
		if !hasKeyword(words(title), words(keyword)) {
			t.Fatalf("%q is not found in %q: %q", keyword, title, words(title))
		}
	})
}
