package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/connectors"
	"example.com/syncd/deliver"
	"example.com/syncd/schedule"
)

// settings are those of the tests' two drivers.
type settings struct {
	Domain string   `yaml:"domain"`
	Users  []string `yaml:"users"`
	Cloud  string   `yaml:"cloud"`
}

func (s *settings) Validate() error {
	var errs []error
	if s.Domain == "" {
		errs = append(errs, errors.New("domain is missing"))
	}
	if s.Cloud != "global" {
		errs = append(errs, errors.New("cloud must be global"))
	}
	return errors.Join(errs...)
}

func (s *settings) Open(connectors.Env) (connectors.Connector, error) { return nil, nil }

// lonely is a driver's settings with one error at most.
type lonely struct {
	File string `yaml:"file"`
}

func (l *lonely) Validate() error {
	if l.File == "" {
		return errors.New("file is missing")
	}
	return nil
}

func (l *lonely) Open(connectors.Env) (connectors.Connector, error) { return nil, nil }

var testDrivers = []connectors.Driver{
	{Name: "google", Config: func() connectors.Config { return &settings{Cloud: "global"} }},
	{Name: "outlook", Config: func() connectors.Config { return &settings{Cloud: "global"} }},
	{Name: "demo", Config: func() connectors.Config { return &lonely{} }},
}

// chain is a sink's settings that has targets of its own.
type chain struct {
	After time.Duration `yaml:"after"`
}

func (*chain) Validate() error                                   { return nil }
func (*chain) Open(string, deliver.Env) (schedule.Target, error) { return schedule.Target{}, nil }

var testSinks = []deliver.Kind{
	{Name: "file", Config: func() deliver.Config { return &deliver.FileConfig{} }},
	{Name: "chain", Config: func() deliver.Config { return &chain{} }, Nested: true},
}

// write makes a folder with the files, and works in it: the errors then have short names.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const policyText = "company: {name: acme, internal_domains: [acme.com]}\n"

