package outlook

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

const pushAddress = "https://syncd.acme.com/push/outlook/acme.co.uk"

func wanted(id string) connectors.Subscription {
	return connectors.Subscription{ID: id, Secret: "s-" + id, Address: pushAddress, Until: now().Add(7 * 24 * time.Hour)}
}

// watching is a tenant whose notifications reach the connector, and what arrived.
func watching(t *testing.T) (*fakegraph.Tenant, connectors.Pusher, *[]connectors.Push) {
	tn := tenant()
	p := open(t, Config{Calendars: calendarsAll}, tn, fakegraph.ClientSecret).(connectors.Pusher)
	got := &[]connectors.Push{}
	tn.Send = func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme+"://"+r.URL.Host+r.URL.Path != pushAddress {
			return nil, fmt.Errorf("nobody is at %s", r.URL)
		}
		w := httptest.NewRecorder()
		*got = append(*got, p.Receive(w, r)...)
		return w.Result(), nil
	}
	return tn, p, got
}

func deliver(t *testing.T, tn *fakegraph.Tenant) {
	t.Helper()
	if _, err := tn.Deliver(t.Context()); err != nil {
		t.Error(err)
	}
}

func soon(uid string) fakegraph.Event {
	return testEvent(conntest.Meeting{UID: uid, Start: calendar.At(conntest.Now.Add(time.Hour)), Length: time.Hour})
}

// TestWatch: a subscription is made behind a handshake, tells of changes of its calendar, though some get lost and some
// come twice, lasts longer when it is renewed, and ends.
func TestWatch(t *testing.T) {
	tn, p, got := watching(t)
	sub, err := p.Subscribe(t.Context(), source(eve), wanted("one"))
	if err != nil || sub.ID == "one" || sub.Secret != "s-one" || !sub.Until.Equal(now().Add(longestWatch)) {
		t.Fatalf("%+v, %v", sub, err)
	}
	tn.Loss = func(n int) int { return []int{1, 0, 2}[n%3] }
	for range 6 {
		tn.Put(eve, soon("e@example.com"))
	}
	tn.Put(finn, soon("f@example.com"))
	deliver(t, tn)
	want := connectors.Push{Subscription: sub.ID, Secret: "s-one"}
	if len(*got) != 6 {
		t.Errorf("%d pushes of 6 changes, of which 2 are lost and 2 doubled", len(*got))
	}
	for _, push := range *got {
		if push != want {
			t.Errorf("%+v", push)
		}
	}
	tn.Loss = nil
	stored := sub
	stored.Secret = "" // the store has its hash alone
	again, err := p.Renew(t.Context(), source(eve), stored, wanted("two"))
	if err != nil || again.ID != sub.ID || again.Secret != "" || !again.Until.Equal(now().Add(longestWatch)) {
		t.Errorf("renewed: %+v, %v", again, err)
	}
	for range 2 { // a subscription that Graph does not know any more is no error
		if err := p.Unsubscribe(t.Context(), source(eve), again); err != nil {
			t.Error(err)
		}
	}
	*got = nil
	tn.Delete(eve, id("e@example.com"))
	if deliver(t, tn); len(*got) != 0 {
		t.Errorf("what has ended tells %v", *got)
	}
	anew, err := p.Renew(t.Context(), source(eve), stored, wanted("three"))
	if err != nil || anew.ID == sub.ID || anew.Secret != "s-three" {
		t.Errorf("what is gone is made anew: %+v, %v", anew, err)
	}
}

// TestWatchSecondary: each calendar tells of itself; what belongs to somebody else tells nothing.
func TestWatchSecondary(t *testing.T) {
	tn, p, got := watching(t)
	cal := tn.AddCalendar(eve, fakegraph.Calendar{Name: "Sales"})
	src := calendar.NewSource("outlook", "acme.co.uk", eve+"/"+cal)
	src.User = eve
	sub, err := p.Subscribe(t.Context(), src, wanted("one"))
	if err != nil {
		t.Fatal(err)
	}
	e := soon("e@example.com")
	tn.Put(eve, e)
	e = soon("f@example.com")
	e.Calendar = cal
	tn.Put(eve, e)
	deliver(t, tn)
	if diff := cmp.Diff([]connectors.Push{{Subscription: sub.ID, Secret: "s-one"}}, *got); diff != "" {
		t.Error(diff)
	}
	theirs := calendar.NewSource("outlook", "acme.co.uk", eve+"/"+finn+"/"+cal)
	theirs.User = eve
	if _, err := p.Subscribe(t.Context(), theirs, wanted("two")); !errors.Is(err, connectors.ErrNoPush) {
		t.Errorf("got %v", err)
	}
	if _, err := open(t, Config{}, tn, "").(connectors.Pusher).Subscribe(t.Context(), src, wanted("three")); !errors.Is(err, connectors.ErrNoPush) {
		t.Errorf("a tape: %v", err)
	}
}

