package deliver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/syncd/schedule"
)

var meetingBaasLimits = limits{
	// The length is what Teams takes from guests.
	vendor: "Meeting BaaS", nameRunes: 50, providers: map[string]string{"zoom": "zoom", "teams": "teams", "meet": "google_meet"},
	soon: 30 * time.Second,
}

// MeetingBaasConfig is the settings of Meeting BaaS.
type MeetingBaasConfig struct {
	RecorderConfig `yaml:",inline"`
	AheadConfig    `yaml:",inline"`
	ZoomConfig     `yaml:",inline"`
}

// NewMeetingBaasConfig has the defaults.
func NewMeetingBaasConfig() *MeetingBaasConfig {
	return &MeetingBaasConfig{RecorderConfig: newRecorderConfig("https://api.meetingbaas.com")}
}

// Validate checks every setting but for what is in files.
func (c *MeetingBaasConfig) Validate() error {
	with := c.settings()
	errs := with.validate(meetingBaasLimits)
	if strings.ContainsFunc(c.BotName, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune(" '’._@-·・", r)
	}) {
		errs = append(errs, errors.New("bot_name: Teams takes only letters, numbers, spaces and ' . _ @ - from guests"))
	}
	return errors.Join(errs...)
}

func (c *MeetingBaasConfig) settings() botSettings {
	return botSettings{c.RecorderConfig, c.AheadConfig, c.ZoomConfig}
}

// Open makes the sink.
func (c *MeetingBaasConfig) Open(name string, env Env) (schedule.Target, error) {
	with := c.settings()
	a := with.api(meetingBaasLimits, env, func(h http.Header, key string) { h.Set("x-meeting-baas-api-key", key) })
	return with.target(name, meetingBaasLimits, &meetingBaas{config: with, env: env, api: a}), nil
}

// meetingBaas is Meeting BaaS, version 2. It has no key that makes a request the same as another, and its lists don't show
// what we keep with a bot: each bot of the same call, or the same time, is looked at. Lists and looks are not limited there.
type meetingBaas struct {
	config botSettings
	env    Env
	api    *api
}

type baasBot struct {
	ID     string         `json:"bot_id"`
	Status string         `json:"status"`
	JoinAt *time.Time     `json:"join_at"`
	Extra  map[string]any `json:"extra"` // anybody else's may be anything
}

// baasUnderWay are the states of bots that are on their way into a call, or in it.
var baasUnderWay = []string{"queued", "joining_call", "in_waiting_room", "in_call_not_recording", "in_call_recording", "recording_paused", "recording_resumed"}

func (b baasBot) bot(w want) bot {
	kept := map[string]string{}
	for k, v := range b.Extra {
		kept[k], _ = v.(string) // what is no text is none of ours
	}
	out := bot{id: b.ID, phase: over}.from(kept, w)
	if b.JoinAt != nil {
		out.joinAt = *b.JoinAt
	}
	switch {
	case b.Status == "scheduled":
		out.phase = waiting
	case slices.Contains(baasUnderWay, b.Status):
		out.phase = working
	}
	return out
}

// get looks at one bot: first at what was scheduled, which says nothing of a bot that has been launched, then at the bot.
func (m *meetingBaas) get(ctx context.Context, w want, id string) (baasBot, error) {
	var b baasBot
	err := m.one(ctx, w, "/v2/bots/scheduled/"+url.PathEscape(id), &b)
	switch {
	case err == nil && b.Status == "cancelled", err == nil && b.Status == "scheduled":
		return b, nil
	case err != nil && status(err) != http.StatusNotFound:
		return b, err
	}
	planned := b
	err = m.one(ctx, w, "/v2/bots/"+url.PathEscape(id), &b)
	if status(err) == http.StatusNotFound && planned.ID != "" {
		return planned, nil // neither of the two: it is between them, or gone
	}
	return b, err
}

func (m *meetingBaas) one(ctx context.Context, w want, path string, b *baasBot) error {
	var out struct {
		Data baasBot `json:"data"`
	}
	err := m.api.call(ctx, w.now, http.MethodGet, path, nil, nil, &out)
	if err == nil {
		*b = out.Data
	}
	return err
}

// list adds the ids of a list to those that are known.
func (m *meetingBaas) list(ctx context.Context, w want, ids []string, path string, pairs ...string) ([]string, error) {
	cursor := ""
	for range 50 {
		var page struct {
			Data   []baasBot `json:"data"`
			Cursor string    `json:"cursor"`
		}
		q := pairs
		if cursor != "" {
			q = append(slices.Clone(pairs), "cursor", cursor)
		}
		if err := m.api.call(ctx, w.now, http.MethodGet, path+query(q...), nil, nil, &page); err != nil {
			return nil, err
		}
		for _, b := range page.Data {
			if !slices.Contains(ids, b.ID) && (b.Status == "scheduled" || slices.Contains(baasUnderWay, b.Status)) {
				ids = append(ids, b.ID)
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return ids, nil
		}
	}
	return nil, errors.New("the list of bots does not end")
}

func (m *meetingBaas) look(ctx context.Context, w want, n *note) ([]bot, error) {
	var all []bot
	if n.Bot != "" {
		b, err := m.get(ctx, w, n.Bot)
		if err != nil && status(err) != http.StatusNotFound {
			return nil, err
		}
		if err == nil {
			all = append(all, b.bot(w))
			if all[0].phase != over {
				return all, nil // while it is there, there is no other
			}
		}
	}
	ids, err := m.unnoted(ctx, w, n)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id == n.Bot {
			continue
		}
		b, err := m.get(ctx, w, id)
		if status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if b.Extra[metaSchedule] == w.ID {
			all = append(all, b.bot(w))
		}
	}
	return all, nil
}

