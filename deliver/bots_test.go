package deliver

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/internal/fakerecorder"
	"example.com/syncd/schedule"
)

// sent is what a vendor was asked for by the first delivery of s.
func sent(t *testing.T, f *fakerecorder.Server, c Config, common *RecorderConfig, env Env, s schedule.Schedule) (map[string]any, error) {
	t.Helper()
	env.write(t, "key", fakerecorder.Key)
	common.URL, common.KeyFile = f.URL, "key"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	target, err := c.Open("bots", env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Sink.Deliver(t.Context(), schedule.Delivery{Schedule: s, Key: "k", Attempt: 1, Now: s.Start.Add(-time.Minute)}); err != nil {
		return nil, err
	}
	return f.Fields(f.Live()[0].ID), nil
}

// TestRequests: what vendors are told of a meeting, and what not.
func TestRequests(t *testing.T) {
	now := func() time.Time { return eight.Add(59 * time.Minute) }
	s := kickOff()
	s.OnBehalfOf, s.Owner = []string{"bo@acme.com", "ana@acme.com"}, "bo@acme.com"
	w := want{Schedule: s}
	w.call = fingerprint(s.ID, s.JoinURL)
	kept := func(how string, title bool) map[string]any {
		m := map[string]any{
			metaSchedule: "rec_1", metaRevision: "1", metaCall: w.call, metaHow: how, metaStart: "2026-11-24T09:00:00Z", metaKey: fingerprint("k"),
		}
		if title {
			m[metaTitle] = s.Title
		}
		return m
	}
	link := s.JoinURL
	recall, attendee, baas, vexa := NewRecallConfig(), NewAttendeeConfig(), NewMeetingBaasConfig(), NewVexaConfig()
	recall.BotName, recall.SettingsFile = "Acme's notes", "settings"
	attendee.ZoomUsers, attendee.SendTitles = map[string]string{"ana@acme.com": "zu_1"}, true
	baas.ZoomUsers = map[string]string{"ana@acme.com": "zu_2"}
	for _, c := range []struct {
		name   string
		f      *fakerecorder.Server
		config Config
		common *RecorderConfig
		want   map[string]any
	}{
		{"recall", fakerecorder.NewRecall(now).Server, recall, &recall.RecorderConfig, map[string]any{
			"meeting_url": link, "bot_name": "Acme's notes", "join_at": "2026-11-24T08:59:45Z", "metadata": kept(fingerprint("Acme's notes", "", ""), false),
			"recording_config": map[string]any{"video_mixed_layout": "gallery_view_v2"},
		}},
		{"attendee", fakerecorder.NewAttendee(now).Server, attendee, &attendee.RecorderConfig, map[string]any{
			"meeting_url": link, "bot_name": "Notetaker", "metadata": kept(fingerprint("Notetaker", s.Title, "zu_1"), true), "deduplication_key": "rec_1.0",
			"zoom_settings": map[string]any{"onbehalf_token": map[string]any{"zoom_oauth_connection_user_id": "zu_1"}},
		}},
		{"meetingbaas", fakerecorder.NewMeetingBaas(now).Server, baas, &baas.RecorderConfig, map[string]any{
			"meeting_url": link, "bot_name": "Notetaker", "join_at": "2026-11-24T09:00:00Z", "extra": kept(fingerprint("Notetaker", "", "zu_2"), false),
			"allow_multiple_bots": false, "zoom_config": map[string]any{"credential_user_id": "zu_2"},
		}},
		{"vexa", fakerecorder.NewVexa(now).Server, vexa, &vexa.RecorderConfig, map[string]any{
			"platform": "zoom", "native_meeting_id": "88761483140", "passcode": "s3cret", "bot_name": "Notetaker",
		}},
	} {
		t.Cleanup(c.f.Close)
		env := testEnv(t)
		env.write(t, "settings", `{"recording_config": {"video_mixed_layout": "gallery_view_v2"}}`)
		got, err := sent(t, c.f, c.config, c.common, env, s)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if b, _ := json.Marshal(got); strings.Contains(string(b), "@acme.com") {
			t.Errorf("%s is told of a person: %s", c.name, b)
		}
	}
}

func TestSettingsFile(t *testing.T) {
	for text, words := range map[string]string{
		`{"meeting_url": "x"}`: `syncd sets "meeting_url" itself`, `[]`: "is no JSON object", `{`: "is no JSON object",
		`{"bot_nmae": "x"}`: "bot_nmae: unknown field", // the vendor's answer
	} {
		f := fakerecorder.NewRecall(func() time.Time { return eight })
		c, env := NewRecallConfig(), testEnv(t)
		c.SettingsFile = "settings"
		env.write(t, "settings", text)
		_, err := sent(t, f.Server, c, &c.RecorderConfig, env, kickOff())
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want %q", text, err, words)
		}
		f.Close()
	}
}

