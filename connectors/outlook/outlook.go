// Package outlook reads the calendars of a Microsoft 365 tenant through Microsoft Graph, with an
// application's permission.
//
// calendarView/delta is used as a change detector: an idle look is one request with an empty answer.
// When it tells of any change, the horizon is listed anew by plain calendarView, which has every
// occurrence whole. The delta's own changes are not applied: it sends occurrences without their
// subject or guests, no tombstone for a deleted occurrence, masters of series as if they were
// meetings, and ids from outside of its window.
package outlook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/outlook/graph"
	"example.com/syncd/internal/retry"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name:   "outlook",
	Doc:    "a Microsoft 365 tenant, company-wide",
	Config: func() connectors.Config { return &Config{Cloud: "global", Calendars: calendarsPrimary} },
}

// cloud is where a national cloud's services are.
type cloud struct{ login, graph string }

// clouds are Microsoft's national clouds ("National cloud deployments" in the Graph documentation). GCC
// is part of the global one.
var clouds = map[string]cloud{
	"global":   {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
	"gcc_high": {"https://login.microsoftonline.us", "https://graph.microsoft.us"},
	"dod":      {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
	"china":    {"https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"},
}

// Config is a connection's part of the configuration.
type Config struct {
	Tenant           string   `yaml:"tenant" jsonschema:"required,minLength=1"` // its domain or id
	ClientID         string   `yaml:"client_id"`
	ClientSecretFile string   `yaml:"client_secret_file"`
	Cloud            string   `yaml:"cloud"`                        // a national cloud: (global) | gcc_high | dod | china
	Users            []string `yaml:"users" jsonschema:"pattern=@"` // instead of the roster
	// Calendars are which of each user's are read: the primary one, or all of them.
	Calendars string `yaml:"calendars" jsonschema:"enum=,enum=primary,enum=all"` // (primary) | all

	pageSize int32 // of listings; for tests
}

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Tenant == "" {
		errs = append(errs, errors.New(`tenant is missing: name the tenant's domain or id, as "acme.com"`))
	}
	if _, ok := clouds[c.Cloud]; !ok {
		errs = append(errs, fmt.Errorf("cloud: %q is none of %s", c.Cloud, strings.Join(slices.Sorted(maps.Keys(clouds)), ", ")))
	}
	if !slices.Contains([]string{calendarsPrimary, calendarsAll, ""}, c.Calendars) {
		errs = append(errs, fmt.Errorf("calendars: %q is none of primary, all", c.Calendars))
	}
	for _, u := range c.Users {
		if !strings.Contains(u, "@") {
			errs = append(errs, fmt.Errorf("users: %q is no email address", u))
		}
	}
	return errors.Join(errs...)
}

// Open makes the connector. The secret is read when it is needed first.
func (c *Config) Open(env connectors.Env) (connectors.Connector, error) {
	if !env.Replayed && (c.ClientID == "" || c.ClientSecretFile == "") {
		return nil, errors.New("client_id or client_secret_file is missing: register an application with the permissions Calendars.Read and User.Read.All, and make it a secret")
	}
	return &connector{cfg: *c, env: env, cloud: clouds[c.Cloud]}, nil
}

type connector struct {
	cfg   Config
	env   connectors.Env
	cloud cloud

	mu sync.Mutex
	// graph is made at its first use, with the application's token, which lasts an hour; proved says that
	// the token has been accepted.
	graph  *graph.Client
	proved bool
}

var _ connectors.Connector = (*connector)(nil)

// client is the Graph service with the application's credentials. Retries lie below them, so that they
// happen once.
func (c *connector) client(ctx context.Context) (*graph.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.graph != nil {
		return c.graph, nil
	}
	transport := retry.Transport(c.env.HTTP, retry.Default)
	hc := &http.Client{Transport: transport, CheckRedirect: noRedirect}
	if !c.env.Replayed {
		secret, err := c.env.ReadFile(c.cfg.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("outlook: client_secret_file: %w: %w", err, connectors.ErrAccess)
		}
		cfg := clientcredentials.Config{
			ClientID: c.cfg.ClientID, ClientSecret: strings.TrimSpace(string(secret)), AuthStyle: oauth2.AuthStyleInParams,
			TokenURL: c.cloud.login + "/" + url.PathEscape(c.cfg.Tenant) + "/oauth2/v2.0/token", Scopes: []string{c.cloud.graph + "/.default"},
		}
		// The source outlives the request that made it, so its own requests need an end of their own.
		life := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: transport, CheckRedirect: noRedirect, Timeout: 30 * time.Second})
		hc.Transport = &oauth2.Transport{Source: cfg.TokenSource(life), Base: transport}
	}
	g, err := graph.New(hc, c.cloud.graph+"/v1.0")
	if err != nil {
		return nil, err
	}
	c.graph = g
	return g, nil
}

