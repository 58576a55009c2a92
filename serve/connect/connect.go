// Package connect asks users, in their browsers, to let their calendars be read: the way to the provider and back, by
// OAuth 2.0's authorization code with PKCE. What is granted is the connectors' to keep.
package connect

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
)

// CallbackPath is where browsers come back, behind the public address. That address is what is registered with providers.
const CallbackPath = "/connect/callback"

// Life is how long a user may take at the provider.
const Life = 10 * time.Minute

// At most so many users are on their way at a time, and so many times the same one. Who begins once more gives up what
// they began first.
const (
	mostAttempts = 1000
	mostOfOne    = 10
)

// patience is how long a provider may take to redeem a code, or to end a grant.
const patience = 30 * time.Second

// A Connection is one whose users consent one by one.
type Connection struct {
	Driver, Name string
	By           connectors.Consenter
}

// String is the name by which commands know it.
func (c Connection) String() string { return c.Driver + ":" + c.Name }

// Config is what a Flow works with.
type Config struct {
	// PublicURL is this daemon's address as browsers see it, "https://syncd.acme.com", without a path. Without TLS it
	// must be this machine's own.
	PublicURL   string
	Connections []Connection
	// Changed is told of whom a grant was made or ended. Nil: nobody is.
	Changed func(driver, connection, user string)
	Now     func() time.Time
}

// A Flow knows who is on their way to a provider. It keeps that in memory: a daemon that starts anew, and another replica,
// send them back to the beginning.
type Flow struct {
	Config
	redirect string
	cookie   string // its name

	mu       sync.Mutex
	attempts map[[sha256.Size]byte]attempt // by the state's hash
}

// An attempt is one user on their way.
type attempt struct {
	connectors.Consent
	connection Connection
	by         string            // who began, as logged in
	browser    [sha256.Size]byte // the cookie's hash
	begun      time.Time
}

// New makes a flow.
func New(c Config) (*Flow, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the public address %q must be as https://syncd.acme.com, without a path", c.PublicURL)
	}
	f := &Flow{Config: c, redirect: u.Scheme + "://" + u.Host + CallbackPath, cookie: "__Host-syncd_connect", attempts: map[[sha256.Size]byte]attempt{}}
	if u.Scheme != "https" {
		if u.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()) {
			return nil, fmt.Errorf("the public address %q must begin with https://: providers send nobody back to an address that others can listen in on", c.PublicURL)
		}
		f.cookie = "syncd_connect"
	}
	return f, nil
}

// Redirect is the address that is to be registered with providers, exactly.
func (f *Flow) Redirect() string { return f.redirect }

// An Error is what the user is told: in words, with what to do.
type Error struct {
	Says string
	Err  error // what it came from, if anything
}

func (e *Error) Error() string { return e.Says }
func (e *Error) Unwrap() error { return e.Err }

// words is err without the kind that is behind what connectors say.
func words(err error) *Error {
	says := err.Error()
	for _, kind := range []error{connectors.ErrAccess, connectors.ErrSource} {
		says = strings.TrimSuffix(says, ": "+kind.Error())
	}
	return &Error{says, err}
}

func (f *Flow) connection(name string) (Connection, error) {
	i := slices.IndexFunc(f.Connections, func(c Connection) bool { return c.String() == name })
	if i < 0 {
		return Connection{}, &Error{Says: fmt.Sprintf("There is no connection %q whose users consent.", name)}
	}
	return f.Connections[i], nil
}

// Begin is the address at the provider to which the browser goes. by is who is logged in, and user whom to ask; "":
// whoever logs in at the provider. The browser gets a cookie, by which it is known again.
func (f *Flow) Begin(w http.ResponseWriter, r *http.Request, by, connection, user string) (to string, err error) {
	conn, err := f.connection(connection)
	if err != nil {
		return "", err
	}
	browser := f.browser(r)
	if browser == "" {
		browser = rand.Text()
	}
	a := attempt{
		Consent:    connectors.Consent{Redirect: f.redirect, State: rand.Text(), Verifier: oauth2.GenerateVerifier(), User: strings.ToLower(strings.TrimSpace(user))},
		connection: conn, by: by, browser: sha256.Sum256([]byte(browser)), begun: f.Now(),
	}
	if to, err = conn.By.ConsentURL(a.Consent); err != nil {
		return "", words(err)
	}
	if err := f.note(a); err != nil {
		return "", err
	}
	http.SetCookie(w, &http.Cookie{
		Name: f.cookie, Value: browser, Path: "/", MaxAge: int(Life / time.Second), HttpOnly: true,
		Secure: strings.HasPrefix(f.redirect, "https:"), SameSite: http.SameSiteLaxMode, // it comes along when the provider sends the browser back
	})
	return to, nil
}

