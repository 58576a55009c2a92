// Package google reads the calendars of a Google Workspace domain, through a service account with
// domain-wide delegation, or those of users who consent one by one. Calendars besides the users' primary ones
// are read as whoever may see most of them.
//
// Google's sync token is used as a change detector: an idle look is one request with an empty answer.
// When it tells of any change, the horizon is listed anew. The token's own changes are not applied:
// touching an endless series puts every instance of it among them, deleting one leaves some out, and
// instances that come into the horizon as time passes are never among them.
package google

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	admin "google.golang.org/api/admin/directory/v1"
	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	people "google.golang.org/api/people/v1"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/grants"
	"example.com/syncd/internal/endpoint"
	"example.com/syncd/internal/pace"
	"example.com/syncd/internal/retry"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name: "google",
	Doc:  "a Google Workspace domain, company-wide, or users who consent one by one",
	Config: func() connectors.Config {
		return &Config{Roster: rosterAdmin, Calendars: calendarsPrimary, QueriesPerMinute: 9000, QueriesPerMinutePerUser: 540}
	},
}

// Config is a connection's part of the configuration.
type Config struct {
	Domain string `yaml:"domain" jsonschema:"pattern=^[^@]*$"` // "acme.com"
	// ServiceAccountFile is the JSON key of a service account that the domain lets act for its users.
	ServiceAccountFile string `yaml:"service_account_file"`
	// ServiceAccount is its address, for a service account without a key: Google signs for it, asked with
	// the credentials in CredentialsFile.
	ServiceAccount string `yaml:"service_account" jsonschema:"pattern=^$|@"`
	// CredentialsFile is what Google's libraries call application default credentials, as JSON: a workload
	// identity federation's configuration, for one. They need the role Service Account Token Creator.
	CredentialsFile string `yaml:"credentials_file"`
	// OAuthClientFile is the JSON of an OAuth client, for a desktop app or a web application. With it, the users
	// who consent are read, one by one (syncd connect), and no other setting is needed.
	OAuthClientFile string `yaml:"oauth_client_file"`
	// Admin is the user as whom the roster is read; needs the right to read users.
	Admin string `yaml:"admin"`
	// Group is the address of a group: of the roster, its members alone, those of groups in it among them.
	Group string   `yaml:"group" jsonschema:"pattern=^$|@"`
	Users []string `yaml:"users" jsonschema:"pattern=@"` // instead of the roster
	// Roster is where the users come from: the Admin SDK, the People API, which needs no administrator, or the
	// members of syncd's own directory who are of the domain.
	Roster string `yaml:"roster" jsonschema:"enum=,enum=admin,enum=people,enum=directory"` // (admin) | people | directory
	// Calendars are which of each user's are read: the primary one, or all that are on the user's list.
	Calendars string `yaml:"calendars" jsonschema:"enum=,enum=primary,enum=all"` // (primary) | all
	// QueriesPerMinute is the Cloud project's quota for the Calendar API, or as much of it as syncd may use. (9000)
	QueriesPerMinute int `yaml:"queries_per_minute" jsonschema:"minimum=0"`
	// QueriesPerMinutePerUser is the same for one user's calendars. (540)
	QueriesPerMinutePerUser int `yaml:"queries_per_minute_per_user" jsonschema:"minimum=0"`
	// Endpoint is where a simulated tenant listens, in place of all of Google's hosts, as "http://127.0.0.1:4014".
	Endpoint string `yaml:"endpoint"`

	pageSize int64 // of listings; for tests
}

// Values of Config.Roster and Config.Calendars.
const (
	rosterAdmin     = "admin"
	rosterPeople    = "people"
	rosterDirectory = "directory"

	calendarsPrimary = "primary"
	calendarsAll     = "all"
)

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	var errs []error
	if !slices.Contains([]string{rosterAdmin, rosterPeople, rosterDirectory, ""}, c.Roster) {
		errs = append(errs, fmt.Errorf("roster: %q is none of admin, people, directory", c.Roster))
	}
	if !slices.Contains([]string{calendarsPrimary, calendarsAll, ""}, c.Calendars) {
		errs = append(errs, fmt.Errorf("calendars: %q is none of primary, all", c.Calendars))
	}
	if c.QueriesPerMinute < 0 || c.QueriesPerMinutePerUser < 0 {
		errs = append(errs, errors.New("queries_per_minute and queries_per_minute_per_user: neither is negative"))
	}
	if err := endpoint.Check(c.Endpoint); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.perUser() {
		return errors.Join(append(errs, c.validatePerUser()...)...)
	}
	return errors.Join(append(errs, c.validateCompany()...)...)
}

// validateCompany is Validate for a whole domain.
func (c *Config) validateCompany() []error {
	var errs []error
	if c.Domain == "" || strings.Contains(c.Domain, "@") {
		errs = append(errs, errors.New(`domain is missing: name the Workspace domain, as "acme.com"`))
	}
	if c.Admin == "" && len(c.Users) == 0 && c.Roster != rosterDirectory {
		errs = append(errs, errors.New("admin is missing: name the administrator as whom the users are listed, or list them in users"))
	}
	keyless := c.ServiceAccount != "" || c.CredentialsFile != ""
	switch {
	case keyless && c.ServiceAccountFile != "":
		errs = append(errs, errors.New("service_account_file and service_account: a service account has a key, or it has none"))
	case keyless && (c.ServiceAccount == "" || c.CredentialsFile == ""):
		errs = append(errs, errors.New("service_account and credentials_file go together: the account without a key, and the credentials to sign for it"))
	case keyless && !strings.Contains(c.ServiceAccount, "@"):
		errs = append(errs, fmt.Errorf("service_account: %q is no address, as syncd@project.iam.gserviceaccount.com", c.ServiceAccount))
	}
	switch {
	case c.Group == "":
	case !strings.Contains(c.Group, "@"):
		errs = append(errs, fmt.Errorf("group: %q is no email address", c.Group))
	case c.Admin == "":
		errs = append(errs, errors.New("admin is missing: name the administrator as whom the group's members are listed"))
	case len(c.Users) > 0:
		errs = append(errs, errors.New("group and users: name the users in one way, not in both"))
	}
	for _, u := range c.Users {
		if !strings.Contains(u, "@") {
			errs = append(errs, fmt.Errorf("users: %q is no email address", u))
		}
	}
	return errs
}

