package replay

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"example.com/syncd/linkparse"
)

// TestLinksSurvive: after redaction every link of linkparse's cases is still the kind of link that it
// was, behind the same gateways, and leads to another meeting.
func TestLinksSurvive(t *testing.T) {
	f, err := os.Open("../../linkparse/testdata/links.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases, links := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ ID, Where, Input string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.Input, "{") {
			continue
		}
		cases++
		before := find(c.Input)
		body := encode(map[string]any{"organizer": map[string]any{"email": "jane.roe@contoso-corp.com"}, "description": c.Input}, "")
		r := NewRedactor()
		r.Learn(body)
		redacted := r.Redact(body)
		var event struct{ Description string }
		if err := json.Unmarshal([]byte(redacted), &event); err != nil {
			t.Fatal(err)
		}
		after := find(event.Description)
		if broken[c.ID] == "" && len(before.Links) > 0 && (len(after.Links) == 0 || !alikeLinks(before.Links[0], after.Links[0])) {
			t.Errorf("%s: %+v became %+v:\n%s\n%s", c.ID, before.Links, after.Links, c.Input, event.Description)
		}
		for _, l := range before.Links {
			links++
			for _, private := range []string{l.MeetingID, l.Passcode, l.TenantID, l.OrganizerID} {
				if len(private) > 5 && !strings.HasSuffix(private, ".example") && strings.Contains(redacted, private) {
					t.Errorf("%s: %q is left:\n%s\n%s", c.ID, private, c.Input, event.Description)
				}
			}
		}
		if leaks := Leaks(c.ID, []byte(redacted)); len(leaks) > 0 {
			t.Errorf("%s: %v\n%s\n%s", c.ID, leaks, c.Input, event.Description)
		}
	}
	if cases < 300 || links < 200 {
		t.Errorf("only %d cases and %d links", cases, links)
	}
}

// broken are cases whose link is no link: linkparse puts it together from the text around it, which
// goes.
var broken = map[string]string{
	"p160": "by the number in the text", "p161": "by the number in the text",
	"p199": "folded", "p200": "folded", "p201": "broken into lines", "p204": "quoted-printable",
	"p224": "with quotes in it", "p266": "by the number in the text", "p267": "by the number in the text",
}

func find(s string) linkparse.Found {
	return linkparse.Find(linkparse.Options{}, linkparse.Field{Where: "text", Kind: linkparse.Text, Text: s})
}

// alikeLinks reports whether two links differ in what is private alone.
func alikeLinks(a, b linkparse.Link) bool {
	return a.Provider == b.Provider && strings.Join(a.WrappedBy, " ") == strings.Join(b.WrappedBy, " ") &&
		len(a.MeetingID) == len(b.MeetingID) && (a.Passcode == "") == (b.Passcode == "") &&
		(a.TenantID == "") == (b.TenantID == "") && (a.MeetingID != b.MeetingID || a.MeetingID == "" || strings.HasSuffix(a.MeetingID, ".example"))
}
