package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/syncd/schedule"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

// TestAttacks: each is refused, as a problem, and nothing of the store comes out or changes.
func TestAttacks(t *testing.T) {
	w := newWorld(t, func(d *access.Config, _ *api.Config) { d.PublicURL = "https://syncd.acme.com" })
	w.fill(t, 30)
	good := w.tokens["admin"]
	id, _ := tokens.ID(good)
	expired := w.token(t, tokens.Token{Scopes: tokens.Scopes{tokens.Admin}, Until: now})
	revoked := w.token(t, tokens.Token{Scopes: tokens.Scopes{tokens.Admin}})
	revokedID, _ := tokens.ID(revoked)
	if ok, err := w.store.Tokens().Revoke(t.Context(), revokedID, now); !ok || err != nil {
		t.Fatal(ok, err)
	}
	other, _ := tokens.ID(w.tokens["read"])
	signal := `{"meeting":"` + string(meeting(1).Meeting) + `","signal":"skip"}`
	var page api.MeetingPage
	w.get(t, "/api/v1/meetings?limit=3&from=0001-01-01T00:00:00Z", &page)
	cursor := page.Next
	flipped := []byte(cursor)
	flipped[len(flipped)-3] ^= 1
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString(append(make([]byte, 16), plain[16:]...))
	later := base64.RawURLEncoding.EncodeToString(bytes.Replace(plain, []byte(`"s":`), []byte(`"s":9`), 1))
	list := "/api/v1/meetings?limit=3&from=0001-01-01T00:00:00Z"
	const read = "/api/v1/schedules"

	for _, c := range []struct {
		about, method, target, token, body string
		headers                            []string
		status                             int
	}{
		{"no token", "GET", read, "", "", nil, 401},
		{"a wrong secret", "GET", read, good[:len(good)-4] + "AAAA", "", nil, 401},
		{"another's secret", "GET", read, strings.Replace(good, id, other, 1), "", nil, 401},
		{"an unknown id", "GET", read, strings.Replace(good, id, "aaaaaaaaaa", 1), "", nil, 401},
		{"the id alone", "GET", read, "syncd_" + id + "_", "", nil, 401},
		{"expired", "GET", read, expired, "", nil, 401},
		{"revoked", "GET", read, revoked, "", nil, 401},
		{"two tokens", "GET", read, good, "", []string{"Authorization: Bearer " + good}, 401},
		{"as a password", "GET", read, "", "", []string{"Authorization: Basic " + good}, 401},
		{"in the query", "GET", read + "?access_token=" + good, "", "", nil, 401},
		{"as a cookie", "GET", read, "", "", []string{"Cookie: __Host-syncd=" + good}, 401},
		{"SQL in a token", "GET", read, "syncd_' OR '1'='1_" + strings.Repeat("A", 43), "", nil, 401},
		{"a scope that it does not have", "GET", read, w.tokens["signals"], "", nil, 403},
		{"a scope, for what changes something", "POST", "/api/v1/deliveries/2/retry", w.tokens["read"], "", nil, 403},
		{"a scope, for held mails", "GET", "/api/v1/quarantine", w.tokens["deliveries"], "", nil, 403},
		{"speaking for another", "POST", "/api/v1/signals", w.tokens["signals"], strings.Replace(signal, "{", `{"email":"bo@acme.com",`, 1), nil, 403},
		{"nobody knows what is not there", "GET", "/api/v1/nonesuch", "", "", nil, 401},

		{"taking back for another", "DELETE", "/api/v1/signals?meeting=x&email=bo@acme.com", w.tokens["signals"], "", nil, 403},
		{"taking back from another site", "DELETE", "/api/v1/signals?meeting=x", w.tokens["signals"], "", []string{"Origin: https://evil.example"}, 403},
		{"another site's form", "POST", "/api/v1/signals", w.tokens["signals"], signal, []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a sister site's form", "POST", "/api/v1/signals", w.tokens["signals"], signal, []string{"Sec-Fetch-Site: same-site"}, 403},
		{"another origin", "POST", "/api/v1/signals", w.tokens["signals"], signal, []string{"Origin: https://evil.example"}, 403},
		{"another origin that reads", "GET", read, good, "", []string{"Origin: https://evil.example"}, 403},
		{"no origin to speak of", "GET", read, good, "", []string{"Origin: null"}, 403},
		{"an origin that looks alike", "GET", read, good, "", []string{"Origin: https://syncd.acme.com.evil.example"}, 403},
		{"two origins", "GET", read, good, "", []string{"Origin: https://syncd.acme.com", "Origin: https://evil.example"}, 403},
		{"a preflight", "OPTIONS", read, "", "", []string{"Origin: https://evil.example", "Access-Control-Request-Method: GET"}, 403},

		{"a name that leads here (DNS rebinding)", "GET", read, good, "", []string{"Host: evil.example"}, 421},
		{"a name that looks alike", "GET", read, good, "", []string{"Host: syncd.acme.com.evil.example"}, 421},
		{"a host before ours", "GET", read, good, "", []string{"Host: evil.example:80@syncd.acme.com"}, 421},
		{"another address", "GET", read, good, "", []string{"Host: 169.254.169.254"}, 421},
		{"no host", "GET", read, good, "", []string{"Host: "}, 421},
		{"log-in by another name", "GET", "/auth/login", "", "", []string{"Host: evil.example"}, 421},
		{"a page by another name", "GET", "/", good, "", []string{"Host: evil.example"}, 421},
		{"a forwarded host", "GET", read, good, "", []string{"Host: evil.example", "X-Forwarded-Host: syncd.acme.com"}, 421},

		{"out of the folder", "GET", "/api/v1/schedules/..%2f..%2f..%2fetc%2fpasswd", good, "", nil, 404},
		{"out of the folder, twice encoded", "GET", "/api/v1/schedules/%252e%252e%252fetc", good, "", nil, 404},
		{"out of the folder, in a key", "GET", "/api/v1/meetings/%2e%2e%2f%2e%2e%2fopenapi.json", good, "", nil, 404},
		{"a NUL", "GET", "/api/v1/schedules/a%00b", good, "", nil, 400},
		{"no UTF-8", "GET", "/api/v1/meetings?text=%ff", good, "", nil, 400},
		{"a parameter twice", "GET", read + "?limit=1&limit=200", good, "", nil, 400},
		{"SQL in an id", "GET", "/api/v1/schedules/" + url.PathEscape("' OR '1'='1"), good, "", nil, 404},
		{"SQL in a filter", "GET", "/api/v1/schedules?state=" + url.QueryEscape("' OR 1=1 --"), good, "", nil, 422},
		{"too many at a time", "GET", read + "?limit=100000", good, "", nil, 422},
		{"a misspelt filter", "GET", read + "?provder=zoom", good, "", nil, 422},

		{"a cursor that was changed", "GET", list + "&after=" + string(flipped), good, "", nil, 400},
		{"a cursor that leads elsewhere", "GET", list + "&after=" + later, good, "", nil, 400},
		{"a cursor that was signed by nobody", "GET", list + "&after=" + forged, good, "", nil, 400},
		{"a cursor without its end", "GET", list + "&after=" + cursor[:len(cursor)-4], good, "", nil, 400},
		{"a cursor of another list", "GET", "/api/v1/schedules?limit=3&from=0001-01-01T00:00:00Z&after=" + cursor, good, "", nil, 400},
		{"a cursor of other filters", "GET", list + "&recorded=yes&after=" + cursor, good, "", nil, 400},
		{"a cursor of a list for the feed", "GET", "/api/v1/changes?after=" + cursor, good, "", nil, 400},
		{"a cursor that is far too long", "GET", list + "&after=" + strings.Repeat("A", 9000), good, "", nil, 422},

		{"a body that is too large", "POST", "/api/v1/signals", w.tokens["signals"], `{"meeting":"` + strings.Repeat("x", 70000) + `","signal":"skip"}`, nil, 413},
		{"a body that is far too large", "POST", "/api/v1/signals", w.tokens["signals"], strings.Repeat("x", 2<<20), nil, 413},
		{"a body of another kind", "POST", "/api/v1/signals", w.tokens["signals"], "meeting=x&signal=skip", []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"a body that hides what it is", "POST", "/api/v1/signals", w.tokens["signals"], signal, []string{"Content-Type: text/plain"}, 415},
		{"a body that is nested deeply", "POST", "/api/v1/signals", w.tokens["signals"], strings.Repeat("[", 60000), nil, 400},
		{"another method by a header", "POST", read, good, "", []string{"X-HTTP-Method-Override: GET"}, 405},
		{"a method that there is not", "DELETE", "/api/v1/quarantine", good, "", nil, 405},
		{"a push to a page", "POST", "/push/google", "", "", nil, 404},
	} {
		t.Run(c.about, func(t *testing.T) {
			before := w.said(t)
			rec := w.do(c.method, c.target, c.token, c.body, c.headers...)
			if rec.Code != c.status {
				t.Errorf("got %d %.300s, want %d", rec.Code, rec.Body, c.status)
			}
			if kind := rec.Header().Get("Content-Type"); kind != problem.ContentType {
				t.Errorf("it is of type %q", kind)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
				if got := rec.Header().Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("the policy is %q", csp)
			}
			if rec.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("other origins may read it")
			}
			if body := rec.Body.String(); strings.Contains(body, schedule.ID(meeting(1).Meeting, 0)) || strings.Contains(body, "Globex") {
				t.Errorf("it says %s", body)
			}
			if w.said(t) != before {
				t.Error("it was done all the same")
			}
		})
	}

	// And what looks like some of these, but is not.
	for _, c := range []struct {
		about, method, target, token, body string
		headers                            []string
		status                             int
	}{
		{"our own page", "POST", "/api/v1/signals", w.tokens["signals"], signal, []string{"Sec-Fetch-Site: same-origin", "Origin: https://syncd.acme.com", "Host: syncd.acme.com"}, 201},
		{"our own page, by a proxy", "POST", "/api/v1/signals", w.tokens["signals"], signal, []string{"Origin: https://syncd.acme.com"}, 201},
		{"a program", "POST", "/api/v1/signals", w.tokens["signals"], signal, nil, 201},
		{"on this machine", "GET", read, good, "", []string{"Host: localhost:8787"}, 200},
		{"by IPv6", "GET", read, good, "", []string{"Host: [::1]:8787"}, 200},
		{"in capitals", "GET", read, good, "", []string{"Host: SYNCD.acme.com."}, 200},
		{"the cursor", "GET", list + "&after=" + cursor, good, "", nil, 200},
		{"the cursor, by other pages", "GET", strings.Replace(list, "limit=3", "limit=9", 1) + "&after=" + cursor, good, "", nil, 200},
		{"health by any name", "GET", "/livez", "", "", []string{"Host: 10.0.0.7:8787"}, 200},
		{"the token of the file", "GET", read, "demo-only", "", nil, 200},
		{"HEAD", "HEAD", read, good, "", nil, 200},
	} {
		if rec := w.do(c.method, c.target, c.token, c.body, c.headers...); rec.Code != c.status {
			t.Errorf("%s: %d %.300s, want %d", c.about, rec.Code, rec.Body, c.status)
		}
	}
	page = api.MeetingPage{}
	w.get(t, "/api/v1/meetings?limit=200&from=0001-01-01T00:00:00Z", &page)
	if len(page.Meetings) != 30 {
		t.Errorf("%d meetings are left", len(page.Meetings))
	}
	if strings.Contains(w.log.String(), good) || strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("the log:\n%s", w.log)
	}
	if rec := w.do("GET", read, good, "", "Host: syncd.acme.com"); rec.Header().Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to come by TLS")
	}
}

