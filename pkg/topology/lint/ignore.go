package lint

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// The rules about comments.
const (
	ignoreWithoutReason = "ignore-without-reason"
	ignoreUnknownRule   = "ignore-unknown-rule"
	ignoreUnused        = "ignore-unused"
)

// Ignore is one comment `# msgctl:ignore RULE reason` of a YAML file.
type Ignore struct {
	Rule, Reason string
	Position     diag.Position
	// First and Last are the lines that it applies to. They begin with the line of the comment or,
	// if the comment has a line of its own, with the next. What is indented below belongs to them.
	First, Last int
	used        bool
}

var ignoreComment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[ \t])#[ \t]*msgctl:ignore(?:[ \t]+(\S+)(?:[ \t]+(.*))?)?[ \t]*\r?$`)
})

// Ignores finds the comments of a YAML file.
func Ignores(file string, text []byte) []*Ignore {
	if !strings.Contains(string(text), "msgctl:ignore") {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	var list []*Ignore
	for i, line := range lines {
		at := ignoreComment().FindStringSubmatchIndex(line)
		if at == nil {
			continue
		}
		ig := &Ignore{Position: diag.Position{File: file, Line: i + 1, Column: 1 +
			len([]rune(line[:at[0]+strings.IndexByte(line[at[0]:], '#')]))}}
		if at[2] >= 0 {
			ig.Rule = line[at[2]:at[3]]
		}
		if at[4] >= 0 {
			ig.Reason = strings.TrimSpace(line[at[4]:at[5]])
		}
		ig.First, ig.Last = extent(lines, i, strings.TrimSpace(line[:at[0]]) == "")
		list = append(list, ig)
	}
	return list
}

// extent returns the lines, counted from 1, that a comment applies to.
func extent(lines []string, at int, alone bool) (first, last int) {
	if alone {
		at++
		for at < len(lines) && blank(lines[at]) {
			at++
		}
		if at == len(lines) {
			return at, at
		}
	}
	indent := indentOf(lines[at])
	last = at
	for i := at + 1; i < len(lines); i++ {
		switch {
		case blank(lines[i]):
			continue
		case indentOf(lines[i]) <= indent:
			return at + 1, last + 1
		}
		last = i
	}
	return at + 1, last + 1
}

// blank reports whether a line is empty or has only a comment.
func blank(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || strings.HasPrefix(text, "#")
}

// indentOf returns the indentation of a line. The dash of a list item counts, so that a comment on
// one item does not apply to the next.
func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// covers reports whether the comment applies to a finding.
func (ig *Ignore) covers(f *Finding) bool {
	return ig.Rule == f.Rule && ig.Position.File == f.Position.File && f.Position.Line >= ig.First &&
		f.Position.Line <= ig.Last
}

// ApplyIgnores marks the findings that comments ignore. It adds findings about comments that have
// no reason, name an unknown rule, or ignore nothing. A comment without a reason takes effect, too.
// The result is sorted.
func ApplyIgnores(list []Finding, comments []*Ignore) []Finding {
	for _, ig := range comments {
		for i := range list {
			if ig.covers(&list[i]) {
				ig.used = true
				list[i].Ignored = ig.Reason
				if ig.Reason == "" {
					list[i].Ignored = "a comment without a reason"
				}
			}
		}
	}
	for _, ig := range comments {
		rule, known := Lookup(ig.Rule)
		switch {
		case !known:
			list = append(list, ig.finding(ignoreUnknownRule, fmt.Sprintf("there is no rule %q", ig.Rule)))
		case ig.Reason == "":
			list = append(list, ig.finding(ignoreWithoutReason, fmt.Sprintf("%s is ignored without a reason", ig.Rule)))
		case !ig.used && !rule.Live:
			list = append(list, ig.finding(ignoreUnused, fmt.Sprintf("%s finds nothing in lines %d to %d", ig.Rule, ig.First,
				ig.Last)))
		}
	}
	Sort(list)
	return list
}

func (ig *Ignore) finding(id, message string) Finding {
	rule, _ := Lookup(id)
	return Finding{Rule: id, Severity: rule.Severity, Position: ig.Position, Message: message, Why: rule.Consequence,
		Fix: rule.Fix}
}
