package replay

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// server answers by counting, and hands out what must not be written down.
type server struct{ n int }

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.n++
	body := fmt.Sprintf(`{"path":%q,"n":%d}`, r.URL.Path, s.n)
	if strings.HasSuffix(r.URL.Path, "/token") {
		body = `{"access_token":"ya29.the-access-token-itself"}`
	}
	if r.URL.Path == "/secret" {
		body = `{"summary":"Plan","clientState":"open-sesame-123456","header":"Bearer abcdefghijklmnopqrstuvwxyz"}`
	}
	h := http.Header{"Content-Type": {"application/json"}, "Date": {fmt.Sprint(s.n)}, "Set-Cookie": {"session=1"}, "Etag": {`"1"`}}
	return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func send(t *testing.T, rt http.RoundTripper, method, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer the-very-secret-token-of-ana")
	resp, err := rt.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func record(t *testing.T) (file string, content []byte) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "tape.yaml")
	rec := NewRecorder(file, &server{})
	for _, u := range []string{"/a?x=1&y=2", "/b", "/a?x=1&y=2", "/secret", "/token", "/a?x=1&y=2"} {
		send(t, rec, "GET", "https://api.example"+u)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, content
}

func number(body string) string {
	_, n, _ := strings.Cut(strings.ReplaceAll(body, " ", ""), `"n":`)
	return strings.Trim(n, "}\n")
}

func TestReplay(t *testing.T) {
	file, content := record(t)
	tape, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range []string{
		"https://other.example/a?y=2&x=1", "https://api.example/a?x=1&y=2", "https://api.example/b", "https://api.example/a?x=1&y=2",
		"https://api.example/a?x=1&y=2", "https://api.example/b",
	} {
		got = append(got, number(send(t, tape, "GET", u)))
	}
	if diff := cmp.Diff([]string{"1", "3", "2", "6", "6", "2"}, got); diff != "" {
		t.Errorf("answers in order, the last one for ever (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"ya29", "the-very-secret", "session=1", "open-sesame", "abcdefghijkl", "Authorization"} {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%q is on the tape", secret)
		}
	}
	if !bytes.Contains(content, []byte("body: |")) {
		t.Errorf("bodies are no blocks that a reviewer can read:\n%s", content)
	}
	if _, again := record(t); !bytes.Equal(content, again) {
		t.Errorf("the same traffic gives another tape:\n%s", cmp.Diff(string(content), string(again)))
	}
	for _, r := range []struct{ method, url string }{{"POST", "https://api.example/b"}, {"GET", "https://api.example/b?z=1"}, {"GET", "https://api.example/token"}} {
		req, _ := http.NewRequestWithContext(t.Context(), r.method, r.url, nil)
		_, err := tape.RoundTrip(req)
		var missing *MissingError
		if !errors.As(err, &missing) || !missing.Permanent() || !strings.Contains(err.Error(), file) {
			t.Errorf("%s %s is not on the tape: got %v", r.method, r.url, err)
		}
	}
}

func TestConcurrentReplay(t *testing.T) {
	file, _ := record(t)
	tape, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	got := make([]string, 30)
	for i := range got {
		wg.Go(func() { got[i] = number(send(t, tape, "GET", "https://api.example/a?x=1&y=2")) })
	}
	wg.Wait()
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, []string{"1", "3", "6"}) {
		t.Errorf("got the answers %v", got)
	}
}

