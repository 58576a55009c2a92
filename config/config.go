// Package config turns syncd.yaml and policy.yaml into structs, strictly: every error is reported, each
// with its file and line.
//
// Secrets are not written into these files: a setting that holds one ends in _file and names the file
// it is in.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/connectors"
	"example.com/syncd/deliver"
	"example.com/syncd/eligibility"
	"example.com/syncd/internal/seal"
)

// A Config is a daemon's configuration (syncd.yaml) with its policy. File names in it are relative to
// the configuration's directory, and are resolved here but for those in the settings of connections and targets.
type Config struct {
	Path string `yaml:"-"` // the file, as it was named
	Dir  string `yaml:"-"` // its directory

	Store      string              `yaml:"store"`       // an SQLite file, or the URL of a PostgreSQL database: postgres://… (syncd.db)
	PolicyPath string              `yaml:"policy"`      // the file of the company's rules (policy.yaml)
	Policy     *eligibility.Policy `yaml:"-"`           // what that file says
	KeysetFile string              `yaml:"keyset_file"` // the keys that seal what users grant to connections; "": none
	KeysetKMS  string              `yaml:"keyset_kms"`  // the key of a key management service that has wrapped those keys, gcp-kms://, aws-kms:// or hcvault://; "": none has
	Horizon    Horizon             `yaml:"horizon"`
	Poll       Duration            `yaml:"poll"`       // how long a calendar rests at least, 1s to 1d (1m)
	PollQuiet  Duration            `yaml:"poll_quiet"` // how long one rests that does not change, up to 1d (15m)
	Fresh      Duration            `yaml:"fresh"`      // how long before a recorder is told to join each calendar is read again at the latest, 30s to 1h (5m)
	Retention  Duration            `yaml:"retention"`  // how long what has ended is kept, 1d to 3650d (90d)
	Clock      time.Time           `yaml:"clock"`      // when the daemon's clock starts, for recorded tenants; zero: the real time
	// ResolveLinks has gateways asked where the links lead that can't be decoded offline.
	ResolveLinks bool  `yaml:"resolve_links"`
	Serve        Serve `yaml:"serve"`
	Push         Push  `yaml:"push"`
	Log          Log   `yaml:"log"`

	Deliver     []Target     `yaml:"-"` // where schedules go, in the file's order; none: nowhere
	Connections []Connection `yaml:"-"` // in the file's order, at least one
}

// A Horizon is the stretch of time around now in which meetings matter.
type Horizon struct {
	Past   Duration `yaml:"past"`   // how far back, 1h to 31d (24h)
	Future Duration `yaml:"future"` // how far ahead, 1d to 90d (28d)
}

// Push has providers tell of changes, so that they are seen before the next poll.
type Push struct {
	URL string `yaml:"url"` // where providers reach serve.listen from outside: https://HOST, nothing behind it; "": no pushes
}

// A Connection is an account whose calendars are read.
type Connection struct {
	Name   string            // the account: the second part of its source ids; unique per driver
	Driver connectors.Driver // what reads it
	Config connectors.Config // its settings, decoded and valid
	Tape   string            // a recording that answers instead of the network; "": none
	Line   int               // where it stands in the file
}

// Off is the value of serve.listen that turns the server off.
const Off = "off"

// A Target is a recorder, or whoever else schedules are delivered to.
type Target struct {
	Name    string         // unique; what has been delivered hangs on it
	Kind    deliver.Kind   // what sort of sink it is
	Config  deliver.Config // its settings, decoded and valid
	Targets []Target       // those that it hands on to, in their order; where its kind does so
	Line    int            // where it stands in the file
}

// file is what syncd.yaml holds: the keys of a connection and of a target depend on drivers and sinks, so they are
// decoded later.
type file struct {
	Config      `yaml:",inline"`
	Deliver     yaml.Node `yaml:"deliver"`
	Connections yaml.Node `yaml:"connections"`
}

