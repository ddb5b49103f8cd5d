package filter

import (
	"reflect"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Names of the functions that the rewriter puts in. The dot keeps users from calling them: it is no
// letter.
const (
	fnGet   = "·get"
	fnCmp   = "·cmp"
	fnTrue  = "·true"
	fnMath  = "·math"
	fnList  = "·list"
	fnBody  = "·body"
	fnText  = "·text"
	fnAge   = "·age"
	fnStamp = "·timestamp"
)

// rewriter replaces, bottom up, every operation on values of unknown type by a call of a function
// that copes with any. The last argument of fnGet and fnBody asks for the value as it is in the
// body, for a look-up in it. That of fnCmp, fnTrue and fnList is a doubt: what to do when the
// comparison cannot be made.
type rewriter struct {
	doubt   doubt                        // of the whole expression
	members map[ast.Node]*ast.MemberNode // what a call of fnGet replaced
}

// Visit implements ast.Visitor. The root comes last, and only then do the doubts have their final
// values.
func (v *rewriter) Visit(node *ast.Node) {
	v.rewrite(node)
	settle(*node, v.doubt)
}

func (v *rewriter) rewrite(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.identifier(node, n)
	case *ast.MemberNode:
		v.member(node, n)
	case *ast.CallNode:
		if m, ok := v.members[n.Callee]; ok { // a method, such as age.Hours()
			n.Callee = m
		}
	case *ast.BinaryNode:
		v.binary(node, n)
	case *ast.UnaryNode:
		v.unary(node, n)
	case *ast.ConditionalNode:
		v.condition(&n.Cond)
	case *ast.BuiltinNode:
		v.builtin(n)
	}
}

func call(name string, args ...ast.Node) *ast.CallNode {
	args = append([]ast.Node{&ast.IdentifierNode{Value: "$env"}}, args...)
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// called returns the call when n is one of the given functions.
func called(n ast.Node, names ...string) (*ast.CallNode, bool) {
	c, ok := n.(*ast.CallNode)
	if !ok {
		return nil, false
	}
	callee, ok := c.Callee.(*ast.IdentifierNode)
	return c, ok && slices.Contains(names, callee.Value)
}

func (v *rewriter) identifier(node *ast.Node, n *ast.IdentifierNode) {
	switch n.Value {
	case "body":
		ast.Patch(node, call(fnBody, &ast.BoolNode{}))
	case "text":
		ast.Patch(node, call(fnText))
	case "age":
		ast.Patch(node, call(fnAge))
	}
}

func (v *rewriter) member(node *ast.Node, n *ast.MemberNode) {
	base := n.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	if root, ok := base.(*ast.IdentifierNode); ok && root.Value == "properties" {
		if p, ok := n.Property.(*ast.StringNode); ok && p.Value == "timestamp" {
			ast.Patch(node, call(fnStamp))
		}
		return
	}
	if kind := base.Type().Kind(); !isDynamic(base) && kind != reflect.Map && kind != reflect.Slice {
		return
	}
	if inner, ok := called(base, fnGet, fnBody); ok {
		inner.Arguments[len(inner.Arguments)-1] = &ast.BoolNode{Value: true}
	}
	get := call(fnGet, base, n.Property, &ast.BoolNode{})
	if v.members == nil {
		v.members = map[ast.Node]*ast.MemberNode{}
	}
	v.members[get] = n
	ast.Patch(node, get)
}

func (v *rewriter) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "&&", "and", "||", "or":
		v.condition(&n.Left)
		v.condition(&n.Right)
		return
	case "??", "..", "|":
		return
	}
	if !isDynamic(n.Left) && !isDynamic(n.Right) {
		return
	}
	left, right := n.Left, n.Right
	switch n.Operator {
	case "==", "!=":
		_, leftNil := left.(*ast.NilNode)
		_, rightNil := right.(*ast.NilNode)
		if leftNil || rightNil {
			return // a question for presence, which expr answers for any type
		}
		fallthrough
	case "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches":
		if pattern, ok := right.(*ast.StringNode); ok && n.Operator == "matches" {
			right = &ast.ConstantNode{Value: regexp.MustCompile(pattern.Value)} // checked by the first compilation
		}
		ast.Patch(node, call(fnCmp, &ast.StringNode{Value: n.Operator}, left, right, &ast.IntegerNode{}))
	default:
		ast.Patch(node, call(fnMath, &ast.StringNode{Value: n.Operator}, left, right))
	}
}

func (v *rewriter) unary(node *ast.Node, n *ast.UnaryNode) {
	switch n.Operator {
	case "!", "not":
		v.condition(&n.Node)
	case "-":
		if isDynamic(n.Node) {
			ast.Patch(node, call(fnMath, &ast.StringNode{Value: "-"}, &ast.IntegerNode{}, n.Node))
		}
	}
}

// condition makes a value of unknown type a boolean.
func (v *rewriter) condition(node *ast.Node) {
	if _, ok := called(*node, fnCmp, fnTrue); ok || !isDynamic(*node) || looksBoolean(*node) {
		return
	}
	ast.Patch(node, call(fnTrue, *node, &ast.IntegerNode{}))
}

// looksBoolean says that a node is boolean by its form. The type of a node that holds a new one is
// not known yet.
func looksBoolean(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return n.Operator == "!" || n.Operator == "not"
	case *ast.BinaryNode:
		return slices.Contains([]string{"&&", "and", "||", "or", "==", "!="}, n.Operator)
	}
	return false
}

// builtin covers the functions that take a condition for each element.
func (v *rewriter) builtin(n *ast.BuiltinNode) {
	if len(n.Arguments) < 2 {
		return
	}
	predicate, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return
	}
	switch n.Name {
	case "any", "one", "filter", "map", "count", "find", "findIndex", "findLast", "findLastIndex":
		// "all" and "none" would be true of an empty list; of what is no list they fail by
		// themselves.
		if isDynamic(n.Arguments[0]) {
			n.Arguments[0] = call(fnList, n.Arguments[0], &ast.IntegerNode{})
		}
	}
	switch n.Name {
	case "all", "none", "any", "one", "filter", "count", "find", "findIndex", "findLast", "findLastIndex":
		v.condition(&predicate.Node)
	}
}
