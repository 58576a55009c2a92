// Package google reads the calendars of a Google Workspace domain, through a service account with
// domain-wide delegation, or those of users who consent one by one.
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

	"golang.org/x/oauth2"
	admin "google.golang.org/api/admin/directory/v1"
	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/internal/retry"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name:   "google",
	Doc:    "a Google Workspace domain, company-wide, or users who consent one by one",
	Config: func() connectors.Config { return &Config{} },
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

	pageSize int64 // of listings; for tests
}

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	if c.perUser() {
		return c.validatePerUser()
	}
	var errs []error
	if c.Domain == "" || strings.Contains(c.Domain, "@") {
		errs = append(errs, errors.New(`domain is missing: name the Workspace domain, as "acme.com"`))
	}
	if c.Admin == "" && len(c.Users) == 0 {
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
	case len(c.Users) > 0:
		errs = append(errs, errors.New("group and users: name the users in one way, not in both"))
	}
	for _, u := range c.Users {
		if !strings.Contains(u, "@") {
			errs = append(errs, fmt.Errorf("users: %q is no email address", u))
		}
	}
	return errors.Join(errs...)
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
	conn := &connector{
		cfg: *c, env: env, transport: retry.Transport(env.HTTP, p), credentials: credentials{tokens: map[string]*oauth2.Token{}},
	}
	if c.perUser() {
		return consenter{conn}, nil
	}
	return conn, nil
}

type connector struct {
	cfg         Config
	env         connectors.Env
	transport   http.RoundTripper // retries lie below the credentials, so that they happen once
	credentials credentials
	refreshing  locks // at most one new token at a time for each user who consented
}

var _ connectors.Connector = (*connector)(nil)

// Sources are the primary calendars of the configured users, of those who consented, or of everybody active
// in the domain; of the given users, those among them.
func (c *connector) Sources(ctx context.Context, users []string) ([]calendar.Source, error) {
	covered := c.cfg.Users
	switch {
	case c.cfg.perUser():
		var err error
		if covered, err = c.granted(ctx); err != nil {
			return nil, fmt.Errorf("google: %w", err)
		}
	case len(covered) == 0:
		var err error
		if covered, err = c.roster(ctx); err != nil {
			return nil, err
		}
		if c.cfg.Group != "" {
			members, err := c.members(ctx)
			if err != nil {
				return nil, err
			}
			covered = slices.DeleteFunc(covered, func(u string) bool { return !members[strings.ToLower(u)] })
		}
	}
	var sources []calendar.Source
	for _, u := range covered {
		if len(users) > 0 && !slices.ContainsFunc(users, func(given string) bool { return strings.EqualFold(given, u) }) {
			continue
		}
		u = strings.ToLower(u)
		s := calendar.NewSource(Driver.Name, c.env.Account, u)
		s.Primary = true
		sources = append(sources, s)
	}
	return sources, nil
}

// roster lists who has a calendar: not the suspended and archived, nor those who never got a mailbox.
func (c *connector) roster(ctx context.Context) ([]string, error) {
	var users []string
	for page := ""; ; {
		var list *admin.Users
		err := c.as(ctx, c.cfg.Admin, admin.AdminDirectoryUserReadonlyScope, func(hc *http.Client) error {
			svc, err := admin.NewService(ctx, option.WithHTTPClient(hc), quiet)
			if err != nil {
				return err
			}
			call := svc.Users.List().Context(ctx).Domain(c.cfg.Domain).MaxResults(500).OrderBy("email").
				Fields("nextPageToken", "users(primaryEmail,suspended,archived,isMailboxSetup)")
			if page != "" {
				call.PageToken(page)
			}
			list, err = call.Do(quotaUser(c.cfg.Admin))
			return err
		})
		if err != nil {
			return nil, c.explain(ctx, err, "list the users of "+c.cfg.Domain+" as "+c.cfg.Admin, admin.AdminDirectoryUserReadonlyScope)
		}
		for _, u := range list.Users {
			if !u.Suspended && !u.Archived && u.IsMailboxSetup {
				users = append(users, u.PrimaryEmail)
			}
		}
		if page = list.NextPageToken; page == "" {
			return users, nil
		}
	}
}

// members are the addresses of the group's members, in lower case, whatever state they are in; those of
// groups in it, and the groups themselves.
func (c *connector) members(ctx context.Context) (map[string]bool, error) {
	members := map[string]bool{}
	for page := ""; ; {
		var list *admin.Members
		err := c.as(ctx, c.cfg.Admin, admin.AdminDirectoryGroupMemberReadonlyScope, func(hc *http.Client) error {
			svc, err := admin.NewService(ctx, option.WithHTTPClient(hc), quiet)
			if err != nil {
				return err
			}
			call := svc.Members.List(c.cfg.Group).Context(ctx).IncludeDerivedMembership(true).MaxResults(200).Fields("nextPageToken", "members(email)")
			if page != "" {
				call.PageToken(page)
			}
			list, err = call.Do(quotaUser(c.cfg.Admin))
			return err
		})
		if err != nil {
			return nil, c.explain(ctx, err, "list the members of "+c.cfg.Group+" as "+c.cfg.Admin, admin.AdminDirectoryGroupMemberReadonlyScope)
		}
		for _, m := range list.Members {
			members[strings.ToLower(m.Email)] = true
		}
		if page = list.NextPageToken; page == "" {
			return members, nil
		}
	}
}

// quiet keeps the SDK from logging requests and bodies: it does so to standard error when
// GOOGLE_SDK_GO_LOGGING_LEVEL is "debug", whatever our own logger is.
var quiet = option.WithLogger(slog.New(slog.DiscardHandler))

// events is events.list as the user, whose calendar it is.
func (c *connector) events(ctx context.Context, user string, set func(*gcal.EventsListCall)) (*gcal.Events, error) {
	var got *gcal.Events
	list := func(hc *http.Client) error {
		svc, err := gcal.NewService(ctx, option.WithHTTPClient(hc), quiet)
		if err != nil {
			return err
		}
		call := svc.Events.List(user).Context(ctx).SingleEvents(true).MaxResults(c.pageLimit())
		set(call)
		got, err = call.Do(quotaUser(user))
		return err
	}
	err := c.as(ctx, user, gcal.CalendarEventsReadonlyScope, func(hc *http.Client) error {
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
func quotaUser(user string) googleapi.CallOption {
	h := fnv.New64a()
	h.Write([]byte(user))
	return googleapi.QuotaUser(fmt.Sprintf("u-%016x", h.Sum64()))
}

func (c *connector) pageLimit() int64 { return cmp.Or(c.cfg.pageSize, 250) }
