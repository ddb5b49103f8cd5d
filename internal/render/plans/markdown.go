package plans

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Markdown writes a plan as a comment for a pull request: the counts, and the changes that delete
// or replace objects or are blocked. A collapsed block has all changes, which GitHub and GitLab
// colour as a diff.
func Markdown(w io.Writer, doc PlanDocument) error {
	var b bytes.Buffer
	title := "Topology plan"
	if doc.Topology != "" {
		title += ": `" + inlineCode(doc.Topology) + "`"
	}
	fmt.Fprintf(&b, "### %s\n\n%s\n", title, doc.summaryLine())
	markdownWarnings(&b, doc.Changes)
	for _, r := range doc.Retries {
		how := "wait queues"
		if r.Native {
			how = "the broker"
		}
		fmt.Fprintf(&b, "\n> Retries of `%s` by %s: %s\n", inlineCode(r.Queue.Name), how, terminal.Neutralise(r.Why))
	}
	for _, d := range doc.Problems {
		fmt.Fprintf(&b, "\n> **%s** `%s`\n", d.Severity, inlineCode(d.Error()))
	}
	if len(doc.Changes) > 0 {
		body := diffBlock(changesText(doc.Changes))
		fence := fenceFor(body)
		fmt.Fprintf(&b, "\n<details><summary>All changes</summary>\n\n%sdiff\n%s%s\n\n</details>\n", fence, body, fence)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func changesText(changes []ChangeDocument) string {
	var text bytes.Buffer
	t := textWriter{w: bufio.NewWriter(&text)}
	t.changes(changes)
	_ = t.w.Flush() // into memory: it cannot fail
	return strings.TrimRight(text.String(), "\n") + "\n"
}

// markdownWarnings lists the changes that must not be hidden in a collapsed block.
func markdownWarnings(b *bytes.Buffer, changes []ChangeDocument) {
	for _, c := range changes {
		if c.Action != plan.Delete && c.Action != plan.Replace && c.AtStake == nil && c.Blocked == "" {
			continue
		}
		fmt.Fprintf(b, "\n- **%s** `%s`", c.Action, inlineCode(c.Object))
		if c.AtStake != nil {
			stakeText, _ := atStake(*c.AtStake, terminal.Styler{})
			fmt.Fprintf(b, ": %s", stakeText)
		}
		if c.Blocked != "" {
			fmt.Fprintf(b, "; blocked: `%s`", inlineCode(c.Blocked))
		}
	}
	b.WriteString("\n")
}

// diffBlock moves the sign of each change to the first column, as in a diff. A diff does not have
// the signs ~ and ∓: they become !, which GitHub and GitLab also colour.
func diffBlock(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		sign := " "
		switch trimmed := strings.TrimLeft(line, " "); {
		case strings.HasPrefix(line, "  + "):
			sign = "+"
		case strings.HasPrefix(line, "  - "):
			sign = "-"
		case strings.HasPrefix(line, "  ~ "), strings.HasPrefix(line, "  ∓ "), strings.HasPrefix(trimmed, "blocked: "):
			sign = "!"
		case trimmed == "\n":
			sign = ""
		}
		b.WriteString(sign + line)
	}
	return b.String()
}

// fenceFor returns a code fence that is longer than any run of backticks in body, so that no name
// can end the block.
func fenceFor(body string) string {
	longest, run := 2, 0
	for _, r := range body {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return strings.Repeat("`", longest+1)
}

// inlineCode makes text safe to put between single backticks.
func inlineCode(s string) string {
	return strings.ReplaceAll(terminal.Neutralise(s), "`", "'")
}