func TestLoad(t *testing.T) {
	write(t, map[string]string{"etc/rules.yaml": policyText, "etc/syncd.yaml": `
store: ../var/syncd.db
policy: rules.yaml
# what follows has its lines
horizon: {past: 36h, future: 14d}
poll: 5s
clock: 2026-11-23T09:00:00+01:00
deliver:
  - name: log
    file: {path: /tmp/schedules.jsonl}
  - name: recorders
    chain:
      after: 5m
      targets:
        - {name: first, file: {path: a}}
        - {name: second, file: {path: b}}
serve: {listen: ":8080", token_file: token, public_url: "https://syncd.acme.com", proxies: [10.0.0.0/8], requests_per_second: 500,
  login: {issuer: "https://login.acme.com/realms/acme", client_id: syncd, client_secret_file: secret, admins: [ana@acme.com, it], viewers: [sales],
    domains: [acme.com], groups_claim: roles, scopes: [groups], trust_addresses: true}}
push: {url: "https://syncd.acme.com:8443"}
connections:
  - name: acme.com
    tape: demo/google.yaml
    google: &settings
      domain: acme.com
      users: [ana@acme.com]
  - name: acme.com
    outlook: *settings
  - demo: {file: events.jsonl}
    name: trial_1@here-there
keyset_file: keys.json
keyset_kms: hcvault://vault.acme.com:8200/transit/keys/syncd
`})
	c, err := Load("etc/syncd.yaml", testDrivers, testSinks)
	if err != nil {
		t.Fatal(err)
	}
	if c.Policy == nil || c.Policy.Company.Name != "acme" {
		t.Errorf("the policy is %+v", c.Policy)
	}
	if want := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC); !c.Clock.Equal(want) {
		t.Errorf("the clock is %s", c.Clock)
	}
	var drivers []string
	for i := range c.Connections {
		drivers = append(drivers, c.Connections[i].Driver.Name)
		c.Connections[i].Driver = connectors.Driver{} // functions can't be compared
	}
	if diff := cmp.Diff([]string{"google", "outlook", "demo"}, drivers); diff != "" {
		t.Error(diff)
	}
	kinds := func(targets []Target) (names []string) {
		for i := range targets {
			names = append(names, targets[i].Kind.Name)
			targets[i].Kind = deliver.Kind{}
		}
		return names
	}
	if diff := cmp.Diff([]string{"file", "chain", "file", "file"}, append(kinds(c.Deliver), kinds(c.Deliver[1].Targets)...)); diff != "" {
		t.Error(diff)
	}
	c.Policy, c.Clock = nil, time.Time{}
	google := &settings{Domain: "acme.com", Users: []string{"ana@acme.com"}, Cloud: "global"}
	want := &Config{
		Path: "etc/syncd.yaml", Dir: "etc", Store: "var/syncd.db", PolicyPath: "etc/rules.yaml", KeysetFile: "etc/keys.json",
		KeysetKMS: "hcvault://vault.acme.com:8200/transit/keys/syncd",
		Horizon:   Horizon{Past: Duration(36 * time.Hour), Future: Duration(14 * 24 * time.Hour)}, Poll: Duration(5 * time.Second),
		Serve: Serve{
			Listen: ":8080", TokenFile: "etc/token", PublicURL: "https://syncd.acme.com", Proxies: []string{"10.0.0.0/8"}, RequestsPerSecond: 500,
			Login: &Login{
				Issuer: "https://login.acme.com/realms/acme", ClientID: "syncd", ClientSecretFile: "etc/secret", Admins: []string{"ana@acme.com", "it"},
				Viewers: []string{"sales"}, Domains: []string{"acme.com"}, GroupsClaim: "roles", Scopes: []string{"groups"}, TrustAddresses: true,
			},
		},
		PollQuiet: Duration(15 * time.Minute), Fresh: Duration(5 * time.Minute), Retention: Duration(90 * day),
		Log:  Log{Format: "text", Level: "info", Addresses: "plain"},
		Push: Push{URL: "https://syncd.acme.com:8443"},
		Deliver: []Target{
			{Name: "log", Config: &deliver.FileConfig{Path: "/tmp/schedules.jsonl"}, Line: 9},
			{Name: "recorders", Config: &chain{After: 5 * time.Minute}, Line: 11, Targets: []Target{
				{Name: "first", Config: &deliver.FileConfig{Path: "a"}, Line: 15}, {Name: "second", Config: &deliver.FileConfig{Path: "b"}, Line: 16},
			}},
		},
		Connections: []Connection{
			{Name: "acme.com", Config: google, Tape: "etc/demo/google.yaml", Line: 22},
			{Name: "acme.com", Config: google, Line: 27},
			{Name: "trial_1@here-there", Config: &lonely{File: "events.jsonl"}, Line: 29},
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := []string{c.Resolve(""), c.Resolve("a/b"), c.Resolve("/a/b")}; !cmp.Equal(got, []string{"", "etc/a/b", "/a/b"}) {
		t.Errorf("resolved %q", got)
	}
}

func TestLoadDefaults(t *testing.T) {
	write(t, map[string]string{"policy.yaml": policyText, "syncd.yaml": "connections: [{name: a, demo: {file: x}}]\nserve:\nhorizon: {past: 2h}\n"})
	c, err := Load("syncd.yaml", testDrivers, testSinks)
	if err != nil {
		t.Fatal(err)
	}
	c.Policy, c.Connections = nil, nil
	want := &Config{
		Path: "syncd.yaml", Dir: ".", Store: "syncd.db", PolicyPath: "policy.yaml",
		Horizon: Horizon{Past: Duration(2 * time.Hour), Future: Duration(672 * time.Hour)}, Poll: Duration(time.Minute),
		PollQuiet: Duration(15 * time.Minute), Fresh: Duration(5 * time.Minute), Retention: Duration(90 * day),
		Serve: Serve{Listen: "127.0.0.1:8787", RequestsPerSecond: 200}, Log: Log{Format: "text", Level: "info", Addresses: "plain"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadErrors(t *testing.T) {
	const conn = "connections: [{name: a, demo: {file: x}}]\n"
	const drivers = "the drivers are google, outlook, demo"
	tests := []struct{ name, yaml, want string }{
		{"log", conn + "log: {format: yaml, level: trace, addresses: none}\n", "syncd.yaml:2: log.format: \"yaml\" is none of text, json\n" +
			"syncd.yaml:2: log.level: \"trace\" is none of debug, info, warn, error\nsyncd.yaml:2: log.addresses: \"none\" is none of plain, hashed"},
		{"metrics", conn + "serve: {metrics: {listen: 9464}}\n", "syncd.yaml:2: serve.metrics.listen must be HOST:PORT such as 127.0.0.1:9464, or off, not \"9464\""},
		{"metrics at the same place", conn + "serve: {listen: \"127.0.0.1:1\", metrics: {listen: \"127.0.0.1:1\"}}\n",
			"syncd.yaml:2: serve.metrics.listen is serve.listen's address: leave it out to have the metrics there, behind a token"},
		{"empty", "\n", "syncd.yaml:1: the file is empty"},
		{"no connections", "poll: 1m\n", "syncd.yaml:1: connections: there are none: name at least one account whose calendars are read"},
		{"an empty list", "poll: 1m\nconnections: []\n", "syncd.yaml:2: connections: there are none: name at least one account whose calendars are read"},
		{"connections, no list", "connections: {google: {}}\n", "syncd.yaml:1: connections must be a list, not a group of keys"},
		{"a connection that is a word", "connections: [google]\n", `syncd.yaml:1: connections[0] must be a group of keys (name, tape, google, outlook, demo), not "google"`},
		{"a connection that is nothing", "connections:\n  -\n", "syncd.yaml:2: connections[0] names no driver: add one of google, outlook, demo, with its settings\nsyncd.yaml:2: connections[0].name is missing: name the account"},
		{"no driver", "connections:\n- name: a\n", "syncd.yaml:2: connections[0] names no driver: add one of google, outlook, demo, with its settings"},
		{"unknown driver", "connections:\n- name: a\n  gogle: {}\n", `syncd.yaml:3: unknown key "gogle" (did you mean "google"? ` + drivers + ")"},
		{"unknown driver, none near", "connections:\n- name: a\n  caldav: {}\n", `syncd.yaml:3: unknown key "caldav" (` + drivers + ")"},
		{"two drivers", "connections:\n- name: a\n  google: {domain: a}\n  demo: {file: x}\n", "syncd.yaml:2: connections[0] has the drivers google and demo: make it 2 connections"},
		{"a driver's setting", "connections:\n- name: a\n  google:\n    domian: a\n    users: a\n", "syncd.yaml:4: unknown key \"domian\" (did you mean \"domain\"?)\nsyncd.yaml:5: connections[0].google.users must be a list, not \"a\" (write [a])"},
		{"what the driver says", "connections:\n- name: a\n  demo:\n", "syncd.yaml:3: connections[0].demo: file is missing"},
		{"all that the driver says", "connections:\n- name: a\n  google:\n    cloud: dod\n", "syncd.yaml:3: connections[0].google: domain is missing\nsyncd.yaml:3: connections[0].google: cloud must be global"},
		{"no name", "connections:\n- demo: {file: x}\n", "syncd.yaml:2: connections[0].name is missing: name the account"},
		{"bad name", "connections:\n- demo: {file: x}\n  name: Acme Inc/1\n", `syncd.yaml:3: connections[0].name must be of the characters a-z 0-9 . @ _ -, not "Acme Inc/1"`},
		{"a name that is none, and the rest", "connections:\n- demo: {}\n  name: [a]\n", "syncd.yaml:2: connections[0].demo: file is missing\nsyncd.yaml:3: connections[0].name must be text, not a list"},
		{"a bad name, and the rest", "connections:\n- demo: {}\n  name: A\n", "syncd.yaml:2: connections[0].demo: file is missing\nsyncd.yaml:3: connections[0].name must be of the characters a-z 0-9 . @ _ -, not \"A\""},
		{"empty name", "connections:\n- demo: {file: x}\n  name: \"\"\n", `syncd.yaml:3: connections[0].name must be of the characters a-z 0-9 . @ _ -, not ""`},
		{"name twice", "connections:\n- name: a\n  demo: {file: x}\n- name: a\n  google: {domain: x}\n- demo: {file: y}\n  name: a\n", `syncd.yaml:7: connections[2].name: the demo connection on line 2 is called "a" already`},
		{"the same twice, by an alias", "connections:\n- &a\n  name: a\n  demo: {file: x}\n- *a\n", `syncd.yaml:3: connections[1].name: the demo connection on line 2 is called "a" already`},
		{"postgres", conn + "store: postgres://syncd:geheim@db/syncd\n", "syncd.yaml:2: store: secrets are not written here: leave the password out of the URL, and have it in a file that passfile=FILE in the URL, or PGPASSFILE in the environment, names"},
		{"postgresql", conn + "store: postgresql://syncd:geheim@db/syncd\n", "syncd.yaml:2: store: secrets are not written here: leave the password out of the URL, and have it in a file that passfile=FILE in the URL, or PGPASSFILE in the environment, names"},
		{"another URL", conn + "store: mysql://syncd:geheim@db/syncd\n", "syncd.yaml:2: store must be the name of an SQLite file, or a URL that begins with postgres://"},
		{"store without a name", conn + "store: \"\"\n", `syncd.yaml:2: store must be the name of an SQLite file, not ""`},
		{"policy without a name", conn + "policy: \"\"\n", `syncd.yaml:2: policy must be the name of a policy's file, not ""`},
		{"horizon", conn + "horizon:\n  past: 59m\n  future: 91d\n", "syncd.yaml:3: horizon.past must be between 1h and 31d, not 59m\nsyncd.yaml:4: horizon.future must be between 1d and 90d, not 91d"},
		{"horizon, the other ends", conn + "horizon: {past: 745h, future: 23h}\n", "syncd.yaml:2: horizon.past must be between 1h and 31d, not 745h\nsyncd.yaml:2: horizon.future must be between 1d and 90d, not 23h"},
		{"poll", conn + "poll: 999ms\n", "syncd.yaml:2: poll must be between 1s and 1d, not 999ms"},
		{"poll, negative", conn + "poll: -1m\n", "syncd.yaml:2: poll must be between 1s and 1d, not -1m"},
		{"poll, no duration", conn + "poll: 60\n", "syncd.yaml:2: poll must be a duration such as 90s, 30m, 12h or 28d, not 60"},
		{"listen", conn + "serve: {listen: localhost}\n", `syncd.yaml:2: serve.listen must be HOST:PORT such as 127.0.0.1:8787, or off, not "localhost"`},
		{"listen, a port too high", conn + "serve: {listen: \":70000\"}\n", `syncd.yaml:2: serve.listen must be HOST:PORT such as 127.0.0.1:8787, or off, not ":70000"`},
		{"push", conn + "push: {url: \"http://syncd.acme.com\"}\n", `syncd.yaml:2: push.url must be https://HOST such as https://syncd.acme.com, with nothing behind it, not "http://syncd.acme.com"`},
		{"push, a path", conn + "push: {url: \"https://syncd.acme.com/x\"}\n", `syncd.yaml:2: push.url must be https://HOST such as https://syncd.acme.com, with nothing behind it, not "https://syncd.acme.com/x"`},
		{"push, no host", conn + "push: {url: \"https://:443\"}\n", `syncd.yaml:2: push.url must be https://HOST such as https://syncd.acme.com, with nothing behind it, not "https://:443"`},
		{"push, and nobody to answer", conn + "serve: {listen: off}\npush: {url: \"https://syncd.acme.com\"}\n", `syncd.yaml:3: push.url: nobody would answer: serve.listen is off. Name an address there, or leave push out`},
		{"serve", conn + "serve: off\n", `syncd.yaml:2: serve must be a group of keys (listen, token_file, public_url, proxies, requests_per_second, metrics, login), not "off"`},
		{"public URL", conn + "serve: {public_url: \"https://syncd.acme.com/\"}\n", `syncd.yaml:2: serve.public_url must be https://HOST such as https://syncd.acme.com, with nothing behind it, not "https://syncd.acme.com/"`},
		{"public URL without TLS", conn + "serve: {public_url: \"http://syncd.acme.com\"}\n", `syncd.yaml:2: serve.public_url must be https://HOST such as https://syncd.acme.com, with nothing behind it, not "http://syncd.acme.com"`},
		{"proxies", conn + "serve: {proxies: [10.0.0.1]}\n", `syncd.yaml:2: serve.proxies[0] must be a network such as 10.0.0.0/8, not "10.0.0.1"`},
		{"no requests", conn + "serve: {requests_per_second: 0}\n", `syncd.yaml:2: serve.requests_per_second must be between 1 and 100000, not 0`},
		{"log-in without a public URL", conn + "serve: {login: {issuer: \"https://id.acme.com\", client_id: x, domains: [acme.com]}}\n", `syncd.yaml:2: serve.login: set serve.public_url too: the issuer sends browsers back there`},
		{"log-in for nobody", conn + "serve: {public_url: \"https://syncd.acme.com\", login: {issuer: \"https://id.acme.com\", client_id: x}}\n", `syncd.yaml:2: serve.login: nobody could come in: name admins, viewers or domains`},
		{"log-in without TLS", conn + "serve: {public_url: \"https://syncd.acme.com\", login: {issuer: \"http://id.acme.com\", client_id: x, viewers: [x]}}\n", `syncd.yaml:2: serve.login.issuer must be the issuer's address such as https://accounts.google.com, not "http://id.acme.com"`},
		{"log-in without a client", conn + "serve: {public_url: \"https://syncd.acme.com\", login: {issuer: \"https://id.acme.com\", viewers: [x]}}\n", `syncd.yaml:2: serve.login.client_id is missing: register syncd at the issuer, and write down what it is called there`},
		{"log-in, a domain", conn + "serve: {public_url: \"https://syncd.acme.com\", login: {issuer: \"https://id.acme.com\", client_id: x, domains: [\"@acme.com\"]}}\n", `syncd.yaml:2: serve.login.domains[0] must be a domain such as acme.com, not "@acme.com"`},
		{"clock", conn + "clock: noon\n", `syncd.yaml:2: clock must be a time such as 2026-11-23T08:00:00Z, not "noon"`},
		{"no policy", conn + "policy: nowhere.yaml\n", "syncd.yaml:2: policy: nowhere.yaml: no such file (write one, or start from configs/policy.yaml)"},
		{"an import without a driver", conn + "policy: imports.yaml\n", `imports.yaml:3: import.gogle: unknown driver (did you mean "google"? ` + drivers + ")"},
		{"a KMS key, no service", conn + "keyset_kms: vault://vault.acme.com/transit/keys/syncd\n", `syncd.yaml:2: keyset_kms must be the URI of a key such as ` + KMSWords + `, not "vault://vault.acme.com/transit/keys/syncd"`},
		{"a KMS key, a version of it", conn + "keyset_kms: gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1\n", `syncd.yaml:2: keyset_kms must be the URI of a key such as ` + KMSWords + `, not "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cry…"`},
		{"computed fields are no keys", conn + "path: x\n", `syncd.yaml:2: unknown key "path" (known here: store, policy, keyset_file, keyset_kms, horizon, poll, poll_quiet, fresh, retention, clock, resolve_links, serve, push, log, deliver, connections)`},
		{"deliver, as it was once", conn + "deliver: {file: x}\n", `syncd.yaml:2: deliver must be a list, not a group of keys, each with a name and one of file, chain`},
		{"a target that goes nowhere", conn + "deliver:\n- name: a\n", "syncd.yaml:3: deliver[0] goes nowhere: add one of file, chain, with its settings"},
		{"an unknown target", conn + "deliver:\n- name: a\n  fiel: {path: x}\n", `syncd.yaml:4: unknown key "fiel" (did you mean "file"? the targets are file, chain)`},
		{"two at once", conn + "deliver:\n- name: a\n  file: {path: x}\n  chain: {after: 1m, targets: [{name: a, file: {path: x}}, {name: b, file: {path: x}}]}\n", "syncd.yaml:3: deliver[0] is file and chain at once: make it 2 targets"},
		{"a target without a name", conn + "deliver:\n- file: {path: x}\n", "syncd.yaml:3: deliver[0].name is missing: name the target"},
		{"a target's bad name", conn + "deliver:\n- {name: A, file: {path: x}}\n", `syncd.yaml:3: deliver[0].name must be of the characters a-z 0-9 . @ _ -, not "A"`},
		{"a target's name twice", conn + "deliver:\n- {name: a, file: {path: x}}\n- {name: a, file: {path: y}}\n", `syncd.yaml:4: deliver[1].name: the target on line 3 is called "a" already`},
		{"a target's setting", conn + "deliver:\n- {name: a, file: {paht: x}}\n", `syncd.yaml:3: unknown key "paht" (did you mean "path"?)`},
		{"what the target says", conn + "deliver:\n- {name: a, file: }\n", `syncd.yaml:3: deliver[0].file: path is missing: name the file to append to`},
		{"a chain of one", conn + "deliver:\n- name: a\n  chain:\n    after: 1m\n    targets: [{name: a, file: {path: x}}]\n", `syncd.yaml:4: deliver[0].chain.targets must name at least two targets, the first of which is tried first`},
		{"a chain in a chain", conn + "deliver:\n- name: a\n  chain:\n    after: 1m\n    targets:\n    - {name: a, chain: {}}\n    - {name: a, file: {}}\n", "syncd.yaml:7: unknown key \"chain\" (the targets are file)\nsyncd.yaml:8: deliver[0].chain.targets[1].file: path is missing: name the file to append to"},
		{"a chain's own key", conn + "deliver:\n- name: a\n  chain:\n    aftre: 1m\n    targets: [{name: a, file: {path: x}}, {name: b, file: {path: x}}]\n", `syncd.yaml:5: unknown key "aftre" (did you mean "after"?)`},
		{"targets twice", conn + "deliver:\n- name: a\n  chain:\n    targets: [{name: a, file: {path: x}}, {name: b, file: {path: x}}]\n    targets: []\n", `syncd.yaml:6: duplicate key "targets" (first on line 5)`},
		{"all at once, the policy's after", "stor: x.db\npolicy: bad.yaml\npoll: often\nconnections:\n  - name: acme\n    gogle: {domain: acme.com}\n",
			"syncd.yaml:1: unknown key \"stor\" (did you mean \"store\"?)\n" +
				"syncd.yaml:3: poll must be a duration such as 90s, 30m, 12h or 28d, not \"often\"\n" +
				"syncd.yaml:6: unknown key \"gogle\" (did you mean \"google\"? " + drivers + ")\n" +
				"bad.yaml:1: unknown key \"exlude\" (did you mean \"exclude\"?)"},
	}
	write(t, map[string]string{"policy.yaml": policyText, "bad.yaml": "exlude: {}\n", "imports.yaml": "import:\n  google: {}\n  gogle: {enabled: true}\n"})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile("syncd.yaml", []byte(test.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load("syncd.yaml", testDrivers, testSinks)
			if err == nil {
				t.Fatalf("no error, want\n%s", test.want)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if c != nil || strings.Contains(err.Error(), "geheim") {
				t.Errorf("got %+v beside the error, or a password in it", c)
			}
		})
	}
}

func TestLoadNoFile(t *testing.T) {
	write(t, map[string]string{"etc/x": ""})
	_, err := Load("syncd.yaml", testDrivers, testSinks)
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "syncd.yaml: no such file (write one, or start from configs/demo.yaml)" {
		t.Errorf("got %v", err)
	}
	_, err = Load("etc", testDrivers, testSinks)
	if err == nil || err.Error() != "etc: is a directory" {
		t.Errorf("got %v", err)
	}
}
