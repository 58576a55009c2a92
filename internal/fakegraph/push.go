package fakegraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of subscriptions ("subscription resource type": maximum length of subscription per resource
// type; "Receive change notifications through webhooks").
const (
	subscriptionLife   = 10080 * time.Minute // of events, without resource data
	subscriptionLeast  = 45 * time.Minute
	clientStateMost    = 128
	handshakeTime      = 10 * time.Second
	notificationRetry  = 4 * time.Hour
	notificationsAtOne = 20 // in one POST
)

// push is all of change notifications.
type push struct {
	subscriptions map[string]*subscription
	queue         []notification
	sent          int
}

func newPush() push { return push{subscriptions: map[string]*subscription{}} }

// subscription is one of an application to events of a user's calendars.
type subscription struct {
	ID, App, Resource, ChangeType, NotificationURL, LifecycleURL, ClientState string

	box       *mailbox
	calendar  *string // nil: all calendars of the mailbox
	immutable bool
	expires   time.Time
}

// notification is one on its way.
type notification struct {
	url  string
	made time.Time
	body map[string]any
}

func (s *subscription) resource() map[string]any {
	row := map[string]any{
		"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#subscriptions/$entity",
		"id":             s.ID, "resource": s.Resource, "applicationId": s.App, "changeType": s.ChangeType, "clientState": s.ClientState,
		"notificationUrl": s.NotificationURL, "lifecycleNotificationUrl": nil, "expirationDateTime": s.expires.UTC().Format(time.RFC3339Nano),
		"creatorId": guid("principal", s.App), "latestSupportedTlsVersion": "v1_2", "includeResourceData": nil,
	}
	if s.LifecycleURL != "" {
		row["lifecycleNotificationUrl"] = s.LifecycleURL
	}
	return row
}

// subscriptions is what lies below /subscriptions.
func (c *call) subscriptions(rest []string) answer {
	if refused, ok := c.needs("Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic", "Calendars.ReadBasic.All"); !ok {
		return refused
	}
	c.t.expire()
	if len(rest) == 0 {
		switch c.method {
		case "POST":
			return c.subscribe()
		case "GET":
			value := []any{}
			for _, id := range slices.Sorted(maps.Keys(c.t.push.subscriptions)) {
				if s := c.t.push.subscriptions[id]; s.App == c.grant.app {
					value = append(value, s.resource())
				}
			}
			return answer{status: 200, body: map[string]any{"value": value}}
		}
	}
	if len(rest) == 0 || len(rest) > 2 {
		return refuse(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
	}
	s := c.t.push.subscriptions[rest[0]]
	if s == nil || s.App != c.grant.app {
		return refuse(404, "ResourceNotFound", "The object was not found.")
	}
	switch {
	case len(rest) == 2 && c.method == "POST" && strings.EqualFold(rest[1], "reauthorize"):
		return answer{status: 204}
	case c.method == "GET":
		return answer{status: 200, body: s.resource()}
	case c.method == "DELETE":
		delete(c.t.push.subscriptions, s.ID)
		return answer{status: 204}
	case c.method == "PATCH":
		var in struct{ ExpirationDateTime, NotificationURL string }
		if json.Unmarshal(c.body, &in) != nil || in.NotificationURL != "" {
			return refuse(400, "InvalidRequest", "Only 'expirationDateTime' can be changed here.")
		}
		until, bad := c.expiration(in.ExpirationDateTime)
		if bad != nil {
			return *bad
		}
		s.expires = until
		return answer{status: 200, body: s.resource()}
	}
	return refuse(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
}

// expiration is until when a subscription is to last.
func (c *call) expiration(s string) (time.Time, *answer) {
	until, err := time.Parse(time.RFC3339Nano, s)
	now := c.t.Now()
	var bad answer
	switch {
	case err != nil || !until.After(now):
		bad = refuse(400, "InvalidRequest", "Subscription expiration must be a time in the future.")
	case until.After(now.Add(subscriptionLife)):
		bad = refuse(400, "InvalidRequest", "Subscription expiration can only be 10080 minutes in the future.")
	case until.Before(now.Add(subscriptionLeast)):
		return now.Add(subscriptionLeast), nil
	default:
		return until, nil
	}
	return until, &bad
}

// subscribe is POST /subscriptions, with its handshake.
func (c *call) subscribe() answer {
	var in struct{ ChangeType, Resource, NotificationURL, LifecycleNotificationURL, ExpirationDateTime, ClientState string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return refuse(400, "BadRequest", "Unable to read JSON request payload.")
	}
	until, bad := c.expiration(in.ExpirationDateTime)
	invalid := func(message string) answer { return refuse(400, "InvalidRequest", message) }
	for kind := range strings.SplitSeq(in.ChangeType, ",") {
		if !slices.Contains([]string{"created", "updated", "deleted"}, strings.TrimSpace(kind)) {
			return invalid("The value '" + in.ChangeType + "' of 'changeType' is not valid.")
		}
	}
	switch {
	case bad != nil:
		return *bad
	case len(in.ClientState) > clientStateMost:
		return invalid("The 'clientState' must not be longer than 128 characters.")
	case c.t.Send == nil:
		return invalid("Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.")
	}
	s := &subscription{
		App: c.grant.app, Resource: in.Resource, ChangeType: in.ChangeType, NotificationURL: in.NotificationURL,
		LifecycleURL: in.LifecycleNotificationURL, ClientState: in.ClientState, expires: until,
		immutable: strings.EqualFold(c.prefer("IdType"), "ImmutableId"),
	}
	path := segments(in.Resource)
	if len(path) < 3 || !strings.EqualFold(path[0], "users") || !strings.EqualFold(path[len(path)-1], "events") {
		return invalid("Resource '" + in.Resource + "' is not supported.")
	}
	box, refused := c.open(path[1])
	if box == nil {
		return refused
	}
	s.box = box
	if len(path) == 5 && strings.EqualFold(path[2], "calendars") {
		cal := box.calendar(path[3])
		if cal == nil {
			return notFound
		}
		id := cal.ID
		if cal == box.calendars[0] {
			id = ""
		}
		s.calendar = &id
	} else if len(path) != 3 {
		return invalid("Resource '" + in.Resource + "' is not supported.")
	}
	for _, other := range c.t.push.subscriptions {
		if other.App == s.App && other.Resource == s.Resource && other.ChangeType == s.ChangeType && other.NotificationURL == s.NotificationURL {
			return refuse(409, "ExtensionError", "Operation: Create; Exception: [Status Code: Conflict; Reason: Subscription already exists.]")
		}
	}
	for _, at := range []string{s.NotificationURL, s.LifecycleURL} {
		if at == "" && at == s.LifecycleURL {
			continue
		}
		if why := c.handshake(at); why != "" {
			return refuse(400, "ValidationError", "Subscription validation request failed. "+why)
		}
	}
	s.ID = guid("subscription", c.t.next())
	c.t.push.subscriptions[s.ID] = s
	return answer{status: 201, body: s.resource()}
}

// handshake asks an endpoint to give back a token; "": it did. The tenant's lock is open meanwhile, for
// the endpoint may ask the tenant something.
func (c *call) handshake(at string) string {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
		return "The notification URL must be an HTTPS address."
	}
	token := fmt.Sprintf("Validation: Testing client application reachability for subscription Request-Id: %s", guid("validation", c.t.next()))
	q := u.Query()
	q.Set("validationToken", token)
	u.RawQuery = q.Encode()
	t := c.t
	t.mu.Unlock()
	defer t.mu.Lock()
	req, err := http.NewRequestWithContext(c.r.Context(), http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	began := t.Now()
	resp, err := t.Send(req)
	if err != nil {
		return "Notification endpoint could not be reached."
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	switch {
	case err != nil || t.Now().Sub(began) > handshakeTime:
		return "The request is aborted: The operation timed out."
	case resp.StatusCode != http.StatusOK:
		return fmt.Sprintf("Must respond with 200 OK to validation request, not %d.", resp.StatusCode)
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"):
		return "Must respond with content type text/plain."
	case string(body) != token:
		return "The validation token was not given back as it is."
	}
	return ""
}

// tell queues notifications of one change.
func (t *Tenant) tell(m *mailbox, it *item, kind string) {
	t.expire()
	for _, id := range slices.Sorted(maps.Keys(t.push.subscriptions)) {
		s := t.push.subscriptions[id]
		if s.box != m || s.calendar != nil && *s.calendar != it.Calendar || !strings.Contains(s.ChangeType, kind) {
			continue
		}
		event := m.id(it, -1, s.immutable)
		path := "Users/" + m.owner.ID + "/Events/" + event
		t.push.queue = append(t.push.queue, notification{s.NotificationURL, t.Now(), map[string]any{
			"subscriptionId": s.ID, "subscriptionExpirationDateTime": s.expires.UTC().Format(time.RFC3339Nano), "changeType": kind,
			"resource": path, "clientState": s.ClientState, "tenantId": guid("tenant"),
			"resourceData": map[string]any{"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "@odata.etag": `W/"` + changeKey(it, -1) + `"`, "id": event},
		}})
	}
}

// expire drops subscriptions that are over. Nobody is told.
func (t *Tenant) expire() {
	now := t.Now()
	maps.DeleteFunc(t.push.subscriptions, func(_ string, s *subscription) bool { return !now.Before(s.expires) })
}

// Lifecycle queues a lifecycle notification for every subscription that wants them: reauthorizationRequired,
// subscriptionRemoved (which ends it) or missed ("Reduce missing change notifications and removed
// subscriptions").
func (t *Tenant) Lifecycle(event string) {
	t.set(func() {
		t.expire()
		for _, id := range slices.Sorted(maps.Keys(t.push.subscriptions)) {
			s := t.push.subscriptions[id]
			if s.LifecycleURL != "" {
				t.push.queue = append(t.push.queue, notification{s.LifecycleURL, t.Now(), map[string]any{
					"subscriptionId": s.ID, "subscriptionExpirationDateTime": s.expires.UTC().Format(time.RFC3339Nano),
					"clientState": s.ClientState, "tenantId": guid("tenant"), "lifecycleEvent": event,
				}})
			}
			if event == "subscriptionRemoved" {
				delete(t.push.subscriptions, id)
			}
		}
	})
}

// Deliver sends what is queued, several notifications in one request. What is not taken stays for the
// next Deliver, for four hours. It returns how many notifications have arrived.
func (t *Tenant) Deliver(ctx context.Context) (arrived int, err error) {
	t.mu.Lock()
	queue := t.push.queue
	t.push.queue = nil
	t.mu.Unlock()
	byURL := map[string][]notification{}
	var order []string
	for _, n := range queue {
		if byURL[n.url] == nil {
			order = append(order, n.url)
		}
		byURL[n.url] = append(byURL[n.url], n)
	}
	var errs []error
	for _, at := range order {
		for some := range slices.Chunk(byURL[at], notificationsAtOne) {
			n, failed := t.post(ctx, at, some)
			arrived += n
			if failed == nil {
				continue
			}
			errs = append(errs, failed)
			t.set(func() {
				for _, n := range some {
					if t.Now().Sub(n.made) < notificationRetry {
						t.push.queue = append(t.push.queue, n)
					}
				}
			})
		}
	}
	return arrived, errors.Join(errs...)
}

// post sends notifications to one address, as often as Loss says.
func (t *Tenant) post(ctx context.Context, at string, some []notification) (int, error) {
	value := []any{}
	t.mu.Lock()
	for _, n := range some {
		times := 1
		if t.Loss != nil {
			times = t.Loss(t.push.sent)
		}
		t.push.sent++
		for range times {
			value = append(value, n.body)
		}
	}
	t.mu.Unlock()
	if len(value) == 0 {
		return 0, nil
	}
	raw, err := json.Marshal(map[string]any{"value": value})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := t.Send(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return 0, fmt.Errorf("fakegraph: %s answered %s", at, resp.Status)
	}
	return len(value), nil
}
