// Command gen writes the files that are generated from the code. Some are kept in the repository:
// the command reference, the lint rules, the JSON Schema, the picture of the tour, and the
// definitions of the example. Others are part of a release: man pages and completions.
//
//	go run ./dev gen                what the repository keeps
//	go run ./dev gen -check         the same, and fails where that changed a file
//	go run ./dev gen WHAT [DIR]     one of docs, lint, schema, tour, definitions, man, completions
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// output is one kind of generated output, with its default directory.
type output struct {
	name, dir string
	kept      bool // in the repository
	write     func(dir string) error
}

func outputs() []output {
	return []output{
		{"docs", "docs/reference", true, writeDocs},
		{"lint", "docs", true, writeLint},
		{"schema", "schema", true, writeSchema},
		{"tour", "docs", true, writeTour},
		{"definitions", "deploy", true, writeDefinitions},
		{"man", "man", false, writeMan},
		{"completions", "completions", false, writeCompletions},
	}
}

func main() {
	if err := generate(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(args []string) error {
	switch {
	case len(args) == 0:
		return writeKept()
	case len(args) == 1 && args[0] == "-check":
		return check()
	case len(args) > 2:
		return errors.New("usage: go run ./dev gen [-check | WHAT [DIR]]")
	}
	var names []string
	for _, o := range outputs() {
		names = append(names, o.name)
		if o.name != args[0] {
			continue
		}
		dir := o.dir
		if len(args) == 2 {
			dir = args[1]
		}
		return o.writeTo(dir)
	}
	return fmt.Errorf("%q is none of %s", args[0], strings.Join(names, ", "))
}

func (o output) writeTo(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := o.write(dir); err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	return nil
}

func writeKept() error {
	for _, o := range outputs() {
		if !o.kept {
			continue
		}
		if err := o.writeTo(o.dir); err != nil {
			return err
		}
	}
	return nil
}

// check writes the files that the repository keeps, and fails if this changes one.
func check() error {
	before, err := kept()
	if err != nil {
		return err
	}
	if err := writeKept(); err != nil {
		return err
	}
	after, err := kept()
	if err != nil {
		return err
	}
	if before != after {
		_, _ = os.Stderr.WriteString(after)
		return errors.New("generated files were out of date: commit what go run ./dev gen wrote")
	}
	return nil
}

// kept returns the output of git status and git diff for the directories with generated files.
func kept() (string, error) {
	args := []string{"status", "--porcelain", "--"}
	for _, o := range outputs() {
		if o.kept {
			args = append(args, o.dir)
		}
	}
	status, err := exec.CommandContext(context.Background(), "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git status: %w", err)
	}
	args[0], args[1] = "--no-pager", "diff"
	diff, err := exec.CommandContext(context.Background(), "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git diff: %w", err)
	}
	return string(status) + string(diff), nil
}
