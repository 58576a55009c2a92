package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

// A TokenStore keeps bearer tokens.
type TokenStore interface {
	// Token is the one of that id; ok is false if there is none.
	Token(ctx context.Context, id string) (t tokens.Token, ok bool, err error)
	// Used notes when tokens were used last.
	Used(ctx context.Context, at map[string]time.Time) error
}

// Config is what Doors work with.
type Config struct {
	Tokens TokenStore // nil: there are none
	// Secret is the token of serve.token_file, which opens everything; "": there is none.
	Secret string
	// Login lets people in by OpenID Connect; nil: it does not. It needs PublicURL, Sessions and Key.
	Login    *Login
	Sessions Sessions // of people who have logged in; nil: nobody does
	// SignIn is what people see who open a page and are not known. It may lead to /auth/login, and post a token to
	// /auth/token. Nil: they are sent to /auth/login.
	SignIn http.Handler
	// Key is 32 random bytes that stay the same over restarts, and are the same in all replicas.
	Key []byte
	// PublicURL is where browsers reach us, "https://HOST"; "": at Listen alone.
	PublicURL string
	Listen    string // HOST:PORT
	Proxies   []Prefix
	Rates     Rates
	// Network is how the log-in's issuer is reached. Nil: http.DefaultTransport.
	Network http.RoundTripper
	Now     func() time.Time
	Log     *slog.Logger
}

// Doors let requests in.
type Doors struct {
	Config
	secret     [sha256.Size]byte
	public     *url.URL // nil: there is none
	cross      *http.CrossOriginProtection
	byIdentity *buckets
	byAddress  *buckets
	login      *login    // nil: nobody logs in by OpenID Connect
	sessions   *sessions // nil: nobody logs in at all

	mu   sync.Mutex
	used map[string]time.Time // tokens whose use is to be noted
}

// New makes doors. It asks nobody for anything yet.
func New(c Config) (*Doors, error) {
	d := &Doors{
		Config: c, secret: sha256.Sum256([]byte(c.Secret)), cross: http.NewCrossOriginProtection(), used: map[string]time.Time{},
	}
	d.Rates = c.Rates.orDefault()
	d.byIdentity = newBuckets(d.Rates.PerIdentity, d.Now)
	d.byAddress = newBuckets(d.Rates.PerAddress, d.Now)
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil {
			return nil, err
		}
		d.public = u
		// A proxy may have given the request another Host than the browser's.
		if err := d.cross.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, err
		}
	}
	d.cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusForbidden, "the request came from another site's page")
	}))
	if c.Sessions != nil {
		d.sessions = newSessions(c.Sessions)
	}
	if c.Login != nil {
		if d.public == nil || c.Sessions == nil || len(c.Key) != 32 {
			return nil, errors.New("a log-in needs the public URL, a place for sessions, and a key of 32 bytes")
		}
		var err error
		if d.login, err = newLogin(d, *c.Login); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// API guards an API: nobody gets in who is not known.
func (d *Doors) API(next http.Handler) http.Handler {
	return d.hosts(headers(apiHeaders, d.secure(), d.origins(d.cross.Handler(d.identify(false, next)))))
}

// Pages guards pages for people: who is not known is sent to log in.
func (d *Doors) Pages(next http.Handler) http.Handler {
	return d.hosts(headers(pageHeaders, d.secure(), d.cross.Handler(d.identify(true, next))))
}

// Auth serves /auth/login, /auth/callback, /auth/token and /auth/logout. They are there even if nobody can log in, and
// say so.
func (d *Doors) Auth() http.Handler {
	mux := http.NewServeMux()
	for path, h := range map[string]struct {
		method string
		open   bool
		serve  http.HandlerFunc
	}{
		"/auth/login":    {http.MethodGet, d.login != nil, d.login.begin},
		"/auth/callback": {http.MethodGet, d.login != nil, d.login.end},
		"/auth/token":    {http.MethodPost, d.sessions != nil, d.signIn},
		"/auth/logout":   {http.MethodPost, d.sessions != nil, d.signOut},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method != h.method:
				w.Header().Set("Allow", h.method)
				problem.Write(w, http.StatusMethodNotAllowed, "this takes "+h.method)
			case !d.byAddress.allow(d.address(r)):
				tooMany(w)
			case !h.open:
				problem.Write(w, http.StatusNotFound, "nobody logs in here: set serve.login in the configuration (docs/api.md)")
			default:
				h.serve(w, r)
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusNotFound, "there is nothing here")
	})
	return d.hosts(headers(pageHeaders, d.secure(), d.cross.Handler(mux)))
}

// secure reports whether browsers reach us by TLS alone.
func (d *Doors) secure() bool { return d.public != nil && d.public.Scheme == "https" }

// refusal is why somebody is not let in. What is wrong with what they showed is theirs to know alone so far as it helps them.
type refusal struct {
	status int
	detail string
}

