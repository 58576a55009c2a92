// Package api is the HTTP API: what programs read of schedules, meetings and calendars, and the few things they may do.
// It guards nothing but scopes; who may come in at all is serve/access's business.
package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.com/syncd/eligibility"
	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

// Config is what an API works with.
type Config struct {
	Catalog engine.Catalog
	Health  func(context.Context) engine.Health
	// Signals, Directory and Deliveries may be nil: then the API does not have them.
	Signals    Signals
	Directory  func() []eligibility.Member // as the policy in force has them
	Deliveries Deliveries
	// Key signs cursors: 32 random bytes that stay the same for as long as the store does.
	Key     []byte
	Version string
	Now     func() time.Time
	Log     *slog.Logger

	Streams Streams
	// Body is how long a body may take to come; 0: 5 seconds.
	Body time.Duration
	// Stopping is closed when the daemon is about to end: streams end then.
	Stopping <-chan struct{}
}

// API is the API as a handler.
type API struct {
	Config
	mux     *http.ServeMux
	huma    huma.API
	cursors cursors
	streams *streams
}

// New makes an API. All of its paths begin with /api/.
func New(c Config) *API {
	a := &API{Config: c, mux: http.NewServeMux(), cursors: cursors{c.Key}, streams: newStreams(c.Streams)}
	config := huma.DefaultConfig("syncd", c.Version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/api/openapi", "", ""
	config.CreateHooks = nil // which would add $schema to every answer
	config.RejectUnknownQueryParameters = true
	config.Info.Description = "What syncd has decided and scheduled, and why. Lists are pages: go on with the cursor that \"next\" has, " +
		"or with the Link header, until there is none. Cursors are good for as long as the store is, and for the filters that they came with."
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: `A token that "syncd token new" has made.`},
		"session": {Type: "apiKey", In: "cookie", Name: "__Host-syncd", Description: "A person who has logged in at /auth/login."},
	}
	a.huma = humago.New(a.mux, config)
	a.registerSchedules()
	a.registerFeed()
	a.registerMeetings()
	a.registerCalendars()
	a.registerMe()
	if c.Signals != nil {
		a.registerSignals()
	}
	if c.Directory != nil {
		a.registerDirectory()
	}
	if c.Deliveries != nil {
		a.registerDeliveries()
	}
	a.registerQuarantine()
	a.refuseTheRest()
	return a
}

// refuseTheRest answers what no operation does.
func (a *API) refuseTheRest() {
	paths := map[string]string{"/api/openapi.json": "GET, HEAD", "/api/openapi.yaml": "GET, HEAD"}
	for path, item := range a.huma.OpenAPI().Paths {
		var methods []string
		if item.Get != nil {
			methods = append(methods, "GET", "HEAD")
		}
		if item.Post != nil {
			methods = append(methods, "POST")
		}
		if item.Delete != nil {
			methods = append(methods, "DELETE")
		}
		paths[path] = strings.Join(methods, ", ")
	}
	for path, methods := range paths {
		a.mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", methods)
			problem.Write(w, http.StatusMethodNotAllowed, "this takes "+methods)
		})
	}
	nothing := func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusNotFound, "there is nothing here; /api/openapi.json lists what there is")
	}
	a.mux.HandleFunc("/", nothing)
	// Those of an older OpenAPI, which nobody needs.
	a.mux.HandleFunc("/api/openapi-3.0.json", nothing)
	a.mux.HandleFunc("/api/openapi-3.0.yaml", nothing)
}

// ServeHTTP answers a request of somebody who is known.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if complaint := legible(r.URL); complaint != "" {
		problem.Write(w, http.StatusBadRequest, complaint)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// legible finds what is wrong with an address before anybody makes something of it; databases refuse such text too.
func legible(u *url.URL) string {
	bad := func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }
	if bad(u.Path) {
		return "the path is no text (UTF-8)"
	}
	if u.RawQuery == "" {
		return ""
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "the query can't be read: " + err.Error()
	}
	for name, values := range q {
		if len(values) > 1 {
			return "a parameter is there twice"
		}
		if bad(name) || bad(values[0]) {
			return "a parameter is no text (UTF-8)"
		}
	}
	return ""
}

// refused are the statuses with which any operation may be refused, besides those of its own.
var refused = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest, http.StatusUnprocessableEntity,
	http.StatusTooManyRequests,
}

// maxBody is far more than anything that the API takes.
const maxBody = 64 << 10

// operation is one that wants a scope; errors are the statuses of its own.
func (a *API) operation(method, path, id, tag, summary, description string, s tokens.Scope, errs ...int) huma.Operation {
	op := huma.Operation{
		Method: method, Path: path, OperationID: id, Tags: []string{tag}, Summary: summary, Description: description,
		Security:     []map[string][]string{{"token": {string(s)}}, {"session": {string(s)}}},
		Errors:       append(append([]int{}, refused...), errs...),
		MaxBodyBytes: maxBody, BodyReadTimeout: cmp.Or(a.Body, 5*time.Second),
	}
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		if status, detail := access.Denied(ctx.Context(), s); status != 0 {
			huma.WriteErr(a.huma, ctx, status, detail)
			return
		}
		next(ctx)
	}}
	return op
}

// failed is what is answered when the store can't be asked: why is for the log alone.
func (a *API) failed(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		a.Log.Error("the store could not be asked", "what", what, "error", err)
	}
	return huma.Error500InternalServerError("the store could not be read; the daemon's log says why")
}

// by is who asks, for logs.
func by(ctx context.Context) string {
	who, _ := access.From(ctx)
	return who.ID
}
