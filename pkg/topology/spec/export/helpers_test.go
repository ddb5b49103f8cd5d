package export_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const someHash = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"

func read(name, text string, o spec.Options) (*spec.Spec, *topology.State, diag.Diagnostics) {
	return spec.Read([]source.Input{{Name: name, Data: []byte(text)}}, o)
}

func mustRead(t *testing.T, name, text string, o spec.Options) (*spec.Spec, *topology.State) {
	t.Helper()
	s, state, problems := read(name, text, o)
	if len(problems) > 0 {
		t.Fatalf("%s\n%v", text, problems)
	}
	return s, state
}
