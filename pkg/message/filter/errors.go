package filter

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"

	"github.com/msgctl/msgctl/internal/suggest"
)

// SyntaxError says what is wrong with an expression, and where.
type SyntaxError struct {
	Source  string
	Line    int // from 1; 0 when the place is not known
	Column  int // from 1, in characters
	Message string
	// Hint is what to type instead, or "".
	Hint string
}

// Error returns the position, the message and the hint in one line.
func (e *SyntaxError) Error() string {
	s := e.Message
	if e.Line > 0 {
		s = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, s)
	}
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Snippet returns the line of the expression, with a mark under the position, or "" if the position
// is unknown.
func (e *SyntaxError) Snippet() string {
	lines := strings.Split(e.Source, "\n")
	if e.Line < 1 || e.Line > len(lines) {
		return ""
	}
	line := strings.ReplaceAll(lines[e.Line-1], "\t", " ")
	return line + "\n" + strings.Repeat(" ", max(0, min(e.Column-1, utf8.RuneCountInString(line)))) + "^"
}

// lazily compiles a regular expression when it is first used, so that it does not slow down program
// start.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	unknownName  = lazily(`^unknown name (\S+)`)
	unknownField = lazily(`^type filter\.(\w+) has no (?:field|method) (\S+)`)
	conversion   = lazily(`^interface conversion: interface \{\} is ([^,]+), not (.+)$`)
	goType       = lazily(`\b(?:\*?filter\.(\w+)|map\[string\](?:interface \{\}|any)|time\.(\w+)|interface \{\})`)
)

// allNames begins a hint that lists the names.
const allNames = "the names are "

// explain turns expr's error into one about the expression as the user wrote it.
func explain(source string, err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &SyntaxError{Source: source, Message: plainTypes(err.Error())}
	}
	at = at.Bind(file.NewSource(source))
	e := &SyntaxError{Source: source, Line: at.Line, Column: at.Column + 1, Message: plainTypes(at.Message)}
	if m := unknownName().FindStringSubmatch(at.Message); m != nil {
		e.Message = fmt.Sprintf("unknown name %q", m[1])
		e.Hint = suggestName(m[1])
		if e.Hint == "" {
			e.Hint = allNames + strings.Join(names(reflect.TypeFor[env]()), ", ")
		}
	}
	if m := unknownField().FindStringSubmatch(at.Message); m != nil {
		fields := fieldsOf(m[1])
		e.Message = fmt.Sprintf("%s has no %q", readable(m[1]), m[2])
		e.Hint = didYouMean(m[2], fields)
		if e.Hint == "" {
			e.Hint = "it has " + strings.Join(fields, ", ")
		}
	}
	if strings.HasPrefix(at.Message, "unexpected token EOF") {
		e.Message, e.Hint = "the expression ends too early", `write for example reason == "rejected"`
	}
	if strings.Contains(at.Message, "func(") && strings.Contains(source, "type") {
		e.Message, e.Hint = "type is a function here", "the message's type is properties.type"
	}
	if strings.Contains(at.Message, "mismatched types") && strings.Contains(at.Message, "time.Duration") {
		e.Hint = `write duration("2h")`
	}
	return e
}

// suggestName also considers AMQP's own names of the properties, and prefixes of names.
func suggestName(name string) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for _, property := range names(reflect.TypeFor[properties]()) {
		if plain(property) == plain(name) {
			return fmt.Sprintf("did you mean %q?", "properties."+property)
		}
	}
	variables := names(reflect.TypeFor[env]())
	for _, v := range variables {
		if plain(v) == plain(name) || len(name) > 3 && strings.HasPrefix(plain(v), plain(name)) {
			return fmt.Sprintf("did you mean %q?", v)
		}
	}
	return didYouMean(name, append(variables, builtin.Names...))
}

func fieldsOf(view string) []string {
	switch view {
	case "properties":
		return names(reflect.TypeFor[properties]())
	case "deathView":
		return names(reflect.TypeFor[deathView]())
	case "errorView":
		return names(reflect.TypeFor[errorView]())
	}
	return nil
}

// readable names a type of this package in the way expressions do.
func readable(view string) string { return strings.TrimSuffix(view, "View") }

func plainTypes(s string) string {
	return goType().ReplaceAllStringFunc(s, func(t string) string {
		switch m := goType().FindStringSubmatch(t); {
		case m[1] != "":
			return readable(m[1])
		case m[2] != "":
			return strings.ToLower(m[2])
		case strings.HasPrefix(t, "map"):
			return "table"
		}
		return "value"
	})
}

// didYouMean suggests the nearest candidate, or returns "" if none is near.
func didYouMean(name string, candidates []string) string {
	if near := suggest.Nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// runReason returns the part of an evaluation error that says what happened.
func runReason(err error) string {
	text := err.Error()
	var at *file.Error
	if errors.As(err, &at) {
		text = at.Message
	}
	if m := conversion().FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("a function was given %s where it takes %s", plainTypes(m[1]), plainTypes(m[2]))
	}
	return plainTypes(text)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
