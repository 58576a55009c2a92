package outlook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/outlook/graph"
	"example.com/syncd/internal/retry"
)

var _ connectors.Pusher = (*connector)(nil)

// What Microsoft allows of subscriptions to events ("subscription resource type", maximum length per resource type;
// "Set up notifications for changes in resource data").
const (
	longestWatch    = 10_080*time.Minute - time.Minute // the clocks may differ
	longestBatch    = 1 << 20
	longestToken    = 4 << 10
	maxSubscribed   = 1000 // pages of the application's subscriptions
	lifecycleMissed = "missed"
)

// Subscribe has Graph tell of changes (POST /subscriptions). Graph asks the address for an answer before it agrees. The
// request is sent once: a subscription whose answer was lost lives on, and is found by the next attempt.
func (c *connector) Subscribe(ctx context.Context, src calendar.Source, s connectors.Subscription) (connectors.Subscription, error) {
	doing := "watch the calendar of " + src.Calendar
	cal, owner := of(src)
	switch {
	case c.env.Replayed:
		return s, fmt.Errorf("outlook: %s: a tape tells of no changes: %w", doing, connectors.ErrNoPush)
	case owner != src.Reader():
		return s, fmt.Errorf("outlook: %s: it is somebody else's, of which Microsoft tells its owner alone: %w", doing, connectors.ErrNoPush)
	}
	ctx = as(ctx, src.Reader())
	for attempt := range 2 {
		until := c.until(s.Until)
		a, err := c.graph.Subscribe(retry.Once(ctx), cal, s.Address, s.Secret, until)
		if err != nil {
			return s, c.explainTransport(err, doing, src.Reader())
		}
		if a.Status == http.StatusConflict && attempt == 0 {
			if err := c.clear(ctx, graph.Resource(cal), s.Address, doing); err != nil {
				return s, err
			}
			continue
		}
		if a.Status != http.StatusCreated {
			return s, c.unwatched(a, doing, src.Reader())
		}
		return watched(a, s, until), nil
	}
	return s, fmt.Errorf("outlook: %s: the subscription that is there already can't be found", doing)
}

// until is as long as Microsoft allows.
func (c *connector) until(t time.Time) time.Time {
	if most := c.env.Now().Add(longestWatch); t.After(most) {
		return most
	}
	return t
}

// watched is s as Graph has made it.
func watched(a graph.Answer, s connectors.Subscription, until time.Time) connectors.Subscription {
	s.Until = until
	var made struct {
		ID                 string    `json:"id"`
		ExpirationDateTime time.Time `json:"expirationDateTime"`
	}
	if json.Unmarshal(a.Body, &made) == nil {
		s.ID = made.ID
		if !made.ExpirationDateTime.IsZero() {
			s.Until = made.ExpirationDateTime.UTC()
		}
	}
	return s
}

// clear ends our subscriptions of the resource to the address. Nobody knows them any more: their answers were lost.
func (c *connector) clear(ctx context.Context, resource, address, doing string) error {
	link := ""
	for range maxSubscribed {
		a, err := c.graph.Subscriptions(ctx, link)
		p, err := c.list(a, err, doing, "")
		if err != nil {
			return err
		}
		for _, raw := range p.Value {
			var there struct{ ID, Resource, NotificationURL string }
			if json.Unmarshal(raw, &there) == nil && strings.EqualFold(there.Resource, resource) && there.NotificationURL == address {
				if _, err := c.graph.Unsubscribe(ctx, there.ID); err != nil {
					return c.explainTransport(err, doing, "")
				}
			}
		}
		if link = p.NextLink; link == "" {
			return nil
		}
	}
	return fmt.Errorf("outlook: %s: the application's subscriptions do not end after %d pages", doing, maxSubscribed)
}

// Renew makes the subscription last longer (PATCH /subscriptions/{id}). One that Graph does not know any more is made
// anew.
func (c *connector) Renew(ctx context.Context, src calendar.Source, old, next connectors.Subscription) (connectors.Subscription, error) {
	doing := "go on watching the calendar of " + src.Calendar
	until := c.until(next.Until)
	a, err := c.graph.Renew(as(ctx, src.Reader()), old.ID, until)
	switch {
	case err != nil:
		return next, c.explainTransport(err, doing, src.Reader())
	case a.Status == http.StatusNotFound, a.Status == http.StatusGone:
		return c.Subscribe(ctx, src, next)
	case a.Status != http.StatusOK:
		return next, c.unwatched(a, doing, src.Reader())
	}
	return watched(a, old, until), nil
}

// Unsubscribe ends the subscription.
func (c *connector) Unsubscribe(ctx context.Context, src calendar.Source, s connectors.Subscription) error {
	doing := "stop watching the calendar of " + src.Calendar
	a, err := c.graph.Unsubscribe(as(ctx, src.Reader()), s.ID)
	switch {
	case err != nil:
		return c.explainTransport(err, doing, src.Reader())
	case a.Status >= 200 && a.Status < 300, a.Status == http.StatusNotFound, a.Status == http.StatusGone:
		return nil
	}
	return c.explain(a, doing, src.Reader())
}

// watchRemedies say what a person must do, by the code with which a subscription is refused.
var watchRemedies = map[string]string{
	"ValidationError": "Microsoft asked push.url for an answer and did not get it: is the address public, its certificate good, and is /push/ handed on to syncd?",
	"InvalidRequest":  "check that push.url is a public address, by https",
}

// unwatched says why there is no subscription. Nobody's calendar is worse off for it.
func (c *connector) unwatched(a graph.Answer, doing, user string) error {
	err := c.explain(a, doing, user)
	var e graphError
	if a.Status == http.StatusBadRequest && json.Unmarshal(a.Body, &e) == nil && watchRemedies[e.Error.Code] != "" {
		return fmt.Errorf("%w; %s", err, watchRemedies[e.Error.Code])
	}
	return err
}

// Receive answers Microsoft: the question whether anybody is there, by giving back its token; notifications, by 202.
// They say which event has changed, and not how. Of lifecycle notifications, those that a subscription must be
// authorized again or has been removed end it, so that a new one is made; that some were missed is a push.
func (c *connector) Receive(w http.ResponseWriter, r *http.Request) []connectors.Push {
	if token := r.URL.Query().Get("validationToken"); token != "" {
		if len(token) > longestToken {
			http.Error(w, "the validationToken is too long", http.StatusBadRequest)
			return nil
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff") // whoever sent it may have meant it as a page
		_, _ = io.WriteString(w, token)
		return nil
	}
	var batch struct {
		Value []struct {
			SubscriptionID string `json:"subscriptionId"`
			ClientState    string `json:"clientState"`
			LifecycleEvent string `json:"lifecycleEvent"`
		} `json:"value"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestBatch)).Decode(&batch); err != nil || batch.Value == nil {
		http.Error(w, "no notification of Microsoft Graph: it has a list named value, of at most 1 MiB", http.StatusBadRequest)
		return nil
	}
	w.WriteHeader(http.StatusAccepted)
	var pushes []connectors.Push
	for _, n := range batch.Value {
		if n.SubscriptionID != "" {
			ended := n.LifecycleEvent != "" && n.LifecycleEvent != lifecycleMissed
			pushes = append(pushes, connectors.Push{Subscription: n.SubscriptionID, Secret: n.ClientState, Ended: ended})
		}
	}
	return pushes
}
