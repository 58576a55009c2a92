package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"example.com/syncd/config"
	"example.com/syncd/serve"
)

const chart = "../../deploy/helm/syncd"

// helm runs Helm as somebody does who installs the chart. Where there is no Helm, the test is skipped.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("helm")
	if err != nil {
		t.Skip("there is no helm on this machine: go install helm.sh/helm/v3/cmd/helm@v3.22.0")
	}
	c := exec.Command(program, args...)
	home := t.TempDir()
	c.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG="+filepath.Join(home, "none"))
	out, err := c.CombinedOutput()
	return string(out), err
}

// rendered is what the chart makes, by kind.
func rendered(t *testing.T, args ...string) map[string]object {
	t.Helper()
	out, err := helm(t, append([]string{"template", "syncd", chart, "--kube-version", "1.31.0"}, args...)...)
	if err != nil {
		t.Fatalf("helm template %v: %v\n%s", args, err, out)
	}
	all := map[string]object{}
	for d := yaml.NewDecoder(strings.NewReader(out)); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if _, twice := all[o.Kind]; twice || o.Kind == "" {
			t.Errorf("an object of kind %q", o.Kind)
		}
		all[o.Kind] = o
	}
}

// object is as much of Kubernetes' objects as is looked at.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas int
		Strategy struct{ Type string }
		Template struct {
			Metadata struct{ Annotations map[string]string }
			Spec     pod
		}
		Ports []struct{ TargetPort string }
	}
}

type pod struct {
	TerminationGracePeriodSeconds int
	Containers                    []struct {
		Args         []string
		Env          []struct{ Name string }
		Ports        []struct{ Name string }
		VolumeMounts []struct{ Name, MountPath string }
		StartupProbe, LivenessProbe,
		ReadinessProbe struct {
			HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
		}
		SecurityContext struct {
			ReadOnlyRootFilesystem bool `yaml:"readOnlyRootFilesystem"`
		} `yaml:"securityContext"`
	}
	Volumes []struct{ Name string }
}

