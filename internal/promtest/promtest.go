// Package promtest runs Prometheus and its promtool in tests: what msgctl writes for Prometheus is
// judged by Prometheus itself. Debian has both in its package prometheus. Where they are missing,
// tests of nothing else are skipped, and others go without that check; under CI they fail.
package promtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need returns the path of a program.
func need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed, and CI needs it: apt-get install prometheus", name)
	default:
		t.Skipf("%s is not installed: apt-get install prometheus", name)
	}
	return ""
}

// Promtool runs promtool in a directory, with text on stdin, and returns its output and whether it
// succeeded.
func Promtool(t testing.TB, dir, stdin string, args ...string) (said string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need(t, "promtool"), args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// lacks reports whether a check must be skipped; the rest of the test continues.
func lacks(t testing.TB) bool {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err == nil || os.Getenv("CI") == "true" {
		return false
	}
	t.Log("not checked by promtool, which is not installed: apt-get install prometheus")
	return true
}

// CheckMetrics fails the test unless promtool accepts the text of a /metrics endpoint without
// advice.
func CheckMetrics(t testing.TB, text string) {
	t.Helper()
	if lacks(t) {
		return
	}
	if said, ok := Promtool(t, "", text, "check", "metrics"); !ok || strings.TrimSpace(said) != "" {
		t.Errorf("promtool check metrics: %s\n%s", said, text)
	}
}

// CheckRules fails the test unless promtool takes the rules.
func CheckRules(t testing.TB, rules []byte) {
	t.Helper()
	if lacks(t) {
		return
	}
	if said, ok := Promtool(t, "", string(rules), "check", "rules", "--lint-fatal",
		writeFile(t, "rules.yaml", rules)); !ok {
		t.Errorf("promtool check rules: %s\n%s", said, rules)
	}
}

// TestRules runs promtool's unit tests, which find the rules in rules.yaml, and returns its output.
func TestRules(t testing.TB, rules, tests []byte) (said string, ok bool) {
	t.Helper()
	file := writeFile(t, "rules.yaml", rules)
	dir := filepath.Dir(file)
	if err := os.WriteFile(filepath.Join(dir, "tests.yaml"), tests, 0o600); err != nil {
		t.Fatal(err)
	}
	return Promtool(t, dir, "", "test", "rules", "tests.yaml")
}

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, bytes.TrimSpace(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