func TestKeyFile(t *testing.T) {
	for text, words := range map[string]string{"": "there is no key in", "two words": "it is one word", "ä": "it is one word"} {
		d := newDriver(t, recallRig)
		c := NewRecallConfig()
		c.URL, c.KeyFile = d.server().URL, "key"
		env := testEnv(t)
		env.write(t, "key", text)
		target, err := c.Open("bots", env)
		if err != nil {
			t.Fatal(err)
		}
		d.rig.target = target
		d.tell(same)
		if d.err == nil || !strings.Contains(d.err.Error(), words) || errors.Is(d.err, schedule.ErrRejected) {
			t.Errorf("%q: got %v", text, d.err)
		}
		if err := os.Remove(env.Path("key")); err != nil {
			t.Fatal(err)
		}
		if d.tell(same); !errors.Is(d.err, os.ErrNotExist) {
			t.Errorf("no file: %v", d.err)
		}
		env.write(t, "key", "  "+fakerecorder.Key+"\n")
		d.tell(same)
		d.want("the key is there, without a restart", "09:00")
	}
}

// TestVexaCalls: which calls Vexa has words for.
func TestVexaCalls(t *testing.T) {
	for _, c := range []struct{ provider, id, link, place, passcode string }{
		{"zoom", "88761483140", "https://acme.zoom.us/j/88761483140?pwd=x", "zoom/88761483140", "x"},
		{"zoom", "88761483140", "https://acme.zoom.us/j/88761483140", "zoom/88761483140", ""},
		{"zoom", "jane", "https://acme.zoom.us/my/jane", "", ""},
		{"meet", "abc-defg-hij", "https://meet.google.com/abc-defg-hij", "google_meet/abc-defg-hij", ""},
		{"teams", "1234567890123", "https://teams.live.com/meet/1234567890123?p=XYZ", "teams/1234567890123", "XYZ"},
		{"teams", "1234567890123", "https://teams.live.com/meet/1234567890123", "", ""},
		{"teams", "19:meeting_x@thread.v2", "https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0", "", ""},
	} {
		w := want{Schedule: schedule.Schedule{Provider: c.provider, MeetingID: c.id, JoinURL: c.link}, platform: vexaLimits.providers[c.provider]}
		place, passcode, err := new(vexa).place(w)
		if place != c.place || passcode != c.passcode || (err != nil) != (c.place == "") || err != nil && !errors.Is(err, schedule.ErrRejected) {
			t.Errorf("%s: got %q, %q, %v", c.link, place, passcode, err)
		}
	}
}

// TestVexaRoom: somebody else's bot in the room is waited for, and not sent away.
func TestVexaRoom(t *testing.T) {
	d := newDriver(t, vexaRig)
	d.s.Start = eight.Add(-time.Hour)
	d.s.End = eight
	d.w.now = eight.Add(-time.Hour)
	d.tell(same)
	d.want("the meeting before", "07:00")
	before := d.note
	d.w.now = eight
	d.s.ID, d.s.Revision, d.note = "rec_2", 1, ""
	startAt(eight)(&d.s)
	d.attempt(1)
	var retry *schedule.RetryError
	if !errors.As(d.err, &retry) || retry.After != 15*time.Second || len(d.bots()) != 1 || readNote(d.note).holds() {
		t.Fatalf("the one before is still there: %v, %v, noted %s", d.err, d.bots(), d.note)
	}
	second := d.s
	d.s.State = schedule.Cancelled
	d.attempt(1)
	d.want("a cancellation leaves the other one alone", "07:00")
	d.server().Kick("1")
	d.s = second
	d.attempt(2)
	d.want("it has gone", "08:00")
	if before == d.note {
		t.Errorf("the same bot is noted: %s", d.note)
	}
}

