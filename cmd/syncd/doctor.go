package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/syncd/config"
	"example.com/syncd/connectors/replay"
	"example.com/syncd/deliver"
	"example.com/syncd/schedule"
	"example.com/syncd/store"
)

// A doctor writes what it finds, and keeps what is to be done about it.
type doctor struct {
	out  io.Writer
	todo []todo
}

// A todo is something to mend.
type todo struct {
	urgency urgency
	what    string
}

// urgency is how much hangs on something: what comes first may be why others fail.
type urgency int

// The urgencies. Warnings come behind all that fails.
const (
	theStore urgency = iota
	theClock
	aConnection
	aTarget
	theServer
	aWarning
)

func (d *doctor) ok(about, says string) { fmt.Fprintf(d.out, "ok    %s: %s\n", about, says) }

// fail says that something does not work; remedy is what to do, if it is more than what is said.
func (d *doctor) fail(u urgency, about, says, remedy string) {
	says = strings.TrimSpace(says)
	fmt.Fprintf(d.out, "FAIL  %s: %s\n", about, says)
	d.todo = append(d.todo, todo{u, about + ": " + cmp.Or(strings.TrimSpace(remedy), says)})
}

// warn says what works, and is hardly meant.
func (d *doctor) warn(about, says string) {
	fmt.Fprintf(d.out, "warn  %s: %s\n", about, says)
	d.todo = append(d.todo, todo{aWarning, about + ": " + says})
}

// conclude lists what to do, the most urgent first. The error says whether anything does not work.
func (d *doctor) conclude() error {
	if len(d.todo) == 0 {
		return nil
	}
	slices.SortStableFunc(d.todo, func(a, b todo) int { return cmp.Compare(a.urgency, b.urgency) })
	fmt.Fprintf(d.out, "\nTo do, the most urgent first:\n")
	for i, t := range d.todo {
		fmt.Fprintf(d.out, "%3d. %s\n", i+1, strings.ReplaceAll(t.what, "\n", "; "))
	}
	if d.todo[0].urgency < aWarning {
		return errPartly
	}
	return nil
}

// oneLine is err without line ends.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// store looks whether a daemon could work on it.
func (d *doctor) store(ctx context.Context, cfg *config.Config) (usable bool) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	in, err := store.Inspect(ctx, cfg.Store)
	switch {
	case err != nil:
		d.fail(theStore, "store", strings.TrimPrefix(oneLine(err), "store: "), "")
		return false
	case !in.Exists:
		d.ok(in.Name, "it can be made")
	case in.Version < in.Newest:
		d.ok(in.Name, fmt.Sprintf("its tables are of version %d; a daemon brings them to %d", in.Version, in.Newest))
	case in.InUse:
		d.ok(in.Name, fmt.Sprintf("version %d, a daemon works on it", in.Version))
	default:
		d.ok(in.Name, fmt.Sprintf("version %d", in.Version))
	}
	return true
}

// targets tries whether they could be told.
func (d *doctor) targets(ctx context.Context, all []schedule.Target, patience time.Duration) {
	if len(all) == 0 {
		d.warn("deliver", "there are no targets: nobody is told what to record")
	}
	for _, t := range all {
		limited, cancel := context.WithTimeout(ctx, patience)
		says, err := deliver.ProbeTarget(limited, t)
		cancel()
		if err != nil {
			d.fail(aTarget, "target "+t.Name, oneLine(err), "")
		} else {
			d.ok("target "+t.Name, says)
		}
	}
}

// ownFiles warns of files that each of several processes would have for itself.
func (d *doctor) ownFiles(targets []config.Target) {
	for _, t := range targets {
		if _, file := t.Config.(*deliver.FileConfig); file {
			d.warn("target "+t.Name, "each process that shares the store appends to a file of its own, and none has all: with several of them take a webhook")
		}
		d.ownFiles(t.Targets)
	}
}

