package filter

import (
	"fmt"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/msgctl/msgctl/internal/units"
)

// Limits of an expression.
const (
	maxSource = 8 << 10 // bytes
	maxNodes  = 1000
)

// compile compiles twice. The first pass checks the source as the user wrote it, with typed
// variables, so that errors refer to that source. The second pass includes the visitors.
func compile(source string, isCondition bool, o Options) (*program, error) {
	if len(source) > maxSource {
		return nil, &SyntaxError{Message: fmt.Sprintf("the expression has %d bytes, more than %d", len(source), maxSource)}
	}
	options := []expr.Option{
		expr.Env(&env{}), expr.MaxNodes(maxNodes), expr.DisableBuiltin("duration"),
		expr.Function("duration", duration, new(func(string) time.Duration)),
	}
	look := &inspector{uses: uses{}}
	check := append(options[:len(options):len(options)], expr.Patch(look))
	if isCondition {
		check = append(check, expr.AsBool())
	}
	if _, err := expr.Compile(source, check...); err != nil {
		return nil, explain(source, err)
	}
	if look.err != nil {
		return nil, explain(source, look.err)
	}
	options = append(options, functions()...)
	options = append(options, expr.Patch(lateValues{}), expr.Patch(&missingFields{isCondition: isCondition}))
	code, err := expr.Compile(source, options...)
	if err != nil {
		return nil, explain(source, err)
	}
	return &program{code: code, uses: look.uses, opts: o.withDefaults()}, nil
}

// inspector finds the variables in use, and mistakes that the type checker accepts.
type inspector struct {
	uses uses
	err  *file.Error
}

func (v *inspector) fail(node ast.Node, format string, args ...any) {
	if v.err == nil {
		v.err = &file.Error{Location: node.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

// Visit implements ast.Visitor.
func (v *inspector) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			v.fail(n, "unknown name $env")
		}
		v.uses[n.Value] = true
	case *ast.CallNode:
		v.call(n)
	case *ast.BinaryNode:
		v.binary(n)
	}
}

func (v *inspector) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		if isDynamic(n.Callee) {
			v.fail(n, "headers and bodies have no functions that can be called")
		}
		return
	}
	if callee.Value == "duration" && len(n.Arguments) == 1 {
		if text, ok := n.Arguments[0].(*ast.StringNode); ok {
			if _, err := units.ParseDuration(text.Value); err != nil {
				advice := `write for example "90s", "2h30m" or "7d"`
				if meant := units.MeantDuration(text.Value); meant != "" {
					advice = fmt.Sprintf("did you mean %q?", meant)
				}
				v.fail(text, "%.40q is no duration: %s", text.Value, advice)
			}
		}
	}
}

func (v *inspector) binary(n *ast.BinaryNode) {
	if n.Operator == "matches" {
		if _, ok := n.Right.(*ast.StringNode); !ok {
			v.fail(n.Right, `the pattern of "matches" must be written as a string`)
		}
	}
}

// duration is the expression function of that name.
func duration(params ...any) (any, error) {
	s, _ := params[0].(string)
	return units.ParseDuration(s)
}
