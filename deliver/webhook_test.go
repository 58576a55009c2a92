package deliver

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/internal/nodetest"
	"example.com/syncd/schedule"
)

var eight = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// kickOff is a schedule for a call at nine.
func kickOff() schedule.Schedule {
	return schedule.Schedule{
		ID: "rec_1", Revision: 1, State: schedule.Scheduled, Title: "Acme x Globex: kick-off", Provider: "zoom", MeetingID: "88761483140",
		JoinURL: "https://acme.zoom.us/j/88761483140?pwd=s3cret", Start: eight.Add(time.Hour), End: eight.Add(2 * time.Hour), Capture: []string{"bot"},
	}
}

// testEnv has the test's folder for files and eight o'clock for the time.
func testEnv(t *testing.T) Env {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	return Env{
		Path: path, ReadFile: func(name string) ([]byte, error) { return os.ReadFile(path(name)) },
		Now: func() time.Time { return eight }, Out: io.Discard,
	}
}

func (e Env) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(e.Path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func secret(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32)))
}

// receiver keeps what it was sent, and answers as it is told.
type receiver struct {
	*httptest.Server
	got    []webhook
	answer func(w http.ResponseWriter)
}

type webhook struct {
	header http.Header
	body   string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{answer: func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost {
			t.Errorf("%s: %v", req.Method, err)
		}
		r.got = append(r.got, webhook{req.Header, string(b)})
		r.answer(w)
	}))
	t.Cleanup(r.Close)
	return r
}