// server looks whether the HTTP side could be served, and be reached.
func (d *doctor) server(ctx context.Context, cfg *config.Config, seen *clocks) {
	const patience = 15 * time.Second
	// A daemon of this machine's has its clock, which proves nothing.
	client := &http.Client{Transport: network(), Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	if _, err := readSecret("serve.token_file", cfg.Serve.TokenFile, "write a long random word into it"); err != nil {
		d.fail(theServer, "serve", err.Error(), "")
	}
	runs := d.listen(ctx, client, "serve.listen", cfg.Serve.Listen, "/livez")
	if own := cfg.Serve.Metrics.Listen; own != "" {
		d.listen(ctx, client, "serve.metrics.listen", own, "/metrics")
	}
	for _, public := range []struct{ setting, url string }{{"serve.public_url", cfg.Serve.PublicURL}, {"push.url", cfg.Push.URL}} {
		switch err := error(nil); {
		case public.url == "":
		case !runs:
			d.ok(public.setting, "not tried: no daemon is there to answer")
		default:
			if err = alive(ctx, client, public.url+"/livez"); err != nil {
				// Some hosts can't reach themselves from outside.
				d.warn(public.setting, fmt.Sprintf("%s/livez does not lead to the daemon from here (%v): look at the proxy in front of it", public.url, err))
			} else {
				d.ok(public.setting, "it leads to the daemon")
			}
		}
	}
	d.login(ctx, cfg.Serve.Login, &http.Client{Transport: seen.around("serve.login", network()), Timeout: patience})
}

// listen looks whether an address is free, or a daemon's: it answers at path then.
func (d *doctor) listen(ctx context.Context, client *http.Client, setting, address, path string) (runs bool) {
	if address == config.Off {
		d.ok(setting, "off")
		return false
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		if err = l.Close(); err == nil {
			d.ok(setting, address+" is free")
			return false
		}
	}
	host, port, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	if alive(ctx, client, "http://"+net.JoinHostPort(host, port)+path) == nil {
		d.ok(setting, address+" is a daemon's, which runs")
		return true
	}
	d.fail(theServer, setting, fmt.Sprintf("%s can't be listened at (%v)", address, err), "choose another address, or end what has this one")
	return false
}

// alive reports what is wrong with a daemon's answer at an address.
func alive(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	begins := make([]byte, 2)
	n, _ := io.ReadFull(resp.Body, begins) // an answer that is too short is another's
	if text := string(begins[:n]); resp.StatusCode != http.StatusOK || text != "ok" && text != "# " {
		return fmt.Errorf("somebody else answers, %d", resp.StatusCode)
	}
	return nil
}

// login asks the issuer how it is used.
func (d *doctor) login(ctx context.Context, l *config.Login, client *http.Client) {
	if l == nil {
		return
	}
	const about = "serve.login"
	if _, err := readSecret("serve.login.client_secret_file", l.ClientSecretFile, "write the client's secret into it"); err != nil {
		d.fail(theServer, about, err.Error(), "")
	}
	if _, err := oidc.NewProvider(oidc.ClientContext(ctx, client), l.Issuer); err != nil {
		d.fail(theServer, about, fmt.Sprintf("the issuer %s does not say how it is used: %s", l.Issuer, oneLine(err)), "")
	} else {
		d.ok(about, "the issuer "+l.Issuer+" answers")
	}
}

// How far the clock may be off: a little delays recordings, more makes providers refuse tokens and receivers signatures.
const (
	offALittle = 3 * time.Second
	offALot    = time.Minute
)

// clock compares this machine's with those of everybody who answered.
func (d *doctor) clock(seen *clocks) {
	off, of, n := seen.least()
	says := fmt.Sprintf("it is %s %s that of %s", off.Abs().Round(time.Second), map[bool]string{true: "behind", false: "ahead of"}[off > 0], of)
	switch {
	case n == 0:
	case off.Abs() > offALot:
		d.fail(theClock, "clock", says, says+": have it set by NTP; recordings would begin at the wrong time, and providers refuse what is signed by it")
	case off.Abs() > offALittle:
		d.warn("clock", says+": have it set by NTP")
	default:
		d.ok("clock", fmt.Sprintf("it is that of %d who answered", n))
	}
}

// clocks are those of servers, by the Date of their answers.
type clocks struct {
	now func() time.Time

	mu  sync.Mutex
	off map[string]time.Duration // by who it is, the least; positive: theirs is ahead
}

// around has a driver's answers looked at. Recorded ones tell nothing.
func (c *clocks) around(who string, next http.RoundTripper) http.RoundTripper {
	if _, recorded := next.(*replay.Tape); recorded {
		return next
	}
	return clocked{c, who, next}
}

type clocked struct {
	c    *clocks
	who  string
	next http.RoundTripper
}

// RoundTrip looks at the answer's Date.
func (c clocked) RoundTrip(r *http.Request) (*http.Response, error) {
	began := c.c.now()
	resp, err := c.next.RoundTrip(r)
	if err == nil {
		c.c.note(cmp.Or(r.URL.Host, c.who), resp.Header, began, c.c.now())
	}
	return resp, err
}

// note compares. A Date has whole seconds, and is of some moment of the request.
func (c *clocks) note(who string, h http.Header, began, ended time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" { // a cache's answer is of any time
		return
	}
	off := time.Duration(0)
	if ahead := date.Sub(ended); ahead > 0 {
		off = ahead
	} else if behind := date.Add(time.Second).Sub(began); behind < 0 {
		off = behind
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off == nil {
		c.off = map[string]time.Duration{}
	}
	if before, ok := c.off[who]; !ok || off.Abs() < before.Abs() {
		c.off[who] = off
	}
}

// least is the least difference of all: one server may be off itself.
func (c *clocks) least() (off time.Duration, of string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for who, o := range c.off {
		if of == "" || o.Abs() < off.Abs() || o.Abs() == off.Abs() && who < of {
			off, of = o, who
		}
	}
	return off, of, len(c.off)
}

var errNotTried = errors.New("not tried: the store can't be used, and what users have granted is in it")
