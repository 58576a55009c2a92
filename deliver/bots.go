package deliver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/syncd/schedule"
)

// RecorderConfig is the settings that all vendors of recorders have.
type RecorderConfig struct {
	URL     string        `yaml:"url"`                               // where the vendor's API is, if not where the vendor has it
	KeyFile string        `yaml:"key_file" jsonschema:"minLength=1"` // holds the vendor's API key; it is read at each delivery
	Timeout time.Duration `yaml:"timeout"`                           // how long an answer may take, 1s to 1m (20s)
	BotName string        `yaml:"bot_name" jsonschema:"minLength=1"` // what people in the call see (Notetaker)
	// SettingsFile is a JSON object in the vendor's words, added to each request for a bot: what is recorded, when a bot
	// leaves, how it signs in. It is read at each delivery. What syncd sets itself must not be in it.
	SettingsFile string `yaml:"settings_file"`
}

// AheadConfig is the settings of vendors who are told of calls ahead.
type AheadConfig struct {
	// JoinEarly is how long before the start a bot comes, up to 5m
	JoinEarly time.Duration `yaml:"join_early"`
	// SendTitles hands the titles of meetings to the vendor, beside the schedule's id (false)
	SendTitles bool `yaml:"send_titles"`
}

// ZoomConfig is the settings of vendors who can join Zoom for somebody.
type ZoomConfig struct {
	// ZoomUsers are the vendor's ids of members who let its bots join Zoom for them, by the members' addresses.
	ZoomUsers map[string]string `yaml:"zoom_users"`
}

// botSettings is all of them.
type botSettings struct {
	RecorderConfig
	AheadConfig
	ZoomConfig
}

func newRecorderConfig(url string) RecorderConfig {
	return RecorderConfig{URL: url, Timeout: 20 * time.Second, BotName: "Notetaker"}
}

// validate checks what has to be the same for all vendors.
func (c *botSettings) validate(l limits) []error {
	var errs []error
	if err := checkURL(c.URL, false); err != nil {
		errs = append(errs, fmt.Errorf("url %w", err))
	} else if strings.ContainsAny(c.URL, "?") {
		errs = append(errs, errors.New("url must have no ? in it"))
	}
	if c.KeyFile == "" {
		errs = append(errs, errors.New("key_file is missing: name the file of the API key"))
	}
	if err := checkTimeout(c.Timeout); err != nil {
		errs = append(errs, err)
	}
	if c.JoinEarly < 0 || c.JoinEarly > 5*time.Minute {
		errs = append(errs, fmt.Errorf("join_early must be between 0s and 5m, not %s", c.JoinEarly))
	}
	switch n := utf8.RuneCountInString(c.BotName); {
	case n == 0 || n > l.nameRunes:
		errs = append(errs, fmt.Errorf("bot_name must have 1 to %d characters", l.nameRunes))
	case strings.ContainsFunc(c.BotName, func(r rune) bool { return r > 0xFFFF || r < ' ' }):
		errs = append(errs, errors.New("bot_name must be plain text, without emoji")) // Attendee refuses what is not in the BMP
	}
	return errs
}

// api is the vendor's API.
func (c *botSettings) api(l limits, env Env, authorize func(h http.Header, key string)) *api {
	return &api{
		vendor: l.vendor, base: strings.TrimRight(c.URL, "/"), requester: newRequester(c.Timeout, nil, env.Resolver), authorize: authorize,
		key: func() (string, error) {
			b, err := env.ReadFile(c.KeyFile)
			if err != nil {
				return "", fmt.Errorf("key_file: %w", err)
			}
			key := strings.TrimSpace(string(b))
			if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return "", fmt.Errorf("key_file: there is no key in %s: it is one word", c.KeyFile)
			}
			return key, nil
		},
	}
}

// target makes a recorder of a vendor.
func (c *botSettings) target(name string, l limits, v vendor) schedule.Target {
	return schedule.Target{Name: name, Lead: l.lead, Sink: &recorder{name: name, vendor: v, limits: l, config: *c}}
}

// body is a request for a bot: what syncd says, and what the settings file adds.
func (c *botSettings) body(env Env, ours map[string]any) (map[string]any, error) {
	if c.SettingsFile == "" {
		return ours, nil
	}
	b, err := env.ReadFile(c.SettingsFile)
	if err != nil {
		return nil, fmt.Errorf("%w: settings_file: %w", errNotSent, err)
	}
	var theirs map[string]any
	if err := json.Unmarshal(b, &theirs); err != nil {
		return nil, fmt.Errorf("%w: settings_file: %s is no JSON object: %w", errNotSent, c.SettingsFile, err)
	}
	for k, v := range theirs {
		if _, taken := ours[k]; taken {
			return nil, fmt.Errorf("%w: settings_file: syncd sets %q itself, take it out of %s", errNotSent, k, c.SettingsFile)
		}
		ours[k] = v
	}
	return ours, nil
}

// The keys of what a vendor keeps with a bot for us.
const (
	metaSchedule = "syncd_schedule"
	metaRevision = "syncd_revision"
	metaCall     = "syncd_call"
	metaHow      = "syncd_how"
	metaStart    = "syncd_start"
	metaKey      = "syncd_key"
	metaTitle    = "syncd_title"
)

// metadata is what is kept with w's bot. Everything is text, and short: vendors allow no more.
func (c *botSettings) metadata(w want) map[string]string {
	m := map[string]string{
		metaSchedule: w.ID, metaRevision: fmt.Sprint(w.Revision), metaCall: w.call, metaHow: w.how,
		metaStart: w.Start.UTC().Format(time.RFC3339Nano), metaKey: fingerprint(w.key),
	}
	if c.SendTitles {
		m[metaTitle] = shorten(w.Title, 200)
	}
	return m
}

// from reads into b what metadata had written.
func (b bot) from(m map[string]string, w want) bot {
	b.call, b.how = m[metaCall], m[metaHow]
	b.start, _ = time.Parse(time.RFC3339Nano, m[metaStart]) // zero if it is not ours: no schedule starts then
	if m[metaKey] == fingerprint(w.key) {
		b.key = w.key
	}
	return b
}

func shorten(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes])
	}
	return text
}

// query makes the end of a path of pairs.
func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "?" + v.Encode()
}
