package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"example.com/syncd/config"
	"example.com/syncd/config/schema"
	"example.com/syncd/connectors"
)

var update = flag.Bool("update", false, "write the schemas in configs/schema anew")

// schemas are the files of configs/schema, with what makes them.
var schemas = []struct {
	kind string // of the files that it is for
	make func(root string, drivers []connectors.Driver) ([]byte, error)
}{
	{"syncd", func(root string, drivers []connectors.Driver) ([]byte, error) {
		return schema.Syncd(root, drivers, sinks)
	}},
	{"policy", schema.Policy},
}

func schemaFile(kind string) string {
	return filepath.Join("../../configs/schema", kind+".schema.json")
}

// TestSchemaFiles: the schemas are those of the types as they are now.
func TestSchemaFiles(t *testing.T) {
	for _, s := range schemas {
		want, err := s.make("../..", drivers)
		if err != nil {
			t.Errorf("%s: %v", s.kind, err)
			continue
		}
		if *update {
			if err := os.WriteFile(schemaFile(s.kind), want, 0o644); err != nil {
				t.Error(err)
			}
		}
		if got, err := os.ReadFile(schemaFile(s.kind)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say now (%v): renew it by make generate, or go test ./cmd/syncd -run TestSchemaFiles -update", schemaFile(s.kind), err)
		}
	}
}

// A checker asks both judges of a kind of file: its schema, by a library that had no part in making it,
// and the decoder.
type checker struct {
	kind   string
	schema *jsonschema.Schema
	raw    map[string]any // the schema as JSON
	dir    string
}

func newChecker(t *testing.T, kind string) *checker {
	t.Helper()
	b, err := os.ReadFile(schemaFile(kind))
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{kind: kind, dir: t.TempDir()}
	if err := json.Unmarshal(b, &c.raw); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", c.raw); err != nil {
		t.Fatal(err)
	}
	if c.schema, err = compiler.Compile("schema.json"); err != nil {
		t.Fatal(err)
	}
	// Files that a policy or a configuration names.
	if err := os.CopyFS(c.dir, os.DirFS("../../configs")); err != nil {
		t.Fatal(err)
	}
	// What the other file says, unless the test writes one: a configuration needs a policy, and a policy is
	// read by a configuration, since that knows the drivers.
	for name, text := range map[string]string{"syncd.yaml": "connections: [{name: a, demo: {file: x}}]\n", "policy.yaml": "company: {}\n"} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func newCheckers(t *testing.T) map[string]*checker {
	t.Helper()
	return map[string]*checker{"syncd": newChecker(t, "syncd"), "policy": newChecker(t, "policy")}
}

// decode is the decoder's opinion.
func (c *checker) decode(t rapid.TB, text []byte) (*config.Config, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, c.kind+".yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(filepath.Join(c.dir, "syncd.yaml"), drivers, sinks)
}

// validate is the schema's opinion.
func (c *checker) validate(root *yaml.Node) error { return c.schema.Validate(instance(root)) }

// parse reads YAML without its comments, and does not mind what the decoder may.
func parse(t rapid.TB, text []byte) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err == nil {
		err = loader.Load(&doc)
	}
	if err != nil || len(doc.Content) != 1 {
		t.Fatalf("%v in\n%s", err, text)
	}
	bare(&doc)
	return doc.Content[0]
}

// bare takes the comments off: what is written out and read a thousand times should be short.
func bare(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		bare(c)
	}
}

// instance is what an editor makes of YAML: JSON's values, by YAML 1.2. The last of duplicates stays.
func instance(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return instance(n.Alias)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = instance(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		l := make([]any, len(n.Content))
		for i, c := range n.Content {
			l[i] = instance(c)
		}
		return l
	}
	var v any
	if n.Tag != "!!timestamp" && n.Decode(&v) == nil {
		switch v := v.(type) {
		case float64:
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				return v
			}
		case nil, bool, int, int64, uint64:
			return v
		}
	}
	return n.Value
}

