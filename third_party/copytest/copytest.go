// Package copytest holds a copy of a module's package against the original, formatted by gofmt, plus the changes that are declared, so that
// nothing else can creep in. It is for the tests of the copies in third_party.
package copytest

import (
	"errors"
	"flag"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "make the copy anew from the version in go.mod")

// Change replaces a text that the original has exactly once in one file.
type Change struct{ File, From, To string }

// Copy says what is copied.
type Copy struct {
	Module  string   // path of the module whose root package is copied, in the version of go.mod
	Dirs    []string // directories below it that belong to the package
	Fewest  int      // fewer files than this were not the package
	Changes []Change // all that tells the copy from the original
}

// Check compares the copy in the working directory, which is the test's package, with the original; with -update it writes it.
func Check(t *testing.T, c Copy) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", c.Module).Output() //nolint:gosec // a constant of a test
	if err != nil {
		t.Fatal(err)
	}
	original := os.DirFS(strings.TrimSpace(string(out)))
	files := 0
	err = fs.WalkDir(original, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !c.has(name) {
			return err
		}
		files++
		text, err := fs.ReadFile(original, name)
		if err != nil {
			return err
		}
		want := c.changed(t, name, string(text))
		if *update {
			return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(want), 0o644)) //nolint:gosec // source code
		}
		if have, err := os.ReadFile(name); err != nil || string(have) != want { //nolint:gosec // a file of the original
			t.Errorf("%s is not the original with the changes of this test (%v)", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < c.Fewest {
		t.Errorf("%d files were compared", files)
	}
}

// has says which files of the original belong to the package.
func (c Copy) has(name string) bool {
	for _, dir := range c.Dirs {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return name == "LICENSE" || !strings.Contains(name, "/") && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

func (c Copy) changed(t *testing.T, name, text string) string {
	t.Helper()
	for _, change := range c.Changes {
		if change.File != name {
			continue
		}
		if strings.Count(text, change.From) != 1 {
			t.Errorf("%s: the original has not exactly one %q any more", name, change.From)
		}
		text = strings.Replace(text, change.From, change.To, 1)
	}
	if !strings.HasSuffix(name, ".go") {
		return text
	}
	formatted, err := format.Source([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(formatted)
}
