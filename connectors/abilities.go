package connectors

import (
	"context"
	"errors"
	"net/http"
	"time"

	"example.com/syncd/calendar"
)

// Secrets keeps what a connector must not lose and nobody else may read: refresh tokens. What is kept is
// sealed at rest. The names are the connector's own, and each connection has its own set of them.
type Secrets interface {
	// Names are the names under which something is kept, in order.
	Names(ctx context.Context) ([]string, error)
	// Secret is what is kept under name; "" if nothing is.
	Secret(ctx context.Context, name string) (string, error)
	// Keep replaces what is kept under name. Behind it, the value survives a crash.
	Keep(ctx context.Context, name, value string) error
	// Forget drops what is kept under name, if anything is.
	Forget(ctx context.Context, name string) error
}

// A Consenter is a connector that reads the calendars of users who let it, one by one: by OAuth 2.0's
// authorization code (RFC 6749 section 4.1) with PKCE (RFC 7636). It keeps what it is granted in
// Env.Secrets, under the user's address. An error that is ErrAccess says what a person must do.
type Consenter interface {
	// ConsentURL is where the user's browser goes to be asked.
	ConsentURL(c Consent) (string, error)
	// Grant redeems the code with which the browser came back. A grant that leaves out a scope that is
	// needed is an error, and nothing is kept.
	Grant(ctx context.Context, c Consent, code string) (user string, err error)
	// Granted are the addresses of the users who have consented, in order.
	Granted(ctx context.Context) ([]string, error)
	// Revoke ends the user's grant at the provider and forgets it. A grant that the provider does not know
	// any more is no error.
	Revoke(ctx context.Context, user string) error
}

// A Consent is one attempt to be let in.
type Consent struct {
	Redirect string // the address at which the browser comes back, exactly as registered with the provider
	State    string // comes back with the browser; unguessable, good for one attempt
	Verifier string // PKCE's, 43 to 128 characters (oauth2.GenerateVerifier)
	User     string // whom to ask; "": whoever is logged in
}

// ErrNoPush: the provider never tells of changes of this calendar. The engine asks again a day later.
var ErrNoPush = errors.New("no pushes of this calendar")

// A Pusher is a connector whose provider tells of changes by requests to an address of ours. A push is a
// hint to pull: a lost one costs a poll, never data. Everything about it may fail without harm. The engine asks
// once, without retries, and again an hour later: a request that was lost may have been heard.
type Pusher interface {
	// Subscribe asks the provider to tell of src's changes. The provider may choose another ID and an
	// earlier Until.
	Subscribe(ctx context.Context, src calendar.Source, s Subscription) (Subscription, error)
	// Renew makes a subscription last longer: old itself, with its own ID and secret, or next, which takes
	// its place. In between there is no gap.
	Renew(ctx context.Context, src calendar.Source, old, next Subscription) (Subscription, error)
	// Unsubscribe ends a subscription. One that the provider does not know any more is no error.
	Unsubscribe(ctx context.Context, src calendar.Source, s Subscription) error
	// Receive answers a request to the address, whoever sent it, without asking anybody, and returns what it
	// claims. The engine believes a push that knows its subscription's secret.
	Receive(w http.ResponseWriter, r *http.Request) []Push
}

// A Subscription is a provider's promise to tell of one calendar's changes.
type Subscription struct {
	ID       string    // the subscription's name, unguessable
	Secret   string    // what every push repeats; unguessable. Only its hash is stored: "" afterwards
	Address  string    // where pushes go: https
	Resource string    // what is watched, by the provider's name; "" if it says none
	Until    time.Time // when it ends by itself
}

// A Push says that something may have changed.
type Push struct {
	Subscription string
	Secret       string
	Resource     string // as the Subscription has it; "" if the push does not say
	Ended        bool   // the subscription is over, and a new one is needed
}
