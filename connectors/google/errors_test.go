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
	gcal "google.golang.org/api/calendar/v3"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

func body(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

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
	days := wholeDays(conntest.Horizon)
	old, err := cursor{From: days.Start, To: days.End, Sync: "s"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		cur   connectors.Cursor
		says  answer
		want  error // nil: none of the contract's, so to be tried again
		after time.Duration
		has   string
	}{
		{"expired token", old, answer{410, refusal(410, "fullSyncRequired"), ""}, connectors.ErrCursor, 0, "fullSyncRequired"},
		{"token of other parameters", old, answer{400, refusal(400, "badRequest"), ""}, connectors.ErrCursor, 0, "400"},
		{"our own mistake", "", answer{400, refusal(400, "badRequest"), ""}, nil, 0, "badRequest"},
		{"no delegation for the scope", "", answer{403, refusal(403, "insufficientPermissions"), ""}, connectors.ErrAccess, 0, gcal.CalendarEventsReadonlyScope},
		{"API switched off", "", answer{403, refusal(403, "accessNotConfigured"), ""}, connectors.ErrAccess, 0, "enable the API"},
		{"no calendar user", "", answer{403, refusal(403, "notACalendarUser"), ""}, connectors.ErrAccess, 0, "no Calendar"},
		{"a reason that came up later", "", answer{403, refusal(403, "newReason"), ""}, connectors.ErrAccess, 0, "newReason"},
		{"bad credentials", "", answer{401, refusal(401, "authError"), ""}, connectors.ErrAccess, 0, "key"},
		{"no such calendar", "", answer{404, refusal(404, "notFound"), ""}, connectors.ErrSource, 0, "404"},
		{"quota of the day", "", answer{403, refusal(403, "quotaExceeded"), "7200"}, nil, 2 * time.Hour, "quotaExceeded"},
		{"too many", "", answer{429, refusal(429, "rateLimitExceeded"), "120"}, nil, 2 * time.Minute, "429"},
		{"busy, for long", "", answer{503, "<html>", "600"}, nil, 10 * time.Minute, "503"},
		{"broken", "", answer{500, "{}", ""}, nil, 0, "500"},
		{"no JSON", "", answer{200, "<html>", ""}, nil, 0, "google"},
		{"a listing without a token at its end", "", answer{200, `{"items":[]}`, ""}, nil, 0, "without a sync token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := open(t, Config{Domain: "acme.com", Users: []string{ana}}, c.says, nil)
			p, err := conn.Pull(t.Context(), calendar.NewSourceID("google", "acme.com", ana), c.cur, conntest.Horizon)
			if err == nil {
				t.Fatalf("no error, but the page %+v", p)
			}
			if !strings.Contains(err.Error(), c.has) {
				t.Errorf("%v does not say %q", err, c.has)
			}
			for _, kind := range []error{connectors.ErrCursor, connectors.ErrAccess, connectors.ErrSource} {
				if errors.Is(err, kind) != (kind == c.want) {
					t.Errorf("%v: is %v: %v", err, kind, errors.Is(err, kind))
				}
			}
			var throttled *connectors.ThrottledError
			if errors.As(err, &throttled) != (c.after > 0) || throttled != nil && throttled.After != c.after {
				t.Errorf("%v: throttled %+v, want %s", err, throttled, c.after)
			}
		})
	}
}

func TestTokenErrors(t *testing.T) {
	for code, want := range map[string]error{
		"unauthorized_client": connectors.ErrAccess, "invalid_grant": connectors.ErrAccess, "invalid_client": connectors.ErrAccess, "temporarily_unavailable": nil,
	} {
		// x/oauth2 leaves ErrorCode empty in the flow of service accounts.
		e := &oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, Body: []byte(`{"error":"` + code + `","error_description":"d"}`)}
		err := (&connector{env: connectors.Env{ReadFile: func(string) ([]byte, error) { return nil, io.EOF }}}).explain(t.Context(), fmt.Errorf("Get: %w", e), "x", "scope")
		if errors.Is(err, connectors.ErrAccess) != (want != nil) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
