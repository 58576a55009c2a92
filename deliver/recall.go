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

var recallLimits = limits{
	vendor: "Recall.ai", nameRunes: 100,
	providers: map[string]string{"zoom": "zoom", "teams": "microsoft_teams", "meet": "google_meet", "webex": "webex"},
	// Its lists may be asked for 60 times a minute, its bots 300 times.
	sparing: true,
}

// recallNotice is how far ahead a bot has to be asked for to be sure to come. A nearer one comes out of a pool, which may
// be empty.
const recallNotice = 10 * time.Minute

// RecallConfig is the settings of Recall.ai.
type RecallConfig struct {
	RecorderConfig `yaml:",inline"`
	AheadConfig    `yaml:",inline"`
	// Region is where the account is, as in the address of its dashboard: (us-east-1) | us-west-2 | eu-central-1 | ap-northeast-1
	Region string `yaml:"region" jsonschema:"enum=,enum=us-east-1,enum=us-west-2,enum=eu-central-1,enum=ap-northeast-1"`
}

var recallRegions = []string{"us-east-1", "us-west-2", "eu-central-1", "ap-northeast-1"}

// NewRecallConfig has the defaults.
func NewRecallConfig() *RecallConfig {
	c := &RecallConfig{RecorderConfig: newRecorderConfig("")}
	c.JoinEarly = 15 * time.Second // its bots take that long to get in
	return c
}

// Validate checks every setting but for what is in files.
func (c *RecallConfig) Validate() error {
	var errs []error
	if c.Region != "" && !slices.Contains(recallRegions, c.Region) {
		errs = append(errs, fmt.Errorf("region: %q is none of %s", c.Region, strings.Join(recallRegions, ", ")))
	}
	if c.Region != "" && c.URL != "" {
		errs = append(errs, errors.New("region and url: the one says what the other is"))
	}
	with := c.settings()
	return errors.Join(append(errs, with.validate(recallLimits)...)...)
}

func (c *RecallConfig) address() string {
	switch {
	case c.URL != "":
		return c.URL
	case c.Region != "":
		return "https://" + c.Region + ".recall.ai"
	}
	return "https://us-east-1.recall.ai"
}

func (c *RecallConfig) settings() botSettings {
	s := botSettings{RecorderConfig: c.RecorderConfig, AheadConfig: c.AheadConfig}
	s.URL = c.address()
	return s
}

// Open makes the sink.
func (c *RecallConfig) Open(name string, env Env) (schedule.Target, error) {
	with := c.settings()
	a := with.api(recallLimits, env, func(h http.Header, key string) { h.Set("Authorization", key) })
	return with.target(name, recallLimits, &recall{config: with, env: env, api: a}), nil
}

// recall is Recall.ai. A bot has our metadata, by which it is found; an Idempotency-Key makes the same request within an
// hour the same bot.
type recall struct {
	config botSettings
	env    Env
	api    *api
}

type recallBot struct {
	ID            string            `json:"id"`
	JoinAt        *time.Time        `json:"join_at"`
	Metadata      map[string]string `json:"metadata"`
	StatusChanges []struct {
		Code string `json:"code"`
	} `json:"status_changes"`
}

// recallOver are the states behind a call.
var recallOver = []string{"call_ended", "recording_done", "done", "fatal", "media_expired", "analysis_done", "analysis_failed"}

func (b recallBot) bot(w want) bot {
	out := bot{id: b.ID, phase: waiting}.from(b.Metadata, w)
	if b.JoinAt != nil {
		out.joinAt = *b.JoinAt
	} else {
		out.phase = working
	}
	if n := len(b.StatusChanges); n > 0 {
		switch last := b.StatusChanges[n-1].Code; {
		case slices.Contains(recallOver, last):
			out.phase = over
		case last != "ready":
			out.phase = working
		}
	}
	return out
}

