package export_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// FuzzParse: whatever the text, there is no panic, every problem has a place, and what is read
// without an error is written and read back equal.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"../testdata/all.yaml", "../../../../examples/topology.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"rabbit_version": "3.8", "queues": [{"name": "q", "arguments": {"x-max-length": 5}}], "bindings": [{"source": "x", "destination": "q"}]}`))
	f.Add([]byte(`{"parameters": [{"component": "operator_policy", "name": "p", "value": {"pattern": "", "definition": {"expires": 1}}}]}`))
	env := func(name string) (string, bool) { return "hunter2", name == "PASSWORD" }
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, name := range []string{"t.yaml", "t.json"} {
			_, state, problems := read(name, string(text), spec.Options{Env: env})
			for _, p := range problems {
				if p.Position.File == "" {
					t.Errorf("no file: %v", p)
				}
			}
			if problems.HasErrors() || state.Len() == 0 {
				continue
			}
			var out bytes.Buffer
			if err := export.WriteYAML(&out, state, export.Options{Users: true, Secrets: true}); err != nil {
				t.Fatal(err)
			}
			_, again, problems := read("again.yaml", out.String(),
				spec.Options{Env: func(string) (string, bool) { return "hunter2", true }})
			if problems.HasErrors() {
				t.Fatalf("%v\n%s", problems, out.String())
			}
			if diff := same(state, again); diff != "" && len(state.VHosts()) == 1 {
				t.Fatalf("%s\n%s", diff, out.String())
			}
		}
	})
}