// UnmarshalYAML goes by the names of JSON, which the fields here have in lower case.
func (o *object) UnmarshalYAML(n *yaml.Node) error {
	var v any
	if err := n.Decode(&v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	type plain object
	return json.Unmarshal(b, (*plain)(o))
}

// TestChart renders the chart with its values, and with those of the two set-ups, and loads the configuration in it.
func TestChart(t *testing.T) {
	for _, c := range []struct {
		values   string
		store    string
		replicas int
		strategy string
		env      []string
		kinds    []string
		public   string
	}{
		{"values.yaml", "/var/lib/syncd/syncd.db", 1, "Recreate", []string{"GOMEMLIMIT"},
			[]string{"ConfigMap", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount"}, ""},
		{"values-sqlite.yaml", "/var/lib/syncd/syncd.db", 1, "Recreate", []string{"GOMEMLIMIT"},
			[]string{"ConfigMap", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount"}, ""},
		{"values-postgres.yaml", "postgres://syncd@db.acme.com/syncd?sslmode=verify-full&sslrootcert=system", 2, "RollingUpdate",
			[]string{"GOMEMLIMIT", "PGPASSFILE", "SYNCD_KEYSET"},
			[]string{"ConfigMap", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount", "ServiceMonitor"}, "https://syncd.acme.com"},
	} {
		t.Run(c.values, func(t *testing.T) {
			file := filepath.Join(chart, c.values)
			if out, err := helm(t, "lint", "--strict", chart, "-f", file); err != nil {
				t.Fatalf("helm lint: %v\n%s", err, out)
			}
			all := rendered(t, "-f", file)
			if kinds := slices.Sorted(maps.Keys(all)); !slices.Equal(kinds, c.kinds) {
				t.Errorf("kinds %v", kinds)
			}
			cfg, err := config.Load(laidOut(t, all["ConfigMap"]), drivers, sinks)
			if err != nil {
				t.Fatalf("the configuration in it: %v", err)
			}
			if cfg.Store != c.store || cfg.Serve.PublicURL != c.public || cfg.Serve.Listen != "0.0.0.0:8787" || cfg.Serve.Metrics.Listen != "0.0.0.0:9464" {
				t.Errorf("store %s, %+v", cfg.Store, cfg.Serve)
			}
			spec := all["Deployment"].Spec
			if spec.Replicas != c.replicas || spec.Strategy.Type != c.strategy {
				t.Errorf("%d replicas, %s", spec.Replicas, spec.Strategy.Type)
			}
			checkPod(t, spec.Template.Spec, c.env)
		})
	}
}

// laidOut writes what a ConfigMap holds as files, and names syncd.yaml.
func laidOut(t *testing.T, m object) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range m.Data {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "syncd.yaml")
}

// checkPod demands that the pieces of a pod fit together, and the program.
func checkPod(t *testing.T, p pod, env []string) {
	t.Helper()
	c := p.Containers[0]
	var got []string
	for _, e := range c.Env {
		got = append(got, e.Name)
	}
	if !slices.Equal(got, env) {
		t.Errorf("environment %v", got)
	}
	volumes, mounted := map[string]bool{}, map[string]bool{}
	for _, v := range p.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		mounted[m.Name] = true
	}
	if !maps.Equal(volumes, mounted) || !mounted["state"] || !c.SecurityContext.ReadOnlyRootFilesystem {
		t.Errorf("volumes %v, mounted %v", volumes, mounted)
	}
	for _, probe := range []struct{ path, want string }{
		{c.StartupProbe.HTTPGet.Path, "/livez"}, {c.LivenessProbe.HTTPGet.Path, "/livez"}, {c.ReadinessProbe.HTTPGet.Path, "/readyz"},
	} {
		if probe.path != probe.want {
			t.Errorf("a probe asks %q, not %s", probe.path, probe.want)
		}
	}
	run := parsed(t, c.Args).Run
	if within := time.Duration(p.TerminationGracePeriodSeconds) * time.Second; within < run.Drain+ending() || run.Drain == 0 {
		t.Errorf("it is killed %s after it was told to end, and may take %s behind its drain of %s", within, ending(), run.Drain)
	}
}

// ending is how long the program may take to end: jobs that end by themselves or are cut off, good-byes to providers, and
// answers under way.
func ending() time.Duration {
	return 20*time.Second + 20*time.Second + 10*time.Second + serve.Usual().Grace
}

// parsed is what the program makes of a command line.
func parsed(t *testing.T, args []string) (c cli) {
	t.Helper()
	p, err := kong.New(&c, kong.Exit(func(int) { t.Errorf("%v: it exits", args) }))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err != nil {
		t.Errorf("syncd %v: %v", args, err)
	}
	return c
}

// TestChartRefuses: what can't work is said before it is installed.
func TestChartRefuses(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"replicas=2", "an SQLite file takes one replica"},
		{"store.kind=postgres", "name the database"},
		{"store.kind=mysql", "/store/kind"},
		{"store.postgres.url=postgres://syncd:secret@db/syncd", "url"},
		{"config.store=other.db", "config.store is the chart's"},
		{"config.serve.listen=:80", "config.serve.listen is the chart's"},
		{"config.connections=null", "connections"},
		{"replica=2", "replica"},
		{"terminationGracePeriodSeconds=10", "terminationGracePeriodSeconds"},
		{"metrics.enabled=false,serviceMonitor.enabled=true", "metrics.enabled is false"},
	} {
		if out, err := helm(t, "template", "syncd", chart, "--kube-version", "1.31.0", "--set", c.set); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v %s", c.set, err, out)
		}
	}
}

// TestChartRestarts: pods begin anew with another syncd.yaml, and not with another policy.
func TestChartRestarts(t *testing.T) {
	sum := func(set string) string {
		return rendered(t, "--set", set)["Deployment"].Spec.Template.Metadata.Annotations["checksum/config"]
	}
	before := sum("replicas=1")
	if policy := sum("policy.company.name=globex"); before == "" || policy != before {
		t.Errorf("another policy: %s, %s", before, policy)
	}
	if poll := sum("config.poll=2m"); poll == before {
		t.Error("another syncd.yaml begins nothing anew")
	}
}

// TestContainerFile: what the image runs, the program takes.
func TestContainerFile(t *testing.T) {
	b, err := os.ReadFile("../../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	words := func(instruction string) (all []string) {
		m := regexp.MustCompile(`(?m)^` + instruction + ` (\[.*\])$`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("no %s", instruction)
		}
		if err := json.Unmarshal(m[1], &all); err != nil {
			t.Fatalf("%s: %v", instruction, err)
		}
		return all
	}
	entry, cmd, check := words("ENTRYPOINT"), words("CMD"), words("HEALTHCHECK .* CMD")
	run, health := parsed(t, append(entry[1:], cmd...)).Run, parsed(t, check[1:]).Health
	if run.Config == "" || run.Config != health.Config || !run.Quiet || entry[0] != check[0] {
		t.Errorf("it runs %v %v, and is asked by %v", entry, cmd, check)
	}
	if !bytes.Contains(b, []byte("-o /image"+entry[0]+" ")) {
		t.Errorf("nobody builds %s", entry[0])
	}
}

// TestUnit: what systemd runs, the program takes, in the time that it has.
func TestUnit(t *testing.T) {
	const name = "../../deploy/systemd/syncd.service"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	setting := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("no %s", key)
		}
		return string(m[1])
	}
	command := strings.Fields(setting("ExecStart"))
	run := parsed(t, command[1:]).Run
	if within, err := time.ParseDuration(setting("TimeoutStopSec")); err != nil || within < run.Drain+ending() || !run.Quiet {
		t.Errorf("%+v may take longer to end than %s (%v)", run, within, err)
	}
	if setting("RestartPreventExitStatus") != "2" || setting("Type") != "notify" || exitUsage != 2 {
		t.Error("it is started anew although it can't be used")
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze on this machine")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(t.TempDir(), "syncd.service")
	if err := os.WriteFile(installed, bytes.Replace(b, []byte(command[0]), []byte(self), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", installed).CombinedOutput(); err != nil || strings.Contains(string(out), installed) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
