package main

import (
	"os"
	"path/filepath"

	"github.com/msgctl/msgctl/pkg/topology/spec/schema"
)

// writeSchema writes the JSON Schema of the topology file, from the types that read it.
func writeSchema(dir string) error {
	text, err := schema.Generate()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "topology.schema.json"), text, 0o644)
}
