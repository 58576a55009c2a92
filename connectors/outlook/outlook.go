// Package outlook reads the calendars of a Microsoft 365 tenant through Microsoft Graph, with an
// application's permission, or those of users who consent one by one.
//
// calendarView/delta is used as a change detector: an idle look is one request with an empty answer.
// When it tells of any change, the horizon is listed anew by plain calendarView, which has every
// occurrence whole. The delta's own changes are not applied: it sends occurrences without their
// subject or guests, no tombstone for a deleted occurrence, masters of series as if they were
// meetings, and ids from outside of its window.
package outlook

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/grants"
	"example.com/syncd/connectors/outlook/graph"
	"example.com/syncd/internal/endpoint"
	"example.com/syncd/internal/pace"
	"example.com/syncd/internal/retry"
)

// Driver is the connector's entry in the list of drivers.
var Driver = connectors.Driver{
	Name: "outlook",
	Doc:  "a Microsoft 365 tenant, company-wide, or users who consent one by one",
	Config: func() connectors.Config {
		return &Config{Cloud: cloudGlobal, Permissions: permissionsApplication, Roster: rosterUsers, Calendars: calendarsPrimary}
	},
}

// cloudGlobal is the cloud of most.
const cloudGlobal = "global"

// cloud is where a national cloud's services are.
type cloud struct{ login, graph string }

// clouds are Microsoft's national clouds ("National cloud deployments" in the Graph documentation). GCC
// is part of the global one.
var clouds = map[string]cloud{
	cloudGlobal: {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
	"gcc_high":  {"https://login.microsoftonline.us", "https://graph.microsoft.us"},
	"dod":       {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
	"china":     {"https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"},
}

// Config is a connection's part of the configuration.
type Config struct {
	// Tenant is the tenant's domain or id. With delegated permissions, "organizations" is any.
	Tenant   string `yaml:"tenant" jsonschema:"required,minLength=1"`
	ClientID string `yaml:"client_id"` // the application's, as the app registration has it
	// ClientSecretFile, CertificateFile and FederatedTokenFile are the application's credentials, one of them: the
	// secret's value; a certificate with its private key, as PEM; a file in which somebody else, such as
	// Kubernetes, keeps a fresh token that stands for the application (workload identity federation).
	ClientSecretFile   string `yaml:"client_secret_file"`
	CertificateFile    string `yaml:"certificate_file"`
	FederatedTokenFile string `yaml:"federated_token_file"`
	// Permissions are those of the application itself, for everybody, or those that users delegate to it, one by
	// one (syncd connect).
	Permissions string `yaml:"permissions" jsonschema:"enum=,enum=application,enum=delegated"` // (application) | delegated
	Cloud       string `yaml:"cloud"`                                                          // a national cloud: (global) | gcc_high | dod | china
	// LoginURL and GraphURL are a cloud that has no name here, as "https://login.microsoftonline.com" and
	// "https://graph.microsoft.com".
	LoginURL string   `yaml:"login_url" jsonschema:"pattern=^$|^https://"`
	GraphURL string   `yaml:"graph_url" jsonschema:"pattern=^$|^https://"`
	Users    []string `yaml:"users" jsonschema:"pattern=@"` // instead of the roster
	// Group is the object id of an Entra group: of the roster, its members alone, those of groups in it among them.
	Group string `yaml:"group"`
	// Roster is where the users come from: all enabled members of the tenant, or syncd's own directory.
	Roster string `yaml:"roster" jsonschema:"enum=,enum=users,enum=directory"` // (users) | directory
	// Domains are those of the addresses that count on the roster; none: all.
	Domains []string `yaml:"domains"`
	// Calendars are which of each user's are read: the primary one, or all of them.
	Calendars string `yaml:"calendars" jsonschema:"enum=,enum=primary,enum=all"` // (primary) | all
	// Endpoint is where a simulated tenant listens, in place of all of Microsoft's hosts, as "http://127.0.0.1:4015".
	Endpoint string `yaml:"endpoint"`

	pageSize int32 // of listings; for tests
}

// Values of Config.Permissions and Config.Roster.
const (
	permissionsApplication = "application"
	permissionsDelegated   = "delegated"

	rosterUsers     = "users"
	rosterDirectory = "directory"
)

// Validate names every setting that is missing or wrong.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Tenant == "" {
		wrong(`tenant is missing: name the tenant's domain or id, as "acme.com"`)
	}
	for _, choice := range []struct {
		key, value string
		of         []string
	}{
		{"cloud", c.Cloud, slices.Sorted(maps.Keys(clouds))},
		{"permissions", c.Permissions, []string{permissionsApplication, permissionsDelegated, ""}},
		{"roster", c.Roster, []string{rosterUsers, rosterDirectory, ""}},
		{"calendars", c.Calendars, []string{calendarsPrimary, calendarsAll, ""}},
	} {
		if !slices.Contains(choice.of, choice.value) {
			wrong("%s: %q is none of %s", choice.key, choice.value, strings.TrimSuffix(strings.Join(choice.of, ", "), ", "))
		}
	}
	if (c.LoginURL == "") != (c.GraphURL == "") {
		wrong("login_url and graph_url go together")
	}
	for _, u := range []string{c.LoginURL, c.GraphURL} {
		if u != "" && (endpoint.Check(u) != nil || !strings.HasPrefix(u, "https://")) {
			wrong(`login_url and graph_url: %q is no address without a path, as "https://graph.microsoft.com"`, u)
		}
	}
	if err := endpoint.Check(c.Endpoint); err != nil {
		wrong("endpoint: %w", err)
	}
	for _, u := range c.Users {
		if !strings.Contains(u, "@") {
			wrong("users: %q is no email address", u)
		}
	}
	for _, d := range c.Domains {
		if d == "" || strings.Contains(d, "@") {
			wrong(`domains: %q is no domain, as "acme.com"`, d)
		}
	}
	if c.Group != "" && len(c.Users) > 0 {
		wrong("group and users: name the users in one way, not in both")
	}
	if c.Group != "" && !objectID.MatchString(c.Group) {
		wrong("group: %q is no object id, which the group's page in the Entra admin center has", c.Group)
	}
	if len(c.proofs()) > 1 {
		wrong("%s: the application proves itself in one way", strings.Join(c.proofs(), " and "))
	}
	if c.delegated() {
		for key, set := range map[string]bool{"users": len(c.Users) > 0, "group": c.Group != "", "domains": len(c.Domains) > 0} {
			if set {
				wrong("%s and permissions: delegated: those who consented are read (syncd connect); leave %[1]s out, or make two connections", key)
			}
		}
	}
	return errors.Join(errs...)
}

