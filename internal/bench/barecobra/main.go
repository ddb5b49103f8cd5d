// Command barecobra is the least that a program with cobra can be: the reference point for msgctl's
// start.
package main

import (
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "barecobra", Short: "The least that a program with cobra can be",
		Run: func(*cobra.Command, []string) {}}
	root.AddCommand(&cobra.Command{Use: "one", Short: "One command", Run: func(*cobra.Command, []string) {}})
	if root.Execute() != nil {
		os.Exit(1)
	}
}
