package filter

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// doubt says what becomes of a comparison that cannot be made. It is chosen by where the comparison
// stands, so that a message never matches because of what is not known about it.
type doubt int

const (
	assumeFalse doubt = iota // the whole can only become true by other parts
	assumeTrue               // the same under an odd number of "not"
	fail                     // either value could make the whole true: the evaluation ends without a match
)

func (d doubt) not() doubt {
	switch d {
	case assumeFalse:
		return assumeTrue
	case assumeTrue:
		return assumeFalse
	}
	return fail
}

// settle gives the comparisons in n their doubts, when n as a whole has the given one.
func settle(n ast.Node, d doubt) {
	if c, ok := called(n, fnCmp, fnTrue, fnList); ok {
		last := len(c.Arguments) - 1
		c.Arguments[last] = &ast.IntegerNode{Value: int(d)}
		failAll(c.Arguments[:last]...)
		return
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		settleUnary(n, d)
	case *ast.BinaryNode:
		if !slices.Contains([]string{"&&", "and", "||", "or"}, n.Operator) {
			d = fail
		}
		settle(n.Left, d)
		settle(n.Right, d)
	case *ast.ConditionalNode:
		settle(n.Cond, fail)
		settle(n.Exp1, d)
		settle(n.Exp2, d)
	case *ast.VariableDeclaratorNode:
		settle(n.Value, fail)
		settle(n.Expr, d)
	case *ast.ChainNode:
		settle(n.Node, d)
	case *ast.PredicateNode:
		settle(n.Node, d)
	case *ast.BuiltinNode:
		settleBuiltin(n, d)
	default:
		failAll(n)
	}
}

func settleUnary(n *ast.UnaryNode, d doubt) {
	if n.Operator == "!" || n.Operator == "not" {
		settle(n.Node, d.not())
		return
	}
	failAll(n.Node)
}

// settleBuiltin: "any" and "all" grow with their predicate, "none" shrinks; all other functions may
// do anything. No element satisfies "any" of what is no list, which is the wrong side to err on
// under a "not".
func settleBuiltin(n *ast.BuiltinNode, d doubt) {
	if len(n.Arguments) != 2 || n.Name != "any" && n.Name != "all" && n.Name != "none" {
		failAll(n.Arguments...)
		return
	}
	failAll(n.Arguments[0])
	if list, ok := called(n.Arguments[0], fnList); ok && n.Name == "any" && d == assumeFalse {
		list.Arguments[len(list.Arguments)-1] = &ast.IntegerNode{Value: int(assumeFalse)}
	}
	if n.Name == "none" {
		d = d.not()
	}
	settle(n.Arguments[1], d)
}

// failAll gives every comparison below the nodes the doubt fail.
func failAll(nodes ...ast.Node) {
	for _, n := range nodes {
		ast.Walk(&n, failer{})
	}
}

type failer struct{}

// Visit implements ast.Visitor.
func (failer) Visit(node *ast.Node) {
	if c, ok := called(*node, fnCmp, fnTrue, fnList); ok {
		c.Arguments[len(c.Arguments)-1] = &ast.IntegerNode{Value: int(fail)}
	}
}
