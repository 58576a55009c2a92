package serve_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/syncd/internal/nodetest"
	"example.com/syncd/schedule"
	"example.com/syncd/serve/problem"
)

// document is the API's own description, as it is served.
type document struct {
	raw      map[string]any
	compiler *jsonschema.Compiler
	known    map[string]*jsonschema.Schema
}

// A documented is one operation of the document.
type documented struct {
	path, method, id string
	op               map[string]any
}

func readDocument(t testing.TB, w *world) *document {
	t.Helper()
	d := &document{compiler: jsonschema.NewCompiler(), known: map[string]*jsonschema.Schema{}}
	w.get(t, "/api/openapi.json", &d.raw)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", d.raw); err != nil {
		t.Fatal(err)
	}
	return d
}

// schema is the one at a place of the document.
func (d *document) schema(t testing.TB, place ...string) *jsonschema.Schema {
	t.Helper()
	at := "openapi.json#"
	for _, p := range place {
		at += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	if s := d.known[at]; s != nil {
		return s
	}
	s, err := d.compiler.Compile(at)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	d.known[at] = s
	return s
}

// operations are all of them, in the order of their paths.
func (d *document) operations() []documented {
	var all []documented
	for path, item := range d.raw["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			o := op.(map[string]any)
			all = append(all, documented{path, method, o["operationId"].(string), o})
		}
	}
	slices.SortFunc(all, func(a, b documented) int { return strings.Compare(a.id, b.id) })
	return all
}

// conforms demands that an answer is one that the document describes.
func (d *document) conforms(t testing.TB, o documented, what string, rec *httptest.ResponseRecorder) {
	t.Helper()
	status := strconv.Itoa(rec.Code)
	responses := o.op["responses"].(map[string]any)
	described, ok := responses[status].(map[string]any)
	if !ok {
		t.Errorf("%s %s: the status %s is not documented: %s", o.id, what, status, rec.Body)
		return
	}
	kind := rec.Header().Get("Content-Type")
	content, _ := described["content"].(map[string]any)
	if content == nil && kind == "" && rec.Body.Len() == 0 {
		return
	}
	if content[kind] == nil {
		t.Errorf("%s %s: %s with the type %q, which is not documented", o.id, what, status, kind)
		return
	}
	if rec.Code >= 400 && kind != problem.ContentType {
		t.Errorf("%s %s: an error of type %q", o.id, what, kind)
	}
	if !strings.HasSuffix(kind, "json") {
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Body.Bytes()))
	if err != nil {
		t.Errorf("%s %s: %v: %s", o.id, what, err, rec.Body)
		return
	}
	if err := d.schema(t, "paths", o.path, o.method, "responses", status, "content", kind, "schema").Validate(v); err != nil {
		t.Errorf("%s %s: %s is not as documented: %v\n%.2000s", o.id, what, status, err, rec.Body)
	}
}

