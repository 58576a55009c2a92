package outlook

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

func refusal(code string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":"m"}}`, code)
}

// TestErrors: what the service answers, and what the engine must hear.
func TestErrors(t *testing.T) {
	conntest.Refusals(t, source(eve), []conntest.Refusal{
		{Name: "generation gone", Says: conntest.Answer{Status: 410, Body: refusal("SyncStateNotFound")}, Want: connectors.ErrCursor, Has: "SyncStateNotFound"},
		{Name: "its cousin with 400", Says: conntest.Answer{Status: 400, Body: refusal("syncStateInvalid")}, Want: connectors.ErrCursor, Has: "400"},
		{Name: "gone without a word", Says: conntest.Answer{Status: 410, Body: ""}, Want: connectors.ErrCursor, Has: "410"},
		{Name: "our own mistake", Says: conntest.Answer{Status: 400, Body: refusal("ErrorInvalidParameter")}, Has: "ErrorInvalidParameter"},
		{Name: "mailbox out of scope", Says: conntest.Answer{Status: 403, Body: refusal("ErrorAccessDenied")}, Want: connectors.ErrAccess, Has: "RBAC for Applications"},
		{Name: "a code that came up later", Says: conntest.Answer{Status: 403, Body: refusal("NewCode")}, Want: connectors.ErrAccess, Has: "Calendars.Read"},
		{Name: "bad token", Says: conntest.Answer{Status: 401, Body: refusal("InvalidAuthenticationToken")}, Want: connectors.ErrAccess, Has: "check tenant and cloud"},
		{Name: "unlicensed", Says: conntest.Answer{Status: 404, Body: refusal("MailboxNotEnabledForRESTAPI")}, Want: connectors.ErrSource, Has: "license"},
		{Name: "user gone", Says: conntest.Answer{Status: 404, Body: refusal("ErrorInvalidUser")}, Want: connectors.ErrSource, Has: "does not exist"},
		{Name: "throttled", Says: conntest.Answer{Status: 429, Body: refusal("ApplicationThrottled"), RetryAfter: "120"}, After: 2 * time.Minute, Has: "429"},
		{Name: "busy in HTML", Says: conntest.Answer{Status: 503, Body: "<html>busy</html>", RetryAfter: "600"}, After: 10 * time.Minute, Has: "503"},
		{Name: "gateway", Says: conntest.Answer{Status: 504, Body: "{}", RetryAfter: "30"}, After: 30 * time.Second, Has: "504"},
		{Name: "empty error", Says: conntest.Answer{Status: 500, Body: "{}"}, Has: "500"},
		{Name: "error without a message", Says: conntest.Answer{Status: 500, Body: `{"error":{"code":"x"}}`}, Has: "x"},
		{Name: "error as a string", Says: conntest.Answer{Status: 500, Body: `{"error":"x"}`}, Has: "500"},
		{Name: "a list cut off", Says: conntest.Answer{Status: 200, Body: `{"value":[{"id":`}, Has: "no list"},
		{Name: "HTML that says 200", Says: conntest.Answer{Status: 200, Body: "<html>"}, Has: "outlook"},
		{Name: "neither next nor end", Says: conntest.Answer{Status: 200, Body: `{"value":[]}`}, Has: "neither a next page nor an end"},
		{Name: "a link to elsewhere", Says: conntest.Answer{Status: 200, Body: `{"value":[],"@odata.nextLink":"https://graph.microsoft.com.evil.example/v1.0/x"}`}, Has: "another host"},
		{Name: "a link without TLS", Says: conntest.Answer{Status: 200, Body: `{"value":[],"@odata.deltaLink":"http://graph.microsoft.com/v1.0/x"}`}, Has: "another host"},
	}, func(t *testing.T, rt http.RoundTripper) connectors.Connector { return open(t, Config{}, rt, "") })
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
	return conntest.Answer{Status: 200, Body: body}.RoundTrip(r)
}

func TestEndlessDelta(t *testing.T) {
	e := &endless{}
	cur, events := conntest.CatchUp(t, open(t, Config{}, e, ""), source(eve), "", conntest.Horizon)
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

// TestTokenTakenBack: a token that is refused after it was accepted is no reason to call a person. A new one that is
// refused is.
func TestTokenTakenBack(t *testing.T) {
	tn, c := tenant(), &counting{}
	c.RoundTripper = tn
	conn := open(t, Config{}, c, fakegraph.ClientSecret)
	cur, _ := conntest.CatchUp(t, conn, source(eve), "", conntest.Horizon)
	for _, challenge := range []bool{false, true} {
		tn.RevokeTokens(challenge)
		c.deltas, c.tokens = 0, 0
		if _, err := conn.Pull(t.Context(), source(eve), cur, conntest.Horizon); err != nil || c.deltas != 2 || c.tokens != 1 {
			t.Errorf("%d requests, %d tokens, %v", c.deltas, c.tokens, err)
		}
	}
	refusing := says(tn, func(r *http.Request) (conntest.Answer, bool) {
		return conntest.Answer{Status: 401, Body: refusal("InvalidAuthenticationToken")}, strings.Contains(r.URL.Path, "/delta")
	})
	if _, err := open(t, Config{}, refusing, fakegraph.ClientSecret).Pull(t.Context(), source(eve), cur, conntest.Horizon); !errors.Is(err, connectors.ErrAccess) {
		t.Errorf("got %v", err)
	}
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