// TestRecallLists: first deliveries do not list, so that a thousand of them need no hour.
func TestRecallLists(t *testing.T) {
	d := newDriver(t, recallRig)
	for i := range 100 {
		d.s, d.note = kickOff(), ""
		d.s.ID = fmt.Sprint("rec_", i)
		if d.attempt(1); d.err != nil {
			t.Fatal(d.err)
		}
	}
	for _, r := range d.server().Requests {
		if strings.HasPrefix(r, "GET ") {
			t.Fatalf("%s among the requests", r)
		}
	}
}

func TestRecorderConfigs(t *testing.T) {
	type changed struct {
		kind  string
		words string
		do    func(c *RecorderConfig, all any)
	}
	for _, c := range []changed{
		{"recall attendee meetingbaas vexa", "", func(*RecorderConfig, any) {}},
		{"recall attendee meetingbaas vexa", "key_file is missing", func(c *RecorderConfig, _ any) { c.KeyFile = "" }},
		{"recall attendee meetingbaas vexa", "url must be https", func(c *RecorderConfig, _ any) { c.URL = "http://10.0.0.1" }},
		{"recall attendee meetingbaas vexa", "", func(c *RecorderConfig, _ any) { c.URL = "http://127.0.0.1:18056" }},
		{"recall attendee meetingbaas vexa", "must have no ?", func(c *RecorderConfig, _ any) { c.URL = "https://a.example/?x" }},
		{"recall attendee meetingbaas vexa", "timeout must be", func(c *RecorderConfig, _ any) { c.Timeout = time.Hour }},
		{"recall", "join_early must be", func(_ *RecorderConfig, all any) { all.(*RecallConfig).JoinEarly = time.Hour }},
		{"recall attendee meetingbaas vexa", "bot_name must have 1 to", func(c *RecorderConfig, _ any) { c.BotName = "" }},
		{"recall attendee meetingbaas vexa", "bot_name must have 1 to", func(c *RecorderConfig, _ any) { c.BotName = strings.Repeat("x", 101) }},
		{"recall attendee meetingbaas vexa", "without emoji", func(c *RecorderConfig, _ any) { c.BotName = "🤖" }},
		{"meetingbaas", "Teams takes only letters", func(c *RecorderConfig, _ any) { c.BotName = "Notes (Acme)" }},
		{"recall", "region: \"moon\" is none of", func(_ *RecorderConfig, all any) { all.(*RecallConfig).Region = "moon" }},
		{"recall", "region and url", func(c *RecorderConfig, all any) { all.(*RecallConfig).Region, c.URL = "us-west-2", "https://a.example" }},
		{"vexa", "lead must be", func(_ *RecorderConfig, all any) { all.(*VexaConfig).Lead = 0 }},
	} {
		recall, attendee, baas, vexa := NewRecallConfig(), NewAttendeeConfig(), NewMeetingBaasConfig(), NewVexaConfig()
		for kind, v := range map[string]struct {
			Config
			common *RecorderConfig
		}{"recall": {recall, &recall.RecorderConfig}, "attendee": {attendee, &attendee.RecorderConfig}, "meetingbaas": {baas, &baas.RecorderConfig}, "vexa": {vexa, &vexa.RecorderConfig}} {
			if !strings.Contains(c.kind, kind) {
				continue
			}
			v.common.KeyFile = "key"
			c.do(v.common, v.Config)
			if err := v.Validate(); (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: got %v, want %q", kind, err, c.words)
			}
		}
	}
	if c := (&RecallConfig{Region: "eu-central-1"}); c.address() != "https://eu-central-1.recall.ai" {
		t.Error(c.address())
	}
}

// TestAttendeeKeyTaken: a bot that somebody has made meanwhile is found by the next attempt.
func TestAttendeeKeyTaken(t *testing.T) {
	err := attendeeRefusal(&apiError{status: 400, words: "Deduplication key already in use. A bot in a non-terminal state"})
	var retry *schedule.RetryError
	if got := refusedAs(err); !errors.As(got, &retry) || errors.Is(got, schedule.ErrRejected) {
		t.Errorf("got %v, want to come again", got)
	}
}
