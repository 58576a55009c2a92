package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

// visitor is who is logged in, in the browser that sent r.
func (d *Doors) visitor(r *http.Request) (Identity, bool, *refusal) {
	p, ok, err := d.sessions.person(r, d.Now())
	switch {
	case err != nil:
		d.Log.Error("a session could not be looked up", "error", err)
		return Identity{}, false, &refusal{http.StatusInternalServerError, "the store could not be read; the daemon's log says why"}
	case !ok:
		return Identity{}, false, nil
	case p.Token == "" && d.login != nil:
		return d.login.identity(p)
	case p.Token == fileToken.ID && d.opens(p.Hash):
		who := fileToken
		who.Person = true
		return who, true, nil
	case p.Token == "" || p.Token == fileToken.ID: // by a way that there is no more
		return Identity{}, false, nil
	}
	who, ok, no := d.token(r.Context(), p.Token, p.Hash)
	who.Person = true
	return who, ok, no
}

// signIn lets a person in who has a token, posted as the form's "token", and leads them to "return_to". Their session is
// good for as long as the token is, and no longer than others.
func (d *Doors) signIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		problem.Write(w, http.StatusBadRequest, "the form can't be read")
		return
	}
	text := r.PostForm.Get("token")
	who, ok, no := d.bearer(r.Context(), "Bearer "+text)
	if !ok {
		d.refuse(w, r, no)
		return
	}
	p := person{Token: who.ID, Hash: tokens.Hash(text), SeenUnix: d.Now().Unix()}
	if id, ok := tokens.ID(text); ok && who.ID != fileToken.ID {
		p.Token = id
	}
	if err := d.sessions.begin(w, r, p, d.Now()); err != nil {
		d.failed(w, "the log-in could not be kept", err)
		return
	}
	d.Log.Info("logged in", "who", who.ID, "scopes", who.Scopes.String())
	http.Redirect(w, r, returnTo(r.PostForm.Get("return_to")), http.StatusSeeOther)
}

type refusedKey struct{}

// Refused is why what has just been shown opens nothing, where SignIn asks again; "" if nothing was shown.
func Refused(ctx context.Context) string {
	why, _ := ctx.Value(refusedKey{}).(string)
	return why
}

// refuse asks people again, and says why; programs are told why.
func (d *Doors) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	if d.SignIn == nil || !wantsPage(r) {
		deny(w, no.status, no.detail)
		return
	}
	why := no.detail
	if why == unknown {
		why = "this token opens nothing: was it copied whole?"
	}
	d.SignIn.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), refusedKey{}, why)))
}

// wantsPage reports whether a browser asks that shows to a person what it gets.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// signOut ends the session.
func (d *Doors) signOut(w http.ResponseWriter, r *http.Request) {
	if err := d.sessions.end(w, r); err != nil {
		d.failed(w, "the session could not be ended", err)
		return
	}
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	if d.SignIn != nil && wantsPage(r) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "You are logged out.")
}

func (d *Doors) failed(w http.ResponseWriter, what string, err error) {
	d.Log.Error(what, "error", err)
	problem.Write(w, http.StatusBadGateway, what+"; the daemon's log says why")
}
