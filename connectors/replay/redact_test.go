package replay

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// foreignUID is a UID of another calendar, as Google puts it into ids and Exchange into its own UIDs.
const foreignUID = "offsite-of-jane.roe@contoso-corp.com"

var (
	wrappedUID = objectID + "00000000A0B1C2D3E4F5DA01000000000000000031000000" + strings.ToUpper(hex.EncodeToString([]byte(vCalUID+foreignUID+"\x00")))
	eid        = base64.RawStdEncoding.EncodeToString([]byte("7kq2v9h1c3 jane.roe@contoso-corp.com"))
	hiding     = base64.URLEncoding.EncodeToString([]byte("\x0a\x19jane.roe@contoso-corp.com\x10\x01"))
)

// traffic is what two providers might say of a company: URL, then body.
func traffic() []struct{ provider, url, body string } {
	return []struct{ provider, url, body string }{
		{"google", "https://www.googleapis.com/calendar/v3/calendars/jane.roe%40contoso-corp.com/events?quotaUser=u-338189dd790f71c2&domain=contoso-corp.com&q=merger&syncToken=CPDAlvWDx70CEPDAlvWDx70CGAU=", `{
"kind":"calendar#events","etag":"\"p33c\"","summary":"jane.roe@contoso-corp.com","accessRole":"owner","timeZone":"Europe/Berlin","updated":"2026-11-23T10:00:00.000Z","extensions":[{"@odata.type":"#microsoft.graph.openTypeExtension","contosoInternal":"Project Nightjar"}],
"items":[{"id":"7kq2v9h1c3","status":"confirmed","eventType":"default","summary":"Merger with Fabrikam","location":"Nightjar room, https://contoso.zoom.us/j/93119993847?pwd=S3cretS3cret.1",
"description":"Call Jane at +1 (425) 555-7788\nhttps://contoso.zoom.us/j/93119993847?pwd=S3cretS3cret.1. Notes: https://wiki.contoso-corp.com/nightjar?user=li@fabrikam.io",
"htmlLink":"https://www.google.com/calendar/event?eid=` + eid + `","iCalUID":"7kq2v9h1c3@google.com","start":{"dateTime":"2026-11-24T10:00:00+01:00","timeZone":"Europe/Berlin"},
"creator":{"email":"jane.roe@contoso-corp.com","displayName":"Jane Roe"},"organizer":{"email":"Jane.Roe@contoso-corp.com","displayName":"Jane Roe","self":true},
"attendees":[{"email":"jane.roe@contoso-corp.com","responseStatus":"accepted"},{"email":"li@fabrikam.io","displayName":"Li Wong","responseStatus":"declined","comment":"Board meets in Nightjar"},{"email":"li@eu.fabrikam.io"},{"email":"joe@globex.com"},{"email":"mia@gmail.com"},{"email":"c_188roe@resource.calendar.google.com","resource":true}],
"hangoutLink":"https://meet.google.com/abc-wxyz-klm","recurrence":["RRULE:FREQ=WEEKLY;BYDAY=TU"],
"conferenceData":{"conferenceId":"931 1999 3847","signature":"ADR/mfNsignature","notes":"Passcode: 405274","conferenceSolution":{"key":{"type":"addOn"},"name":"Zoom Meeting","iconUri":"https://lh3.googleusercontent.com/icon"},
"entryPoints":[{"entryPointType":"video","uri":"https://contoso.zoom.us/j/93119993847?pwd=S3cretS3cret.1","label":"contoso.zoom.us/j/93119993847","passcode":"405274","meetingCode":"93119993847"},{"entryPointType":"phone","uri":"tel:+14255557788,,93119993847#,,,,*405274#","label":"+1 425-555-7788","pin":"405274"},{"entryPointType":"sip","uri":"sip:93119993847@zoomcrc.com"}],
"parameters":{"addOnParameters":{"parameters":{"realMeetingId":"93119993847","creatorUserId":"jane.roe@contoso-corp.com","meetingUuid":"Zm9vYmFyc2VjcmV0=="}}}},
"extendedProperties":{"private":{"contosoCrm":"Deal 4711 Nightjar"}},"attachments":[{"title":"Nightjar plan","fileUrl":"https://drive.google.com/open?id=1NightjarFileId77","fileId":"1NightjarFileId77","mimeType":"application/pdf"}]},
{"id":"_` + "6tlnaqrle5p6cpb4dhmk4phm" + `_20261124T100000Z","recurringEventId":"_6tlnaqrle5p6cpb4dhmk4phm","iCalUID":"` + foreignUID + `","status":"cancelled","originalStartTime":{"dateTime":"2026-11-24T10:00:00Z"}}],
"nextPageToken":"` + hiding + `","nextSyncToken":"CPDAlvWDx70CEPDAlvWDx70CGAU="}`},
		{"google", "https://www.googleapis.com/calendar/v3/calendars/jane.roe%40contoso-corp.com/events?pageToken=" + url.QueryEscape(hiding), `{"items":[]}`},
		{"google", "https://admin.googleapis.com/admin/directory/v1/users?domain=contoso-corp.com&query=name:Jane", `{"users":[{"primaryEmail":"jane.roe@contoso-corp.com","name":{"givenName":"Jane","familyName":"Roe","fullName":"Jane Roe"},"suspended":true,"suspensionReason":"contoso-corp.com left","orgUnitPath":"/Nightjar/Sales","phones":[{"value":"+1 425 555 7788","type":"work"}],"customerId":"C03nightjar"}]}`},
		{"google", "https://www.googleapis.com/calendar/v3/calendars/li%40fabrikam.io/events", `{"error":{"code":403,"message":"Calendar of 'Jane Roe' (jane.roe@contoso-corp.com) in project 123456789012 refused","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded","message":"Rate Limit Exceeded","locationType":"parameter","location":"syncToken"}]}}`},
		{"graph", "https://graph.microsoft.com/v1.0/users/jane.roe@contoso-corp.com/calendarView/delta?startDateTime=2026-11-22T00:00:00Z&$filter=subject%20eq%20%27Nightjar%27", `{
"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('jane.roe%40contoso-corp.com')/calendarView","@odata.deltaLink":"https://graph.microsoft.com/v1.0/users/jane.roe@contoso-corp.com/calendarView/delta?$deltatoken=R0usmcCM996atia",
"value":[{"@odata.etag":"W/\"abc==\"","id":"AAMkADAx0001","changeKey":"abc==","transactionId":"1f2e3d4c-1111-4222-8333-9876543210ab","categories":["Nightjar"],"subject":"Canceled: Merger with Fabrikam","bodyPreview":"Jane's plan","importance":"normal","sensitivity":"normal","type":"singleInstance","showAs":"busy","isCancelled":true,
"iCalUId":"` + wrappedUID + `","body":{"contentType":"html","content":"<p>Jane's plan <a href=\"https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fcontoso.zoom.us%2Fj%2F93119993847%3Fpwd%3DS3cretS3cret.1&amp;data=05%7C02%7Cjane.roe%40contoso-corp.com%7C0&amp;reserved=0\">join</a></p>"},
"start":{"dateTime":"2026-11-24T09:00:00.0000000","timeZone":"UTC"},"originalStartTimeZone":"W. Europe Standard Time",
"location":{"displayName":"Jane's office","uniqueId":"Jane's office","locationType":"default","address":{"street":"1 Nightjar Way","city":"Redmond","postalCode":"98052","countryOrRegion":"US"},"coordinates":{"latitude":47.64,"longitude":-122.13}},
"organizer":{"emailAddress":{"name":"Jane Roe","address":"jane.roe@contoso-corp.com"}},"attendees":[{"type":"required","status":{"response":"accepted","time":"0001-01-01T00:00:00Z"},"emailAddress":{"name":"li@fabrikam.io","address":"li@fabrikam.io"}}],
"onlineMeeting":{"conferenceId":"93119993847","tollNumber":"+1 425 555 7788","phones":[{"number":"+1 425 555 7788","type":"toll"}],"joinUrl":"https://teams.microsoft.com/l/meetup-join/19%3ameeting_NGQzNGMyNTE%40thread.v2/0?context=%7b%22Tid%22%3a%221683e618-d344-461f-85ff-0cf67ea7e631%22%2c%22Oid%22%3a%2223a22087-4603-4145-9d68-a75e21cb71f7%22%7d"},
"webLink":"https://outlook.office365.com/owa/?itemid=AAMkADAx0001&exvsurl=1&path=/calendar/item"}]}`},
		{"graph", "https://graph.microsoft.com/v1.0/users/1683e618-d344-461f-85ff-0cf67ea7e631/calendar", `{"error":{"code":"ErrorItemNotFound","message":"The mailbox Jane.Roe@contoso-corp.com of \"Jane Roe\" is gone.","innerError":{"date":"2026-11-23T10:00:00","request-id":"0f0e0d0c-1111-4222-8333-444455556666","client-request-id":"0f0e0d0c-1111-4222-8333-444455556666"}}}`},
		{"graph", "https://graph.microsoft.com/v1.0/subscriptions", `{"changeType":"updated","notificationUrl":"https://hooks.contoso-corp.com/push","resource":"/users/jane.roe@contoso-corp.com/events","clientState":"s3cretState!","expirationDateTime":"2026-11-25T10:00:00Z"}`},
		{"graph", "https://graph.microsoft.com/v1.0/$batch", "<html><body>Jane Roe, see https://contoso.zoom.us/j/93119993847</body></html>"},
	}
}

