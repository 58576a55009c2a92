package fakegoogle

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// channel is one that events.watch opened (guide "Push notifications").
type channel struct {
	id, resource, token, address, calendar, user string
	until                                        time.Time
	sent                                         int // notifications, with those that got lost
}

// channelsLast is how long a channel may live; without a ttl, and at most.
const channelsLast, channelsUsual = 30 * 24 * time.Hour, 7 * 24 * time.Hour

// watch is Events: watch.
func (t *Tenant) watch(c call) answer {
	cal, role, no := t.find(c)
	if no != nil {
		return *no
	}
	var in struct {
		ID, Token, Type, Address string
		Params                   map[string]string
		Expiration               json.Number
	}
	if json.Unmarshal(c.body, &in) != nil || in.ID == "" || len(in.ID) > 64 || in.Type != "web_hook" && in.Type != "webhook" || len(in.Token) > 256 {
		return refuse(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	address, err := url.Parse(in.Address)
	life := channelsUsual
	if ttl, said := in.Params["ttl"]; said {
		seconds, bad := strconv.Atoi(ttl)
		if bad != nil || seconds < 1 {
			return refuse(http.StatusBadRequest, "badRequest", "Invalid ttl")
		}
		life = min(time.Duration(seconds)*time.Second, channelsLast)
	}
	until := t.Now().Add(life).Truncate(time.Second)
	if ms, bad := in.Expiration.Int64(); bad == nil && time.UnixMilli(ms).Before(until) {
		until = time.UnixMilli(ms)
	}
	switch {
	case err != nil || address.Scheme != "https" || address.Host == "":
		return refuse(http.StatusBadRequest, "push.webhookUrlNotHttps", "WebHook callback must be HTTPS: "+in.Address)
	case cal.holidays:
		return refuse(http.StatusBadRequest, "pushNotSupportedForRequestedResource", "Push notifications are not supported by this resource.")
	case t.channels[in.ID] != nil:
		return refuse(http.StatusBadRequest, "channelIdNotUnique", "Channel id "+in.ID+" not unique")
	case slices.Index(roles, role) < slices.Index(roles, Reader):
		return refuse(http.StatusForbidden, "forbidden", "Forbidden")
	}
	ch := &channel{id: in.ID, resource: hashed(cal.id), token: in.Token, address: in.Address, calendar: cal.id, user: c.user(), until: until}
	t.channels[in.ID] = ch
	t.send(ch, "sync")
	return ok(map[string]any{
		"kind": "api#channel", "id": ch.id, "resourceId": ch.resource, "resourceUri": ch.uri(), "token": ch.token,
		"expiration": strconv.FormatInt(until.UnixMilli(), 10),
	})
}

func (ch *channel) uri() string {
	return "https://www.googleapis.com/calendar/v3/calendars/" + url.PathEscape(ch.calendar) + "/events?alt=json"
}

// stopChannel is Channels: stop. A channel is stopped by the user who opened it.
func (t *Tenant) stopChannel(c call) answer {
	var in struct{ ID, ResourceID string }
	if json.Unmarshal(c.body, &in) != nil {
		return refuse(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	ch := t.channels[in.ID]
	switch {
	case ch == nil || ch.resource != in.ResourceID || !t.Now().Before(ch.until):
		return refuse(http.StatusNotFound, "channelUnknown", "Channel '"+in.ID+"' not found for project '1'")
	case ch.user != c.user():
		return refuse(http.StatusForbidden, "forbidden", "Forbidden")
	}
	delete(t.channels, in.ID)
	return answer{status: http.StatusNoContent}
}

// notify tells the channels of a calendar that something changed, but not what. "Notifications are not 100%
// reliable": some get lost, some come twice.
func (t *Tenant) notify(c *calendar) {
	var ids []string
	for id, ch := range t.channels {
		if ch.calendar == c.id {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		if ch := t.channels[id]; t.Now().Before(ch.until) {
			t.send(ch, "exists")
		} else {
			delete(t.channels, id)
		}
	}
}

func (t *Tenant) send(ch *channel, state string) {
	ch.sent++
	if t.Notify == nil || ch.sent > 1 && t.Loses > 0 && ch.sent%t.Loses == 0 {
		return
	}
	times := 1
	if t.Doubles > 0 && ch.sent%t.Doubles == 0 {
		times = 2
	}
	for range times {
		r, err := http.NewRequest(http.MethodPost, ch.address, bytes.NewReader(nil))
		if err != nil {
			return // watch has parsed the address
		}
		for name, value := range map[string]string{
			"X-Goog-Channel-ID": ch.id, "X-Goog-Channel-Token": ch.token, "X-Goog-Channel-Expiration": ch.until.UTC().Format(http.TimeFormat),
			"X-Goog-Resource-ID": ch.resource, "X-Goog-Resource-URI": ch.uri(), "X-Goog-Resource-State": state,
			"X-Goog-Message-Number": strconv.Itoa(ch.sent),
		} {
			r.Header.Set(name, value)
		}
		t.outbox = append(t.outbox, r)
	}
}

// Channels is how many channels are open.
func (t *Tenant) Channels() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.channels)
}
