package spec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// corpusFiles are real definitions files from public repositories. They are not part of the project.
func corpusFiles(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("MSGCTL_TEST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpus of definitions files in %s (set MSGCTL_TEST_CORPUS)", dir)
	}
	return files
}

func TestCorpus(t *testing.T) {
	for _, file := range corpusFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, state, problems := spec.Read([]spec.Input{{Name: filepath.Base(file), Data: data}}, spec.Options{})
			for _, p := range problems {
				t.Log(p.Severity, p.Error())
				if p.Position.Line == 0 || p.Position.Column == 0 {
					t.Errorf("no position: %s", p.Error())
				}
			}
			if !problems.HasErrors() && (state == nil || state.Len() == 0) {
				t.Error("neither a state nor an error")
			}
		})
	}
}