// objectID is a directory object's.
var objectID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// delegated reports whether users consent one by one.
func (c *Config) delegated() bool { return c.Permissions == permissionsDelegated }

// proofs are the settings by which the application proves itself.
func (c *Config) proofs() []string {
	var set []string
	for _, p := range []struct{ key, value string }{
		{"client_secret_file", c.ClientSecretFile}, {"certificate_file", c.CertificateFile}, {"federated_token_file", c.FederatedTokenFile},
	} {
		if p.value != "" {
			set = append(set, p.key)
		}
	}
	return set
}

// where is the cloud that the configuration means.
func (c *Config) where() cloud {
	switch {
	case c.Endpoint != "":
		return cloud{c.Endpoint, c.Endpoint}
	case c.GraphURL != "":
		return cloud{c.LoginURL, c.GraphURL}
	}
	return clouds[c.Cloud]
}

// Outlook's limits of one application in one mailbox ("Microsoft Graph service-specific throttling limits",
// Outlook service limits: 10,000 requests in ten minutes, four at a time), and of one application in all
// (130,000 in ten seconds), with room for others' use of them.
const (
	queriesPerMinute            = 600_000
	queriesPerMinutePerMailbox  = 900
	queriesAtOnceForEachMailbox = 4
)

// Open makes the connector. Credentials are read when they are needed.
func (c *Config) Open(env connectors.Env) (connectors.Connector, error) {
	switch {
	case env.Replayed:
	case c.ClientID == "":
		return nil, errors.New("client_id is missing: register an application in the Entra admin center, and copy its Application (client) ID")
	case c.delegated() && env.Secrets == nil:
		return nil, errors.New("permissions: delegated needs a key to seal what users grant: make one by syncd keys new FILE, and name it in keyset_file")
	case !c.delegated() && len(c.proofs()) == 0:
		return nil, errors.New("client_secret_file, certificate_file and federated_token_file are missing: give the application the permissions Calendars.Read and User.Read.All, and one of these")
	}
	conn := &connector{cfg: *c, env: env, cloud: c.where(), grants: grants.New(env.Secrets, Driver.Name+":"+env.Account)}
	innermost := env.HTTP
	if !env.Replayed {
		conn.pace = pace.New(pace.Quota{PerMinute: queriesPerMinute, PerUserMinute: queriesPerMinutePerMailbox, AtOnce: queriesAtOnceForEachMailbox, User: mailbox, Share: connectors.Share(env, "outlook "+c.Tenant)}, innermost)
		innermost = conn.pace
	}
	conn.transport = retry.Transport(innermost, retry.Default)
	g, err := graph.New(&http.Client{Transport: signed{conn}, CheckRedirect: noRedirect}, conn.cloud.graph+"/v1.0")
	if err != nil {
		return nil, fmt.Errorf("outlook: %w", err)
	}
	conn.graph = g
	if c.delegated() {
		return consenter{conn}, nil
	}
	return conn, nil
}

