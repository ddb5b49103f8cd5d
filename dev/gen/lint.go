package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// writeLint writes the page of the lint rules. Its examples are also the tests of the rules.
func writeLint(dir string) error {
	var b strings.Builder
	b.WriteString("# Lint rules\n\n`msgctl lint` finds what a broker accepts silently and what then loses " +
		"messages, or does nothing. " +
		"A finding is let pass by a comment,\n`# msgctl:ignore RULE reason`, or in `.msgctl.yaml`: see [msgctl " +
		"lint](reference/msgctl_lint.md).\n\n")
	b.WriteString("| rule | severity | finds |\n|---|---|---|\n")
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s%s |\n", r.ID, r.ID, r.Severity, r.Title,
			map[bool]string{true: " (`--live`)"}[r.Live])
	}
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "\n## %s\n\n%s. Severity: %s.\n\n**At run time**: %s\n\n**Fix**: %s\n", r.ID, r.Title,
			r.Severity, r.Consequence, r.Fix)
		if r.Live {
			continue
		}
		version := ""
		if r.Version != "" {
			version = fmt.Sprintf(" (with `--broker %s`)", r.Version)
		}
		fmt.Fprintf(&b, "\nFails%s:\n\n%s\nPasses:\n\n%s", version, example(r.Bad), example(r.Good))
	}
	return os.WriteFile(filepath.Join(dir, "lint.md"), []byte(b.String()), 0o644)
}

func example(text string) string {
	if strings.HasPrefix(text, "{") {
		return "```json\n" + text + "\n```\n"
	}
	return "```yaml\nversion: 1\n" + text + "```\n"
}
