package access

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

func TestRequire(t *testing.T) {
	h := Require(tokens.Signals)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who, ok := From(r.Context()); !ok || who.ID != "x" {
			t.Errorf("%+v came in", who)
		}
	}))
	for _, c := range []struct {
		about  string
		who    *Identity
		status int
	}{
		{"nobody", nil, 401},
		{"without any scope", &Identity{ID: "x"}, 403},
		{"with another scope", &Identity{ID: "x", Scopes: tokens.Scopes{tokens.Read}}, 403},
		{"with the scope", &Identity{ID: "x", Scopes: tokens.Scopes{tokens.Read, tokens.Signals}}, 200},
		{"an admin", &Identity{ID: "x", Scopes: tokens.Scopes{tokens.Admin}}, 200},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.who != nil {
			r = r.WithContext(With(r.Context(), *c.who))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || c.status >= 400 && w.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("%s: %d %s", c.about, w.Code, w.Body)
		}
	}
}
