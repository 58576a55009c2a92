package deliver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/syncd/schedule"
)

var vexaLimits = limits{
	vendor: "Vexa", nameRunes: 100, providers: map[string]string{"zoom": "zoom", "teams": "teams", "meet": "google_meet"},
}

// VexaConfig is the settings of Vexa.
type VexaConfig struct {
	RecorderConfig `yaml:",inline"`
	// Lead is how long before the start a bot is sent, 10s to 5m (2m)
	Lead time.Duration `yaml:"lead"`
}

// NewVexaConfig has the defaults.
func NewVexaConfig() *VexaConfig {
	return &VexaConfig{RecorderConfig: newRecorderConfig("https://api.cloud.vexa.ai"), Lead: 2 * time.Minute}
}

// Validate checks every setting but for what is in files.
func (c *VexaConfig) Validate() error {
	with := botSettings{RecorderConfig: c.RecorderConfig}
	errs := with.validate(vexaLimits)
	if c.Lead < 10*time.Second || c.Lead > 5*time.Minute {
		errs = append(errs, fmt.Errorf("lead must be between 10s and 5m, not %s", c.Lead))
	}
	return errors.Join(errs...)
}

// Open makes the sink.
func (c *VexaConfig) Open(name string, env Env) (schedule.Target, error) {
	l, with := vexaLimits, botSettings{RecorderConfig: c.RecorderConfig, AheadConfig: AheadConfig{JoinEarly: c.Lead}}
	l.lead = c.Lead
	a := with.api(l, env, func(h http.Header, key string) { h.Set("X-API-Key", key) })
	return with.target(name, l, &vexa{config: with, env: env, api: a}), nil
}

// vexa is Vexa. Its bots join when they are sent; meetings that are planned ahead there can't be used, since one call can
// be planned but once. Nothing of ours is kept with a bot, and there is no key: a bot is known by its call, in which there is
// one at most. One that was never noted is taken for the schedule's if it was sent in the schedule's time. It is not found
// if the message that it was sent for is never delivered again, and the next one has another link.
type vexa struct {
	config botSettings
	env    Env
	api    *api
}

type vexaBot struct {
	ID        string    `json:"meeting_id_from_name"`
	Platform  string    `json:"platform"`
	NativeID  string    `json:"native_meeting_id"`
	CreatedAt time.Time `json:"created_at"`
}

func (b vexaBot) place() string { return b.Platform + "/" + b.NativeID }

// place is w's call in Vexa's words, with the passcode in its link.
func (v *vexa) place(w want) (place, passcode string, err error) {
	u, err := url.Parse(w.JoinURL)
	if err != nil {
		return "", "", fmt.Errorf("the join link can't be read: %w", schedule.ErrRejected)
	}
	digits := w.MeetingID != "" && strings.Trim(w.MeetingID, "0123456789") == ""
	switch {
	case w.Provider == "meet" && w.MeetingID != "":
	case w.Provider == "zoom" && digits:
		passcode = u.Query().Get("pwd")
	case w.Provider == "teams" && digits && u.Query().Get("p") != "":
		passcode = u.Query().Get("p")
	default:
		return "", "", fmt.Errorf("the link has no number of a call on %s, which Vexa needs: %w", w.Provider, schedule.ErrRejected)
	}
	return w.platform + "/" + w.MeetingID, passcode, nil
}

func (v *vexa) running(ctx context.Context, w want) ([]vexaBot, error) {
	var out struct {
		Running []vexaBot `json:"running_bots"`
	}
	err := v.api.call(ctx, w.now, http.MethodGet, "/bots/status", nil, nil, &out)
	return out.Running, err
}

func (v *vexa) look(ctx context.Context, w want, n *note) ([]bot, error) {
	place, _, _ := v.place(w) // "" is no bot's
	running, err := v.running(ctx, w)
	if err != nil {
		if w.again && n.Bot == "" {
			n.Place = place
		}
		return nil, err
	}
	noted := slices.ContainsFunc(running, func(b vexaBot) bool { return n.Bot != "" && b.ID == n.Bot })
	// unnoted is one for the call as it is now, or as it was when a bot was asked for and nobody heard of it. While the
	// noted one is there, there is no other.
	unnoted := func(b vexaBot) bool {
		return !noted && (b.place() == place && !b.CreatedAt.Before(w.Start.Add(-v.config.JoinEarly-5*time.Second)) ||
			n.Asked != 0 && b.place() == n.Place && !b.CreatedAt.Before(time.Unix(n.Asked, 0).Add(-time.Minute)))
	}
	var all []bot
	for _, b := range running {
		if b.ID != n.Bot && !unnoted(b) {
			continue
		}
		found := bot{id: b.ID, phase: working, joinAt: b.CreatedAt, place: b.place()}
		if b.place() == place {
			found.call = w.call
		}
		if b.ID == n.Bot {
			found.start = time.Unix(n.Start, 0).UTC()
		}
		all = append(all, found)
	}
	if n.Bot != "" && !noted {
		gone := bot{id: n.Bot, phase: over, start: time.Unix(n.Start, 0).UTC()}
		if n.Place == place {
			gone.call = w.call
		}
		all = append(all, gone)
	}
	return all, nil
}

func (v *vexa) create(ctx context.Context, w want, n *note) error {
	place, passcode, err := v.place(w)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	in := map[string]any{"platform": w.platform, "native_meeting_id": w.MeetingID, "bot_name": w.name}
	if passcode != "" {
		in["passcode"] = passcode
	}
	if in, err = v.config.body(v.env, in); err != nil {
		return err
	}
	n.Place = place
	var made struct {
		ID int64 `json:"id"`
	}
	err = v.api.call(ctx, w.now, http.MethodPost, "/bots", nil, in, &made)
	switch status(err) {
	case http.StatusConflict:
		// One that is ours would have been found: another meeting's in the same room, or a person's. It records this call as
		// long as it is there; when it goes, ours comes.
		return &schedule.RetryError{After: 15 * time.Second, Err: fmt.Errorf("%w: %w", errNotSent, err)}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %w", errBusy, err)
	case 0:
		if err != nil {
			return err
		}
	default:
		return err
	}
	n.Bot = strconv.FormatInt(made.ID, 10)
	return nil
}

// update: there is nothing that waits.
func (v *vexa) update(context.Context, bot, want) error { return errTooLate }

// remove asks the bot to stop, and says that it is removed when it is out.
func (v *vexa) remove(ctx context.Context, b bot, w want) error {
	platform, id, _ := strings.Cut(b.place, "/")
	err := v.api.call(ctx, w.now, http.MethodDelete, "/bots/"+url.PathEscape(platform)+"/"+url.PathEscape(id), nil, nil, nil)
	if status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	running, err := v.running(ctx, w)
	if err != nil {
		return err
	}
	for _, r := range running {
		if r.ID == b.id {
			return &schedule.RetryError{After: 5 * time.Second, Err: errors.New("the bot is on its way out")}
		}
	}
	return nil
}

var _ Config = (*VexaConfig)(nil)
