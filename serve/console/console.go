// Package console is the daemon's pages for people: what is recorded and why not, how calendars are read, what waits for
// somebody. Pages are drawn on the server and work without scripts; with them they follow what happens.
package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/serve/connect"
)

// Config is what the pages work with. Data, User, Now and Log are required.
type Config struct {
	Data    Data
	Actions Actions // nil: nobody may do anything
	// User is who is logged in, and whether they may do more than look.
	User func(context.Context) (name string, mayAct bool)
	// May reports whether whoever may do more than look may do this. Nil: all of it.
	May func(context.Context, Act) bool
	// Changes is a channel that receives whenever what is shown may have changed. It has room for one, and whoever sends does
	// not wait for room: one word is enough for many changes. It is closed when the daemon ends, so that nobody waits for
	// pages that follow; when ctx ends, it is not read any more. Nil: pages do not follow.
	Changes func(context.Context) <-chan struct{}
	// Connect asks users to let their calendars be read. Nil: no address is configured at which browsers come back.
	Connect *connect.Flow
	// Guides say how administrators set the connections up.
	Guides func(context.Context) []Guide
	// LogOut is where a form is posted to log out; "": there is no such place.
	LogOut string
	Zone   *time.Location // of the times that are shown; nil: UTC
	Now    func() time.Time
	Log    *slog.Logger
}

// An Act is something that people may do, besides looking.
type Act string

// Acts, each of one section of the navigation.
const (
	Say     Act = "meetings"   // what they want of a meeting
	Retry   Act = "deliveries" // have a delivery tried again
	Release Act = "quarantine" // have a letter believed
	Try     Act = "policy"     // see what another policy would do
	Connect Act = "connect"    // let users' calendars be read, and end that
)

// A Guide is a connection's set-up, for its administrators.
type Guide struct {
	Connection string // DRIVER:NAME
	connectors.Guide
}

// Base is what all addresses of the console begin with, but for / and the one at which browsers come back from a provider
// (connect.CallbackPath).
const Base = "/console"

// policyLimit is how large a policy that is tried may be, and formLimit any other form.
const (
	policyLimit = 1 << 20
	formLimit   = 16 << 10
)

type console struct {
	Config
	pages  map[string]page
	assets map[string]asset
	live   chan struct{} // has room for as many pages as may follow at a time
}

// Handler serves the pages to whoever gets through to it: whoever mounts it knows who is logged in. It is mounted at /.
func Handler(c Config) (http.Handler, error) {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	h := &console{Config: c, live: make(chan struct{}, liveMost)}
	var err error
	if h.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if h.pages, err = h.loadPages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler(Base+"/", http.StatusSeeOther))
	mux.Handle("GET "+Base, http.RedirectHandler(Base+"/", http.StatusSeeOther))
	mux.HandleFunc("GET "+Base+"/assets/{name}", h.serveAsset)
	mux.HandleFunc("GET "+Base+"/live", h.follow)
	for pattern, f := range map[string]func(*http.Request) (answer, error){
		"GET /{$}":                 h.recordings,
		"GET /meetings":            h.meetings,
		"GET /meeting":             h.meeting,
		"GET /meeting/confirm":     h.confirm,
		"POST /meeting/say":        h.say,
		"POST /meeting/take-back":  h.takeBack,
		"GET /calendars":           h.calendars,
		"GET /providers":           h.providers,
		"GET /policy":              h.policy,
		"POST /policy":             h.try,
		"GET /deliveries":          h.deliveries,
		"POST /deliveries/retry":   h.retry,
		"GET /quarantine":          h.quarantine,
		"POST /quarantine/release": h.release,
		"GET /connect":             h.connections,
		"POST /connect/begin":      h.begin,
		"POST /connect/disconnect": h.disconnect,
		"GET /setup":               h.setup,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Base+path, h.serve(f))
	}
	mux.HandleFunc("GET "+connect.CallbackPath, h.serve(h.arrive))
	mux.HandleFunc("/", h.serve(func(*http.Request) (answer, error) { return answer{}, ErrUnknown }))
	return secure(http.NewCrossOriginProtection().Handler(mux)), nil
}

// secure sets what keeps a page from being misused. Pico's icons are images in its style sheet (data:).
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range map[string]string{
			"Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			"Referrer-Policy":         "same-origin", // with none, browsers do not say of a form where it comes from
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-store",
		} {
			w.Header().Set(k, v)
		}
		next.ServeHTTP(w, r)
	})
}

