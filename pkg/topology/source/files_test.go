package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology/source"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"d/b.yaml", "d/a.yml", "d/c.json", "d/c.schema.json", "d/README.md", "d/sub/x.yaml",
		"d/.#b.yaml", "d/._a.yml", "d/.yaml", ".one.yaml", "one.yaml", "two.yaml", "odd[1].yaml", "empty/.keep",
		"empty/.a.json"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ ask, want string }{
		{"one.yaml", "one.yaml"}, {"two.yaml one.yaml", "two.yaml one.yaml"}, {"d", "d/a.yml d/b.yaml d/c.json"}, {"*.yaml",
			"odd[1].yaml one.yaml two.yaml"},
		{".*.yaml", ".one.yaml"}, {".one.yaml", ".one.yaml"},
		{"odd[1].yaml", "odd[1].yaml"}, {"one.yaml -", "one.yaml <stdin>"}, {"d/", "d/a.yml d/b.yaml d/c.json"},
	} {
		inputs, err := source.Files(strings.Fields(tc.ask), source.FileSystem{Stdin: strings.NewReader("stdin")})
		if err != nil {
			t.Errorf("%s: %v", tc.ask, err)
			continue
		}
		var names []string
		for _, in := range inputs {
			names = append(names, filepath.ToSlash(in.Name))
			if want := filepath.ToSlash(in.Name); want != "<stdin>" && string(in.Data) != want {
				t.Errorf("%s has %q", in.Name, in.Data)
			}
		}
		if diff := cmp.Diff(strings.Fields(tc.want), names); diff != "" {
			t.Errorf("%s: %s", tc.ask, diff)
		}
	}
	for ask, want := range map[string]string{
		"missing.yaml":          `read topology "missing.yaml": no such file or directory`,
		"m*.yaml":               `read topology "m*.yaml": no file matches`,
		"empty/*.json":          `read topology "empty/*.json": no file matches`,
		"empty":                 `read topology "empty": the directory has no *.yaml, *.yml or *.json`,
		"missing.yaml nor.yaml": `nor.yaml`,
		"- -":                   "it can be named once only",
	} {
		if _, err := source.Files(strings.Fields(ask), source.FileSystem{Stdin: strings.NewReader("")}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", ask, err)
		}
	}
	if _, err := source.Files([]string{"-"},
		source.FileSystem{Stdin: iotest.ErrReader(errors.New("broken pipe"))}); err == nil ||
		!strings.Contains(err.Error(), "read standard input: broken pipe") {
		t.Error(err)
	}
}

func TestFilesThroughFunctions(t *testing.T) {
	tree := fstest.MapFS{"d/a.yaml": {Data: []byte("a")}, "d/b.json": {Data: []byte("b")}}
	inputs, err := source.Files([]string{"d"}, source.FileSystem{Stat: tree.Stat, ReadDir: tree.ReadDir, Glob: tree.Glob,
		Open: tree.Open})
	if err != nil || len(inputs) != 2 || string(inputs[1].Data) != "b" {
		t.Error(inputs, err)
	}
}
