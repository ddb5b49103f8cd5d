// Command gen writes what is made from the code: `go run ./internal/gen
// docs|lint|man|completions|schema|overview [DIR]`.
package main

import (
	"fmt"
	"os"
)

// kind is one thing that can be generated, and the directory it goes to by default.
type kind struct {
	name, dir string
	write     func(dir string) error
}

func kinds() []kind {
	return []kind{
		{"docs", "docs/reference", writeDocs},
		{"man", "man", writeMan},
		{"completions", "completions", writeCompletions},
		{"lint", "docs", writeLint},
		{"schema", "schema", writeSchema},
		{"overview", "cmd", writeOverview},
	}
}

func main() {
	if err := generate(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return fmt.Errorf("usage: go run ./internal/gen docs|lint|man|completions|schema|overview [DIR]")
	}
	for _, k := range kinds() {
		if k.name != args[0] {
			continue
		}
		dir := k.dir
		if len(args) == 2 {
			dir = args[1]
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return k.write(dir)
	}
	return fmt.Errorf("%q is none of docs, lint, man, completions, schema, overview", args[0])
}
