package google

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	admin "google.golang.org/api/admin/directory/v1"
	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

func convertJSON(t *testing.T, in []byte) calendar.Event {
	t.Helper()
	var e gcal.Event
	if err := json.Unmarshal(in, &e); err != nil {
		t.Fatal(err)
	}
	return convert(&e)
}

func refusal(code int, reason string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":"m","errors":[{"reason":%q}]}}`, code, reason)
}

// TestErrors: what Google answers, and what the engine must hear.
func TestErrors(t *testing.T) {
	days := conntest.Horizon
	old, err := cursor{From: days.Start, To: days.End, Sync: "s"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	conntest.Refusals(t, anaSource, []conntest.Refusal{
		{Name: "expired token", Says: conntest.Answer{Status: 410, Body: refusal(410, "fullSyncRequired")}, Want: connectors.ErrCursor, Cur: old, Has: "fullSyncRequired"},
		{Name: "token of other parameters", Says: conntest.Answer{Status: 400, Body: refusal(400, "badRequest")}, Want: connectors.ErrCursor, Cur: old, Has: "400"},
		{Name: "our own mistake", Says: conntest.Answer{Status: 400, Body: refusal(400, "badRequest")}, Has: "badRequest"},
		{Name: "no delegation for the scope", Says: conntest.Answer{Status: 403, Body: refusal(403, "insufficientPermissions")}, Want: connectors.ErrAccess, Has: gcal.CalendarEventsReadonlyScope},
		{Name: "API switched off", Says: conntest.Answer{Status: 403, Body: refusal(403, "accessNotConfigured")}, Want: connectors.ErrAccess, Has: "enable the API"},
		{Name: "no calendar user", Says: conntest.Answer{Status: 403, Body: refusal(403, "notACalendarUser")}, Want: connectors.ErrAccess, Has: "no Calendar"},
		{Name: "a reason that came up later", Says: conntest.Answer{Status: 403, Body: refusal(403, "newReason")}, Want: connectors.ErrAccess, Has: "newReason"},
		{Name: "bad credentials", Says: conntest.Answer{Status: 401, Body: refusal(401, "authError")}, Want: connectors.ErrAccess, Has: "key"},
		{Name: "no such calendar", Says: conntest.Answer{Status: 404, Body: refusal(404, "notFound")}, Want: connectors.ErrSource, Has: "404"},
		{Name: "quota of the day", Says: conntest.Answer{Status: 403, Body: refusal(403, "quotaExceeded"), RetryAfter: "7200"}, After: 2 * time.Hour, Has: "quotaExceeded"},
		{Name: "too many", Says: conntest.Answer{Status: 429, Body: refusal(429, "rateLimitExceeded"), RetryAfter: "120"}, After: 2 * time.Minute, Has: "429"},
		{Name: "busy, for long", Says: conntest.Answer{Status: 503, Body: "<html>", RetryAfter: "600"}, After: 10 * time.Minute, Has: "503"},
		{Name: "broken", Says: conntest.Answer{Status: 500, Body: "{}"}, Has: "500"},
		{Name: "no JSON", Says: conntest.Answer{Status: 200, Body: "<html>"}, Has: "google"},
		{Name: "JSON that is no list", Says: conntest.Answer{Status: 200, Body: `{"items":[]}`}, Has: "no list of events"},
	}, func(t *testing.T, rt http.RoundTripper) connectors.Connector {
		return open(t, Config{Domain: "acme.com", Users: []string{ana}}, rt, nil)
	})
}

// TestWhatToMend: an operator is told the one thing that is wrong.
func TestWhatToMend(t *testing.T) {
	for _, c := range []struct {
		about string
		code  int
		body  string
		want  string
	}{
		{"no role", 403, refusal(403, "forbidden"), "needs an administrator's role with the right to read users and groups"},
		{"another API", 403, refusal(403, "accessNotConfigured"), "enable the Admin SDK API"},
		{"no delegation", 403, refusal(403, "insufficientPermissions"), admin.AdminDirectoryUserReadonlyScope},
		{"another domain", 404, refusal(404, "notFound"), "there is no such domain or group"},
	} {
		tn := tenant()
		conn := open(t, company, rt(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/admin/") {
				return say(r, c.code, nil, c.body), nil
			}
			return tn.RoundTrip(r)
		}), tn.KeyFile())
		if _, err := conn.Sources(t.Context(), nil); !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.about, err)
		}
	}
	for description, want := range map[string]string{
		"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.": "clock is wrong: set it by NTP",
		"Invalid JWT Signature.":   "the key was deleted or replaced",
		"Invalid email or User ID": "the user does not exist, was renamed or is suspended",
		"Bad Request":              "the key was deleted, or this machine's clock is wrong",
	} {
		e := &oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, Body: []byte(`{"error":"invalid_grant","error_description":"` + description + `"}`)}
		err := (&connector{}).explain(t.Context(), fmt.Errorf("Get: %w", e), "x", "ana", "scope")
		if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", description, err)
		}
	}
}

func TestTokenErrors(t *testing.T) {
	for code, want := range map[string]error{
		"unauthorized_client": connectors.ErrAccess, "invalid_grant": connectors.ErrAccess, "invalid_client": connectors.ErrAccess, "temporarily_unavailable": nil,
	} {
		// x/oauth2 leaves ErrorCode empty in the flow of service accounts.
		e := &oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, Body: []byte(`{"error":"` + code + `","error_description":"d"}`)}
		err := (&connector{env: connectors.Env{ReadFile: func(string) ([]byte, error) { return nil, io.EOF }}}).explain(t.Context(), fmt.Errorf("Get: %w", e), "x", "ana", "scope")
		if errors.Is(err, connectors.ErrAccess) != (want != nil) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
