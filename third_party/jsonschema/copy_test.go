package jsonschema_test

import (
	"testing"

	"github.com/msgctl/msgctl/third_party/copytest"
)

func TestTheCopyIsTheOriginalPlusTheChanges(t *testing.T) {
	copytest.Check(t, copytest.Copy{
		Module: "github.com/santhosh-tekuri/jsonschema/v6", Dirs: []string{"metaschemas"}, Fewest: 20,
		Changes: []copytest.Change{
			{File: "draft.go", From: "func init() {\n\tc := NewCompiler()\n", To: "var metaschemas sync.Once\n\nfunc compileMetaschemas() {\n\tc := newCompiler()\n"},
			{File: "draft.go", From: "\t\"slices\"\n\t\"strings\"\n)", To: "\t\"slices\"\n\t\"strings\"\n\t\"sync\"\n)"},
			{File: "compiler.go", From: "func NewCompiler() *Compiler {\n", To: "func NewCompiler() *Compiler {\n\tmetaschemas.Do(compileMetaschemas)\n\treturn newCompiler()\n}\n\nfunc newCompiler() *Compiler {\n"},
		},
	})
}
