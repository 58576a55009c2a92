package connect

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/connectors/google"
	"example.com/syncd/internal/fakegoogle"
)

const (
	publicURL = "https://syncd.acme.com"
	people    = "google:people"
)

// A stage is a flow over a simulated tenant, and a browser of Ana's.
type stage struct {
	t       *testing.T
	tenant  *fakegoogle.Tenant
	flow    *Flow
	secrets *conntest.Secrets
	changed []string

	mu  sync.Mutex
	now time.Time
}

func (s *stage) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, now: conntest.Now, secrets: conntest.NewSecrets()}
	s.tenant = fakegoogle.New(s.clock, fakegoogle.User{Email: "ana@acme.com"}, fakegoogle.User{Email: "bo@acme.com"}, fakegoogle.User{Email: "gus@acme.com", Suspended: true})
	client := fakegoogle.Client{ID: "web-client", Secret: "web-secret", Redirects: []string{publicURL + CallbackPath}}
	s.tenant.AddClient(client)
	cfg := google.Config{OAuthClientFile: "client.json"}
	conn, err := cfg.Open(connectors.Env{
		Account: "people", HTTP: s.tenant, Now: s.clock, Log: slog.New(slog.DiscardHandler), Secrets: s.secrets,
		ReadFile: func(name string) ([]byte, error) {
			if name != "client.json" {
				return nil, fs.ErrNotExist
			}
			return s.tenant.ClientFile(client), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.flow, err = New(Config{
		PublicURL: publicURL, Connections: []Connection{{"google", "people", conn.(connectors.Consenter)}}, Now: s.clock,
		Changed: func(driver, connection, user string) { s.changed = append(s.changed, driver+":"+connection+" "+user) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A browser has cookies.
type browser map[string]string

func (b browser) request(address string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for name, value := range b {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// begin is the address to which the browser is sent.
func (s *stage) begin(b browser, by, user string) string {
	s.t.Helper()
	w := httptest.NewRecorder()
	to, err := s.flow.Begin(w, b.request("/"), by, people, user)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range w.Result().Cookies() {
		b[c.Name] = c.Value
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.MaxAge != 600 {
			s.t.Errorf("the cookie is %s", c)
		}
	}
	return to
}

// consent is the user's way through the provider's screen: where it sends the browser back to.
func (s *stage) consent(to string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.tenant.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusFound {
		s.t.Fatalf("the provider answers %v, %v", resp, err)
	}
	back := resp.Header.Get("Location")
	if !strings.HasPrefix(back, publicURL+CallbackPath+"?") {
		s.t.Errorf("the browser is sent back to %s", back)
	}
	return back
}

// refused demands that the browser is turned away with those words, and that nothing is kept.
func (s *stage) refused(b browser, back, by, words string) {
	s.t.Helper()
	_, err := s.flow.Finish(b.request(back), by)
	var says *Error
	if !errors.As(err, &says) || !strings.Contains(err.Error(), words) {
		s.t.Errorf("it says %v, not %q", err, words)
	}
	if len(s.secrets.Kept) > 0 || len(s.changed) > 0 {
		s.t.Errorf("%v is kept, %v has changed", s.secrets.Kept, s.changed)
	}
}

// TestConnect: there and back, once.
func TestConnect(t *testing.T) {
	s, b := newStage(t), browser{}
	to := s.begin(b, "ana@acme.com", " Ana@acme.com ")
	q, err := url.Parse(to)
	if err != nil || q.Query().Get("redirect_uri") != publicURL+"/connect/callback" || q.Query().Get("code_challenge_method") != "S256" || len(q.Query().Get("state")) < 20 {
		t.Errorf("the browser is sent to %s, %v", to, err)
	}
	back := s.consent(to)
	a, err := s.flow.Finish(b.request(back), "ana@acme.com")
	if err != nil || a.User != "ana@acme.com" || a.Connection.String() != people {
		t.Fatalf("%v, %v", a, err)
	}
	if _, kept := s.secrets.Kept["ana@acme.com"]; !kept || !slices.Equal(s.changed, []string{"google:people ana@acme.com"}) {
		t.Errorf("%v is kept, %v has changed", len(s.secrets.Kept), s.changed)
	}
	if _, err := s.flow.Finish(b.request(back), "ana@acme.com"); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a second time: %v", err)
	}
	if got := s.flow.Consents(t.Context()); len(got) != 1 || !slices.Equal(got[0].Users, []string{"ana@acme.com"}) || got[0].Err != nil {
		t.Errorf("%v", got)
	}
	if err := s.flow.Revoke(t.Context(), people, "Ana@acme.com"); err != nil {
		t.Fatal(err)
	}
	if len(s.secrets.Kept) > 0 || len(s.changed) != 2 {
		t.Errorf("after that %d are kept, %v have changed", len(s.secrets.Kept), s.changed)
	}
	if err := s.flow.Revoke(t.Context(), people, "ana@acme.com"); err == nil {
		t.Error("nobody's grant was ended")
	}
}

// TestTurnedAway: nobody else finishes what one began.
func TestTurnedAway(t *testing.T) {
	const ana = "ana@acme.com"
	t.Run("another browser, and then the right one", func(t *testing.T) {
		s, b := newStage(t), browser{}
		back := s.consent(s.begin(b, ana, ""))
		s.refused(browser{}, back, ana, "another browser")
		mallory := browser{}
		s.begin(mallory, "mallory@acme.com", "")
		s.refused(mallory, back, ana, "another browser")
		s.refused(b, back, "mallory@acme.com", "Somebody else")
		if _, err := s.flow.Finish(b.request(back), ana); err != nil {
			t.Error(err)
		}
	})
	t.Run("a state of nobody's", func(t *testing.T) {
		s, b := newStage(t), browser{}
		s.begin(b, ana, "")
		s.refused(b, publicURL+CallbackPath+"?code=x&state=y", ana, "used already")
		s.refused(b, publicURL+CallbackPath, ana, "used already")
	})
	t.Run("too late", func(t *testing.T) {
		s, b := newStage(t), browser{}
		back := s.consent(s.begin(b, ana, ""))
		s.pass(Life)
		s.refused(b, back, ana, "longer than 10 minutes")
	})
	t.Run("the user said no", func(t *testing.T) {
		s, b := newStage(t), browser{}
		back := s.consent(s.begin(b, ana, "gus@acme.com"))
		s.refused(b, back, ana, "did not allow it (access_denied)")
		s.refused(b, back, ana, "used already")
	})
	t.Run("the provider says something else", func(t *testing.T) {
		s, b := newStage(t), browser{}
		to, err := url.Parse(s.begin(b, ana, ""))
		if err != nil {
			t.Fatal(err)
		}
		s.refused(b, publicURL+CallbackPath+"?error="+url.QueryEscape("<script>")+"&state="+to.Query().Get("state"), ana, `"<script>"`)
	})
	t.Run("a code of another attempt", func(t *testing.T) { // PKCE
		s, b := newStage(t), browser{}
		first, err := url.Parse(s.consent(s.begin(b, ana, "")))
		if err != nil {
			t.Fatal(err)
		}
		second, err := url.Parse(s.consent(s.begin(b, ana, "")))
		if err != nil {
			t.Fatal(err)
		}
		mixed := publicURL + CallbackPath + "?" + url.Values{"code": {first.Query().Get("code")}, "state": {second.Query().Get("state")}}.Encode()
		s.refused(b, mixed, ana, "the code was not accepted")
	})
	t.Run("somebody else signed in", func(t *testing.T) {
		s, b := newStage(t), browser{}
		to := strings.Replace(s.begin(b, ana, ana), "login_hint=ana", "login_hint=bo", 1)
		s.refused(b, s.consent(to), ana, "it was bo@acme.com who consented, and ana@acme.com who was asked")
	})
	t.Run("no such connection", func(t *testing.T) {
		s := newStage(t)
		if _, err := s.flow.Begin(httptest.NewRecorder(), browser{}.request("/"), ana, "google:nobody", ""); err == nil {
			t.Error("it began")
		}
	})
}

// TestTwoTabs: one browser may be on its way twice.
func TestTwoTabs(t *testing.T) {
	s, b := newStage(t), browser{}
	first := s.consent(s.begin(b, "admin", "ana@acme.com"))
	second := s.consent(s.begin(b, "admin", "bo@acme.com"))
	for _, back := range []string{first, second} {
		if _, err := s.flow.Finish(b.request(back), "admin"); err != nil {
			t.Error(err)
		}
	}
	if len(s.secrets.Kept) != 2 {
		t.Errorf("%d are kept", len(s.secrets.Kept))
	}
}

// TestBounds: neither one user nor many fill the memory.
func TestBounds(t *testing.T) {
	s, b := newStage(t), browser{}
	back := s.consent(s.begin(b, "ana@acme.com", ""))
	for range mostOfOne {
		s.pass(time.Second)
		s.begin(b, "ana@acme.com", "")
	}
	s.refused(b, back, "ana@acme.com", "used already")
	if len(s.flow.attempts) != mostOfOne {
		t.Errorf("%d attempts of one", len(s.flow.attempts))
	}
	begin := func(i int) error {
		_, err := s.flow.Begin(httptest.NewRecorder(), browser{}.request("/"), fmt.Sprintf("u%d", i), people, "")
		return err
	}
	for i := range mostAttempts - mostOfOne {
		if err := begin(i); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := begin(mostAttempts); err == nil || len(s.flow.attempts) != mostAttempts {
		t.Errorf("%v, %d attempts", err, len(s.flow.attempts))
	}
	s.pass(Life)
	if err := begin(mostAttempts); err != nil || len(s.flow.attempts) != 1 {
		t.Errorf("later %v, %d attempts", err, len(s.flow.attempts))
	}
}

// TestAtOnce: of many who bring the same state, one gets through.
func TestAtOnce(t *testing.T) {
	s, b := newStage(t), browser{}
	back := s.consent(s.begin(b, "ana@acme.com", ""))
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 20 {
		wg.Go(func() {
			if _, err := s.flow.Finish(b.request(back), "ana@acme.com"); err == nil {
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("%d got through", done)
	}
}

func TestNew(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://syncd.acme.com": true, "https://syncd.acme.com/": true, "https://syncd.acme.com:8443": true, "http://127.0.0.1:8787": true, "http://localhost:8787": true,
		"http://syncd.acme.com": false, "https://syncd.acme.com/console": false, "https://ana@syncd.acme.com": false, "syncd.acme.com": false, "": false, "ftp://127.0.0.1": false, "https://a/?x=1": false,
	} {
		f, err := New(Config{PublicURL: address, Now: time.Now})
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if ok && f.Redirect() != strings.TrimSuffix(address, "/")+"/connect/callback" {
			t.Errorf("%s leads back to %s", address, f.Redirect())
		}
	}
}