// who is who sent r. Nobody, without a refusal: r shows nothing.
func (d *Doors) who(r *http.Request) (who Identity, known bool, no *refusal) {
	shown := r.Header.Values("Authorization")
	switch {
	case len(shown) > 1:
		return who, false, &refusal{http.StatusUnauthorized, "there are several Authorization headers"}
	case len(shown) == 1:
		return d.bearer(r.Context(), shown[0])
	case d.sessions != nil:
		return d.visitor(r)
	}
	return who, false, nil
}

// fileToken is whoever has the token of serve.token_file.
var fileToken = Identity{ID: "token_file", Name: "serve.token_file", Scopes: tokens.Scopes{tokens.Admin}}

// opens reports whether the hash is that of the token of serve.token_file.
func (d *Doors) opens(hash []byte) bool {
	return d.Secret != "" && subtle.ConstantTimeCompare(hash, d.secret[:]) == 1
}

func (d *Doors) bearer(ctx context.Context, header string) (Identity, bool, *refusal) {
	bad := &refusal{http.StatusUnauthorized, unknown}
	scheme, text, _ := strings.Cut(header, " ")
	if text = strings.TrimSpace(text); !strings.EqualFold(scheme, "Bearer") || text == "" {
		return Identity{}, false, bad
	}
	if d.opens(tokens.Hash(text)) {
		return fileToken, true, nil
	}
	id, ok := tokens.ID(text)
	if !ok {
		return Identity{}, false, bad
	}
	return d.token(ctx, id, tokens.Hash(text))
}

// token is whom the token of that id and hash stands for.
func (d *Doors) token(ctx context.Context, id string, hash []byte) (Identity, bool, *refusal) {
	bad := &refusal{http.StatusUnauthorized, unknown}
	if d.Tokens == nil {
		return Identity{}, false, bad
	}
	t, ok, err := d.Tokens.Token(ctx, id)
	if err != nil {
		d.Log.Error("a token could not be looked up", "token", id, "error", err)
		return Identity{}, false, &refusal{http.StatusInternalServerError, "the store could not be read; the daemon's log says why"}
	}
	now := d.Now()
	if !ok || !t.Is(hash) {
		return Identity{}, false, bad
	}
	if !t.Live(now) {
		return Identity{}, false, &refusal{http.StatusUnauthorized, "this token is over: it has expired, or was revoked; \"syncd token new\" makes another"}
	}
	d.noteUse(t, now)
	return Identity{ID: "token:" + t.ID, Name: t.Name, Email: t.Email, Scopes: t.Scopes}, true, nil
}

// usedEvery is how exactly it is kept when a token was used last: not every request is worth a write.
const usedEvery = 10 * time.Minute

func (d *Doors) noteUse(t tokens.Token, now time.Time) {
	if now.Sub(t.UsedAt) < usedEvery {
		return
	}
	d.mu.Lock()
	d.used[t.ID] = now
	d.mu.Unlock()
}

// flush keeps when tokens were used.
func (d *Doors) flush(ctx context.Context) {
	d.mu.Lock()
	used := d.used
	d.used = map[string]time.Time{}
	d.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := d.Tokens.Used(ctx, used); err != nil && ctx.Err() == nil {
		d.Log.Warn("when tokens were used could not be noted", "error", err)
	}
}

// Run keeps when tokens were used, and drops sessions that are over, until ctx ends.
func (d *Doors) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for n := 0; ; n++ {
		if d.Sessions != nil && n%60 == 0 {
			if err := d.Sessions.Sweep(ctx); err != nil && ctx.Err() == nil {
				d.Log.Warn("old sessions could not be dropped", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			d.flush(end)
			return nil
		case <-tick.C:
			d.flush(ctx)
		}
	}
}

// identify finds out who sent a request, and how often they may.
func (d *Doors) identify(pages bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, known, no := d.who(r)
		if !known {
			d.stranger(w, r, pages, no)
			return
		}
		if who.Person && !safe(r.Method) && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
			// A cookie alone proves nothing of who wanted this; every browser of today says where it comes from.
			problem.Write(w, http.StatusForbidden, "the browser does not say from which page this comes")
			return
		}
		if !d.byIdentity.allow(who.ID) {
			tooMany(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), who)))
	})
}

// stranger answers somebody who is not known.
func (d *Doors) stranger(w http.ResponseWriter, r *http.Request, pages bool, no *refusal) {
	switch {
	case !d.byAddress.allow(d.address(r)):
		tooMany(w)
	case no != nil:
		deny(w, no.status, no.detail)
	case pages && d.SignIn != nil && safe(r.Method):
		w.Header().Add("Vary", "Cookie")
		d.SignIn.ServeHTTP(w, r)
	case pages && d.login != nil && safe(r.Method):
		w.Header().Add("Vary", "Cookie")
		http.Redirect(w, r, "/auth/login?return_to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		deny(w, http.StatusUnauthorized, unknown)
	}
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	problem.Write(w, http.StatusTooManyRequests, "too many requests: wait a second, and send fewer at a time")
}