// noRedirect: following one would show the token to a host that we did not choose.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// forget makes the next request read the secret anew and ask for a new token: somebody may have put a
// secret that had expired right.
func (c *connector) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.graph, c.proved = nil, false
}

// here reports whether the link, if any, leads to the configured service. One to elsewhere would make us
// send the token there.
func (c *connector) here(link string) bool {
	return link == "" || strings.HasPrefix(link, c.cloud.graph+"/")
}

// judge notes whether the token was accepted. One that was and is no more has been taken back before its
// hour was over: it is forgotten, and the next request gets a new one.
func (c *connector) judge(status int) (withdrawn bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if status != http.StatusUnauthorized {
		c.proved = c.proved || status == http.StatusOK
		return false
	}
	withdrawn = c.proved
	c.graph, c.proved = nil, false
	return withdrawn
}

// page is any list of Graph's. Elements stay raw: a bad one costs itself alone.
type page struct {
	Value     []json.RawMessage `json:"value"`
	NextLink  string            `json:"@odata.nextLink"`
	DeltaLink string            `json:"@odata.deltaLink"`
}

// read makes a page of an answer, or the contract's error of what it says.
func (c *connector) read(a graph.Answer, err error, doing string) (page, error) {
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) {
			c.forget()
		}
		return page{}, c.explainTransport(err, doing)
	}
	if c.judge(a.Status) {
		return page{}, fmt.Errorf("outlook: %s: the token was taken back; a new one is asked for at the next attempt", doing)
	}
	if a.Status != http.StatusOK {
		return page{}, c.explain(a, doing)
	}
	var p page
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return page{}, fmt.Errorf("outlook: %s: the answer is no list: %w", doing, err)
	}
	// A list without elements says so. Nobody may conclude from anything else that there are none.
	if p.Value == nil {
		return page{}, fmt.Errorf("outlook: %s: the answer is no list", doing)
	}
	for _, link := range []string{p.NextLink, p.DeltaLink} {
		if !c.here(link) {
			return page{}, fmt.Errorf("outlook: %s: the next page is said to be on another host than %s", doing, c.cloud.graph)
		}
	}
	return p, nil
}

// Sources are the primary calendars of the configured users, or of every enabled member, and with "calendars:
// all" their others.
// Whether a mailbox may be read is found out by pulling it.
func (c *connector) Sources(ctx context.Context, _ []string) ([]calendar.Source, error) {
	users := c.cfg.Users
	if len(users) == 0 {
		var err error
		if users, err = c.roster(ctx); err != nil {
			return nil, err
		}
	}
	sources := make([]calendar.Source, 0, len(users))
	seen := map[string]bool{} // addresses are the same in any case
	var each []string
	for _, u := range users {
		u = strings.ToLower(u)
		if seen[u] {
			continue
		}
		seen[u] = true
		each = append(each, u)
		s := calendar.NewSource(Driver.Name, c.env.Account, u)
		s.Primary = true
		sources = append(sources, s)
	}
	if c.cfg.Calendars == calendarsAll {
		more, err := c.secondary(ctx, each)
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	return sources, nil
}

// maxRoster bounds the roster's pages.
const maxRoster = 1000

func (c *connector) roster(ctx context.Context) ([]string, error) {
	g, err := c.client(ctx)
	if err != nil {
		return nil, err
	}
	var users []string
	link := ""
	for range maxRoster {
		a, err := g.Users(ctx, link)
		p, err := c.read(a, err, "list the users of "+c.cfg.Tenant)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Value {
			var u struct {
				UserPrincipalName string `json:"userPrincipalName"`
				Mail              string `json:"mail"`
				AccountEnabled    *bool  `json:"accountEnabled"`
			}
			if json.Unmarshal(raw, &u) != nil || u.AccountEnabled != nil && !*u.AccountEnabled {
				continue
			}
			// Without a mail address there is no mailbox.
			if u.Mail != "" {
				users = append(users, cmp.Or(u.Mail, u.UserPrincipalName))
			}
		}
		if link = p.NextLink; link == "" {
			return users, nil
		}
	}
	return nil, fmt.Errorf("outlook: the roster of %s does not end after %d pages", c.cfg.Tenant, maxRoster)
}

func (c *connector) pageLimit() int32 { return cmp.Or(c.cfg.pageSize, 100) }