// TestAnswers: what is answered is what the document says, judged by a validator that had no part in it.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	w.fill(t, 60)
	d := readDocument(t, w)
	operations := map[string]documented{}
	for _, o := range d.operations() {
		operations[o.id] = o
	}
	one := string(meeting(1).Meeting)
	seen := map[string]bool{}
	for _, c := range []struct {
		operation, method, target, token, body string
		status                                 int
	}{
		{"listSchedules", "GET", "/api/v1/schedules?from=0001-01-01T00:00:00Z&limit=200", "read", "", 200},
		{"listSchedules", "GET", "/api/v1/schedules?state=lost", "read", "", 422},
		{"listSchedules", "GET", "/api/v1/schedules?after=x", "read", "", 400},
		{"listSchedules", "GET", "/api/v1/schedules", "signals", "", 403},
		{"getSchedule", "GET", "/api/v1/schedules/" + schedule.ID(meeting(1).Meeting, 0), "read", "", 200},
		{"getSchedule", "GET", "/api/v1/schedules/none", "read", "", 404},
		{"listChanges", "GET", "/api/v1/changes?limit=200", "read", "", 200},
		{"listChanges", "GET", "/api/v1/changes?after=latest", "read", "", 200},
		{"listMeetings", "GET", "/api/v1/meetings?from=0001-01-01T00:00:00Z&limit=200", "read", "", 200},
		{"listMeetings", "GET", "/api/v1/meetings?recorded=yes&rule=host&text=x", "read", "", 200},
		{"listMeetings", "GET", "/api/v1/meetings?form=2026-11-23T08:00:00Z", "read", "", 422},
		{"getMeeting", "GET", "/api/v1/meetings/" + url.PathEscape(one), "read", "", 200},
		{"getMeeting", "GET", "/api/v1/meetings/" + url.PathEscape(string(meeting(0).Meeting)), "read", "", 200},
		{"getMeeting", "GET", "/api/v1/meetings/none", "read", "", 404},
		{"listCalendars", "GET", "/api/v1/calendars", "read", "", 200},
		{"listConnections", "GET", "/api/v1/connections", "read", "", 200},
		{"listMembers", "GET", "/api/v1/directory", "read", "", 200},
		{"getMe", "GET", "/api/v1/me", "signals", "", 200},
		{"giveSignal", "POST", "/api/v1/signals", "signals", `{"meeting":"` + one + `","signal":"skip"}`, 201},
		{"giveSignal", "POST", "/api/v1/signals", "signals", `{"meeting":"none","signal":"skip"}`, 422},
		{"giveSignal", "POST", "/api/v1/signals", "signals", `{`, 400},
		{"listSignals", "GET", "/api/v1/signals", "signals", "", 200},
		{"takeBackSignals", "DELETE", "/api/v1/signals?meeting=" + url.QueryEscape(one), "signals", "", 204},
		{"takeBackSignals", "DELETE", "/api/v1/signals?meeting=" + url.QueryEscape(one), "signals", "", 404},
		{"takeBackSignals", "DELETE", "/api/v1/signals", "signals", "", 422},
		{"takeBackSignals", "DELETE", "/api/v1/signals?meeting=x&email=bo@acme.com", "signals", "", 403},
		{"listDeliveries", "GET", "/api/v1/deliveries", "deliveries", "", 200},
		{"retryDelivery", "POST", "/api/v1/deliveries/3/retry", "deliveries", "", 200},
		{"retryDelivery", "POST", "/api/v1/deliveries/1/retry", "deliveries", "", 409},
		{"retryDelivery", "POST", "/api/v1/deliveries/99/retry", "deliveries", "", 404},
		{"listHeldMails", "GET", "/api/v1/quarantine", "quarantine", "", 200},
		{"releaseMail", "POST", "/api/v1/quarantine/" + strings.Repeat("0", 64) + "/release", "quarantine", "", 200},
		{"releaseMail", "POST", "/api/v1/quarantine/none/release", "quarantine", "", 404},
		{"streamEvents", "GET", "/api/v1/events?after=none", "read", "", 400},
	} {
		rec := w.do(c.method, c.target, w.tokens[c.token], c.body)
		if rec.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.target, rec.Code, rec.Body, c.status)
		}
		o, ok := operations[c.operation]
		if !ok {
			t.Fatalf("%s is not documented", c.operation)
		}
		d.conforms(t, o, c.target, rec)
		seen[c.operation] = seen[c.operation] || c.status < 300
		if bare := w.do(c.method, c.target, "", c.body); bare.Code != 401 || bare.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s lets everybody in: %d", c.target, bare.Code)
		} else {
			d.conforms(t, o, c.target+" by nobody", bare)
		}
	}
	for id := range operations {
		if !seen[id] && id != "streamEvents" { // which has a test of its own
			t.Errorf("nothing was answered by %s", id)
		}
	}
	yaml := w.do("GET", "/api/openapi.yaml", w.tokens["read"], "")
	if yaml.Code != 200 || !strings.HasPrefix(yaml.Body.String(), "components:") {
		t.Errorf("the document as YAML: %d %.100s", yaml.Code, yaml.Body)
	}
	for _, path := range []string{"/api/openapi.json", "/api/openapi.yaml"} {
		if rec := w.do("GET", path, "", ""); rec.Code != 401 {
			t.Errorf("%s lets everybody in: %d", path, rec.Code)
		}
	}
}

// TestDocument: the document is one of OpenAPI 3.1, as its specification's own schema has it.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	rec := w.do("GET", "/api/openapi.json", w.tokens["read"], "")
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, rec.Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var verdict struct {
		Valid   bool
		Version string
		Errors  json.RawMessage
	}
	nodetest.Run(t, &verdict, "testdata/openapi.mjs", file)
	if !verdict.Valid || verdict.Version != "3.1" {
		t.Errorf("version %s: %s", verdict.Version, verdict.Errors)
	}
}