// Open makes the connector. The key is read when it is needed first.
func (c *Config) Open(env connectors.Env) (connectors.Connector, error) {
	switch {
	case env.Replayed:
	case c.perUser() && env.Secrets == nil:
		return nil, errors.New("oauth_client_file needs a key to seal what users grant: make one by syncd keys new FILE, and name it in keyset_file")
	case !c.perUser() && c.ServiceAccountFile == "" && c.ServiceAccount == "":
		return nil, errors.New("service_account_file is missing: name the JSON key of a service account with domain-wide delegation, or give service_account and credentials_file, or oauth_client_file")
	}
	p := retry.Default
	p.Throttled = func(resp *http.Response, body []byte) bool {
		return resp.StatusCode == http.StatusForbidden && tooMany[reasonOf(body)]
	}
	innermost := env.HTTP
	if c.Endpoint != "" {
		innermost = endpoint.Transport(c.Endpoint, innermost)
	}
	conn := &connector{cfg: *c, env: env, grants: grants.New(env.Secrets, Driver.Name+":"+env.Account)}
	if !env.Replayed {
		conn.pace = pace.New(pace.Quota{PerMinute: cmp.Or(c.QueriesPerMinute, 9000), PerUserMinute: cmp.Or(c.QueriesPerMinutePerUser, 540), User: billed, Share: connectors.Share(env, "google "+env.Account)}, innermost)
		innermost = conn.pace
	}
	conn.transport = retry.Transport(innermost, p)
	if c.perUser() {
		return consenter{conn}, nil
	}
	return conn, nil
}

type connector struct {
	cfg       Config
	env       connectors.Env
	transport http.RoundTripper // retries lie below the credentials, so that they happen once
	grants    *grants.Store
	pace      *pace.Transport // nil: replayed
}

var _ connectors.Connector = (*connector)(nil)

// scopes are all that the connection needs, as an administrator pastes them: authorizing a client id replaces what
// it was authorized for before.
func (c *connector) scopes() []string {
	scopes := []string{gcal.CalendarEventsReadonlyScope}
	if c.cfg.Calendars == calendarsAll {
		scopes = append(scopes, gcal.CalendarCalendarlistReadonlyScope)
	}
	switch {
	case c.cfg.perUser() || len(c.cfg.Users) > 0 || c.cfg.Roster == rosterDirectory:
	case c.cfg.Roster == rosterPeople:
		scopes = append(scopes, people.DirectoryReadonlyScope)
	default:
		scopes = append(scopes, admin.AdminDirectoryUserReadonlyScope)
	}
	if c.cfg.Group != "" {
		scopes = append(scopes, admin.AdminDirectoryGroupMemberReadonlyScope)
	}
	return scopes
}

// quiet keeps the SDK from logging requests and bodies: it does so to standard error when
// GOOGLE_SDK_GO_LOGGING_LEVEL is "debug", whatever our own logger is.
var quiet = option.WithLogger(slog.New(slog.DiscardHandler))

// calendarService is the API as hc's user. Google compresses for those alone whose user agent says gzip, too
// (Calendar API guide "Improve performance", "Enable gzip").
func calendarService(ctx context.Context, hc *http.Client) (*gcal.Service, error) {
	svc, err := gcal.NewService(ctx, option.WithHTTPClient(hc), quiet)
	if err == nil {
		svc.UserAgent = "syncd (gzip)"
	}
	return svc, err
}

// events is events.list of the calendar, as its reader.
func (c *connector) events(ctx context.Context, src calendar.Source, set func(*gcal.EventsListCall)) (*gcal.Events, error) {
	var got *gcal.Events
	reader := src.Reader()
	list := func(hc *http.Client) error {
		svc, err := calendarService(ctx, hc)
		if err != nil {
			return err
		}
		call := svc.Events.List(src.Calendar).Context(ctx).SingleEvents(true).MaxResults(c.pageLimit())
		set(call)
		got, err = call.Do(quotaUser(reader))
		return err
	}
	err := c.as(ctx, reader, gcal.CalendarEventsReadonlyScope, func(hc *http.Client) error {
		err := list(hc)
		if wrongType(err) {
			mending := *hc
			mending.Transport = repair{hc.Transport, c.env.Log}
			err = list(&mending)
		}
		return err
	})
	return got, err
}

// quotaUser bills a request to the user instead of the service account, which would have to do with
// one user's quota for the whole company. It must not give the address away.
func quotaUser(user string) googleapi.CallOption { return googleapi.QuotaUser(quotaName(user)) }

// billed is whom a request of the Calendar API is billed to. Other APIs have quotas of their own.
func billed(r *http.Request) (string, bool) {
	return r.URL.Query().Get("quotaUser"), strings.HasPrefix(r.URL.Path, "/calendar/")
}

func quotaName(user string) string {
	h := fnv.New64a()
	h.Write([]byte(user))
	return fmt.Sprintf("u-%016x", h.Sum64())
}

func (c *connector) pageLimit() int64 { return cmp.Or(c.cfg.pageSize, 250) }