// private is what must not be left, in any spelling.
var private = []string{
	"jane", "roe@", "contoso", "fabrikam", "mia@gmail", "gmail", "wong", "merger", "nightjar", "plan", "board", "5557788", "555-7788", "93119993847", "931 1999 3847", "s3cret", "405274",
	"NGQzNGMyNTE", "1683e618", "23a22087", "abc-wxyz", "Zm9vYmFyc2VjcmV0", "mfNsignature", "338189dd", "redmond", "98052", "47.64", "c_188roe", "123456789012", "6tlnaqrle5p6", "4711", "0f0e0d0c",
	eid, hiding, foreignUID,
}

func redacted(t *testing.T) (byProvider map[string]string, all string) {
	t.Helper()
	r := NewRedactor()
	for _, x := range traffic() {
		r.Learn(x.url)
		r.Learn(x.body)
	}
	byProvider = map[string]string{}
	for _, x := range traffic() {
		byProvider[x.provider] += r.Redact(x.url) + "\n" + r.Redact(x.body)
	}
	return byProvider, byProvider["google"] + byProvider["graph"]
}

func TestRedactGolden(t *testing.T) {
	byProvider, all := redacted(t)
	spellings := strings.ToLower(all)
	if u, err := url.PathUnescape(spellings); err == nil {
		spellings += u
	} else {
		spellings += strings.ReplaceAll(spellings, "%40", "@")
	}
	spellings += strings.ToLower(strings.Join(decodings(all), "\n"))
	for _, p := range private {
		for _, s := range []string{p, base64.StdEncoding.EncodeToString([]byte(p)), hex.EncodeToString([]byte(p))} {
			if len(s) > 3 && strings.Contains(spellings, strings.ToLower(s)) {
				t.Errorf("%q is left", s)
			}
		}
	}
	if leaks := Leaks("redacted", []byte(all)); len(leaks) > 0 {
		t.Errorf("Leaks: %v", leaks)
	}
	if _, again := redacted(t); again != all {
		t.Errorf("it is not deterministic:\n%s", cmp.Diff(all, again))
	}
	for provider, got := range byProvider {
		file := "testdata/" + provider + ".redacted.txt"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("%s is not what comes out now, %v (-want +got; -update writes it anew):\n%s", file, err, cmp.Diff(string(want), got))
		}
	}
}