// TestWatchAnswerLost: the subscription whose answer was lost is replaced, and is not asked for twice in one attempt.
func TestWatchAnswerLost(t *testing.T) {
	tn, _, got := watching(t)
	lose, posts := true, 0
	rt := through(func(r *http.Request) (*http.Response, error) {
		resp, err := tn.RoundTrip(r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/subscriptions") {
			if posts++; lose {
				return nil, errors.New("reset by peer")
			}
		}
		return resp, err
	})
	p := open(t, Config{}, rt, fakegraph.ClientSecret).(connectors.Pusher)
	if _, err := p.Subscribe(t.Context(), source(eve), wanted("one")); err == nil || posts != 1 {
		t.Fatalf("%d requests, %v", posts, err)
	}
	lose = false
	sub, err := p.Subscribe(t.Context(), source(eve), wanted("two"))
	if err != nil {
		t.Fatal(err)
	}
	tn.Put(eve, soon("e@example.com"))
	deliver(t, tn)
	if diff := cmp.Diff([]connectors.Push{{Subscription: sub.ID, Secret: "s-two"}}, *got); diff != "" {
		t.Errorf("the lost one is still there (-want +got):\n%s", diff)
	}
}

// TestLifecycle: what Microsoft says of a subscription itself.
func TestLifecycle(t *testing.T) {
	for event, ended := range map[string]bool{"missed": false, "reauthorizationRequired": true, "subscriptionRemoved": true} {
		tn, p, got := watching(t)
		sub, err := p.Subscribe(t.Context(), source(eve), wanted("one"))
		if err != nil {
			t.Fatal(err)
		}
		tn.Lifecycle(event)
		deliver(t, tn)
		if diff := cmp.Diff([]connectors.Push{{Subscription: sub.ID, Secret: "s-one", Ended: ended}}, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", event, diff)
		}
		if _, err := p.Subscribe(t.Context(), source(eve), wanted("two")); err != nil {
			t.Errorf("anew behind %s: %v", event, err)
		}
	}
}

// TestWatchFails: each refusal says what to do; none is a reason to stop reading.
func TestWatchFails(t *testing.T) {
	for _, c := range []struct {
		about string
		set   func(*fakegraph.Tenant, *connectors.Subscription)
		is    error
		says  string
	}{
		{"nobody answers", func(tn *fakegraph.Tenant, _ *connectors.Subscription) {
			tn.Send = func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }
		}, nil, "did not get it: is the address public"},
		{"a proxy answers", func(tn *fakegraph.Tenant, _ *connectors.Subscription) {
			tn.Send = func(r *http.Request) (*http.Response, error) {
				return conntest.Answer{Status: 404, Body: "<html>"}.RoundTrip(r)
			}
		}, nil, "is /push/ handed on to syncd?"},
		{"no https", func(_ *fakegraph.Tenant, s *connectors.Subscription) { s.Address = "http://syncd.acme.com/push" }, nil, "did not get it"},
		{"no permission", func(tn *fakegraph.Tenant, _ *connectors.Subscription) { tn.Revoke() }, connectors.ErrAccess, "RBAC"},
		{"busy", func(tn *fakegraph.Tenant, _ *connectors.Subscription) { tn.Throttle(time.Minute) }, nil, "throttled"},
	} {
		tn, p, _ := watching(t)
		s := wanted("one")
		c.set(tn, &s)
		_, err := p.Subscribe(t.Context(), source(eve), s)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s-one") {
			t.Errorf("%s: got %v, want %q", c.about, err, c.says)
		}
	}
}

// TestReceive: what comes to the address, whoever sends it.
func TestReceive(t *testing.T) {
	_, p, _ := watching(t)
	for _, c := range []struct {
		about, query, body string
		status             int
		says               string
		want               []connectors.Push
	}{
		{"a handshake", "?validationToken=Validation%3A+%3Cscript%3E+%26", "", 200, "Validation: <script> &", nil},
		{"a handshake without an end", "?validationToken=" + strings.Repeat("x", 5000), "", 400, "too long", nil},
		{"two of them", "", `{"value":[{"subscriptionId":"a","clientState":"s","resource":"Users/x/Events/y"},{"subscriptionId":"b","clientState":"t","more":{}}]}`, 202, "", []connectors.Push{{Subscription: "a", Secret: "s"}, {Subscription: "b", Secret: "t"}}},
		{"nobody's", "", `{"value":[{"clientState":"s"}]}`, 202, "", nil},
		{"no state", "", `{"value":[{"subscriptionId":"a"}]}`, 202, "", []connectors.Push{{Subscription: "a"}}},
		{"an event of tomorrow", "", `{"value":[{"subscriptionId":"a","clientState":"s","lifecycleEvent":"superseded"}]}`, 202, "", []connectors.Push{{Subscription: "a", Secret: "s", Ended: true}}},
		{"nothing", "", "", 400, "no notification", nil},
		{"something else", "", `{"hello":"world"}`, 400, "no notification", nil},
		{"no JSON", "", `<xml>`, 400, "no notification", nil},
		{"too much", "", `{"value":["` + strings.Repeat("x", 2<<20) + `"]}`, 400, "no notification", nil},
	} {
		w := httptest.NewRecorder()
		got := p.Receive(w, httptest.NewRequest(http.MethodPost, "/push/outlook/acme.co.uk"+c.query, strings.NewReader(c.body)))
		if diff := cmp.Diff(c.want, got); diff != "" || w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %q\n%s", c.about, w.Code, w.Body, diff)
		}
		if w.Code == 200 && (!strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%s: %v", c.about, w.Header())
		}
	}
}
