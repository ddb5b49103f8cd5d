package source

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func yamlSyntax(name string, data []byte, err error) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Position: diag.Position{File: name}, Message: err.Error()}
	m := yamlLine.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	if m == nil {
		return d
	}
	d.Message = "this is not YAML: " + m[2]
	d.Position.Line = 1 // the parser does not name the first line
	if line, _ := strconv.Atoi(m[1]); line > 0 {
		d.Position.Line = unclosed(data, line, m[2])
	}
	if strings.Contains(m[2], "did not find expected key") || strings.Contains(m[2], "did not find expected '-'") {
		d.Position.Line = misaligned(data, d.Position.Line)
	}
	d.Position.Column, d.Fix = explainLine(data, d.Position.Line, m[2])
	return d
}

// unclosed returns the line of a bracket that is not closed, given the line that the parser names.
// It is the one before, or a later one if the bracket is in the first line.
func unclosed(data []byte, line int, message string) int {
	if !strings.Contains(message, "did not find expected ','") {
		return line
	}
	lines := bytes.SplitN(data, []byte("\n"), line+2)
	for i := min(line, len(lines)-1); i >= 0; i-- {
		if openBracket(lines[i]) >= 0 {
			return i + 1
		}
	}
	return line
}

// misaligned returns the first line, from one on, that is indented less than what precedes it, but
// as no line above it. The parser names the beginning of the whole mapping. Without such a line it
// returns that one.
func misaligned(data []byte, from int) int {
	var open []int
	number := 0
	for text := range bytes.Lines(data) {
		number++
		rest := bytes.TrimLeft(text, " ")
		if len(bytes.TrimSpace(rest)) == 0 || rest[0] == '#' {
			continue
		}
		indent, less := len(text)-len(rest), false
		for len(open) > 0 && open[len(open)-1] > indent {
			open, less = open[:len(open)-1], true
		}
		if aligned := len(open) > 0 && open[len(open)-1] == indent; !aligned {
			if less && number > from {
				return number
			}
			open = append(open, indent)
		}
		for bytes.HasPrefix(rest, []byte("- ")) { // the text after a dash has its own column
			item := bytes.TrimLeft(rest[1:], " ")
			indent += len(rest) - len(item)
			rest = item
			open = append(open, indent)
		}
	}
	return from
}

// explainLine finds where the text of a line begins, and what people mostly did wrong when that
// message comes.
func explainLine(data []byte, line int, message string) (column int, fix string) {
	lines := bytes.SplitN(data, []byte("\n"), line+1)
	if line > len(lines) { // the end of the text
		return 1, "close the quote or bracket that is open"
	}
	text := lines[line-1]
	indent := len(text) - len(bytes.TrimLeft(text, " \t"))
	column = indent + 1
	switch {
	case bytes.ContainsRune(text[:indent], '\t'):
		fix = "indent with spaces: YAML does not take tabs"
	case bytes.Contains(text, []byte("${")) && bytes.ContainsAny(text, "{["):
		fix = `inside { } and [ ] put quotes around variables: "${VAR}"`
	case strings.Contains(message, "did not find expected ','"):
		closer := message[len(message)-2 : len(message)-1]
		fix = "close it with " + closer + ", or put a comma between its entries"
		if at := openBracket(text); at >= 0 {
			column = utf8.RuneCount(text[:at]) + 1
		}
	case strings.Contains(message, "mapping values are not allowed"):
		fix = "put quotes around a value that has a colon in it, and align keys of one mapping in one column"
	case strings.Contains(message, "did not find expected key"),
		strings.Contains(message, "did not find expected '-'"), strings.Contains(message, "expected <block end>"):
		fix = "align keys of one mapping in one column, here or in the lines next to it"
	case strings.Contains(message, "cannot start any token"):
		fix = "put quotes around a value that starts with one of @ ` % "
	}
	return column, fix
}

// openBracket returns the offset of the last bracket in a line that the line does not close, or -1.
func openBracket(text []byte) int {
	var open []int
	for i, b := range text {
		switch b {
		case '{', '[':
			open = append(open, i)
		case '}', ']':
			open = open[:max(0, len(open)-1)]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}
