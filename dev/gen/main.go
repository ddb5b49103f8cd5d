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

// kind is one kind of generated output, with its default directory.
type kind struct {
	name, dir string
	kept      bool // in the repository
	write     func(dir string) error
}

func kinds() []kind {
	return []kind{
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
	for _, k := range kinds() {
		names = append(names, k.name)
		if k.name != args[0] {
			continue
		}
		dir := k.dir
		if len(args) == 2 {
			dir = args[1]
		}
		return k.writeTo(dir)
	}
	return fmt.Errorf("%q is none of %s", args[0], strings.Join(names, ", "))
}

func (k kind) writeTo(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := k.write(dir); err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	return nil
}

func writeKept() error {
	for _, k := range kinds() {
		if !k.kept {
			continue
		}
		if err := k.writeTo(k.dir); err != nil {
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
	for _, k := range kinds() {
		if k.kept {
			args = append(args, k.dir)
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
