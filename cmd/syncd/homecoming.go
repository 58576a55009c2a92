package main

import (
	"crypto/subtle"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"sync"

	"example.com/syncd/serve/connect"
)

// An arrival is what came of a browser's way to the provider and back.
type arrival struct {
	user string
	err  error
}

// homecoming answers the browser that comes back from the provider. Whatever else comes by is sent away, and
// changes nothing.
type homecoming struct {
	host, state string
	redeem      func(code string) (string, error)
	done        chan arrival // has room for the one that there is

	once sync.Once
}

// ServeHTTP takes the first request that has the state.
func (h *homecoming) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Host != h.host: // a page that has its own name lead here
		page(w, http.StatusMisdirectedRequest, "This is not the address that was asked for.")
	case r.URL.Path != "/":
		page(w, http.StatusNotFound, "There is nothing here.")
	case r.Method != http.MethodGet:
		page(w, http.StatusMethodNotAllowed, "There is nothing to be sent here.")
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(h.state)) != 1:
		page(w, http.StatusBadRequest, "This does not belong to the consent that syncd is waiting for. Open the address that it printed last.")
	default:
		first := false
		h.once.Do(func() {
			first = true
			a := h.come(q)
			if a.err != nil {
				page(w, http.StatusOK, "It did not work: "+a.err.Error()+". You can close this page.")
			} else {
				page(w, http.StatusOK, "Connected: syncd reads the calendars of "+a.user+" now. You can close this page.")
			}
			h.done <- a
		})
		if !first {
			page(w, http.StatusOK, "This has been dealt with already. You can close this page.")
		}
	}
}

// come is what follows from the code, or from the error in its place.
func (h *homecoming) come(q url.Values) (a arrival) {
	code, err := connect.Code(q)
	if err != nil {
		return arrival{err: err}
	}
	a.user, a.err = h.redeem(code)
	return a
}

// page is a page of one sentence. Its address has the code in it, which no other site is to learn.
func page(w http.ResponseWriter, status int, sentence string) {
	for k, v := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
	} {
		w.Header().Set(k, v)
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>syncd</title></head><body><p>%s</p></body></html>\n", html.EscapeString(sentence))
}
