// Package access has the doors of the HTTP side: who asks (a bearer token, or a person who has logged in by OpenID
// Connect), what they may do, how often, and from where.
package access

import (
	"context"
	"net/http"

	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

// An Identity is who sent a request.
type Identity struct {
	// ID tells who it is in logs, without names: "token:ab12cd34ef", "token_file", or "person:" and a hash.
	ID     string
	Person bool   // a person who has logged in, not a program
	Name   string // for people to read; may be empty
	Email  string // the person's address, or the one for whom the token speaks; "": nobody's
	Scopes tokens.Scopes
}

type identityKey struct{}

// From is who sent the request of this context; ok is false where nobody is known.
func From(ctx context.Context) (who Identity, ok bool) {
	who, ok = ctx.Value(identityKey{}).(Identity)
	return who, ok
}

// With is ctx with who in it: for tests, and for those who let people in by other ways.
func With(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

// Denied is what keeps ctx's identity from what s opens: 401 or 403, and a sentence; status 0: nothing does.
func Denied(ctx context.Context, s tokens.Scope) (status int, detail string) {
	who, ok := From(ctx)
	switch {
	case !ok:
		return http.StatusUnauthorized, unknown
	case !who.Scopes.Has(s):
		return http.StatusForbidden, "this needs the scope " + string(s) + " (" + s.Opens() + "); yours are: " + who.Scopes.String()
	}
	return 0, ""
}

// Require lets those in who may do what s opens.
func Require(s tokens.Scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status, detail := Denied(r.Context(), s); status != 0 {
				deny(w, status, detail)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

const unknown = `send the header "Authorization: Bearer TOKEN" with a token that "syncd token new" has made, or log in at /auth/login`

// deny answers with a problem, and asks for a token where there is none.
func deny(w http.ResponseWriter, status int, detail string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="syncd"`)
	}
	problem.Write(w, status, detail)
}