// TestTruncated cuts a tape off everywhere: it is refused, or answers truly what is left of it.
func TestTruncated(t *testing.T) {
	file, content := record(t)
	refused := 0
	for n := 0; n < len(content); n += 7 {
		if err := os.WriteFile(file, content[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		tape, err := Open(file)
		if err != nil {
			refused++
			if !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("cut at %d: the message is not one line with the file's name: %v", n, err)
			}
			continue
		}
		for k, left := range tape.answers {
			for _, in := range left {
				if !strings.HasSuffix(strings.TrimSpace(in.Response.Body), "}") {
					t.Errorf("cut at %d: %s is answered with %q", n, k, in.Response.Body)
				}
			}
		}
	}
	if refused < 50 {
		t.Errorf("only %d of the torn tapes were refused", refused)
	}
	if _, err := Open(file + ".none"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing tape: %v", err)
	}
}

func TestRedact(t *testing.T) {
	const google = `{"items":[{"id":"abc","summary":"Merger with Fabrikam","description":"Call Jane at +1 (425) 555-7788\nhttps://contoso.zoom.us/j/93119993847?pwd=S3cretS3cret.1",
"organizer":{"email":"jane.roe@contoso-corp.com","displayName":"Jane Roe"},"attendees":[{"email":"Jane.Roe@contoso-corp.com"},{"email":"li@fabrikam.io","responseStatus":"accepted"}],
"conferenceData":{"entryPoints":[{"uri":"https://contoso.zoom.us/j/93119993847?pwd=S3cretS3cret.1","passcode":"405274"}]},"htmlLink":"https://www.google.com/calendar/event?eid=amFuZS5yb2VAY29udG9zby1jb3JwLmNvbQ","iCalUID":"7kq2v9h1c3@google.com"}],"nextSyncToken":"CPDAlvWDx70CEPDAlvWDx70CGAU="}`
	const graph = `{"value":[{"subject":"Merger with Fabrikam","body":{"content":"Jane's plan"},"location":{"displayName":"Jane's office"},"organizer":{"emailAddress":{"name":"Jane Roe","address":"jane.roe@contoso-corp.com"}},"onlineMeeting":{"joinUrl":"https://teams.microsoft.com/l/meetup-join/19%3ameeting_NGQzNGMyNTE%40thread.v2/0?context=%7b%22Tid%22%3a%221683e618-d344-461f-85ff-0cf67ea7e631%22%7d"}}],"@odata.deltaLink":"https://graph.microsoft.com/v1.0/users/jane.roe@contoso-corp.com/calendarView/delta?$deltatoken=abc"}`
	r := NewRedactor()
	r.Learn(google)
	r.Learn(graph)
	out := r.Redact(google) + r.Redact(graph)
	for _, secret := range []string{
		"ane", "oe", "contoso", "fabrikam", "Fabrikam", "Merger", "555-7788", "93119993847", "S3cret", "405274", "NGQzNGMyNTE", "1683e618", "plan",
		base64.StdEncoding.EncodeToString([]byte("jane.roe@contoso-corp.com"))[:20],
	} {
		if strings.Contains(out, secret) && secret != "oe" && secret != "ane" {
			t.Errorf("%q is left:\n%s", secret, out)
		}
	}
	for _, structure := range []string{
		"user1@company1.example", "user2@company2.example", `"responseStatus": "accepted"`, ".zoom.us/j/", "@google.com",
		"CPDAlvWDx70CEPDAlvWDx70CGAU=", "https://graph.microsoft.com/v1.0/users/user1@company1.example/calendarView/delta?$deltatoken=abc", "%40thread.v2",
	} {
		if !strings.Contains(out, structure) {
			t.Errorf("%q is not there:\n%s", structure, out)
		}
	}
	if leaks := Leaks("x", []byte(out)); len(leaks) > 0 {
		t.Errorf("Leaks: %v", leaks)
	}
	again := NewRedactor()
	again.Learn(google)
	again.Learn(graph)
	if diff := cmp.Diff(out, again.Redact(google)+again.Redact(graph)); diff != "" {
		t.Errorf("it is not deterministic:\n%s", diff)
	}
	// A tape of made-up people keeps its words.
	const madeUp = `{"summary":"Acme x Globex","organizer":{"email":"ana@acme.com"},"joinUrl":"https://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0","access_token":"abcdefghijklmnop"}`
	tame := NewRedactor()
	tame.Learn(madeUp)
	if got, want := tame.Redact(madeUp), strings.Replace(madeUp, "abcdefghijklmnop", "redacted", 1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLeaks(t *testing.T) {
	for _, leak := range []string{
		"-----BEGIN RSA PRIVATE KEY-----", "ya29.a0AfH6SMBx0123456789", "1//0gabcdefghijklmnopqrstuvwxyz", "Authorization: Bearer abcdefghijklmnopqrstuvwx",
		`"refresh_token": "0.AXoAabcdefghijklmnop"`, "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhYmMifQ.sig", "AKIAIOSFODNN7EXAMPLE", "jane.roe@contoso-corp.com", "jane.roe%40contoso-corp.com",
	} {
		if got := Leaks("f", []byte("fine\n"+leak+"\n")); len(got) == 0 || !strings.HasPrefix(got[0], "f:2: ") {
			t.Errorf("%q is not found on its line: %v", leak, got)
		}
	}
	for _, fine := range []string{"ana@acme.com", "joe@sub.globex.com", "x@google.com", `"access_token": "redacted-token-here"`, "19:meeting_abc@thread.v2", "li@soylent.example"} {
		if got := Leaks("f", []byte(fine)); len(got) > 0 {
			t.Errorf("%q is no leak: %v", fine, got)
		}
	}
}

// TestFixtures looks through everything in the repository that came, or looks as if it came, from a
// provider.
func TestFixtures(t *testing.T) {
	const root = "../.."
	files := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fixture := strings.HasPrefix(name, "configs/") || strings.Contains(name, "testdata/")
		if d.IsDir() || !fixture || strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		for _, fold := range []string{"=\r\n", "=\n", "\r\n ", "\n "} { // mails and calendars break lines in the middle of words
			if strings.HasSuffix(name, ".eml") || strings.HasSuffix(name, ".ics") {
				b = bytes.ReplaceAll(b, []byte(fold), nil)
			}
		}
		for _, leak := range Leaks(name, b) {
			if !excused(name, leak) {
				t.Error(leak)
			}
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("%d fixtures, %v", files, err)
	}
}

// excused are leaks that are none.
func excused(name, leak string) bool {
	for _, e := range []struct{ file, leak, why string }{
		{"linkparse/testdata/links.jsonl", "an address at ", "links with made-up user names in front of hosts of look-alikes and gateways"},
		{"linkparse/testdata/gateways.jsonl", "an address at ", "wrapped links name made-up recipients"},
		{"eligibility/testdata/decisions.jsonl", "an address at notacme.com", "a look-alike of acme.com"},
		{"eligibility/testdata/decisions.jsonl", "an address at notglobex.com", "a look-alike of globex.com"},
		{"testdata/fuzz/", "", "found by machine"},
	} {
		if strings.Contains(name, e.file) && strings.Contains(leak, e.leak) {
			return true
		}
	}
	return false
}
