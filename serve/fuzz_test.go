package serve_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/syncd/calendar"
	"example.com/syncd/eligibility"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/api"
	"example.com/syncd/serve/problem"
	"example.com/syncd/serve/tokens"
)

var (
	requests = flag.Int("requests", 6000, "how many random requests the API is sent")
	seed     = flag.Uint64("seed", 1, "of the random requests")
)

// hostile are texts that have hurt others.
var hostile = []string{
	"", " ", "0", "-1", "1.5", "1e9", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "NaN", "true", "null", "undefined",
	"' OR 1=1 --", `"; DROP TABLE decisions; --`, "%", "_", `\`, "%00", "\x00", "a\x00b", "\xff\xfe", "\xc3\x28", "é", "日本語", "😀", "\u202e", "\ufeff", "İ",
	"../../etc/passwd", "..%2f..%2f", "<script>alert(1)</script>", "a\r\nSet-Cookie: x=y", "{}", "[]", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
	"2026-11-23T08:00:00Z", "2026-11-23T08:00:00+14:00", "2026-02-30T00:00:00Z", "2026-11-23", "-0001-01-01T00:00:00Z", "2026-11-23T08:00:60Z",
	strings.Repeat("a", 199), strings.Repeat("a", 201), strings.Repeat("é", 200), strings.Repeat("%", 150), strings.Repeat("A", 9000), strings.Repeat("[", 300),
}

// fuzzer sends requests that follow from its seed.
type fuzzer struct {
	*rand.Rand
	w     *world
	d     *document
	words []string // that are something to the API: ids, keys, cursors
	ana   string   // a token that opens everything, and speaks for her
}

func (f *fuzzer) pick(words []string) string { return words[f.IntN(len(words))] }

func (f *fuzzer) text() string {
	switch f.IntN(3) {
	case 0:
		return f.pick(hostile)
	case 1:
		return f.pick(f.words)
	}
	b := []byte(f.pick(f.words))
	for range f.IntN(3) + 1 { // nearly right
		if len(b) > 0 {
			b[f.IntN(len(b))] = byte(f.IntN(256))
		}
	}
	return string(b)
}

// fitting is a value that a schema describes, as JSON has it.
func (f *fuzzer) fitting(s map[string]any) any {
	if ref, ok := s["$ref"].(string); ok {
		return f.fitting(f.d.raw["components"].(map[string]any)["schemas"].(map[string]any)[ref[strings.LastIndexByte(ref, '/')+1:]].(map[string]any))
	}
	if enum, ok := s["enum"].([]any); ok {
		return enum[f.IntN(len(enum))]
	}
	switch s["type"] {
	case "integer":
		least, most := 0.0, 300.0
		if m, ok := s["minimum"].(float64); ok {
			least = m
		}
		if m, ok := s["maximum"].(float64); ok {
			most = m
		}
		return int(least) + f.IntN(int(most-least)+1)
	case "boolean":
		return f.IntN(2) == 0
	case "object":
		o := map[string]any{}
		required, _ := s["required"].([]any)
		for name, p := range s["properties"].(map[string]any) {
			if slices.Contains(required, any(name)) || f.IntN(3) == 0 {
				o[name] = f.fitting(p.(map[string]any))
			}
		}
		return o
	}
	if s["format"] == "date-time" {
		return now.AddDate(0, 0, f.IntN(20)-10).Format("2006-01-02T15:04:05Z07:00")
	}
	return f.pick(f.words)
}

// broken is a value that mostly is none that a schema describes.
func (f *fuzzer) broken(v any) any {
	switch f.IntN(4) {
	case 0:
		return []any{nil, 1, -1.5, true, "x", []any{}, map[string]any{}, []any{v}}[f.IntN(8)]
	case 1:
		if o, ok := v.(map[string]any); ok {
			for name, inner := range o {
				if f.IntN(2) == 0 {
					o[name] = f.broken(inner)
				} else if f.IntN(2) == 0 {
					delete(o, name)
				}
			}
			if f.IntN(3) == 0 {
				o[strings.ToValidUTF8(f.text(), "?")] = f.text()
			}
			return o
		}
	}
	return f.text()
}

func (f *fuzzer) body(o documented) (body, kind string) {
	described, ok := o.op["requestBody"].(map[string]any)
	if !ok {
		return f.pick([]string{"", "", "{}", "x"}), f.pick([]string{"", "application/json", "text/plain"})
	}
	v := f.fitting(described["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any))
	if f.IntN(2) == 0 {
		v = f.broken(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of values that were made above
	}
	body, kind = string(b), "application/json"
	switch f.IntN(8) {
	case 0:
		body = body[:f.IntN(len(body)+1)]
	case 1:
		body = f.pick([]string{"null", "[]", "1", `""`, body + body, strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 5000), "\xff", `{"meeting":"\ud800","signal":"skip"}`,
			`{"meeting":"a` + strings.Repeat("a", 100000) + `","signal":"skip"}`, `{"Meeting":"x","MEETING":"y","signal":"skip"}`})
	}
	if f.IntN(6) == 0 {
		kind = f.pick([]string{"", "text/plain", "application/xml", "application/json; charset=utf-8", "application/merge-patch+json", "multipart/form-data; boundary=x", ";", "a+b;c", "; +", "\xff"})
	}
	return body, kind
}

// request makes one of an operation; routed is whether it goes to that operation at all.
func (f *fuzzer) request(o documented) (r *http.Request, routed bool) {
	path, query := o.path, []string{}
	params, _ := o.op["parameters"].([]any)
	var headers [][2]string
	routed = true
	for _, p := range params {
		p := p.(map[string]any)
		name := p["name"].(string)
		value := fmt.Sprint(f.fitting(p["schema"].(map[string]any)))
		if f.IntN(4) == 0 {
			value = f.text()
		}
		switch p["in"] {
		case "path":
			routed = routed && value != ""
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(value), 1)
		case "header":
			if f.IntN(3) == 0 && !strings.ContainsAny(value, "\r\n\x00") {
				headers = append(headers, [2]string{name, value})
			}
		default:
			times := []int{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2}
			if p["required"] == true {
				times = times[6:]
			}
			for range times[f.IntN(len(times))] {
				query = append(query, name+"="+url.QueryEscape(value))
			}
		}
	}
	if f.IntN(10) == 0 {
		query = append(query, f.pick([]string{"x=1", "%zz", "=", "&", ";", "limit", "from[]=x", "%FF=%FE", "a%00=b", "after=%", "+=+"}))
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	u, err := url.ParseRequestURI(path)
	if err != nil { // which the server refuses before anybody sees it
		return nil, false
	}
	body, kind := f.body(o)
	method := strings.ToUpper(o.method)
	if f.IntN(20) == 0 {
		method, routed = f.pick([]string{"HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "POST", "GET", "QUERY"}), false
	}
	r = httptest.NewRequest(method, "http://127.0.0.1:8787/", strings.NewReader(body))
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = u.Path, u.RawPath, u.RawQuery
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, h := range headers {
		r.Header.Set(h[0], h[1])
	}
	if f.IntN(5) == 0 {
		r.Header.Set("Accept", f.pick([]string{"text/html", "*/*;q=0", "application/cbor", "application/problem+json", "", ",,,", "application/json;q=0.1,text/*", strings.Repeat("a/b,", 500)}))
	}
	token := f.ana
	if f.IntN(6) == 0 {
		token = f.pick([]string{f.w.tokens["read"], f.w.tokens["signals"], f.w.tokens["deliveries"], f.w.tokens["quarantine"], "none"})
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return r, routed
}

// learn keeps what an answer tells that later requests may use.
func (f *fuzzer) learn(rec *httptest.ResponseRecorder) {
	var o map[string]any
	if json.Unmarshal(rec.Body.Bytes(), &o) != nil {
		return
	}
	if next, ok := o["next"].(string); ok && len(f.words) < 500 {
		f.words = append(f.words, next)
	}
}

// TestFuzz: whatever is sent, the answer is one that the document describes, and never a fault.
func TestFuzz(t *testing.T) {
	stopping := make(chan struct{})
	close(stopping) // streams end once they have said what there is
	w := newWorld(t, func(_ *access.Config, c *api.Config) { c.Stopping = stopping })
	w.fill(t, 60)
	f := &fuzzer{Rand: rand.New(rand.NewPCG(*seed, 0)), w: w, d: readDocument(t, w)}
	f.ana = w.token(t, tokens.Token{Name: "ana", Scopes: tokens.Scopes{tokens.Admin}, Email: "ana@acme.com"})
	for i := range 12 {
		m := meeting(i)
		f.words = append(f.words, string(m.Meeting), schedule.ID(m.Meeting, 0), string(calendar.Key(m.Meeting).Series()))
		if err := w.store.Signals().Say(t.Context(), eligibility.Signal{Meeting: m.Meeting, Email: "ana@acme.com", Signal: eligibility.SignalSkip, At: now}); err != nil {
			t.Fatal(err)
		}
	}
	f.words = append(f.words, "ana@acme.com", "zoom", "Weekly", "private", "latest", "1", "2", "3", fmt.Sprintf("%064x", 1), fmt.Sprintf("%064x", 2), "google:acme.com/ana@acme.com")
	operations := f.d.operations()
	statuses := map[string]map[int]int{}
	for range *requests {
		o := operations[f.IntN(len(operations))]
		r, routed := f.request(o)
		if r == nil {
			continue
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		what := fmt.Sprintf("%s %q, %q", r.Method, r.URL.RequestURI(), r.Header)
		if statuses[o.id] == nil {
			statuses[o.id] = map[int]int{}
		}
		statuses[o.id][rec.Code]++
		f.learn(rec)
		switch {
		case rec.Code >= 500:
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		case routed:
			f.d.conforms(t, o, what, rec)
		case rec.Code >= 400 && rec.Header().Get("Content-Type") != problem.ContentType:
			t.Errorf("%s: an error of type %q", what, rec.Header().Get("Content-Type"))
		}
		if t.Failed() {
			t.Fatalf("the rest is left out; seed %d. The log:\n%s", *seed, w.log)
		}
	}
	for _, o := range operations { // a fuzzer that only ever knocks in vain finds nothing
		s := statuses[o.id]
		if s[200]+s[201]+s[204] == 0 || s[400]+s[422] == 0 && o.id != "retryDelivery" || s[401] == 0 {
			t.Errorf("%s was answered by %v alone", o.id, s)
		}
	}
	t.Logf("answers: %v", statuses)
}