// TestRedactKeepsStructure: what was equal is equal, what differed differs, and the API's words stay.
func TestRedactKeepsStructure(t *testing.T) {
	byProvider, all := redacted(t)
	for _, structure := range []string{
		"calendars/user1%40company1.example/events?", "domain=company1.example", "syncToken=CPDAlvWDx70CEPDAlvWDx70CGAU=", `"nextSyncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="`,
		`"iCalUID": "7kq2v9h1c3@google.com"`, `"id": "7kq2v9h1c3"`, "_20261124T100000Z", `"email": "joe@globex.com"`, `"name": "Zoom Meeting"`, "sub1.company2.example", `"reason": "rateLimitExceeded"`,
		`"location": "syncToken"`, `"dateTime": "2026-11-24T10:00:00+01:00"`, "RRULE:FREQ=WEEKLY;BYDAY=TU", `"responseStatus": "declined"`, "@resource.calendar.google.com", "@zoomcrc.com", "https://meet.google.com/", ".zoom.us/j/",
		"https://graph.microsoft.com/v1.0/users/user1@company1.example/calendarView/delta?$deltatoken=R0usmcCM996atia", "$metadata#users('user1%40company1.example')/calendarView", "%40thread.v2/0?context=", `"subject": "Canceled: Title`,
		"https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fsite1.zoom.us%2Fj%2F", `"originalStartTimeZone": "W. Europe Standard Time"`, `"@odata.etag": "W/\"abc==\""`, `"code": "ErrorItemNotFound"`,
	} {
		if !strings.Contains(all, structure) {
			t.Errorf("%q is not there", structure)
		}
	}
	var events struct {
		Items []struct {
			ID, RecurringEventID, ICalUID string
			Conference                    struct {
				ConferenceID string
				EntryPoints  []struct{ URI, MeetingCode, Passcode, Pin string }
			} `json:"conferenceData"`
			Attendees []struct{ Email string }
		}
	}
	_, body, _ := strings.Cut(byProvider["google"], "\n")
	if err := json.NewDecoder(strings.NewReader(body)).Decode(&events); err != nil {
		t.Fatal(err)
	}
	e := events.Items[0]
	number := strings.ReplaceAll(e.Conference.ConferenceID, " ", "")
	if video := e.Conference.EntryPoints[0]; len(number) != 11 || video.MeetingCode != number || !strings.Contains(video.URI, "/j/"+number+"?pwd=redacted") {
		t.Errorf("the meeting's number is %q, and in its link %+v", number, video)
	}
	if video, dial := e.Conference.EntryPoints[0], e.Conference.EntryPoints[1]; video.Passcode != dial.Pin || !strings.Contains(dial.URI, ",,"+number+"#") || !strings.Contains(dial.URI, "*"+dial.Pin+"#") {
		t.Errorf("the numbers to dial differ: %+v %+v", video, dial)
	}
	var mails []string
	for _, a := range e.Attendees {
		mails = append(mails, a.Email)
	}
	slices.Sort(mails)
	if n := len(slices.Compact(mails)); n != 6 {
		t.Errorf("%d of 6 people are left", n)
	}
	if occurrence := events.Items[1]; !strings.HasPrefix(occurrence.ID, occurrence.RecurringEventID+"_") {
		t.Errorf("an occurrence %s of %s", occurrence.ID, occurrence.RecurringEventID)
	}
	// The token that hides an address is another one, but the same in the answer and in the next request.
	_, rest, _ := strings.Cut(byProvider["google"], `"nextPageToken": "`)
	token, _, _ := strings.Cut(rest, `"`)
	if !strings.Contains(byProvider["google"], "pageToken="+strings.ReplaceAll(token, "=", "%3D")) {
		t.Errorf("the page token %q is not the one that is asked with", token)
	}
	// One UID is the same in both calendars.
	_, rest, _ = strings.Cut(byProvider["graph"], `"iCalUId": "`)
	uid, _, _ := strings.Cut(rest, `"`)
	if got, want := calendar.CanonicalUID(uid), calendar.CanonicalUID(events.Items[1].ICalUID); got != want || strings.Contains(want, "contoso") {
		t.Errorf("one UID became %q and %q", got, want)
	}
}

