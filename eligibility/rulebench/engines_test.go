package rulebench

import (
	"context"
	_ "embed"
	"fmt"
	"testing"

	"cel.dev/cel-go/cel"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

//go:embed rules.rego
var rules string

// An opa decides in Rego, by a prepared query.
type opa struct{ query rego.PreparedEvalQuery }

func newOPA(t testing.TB, data map[string]any) opa {
	t.Helper()
	q, err := rego.New(rego.Query("x = data.syncd.checks"), rego.Module("rules.rego", rules),
		rego.Store(inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true)))).PrepareForEval(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return opa{q}
}

func (o opa) input(t testing.TB, facts map[string]any) ast.Value {
	t.Helper()
	v, err := ast.InterfaceToValue(facts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// decide gives each rule's status.
func (o opa) decide(t testing.TB, input ast.Value) map[string]string {
	rs, err := o.query.Eval(context.Background(), rego.EvalParsedInput(input))
	if err != nil || len(rs) != 1 {
		t.Fatal(len(rs), err)
	}
	statuses := map[string]string{}
	for _, c := range rs[0].Bindings["x"].([]any) {
		c := c.(map[string]any)
		statuses[c["rule"].(string)] = c["check"].(map[string]any)["status"].(string)
	}
	return statuses
}

// celRules are the rules as CEL, which has no functions of one's own: a rule fails if its first expression is
// true, its detail is the second, and it does not apply if the third is true.
var celRules = []struct{ id, fails, detail, na string }{
	{"confirmed", `m.status == "cancelled"`, `"it is cancelled"`, `false`},
	{"timed", `m.kind != "default" || m.minutes > 1440 || m.minutes <= 0`, `"it is no meeting, or its times are none"`, `false`},
	{"recordable_participant", `!m.people.exists(p, ` + celRecordable + `)`, `"no team member can be recorded"`, `false`},
	{"excluded_domain", `m.people.exists(p, ` + celExcluded + `)`, `m.people.filter(p, ` + celExcluded + `).map(p, p.email + " is at an excluded domain").join("; ")`, `false`},
	{"excluded_participant", `m.people.exists(p, p.email in policy.participants)`, `m.people.filter(p, p.email in policy.participants).map(p, p.email + " is excluded and takes part").join("; ")`, `false`},
	{"excluded_title", `policy.keywords.exists(k, (" " + m.words + " ").contains(" " + k + " "))`, `policy.keywords.filter(k, (" " + m.words + " ").contains(" " + k + " ")).map(k, "title has the keyword " + k).join("; ")`, `false`},
	{"private", `m.visibility in ["private", "confidential"]`, `"it is private"`, `false`},
	{"conference_link", `m.provider == ""`, `"no conference link stands in the invite"`, `false`},
	{"provider_enabled", `!(m.provider in policy.enabled)`, `"recording of " + m.provider + " is not enabled"`, `m.provider == ""`},
	{"internal", `!policy.record_internal`, `"everybody is on an internal domain"`, `!m.people.all(p, policy.internal.exists(d, p.domain == d || p.domain.endsWith("." + d)))`},
	{"never_record", `m.people.exists(p, ` + celNever + `)`, `m.people.filter(p, ` + celNever + `).map(p, p.email + " is never recorded").join("; ")`, `false`},
	{"host", `!(m.host.response != "declined" && m.host.email in directory && directory[m.host.email].seat && directory[m.host.email].record == "on")`, `"the host " + m.host.email + " cannot be recorded"`, `false`},
	{"override", `m.word == "skip"`, `"somebody asked for it not to be recorded"`, `m.word == ""`},
}

const (
	celRecordable = `p.response != "declined" && p.email in directory && directory[p.email].seat && directory[p.email].record == "on"`
	celExcluded   = `policy.domains.exists(d, p.domain == d || p.domain.endsWith("." + d))`
	celNever      = `p.email in directory && directory[p.email].record == "never"`
)

// A celEngine decides in CEL, by compiled programs.
type celEngine struct {
	data  map[string]any
	rules []celRule
}

type celRule struct {
	id                string
	fails, detail, na cel.Program
}

func newCEL(t testing.TB, data map[string]any) celEngine {
	t.Helper()
	env, err := cel.NewEnv(cel.Variable("m", cel.DynType), cel.Variable("policy", cel.DynType), cel.Variable("directory", cel.DynType), stringsOf())
	if err != nil {
		t.Fatal(err)
	}
	program := func(expression string) cel.Program {
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			t.Fatal(issues.Err())
		}
		p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	e := celEngine{data: data}
	for _, r := range celRules {
		e.rules = append(e.rules, celRule{r.id, program(r.fails), program(r.detail), program(r.na)})
	}
	return e
}

// decide gives each rule's status, and works out the details.
func (e celEngine) decide(t testing.TB, facts map[string]any) map[string]string {
	vars := map[string]any{"m": facts, "policy": e.data["policy"], "directory": e.data["directory"]}
	is := func(p cel.Program) bool {
		out, _, err := p.Eval(vars)
		if err != nil {
			t.Fatal(err)
		}
		return out.Value().(bool)
	}
	statuses := map[string]string{}
	for _, r := range e.rules {
		switch {
		case is(r.na):
			statuses[r.id] = "n/a"
		case is(r.fails):
			if _, _, err := r.detail.Eval(vars); err != nil {
				t.Fatal(fmt.Errorf("%s: %w", r.id, err))
			}
			statuses[r.id] = "fail"
		default:
			statuses[r.id] = "pass"
		}
	}
	return statuses
}