// open makes a webhook to url. The loopback counts as a private network that is allowed.
func openWebhook(t *testing.T, env Env, url string, change func(*WebhookConfig)) schedule.Sink {
	t.Helper()
	c := NewWebhookConfig()
	c.URL, c.SecretsFile, c.AllowHTTP, c.AllowNetworks = url, "secrets", true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if change != nil {
		change(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	target, err := c.Open("hook", env)
	if err != nil {
		t.Fatal(err)
	}
	return target.Sink
}

func TestWebhook(t *testing.T) {
	env, r := testEnv(t), newReceiver(t)
	env.write(t, "secrets", "# the new one\n"+secret('n')+"\n\n"+secret('o')+"\n")
	sink := openWebhook(t, env, r.URL, nil)
	s := kickOff()
	s.Revision, s.State = 12, schedule.Updated
	if _, err := sink.Deliver(t.Context(), schedule.Delivery{Schedule: s, Key: "msg_1", Now: eight.Add(-time.Minute), Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	got := r.got[0]
	if n := len(strings.Fields(got.header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures, want one for each secret", n)
	}
	if got.header.Get("webhook-id") != "msg_1" || got.header.Get("content-type") != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("headers are %v", got.header)
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(got.body), &event); err != nil {
		t.Fatal(err)
	}
	data, _ := json.Marshal(event["data"])
	var back schedule.Schedule
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	delete(event, "data")
	if diff := cmp.Diff(map[string]any{
		"specversion": "1.0", "id": "msg_1", "source": "/syncd", "type": "syncd.schedule.updated", "subject": "rec_1",
		"time": "2026-11-24T07:59:00Z", "datacontenttype": "application/json", "sequence": "0000000012",
	}, event); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

// TestWebhookVerified has another implementation verify, while a secret is replaced by another.
func TestWebhookVerified(t *testing.T) {
	env, r := testEnv(t), newReceiver(t)
	nodetest.Dir(t)
	env.Now = time.Now // the library looks at its own clock
	sink := openWebhook(t, env, r.URL, nil)
	old, next := secret('o'), secret('n')
	type claim struct {
		Secret  string            `json:"secret"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
	}
	var claims []claim
	var want []bool
	for _, step := range []struct {
		file      string
		old, next bool // which verify
	}{
		{old, true, false}, {old + "\n" + next, true, true}, {next + "\r\n" + old, true, true}, {next, false, true},
	} {
		env.write(t, "secrets", step.file)
		if _, err := sink.Deliver(t.Context(), schedule.Delivery{Schedule: kickOff(), Key: "msg_ä", Now: eight}); err != nil {
			t.Fatal(err)
		}
		last := r.got[len(r.got)-1]
		headers := map[string]string{}
		for name := range last.header {
			headers[strings.ToLower(name)] = last.header.Get(name)
		}
		claims = append(claims, claim{old, last.body, headers}, claim{next, last.body, headers}, claim{next, last.body + " ", headers})
		want = append(want, step.old, step.next, false)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	env.write(t, "claims.json", string(b))
	var results []struct {
		Event struct{ Data schedule.Schedule }
		Error string
	}
	nodetest.Run(t, &results, "testdata/verify.mjs", env.Path("claims.json"))
	for i, r := range results {
		if verified := r.Error == ""; verified != want[i] || verified && r.Event.Data.ID != "rec_1" {
			t.Errorf("claim %d: verified %v, want %v (%s)", i, verified, want[i], r.Error)
		}
	}
	if len(results) != len(want) {
		t.Errorf("%d results of %d", len(results), len(want))
	}
}

func TestWebhookAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		after  time.Duration // of a RetryError
		words  string        // of an error; "" means done
		never  bool          // it is ErrRejected
	}{
		{"done", func(w http.ResponseWriter) { w.WriteHeader(202) }, 0, "", false},
		{"gone", func(w http.ResponseWriter) { w.WriteHeader(410) }, 0, "wants no more webhooks", true},
		{"a mistake at the receiver", func(w http.ResponseWriter) { w.WriteHeader(400) }, 0, "answered 400 Bad Request", false},
		{"not found", func(w http.ResponseWriter) { w.WriteHeader(404) }, 0, "answered 404", false},
		{"broken", func(w http.ResponseWriter) { w.WriteHeader(500) }, 0, "answered 500", false},
		{"busy, in seconds", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "90"); w.WriteHeader(429) }, 90 * time.Second, "429", false},
		{"down until a time", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", eight.Add(5*time.Minute).Format(http.TimeFormat))
			w.WriteHeader(503)
		}, 5 * time.Minute, "503", false},
		{"busy, without a time", func(w http.ResponseWriter) { w.WriteHeader(429) }, 30 * time.Second, "429", false},
		{"busy for ever", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "99999999999"); w.WriteHeader(503) }, time.Hour, "503", false},
		{"busy for a year", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "31536000"); w.WriteHeader(503) }, time.Hour, "503", false},
		{"busy, and the time is past", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", eight.Add(-time.Hour).Format(http.TimeFormat))
			w.WriteHeader(503)
		}, time.Second, "503", false},
		{"hangs up", func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, 0, "EOF", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			env, r := testEnv(t), newReceiver(t)
			env.write(t, "secrets", secret('a'))
			r.answer = c.answer
			_, err := openWebhook(t, env, r.URL+"/?token=t0ken", nil).Deliver(t.Context(), schedule.Delivery{Schedule: kickOff(), Key: "k", Now: eight})
			if c.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "t0ken") {
				t.Fatalf("got %v, want an error with %q and without the address", err, c.words)
			}
			if errors.Is(err, schedule.ErrRejected) != c.never {
				t.Errorf("rejected for good: %v", !c.never)
			}
			var retry *schedule.RetryError
			if errors.As(err, &retry) != (c.after > 0) || c.after > 0 && retry.After != c.after {
				t.Errorf("got %#v, want to wait %s", retry, c.after)
			}
		})
	}
}

func TestWebhookSecretsFail(t *testing.T) {
	for name, text := range map[string]string{
		"none": "# nothing yet\n", "no prefix": strings.TrimPrefix(secret('a'), "whsec_"), "no base64": "whsec_???", "too short": "whsec_c2hvcnQ=", "too long": "whsec_" + strings.Repeat("AAAA", 22),
	} {
		env, r := testEnv(t), newReceiver(t)
		env.write(t, "secrets", text)
		_, err := openWebhook(t, env, r.URL, nil).Deliver(t.Context(), schedule.Delivery{Schedule: kickOff(), Key: "k", Now: eight})
		if err == nil || errors.Is(err, schedule.ErrRejected) || len(r.got) > 0 || strings.Contains(err.Error(), "AAAA") || strings.Contains(err.Error(), "c2hv") {
			t.Errorf("%s: got %v, and %d were sent", name, err, len(r.got))
		}
	}
}
