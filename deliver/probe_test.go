package deliver

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

func TestProbeRecorders(t *testing.T) {
	now := func() time.Time { return eight }
	for _, c := range []struct {
		name   string
		f      *fakerecorder.Server
		config func(common func(*RecorderConfig)) Config
	}{
		{"recall", fakerecorder.NewRecall(now).Server, func(f func(*RecorderConfig)) Config { c := NewRecallConfig(); f(&c.RecorderConfig); return c }},
		{"attendee", fakerecorder.NewAttendee(now).Server, func(f func(*RecorderConfig)) Config { c := NewAttendeeConfig(); f(&c.RecorderConfig); return c }},
		{"meetingbaas", fakerecorder.NewMeetingBaas(now).Server, func(f func(*RecorderConfig)) Config {
			c := NewMeetingBaasConfig()
			f(&c.RecorderConfig)
			return c
		}},
		{"vexa", fakerecorder.NewVexa(now).Server, func(f func(*RecorderConfig)) Config { c := NewVexaConfig(); f(&c.RecorderConfig); return c }},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := testEnv(t)
			target, err := c.config(func(r *RecorderConfig) { r.URL, r.KeyFile = c.f.URL, "key" }).Open("bots", env)
			if err != nil {
				t.Fatal(err)
			}
			fault := fakerecorder.None
			c.f.Fault = func(*http.Request) fakerecorder.Fault { return fault }
			for _, step := range []struct {
				key        string
				fault      fakerecorder.Fault
				says, fail string
			}{
				{"", fakerecorder.None, "", "key_file"},
				{fakerecorder.Key, fakerecorder.None, "takes the key", ""},
				{"wr0ng", fakerecorder.None, "", "does not take the key in key_file key"},
				{fakerecorder.Key, fakerecorder.Throttled, "too busy", ""},
				{fakerecorder.Key, fakerecorder.Down, "", "503"},
				{fakerecorder.Key, fakerecorder.LostBefore, "", "EOF"},
			} {
				fault = step.fault
				if step.key != "" {
					env.write(t, "key", step.key)
				}
				says, err := ProbeTarget(t.Context(), target)
				if !strings.Contains(says, step.says) || (err == nil) != (step.fail == "") || err != nil && !strings.Contains(err.Error(), step.fail) {
					t.Errorf("key %q, fault %d: %q, %v", step.key, step.fault, says, err)
				}
				if err != nil && step.key != "" && strings.Contains(err.Error(), step.key) {
					t.Errorf("the key is in %v", err)
				}
			}
			for _, r := range c.f.Requests {
				if !strings.HasPrefix(r, "GET ") {
					t.Errorf("it was asked for %s", r)
				}
			}
			if n := len(c.f.Live()); n > 0 {
				t.Errorf("%d bots", n)
			}
			c.f.Close()
			if _, err := ProbeTarget(t.Context(), target); err == nil {
				t.Error("nobody is there, and all is well")
			}
		})
	}
}

func TestProbeWebhook(t *testing.T) {
	asked := 0
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ })
	plain, tls := httptest.NewServer(h), httptest.NewTLSServer(h)
	defer plain.Close()
	defer tls.Close()
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		name, url, secret string
		networks          []netip.Prefix
		says, fail        string
	}{
		{"well", plain.URL, secret('a'), local, "it can be reached", ""},
		{"no secret", plain.URL, "# none\n", local, "", "there is no secret"},
		{"a network that is not allowed", plain.URL, secret('a'), nil, "", "can't be reached"},
		{"a certificate of nobody's", tls.URL, secret('a'), local, "", "TLS fails"},
		{"no such host", "https://nowhere.invalid/hook?token=s3cret", secret('a'), nil, "", "nowhere.invalid:443 can't be reached"},
	} {
		env := testEnv(t)
		env.write(t, "secrets", c.secret)
		config := NewWebhookConfig()
		config.URL, config.SecretsFile, config.AllowNetworks, config.AllowHTTP = c.url, "secrets", c.networks, true
		target, err := config.Open("hook", env)
		if err != nil {
			t.Fatal(err)
		}
		says, err := ProbeTarget(t.Context(), target)
		if says != c.says || (err == nil) != (c.fail == "") || err != nil && (!strings.Contains(err.Error(), c.fail) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %q, %v", c.name, says, err)
		}
	}
	if asked > 0 {
		t.Errorf("%d requests were sent", asked)
	}
}

func TestProbeFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a", "b", "out.jsonl")
	probe := func() (string, error) { return ProbeTarget(t.Context(), schedule.Target{Sink: NewFile(file)}) }
	if says, err := probe(); err != nil || says != "it can be made" {
		t.Errorf("%q, %v", says, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := os.MkdirAll(file, 0o700); err != nil { // a folder in its place
		t.Fatal(err)
	}
	if _, err := probe(); err == nil {
		t.Error("a folder can be written to")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if says, err := probe(); err != nil || says != "it can be written to" {
		t.Errorf("%q, %v", says, err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "x\n" {
		t.Errorf("it has %q, %v", b, err)
	}
	file = filepath.Join(file, "below a file")
	if _, err := probe(); err == nil {
		t.Error("a file below a file can be made")
	}
}

func TestProbeFailover(t *testing.T) {
	env := testEnv(t)
	env.write(t, "key", fakerecorder.Key)
	f := fakerecorder.NewRecall(func() time.Time { return eight })
	defer f.Close()
	good, bad := NewRecallConfig(), NewRecallConfig()
	good.URL, good.KeyFile = f.URL, "key"
	bad.URL, bad.KeyFile = f.URL, "nothing"
	var targets []schedule.Target
	for name, c := range map[string]Config{"good": good, "bad": bad} {
		target, err := c.Open(name, env)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	c := NewFailoverConfig()
	c.Nest(targets)
	target, err := c.Open("both", env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ProbeTarget(t.Context(), target); err == nil || !strings.HasPrefix(err.Error(), "bad: ") || strings.Contains(err.Error(), "good") {
		t.Error(err)
	}
	env.write(t, "nothing", fakerecorder.Key)
	if says, err := ProbeTarget(t.Context(), target); err != nil || says != "all of its 2 targets can be told" {
		t.Error(says, err)
	}
}
