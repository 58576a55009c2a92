package graph

import (
	"context"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/subscriptions"
)

// Subscribe asks for notifications of each change of the calendar's events at the address, which also hears what
// becomes of the subscription. The state comes back with each of them.
func (c *Client) Subscribe(ctx context.Context, of Calendar, address, state string, until time.Time) (a Answer, err error) {
	changes, resource := "created,updated,deleted", Resource(of)
	s := models.NewSubscription()
	s.SetChangeType(&changes)
	s.SetResource(&resource)
	s.SetNotificationUrl(&address)
	s.SetLifecycleNotificationUrl(&address)
	s.SetClientState(&state)
	s.SetExpirationDateTime(&until)
	_, err = c.pushes().Post(ctx, s, &subscriptions.SubscriptionsRequestBuilderPostRequestConfiguration{Headers: prefer(1), Options: native(&a)})
	return a, err
}

// Resource is what a subscription of the calendar is to. That of the default one is of the whole mailbox: of
// notifications no more is documented.
func Resource(of Calendar) string {
	if of.ID == "" {
		return "users/" + of.User + "/events"
	}
	return "users/" + of.User + "/calendars/" + of.ID + "/events"
}

// Renew makes a subscription last until then.
func (c *Client) Renew(ctx context.Context, id string, until time.Time) (a Answer, err error) {
	s := models.NewSubscription()
	s.SetExpirationDateTime(&until)
	_, err = c.pushes().BySubscriptionId(id).Patch(ctx, s, &subscriptions.SubscriptionItemRequestBuilderPatchRequestConfiguration{Options: native(&a)})
	return a, err
}

// Unsubscribe ends a subscription.
func (c *Client) Unsubscribe(ctx context.Context, id string) (a Answer, err error) {
	err = c.pushes().BySubscriptionId(id).Delete(ctx, &subscriptions.SubscriptionItemRequestBuilderDeleteRequestConfiguration{Options: native(&a)})
	return a, err
}

// Subscriptions lists the application's, or goes on at link.
func (c *Client) Subscriptions(ctx context.Context, link string) (a Answer, err error) {
	b := c.pushes()
	if link != "" {
		b = b.WithUrl(link)
	}
	_, err = b.Get(ctx, &subscriptions.SubscriptionsRequestBuilderGetRequestConfiguration{Options: native(&a)})
	return a, err
}