// unnoted are the ids of bots that may be the schedule's: those for its call, and those for when one was asked for
// that may have been made.
func (m *meetingBaas) unnoted(ctx context.Context, w want, n *note) ([]string, error) {
	ids, err := m.list(ctx, w, nil, "/v2/bots/scheduled", "status", "scheduled", "meeting_url", w.JoinURL)
	if err != nil {
		return nil, err
	}
	ids, err = m.list(ctx, w, ids, "/v2/bots", "meeting_url", w.JoinURL)
	if err != nil || n.Asked == 0 {
		return ids, err
	}
	// It may have been for another call.
	join := time.Unix(n.For, 0).Add(-m.config.JoinEarly)
	ids, err = m.list(ctx, w, ids, "/v2/bots/scheduled", "status", "scheduled",
		"scheduled_after", join.Add(-2*time.Minute).UTC().Format(time.RFC3339), "scheduled_before", join.Add(2*time.Minute).UTC().Format(time.RFC3339))
	if err != nil {
		return nil, err
	}
	since := time.Unix(n.Asked, 0).Add(-time.Minute)
	if n.Asked == longAgo {
		since = w.now.Add(-12 * time.Hour) // who is in a call for longer than that is lost
	}
	return m.list(ctx, w, ids, "/v2/bots", "created_after", since.UTC().Format(time.RFC3339))
}

// body is what is asked of a bot. Several bots for one address within five minutes are refused, or fail when they join,
// unless each allows it: the first one of a schedule does not, as a last guard against two; a later one must, since the
// one before it may have been there just now.
func (m *meetingBaas) body(w want, several bool) (map[string]any, error) {
	in := map[string]any{"meeting_url": w.JoinURL, "bot_name": w.name, "extra": m.config.metadata(w), "allow_multiple_bots": several}
	if !w.joinAt.IsZero() {
		in["join_at"] = w.joinAt.Format(time.RFC3339)
	}
	if w.onBehalf != "" {
		in["zoom_config"] = map[string]any{"credential_user_id": w.onBehalf}
	}
	return m.config.body(m.env, in)
}

func (m *meetingBaas) create(ctx context.Context, w want, n *note) error {
	in, err := m.body(w, n.Gen > 0)
	if err != nil {
		return err
	}
	path := "/v2/bots"
	if !w.joinAt.IsZero() {
		path = "/v2/bots/scheduled"
	}
	var made struct {
		Data baasBot `json:"data"`
	}
	if err := m.api.call(ctx, w.now, http.MethodPost, path, nil, in, &made); err != nil {
		var e *apiError
		if errors.As(err, &e) && e.code == "FST_ERR_DAILY_BOT_CAP_REACHED" {
			e.after = max(e.after, 5*time.Minute)
			return fmt.Errorf("%w: %w", errBusy, err)
		}
		return err // a 409 is another bot for the same call, which may be gone in five minutes
	}
	n.Bot, n.Gen = made.Data.ID, n.Gen+1
	return nil
}

func (m *meetingBaas) update(ctx context.Context, b bot, w want) error {
	in, err := m.body(w, true)
	if err != nil {
		return err
	}
	delete(in, "allow_multiple_bots") // as it is
	if w.joinAt.IsZero() {
		in["join_at"] = w.now.UTC().Format(time.RFC3339)
	}
	err = m.api.call(ctx, w.now, http.MethodPatch, "/v2/bots/scheduled/"+url.PathEscape(b.id), nil, in, nil)
	switch status(err) {
	case http.StatusNotFound:
		return errGone
	case http.StatusConflict: // four minutes before its time, or later
		return errTooLate
	}
	return err
}

// remove cancels what was scheduled, launched or not, and has leave what was made at once.
func (m *meetingBaas) remove(ctx context.Context, b bot, w want) error {
	id := url.PathEscape(b.id)
	err := m.api.call(ctx, w.now, http.MethodDelete, "/v2/bots/scheduled/"+id, nil, nil, nil)
	if s := status(err); s == http.StatusNotFound || s == http.StatusConflict {
		err = m.api.call(ctx, w.now, http.MethodPost, "/v2/bots/"+id+"/leave", nil, nil, nil)
	}
	switch status(err) {
	case http.StatusNotFound:
		return nil
	case http.StatusConflict: // queued, or over
	default:
		return err
	}
	now, e := m.get(ctx, w, b.id)
	switch {
	case status(e) == http.StatusNotFound, e == nil && now.bot(w).phase == over:
		return nil
	case e != nil:
		return e
	}
	return &schedule.RetryError{After: 10 * time.Second, Err: err}
}

var _ Config = (*MeetingBaasConfig)(nil)