// valid is every file in configs and in the scripts that the decoder accepts, with those below.
func valid(t *testing.T) map[string][][]byte {
	t.Helper()
	checkers := newCheckers(t)
	all := map[string][][]byte{"syncd": {[]byte(everything), []byte(byGroup), []byte(byUser), []byte(byMail), []byte(byToken), []byte(byKey), []byte(byRegion)}, "policy": {[]byte(eachProvider)}}
	add := func(text []byte) {
		kind := "policy"
		if bytes.Contains(text, []byte("\nconnections:")) {
			kind = "syncd"
		}
		if _, err := checkers[kind].decode(t, text); err != nil {
			return // a script about errors
		}
		all[kind] = append(all[kind], text)
	}
	for _, glob := range []string{"../../configs/*.yaml", "testdata/script/*.txtar"} {
		names, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(name) == ".yaml" {
				add(b)
				continue
			}
			for _, f := range txtar.Parse(b).Files {
				if filepath.Ext(f.Name) == ".yaml" {
					add(f.Data)
				}
			}
		}
	}
	if len(all["syncd"]) < 4 || len(all["policy"]) < 3 {
		t.Fatalf("found only %d configurations and %d policies", len(all["syncd"]), len(all["policy"]))
	}
	return all
}

// everything has each key of syncd.yaml; each of the policy's is in configs/policy.yaml.
const everything = `
store: syncd.db
policy: policy.yaml
keyset_file: keys.json
keyset_kms: hcvault://vault.acme.com:8200/transit/keys/syncd
horizon: {past: 24h, future: 28d}
poll: 1m
clock: 2026-11-23T08:00:00Z
resolve_links: true
deliver:
  - {name: lines, file: {path: out.jsonl}}
  - {name: out, stdout: {}}
  - name: hook
    webhook: {url: https://hooks.acme.com, secrets_file: s, source: /acme, timeout: 5s, allow_networks: [10.1.0.0/16, "fd00::/8"], allow_http: false}
  - name: bots
    failover:
      after: 5m
      before: 3m
      take_over_unconfirmed: false
      targets:
        - name: recall
          recall: {region: eu-central-1, key_file: k, timeout: 20s, bot_name: Notes, join_early: 15s, send_titles: true, settings_file: s.json}
        - name: attendee
          attendee: {url: https://attendee.acme.com, key_file: k, timeout: 20s, bot_name: Notes, join_early: 0s, send_titles: false, settings_file: s.json, zoom_users: {ana: zu_1}}
        - {name: lines, file: {path: out.jsonl}}
        - {name: out, stdout: {}}
        - {name: hook, webhook: {url: https://hooks.acme.com, secrets_file: s, source: /acme, timeout: 5s, allow_networks: [10.1.0.0/16], allow_http: false}}
        - name: vexa
          vexa: {url: "http://127.0.0.1:18056", key_file: k, timeout: 20s, bot_name: Notes, settings_file: s.json, lead: 2m}
        - name: baas
          meetingbaas: {url: https://baas.example, key_file: k, timeout: 20s, bot_name: Notes, join_early: 5s, send_titles: false, settings_file: s.json, zoom_users: {ana: zu_1}}
  - name: recall
    recall: {url: https://recall.example, key_file: k, timeout: 20s, bot_name: Notes, join_early: 15s, send_titles: true, settings_file: s.json}
  - name: attendee
    attendee: {url: https://attendee.acme.com, key_file: k, timeout: 20s, bot_name: Notes, join_early: 0s, send_titles: false, settings_file: s.json, zoom_users: {ana: zu_1}}
  - name: vexa
    vexa: {url: "http://127.0.0.1:18056", key_file: k, timeout: 20s, bot_name: Notes, settings_file: s.json, lead: 2m}
  - name: baas
    meetingbaas: {url: https://baas.example, key_file: k, timeout: 20s, bot_name: Notes, join_early: 5s, send_titles: false, settings_file: s.json, zoom_users: {ana: zu_1}}
serve: {listen: ":8080", token_file: token, public_url: "https://syncd.acme.com", proxies: [10.0.0.0/8], requests_per_second: 500,
  metrics: {listen: "127.0.0.1:9464"},
  login: {issuer: "https://login.acme.com/realms/acme", client_id: syncd, client_secret_file: secret, admins: [ana@acme.com, it], viewers: [sales],
    domains: [acme.com], groups_claim: roles, scopes: [groups], trust_addresses: true}}
push: {url: https://syncd.acme.com}
log: {format: json, level: debug, addresses: hashed}
connections:
  - name: a
    tape: tape.yaml
    google: {domain: acme.com, service_account_file: key.json, admin: admin@acme.com, users: [ana@acme.com]}
  - name: a
    outlook: {tenant: acme.com, client_id: id, client_secret_file: secret, cloud: dod, users: [eve@acme.com], calendars: all}
  - name: a
    coordinator: {address: notes@acme.com, folder: mail, domains: [acme.com]}
  - name: a
    demo: {file: events.jsonl}
`

