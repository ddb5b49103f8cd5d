package main

import (
	"os"
	"path/filepath"

	"github.com/msgctl/msgctl/pkg/topology/spec/schema"
)

// writeSchema writes the JSON Schema of the topology file. It is generated from the Go types that
// the parser decodes into.
func writeSchema(dir string) error {
	text, err := schema.Generate()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "topology.schema.json"), text, 0o644)
}
