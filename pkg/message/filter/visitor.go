package filter

import (
	"reflect"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Names of the functions that the visitors insert. Users cannot call them, because the dot is not a
// letter.
const (
	fnBody  = "·body"
	fnText  = "·text"
	fnAge   = "·age"
	fnStamp = "·timestamp"
	fnGet   = "·get"
	fnList  = "·list"
	fnCmp   = "·compare"
)

func call(name string, args ...ast.Node) *ast.CallNode {
	args = append([]ast.Node{&ast.IdentifierNode{Value: "$env"}}, args...)
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// called returns the call if n is a call of one of the given functions.
func called(n ast.Node, names ...string) (*ast.CallNode, bool) {
	c, ok := n.(*ast.CallNode)
	if !ok {
		return nil, false
	}
	callee, ok := c.Callee.(*ast.IdentifierNode)
	return c, ok && slices.Contains(names, callee.Value)
}

// isDynamic reports whether the type of a node is unknown until a message is evaluated.
func isDynamic(n ast.Node) bool {
	if _, ok := n.(*ast.NilNode); ok {
		return false
	}
	t := n.Type()
	return t == nil || t.Kind() == reflect.Interface
}

// lateValues replaces the variables that are read on demand or that may be missing.
type lateValues struct{}

// Visit implements ast.Visitor.
func (lateValues) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "body":
			ast.Patch(node, call(fnBody))
		case "text":
			ast.Patch(node, call(fnText))
		case "age":
			ast.Patch(node, call(fnAge))
		}
	case *ast.MemberNode:
		root, _ := n.Node.(*ast.IdentifierNode)
		name, _ := n.Property.(*ast.StringNode)
		if root != nil && root.Value == "properties" && name != nil && name.Value == "timestamp" {
			ast.Patch(node, call(fnStamp))
		}
	}
}

// missingFields defines the meaning of a missing field or of a value of an unexpected type. Expr
// itself evaluates a missing value as not equal to 5 and as not in any list; "not" would turn that
// into a match. So each comparison of a value that is not known in advance becomes a call of fnCmp,
// which ends the evaluation without a match if the comparison cannot be made. The comparison counts
// as false only where a false comparison cannot help the whole expression to match: see
// assumeFalse.
type missingFields struct {
	isCondition bool
	unsure      []*ast.CallNode // all calls of fnCmp and fnList; their last argument says what unsure means
}

// Visit implements ast.Visitor. The root comes last.
func (v *missingFields) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		v.member(node, n)
	case *ast.BinaryNode:
		v.comparison(node, n)
	case *ast.BuiltinNode:
		if len(n.Arguments) > 1 && isPredicate(n.Arguments[1]) && isDynamic(n.Arguments[0]) {
			n.Arguments[0] = v.add(call(fnList, n.Arguments[0], inHeaders(n.Arguments[0])))
		}
	}
	if !v.isCondition {
		return
	}
	for _, c := range v.unsure {
		setAssumeFalse(c, false)
	}
	assumeFalse(*node)
}

func isPredicate(n ast.Node) bool {
	_, ok := n.(*ast.PredicateNode)
	return ok
}

func (v *missingFields) add(c *ast.CallNode) *ast.CallNode {
	c.Arguments = append(c.Arguments, &ast.BoolNode{})
	v.unsure = append(v.unsure, c)
	return c
}

func setAssumeFalse(c *ast.CallNode, assume bool) {
	c.Arguments[len(c.Arguments)-1] = &ast.BoolNode{Value: assume}
}

// member turns body.a[0].b into one look-up in the JSON text. Any other field of an unknown value
// becomes a look-up that returns nil if there is no such field.
func (v *missingFields) member(node *ast.Node, n *ast.MemberNode) {
	base := n.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	if _, ok := called(base, fnAge, fnStamp); ok {
		return // a method, such as age.Hours()
	}
	if body, ok := called(base, fnBody); ok {
		body.Arguments = append(body.Arguments, n.Property)
		*node = body
		return
	}
	t := base.Type()
	if isDynamic(base) || t.Kind() == reflect.Map || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Interface {
		ast.Patch(node, call(fnGet, base, n.Property))
	}
}

func (v *missingFields) comparison(node *ast.Node, n *ast.BinaryNode) {
	if !isDynamic(n.Left) && !isDynamic(n.Right) {
		return
	}
	right := n.Right
	switch n.Operator {
	case "==", "!=":
		_, leftNil := n.Left.(*ast.NilNode)
		_, rightNil := right.(*ast.NilNode)
		if leftNil || rightNil {
			return // a question for presence, which expr answers for any type
		}
	case "matches":
		if pattern, ok := right.(*ast.StringNode); ok { // checked by the first compilation
			right = &ast.ConstantNode{Value: regexp.MustCompile(pattern.Value)}
		}
	case "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith":
	default:
		return
	}
	ast.Patch(node, v.add(call(fnCmp, &ast.StringNode{Value: n.Operator}, n.Left, right, inHeaders(n.Left),
		inHeaders(right))))
}

// inHeaders returns whether a value is a header or is inside one.
func inHeaders(n ast.Node) *ast.BoolNode {
	for {
		if c, ok := called(n, fnGet); ok {
			n = c.Arguments[1]
			continue
		}
		switch x := n.(type) {
		case *ast.ChainNode:
			n = x.Node
		case *ast.MemberNode:
			n = x.Node
		case *ast.IdentifierNode:
			return &ast.BoolNode{Value: x.Value == "headers"}
		default:
			return &ast.BoolNode{}
		}
	}
}

// assumeFalse marks the comparisons in n that may count as false when they cannot be made: then
// only the other parts of n can make it true. It descends only where a false part never makes the
// whole true, so not below a "not", a comparison or a count.
func assumeFalse(n ast.Node) {
	if c, ok := called(n, fnCmp); ok {
		setAssumeFalse(c, true)
		return
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		if slices.Contains([]string{"&&", "and", "||", "or"}, n.Operator) {
			assumeFalse(n.Left)
			assumeFalse(n.Right)
		}
	case *ast.ConditionalNode:
		assumeFalse(n.Exp1)
		assumeFalse(n.Exp2)
	case *ast.VariableDeclaratorNode:
		assumeFalse(n.Expr)
	case *ast.ChainNode:
		assumeFalse(n.Node)
	case *ast.BuiltinNode:
		if predicate, ok := n.Arguments[len(n.Arguments)-1].(*ast.PredicateNode); ok && n.Name == "any" {
			if c, ok := called(n.Arguments[0], fnList); ok {
				setAssumeFalse(c, true)
			}
			assumeFalse(predicate.Node)
		}
	}
}