// byRegion has the recorders' settings that can't stand beside others.
const byRegion = "connections: [{name: a, demo: {file: x}}]\ndeliver:\n  - {name: r, recall: {region: us-west-2, key_file: k}}\n" +
	"  - {name: f, failover: {targets: [{name: a, recall: {url: \"https://recall.example\", key_file: k}}, {name: b, stdout: {}}]}}\n"

// byGroup has what can't stand beside everything else.
const byGroup = "connections:\n  - name: a\n    google: {domain: acme.com, service_account: s@p.iam.gserviceaccount.com, credentials_file: adc.json, admin: admin@acme.com, group: pilot@acme.com,\n" +
	"      roster: people, calendars: all, queries_per_minute: 6000, queries_per_minute_per_user: 300, endpoint: \"http://127.0.0.1:4014\"}\n" +
	"  - name: b\n    outlook: {tenant: acme.com, client_id: id, certificate_file: c.pem, group: 1a2b3c4d-0000-4000-8000-00000000000a, roster: directory, domains: [acme.com],\n" +
	"      login_url: \"https://login.example\", graph_url: \"https://graph.example\"}\n"

// byUser is a connection whose users consent one by one.
const byUser = "connections:\n  - name: a\n    google: {oauth_client_file: client.json}\n" +
	"  - name: b\n    outlook: {tenant: organizations, client_id: id, permissions: delegated, federated_token_file: /var/run/token, endpoint: \"http://127.0.0.1:4015\"}\n"

// byMail is a mailbox to which mail is handed over besides, byToken and byKey are mailboxes that are opened by a token.
const (
	byMail = "connections:\n  - name: a\n    coordinator: {address: notes@acme.com, domains: [acme.com], senders: [partner.example], results_of: [mx.acme.com], exchange: true, sealers: [lists.acme.com],\n" +
		"      authenticate: true, time_zone: Europe/Berlin, lmtp: {listen: \"0.0.0.0:24\", protocol: smtp, allow: [10.0.0.0/8], cert_file: mx.pem, key_file: mx-key.pem}, http: {token_file: token},\n" +
		"      folder: mail, imap: {server: \"imap.acme.com:993\", user: notes, mailbox: INBOX, security: tls, password_file: p}}\n"
	byToken = "connections:\n  - name: a\n    coordinator: {address: notes@acme.com, authenticate: false, imap: {server: \"imap.acme.com:993\",\n" +
		"      token_url: \"https://login.example/token\", client_id: id, client_secret_file: s, scope: x}}\n"
	byKey = "connections:\n  - name: a\n    coordinator: {address: notes@acme.com, authenticate: false, imap: {server: \"imap.acme.com:993\", service_account_file: key.json}}\n"
)

// eachProvider has a choice of its own for each conference provider.
const eachProvider = "providers: {zoom: {capture: [bot]}, teams: {capture: [bot]}, webex: {capture: [bot]}, meet: {capture: [bot]}}\n"

// TestSchemaAccepts: what the decoder accepts, the schema does.
func TestSchemaAccepts(t *testing.T) {
	for kind, texts := range valid(t) {
		c := newChecker(t, kind)
		for _, text := range texts {
			if err := c.validate(parse(t, text)); err != nil {
				t.Errorf("%v in\n%s", err, text)
			}
		}
	}
}

