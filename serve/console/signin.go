package console

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
)

// SignInConfig is what the page for people works with who are not known yet.
type SignInConfig struct {
	// Login is where people log in at their company's, "" if they don't; Token where a form is posted that has a token as
	// "token", and as "return_to" where they wanted to go.
	Login, Token string
	// Refused is why what somebody has just shown opens nothing; "" if they have shown nothing. May be nil.
	Refused func(context.Context) string
	Log     *slog.Logger
}

// SignIn is what people see in place of any page until they are known. It serves the pages' looks besides, which are no
// secret.
func SignIn(c SignInConfig) (http.Handler, error) {
	h := &console{Config: Config{Log: c.Log}}
	var err error
	if h.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	page, err := template.New("signin.html").Funcs(template.FuncMap{"asset": h.assetPath}).ParseFS(templateFiles, "templates/signin.html")
	if err != nil {
		return nil, fmt.Errorf("read the console's page signin: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Base+"/assets/{name}", h.serveAsset)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		v := struct{ Login, Token, ReturnTo, Refused string }{c.Login, c.Token, r.URL.RequestURI(), ""}
		if r.Method == http.MethodPost {
			v.ReturnTo = r.PostFormValue("return_to")
		}
		if !strings.HasPrefix(v.ReturnTo, Base+"/") || strings.HasPrefix(v.ReturnTo, Base+"/live") {
			v.ReturnTo = Base + "/"
		}
		if c.Refused != nil {
			v.Refused = sentenceCase(c.Refused(r.Context()))
		}
		var b bytes.Buffer
		if err := page.Execute(&b, v); err != nil {
			c.Log.Error("a page could not be drawn", "page", "signin", "error", err)
			http.Error(w, "The page could not be drawn. The daemon's log says why.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("WWW-Authenticate", `Bearer realm="syncd"`)
		h.write(w, r, http.StatusUnauthorized, b.Bytes())
	})
	return secure(mux), nil
}
