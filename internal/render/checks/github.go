package checks

import (
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// LintGitHub writes findings as workflow commands. GitHub Actions shows them next to the lines of a
// pull request.
func LintGitHub(w io.Writer, doc LintDocument) error {
	for _, f := range doc.Findings {
		if f.Ignored != "" {
			continue
		}
		command := map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning"}[f.Severity]
		if command == "" {
			command = "notice"
		}
		var fields []string
		if f.Position.File != "" {
			fields = append(fields, "file="+githubField(f.Position.File))
		}
		if f.Position.Line > 0 {
			fields = append(fields, fmt.Sprintf("line=%d", f.Position.Line))
		}
		if f.Position.Column > 0 {
			fields = append(fields, fmt.Sprintf("col=%d", f.Position.Column))
		}
		fields = append(fields, "title="+githubField("msgctl: "+f.Rule))
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", command, strings.Join(fields, ","),
			githubText(findingLine(f))); err != nil {
			return fmt.Errorf("write findings: %w", err)
		}
	}
	return nil
}

// githubText escapes the characters that end a command, so that no name can start one. githubField
// also escapes the characters that end a field.
func githubText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(terminal.Neutralise(s))
}

func githubField(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubText(s))
}
