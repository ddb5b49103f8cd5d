package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// writeDefinitions writes definitions.json from the example and deploy/local.yaml. It needs no
// broker. The test of package deploy boots real nodes with the file.
func writeDefinitions(dir string) error {
	text, err := definitions("examples/topology.yaml", "deploy/local.yaml")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "definitions.json"), text, 0o644)
}

func definitions(names ...string) ([]byte, error) {
	files, err := source.Files(names, source.FileSystem{})
	if err != nil {
		return nil, err
	}
	_, state, problems := spec.Read(files, spec.Options{})
	if problems.HasErrors() {
		return nil, fmt.Errorf("read %q: %w", names, problems)
	}
	// A node that boots with definitions does not create the vhost "/".
	state.Put(&topology.VHost{Name: "/", Description: "Default virtual host"})
	for _, o := range state.Objects() {
		if q, ok := o.(*topology.Queue); ok {
			q.TypeDeclared = true // the type does not depend on the default of the broker that reads the file
		}
	}
	var b bytes.Buffer
	err = export.WriteDefinitions(&b, state, export.Options{Users: true})
	return b.Bytes(), err
}
