package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocsHaveEveryCommandAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "msgctl_gone.md")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := generate([]string{"docs", dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the page of a command that is gone is still there")
	}
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "msgctl_*.md"))
	for _, page := range pages {
		if !strings.Contains(string(index), "("+filepath.Base(page)+")") {
			t.Errorf("the index lacks %s", filepath.Base(page))
		}
		b, _ := os.ReadFile(page)
		if strings.Contains(string(b), "Auto generated") {
			t.Errorf("%s holds a date: it would change every day", page)
		}
	}
	for _, want := range []string{"msgctl_context_add.md", "msgctl_help_exit-codes.md", "msgctl_completion_bash.md"} {
		if !strings.Contains(string(index), want) {
			t.Errorf("the index lacks %s", want)
		}
	}
}

func TestTwoRunsAreEqual(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "0")
	for _, what := range []string{"docs", "man", "completions"} {
		first, second := filepath.Join(t.TempDir(), what), filepath.Join(t.TempDir(), what)
		for _, dir := range []string{first, second} {
			if err := generate([]string{what, dir}); err != nil {
				t.Fatal(err)
			}
		}
		files, _ := filepath.Glob(filepath.Join(first, "*"))
		if len(files) < 4 {
			t.Errorf("%s: %d files", what, len(files))
		}
		for _, f := range files {
			a, _ := os.ReadFile(f)
			b, _ := os.ReadFile(filepath.Join(second, filepath.Base(f)))
			if len(a) == 0 || string(a) != string(b) {
				t.Errorf("%s differs from run to run, or is empty", f)
			}
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{{"poems"}, {"docs", "a", "b"}} {
		if generate(args) == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

// TestLintPageIsFresh holds the page of the lint rules in the repository against the rules.
func TestLintPageIsFresh(t *testing.T) {
	dir := t.TempDir()
	if err := generate([]string{"lint", dir}); err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(filepath.Join(dir, "lint.md"))
	have, err := os.ReadFile(filepath.Join("..", "..", "docs", "lint.md"))
	if err != nil || string(have) != string(want) || len(want) == 0 {
		t.Errorf("docs/lint.md is out of date: run go run ./dev gen (%v)", err)
	}
}

// TestDefinitionsAreFresh holds deploy/definitions.json against the example, without a broker. The
// test of package deploy boots nodes with it.
func TestDefinitionsAreFresh(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	t.Setenv("PATH", "")
	dir := t.TempDir()
	if err := generate([]string{"definitions", dir}); err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(filepath.Join(dir, "definitions.json"))
	have, err := os.ReadFile(filepath.Join("deploy", "definitions.json"))
	if err != nil || string(have) != string(want) || len(want) == 0 {
		t.Errorf("deploy/definitions.json is out of date: run go run ./dev gen (%v)", err)
	}
}
