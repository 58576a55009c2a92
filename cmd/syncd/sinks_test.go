package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/config"
	"example.com/syncd/schedule"
)

// TestTargets: what a configuration delivers to is opened, each with its own settings, and told.
func TestTargets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("policy.yaml", "company: {}\n")
	cfg, err := config.Load(write("syncd.yaml", `
connections: [{name: a, demo: {file: x}}]
deliver:
  - {name: log, file: {path: out/log.jsonl}}
  - {name: out, stdout: }
  - {name: late, vexa: {key_file: k, lead: 90s}}
  - name: chain
    failover: {targets: [{name: late, vexa: {key_file: k, lead: 1m}}, {name: later, vexa: {key_file: k}}]}
`), drivers, sinks)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	all, err := targets(cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	leads := map[string]time.Duration{}
	for _, target := range all {
		leads[target.Name] = target.Lead
	}
	if diff := cmp.Diff(map[string]time.Duration{"log": 0, "out": 0, "late": 90 * time.Second, "chain": 2 * time.Minute}, leads); diff != "" {
		t.Errorf("leads (-want +got):\n%s", diff)
	}
	for _, target := range all[:2] {
		if _, err := target.Sink.Deliver(t.Context(), schedule.Delivery{Schedule: schedule.Schedule{ID: "rec_1"}}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "out", "log.jsonl"))
	if err != nil || string(b) != out.String() || !strings.Contains(out.String(), `"id":"rec_1"`) {
		t.Errorf("the file has %q (%v), standard output %q", b, err, out.String())
	}
}

// TestTargetsRelativeKey: files that targets name are relative to the configuration.
func TestTargetsRelativeKey(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"policy.yaml": "company: {}\n",
		"syncd.yaml":  "connections: [{name: a, demo: {file: x}}]\ndeliver: [{name: hook, webhook: {url: \"http://127.0.0.1:1\", allow_http: true, secrets_file: secrets}}]\n",
		"secrets":     "none\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "syncd.yaml"), drivers, sinks)
	if err != nil {
		t.Fatal(err)
	}
	all, err := targets(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Sink.Deliver(t.Context(), schedule.Delivery{}); err == nil || !strings.Contains(err.Error(), "line 1 of secrets is no secret") {
		t.Errorf("got %v, want what is wrong in the file", err)
	}
}