// TestEverywhere: who listens at all addresses is reached by any of them, but not by any name.
func TestEverywhere(t *testing.T) {
	for _, listen := range []string{":8787", "0.0.0.0:8787", "[::]:8787"} {
		w := newWorld(t, func(d *access.Config, _ *api.Config) { d.Listen = listen })
		for host, want := range map[string]int{"10.0.0.7:8787": 200, "[2001:db8::1]:8787": 200, "evil.example:8787": 421, "localhost": 200} {
			if rec := w.do("GET", "/api/v1/me", w.tokens["read"], "", "Host: "+host); rec.Code != want {
				t.Errorf("%s, as %s: %d", listen, host, rec.Code)
			}
		}
	}
}

// TestRates: a token, and whoever has none, are answered so often and no more.
func TestRates(t *testing.T) {
	w := newWorld(t, func(d *access.Config, _ *api.Config) {
		d.Rates = access.Rates{PerIdentity: 3, PerAddress: 1}
		d.Proxies = []access.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	send := func(token, from, forwarded string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "http://127.0.0.1:8787/api/v1/me", nil)
		r.RemoteAddr = from
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec
	}
	until := func(what, token string, from func(i int) (string, string), good int) (n int) {
		t.Helper()
		for ; ; n++ {
			rec := send(token, first(from(n)), second(from(n)))
			if rec.Code == 429 {
				if rec.Header().Get("Retry-After") == "" || rec.Header().Get("Content-Type") != problem.ContentType {
					t.Errorf("%s: %v", what, rec.Header())
				}
				return n
			}
			if rec.Code != good {
				t.Fatalf("%s: %d", what, rec.Code)
			}
			if n > 100 {
				return n
			}
		}
	}
	here := func(int) (string, string) { return "192.0.2.1:99", "" }
	if n := until("a token", w.tokens["read"], here, 200); n != 30 {
		t.Errorf("a token was answered %d times", n)
	}
	if rec := send(w.tokens["admin"], "192.0.2.1:99", ""); rec.Code != 200 {
		t.Errorf("another token: %d", rec.Code)
	}
	w.pass(time.Second)
	if n := until("a second later", w.tokens["read"], here, 200); n != 3 {
		t.Errorf("a second later it was answered %d times", n)
	}
	if n := until("a stranger", "", here, 401); n != 20 {
		t.Errorf("a stranger was answered %d times", n)
	}
	if n := until("with other tokens each time", "made-up", here, 401); n != 0 {
		t.Errorf("then %d times more", n)
	}
	if n := until("other ports", "", func(i int) (string, string) { return fmt.Sprintf("192.0.2.1:%d", i+1), "" }, 401); n != 0 {
		t.Errorf("from other ports %d times", n)
	}
	if n := until("one network", "", func(i int) (string, string) { return fmt.Sprintf("[2001:db8::%x]:1", i+1), "" }, 401); n != 20 {
		t.Errorf("a network was answered %d times", n)
	}
	if n := until("made-up origins", "", func(i int) (string, string) { return "192.0.2.9:1", fmt.Sprintf("198.51.100.%d", i) }, 401); n != 20 {
		t.Errorf("who makes up where they come from was answered %d times", n)
	}
	if n := until("through a proxy", "", func(i int) (string, string) { return "10.0.0.1:1", fmt.Sprintf("203.0.113.%d, 198.51.100.7", i) }, 401); n != 20 {
		t.Errorf("through a proxy one was answered %d times", n)
	}
	if rec := send("", "10.0.0.1:1", "198.51.100.8"); rec.Code != 401 {
		t.Errorf("another one through the proxy: %d", rec.Code)
	}
	if rec := send(w.tokens["admin"], "192.0.2.1:99", ""); rec.Code != 200 {
		t.Errorf("who has a token pays for strangers: %d", rec.Code)
	}
}

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

// TestSlow: who takes their time with a request, or with its body, is not waited for; who sends too long a header is
// refused.
func TestSlow(t *testing.T) {
	w := newWorld(t, func(_ *access.Config, c *api.Config) { c.Body = 100 * time.Millisecond })
	address, _ := listen(t, w)
	host := strings.TrimPrefix(address, "http://")
	for about, begin := range map[string]string{
		"half a header": "GET /api/v1/me HTTP/1.1\r\nHost: " + host + "\r\n",
		"half a body": "POST /api/v1/signals HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + w.tokens["signals"] +
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"meeting\":",
		"a long header": "GET /api/v1/me HTTP/1.1\r\nHost: " + host + "\r\nX-Long: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // far longer than the server waits
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(begin)); err != nil {
			t.Logf("%s: %v", about, err) // it may have been refused already
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		switch {
		case err != nil:
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("%s: it is waited for", about)
			}
		case resp.StatusCode < 400:
			t.Errorf("%s: %d", about, resp.StatusCode)
		}
		conn.Close()
	}
}

// TestUsed: when a token was used is kept to some minutes, not at every request, and at the latest when the daemon ends.
func TestUsed(t *testing.T) {
	w := newWorld(t)
	id, _ := tokens.ID(w.tokens["read"])
	use := func(pass time.Duration, want time.Time) {
		t.Helper()
		w.pass(pass)
		if rec := w.do("GET", "/api/v1/me", w.tokens["read"], ""); rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		before, _, err := w.store.Tokens().Token(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.doors.Run(ctx); err != nil {
			t.Error(err)
		}
		after, _, err := w.store.Tokens().Token(t.Context(), id)
		if err != nil || !after.UsedAt.Equal(want) {
			t.Errorf("%s later it was used at %s, want %s (%v)", pass, after.UsedAt, want, err)
		}
		if before.UsedAt.Equal(after.UsedAt) != before.UsedAt.Equal(want) {
			t.Errorf("%s later it is written with the request", pass)
		}
	}
	use(0, now)
	use(5*time.Minute, now)
	use(6*time.Minute, now.Add(11*time.Minute))
}
