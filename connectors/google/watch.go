package google

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/internal/retry"
)

var _ connectors.Pusher = (*connector)(nil)

// watchScope is that of Pull: who may list events may be told of them.
const watchScope = gcal.CalendarEventsReadonlyScope

// channelRemedies say what a person must do, by the reason for which a channel was refused.
var channelRemedies = map[string]string{
	"push.webhookUrlNotHttps":     "push.url must begin with https",
	"push.webhookUrlUnauthorized": "Google does not take push.url: verify that the domain is yours, in the Google Cloud project of the service account",
	"push.webhookUrlInvalid":      "Google does not take push.url: check that it is a public address",
	"push.channelExpirationPast":  "this machine's clock is wrong: set it by NTP",
}

// noPush is Google's reason for calendars whose changes it never tells, such as those of holidays.
const noPush = "pushNotSupportedForRequestedResource"

// Subscribe opens a channel (events.watch), as the user as whom the calendar is read. The request is sent once:
// a channel whose answer was lost lives on, and a second request of its id is refused.
func (c *connector) Subscribe(ctx context.Context, src calendar.Source, s connectors.Subscription) (connectors.Subscription, error) {
	if c.env.Replayed {
		return s, fmt.Errorf("google: watch the calendar of %s: a tape tells of no changes: %w", src.Calendar, connectors.ErrNoPush)
	}
	life := max(s.Until.Sub(c.env.Now()), time.Second)
	channel := &gcal.Channel{
		Id: s.ID, Token: s.Secret, Type: "web_hook", Address: s.Address,
		Params: map[string]string{"ttl": strconv.FormatInt(int64(life/time.Second), 10)},
	}
	var got *gcal.Channel
	err := c.as(ctx, src.Reader(), watchScope, func(hc *http.Client) error {
		svc, err := calendarService(ctx, hc)
		if err != nil {
			return err
		}
		got, err = svc.Events.Watch(src.Calendar, channel).Context(retry.Once(ctx)).
			Fields("id", "resourceId", "expiration").Do(quotaUser(src.Reader()))
		return err
	})
	if err != nil {
		return s, c.unwatched(ctx, err, "watch the calendar of "+src.Calendar, src.Reader())
	}
	s.Resource = got.ResourceId
	if got.Expiration > 0 {
		s.Until = time.UnixMilli(got.Expiration).UTC()
	}
	return s, nil
}

// Renew opens the next channel, then closes the old one: Google can't make one last longer.
func (c *connector) Renew(ctx context.Context, src calendar.Source, old, next connectors.Subscription) (connectors.Subscription, error) {
	made, err := c.Subscribe(ctx, src, next)
	if err != nil {
		return made, err
	}
	if err := c.Unsubscribe(ctx, src, old); err != nil {
		c.env.Log.Info("a channel that has been replaced could not be closed; it ends by itself", "calendar", src.Calendar, "at", old.Until, "error", err)
	}
	return made, nil
}

// Unsubscribe closes the channel (channels.stop), as who opened it. Google goes on for a while all the same.
func (c *connector) Unsubscribe(ctx context.Context, src calendar.Source, s connectors.Subscription) error {
	err := c.as(ctx, src.Reader(), watchScope, func(hc *http.Client) error {
		svc, err := calendarService(ctx, hc)
		if err != nil {
			return err
		}
		return svc.Channels.Stop(&gcal.Channel{Id: s.ID, ResourceId: s.Resource}).Context(ctx).Do(quotaUser(src.Reader()))
	})
	var api *googleapi.Error
	if errors.As(err, &api) && api.Code == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return c.explain(ctx, err, "stop watching the calendar of "+src.Calendar, src.Reader(), watchScope)
	}
	return nil
}

// Receive reads a push: it is all headers, and says that something changed, not what. A channel's first message
// says that it is open. States that come up later are changes.
func (c *connector) Receive(w http.ResponseWriter, r *http.Request) []connectors.Push {
	id, state := r.Header.Get("X-Goog-Channel-ID"), r.Header.Get("X-Goog-Resource-State")
	resource := r.Header.Get("X-Goog-Resource-ID")
	if id == "" || state == "" || resource == "" {
		http.Error(w, "no push of Google Calendar: the headers X-Goog-Channel-ID, X-Goog-Resource-ID and X-Goog-Resource-State are missing", http.StatusBadRequest)
		return nil
	}
	w.WriteHeader(http.StatusOK)
	if state == "sync" {
		return nil
	}
	return []connectors.Push{{Subscription: id, Secret: r.Header.Get("X-Goog-Channel-Token"), Resource: resource}}
}

// unwatched says why there is no channel.
func (c *connector) unwatched(ctx context.Context, err error, doing, user string) error {
	var api *googleapi.Error
	if errors.As(err, &api) {
		reason := reasonOf([]byte(api.Body))
		says := fmt.Errorf("google: %s: %d %s %s", doing, api.Code, reason, api.Message)
		if reason == noPush {
			return fmt.Errorf("%w: %w", says, connectors.ErrNoPush)
		}
		if remedy, ok := channelRemedies[reason]; ok {
			return fmt.Errorf("%w; %s", says, remedy)
		}
	}
	return c.explain(ctx, err, doing, user, watchScope)
}
