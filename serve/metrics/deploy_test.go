package metrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v4"
)

// expressions are those of the dashboard and of the alerts, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var board struct {
		Title      string
		Panels     []panel
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	b, err := os.ReadFile("../../deploy/grafana/syncd.json")
	if err == nil {
		err = json.Unmarshal(b, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q: the id is not its own, or there is no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for i, q := range p.Targets {
			all[fmt.Sprintf("panel %q, query %d", p.Title, i)] = q.Expr
		}
	}
	for _, v := range board.Templating.List {
		if query, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			metric, label, _ := strings.Cut(strings.TrimSuffix(query, ")"), ", ")
			all["variable "+v.Name] = metric + "{" + label + `=~".*"}`
		}
	}
	for _, r := range rules(t) {
		all["alert "+r.Alert] = r.Expr
	}
	return all
}

type panel struct {
	ID      int
	Type    string
	Title   string
	Targets []struct{ Expr string }
}

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	b, err := os.ReadFile("../../deploy/prometheus/syncd.rules.yaml")
	if err == nil {
		err = yaml.Unmarshal(b, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

var (
	names    = regexp.MustCompile(`\b(?:syncd|go|process)_[a-z_]+\b(?:\{[^}]*\})?`)
	matchers = regexp.MustCompile(`([a-z_]+)(=~|!=|!~|=)"([^"]*)"`)
	grouped  = regexp.MustCompile(`by \(([^)]*)\)`)
	// set are the labels that Prometheus adds.
	set = []string{"job", "instance"}
)

// find is the metric of a series' name; a histogram has several.
func find(families map[string]*dto.MetricFamily, name string) *dto.MetricFamily {
	if f := families[name]; f != nil {
		return f
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && families[base].GetType() == dto.MetricType_HISTOGRAM {
			return families[base]
		}
	}
	return nil
}

// TestDeploy: what dashboard and alerts ask for is there: the metrics, their labels, and the labels' values.
func TestDeploy(t *testing.T) {
	m, _ := daemon(t, 10)
	_, families := scrape(t, m)
	asked := map[string]bool{}
	all := expressions(t)
	for where, expr := range all {
		found := names.FindAllString(expr, -1)
		if len(found) == 0 {
			t.Errorf("%s asks for nothing of ours: %s", where, expr)
		}
		var labels []string
		for _, series := range found {
			name, selector, _ := strings.Cut(series, "{")
			f := find(families, name)
			if f == nil {
				t.Errorf("%s: there is no %s", where, name)
				continue
			}
			asked[f.GetName()] = true
			values := map[string][]string{}
			for _, m := range f.Metric {
				for _, l := range m.Label {
					values[l.GetName()] = append(values[l.GetName()], l.GetValue())
				}
			}
			for label := range values {
				labels = append(labels, label)
			}
			if name != f.GetName() {
				labels = append(labels, "le")
			}
			for _, m := range matchers.FindAllStringSubmatch(selector, -1) {
				label, op, value := m[1], m[2], m[3]
				switch {
				case slices.Contains(set, label):
				case values[label] == nil:
					t.Errorf("%s: %s has no label %s", where, name, label)
				case strings.HasPrefix(value, "$"), value == ".*":
				default:
					for _, v := range strings.Split(value, "|") {
						if (op == "=" && v != value) || !slices.Contains(values[label], v) {
							t.Errorf("%s: %s never has %s=%q", where, name, label, v)
						}
					}
				}
			}
		}
		for _, g := range grouped.FindAllStringSubmatch(expr, -1) {
			for _, label := range strings.Split(g[1], ", ") {
				if !slices.Contains(labels, label) && !slices.Contains(set, label) {
					t.Errorf("%s: by %s, which nothing has", where, label)
				}
			}
		}
	}
	if len(all) < 40 {
		t.Errorf("only %d expressions were found", len(all))
	}
	for name := range families { // the alert on outdated rules is enough
		if strings.HasPrefix(name, "syncd_") && !asked[name] {
			t.Errorf("neither dashboard nor alerts show %s", name)
		}
	}
}

// TestAlerts: each has what somebody who is woken up needs.
func TestAlerts(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range rules(t) {
		if seen[r.Alert] || !strings.HasPrefix(r.Alert, "Syncd") {
			t.Errorf("the alert %q", r.Alert)
		}
		seen[r.Alert] = true
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: %v %v", r.Alert, r.Labels, r.Annotations)
		}
		if !bytes.Contains(docs, []byte("`"+r.Alert+"`")) {
			t.Errorf("docs/operate.md does not say what to do about %s", r.Alert)
		}
	}
}

// TestDocs: docs/operate.md has a row for each metric, with its type and its labels.
func TestDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := daemon(t, 10)
	_, families := scrape(t, m)
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(syncd_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(string(docs), -1) {
		rows[row[1]] = strings.TrimSpace(row[2] + " " + strings.TrimSpace(row[3]))
	}
	for name, f := range families {
		if !strings.HasPrefix(name, "syncd_") {
			continue
		}
		labels := []string{}
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		want := strings.ToLower(f.GetType().String()) + " " + strings.Join(labels, ", ")
		if got := rows[name]; got != strings.TrimSpace(want) {
			t.Errorf("%s: docs/operate.md says %q, it is %q", name, got, want)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/operate.md has %s, which there is not", name)
	}
}

// TestPromtool has Prometheus' own tool read the alerts and try them, and read the dashboard's queries.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not there; it comes with Prometheus (Debian: apt-get install prometheus)")
	}
	run := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), promtool, args...)
		c.Dir = "../../deploy/prometheus"
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	run("check", "rules", "--lint-fatal", "syncd.rules.yaml")
	run("test", "rules", "syncd.rules_test.yaml")
	type recording struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var group struct {
		Name  string      `yaml:"name"`
		Rules []recording `yaml:"rules"`
	}
	group.Name = "dashboard"
	for where, expr := range expressions(t) {
		if strings.HasPrefix(where, "panel") {
			name := regexp.MustCompile(`\W+`).ReplaceAllString(where, "_")
			group.Rules = append(group.Rules, recording{name, strings.NewReplacer("$__rate_interval", "5m").Replace(expr)})
		}
	}
	b, err := yaml.Marshal(map[string]any{"groups": []any{group}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run("check", "rules", file)
}