// An answer is a page, or where to go instead.
type answer struct {
	status  int    // 0: 200
	page    string // its template
	title   string
	section string // of the navigation
	notice  string // what has just been done, in a sentence
	live    bool   // it follows what happens
	body    any
	refresh string // where the browser goes by itself
	to      string // in place of a page
	header  http.Header
}

// A refusal is an error that is the asker's to read.
type refusal struct {
	status int
	says   string
}

func (e refusal) Error() string { return e.says }

// may reports whether whoever asks may do a.
func (c *console) may(ctx context.Context, a Act) (by string, may bool) {
	by, may = c.User(ctx)
	return by, may && (c.Actions != nil || a == Connect) && (c.May == nil || c.May(ctx, a))
}

// mayAct is who asks, if they may do a.
func (c *console) mayAct(r *http.Request, a Act) (by string, err error) {
	by, may := c.may(r.Context(), a)
	if !may {
		return by, refusal{http.StatusForbidden, "You may look, and not change this. Ask whoever keeps this syncd."}
	}
	return by, nil
}

// serve answers with what f comes to.
func (c *console) serve(f func(*http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limit := int64(formLimit)
		if r.URL.Path == Base+"/policy" {
			limit = 3*policyLimit + formLimit // as a form encodes it
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		a, err := f(r)
		if err != nil {
			a = c.failed(r, err)
		}
		for k, v := range a.header {
			w.Header()[k] = v
		}
		if a.to != "" {
			http.Redirect(w, r, a.to, http.StatusSeeOther)
			return
		}
		c.render(w, r, a)
	}
}

// failed is the page for an error. What went wrong inside is in the log alone.
func (c *console) failed(r *http.Request, err error) answer {
	a := answer{page: "error", title: "Something went wrong", status: http.StatusInternalServerError}
	var no refusal
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &no):
		a.status, a.body, a.title = no.status, no.says, "That did not work"
	case errors.As(err, &large):
		a.status, a.body, a.title = http.StatusRequestEntityTooLarge, "That is more than is read here.", "That did not work"
	case errors.Is(err, ErrUnknown):
		a.status, a.body, a.title = http.StatusNotFound, "There is nothing here, or nothing any more.", "Not found"
	default:
		a.body = "What is stored could not be read. The daemon's log says why."
		c.Log.Error("a page could not be drawn", "path", r.URL.Path, "error", err)
	}
	return a
}

// A view is what a template sees.
type view struct {
	Title, Section, Notice, Refresh string
	Live                            bool
	Self                            string // this page's own address
	State                           State
	StateKnown                      bool
	User                            string
	MayAct                          bool
	LogOut                          string
	Now                             time.Time
	Body                            any
}

func (c *console) render(w http.ResponseWriter, r *http.Request, a answer) {
	v := view{
		Title: a.title, Section: a.section, Notice: a.notice, Refresh: a.refresh, Self: r.URL.RequestURI(), LogOut: c.LogOut,
		Live: a.live && c.Changes != nil, Now: c.Now(), Body: a.body,
	}
	v.User, v.MayAct = c.may(r.Context(), Act(a.section))
	var err error
	if v.State, err = c.Data.State(r.Context()); err != nil {
		c.Log.Error("the daemon's state could not be read", "error", err)
	} else {
		v.StateKnown = true
	}
	var b bytes.Buffer
	if err := c.pages[a.page].Execute(&b, v); err != nil {
		c.Log.Error("a page could not be drawn", "page", a.page, "error", err)
		http.Error(w, "The page could not be drawn. The daemon's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if a.refresh != "" {
		w.Header().Set("Refresh", "0; url="+a.refresh)
	}
	c.write(w, r, max(a.status, http.StatusOK), b.Bytes())
}

// write sends a page, compressed where that is understood. There is no secret in a page that its length could tell of.
func (c *console) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	var err error
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		z := gzip.NewWriter(w)
		_, err = z.Write(body)
		err = errors.Join(err, z.Close())
	} else {
		w.WriteHeader(status)
		_, err = w.Write(body)
	}
	if err != nil {
		c.Log.Debug("a page was not read to its end", "path", r.URL.Path, "error", err)
	}
}
