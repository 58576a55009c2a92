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

	"example.com/syncd/schedule"
)

var attendeeLimits = limits{
	vendor: "Attendee", nameRunes: 100, providers: map[string]string{"zoom": "zoom", "teams": "teams", "meet": "google_meet"},
	soon: 2 * time.Minute, // as its documentation recommends
}

// AttendeeConfig is the settings of Attendee.
type AttendeeConfig struct {
	RecorderConfig `yaml:",inline"`
	AheadConfig    `yaml:",inline"`
	ZoomConfig     `yaml:",inline"`
}

// NewAttendeeConfig has the defaults.
func NewAttendeeConfig() *AttendeeConfig {
	return &AttendeeConfig{RecorderConfig: newRecorderConfig("https://app.attendee.dev")}
}

// Validate checks every setting but for what is in files.
func (c *AttendeeConfig) Validate() error {
	with := c.settings()
	return errors.Join(with.validate(attendeeLimits)...)
}

func (c *AttendeeConfig) settings() botSettings {
	return botSettings{c.RecorderConfig, c.AheadConfig, c.ZoomConfig}
}

// Open makes the sink.
func (c *AttendeeConfig) Open(name string, env Env) (schedule.Target, error) {
	with := c.settings()
	a := with.api(attendeeLimits, env, func(h http.Header, key string) { h.Set("Authorization", "Token "+key) })
	return with.target(name, attendeeLimits, &attendee{config: with, env: env, api: a}), nil
}

// attendee is Attendee. A bot has a deduplication key, which no two bots have that are not at their end; it is the
// schedule's id and a number. A number is used anew when its bot has been deleted or is at its end, and the next one while
// a bot is on its way out. So there is no gap in the numbers in use, and a bot that was never noted is found by them.
type attendee struct {
	config botSettings
	env    Env
	api    *api
}

type attendeeBot struct {
	ID       string            `json:"id"`
	State    string            `json:"state"`
	JoinAt   *time.Time        `json:"join_at"`
	Metadata map[string]string `json:"metadata"`
}

// The states of bots that are in no call any more; those of the first list have let go of their key.
var (
	attendeeTerminal = []string{"ended", "fatal_error", "data_deleted"}
	attendeeLeaving  = []string{"leaving", "post_processing"}
)

func (b attendeeBot) bot(w want) bot {
	out := bot{id: b.ID, phase: working}.from(b.Metadata, w)
	if b.JoinAt != nil {
		out.joinAt = *b.JoinAt
	}
	switch {
	case b.State == "scheduled":
		out.phase = waiting
	case slices.Contains(attendeeTerminal, b.State), slices.Contains(attendeeLeaving, b.State):
		out.phase = over
	}
	return out
}

// numbered are the bots of one key.
func (a *attendee) numbered(ctx context.Context, w want, number int) ([]attendeeBot, error) {
	var all []attendeeBot
	path := "/api/v1/bots" + query("deduplication_key", attendeeKey(w, number))
	for pages := 0; path != ""; pages++ {
		var page struct {
			Next    string        `json:"next"`
			Results []attendeeBot `json:"results"`
		}
		if err := a.api.call(ctx, w.now, http.MethodGet, path, nil, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Results...)
		var err error
		if path, err = following(page.Next, pages); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func attendeeKey(w want, number int) string { return fmt.Sprintf("%s.%d", w.ID, number) }

func (a *attendee) look(ctx context.Context, w want, n *note) ([]bot, error) {
	var all []bot
	for number := n.Gen; ; number++ {
		bots, err := a.numbered(ctx, w, number)
		if err != nil {
			return nil, err
		}
		if len(bots) == 0 {
			return all, nil
		}
		for _, b := range bots {
			all = append(all, b.bot(w))
		}
	}
}

func (a *attendee) create(ctx context.Context, w want, n *note) error {
	in := map[string]any{"meeting_url": w.JoinURL, "bot_name": w.name, "metadata": a.config.metadata(w)}
	if !w.joinAt.IsZero() {
		in["join_at"] = w.joinAt.Format(time.RFC3339)
	}
	if w.onBehalf != "" {
		in["zoom_settings"] = map[string]any{"onbehalf_token": map[string]any{"zoom_oauth_connection_user_id": w.onBehalf}}
	}
	number := n.Gen
	for ; ; number++ {
		bots, err := a.numbered(ctx, w, number)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(bots, func(b attendeeBot) bool { return !slices.Contains(attendeeTerminal, b.State) }) {
			break
		}
	}
	in["deduplication_key"] = attendeeKey(w, number)
	in, err := a.config.body(a.env, in)
	if err != nil {
		return err
	}
	var made attendeeBot
	if err := a.api.call(ctx, w.now, http.MethodPost, "/api/v1/bots", nil, in, &made); err != nil {
		return attendeeRefusal(err)
	}
	n.Bot, n.Gen = made.ID, number
	return nil
}

// attendeeRefusal tells refusals apart that have one status and no code, only words.
func attendeeRefusal(err error) error {
	var e *apiError
	if !errors.As(err, &e) || e.status != http.StatusBadRequest {
		return err
	}
	switch {
	case strings.Contains(e.words, "concurrent bots"), strings.Contains(e.words, "credits"):
		return fmt.Errorf("%w: %w", errBusy, err)
	case strings.Contains(e.words, "Deduplication key"): // somebody was faster: it will be found
		return &schedule.RetryError{After: 5 * time.Second, Err: err}
	}
	return err
}

// update changes the call and the time. Attendee gives a bot no other name.
func (a *attendee) update(ctx context.Context, b bot, w want) error {
	if w.joinAt.IsZero() {
		return errTooLate // the time must be one ahead
	}
	in := map[string]any{"meeting_url": w.JoinURL, "join_at": w.joinAt.Format(time.RFC3339), "metadata": a.config.metadata(w)}
	err := a.api.call(ctx, w.now, http.MethodPatch, a.path(b.id), nil, in, nil)
	switch status(err) {
	case http.StatusNotFound:
		return errGone
	case http.StatusBadRequest:
		// Not scheduled any more, for one: what is really wrong with the content is found at the creation.
		return errTooLate
	}
	return err
}

func (a *attendee) path(id string) string { return "/api/v1/bots/" + url.PathEscape(id) }

// remove deletes a bot that is scheduled, and has one leave that is on its way into the call. In the minutes in between,
// while it is staged, Attendee allows neither: the bot will come, and is sent away then.
func (a *attendee) remove(ctx context.Context, b bot, w want) error {
	err := a.api.call(ctx, w.now, http.MethodDelete, a.path(b.id), nil, nil, nil)
	if status(err) == http.StatusBadRequest {
		err = a.api.call(ctx, w.now, http.MethodPost, a.path(b.id)+"/leave", nil, nil, nil)
	}
	switch status(err) {
	case http.StatusNotFound:
		return nil
	case http.StatusBadRequest:
	default:
		return err
	}
	var now attendeeBot
	switch e := a.api.call(ctx, w.now, http.MethodGet, a.path(b.id), nil, nil, &now); {
	case status(e) == http.StatusNotFound, e == nil && now.bot(w).phase == over:
		return nil
	case e != nil:
		return e
	}
	wait := 10 * time.Second
	if now.State == "staged" && now.JoinAt != nil {
		wait = max(now.JoinAt.Sub(w.now), time.Second)
	}
	return &schedule.RetryError{After: wait, Err: err}
}

var _ Config = (*AttendeeConfig)(nil)