// TestRedactTame: a tape of made-up people keeps its words, and its secrets go.
func TestRedactTame(t *testing.T) {
	const madeUp = `{"summary":"Acme x Globex","organizer":{"email":"ana@acme.com"},"location":"https://acme.zoom.us/j/91234567890?pwd=QWxhZGRpbg.1","joinUrl":"https://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0","iCalUID":"x1@google.com","access_token":"abcdefghijklmnop"}`
	tame := NewRedactor()
	tame.Learn(madeUp)
	if got, want := tame.Redact(madeUp), strings.Replace(madeUp, "abcdefghijklmnop", "redacted", 1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// One stranger anywhere, or nobody to judge by, and the words go.
	for name, other := range map[string]string{
		"an address": `{"attendees":[{"email":"jane.roe@contoso-corp.com"}]}`, "an escaped address": `{"x":"jane.roe\u0040contoso-corp.com"}`, "a link": `{"x":"https://wiki.contoso-corp.com/"}`,
		"a company at Zoom": `{"x":"https://contoso.zoom.us/j/1"}`, "somebody at Google": `{"email":"jane.roe@google.com"}`, "at a provider's mail": `{"email":"jane@outlook.com"}`, "base64": `{"x":"` + eid + `"}`,
	} {
		r := NewRedactor()
		r.Learn(madeUp)
		r.Learn(other)
		if got := r.Redact(madeUp); strings.Contains(got, "Acme x Globex") || !strings.Contains(got, "ana@acme.com") {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := NewRedactor().Redact(`{"n":1} {"n":2}`); got != "Text 1\n" {
		t.Errorf("of two values %s is left, which is neither", got)
	}
	if got := NewRedactor().Redact(`{"summary":"Plan"}`); strings.Contains(got, "Plan") {
		t.Errorf("nobody is known, and yet %s", got)
	}
	// Redacted once more, nothing changes: pseudonyms are example data.
	_, all := redacted(t)
	r := NewRedactor()
	r.Learn(all)
	if got := r.Redact(all); got != all {
		t.Errorf("redacting again changes it:\n%s", cmp.Diff(all, got))
	}
}

// TestPseudonymsSayNothing: a pseudonym hangs on the order alone, so trying all meeting ids finds none.
func TestPseudonymsSayNothing(t *testing.T) {
	pseudonym := func(id string) string {
		r := NewRedactor()
		r.Learn("https://graph.microsoft.com/")
		return r.Redact(`{"joinUrl":"https://contoso.zoom.us/j/` + id + `?pwd=S3cretS3cret.1"}`)
	}
	if a, b := pseudonym("93119993847"), pseudonym("81818181818"); a != b {
		t.Errorf("one meeting is %s, another %s", a, b)
	}
	r := NewRedactor()
	seen := map[string]bool{}
	for i := range 300 {
		seen[r.shape(string([]rune{rune('a' + i%26), rune('a' + i/26)}))] = true
	}
	if len(seen) != 300 {
		t.Errorf("300 values have %d pseudonyms", len(seen))
	}
}

// TestShapes: pseudonyms still are what the values were.
func TestShapes(t *testing.T) {
	for value, shape := range map[string]string{
		"93119993847": `[1-9]{11}`, "931 1999 3840": `[1-9]{3} [1-9]{4} [1-9]{3}0`, "abc-wxyz-klm": `[a-z]{3}-[a-z]{4}-[a-z]{3}`, "000": `000`, "a%3Ab": `[a-z]%3A[a-z]`,
		"m0123456789abcdef0123456789abcdef": `m0[1-9]{9}[a-f]{6}0[1-9]{9}[a-f]{6}`, "1683e618-d344-461f-85ff-0cf67ea7e631": uuid.String(), "Проект 7": `x+ [1-9]`,
	} {
		r := NewRedactor()
		got := r.shape(value)
		if !regexp.MustCompile(`^(?:`+shape+`)$`).MatchString(got) || got == value && value != "000" || r.shape(value) != got {
			t.Errorf("%q became %q, want %s", value, got, shape)
		}
	}
	r := NewRedactor()
	for _, c := range []struct{ f, value, want string }{
		{"plain", "jane@outlook.com", "user1@company1.example"}, {"plain", "jane@contoso.onmicrosoft.com", "user2@company2.example"},
		{"plain", "li@fabrikam.onmicrosoft.com", "user3@company3.example"}, {"plain", "li+x@mail.contoso-corp.com", "user4@mail.company4.example"},
		{"plain", "ana@acme.com and unknownorganizer@calendar.google.com", "ana@acme.com and unknownorganizer@calendar.google.com"},
		{"plain", "12345@contoso.webex.com", "user5@site1.webex.com"}, {"plain", "https://10.1.2.3:8443/my", "https://company5.example:8443/my"},
		{"plain", "https://jane:hunter2@wiki.contoso-corp.com/", "https://sub1.company4.example/"},
		{"plain", "https://protect-eu.mimecast.com/s/l?domain=contoso.zoom.us", "https://protect-eu.mimecast.com/s/l?domain=site1.zoom.us"},
		{"plain", "https://contoso.webex.com/contoso/j.php", "https://site1.webex.com/site1/j.php"},
		{"secret", "S3cretS3cret.1", "redacted1.1"}, {"secret", "redacted1.1", "redacted1.1"}, {"eventID", "7kq2v9h1c3_R20261124T100000", "7kq2v9h1c3_R20261124T100000"},
	} {
		got := map[string]func(string) string{"plain": r.plain, "secret": r.secret, "eventID": r.eventID}[c.f](c.value)
		if got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.f, c.value, got, c.want)
		}
	}
}

// TestRedactLeavesOthersWords: what is no JSON, or more than one value, has nothing of it left.
func TestRedactLeavesOthersWords(t *testing.T) {
	for _, body := range []string{
		"Jane Roe", "<p>Jane Roe</p>", `{"name":"Jane Roe"} {"name":"Jane Roe"}`, `{"name":"Jane Roe"`, "name=Jane+Roe", `"Jane Roe"`, "Проект Jane", `[{"unheardOf":["Jane Roe"]}]`,
		`{"x":{"Jane Roe":1,"private":{"Jane":2}}, "private":{"Jane":2}, "number":4255557788, "conferenceId":93119993847, "unheardOf":4255557788}`,
	} {
		got := NewRedactor().Redact(body)
		if strings.HasPrefix(body, `{"x"`) {
			got = strings.Replace(got, `"Jane Roe"`, "", 1) // a name of a field that is not chosen
		}
		for _, p := range []string{"Jane", "Roe", "Проект", "4255557788", "93119993847"} {
			if strings.Contains(got, p) {
				t.Errorf("%q is left of %s: %s", p, body, got)
			}
		}
	}
}