// browser is the cookie that the browser has from an earlier attempt, "" if it has none of ours.
func (f *Flow) browser(r *http.Request) string {
	c, err := r.Cookie(f.cookie)
	if err != nil || len(c.Value) != len(rand.Text()) {
		return ""
	}
	return c.Value
}

// note keeps a within the bounds.
func (f *Flow) note(a attempt) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var own [][sha256.Size]byte
	for state, o := range f.attempts {
		switch {
		case f.over(o):
			delete(f.attempts, state)
		case o.by == a.by:
			own = append(own, state)
		}
	}
	if len(own) >= mostOfOne {
		delete(f.attempts, slices.MinFunc(own, func(a, b [sha256.Size]byte) int { return f.attempts[a].begun.Compare(f.attempts[b].begun) }))
	}
	if len(f.attempts) >= mostAttempts {
		return &Error{Says: "Too many people are on their way to the provider now. Try again in ten minutes."}
	}
	f.attempts[sha256.Sum256([]byte(a.State))] = a
	return nil
}

func (f *Flow) over(a attempt) bool { return f.Now().Sub(a.begun) >= Life }

// take is the attempt with this state, which is good for one time. That of another browser stays.
func (f *Flow) take(state, browser, by string) (attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := sha256.Sum256([]byte(state))
	a, known := f.attempts[key]
	of := sha256.Sum256([]byte(browser))
	switch {
	case !known:
		return a, &Error{Says: "This way to the provider has been used already, or took too long. Nothing was changed: begin again."}
	case subtle.ConstantTimeCompare(a.browser[:], of[:]) != 1, a.by != by:
		return a, &Error{Says: "Somebody else, or another browser, began this. Nothing was changed: begin again in this one."}
	}
	delete(f.attempts, key)
	if f.over(a) {
		return a, &Error{Says: fmt.Sprintf("It took longer than %d minutes. Nothing was changed: begin again.", int(Life.Minutes()))}
	}
	return a, nil
}

// An Arrival is a grant that was made.
type Arrival struct {
	Connection Connection
	User       string
}

// Finish redeems what the browser brings back. by is who is logged in. An error is an *Error.
func (f *Flow) Finish(r *http.Request, by string) (Arrival, error) {
	q := r.URL.Query()
	a, err := f.take(q.Get("state"), f.browser(r), by)
	if err != nil {
		return Arrival{}, err
	}
	code, err := Code(q)
	if err != nil {
		return Arrival{Connection: a.connection}, words(err)
	}
	// A browser that goes away must not lose what the code is redeemed for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	user, err := a.connection.By.Grant(ctx, a.Consent, code)
	if err != nil {
		return Arrival{Connection: a.connection}, words(err)
	}
	f.changed(a.connection, user)
	return Arrival{a.connection, user}, nil
}

func (f *Flow) changed(c Connection, user string) {
	if f.Changed != nil {
		f.Changed(c.Driver, c.Name, user)
	}
}

// Revoke ends a user's grant, at the provider and here. An error is an *Error.
func (f *Flow) Revoke(ctx context.Context, connection, user string) error {
	conn, err := f.connection(connection)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	user = strings.ToLower(user)
	if err := conn.By.Revoke(ctx, user); err != nil {
		return words(err)
	}
	f.changed(conn, user)
	return nil
}

// denials say what an error of the provider's means (RFC 6749 section 4.1.2.1).
var denials = map[string]string{
	"access_denied":             "the user, or the administrators of their domain, did not allow it",
	"admin_policy_enforced":     "the administrators of the user's domain do not trust the client; they can, among the apps of third parties",
	"temporarily_unavailable":   "the provider is busy; try again later",
	"server_error":              "something is broken at the provider; try again later",
	"invalid_scope":             "the provider does not let the client ask for this",
	"unauthorized_client":       "the provider does not let the client ask this way: is it one for a desktop app or a web application?",
	"unsupported_response_type": "the provider does not let the client ask this way: is it one for a desktop app or a web application?",
}

// Code is the code with which a browser comes back from a provider, or why it has none.
func Code(q url.Values) (string, error) {
	code, failure := q.Get("code"), q.Get("error")
	switch says := denials[failure]; {
	case says != "":
		return "", fmt.Errorf("%s (%s)", says, failure)
	case failure != "":
		return "", fmt.Errorf("the provider refuses: %.100q", failure)
	case code == "":
		return "", errors.New("the browser came back without a code; try again")
	}
	return code, nil
}

// Consents are who has consented to a connection.
type Consents struct {
	Connection Connection
	Users      []string
	Err        error // why that is not known
}

// Consents lists the connections and who has consented, by name.
func (f *Flow) Consents(ctx context.Context) []Consents {
	var all []Consents
	for _, c := range f.Connections {
		users, err := c.By.Granted(ctx)
		all = append(all, Consents{c, users, err})
	}
	slices.SortFunc(all, func(a, b Consents) int { return cmp.Compare(a.Connection.String(), b.Connection.String()) })
	return all
}
