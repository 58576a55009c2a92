// Package graph builds and sends Microsoft Graph requests with the vendor's SDK. It is the one package
// that imports the SDK, whose models compile for minutes.
//
// The SDK builds URLs and runs the request; answers are handed up as they are. Its models would fail a
// whole page for one bad field, lose unknown members of enumerations, and panic on some error bodies.
package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	khttp "github.com/microsoft/kiota-http-go"
	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/subscriptions"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"example.com/syncd/calendar"
)

// A Client sends requests to one Graph service.
type Client struct {
	adapter abs.RequestAdapter
	baseURL string
}

// users and pushes are made anew for each request: the SDK writes into a builder's map while it sends, and reads it where
// another is made of it, without a lock (kiota-http-go's setBaseUrlForRequestInformation).
func (c *Client) users() *users.UsersRequestBuilder {
	return users.NewUsersRequestBuilderInternal(map[string]string{}, c.adapter)
}

func (c *Client) pushes() *subscriptions.SubscriptionsRequestBuilder {
	return subscriptions.NewSubscriptionsRequestBuilderInternal(map[string]string{}, c.adapter)
}

// New sends requests through hc, which has credentials and retries of its own, to the service whose
// root is baseURL: "https://graph.microsoft.com/v1.0".
func New(hc *http.Client, baseURL string) (*Client, error) {
	adapter, err := khttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, kjson.NewJsonParseNodeFactory(), kjson.NewJsonSerializationWriterFactory(), hc)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	adapter.SetBaseUrl(baseURL)
	return &Client{adapter, baseURL}, nil
}

// An Answer is what the service said, whatever it was.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// maxBody bounds what is read of an answer.
const maxBody = 64 << 20

// ErrTooLong: an answer was longer than any that makes sense.
var ErrTooLong = errors.New("the answer is longer than 64 MiB")

