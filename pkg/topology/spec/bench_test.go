package spec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// large is a topology of n objects: a tenth exchanges, the rest queues with a binding each.
func large(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nname: large\nexchanges:\n")
	for i := range n / 10 {
		fmt.Fprintf(&b, "  exchange-%d: { type: topic }\n", i)
	}
	b.WriteString("queues:\n")
	for i := range n * 9 / 20 {
		fmt.Fprintf(&b, "  queue-%d:\n    bindings:\n      - { exchange: exchange-%d, key: \"key.%d\" }\n    messageTTL: "+
			"1h\n    maxLength: 1000\n", i, i%(n/10), i)
	}
	return []byte(b.String())
}

func BenchmarkRead10000(b *testing.B) {
	yaml := large(10_000)
	_, state, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: yaml}}, spec.Options{})
	if problems.HasErrors() || state.Len() != 10_000 {
		b.Fatal(state.Len(), problems)
	}
	var json bytes.Buffer
	if err := export.WriteDefinitions(&json, state, export.Options{}); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string][]byte{"t.yaml": yaml, "t.json": json.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, problems := spec.Read([]source.Input{{Name: name, Data: text}}, spec.Options{}); problems.HasErrors() {
					b.Fatal(problems)
				}
			}
		})
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if err := export.WriteYAML(&bytes.Buffer{}, state, export.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