// mailbox is the one that a request is about: the limits count by it.
func mailbox(r *http.Request) (string, bool) {
	_, rest, ok := strings.Cut(r.URL.Path, "/users/")
	name, _, deeper := strings.Cut(rest, "/")
	return strings.ToLower(name), ok && deeper
}

type connector struct {
	cfg       Config
	env       connectors.Env
	cloud     cloud
	transport http.RoundTripper // retries lie below the credentials, so that they happen once
	pace      *pace.Transport   // nil: replayed
	grants    *grants.Store
	graph     *graph.Client
}

var _ connectors.Connector = (*connector)(nil)

// noRedirect: following one would show the token to a host that we did not choose.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// here reports whether the link, if any, leads to the configured service. One to elsewhere would make us
// send the token there.
func (c *connector) here(link string) bool {
	return link == "" || strings.HasPrefix(link, c.cloud.graph+"/")
}

// page is any list of Graph's.
type page[E any] struct {
	Value     []E    `json:"value"`
	NextLink  string `json:"@odata.nextLink"`
	DeltaLink string `json:"@odata.deltaLink"`
}

// list is a page of an answer whose elements stay raw: a bad one costs itself alone.
func (c *connector) list(a graph.Answer, err error, doing, user string) (page[json.RawMessage], error) {
	return read[json.RawMessage](c, a, err, doing, user)
}

// read makes a page of an answer, or the contract's error of what it says. The user is whose mailbox was asked for; ""
// is nobody's.
func read[E any](c *connector, a graph.Answer, err error, doing, user string) (page[E], error) {
	var p page[E]
	if err != nil {
		return p, c.explainTransport(err, doing, user)
	}
	if a.Status != http.StatusOK {
		return p, c.explain(a, doing, user)
	}
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return page[E]{}, fmt.Errorf("outlook: %s: the answer is no list: %w", doing, err)
	}
	// A list without elements says so. Nobody may conclude from anything else that there are none.
	if p.Value == nil {
		return page[E]{}, fmt.Errorf("outlook: %s: the answer is no list", doing)
	}
	for _, link := range []string{p.NextLink, p.DeltaLink} {
		if !c.here(link) {
			return page[E]{}, fmt.Errorf("outlook: %s: the next page is said to be on another host than %s", doing, c.cloud.graph)
		}
	}
	return p, nil
}

// events is a page of an answer. Most pages can be read in one go, which takes half as long; of the others, the events
// that can't be read are marked.
func (c *connector) events(a graph.Answer, err error, doing, user string) (page[event], error) {
	p, err := read[event](c, a, err, doing, user)
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return p, err
	}
	raw, err := c.list(a, nil, doing, user)
	p = page[event]{NextLink: raw.NextLink, DeltaLink: raw.DeltaLink}
	for _, r := range raw.Value {
		p.Value = append(p.Value, single(r))
	}
	return p, err
}

func (c *connector) pageLimit() int32 { return cmp.Or(c.cfg.pageSize, 250) }
