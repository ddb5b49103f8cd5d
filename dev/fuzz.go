package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// defaultFuzzTime is how long each fuzz target runs by default.
const defaultFuzzTime = "10s"

// minimizeTime is how long go test may spend on making one input smaller. Its default is a minute,
// in which nothing new is tried.
const minimizeTime = "1s"

// fuzzTarget is the name of a fuzz target and the directory of its package.
type fuzzTarget struct{ name, dir string }

// fuzz runs all fuzz targets on their corpora, one after another. The optional argument is the
// duration of each. No broker is needed.
func fuzz(ctx context.Context, args []string) error {
	each := defaultFuzzTime
	if len(args) > 0 {
		each = args[0]
	}
	if _, err := time.ParseDuration(each); err != nil || len(args) > 1 {
		return fmt.Errorf("fuzz: want how long each target runs, such as %s", defaultFuzzTime)
	}
	found, err := exec.CommandContext(ctx, "git", "grep", "--untracked", "-E", `^func Fuzz\w+\(`, "--",
		"*_test.go").Output()
	if err != nil {
		return fmt.Errorf("find the fuzz targets: %w", err)
	}
	for _, target := range fuzzTargets(found) {
		fmt.Println("===", target.name, target.dir)
		if err := target.run(ctx, each); err != nil {
			return err
		}
	}
	return nil
}

// run runs a target. Where go test stops a worker that is slow at the end of the time, it reports
// this as a failure without an input (golang.org/issue/75804): that is none.
func (t fuzzTarget) run(ctx context.Context, each string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each,
		"-fuzzminimizetime", minimizeTime, t.dir)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &said), os.Stderr
	err := cmd.Run()
	if err != nil && ctx.Err() == nil && endedLate(said.String()) {
		return nil
	}
	return err
}

// endedLate reports whether a failure of go test is only that the time was over.
func endedLate(said string) bool {
	return strings.Contains(said, "\n    context deadline exceeded\n") && !strings.Contains(said, "Failing input") &&
		!strings.Contains(said, "panic:")
}

// fuzzTargets parses lines of the form FILE:func NAME(…).
func fuzzTargets(lines []byte) (targets []fuzzTarget) {
	for line := range bytes.Lines(lines) {
		file, code, _ := strings.Cut(string(line), ":func ")
		name, _, ok := strings.Cut(code, "(")
		if !ok {
			continue
		}
		dir := "."
		if i := strings.LastIndexByte(file, '/'); i >= 0 {
			dir = "./" + file[:i]
		}
		targets = append(targets, fuzzTarget{name, dir})
	}
	return targets
}