// TestSchemaModelines: the files of configs name their schema, in their first line.
func TestSchemaModelines(t *testing.T) {
	for name, kind := range map[string]string{"syncd": "syncd", "demo": "syncd", "policy": "policy"} {
		b, err := os.ReadFile(filepath.Join("../../configs", name+".yaml"))
		if want := fmt.Sprintf("# yaml-language-server: $schema=schema/%s.schema.json\n", kind); err != nil || !strings.HasPrefix(string(b), want) {
			t.Errorf("%s.yaml does not begin with %s (%v)", name, want, err)
		}
	}
}

// TestSchemaRefuses: what the decoder refuses, the schema does too, unless a schema can't know.
func TestSchemaRefuses(t *testing.T) {
	const conn = "connections: [{name: a, demo: {file: x}}]\n"
	checkers := newCheckers(t)
	for _, test := range []struct {
		kind, name, yaml string
		blind            string // why the schema accepts it
	}{
		{"syncd", "unknown key", conn + "stor: x\n", ""},
		{"syncd", "unknown key in a group", conn + "serve: {port: 80}\n", ""},
		{"syncd", "a computed field", conn + "path: x\n", ""},
		{"syncd", "merge keys", conn + "<<: {store: x}\n", ""},
		{"syncd", "a list", "[]\n", ""},
		{"syncd", "connections missing", "store: x\n", ""},
		{"syncd", "connections empty", "connections:\n", ""},
		{"syncd", "no connection", "connections: []\n", ""},
		{"syncd", "connections as a group", "connections: {name: a}\n", ""},
		{"syncd", "name missing", "connections: [{demo: {file: x}}]\n", ""},
		{"syncd", "name, capitals", "connections: [{name: Acme, demo: {file: x}}]\n", ""},
		{"syncd", "driver missing", "connections: [{name: a}]\n", ""},
		{"syncd", "driver unknown", "connections: [{name: a, gogle: {}}]\n", ""},
		{"syncd", "two drivers", "connections: [{name: a, demo: {file: x}, outlook: {tenant: x}}]\n", ""},
		{"syncd", "driver without settings", "connections: [{name: a, demo: }]\n", ""},
		{"syncd", "setting missing", "connections: [{name: a, demo: {}}]\n", ""},
		{"syncd", "setting empty", "connections: [{name: a, demo: {file: \"\"}}]\n", ""},
		{"syncd", "setting unknown", "connections: [{name: a, demo: {file: x, domain: y}}]\n", ""},
		{"syncd", "cloud", "connections: [{name: a, outlook: {tenant: x, cloud: moon}}]\n", ""},
		{"syncd", "users", "connections: [{name: a, outlook: {tenant: x, users: [ana]}}]\n", ""},
		{"syncd", "permissions", "connections: [{name: a, outlook: {tenant: x, permissions: root}}]\n", ""},
		{"syncd", "graph_url", "connections: [{name: a, outlook: {tenant: x, login_url: \"https://l.example\", graph_url: \"http://g.example\"}}]\n", ""},
		{"syncd", "users, no list", "connections: [{name: a, outlook: {tenant: x, users: ana@acme.com}}]\n", ""},
		{"syncd", "cloud, empty", "connections: [{name: a, outlook: {tenant: x, cloud: \"\"}}]\n", "not set is no choice, and elsewhere no error"},
		{"syncd", "neither admin nor users", "connections: [{name: a, google: {domain: x}}]\n", "one setting or another: no tag says so"},
		{"syncd", "address", "connections: [{name: a, coordinator: {address: \"a b@x\", folder: x}}]\n", "the grammar of addresses is left to the decoder"},
		{"syncd", "same name twice", "connections: [{name: a, demo: {file: x}}, {name: a, demo: {file: y}}]\n", "a reference"},
		{"syncd", "duplicate key", conn + "poll: 1m\npoll: 2m\n", "JSON has no duplicates; editors report them themselves"},
		{"syncd", "no duration", conn + "poll: often\n", ""},
		{"syncd", "a duration without unit", conn + "poll: 60\n", ""},
		{"syncd", "a duration with a wrong unit", conn + "horizon: {past: 2w}\n", ""},
		{"syncd", "a broken day", conn + "horizon: {past: 1.5d}\n", ""},
		{"syncd", "a negative duration", conn + "poll: -1m\n", ""},
		{"syncd", "an empty duration", conn + "poll:\n", ""},
		{"syncd", "a duration out of range", conn + "horizon: {future: 91d}\n", "units differ: no pattern says so"},
		{"syncd", "an URL", conn + "store: mysql://db/syncd\n", ""},
		{"syncd", "store empty", conn + "store: \"\"\n", ""},
		{"syncd", "store, a truth value", conn + "store: true\n", ""},
		{"syncd", "policy that is not there", conn + "policy: nowhere.yaml\n", "a reference"},
		{"syncd", "no time", conn + "clock: noon\n", ""},
		{"syncd", "a time without zone", conn + "clock: 2026-11-23T08:00:00\n", ""},
		{"syncd", "bool, of YAML's past", conn + "resolve_links: yes\n", ""},
		{"syncd", "bool, quoted", conn + "resolve_links: \"true\"\n", ""},
		{"syncd", "bool, a number", conn + "resolve_links: 1\n", ""},
		{"syncd", "bool, empty", conn + "resolve_links:\n", ""},
		{"syncd", "listen without a port", conn + "serve: {listen: localhost}\n", ""},
		{"syncd", "listen, a port too high", conn + "serve: {listen: \":70000\"}\n", "a number within text"},
		{"syncd", "metrics without a port", conn + "serve: {metrics: {listen: localhost}}\n", ""},
		{"syncd", "metrics at the same place", conn + "serve: {listen: \":1\", metrics: {listen: \":1\"}}\n", "two settings that go together"},
		{"syncd", "log, unknown words", conn + "log: {level: trace}\n", ""},
		{"syncd", "push, not https", conn + "push: {url: http://syncd.acme.com}\n", ""},
		{"syncd", "push, a path", conn + "push: {url: https://syncd.acme.com/x}\n", ""},
		{"syncd", "push, a port that is no number", conn + "push: {url: \"https://syncd.acme.com:x\"}\n", "the parts of a URL"},
		{"syncd", "push, and nobody to answer", conn + "serve: {listen: off}\npush: {url: https://syncd.acme.com}\n", "two settings that go together"},
		{"syncd", "deliver, as it was once", conn + "deliver: {file: x}\n", ""},
		{"syncd", "a target without a name", conn + "deliver: [{file: {path: x}}]\n", ""},
		{"syncd", "a target that goes nowhere", conn + "deliver: [{name: a}]\n", ""},
		{"syncd", "two targets at once", conn + "deliver: [{name: a, file: {path: x}, stdout: {}}]\n", ""},
		{"syncd", "a target's setting", conn + "deliver: [{name: a, file: {paht: x}}]\n", ""},
		{"syncd", "a target's setting missing", conn + "deliver: [{name: a, file: {}}]\n", "what is required is the decoder's to say"},
		{"syncd", "a target's setting empty", conn + "deliver: [{name: a, file: {path: \"\"}}]\n", ""},
		{"syncd", "a webhook without TLS", conn + "deliver: [{name: a, webhook: {url: \"http://a.example\", secrets_file: s}}]\n", "two settings that go together"},
		{"syncd", "a region", conn + "deliver: [{name: a, recall: {key_file: k, region: moon}}]\n", ""},
		{"syncd", "failover of one", conn + "deliver: [{name: a, failover: {targets: [{name: a, file: {path: x}}]}}]\n", ""},
		{"syncd", "failover of none", conn + "deliver: [{name: a, failover: }]\n", ""},
		{"syncd", "failover in failover", conn + "deliver: [{name: a, failover: {targets: [{name: a, file: {path: x}}, {name: b, failover: {}}]}}]\n", ""},
		{"syncd", "serve off", conn + "serve: off\n", ""},

		{"policy", "unknown key", "exlude: {}\n", ""},
		{"policy", "unknown key of a member", "directory: {members: [{email: a@b, emial: x}]}\n", ""},
		{"policy", "record: maybe", "directory: {members: [{email: a@b, record: maybe}]}\n", ""},
		{"policy", "record: yes", "directory: {members: [{email: a@b, record: yes}]}\n", ""},
		{"policy", "record: true", "directory: {members: [{email: a@b, record: true}]}\n", ""},
		{"policy", "record: false", "directory: {members: [{email: a@b, record: false}]}\n", ""},
		{"policy", "record: ON", "directory: {members: [{email: a@b, record: ON}]}\n", ""},
		{"policy", "record empty", "directory: {members: [{email: a@b, record: }]}\n", ""},
		{"policy", "meetings", "recording: {meetings: all}\n", ""},
		{"policy", "internal: maybe", "recording: {internal: maybe}\n", ""},
		{"policy", "a member without address", "directory: {members: [{name: Ana}]}\n", ""},
		{"policy", "a member that is nothing", "directory: {members: [~]}\n", ""},
		{"policy", "a member's address that is none", "directory: {members: [{email: ana}]}\n", ""},
		{"policy", "an address twice", "directory: {members: [{email: a@b}, {email: A@b}]}\n", "a reference"},
		{"policy", "a profile that is not there", "directory: {members: [{email: a@b, consent_profile: x}]}\n", "a reference"},
		{"policy", "members as a group", "directory: {members: {email: a@b}}\n", ""},
		{"policy", "aliases as text", "directory: {members: [{email: a@b, aliases: c@d}]}\n", ""},
		{"policy", "a domain with @", "company: {internal_domains: [\"@acme.com\"]}\n", ""},
		{"policy", "a domain without a dot", "exclude: {domains: [acme]}\n", ""},
		{"policy", "a domain with a blank", "exclude: {domains: [\"a b.example\"]}\n", "blanks around it are none of its own"},
		{"policy", "a host that is an URL", "consent: {link_hosts: [\"https://x.example\"]}\n", ""},
		{"policy", "a keyword of nothing", "exclude: {title_keywords: [\"\"]}\n", ""},
		{"policy", "a keyword without letters", "exclude: {title_keywords: [\"…\"]}\n", "what a letter is differs between engines of patterns"},
		{"policy", "an unknown provider", "providers: {zooom: {}}\n", ""},
		{"policy", "a status", "providers: {zoom: {status: bad}}\n", ""},
		{"policy", "a capture", "providers: {zoom: {capture: [robot]}}\n", ""},
		{"policy", "another provider's capture", "providers: {meet: {capture: [zoom_native]}}\n", ""},
		{"policy", "capture as text", "providers: {zoom: {capture: bot}}\n", ""},
		{"policy", "an unknown driver", "import: {gogle: {}}\n", ""},
		{"policy", "a lead time without unit", "import: {coordinator: {lead_time: 30}}\n", ""},
		{"policy", "a lead time in days", "import: {coordinator: {lead_time: 1d}}\n", ""},
		{"policy", "a negative lead time", "import: {coordinator: {lead_time: -30m}}\n", ""},
		{"policy", "another's lead time", "import: {google: {lead_time: 30m}}\n", ""},
		{"policy", "a type of link", "consent: {profiles: {emea: {links: {zoom: fixed}}}}\n", ""},
		{"policy", "links of an unknown provider", "consent: {profiles: {emea: {links: {jitsi: static}}}}\n", ""},
	} {
		t.Run(test.kind+"/"+test.name, func(t *testing.T) {
			c := checkers[test.kind]
			if _, err := c.decode(t, []byte(test.yaml)); err == nil {
				t.Error("the decoder accepts it")
			}
			switch err := c.validate(parse(t, []byte(test.yaml))); {
			case err == nil && test.blind == "":
				t.Error("the schema accepts it")
			case err != nil && test.blind != "":
				t.Errorf("the schema knows (%v): the table says it can't, since %q", err, test.blind)
			}
		})
	}
}
