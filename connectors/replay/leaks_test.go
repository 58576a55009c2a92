package replay

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLeaks(t *testing.T) {
	if got := Leaks("f.eml", []byte("fine=20\nhttps://wiki.exam=\nple/\nURL:https://wiki.exa\n mple/\nhttps://wiki.con\n to=\nso.com\n")); !slices.Equal(got, []string{"f.eml:6: a link to wiki.contoso.com"}) {
		t.Error("broken lines:", got)
	}
	mail := "jane.roe@contoso-corp.com"
	for _, leak := range []string{
		"-----BEGIN RSA PRIVATE KEY-----", "ya29.a0AfH6SMBx0123456789", "1//0gabcdefghijklmnopqrstuvwxyz", "AIzaSyA0123456789abcdefghijklmnopqrst", "GOCSPX-0123456789abcdef",
		"Authorization: Bearer abcdefghijklmnopqrstuvwx", "Authorization:\n    - Basic amFuZTpyb2U=", "bearer abcdefghijklmnopqrstuvwx",
		`"refresh_token": "0.AXoAabcdefghijklmnop"`, `\"client_secret\": \"abcdefghijklmnop\"`, "assertion=abcdefghijklmnop",
		"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhYmMifQ.sig", "AKIAIOSFODNN7EXAMPLE", "abc8Q~0123456789abcdefghijklmnopqrstuvwxyz", "0.A" + strings.Repeat("xY3", 30),
		"ghp_0123456789abcdefghijklmnopqrstuvwxyz", "xoxb-0123456789-abcdef", "https://jane:hunter2@acme.com/",
		mail, "jane.roe%40contoso-corp.com", "jane.roe%2540contoso-corp.com", "jane@microsoft.com", "jane@outlook.com", "jane@gmail.com",
		"https://wiki.contoso-corp.com/x", "https%3A%2F%2Fwiki.contoso-corp.com%2Fx", "u=https-3A__wiki.contoso-corp.com_x", "https://contoso.zoom.us/j/1", "https://contoso.sharepoint.com/x",
		base64.StdEncoding.EncodeToString([]byte("7kq2v9h1c3 " + mail)), base64.RawURLEncoding.EncodeToString([]byte(`{"user":"` + mail + `"}`)),
		objectID + strings.Repeat("0", 48) + strings.ToUpper(hex.EncodeToString([]byte(vCalUID+mail+"\x00"))),
	} {
		if got := Leaks("f", []byte("fine\n"+leak+"\n")); len(got) == 0 || !strings.HasPrefix(got[0], "f:2: ") {
			t.Errorf("%q is not found on its line: %v", leak, got)
		}
	}
	for _, fine := range []string{
		"ana@acme.com", "joe@sub.globex.com", "x@google.com", `"access_token": "redacted-token-here"`, "19:meeting_abc@thread.v2", "li@soylent.example",
		"c_188abc@resource.calendar.google.com", "https://us02web.zoom.us/j/1", "https://acme.zoom.us/j/1", "https://site3.webex.com/meet/x", "http://127.0.0.1:8080/",
		"https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fteams.microsoft.com%2Fl", base64.StdEncoding.EncodeToString([]byte("7kq2v9h1c3 ana@acme.com")),
		"https://mail.acme.co.uk/x", "93119993847@zoomcrc.com", "Bearer TOKEN", "v1.2@3.4",
	} {
		if got := Leaks("f", []byte(fine)); len(got) > 0 {
			t.Errorf("%q is no leak: %v", fine, got)
		}
	}
}

var fixture = regexp.MustCompile(`\.(?:yaml|yml|json|jsonl|eml|ics|txt|txtar)$`)

// TestFixtures looks through everything in the repository that came, or looks as if it came, from a
// provider.
func TestFixtures(t *testing.T) {
	const root = "../.."
	files, used := 0, map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (name == ".git" || name == "var") {
			return fs.SkipDir
		}
		inside := strings.HasPrefix(name, "configs/") || strings.Contains(name, "testdata/")
		if d.IsDir() || !inside || !fixture.MatchString(name) {
			return nil
		}
		files++
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		for _, leak := range Leaks(name, b) {
			if e := excuse(name, leak); e != "" {
				used[e] = true
				continue
			}
			t.Error(leak)
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("%d fixtures, %v", files, err)
	}
	for _, e := range excused {
		if !used[e.leak] {
			t.Errorf("nothing needs the excuse %q in %s any more", e.leak, e.file)
		}
	}
}

// excused are leaks that are none, by file and by the end of what Leaks says of them.
var excused = []struct{ file, leak, why string }{
	{"linkparse/testdata/*.jsonl", `link to (?:adatum|alpine|aperture|blackmesa|contoso|cyberdyne|fabrikam|globex|hooli|initech|litware|lucerne|margie|monarch|northwind|oscorp|pied|proseware|soylent|stark|tailspin|tyrell|umbrella|vandelay|wayne|wonka|woodgrove|acme)(?:-inc|-de|health)?\.(?:zoom|zoomgov|webex|sharepoint|zoom-x)\.[a-z.]+`, "companies of films and of Microsoft's documentation, at conference services"},
	{"linkparse/testdata/links.jsonl", `address at (?:proseware|stark|margie|pied)\.webex\.com`, "the same companies' rooms, to dial"},
	{"linkparse/testdata/links.jsonl", `link to (?:notzoom\.us|join-zoom\.us|www\.zoominfo\.com|zооm\.us|xn--zm-emca\.us|teams\.micros0ft\.com)`, "look-alikes that are no conference services"},
	{"linkparse/testdata/links.jsonl", `330: a password in a URL`, "a host that only looks like Teams', before the @"},
	{"eligibility/testdata/decisions.jsonl", `address at (?:notacme|notglobex)\.com`, "look-alikes of the made-up companies"},
	{"configs/syncd.yaml", `address at project\.iam\.gserviceaccount\.com`, "a made-up project"},
	{"configs/schema/*.json", `link to json-schema\.org`, "the name of a standard"},
	{"eligibility/testdata/decisions.jsonl", `link to notzoom\.us`, "a look-alike"},
}

func excuse(name, leak string) string {
	for _, e := range excused {
		if ok, _ := path.Match(e.file, name); ok && regexp.MustCompile(`(?:`+e.leak+`)(?:, encoded)?$`).MatchString(leak) {
			return e.leak
		}
	}
	return ""
}
