package main

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/msgctl/msgctl/cmd"
)

// writeOverview writes the help of msgctl itself, which the program embeds so that it need not
// build it.
func writeOverview(dir string) error {
	var text bytes.Buffer
	root := cmd.Reference()
	root.SetOut(&text)
	root.SetArgs([]string{"--help"})
	if err := root.Execute(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "overview.txt"), text.Bytes(), 0o644)
}
