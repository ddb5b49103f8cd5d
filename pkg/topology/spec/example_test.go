package spec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/spec"
)

func TestExample(t *testing.T) {
	file := filepath.Join("..", "..", "..", "examples", "topology.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	s, state, problems := spec.Read([]spec.Input{{Name: file, Data: data}}, spec.Options{Exists: exists})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, o := range state.Objects() {
		t.Log(state.Position(o.Ref()), o.Ref().Full(), o.Fields())
	}
	if len(s.Events) != 3 || state.Len() != 12 {
		t.Errorf("%d events, %d objects", len(s.Events), state.Len())
	}
}
