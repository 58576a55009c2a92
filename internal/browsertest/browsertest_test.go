package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// complaints takes what Run would fail a test with.
type complaints struct {
	testing.TB
	says []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.says = append(c.says, fmt.Sprintf(format, args...))
}

// TestRun: each thing that a page may have wrong is told.
func TestRun(t *testing.T) {
	pages := map[string]string{
		"icon":     "",
		"good":     `<main><h1>Good</h1></main>`,
		"script":   `<main><h1>Script</h1></main><script>document.title = "inline"</script>`,
		"missing":  `<main><h1>Missing</h1></main><script src="/nowhere.js"></script>`,
		"nameless": `<main><h1>Nameless</h1><input name="q"></main>`,
		"wide":     `<main><h1>Wide</h1><pre>` + strings.Repeat("wide", 500) + `</pre></main>`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[strings.Trim(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width"><link rel="icon" href="/icon"></head><body>%s</body></html>`, body)
	}))
	t.Cleanup(srv.Close)
	for page, want := range map[string]string{
		"good": "", "script": "Content Security Policy", "missing": "404", "nameless": "critical: label", "wide": "px wide", "throw": "thrown on purpose",
	} {
		t.Run(page, func(t *testing.T) {
			got := &complaints{TB: t}
			Run(got, "testdata/look.mjs", map[string]string{"base": srv.URL, "page": page})
			switch says := strings.Join(got.says, "\n"); {
			case want == "" && says != "":
				t.Error(says)
			case !strings.Contains(says, want):
				t.Errorf("it says %q, not %q", says, want)
			}
		})
	}
}
