package jsonschema_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "make the copy anew from the version in go.mod")

// changes are all that tells the copy from the original.
var changes = []struct{ file, from, to string }{
	{"draft.go", "func init() {\n\tc := NewCompiler()\n", "var metaschemas sync.Once\n\nfunc compileMetaschemas() {\n\tc := newCompiler()\n"},
	{"draft.go", "\t\"slices\"\n\t\"strings\"\n)", "\t\"slices\"\n\t\"strings\"\n\t\"sync\"\n)"},
	{"compiler.go", "func NewCompiler() *Compiler {\n", "func NewCompiler() *Compiler {\n\tmetaschemas.Do(compileMetaschemas)\n\treturn newCompiler()\n}\n\nfunc newCompiler() *Compiler {\n"},
}

func TestTheCopyIsTheOriginalPlusTheChanges(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/santhosh-tekuri/jsonschema/v6").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := os.DirFS(strings.TrimSpace(string(out)))
	files := 0
	err = fs.WalkDir(original, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !copied(name) {
			return err
		}
		files++
		text, err := fs.ReadFile(original, name)
		if err != nil {
			return err
		}
		want := changed(t, name, string(text))
		if *update {
			return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(want), 0o644))
		}
		if have, err := os.ReadFile(name); err != nil || string(have) != want {
			t.Errorf("%s is not the original with the changes of this test (%v)", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("%d files were compared", files)
	}
}

// copied says which files of the original belong to the package.
func copied(name string) bool {
	if strings.HasPrefix(name, "metaschemas/") || name == "LICENSE" {
		return true
	}
	return !strings.Contains(name, "/") && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

func changed(t *testing.T, name, text string) string {
	for _, c := range changes {
		if c.file != name {
			continue
		}
		if strings.Count(text, c.from) != 1 {
			t.Errorf("%s: the original has not exactly one %q any more", name, c.from)
		}
		text = strings.Replace(text, c.from, c.to, 1)
	}
	return text
}
