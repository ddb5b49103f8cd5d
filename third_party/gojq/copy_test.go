package gojq_test

import (
	"testing"

	_ "github.com/itchyny/gojq" // keeps the original in go.mod

	"github.com/msgctl/msgctl/third_party/copytest"
)

func TestTheCopyIsTheOriginalPlusTheChanges(t *testing.T) {
	copytest.Check(t, copytest.Copy{
		Module: "github.com/itchyny/gojq", Fewest: 20,
		Changes: []copytest.Change{
			{File: "builtin.go", From: "func init() {\n", To: "func makeBuiltinFuncDefs() {\n"},
			{File: "func.go", From: "func init() {\n", To: "func makeInternalFuncs() {\n"},
			{File: "compiler.go", From: "func Compile(q *Query, options ...CompilerOption) (*Code, error) {\n", To: "func Compile(q *Query, options ...CompilerOption) (*Code, error) {\n\tbuiltins()\n"},
			{File: "compiler.go", From: "// Compile compiles a query.\n", To: "// builtins makes the built-in functions when the first query is compiled.\nvar builtins = sync.OnceFunc(func() {\n\tmakeInternalFuncs()\n\tmakeBuiltinFuncDefs()\n})\n\n// Compile compiles a query.\n"},
		},
	})
}
