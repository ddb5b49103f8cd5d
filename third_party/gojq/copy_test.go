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
			{"builtin.go", "func init() {\n", "func makeBuiltinFuncDefs() {\n"},
			{"func.go", "func init() {\n", "func makeInternalFuncs() {\n"},
			{"compiler.go", "func Compile(q *Query, options ...CompilerOption) (*Code, error) {\n", "func Compile(q *Query, options ...CompilerOption) (*Code, error) {\n\tbuiltins()\n"},
			{"compiler.go", "// Compile compiles a query.\n", "// builtins makes the built-in functions when the first query is compiled.\nvar builtins = sync.OnceFunc(func() {\n\tmakeInternalFuncs()\n\tmakeBuiltinFuncDefs()\n})\n\n// Compile compiles a query.\n"},
		},
	})
}
