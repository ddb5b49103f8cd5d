package jsonschema_test

import (
	"testing"

	"github.com/msgctl/msgctl/third_party/copytest"
)

func TestTheCopyIsTheOriginalPlusTheChanges(t *testing.T) {
	copytest.Check(t, copytest.Copy{
		Module: "github.com/santhosh-tekuri/jsonschema/v6", Dirs: []string{"metaschemas"}, Fewest: 20,
		Changes: []copytest.Change{
			{"draft.go", "func init() {\n\tc := NewCompiler()\n", "var metaschemas sync.Once\n\nfunc compileMetaschemas() {\n\tc := newCompiler()\n"},
			{"draft.go", "\t\"slices\"\n\t\"strings\"\n)", "\t\"slices\"\n\t\"strings\"\n\t\"sync\"\n)"},
			{"compiler.go", "func NewCompiler() *Compiler {\n", "func NewCompiler() *Compiler {\n\tmetaschemas.Do(compileMetaschemas)\n\treturn newCompiler()\n}\n\nfunc newCompiler() *Compiler {\n"},
		},
	})
}
