// Package custom compiles a company's own rules: expressions in CEL (cel.dev) over eligibility.CustomMeeting.
// They are type-checked when they are compiled, pure, and bounded in cost when they are evaluated.
package custom

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/ext"

	"example.com/syncd/eligibility"
)

const (
	// maxCost bounds one evaluation, in CEL's units: about one for each step. A guest list of thousands can be
	// walked through a few times.
	maxCost = 200_000
	// maxLength bounds an expression, in bytes, and maxRules a policy.
	maxLength = 4000
	maxRules  = 50
)

// growing are functions whose results may be much longer than what they are given, which CEL's costs do not
// count. Nobody needs them to look at a meeting.
var growing = []string{"replace", "format", "join"}

// Compile compiles the policy's own rules in place. Each problem has the path of the rule; a rule with one
// stays without a program, so that it excludes whatever it is asked about.
func Compile(p *eligibility.Policy) []eligibility.Problem {
	if len(p.Exclude.Custom) == 0 {
		return nil
	}
	env, err := environment()
	if err != nil {
		return []eligibility.Problem{{Path: "exclude.custom", Message: err.Error()}}
	}
	var problems []eligibility.Problem
	if n := len(p.Exclude.Custom); n > maxRules {
		problems = append(problems, eligibility.Problem{Path: "exclude.custom", Message: fmt.Sprintf("there are %d rules, and at most %d are evaluated on every meeting: join some by ||", n, maxRules)})
	}
	seen := map[string]bool{}
	for i := range p.Exclude.Custom {
		c := &p.Exclude.Custom[i]
		path := fmt.Sprintf("exclude.custom[%d]", i)
		switch {
		case !name.MatchString(c.Name):
			problems = append(problems, eligibility.Problem{Path: path + ".name", Message: fmt.Sprintf("%q is no name; use letters, digits, \"-\" and \"_\"", c.Name)})
		case seen[c.Name]:
			problems = append(problems, eligibility.Problem{Path: path + ".name", Message: fmt.Sprintf("there is a rule %q already", c.Name)})
		}
		seen[c.Name] = true
		if c.Program, err = compile(env, c.Expression); err != nil {
			c.Program = nil
			problems = append(problems, eligibility.Problem{Path: path + ".expression", Message: err.Error()})
		}
	}
	return problems
}

var name = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// environment has the variable "meeting", the strings extension, and nothing else: no clock.
func environment() (*cel.Env, error) {
	meeting := reflect.TypeFor[eligibility.CustomMeeting]()
	return cel.NewEnv(
		ext.NativeTypes(ext.ParseStructTags(true), meeting, reflect.TypeFor[eligibility.CustomParticipant]()),
		ext.Strings(ext.StringsVersion(4)),
		cel.Variable("meeting", cel.ObjectType(meeting.String())),
	)
}

func compile(env *cel.Env, expression string) (eligibility.Program, error) {
	switch {
	case strings.TrimSpace(expression) == "":
		return nil, errors.New("the expression is missing")
	case len(expression) > maxLength:
		return nil, fmt.Errorf("the expression is longer than %d bytes", maxLength)
	}
	checked, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, errors.New(firstIssue(issues))
	}
	if name := callsOf(checked, growing); name != "" {
		return nil, fmt.Errorf("the function %s is not available here", name)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("the expression is a %s; it must be true or false", checked.OutputType())
	}
	p, err := env.Program(checked, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return program{p}, nil
}

// callsOf is the first of the functions that the expression calls, or "".
func callsOf(a *cel.Ast, functions []string) string {
	called := ""
	ast.PostOrderVisit(a.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.CallKind && slices.Contains(functions, e.AsCall().FunctionName()) {
			called = e.AsCall().FunctionName()
		}
	}))
	return called
}

// firstIssue is what CEL's compiler says first, in a line: "column 8: undeclared reference to 'tilte'". Of an
// expression of several lines the line is told, too.
func firstIssue(issues *cel.Issues) string {
	all := issues.Errors()
	message := strings.TrimSpace(all[0].Message)
	message = strings.TrimSuffix(strings.ReplaceAll(message, " (in container '')", ""), "\n")
	if line := all[0].Location.Line(); line > 1 {
		return fmt.Sprintf("line %d of it, column %d: %s", line, all[0].Location.Column()+1, message)
	}
	return fmt.Sprintf("column %d: %s", all[0].Location.Column()+1, message)
}

type program struct{ cel.Program }

// Eval evaluates the expression. It fails where the expression does (a division by zero, an index beyond a
// list) and where it costs too much.
func (p program) Eval(m eligibility.CustomMeeting) (bool, error) {
	out, _, err := p.Program.Eval(map[string]any{"meeting": m})
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("it gave %v", out.Value())
	}
	return b, nil
}
