package outlook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

// answer is a service that says one thing.
type answer struct {
	status     int
	body       string
	retryAfter string
}

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	if strings.HasPrefix(a.body, "<") {
		h.Set("Content-Type", "text/html")
	}
	if a.retryAfter != "" {
		h.Set("Retry-After", a.retryAfter)
	}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func refusal(code string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":"m"}}`, code)
}

// TestErrors: what the service answers, and what the engine must hear.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		says  answer
		want  error // nil: none of the contract's, so to be tried again
		after time.Duration
		has   string
	}{
		{"generation gone", answer{410, refusal("SyncStateNotFound"), ""}, connectors.ErrCursor, 0, "SyncStateNotFound"},
		{"its cousin with 400", answer{400, refusal("syncStateInvalid"), ""}, connectors.ErrCursor, 0, "400"},
		{"gone without a word", answer{410, "", ""}, connectors.ErrCursor, 0, "410"},
		{"our own mistake", answer{400, refusal("ErrorInvalidParameter"), ""}, nil, 0, "ErrorInvalidParameter"},
		{"mailbox out of scope", answer{403, refusal("ErrorAccessDenied"), ""}, connectors.ErrAccess, 0, "RBAC for Applications"},
		{"a code that came up later", answer{403, refusal("NewCode"), ""}, connectors.ErrAccess, 0, "Calendars.Read"},
		{"bad token", answer{401, refusal("InvalidAuthenticationToken"), ""}, connectors.ErrAccess, 0, "check tenant and cloud"},
		{"unlicensed", answer{404, refusal("MailboxNotEnabledForRESTAPI"), ""}, connectors.ErrSource, 0, "license"},
		{"user gone", answer{404, refusal("ErrorInvalidUser"), ""}, connectors.ErrSource, 0, "does not exist"},
		{"throttled", answer{429, refusal("ApplicationThrottled"), "120"}, nil, 2 * time.Minute, "429"},
		{"busy in HTML", answer{503, "<html>busy</html>", "600"}, nil, 10 * time.Minute, "503"},
		{"gateway", answer{504, "{}", "30"}, nil, 30 * time.Second, "504"},
		{"empty error", answer{500, "{}", ""}, nil, 0, "500"},
		{"error without a message", answer{500, `{"error":{"code":"x"}}`, ""}, nil, 0, "x"},
		{"error as a string", answer{500, `{"error":"x"}`, ""}, nil, 0, "500"},
		{"a list cut off", answer{200, `{"value":[{"id":`, ""}, nil, 0, "no list"},
		{"HTML that says 200", answer{200, "<html>", ""}, nil, 0, "outlook"},
		{"neither next nor end", answer{200, `{"value":[]}`, ""}, nil, 0, "neither a next page nor an end"},
		{"a link to elsewhere", answer{200, `{"value":[],"@odata.nextLink":"https://graph.microsoft.com.evil.example/v1.0/x"}`, ""}, nil, 0, "another host"},
		{"a link without TLS", answer{200, `{"value":[],"@odata.deltaLink":"http://graph.microsoft.com/v1.0/x"}`, ""}, nil, 0, "another host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := open(t, Config{}, c.says, "").Pull(t.Context(), source(eve), "", conntest.Horizon)
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

func TestWrongSecret(t *testing.T) {
	_, err := open(t, Config{}, tenant(), "another secret").Pull(t.Context(), source(eve), "", conntest.Horizon)
	if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), "client_secret_file") || strings.Contains(err.Error(), "Trace ID") || strings.Contains(err.Error(), "another secret") {
		t.Errorf("got %v", err)
	}
}

// endless leads on for ever over the same ids.
type endless struct{ pages int }

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	e.pages++
	body := fmt.Sprintf(`{"value":[{"id":"a"},{"id":"b"}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/users/eve@acme.co.uk/calendarView/delta?$skiptoken=%d"}`, e.pages)
	if !strings.Contains(r.URL.Path, "/delta") {
		body = `{"value":[{"id":"a","type":"singleInstance","iCalUId":"u","sensitivity":"normal"}]}`
	}
	return answer{200, body, ""}.RoundTrip(r)
}

func TestEndlessDelta(t *testing.T) {
	e := &endless{}
	cur, events := catchUp(t, open(t, Config{}, e, ""), source(eve), "", conntest.Horizon)
	if len(events) != 1 || e.pages > 5 {
		t.Errorf("%d events after %d pages; the calendar is listed all the same, and soon", len(events), e.pages)
	}
	if cur == "" {
		t.Error("no cursor")
	}
}

// through lets a test look at what goes to the tenant.
type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRedirect: an answer that leads elsewhere must not carry the token there.
func TestRedirect(t *testing.T) {
	tn, leaked := tenant(), ""
	conn := open(t, Config{}, through(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "evil.example" {
			leaked = r.Header.Get("Authorization")
		}
		if strings.Contains(r.URL.Path, "/delta") {
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"https://evil.example/x"}}, Body: http.NoBody, Request: r}, nil
		}
		return tn.RoundTrip(r)
	}), fakegraph.ClientSecret)
	if _, err := conn.Pull(t.Context(), source(eve), "", conntest.Horizon); err == nil || leaked != "" {
		t.Errorf("got %v; the token went elsewhere: %q", err, leaked)
	}
}

// TestTokenTakenBack: a token that is refused after it was accepted is no reason to call a person.
func TestTokenTakenBack(t *testing.T) {
	tn, refuse := tenant(), false
	conn := open(t, Config{}, through(func(r *http.Request) (*http.Response, error) {
		if refuse && strings.Contains(r.URL.Path, "/delta") {
			refuse = false
			return answer{401, refusal("InvalidAuthenticationToken"), ""}.RoundTrip(r)
		}
		return tn.RoundTrip(r)
	}), fakegraph.ClientSecret)
	cur, _ := catchUp(t, conn, source(eve), "", conntest.Horizon)
	refuse = true
	if _, err := conn.Pull(t.Context(), source(eve), cur, conntest.Horizon); err == nil || errors.Is(err, connectors.ErrAccess) {
		t.Errorf("got %v, want an error to try again after", err)
	}
	catchUp(t, conn, source(eve), cur, conntest.Horizon)
}

func TestNoURLInErrors(t *testing.T) {
	tn := tenant()
	conn := open(t, Config{}, through(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/delta") {
			return nil, errors.New("connection refused")
		}
		return tn.RoundTrip(r)
	}), fakegraph.ClientSecret)
	if _, err := conn.Pull(t.Context(), source(eve), "", conntest.Horizon); err == nil || strings.Contains(err.Error(), "https://") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