// Load reads syncd.yaml, and the policy it names. drivers are the connectors that a connection may use, sinks those of
// a target. The error joins all that is wrong with both files, each an *Error.
func Load(path string, drivers []connectors.Driver, sinks []deliver.Kind) (*Config, error) {
	data, err := read(path, "write one, or start from configs/demo.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	dec := newDecoder(doc)
	f := file{Config: Config{
		Path: path, Dir: filepath.Dir(path), Store: "syncd.db", PolicyPath: "policy.yaml",
		Horizon: Horizon{Past: Duration(day), Future: Duration(28 * day)}, Poll: Duration(time.Minute),
		PollQuiet: Duration(15 * time.Minute), Fresh: Duration(5 * time.Minute), Retention: Duration(90 * day),
		Serve: Serve{Listen: DefaultListen, RequestsPerSecond: 200}, Log: Log{Format: LogText, Level: "info", Addresses: LogPlain},
	}}
	dec.document(&f)
	c := &f.Config
	c.check(dec)
	c.Deliver = dec.targets("deliver", &f.Deliver, sinks)
	c.Connections = dec.connections(&f.Connections, drivers)
	for i := range c.Connections {
		c.Connections[i].Tape = c.Resolve(c.Connections[i].Tape)
	}
	for _, name := range []*string{&c.PolicyPath, &c.KeysetFile, &c.Serve.TokenFile} {
		*name = c.Resolve(*name)
	}
	if !c.Shared() {
		c.Store = c.Resolve(c.Store)
	}
	if l := c.Serve.Login; l != nil {
		l.ClientSecretFile = c.Resolve(l.ClientSecretFile)
	}
	policyErr := c.loadPolicy(dec, names(drivers))
	if err := errors.Join(dec.err(), policyErr); err != nil {
		return nil, err
	}
	return c, nil
}

// loadPolicy reads the policy. Where there is no such file, what to mend is a line of this one.
func (c *Config) loadPolicy(d *decoder, drivers []string) (err error) {
	if c.PolicyPath == "" { // check has said so
		return nil
	}
	c.Policy, err = LoadPolicy(c.PolicyPath, drivers...)
	if errors.Is(err, fs.ErrNotExist) {
		d.fail("policy", ": %v", err)
		return nil
	}
	return err
}

// Resolve makes a file name that is relative to the configuration's directory one that can be opened.
// "" stays "".
func (c *Config) Resolve(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

// check reports settings that are of the right type and still make no sense.
func (c *Config) check(d *decoder) {
	// URLs are not repeated in the message: they hold passwords.
	switch _, _, isURL := strings.Cut(c.Store, "://"); {
	case c.Shared():
		if u, err := url.Parse(c.Store); err != nil || u.Path == "" && u.RawQuery == "" {
			d.fail("store", " must be a URL such as postgres://syncd@db.acme.com/syncd")
		} else if _, has := u.User.Password(); has {
			d.fail("store", ": secrets are not written here: leave the password out of the URL, and have it in a file that passfile=FILE in the URL, or PGPASSFILE in the environment, names")
		}
	case isURL:
		d.fail("store", " must be the name of an SQLite file, or a URL that begins with postgres://")
	case c.Store == "":
		d.fail("store", " must be the name of an SQLite file, not \"\"")
	}
	if c.PolicyPath == "" {
		d.fail("policy", " must be the name of a policy's file, not \"\"")
	}
	if c.KeysetKMS != "" && !KMSForm.MatchString(c.KeysetKMS) {
		d.fail("keyset_kms", " must be the URI of a key such as "+KMSWords+", not %s", quote(c.KeysetKMS))
	}
	for _, b := range []struct {
		path     string
		d        Duration
		min, max time.Duration
	}{
		{"horizon.past", c.Horizon.Past, time.Hour, 31 * day},
		{"horizon.future", c.Horizon.Future, day, 90 * day},
		{"poll", c.Poll, time.Second, day},
		{"poll_quiet", c.PollQuiet, time.Second, day},
		{"fresh", c.Fresh, 30 * time.Second, time.Hour},
		{"retention", c.Retention, day, 3650 * day},
	} {
		if t := time.Duration(b.d); t < b.min || t > b.max {
			d.fail(b.path, " must be between %s and %s, not %s", short(b.min), short(b.max), short(t))
		}
	}
	c.checkPush(d)
	c.checkServe(d)
	c.Log.check(d)
}

// Shared reports whether the store is a PostgreSQL database, which several processes may share.
func (c *Config) Shared() bool {
	scheme, _, _ := strings.Cut(c.Store, "://")
	return scheme == "postgres" || scheme == "postgresql"
}

// KMSForm is what keyset_kms looks like, in KMSWords.
var KMSForm = seal.WrapperForm

// KMSWords are an example for each service.
const KMSWords = seal.WrapperWords

// PushForm is what the address looks like that providers are given: they take no other.
var PushForm = regexp.MustCompile(`^https://[^/?#@\s]+$`)

func (c *Config) checkPush(d *decoder) {
	if c.Push.URL == "" {
		return
	}
	u, err := url.Parse(c.Push.URL)
	switch {
	case err != nil || u.Hostname() == "" || !PushForm.MatchString(c.Push.URL):
		d.fail("push.url", " must be https://HOST such as https://syncd.acme.com, with nothing behind it, not %s", quote(c.Push.URL))
	case c.Serve.Listen == Off:
		d.fail("push.url", ": nobody would answer: serve.listen is off. Name an address there, or leave push out")
	}
}

// short is a duration without "0m0s" at its end.
func short(t time.Duration) string {
	s := Duration(t).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// read is os.ReadFile with an error in one plain line.
func read(path, remedy string) ([]byte, error) {
	data, err := os.ReadFile(path)
	var pe *fs.PathError
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{File: path, Message: fmt.Sprintf("no such file (%s)", remedy), err: err}
	case errors.As(err, &pe):
		return nil, &Error{File: path, Message: pe.Err.Error(), err: err}
	}
	return nil, &Error{File: path, Message: err.Error(), err: err}
}