// native takes the answer out of the SDK's hands.
func native(a *Answer) []abs.RequestOption {
	o := abs.NewRequestHandlerOption()
	o.SetResponseHandler(func(response any, _ abs.ErrorMappings) (any, error) {
		resp, ok := response.(*http.Response)
		if !ok {
			return nil, fmt.Errorf("graph: the SDK answered with a %T", response)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
		if err == nil && len(body) > maxBody {
			err = ErrTooLong
		}
		*a = Answer{resp.StatusCode, resp.Header, body}
		return nil, err
	})
	return []abs.RequestOption{o}
}

// prefer is one header value: the SDK sends several lines in any order. Immutable ids survive a move
// between folders; bodies as text keep their links.
func prefer(pageSize int32) *abs.RequestHeaders {
	h := abs.NewRequestHeaders()
	h.Add("Prefer", fmt.Sprintf(`IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="text", odata.maxpagesize=%d`, pageSize))
	return h
}

// Users lists the organization's enabled members, or goes on at link.
func (c *Client) Users(ctx context.Context, link string) (a Answer, err error) {
	b, top, filter := c.users(), int32(999), "accountEnabled eq true and userType eq 'Member'"
	cfg := &users.UsersRequestBuilderGetRequestConfiguration{Options: native(&a)}
	if link == "" {
		cfg.QueryParameters = &users.UsersRequestBuilderGetQueryParameters{
			Filter: &filter, Select: []string{"id", "userPrincipalName", "mail", "accountEnabled"}, Top: &top,
		}
	} else {
		b = b.WithUrl(link)
	}
	_, err = b.Get(ctx, cfg)
	return a, err
}

// Members lists the users among the group's members and those of the groups in it, or goes on at link. The SDK's own
// package of groups is as large as that of users, and its lists of users are the same.
func (c *Client) Members(ctx context.Context, group, link string) (a Answer, err error) {
	if link == "" {
		q := url.Values{"$select": {"id,userPrincipalName,mail,accountEnabled,userType"}, "$top": {"999"}, "$count": {"true"}}
		link = c.baseURL + "/groups/" + url.PathEscape(group) + "/transitiveMembers/microsoft.graph.user?" + q.Encode()
	}
	h := abs.NewRequestHeaders()
	h.Add("ConsistencyLevel", "eventual") // a cast needs it ("Advanced query capabilities on Microsoft Entra ID objects")
	_, err = users.NewUsersRequestBuilder(link, c.adapter).Get(ctx, &users.UsersRequestBuilderGetRequestConfiguration{Headers: h, Options: native(&a)})
	return a, err
}

// A Calendar is one of a user's.
type Calendar struct {
	User string // address or id
	ID   string // "": the default calendar
}

// Calendars lists the user's calendars, or goes on at link.
func (c *Client) Calendars(ctx context.Context, user, link string) (a Answer, err error) {
	b, top := c.users().ByUserId(user).Calendars(), int32(100)
	cfg := &users.ItemCalendarsRequestBuilderGetRequestConfiguration{Headers: prefer(top), Options: native(&a)}
	if link == "" {
		cfg.QueryParameters = &users.ItemCalendarsRequestBuilderGetQueryParameters{Select: []string{"id", "name", "isDefaultCalendar", "owner"}, Top: &top}
	} else {
		b = b.WithUrl(link)
	}
	_, err = b.Get(ctx, cfg)
	return a, err
}

// Delta begins a round of calendarView/delta over the window, or goes on at link. The service fixes
// window and page size in its links. Of calendars other than the default one, the documentation of v1.0 says
// nothing; others use it (graph documentation, event: delta, beta).
func (c *Client) Delta(ctx context.Context, of Calendar, w calendar.Window, pageSize int32, link string) (a Answer, err error) {
	from, to := w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339)
	if of.ID != "" && link == "" {
		b := c.users().ByUserId(of.User).Calendars().ByCalendarId(of.ID).CalendarView().Delta()
		_, err = b.GetAsDeltaGetResponse(ctx, &users.ItemCalendarsItemCalendarViewDeltaRequestBuilderGetRequestConfiguration{
			Headers: prefer(pageSize), Options: native(&a),
			QueryParameters: &users.ItemCalendarsItemCalendarViewDeltaRequestBuilderGetQueryParameters{StartDateTime: &from, EndDateTime: &to},
		})
		return a, err
	}
	b := c.users().ByUserId(of.User).CalendarView().Delta()
	cfg := &users.ItemCalendarViewDeltaRequestBuilderGetRequestConfiguration{Headers: prefer(pageSize), Options: native(&a)}
	if link == "" {
		cfg.QueryParameters = &users.ItemCalendarViewDeltaRequestBuilderGetQueryParameters{StartDateTime: &from, EndDateTime: &to}
	} else {
		b = b.WithUrl(link)
	}
	_, err = b.GetAsDeltaGetResponse(ctx, cfg)
	return a, err
}

// View begins the plain list of the window, with every occurrence whole, or goes on at link. It asks
// for all fields: which of them may be selected in a view differs from the documentation.
func (c *Client) View(ctx context.Context, of Calendar, w calendar.Window, pageSize int32, link string) (a Answer, err error) {
	from, to := w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339)
	if of.ID != "" && link == "" {
		b := c.users().ByUserId(of.User).Calendars().ByCalendarId(of.ID).CalendarView()
		_, err = b.Get(ctx, &users.ItemCalendarsItemCalendarViewRequestBuilderGetRequestConfiguration{
			Headers: prefer(pageSize), Options: native(&a),
			QueryParameters: &users.ItemCalendarsItemCalendarViewRequestBuilderGetQueryParameters{StartDateTime: &from, EndDateTime: &to, Top: &pageSize},
		})
		return a, err
	}
	b := c.users().ByUserId(of.User).CalendarView()
	cfg := &users.ItemCalendarViewRequestBuilderGetRequestConfiguration{Headers: prefer(pageSize), Options: native(&a)}
	if link == "" {
		cfg.QueryParameters = &users.ItemCalendarViewRequestBuilderGetQueryParameters{StartDateTime: &from, EndDateTime: &to, Top: &pageSize}
	} else {
		b = b.WithUrl(link)
	}
	_, err = b.Get(ctx, cfg)
	return a, err
}