// look lists only if there may be a bot that was never noted: lists are scarce. While the noted one is there, there is no
// other, since it would have had to go first.
func (r *recall) look(ctx context.Context, w want, n *note) ([]bot, error) {
	var all []bot
	if n.Bot != "" {
		var b recallBot
		err := r.api.call(ctx, w.now, http.MethodGet, r.path(n.Bot), nil, nil, &b)
		if err != nil && status(err) != http.StatusNotFound {
			return nil, err
		}
		if err == nil {
			all = append(all, b.bot(w)) // a list may not have it yet
		}
		if len(all) > 0 && all[0].phase != over {
			return all, nil
		}
	}
	path := "/api/v1/bot/" + query("metadata__"+metaSchedule, w.ID)
	for pages := 0; path != ""; pages++ {
		var page struct {
			Next    string      `json:"next"`
			Results []recallBot `json:"results"`
		}
		if err := r.api.call(ctx, w.now, http.MethodGet, path, nil, nil, &page); err != nil {
			return nil, err
		}
		for _, b := range page.Results {
			if b.ID != n.Bot {
				all = append(all, b.bot(w))
			}
		}
		var err error
		if path, err = following(page.Next, pages); err != nil {
			return nil, err
		}
	}
	// One that was never noted has used up a key.
	if slices.ContainsFunc(all, func(b bot) bool { return b.id != n.Bot && b.phase != over }) {
		n.Gen++
	}
	return all, nil
}

func (r *recall) path(id string) string { return "/api/v1/bot/" + url.PathEscape(id) + "/" }

func (r *recall) create(ctx context.Context, w want, n *note) error {
	in := map[string]any{"meeting_url": w.JoinURL, "bot_name": w.name, "metadata": r.config.metadata(w)}
	if !w.joinAt.IsZero() {
		in["join_at"] = w.joinAt.Format(time.RFC3339)
	}
	in, err := r.config.body(r.env, in)
	if err != nil {
		return err
	}
	header := http.Header{"Idempotency-Key": {fingerprint(w.key, w.ID, fmt.Sprint(w.Revision, n.Gen))}}
	var made recallBot
	if err := r.api.call(ctx, w.now, http.MethodPost, "/api/v1/bot/", header, in, &made); err != nil {
		if status(err) == http.StatusInsufficientStorage {
			return fmt.Errorf("%w: %w", errBusy, err)
		}
		return err
	}
	n.Bot, n.Gen = made.ID, n.Gen+1
	return nil
}

func (r *recall) update(ctx context.Context, b bot, w want) error {
	if w.joinAt.Sub(w.now) <= recallNotice {
		return errTooLate
	}
	in := map[string]any{"meeting_url": w.JoinURL, "bot_name": w.name, "join_at": w.joinAt.Format(time.RFC3339), "metadata": r.config.metadata(w)}
	err := r.api.call(ctx, w.now, http.MethodPatch, r.path(b.id), nil, in, nil)
	switch status(err) {
	case http.StatusNotFound:
		return errGone
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusConflict:
		// A bot that has been dispatched, or the time: what is really wrong with the content is found at the creation.
		return errTooLate
	}
	return err
}

// remove deletes a bot that has not been dispatched, and has any other one leave.
func (r *recall) remove(ctx context.Context, b bot, w want) error {
	err := r.api.call(ctx, w.now, http.MethodDelete, r.path(b.id), nil, nil, nil)
	if status(err) == http.StatusMethodNotAllowed {
		err = r.api.call(ctx, w.now, http.MethodPost, r.path(b.id)+"leave_call/", nil, nil, nil)
		if status(err) == http.StatusBadRequest { // it is in no call, neither yet nor any more
			return r.gone(ctx, b, w, err)
		}
	}
	if status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// gone looks whether a bot that would not leave has left.
func (r *recall) gone(ctx context.Context, b bot, w want, refusal error) error {
	var now recallBot
	err := r.api.call(ctx, w.now, http.MethodGet, r.path(b.id), nil, nil, &now)
	switch {
	case status(err) == http.StatusNotFound, err == nil && now.bot(w).phase == over:
		return nil
	case err != nil:
		return err
	}
	return &schedule.RetryError{After: 15 * time.Second, Err: refusal}
}

var _ Config = (*RecallConfig)(nil)
